"""Messages of the server that name no cause: their meaning, and the codes of possible causes."""

from __future__ import annotations

import pkgutil
from functools import cache
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

Level: TypeAlias = Literal["version", "start"]


class GeneralMessage(Struct, frozen=True):
    """A message that names no cause."""

    #: Its name in kebab case.
    name: str
    #: Templates as in :mod:`ovms_doctor.model.server_log`, the whole message first.
    texts: tuple[str, ...]
    #: Markdown.
    meaning: str
    #: The codes of possible causes.
    codes: tuple[str, ...] = ()
    #: For a message with a ``{status}``: whether the status belongs to one version's load or to the whole start; the
    #: status then decides the codes.
    status: Level | None = None
    #: Whether only messages that begin with a template match.
    anchored: bool = False


class StatusCodes(Struct, frozen=True):
    """A status at the end of a message, and the codes that lead to it, likeliest first."""

    #: The status's text (status.cpp).
    status: str
    #: The codes if the message is about one version.
    version: tuple[str, ...]
    #: The codes if the message is about the start.
    start: tuple[str, ...]

    def codes(self, level: Level) -> tuple[str, ...]:
        """Returns the codes for a version or for the start."""
        return self.version if level == "version" else self.start


class GeneralMessages(Struct, frozen=True):
    """The content of ``data/general.json``."""

    #: The messages.
    messages: tuple[GeneralMessage, ...]
    #: The statuses at the end of messages.
    statuses: tuple[StatusCodes, ...]


@cache
def general() -> GeneralMessages:
    """Returns all general messages."""
    data = pkgutil.get_data("ovms_doctor.explain", "data/general.json")
    assert data is not None
    return msgspec.json.decode(data, type=GeneralMessages)
