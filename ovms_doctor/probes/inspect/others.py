"""Static reading of the other formats: Paddle, TensorFlow (SavedModel, frozen graph), TensorFlow Lite.

Without their frontends, only a part of these formats can be checked: their heads, whether they are complete, and
their further files.
"""

from __future__ import annotations

import errno
import os

from ovms_doctor.model.facts import Failure, Fault, FileSample, ModelInspection, Operation
from ovms_doctor.probes.inspect import faults
from ovms_doctor.probes.inspect.heads import HEAD_BYTES, open_regular, recognise
from ovms_doctor.probes.inspect.protobuf import ProtobufError, Source, fields, string

_VARIABLES = frozenset({"VarHandleOp", "VariableV2", "Variable"})
_MAX_VARIABLE_FILES = 100


def graph_def(source: Source, start: int, end: int) -> dict[str, list[str]]:
    """Returns the operation types of a GraphDef and the names of their nodes (node 1: name 1, op 2). Raises
    ProtobufError."""
    operations: dict[str, list[str]] = {}
    for number, value, begin, stop in fields(source, start, end):
        if number != 1 or value >= 0:
            continue
        name = kind = ""
        for inner, inner_value, inner_begin, inner_end in fields(source, begin, stop):
            if inner == 1 and inner_value < 0:
                name = string(source, inner_begin, inner_end, 200)
            elif inner == 2 and inner_value < 0:
                kind = string(source, inner_begin, inner_end, 200)
        operations.setdefault(kind, []).append(name)
    return operations


def claims_frozen(source: Source) -> bool:
    """Whether the TensorFlow frontend reads the file as a frozen graph: a GraphDef with nodes, independent of the
    file's name.

    Another file that can be parsed by chance has nodes without any operation type.
    """
    try:
        return bool(graph_def(source, 0, source.size))
    except ProtobufError:
        return False


def inspect_frozen(path: str, source: Source) -> ModelInspection:
    """Inspects a GraphDef in one file."""
    files = (FileSample(path, source.size),)
    try:
        operations = graph_def(source, 0, source.size)
    except ProtobufError as error:
        detail = f"The file is not a complete TensorFlow graph: at byte {error.offset}, {error.reason}"
        return ModelInspection("frozen", files, (_truncated(path, detail, error),))
    found: tuple[Fault, ...] = ()
    if not operations:
        detail = "The file holds no node of a TensorFlow graph"
        if os.path.basename(path).lower().endswith("saved_model.pb"):
            detail += "; it is a SavedModel, and is read as a frozen graph here"
        found = (Fault(faults.WRONG_FORMAT, path, True, detail, "no node field in GraphDef"),)
    return ModelInspection("frozen", files, found, operations=_listed(operations))


def inspect_saved_model(path: str) -> ModelInspection | Failure:
    """Inspects a SavedModel. ``path``: the directory, ending in ``/``."""
    if not os.path.isdir(path):
        try:
            os.stat(path)
        except OSError as error:
            return Failure(error.errno or errno.EIO)
        return Failure(errno.ENOTDIR)
    main = os.path.join(path, "saved_model.pb")
    try:
        descriptor, status = open_regular(main)
    except OSError as error:
        return _no_saved_model(main, error)
    try:
        found, operations = _read_saved_model(main, Source(descriptor, status.st_size), descriptor)
    finally:
        os.close(descriptor)
    variables = _variables(os.path.join(path, "variables"))
    if not found and _VARIABLES & operations.keys():
        found.extend(_missing_variables(path, variables))
    files = (FileSample(main, status.st_size), *variables)
    return ModelInspection("saved_model", files, tuple(found), operations=_listed(operations))


