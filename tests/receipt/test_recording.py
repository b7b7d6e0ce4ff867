"""What is recorded and how it is added up, without a run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ovms_doctor.model.receipt import Receipt
from ovms_doctor.probes.processes.child import Child, ChildExit
from ovms_doctor.probes.processes.start import start
from ovms_doctor.probes.recording import active, child, tally
from ovms_doctor.probes.recording.receipt import receipt_of
from ovms_doctor.report.receipt import json_parts, text_parts


@pytest.fixture
def recording() -> Iterator[tally.Tally]:
    found = tally.begin()
    yield found
    tally.end()


def receipt(found: tally.Tally) -> Receipt:
    found.finish()
    return receipt_of(found, ["check", "x"], 0)


def actions(found: tally.Tally) -> dict[str, set[str]]:
    written = receipt(found)
    return {item.path: set(item.actions) for item in (*written.files, *written.written, *written.system)}


def test_paths(recording: tally.Tally, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").write_text("x")
    (tmp_path / "l").symlink_to("f")
    with open(tmp_path / "f"), open(os.fsencode(tmp_path / "f"), "rb"):
        os.listdir(tmp_path / "d")
    os.readlink(tmp_path / "l")
    os.path.exists(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        (tmp_path / "missing too").open()
    os.rename(tmp_path / "f", tmp_path / "g")
    os.unlink(tmp_path / "g")
    found = actions(recording)
    assert {
        path.rpartition("/")[2]: path_actions
        for path, path_actions in found.items()
        if f"{tmp_path}/" in path
    } == {
        "d": {"written", "listed"},
        "f": {"read", "written", "removed"},
        "g": {"written", "removed"},
        "l": {"written", "looked_up"},
        "missing": {"looked_up"},
        "missing too": {"read"},
    }


def test_paths_by_descriptor(recording: tally.Tally, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "f").write_text("x")
    (tmp_path / "f").write_text("x")
    held = os.open(tmp_path / "in", os.O_PATH)
    os.close(os.open(f"/proc/self/fd/{held}/f", os.O_RDONLY))
    os.close(os.open("g", os.O_WRONLY | os.O_CREAT, dir_fd=held))
    os.stat("h", dir_fd=held) if os.path.exists(tmp_path / "in" / "h") else None
    with pytest.raises(FileNotFoundError):
        os.stat("h", dir_fd=held)
    os.close(held)
    directory = os.getcwd()
    os.chdir(tmp_path)
    try:
        os.close(os.open("./f", os.O_RDONLY))
    finally:
        os.chdir(directory)
    found = {
        path.removeprefix(str(tmp_path)): path_actions for path, path_actions in actions(recording).items()
    }
    assert found["/in/f"] == {"written", "read"}
    assert found["/in/g"] == {"written"}
    assert found["/in/h"] == {"looked_up"}
    assert found["/f"] == {"written", "read"}
    assert "/g" not in found


def test_nothing_is_recorded_after_the_end(tmp_path: Path) -> None:
    before = os.stat, os.open
    found = tally.begin()
    assert os.stat is not before[0]
    tally.end()
    assert (os.stat, os.open) == before
    os.stat(tmp_path)
    assert str(tmp_path) not in found.paths
    assert active.recorder is None


def test_hosts(recording: tally.Tally) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        for _ in range(2):
            socket.create_connection(("127.0.0.1", port)).close()
    with socket.socket(socket.AF_UNIX) as local, pytest.raises(FileNotFoundError):
        local.connect("/nonexistent/socket")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"x", ("127.0.0.1", port))
    socket.getaddrinfo("localhost", 80)
    contacts = receipt(recording)
    assert {(item.protocol, item.host, item.port, item.connections) for item in contacts.contacts} == {
        ("tcp", "127.0.0.1", port, 2),
        ("udp", "127.0.0.1", port, 1),
        ("unix", "/nonexistent/socket", None, 1),
    }
    # An address is not a name that is looked up.
    assert [(item.name, item.count) for item in contacts.lookups] == [("localhost", 1)]


def test_processes_of_libraries(recording: tally.Tally) -> None:
    subprocess.run(["true", "--api-key", "Canary"], check=True)
    subprocess.run([b"/bin/true"], close_fds=False, check=True)
    completed = receipt(recording)
    assert [(item.command, item.count, item.recorded) for item in completed.processes] == [
        (("/bin/true",), 1, False),
        (("true", "--api-key", "***"), 1, False),
    ]


_CHILD = """
import os, sys, time
sys.path.insert(0, {home!r})
from ovms_doctor.probes.processes.start import OUTGOING
def main(name, top):
    os.path.exists(top + "/looked")
    os.listdir(top)
    os.write(OUTGOING, b"done\\n")
    {then}
