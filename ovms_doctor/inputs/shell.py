r"""A command line as a POSIX shell splits it, as far as this is known without running anything.

One pass replaces each expansion: by its value if that is known (``$PWD``, ``$HOME``, ``~``, ``$(id -u)``, variables
that the text itself assigns), else by a mark. ``shlex`` then removes the quotes and splits. A mark is a pair of NULs
around the index of the expansion's name in ``ShellText.names``: no argument can contain a NUL, so that a mark cannot
be confused with text. Brace expansion and ``cd`` are not supported: words that depend on them are unknown. See
POSIX.1-2024, Shell Command Language, 2.
"""

from __future__ import annotations

import codecs
import os
import re
import shlex
from collections.abc import Mapping

from msgspec import Struct, field

from ovms_doctor.inputs import DocumentError
from ovms_doctor.model.pattern import lazy_pattern

#: Longer than any command line that a user pastes.
LONGEST_LINE = 65_536

_EXPANSION = r"(?P<expansion>\$[({]|`|\$[A-Za-z_]\w*|\$[0-9@*#?$!-])"
_UNQUOTED = lazy_pattern(
    rf"""
    (?P<blank>[ \t\r]+)
  | (?P<continuation>\\(?:\n|\Z))
  | (?P<lost_continuation>\\[ \t]+(?=\n))
  | (?P<ansi>\$'((?:[^'\\]|\\.)*)')
  | (?P<single>'[^']*'|\\.)
  | (?P<arguments>"\$(?:@|\{{@\}})"(?=[\s;|&)]|\Z))
  | (?P<double>\$?")
  | {_EXPANSION}
  | (?P<tilde>~[^/\s:;&|<>()'"\\$`]*)
  | (?P<comment>\#[^\n]*)
  | (?P<braces>\{{[^\s{{}}]*?(?:,|\.\.)[^\s{{}}]*\}})
  | (?P<placeholder><[A-Za-z][\w\ .,/|-]*>)
  | (?P<redirection>\d*(?:&>>?|<<<|[<>]{{1,2}}[&|]?)(?P<closed>\d+-?(?=\s|\Z)|-(?=\s|\Z))?)
  | (?P<operator>[;|&\n()])
  | (?P<unclosed>')
  | (?P<plain>[^\s;|&<>()\#\\'"`$~{{]+|.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_QUOTED = lazy_pattern(
    rf'(?P<continuation>\\\n)|(?P<single>\\.)|(?P<double>")|{_EXPANSION}|(?P<plain>[^"\\$`]+|.)',
    re.DOTALL | re.ASCII,
)
#: The nesting characters in ``$(…)``: brackets count unless they are quoted.
_NESTED = lazy_pattern(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*"|[(){}]""", re.DOTALL)
_PARAMETER = lazy_pattern(r"([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])(?:(:?[-=])([\w./:@-]*))?", re.ASCII)
_ASSIGNMENT = lazy_pattern(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.ASCII | re.DOTALL)
#: Precedes the file of a redirection.
_REDIRECTED = "\0>"
_MARK = lazy_pattern("\0([uq])([0-9]+)\0")
_DECLARING = frozenset(("export", "readonly", "local", "declare", "typeset"))
_BEFORE_COMMAND = frozenset(("{", "then", "do", "else", "!"))
_LOST_BREAK = (
    "A line begins with an option although the line before does not end in a backslash: a shell would end "
    "the command there. ovms-doctor reads both lines as one command."
)


class ShellContext(Struct, frozen=True):
    """The values of the expansions of a text; None: unknown."""

    #: Home directory of the user who runs the command.
    home: str | None
    #: Directory in which the text begins.
    working_directory: str | None
    #: User and group id of the user who runs the command.
    ids: tuple[int, int] | None = None
    #: The set variables.
    variables: Mapping[str, str] = {}
    #: The positional parameters ``$1``, ``$2`` ….
    arguments: tuple[str, ...] | None = None


class ShellCommand(Struct, frozen=True):
    """A simple command."""

    #: Its words, with marks.
    words: list[str]
    #: Whether a ``cd`` is before it, which is not supported.
    changed_directory: bool


class ShellText(Struct):
    """A text split into commands."""

    #: The commands, in order.
    commands: list[ShellCommand] = field(default_factory=list)
    #: The text of the expansion for each mark, for messages.
    names: list[str] = field(default_factory=list)
    #: One sentence for each part that is read differently from a shell.
    notes: list[str] = field(default_factory=list)
    #: Whether an expansion outside quotes had a blank in its value, and became several words.
    divided: bool = False

    def unknown(self, word: str) -> str:
        """Returns the expansion of the first mark in ``word``; empty if the whole word is known."""
        match = _MARK.search(word)
        return self.names[int(match[2])] if match else ""

    def is_bare(self, word: str) -> bool:
        """Whether ``word`` is only one unquoted expansion: it may become no word, or several."""
        match = _MARK.fullmatch(word)
        return match is not None and match[1] == "u"

    def show(self, word: str) -> str:
        """Returns ``word`` with names instead of its marks."""
        return _MARK.sub(lambda match: self.names[int(match[2])], word)


