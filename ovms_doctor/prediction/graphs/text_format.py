"""graph.pbtxt as the server parses it: protobuf's text format with the messages of the release.

Source: google/protobuf/text_format.cc (3.19) with the parser's defaults, which MediaPipe graphs are read with
(mediapipegraphdefinition.cpp, ``TextFormat::ParseFromString``): no unknown fields, no field set twice, messages of
``google.protobuf.Any`` by their type's name.
"""

from __future__ import annotations

from typing import NoReturn

from ovms_doctor.model.graph_text import GraphField, GraphMessage, ParsedText, TextFault, Value
from ovms_doctor.model.releases import Release
from ovms_doctor.model.releases.graph_messages import (
    ANY,
    GRAPH,
    FieldType,
    MessageType,
    enumeration,
    message_type,
)
from ovms_doctor.model.releases.mediapipe_types import stock_options
from ovms_doctor.prediction.graphs.tokens import Tokenizer, integer, unquote

#: The deepest nesting of messages; protobuf's parser continues until the stack overflows.
_DEEPEST = 100
_INT32, _INT64, _UINT32, _UINT64 = (1 << 31) - 1, (1 << 63) - 1, (1 << 32) - 1, (1 << 64) - 1
_SIGNED = {"int32": _INT32, "int64": _INT64}
_UNSIGNED = {"uint32": _UINT32, "uint64": _UINT64}
_TRUE, _FALSE = ("true", "True", "t"), ("false", "False", "f")
#: A message without known fields accepts any value.
_OPAQUE = FieldType("", "opaque")
_PREFIX = "mediapipe."
#: The types that accept extensions.
_EXTENDABLE = ("CalculatorOptions", "MediaPipeOptions", "PacketFactoryOptions", "PacketGeneratorOptions")


def parse_graph(data: bytes, release: Release) -> ParsedText:
    """Returns the graph in ``data``, or the errors with which the parser of ``release`` refuses it."""
    parser = _Parser(data, release)
    root = message_type(GRAPH, release)
    if root is None:
        return ParsedText(None, (TextFault(0, 0, f"OVMS {release} has no graphs"),))
    try:
        message = parser.whole(root)
    except _TextFormatError:
        message = None
    faults = tuple(parser.faults)
    if message is not None and not faults:
        missing = _missing(message, release)
        if missing:
            text = f"Message missing required fields: {', '.join(missing)}"
            return ParsedText(None, (TextFault(0, 0, text),))
    return ParsedText(None if faults else message, faults)


class _TextFormatError(Exception):
    """The parser stops; the error is among its faults."""


