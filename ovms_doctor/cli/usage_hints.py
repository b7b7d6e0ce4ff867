"""Hints for a usage mistake, in addition to the parser's message: the nearest option, value or command, and how to get
the help."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from ovms_doctor.model.option_values import shortened
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.similar import similar_names

_UNKNOWN_OPTION = lazy_pattern(r"No such option: (\S+)")
_UNKNOWN_COMMAND = lazy_pattern(r"No such command ")
_CHOICE = lazy_pattern(
    r"Invalid value for (?P<name>.+?): '(?P<value>.*)' is not one of (?P<all>'.+')\.$", re.DOTALL
)
_MISSING = lazy_pattern(r"Missing argument '(?P<name>[^']*)'")


def usage_message(
    text: str, arguments: Sequence[str], commands: Iterable[str], options: Iterable[str]
) -> str:
    """Returns the parser's message as a sentence with a hint.

    ``arguments``: the command line. ``commands``: all commands. ``options``: the options of the command, with dashes.
    """
    names = list(commands)
    known = bool(arguments) and arguments[0] in names
    help_line = f"ovms-doctor {arguments[0]} --help" if known else "ovms-doctor --help"
    if _UNKNOWN_COMMAND.match(text) and arguments:
        return _command(arguments[0], arguments[1:], names)
    option = _UNKNOWN_OPTION.match(text)
    if option is not None:
        # A single letter is similar to every other letter.
        long = [name for name in (*options, "--help") if name.startswith("--")]
        similar = similar_names(option[1], long, 1, 0.5) if len(option[1]) > 2 else []
        suggested = f" Did you mean {similar[0]}?" if similar else ""
        return f"no such option: {shortened(option[1])}.{suggested} {help_line} lists the options"
    choice = _CHOICE.match(text)
    if choice is not None:
        allowed = re.findall("'([^']*)'", choice["all"])
        similar = similar_names(choice["value"], allowed, 1, 0.5)
        suggested = f" Did you mean {similar[0]}?" if similar else ""
        name = choice["name"].replace("'", "").replace(" / ", " or ")
        return (
            f"{name}: {shortened(choice['value'])} is not one of {', '.join(allowed)}.{suggested} See "
            f"{help_line}"
        )
    missing = _MISSING.match(text)
    if missing is not None:
        return f"{arguments[0]} needs {missing['name']}. See {help_line}"
    return f"{text.rstrip('.')}. See {help_line}"


def _command(word: str, rest: Sequence[str], commands: Sequence[str]) -> str:
    """Returns the probable meaning of an argument that is not a command: a similar command, else a target of check."""
    quoted = shortened(word)
    looks_like_path = "/" in word or word.startswith((".", "~")) or word.endswith(".json")
    similar = [] if looks_like_path else similar_names(word, commands, 1, 0.6)
    if similar:
        return f"no such command: {quoted}. Did you mean {similar[0]}? ovms-doctor --help lists the commands"
    line = shlex.join(["ovms-doctor", "check", word, *rest])
    if len(line) > 200:
        line = shlex.join(["ovms-doctor", "check", quoted])
    return f"no such command: {quoted}. To check a repository or a model: {line}. ovms-doctor --help lists the commands"
