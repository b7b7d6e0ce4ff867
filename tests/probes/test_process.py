"""Children that hang, crash, write too much or are left behind. All are real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    InspectModel,
    ListDirectory,
    LoadModel,
    LoadReport,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.probes.access import Ids
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.processes import child as process
from ovms_doctor.probes.processes import start, workers
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.options import FileOptions
from ovms_doctor.probes.processes.single import Worker
from tests.deadlines import LONG, within_some_deadline
from tests.probes.misbehaving import use_misbehaving_workers

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("started_workers")


@pytest.fixture
def misbehaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of every kind are the misbehaving one."""
    use_misbehaving_workers(monkeypatch)


def _ask(worker: Worker, *names: str) -> list[object]:
    questions = [StatPath(f"/{name}") for name in names]
    results = list(worker.answer(questions))
    assert [question for question, _ in results] == questions
    return [answer for _, answer in results]


def _children() -> set[int]:
    """The processes that this one has started and that still exist."""
    return {child.pid for child in psutil.Process().children()}


def _alive(pid: int) -> bool:
    """Whether the process still runs: it exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def _wait_until(true: Callable[[], bool]) -> None:
    """Waits for the action of another process; the test fails if it does not happen."""
    for _ in range(3000):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it never came true")


@pytest.mark.usefixtures("misbehaving")
class TestMisbehaviour:
    def test_a_hanging_child_is_killed_and_the_next_question_answered(self) -> None:
        def attempt(deadline: float) -> list[object]:
            with Worker("files", FileOptions(), deadline) as worker:
                return _ask(worker, "first", "hang", "last")

        first, hung, last = within_some_deadline(
            attempt, lambda answers: isinstance(answers[0], PathStatus) and isinstance(answers[2], PathStatus)
        )
        assert isinstance(first, PathStatus)
        assert hung == ChildExit(None, None, True, "")
        assert isinstance(last, PathStatus)
        assert first.size != last.size, "another process must have answered"
        assert not _alive(first.size)

    @pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT, signal.SIGFPE])
    def test_a_crash_is_reported_with_its_signal(self, number: signal.Signals) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            crash, last = _ask(worker, f"signal-{int(number)}", "last")
        assert isinstance(crash, ChildExit)
        assert (crash.signal, crash.exit, crash.timed_out, crash.started) == (number, None, False, True)
        assert str(crash) == f"it was ended by {number.name}"
        assert isinstance(last, PathStatus)

    def test_an_exit_is_reported_with_its_status_and_last_output(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            (ended,) = _ask(worker, "exit-3")
        assert ended == ChildExit(None, 3, False, "the last words\n")
        assert str(ended) == "it ended with status 3: the last words"

    def test_every_question_may_crash(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            assert [type(answer) for answer in _ask(worker, *["signal-11"] * 3, "fine")] == [
                ChildExit,
                ChildExit,
                ChildExit,
                PathStatus,
            ]

    def test_only_the_question_that_ended_the_child_is_lost(self) -> None:
        """Also if the child ended with answers that it had not sent."""
        names = [f"fine-{number}" for number in range(700)]
        for number in (0, 70, 71, 350, 699):
            names[number] = f"signal-{int(signal.SIGSEGV)}"
        with Worker("files", FileOptions(), LONG) as worker:
            answers = _ask(worker, *names)
        assert [number for number, answer in enumerate(answers) if isinstance(answer, ChildExit)] == [
            0, 70, 71, 350, 699
        ]  # fmt: skip

    def test_early_question_is_answered_by_the_same_child(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            (first,) = _ask(worker, "first")
            for names in (["a", "b"], ["c"], ["d"]):
                worker.begin([StatPath(f"/{name}") for name in names])
            rest = [*_ask(worker, "a", "b"), *_ask(worker, "c"), *_ask(worker, "d"), *_ask(worker, "e")]
        assert rest == [first] * 5

    def test_a_child_that_ends_loses_only_one_early_answer(self) -> None:
        crash = f"signal-{int(signal.SIGSEGV)}"
        portions = [["a", "b"], ["c", crash, "d"], ["e"], ["f", "g"]]
        with Worker("files", FileOptions(), LONG) as worker:
            _ask(worker, "first")
            for names in portions:
                worker.begin([StatPath(f"/{name}") for name in names])
            answers = [answer for names in portions for answer in _ask(worker, *names)]
            worker.begin([StatPath("/h")])
            answers += _ask(worker, "h")
        ended = [number for number, answer in enumerate(answers) if not isinstance(answer, PathStatus)]
        assert ended == [3]

    def test_a_question_that_was_not_begun_early_is_answered(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            _ask(worker, "first")
            worker.begin([StatPath("/exit-3")])
            answers = _ask(worker, "another", "one")
            worker.begin([StatPath("/hang")])
            answers += _ask(worker, "last")
        assert [type(answer) for answer in answers] == [PathStatus] * 3

    def test_the_hanging_question_is_found_among_many(self) -> None:
        """The answers before it were sent in time."""
        names = [f"fine-{number}" for number in range(150)]
        names[100] = "hang"

        def attempt(deadline: float) -> list[object]:
            with Worker("files", FileOptions(), deadline) as worker:
                return _ask(worker, *names)

        answers = within_some_deadline(
            attempt, lambda found: sum(isinstance(answer, PathStatus) for answer in found) == 149
        )
        assert answers[100] == ChildExit(None, None, True, "")

    def test_an_exception_is_an_answer(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            first, second = _ask(worker, "raise", "fine")
        assert first == Unavailable("RuntimeError while looking: no\nluck")
        assert isinstance(second, PathStatus)

    def test_output_of_libraries_does_not_disturb_the_messages(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            one, two, ended = _ask(worker, "chatter", "chatter", "exit-3")
        assert isinstance(one, PathStatus)
        assert isinstance(two, PathStatus)
        assert isinstance(ended, ChildExit)
        assert len(ended.stderr) == process.STDERR_KEPT
        assert ended.stderr.endswith("to standard error\nthe last words\n")
        assert capfd.readouterr() == ("", "")

    def test_an_invalid_answer_ends_the_child(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            garbled, valid = _ask(worker, "garble", "fine")
        assert garbled == ChildExit(None, None, False, "its output is not an answer")
        assert str(garbled) == "it failed: its output is not an answer"
        assert isinstance(valid, PathStatus)

    def test_endless_output_ends_the_child(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "LARGEST_MESSAGE", 4 << 20)
        with Worker("files", FileOptions(), LONG) as worker:
            endless, valid = _ask(worker, "endless", "fine")
        assert endless == ChildExit(None, None, False, "it answered with more than 4 MiB")
        assert isinstance(valid, PathStatus)

    def test_programs_started_by_the_child_are_killed_with_it(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            (answer,) = _ask(worker, "grandchild")
            assert isinstance(answer, PathStatus)
            assert _alive(answer.size)
        _wait_until(lambda: not _alive(answer.size))

    def test_crash_is_reported_while_a_grandchild_holds_the_pipe(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            ended, valid = _ask(worker, "grandchild-and-die", "fine")
        assert isinstance(ended, ChildExit)
        assert ended.signal == signal.SIGSEGV
        assert isinstance(valid, PathStatus)

    @pytest.mark.parametrize("start", ["hang", "fail"])
    def test_a_child_that_does_not_start_is_not_tried_again(self, start: str) -> None:
        with Worker(
            "files", FileOptions(roots=(f"/{start}",)), LONG, start_deadline=1.0 if start == "hang" else LONG
        ) as worker:
            answers = _ask(worker, *map(str, range(50)))
        assert len(set(map(id, answers))) == 1
        ended = answers[0]
        assert isinstance(ended, ChildExit)
        assert not ended.started
        assert ended.timed_out == (start == "hang")
        if start == "fail":
            assert str(ended) == "it ended with status 1: RuntimeError: cannot start"

    def test_late_answers_are_not_used_for_other_questions(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            for _, answer in worker.answer([StatPath("/a"), StatPath("/raise"), StatPath("/b")]):
                assert isinstance(answer, PathStatus)
                break
            (after,) = _ask(worker, "c")
            assert isinstance(after, PathStatus)

    def test_one_process_answers_many_batches_and_many_questions(self) -> None:
        with Worker("files", FileOptions(), LONG) as worker:
            sizes = {one.size for _ in range(3) for one in _ask(worker, *map(str, range(3000)))}  # type: ignore[attr-defined]
            assert sizes == {worker.pid}

    @pytest.mark.slow
    def test_a_slow_reader_is_not_a_slow_child(self) -> None:
        def attempt(deadline: float) -> bool:
            with Worker("files", FileOptions(), deadline) as worker:
                for _, answer in worker.answer([StatPath("/a"), StatPath("/b")]):
                    if not isinstance(answer, PathStatus):
                        return False
                    time.sleep(1.5 * deadline)
            return True

        assert within_some_deadline(attempt, bool)

    def test_a_missing_interpreter_is_an_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(start, "command", lambda *_, **__: ["/nowhere/python"])
        with Worker("files", FileOptions(), LONG) as worker:
            (ended,) = _ask(worker, "a")
        assert isinstance(ended, ChildExit)
        assert "No such file or directory: '/nowhere/python'" in str(ended)

    def test_steps_run_while_a_child_starts(self, tmp_path: Path) -> None:
        """The child starts after the third step; the fourth may be done by then."""
        completed = []

        def steps() -> Iterator[int]:
            for number in range(4):
                completed.append(number)
                (tmp_path / f"start-after-{number}").touch()
                yield number

        options = FileOptions(roots=(str(tmp_path / "start-after-2"),))
        with Worker("files", options, LONG, idle_work=steps()) as worker:
            (answer,) = _ask(worker, "a")
        assert isinstance(answer, PathStatus)
        assert completed[:3] == [0, 1, 2]

    def test_a_child_that_does_not_start_is_ended_after_the_steps(self, tmp_path: Path) -> None:
        options = FileOptions(roots=(str(tmp_path / "start-after-none"),))
        with Worker("files", options, LONG, start_deadline=0.5, idle_work=iter(range(3))) as worker:
            (answer,) = _ask(worker, "a")
        assert isinstance(answer, ChildExit)
        assert (answer.started, answer.timed_out) == (False, True)

    def test_paths_below_a_hanging_file_do_not_wait_again(self) -> None:
        answered: list[AnyQuestion] = []
        questions: list[AnyQuestion] = [
            StatPath("/a"),
            StatPath("/hang"),
            StatPath("/hang/x"),
            StatPath("/hanging"),
            ListDirectory("/b"),
            ReadFile("/hang/", 5),
        ]

        def attempt(deadline: float) -> dict[AnyQuestion, Answer]:
            answered.clear()
            with LocalCollector(None, deadline=deadline) as collector:
                return collector.collect(questions, answered.append)

        answers = within_some_deadline(
            attempt, lambda answers: sum(isinstance(answer, Unavailable) for answer in answers.values()) == 3
        )
        stopped = Unavailable("looking at it did not end in time and was stopped", timed_out=True)
        assert [answers[question] == stopped for question in questions] == [
            False,
            True,
            True,
            False,
            False,
            True,
        ]
        assert answered == [questions[0], questions[1], questions[3], questions[4]]

    @pytest.mark.slow
    def test_loads_that_crash_hang_or_are_killed(self) -> None:
        names = ["fine", "signal-11", "signal-9", "exit-7", "compile", "slow", "hang"]
        questions: list[AnyQuestion] = [LoadModel(f"/{name}", "compile") for name in names]
        taken: list[float] = []

        def attempt(deadline: float) -> dict[AnyQuestion, Answer]:
            taken.append(deadline)
            with LocalCollector(None, deadline=deadline, load_deadline=deadline) as collector:
                return collector.collect(questions)

        found = within_some_deadline(
            attempt,
            lambda found: (
                [getattr(found[question], "outcome", "") for question in questions].count("timed_out") == 1
            ),
        )
        reports = [found[question] for question in questions]
        assert isinstance(reports.pop(), Unavailable), "its file hangs already"
        assert all(isinstance(report, LoadReport) for report in reports)
        outcomes = [(r.outcome, r.stage, r.signal, r.runtime) for r in reports if isinstance(r, LoadReport)]
        assert outcomes == [
            ("ok", "compile", None, "9.9"),
            ("crashed", "read", 11, "9.9"),
            ("out_of_memory", "compile", 9, "9.9"),
            ("crashed", "read", None, "9.9"),
            ("crashed", "compile", 8, "9.9"),
            ("timed_out", "compile", None, "9.9"),
        ]
        details = [r.detail for r in reports if isinstance(r, LoadReport)]
        assert details[1] == "it was ended by SIGSEGV"
        assert details[3] == "it ended with status 7: the last words"
        assert details[5] == f"loading did not end within {taken[-1]:g} s and was stopped"

    def test_a_library_of_openvino_that_crashes_is_not_a_crash_of_the_model(self) -> None:
        with LocalCollector(None, roots=["/bad-library"]) as collector:
            (answer,) = collector.collect([LoadModel("/bad-library/onnx", "read")]).values()
        assert answer == Unavailable(
            "the process to load models in did not start: it was ended by SIGSEGV", timed_out=False
        )

    @pytest.mark.parametrize(
        ("level", "directories", "children"),
        [("none", 30, 1), ("read", 3, 1), ("read", 30, 2), ("compile", 3, 2)],
    )
    def test_children_that_load_start_while_many_directories_are_read(
        self, level: str, directories: int, children: int
    ) -> None:
        with LocalCollector(None, jobs=2) as collector:
            collector.warm_for_models(level)
            collector.collect([ListDirectory(f"/{number}") for number in range(directories)])
            assert len(collector.pids) == 1 + children

    def test_times_to_load_need_no_child_for_files_whose_sizes_are_known(self) -> None:
        sizes = {"/m.xml": 50_000_000, "/m.bin": 500_000_000}
        known: dict[AnyQuestion, Answer] = {
            StatPath(path): PathStatus("regular", size) for path, size in sizes.items()
        }
        question = LoadModel("/m.xml", "read")
        with LocalCollector(None, load_deadline=60.0) as collector:
            assert collector._times_to_load([question], known) == {question: 71.0}
            assert collector.pids == []

    def test_a_crashed_inspection_is_reported(self) -> None:
        questions: list[AnyQuestion] = [InspectModel("/signal-6", "ir"), InspectModel("/fine", "ir")]
        with LocalCollector(None) as collector:
            answers = collector.collect(questions)
        assert answers[questions[0]] == Unavailable("the process that looks failed: it was ended by SIGABRT")
        assert isinstance(answers[questions[1]], PathStatus)


PARENT = """
import signal, sys
# Who starts the tests, or another test, may have left it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, sys.argv[1])
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.access import Ids
from ovms_doctor.model.facts import StatPath
ids = Ids(5000, 5000) if sys.argv[2] == "as-server" else None
collector = LocalCollector(ids)
collector.collect([StatPath("/")])
print(*collector.pids, flush=True)
if sys.argv[3] == "forget":
    sys.exit()
