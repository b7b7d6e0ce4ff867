"""A GGUF model, which GenAI converts while it reads it: whether it is a GGUF model, and of an architecture that GenAI
supports.

Source: GenAI's gguf_utils (v2025.3 to v2026.3); the format's own description, version 3.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from ovms_doctor.model.facts import Failure
from ovms_doctor.model.graph_plan import ServableFault
from ovms_doctor.prediction.graphs.model_directory import ModelDirectory
from ovms_doctor.prediction.graphs.servables import LLM_FAILED, ServableContext

#: Enough bytes for the first keys; the vocabulary follows them.
_HEAD = 1 << 16
#: The end of the name of one of several files with a model.
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
#: The most files that are looked for.
_MOST_PARTS = 1000
_ARCHITECTURES = ("llama", "qwen2", "qwen3")
#: Bytes of a value, by its type; 8 is a text, 9 a list.
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def gguf_faults(context: ServableContext, models_path: str) -> Iterator[ServableFault]:
    """Yields the faults of the file that ``models_path`` names."""
    directory, _, name = models_path.rpartition("/")
    folder = context.other_directory(directory or ("/" if models_path.startswith("/") else "."))
    data = folder.read(name, _HEAD)
    path = folder.join(name)
    log = context.thrown("failed")
    if isinstance(data, Failure):
        yield context.fault("file_denied", "failed", path=path, subject=name, status=LLM_FAILED, log=log)
    elif data is not None and not data.startswith(b"GGUF"):
        reason = (
            "it is a Git LFS pointer"
            if data.startswith(b"version https://git-lfs")
            else "it is not a GGUF file"
        )
        yield context.fault(
            "file_damaged", "failed", path=path, subject=name, detail=reason, status=LLM_FAILED, log=log
        )
    elif data is not None:
        yield from _part_faults(context, folder, name)
        found = architecture(data)
        if found and found not in _ARCHITECTURES:
            yield context.fault(
                "gguf",
                "failed",
                path=path,
                subject=found,
                detail=", ".join(_ARCHITECTURES),
                status=LLM_FAILED,
                log=log,
                certain=context.release.known,
                exception=f"Unsupported model architecture '{found}'",
            )


def _part_faults(context: ServableContext, folder: ModelDirectory, name: str) -> Iterator[ServableFault]:
    """Yields the fault of a model in several files (`get_all_files`): its first file is named, and the others are
    beside it."""
    match = _PART.search(name)
    if match is None or int(match[2]) > _MOST_PARTS:
        return
    log = context.thrown("failed")
    path = folder.join(name)
    if int(match[1]) != 1:
        yield context.fault(
            "gguf_part", "failed", path=path, subject=match[1], status=LLM_FAILED, log=log, certain=False
        )
        return
    for number in range(2, int(match[2]) + 1):
        part = f"{name[: match.start()]}-{number:05}-of-{match[2]}.gguf"
        if not folder.has(part):
            yield context.fault(
                "file_missing",
                "failed",
                path=folder.join(part),
                subject=part,
                status=LLM_FAILED,
                log=log,
                certain=False,
            )
            return


def architecture(data: bytes) -> str:
    """Returns the value of general.architecture, empty if it is not among the first keys. Never raises."""
    try:
        _, _, count = struct.unpack_from("<IQQ", data, 4)
        at = 24
        for _ in range(min(count, 256)):
            key, at = _text(data, at)
            (kind,) = struct.unpack_from("<I", data, at)
            at += 4
            if kind == 8:
                value, at = _text(data, at)
                if key == b"general.architecture":
                    return value.decode("utf-8", "replace")
            elif kind in _SIZES:
                at += _SIZES[kind]
            else:
                return ""
    except struct.error:
        return ""
    return ""


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    if length > len(data):
        raise struct.error("a text is longer than what was read")
    return data[at + 8 : at + 8 + length], at + 8 + length
