"""Reading real files: unusual names, unusual kinds, links, mounts, roots, large numbers of files."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from ovms_doctor.model.facts import (
    AnyQuestion,
    Denial,
    Entry,
    Failure,
    FileContent,
    InspectModel,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatHost,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.mounts import NO_MOUNTS, Mount, MountTable, UnavailablePath
from ovms_doctor.probes.access import Ids, PredictedAccess
from ovms_doctor.probes.filesystem import LocalFiles, open_files
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.walk import Walker, open_bases

SERVER = Ids(5000, 5000, (39, 44))


def _files(*mounts: Mount, roots: Sequence[str] = ()) -> LocalFiles:
    """The probe as this process; the ids do not change."""
    return open_files(None, roots, MountTable(mounts))


def _predicting(ids: Ids = SERVER, roots: Sequence[str] = ()) -> LocalFiles:
    judge = PredictedAccess(ids)
    return LocalFiles(Walker(open_bases(roots, NO_MOUNTS, hold=False), judge), judge, "predict")


@pytest.fixture
def top(public_dir: Path) -> str:
    return os.path.realpath(public_dir)


def test_status_of_every_kind(top: str) -> None:
    Path(top, "file").write_bytes(b"12345")
    os.mkdir(f"{top}/directory")
    os.mkfifo(f"{top}/fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{top}/socket")
        kinds = {name: _files().status(f"{top}/{name}") for name in os.listdir(top)}
    assert kinds["file"] == PathStatus("regular", 5)
    assert {name: one.kind for name, one in kinds.items() if isinstance(one, PathStatus)} == {
        "file": "regular",
        "directory": "directory",
        "fifo": "fifo",
        "socket": "socket",
    }
    assert _files().status("/dev/null") == PathStatus("character", 0)
    listing = _files().listing(top)
    assert isinstance(listing, Listing)
    assert {entry.name: entry.kind for entry in listing.entries} == {
        name: one.kind for name, one in kinds.items() if isinstance(one, PathStatus)
    }


def test_links_are_followed_to_the_resolved_path(top: str) -> None:
    os.makedirs(f"{top}/real/1")
    Path(top, "real/1/model.xml").write_text("xml")
    os.symlink("real", f"{top}/link")
    os.symlink(f"{top}/link/1", f"{top}/real/2")
    files = _files()
    assert files.status(f"{top}/real/1/model.xml") == PathStatus("regular", 3)
    assert files.status(f"{top}/link/2/model.xml") == PathStatus("regular", 3, f"{top}/real/1/model.xml")
    assert files.status(f"{top}/link/2/../1/") == PathStatus(
        "directory", os.stat(f"{top}/real/1").st_size, f"{top}/real/1"
    )
    assert files.listing(f"{top}/link/") == files.listing(f"{top}/real")
    assert files.content(f"{top}/link/2/model.xml", 2) == FileContent(b"xm", 3)


@pytest.mark.parametrize("ending", ["", "/", "/.", "/..", "/a"])
@pytest.mark.parametrize("name", ["file", "dangling", "loop", "missing", "to-file", "n" * 256, "directory"])
def test_errors_are_those_of_stat(top: str, name: str, ending: str) -> None:
    Path(top, "file").touch()
    os.mkdir(f"{top}/directory")
    os.symlink("nowhere", f"{top}/dangling")
    os.symlink("loop", f"{top}/loop")
    os.symlink("file", f"{top}/to-file")
    path = f"{top}/{name}{ending}"
    kernels = 0
    try:
        os.stat(path)
    except OSError as error:
        kernels = error.errno or 0
    answer = _files().status(path)
    assert answer == Failure(kernels) if kernels else isinstance(answer, PathStatus)


@pytest.mark.parametrize("count", [40, 41])
def test_as_many_links_as_the_kernel_follows(top: str, count: int) -> None:
    Path(top, "0").touch()
    for number in range(1, count + 1):
        os.symlink(str(number - 1), f"{top}/{number}")
    answer = _files().status(f"{top}/{count}")
    assert os.path.exists(f"{top}/{count}") == (count == 40)
    assert answer == (PathStatus("regular", 0, f"{top}/0") if count == 40 else Failure(errno.ELOOP))


def test_paths_that_system_calls_reject() -> None:
    files = _files()
    assert files.status("") == Failure(errno.ENOENT)
    assert files.status("/" + "a/" * 2048) == Failure(errno.ENAMETOOLONG)
    assert files.status("/tmp/\ud800") == Unavailable(
        "the path cannot be expressed in this host's file system encoding"
    )
    assert isinstance(files.status("/tmp/a\0b"), Unavailable)
    assert isinstance(files.status("models"), Unavailable)


def test_a_path_with_two_thousand_steps(top: str) -> None:
    os.mkdir(f"{top}/d")
    answer = _files().status(f"{top}/d/" + "../d/" * 700)
    assert isinstance(answer, PathStatus)
    assert answer.kind == "directory"


def test_a_fifo_is_never_opened(top: str) -> None:
    os.mkfifo(f"{top}/model.xml")
    answer = _files().content(f"{top}/model.xml", 10)
    assert isinstance(answer, Unavailable)
    assert answer.reason.startswith("not opened, because it is neither a regular file nor a directory")


def test_a_fifo_that_replaces_a_file_does_not_block(top: str) -> None:
    Path(top, "model.xml").touch()
    files = _files()
    found = files.walker.find(f"{top}/model.xml")
    os.remove(f"{top}/model.xml")
    os.mkfifo(f"{top}/model.xml")
    files.walker.find = lambda path: found  # type: ignore[method-assign]
    assert isinstance(files.content(f"{top}/model.xml", 10), Unavailable)


def test_a_directory_is_not_read_and_a_file_not_listed(top: str) -> None:
    Path(top, "file").touch()
    assert _files().content(top, 10) == Failure(errno.EISDIR)
    assert _files().listing(f"{top}/file") == Failure(errno.ENOTDIR)
    assert _files().readable(top) is None
    assert _files().readable(f"{top}/file") is None
    assert _files().readable(f"{top}/none") == Failure(errno.ENOENT)


def test_reading_does_not_change_the_access_time(top: str) -> None:
    Path(top, "file").write_text("text")
    os.utime(f"{top}/file", ns=(1, 2))
    before = os.stat(f"{top}/file").st_atime_ns
    assert _files().content(f"{top}/file", 10) == FileContent(b"text", 4)
    assert os.stat(f"{top}/file").st_atime_ns == before


@pytest.mark.slow
def test_names_that_are_not_text_travel_through_the_child(top: str) -> None:
    names = [os.fsdecode(name) for name in (b"new\nline", b"caf\xe9", b"\xff\xfe", b"\\xe9", "é".encode())]
    for name in names:
        os.mkdir(f"{top}/{name}")
        os.symlink(name, f"{top}/{name}/link")
    with LocalCollector(None) as collector:
        questions = [StatPath(f"{top}/{name}") for name in names]
        answers = collector.collect([ListDirectory(top), *questions, ListDirectory(f"{top}/{names[1]}")])
    listing = answers[ListDirectory(top)]
    assert isinstance(listing, Listing)
    assert sorted(entry.name for entry in listing.entries) == sorted(names)
    assert all(isinstance(answers[question], PathStatus) for question in questions)
    assert answers[ListDirectory(f"{top}/{names[1]}")] == Listing((Entry("link", "link", names[1]),))


@pytest.mark.slow
def test_100_000_entries_in_the_file_systems_order(top: str) -> None:
    descriptor = os.open(top, os.O_RDONLY)
    for number in range(100_000):
        os.mknod(f"{number}", dir_fd=descriptor)
    os.close(descriptor)
    with LocalCollector(None) as collector:
        answer = collector.collect([ListDirectory(top)])[ListDirectory(top)]
    assert isinstance(answer, Listing)
    with os.scandir(top) as entries:
        assert [entry.name for entry in answer.entries] == [entry.name for entry in entries]
    assert {entry.kind for entry in answer.entries} == {"regular"}


def test_a_parent_directory_is_read_once(top: str, monkeypatch: pytest.MonkeyPatch) -> None:
    os.makedirs(f"{top}/a/b")
    for number in range(50):
        Path(top, f"a/b/{number}").touch()
    lookup: list[str] = []
    lstat = os.lstat

    def counting(path: str) -> os.stat_result:
        lookup.append(path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", counting)
    files = _files()
    for number in range(50):
        assert files.status(f"{top}/a/b/{number}") == PathStatus("regular", 0)
    assert len(lookup) == len(set(lookup))


def test_links_are_followed_in_the_servers_tree(top: str) -> None:
    """The host has a file at the link's target path; the server has another one there."""
    os.makedirs(f"{top}/host/models")
    os.makedirs(f"{top}/host/store")
    Path(top, "host/store/f").write_text("mounted")
    Path(top, "outside").write_text("only here")
    os.symlink("/store/f", f"{top}/host/models/absolute")
    os.symlink("../store/f", f"{top}/host/models/relative")
    os.symlink("../../outside", f"{top}/host/models/gone")
    os.symlink(f"{top}/host/store/f", f"{top}/host/models/host-path")
    files = _files(Mount(f"{top}/host/models", "/models"), Mount(f"{top}/host/store", "/store"))
    assert files.content("/models/absolute", 99) == FileContent(b"mounted", 7)
    assert files.content("/models/relative", 99) == FileContent(b"mounted", 7)
    assert files.status("/models/absolute") == PathStatus("regular", 7, "/store/f")
    assert files.status("/models/../store/f") == PathStatus("regular", 7)
    for name in ("gone", "host-path"):
        answer = files.status(f"/models/{name}")
        assert isinstance(answer, Unavailable)
        assert answer.reason.startswith("not under any mount, so it is in the container's own layers: /")


