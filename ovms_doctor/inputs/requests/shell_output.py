"""The output of commands that only write out a text or a file, such as `cat FILE`; no command is run."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable

from ovms_doctor.inputs import DocumentError

#: The letters in a line of `base64` without an option.
_LINE_LENGTH = 76


def output_of(command: str, read_file: Callable[[str], bytes]) -> str | None:
    """Returns what a substitution such as `$(cat FILE)` inserts, without the line ends at its end; `None` if it is not
    known."""
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars="<>|;&")
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:
        return None
    is_joined = words[-4:-1] == ["|", "tr", "-d"] and words[-1] in ("\\n", "\n")
    content = _content(words[:-4] if is_joined else words, read_file)
    if content is None:
        return None
    text = content.decode("utf-8", "surrogateescape").rstrip("\n")
    return text.replace("\n", "") if is_joined else text


def _content(words: list[str], read_file: Callable[[str], bytes]) -> bytes | None:
    try:
        match words:
            case ["cat", name] | ["<", name] | ["cat", "<", name] if not name.startswith("-"):
                return read_file(name)
            case ["base64", *options, name] if not name.startswith("-"):
                return _base64([item for item in options if item != "<"], read_file(name))
            case ["cat", name, "|", "base64", *options]:
                return _base64(options, read_file(name))
    except DocumentError:
        return None
    return None


def _base64(options: list[str], content: bytes) -> bytes | None:
    """Returns the output of `base64`; `None` for an option that is not known. `-i` is the input on macOS, which does
    not break lines."""
    encoded = base64.b64encode(content)
    match options:
        case ["-w0" | "-w=0" | "--wrap=0" | "-i"] | ["-w" | "--wrap", "0"] | ["-w", "0", "-i"]:
            return encoded
        case []:
            lines = range(0, len(encoded), _LINE_LENGTH)
            return b"\n".join(encoded[start : start + _LINE_LENGTH] for start in lines)
    return None
