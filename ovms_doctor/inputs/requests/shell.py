"""One command of a shell script, with the content of its standard input. Nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

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
_WRITTEN_PYTHON = lazy_pattern(
    r"^[ \t]*(?:[$#>] )?(?:echo(?:[ \t]+-[neE]+)?|python[\d.]*[ \t]+-c)[ \t]+"
    r"(['\"])\s*((?:import|from)[ \t]+\w.*?)(?<!\\)\1[ \t]*(?:>|$)",
    re.MULTILINE | re.DOTALL,
)
_MOST_HERE_DOCUMENTS = 100
#: The most commands of a script that are read.
_MOST_COMMANDS = 50
_PROGRAMS = ("curl", "grpcurl", "wget", "http", "https", "xh")
_PROGRAM = lazy_pattern(rf"(?:.*/)?({'|'.join(_PROGRAMS)})(?:\.exe)?")
_SEPARATORS = ";|&<>\n"
ReadFile = Callable[[str], bytes]


class ShellCommand(Struct, frozen=True):
    """A command and its input."""

    #: The program: `curl`, `grpcurl`.
    program: str
    #: The arguments after its name.
    words: tuple[str, ...]
    #: Its standard input, `None` if that is the terminal.
    stdin: str | None = None
    #: The file of the standard input; `None` if it is not a file.
    stdin_file: str | None = None
    #: The option with which the next line begins, which is no part of the command; empty if there is none.
    next_option: str = ""


def program_of(text: str) -> str | None:
    """Returns the program with which a command line or script sends its first request; `None` if a text is neither."""
    if text.lstrip()[:1] in ("{", "[", '"', ""):
        return None
    text = _without_comments(text)
    match = _COMMAND.search(text)
    if match is None or _PYTHON.search(text, 0, match.start()):
        return None
    return match[1]


def commands(text: str) -> list[ShellCommand]:
    """Returns the commands of a script that send requests. Raises DocumentError if it cannot be parsed."""
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
    return [
        _command_at(words, start, program, here_documents)
        for start, program in _starts(words)[:_MOST_COMMANDS]
    ]


def _command_at(
    words: Sequence[str], start: int, program: str, here_documents: Sequence[str]
) -> ShellCommand:
    own, stdin, file = _own(words[start + 1 :], here_documents)
    before = _statement_before(words, start)
    if stdin is None and file is None and start > len(before) and words[start - len(before) - 1] == "|":
        stdin, file = _piped(_statement_before(words, start - len(before) - 1))
    after = start + 1 + len(own)
    is_line_end = stdin is None and file is None and list(words[after : after + 1]) == ["\n"]
    following = words[after + 1] if is_line_end and after + 1 < len(words) else ""
    return ShellCommand(program, tuple(own), stdin, file, following if following.startswith("-") else "")


def python_in(text: str) -> str | None:
    """Returns the Python script that a shell script writes to a file or gives to Python; `None` if it has none."""
    written = _WRITTEN_PYTHON.search(text)
    if written is not None:
        return written[2] if written[1] == "'" else re.sub(r"\\([\"\\$`])", r"\1", written[2])
    for here in _HERE.finditer(text) if text.count("<<") <= _MOST_HERE_DOCUMENTS else ():
        line = text[text.rfind("\n", 0, here.start()) + 1 : here.start()] + here[3]
        if _PYTHON.search(here[4]) and re.search(r"\.py\b|\bpython[\d.]*\b", line):
            return here[4]
    return None


def refuse_unknown(text: str, part: str = "the body") -> None:
    """Raises DocumentError for a text with an unknown part."""
    match = re.search(f"{UNKNOWN}(\\w*)", text)
    if match is not None:
        unknown = f"the shell variable {match[1]}" if match[1] else "a command that the shell would run"
        raise DocumentError(
            f"{part} contains the value of {unknown}, which is not known. Give {part} itself."
        )


def url_of(text: str) -> tuple[str, str]:
    """Returns the address and the path of a URL of a command line. Raises DocumentError if the path is not known."""
    url = text if "://" in text else f"http://{text}"
    match = re.match(r"[a-zA-Z][\w+.-]*://([^/?#]*)(/[^?#]*)?", url)
    address, path = (match[1], match[2] or "/") if match else ("", "/")
    refuse_unknown(path, "the path of the URL")
    return as_typed(address), path


def as_typed(text: str) -> str:
    """Returns a text with its unknown parts in shell syntax."""
    return text.replace(f"{UNKNOWN}(", "$(…").replace(UNKNOWN, "$")


def input_of(found: ShellCommand, name: str, read_file: ReadFile) -> bytes:
    """Returns the content of a file that a command names, or of its standard input for `-`."""
    if name != "-" or (found.stdin is None and found.stdin_file is None):
        refuse_unknown(name)
        return read_file(name)
    if found.stdin_file is not None:
        refuse_unknown(found.stdin_file)
        return read_file(found.stdin_file)
    refuse_unknown(found.stdin or "")
    return as_bytes(found.stdin or "")


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


def _starts(words: Sequence[str]) -> list[tuple[int, str]]:
    """Returns the indexes of the words that start a program, with the program."""
    found: list[tuple[int, str]] = []
    at_start = True
    for index, word in enumerate(words):
        if _ends(word):
            at_start = True
        elif at_start and (match := _PROGRAM.fullmatch(word)):
            found.append((index, match[1]))
            at_start = False
        else:
            at_start = at_start and _is_prefix(word)
    return found


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
