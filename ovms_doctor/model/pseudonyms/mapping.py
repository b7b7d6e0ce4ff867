"""The pseudonym of each text: letters for letters, of the same number and with the same capitals."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from itertools import count

from msgspec import Struct

from ovms_doctor.model.pseudonyms.kinds import Kind

_VOWELS, _CONSONANTS = "aeiou", "bdfgklmnprstvz"
_ASCII = "abcdefghijklmnopqrstuvwxyz"
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщыэюя"
_HEX = "0123456789abcdef"
#: Letters that form an escape with a backslash before them. No pseudonym begins with one, since a text may have a
#: backslash before a name that does not mean an escape.
_ESCAPE_LETTERS = frozenset("abfnrtuvx")
#: How often an unused pseudonym is tried; two letters have few.
_TRIES = 2_000
#: For texts of this length, in letters, or longer: if they are one edit apart, so are their pseudonyms.
_COMPARED = 4


class MapEntry(Struct, frozen=True):
    """A pseudonym and its real text.

    * ``pseudonym``: the text in the redacted file.
    * ``text``: the real text.
    * ``kind``: the kind of the name.
    """

    pseudonym: str
    text: str
    kind: Kind


class PseudonymMap:
    """A growing set of pseudonyms. The same key and the same texts give the same pseudonyms.

    Each has one text only, and is neither one of the known words nor one of the earlier real texts.
    """

    def __init__(self, key: bytes, known: Iterable[str] = (), entries: Iterable[MapEntry] = ()) -> None:
        """``known``: words that cannot be pseudonyms, in small letters. ``entries``: those of an earlier file."""
        self.key = key
        self._taken = set(known)
        #: Text → pseudonym, both in small letters.
        self._pseudonyms: dict[str, str] = {}
        #: A text without one of its letters → such texts.
        self._similar: dict[str, list[str]] = {}
        self._entries: dict[str, MapEntry] = {}
        for entry in entries:
            self._entries[entry.pseudonym] = entry
            self._add(small(entry.text), small(entry.pseudonym))

    def entries(self) -> tuple[MapEntry, ...]:
        """Returns all replaced texts, as written, by kind and text."""
        return tuple(sorted(self._entries.values(), key=lambda entry: (entry.kind, entry.text)))

    def note(self, text: str, pseudonym: str, kind: Kind) -> str:
        """Lists the pseudonym and returns it. The kind of the first call counts."""
        if pseudonym not in self._entries:
            self._entries[pseudonym] = MapEntry(pseudonym, text, kind)
        return pseudonym

    def kind(self, pseudonym: str) -> Kind:
        """Returns the kind of a listed pseudonym."""
        return self._entries[pseudonym].kind

    def letters(self, text: str) -> str:
        """Returns the pseudonym of a text of letters, possibly with digits among them."""
        plain = small(text)
        pseudonym = self._pseudonyms.get(plain)
        if pseudonym is None:
            pseudonym = self._one_edit_away(plain) or self._free(plain)
            self._add(plain, pseudonym)
        return with_capitals(pseudonym, text)

    def hexadecimal(self, text: str) -> str:
        """Returns the pseudonym of a text of hexadecimal digits: the beginning of a text has the beginning of its
        pseudonym, because a container is often named by the first digits of its id."""
        digits = []
        plain = text.lower()
        for index, digit in enumerate(plain):
            order = self._order(f"hex:{plain[:index]}", _HEX)
            digits.append(order[_HEX.index(digit)])
        return with_capitals("".join(digits), text)

    def digits(self, text: str) -> str:
        """Returns the pseudonym of a long number: as many digits, zeros at the beginning kept."""
        zeros = len(text) - len(text.lstrip("0"))
        first, rest = text[zeros : zeros + 1], text[zeros + 1 :]
        if not first:
            return text
        result = self._order("digits:", "123456789")[int(first) - 1]
        for index, digit in enumerate(rest):
            result += self._order(f"digits:{first}{rest[:index]}", "0123456789")[int(digit)]
        return "0" * zeros + result

    def number_in_range(self, context: str, number: int, candidates: range | list[int]) -> int:
        """Returns one of ``candidates`` for one of them, a different one for each."""
        numbers = self._numbers(context, len(candidates))
        return [item for _, item in sorted(zip(numbers, candidates, strict=True))][
            list(candidates).index(number)
        ]

    def _add(self, text: str, pseudonym: str) -> None:
        self._pseudonyms[text] = pseudonym
        self._taken.update((pseudonym, text))
        if len(text) >= _COMPARED:
            for part in {text, *shorter(text)}:
                self._similar.setdefault(part, []).append(text)

    def _free(self, text: str) -> str:
        for attempt in count():
            numbers = self._numbers(f"{attempt}:{text}", len(text) + 1)
            if attempt < _TRIES // 2:
                found = _readable(text, numbers)
            elif attempt < 2 * _TRIES:
                found = "".join(
                    _letter(char, number, _ASCII) for char, number in zip(text, numbers, strict=False)
                )
            else:
                # All texts of this length are names, or words of this program: the text stays.
                return text
            # Of names so short that few are left, the first letter does not matter.
            if found not in self._taken and (found[0] not in _ESCAPE_LETTERS or attempt >= _TRIES):
                return found
        raise AssertionError("unreachable")

    def _one_edit_away(self, text: str) -> str | None:
        """Returns the pseudonym of a text that differs by one letter, edited at the same position; None if there is
        none."""
        if len(text) < _COMPARED or not text.isascii():
            return None
        for part in (text, *shorter(text)):
            for other in self._similar.get(part, ()):
                found = self._edited(other, text)
                if found is not None:
                    return found
        return None

    def _edited(self, other: str, text: str) -> str | None:
        pseudonym = self._pseudonyms[other]
        if abs(len(other) - len(text)) > 1 or len(pseudonym) != len(other):
            return None
        start = next(
            (i for i, pair in enumerate(zip(other, text, strict=False)) if pair[0] != pair[1]),
            min(len(other), len(text)),
        )
        for removed, added in ((1, 1), (0, 1), (1, 0), (2, 2)):
            if other[start + removed :] != text[start + added :] or len(text) - len(other) != added - removed:
                continue
            if removed == 2:
                swapped = pseudonym[start : start + 2][::-1]
                if (
                    text[start : start + 2] != other[start : start + 2][::-1]
                    or swapped == pseudonym[start : start + 2]
                ):
                    continue
                found = pseudonym[:start] + swapped + pseudonym[start + 2 :]
                return None if self._is_refused(found) else found
            choices = self._order(f"edit:{text}", _ASCII) if added else [""]
            for letter in choices:
                found = pseudonym[:start] + letter + pseudonym[start + removed :]
                if not self._is_refused(found):
                    return found
        return None

    def _is_refused(self, pseudonym: str) -> bool:
        return pseudonym in self._taken or pseudonym[0] in _ESCAPE_LETTERS

    def _digest(self, text: str) -> bytes:
        return hmac.new(self.key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    def _order(self, context: str, choices: str) -> list[str]:
        """Returns the choices in an order that depends on the key and the context."""
        numbers = self._numbers(context, len(choices))
        return [choice for _, choice in sorted(zip(numbers, choices, strict=True))]

    def _numbers(self, text: str, number: int) -> Iterator[int]:
        """Yields ``number`` numbers of 16 bits."""
        for block in count():
            digest = self._digest(f"letters:{block}:{text}")
            for index in range(0, len(digest), 2):
                if number == 0:
                    return
                number -= 1
                yield int.from_bytes(digest[index : index + 2], "big")


def _readable(text: str, numbers: Iterator[int]) -> str:
    """Returns letters that can be pronounced."""
    vowel = next(numbers) % 2 == 1
    letters = []
    for char, number in zip(text, numbers, strict=False):
        letters.append(_letter(char, number, _VOWELS if vowel else _CONSONANTS))
        vowel = not vowel
    return "".join(letters)


def _letter(char: str, number: int, choices: str) -> str:
    """Returns a letter with as many bytes of UTF-8 as ``char``; a digit for a digit, a byte that is not UTF-8 for
    one."""
    if char.isascii():
        return str(number % 10) if char.isdigit() else choices[number % len(choices)]
    if "\ud800" <= char <= "\udfff":
        return chr(0xDC80 + number % 0x40)
    length = len(char.encode("utf-8"))
    if length == 2:
        return _CYRILLIC[number % len(_CYRILLIC)]
    return chr(0x4E00 + number % 20_000) if length == 3 else chr(0x20000 + number % 40_000)


def small(text: str) -> str:
    """Returns the text in small letters, one for each of its own and of the same size."""
    lower = text.lower()
    if len(lower) == len(text) and text.isascii():
        return lower
    return "".join(_small(char) for char in text)


def _small(char: str) -> str:
    lower = char.lower()
    same = len(lower) == 1 and lower.upper() == char
    return (
        lower
        if same and len(lower.encode("utf-8", "surrogatepass")) == len(char.encode("utf-8", "surrogatepass"))
        else char
    )


def with_capitals(pseudonym: str, text: str) -> str:
    """Returns the pseudonym with the capitals of the text."""
    if text.islower() or len(pseudonym) != len(text):
        return pseudonym
    return "".join(
        new.upper() if old != _small(old) else new for new, old in zip(pseudonym, text, strict=True)
    )


def shorter(text: str) -> Iterator[str]:
    """Yields the text without each of its letters."""
    return (text[:index] + text[index + 1 :] for index in range(len(text)))
