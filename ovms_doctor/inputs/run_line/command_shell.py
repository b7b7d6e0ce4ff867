"""The commands in a script that is given to a shell as one argument (``sh -c``)."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.run_line.shell import Shell, split
from ovms_doctor.inputs.run_line.substitution import ShellContext
from ovms_doctor.model.text import redact_words

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_RESERVED = frozenset("if elif while until then do else ! { exec".split())
_BRANCHES = frozenset("if elif while until for case select function".split())
#: Any variable may have any value after these.
_SETS_ANYTHING = frozenset((".", "source", "eval", "set", "shift", "read", "getopts", "mapfile"))
#: Stands for a directory that is not known; no path of a container's begins like this.
_NOWHERE = "/\1"


class UnknownValueError(Exception):
    """What the server is given cannot be told; the message is a sentence for a person, without values."""


class Run(Struct, frozen=True):
    """A simple command of a script. ``unknown``: the first expansion in it that is not known, empty where all is
    known. ``directory``: that to which the script went, None where that is not known, empty where it did not."""

    words: tuple[str, ...]
    unknown: str = ""
    directory: str | None = ""

    def leads_to(self, program: str) -> bool:
        """Whether one of the words is this program, or a script that names it."""
        return any(
            posixpath.basename(word) == program or (" " in word and program in word.split("/")[-1])
            for word in self.words
        )


def simple_commands(
    script: str, arguments: Sequence[str], environment: Mapping[str, str], place: str | None
) -> Iterator[Run]:
    """The commands of ``script`` in turn, without reserved words and assignments before them. ``arguments``: those
    after the script's name (``$1`` …); ``place``: the directory in which it starts, None where it is not known.
    NotKnown for a script that cannot be read."""
    start = place or _NOWHERE
    given = _assignments(script, environment)
    try:
        shell = split("".join(f"{line}\n" for line in given) + script, ShellContext(_NOWHERE, start))
    except DocumentError as error:
        raise UnknownValueError(
            f"The script that the container's shell runs cannot be read. {error}"
        ) from None
    branches, doubtful = False, ""
    for command in shell.commands[len(given) :]:
        words = list(command.words)
        while words and (words[0] in _RESERVED or words[0] in _BRANCHES):
            branches = branches or words[0] in _BRANCHES
            words.pop(0)
        doubtful = doubtful or _doubt(words, script, branches)
        while words and _ASSIGNMENT.match(words[0]):
            words.pop(0)
        if not words:
            continue
        directory = "" if command.directory == start else command.directory
        if directory is not None and _NOWHERE in directory:
            directory = None
        known, unknown = _expanded(shell, words, arguments)
        yield Run(known, unknown or (doubtful if "$" in script else ""), directory)


def _assignments(script: str, environment: Mapping[str, str]) -> list[str]:
    """The variables that the script names, as assignments; not those whose names tell of a secret."""
    lines = []
    for name, value in environment.items():
        if not _NAME.fullmatch(name) or name not in script or "\0" in value:
            continue
        # What hides a secret among options hides it here.
        if redact_words([f"--{name}=x"]) == (f"--{name}=x",):
            lines.append(f"{name}={shlex.quote(value)}")
    return lines


def _doubt(words: Sequence[str], script: str, branches: bool) -> str:
    """A variable that the script uses, and that may or may not have been set by this command."""
    if not words:
        return ""
    if words[0] in _SETS_ANYTHING:
        return f"a variable that {words[0]} may have set"
    if not branches:
        return ""
    names = words[1:] if words[0] in ("export", "readonly", "local", "declare", "typeset") else words[:1]
    for word in names:
        match = _ASSIGNMENT.match(word)
        if match and re.search(rf"\$\{{?{match[1]}\b", script):
            return f"${match[1]}"
    return ""


def _expanded(shell: Shell, words: Sequence[str], arguments: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The words with the script's own arguments in place of ``$@`` and ``$1``; and what else is not known."""
    result: list[str] = []
    unknown = ""
    for word in words:
        name = shell.unknown(word)
        whole = bool(name) and shell.show(word) == name
        if not name:
            result.append(word)
            if _NOWHERE in word:
                unknown = unknown or "the home or working directory"
        elif whole and name in ("$@", "$*") and (name == "$@" or len(arguments) < 2):
            result += _fields(arguments) if shell.is_bare(word) else arguments
        elif whole and re.fullmatch(r"\$[1-9]", name):
            value = arguments[int(name[1]) - 1 : int(name[1])] or [""]
            result += _fields(value) if shell.is_bare(word) else value
        else:
            result.append(shell.show(word))
            unknown = unknown or name
    return tuple(result), unknown


def _fields(arguments: Sequence[str]) -> list[str]:
    """What becomes of words in an expansion outside quotes: blanks split them."""
    return [field for word in arguments for field in word.split()]
