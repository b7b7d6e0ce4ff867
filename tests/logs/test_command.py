"""The command as users run it: formats, exit codes, sources, and together with ``check``."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ovms_doctor.report.schema import report_schema
from tests.cli.run import ovms_doctor
from tests.logs.recorded import packed, record, recorded, start

HEALTHY: str = recorded()["2026.3/healthy/INFO"]["stdout"]
BROKEN: str = recorded()["2026.3/broken-xml-config/INFO"]["stdout"]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "ovms.log"
    path.write_text(BROKEN, "utf-8")
    return path


def _document(*arguments: str | Path, stdin: bytes = b"") -> dict[str, Any]:
    document = ovms_doctor("logs", "--format", "json", *arguments, stdin=stdin).document
    jsonschema.validate(document, report_schema())
    return document


def test_healthy_log() -> None:
    result = ovms_doctor("logs", "-", stdin=HEALTHY.encode())
    assert result.code == 0
    assert result.text.splitlines()[-1].startswith("✓ all 3 servables serve")
    assert "OVD" not in result.text


def test_broken_log(broken: Path) -> None:
    result = ovms_doctor("logs", broken)
    assert result.code == 1
    head, *_ = result.text.splitlines()
    assert head.startswith("OVMS 2026.3 · OpenVINO 2026.3.1 · INFO · 2026-11-28 ")
    assert "LOADING (fails, retried 2 ×)" in result.text
    assert "OVD312 xml malformed" in result.text
    assert result.text.splitlines()[-1].startswith("✗ 2 of 3 servables serve")


@pytest.mark.parametrize(
    ("serve", "fail", "expected"),
    [
        (1, 0, "✓ the only servable serves"),
        (2, 0, "✓ all 2 servables serve"),
        (0, 1, "✗ the only servable does not serve"),
        (0, 2, "✗ none of the 2 servables serves"),
        (1, 1, "✗ 1 of 2 servables serves"),
        (2, 1, "✗ 2 of 3 servables serve"),
    ],
)
def test_the_last_line_counts_servables(serve: int, fail: int, expected: str) -> None:
    states = [("AVAILABLE", "OK")] * serve + [("LOADING", "UNKNOWN")] * fail
    changes = (
        record(
            f"STATUS CHANGE: Version 1 of model m{number} status change. "
            f'New status: ( "state": "{state}", "error_code": "{error}" )'
        )
        for number, (state, error) in enumerate(states)
    )
    result = ovms_doctor("logs", "--quiet", "-", stdin="\n".join((start(), *changes, "")).encode())
    assert result.text.strip().split(" at the end of the log; ")[0] == expected


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_killed_server(name: str) -> None:
    text = recorded()[f"2026.3/signals-{name}/INFO"]["stdout"]
    result = ovms_doctor("logs", "-", stdin=text.encode())
    assert "ends without shutdown lines: killed or still running" in result.text
    assert "docker inspect or kubectl describe pod" in " ".join(result.text.split())


def test_quiet_is_the_last_line(broken: Path) -> None:
    result = ovms_doctor("logs", "--quiet", broken)
    assert len(result.text.strip().splitlines()) == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_report_in_a_file_leaves_the_text(broken: Path, tmp_path: Path, form: str) -> None:
    path = tmp_path / "report"
    result = ovms_doctor("logs", "--format", form, "-o", path, broken)
    assert (result.code, result.err) == (1, b"")
    assert result.text.splitlines()[-1] == "✗ 2 of 3 servables serve at the end of the log; 1 error"
    assert result.out == ovms_doctor("logs", broken).out
    assert b"OVD312" in path.read_bytes()


def test_json_contains_the_keys_of_the_contract(broken: Path) -> None:
    document = _document(broken)
    log = document["log"]
    assert (log["release"], log["release_from"], log["level"]) == ("2026.3", "log", "INFO")
    (started,) = log["starts"]
    assert (started["ended"], started["line"]) == ("shutdown", 1)
    bad = next(item for item in log["servables"] if item["causes"])
    assert (bad["name"], bad["version"], bad["state"], bad["error_code"]) == (
        "brokenxml",
        1,
        "LOADING",
        "UNKNOWN",
    )
    assert (bad["retries"], bad["causes"]) == (2, ["OVD312"])
    (finding,) = document["findings"]
    assert finding["occurrences"]["count"] == 3
    assert finding["occurrences"]["first_line"] < finding["occurrences"]["last_line"]
    assert log["unmatched"] == {"warnings": 0, "errors": 0, "examples": []}


def test_json_of_requests() -> None:
    document = _document("-", stdin=packed("traffic-2026.3-DEBUG.log.xz"))
    item = document["log"]["requests"][0]
    assert (item["servable"], item["interface"], item["api"]) == ("fc", "gRPC", "KServe")
    assert set(item["wait_ms"]) == {"count", "p50", "p95", "p99", "max"}
    assert sum(item["by_minute"].values()) == item["requests"]


def test_gzip_and_rotation(tmp_path: Path) -> None:
    lines = BROKEN.splitlines(keepends=True)
    (tmp_path / "o.log.1.gz").write_bytes(gzip.compress("".join(lines[:80]).encode()))
    (tmp_path / "o.log").write_text("".join(lines[80:]), "utf-8")
    document = _document(tmp_path / "o.log", tmp_path / "o.log.1.gz")
    assert len(document["log"]["starts"]) == 1
    assert document["log"]["lines"] == len(lines)


def test_an_unknown_error_is_quoted() -> None:
    line = "[2026-11-28 12:00:00.000][1][serving][error][x.cpp:1] Frobnication of the gizmo went wrong"
    result = ovms_doctor("logs", "-", stdin="\n".join((start(), line, line)).encode())
    assert "not recognised: 2 errors" in result.text
    assert "2 × (line 2) Frobnication of the gizmo went wrong" in result.text
    assert not result.text.splitlines()[-1].startswith("✓")


def test_a_list_that_failed_is_no_cause_of_its_own() -> None:
    begin = "[2026-08-21 10:00:00.000][1][modelmanager][error][modelmanager.cpp"
    log = (
        f"{begin}:725] Plugin config contains unsupported keys\n"
        f"{begin}:826] Loading Mediapipe flow models from subconfig /m/flow/subconfig.json failed.\n"
    )
    document = _document("-", stdin=log.encode())
    assert [finding["code"] for finding in document["findings"]] == ["OVD422"]


def test_no_line_of_the_server(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("hello\nworld\n", "utf-8")
    result = ovms_doctor("logs", path)
    assert result.code == 3
    assert result.text.splitlines()[-1] == "? this log has no line of OVMS"


@pytest.mark.parametrize(
    "text",
    [
        # gRPC core, which another server uses too.
        "E0000 00:00:1732800405.767431   30363 add_port.cc:83] Failed to add port to server: No address added",
        # Triton.
        "W0805 19:04:12.513123 1 server.cc:251] failed to enable peer access\n"
        "E0805 19:04:12.613123 1 model_lifecycle.cc:638] failed to load 'resnet' version 1: Invalid argument",
        # A program in Python.
        "ERROR 11-28 13:53:06 engine.py:366] CUDA out of memory\n"
        'Traceback (most recent call last):\n  File "/usr/x.py", line 3, in f\ntorch.OutOfMemoryError: x',
        # A program with the default form of spdlog.
        "[2026-11-28 13:53:05.345] [myapp] [info] starting\n[2026-11-28 13:53:05.346] [myapp] [error] failed",
    ],
)
def test_a_log_of_another_program_is_not_examined(text: str) -> None:
    result = ovms_doctor("logs", "-", stdin=f"{text}\n".encode())
    assert result.code == 3
    assert result.text.splitlines()[-1] == "? this log has no line of OVMS"


@pytest.mark.parametrize(
    "text",
    [
        "20260526 09:07:48.196635 UTC 88050 FATAL Address already in use (errno=98) , Bind address failed at "
        "127.0.0.1:8010 - Socket.cc:67",
        "[2020-12-01 20:06:44.764] [modelmanager] [error] Directory does not exist: /m",
        "Use config_path or model_path with model_name",
    ],
)
def test_one_line_of_the_server_is_examined(text: str) -> None:
    assert ovms_doctor("logs", "-", stdin=f"{text}\n".encode()).code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a log file"),
        (["/nonexistent/x.log"], "No such file or directory"),
        (["--since", "10m", "-"], "--since and --tail need --container"),
        (["--tail", "5", "-"], "--since and --tail need --container"),
        (["--container", "x", "y.log"], "exclude each other"),
        (["--ovms-version", "nine", "-"], "nine"),
        (["--select", "OVD999", "-"], "OVD999"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    result = ovms_doctor("logs", *arguments)
    assert result.code == 2
    assert message in result.err.decode()
    assert result.err.decode().count("\n") == 1


def test_select_and_ignore(broken: Path) -> None:
    assert ovms_doctor("logs", "--ignore", "OVD312", broken).code == 0
    assert ovms_doctor("logs", "--select", "OVD4", broken).code == 0
    assert ovms_doctor("logs", "--select", "OVD312", broken).code == 1


def test_the_release_of_an_excerpt_may_be_named() -> None:
    excerpt = "\n".join(BROKEN.splitlines()[60:80]).encode()
    assert _document("-", stdin=excerpt)["log"]["release"] is None
    log = _document("--ovms-version", "2025.4", "-", stdin=excerpt)["log"]
    assert (log["release"], log["release_from"]) == ("2025.4", "--ovms-version")


def test_hostile_text_reaches_no_terminal() -> None:
    line = "[2026-11-28 12:00:00.000][1][serving][error][x.cpp:1] \x1b]0;title\x07 \x1b[2J\x9b31m \u202e gone"
    result = ovms_doctor("logs", "-", stdin=f"{start()}\n{line}\n".encode())
    assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(result.text)


def test_secrets_are_not_shown() -> None:
    line = "[2026-11-28 12:00:00.000][1][s3][error][s3filesystem.cpp:150] Couldn't parse proxy: http://u:hunter2@p:1"
    for arguments in (["logs", "-"], ["logs", "--format", "json", "-"], ["logs", "--verbose", "-"]):
        assert b"hunter2" not in ovms_doctor(*arguments, stdin=f"{start()}\n{line}\n".encode()).out


# -- explain -------------------------------------------------------------------------------------------


def test_explain_accepts_standard_input_and_several_lines() -> None:
    lines = [line for line in BROKEN.splitlines() if "core.cpp" in line or "Error parsing" in line]
    result = ovms_doctor("explain", "-", stdin="\n".join(lines).encode())
    assert result.code == 0
    assert "OVD312" in result.text


def test_explain_accepts_a_line_that_begins_with_a_dash() -> None:
    result = ovms_doctor("explain", "--", "- exit code 137")
    assert result.code == 0
    assert "OVD701" in result.text


# -- beside check --------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with a truncated .xml, as in the recorded log, named ``brokenxml``."""
    directory = tmp_path / "brokenxml" / "1"
    directory.mkdir(parents=True)
    (directory / "model.xml").write_text('<?xml version="1.0"?>\n<net name="m" version="11"><layers', "utf-8")
    (directory / "model.bin").write_bytes(b"")
    return directory.parent