"""


def run_child(tmp_path: Path, then: str, *, is_third_party: bool = False) -> Child:
    """Runs a child that has finished its task and continues to run."""
    home = str(Path(__file__).parents[2])
    (tmp_path / "a_child.py").write_text(textwrap.dedent(_CHILD.format(home=home, then=then)))
    process = start(
        "a_child:main",
        ["a child", str(tmp_path)],
        paths=["*", home, str(tmp_path)],
        is_third_party=is_third_party,
    )
    made = Child(process)
    assert made.receive(600) == b"done"
    return made


def test_a_child_that_is_killed(recording: tally.Tally, tmp_path: Path) -> None:
    """Each action is recorded before it is done, so nothing is lost."""
    made = run_child(tmp_path, "time.sleep(3600)")
    os.kill(made.process.pid, signal.SIGKILL)
    ended = made.receive(600)
    assert isinstance(ended, ChildExit)
    assert ended.signal == signal.SIGKILL
    completed = receipt(recording)
    assert completed.receipt.complete
    found = {os.path.basename(item.path): (item.actions, item.by) for item in completed.files}
    assert found["looked"] == (("looked_up",), ("a child",))
    (process,) = completed.processes
    assert process.pids == (made.process.pid,)
    assert process.recorded


@pytest.mark.parametrize(
    "then",
    [
        "os.write(6, b'garbage without a length')",
        "os.write(6, b'3:q\\0x')",
        "os.write(6, b'10:c\\0tcp\\0h\\0999999\\0\\0')",
        "os.write(6, b'999999999:r\\0x'); os.write(6, b'x' * 100)",
        "os.write(6, b'1:r')",
        "os.ftruncate(6, 0)",
        "os.pwrite(6, b'!', 0)",
        "os.write(6, b'2:r\\0')",
    ],
)
def test_invalid_records_of_a_child_are_refused(recording: tally.Tally, tmp_path: Path, then: str) -> None:
    """A third-party check can write anything there: the receipt must not claim to be complete."""
    with run_child(tmp_path, then, is_third_party=True) as made:
        made.receive(600)
    completed = receipt(recording)
    assert not completed.receipt.complete
    "".join(text_parts(completed))


def test_a_third_party_check_does_not_pass_for_another(recording: tally.Tally, tmp_path: Path) -> None:
    data = "c\\0tcp\\0" + "192.0.2.1\\0" + "80\\0S3 client\\0"
    with run_child(tmp_path, f"os.write(6, b'{len(data) - 4 * 1}:{data}')", is_third_party=True) as made:
        made.receive(600)
    assert all("S3" not in item.by for item in receipt(recording).contacts)


def test_records_of_one_child_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LARGEST", 100)
    descriptor = os.memfd_create("records")
    os.write(descriptor, child.COMPLETE)
    records = child.ChildRecords(descriptor)
    for number in range(100):
        records.add("r", (f"/path/{number}",))
    assert os.fstat(descriptor).st_size < 150
    assert os.pread(descriptor, 1, 0) == child.INCOMPLETE
    os.close(descriptor)


def test_very_many_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MOST_PATHS", 10)
    monkeypatch.setattr(tally, "MOST_DIRECTORIES", 2)
    found = tally.Tally()
    for directory in "abc":
        for number in range(10):
            found.add("r", (f"/{directory}/{number}",))
    completed = receipt(found)
    assert len(completed.files) == 10
    assert [(item.directory, item.count) for item in completed.unlisted] == [("/b", 10), ("/c", 10)]
    assert "/b: 10 more records, not listed" in "".join(text_parts(completed))


def test_bytecode_is_one_line_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tally.Tally()
    found.add("i", ("/lib/site-packages",))
    for number in range(3):
        found.add("w", (f"/lib/site-packages/p/__pycache__/m{number}.pyc",))
    found.add("w", ("/models/__pycache__/x",))
    completed = receipt(found)
    assert len(completed.written) == 4
    text = "".join(text_parts(completed))
    assert "3 paths of Python's bytecode" in text
    assert "/models/__pycache__/x: written" in text
    assert "m0.pyc" not in text


HOSTILE = [
    "/m/\x1b]0;title\x07",
    "/m/line\nend",
    "/m/" + os.fsdecode(b"byte\xff"),
    "/m/\u202eright",
    "/m/http://user:Canary@host/x",
    '/m/"quoted", \\x41',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str) -> None:
    import msgspec

    from ovms_doctor.model.text import unescape

    found = tally.Tally()
    found.add("r", (name,))
    found.add("c", ("unix", name, "", "", ""))
    found.add("p", ("", "x", name))
    completed = receipt(found)
    text = "".join(text_parts(completed))
    assert all(line.isprintable() for line in text.splitlines())
    assert len(text.splitlines()) == len(text.split("\n")) - 1
    document = "".join(json_parts(completed))
    assert msgspec.json.decode(document.encode(), type=Receipt) == completed
    assert "Canary" not in text + document
    if "Canary" not in name:
        assert unescape(completed.files[0].path) == name


def test_a_failing_hook_does_not_change_the_operation(
    recording: tally.Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(kind: str, fields: tuple[str, ...]) -> None:
        raise RuntimeError

    monkeypatch.setattr(recording, "add", broken)
    (tmp_path / "f").write_text("x")
    assert os.path.exists(tmp_path / "f")
    monkeypatch.undo()
    assert not receipt(recording).receipt.complete


_AT_THE_END = """
import os, socket
from ovms_doctor.probes.recording import recorder

