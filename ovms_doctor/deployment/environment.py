"""The server's environment, as far as OVMS reads it. Values are not kept: a name, and what rules need of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: What OVMS reads with getenv when it serves models (src at v2026.3; the release that brought each), without
#: the variables of its clients for remote storage and for pulling models.
READ_BY_OVMS: Mapping[str, tuple[int, ...]] = {
    "GRPC_SERVERS": (2022, 1),
    "API_KEY": (2025, 4),
    "OVMS_MODEL_REPOSITORY_PATH": (2025, 4),
    "DROGON_LOG_LEVEL": (2026, 0),
    "OVMS_MEDIA_URL_ALLOW_REDIRECTS": (2026, 0),
    "OVMS_AUDIO_MAX_FILE_SIZE_BYTES": (2026, 2),
    "OVMS_GRAPH_QUEUE_OFF": (2026, 2),
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that OVMS reads: ``number`` where its value is one, ``empty`` where it is set to nothing."""

    name: str
    empty: bool = False
    number: int | None = None


def variables(pairs: Iterable[tuple[str, str]]) -> tuple[Variable, ...]:
    """Those of ``pairs`` that OVMS reads, the last one of each name, by name."""
    known = {name: value for name, value in pairs if name in READ_BY_OVMS}
    return tuple(
        Variable(name, not value, int(value) if _NUMBER.fullmatch(value) else None)
        for name, value in sorted(known.items())
    )


def read_pair(text: str) -> tuple[str, str] | None:
    """``NAME=VALUE``; None where it is none."""
    name, equals, value = text.partition("=")
    return (name, value) if equals and _NAME.fullmatch(name) else None


def read_file(text: str) -> tuple[list[tuple[str, str]], int | None]:
    """The lines of an environment file as ``docker run --env-file`` reads them: ``#`` begins a comment line,
    quotes are part of a value. The second value is the number of the first line that is none."""
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        pair = read_pair(stripped)
        if pair is not None:
            pairs.append(pair)
        elif not _NAME.fullmatch(stripped):
            return pairs, number
    return pairs, None
