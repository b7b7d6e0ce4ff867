"""Messages of the server that name no cause: what they mean, and which codes may be behind them."""

from __future__ import annotations

import pkgutil
from functools import cache
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

Level: TypeAlias = Literal["version", "start"]


class GeneralMessage(Struct, frozen=True):
    """A message that names no cause."""

    name: str
    #: Templates as in :mod:`ovms_doctor.model.server_log`, the whole message first.
    texts: tuple[str, ...]
    #: Markdown.
    meaning: str
    #: What may be behind it.
    codes: tuple[str, ...] = ()
    #: For a message with a ``{status}``, whether that is of one version's load or of the whole start: the codes then
    #: follow from it.
    status: Level | None = None
    #: Whether only messages that begin with a template match.
    anchored: bool = False


class StatusCodes(Struct, frozen=True):
    """A status at the end of a message, and the codes that end in it, likeliest first."""

    #: The status's text (status.cpp).
    status: str
    #: At the end of a message on one version.
    version: tuple[str, ...]
    #: At the end of a message on the start.
    start: tuple[str, ...]

    def codes(self, level: Level) -> tuple[str, ...]:
        """The codes at one of the two levels."""
        return self.version if level == "version" else self.start


class GeneralMessages(Struct, frozen=True):
    """The content of ``data/general.json``."""

    messages: tuple[GeneralMessage, ...]
    statuses: tuple[StatusCodes, ...]


@cache
def general() -> GeneralMessages:
    """All of them."""
    data = pkgutil.get_data("ovms_doctor.explain", "data/general.json")
    assert data is not None
    return msgspec.json.decode(data, type=GeneralMessages)
