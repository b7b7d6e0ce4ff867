"""Workers that are copies of the command's process: what they keep, and when no copies are made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]

#: Starts as the command does; the tests add code that prints values as JSON.
BEGIN = """
import json, os, signal, sys
kept = os.open("/", os.O_RDONLY)
os.set_inheritable(kept, True)
from ovms_doctor.probes import interrupts
from ovms_doctor.probes.processes import fork, start, workers
interrupts.watch()
"""
ASK = """
from ovms_doctor.model.facts import StatPath
from ovms_doctor.probes.local import LocalCollector
collector = LocalCollector(None)
answer = collector.collect([StatPath("/")])[StatPath("/")]
(pid,) = collector.pids
"""


def run(code: str) -> Any:
    completed = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=600,
        check=True,
        text=True,
    )
    return json.loads(completed.stdout)


def test_a_copy_is_set_up_as_a_child_that_is_started() -> None:
    """Session, limits, signals, descriptors and directory of both are the same."""
    properties_source = """
def properties(pid):
    def read(name):
        with open(f"/proc/{pid}/{name}") as file:
            return file.read()
    status = dict(line.split(":", 1) for line in read("status").splitlines())
    return {
        "session": os.getsid(pid) == os.getpgid(pid) == pid,
        "caught": [status[name].strip() for name in ("SigCgt", "SigIgn", "SigBlk")],
        "oom": read("oom_score_adj"),
        "core": [line for line in read("limits").splitlines() if "core" in line],
        "descriptors": sorted(map(int, os.listdir(f"/proc/{pid}/fd"))),
        "files": [os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1)],
        "directory": os.readlink(f"/proc/{pid}/cwd"),
    }
"""
    copy = run(
        f'{properties_source}\nworkers.start_early(["files"], is_command=True)\n'
        f'{ASK}\nassert open(f"/proc/{{pid}}/cmdline").read() == open("/proc/self/cmdline").read()\n'
        "print(json.dumps(properties(pid)))"
    )
    started = run(
        f'{properties_source}\nworkers.start_early(["files"])\n'
        f'{ASK}\nassert open(f"/proc/{{pid}}/cmdline").read() != open("/proc/self/cmdline").read()\n'
        "print(json.dumps(properties(pid)))"
    )
    # Python handles SIGINT while it starts; the child does not.
    copy_caught, started_caught = (int(found.pop("caught")[0], 16) for found in (copy, started))
    assert started_caught & ~copy_caught == 1 << 1
    assert copy_caught & ~started_caught == 0
    assert copy == started
    assert copy["descriptors"] == [0, 1, 2, 3, 4]


def test_a_process_with_threads_is_not_copied() -> None:
    code = f"""
import threading
event = threading.Event()
threading.Thread(target=event.wait, daemon=True).start()
workers.start_early(["files"], is_command=True)
{ASK}
print(json.dumps([fork.is_safe(), open(f"/proc/{{pid}}/cmdline").read() == open("/proc/self/cmdline").read()]))
"""
    assert run(code) == [False, False]


@pytest.mark.parametrize(
    ("main", "end"),
    [
        ("lambda: os.kill(os.getpid(), signal.SIGSEGV)", [11, None, ""]),
        ("lambda: os._exit(3)", [None, 3, ""]),
        ("lambda: 1 / 0", [None, 1, "ZeroDivisionError: division by zero"]),
        ("lambda: sys.exit(5)", [None, 1, "SystemExit: 5"]),
        ("lambda: None", [None, 1, ""]),
    ],
)
def test_the_end_of_a_copy_is_reported(main: str, end: list[object]) -> None:
    """No end of the copy continues with the code of its parent."""
    code = f"""
from ovms_doctor.probes.processes.child import Child
child = Child(fork.fork({main}))
ended = child.receive(600.0)
print(json.dumps([ended.signal, ended.exit, ended.stderr.strip().rpartition("\\n")[2]]))
"""
    assert run(code) == end


def test_a_copy_ends_with_its_parent() -> None:
    code = """
read, write = os.pipe()
middle = os.fork()
if middle == 0:
    os.close(read)
    import time
    process = fork.fork(lambda: time.sleep(600))
    os.write(write, str(process.pid).encode())
    os._exit(0)
os.waitpid(middle, 0)
os.close(write)
pid = int(os.read(read, 100))
import time
for _ in range(3000):
    try:
        state = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        state = "X"
    if state in "ZX":
        break
    time.sleep(0.01)
print(json.dumps(state in "ZX"))
"""
    assert run(code) is True


def test_a_loaded_copy_imports_no_module_of_the_user(tmp_path: Path) -> None:
    """As in an isolated Python: neither in the working directory nor through PYTHONPATH."""
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys\nfrom ovms_doctor.probes.processes.start import own_directories\n"
            "print(json.dumps(own_directories()))",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{PROJECT}:{tmp_path}/other:"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    paths = json.loads(found.stdout)
    assert not {"", str(tmp_path), f"{tmp_path}/other"} & set(paths)
    assert paths.count(str(PROJECT)) == 1
    assert {path for path in sys.path if path.endswith("site-packages")} <= set(paths)


def test_only_an_early_copy_may_load() -> None:
    """Later this process has read secrets, and a load may run code that the user chose."""
    code = """
workers.start_early(["load"], is_command=True)
first, second = workers.start_worker("load"), workers.start_worker("load")
def is_copy(process):
    with open(f"/proc/{process.pid}/cmdline") as other, open("/proc/self/cmdline") as own:
        return other.read() == own.read()
print(json.dumps([is_copy(first), is_copy(second)]))
first.end(), second.end()
"""
    assert run(code) == [True, False]
