"""One command of a shell script, with the content of its standard input. Nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.pasted_text import without_prompts
from ovms_doctor.inputs.requests.shell_output import output_of
from ovms_doctor.inputs.requests.windows_command import is_windows, windows_words
from ovms_doctor.model.pattern import lazy_pattern

#: Precedes the name of a variable that no line of the script sets, or `(` of a substituted command.
UNKNOWN = "\ue000"
#: Words before a command that do not change it.
_PREFIXES = (
    "sudo", "time", "nohup", "exec", "command", "env", "if", "elif", "while", "until", "then", "else", "do", "!", "{",
    "(",
)  # fmt: skip
#: Programs that run the command in their last arguments.
_WRAPPERS = ("docker", "podman", "kubectl", "oc", "ssh", "timeout", "watch")
_COMMAND = lazy_pattern(
    r"(?:^|[|;&])[ \t]*(?:[$#>] ?)?(?:[A-Za-z_]\w*=[^\s|;&]*[ \t]+)*"
    rf"(?:(?:{'|'.join(map(re.escape, _PREFIXES))})[ \t]+)*"
    rf"(?:(?:{'|'.join(_WRAPPERS)})[ \t][^\n|;&]{{0,300}}?[ \t])?"
    r"(curl|grpcurl|wget|http|https|xh)(?:\.exe)?[ \t]+(?![=.(])",
    re.MULTILINE,
)
#: A substitution whose command sends a request.
_TAKEN = lazy_pattern(r"(\"?)\$\([ \t]*(?=(?:curl|grpcurl|wget|https?|xh)(?:\.exe)?[ \t])")
#: A variable with the content of a here document.
_READ_HERE = lazy_pattern(
    r"^[ \t]*(?:([A-Za-z_]\w*)=\"?\$\([ \t]*cat[ \t]*|read[ \t][^\n|;&<]{0,100}?\b([A-Za-z_]\w*)[ \t]*)"
    r"<<-?[ \t]*(['\"]?)(\w+)\3[ \t]*\n(.*?)^[ \t]*\4[ \t]*$(?(1)\s*\)\"?)",
    re.MULTILINE | re.DOTALL,
)
#: The escapes of `$'…'`.
_ANSI_ESCAPE = lazy_pattern(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|([0-7]{1,3})|(.))", re.DOTALL)
_ANSI_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_PYTHON = lazy_pattern(r"^(?:import|from)[ \t]+\w", re.MULTILINE)
_HERE = lazy_pattern(r"<<-?[ \t]*(['\"]?)(\w+)\1([^\n]*)\n(.*?)^[ \t]*\2[ \t]*$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = lazy_pattern(
    r"(?:^|;|&&)[ \t]*(?:(?:export|readonly|local|declare)[ \t]+)?([A-Za-z_]\w*)="
    r"('[^']*'|\"(?:[^\"\\]|\\.)*\"|\$\([^()\n]*\)|[^\s;|&'\"()]*)[ \t]*(?=;|&&|$)",
    re.MULTILINE,
)
#: A use of a variable or of the output of a command; of a variable, its name and the value if it is not set.
_USE = lazy_pattern(
    r"\$(?:\{(\w+)(?::?[-=]([^{}]*))?\}|([A-Za-z_]\w*|[\d@*#?])|\{[^{}\n]*\}|\([^()]*\))|`[^`]*`"
)
_WRITTEN_PYTHON = lazy_pattern(
    r"^[ \t]*(?:[$#>] )?(?:echo(?:[ \t]+-[neE]+)?|python[\d.]*[ \t]+-c)[ \t]+"
    r"(['\"])\s*((?:import|from)[ \t]+\w.*?)(?<!\\)\1[ \t]*(?:>|$)",
    re.MULTILINE | re.DOTALL,
)
_ANSI_QUOTED = lazy_pattern(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_MOST_HERE_DOCUMENTS = 100
#: The most letters that variables are replaced by.
_LONGEST_EXPANSION = 1 << 24
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
    #: Whether it is a command line of `cmd`.
    is_windows: bool = False
    #: The files that the script writes, with their content.
    files: dict[str, str] = {}


def program_of(text: str) -> str | None:
    """Returns the program with which a command line or script sends its first request; `None` if a text is neither."""
    if text.lstrip()[:1] in ("{", "[", '"', ""):
        return None
    text = _statements(text)
    match = _COMMAND.search(text)
    if match is None or _PYTHON.search(text, 0, match.start()):
        return None
    return match[1]


def commands(text: str, read_file: ReadFile | None = None) -> list[ShellCommand]:
    """Returns the commands of a script that send requests. `read_file` returns the content of a file that it writes
    out, as in `$(cat FILE)`. Raises DocumentError if it cannot be parsed."""
    windows = is_windows(text)
    text = _statements(text.strip())
    if windows:
        # What `echo` of cmd writes out is not what it would be as arguments.
        words = [UNKNOWN if word == "echo" else word for word in windows_words(text)]
        return _found(words, (), windows=True)
    known: dict[str, str] = {}
    here_documents: list[str] = []

    length = 0

    def expanded(use: re.Match[str]) -> str:
        nonlocal length
        value = _known(use, known, read_file)
        length += len(value)
        if length > _LONGEST_EXPANSION:
            raise DocumentError("the values of the script's variables are too long to be read")
        return value

    def keep(match: re.Match[str]) -> str:
        content = match[4] if match[1] else _here_document(match[4], expanded)
        here_documents.append(content)
        return f"<<< {UNKNOWN}{len(here_documents) - 1}{match[3]}\n"

    def read_here(match: re.Match[str]) -> str:
        content = match[5] if match[3] else _here_document(match[5], expanded)
        known[match[1] or match[2]] = content.rstrip("\n")
        return ""

    few = text.count("<<") <= _MOST_HERE_DOCUMENTS
    for match in _ASSIGNMENT.finditer(text):
        value = _assigned(match[2], expanded)
        if value != f"{UNKNOWN}(":
            known[match[1]] = value
    if few:
        text = _HERE.sub(keep, _READ_HERE.sub(read_here, text))
    text = re.sub(r"[\\^`]\r?\n", " ", text)
    return _found(_split(_expanded(text, expanded)), here_documents)


def _found(
    words: Sequence[str], here_documents: Sequence[str], *, windows: bool = False
) -> list[ShellCommand]:
    files = _written_files(words, here_documents)
    return [
        replace(_command_at(words, start, program, here_documents), is_windows=windows, files=files)
        for start, program in _starts(words)[:_MOST_COMMANDS]
    ]


def _statements(text: str) -> str:
    """Returns a script without prompts and comments; a command whose output is taken is a statement of its own."""
    text = without_prompts(text)
    pieces: list[str] = []
    position = 0
    for match in _TAKEN.finditer(text):
        if match.start() < position:
            continue
        end = _closing(text, match.end())
        if end < 0:
            break
        after = end + 1
        if match[1] and text[after : after + 1] == '"':
            after += 1
        pieces += [text[position : match.start()], "\n", text[match.end() : end], "\n"]
        position = after
    return _without_comments("".join(pieces) + text[position:])


def _closing(text: str, position: int) -> int:
    """Returns the position of the `)` that ends a substitution; -1 if there is none."""
    depth, quote = 0, ""
    while position < len(text):
        letter = text[position]
        if letter == "\\" and quote != "'":
            position += 1
        elif letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        elif letter == "(" and not quote:
            depth += 1
        elif letter == ")" and not quote:
            if depth == 0:
                return position
            depth -= 1
        position += 1
    return -1


def _command_at(
    words: Sequence[str], start: int, program: str, here_documents: Sequence[str]
) -> ShellCommand:
    own, stdin, file = _own(words[start + 1 :], here_documents)
    before = _statement_before(words, start)
    if stdin is None and file is None and start > len(before) and words[start - len(before) - 1] == "|":
        stdin, file = _piped(_statement_before(words, start - len(before) - 1), here_documents)
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
    refuse_unknown(path if match is not None and match[2] else f"{address}{path}", "the path of the URL")
    return as_typed(address), path


def as_typed(text: str) -> str:
    """Returns a text with its unknown parts in shell syntax."""
    return text.replace(f"{UNKNOWN}(", "$(…").replace(UNKNOWN, "$")


def input_of(found: ShellCommand, name: str, read_file: ReadFile) -> bytes:
    """Returns the content of a file that a command names, or of its standard input for `-`."""
    if name not in ("-", "/dev/stdin") or (found.stdin is None and found.stdin_file is None):
        return _file(found, name, read_file)
    if found.stdin_file is not None:
        return _file(found, found.stdin_file, read_file)
    refuse_unknown(found.stdin or "")
    return as_bytes(found.stdin or "")


def _file(found: ShellCommand, name: str, read_file: ReadFile) -> bytes:
    """Returns the content of a file, which the script itself may have written."""
    refuse_unknown(name)
    content = found.files.get(name)
    if content is None:
        return read_file(name)
    refuse_unknown(content)
    return as_bytes(content)


def as_bytes(text: str) -> bytes:
    """Returns the bytes of a part of the script, which was decoded with the escape for bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _without_comments(text: str) -> str:
    stripped = re.sub(r"(?m)^[ \t]*#[^\n]*$", "", text)
    # If no command remains, the sign may be the prompt of root.
    return stripped if _COMMAND.search(stripped) else re.sub(r"^\s*# ?", "", text)