def inspect_tflite(path: str, source: Source) -> ModelInspection:
    """Checks that the FlatBuffer's outermost table (schema.fbs: Model, field 2 is subgraphs) is within the file."""
    files = (FileSample(path, source.size),)
    try:
        root = _number(source, 0, 4)
        table = root - _number(source, root, 4, is_signed=True)
        if _number(source, table, 2) < 10 or (slot := _number(source, table + 8, 2)) == 0:
            subgraphs = 0
        else:
            vector = root + slot + _number(source, root + slot, 4)
            subgraphs = _number(source, vector, 4)
    except ProtobufError as error:
        detail = (
            f"The TensorFlow Lite file has {source.size} bytes and refers to bytes beyond its end "
            f"({error.reason})"
        )
        return ModelInspection("tflite", files, (_truncated(path, detail, error),))
    if subgraphs == 0:
        detail = "The TensorFlow Lite file holds no graph"
        return ModelInspection(
            "tflite", files, (Fault(faults.GRAPH_EMPTY, path, True, detail, "0 subgraphs"),)
        )
    return ModelInspection("tflite", files, ())


def inspect_paddle(path: str, source: Source, descriptor: int) -> ModelInspection:
    """Inspects a ProgramDesc: blocks 1 → vars 3 → name 1, persistable 3; ops 4 → type 3."""
    head = recognise(os.pread(descriptor, HEAD_BYTES, 0), source.size)
    model = FileSample(path, source.size)
    if source.size == 0:
        detail = "The .pdmodel file is empty: OpenVINO loads it as an empty model without inputs and outputs"
        return ModelInspection(
            "paddle", (model,), (Fault(faults.EMPTY_FILE, path, False, detail, "0 bytes"),)
        )
    parameters: list[str] = []
    operations: dict[str, list[str]] = {}
    found: list[Fault] = []
    try:
        _program(source, parameters, operations)
    except ProtobufError as error:
        if head is not None:
            found.append(
                Fault(head.kind, path, True, f"The .pdmodel file is {head.description}", head.evidence)
            )
        else:
            detail = f"The .pdmodel file is not a complete program: at byte {error.offset}, {error.reason}"
            found.append(_truncated(path, detail, error))
    beside = (
        path[: -len(".pdmodel")] + ".pdiparams" if path.lower().endswith(".pdmodel") else path + ".pdiparams"
    )
    weights, problem = _parameters(beside, parameters)
    if problem is not None and not found:
        found.append(problem)
    return ModelInspection("paddle", (model, weights), tuple(found), operations=_listed(operations))


def _program(source: Source, parameters: list[str], operations: dict[str, list[str]]) -> None:
    for number, value, start, end in fields(source, 0, source.size):
        if number != 1 or value >= 0:
            continue
        for inner, inner_value, begin, stop in fields(source, start, end):
            if inner_value >= 0 or inner not in (3, 4):
                continue
            name, kind, persistable = "", "", False
            for key, number_value, key_begin, key_end in fields(source, begin, stop):
                if key == 1 and number_value < 0 and inner == 3:
                    name = string(source, key_begin, key_end, 200)
                elif key == 3 and inner == 3:
                    persistable = number_value > 0
                elif key == 3 and number_value < 0:
                    kind = string(source, key_begin, key_end, 200)
            if inner == 4:
                operations.setdefault(kind, []).append(kind)
            elif persistable and name not in ("feed", "fetch"):
                parameters.append(name)


def _parameters(path: str, parameters: list[str]) -> tuple[FileSample, Fault | None]:
    """Returns the parameters file, and its fault: if the model has parameters, OpenVINO refuses a missing or
    certainly wrong file."""
    name = os.path.basename(path)
    try:
        descriptor, status = open_regular(path)
    except OSError as error:
        detail = f"The model has {len(parameters)} parameters, but {name} beside it cannot be opened"
        kind = faults.WEIGHTS_MISSING
        if error.errno in (errno.EACCES, errno.EPERM, errno.EINVAL):
            kind = faults.WEIGHTS_UNREADABLE
        fatal = kind == faults.WEIGHTS_MISSING
        evidence = f"open {name}: {error.strerror}"
        return FileSample(path, None), Fault(kind, path, fatal, detail, evidence) if parameters else None
    try:
        head = recognise(os.pread(descriptor, HEAD_BYTES, 0), status.st_size)
    finally:
        os.close(descriptor)
    weights = FileSample(path, status.st_size)
    if head is None or not parameters:
        return weights, None
    if head.kind == faults.EMPTY_FILE:
        detail = f"{name} is empty, but the model has {len(parameters)} parameters"
        return weights, Fault(faults.WEIGHTS_TOO_SMALL, path, True, detail, "0 bytes")
    kinds = {faults.GIT_LFS_POINTER: faults.WEIGHTS_LFS_POINTER, faults.HTML_PAGE: faults.WEIGHTS_HTML}
    # Each was tried; other contents can begin like a tensor by chance.
    fatal = head.kind in (*kinds, faults.ARCHIVE)
    return weights, Fault(
        kinds.get(head.kind, head.kind), path, fatal, f"{name} is {head.description}", head.evidence
    )


