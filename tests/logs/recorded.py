"""Logs of servers of two releases, and their summaries."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ovms_doctor.inputs.log.reader import LogReader
from ovms_doctor.model.log import LogSummary

DATA = Path(__file__).parents[1] / "data" / "logs"


@cache
def recorded() -> dict[str, dict[str, Any]]:
    """``RELEASE/NAME/LEVEL`` → standard output and error, exit code, how it was stopped, GET /v1/config."""
    content: dict[str, dict[str, Any]] = json.loads(lzma.decompress((DATA / "recorded.json.xz").read_bytes()))
    return content


@cache
def packed(name: str) -> bytes:
    return lzma.decompress((DATA / name).read_bytes())


def read(*pieces: bytes) -> LogSummary:
    """The summary of a log that is read in these pieces."""
    reader = LogReader()
    reader.begin("")
    for piece in pieces:
        reader.feed(piece)
    reader.end()
    return reader.summary()


def read_recorded(key: str) -> LogSummary:
    run = recorded()[key]
    return read(*_bytes((run["stdout"], run["stderr"])))


def _bytes(texts: Iterable[str]) -> Iterable[bytes]:
    for text in texts:
        yield text.encode("utf-8", "surrogateescape")


#: The prefix of a server of any release from 2021.3 on.
def record(message: str, *, at: str = "12:00:00.000", thread: int = 1, level: str = "info") -> str:
    return f"[2026-11-28 {at}][{thread}][serving][{level}][server.cpp:1] {message}"


def start(release: str = "2026.3.0.abc", at: str = "12:00:00.000") -> str:
    return record(f"OpenVINO Model Server {release}", at=at)
