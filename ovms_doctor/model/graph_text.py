"""A parsed graph.pbtxt: messages, fields and values, each with its position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct


class TextFault(Struct, frozen=True):
    """An error that protobuf's parser reports."""

    #: Line from 1, as protobuf prints it; 0 for an error of the whole text.
    line: int
    #: Column from 1, as protobuf prints it (bytes; a tab ends at the next multiple of eight); 0 for an error of the
    #: whole text.
    column: int
    #: The parser's own text.
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}" if self.line else self.message


class GraphMessage(Struct, frozen=True):
    """A message of the text."""

    #: The name of its type below the package ``mediapipe``, or the full name of a type of another package.
    type: str
    #: Its fields in the order of the text; a repeated field occurs once for each value.
    fields: tuple[GraphField, ...]
    #: Whether this program has no fields of the type: its values were not checked.
    opaque: bool = False

    def all(self, name: str) -> tuple[GraphField, ...]:
        """Returns the fields of this name."""
        return tuple(field for field in self.fields if field.name == name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Returns the values of a field of type string."""
        return tuple(field.value for field in self.all(name) if isinstance(field.value, str))

    def messages(self, name: str) -> tuple[GraphMessage, ...]:
        """Returns the values of a field with messages."""
        return tuple(field.value for field in self.all(name) if isinstance(field.value, GraphMessage))

    def first(self, name: str) -> GraphField | None:
        """Returns the field of this name, None if it is not set."""
        return next(iter(self.all(name)), None)

    def walk(self) -> Iterator[GraphMessage]:
        """Yields this message and all below it."""
        yield self
        for field in self.fields:
            if isinstance(field.value, GraphMessage):
                yield from field.value.walk()


Value: TypeAlias = "str | int | float | bool | GraphMessage"


class GraphField(Struct, frozen=True):
    """A field with one value."""

    #: Its name; for an extension the full name in brackets.
    name: str
    #: The value; for an enumeration the name of the constant, or its number if it has no name.
    value: Value
    #: The line of the name, from 1.
    line: int
    #: The column of the name, from 1.
    column: int


class ParsedText(Struct, frozen=True):
    """The result of parsing a text."""

    #: The message; None if the parser refuses the text.
    message: GraphMessage | None
    #: The errors in the order in which they are printed; empty if the text is accepted.
    faults: tuple[TextFault, ...] = ()
