"""Static reading of an ONNX model: the protobuf around the tensors, and the files outside of it."""

from __future__ import annotations

import os
import re

from msgspec import Struct, field

from ovms_doctor.model.facts import Fault, FileSample, ModelInspection, Operation, Tensor
from ovms_doctor.probes.inspect import faults
from ovms_doctor.probes.inspect.heads import HEAD_BYTES, open_regular, recognise
from ovms_doctor.probes.inspect.protobuf import ProtobufError, Source, fields, signed, string

#: Fields of ModelProto (onnx.proto).
_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25})
_MAX_DEPTH = 50
_EXTERNAL = 1
#: TensorProto.DataType → OpenVINO's name, bits of an element.
_TYPES: dict[int, tuple[str, int]] = {
    1: ("f32", 32), 2: ("u8", 8), 3: ("i8", 8), 4: ("u16", 16), 5: ("i16", 16), 6: ("i32", 32),
    7: ("i64", 64), 8: ("string", 0), 9: ("boolean", 8), 10: ("f16", 16), 11: ("f64", 64), 12: ("u32", 32),
    13: ("u64", 64), 16: ("bf16", 16), 17: ("f8e4m3", 8), 19: ("f8e5m2", 8), 21: ("u4", 4), 22: ("i4", 4),
    23: ("f4e2m1", 4), 24: ("f8e8m0", 8), 25: ("u2", 2),
}  # fmt: skip


class _External(Struct, frozen=True):
    """A tensor in another file. ``certain``: OpenVINO reads it whether or not the graph uses it."""

    tensor: str
    location: str | None
    offset: str
    length: str
    need: int | None
    certain: bool


class _Model(Struct):
    ir_version: int | None = None
    producer: str = ""
    producer_version: str = ""
    opsets: dict[str, int] = field(default_factory=dict)
    operations: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    initializers: set[str] = field(default_factory=set)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    element_types: set[str] = field(default_factory=set)
    external: list[_External] = field(default_factory=list)
    has_graph: bool = False


def claims(source: Source) -> bool:
    """Whether OpenVINO reads the file as ONNX: the first three fields are different ones of ModelProto.

    Source: ``is_valid_model`` of the ONNX frontend, which reads no further fields.
    """
    found: set[int] = set()
    try:
        for number, *_ in fields(source, 0, source.size):
            if number not in _MODEL_FIELDS or number in found:
                return False
            found.add(number)
            if len(found) == 3:
                return True
    except ProtobufError:
        # The key can identify the third field although its content is cut.
        return False
    return False


def inspect_onnx(path: str, source: Source) -> ModelInspection:
    """Reads everything but the tensors' bytes."""
    model = _Model()
    found: list[Fault] = []
    try:
        _read_model(source, model)
    except ProtobufError as error:
        detail = f"The ONNX model is not complete: at byte {error.offset} of {source.size}, {error.reason}"
        found.append(Fault(faults.TRUNCATED, path, True, detail, f"{error.reason} at byte {error.offset}"))
    files = [FileSample(path, source.size)]
    if not found:
        if not model.has_graph:
            detail = "The ONNX file has no graph: OpenVINO loads it as an empty model"
            found.append(Fault(faults.GRAPH_EMPTY, path, False, detail, "no graph field"))
        found.extend(_external(path, model.external, files))
    producer = " ".join(part for part in (model.producer, model.producer_version) if part)
    return ModelInspection(
        "onnx",
        tuple(files),
        tuple(found),
        operations=tuple(
            Operation(kind, f"{domain}:{model.opsets.get(domain, '?')}", len(names), names[0])
            for (domain, kind), names in model.operations.items()
        ),
        element_types=tuple(sorted(model.element_types)),
        inputs=tuple(t for t in model.inputs if not set(t.names) & model.initializers) if not found else None,
        outputs=tuple(model.outputs) if not found else None,
        ir_version=model.ir_version,
        writer=producer or None,
    )


def _read_model(source: Source, model: _Model) -> None:
    for number, value, start, end in fields(source, 0, source.size):
        if number == 1 and value >= 0:
            model.ir_version = value
        elif value >= 0:
            continue
        elif number == 2:
            model.producer = string(source, start, end, 200)
        elif number == 3:
            model.producer_version = string(source, start, end, 200)
        elif number == 7:
            model.has_graph = True
            _read_graph(source, start, end, model, 0)
        elif number == 8:
            domain, version = "", 0
            for inner, number_value, begin, stop in fields(source, start, end):
                if inner == 1 and number_value < 0:
                    domain = string(source, begin, stop, 200)
                elif inner == 2:
                    version = signed(number_value)
            model.opsets[domain or "ai.onnx"] = version