class _Parser:
    """One text being parsed. A method that reads a token raises _TextFormatError if the token is missing."""

    def __init__(self, data: bytes, release: Release) -> None:
        self._tokens = Tokenizer(data)
        self._release = release
        self._depth = 0

    @property
    def faults(self) -> list[TextFault]:
        return self._tokens.faults

    def whole(self, kind: MessageType) -> GraphMessage:
        fields: list[GraphField] = []
        while self._tokens.current.kind != "end":
            self._field(kind, fields)
        return GraphMessage(kind.name, tuple(fields))

    def _message(self, kind: MessageType | None, name: str) -> GraphMessage:
        """Returns the message between braces or angle brackets; ``kind`` None for one without known fields."""
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail("Message is too deep.")
        end = ">" if self._take("<") else "}"
        if end == "}":
            self._expect("{")
        fields: list[GraphField] = []
        while not (self._tokens.current.kind == "symbol" and self._tokens.current.text in ("}", ">")):
            self._field(kind, fields)
        self._expect(end)
        self._depth -= 1
        return GraphMessage(name, tuple(fields), kind is None)

    def _field(self, kind: MessageType | None, fields: list[GraphField]) -> None:
        line, column = self._tokens.current.line, self._tokens.current.column
        if self._at("["):
            self._bracketed(kind, fields)
            return
        name = self._identifier()
        if kind is None:
            field: FieldType | None = _OPAQUE
        else:
            field = kind.fields.get(name)
            if field is None:
                self._fail(f'Message type "{kind.full_name}" has no field named "{name}".')
        assert field is not None
        if kind is not None and field.label != "repeated" and _is_set(kind, field, fields):
            self._fail(f'Non-repeated field "{name}" is specified multiple times.')
        for value in self._values(field):
            fields.append(GraphField(name, value, line, column))
        self._separator()

    def _values(self, field: FieldType) -> list[Value]:
        """Parses the part after a field's name."""
        is_message = self._is_message(field)
        if field is _OPAQUE:
            is_message = not self._take(":") or self._at("{") or self._at("<")
        elif is_message:
            self._take(":")
        else:
            self._expect(":")
        if (field.label == "repeated" or field is _OPAQUE) and self._take("["):
            values: list[Value] = []
            if not self._take("]"):
                while True:
                    if field is _OPAQUE:
                        is_message = self._at("{") or self._at("<")
                    values.append(self._value(field, is_message))
                    if self._take("]"):
                        break
                    self._expect(",")
            return values
        return [self._value(field, is_message)]

    def _value(self, field: FieldType, is_message: bool) -> Value:
        if not is_message:
            return self._opaque_value() if field is _OPAQUE else self._scalar(field)
        if field is _OPAQUE:
            return self._message(None, "")
        if field.type == ANY:
            return self._any_message()
        kind = message_type(field.type, self._release)
        assert kind is not None, field.type
        return self._message(kind, kind.name)

    def _any_message(self) -> GraphMessage:
        """Parses a google.protobuf.Any: ``{ [type.googleapis.com/mediapipe.X] { … } }``."""
        self._depth += 1
        end = ">" if self._take("<") else "}"
        if end == "}":
            self._expect("{")
        fields: list[GraphField] = []
        while not (self._tokens.current.kind == "symbol" and self._tokens.current.text in ("}", ">")):
            if self._at("["):
                self._expanded(fields)
                continue
            name = self._identifier()
            if name not in ("type_url", "value"):
                self._fail(f'Message type "{ANY}" has no field named "{name}".')
            line, column = self._tokens.current.line, self._tokens.current.column
            self._expect(":")
            fields.append(GraphField(name, self._string(), line, column))
            self._separator()
        self._expect(end)
        self._depth -= 1
        return GraphMessage(ANY, tuple(fields))

    def _expanded(self, fields: list[GraphField]) -> None:
        line, column = self._tokens.current.line, self._tokens.current.column
        self._expect("[")
        prefix = self._dotted()
        self._expect("/")
        name = self._dotted()
        self._expect("]")
        self._take(":")
        short = name.removeprefix(_PREFIX)
        kind = message_type(short, self._release) if name.startswith(_PREFIX) else None
        known = prefix in ("type.googleapis.com", "type.googleprod.com")
        if not known or (kind is None and not (name.startswith(_PREFIX) and short in stock_options())):
            self._fail(f'Could not find type "{prefix}/{name}" stored in google.protobuf.Any.')
        value = self._message(kind, short)
        if kind is not None and _missing(value, self._release):
            self._fail(
                f'Value of type "{kind.full_name}" stored in google.protobuf.Any has missing required fields'
            )
        if fields:
            self._fail("Non-repeated Any specified multiple times.")
        fields.append(GraphField(short, value, line, column))
        self._separator()

    def _bracketed(self, kind: MessageType | None, fields: list[GraphField]) -> None:
        """Parses an extension: ``[mediapipe.X.ext] { … }``."""
        line, column = self._tokens.current.line, self._tokens.current.column
        self._expect("[")
        name = self._dotted()
        if kind is None and self._take("/"):
            name = f"{name}/{self._dotted()}"
        self._expect("]")
        short = name.removeprefix(_PREFIX).removesuffix(".ext")
        extended = message_type(short, self._release)
        if kind is not None:
            takes = kind.name in _EXTENDABLE and name.startswith(_PREFIX) and name.endswith(".ext")
            # The options of OVMS's own calculators extend those of calculators only.
            own = extended is not None and kind.name == "CalculatorOptions"
            if not takes or not (own or short in stock_options()):
                self._fail(f'Extension "{name}" is not defined or is not an extension of "{kind.full_name}".')
            if any(field.name == f"[{name}]" for field in fields):
                self._fail(f'Non-repeated field "{name}" is specified multiple times.')
        self._take(":")
        fields.append(GraphField(f"[{name}]", self._message(extended, short), line, column))
        self._separator()

    # -- values ------------------------------------------------------------------------------------
    def _scalar(self, field: FieldType) -> Value:
        token = self._tokens.current
        if field.type == "string" or field.type == "bytes":
            return self._string()
        if field.type == "bool":
            if token.kind == "integer":
                return bool(self._unsigned(1))
            value = self._identifier()
            if value not in _TRUE + _FALSE:
                self._fail(f'Invalid value for boolean field "{field.name}". Value: "{value}".')
            return value in _TRUE
        if field.type in _UNSIGNED:
            return self._unsigned(_UNSIGNED[field.type])
        if field.type in _SIGNED:
            return self._signed(_SIGNED[field.type])
        if field.type in ("float", "double"):
            return self._double()
        return self._constant(field)

    def _constant(self, field: FieldType) -> str:
        names = enumeration(field.type, self._release)
        assert names is not None, field.type
        token = self._tokens.current
        if token.kind == "identifier":
            name = self._identifier()
        elif self._at("-") or token.kind == "integer":
            number = self._signed(_INT32)
            name = next((one for one, value in names.items() if value == number), str(number))
        else:
            self._fail(f"Expected integer or identifier, got: {self._current_text()}")
        if name not in names:
            self._fail(f'Unknown enumeration value of "{name}" for field "{field.name}".')
        return name

    def _string(self) -> str:
        if self._tokens.current.kind != "string":
            self._fail(f"Expected string, got: {self._current_text()}")
        text = ""
        while self._tokens.current.kind == "string":
            text += unquote(self._tokens.current.text)
            self._tokens.next()
        return text

    def _unsigned(self, most: int) -> int:
        token = self._tokens.current
        if token.kind != "integer":
            self._fail(f"Expected integer, got: {self._current_text()}")
        value = integer(token.text, most)
        if value is None:
            self._fail(f"Integer out of range ({token.text})")
        assert value is not None
        self._tokens.next()
        return value

    def _signed(self, most: int) -> int:
        negative = self._take("-")
        value = self._unsigned(most + negative)
        return -value if negative else value

    def _double(self) -> float:
        negative = self._take("-")
        token = self._tokens.current
        value = 0.0
        if token.kind == "integer":
            if len(token.text) > 1 and token.text.startswith("0"):
                self._fail(f"Expect a decimal number, got: {token.text}")
            value = float(token.text)
        elif token.kind == "float":
            value = float(token.text.rstrip("fF").rstrip("eE+-") or "0")
        elif token.kind == "identifier" and token.text.lower() in ("inf", "infinity", "nan"):
            value = float(token.text)
        else:
            self._fail(f"Expected double, got: {self._current_text()}")
        self._tokens.next()
        return -value if negative else value

    def _opaque_value(self) -> Value:
        """Returns a value of a field whose type is not known here."""
        negative = self._take("-")
        token = self._tokens.current
        if token.kind == "string":
            return self._string()
        if token.kind in ("symbol", "end"):
            self._fail(f"Expected string, got: {self._current_text()}")
        self._tokens.next()
        return f"-{token.text}" if negative else token.text

    # -- tokens ------------------------------------------------------------------------------------
    def _is_message(self, field: FieldType) -> bool:
        return field.type == ANY or message_type(field.type, self._release) is not None

    def _dotted(self) -> str:
        parts = [self._identifier()]
        while self._take("."):
            parts.append(self._identifier())
        return ".".join(parts)

    def _identifier(self) -> str:
        token = self._tokens.current
        if token.kind != "identifier":
            self._fail(f"Expected identifier, got: {self._current_text()}")
        self._tokens.next()
        return token.text

    def _separator(self) -> None:
        if not self._take(";"):
            self._take(",")

    def _at(self, text: str) -> bool:
        return self._tokens.current.text == text

    def _take(self, text: str) -> bool:
        if self._at(text):
            self._tokens.next()
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            self._fail(f'Expected "{text}", found "{self._current_text()}".')

    def _current_text(self) -> str:
        return self._tokens.current.text.encode("latin-1").decode("utf-8", "surrogateescape")

    def _fail(self, message: str) -> NoReturn:
        token = self._tokens.current
        self._tokens.faults.append(TextFault(token.line, token.column, message))
        raise _TextFormatError


def _is_set(kind: MessageType, field: FieldType, fields: list[GraphField]) -> bool:
    """Applies ``HasField``: a scalar of proto3 is not set while it has its default value."""
    return any(
        one.name == field.name and (not kind.proto3 or isinstance(one.value, GraphMessage) or bool(one.value))
        for one in fields
    )


def _missing(message: GraphMessage, release: Release, path: str = "") -> list[str]:
    """Returns the required fields that are not set, as protobuf names them."""
    kind = message_type(message.type, release)
    found = []
    if kind is not None and not message.opaque:
        found = [
            f"{path}{field.name}"
            for field in kind.fields.values()
            if field.label == "required" and message.first(field.name) is None
        ]
    counts: dict[str, int] = {}
    for field in message.fields:
        index = counts[field.name] = counts.get(field.name, -1) + 1
        if not isinstance(field.value, GraphMessage) or message.type == ANY:
            continue
        declared = None if kind is None else kind.fields.get(field.name)
        name = f"({field.name[1:-1]})" if field.name.startswith("[") else field.name
        field_name = f"{name}[{index}]" if declared is not None and declared.label == "repeated" else name
        found += _missing(field.value, release, f"{path}{field_name}.")
    return found
