"""The weights file of an IR: whether it exists, is long enough, and was completely written."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from msgspec import Struct

from ovms_doctor.model.facts import Fault, FileSample
from ovms_doctor.probes.inspect import faults
from ovms_doctor.probes.inspect.heads import HEAD_BYTES, open_regular, recognise
from ovms_doctor.probes.inspect.ir_rules import Constant, Verdict

_BLOCK = 1 << 16
#: The shortest run of zeros that is reported, in bytes: a shorter one may be a constant's real value.
_ZERO_RUN = 64 << 10
#: How many bytes before the end are searched for zeros.
_ZERO_SEARCH = 64 << 20
#: A weights file of zeros below this size, in bytes, is not unusual (an index, a bias).
_ALL_ZERO_FROM = 4096
_MAX_HOLES = 1000
#: Faults after which the number of bytes that the constants need is unknown.
_UNCLEAR = frozenset({faults.WEIGHTS_BAD_REFERENCE, faults.ELEMENT_TYPE_UNKNOWN})


class Weights(Struct, frozen=True):
    """The result for a weights file.

    ``sample``: the file.
    ``faults``: its faults.
    """

    sample: FileSample
    faults: tuple[Fault, ...]


def weights_path(model: str) -> str:
    """Returns the file from which OpenVINO takes the weights.

    That is the model's name (a link's own, not its target's) with ``.bin``, in lower case, instead of its extension.
    ``.xml`` alone has no extension in ``std::filesystem::path``, so its weights are ``.xml.bin``.
    """
    directory, _, name = model.rpartition("/")
    dot = name.rfind(".")
    stem = name[:dot] if dot > 0 else name
    return f"{directory}/{stem}.bin" if "/" in model else f"{stem}.bin"


def inspect_weights(model: str, verdict: Verdict) -> Weights:
    """Inspects the weights file. ``verdict`` has the bytes that the model needs. Reads only some blocks of a file of
    any size."""
    path = weights_path(model)
    try:
        descriptor, status = open_regular(path)
    except OSError as error:
        return Weights(FileSample(path, None), _not_opened(path, error, verdict))
    try:
        found = _content_faults(descriptor, path, status.st_size, verdict)
    except OSError as error:
        detail = f"The weights file {os.path.basename(path)} could not be read: {error.strerror}"
        found = (Fault(faults.WEIGHTS_UNREADABLE, path, False, detail, f"read: {error.strerror}"),)
    finally:
        os.close(descriptor)
    return Weights(FileSample(path, status.st_size), found)


def _not_opened(path: str, error: OSError, verdict: Verdict) -> tuple[Fault, ...]:
    name = os.path.basename(path)
    if error.errno in (errno.EACCES, errno.EPERM):
        detail = f"The weights file {name} could not be opened for reading here"
        return (Fault(faults.WEIGHTS_UNREADABLE, path, False, detail, f"open: {error.strerror}"),)
    if error.errno == errno.EINVAL:
        detail = f"{name}, where the weights belong, is not a regular file: OpenVINO may wait for it for ever"
        return (Fault(faults.NOT_REGULAR, path, False, detail, "stat: neither a file nor a directory"),)
    if not verdict.needs_weights:
        return ()
    if isinstance(error, IsADirectoryError):
        detail = f"{name}, where the weights belong, is a directory"
        return (Fault(faults.WEIGHTS_MISSING, path, True, detail, "stat: a directory"),)
    try:
        target = os.readlink(path)
    except OSError:
        target = None
    if target is not None:
        detail = f"{name} is a link to {target}, which cannot be reached"
        return (Fault(faults.DANGLING_LINK, path, True, detail, f"link to {target}: {error.strerror}"),)
    other = _other_case(path)
    if other is not None:
        detail = f"The weights are in {other}, but OpenVINO looks for {name}, and case matters"
        evidence = f"{other} exists, {name} does not"
        return (Fault(faults.WEIGHTS_SUFFIX_CASE, _beside(path, other), True, detail, evidence),)
    unassigned = _unassigned_weights(path)
    needed = needed_bytes(verdict.constants)
    other = _other_stem(unassigned, needed)
    if other is not None:
        beside = f"{other}, which has no .xml of its own, is next to it"
        detail = f"The model has constants, and their file is {name}; {beside}"
        evidence = f"{other} exists, {name} does not"
        return (Fault(faults.WEIGHTS_OTHER_NAME, _beside(path, other), True, detail, evidence),)
    detail = f"The model has constants, but there is no weights file {name} beside it"
    if len(unassigned) == 1:
        (other,) = unassigned
        detail += f"; {other} is too short to be it: {unassigned[other]} of {needed} bytes"
    return (Fault(faults.WEIGHTS_MISSING, path, True, detail, f"stat {name}: {error.strerror}"),)


def _other_case(path: str) -> str | None:
    name = os.path.basename(path)
    try:
        with os.scandir(os.path.dirname(path) or ".") as entries:
            found = [entry.name for entry in entries if entry.name.lower() == name.lower()]
    except OSError:
        return None
    return min(found, default=None)


def _beside(path: str, name: str) -> str:
    return os.path.join(os.path.dirname(path), name)


def _unassigned_weights(path: str) -> dict[str, int]:
    """Returns the weights files in the directory that belong to no model, with their sizes; empty files do not
    count."""
    sizes: dict[str, int] = {}
    names: set[str] = set()
    try:
        with os.scandir(os.path.dirname(path) or ".") as entries:
            for entry in entries:
                names.add(entry.name)
                if entry.name.lower().endswith(".bin") and not entry.name.startswith(".") and entry.is_file():
                    sizes[entry.name] = os.stat(entry.path).st_size
    except OSError:
        return {}
    return {name: size for name, size in sizes.items() if f"{name[:-4]}.xml" not in names and size}


def _other_stem(unassigned: dict[str, int], needed: int | None) -> str | None:
    """Returns the one of them that is long enough; of several the one with exactly the needed length."""
    found = [name for name, size in unassigned.items() if needed is None or size >= needed]
    exact = [name for name in found if unassigned[name] == needed]
    chosen = exact if len(exact) == 1 else found
    return chosen[0] if len(chosen) == 1 else None


def _content_faults(descriptor: int, path: str, size: int, verdict: Verdict) -> tuple[Fault, ...]:
    found: list[Fault] = []
    short = _too_small(path, size, verdict.constants)
    head = recognise(os.pread(descriptor, HEAD_BYTES, 0), size)
    fatal = short is not None and short.fatal
    if head is not None and head.kind in (faults.GIT_LFS_POINTER, faults.HTML_PAGE):
        kind = faults.WEIGHTS_LFS_POINTER if head.kind == faults.GIT_LFS_POINTER else faults.WEIGHTS_HTML
        effect = "" if fatal else ", and long enough to be read as weights"
        detail = f"The weights file {os.path.basename(path)} is {head.description}{effect}"
        return (Fault(kind, path, fatal, detail, head.evidence),)
    if short is not None:
        found.append(short)
    if head is not None and head.kind == faults.ARCHIVE and fatal:
        detail = f"The weights file {os.path.basename(path)} is {head.description} that was not unpacked"
        return (Fault(faults.ARCHIVE, path, True, detail, head.evidence), *found)
    needed = needed_bytes(verdict.constants)
    unclear = any(problem.kind in _UNCLEAR for problem in verdict.problems)
    if needed is not None and size > needed and not unclear:
        detail = (
            f"The weights file has {size} bytes, {size - needed} more than the {needed} that the model uses"
        )
        found.append(
            Fault(faults.WEIGHTS_TRAILING_BYTES, path, False, detail, f"{size} bytes, {needed} used")
        )
    found.extend(_unwritten(descriptor, path, size, verdict.constants))
    return tuple(found)


def needed_bytes(constants: Sequence[Constant]) -> int | None:
    """Returns the end of the last constant, in bytes; None without constants."""
    return max((constant.offset + constant.size for constant in constants), default=None)


def _too_small(path: str, size: int, constants: Sequence[Constant]) -> Fault | None:
    outside = [constant for constant in constants if constant.offset + constant.size > size]
    if not outside:
        return None
    reached = [constant for constant in outside if constant.reached]
    first = (reached or outside)[0]
    needed = needed_bytes(constants)
    predicate = "is empty" if size == 0 else f"has {size} bytes"
    detail = (
        f"The weights file {os.path.basename(path)} {predicate}, the model needs {needed}: {len(outside)} "
        f"of {len(constants)} constants are beyond its end"
    )
    evidence = f"constant {first.layer} needs bytes {first.offset} to {first.offset + first.size}"
    return Fault(faults.WEIGHTS_TOO_SMALL, path, bool(reached), detail, evidence)


def _unwritten(descriptor: int, path: str, size: int, constants: Sequence[Constant]) -> list[Fault]:
    """Returns faults for zeros that no program wrote: holes, zeros at the end, only zeros."""
    name = os.path.basename(path)
    if size < _ALL_ZERO_FROM:
        return []
    start = _zero_tail(descriptor, size)
    if start == 0 or (size - start >= _ZERO_SEARCH and _all_zero(descriptor, size)):
        detail = f"The weights file {name} contains only zeros, {size} bytes of them"
        return [Fault(faults.WEIGHTS_ALL_ZERO, path, False, detail, "every block that was read is zero")]
    missing, first = _holes(descriptor, size)
    if missing >= _ZERO_RUN:
        detail = f"{missing} of the {size} bytes of {name} were never written and read as zeros"
        return [Fault(faults.WEIGHTS_SPARSE, path, False, detail, f"first hole at byte {first} (SEEK_HOLE)")]
    cut = next((c for c in constants if c.offset < start < c.offset + c.size), None)
    if size - start >= _ZERO_RUN and cut is not None and cut.offset + cut.size - start >= _ZERO_RUN:
        detail = (
            f"The last {size - start} bytes of {name} are zeros, beginning in the middle of constant "
            f"{cut.layer}: the copy was probably interrupted"
        )
        return [Fault(faults.WEIGHTS_ZERO_TAIL, path, False, detail, f"zeros from byte {start} to {size}")]
    return []


def _zero_tail(descriptor: int, size: int) -> int:
    """Returns the offset at which the zeros at the end begin (``size``: none); reads at most the last 64 MiB."""
    position = size
    while position > max(0, size - _ZERO_SEARCH):
        begin = max(0, position - _BLOCK)
        used = len(os.pread(descriptor, position - begin, begin).rstrip(b"\0"))
        if used:
            return begin + used
        position = begin
    return position


def _all_zero(descriptor: int, size: int) -> bool:
    """Whether all of 512 blocks of 4 KiB, evenly spread, are zero."""
    step = max(size // 512, 1)
    return not any(os.pread(descriptor, 4096, offset).strip(b"\0") for offset in range(0, size, step))


def _holes(descriptor: int, size: int) -> tuple[int, int]:
    """Returns the number of bytes that the file system never stored, and the offset of the first."""
    if os.fstat(descriptor).st_blocks * 512 >= size:
        return 0, 0
    missing = first = position = 0
    try:
        for _ in range(_MAX_HOLES):
            hole = os.lseek(descriptor, position, os.SEEK_HOLE)
            if hole >= size:
                break
            try:
                position = os.lseek(descriptor, hole, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                position = size
            first = first if missing else hole
            missing += position - hole
            if position >= size:
                break
    except OSError:
        # The file system does not support it: nothing is known and nothing reported.
        return 0, 0
    return missing, first
