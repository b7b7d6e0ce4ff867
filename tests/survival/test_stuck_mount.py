"""File systems that do not answer, like a dead NFS server: real ones, mounted through the kernel's FUSE.

A process that waits for one waits in the kernel, and no signal reaches it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    InspectModel,
    ListDirectory,
    ModelInspection,
    PathStatus,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.mounts import Mount, MountTable
from ovms_doctor.probes import local
from ovms_doctor.probes.file_systems import remote_mount
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.log_files import pieces
from ovms_doctor.probes.named_files import read_named_file
from ovms_doctor.probes.processes.pool import Handling
from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor, ovms_doctor_process
from tests.deadlines import LONG
from tests.survival.processes import have_ended
from tests.survival.stuck_mount import StuckMount, mounted

pytestmark = [pytest.mark.slow, pytest.mark.needs_fuse]

COMPOSE = "services:\n  ovms:\n    image: openvino/model_server:2026.3\n    command: --port 9000\n"
INSPECT = [{"Id": "a" * 64, "Name": "/ovms", "Config": {"Image": "openvino/model_server:2026.3"}, "Args": []}]
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {
        "containers": [{"name": "c", "image": "openvino/model_server:2026.3", "args": ["--port", "9000"]}]
    },
}


@pytest.fixture
def source(public_dir: Path) -> Path:
    """The directory that is mounted: models, and a document of each kind."""
    top = public_dir / "source"
    good_model(top / "models" / "resnet" / "1")
    for name, text in {
        "compose.yaml": COMPOSE,
        "inspect.json": json.dumps(INSPECT),
        "pod.yaml": json.dumps(POD),
        "env": "A=1\n",
        "kern.log": "nothing\n",
        "server.log": "nothing\n",
        "ovms-doctor.toml": 'fail-on = "warning"\n',
        "baseline.json": '{"format": "ovms-doctor baseline", "schema_version": "1.0", "findings": []}',
        "config.json": '{"model_config_list": [{"config": {"name": "m", "base_path": "/models/resnet"}}]}',
        "body.json": '{"inputs": []}',
        "report.json": "{}",
    }.items():
        (top / name).write_text(text)
    return top


@pytest.fixture
def mount(source: Path, public_dir: Path) -> Iterator[StuckMount]:
    with mounted(source, public_dir / "dead mount") as mount:
        yield mount


@pytest.fixture
def good(public_dir: Path) -> Path:
    """A repository that is not on the mount."""
    good_model(public_dir / "good" / "m" / "1")
    return public_dir / "good"


#: Command lines and the document that follows each.
DOCUMENTS: list[tuple[list[str], str]] = [
    (["check", "GOOD", "--load", "none", "--env-file"], "env"),
    (["check", "--inspect"], "inspect.json"),
    (["check", "--compose"], "compose.yaml"),
    (["check", "--kubernetes"], "pod.yaml"),
    (["check", "--facts"], "report.json"),
    (["check", "--inspect", "SOURCE/inspect.json", "--kernel-log"], "kern.log"),
    (["check", "GOOD", "--load", "none", "--log"], "server.log"),
    (["check", "GOOD", "--load", "none", "--config"], "ovms-doctor.toml"),
    (["check", "GOOD", "--load", "none", "--baseline"], "baseline.json"),
    (["request", "--model", "GOOD/m", "--path", "/v2/models/m/infer"], "body.json"),
    (["logs"], "server.log"),
    (["diff", "-"], "report.json"),
    (["summary"], "report.json"),
]


def _line(arguments: list[str], document: str, mount: StuckMount, source: Path, good: Path) -> list[str]:
    filled = [word.replace("GOOD", str(good)).replace("SOURCE", str(source)) for word in arguments]
    # OLD of diff comes first and is the document.
    rest = filled[1:] if arguments[0] == "diff" else []
    filled = filled[:1] if arguments[0] == "diff" else filled
    return [*filled, str(mount.point / document), *rest]


@pytest.mark.parametrize(
    ("arguments", "document"), DOCUMENTS, ids=[arguments[-1] for arguments, _ in DOCUMENTS]
)
def test_a_document_on_a_mount_that_answers(
    arguments: list[str], document: str, mount: StuckMount, source: Path, good: Path
) -> None:
    """It is read like one on this host's own disk."""
    on_mount = ovms_doctor(*_line(arguments, document, mount, source, good))
    local_result = [
        word.replace(str(mount.point), str(source))
        for word in _line(arguments, document, mount, source, good)
    ]
    expected = ovms_doctor(*local_result)
    assert on_mount.code == expected.code
    assert on_mount.err.replace(os.fsencode(mount.point), os.fsencode(source)) == expected.err


