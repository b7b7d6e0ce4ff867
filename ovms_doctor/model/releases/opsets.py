"""Which OpenVINO release first accepts which operation and element type in an IR.

Source: the wheel of every release was queried (data/opset-operations.json); 2023.0 means "then or earlier".
"""

from __future__ import annotations

from functools import cache, lru_cache

from ovms_doctor.model.releases.release import Release
from ovms_doctor.model.releases.tables import read_table

#: Element types that not every release has; all others are as old as IR version 10.
_ELEMENT_TYPES = {
    "nf4": (2023, 2),
    "string": (2023, 3),
    "f8e4m3": (2024, 0),
    "f8e5m2": (2024, 0),
    "u2": (2024, 1),
    "u3": (2024, 1),
    "u6": (2024, 1),
    "f4e2m1": (2024, 4),
    "f8e8m0": (2024, 4),
}


@cache
def _operations(opset: str) -> dict[str, str]:
    """Returns lower-cased type → first release, for one opset: OpenVINO compares types without regard to case."""
    known: dict[str, str] = read_table("opset-operations")["first_release"].get(opset, {})
    return {name.lower(): release for name, release in known.items()}


@cache
def standard_opsets() -> frozenset[str]:
    """Returns ``opset1`` … the newest that any release registers."""
    return frozenset(read_table("opset-operations")["first_release"])


def is_standard_opset(opset: str) -> bool:
    """Whether a layer's ``version`` names one of OpenVINO's own opsets; any other needs an extension."""
    return opset in standard_opsets()


@cache
def newest_opset() -> int:
    """Returns the number of the newest opset that any release registers."""
    return max(int(name.removeprefix("opset")) for name in standard_opsets() if name[5:].isdigit())


def is_newer_opset(opset: str) -> bool:
    """Whether a layer's ``version`` names one of OpenVINO's own opsets that is newer than all known here."""
    number = opset.removeprefix("opset")
    return opset != number and number.isascii() and number.isdecimal() and int(number[:9]) > newest_opset()


@lru_cache(maxsize=4096)
def operation_since(type_name: str, opset: str) -> Release | None:
    """Returns the first OpenVINO release whose ``opset`` has this operation; None if none has."""
    text = _operations(opset).get(type_name.lower())
    return None if text is None else _minor(text)


def element_type_since(name: str) -> Release | None:
    """Returns the first OpenVINO release that has the element type; None if every known release has it."""
    numbers = _ELEMENT_TYPES.get(name.lower())
    return None if numbers is None else Release(numbers)


@cache
def _minor(text: str) -> Release:
    """Returns 2025.4 for ``2025.4.1``: OVMS has the year and minor number of its OpenVINO."""
    return Release(tuple(int(number) for number in text.split(".")[:2]))
