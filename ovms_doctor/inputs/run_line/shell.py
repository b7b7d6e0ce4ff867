r"""A pasted command line as a POSIX shell splits it, as far as that can be told without running anything.

Quotes, ``$'…'``, continuation lines, comments, redirections, ``;`` and ``&&``, assignments and ``cd`` before the
command, and the few expansions whose result is given: ``$PWD``, ``$HOME``, ``~``, ``$(pwd)``, ``$(id -u)``. Every
other expansion leaves a mark in its word, a pair of NULs around the place of its name in ``Shell.names``: no
argument can hold a NUL, so that a mark is never mistaken for text. See POSIX.1-2024, Shell Command Language, 2.
"""

from __future__ import annotations

import posixpath
import re

from msgspec import Struct, field

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.run_line.substitution import ShellContext, ansi_c, closing, substitution, unknown_name

#: Longer than any command line that a person pastes.
LONGEST_LINE = 65_536

_BLANK = " \t\r"
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w .,/|-]*>", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]", re.ASCII)
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.ASCII | re.DOTALL)
_REDIRECTION = re.compile(r"&>>?|[<>]{1,2}[&|]?(?:\d+-?(?=\s|$)|-(?=\s|$))?|<<<", re.ASCII)
_PLAIN = re.compile(r"[^\s;|&<>()#\\'\"`$~{]+")
_OPTION = re.compile(r"--?[A-Za-z]")
_LOST_CONTINUATION = re.compile(r"\\[ \t]+(?=\n)")
_TILDE = re.compile(r"~([^/\s:;&|<>()'\"\\$`]*)")
_PARAMETER = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-=])([\w./:@-]*))?", re.ASCII)
_BRACES = re.compile(r"\{[^\s{}'\"]*(?:,|\.\.)[^\s{}]*\}|\{[^\s{}]*,[^\s{}]*\}")
_MARK = re.compile("\0([uq])([0-9]+)\0")
_DECLARING = ("export", "readonly", "local", "declare", "typeset")


class Command(Struct):
    """A simple command: its words, marks in them, and the directory in which it is given, None where a ``cd`` led
    to one that is not known."""

    words: list[str]
    directory: str | None


class Shell(Struct):
    """``names``: what each mark stands for, as it
    may be shown. ``notes``: one sentence for a person about each thing that was understood with good will.
    ``divided``: an expansion outside quotes held a blank, and became several words."""

    commands: list[Command] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    divided: bool = False

    def unknown(self, word: str) -> str:
        """What the first mark in ``word`` stands for; empty where all of it is known."""
        match = _MARK.search(word)
        return self.names[int(match[2])] if match else ""

    def is_bare(self, word: str) -> bool:
        """Whether ``word`` is one unquoted expansion and nothing else: it may be no word, or several."""
        match = _MARK.fullmatch(word)
        return match is not None and match[1] == "u"

    def show(self, word: str) -> str:
        """``word`` with names in place of its marks."""
        return _MARK.sub(lambda match: self.names[int(match[2])], word)


def split(text: str, given: ShellContext) -> Shell:
    """The commands in ``text``; NotRead for what a shell refuses, such as a quote that is not closed."""
    if "\0" in text:
        raise DocumentError("The line holds a NUL, which no command line can.")
    lexer = _Lexer(text.replace("\r\n", "\n"), given)
    lexer.run()
    return lexer.shell