def test_unreadable_files_on_the_mount_have_the_same_reasons(mount: StuckMount) -> None:
    for path, reason in (("none", "No such file or directory"), ("models", "is a directory, not a file")):
        result = ovms_doctor("check", "--inspect", mount.point / path)
        assert result.code == 2
        assert reason in result.err.decode()
    result = ovms_doctor("check", "--inspect", mount.point / "env", "--document-limit", "2b")
    assert b"more than 2 bytes, which is the limit for it; --document-limit SIZE raises it" in result.err


def test_a_link_to_the_mount_is_recognised(mount: StuckMount, public_dir: Path) -> None:
    (public_dir / "link").symlink_to(mount.point.name)
    (public_dir / "link2").symlink_to(public_dir / "link" / "models")
    (public_dir / "loop").symlink_to("loop")
    mount.hold("all")
    for path in ("link", "link/..", "link2/x", "link/none/none", "dead mount"):
        found = remote_mount(str(public_dir / path))
        assert found is not None, path
        assert (found.point, found.type) == (str(mount.point), "fuse.stuck")
    for path in ("none", "loop", "loop/x", "good", ".", "link3/../none"):
        assert remote_mount(str(public_dir / path)) is None, path


@pytest.mark.parametrize(
    ("arguments", "document"), DOCUMENTS, ids=[arguments[-1] for arguments, _ in DOCUMENTS]
)
def test_a_document_on_a_dead_mount(
    arguments: list[str], document: str, mount: StuckMount, source: Path, good: Path
) -> None:
    mount.hold("all")
    line = _line(arguments, document, mount, source, good)
    if arguments[0] in ("check", "request"):
        line[1:1] = ["--timeout", "1"]
    mark = mount.point.parent.name
    result = ovms_doctor_process(*line, environment={**os.environ, "OVD_TEST_MARK": mark})
    assert result.code == (3 if arguments[0] == "summary" else 2)
    error = (result.out if arguments[0] == "summary" else result.err).decode().replace("\n", " ")
    assert f"the file system mounted at {mount.point} (fuse.stuck) did not answer within" in " ".join(
        error.split()
    )
    assert "waits in the kernel until it does or is unmounted" in " ".join(error.split())
    # The process ends with the mount.
    mount.end()
    assert have_ended(mark)


def _redirected(
    arguments: list[str], file: Path, before: str = ":", **variables: str
) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and standard error of a command whose standard input is redirected from the file, of
    which the shell's ``before`` may have read a part."""
    with file.open("rb") as stream:
        process = subprocess.run(
            ["sh", "-c", f'{before}; exec "$@"', "sh", sys.executable, "-m", "ovms_doctor", *arguments],
            stdin=stream,
            capture_output=True,
            env={**os.environ, **variables},
            timeout=LONG,
        )
    return process.returncode, process.stdout, process.stderr


