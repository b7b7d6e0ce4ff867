"""The tokens of a PowerShell script."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple, TypeAlias

from ovms_doctor.inputs import DocumentError
from ovms_doctor.model.pattern import lazy_pattern

#: `splat` is `@name`; `type` is `[name]`; a `sign` is itself, such as `@{`, `(` or `|`; `end` ends a statement.
TokenKind: TypeAlias = Literal["text", "variable", "splat", "type", "word", "sign", "end"]


class Token(NamedTuple):
    """One token."""

    #: Its kind.
    kind: TokenKind
    #: The text; of a text with variables, its parts.
    value: Any
    #: Whether white space precedes it.
    is_apart: bool


class VariablePart(NamedTuple):
    """A variable in a text."""

    #: The name; of an expression in a text, the expression.
    name: str


_COMMENT = lazy_pattern(r"<#.*?#>|#[^\n]*", re.DOTALL)
_SPACE = lazy_pattern(r"(?:[ \t\r]|`\r?\n)+")
_VARIABLE = lazy_pattern(r"\$(?:\{([^}\n]+)\}|((?:[A-Za-z]+:)?\w+))")
_HERE = lazy_pattern(r"@(['\"])[ \t]*\r?\n(.*?)\r?\n\1@", re.DOTALL)
_EMPTY_HERE = lazy_pattern(r"@(['\"])[ \t]*\r?\n\1@")
_TYPE = lazy_pattern(r"\[[A-Za-z][\w.]*(?:\[\])?\]")
_SPLAT = lazy_pattern(r"@([A-Za-z_]\w*)")
_WORD = lazy_pattern(r"(?:[^\s;|(){},=`'\"$@#\[\]]|`.|(?<=\S)[@#\[\]])+")
_SIGNS = ("@{", "@(", "$(", "::", "(", ")", "{", "}", ",", "=", "|", "[", "]", "@", "$")
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "e": "\x1b",
}
_MOST_TOKENS = 200_000


def tokens_of(text: str) -> list[Token]:
    """Returns the tokens of a script. Raises DocumentError for a text without its end."""
    found: list[Token] = []
    position, is_apart = 0, True
    while position < len(text):
        if len(found) > _MOST_TOKENS:
            raise DocumentError("the PowerShell script is too long")
        space = _SPACE.match(text, position) or (_COMMENT.match(text, position) if is_apart else None)
        if space is not None:
            position, is_apart = space.end(), True
            continue
        token, position = _token_at(text, position, is_apart)
        found.append(token)
        is_apart = token.kind == "end" or token.value in ("(", "{", "@{", "@(", "=", "|", ",")
    return found


def _token_at(text: str, position: int, is_apart: bool) -> tuple[Token, int]:
    letter = text[position]
    if letter in "\n;":
        return Token("end", letter, is_apart), position + 1
    here = _EMPTY_HERE.match(text, position) or _HERE.match(text, position)
    if here is not None:
        content = here[2] if here.re.groups > 1 else ""
        return Token(
            "text", _parts(content, is_here=True) if here[1] == '"' else [content], is_apart
        ), here.end()
    if letter == "'":
        end = re.compile(r"'((?:[^']|'')*)'").match(text, position)
        if end is None:
            raise DocumentError("the PowerShell script is not complete: a text has no end")
        return Token("text", [end[1].replace("''", "'")], is_apart), end.end()
    if letter == '"':
        end = re.compile(r'"((?:[^"`]|`.|"")*)"', re.DOTALL).match(text, position)
        if end is None:
            raise DocumentError("the PowerShell script is not complete: a text has no end")
        return Token("text", _parts(end[1]), is_apart), end.end()
    if letter == "$":
        variable = _VARIABLE.match(text, position)
        if variable is not None:
            return Token("variable", variable[1] or variable[2], is_apart), variable.end()
    for pattern, kind in ((_TYPE, "type"), (_SPLAT, "splat")):
        match = pattern.match(text, position)
        if match is not None:
            name = match[0][1:-1] if kind == "type" else match[1]
            return Token(kind, name.lower(), is_apart), match.end()  # type: ignore[arg-type]
    sign = next((item for item in _SIGNS if text.startswith(item, position)), None)
    if sign is not None:
        return Token("sign", sign, is_apart), position + len(sign)
    word = _WORD.match(text, position)
    if word is None:
        return Token("word", letter, is_apart), position + 1
    return Token("word", re.sub(r"`(.)", r"\1", word[0]), is_apart), word.end()


def _parts(text: str, *, is_here: bool = False) -> list[str | VariablePart]:
    """Returns the parts of a text in double quotes."""
    parts: list[str | VariablePart] = []
    plain: list[str] = []
    position = 0
    while position < len(text):
        letter = text[position]
        following = text[position + 1 : position + 2]
        if letter == "`" and following:
            plain.append(_ESCAPES.get(following, following))
            position += 2
            continue
        if letter == '"' and following == '"' and not is_here:
            plain.append('"')
            position += 2
            continue
        variable = _VARIABLE.match(text, position) if letter == "$" else None
        if variable is not None or (letter == "$" and following == "("):
            parts.append("".join(plain))
            plain = []
            name = variable[1] or variable[2] if variable is not None else "(…)"
            parts.append(VariablePart(name))
            position = variable.end() if variable is not None else _end_of_expression(text, position)
            continue
        plain.append(letter)
        position += 1
    return [*parts, "".join(plain)]


def _end_of_expression(text: str, position: int) -> int:
    depth = 0
    for index in range(position + 1, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index + 1
    return len(text)