def test_a_log_confirms_a_finding(model: Path, broken: Path) -> None:
    arguments = ("check", "--load", "none", "--format", "json", "--log", broken, model)
    document = ovms_doctor(*arguments).document
    (finding,) = [item for item in document["findings"] if item["code"] == "OVD312"]
    assert finding["occurrences"]["count"] == 3
    assert {"what": "the server's log shows it 3 times", "how": "log"} in finding["evidence"]
    assert (document["server"]["release"], document["server"]["release_from"]) == ("2026.3", "log")


def test_a_cause_that_only_the_log_shows_is_reported(tmp_path: Path, broken: Path) -> None:
    empty = tmp_path / "other" / "1"
    empty.mkdir(parents=True)
    arguments = ("check", "--load", "none", "--format", "json", "--log", broken, empty.parent)
    (finding,) = [item for item in ovms_doctor(*arguments).document["findings"] if item["code"] == "OVD312"]
    assert "something has changed since" in finding["detail"]
    assert finding["severity"] == "warning"


def test_collect_saves_what_the_log_shows(model: Path, broken: Path, tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    assert ovms_doctor("collect", "--load", "none", "--log", broken, model, "-o", facts).code == 0
    assert "Error parsing start element tag" in json.dumps(json.loads(facts.read_bytes()))
    document = ovms_doctor("check", "--format", "json", "--facts", facts).document
    (finding,) = [item for item in document["findings"] if item["code"] == "OVD312"]
    assert finding["occurrences"]["count"] == 3


def test_without_a_log_the_check_does_not_apply(model: Path) -> None:
    document = ovms_doctor("check", "--load", "none", "--format", "json", model).document
    (check,) = [item for item in document["checks"] if item["name"] == "logs"]
    assert (check["status"], check["reason"]) == ("not_applicable", "no log was given")