sys.stdin.read()
"""


@pytest.mark.parametrize("ending", ["SIGKILL", "SIGTERM", "SIGINT", "forget"])
@pytest.mark.parametrize("user", ["itself", pytest.param("as-server", marks=pytest.mark.needs_root)])
def test_no_child_outlives_its_parent(ending: str, user: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(PROJECT), user, ending],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        if ending != "forget":
            assert _alive(child)
            parent.send_signal(getattr(signal, ending))
        parent.wait()
        _wait_until(lambda: not _alive(child))


@pytest.mark.parametrize("user", [None, pytest.param(Ids(5000, 5000), marks=pytest.mark.needs_root)])
def test_a_hanging_child_ends_with_its_parent(user: Ids | None) -> None:
    """Not only by the end of its input: the kernel forgets the request when ids change."""
    with LocalCollector(user) as collector:
        collector.collect([StatPath("/")])
        (pid,) = collector.pids
        # A stopped process cannot read a pipe: as if it hung in a library.
        os.kill(pid, signal.SIGSTOP)
        script = (
            "import ctypes, os, sys\n"
            "sys.path.insert(0, sys.argv[1])\n"
            "from ovms_doctor.probes.local import LocalCollector\n"
            "from ovms_doctor.probes.access import Ids\n"
            "from ovms_doctor.model.facts import StatPath\n"
            "import signal\n"
            "ids = Ids(5000, 5000) if sys.argv[2] == '5000' else None\n"
            "collector = LocalCollector(ids)\n"
            "collector.collect([StatPath('/')])\n"
            "os.kill(collector.pids[0], signal.SIGSTOP)\n"
            "print(collector.pids[0], flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        completed = subprocess.run(
            [sys.executable, "-c", script, str(PROJECT), str(user.uid if user else "")],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        stopped = int(completed.stdout)
        _wait_until(lambda: not _alive(stopped))


def test_the_child_imports_nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "sitecustomize", "usercustomize", "ctypes"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\n")
    (tmp_path / "startup.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "startup.py"))
    monkeypatch.chdir(tmp_path)
    with LocalCollector(None) as collector:
        assert isinstance(collector.collect([StatPath("/")])[StatPath("/")], PathStatus)
    assert not (tmp_path / "imported").exists()


def test_a_file_question_starts_one_child_that_imports_little() -> None:
    with LocalCollector(None) as collector:
        collector.collect([])
        assert collector.pids == []
        collector.collect([StatPath("/")])
        assert len(collector.pids) == 1
    code = (
        "import json, sys; from ovms_doctor.probes.processes import worker; worker._files(); "
        "print(json.dumps(sorted(sys.modules)))"
    )
    paths = [str(PROJECT), str(Path(msgspec.__file__).parents[1])]
    completed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path += {paths}; {code}"],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    modules = set(json.loads(completed.stdout))
    assert modules.isdisjoint({"openvino", "typer", "rich", "asyncio", "site", "logging", "socket"})
    # Before Python 3.11, ``uuid``, which msgspec imports, imports ``platform`` and with it ``subprocess``.
    assert "subprocess" not in modules or sys.version_info < (3, 11)
    assert not {name for name in modules if name.startswith("ovms_doctor.probes.inspect")}


def test_a_worker_that_was_started_early_is_used() -> None:
    before = _children()
    workers.start_early(["files"])
    (early,) = _children() - before
    with LocalCollector(None) as collector:
        collector.collect([StatPath("/")])
        assert collector.pids == [early]
    assert not _alive(early)


def test_unused_workers_are_ended() -> None:
    before = _children()
    workers.start_early(["files", "inspect"])
    early = _children() - before
    assert len(early) == 2
    workers.end_unused()
    assert not [pid for pid in early if _alive(pid)]


def test_the_end_of_a_child_is_awaited_without_kernel_notification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before Linux 5.3, and where a sandbox refuses the call."""

    def refused(pid: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", refused)
    with LocalCollector(None) as collector:
        collector.collect([StatPath("/")])
        pids = collector.pids
    assert pids
    assert not any(map(_alive, pids))


def test_a_child_inherits_no_descriptor() -> None:
    """Not even one that this process inherited without the close-on-exec flag."""
    read, write = os.pipe()
    try:
        os.set_inheritable(write, True)
        with LocalCollector(None) as collector:
            collector.collect([StatPath("/")])
            (pid,) = collector.pids
            numbers = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        assert numbers == {0, 1, 2, start.INCOMING, start.OUTGOING}
    finally:
        os.close(read)
        os.close(write)
