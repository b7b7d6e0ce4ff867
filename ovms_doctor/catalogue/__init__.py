"""Every code once, in order: what it means, what the server does, what to do. Readable without any check."""

from __future__ import annotations

from ovms_doctor.catalogue import (
    configuration,
    doctor,
    layout,
    operations,
    permissions,
    reading,
    refusal,
    versions,
)
from ovms_doctor.catalogue.entry import Code

__all__ = ["CATALOGUE", "Code", "lookup"]

_ROOMS = (layout, versions, permissions, reading, operations, refusal, configuration, doctor)

#: By code, ascending. Codes are never reused.
CATALOGUE: dict[str, Code] = {
    item.code: item
    for item in sorted((item for room in _ROOMS for item in room.CODES), key=lambda item: item.code)
}
_BY_NAME = {item.name: item for item in CATALOGUE.values()}


def lookup(code_or_name: str) -> Code | None:
    """The entry for ``OVD101``, ``ovd101`` or ``no-version-directory``; None where nothing is called so."""
    wanted = code_or_name.strip()
    return CATALOGUE.get(wanted.upper()) or _BY_NAME.get(wanted.lower())
