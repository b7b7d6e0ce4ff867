"""One command of a shell script, with the content of its standard input. Nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from msgspec import Struct

from ovms_doctor.inputs import DocumentError
from ovms_doctor.model.pattern import lazy_pattern

#: Precedes the name of a variable that no line of the script sets, or `(` of a substituted command.
UNKNOWN = "\ue000"
_COMMAND = lazy_pattern(
    r"(?:^|[|;&])[ \t]*(?:[$#>] ?)?(?:[A-Za-z_]\w*=[^\s|;&]*[ \t]+)*(?:sudo[ \t]+|time[ \t]+)?"
    r"(curl|grpcurl|wget|http|https|xh)(?:\.exe)?[ \t]+(?![=.(])",
    re.MULTILINE,
)
_PYTHON = lazy_pattern(r"^(?:import|from)[ \t]+\w", re.MULTILINE)
_HERE = lazy_pattern(r"<<-?[ \t]*(['\"]?)(\w+)\1([^\n]*)\n(.*?)^[ \t]*\2[ \t]*$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = lazy_pattern(
    r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=('[^']*'|\"(?:[^\"\\$`]|\\.)*\"|[^\s$`;|&'\"()]*)[ \t]*(?:;|$)",
    re.MULTILINE,
)
_USE = lazy_pattern(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*)|\([^()]*\))|`[^`]*`")
_MOST_HERE_DOCUMENTS = 100
_SEPARATORS = ";|&<>\n"


class ShellCommand(Struct, frozen=True):
    """A command and its input."""

    #: The arguments after its name.
    words: tuple[str, ...]
    #: Its standard input, `None` if that is the terminal.
    stdin: str | None = None
    #: The file of the standard input; `None` if it is not a file.
    stdin_file: str | None = None


def program_of(text: str) -> str | None:
    """Returns the program with which a command line or script sends its first request; `None` if a text is neither."""
    if text.lstrip()[:1] in ("{", "[", '"', ""):
        return None
    text = _without_comments(text)
    match = _COMMAND.search(text)
    if match is None or _PYTHON.search(text, 0, match.start()):
        return None
    return match[1]


def command(text: str, program: str) -> ShellCommand:
    """Returns the first command of a script that is `program`. Raises DocumentError if it cannot be parsed."""
    text = _without_comments(text.strip())
    known = {match[1]: _value(match[2]) for match in _ASSIGNMENT.finditer(text)}
    here_documents: list[str] = []

    def keep(match: re.Match[str]) -> str:
        content = match[4] if match[1] else _USE.sub(lambda use: _known(use, known), match[4])
        here_documents.append(content)
        return f"<<< {UNKNOWN}{len(here_documents) - 1}{match[3]}\n"

    if text.count("<<") <= _MOST_HERE_DOCUMENTS:
        text = _HERE.sub(keep, text)
    text = re.sub(r"[\\^`]\r?\n", " ", text)
    words = _split(_expanded(text, known))
    start = _first(words, program)
    if start is None:
        raise DocumentError(f"this is not a {program} command line")
    own, stdin, file = _own(words[start + 1 :], here_documents)
    before = _statement_before(words, start)
    if stdin is None and file is None and start > len(before) and words[start - len(before) - 1] == "|":
        stdin, file = _piped(_statement_before(words, start - len(before) - 1))
    return ShellCommand(tuple(own), stdin, file)


def refuse_unknown(text: str) -> None:
    """Raises DocumentError for a text with an unknown part."""
    match = re.search(f"{UNKNOWN}(\\w*)", text)
    if match is not None:
        unknown = f"the shell variable {match[1]}" if match[1] else "a command that the shell would run"
        raise DocumentError(
            f"the body contains the value of {unknown}, which is not known. Give the body itself."
        )


def as_typed(text: str) -> str:
    """Returns a text with its unknown parts in shell syntax."""
    return text.replace(f"{UNKNOWN}(", "$(…").replace(UNKNOWN, "$")


def as_bytes(text: str) -> bytes:
    """Returns the bytes of a part of the script, which was decoded with the escape for bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _without_comments(text: str) -> str:
    stripped = re.sub(r"(?m)^[ \t]*#[^\n]*$", "", text)
    # If no command remains, the sign may be the prompt of root.
    return stripped if _COMMAND.search(stripped) else re.sub(r"^\s*# ?", "", text)


