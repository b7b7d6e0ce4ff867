"""``--receipt`` on the command line: where it is written, what it does not replace, how a run ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor, ovms_doctor_process
from tests.live.servers import http_server, replay

pytestmark = pytest.mark.usefixtures("started_workers")

TITLE = "Receipt of ovms-doctor"


@pytest.fixture
def models(public_dir: Path) -> Path:
    good_model(public_dir / "models" / "m" / "1")
    return public_dir / "models"


def check(models: Path, *arguments: str | Path, **more: Any) -> Result:
    return ovms_doctor("check", models, "--load", "none", "-q", *arguments, **more)


def saved(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


@pytest.mark.parametrize("arguments", [("--receipt",), ("--receipt=-",), ("--receipt", "--no-color")])
def test_on_standard_error(models: Path, arguments: tuple[str, ...]) -> None:
    result = check(models, *arguments)
    assert result.code == 0
    assert result.text.startswith("✓")
    assert result.text.count("\n") == 1
    assert TITLE in result.err.decode()
    assert f"{models}/m/1/model.xml: read" in result.err.decode()


def test_in_a_file(models: Path, tmp_path: Path) -> None:
    for name in ("r.txt", "r.json", "R.JSON"):
        path = tmp_path / name
        result = check(models, f"--receipt={path}")
        assert (result.code, result.err) == (0, b"")
        assert path.read_text().startswith('{"receipt":' if "json" in name.lower() else TITLE)
        # A receipt is replaced by the next one.
        assert check(models, f"--receipt={path}").code == 0


def test_each_command_has_it(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    log = tmp_path / "log"
    log.write_text("x\n")
    body = tmp_path / "body.json"
    body.write_text('{"instances": [[1]]}')
    with http_server(replay("2025.4-single")) as server:
        lines: list[list[str | Path]] = [
            ["collect", models, "-o", tmp_path / "facts.json"],
            ["logs", log],
            ["status", f"127.0.0.1:{server.port}"],
            ["request", body, "--model", models / "m", "--load", "none"],
            ["request", body, "--url", f"http://127.0.0.1:{server.port}"],
            ["check", "--facts", tmp_path / "facts.json"],
        ]
        for line in lines:
            line = [word for word in line if word not in ("--load", "none")] if line[0] == "request" else line
            result = ovms_doctor(*line, f"--receipt={path}")
            assert result.code in (0, 1, 3), result.err
            document = saved(path)
            assert document["receipt"]["exit_code"] == result.code
            read = {item["path"] for item in document["files"] if "read" in item["actions"]}
            assert document["contacts"] or any(
                str(word) in read or f"{word}/m/1/model.xml" in read for word in line
            )
    result = ovms_doctor("explain", "OVD101", f"--receipt={path}")
    assert result.code == 2


def test_with_facts_no_file_is_read(models: Path, tmp_path: Path) -> None:
    ovms_doctor("collect", models, "-o", tmp_path / "facts.json", "--load", "none")
    path = tmp_path / "r.json"
    ovms_doctor("check", "--facts", tmp_path / "facts.json", f"--receipt={path}")
    document = saved(path)
    assert not [item for item in document["files"] if item["path"].startswith(str(models))]
    assert document["processes"] == []


def test_no_file_but_a_receipt_is_replaced(models: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"model_config_list": []}')
    for target in (config, models):
        result = ovms_doctor("check", f"--receipt={target}")
        assert result.code == 2
        assert result.err.count(b"\n") == 1
        assert b"--receipt alone" in result.err
    assert config.read_text() == '{"model_config_list": []}'


def test_the_next_argument_is_a_target(models: Path, tmp_path: Path) -> None:
    """Also for an address, and for a file's name that exists."""
    result = ovms_doctor("check", "--load", "none", "-q", "--receipt", models, cwd=tmp_path)
    assert (result.code, result.err.count(TITLE.encode())) == (0, 1)
    log = tmp_path / "log.txt"
    log.write_text("x\n")
    assert f"{log}: read" in ovms_doctor("logs", "--receipt", log).err.decode()
    with http_server(replay("2025.4-single")) as server:
        result = ovms_doctor("status", "--receipt", f"127.0.0.1:{server.port}", cwd=tmp_path)
        assert result.code in (0, 1)
        assert f"127.0.0.1:{server.port}" in result.err.decode()
    assert {path.name for path in tmp_path.iterdir()} <= {"log.txt", "models"}


