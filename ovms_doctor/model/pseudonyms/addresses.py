"""IP addresses: those of one network stay in one network, whose kind stays (private, link-local, public).

``0.0.0.0``, ``127.0.0.0/8``, ``::``, ``::1`` and the address of the metadata service of clouds are the same on every
host and stay as they are.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.pseudonyms.mapping import PseudonymMap

#: Four numbers with dots, or with dashes as in the names of cloud hosts (``ip-10-0-3-17``).
IPV4 = r"(?<![0-9])(?<![0-9][.])(?:[0-9]{1,3}(?P<mark>[.-]))(?:[0-9]{1,3}(?P=mark)){2}[0-9]{1,3}(?![0-9])(?![.-][0-9])"
_WITH_COLONS = lazy_pattern(
    r"(?P<hardware>(?<![0-9A-Fa-f:])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f:]))"
    r"|(?<![0-9A-Za-z:.])(?=[0-9A-Fa-f]*:[0-9A-Fa-f:]*:)(?:[0-9A-Fa-f]{0,4}:){2,7}"
    r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{1,4})?(?![0-9A-Za-z:])"
)
_METADATA_SERVICE = "169.254.169.254"
#: First numbers after which a second one decides whether a network is private, and the private second ones.
_SPLIT = {172: range(16, 32), 192: range(168, 169), 169: range(254, 255), 100: range(64, 128)}
#: First numbers that stay: this network, private, loopback, and all from the multicast addresses on.
_FIXED = {0, 10, 127, *range(224, 256)}
#: Beginnings of IPv6 addresses that stay, by their first bytes: local, link-local, multicast, documentation.
_FIXED_V6 = (0xFC00, 0xFD00, 0xFE00, 0xFF00)


def ipv4(text: str, mark: str, names: PseudonymMap) -> str | None:
    """Returns the pseudonym of an IPv4 address with ``mark`` between its numbers; None if the text stays as it is."""
    parts = text.split(mark)
    numbers = [int(part) for part in parts]
    if any(number > 255 for number in numbers) or any(part != str(int(part)) for part in parts):
        return None
    if numbers[0] in (0, 127) or ".".join(parts) == _METADATA_SERVICE or numbers == [255] * 4:
        return None
    new: list[int] = []
    for index, number in enumerate(numbers):
        candidates = _candidates(index, number, numbers[0])
        context = f"ipv4:{'.'.join(parts[:index])}"
        new.append(names.number_in_range(context, number, candidates) if candidates else number)
    return mark.join(str(number) for number in new)


def _candidates(index: int, number: int, first: int) -> list[int]:
    """Returns the numbers that may replace one of an address: with as many digits, and of the same kind of network.
    None if it stays: 0, in which networks end, and 255."""
    if number in (0, 255):
        return []
    same = [item for item in range(1, 255) if len(str(item)) == len(str(number))]
    if index == 0:
        return (
            []
            if first in _FIXED or first in _SPLIT
            else [item for item in same if item not in _FIXED and item not in _SPLIT]
        )
    if index == 1 and first in _SPLIT:
        private = _SPLIT[first]
        return [item for item in same if (item in private) == (number in private)]
    return same


def between_addresses(
    text: str, change: Callable[[str], str], replaced: Callable[[str, str], str], names: PseudonymMap
) -> str:
    """Returns the text with its IPv6 and hardware addresses replaced, and with ``change`` applied to the text
    between them.

    ``replaced``: notes an address and its pseudonym, and returns the pseudonym.
    """
    if ":" not in text:
        return change(text)
    parts: list[str] = []
    end = 0
    for match in _WITH_COLONS.finditer(text):
        new = _hardware(match[0], names) if match["hardware"] else _ipv6(match[0], names)
        if new is not None:
            parts += [change(text[end : match.start()]), replaced(match[0], new)]
            end = match.end()
    return "".join([*parts, change(text[end:])])


def _hardware(text: str, names: PseudonymMap) -> str | None:
    digits = text.replace(":", "")
    if set(digits.lower()) in ({"0"}, {"f"}):
        return None
    new = names.hexadecimal(digits)
    return ":".join(new[index : index + 2] for index in range(0, 12, 2))


def _ipv6(text: str, names: PseudonymMap) -> str | None:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    if address.is_loopback or address.is_unspecified:
        return None
    if "." in text:
        # The last two groups are written as an IPv4 address; those before them are the same on every host.
        tail = text.rpartition(":")[2]
        new_tail = ipv4(tail, ".", names)
        return None if new_tail is None else text[: -len(tail)] + new_tail
    groups = address.exploded.split(":")
    first = int(groups[0], 16)
    new: list[str] = []
    for index, group in enumerate(groups):
        value = int(group, 16)
        fixed = value == 0 or (index == 0 and any(first & 0xFF00 == item for item in _FIXED_V6))
        new.append(f"{value:x}" if fixed else _group(value, ":".join(groups[:index]), names))
    # `::` replaces zeros, which stay zeros.
    left, _, right = text.partition("::")
    before = left.split(":") if left else []
    after = right.split(":") if right else []
    written = iter([*new[: len(before)], *(new[8 - len(after) :] if after else [])])
    return re.sub("[0-9A-Fa-f]+", lambda match: _as_written(next(written), match[0]), text)


def _as_written(new: str, old: str) -> str:
    """Returns a group with the leading zeros and the capitals of the original group."""
    new = new.rjust(len(old), "0")
    return new.upper() if any(char.isupper() for char in old) else new


def _group(value: int, before: str, names: PseudonymMap) -> str:
    """Returns a group of as many digits that is not zero."""
    digits = f"{value:x}"
    result = ""
    for index, digit in enumerate(digits):
        choices = range(1, 16) if index == 0 else range(16)
        number = names.number_in_range(f"ipv6:{before}:{digits[:index]}", int(digit, 16), choices)
        result += f"{number:x}"
    return result