def _no_saved_model(main: str, error: OSError) -> ModelInspection | Failure:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failure(error.errno)
    fatal = error.errno not in (errno.EINVAL, errno.EIO)
    detail = f"The directory has no file saved_model.pb ({error.strerror})"
    fault = Fault(faults.SAVED_MODEL_MISSING_PB, main, fatal, detail, f"stat: {error.strerror}")
    if error.errno == errno.EINVAL:
        detail = "saved_model.pb is not a regular file: OpenVINO may wait for it for ever"
        fault = Fault(faults.NOT_REGULAR, main, False, detail, "stat: neither a file nor a directory")
    return ModelInspection("saved_model", (FileSample(main, None),), (fault,))


def _read_saved_model(path: str, source: Source, descriptor: int) -> tuple[list[Fault], dict[str, list[str]]]:
    """Reads a SavedModel: meta_graphs 2 → graph_def 2."""
    operations: dict[str, list[str]] = {}
    graphs = 0
    try:
        for number, value, start, end in fields(source, 0, source.size):
            if number == 2 and value < 0:
                graphs += 1
                for inner, inner_value, begin, stop in fields(source, start, end):
                    if inner == 2 and inner_value < 0:
                        for kind, names in graph_def(source, begin, stop).items():
                            operations.setdefault(kind, []).extend(names)
    except ProtobufError as error:
        head = recognise(os.pread(descriptor, HEAD_BYTES, 0), source.size)
        if head is not None:
            return [Fault(head.kind, path, True, f"saved_model.pb is {head.description}", head.evidence)], {}
        detail = f"saved_model.pb is not a complete SavedModel: at byte {error.offset}, {error.reason}"
        return [_truncated(path, detail, error)], {}
    if graphs == 0:
        kind = faults.EMPTY_FILE if source.size == 0 else faults.SAVED_MODEL_EMPTY
        predicate = "is empty" if source.size == 0 else "holds no graph"
        return [Fault(kind, path, True, f"saved_model.pb {predicate}", f"{source.size} bytes")], {}
    return [], operations


def _variables(directory: str) -> tuple[FileSample, ...]:
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries)[:_MAX_VARIABLE_FILES]
    except OSError:
        return ()
    found = []
    for name in names:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            found.append(FileSample(path, os.path.getsize(path)))
    return tuple(found)


def _missing_variables(path: str, files: tuple[FileSample, ...]) -> list[Fault]:
    names = [os.path.basename(file.path) for file in files]
    index = "variables.index" in names
    data = any(name.startswith("variables.data-") for name in names)
    if index and data:
        return []
    missing = "variables.index" if not index else "variables.data-*"
    detail = f"The graph has variables, but variables/{missing} does not exist"
    evidence = f"in variables/: {', '.join(names[:5]) or 'nothing'}"
    directory = os.path.join(path, "variables")
    return [Fault(faults.SAVED_MODEL_VARIABLES_MISSING, directory, False, detail, evidence)]


def _truncated(path: str, detail: str, error: ProtobufError) -> Fault:
    return Fault(faults.TRUNCATED, path, True, detail, f"{error.reason} at byte {error.offset}")


def _listed(operations: dict[str, list[str]]) -> tuple[Operation, ...]:
    return tuple(Operation(kind, "", len(names), names[0]) for kind, names in operations.items())


def _number(source: Source, offset: int, width: int, *, is_signed: bool = False) -> int:
    if not 0 <= offset <= source.size - width:
        raise ProtobufError(f"offset {offset}", max(offset, 0))
    return int.from_bytes(source.read(offset, offset + width), "little", signed=is_signed)
