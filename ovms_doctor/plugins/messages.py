"""The messages to and from the child process of a third-party check: JSON, validated when it is read.

The child gets a file with the data for the check, and sends lines: first the check's description (Described) or the
reason why it cannot be used (Unusable). After it receives a line, it sends Started when it has read the file, and
then the result of the check. Descriptions and findings of the check are plain JSON values here;
:mod:`ovms_doctor.plugins.protocol` reads them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct, convert, to_builtins

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts.codec import Fact
from ovms_doctor.model.json_text import decode_json, encode_json, map_text
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.text import redact


class Settled(Struct, frozen=True):
    """The data that a check runs on.

    * ``deployment``: the settings of the server, without secrets.
    * ``plan``: the predicted result.
    * ``facts``: the facts that the plan is based on.
    """

    deployment: Deployment
    plan: Plan
    facts: tuple[Fact, ...]


class Described(Struct, frozen=True, tag=True):
    """The check was imported.

    * ``check``: its name, summary and codes.
    """

    check: Any


class Unusable(Struct, frozen=True, tag=True):
    """The check cannot be imported, or is not a valid check.

    * ``reason``: why, in one line.
    """

    reason: str


class Started(Struct, frozen=True, tag=True):
    """The check has its data and begins to run."""


class Findings(Struct, frozen=True, tag=True):
    """The check ran to its end.

    * ``findings``: its findings.
    """

    findings: list[Any]


class NotApplicable(Struct, frozen=True, tag=True):
    """The check does not apply to this deployment.

    * ``reason``: why.
    """

    reason: str


class CouldNotLook(Struct, frozen=True, tag=True):
    """The check could not collect its facts.

    * ``reason``: why.
    """

    reason: str


class Raised(Struct, frozen=True, tag=True):
    """The check, or the preparation of its run, ended with an exception.

    * ``reason``: the exception in one line.
    """

    reason: str


PluginMessage: TypeAlias = Described | Unusable | Started | Findings | NotApplicable | CouldNotLook | Raised


def encode_settled(settled: Settled) -> bytes:
    """Returns the content of the file."""
    return encode_json(settled)


def decode_settled(data: bytes) -> Settled:
    """Returns the data in the content of the file. Raises JsonFormatError."""
    settled: Settled = decode_json(data, Settled)
    return settled


def encode_message(message: PluginMessage) -> bytes:
    """Returns the message as a line."""
    return encode_json(message) + b"\n"


def decode_message(line: bytes) -> PluginMessage:
    """Returns the message in a line, with secrets in its texts redacted: the check may have read more than its facts.
    Raises JsonFormatError."""
    values = map_text(to_builtins(decode_json(line, PluginMessage)), redact)
    message: PluginMessage = convert(values, PluginMessage)
    return message