def _read_graph(source: Source, start: int, end: int, model: _Model, depth: int) -> None:
    """Reads a GraphProto: node 1, initializer 5, input 11, output 12. ``depth`` 0 is the main graph."""
    if depth > _MAX_DEPTH:
        return
    for number, value, begin, stop in fields(source, start, end):
        if value >= 0:
            continue
        if number == 1:
            _read_node(source, begin, stop, model, depth)
        elif number == 5:
            name = _read_tensor(source, begin, stop, model, certain=depth == 0)
            if depth == 0:
                model.initializers.add(name)
        elif number in (11, 12) and depth == 0:
            tensor = _read_value(source, begin, stop)
            (model.inputs if number == 11 else model.outputs).append(tensor)
            model.element_types.add(tensor.element_type)


def _read_node(source: Source, start: int, end: int, model: _Model, depth: int) -> None:
    """Reads a NodeProto: name 3, op_type 4, attribute 5, domain 7."""
    name = kind = domain = ""
    for number, value, begin, stop in fields(source, start, end):
        if value >= 0:
            continue
        if number == 3:
            name = string(source, begin, stop, 200)
        elif number == 4:
            kind = string(source, begin, stop, 200)
        elif number == 7:
            domain = string(source, begin, stop, 200)
        elif number == 5:
            _read_attribute(source, begin, stop, model, depth)
    model.operations.setdefault((domain or "ai.onnx", kind), []).append(name)


def _read_attribute(source: Source, start: int, end: int, model: _Model, depth: int) -> None:
    """Reads an AttributeProto: tensor 5 and 10, graph 6 and 11."""
    for number, value, begin, stop in fields(source, start, end):
        if value >= 0:
            continue
        if number in (5, 10):
            _read_tensor(source, begin, stop, model, certain=False)
        elif number in (6, 11):
            _read_graph(source, begin, stop, model, depth + 1)


def _read_tensor(source: Source, start: int, end: int, model: _Model, *, certain: bool) -> str:
    """Reads a TensorProto and returns its name: dims 1, data_type 2, name 8, external_data 13, data_location 14."""
    name, kind, location, dims = "", 0, 0, 1
    outside: dict[str, str] = {}
    for number, value, begin, stop in fields(source, start, end):
        if number == 1:
            sizes = [value] if value >= 0 else _packed(source, begin, stop)
            for size in sizes:
                dims *= signed(size)
        elif number == 2 and value >= 0:
            kind = value
        elif number == 8 and value < 0:
            name = string(source, begin, stop, 200)
        elif number == 13 and value < 0:
            pair = {1: "", 2: ""}
            for inner, inner_value, inner_begin, inner_end in fields(source, begin, stop):
                if inner in pair and inner_value < 0:
                    pair[inner] = string(source, inner_begin, inner_end)
            outside[pair[1]] = pair[2]
        elif number == 14 and value >= 0:
            location = value
    element, bits = _TYPES.get(kind, ("", 0))
    if element:
        model.element_types.add(element)
    if location == _EXTERNAL:
        need = (dims * bits + 7) // 8 if bits >= 8 and 0 <= dims < 1 << 50 else None
        offset, length = outside.get("offset", "0"), outside.get("length", "0")
        model.external.append(_External(name, outside.get("location"), offset, length, need, certain))
    return name


def _packed(source: Source, start: int, end: int) -> list[int]:
    data = source.read(start, min(end, start + 1024))
    values, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value & 0xFFFFFFFFFFFFFFFF)
            value = shift = 0
    return values


def _read_value(source: Source, start: int, end: int) -> Tensor:
    """Returns the tensor of a ValueInfoProto: name 1, type 2 → tensor_type 1 → elem_type 1, shape 2 → dim 1 →
    dim_value 1."""
    name, element, shape = "", "dynamic", "[...]"
    for number, value, begin, stop in fields(source, start, end):
        if value >= 0:
            continue
        if number == 1:
            name = string(source, begin, stop)
        elif number == 2:
            for inner, inner_value, inner_begin, inner_end in fields(source, begin, stop):
                if inner == 1 and inner_value < 0:
                    element, shape = _tensor_type(source, inner_begin, inner_end)
    return Tensor((name,), element, shape)