def test_path_under_no_mount_is_unavailable(top: str) -> None:
    files = _files(Mount(top, "/opt/models"))
    reason = "not under any mount, so it is in the container's own layers: "
    for path in ("/etc/passwd", "/", "/opt", "/opt/other"):
        answer = files.status(path)
        assert isinstance(answer, Unavailable)
        assert answer.reason.startswith(reason)
    assert isinstance(files.status("/opt/models"), PathStatus)


def test_a_mount_inside_a_mount_and_a_mounted_file(top: str) -> None:
    os.makedirs(f"{top}/outer/inner")
    os.mkdir(f"{top}/elsewhere")
    Path(top, "elsewhere/f").write_text("inner")
    Path(top, "c.json").write_text("{}")
    files = _files(
        Mount(f"{top}/outer", "/m"),
        Mount(f"{top}/elsewhere", "/m/inner"),
        Mount(f"{top}/c.json", "/m/new.json"),
    )
    assert files.content("/m/inner/f", 9) == FileContent(b"inner", 5)
    assert files.content("/m/inner/../inner/f", 9) == FileContent(b"inner", 5)
    # The container runtime creates a missing mount point.
    assert files.content("/m/new.json", 9) == FileContent(b"{}", 2)
    assert _files(Mount(f"{top}/none", "/m")).status("/m/x") == Failure(errno.ENOENT)


