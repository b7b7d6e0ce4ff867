"""The prediction, the result of a process with the ids, and the kernel's result are always the same.

Random trees with random owners, modes, ACLs and links; random users. The kernel is tested by plain system
calls in a process with the ids: for the whole host, below a root whose parent is closed, and in a tree that
is the server's root (by chroot(2)).
"""

from __future__ import annotations

import errno
import os
import pickle
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Failure,
    FileContent,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.facts.answers import Right
from ovms_doctor.model.mounts import Mount, MountTable
from ovms_doctor.probes import acl
from ovms_doctor.probes.access import Ids, PredictedAccess
from ovms_doctor.probes.acl import AclEntry
from ovms_doctor.probes.filesystem import LocalFiles, open_files
from ovms_doctor.probes.walk import Walker, open_bases
from tests.probes.kernel import kernel_allows

pytestmark = [pytest.mark.slow, pytest.mark.needs_root]

UIDS = st.sampled_from([0, 1001, 1002, 5000])
GIDS = st.sampled_from([0, 2001, 2002, 5000])
RIGHTS = st.sampled_from([7, 5, 4, 1, 0])
NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.sampled_from(["a", "b", "c", "a", "b", "c", "..", "."])
TOPS = st.sampled_from(["models", "data"])


@dataclass(frozen=True)
class Node:
    """An object in the tree. ``parent``: the index of a directory created before it; ``absolute``: for a link."""

    parent: int
    name: str
    kind: str
    uid: int
    gid: int
    mode: int
    entries: tuple[AclEntry, ...]
    target: tuple[str, ...]
    absolute: bool
    slash: bool


@st.composite
def _acls(draw: st.DrawFn) -> tuple[AclEntry, ...]:
    users = draw(st.lists(st.tuples(UIDS, RIGHTS), max_size=2, unique_by=lambda one: one[0]))
    groups = draw(st.lists(st.tuples(GIDS, RIGHTS), max_size=2, unique_by=lambda one: one[0]))
    if not users and not groups:
        return ()
    return (
        AclEntry(acl.USER_OBJ, draw(RIGHTS)),
        *(AclEntry(acl.USER, rights, uid) for uid, rights in sorted(users)),
        AclEntry(acl.GROUP_OBJ, draw(RIGHTS)),
        *(AclEntry(acl.GROUP, rights, gid) for gid, rights in sorted(groups)),
        AclEntry(acl.MASK, draw(RIGHTS)),
        AclEntry(acl.OTHER, draw(RIGHTS)),
    )


MODES = st.one_of(
    st.sampled_from([0o755, 0o755, 0o750, 0o700, 0o711, 0o744, 0o644, 0o1777, 0o2775]),
    st.builds(lambda u, g, o: u << 6 | g << 3 | o, RIGHTS, RIGHTS, RIGHTS),
)
NODE = st.builds(
    Node,
    parent=st.integers(0, 20),
    name=NAMES,
    kind=st.sampled_from(["directory", "directory", "file", "link", "link"]),
    uid=UIDS,
    gid=GIDS,
    mode=MODES,
    entries=st.just(()) | _acls(),
    target=st.lists(STEPS, min_size=1, max_size=4).map(tuple),
    absolute=st.booleans(),
    slash=st.booleans(),
)
PATH = st.tuples(TOPS, st.lists(STEPS, max_size=6), st.sampled_from(["", "", "/", "/."])).map(
    lambda parts: "/".join(["", parts[0], *parts[1]]) + parts[2]
)
USER = st.builds(
    Ids,
    UIDS,
    GIDS.filter(bool),
    st.lists(st.sampled_from([2001, 2002, 39]), max_size=2, unique=True).map(tuple),
)


def _build(top: str, nodes: list[Node], server_top: str, *, absolute_links: bool) -> list[str]:
    """Creates the tree in ``top``; returns all paths in it, relative to ``top``."""
    directories = ["/models", "/data"]
    made: dict[str, Node | None] = {}
    for name in directories:
        os.mkdir(top + name)
        made[name] = None
    for node in nodes:
        path = f"{directories[node.parent % len(directories)]}/{node.name}"
        if path in made:
            continue
        made[path] = node
        if node.kind == "directory":
            os.mkdir(top + path)
            directories.append(path)
        elif node.kind == "file":
            Path(top + path).write_text(path)
        else:
            start = f"{server_top}/models/" if node.absolute and absolute_links else ""
            os.symlink(start + "/".join(node.target) + ("/" if node.slash else ""), top + path)
    for path, one in made.items():
        if one is None:
            continue
        os.chown(top + path, one.uid, one.gid, follow_symlinks=False)
        if one.kind != "link":
            os.chmod(top + path, one.mode)
            if one.entries:
                os.setxattr(top + path, acl.ATTRIBUTE, acl.pack(one.entries))
    return list(made)