def split_text(text: str, context: ShellContext) -> ShellText:
    """Returns the commands in ``text``. Raises DocumentError for a text that a shell refuses, such as a quote that
    is not closed."""
    if "\0" in text:
        raise DocumentError("The line contains a NUL, which a command line cannot contain.")
    scanner = _Scanner(text.replace("\r\n", "\n"), context)
    scanner.run()
    return scanner.result


class _Scanner:
    """Reads a text once. ``command``: the command so far in shlex's syntax, its expansions replaced."""

    def __init__(self, text: str, context: ShellContext) -> None:
        self.text, self.context, self.at = text, context, 0
        self.result = ShellText()
        self.variables = dict(context.variables)
        self.changed_directory = False
        self.command: list[str] = []
        self.in_word = self.quoted = False
        self.expanded = 0

    def run(self) -> None:
        while self.at < len(self.text):
            match = (_QUOTED if self.quoted else _UNQUOTED).match(self.text, self.at)
            assert match is not None  # the last alternative matches any character
            self.at = match.end()
            self.token(str(match.lastgroup), match)
        if self.quoted:
            raise DocumentError('A quote (") is opened and not closed.')
        self.end_command()

    def token(self, kind: str, match: re.Match[str]) -> None:
        text = match[0]
        if kind == "blank":
            self.blank()
        elif kind == "lost_continuation":
            raise DocumentError(
                "A line ends with a backslash and a blank: the shell does not continue the command there. "
                "Remove the blank."
            )
        elif kind == "unclosed":
            raise DocumentError("A quote (') is opened and not closed.")
        elif kind == "placeholder":
            raise DocumentError(
                f"The line still contains the placeholder {text}: replace it with the real value."
            )
        elif kind == "ansi":
            self.put(_ansi_c(text[2:-1]), "$'…'", splits=False)
        elif kind == "double":
            self.quoted = not self.quoted
            self.add('"')
        elif kind == "single" and self.quoted:
            # shlex supports two of the four escapes in double quotes.
            self.add(text[1] if text[1] in "$`" else text)
        elif kind == "arguments" and self.context.arguments is not None and not self.in_word:
            self.add(" ".join(map(shlex.quote, self.context.arguments)))
        elif kind == "arguments":
            self.at = match.start() + 1
            self.token("double", match)
        elif kind == "expansion":
            self.expansion(text)
        elif kind == "tilde" and not self.in_word:
            self.put(
                self.context.home if text == "~" else None, text[:60] if text != "~" else "the home directory"
            )
        elif kind == "comment" and not self.in_word:
            pass
        elif kind == "comment":
            self.at = match.start() + 1
            self.add("#")
        elif kind == "braces":
            self.mark("{…}")
        elif kind == "redirection":
            if self.in_word:
                self.add(text[: len(text) - len(text.lstrip("0123456789"))])
            self.blank()
            # The word after it is not an argument.
            self.command.append("" if match["closed"] else f"{_REDIRECTED} ")
        elif kind == "operator":
            self.operator(text)
        elif kind != "continuation":
            self.add(text)

    def add(self, text: str) -> None:
        self.command.append(text)
        self.in_word = True

    def blank(self) -> None:
        self.command.append(" ")
        self.in_word = False

    # -- commands --------------------------------------------------------------------------------------

    def operator(self, char: str) -> None:
        started = any(part != " " for part in self.command)
        if char == "(" and started:
            raise DocumentError(
                "A shell refuses the parenthesis outside of quotes: put that value in quotes."
            )
        if char == "\n" and started and re.match(r"\s*--?[A-Za-z]", self.text[self.at : self.at + 1000]):
            self.blank()
            if _LOST_BREAK not in self.result.notes:
                self.result.notes.append(_LOST_BREAK)
        else:
            self.end_command()

    def end_command(self) -> None:
        words, redirected = [], False
        for word in shlex.split("".join(self.command)):
            if not redirected and word != _REDIRECTED:
                words.append(word)
            redirected = word == _REDIRECTED
        self.command, self.in_word = [], False
        while words and words[0] in _BEFORE_COMMAND:
            words.pop(0)
        names = words[1:] if words and words[0] in _DECLARING else words
        assigned = [_ASSIGNMENT.fullmatch(word) for word in names]
        if names and all(assigned):
            self.variables.update((match[1], match[2]) for match in assigned if match)
        elif words[:1] in (["cd"], ["pushd"]):
            self.changed_directory = True
        if words:
            self.result.commands.append(ShellCommand(words, self.changed_directory))

    # -- expansions ------------------------------------------------------------------------------------

    def expansion(self, text: str) -> None:
        if text == "`":
            if self.text[self.at : self.at + 1] == "\n":
                raise DocumentError(
                    "A line ends with a backtick, as in PowerShell: give the command as one line."
                )
            self.substitution(self.until(self.text.find("`", self.at), "A quote (`)"))
        elif text == "$(":
            self.substitution(self.until(_closing(self.text, self.at - 1), text))
        elif text == "${":
            self.parameter(self.until(_closing(self.text, self.at - 1), text))
        else:
            self.parameter(text[1:])

    def until(self, end: int, opened: str) -> str:
        """Returns the text up to ``end``, and moves the position there."""
        if end < 0:
            raise DocumentError(f"{opened} is opened and not closed.")
        start, self.at = self.at, end + 1
        return self.text[start:end]

    def substitution(self, body: str) -> None:
        """Adds the output of the command in ``$(…)``, if it is known."""
        command = " ".join(body.replace('"', "").split())
        ids, value = self.context.ids, None
        if command in ("pwd", "pwd -P", "pwd -L", "echo $PWD", "realpath .", "readlink -f ."):
            value = self.value_of("PWD")
        elif command in ("echo $HOME", "echo ~"):
            value = self.context.home
        elif ids and command in ("id -u", "id -ru", "id --user"):
            value = str(ids[0])
        elif ids and command in ("id -g", "id -rg", "id --group"):
            value = str(ids[1])
        # Only the first word of a command: the rest may be a secret.
        word = re.match(r"\s*([A-Za-z_][\w.+-]{0,30})(?=\s|$)", body, re.ASCII)
        self.put(value, f"$({word[1]} …)" if word else "$(…)")

    def parameter(self, body: str) -> None:
        match = _PARAMETER.fullmatch(body)
        value = self.value_of(match[1]) if match else None
        if match and (match[2] or "").startswith(":") and value == "":
            value = match[3]
        name = re.match(r"[A-Za-z_][A-Za-z0-9_]{0,60}|.\Z", body, re.ASCII)
        self.put(value, f"${name[0]}" if name else "${…}")

    def value_of(self, name: str) -> str | None:
        arguments = self.context.arguments
        if name in self.variables:
            return self.variables[name]
        if name == "PWD":
            return None if self.changed_directory else self.context.working_directory
        if name == "HOME":
            return self.context.home
        if name in ("UID", "EUID") and self.context.ids:
            return str(self.context.ids[0])
        if arguments is not None and name in ("@", "*"):
            return None if name == "@" and self.quoted else " ".join(arguments)
        if arguments is not None and name.isdigit() and name != "0":
            return (*arguments, *[""] * 9)[int(name) - 1]
        return None

    def put(self, value: str | None, name: str, *, splits: bool = True) -> None:
        """Adds the result of an expansion; outside quotes a shell splits it at blanks."""
        self.expanded += len(value or "")
        if self.expanded > LONGEST_LINE:
            raise DocumentError(f"With its expansions the line is longer than {LONGEST_LINE:,} characters.")
        if value is None or "\0" in _MARK.sub("", value):
            self.mark(name)
        elif not splits:
            self.add(shlex.quote(value))
        elif self.quoted:
            self.add(re.sub(r'([\\"])', r"\\\1", value))
        else:
            # A mark in an assigned value may split as well from now on.
            parts = re.split(r"[ \t\n]+", _MARK.sub("\0u\\2\0", value))
            self.result.divided = self.result.divided or len(parts) > 1
            for number, part in enumerate(parts):
                if number:
                    self.blank()
                if part:
                    self.add(shlex.quote(part))

    def mark(self, name: str) -> None:
        self.result.names.append(name)
        self.add(f"\0{'q' if self.quoted else 'u'}{len(self.result.names) - 1}\0")


def _closing(text: str, start: int) -> int:
    """Returns the index of the bracket that closes the one at ``start``, without quoted and inner ones; -1 for none."""
    depth = 0
    for match in _NESTED.finditer(text, start):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.start()
    return -1


def _ansi_c(body: str) -> str | None:
    """Returns the text of ``$'…'``; None if an escape in it is unknown."""
    short = re.sub(r"\\u([0-9A-Fa-f]{1,4})", lambda match: chr(int(match[1], 16)), body)
    if re.search(r"\\[^abfnrtvx0-7\\'\"]|\\[4-7][0-7]{2}", short):
        return None
    try:
        return codecs.escape_decode(os.fsencode(short))[0].decode("utf-8", "surrogateescape")
    except ValueError:
        return None