def _tensor_type(source: Source, start: int, end: int) -> tuple[str, str]:
    element, shape = "dynamic", "[...]"
    for number, value, begin, stop in fields(source, start, end):
        if number == 1 and value >= 0:
            element = _TYPES.get(value, ("dynamic", 0))[0]
        elif number == 2 and value < 0:
            sizes = []
            for inner, inner_value, inner_begin, inner_end in fields(source, begin, stop):
                if inner == 1 and inner_value < 0:
                    size = "?"
                    for key, number_value, *_ in fields(source, inner_begin, inner_end):
                        if key == 1 and number_value >= 0:
                            size = str(signed(number_value))
                    sizes.append(size)
            shape = "[" + ",".join(sizes) + "]"
    return element, shape


def _external(path: str, tensors: list[_External], files: list[FileSample]) -> list[Fault]:
    """Yields a fault for each external file, for the first tensor that does not fit; adds the files to ``files``."""
    base = os.path.dirname(path) or "."
    root = os.path.realpath(base)
    faulty: dict[tuple[str, str], tuple[Fault, int]] = {}
    sizes: dict[str, int | None] = {}
    for tensor in tensors:
        location = tensor.location
        if location is None or "\0" in location:
            fault = _fault(
                faults.EXTERNAL_DATA_MISSING, path, tensor, "does not name a file for it", "no location"
            )
            faulty.setdefault((fault.kind, ""), (fault, 0))
            continue
        full = os.path.join(base, location)
        if full not in sizes:
            sizes[full] = _size(full)
            files.append(FileSample(full, sizes[full]))
        problem = _judge(tensor, location, full, root, sizes[full])
        if problem is not None:
            key = (problem.kind, full)
            kept, count = faulty.get(key, (problem, 0))
            faulty[key] = (problem if problem.fatal and not kept.fatal else kept, count + 1)
    return [fault if count < 2 else _counted(fault, count) for fault, count in faulty.values()]


def _judge(tensor: _External, location: str, full: str, root: str, size: int | None) -> Fault | None:
    """Returns the fault of an external tensor. Source: messages of the ONNX frontend of 2026.4.1, each case tried."""
    real = os.path.realpath(full)
    if os.path.lexists(full) and not real.startswith(root.rstrip("/") + "/"):
        predicate = f"is stored in {location}, which is outside of the model's directory ({real})"
        return _fault(faults.EXTERNAL_DATA_OUTSIDE, full, tensor, predicate, f"{location} resolves to {real}")
    if size is None:
        predicate = f"is stored in {location}, which does not exist"
        return _fault(faults.EXTERNAL_DATA_MISSING, full, tensor, predicate, f"stat {location}: no such file")
    if not re.fullmatch(r"[0-9]{1,19}", tensor.offset) or not re.fullmatch(r"[0-9]{1,19}", tensor.length):
        # std::stoull accepts more than this pattern, so this proves nothing by itself.
        wrong = f"offset={tensor.offset!r:.40} length={tensor.length!r:.40}"
        return _fault(
            faults.EXTERNAL_DATA_TOO_SMALL,
            full,
            tensor,
            f"has no usable position in {location}",
            wrong,
            False,
        )
    offset, length = int(tensor.offset), int(tensor.length)
    if size == 0 or offset + length > size:
        predicate = (
            f"needs bytes {offset} to {offset + length} of {location}, which has {size}{_actual_kind(full)}"
        )
        return _fault(faults.EXTERNAL_DATA_TOO_SMALL, full, tensor, predicate, f"{location}: {size} bytes")
    have = length or size
    if tensor.need is not None and have != tensor.need:
        predicate = f"has {tensor.need} bytes, but {have} are stored in {location}"
        return _fault(
            faults.EXTERNAL_DATA_TOO_SMALL, full, tensor, predicate, f"length={length}", have < tensor.need
        )
    return None


def _fault(
    kind: str, path: str, tensor: _External, predicate: str, evidence: str, fatal: bool = True
) -> Fault:
    return Fault(kind, path, fatal and tensor.certain, f"Tensor {tensor.tensor} {predicate}", evidence)


def _counted(fault: Fault, count: int) -> Fault:
    detail = f"{fault.detail} (and {count - 1} more tensors alike)"
    return Fault(fault.kind, fault.path, fault.fatal, detail, fault.evidence)


def _actual_kind(path: str) -> str:
    """Returns the actual kind of a file that is too short, for the end of a sentence."""
    try:
        descriptor, status = open_regular(path)
    except OSError:
        return ""
    try:
        head = recognise(os.pread(descriptor, HEAD_BYTES, 0), status.st_size)
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return "" if head is None or head.kind == faults.EMPTY_FILE else f": it is {head.description}"


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size if os.path.isfile(path) else None
    except (OSError, ValueError):
        return None
