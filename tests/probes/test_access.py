"""Access rights as the kernel grants them, for all combinations; and how a process changes to other ids."""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovms_doctor.model.facts.answers import Right
from ovms_doctor.probes import acl
from ovms_doctor.probes.access import Ids, allowed, choose, may_follow
from ovms_doctor.probes.acl import AclEntry
from tests.probes.kernel import kernel_allows

OWNER, NAMED, MEMBER, OTHER_USER = 1001, 1002, 1003, 1004
OWNING_GROUP, NAMED_GROUP, NO_GROUP = 2001, 2002, 2003
USERS = [
    Ids(OWNER, NO_GROUP),
    Ids(OWNER, OWNING_GROUP),
    Ids(NAMED, NO_GROUP),
    Ids(NAMED, NO_GROUP, (OWNING_GROUP, NAMED_GROUP)),
    Ids(MEMBER, OWNING_GROUP),
    Ids(MEMBER, NO_GROUP, (NAMED_GROUP,)),
    Ids(MEMBER, OWNING_GROUP, (NAMED_GROUP,)),
    Ids(OTHER_USER, NO_GROUP),
    Ids(0, 0),
]
Entries = tuple[AclEntry, ...]


def _acls() -> Iterator[Entries]:
    choices = itertools.product((0, 1, 4, 7), (None, 0, 1, 4, 7), (0, 1, 7), (None, 0, 1, 4, 7), (0, 1, 4, 7))
    for mask, user, group_obj, group, other in choices:
        entries = [AclEntry(acl.USER_OBJ, 5)]
        if user is not None:
            entries.append(AclEntry(acl.USER, user, NAMED))
        entries.append(AclEntry(acl.GROUP_OBJ, group_obj))
        if group is not None:
            entries.append(AclEntry(acl.GROUP, group, NAMED_GROUP))
        yield (*entries, AclEntry(acl.MASK, mask), AclEntry(acl.OTHER, other))


def _disagreements(directory: str) -> list[str]:
    """Tests the kernel as each user in turn; run in a process of its own."""
    wrong = []
    rights: tuple[Right, ...] = ("search", "read")

    def compare(subject: object, entries: Entries | None) -> None:
        status = os.stat(directory)
        for user in USERS:
            os.setgroups(user.groups)
            os.setegid(user.gid)
            os.seteuid(user.uid)
            for right in rights:
                predicted = allowed(user, right, status.st_mode, status.st_uid, status.st_gid, entries)
                if predicted != kernel_allows(directory, right):
                    wrong.append(f"{subject}: {user} {right}: predicted {predicted}")
            os.seteuid(0)
            os.setegid(0)

    for mode in range(0o1000):
        if mode & 0o222 == 0:
            os.chmod(directory, mode)
            compare(f"{mode:o}", None)
    for entries in _acls():
        os.setxattr(directory, acl.ATTRIBUTE, acl.pack(entries))
        assert acl.read(directory) == entries
        compare(acl.short_text(entries), entries)
    return wrong


@pytest.mark.needs_root
def test_every_mode_and_acl_is_read_as_the_kernel_reads_it(public_dir: Path) -> None:
    directory = public_dir / "models"
    directory.mkdir()
    os.chown(directory, OWNER, OWNING_GROUP)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.write(write, "\n".join(_disagreements(str(directory))[:20]).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        wrong = pipe.read().decode()
    assert os.waitpid(pid, 0)[1] == 0
    assert wrong == ""


def test_an_empty_mask_limits_a_named_user_to_the_rights_of_others() -> None:
    """fs/namei.c reads the ACL only if the mode has group bits; acl(5) describes it differently."""
    entries = (
        AclEntry(acl.USER_OBJ, 7),
        AclEntry(acl.USER, 7, NAMED),
        AclEntry(acl.GROUP_OBJ, 7),
        AclEntry(acl.MASK, 0),
        AclEntry(acl.OTHER, 5),
    )
    assert allowed(Ids(NAMED, NO_GROUP), "read", 0o705, OWNER, OWNING_GROUP, entries)
    assert not allowed(Ids(MEMBER, OWNING_GROUP), "read", 0o705, OWNER, OWNING_GROUP, entries)


def test_the_short_text_of_an_acl() -> None:
    entries = (
        AclEntry(acl.USER_OBJ, 7),
        AclEntry(acl.USER, 5, 5000),
        AclEntry(acl.GROUP_OBJ, 4),
        AclEntry(acl.GROUP, 1, 44),
        AclEntry(acl.MASK, 6),
        AclEntry(acl.OTHER, 0),
    )
    assert acl.short_text(entries) == "u::rwx,u:5000:r-x,g::r--,g:44:--x,m::rw-,o::---"
    assert acl.parse(acl.pack(entries)) == entries


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02\x00",
        struct.pack("<I", 2),
        struct.pack("<I", 1) + struct.pack("<HHI", 1, 7, 0),
        struct.pack("<I", 2) + struct.pack("<HHI", 1, 7, 0)[:-1],
        struct.pack("<I", 2) + struct.pack("<HHI", 3, 7, 0),
    ],
)
def test_an_acl_of_an_unknown_form_is_ignored(raw: bytes) -> None:
    assert acl.parse(raw) is None


@pytest.mark.parametrize(
    ("follower", "owner", "mode", "directory_owner", "followed"),
    [
        (5000, 1001, 0o41777, 0, False),
        (0, 1001, 0o41777, 0, False),
        (5000, 5000, 0o41777, 0, True),
        (5000, 0, 0o41777, 0, True),
        (5000, 1001, 0o40777, 0, True),
        (5000, 1001, 0o41775, 0, True),
    ],
)
def test_protected_links(follower: int, owner: int, mode: int, directory_owner: int, followed: bool) -> None:
    """The table of fs.protected_symlinks in the kernel's documentation (admin-guide/sysctl/fs.rst)."""
    assert may_follow(follower, owner, mode, directory_owner) is followed


@pytest.mark.parametrize("ids", [(-1, 0, ()), (0, 2**32 - 1, ()), (0, 0, (2**40,))])
def test_id_that_setresuid_ignores_is_refused(ids: tuple[int, int, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="ids are numbers from 0"):
        Ids(*ids)


def test_without_a_user_the_process_itself_reads() -> None:
    assert choose(None) == "self"


def test_without_root_another_user_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    assert choose(Ids(5000, 5000)) == "predict"