@pytest.mark.needs_root
class TestAsTheServersUser:
    """Root reads as another user; the same answers are predicted."""

    def _both(
        self, questions: Sequence[AnyQuestion], roots: Sequence[str] = ()
    ) -> dict[AnyQuestion, PathStatus | Listing | FileContent | Failure | Unavailable]:
        with LocalCollector(SERVER, roots) as collector:
            tried = collector.collect(questions)
        predicted = _predicting(roots=roots)
        for question in questions:
            other = predicted.answer(question)
            one = tried[question]
            if isinstance(one, Failure) and one.denial:
                assert isinstance(other, Failure)
                assert other.denial
                assert (one.denial.how, other.denial.how) == ("tried", "predicted")
                assert (one.denial.path, one.denial.right) == (other.denial.path, other.denial.right)
            else:
                assert one == other
        return tried  # type: ignore[return-value]

    def test_a_denial_names_path_permission_and_owner(self, top: str) -> None:
        os.makedirs(f"{top}/m/1")
        Path(top, "m/1/model.xml").write_text("x")
        os.chown(f"{top}/m/1", 1001, 1002)
        os.chmod(f"{top}/m/1", 0o750)
        os.chmod(f"{top}/m/1/model.xml", 0o600)
        stat, listing, read = (
            StatPath(f"{top}/m/1/model.xml"),
            ListDirectory(f"{top}/m/1"),
            ReadFile(f"{top}/m/1/model.xml", 9),
        )
        answers = self._both([stat, listing, read])
        search = Denial(f"{top}/m/1", "search", 1001, 1002, 0o750, "tried")
        assert answers[stat] == answers[read] == Failure(errno.EACCES, search)
        assert answers[listing] == Failure(
            errno.EACCES, Denial(f"{top}/m/1", "read", 1001, 1002, 0o750, "tried")
        )
        os.chmod(f"{top}/m/1", 0o755)
        assert self._both([read])[read] == Failure(
            errno.EACCES, Denial(f"{top}/m/1/model.xml", "read", 0, 0, 0o600, "tried")
        )

    def test_parents_of_a_root_do_not_count(self, top: str) -> None:
        os.makedirs(f"{top}/home/models/m")
        os.makedirs(f"{top}/home/store")
        Path(top, "home/models/m/f").write_text("f")
        Path(top, "home/store/f").write_text("f")
        os.symlink("../../store/f", f"{top}/home/models/m/out")
        os.symlink(f"{top}/home/models/m/f", f"{top}/home/models/m/within")
        os.chmod(f"{top}/home", 0o700)
        root = f"{top}/home/models"
        inside, out, within = (ReadFile(f"{root}/m/{name}", 9) for name in ("f", "out", "within"))
        refused = Failure(errno.EACCES, Denial(f"{top}/home", "search", 0, 0, 0o700, "tried"))
        answers = self._both([inside, out, within, ListDirectory(root)], [root])
        assert answers[inside] == answers[within] == FileContent(b"f", 1)
        assert isinstance(answers[ListDirectory(root)], Listing)
        assert answers[out] == refused
        assert self._both([inside])[inside] == refused

    def test_a_root_that_is_a_file_or_a_link(self, top: str) -> None:
        os.makedirs(f"{top}/home/real")
        Path(top, "home/real/model.xml").write_text("x")
        os.symlink("real", f"{top}/home/link")
        os.chmod(f"{top}/home", 0o700)
        file, by_link = f"{top}/home/real/model.xml", f"{top}/home/link"
        answers = self._both([ReadFile(file, 9), StatPath(f"{by_link}/model.xml")], [file, by_link])
        assert answers[ReadFile(file, 9)] == FileContent(b"x", 1)
        assert answers[StatPath(f"{by_link}/model.xml")] == PathStatus("regular", 1, file)

    def test_a_root_without_search_permission_is_only_listed(self, top: str) -> None:
        os.makedirs(f"{top}/home/models/m")
        os.symlink("m", f"{top}/home/models/link")
        os.chmod(f"{top}/home/models", 0o744)
        root = f"{top}/home/models"
        os.chmod(f"{top}/home", 0o700)
        answers = self._both([StatPath(root), ListDirectory(root), StatPath(f"{root}/m")], [root])
        assert isinstance(answers[StatPath(root)], PathStatus)
        listing = answers[ListDirectory(root)]
        assert isinstance(listing, Listing)
        assert set(listing.entries) == {Entry("m", "directory"), Entry("link", "link")}
        denied = answers[StatPath(f"{root}/m")]
        assert isinstance(denied, Failure)
        assert denied.denial
        assert denied.denial.path == root

    def test_the_servers_root_reads_everything(self, top: str) -> None:
        os.mkdir(f"{top}/m", 0o000)
        with LocalCollector(Ids(0, 0)) as collector:
            assert collector.collect([ListDirectory(f"{top}/m")]) == {ListDirectory(f"{top}/m"): Listing(())}

    def test_missing_rights_of_this_process_are_reported_unless_the_server_is_denied_before(
        self, top: str
    ) -> None:
        """ovms-doctor runs as another user: its prediction for the server's user uses what it can read itself."""
        os.makedirs(f"{top}/doctors/deep/m")
        os.makedirs(f"{top}/servers/m")
        os.chown(f"{top}/servers", 5000, 5000)
        os.chmod(f"{top}/servers", 0o700)
        os.chmod(f"{top}/doctors", 0o700)
        os.chown(f"{top}/doctors", 1001, 1001)
        both = [StatPath(f"{top}/servers/m"), StatPath(f"{top}/doctors/deep/m")]
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setresgid(1001, 1001, 1001)
            os.setresuid(1001, 1001, 1001)
            files = open_files(SERVER)
            os.write(write, "\n".join(repr(files.answer(question)) for question in both).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            first, second = pipe.read().split("\n")
        os.waitpid(pid, 0)
        assert first == repr(
            Unavailable(f"this process (uid 1001) has no permission to search {top}/servers")
        )
        denial = Denial(f"{top}/doctors", "search", 1001, 1001, 0o700, "predicted")
        assert second == repr(Failure(errno.EACCES, denial))

    def test_the_package_need_not_be_readable_for_the_user(self, top: str) -> None:
        """All modules are imported before the ids change: an installation in root's home works."""
        with LocalCollector(SERVER) as collector:
            questions: list[AnyQuestion] = [ListDirectory(top), InspectModel(f"{top}/none.onnx", "onnx")]
            answers = collector.collect(questions)
        assert answers[questions[0]] == Listing(())
        assert not isinstance(answers[questions[1]], Unavailable), answers[questions[1]]


def test_the_host_itself_is_checked_besides_the_mounts(top: str) -> None:
    """With the rights of this process, whatever is mounted or hidden from the server."""
    os.makedirs(f"{top}/data/m")
    Path(top, "data", "file").write_bytes(b"12")
    questions: list[AnyQuestion] = [
        StatHost(f"{top}/data/m"),
        StatPath(f"{top}/data/m"),
        StatHost(f"{top}/data/file"),
        StatHost(f"{top}/gone"),
    ]
    table = MountTable([Mount(f"{top}/data", "/models")], [UnavailablePath("/", "the image")])
    with LocalCollector(None, ["/models"], table) as collector:
        answers = collector.collect(questions)
    assert list(answers) == questions
    mounted, on_host, file, removed = answers.values()
    assert isinstance(mounted, PathStatus)
    assert mounted.kind == "directory"
    assert isinstance(on_host, Unavailable)
    assert file == PathStatus("regular", 2)
    assert removed == Failure(errno.ENOENT)