@pytest.mark.parametrize(
    "arguments", [["check", "--inspect", "-"], ["logs", "-"], ["explain", "-"]], ids=" ".join
)
def test_standard_input_from_a_mount_that_answers(
    arguments: list[str], mount: StuckMount, source: Path
) -> None:
    """It is read from where the shell has stopped reading."""
    text = json.dumps(INSPECT) if "--inspect" in arguments else "OVD101\n"
    (source / "document").write_text("0123456789" + text)
    before = "dd bs=1 count=10 of=/dev/null 2>/dev/null"
    code, out, err = _redirected(arguments, mount.point / "document", before)
    expected = _redirected(arguments, source / "document", before)
    assert (code, err) == (expected[0], expected[2])
    assert code in (0, 1, 3)
    assert len(out) == len(expected[1]) > 0


@pytest.mark.parametrize("operation", ["open", "read"])
@pytest.mark.parametrize(
    "arguments",
    [["check", "--timeout", "1", "--inspect", "-"], ["logs", "-"], ["explain", "-"]],
    ids=" ".join,
)
def test_standard_input_from_a_dead_mount(arguments: list[str], operation: str, mount: StuckMount) -> None:
    mark = mount.point.parent.name
    with (mount.point / "inspect.json").open("rb") as stream:
        mount.hold(operation)
        process = subprocess.run(
            [sys.executable, "-m", "ovms_doctor", *arguments],
            stdin=stream,
            capture_output=True,
            env={**os.environ, "OVD_TEST_MARK": mark},
            timeout=LONG,
        )
    assert process.returncode == 2
    message = " ".join(process.stderr.decode().split())
    assert f"standard input: the file system mounted at {mount.point} (fuse.stuck) did not answer" in message
    mount.end()
    assert have_ended(mark)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("arguments", [["check", "--inspect"], ["logs"], ["check"]], ids=" ".join)
def test_a_signal_while_a_mount_is_waited_for(
    number: signal.Signals, arguments: list[str], mount: StuckMount
) -> None:
    mount.hold("all")
    mark = mount.point.parent.name
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ovms_doctor",
            *arguments,
            str(mount.point / "inspect.json"),
            *(["--timeout", "600"] * (arguments != ["logs"])),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OVD_TEST_MARK": mark},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    mount.wait_until_held()
    process.send_signal(number)
    _, err = process.communicate(timeout=LONG)
    assert process.returncode == 130
    assert b"interrupted" in err
    assert b"Traceback" not in err
    mount.end()
    assert have_ended(mark)


# -- models ------------------------------------------------------------------------------------------------


def _judged(*arguments: str | Path, mark: str = "") -> tuple[Result, dict[str, Any]]:
    result = ovms_doctor_process(
        "check",
        *arguments,
        "--format",
        "json",
        "--no-plugins",
        environment={**os.environ, "OVD_TEST_MARK": mark},
    )
    return result, result.document


def _configuration(path: Path, **models: Path) -> Path:
    entries = [{"config": {"name": name, "base_path": str(base)}} for name, base in models.items()]
    path.write_text(json.dumps({"model_config_list": entries}))
    return path


@pytest.mark.parametrize("operation", ["all", "readdir", "opendir", "open", "read"])
def test_other_models_keep_their_verdict(
    operation: str, mount: StuckMount, good: Path, public_dir: Path
) -> None:
    """The mount answers nothing, or everything except one kind of request."""
    mount.hold(operation)
    config = _configuration(public_dir / "c.json", good=good / "m", stuck=mount.point / "models" / "resnet")
    mark = public_dir.name
    own_ids = f"{os.getuid()}:{os.getgid()}"
    result, report = _judged(config, "--bare-metal", "--timeout", "2", "--user", own_ids, mark=mark)
    assert result.code == 3, report["findings"]
    served = {model["name"]: model["served_versions"] for model in report["models"]}
    assert served["good"] == [1]
    assert served["stuck"] == []
    assert report["summary"]["verdict"] == "incomplete"
    # Checks which request it is, and that its process ends with the mount.
    text = json.dumps(report)
    assert "waits in the kernel until the file system mounted at" in text
    assert str(mount.point) in text
    mount.end()
    assert have_ended(mark)