class _Lexer:
    def __init__(self, text: str, given: ShellContext) -> None:
        self.text, self.at = text, 0
        self.shell = Shell()
        self.given = given
        self.directory: str | None = given.working_directory
        self.variables: dict[str, str] = {}
        self.words: list[str] = []
        self.word: str | None = None
        self.expanded = 0

    # -- words and commands ----------------------------------------------------------------------------

    def run(self) -> None:
        while self.at < len(self.text):
            self.step(self.text[self.at])
        self.end_command()

    def step(self, char: str) -> None:
        if char in _BLANK:
            self.end_word()
            self.at += 1
        elif char == "\n":
            self.line_end()
        elif char in ";|" or (char == "&" and not self.text.startswith("&>", self.at)):
            self.end_command()
            self.at += 1
        elif char in "<>&":
            self.redirection()
        elif char in "()":
            self.group(char)
        elif char == "#" and self.word is None:
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        elif char == "\\":
            self.backslash()
        elif char == "'":
            self.add(self.until("'", 1))
        elif char == '"':
            self.double_quoted()
        elif char == "`" or char == "$":
            self.expansion(quoted=False)
        elif char == "~" and self.word is None:
            self.tilde()
        elif char == "{" and self.expands_braces():
            self.mark("{…}", quoted=False)
            self.add(char)
            self.at += 1
        else:
            plain = _PLAIN.match(self.text, self.at)
            self.add(plain[0] if plain else char)
            self.at += len(plain[0]) if plain else 1

    def add(self, text: str) -> None:
        self.word = (self.word or "") + text

    def end_word(self) -> None:
        if self.word is not None:
            self.words.append(self.word)
            self.word = None

    def end_command(self) -> None:
        self.end_word()
        words, self.words = self.words, []
        while words and words[0] in ("{", "then", "do", "else", "!"):
            words.pop(0)
        names = words[1:] if words and words[0] in _DECLARING else words
        assigned = [_ASSIGNMENT.fullmatch(word) for word in names]
        if names and all(assigned):
            self.variables.update((match[1], match[2]) for match in assigned if match)
        elif words[:1] == ["cd"]:
            self.change_directory(words[1:])
        if words:
            self.shell.commands.append(Command(words, self.directory))

    def change_directory(self, words: list[str]) -> None:
        place = words[0] if len(words) == 1 else self.given.home if not words else "-"
        if "\0" in place or place.startswith("-") or self.directory is None:
            self.directory = None
        else:
            self.directory = posixpath.normpath(posixpath.join(self.directory, place))

    def line_end(self) -> None:
        """A line break ends the command, unless the next line can only be its continuation."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        lost = _OPTION.match(self.text, self.at)
        if lost and (self.words or self.word is not None):
            self.end_word()
            note = (
                "A line begins with an option although the line before does not end in a backslash: a shell "
                "would end the command there. Both are read as one command."
            )
            if note not in self.shell.notes:
                self.shell.notes.append(note)
        else:
            self.end_command()

    def redirection(self) -> None:
        placeholder = _PLACEHOLDER.match(self.text, self.at)
        if placeholder:
            raise DocumentError(
                f"The line still holds the placeholder {placeholder[0]}: put the real value in its place."
            )
        match = _REDIRECTION.match(self.text, self.at)
        if self.word is not None and self.word.isdigit():
            self.word = None
        self.end_word()
        self.at = match.end() if match else self.at + 1
        if match and not re.search(r"[\d-]$", match[0]):
            count = len(self.words)
            while self.at < len(self.text) and self.text[self.at] in _BLANK:
                self.at += 1
            while self.at < len(self.text) and self.text[self.at] not in " \t\r\n;&|<>()":
                self.step(self.text[self.at])
            self.end_word()
            del self.words[count:]

    def group(self, char: str) -> None:
        if char == "(" and (self.words or self.word is not None):
            raise DocumentError(
                "A shell refuses the parenthesis that stands outside quotes: put that value in quotes."
            )
        self.end_command()
        self.at += 1

    # -- quotes ----------------------------------------------------------------------------------------

    def until(self, quote: str, skip: int) -> str:
        """The text up to ``quote``, which is passed."""
        start = self.at + skip
        end = self.text.find(quote, start)
        if end < 0:
            raise DocumentError(f"A quote ({quote}) is opened and never closed.")
        self.at = end + 1
        return self.text[start:end]

    def backslash(self) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if _LOST_CONTINUATION.match(self.text, self.at):
            raise DocumentError(
                "A line ends with a backslash and a blank after it: the shell does not continue the command then. "
                "Remove the blank."
            )
        self.at += 2
        if following != "\n":
            self.add(following)

    def double_quoted(self) -> None:
        self.at += 1
        self.add("")
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return
            if char == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                self.add("" if following == "\n" else following if following in '$`"\\' else "\\" + following)
                self.at += 2
            elif char in "$`":
                self.expansion(quoted=True)
            else:
                self.add(char)
                self.at += 1
        raise DocumentError('A quote (") is opened and never closed.')

    # -- expansions ------------------------------------------------------------------------------------

    def expansion(self, *, quoted: bool) -> None:
        rest = self.text[self.at + 1 : self.at + 2]
        if self.text[self.at] == "`":
            self.backtick(quoted)
        elif rest == "'" and not quoted:
            value, self.at = ansi_c(self.text, self.at + 2)
            self.add(value)
        elif rest == '"' and not quoted:
            self.at += 1
        elif rest in ("(", "{") and rest:
            end = closing(self.text, self.at + 1)
            body = self.text[self.at + 2 : end]
            self.at = end + 1
            if rest == "(":
                self.put(substitution(body, self.given, self.directory), unknown_name("(", body), quoted)
            else:
                self.parameter(body, quoted)
        elif match := _VARIABLE.match(self.text, self.at + 1):
            self.at = match.end()
            self.parameter(match[0], quoted)
        else:
            self.add("$")
            self.at += 1

    def backtick(self, quoted: bool) -> None:
        if self.text[self.at + 1 : self.at + 2] == "\n":
            raise DocumentError(
                "A line ends with a backtick, as in PowerShell: give the command as one line."
            )
        body = self.until("`", 1)
        self.put(substitution(body, self.given, self.directory), unknown_name("(", body), quoted)

    def parameter(self, body: str, quoted: bool) -> None:
        match = _PARAMETER.fullmatch(body)
        value = self.value_of(match[1]) if match else None
        if match and match[2] and value is not None and not value and match[2].startswith(":"):
            value = match[3]
        self.put(value, unknown_name("{", body), quoted)

    def value_of(self, name: str) -> str | None:
        if name in self.variables:
            return self.variables[name]
        if name == "PWD":
            return self.directory
        if name == "HOME":
            return self.given.home
        if name in ("UID", "EUID") and self.given.ids:
            return str(self.given.ids[0])
        return None

    def put(self, value: str | None, name: str, quoted: bool) -> None:
        """The result of an expansion; outside quotes a shell splits it at blanks."""
        self.expanded += len(value or "")
        if self.expanded > LONGEST_LINE:
            raise DocumentError(f"With its expansions the line is longer than {LONGEST_LINE:,} characters.")
        if value is None:
            self.mark(name, quoted)
            return
        if quoted:
            self.add(value)
            return
        # A mark within an assigned value may split as well from now on.
        parts = re.split(r"[ \t\n]+", _MARK.sub("\0u\\2\0", value))
        self.shell.divided = self.shell.divided or len(parts) > 1
        for number, part in enumerate(parts):
            if number:
                self.end_word()
            if part:
                self.add(part)

    def mark(self, name: str, quoted: bool) -> None:
        self.shell.names.append(name)
        self.add(f"\0{'q' if quoted else 'u'}{len(self.shell.names) - 1}\0")

    def tilde(self) -> None:
        match = _TILDE.match(self.text, self.at)
        name = match[1] if match else ""
        self.at += 1 + len(name)
        if name:
            self.mark(f"~{name}", quoted=False)
        else:
            self.add(self.given.home)

    def expands_braces(self) -> bool:
        """``{a,b}`` and ``{1..3}`` outside quotes become several words in bash, and stay as they are in sh."""
        return _BRACES.match(self.text, self.at) is not None
