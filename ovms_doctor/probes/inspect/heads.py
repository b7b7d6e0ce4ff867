"""The kind of a file, from its first bytes and not from its name."""

from __future__ import annotations

import html
import os
import re
import stat

from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.probes.inspect import faults

#: How many bytes of a head are read.
HEAD_BYTES = 4096

_LFS = b"version https://git-lfs.github.com/spec/v1"
_ARCHIVES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b", "gzip"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"BZh", "bzip2"),
    (257, b"ustar", "tar"),
)
_FORMATS: tuple[tuple[int, bytes, str], ...] = (
    (4, b"TFL3", "TensorFlow Lite model"),
    (0, b"GGUF", "GGUF file"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5 file (Keras)"),
    (0, b"\x80\x02", "Python pickle (PyTorch)"),
    (0, b"\x80\x03", "Python pickle (PyTorch)"),
    (0, b"\x80\x04", "Python pickle (PyTorch)"),
    (0, b"\x80\x05", "Python pickle (PyTorch)"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG image"),
    (0, b"\xff\xd8\xff", "JPEG image"),
    (0, b"GIF8", "GIF image"),
    (0, b"%PDF-", "PDF document"),
    (0, b"\x7fELF", "ELF program or library"),
    (0, b"MZ", "Windows program"),
    (0, b"<compiled_blob", "compiled OpenVINO blob"),
)
_HTML = lazy_pattern(rb"<!doctype\s+html|<html[\s>]|<head[\s>]", re.IGNORECASE)
_TITLE = lazy_pattern(rb"<title[^>]*>\s*(.{0,200}?)\s*</title>", re.IGNORECASE | re.DOTALL)
_SAFETENSORS = lazy_pattern(rb'\A.{8}\{\s*"', re.DOTALL)


class Head(Struct, frozen=True):
    """The result of reading the first bytes.

    ``kind``: the kind of fault.
    ``description``: the end of a sentence ("is ...").
    ``evidence``: the evidence.
    """

    kind: str
    description: str
    evidence: str


def open_regular(path: str) -> tuple[int, os.stat_result]:
    """Returns a descriptor for reading a regular file, and its status. The caller closes it.

    Raises OSError: ``IsADirectoryError`` for directories, ``errno.EINVAL`` for other kinds. Only a regular file is
    ever opened for reading, since a FIFO or a device would hang.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(21, os.strerror(21), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(22, os.strerror(22), path)
    # O_NONBLOCK: if a FIFO replaces the file in between, the open must not hang.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(22, os.strerror(22), path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor, status


def recognise(head: bytes, size: int) -> Head | None:
    """Returns the kind of ``head`` (the first bytes of a file of ``size`` bytes), if it is certainly something other
    than a model that OpenVINO could read; None if the first bytes are not suspicious."""
    if size == 0:
        return Head(faults.EMPTY_FILE, "empty", "0 bytes")
    if head.startswith(_LFS):
        return _lfs(head, size)
    if head.startswith((b"\x00\x05\x16\x07", b"\x00\x05\x16\x00")):
        return Head(faults.APPLE_DOUBLE, "macOS metadata (AppleDouble)", "begins with 00 05 16 07")
    for offset, magic, name in _ARCHIVES:
        if head[offset : offset + len(magic)] == magic:
            return Head(faults.ARCHIVE, f"{_article(name)} {name} archive", f"{name} signature {_hex(magic)}")
    for offset, magic, name in _FORMATS:
        if head[offset : offset + len(magic)] == magic:
            return Head(faults.WRONG_FORMAT, f"{_article(name)} {name}", f"signature {_hex(magic)}")
    if not head.strip(b"\0"):
        return Head(faults.ZERO_FILLED, "only zeros", f"the first {len(head)} of {size} bytes are zero")
    if _HTML.search(head[:1024]):
        title = _TITLE.search(head)
        text = "" if title is None else f' with the title "{html.unescape(printable(title[1]))}"'
        return Head(faults.HTML_PAGE, f"a web page{text}", printable(head[:80]))
    if _SAFETENSORS.match(head) and int.from_bytes(head[:8], "little") < max(size, 16):
        return Head(faults.WRONG_FORMAT, "a safetensors file", "length and JSON header of safetensors")
    return _text(head, size)


def is_zero(descriptor: int, size: int, limit: int = 16 << 20) -> bool:
    """Whether the file's first ``limit`` bytes are all zero (64 KiB at a time)."""
    for offset in range(0, min(size, limit), 1 << 16):
        if os.pread(descriptor, 1 << 16, offset).strip(b"\0"):
            return False
    return size > 0


def printable(data: bytes, limit: int = 120) -> str:
    """Returns the bytes as one short line that every terminal displays as it is."""
    text = data[: limit * 4].decode("utf-8", "replace")
    line = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(line.split())[:limit]


def _lfs(head: bytes, size: int) -> Head:
    oid = re.search(rb"^oid (\S{1,100})", head, re.MULTILINE)
    real = re.search(rb"^size (\d{1,19})", head, re.MULTILINE)
    should = "" if real is None else f"; the real file has {int(real[1])} bytes"
    target = "" if oid is None else f", {printable(oid[1])}"
    return Head(
        faults.GIT_LFS_POINTER,
        f"a Git LFS pointer of {size} bytes, not the file itself{should}",
        f"begins with {_LFS.decode()}{target}",
    )


def _text(head: bytes, size: int) -> Head | None:
    """Returns that the head is plain text or JSON; leaves everything that begins like XML to the XML reader."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start or start.startswith(b"<") or any(byte < 9 for byte in head):
        return None
    try:
        head[: max(len(head) - 3, 1)].decode("utf-8")
    except UnicodeDecodeError:
        return None
    if sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in head):
        return None
    name = "JSON text" if start[:1] in b"{[" else "plain text"
    return Head(faults.TEXT, name, f"begins with: {printable(head[:120])}")


def _hex(data: bytes) -> str:
    return data.hex(" ")


def _article(name: str) -> str:
    return "an" if name.startswith(("E", "HDF5", "xz")) else "a"