def _value(text: str) -> str:
    if text[:1] == "'":
        return text[1:-1]
    return re.sub(r"\\([\"\\$`])", r"\1", text[1:-1]) if text[:1] == '"' else text


def _known(use: re.Match[str], known: dict[str, str]) -> str:
    name = use[1] or use[2]
    if not name:
        return f"{UNKNOWN}("
    return known.get(name, f"{UNKNOWN}{name}")


def _expanded(text: str, known: dict[str, str]) -> str:
    """Returns the text with its variables replaced, outside single quotes."""
    pieces: list[str] = []
    position, quote = 0, ""
    while position < len(text):
        letter = text[position]
        if letter == "\\" and quote != "'":
            pieces.append(text[position : position + 2])
            position += 2
            continue
        if letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        elif letter == "$" and not quote and text[position + 1 : position + 2] == "'":
            # A request has few escapes in $'…'; only its quotes matter.
            position += 1
            continue
        elif letter in "$`" and quote != "'":
            use = _USE.match(text, position)
            if use is not None:
                value = _known(use, known)
                pieces.append(
                    re.sub(r'(["\\$`])', r"\\\1", value)
                    if quote
                    else re.sub(r"([^\w./:@%+,-])", r"\\\1", value)
                )
                position = use.end()
                continue
        pieces.append(letter)
        position += 1
    return "".join(pieces)


def _split(text: str) -> list[str]:
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=_SEPARATORS)
        lexer.whitespace = " \t\r"
        lexer.whitespace_split = True
        lexer.commenters = ""
        return list(lexer)
    except ValueError as error:
        raise DocumentError(f"the command line is not complete: {error}") from None


def _is_separator(word: str) -> bool:
    return bool(word) and not word.strip(_SEPARATORS)


def _ends(word: str) -> bool:
    return _is_separator(word) and any(letter in ";|&\n" for letter in word)


def _statement_before(words: Sequence[str], index: int) -> list[str]:
    start = index
    while start and not _ends(words[start - 1]):
        start -= 1
    return list(words[start:index])


def _is_prefix(word: str) -> bool:
    return (
        word in ("sudo", "time", "$", "#", ">", "do", "then", "!", "(") or re.match(r"\w+=", word) is not None
    )


def _first(words: Sequence[str], program: str) -> int | None:
    """Returns the index of the first word that starts the program."""
    at_start = True
    for index, word in enumerate(words):
        if _ends(word):
            at_start = True
        elif at_start and re.fullmatch(rf"(?:.*/)?{program}(?:\.exe)?", word):
            return index
        else:
            at_start = at_start and _is_prefix(word)
    return None


def _own(words: Sequence[str], here_documents: Sequence[str]) -> tuple[list[str], str | None, str | None]:
    """Returns the words up to the end of the command, and the text or file that is redirected into it."""
    own: list[str] = []
    stdin = file = None
    position = 0
    while position < len(words) and not _ends(words[position]):
        word = words[position]
        if _is_separator(word):
            target = words[position + 1] if position + 1 < len(words) else ""
            if word == "<":
                file = target
            elif word == "<<<":
                index = re.fullmatch(rf"{UNKNOWN}([0-9]{{1,4}})", target)
                stdin = (
                    here_documents[int(index[1])]
                    if index and int(index[1]) < len(here_documents)
                    else f"{target}\n"
                )
            position += 2
            continue
        own.append(word)
        position += 1
    return own, stdin, file


def _piped(words: Sequence[str]) -> tuple[str | None, str | None]:
    """Returns the output of the command before a pipe: text, or a file's content."""
    match list(words):
        case ["cat", name] if not name.startswith("-"):
            return None, name
        case ["echo", *rest]:
            plain = [item for item in rest if item not in ("-n", "-e", "-E")]
            return " ".join(plain) + ("" if "-n" in rest else "\n"), None
        case ["printf", text] | ["printf", "%s" | "%s\\n", text]:
            return text, None
    return f"{UNKNOWN}(", None