@pytest.mark.parametrize(
    "arguments", [["models"], ["models/resnet"], ["models/resnet/1/model.xml"], ["config.json"]]
)
def test_a_target_on_a_dead_mount(arguments: list[str], mount: StuckMount) -> None:
    mount.hold("all")
    result, report = _judged(*(mount.point / word for word in arguments), "--timeout", "1")
    assert result.code == 3
    assert report["summary"]["verdict"] == "incomplete"


def test_the_servers_own_arguments_on_a_dead_mount(mount: StuckMount, good: Path) -> None:
    mount.hold("all")
    dead = str(mount.point / "models" / "resnet")
    for server in (
        ["--model_name", "m", "--model_path", dead],
        ["--config_path", str(mount.point / "config.json")],
        ["--model_name", "m", "--model_path", str(good / "m"), "--cache_dir", dead],
        ["--model_name", "m", "--model_path", str(good / "m"), "--log_path", f"{dead}/log"],
        ["--model_name", "m", "--model_path", str(good / "m"), "--cpu_extension", f"{dead}/lib.so"],
    ):
        result = ovms_doctor_process(
            "check", "--timeout", "1", "--format", "json", "--", *server, "--port", "9178"
        )
        assert result.code == 3, (server, result.document["findings"])
        assert result.document["summary"]["verdict"] == "incomplete"


def test_a_mount_that_recovers_is_read_again(mount: StuckMount, good: Path) -> None:
    """Answered requests in between show that the file system works."""
    mount.hold("getattr,lookup", "models/resnet/1")
    with LocalCollector(None, deadline=1.0) as collector:
        hung = collector.collect(
            [StatPath(str(mount.point / "models" / "resnet" / "1" / f"m{n}")) for n in range(3)]
        )
        assert all(isinstance(answer, Unavailable) and answer.timed_out for answer in hung.values())
        answers = collector.collect([StatPath(str(mount.point / "env"))])
        assert isinstance(next(iter(answers.values())), PathStatus)
        mount.release()
        answers = collector.collect([StatPath(str(mount.point / "models"))])
        assert isinstance(next(iter(answers.values())), PathStatus)


def _limits(monkeypatch: pytest.MonkeyPatch, owner: type[Any], limits: list[float]) -> None:
    answer = owner.answer

    def recorded(self: Any, questions: list[AnyQuestion], times: Any, *rest: Any) -> Any:
        deadline = times.deadline if isinstance(times, Handling) else times

        def time(question: AnyQuestion) -> float:
            limits.append(deadline(question))
            return limits[-1]

        noted = replace(times, deadline=time) if isinstance(times, Handling) else time
        return answer(self, questions, noted, *rest)

    monkeypatch.setattr(owner, "answer", recorded)


