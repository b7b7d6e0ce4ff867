"""In a child process: reads the bytes of a shared library, without loading it (ELF, with pyelftools).

The file may be hostile: the parent ends a child that takes too long, and a file that is too large is not read.
"""

from __future__ import annotations

import importlib.util
import os
import stat
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from msgspec.structs import replace

from ovms_doctor.model.facts import Failure, LibraryInspection, Unavailable

#: In bytes; pyelftools reads parts of the file, but a damaged table may make it read the whole file.
LARGEST = 1 << 30
#: More entries of each kind than any library has.
_MOST_TAGS = 10_000
_MOST_SYMBOLS = 1_000_000
#: The length of the header of a 64-bit file, and the kind of a part that is loaded.
_HEADER = 64
_PT_LOAD = 1
#: In bytes; a program header has 56 at most.
_LARGEST_ENTRY = 256
_ENTRY_POINT = "create_extensions"
#: e_machine (elf.h).
_MACHINES = {3: "x86", 40: "arm", 62: "x86-64", 183: "aarch64"}
_MISSING = "the Python package pyelftools is not installed; install it with: python -m pip install pyelftools"


def prepare() -> str:
    """Imports all that :func:`inspect_library` needs, while this process can still read it. Returns what is missing,
    in one sentence; empty for nothing."""
    try:
        import elftools.elf.dynamic
        import elftools.elf.elffile  # noqa: F401
    except ImportError:
        return _MISSING
    return ""


def local_openvino() -> str:
    """Returns the file name of the OpenVINO library of the installed package, like ``libopenvino.so.2641``; empty if
    there is none. It does not import the package."""
    try:
        spec = importlib.util.find_spec("openvino")
        directories = list(spec.submodule_search_locations or ()) if spec is not None else []
        names = [name for directory in directories for name in os.listdir(os.path.join(directory, "libs"))]
    except (ImportError, ValueError, OSError):
        return ""
    found = sorted(name for name in names if name.startswith("libopenvino.so."))
    return found[0] if len(found) == 1 else ""


def inspect_library(path: str, local_release: str = "") -> LibraryInspection | Failure | Unavailable:
    """Returns the inspection of the library at ``path`` of this host. ``local_release``: the result of
    :func:`local_openvino`.

    It loads nothing, and does not wait for a FIFO or a device.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return Failure(error.errno or 0)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return Unavailable("it is not a regular file")
        if status.st_size > LARGEST:
            return Unavailable(f"it has {status.st_size} bytes: too large to be looked at")
        return _inspect(file, status.st_size, local_release)


def _inspect(file: BinaryIO, size: int, local_release: str) -> LibraryInspection:
    from elftools.elf.elffile import ELFFile

    head = file.read(_HEADER)
    if not head:
        return LibraryInspection(size, "empty", "the file is empty", local_openvino=local_release)
    if head[:4] != b"\x7fELF":
        return LibraryInspection(
            size, "not ELF", "the file does not begin like an ELF file", local_openvino=local_release
        )
    if len(head) < _HEADER:
        return LibraryInspection(
            size, "cut off", f"the file ends after {size} bytes", local_openvino=local_release
        )
    # The deciding fields are at fixed offsets, even if the rest is damaged.
    bits = {1: 32, 2: 64}.get(head[4], 0)
    inspection = LibraryInspection(size, bits=bits, machine=_machine(head), local_openvino=local_release)
    needed = _bytes_to_load(file, head)
    if needed > size:
        detail = f"the file has {size} bytes, and {needed} of it are loaded"
        return replace(inspection, fault="cut off", detail=detail)
    try:
        file.seek(0)
        return _read(ELFFile(file), inspection)
    except Exception as error:  # noqa: BLE001 - pyelftools raises any exception on damaged bytes
        text = " ".join(str(error).split())[:200] or type(error).__name__
        return replace(inspection, fault="damaged", detail=f"its tables cannot be read: {text}")


def _machine(head: bytes) -> str:
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    return _MACHINES.get(number, f"number {number}")


def _bytes_to_load(file: BinaryIO, head: bytes) -> int:
    """Returns the bytes that the file must have, by its program headers (elf.h). They are read here, because
    pyelftools begins with the sections, which are at the end."""
    order = "<" if head[5] == 1 else ">"
    wide = head[4] == 2
    offset = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", head, 32 if wide else 28)[0]
    entry, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
    form, fields = (f"{order}IIQQQQ", (2, 5)) if wide else (f"{order}IIIII", (1, 4))
    if not struct.calcsize(form) <= entry <= _LARGEST_ENTRY:
        return 0
    furthest: int = offset + entry * count
    file.seek(min(offset, LARGEST))
    table = file.read(entry * count)
    for at in range(0, len(table) - entry + 1, entry):
        values = struct.unpack_from(form, table, at)
        if values[0] == _PT_LOAD:
            furthest = max(furthest, values[fields[0]] + values[fields[1]])
    return furthest


def _read(elf: Any, inspection: LibraryInspection) -> LibraryInspection:
    kind = elf.header["e_type"]
    if kind != "ET_DYN":
        return replace(inspection, fault="no library", detail=f"it is not a shared library ({kind})")
    segments = list(islice(elf.iter_segments(), _MOST_TAGS))
    dynamic = next((segment for segment in segments if segment["p_type"] == "PT_DYNAMIC"), None)
    if dynamic is None:
        return replace(inspection, fault="no library", detail="it has no dynamic section")
    needed, paths = [], []
    for tag in islice(dynamic.iter_tags(), _MOST_TAGS):
        if tag.entry.d_tag == "DT_NEEDED":
            needed.append(tag.needed)
        elif tag.entry.d_tag in ("DT_RUNPATH", "DT_RPATH"):
            text = tag.runpath if tag.entry.d_tag == "DT_RUNPATH" else tag.rpath
            paths += [path for path in text.split(":") if path]
    return replace(
        inspection,
        needed=tuple(needed),
        search_paths=tuple(paths),
        symbol_versions=tuple(dict.fromkeys(islice(_versions(elf), _MOST_TAGS))),
        entry=_has_entry(dynamic),
    )


def _has_entry(dynamic: Any) -> bool | None:
    """Whether the entry point is defined, and not only needed; None if the symbols cannot be read."""
    count = 0
    try:
        for symbol in islice(dynamic.iter_symbols(), _MOST_SYMBOLS):
            count += 1
            if symbol.name == _ENTRY_POINT and symbol.entry["st_shndx"] != "SHN_UNDEF":
                return True
    except Exception:  # noqa: BLE001 - as above: without its symbols the rest still counts
        return None
    return False if 0 < count < _MOST_SYMBOLS else None


def _versions(elf: Any) -> Iterator[str]:
    for section in elf.iter_sections(type="SHT_GNU_verneed"):
        for _, versions in section.iter_versions():
            for version in versions:
                yield version.name