class Late:
    def __init__(self):
        self.os, self.write, self.open, self.socket = os, os.write, open, socket.socket
        self.directory = os.open("/dev", os.O_RDONLY)
    def __del__(self):
        self.open("/dev/null").close()
        self.socket().close()
        self.os.stat("/")
        self.os.close(self.os.open("null", self.os.O_RDONLY, dir_fd=self.directory))
        self.write(1, b"done ")

class Sink:
    def add(self, kind, fields):
        self.last = kind
    def fail(self):
        self.last = "fail"

recorder.record_to(Sink())
{stopped}
# Destroyed while the globals of the module are replaced: first those with an underscore, then the others.
recorder._first, recorder.second = Late(), Late()
held = open("/dev/null"), socket.socket()
"""


@pytest.mark.parametrize("stopped", ["", "recorder.stop()"], ids=["recording", "stopped"])
def test_what_is_opened_while_the_interpreter_ends_is_no_error(stopped: str) -> None:
    script = _AT_THE_END.replace("{stopped}", stopped)
    command = [sys.executable, "-W", "ignore::ResourceWarning", "-c", script]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.split() == ["done"] * 2


def test_importing_code_that_inspects_os(recording: tally.Tally) -> None:
    """The replaced functions are among those that accept a descriptor, like the originals."""
    assert os.stat in os.supports_dir_fd
    assert os.open in os.supports_dir_fd
    assert os.stat in os.supports_fd

    class Holder:
        find_status: Callable[..., os.stat_result] = os.stat

    assert Holder().find_status("/").st_ino == os.stat("/").st_ino


def test_without_a_receipt_nothing_is_loaded() -> None:
    script = (
        "import sys; sys.argv = ['x', 'logs', '/dev/null']\n"
        "from ovms_doctor.cli.entry import main\n"
        "try:\n main()\nexcept SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('ovms_doctor.probes.recording.')], file=sys.stderr)"
    )
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert completed.stderr.splitlines()[-1] == "['ovms_doctor.probes.recording.active']"