def test_inspections_of_many_models_do_not_add_up_their_deadlines(
    mount: StuckMount, source: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each inspection that hung halves the time of the next; after four in a row the mount is skipped. Models
    on other file systems get the full time."""
    files = []
    for number in range(40):
        good_model(source / "many" / f"m{number:02}" / "1")
        files.append(InspectModel(str(mount.point / "many" / f"m{number:02}" / "1" / "model.xml"), "ir"))
    mount.hold("open,read")
    limits: list[float] = []
    early: list[AnyQuestion] = []
    _limits(monkeypatch, local.Pool, limits)
    elsewhere = InspectModel(str(good / "m" / "1" / "model.xml"), "ir")
    questions: list[AnyQuestion] = [*files, elsewhere]
    with LocalCollector(None, deadline=1.6, jobs=1) as collector:
        answers: dict[AnyQuestion, Answer] = collector.collect(questions, early.append)
    assert isinstance(answers[elsewhere], ModelInspection)
    assert all(isinstance(answers[one], Unavailable) for one in files)
    assert early == [*files[:4], elsewhere]
    dead = f"the file system mounted at {mount.point} (fuse.stuck) does not answer"
    assert answers[files[-1]] == Unavailable(dead, timed_out=True)
    # The limit is computed when the child starts a question, and again when the time is over.
    assert set(limits) == {1.6, 0.8, 0.5}


def test_several_dead_mounts(public_dir: Path, source: Path, good: Path) -> None:
    with mounted(source, public_dir / "a") as one, mounted(source, public_dir / "b") as other:
        one.hold("all")
        other.stop()
        own_ids = f"{os.getuid()}:{os.getgid()}"
        config = _configuration(
            public_dir / "c.json",
            **{f"a{n}": public_dir / "a" / "models" / f"r{n}" for n in range(20)},
            **{f"b{n}": public_dir / "b" / "models" / f"r{n}" for n in range(20)},
            good=good / "m",
        )
        result, report = _judged(config, "--bare-metal", "--timeout", "2", "--user", own_ids)
    assert result.code == 3
    assert {model["name"]: model["served_versions"] for model in report["models"]}["good"] == [1]


def test_a_mount_of_the_server(mount: StuckMount, source: Path) -> None:
    """The paths in the questions are those of the server."""
    mount.hold("all")
    table = MountTable([Mount(str(mount.point), "/srv/models")])
    questions: list[AnyQuestion] = [ListDirectory(f"/srv/models/{number}") for number in range(10)]
    with LocalCollector(None, mounts=table, deadline=1.0) as collector:
        answers = collector.collect(questions)
    assert str(mount.point) in getattr(answers[questions[-1]], "reason", "")


def test_a_good_target_beside_one_on_a_dead_mount(mount: StuckMount, good: Path) -> None:
    mount.hold("all")
    own_ids = f"{os.getuid()}:{os.getgid()}"
    dead = mount.point / "models" / "resnet"
    server = ["--mount", f"{good}:/models/good", "--mount", f"{dead}:/models/dead"]
    for arguments in (
        [good / "m", dead],
        [*server, _configuration(good.parent / "c.json", m=Path("/models/good/m"))],
    ):
        result, report = _judged(*arguments, "--timeout", "1", "--user", own_ids)
        served = {model["name"]: model["served_versions"] for model in report["models"]}
        assert served["m"] == [1], result.err
    assert result.code == 0


def test_a_file_of_variables_that_a_run_line_names(mount: StuckMount) -> None:
    mount.hold("all")
    server = "--model_name m --model_path /m --port 9000"
    run = f"docker run --env-file '{mount.point}/env' openvino/model_server:2026.3 {server}"
    result = ovms_doctor_process("check", "--timeout", "1", "--docker-run", run)
    assert result.code in (1, 3)
    assert f"The environment file {mount.point}/env was not read." in " ".join(result.text.split())


# -- what is written -----------------------------------------------------------------------------------------


def test_a_report_is_written_to_a_mount_that_answers(mount: StuckMount, source: Path, good: Path) -> None:
    (source / "old.json").write_text("x" * 1_000_000)
    names = ("old.json", "new.html", "new.sarif")
    outputs = [word for name in names for word in ("-o", str(mount.point / name))]
    result = ovms_doctor("check", good, "--load", "none", *outputs)
    assert result.code == 0
    assert json.loads((source / "old.json").read_bytes())["tool"]["name"] == "ovms-doctor"
    assert (source / "new.html").read_text().endswith("</html>\n")
    result = ovms_doctor("check", good, "--load", "none", "-o", mount.point / "none" / "x.json")
    assert (result.code, result.out.count(b"served") > 0) == (2, True)
    assert b"none/x.json: No such file or directory" in result.err


@pytest.mark.parametrize("operation", ["all", "open", "write", "flush"])
def test_a_report_to_a_dead_mount(operation: str, mount: StuckMount, good: Path) -> None:
    """The report on standard output and files on other file systems are complete; the exit code says that one
    is not written. ``flush`` is the request of close(2)."""
    mount.hold(operation)
    local_report = good.parent / "here.json"
    outputs = ["-o", mount.point / "a.json", "-o", mount.point / "b.json", "-o", local_report]
    mark = good.parent.name
    result = ovms_doctor_process(
        "check", good, "--load", "none", *outputs, environment={**os.environ, "OVD_TEST_MARK": mark}
    )
    assert result.code == 3
    assert "served" in result.text
    assert json.loads(local_report.read_bytes())["summary"]["verdict"] == "pass"
    assert b"did not answer" in result.err
    mount.end()
    assert have_ended(mark)


def test_a_summary_for_github_on_a_mount(mount: StuckMount, source: Path, good: Path) -> None:
    (source / "summary.md").write_text("before\n")
    mark = mount.point.parent.name
    variables = {**os.environ, "GITHUB_STEP_SUMMARY": str(mount.point / "summary.md"), "OVD_TEST_MARK": mark}
    arguments = ("check", good, "--load", "none", "--format", "github")
    result = ovms_doctor_process(*arguments, environment=variables)
    assert (result.code, result.err) == (0, b"")
    written = (source / "summary.md").read_text()
    assert written.startswith("before\n#")
    mount.hold("write")
    result = ovms_doctor_process(*arguments, environment=variables)
    assert result.code == 0
    assert f"GITHUB_STEP_SUMMARY: {mount.point}/summary.md: the file system mounted at" in result.err.decode()
    mount.end()
    assert have_ended(mark)


@pytest.mark.parametrize("operation", ["all", "write"])
def test_a_receipt_on_a_dead_mount(operation: str, mount: StuckMount, source: Path, good: Path) -> None:
    path = mount.point / "receipt.json"
    result = ovms_doctor("check", good, "--load", "none", f"--receipt={path}")
    assert result.code == 0
    assert json.loads((source / "receipt.json").read_bytes())["receipt"]["format"]
    mount.hold(operation)
    mark = mount.point.parent.name
    result = ovms_doctor_process(
        "check",
        good,
        "--load",
        "none",
        f"--receipt={path}",
        environment={**os.environ, "OVD_TEST_MARK": mark},
    )
    assert result.code == (2 if operation == "all" else 3)
    assert f"the file system mounted at {mount.point} (fuse.stuck) did not answer" in " ".join(
        result.err.decode().split()
    )
    mount.end()
    assert have_ended(mark)


def test_a_working_directory_on_a_dead_mount(mount: StuckMount, good: Path) -> None:
    for more, code in (([], 2), (["--no-config"], 0)):
        mount.release()
        # Isolated, because otherwise Python itself searches modules in the working directory.
        arguments = [
            sys.executable,
            "-I",
            "-m",
            "ovms_doctor",
            "check",
            str(good),
            "--load",
            "none",
            "--timeout",
            "1",
            *more,
        ]
        process = subprocess.Popen(
            ["sh", "-c", 'echo && read line && exec "$@"', "sh", *arguments],
            cwd=mount.point / "models",
            # Coverage reads the working directory when Python starts.
            env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        # The shell itself reads its working directory before.
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        mount.hold("all")
        _, err = process.communicate(b"go\n", timeout=LONG)
        assert process.returncode == code, err


def test_reading_continues_after_the_mount_recovers(mount: StuckMount, source: Path) -> None:
    (source / "big.log").write_bytes(b"a line of a log\n" * 200_000)
    assert b"".join(pieces(str(mount.point / "big.log"))) == b"a line of a log\n" * 200_000
    assert len(read_named_file(str(mount.point / "big.log"), 1 << 30)) == 16 * 200_000


def test_a_lost_file_system_is_not_an_end_of_file(mount: StuckMount, source: Path) -> None:
    (source / "big.log").write_bytes(b"a line of a log\n" * 200_000)
    mount.hold("read")
    process = subprocess.Popen(
        [sys.executable, "-m", "ovms_doctor", "logs", str(mount.point / "big.log")], stderr=subprocess.PIPE
    )
    mount.wait_until_held()
    mount.end()
    _, err = process.communicate(timeout=LONG)
    assert process.returncode == 2
    assert b"big.log: " in err
