"""The parts of a shell's language that stand for something else: ``$(…)``, ``${…}``, ``$'…'``."""

from __future__ import annotations

import re

from msgspec import Struct

from ovms_doctor.inputs import DocumentError

_ESCAPES = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_NUMBERED = re.compile(r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})")
_DEEPEST = 50


class ShellContext(Struct, frozen=True):
    """What an expansion may be answered with: the home directory, the working directory and the uid and gid of
    the user who is to give the command."""

    home: str
    working_directory: str
    ids: tuple[int, int] | None = None


def substitution(body: str, given: ShellContext, directory: str | None) -> str | None:
    """What the command in ``$(…)`` prints, None where that is not known from here."""
    command = " ".join(body.replace('"', "").split())
    if command in ("pwd", "pwd -P", "pwd -L", "echo $PWD", "realpath .", "readlink -f ."):
        return directory
    if command in ("echo $HOME", "echo ~"):
        return given.home
    if command in ("id -u", "id -ru", "id --user") and given.ids:
        return str(given.ids[0])
    if command in ("id -g", "id -rg", "id --group") and given.ids:
        return str(given.ids[1])
    return None


def unknown_name(kind: str, body: str) -> str:
    """How an expansion is named to a person: of a command its first word only, for the rest may hold a secret."""
    word = re.match(r"\s*([A-Za-z_][\w.+-]{0,30})(?=[\s:%#/^,?=+-]|$)", body, re.ASCII)
    if kind == "(":
        return f"$({word[1]} …)" if word and "=" not in body[: word.end() + 1] else "$(…)"
    name = re.match(r"[A-Za-z_][A-Za-z0-9_]{0,60}", body, re.ASCII)
    return f"${name[0]}" if name else "$" + (body if len(body) == 1 else "{…}")


def closing(text: str, start: int) -> int:
    """The place of the bracket that closes the one at ``start``, quotes and inner ones passed over."""
    pairs = {"(": ")", "{": "}"}
    open_now = [pairs[text[start]]]
    at, quoted = start + 1, False
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == '"':
            quoted = not quoted
        elif char == "'" and not quoted:
            end = text.find("'", at + 1)
            at = len(text) if end < 0 else end
        elif char == open_now[-1] and not quoted:
            open_now.pop()
            if not open_now:
                return at
        elif char in pairs and not quoted and (char == "(" or text[at - 1] == "$"):
            open_now.append(pairs[char])
            if len(open_now) > _DEEPEST:
                break
        at += 1
    raise DocumentError(f"${text[start]} is opened and never closed.")


def ansi_c(text: str, start: int) -> tuple[str, int]:
    """The text of ``$'…'`` whose inside begins at ``start``, and the place after its end."""
    value: list[str] = []
    at = start
    while at < len(text):
        char = text[at]
        if char == "'":
            return _with_bytes("".join(value)), at + 1
        if char != "\\":
            value.append(char)
            at += 1
            continue
        number = _NUMBERED.match(text, at + 1)
        if number:
            value.append(_numbered(number))
            at = number.end()
        else:
            following = text[at + 1 : at + 2]
            value.append(_ESCAPES.get(following, "\\" + following))
            at += 2
    raise DocumentError("A quote ($') is opened and never closed.")


def _with_bytes(text: str) -> str:
    """Bytes that were written one by one may be a character together."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeError:
        return text


def _numbered(match: re.Match[str]) -> str:
    byte, *wide = match.groups()
    octal = wide.pop()
    if byte or octal:
        code = int(byte, 16) if byte else int(octal, 8) & 0xFF
        # A byte of its own, as os.fsdecode would give it.
        character = chr(code) if code < 0x80 else chr(0xDC00 + code)
    else:
        code = int(wide[0] or wide[1], 16)
        character = chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "?"
    if character == "\0":
        raise DocumentError("The line holds a NUL, which no command line can.")
    return character
