"""Reading logs from files and standard input: in pieces, so that the memory used does not grow with them."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO

from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.probes.named_files import NamedFile

#: Bytes of a piece.
PIECE = 1 << 19
_GZIP = b"\x1f\x8b"
#: ``ovms.log.2.gz`` → ``ovms.log``, and its number among the rotated files.
_ROTATED = lazy_pattern(
    r"(?P<stem>.*?)(?:[.-](?P<number>\d{1,8}(?:[-T]\d{2,6})?))?(?P<packed>\.gz)?", re.DOTALL
)

#: The output and the errors of one process in two files.
_STREAM = lazy_pattern(r"[._-](?:stdout|stderr|out|err)(?=\.|$)", re.IGNORECASE)

#: Called with the number of bytes read so far, and the size of all files if it is known.
OnBytes = Callable[[int, int | None], None]


class LogReadError(Exception):
    """A log cannot be read; the text names the log and the reason."""


def grouped(paths: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Returns the files by log: label and paths, the oldest of rotated files first.

    The label is empty if all files are one log, else the name of the file without its number.
    """
    groups: dict[str, list[tuple[bool, str, str]]] = {}
    for path in dict.fromkeys(paths):
        match = _ROTATED.fullmatch(path)
        stem = _STREAM.sub("", match["stem"] if match and match["stem"] else path) or path
        number = match["number"] if match else None
        # Numbers of logrotate grow with age, dates shrink; the file without either is the newest.
        order = (number is None, _order(number), path)
        groups.setdefault(stem, []).append(order)
    if len(groups) == 1:
        return [("", [path for _, _, path in sorted(next(iter(groups.values())))])]
    return [(_label(stem, groups), [path for _, _, path in sorted(files)]) for stem, files in groups.items()]


def _order(number: str | None) -> str:
    if number is None:
        return ""
    if len(number) >= 8:
        return number
    return f"{10**7 - int(number):08}"


def _label(stem: str, groups: dict[str, list[tuple[bool, str, str]]]) -> str:
    name = os.path.basename(stem) or stem
    return name if sum(os.path.basename(other) == name for other in groups) == 1 else stem


def pieces(path: str, on_bytes: OnBytes | None = None) -> Iterator[bytes]:
    """Yields the content of a file, or of standard input for ``-``, unpacked if it is gzip. Raises LogReadError."""
    try:
        with _opened(path) as file:
            size = _size(file)
            head = file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""
            yield from _read(file, size, on_bytes, packed=head == _GZIP)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise LogReadError(f"{_source_label(path)}: broken gzip file: {error}") from None
    except UsageError as error:
        raise LogReadError(str(error)) from None
    except OSError as error:
        raise LogReadError(f"{_source_label(path)}: {error.strerror or error}") from None


def _opened(path: str) -> AbstractContextManager[BinaryIO]:
    return io.BufferedReader(NamedFile(path), PIECE)


def _size(file: BinaryIO) -> int | None:
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _read(file: BinaryIO, size: int | None, on_bytes: OnBytes | None, *, packed: bool) -> Iterator[bytes]:
    source: BinaryIO = gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[assignment]
    read = 0
    while piece := source.read1(PIECE) if hasattr(source, "read1") else source.read(PIECE):
        read += len(piece)
        if on_bytes is not None:
            # Of a packed file the position in the file counts; the buffer has read further than the unpacked data.
            packed_read = os.lseek(file.fileno(), 0, os.SEEK_CUR) if packed and size is not None else read
            on_bytes(packed_read, size)
        yield piece


def _source_label(path: str) -> str:
    return "standard input" if path == "-" else path
