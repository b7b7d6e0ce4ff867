"""Every code once, in order: what it means, what the server does, what to do. Readable without any check."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ovms_doctor.catalogue.entry import Code

__all__ = ["CATALOGUE", "Code", "lookup"]

#: The modules with the entries, and the first digits of their codes.
_ROOMS = {
    "layout": "1",
    "versions": "1",
    "permissions": "2",
    "reading": "3",
    "operations": "3",
    "refusal": "3",
    "extension": "3",
    "configuration": "4",
    "configured": "4",
    "parameters": "4",
    "mapping": "4",
    "cache": "5",
    "proxies": "6",
    "storage": "6",
    "stores": "6",
    "container": "7",
    "devices": "7",
    "ending": "7",
    "resources": "7",
    "doctor": "9",
}

if TYPE_CHECKING:
    #: By code, ascending. Codes are never reused. Put together when it is first asked for.
    CATALOGUE: dict[str, Code]


def __getattr__(name: str) -> dict[str, Code]:
    if name != "CATALOGUE":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    items = sorted((item for room in _ROOMS for item in _codes(room)), key=lambda item: item.code)
    catalogue = {item.code: item for item in items}
    globals()["CATALOGUE"] = catalogue
    return catalogue


def lookup(code_or_name: str) -> Code | None:
    """The entry for ``OVD101``, ``ovd101`` or ``no-version-directory``; None where nothing is called so."""
    wanted = code_or_name.strip()
    code, name = wanted.upper(), wanted.lower()
    # Most codes are found in the first module or two: the others need not be read.
    for room in sorted(_ROOMS, key=lambda room: code[3:4] not in _ROOMS[room]):
        for item in _codes(room):
            if code == item.code or name == item.name:
                return item
    return None


def _codes(room: str) -> tuple[Code, ...]:
    codes: tuple[Code, ...] = import_module(f"ovms_doctor.catalogue.{room}").CODES
    return codes
