"""What a run line tells, value by value, with a note of everything that hangs on an expansion nobody knows here."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from ovms_doctor.inputs.run_line.options import Options
from ovms_doctor.inputs.run_line.shell import Shell
from ovms_doctor.inputs.run_line.substitution import ShellContext


class RunCommand(Struct, frozen=True):
    """``program`` (docker, podman, nerdctl), ``verb`` (run, create), the words after it, and the directory in which
    it is given, None where that is not known. ``sudo``: as root. ``elsewhere``: the engine is another host's."""

    program: str
    verb: str
    words: list[str]
    directory: str | None
    sudo: bool = False
    elsewhere: bool = False


class RunLine(Struct):
    """The line in parts, and what was found out while reading it: ``problems`` for a person, ``unknown`` names of
    the Container's fields that are not, or not wholly, known."""

    command: RunCommand
    options: Options
    shell: Shell
    given: ShellContext
    read_file: Callable[[str], str | None] | None = None
    problems: list[str] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    @property
    def podman(self) -> bool:
        """Whether Podman's rules hold."""
        return self.command.program == "podman"

    def not_known(self, fields: str, sentence: str) -> None:
        """Notes that the fields (names with blanks between) are not known, and why."""
        self.problems.append(sentence)
        self.unknown.update(fields.split())

    def is_known(self, text: str, written: str, fields: str) -> bool:
        """Whether all of ``text``, the value of ``written``, is known; where not, the fields are noted."""
        name = self.shell.unknown(text)
        if name:
            self.not_known(fields, f"The value of {written} holds {name}, which is not known here.")
        return not name

    def one(self, option: str, fields: str) -> str | None:
        """The value of an option that is taken once, None where it is not given or not known."""
        text = self.options.last(option)
        return text if text is not None and self.is_known(text, f"--{option}", fields) else None

    def many(self, option: str, fields: str) -> list[str]:
        """The known values of an option that may be repeated."""
        return [text for text in self.options.all(option) if self.is_known(text, f"--{option}", fields)]
