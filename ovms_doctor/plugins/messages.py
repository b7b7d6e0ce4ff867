"""The messages from the child process of a third-party check: one line of JSON each, checked when it is read.

First what the check reports about itself (Described) or that it cannot be used (Unusable). After a line came in,
Settled when the plan has been made again from the facts, and then how the check ended. What the check itself made of
descriptions and findings is JSON values here; :mod:`ovms_doctor.plugins.protocol` reads them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

from ovms_doctor.model.json_text import decode_json, encode_json


class Described(Struct, frozen=True, tag=True):
    """The check was imported.

    * ``check``: its name, summary and codes.
    """

    check: Any


class Unusable(Struct, frozen=True, tag=True):
    """The check cannot be imported, or is none.

    * ``reason``: why, in one line.
    """

    reason: str


class Settled(Struct, frozen=True, tag=True):
    """The check begins to run."""


class Findings(Struct, frozen=True, tag=True):
    """The check ran to its end.

    * ``findings``: its findings.
    """

    findings: list[Any]


class NotApplicable(Struct, frozen=True, tag=True):
    """The check has nothing to look at.

    * ``reason``: why.
    """

    reason: str


class CouldNotLook(Struct, frozen=True, tag=True):
    """The check was kept from looking.

    * ``reason``: by what.
    """

    reason: str


class Raised(Struct, frozen=True, tag=True):
    """The check, or what prepares its run, ended with an exception.

    * ``reason``: the exception in one line.
    """

    reason: str


PluginMessage: TypeAlias = Described | Unusable | Settled | Findings | NotApplicable | CouldNotLook | Raised


def encode_message(message: PluginMessage) -> bytes:
    """The message as a line."""
    return encode_json(message) + b"\n"


def decode_message(line: bytes) -> PluginMessage:
    """The message in a line. Raises JsonFormatError."""
    message: PluginMessage = decode_json(line, PluginMessage)
    return message
