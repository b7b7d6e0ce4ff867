"""POSIX access ACLs as Linux stores them, read without a library.

The format is that of the extended attribute ``system.posix_acl_access`` (linux/posix_acl_xattr.h): a
version, then entries of tag, rights and id, little-endian, in the order in which the kernel checks them.
"""

from __future__ import annotations

import os
import struct

from msgspec import Struct

ATTRIBUTE = "system.posix_acl_access"
VERSION = 2
HEADER = struct.Struct("<I")
ENTRY = struct.Struct("<HHI")

USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20

_LETTERS = {USER_OBJ: "u", USER: "u", GROUP_OBJ: "g", GROUP: "g", MASK: "m", OTHER: "o"}


class AclEntry(Struct, frozen=True):
    """An entry of an ACL.

    ``tag``: one of the constants here.
    ``rights``: the bits r=4 w=2 x=1.
    ``id``: only for named entries.
    """

    tag: int
    rights: int
    id: int = 0


def parse(raw: bytes) -> tuple[AclEntry, ...] | None:
    """Returns the entries in the attribute's value; None if its form is not a known one."""
    if len(raw) < HEADER.size or (len(raw) - HEADER.size) % ENTRY.size:
        return None
    if HEADER.unpack_from(raw)[0] != VERSION:
        return None
    entries = tuple(
        AclEntry(tag, rights, number if tag in (USER, GROUP) else 0)
        for tag, rights, number in ENTRY.iter_unpack(raw[HEADER.size :])
    )
    return entries if entries and all(entry.tag in _LETTERS for entry in entries) else None


def pack(entries: tuple[AclEntry, ...]) -> bytes:
    """Returns the attribute's value for setxattr(2)."""
    named = (USER, GROUP)
    return HEADER.pack(VERSION) + b"".join(
        ENTRY.pack(entry.tag, entry.rights, entry.id if entry.tag in named else 0xFFFFFFFF)
        for entry in entries
    )


def short_text(entries: tuple[AclEntry, ...]) -> str:
    """Returns the short text form of acl(5), ids as numbers: ``u::rwx,u:5000:r-x,g::r-x,m::r-x,o::---``."""
    return ",".join(
        f"{_LETTERS[entry.tag]}:{entry.id if entry.tag in (USER, GROUP) else ''}:{_rights(entry.rights)}"
        for entry in entries
    )


def read(path: str) -> tuple[AclEntry, ...] | None:
    """Returns the access ACL of ``path``, links followed; None without one."""
    try:
        return parse(os.getxattr(path, ATTRIBUTE))
    except (OSError, AttributeError):  # AttributeError: not on Linux
        return None


def _rights(bits: int) -> str:
    return "".join(letter if bits & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
