"""How the server's parser splits its arguments into options and values: cxxopts.

Until v2023.3 the server is built with cxxopts 2.2.0, then with 3.1.1. Unknown options are refused until v2025.1;
since v2025.2 they remain for the parsers of the generative tasks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct, field

from ovms_doctor.inputs.arguments.options import Option, known_options, similar_option
from ovms_doctor.model.deployment import ArgumentRefusal
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release

# A dot does not match the end of a line, as in the server's (ECMAScript) expressions.
_OLD = lazy_pattern(r"--([A-Za-z0-9][-_A-Za-z0-9]+)(=([^\n\r]*))?|-([A-Za-z0-9]+)")
_NEW = lazy_pattern(r"--([A-Za-z0-9][-_A-Za-z0-9.]+)(=([^\n\r]*))?|-([A-Za-z0-9][^\n\r]*)")
_INTEGER = lazy_pattern(r"(-)?(0x)?([0-9a-zA-Z]+)|((0x)?0)")
_TRUE = lazy_pattern(r"[tT](rue)?|1")
_FALSE = lazy_pattern(r"[fF](alse)?|0")


class ArgumentsError(Exception):
    """An exception of cxxopts; the text is the exception's."""

    def __init__(self, text: str, option: str | None = None, suggestion: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.option = option
        self.suggestion = suggestion

    def refusal(self) -> ArgumentRefusal:
        text = f"error parsing options: {self.text}"
        return ArgumentRefusal("parse", text, None, self.option, self.suggestion)


class SplitArguments(Struct):
    """An argument line as the server's parser splits it."""

    #: The last value of each option.
    values: dict[str, str] = field(default_factory=dict)
    #: The values that are numbers.
    numbers: dict[str, int] = field(default_factory=dict)
    #: Arguments that belong to no option.
    unmatched: list[str] = field(default_factory=list)
    #: How many options were matched.
    count: int = 0
    #: The first fault, which ends the parsing.
    refusal: ArgumentRefusal | None = None
    #: Position of each option's last argument and of each unmatched argument, from 1.
    positions: dict[str, int] = field(default_factory=dict)


def split_arguments(arguments: Sequence[str], release: Release) -> SplitArguments:
    """Splits ``arguments`` without the program's name. The first fault ends the parsing, and is in ``refusal``."""
    result = SplitArguments()
    try:
        _Splitter(list(arguments), release, result).run()
    except ArgumentsError as refused:
        result.refusal = refused.refusal()
    return result


class _Splitter:
    """As ``OptionParser::parse``: one pass from left to right."""

    def __init__(self, arguments: list[str], release: Release, result: SplitArguments) -> None:
        self.words = arguments
        self.release = release
        self.result = result
        self.options = known_options(release)
        self.matcher = _NEW if release.at_least(2024, 0) else _OLD
        self.keeps_unknown = release.at_least(2025, 2)
        self.at = 0

    def run(self) -> None:
        while self.at < len(self.words):
            word = self.words[self.at]
            if word == "--":
                left = self.words[self.at + 1 :]
                self.result.unmatched += left
                self.result.positions.update({one: self.at + 2 + index for index, one in enumerate(left)})
                return
            self.result.positions[word.partition("=")[0] if word.startswith("-") else word] = self.at + 1
            match = self.matcher.fullmatch(word)
            if match is None:
                if word.startswith("-") and word != "-" and not self.keeps_unknown:
                    raise ArgumentsError(f"Argument ‘{word}’ starts with a - but has incorrect syntax", word)
                self.result.unmatched.append(word)
            elif match[4]:
                self._letters(match[4])
            else:
                self._long(word, match)
            self.at += 1

    def _long(self, word: str, match: re.Match[str]) -> None:
        option = self.options.get(match[1])
        if option is None:
            self._unknown(match[1], word)
        elif match[2]:
            self._set(option, match[3])
        else:
            self._set_from_next(option)

    def _letters(self, letters: str) -> None:
        """Parses a group of short options; only ``-h`` exists."""
        for letter in letters:
            if letter == "h":
                self._set(self.options["help"], "true")
            else:
                self._unknown(letter, f"-{letter}")

    def _unknown(self, name: str, word: str) -> None:
        if not self.keeps_unknown:
            suggestion = similar_option(name, self.release)
            raise ArgumentsError(f"Option ‘{name}’ does not exist", word.partition("=")[0], suggestion)
        self.result.unmatched.append(word)

    def _set_from_next(self, option: Option) -> None:
        if option.kind == "switch":
            self._set(option, "true")
            return
        if self.at + 1 >= len(self.words):
            raise ArgumentsError(f"Option ‘{option.name}’ is missing an argument", f"--{option.name}")
        self.at += 1
        self._set(option, self.words[self.at])

    def _set(self, option: Option, value: str) -> None:
        if option.kind == "switch":
            if not _TRUE.fullmatch(value) and not _FALSE.fullmatch(value):
                raise ArgumentsError(f"Argument ‘{value}’ failed to parse", f"--{option.name}")
        elif option.kind != "text":
            self.result.numbers[option.name] = self._number(option, value)
        self.result.values[option.name] = value
        self.result.count += 1

    def _number(self, option: Option, text: str) -> int:
        """Returns a number as ``integer_parser``: decimal, or hexadecimal after ``0x``. It detects an overflow only
        if the wrapped number is smaller than the number before the digit."""
        refused = ArgumentsError(f"Argument ‘{text}’ failed to parse", f"--{option.name}")
        match = _INTEGER.fullmatch(text)
        if match is None or match[1]:
            raise refused
        wide = option.kind == "size" or (option.name in ("port", "rest_port") and self._ports_are_wide)
        modulus = 1 << (64 if wide else 32)
        base = 16 if match[2] else 10
        result = 0
        for letter in match[3] or "":
            digit = "0123456789abcdef".find(letter.lower())
            if digit < 0 or digit >= base:
                raise refused
            following = (result * base + digit) % modulus
            if result > following:
                raise refused
            result = following
        return result

    @property
    def _ports_are_wide(self) -> bool:
        return not self.release.at_least(2022, 3)


def is_true(value: str | None) -> bool:
    """Whether a switch's value is true; False for None."""
    return value is not None and _TRUE.fullmatch(value) is not None
