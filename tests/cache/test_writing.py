"""Whether the server's user can write: the prediction, the result in a process with its ids, and the kernel's
answer.
"""

from __future__ import annotations

import errno
import json
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovms_doctor.model.facts import CheckWritable, Failure, ProbeWrite, Unavailable, Writability, WriteProbe
from ovms_doctor.model.mounts import NO_MOUNTS, Mount, MountTable
from ovms_doctor.probes import acl
from ovms_doctor.probes.access import Ids, PredictedAccess
from ovms_doctor.probes.acl import AclEntry
from ovms_doctor.probes.filesystem import LocalFiles, open_files
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.walk import Walker, open_bases

SERVER = Ids(5000, 5000, (39, 44))
OWNERS = [(0, 0), (5000, 5000), (1001, 5000), (1001, 44), (1001, 1001)]
MODES = [
    0o755,
    0o700,
    0o750,
    0o770,
    0o775,
    0o777,
    0o1777,
    0o711,
    0o733,
    0o722,
    0o744,
    0o766,
    0o600,
    0o500,
    0o000,
]
ROOT_TAKES_IDS = pytest.mark.needs_root


def _in_child(ids: Ids, action: Callable[[], Any]) -> Any:
    """The result of ``action`` in a process that has changed to the ids permanently."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(ids.groups)
            os.setresgid(ids.gid, ids.gid, ids.gid)
            os.setresuid(ids.uid, ids.uid, ids.uid)
            os.write(writing, pickle.dumps(action()))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as result:
        data = result.read()
    os.waitpid(pid, 0)
    return pickle.loads(data)


def _kernel(path: str) -> tuple[bool, bool, bool, bool]:
    """The results of access(2) for w, x and r, and whether a directory can really be created in it."""
    granted = tuple(os.access(path, mode) for mode in (os.W_OK, os.X_OK, os.R_OK))
    try:
        os.mkdir(path + "/made")
        os.rmdir(path + "/made")
        made = True
    except OSError:
        made = False
    return (*granted, made)  # type: ignore[return-value]


def _predict(ids: Ids, path: str) -> Writability:
    judge = PredictedAccess(ids)
    files = LocalFiles(Walker(open_bases((), NO_MOUNTS, hold=False), judge), judge, "predict")
    answer = files.writability(path)
    assert isinstance(answer, Writability)
    return answer


def _try(ids: Ids, path: str) -> Any:
    with LocalCollector(ids) as collector:
        return collector.collect([CheckWritable(path)])[CheckWritable(path)]


@ROOT_TAKES_IDS
@pytest.mark.parametrize("owner", OWNERS, ids=str)
def test_prediction_agrees_with_the_kernel(public_dir: Path, owner: tuple[int, int]) -> None:
    """All combinations of some owners, modes and users."""
    paths = [public_dir / f"{mode:o}" for mode in MODES]
    for path, mode in zip(paths, MODES, strict=True):
        path.mkdir()
        os.chown(path, *owner)
        path.chmod(mode)
    wrong = []
    for ids in (SERVER, Ids(0, 0), Ids(1001, 1001), Ids(1002, 1002)):
        found = _in_child(ids, lambda: [_kernel(str(path)) for path in paths])
        for path, (*access, made) in zip(paths, found, strict=True):
            prediction = _predict(ids, str(path))
            predicted = [prediction.writable, prediction.searchable, prediction.readable]
            if predicted != access or (prediction.writable and prediction.searchable) != made:
                wrong.append((path.name, ids, predicted, access, made))
    assert not wrong


@ROOT_TAKES_IDS
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.sampled_from(OWNERS),
    st.integers(0, 0o1777),
    st.integers(0, 7),
    st.integers(0, 7),
    st.integers(0, 7),
    st.sampled_from([SERVER, Ids(1001, 1001), Ids(1002, 1002, (2001,))]),
)
def test_acls_count(
    public_dir: Path, owner: tuple[int, int], mode: int, user: int, group: int, mask: int, ids: Ids
) -> None:
    path = public_dir / "acl"
    path.mkdir(exist_ok=True)
    os.chown(path, *owner)
    path.chmod(0o755)
    entries = (
        AclEntry(acl.USER_OBJ, mode >> 6 & 7),
        AclEntry(acl.USER, user, 5000),
        AclEntry(acl.GROUP_OBJ, mode >> 3 & 7),
        AclEntry(acl.GROUP, group, 2001),
        AclEntry(acl.MASK, mask),
        AclEntry(acl.OTHER, mode & 7),
    )
    try:
        os.setxattr(path, acl.ATTRIBUTE, acl.pack(entries))
    except OSError as error:
        pytest.skip(f"no ACLs on this file system: {error}")
    observed = _predict(ids, str(path))
    *access, made = _in_child(ids, partial(_kernel, str(path)))
    assert [observed.writable, observed.searchable, observed.readable] == access
    assert (observed.writable and observed.searchable) is made


@ROOT_TAKES_IDS
@pytest.mark.parametrize("mode", [0o700, 0o722, 0o755, 0o777])
def test_the_collector_tries_to_write_into_the_cache(public_dir: Path, mode: int) -> None:
    path = public_dir / "cache"
    path.mkdir()
    path.chmod(mode)
    tried, predicted = _try(SERVER, str(path)), _predict(SERVER, str(path))
    assert (tried.how, predicted.how) == ("tried", "predicted")
    rights = [(one.writable, one.searchable, one.readable, one.mode, one.uid) for one in (tried, predicted)]
    assert rights[0] == rights[1]
    assert rights[0][0] is bool(mode & 0o002)


@ROOT_TAKES_IDS
def test_inaccessible_parent_is_reported(public_dir: Path) -> None:
    closed = public_dir / "closed"
    (closed / "cache").mkdir(parents=True)
    closed.chmod(0o700)
    answer = _try(SERVER, str(closed / "cache"))
    assert isinstance(answer, Failure)
    assert answer.errno == errno.EACCES
    assert answer.denial is not None
    assert answer.denial.path == str(closed)


def test_a_mount_of_the_servers_that_is_read_only(public_dir: Path) -> None:
    (public_dir / "cache").mkdir()
    for read_only in (True, False):
        files = open_files(
            None, (), MountTable([Mount(str(public_dir), "/opt", read_only), Mount("/usr", "/opt/else")])
        )
        answer = files.writability("/opt/cache")
        assert isinstance(answer, Writability)
        assert (answer.read_only, answer.writable) == (read_only, not read_only)
        if read_only:
            assert files.probe("/opt/cache") == Failure(errno.EROFS)
    assert os.listdir(public_dir / "cache") == []


MOUNTED = """
import json, os, subprocess, sys
sys.path.insert(0, sys.argv[2])
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.access import Ids
from ovms_doctor.model.facts import CheckWritable, ProbeWrite
top, result = sys.argv[1], {}
for name, options in (("bind-ro", ["--bind", "-o", "ro", top + "/dir"]),
                      ("tmpfs-ro", ["-t", "tmpfs", "-o", "ro,mode=777", "x"]),
                      ("tmpfs-rw", ["-t", "tmpfs", "-o", "mode=777,size=64k,nr_inodes=3", "x"])):
    path = top + "/" + name
    os.mkdir(path)
    if subprocess.run(["mount", *options, path]).returncode:
        sys.exit(9)
    if name == "bind-ro":
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
    for uid in (0, 5000):
        with LocalCollector(Ids(uid, uid)) as collector:
            asked = [CheckWritable(path), ProbeWrite(path)]
            seen = collector.collect(asked)
            rights = seen[asked[0]]
            result[name + str(uid)] = [rights.writable, rights.read_only, rights.free, type(seen[asked[1]]).__name__,
                                        getattr(seen[asked[1]], "errno", 0), os.listdir(path)]
