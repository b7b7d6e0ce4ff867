"""Reads the bytes of a model without OpenVINO.

The one entry point is :func:`inspect_model`. Kinds of faults are in :mod:`~.faults`. It runs in a child process with
a deadline and a memory limit, but itself never raises because of the content, opens only regular files, and keeps
only the XML of an IR and single blocks of other files in memory.

A fault is ``fatal`` if and only if OpenVINO 2026.4.1 refuses to read the model because of it. OpenVINO decides by
content and not by suffix: it reads an IR, an ONNX model or a frozen TensorFlow graph under any name except
``.pdmodel``.
"""

from __future__ import annotations

import errno
import os

from msgspec.structs import replace

from ovms_doctor.model.facts import Failure, Fault, FileSample, ModelInspection
from ovms_doctor.model.facts.preparation import ModelFormat
from ovms_doctor.probes.inspect import faults, onnx, others
from ovms_doctor.probes.inspect.heads import HEAD_BYTES, Head, is_zero, open_regular, recognise
from ovms_doctor.probes.inspect.ir import XML_LIMIT, IrText, read_ir
from ovms_doctor.probes.inspect.protobuf import Source

__all__ = ["inspect_model"]

_NAMES: dict[str, str] = {
    "ir": "an OpenVINO IR",
    "onnx": "an ONNX model",
    "frozen": "a frozen TensorFlow graph",
    "tflite": "a TensorFlow Lite model",
    "paddle": "a Paddle model",
}


def inspect_model(path: str, format: ModelFormat) -> ModelInspection | Failure:  # noqa: A002
    """Inspects the model that the server passes to ``read_model`` as ``path``.

    ``path``: a path on this host; for ``saved_model`` the directory, ending in ``/``. Returns Failure if the main
        file is missing or may not be read here. Paths in the answer are host paths.
    """
    try:
        if format == "saved_model":
            return others.inspect_saved_model(path)
        return _inspect_file(path, format)
    except OSError as error:
        return Failure(error.errno or errno.EIO)
    except ValueError:
        # A zero byte in a path: no such file can exist.
        return Failure(errno.ENOENT)
    except MemoryError:
        detail = "The model's description is too large to be read within the memory allowed for it"
        fault = Fault(faults.TOO_LARGE, path, False, detail, "out of memory")
        return ModelInspection(format, (), (fault,))


def _inspect_file(path: str, requested: ModelFormat) -> ModelInspection | Failure:
    try:
        descriptor, status = open_regular(path)
    except IsADirectoryError:
        return _directory(path, requested)
    except OSError as error:
        if error.errno != errno.EINVAL:
            return Failure(error.errno or errno.EIO)
        detail = "The model file is not a regular file: OpenVINO may wait for it for ever"
        fault = Fault(faults.NOT_REGULAR, path, False, detail, "stat: neither a file nor a directory")
        return ModelInspection(requested, (FileSample(path, None),), (fault,))
    try:
        return _inspect_open(path, requested, descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _directory(path: str, requested: ModelFormat) -> ModelInspection:
    fatal = not os.path.exists(os.path.join(path, "saved_model.pb"))
    detail = f"{os.path.basename(path)} is a directory, where a file is expected"
    fault = Fault(faults.DIRECTORY, path, fatal, detail, "stat: a directory")
    return ModelInspection(requested, (FileSample(path, None),), (fault,))


def _inspect_open(path: str, requested: ModelFormat, descriptor: int, size: int) -> ModelInspection:
    source = Source(descriptor, size)
    if requested == "paddle":
        return others.inspect_paddle(path, source, descriptor)
    head = os.pread(descriptor, HEAD_BYTES, 0)
    found = recognise(head, size)
    if found is not None and found.kind == faults.ZERO_FILLED and not is_zero(descriptor, size):
        found = None
    text = _ir_text(descriptor, size, head, requested)
    if text is not None and text.claimed:
        return _as(requested, "ir", text.inspect(path, size))
    if onnx.claims(source):
        return _as(requested, "onnx", onnx.inspect_onnx(path, source))
    if requested == "tflite" and head[4:8] == b"TFL3":
        return others.inspect_tflite(path, source)
    if others.claims_frozen(source):
        return _as(requested, "frozen", others.inspect_frozen(path, source))
    if found is not None:
        return _refused(path, requested, size, found)
    if requested == "ir":
        return _too_large(path, size) if text is None else text.inspect(path, size)
    if requested == "onnx":
        return _only_fatal(onnx.inspect_onnx(path, source))
    if requested == "frozen":
        return others.inspect_frozen(path, source)
    detail = "no TensorFlow Lite model: the mark TFL3 is not at byte 4"
    return _refused(
        path, requested, size, Head(faults.WRONG_FORMAT, detail, f"begins with {head[:16].hex(' ')}")
    )


def _ir_text(descriptor: int, size: int, head: bytes, requested: ModelFormat) -> IrText | None:
    """Returns the XML, if the file may be an IR: requested, or with ``<net`` in its head."""
    if size > XML_LIMIT or (requested != "ir" and b"<net" not in head.replace(b"\0", b"").lower()):
        return None
    blocks = []
    remaining = size
    while remaining > 0 and (block := os.pread(descriptor, min(remaining, 8 << 20), size - remaining)):
        blocks.append(block)
        remaining -= len(block)
    data = b"".join(blocks)
    return read_ir(data)


def _as(requested: ModelFormat, found: ModelFormat, inspection: ModelInspection) -> ModelInspection:
    """Returns an inspection of the actual content, with a fault about the suffix if it does not fit."""
    if requested == found:
        return inspection
    path = inspection.files[0].path
    detail = (
        f"The file is {_NAMES[found]}, not {_NAMES[requested]} as its name indicates; OpenVINO reads it "
        "nevertheless"
    )
    fault = Fault(faults.WRONG_FORMAT, path, False, detail, f"contents of {_NAMES[found]}")
    return replace(inspection, format=requested, faults=(fault, *inspection.faults))


def _refused(path: str, requested: ModelFormat, size: int, head: Head) -> ModelInspection:
    detail = f"The model file {os.path.basename(path)} is {head.description}"
    fault = Fault(head.kind, path, True, detail, head.evidence)
    return ModelInspection(requested, (FileSample(path, size),), (fault,))


def _only_fatal(inspection: ModelInspection) -> ModelInspection:
    """Returns the fault of an ONNX file that OpenVINO does not recognise; if the file can be parsed, with the
    reason."""
    if any(fault.fatal for fault in inspection.faults):
        return inspection
    path = inspection.files[0].path
    detail = "OpenVINO does not recognise the file as ONNX: it does not begin with three fields of a model"
    fault = Fault(faults.WRONG_FORMAT, path, True, detail, "fields of ModelProto at the start")
    return replace(inspection, faults=(fault,), inputs=None, outputs=None)


def _too_large(path: str, size: int) -> ModelInspection:
    detail = f"The XML has {size} bytes, more than the {XML_LIMIT} that are read here"
    fault = Fault(faults.TOO_LARGE, path, False, detail, f"{size} bytes")
    return ModelInspection("ir", (FileSample(path, size),), (fault,))