def _here_document(text: str, value_of: Callable[[re.Match[str]], str]) -> str:
    """Returns the content of a here document whose variables the shell replaces."""
    pieces = re.split(r"(\\[$`\\]|\\\n)", text)
    # The escapes stand between the other parts.
    pieces[1::2] = [piece[1:].strip("\n") for piece in pieces[1::2]]
    pieces[::2] = [_USE.sub(value_of, piece) for piece in pieces[::2]]
    return "".join(pieces)


def _assigned(text: str, value_of: Callable[[re.Match[str]], str]) -> str:
    """Returns the value that an assignment gives to a variable."""
    if text[:1] == "'":
        return text[1:-1]
    if text[:1] == '"':
        return re.sub(r"\\([\"\\$`])", r"\1", _expanded(text, value_of)[1:-1])
    return _USE.sub(value_of, text)


def _known(use: re.Match[str], known: dict[str, str], read_file: ReadFile | None) -> str:
    name = use[1] or use[3]
    if name:
        return known.get(name, f"{UNKNOWN}{name}" if use[2] is None else use[2])
    if use[0].startswith("${"):
        return f"{UNKNOWN}("
    command = use[0][1:-1] if use[0].startswith("`") else use[0][2:-1]
    output = output_of(command, read_file) if read_file is not None else None
    return f"{UNKNOWN}(" if output is None else output