print(json.dumps(result))
"""


@ROOT_TAKES_IDS
@pytest.mark.needs_command("unshare")
@pytest.mark.needs_command("mount")
def test_mounts_that_refuse_even_root(public_dir: Path) -> None:
    """This runs in a mount namespace of its own."""
    (public_dir / "dir").mkdir()
    (public_dir / "dir").chmod(0o777)
    root = str(Path(__file__).parents[2])
    command = ["unshare", "-m", sys.executable, "-c", MOUNTED, str(public_dir), root]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode == 9 or "unshare failed" in run.stderr:
        pytest.skip(f"nothing can be mounted here: {run.stderr.strip()}")
    assert run.returncode == 0, run.stderr
    observed = json.loads(run.stdout)
    for uid in ("0", "5000"):
        for name in ("bind-ro", "tmpfs-ro"):
            writable, read_only, _, probed, number, left = observed[name + uid]
            assert (writable, read_only, probed, number, left) == (False, True, "Failure", errno.EROFS, [])
        writable, read_only, free, probed, _, left = observed["tmpfs-rw" + uid]
        assert (writable, read_only, probed, left) == (True, False, "WriteProbe", [])
        assert 0 < free <= 64 << 10


# -- --probe-write -------------------------------------------------------------------------------------


@ROOT_TAKES_IDS
def test_the_probe_leaves_nothing(public_dir: Path) -> None:
    good, bad = public_dir / "good", public_dir / "bad"
    for path, mode in ((good, 0o777), (bad, 0o755)):
        path.mkdir()
        path.chmod(mode)
    with LocalCollector(SERVER) as collector:
        answers = collector.collect(
            [ProbeWrite(str(good)), ProbeWrite(str(bad)), ProbeWrite(str(bad / "none"))]
        )
    assert isinstance(answers[ProbeWrite(str(good))], WriteProbe)
    assert answers[ProbeWrite(str(bad))] == Failure(errno.EACCES)
    assert answers[ProbeWrite(str(bad / "none"))] == Failure(errno.ENOENT)
    assert [os.listdir(path) for path in (good, bad)] == [[], []]


def test_without_the_servers_user_nothing_is_written(public_dir: Path) -> None:
    public_dir.chmod(0o777)
    judge = PredictedAccess(Ids(5000, 5000))
    files = LocalFiles(Walker(open_bases((), NO_MOUNTS, hold=False), judge), judge, "predict")
    assert isinstance(files.probe(str(public_dir)), Unavailable)
    assert os.listdir(public_dir) == []


def test_a_file_is_not_a_writable_directory(public_dir: Path) -> None:
    file = public_dir / "file"
    file.write_text("")
    answer = open_files(None).writability(str(file))
    assert isinstance(answer, Writability)
    assert answer.kind == "regular"
    assert answer.mode == stat.S_IMODE(file.stat().st_mode)
    assert open_files(None).probe(str(file)) == Failure(errno.ENOTDIR)