def _in_child(work: Callable[[], Any]) -> Any:
    """The result of ``work`` in a process of its own, whose rights may change."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
            with os.fdopen(write, "wb") as pipe:
                pickle.dump(work(), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0
    return pickle.loads(data)


def _kernel(path: str) -> dict[str, Any]:
    """Plain system calls: for each question a result, or the number of the error."""

    def number(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except OSError as error:
            return error.errno

    def status() -> tuple[int, int]:
        stat_result = os.stat(path)
        return stat.S_IFMT(stat_result.st_mode), stat_result.st_size

    def names() -> list[str]:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries]

    def content() -> bytes:
        with open(path, "rb", buffering=0) as file:
            return file.read()

    return {
        "StatPath": number(status),
        "ListDirectory": number(names),
        "ReadFile": number(content),
        "real": os.path.realpath(path),
    }


def _plain(answer: Answer) -> Any:
    """An answer in the form of ``_kernel``."""
    if isinstance(answer, PathStatus):
        kind = {"regular": stat.S_IFREG, "directory": stat.S_IFDIR}[answer.kind]
        return kind, answer.size
    if isinstance(answer, Listing):
        return [entry.name for entry in answer.entries]
    if isinstance(answer, FileContent):
        return answer.data
    assert isinstance(answer, Failure)
    return answer.errno


def _without_how(answer: Answer) -> Answer:
    if isinstance(answer, Failure) and answer.denial is not None:
        return replace(answer, denial=replace(answer.denial, how="tried"))
    return answer


def _refuses(user: Ids, path: str, right: Right) -> bool:
    """Whether ``path`` can be reached and ``right`` on it is refused; run in a process of its own."""
    _take_ids(user)
    try:
        os.stat(path)
    except OSError:
        return False
    return not kernel_allows(path, right)


def _take_ids(user: Ids) -> None:
    os.setgroups(user.groups)
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)


ROOT_KINDS = ["host", "root", "mounts"]


@settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    root_kind=st.sampled_from(ROOT_KINDS),
    nodes=st.lists(NODE, min_size=3, max_size=14),
    user=USER,
    queried=st.lists(PATH, min_size=1, max_size=5),
)
def test_prediction_trying_and_the_kernel_agree(
    public_dir: Path, root_kind: str, nodes: list[Node], user: Ids, queried: list[str]
) -> None:
    # Far below directories that other tests change meanwhile, so that no path or link leads up to one of them.
    deep = public_dir.joinpath(*["deep"] * 24)
    deep.mkdir(parents=True, exist_ok=True)
    top = f"{deep}/{len(os.listdir(deep))}"
    os.mkdir(top)
    server_top = "" if root_kind == "mounts" else top
    known = _build(top, nodes, server_top, absolute_links=root_kind != "root")
    paths = [
        path
        for path in dict.fromkeys([*known, *queried])
        if root_kind != "root" or path.startswith("/models")
    ]
    roots: list[str] = []
    mounts: list[Mount] = []
    if root_kind == "root":
        roots = [f"{top}/models"]
        os.chmod(top, 0o700)
    if root_kind == "mounts":
        mounts = [Mount(f"{top}/models", "/models"), Mount(f"{top}/data", "/data")]
    questions: list[AnyQuestion] = [
        kind
        for path in paths
        for kind in (
            StatPath(server_top + path),
            ListDirectory(server_top + path),
            ReadFile(server_top + path, 1000),
        )
    ]

    def kernel() -> list[dict[str, Any]]:
        start = ""
        if root_kind == "host":
            start = top
        elif root_kind == "root":
            start = f"/proc/self/fd/{os.open(f'{top}/models', os.O_PATH)}"
            paths[:] = [path.removeprefix("/models") for path in paths]
        else:
            os.chroot(top)
            os.chdir("/")
        _take_ids(user)
        return [_kernel(start + path) for path in paths]

    def tried(*, enter: bool) -> list[Answer]:
        files = open_files(user, roots, MountTable(mounts), enter=enter)
        assert files.access_mode == "drop"
        return [files.answer(question) for question in questions]

    judge = PredictedAccess(user)
    walker = Walker(open_bases(roots, MountTable(mounts), hold=False), judge)
    predicted = [LocalFiles(walker, judge, "predict").answer(question) for question in questions]
    found = _in_child(partial(tried, enter=len(nodes) % 2 == 0))
    truth = [result for result in _in_child(kernel) for _ in range(3)]

    denials: set[tuple[str, str]] = set()
    for question, one, other, kernels in zip(questions, predicted, found, truth, strict=True):
        assert _without_how(one) == other, (question, one, other)
        if isinstance(one, Unavailable):
            # The tree beside the mounts must not be visible; everything else is.
            assert root_kind == "mounts", question
            assert "not under any mount" in one.reason
            continue
        assert _plain(one) == kernels[type(question).__name__], (question, one, kernels)
        if isinstance(one, PathStatus) and root_kind != "root":
            real = kernels["real"]
            assert (one.resolved or os.path.normpath(question.path)) == real, (question, one, real)
        if isinstance(one, Failure) and one.denial is not None:
            assert one.errno == errno.EACCES
            denials.add((one.denial.path, one.denial.right))
    if root_kind == "host":
        for denied_path, right in denials:
            assert _in_child(partial(_refuses, user, denied_path, right)), (denied_path, right)
    _first_refusal(root_kind, server_top, questions, predicted, denials)


def _first_refusal(
    root_kind: str,
    server_top: str,
    questions: list[AnyQuestion],
    answers: list[Answer],
    denials: set[tuple[str, str]],
) -> None:
    """If no link is on the path, no directory before the named one is named for any other question."""
    closed = {denied_path for denied_path, right in denials if right == "search"}
    for question, answer in zip(questions, answers, strict=True):
        if not isinstance(answer, Failure) or answer.denial is None:
            continue
        names = question.path.removeprefix(server_top).strip("/").split("/")
        prefixes = [server_top + "/" + "/".join(names[:length]) for length in range(1, len(names))]
        if ".." in names or "." in names or any(os.path.islink(prefix) for prefix in prefixes):
            continue
        first = next((prefix for prefix in prefixes if prefix in closed), None)
        if root_kind != "mounts" and first is not None:
            assert answer.denial.path == first, question