def _expanded(text: str, value_of: Callable[[re.Match[str]], str]) -> str:
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
            quoted = _ANSI_QUOTED.match(text, position)
            if quoted is not None:
                pieces.append(_escaped(_ANSI_ESCAPE.sub(_ansi_letter, quoted[1])))
                position = quoted.end()
                continue
        elif letter == "#" and not quote and text[position - 1 : position] in (" ", "\t"):
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
            continue
        elif letter in "$`" and quote != "'":
            use = _USE.match(text, position)
            if use is not None:
                value = value_of(use)
                if quote:
                    pieces.append(re.sub(r'(["\\$`])', r"\\\1", value))
                else:
                    # Without quotes around it, the shell splits a value at its blanks.
                    pieces.append(" ".join(map(_escaped, re.split(r"[ \t\n]+", value))))
                position = use.end()
                continue
        pieces.append(letter)
        position += 1
    return "".join(pieces)


def _escaped(text: str) -> str:
    """Returns a text of which the shell takes every letter as it is."""
    return re.sub(r"([^\w./:@%+,-])", r"\\\1", text)


def _ansi_letter(escape: re.Match[str]) -> str:
    if escape[4]:
        return _ANSI_LETTERS.get(escape[4], escape[4] if escape[4] in "\\'\"?" else escape[0])
    return chr(int(escape[1] or escape[2] or escape[3], 8 if escape[3] else 16))


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
    return word in (*_PREFIXES, "$", "#", ">") or re.match(r"\w+=", word) is not None


def _starts(words: Sequence[str]) -> list[tuple[int, str]]:
    """Returns the indexes of the words that start a program, with the program."""
    found: list[tuple[int, str]] = []
    at_start, wrapped = True, False
    for index, word in enumerate(words):
        if _ends(word):
            at_start, wrapped = True, False
        elif at_start and (match := _PROGRAM.fullmatch(word)):
            found.append((index, match[1]))
            at_start = False
        elif at_start:
            wrapped = wrapped or word in _WRAPPERS
            at_start = wrapped or _is_prefix(word)
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


def _piped(words: Sequence[str], here_documents: Sequence[str]) -> tuple[str | None, str | None]:
    """Returns the output of the command before a pipe: text, or a file's content."""
    plain, stdin, file = _own(words, here_documents)
    match plain:
        case ["cat"] if stdin is not None or file is not None:
            return stdin, file
        case ["cat" | "type", name] if not name.startswith("-"):
            return None, name
        case ["echo", *rest]:
            options = [item for item in rest if item in ("-n", "-e", "-E", "-ne", "-en")]
            text = " ".join(item for item in rest if item not in options)
            is_escaped = any("e" in item for item in options)
            end = "" if any("n" in item for item in options) else "\n"
            return (_without_escapes(text) if is_escaped else text) + end, None
        case ["printf", "%s" | "%s\\n", text]:
            return text, None
        case ["printf", text] if "%" not in text.replace("%%", ""):
            return _without_escapes(text.replace("%%", "%")), None
    return f"{UNKNOWN}(", None


def _without_escapes(text: str) -> str:
    return _ANSI_ESCAPE.sub(_ansi_letter, text)


def _written_files(words: Sequence[str], here_documents: Sequence[str]) -> dict[str, str]:
    """Returns the content of the files that a script writes before it sends them."""
    written: dict[str, str] = {}
    start = 0
    for index in [index for index, word in enumerate(words) if _ends(word)] + [len(words)]:
        statement = list(words[start:index])
        start = index + 1
        match statement:
            case ["cat" | "echo" | "printf", *rest] if ">" in rest[:-1]:
                name = rest[rest.index(">") + 1]
                content, _ = _piped(statement, here_documents)
            case ["tee", name, *_]:
                _, content, _ = _own(statement, here_documents)
            case _:
                continue
        if content is not None:
            written[name] = content
    return written
