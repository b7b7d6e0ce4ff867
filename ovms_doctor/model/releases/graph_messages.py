"""The protobuf messages of a graph.pbtxt, by release of OVMS.

Source: the .proto files of OVMS at each tag v2023.0 to v2026.3 and of MediaPipe's framework. A row of
data/graph-messages.json is ``[type, label, default, since, until]``; a field that changed has several rows.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.releases.release import Release, parse_release
from ovms_doctor.model.releases.tables import read_table

#: The root of a graph.pbtxt.
GRAPH = "CalculatorGraphConfig"
ANY = "google.protobuf.Any"
#: Written in proto3: a field with its default value counts as not set.
_PROTO3 = frozenset(
    (
        GRAPH,
        "CalculatorGraphConfig.Node",
        "ExecutorConfig",
        "GraphRuntimeInfoConfig",
        "InputStreamInfo",
        "ProfilerConfig",
    )
)
Label: TypeAlias = Literal["", "required", "repeated"]


class FieldType(Struct, frozen=True):
    """One field of a message."""

    #: Its name.
    name: str
    #: A scalar type of protobuf (``uint64``, ``string``, ``bool``), or the name of a message or of an enumeration.
    type: str
    #: ``required``, ``repeated``, or empty for an optional field.
    label: Label = ""
    #: The default value in the .proto file; empty for none.
    default: str = ""


class MessageType(Struct, frozen=True):
    """A message in one release."""

    #: The name below the package ``mediapipe``.
    name: str
    #: Its fields by name.
    fields: dict[str, FieldType]
    #: Whether a field with its default value counts as not set.
    proto3: bool

    @property
    def full_name(self) -> str:
        """Returns the name with its package, as in error messages."""
        return f"mediapipe.{self.name}"


@cache
def message_type(name: str, release: Release) -> MessageType | None:
    """Returns the message ``name`` (without its package) in ``release``, None if the release has none of that name."""
    row = read_table("graph-messages")["messages"].get(name)
    if row is None or not _holds(row["releases"], release):
        return None
    fields = {}
    for field, rows in row["fields"].items():
        for one in rows if isinstance(rows[0], list) else [rows]:
            kind, label, default, *since = [*one, "", ""][: max(3, len(one))]
            if _holds([*since, None, None][:2], release):
                fields[field] = FieldType(field, kind, label, default)
    return MessageType(name, fields, name in _PROTO3)


@cache
def enumeration(name: str, release: Release) -> dict[str, int] | None:
    """Returns the values of the enumeration ``name`` by their names, None if the release does not have it."""
    rows = read_table("graph-messages")["enums"].get(name)
    if rows is None:
        return None
    found = {
        value: number
        for value, ranges in rows.items()
        for number, *since in ranges
        if _holds([*since, None][:2], release)
    }
    return found or None


def _holds(span: list[str | None], release: Release) -> bool:
    since, until = span
    return (since is None or release >= _parsed(since)) and (until is None or release < _parsed(until))


@cache
def _parsed(text: str) -> Release:
    return parse_release(text)
