"""``${NAME}`` in a Compose file, and its environment files (compose-go, template and dotenv).

The values replace their names; no message and no note contains one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.model.pattern import lazy_pattern

_NAME = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_BRACED = lazy_pattern(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])(.*))?", re.ASCII | re.DOTALL)
_KEY = lazy_pattern(r"(?:export[ \t]+)?([\w.\-\[\]]+)[ \t]*(?:([=:])[ \t]*|(?=\n|$|#))")
_ESCAPE = lazy_pattern(r'\\([abcfnrtv$"\\])')
_ESCAPED = {
    "a": "\a",
    "b": "\b",
    "c": "\\c",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "$": "$$",
    '"': '"',
    "\\": "\\",
}
_DEEPEST = 20


class Interpolation(Struct):
    """The interpolation of a document.

    ``variables``: the variables by name.
    ``used``: the names that had a value.
    ``unset``: the names that had none, for which Compose inserts an empty text.
    """

    variables: Mapping[str, str]
    used: set[str] = field(default_factory=set)
    unset: set[str] = field(default_factory=set)

    def data(self, value: Any) -> Any:
        """Returns ``value`` with every text in it interpolated; names in mappings are not changed."""
        if isinstance(value, str):
            return self.text(value) if "$" in value else value
        if isinstance(value, dict):
            return {name: self.data(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.data(item) for item in value]
        return value

    def text(self, text: str, depth: int = 0) -> str:
        """Returns ``text`` interpolated. Raises RefusedValueError if Compose would refuse it."""
        parts, at = [], 0
        while (dollar := text.find("$", at)) >= 0:
            parts.append(text[at:dollar])
            following = text[dollar + 1 : dollar + 2]
            name = _NAME.match(text, dollar + 1)
            if following == "$":
                parts.append("$")
                at = dollar + 2
            elif following == "{":
                end = _closing(text, dollar + 1)
                parts.append(self.braced(text[dollar + 2 : end], depth))
                at = end + 1
            elif name:
                parts.append(self.look_up(name[0]) or "")
                at = name.end()
            else:
                parts.append("$")
                at = dollar + 1
        return "".join([*parts, text[at:]])

    def braced(self, body: str, depth: int) -> str:
        match = _BRACED.fullmatch(body)
        if match is None or depth > _DEEPEST:
            raise RefusedValueError(
                "a value has a ${…} that is not a valid variable; write $$ for a dollar sign"
            )
        name, operator, rest = match[1], match[2] or "", match[3] or ""
        is_set = name in self.variables and not (operator.startswith(":") and not self.variables[name])
        if operator.endswith("?") and not is_set:
            raise RefusedValueError(f"the variable {name} has no value, and the file requires one")
        if operator.endswith("+"):
            return self.text(rest, depth + 1) if is_set else ""
        if operator.endswith("-") and not is_set:
            return self.text(rest, depth + 1)
        return self.look_up(name) or ""

    def look_up(self, name: str) -> str | None:
        value = self.variables.get(name)
        (self.unset if value is None else self.used).add(name)
        return value

    def hide(self, message: str) -> str:
        """Returns ``message`` without the inserted values."""
        for name in sorted(self.used, key=lambda item: -len(self.variables[item])):
            value = self.variables[name]
            if len(value) > 2:
                message = message.replace(value, f"${name}").replace(for_message(value), f"${name}")
        return message


def read_env_file(text: str, variables: Mapping[str, str], name: str) -> dict[str, str]:
    """Returns the variables of an environment file as Compose reads it: quotes, comments, ``export``, interpolation.

    A name without a value gets the value in ``variables``, and is left out if it has none there. ``name``: the file,
    for messages.
    """
    found: dict[str, str] = {}
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        if text[at] == "#":
            at = _line_end(text, at)
            continue
        key = _KEY.match(text, at)
        line = text.count("\n", 0, at) + 1
        if key is None:
            raise RefusedValueError(f"line {line} of {name} is not a variable")
        at = key.end()
        if key[2] is None:
            if key[1] in variables:
                found[key[1]] = variables[key[1]]
            at = _line_end(text, at)
            continue
        lookup = {**variables, **found}
        found[key[1]], at = _value(text, at, Interpolation(lookup), f"line {line} of {name}")
    return found


def _value(text: str, at: int, interpolation: Interpolation, position: str) -> tuple[str, int]:
    quote = text[at : at + 1]
    if quote not in ("'", '"') or not quote:
        end = _line_end(text, at)
        return interpolation.text(text[at:end].partition(" #")[0].rstrip()), end
    end, parts = at + 1, []
    while end < len(text) and text[end] != quote:
        if text[end] == "\\" and end + 1 < len(text):
            parts.append(text[end + 1] if text[end + 1] == quote else text[end : end + 2])
            end += 2
        else:
            parts.append(text[end])
            end += 1
    if end >= len(text):
        raise RefusedValueError(f"{position} has a quote that is not closed")
    value = "".join(parts)
    if quote == '"':
        value = interpolation.text(_ESCAPE.sub(lambda match: _ESCAPED[match[1]], value))
    return value, end + 1


def _closing(text: str, start: int) -> int:
    depth, at = 0, start
    while at < len(text):
        if text.startswith("${", at):
            depth, at = depth + 1, at + 1
        elif at == start:
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    raise RefusedValueError("a value has a ${ that is not closed; write $$ for a dollar sign")


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