def test_a_name_that_is_not_joined_is_a_mistake(models: Path, tmp_path: Path) -> None:
    result = check(models, "--receipt", "done.json", cwd=tmp_path)
    assert (result.code, result.text) == (2, "")
    assert (
        result.err
        == b"ovms-doctor: --receipt done.json: write --receipt=done.json to have the receipt in a file\n"
    )
    assert not (tmp_path / "done.json").exists()


def test_a_file_that_is_written_already(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    result = check(models, "-o", f"json:{path}", f"--receipt={path}")
    assert result.code == 2
    assert b"is named twice" in result.err
    assert saved(path)["models"] == []
    # A script too, but it is only created at the end.
    script = tmp_path / "script"
    result = check(models, "--script", script, f"--receipt={script}")
    assert result.code == 2
    assert script.read_text().startswith("#!")


@pytest.mark.parametrize("name", ["missing/r.json", ".", "", "nul\0"])
def test_unwritable_receipt_is_detected_before_the_run(models: Path, tmp_path: Path, name: str) -> None:
    report = tmp_path / "report.json"
    result = check(models, "-o", report, f"--receipt={name}", cwd=tmp_path)
    assert result.code == 2
    assert result.err.count(b"\n") == 1
    assert b"--receipt" in result.err
    assert saved(report)["models"] == []


def test_a_full_disk(models: Path) -> None:
    result = check(models, "--receipt=/dev/full")
    assert result.code == 3
    assert b"No space left on device" in result.err
    assert result.text.startswith("✓")


@pytest.mark.parametrize(
    "line", ["check", "check x --load deep", "status", "logs", "check --facts /nonexistent"]
)
def test_a_usage_error_writes_a_receipt(line: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    result = ovms_doctor(*line.split(), f"--receipt={path}")
    assert result.code == 2
    assert saved(path)["receipt"]["exit_code"] == 2
    assert saved(path)["processes"] == []


def test_receipt_after_two_dashes_belongs_to_the_server(models: Path, tmp_path: Path) -> None:
    result = ovms_doctor("check", "-q", "--", "--model_path", models / "m", "--receipt", cwd=tmp_path)
    assert TITLE.encode() not in result.err
    result = ovms_doctor("check", "-q", "--receipt", "--", "--model_path", models / "m", "--model_name", "m")
    assert TITLE.encode() in result.err


def test_a_configuration_does_not_set_it(models: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('receipt = "x"\n')
    result = check(models, "--config", config)
    assert result.code == 2
    assert b"receipt is not an option that a configuration can set" in result.err


def test_secrets(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    arguments = ("--env", "AWS_SECRET_ACCESS_KEY=Canary1", "--env", "https_proxy=http://u:Canary2@h:1")
    assert check(models, *arguments, f"--receipt={path}").code == 0
    check(models, *arguments, f"--receipt={tmp_path / 'r.txt'}")
    assert "Canary" not in path.read_text() + (tmp_path / "r.txt").read_text()


@pytest.mark.slow
def test_workers_that_start_early_are_recorded(models: Path, tmp_path: Path) -> None:
    """The workers that start before the command line is parsed are recorded too, also one that is not used."""
    path = tmp_path / "r.json"
    result = ovms_doctor_process("check", models / "m", "-q", f"--receipt={path}")
    assert result.code == 0
    document = saved(path)
    assert {item["purpose"] for item in document["processes"]} == {"files", "load"}
    assert all(item["recorded"] for item in document["processes"])
    result = ovms_doctor_process("check", models / "missing", "-q", f"--receipt={path}")
    assert result.code == 2
    assert {item["purpose"] for item in saved(path)["processes"]} >= {"files", "load"}


@pytest.mark.slow
def test_an_interrupted_run_writes_a_receipt(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with http_server(replay("2025.4-single")) as server:
        command = [sys.executable, "-u", "-m", "ovms_doctor", "status", f"127.0.0.1:{server.port}", "--watch"]
        running = subprocess.Popen(
            [*command, f"--receipt={path}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ),
        )
        assert running.stdout is not None
        assert running.stdout.readline()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=600)
    assert running.returncode == 130
    document = saved(path)
    assert document["receipt"]["exit_code"] == 130
    assert {item["port"] for item in document["contacts"]} == {server.port}
