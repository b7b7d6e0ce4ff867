"""The values in a PowerShell script, if they can be determined without running it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.powershell_tokens import Token, VariablePart, tokens_of
from ovms_doctor.inputs.requests.shell import ReadFile

_DEEPEST = 60
_DEFAULT_DEPTH = 2
#: What .NET writes for an object that is converted to a text.
_TYPE_NAMES = {
    True: "System.Collections.Specialized.OrderedDictionary",
    False: "System.Collections.Hashtable",
}
_CONSTANTS = {"true": True, "false": False, "null": None}
#: The parameters without a value.
_SWITCHES = frozenset(
    "usebasicparsing skipcertificatecheck usedefaultcredentials passthru disablekeepalive noproxy verbose debug "
    "skipheadervalidation skiphttperrorcheck allowunencryptedauthentication resume raw compress asarray enumsasstrings "
    "force preserveauthorizationonredirect followrellink".split()
)
_GET_CONTENT = ("get-content", "gc", "cat", "type")
#: The commands that send a request, with their short names.
WEB_COMMANDS = ("invoke-webrequest", "invoke-restmethod", "iwr", "irm", "curl", "wget")


class UnknownValue(NamedTuple):
    """A value that is only known when the script runs."""

    #: Its origin: a variable or a command.
    source: str


class FileItem(NamedTuple):
    """The result of `Get-Item`."""

    #: The name of the file.
    name: str


class OrderedTable(dict[str, Any]):
    """A hash table that was written with `[ordered]`."""


#: Parameters of a command by name, and its other arguments.
Arguments = tuple[dict[str, Any], list[Any]]
Send = Callable[[dict[str, Any], list[Any], Any], Any]


class Script:
    """One walk through a script. Statements are followed in order, each once."""

    def __init__(self, text: str, read_file: ReadFile, send: Send) -> None:
        self._tokens = tokens_of(text)
        self._read_file = read_file
        self._send = send
        self._position = 0
        self._depth = 0
        self._variables: dict[str, Any] = dict(_CONSTANTS)

    def run(self) -> None:
        """Follows the statements to the end of the script."""
        while self._position < len(self._tokens):
            start = self._position
            self._statement()
            if self._position == start:
                self._position += 1

    # -- tokens --------------------------------------------------------------------------------------
    def _peek(self, ahead: int = 0) -> Token | None:
        index = self._position + ahead
        return self._tokens[index] if index < len(self._tokens) else None

    def _is_sign(self, *signs: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token is not None and token.kind == "sign" and token.value in signs

    def _skip_ends(self) -> None:
        while (token := self._peek()) is not None and token.kind == "end":
            self._position += 1

    # -- statements ----------------------------------------------------------------------------------
    def _statement(self) -> Any:
        while (token := self._peek()) is not None and token.kind == "type" and self._is_variable(1):
            self._position += 1
        if self._is_variable(0) and self._is_sign("=", ahead=1):
            name = self._tokens[self._position].value.lower()
            self._position += 2
            self._skip_ends()
            self._variables[name] = self._pipeline()
            return None
        return self._pipeline()

    def _is_variable(self, ahead: int) -> bool:
        token = self._peek(ahead)
        return token is not None and token.kind == "variable"

    def _pipeline(self) -> Any:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise DocumentError("the PowerShell script is nested too deeply")
        value = self._element(None)
        while self._is_sign("|"):
            self._position += 1
            self._skip_ends()
            value = self._element(value)
        self._depth -= 1
        return value

    def _element(self, piped: Any) -> Any:
        """Returns the value of one part of a pipeline: a command, or an expression."""
        token = self._peek()
        if token is not None and token.kind == "word" and re.match(r"[A-Za-z][\w-]*(\.exe)?$", token.value):
            self._position += 1
            return self._command(token.value.lower(), piped)
        return self._expression()

    # -- commands ------------------------------------------------------------------------------------
    def _command(self, name: str, piped: Any) -> Any:
        named, plain = self._arguments()
        if name in WEB_COMMANDS:
            return self._send(named, plain, piped)
        if name == "convertto-json":
            value = named.get("inputobject", plain[0] if plain else piped)
            depth = named.get("depth", _DEFAULT_DEPTH)
            if piped is not None and isinstance(value, list) and len(value) == 1:
                # A pipeline passes on the items of a list one by one.
                value = value[0]
            return _json(value, depth if isinstance(depth, int) else _DEFAULT_DEPTH)
        if name in _GET_CONTENT:
            text = self._file(named.get("path", named.get("literalpath", plain[0] if plain else None)))
            if isinstance(text, UnknownValue):
                return text
            content = text.decode("utf-8", "surrogateescape")
            return content if "raw" in named else content.splitlines()
        if name == "get-item":
            path = named.get("path", plain[0] if plain else None)
            return FileItem(path) if isinstance(path, str) else UnknownValue("Get-Item")
        return UnknownValue(name)

    def _file(self, name: Any) -> bytes | UnknownValue:
        return self._read_file(name) if isinstance(name, str) else UnknownValue("the name of a file")

    def _arguments(self) -> Arguments:
        """Returns the arguments of a command, up to its end."""
        named: dict[str, Any] = {}
        plain: list[Any] = []
        while (token := self._peek()) is not None and token.kind != "end":
            if token.kind == "sign" and token.value in ("|", ")", "}"):
                break
            if token.kind == "splat":
                self._position += 1
                table = self._variables.get(token.value, UnknownValue(f"@{token.value}"))
                if not isinstance(table, dict):
                    raise DocumentError(f"the value of @{token.value} is not known")
                named.update({key.lower(): value for key, value in table.items()})
            elif token.kind == "word" and re.match(r"-[A-Za-z]", token.value):
                self._position += 1
                name, colon, rest = token.value[1:].partition(":")
                is_switch = name.lower() in _SWITCHES and not colon
                named[name.lower()] = True if is_switch else self._parameter(rest if colon else None)
            else:
                plain.append(self._argument())
        return named, plain

    def _parameter(self, attached: str | None) -> Any:
        """Returns the value of a parameter, `True` for a switch."""
        if attached:
            return attached
        token = self._peek()
        is_last = token is None or token.kind == "end" or (token.kind == "sign" and token.value in "|)}")
        if is_last or (token is not None and token.kind == "word" and re.match(r"-[A-Za-z]", token.value)):
            return attached is None
        return self._argument()

    def _argument(self) -> Any:
        token = self._peek()
        if token is not None and token.kind == "word":
            # A word without quotes is a text, also with signs and variables in it.
            parts: list[Any] = []
            while (token := self._peek()) is not None and (not parts or not token.is_apart):
                if token.kind == "word" or (token.kind == "sign" and token.value in "=,[]@$"):
                    parts.append(token.value)
                elif token.kind == "variable":
                    parts.append(VariablePart(token.value))
                elif token.kind == "text":
                    parts += token.value
                else:
                    break
                self._position += 1
            text = self._joined(parts)
            return _number(text) if isinstance(text, str) else text
        return self._expression()

    # -- expressions ---------------------------------------------------------------------------------
    def _expression(self) -> Any:
        items = [self._atom()]
        while self._is_sign(","):
            self._position += 1
            self._skip_ends()
            items.append(self._atom())
        value = items[0] if len(items) == 1 else items
        while (token := self._peek()) is not None and token.kind == "word":
            if token.value == "+":
                self._position += 1
                self._skip_ends()
                value = _sum(value, self._atom())
            elif not token.is_apart or re.match(r"-(f|join|replace|split)$", token.value, re.IGNORECASE):
                self._to_end()
                return UnknownValue("an expression")
            else:
                break
        return value

    def _to_end(self) -> None:
        while (token := self._peek()) is not None and token.kind != "end":
            if token.kind == "sign" and token.value in ("|", ")", "}"):
                return
            self._position += 1

    def _atom(self) -> Any:
        token = self._peek()
        if token is None:
            return None
        self._position += 1
        if token.kind == "text":
            return self._members(self._joined(token.value))
        if token.kind == "variable":
            return self._members(self._variable(token.value))
        if token.kind == "type":
            return self._typed(token.value)
        if token.kind == "word":
            return _number(token.value)
        if token.value == "@{":
            return self._members(self._table())
        if token.value in ("@(", "$("):
            return self._members(self._list())
        if token.value == "{":
            self._block()
            return UnknownValue("a script block")
        if token.value == "(":
            self._skip_ends()
            value = self._statement()
            self._skip_ends()
            if self._is_sign(")"):
                self._position += 1
            return self._members(value)
        return UnknownValue(f"the sign {token.value}")

    def _variable(self, name: str) -> Any:
        return self._variables.get(name.lower(), UnknownValue(f"the variable ${name}"))

    def _joined(self, parts: list[Any]) -> Any:
        pieces: list[str] = []
        for part in parts:
            if not isinstance(part, VariablePart):
                pieces.append(part)
                continue
            value = self._variable(part.name)
            if isinstance(value, UnknownValue):
                return value
            pieces.append(text_of(value))
        return "".join(pieces)

    def _members(self, value: Any) -> Any:
        """Returns the value of the members and items that follow a value."""
        while (token := self._peek()) is not None and not token.is_apart:
            if token.kind == "word" and re.match(r"\.\w", token.value):
                self._position += 1
                is_call = self._is_sign("(")
                if is_call:
                    self._group()
                value = _member(value, token.value[1:].lower(), is_call=is_call)
            elif token.kind == "sign" and token.value == "[":
                self._group()
                value = UnknownValue("an item")
            else:
                break
        return value

    def _group(self) -> list[Any]:
        """Returns the values in a group of brackets, whose first one is next."""
        opening = self._tokens[self._position].value
        closing = {"(": ")", "[": "]"}[opening]
        self._position += 1
        values = []
        while self._peek() is not None and not self._is_sign(closing):
            start = self._position
            values.append(self._expression())
            if self._position == start or self._is_sign(","):
                self._position += 1
        self._position += 1
        return values

    def _typed(self, name: str) -> Any:
        """Returns the value after a type: a cast, or a static method."""
        if not self._is_sign("::"):
            value = self._atom()
            if name == "ordered" and isinstance(value, dict):
                return OrderedTable(value)
            if name in ("pscustomobject", "string", "hashtable", "object[]", "array") or name.startswith(
                "int"
            ):
                return value
            return UnknownValue(f"[{name}]")
        self._position += 1
        token = self._peek()
        self._position += 1
        method = f"{name.removeprefix('system.')}::{token.value.lower() if token is not None else ''}"
        values = self._group() if self._is_sign("(") else []
        first = values[0] if values else None
        if method == "io.file::readallbytes":
            return self._file(first)
        if method == "io.file::readalltext":
            content = self._file(first)
            return content.decode("utf-8", "surrogateescape") if isinstance(content, bytes) else content
        if method == "convert::tobase64string" and isinstance(first, bytes):
            return base64.b64encode(first).decode()
        if method == "text.encoding::utf8.getbytes" and isinstance(first, str):
            return first.encode("utf-8", "surrogateescape")
        return UnknownValue(f"[{method.replace('::', ']::', 1)}")

    def _table(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek() is not None:
            self._skip_ends()
            if self._is_sign("}"):
                self._position += 1
                break
            key = self._atom()
            if not self._is_sign("="):
                raise DocumentError("the PowerShell script has a hash table that is not complete")
            self._position += 1
            self._skip_ends()
            found[text_of(key)] = self._pipeline()
        return found

    def _block(self) -> None:
        """Follows the statements of a block once."""
        while self._peek() is not None:
            self._skip_ends()
            if self._is_sign("}"):
                self._position += 1
                return
            start = self._position
            self._statement()
            if self._position == start:
                self._position += 1

    def _list(self) -> list[Any]:
        items: list[Any] = []
        while self._peek() is not None:
            self._skip_ends()
            if self._is_sign(")"):
                self._position += 1
                break
            start = self._position
            value = self._pipeline()
            items += value if isinstance(value, list) else [value]
            if self._is_sign(",") or self._position == start:
                self._position += 1
        return items


def _number(word: str) -> Any:
    if re.fullmatch(r"[+-]?\d{1,18}", word):
        return int(word)
    if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d{1,3})?", word):
        return float(word)
    return word


def _sum(left: Any, right: Any) -> Any:
    for value in (left, right):
        if isinstance(value, UnknownValue):
            return value
    if isinstance(left, str):
        return left + text_of(right)
    if isinstance(left, list):
        return [*left, *(right if isinstance(right, list) else [right])]
    is_numbers = isinstance(left, int | float) and isinstance(right, int | float)
    return left + right if is_numbers else UnknownValue("an expression")


def _member(value: Any, name: str, *, is_call: bool) -> Any:
    if isinstance(value, dict) and not is_call:
        found = {key.lower(): item for key, item in value.items()}
        return found.get(name)
    if isinstance(value, str) and name == "trim" and is_call:
        return value.strip()
    return UnknownValue(f"the member {name}")


def text_of(value: Any) -> str:
    """Returns a value as a text, as PowerShell converts it."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return _TYPE_NAMES[isinstance(value, OrderedTable)]
    if isinstance(value, list):
        return " ".join(map(text_of, value))
    return str(value)


def _json(value: Any, depth: int) -> Any:
    """Returns the text of ConvertTo-Json: what is deeper than its depth is written as a text."""
    unknown = unknown_in(value)
    return unknown if unknown is not None else json.dumps(_limited(value, depth, 0))


def _limited(value: Any, depth: int, level: int) -> Any:
    if not isinstance(value, dict | list):
        return (
            value.name if isinstance(value, FileItem) else list(value) if isinstance(value, bytes) else value
        )
    if level > depth:
        return text_of(value)
    if isinstance(value, dict):
        return {key: _limited(item, depth, level + 1) for key, item in value.items()}
    return [_limited(item, depth, level + 1) for item in value]


def unknown_in(value: Any) -> UnknownValue | None:
    """Returns the first unknown value in a value; `None` if all of it is known."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, UnknownValue):
            return item
        left += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return None
