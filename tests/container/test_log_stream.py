"""The output of a container, read through its engine."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ovms_doctor.probes.containers.log_stream import container_pieces, since_seconds
from ovms_doctor.probes.log_files import LogReadError
from tests.cli.run import ovms_doctor
from tests.container.engine import Engine


def _run(engine: Engine, public_dir: Path, name: str) -> str:
    made = engine.run(
        "--port",
        "9000",
        "--model_path",
        "/models/m",
        name=name,
        host={"binds": [f"{public_dir}:/models:ro,z"]},
    )
    engine.until(made, lambda now: bool(now["State"]["Running"]) and bool(engine.api.logs(made)))
    return made


def test_output_is_read(engine: Engine, public_dir: Path) -> None:
    made = _run(engine, public_dir, "ovms-doctor-test-log")
    whole = b"".join(container_pieces("ovms-doctor-test-log"))
    assert whole.splitlines() == bytes(engine.api.logs(made)).splitlines()
    last = b"".join(container_pieces("ovms-doctor-test-log", tail=1))
    assert last.splitlines() == whole.splitlines()[-1:]
    assert b"".join(container_pieces("ovms-doctor-test-log", since=int(time.time()) + 3600)) == b""


def test_logs_of_a_container(engine: Engine, public_dir: Path) -> None:
    _run(engine, public_dir, "ovms-doctor-test-log-2")
    result = ovms_doctor("logs", "--container", "ovms-doctor-test-log-2", "--tail", "100", "--format", "json")
    assert result.document["log"]["release"].startswith("2025.4")


def test_unknown_container(engine: Engine) -> None:
    with pytest.raises(LogReadError, match="no such container"):
        list(container_pieces("ovms-doctor-test-nobody"))
    result = ovms_doctor("logs", "--container", "ovms-doctor-test-nobody", "--format", "json")
    assert result.code == 3
    (check,) = result.document["checks"]
    assert check["status"] == "could_not_look"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d12h", 129_600), ("1h30m", 5400)]
)
def test_since_is_a_duration(text: str, seconds: int) -> None:
    found = since_seconds(text)
    assert found is not None
    assert abs(time.time() - seconds - found) < 5


def test_since_is_a_moment() -> None:
    assert since_seconds("2026-11-28T13:36:00Z") == 1_795_872_960
    assert since_seconds("1795872960") == 1_795_872_960


@pytest.mark.parametrize("text", ["", "yesterday", "5x", "-3m"])
def test_invalid_since_is_rejected(text: str) -> None:
    assert since_seconds(text) is None


def test_check_of_a_container_uses_its_log(engine: Engine, public_dir: Path) -> None:
    _run(engine, public_dir, "ovms-doctor-test-log-3")
    arguments = ("check", "--container", "ovms-doctor-test-log-3", "--load", "none", "--format", "json")
    (check,) = [item for item in ovms_doctor(*arguments).document["checks"] if item["name"] == "logs"]
    assert check["status"] == "ran"
