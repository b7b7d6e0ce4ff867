"""Containers of a real engine, diagnosed on the command line: running or ended, saved, as run line, as compose."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.run import Result, ovms_doctor
from tests.container.diagnosed import (
    SERVED,
    FindingSummary,
    RunOptions,
    codes,
    inspected,
    repository,
    summaries_of,
)
from tests.container.engine import Engine

pytestmark = pytest.mark.needs_command("docker", "dockerd")


@dataclass(frozen=True)
class Case:
    """``make``: creates what is started, in an empty directory. ``always``: the findings from every source;
    ``ended``: further findings that require the container's state. ``state``: the state of the engine to wait
    for."""

    make: Callable[[Path], RunOptions]
    status: str
    always: tuple[FindingSummary, ...] = ()
    ended: tuple[FindingSummary, ...] = ()


def _mounted(top: Path, *options: str, **service: object) -> tuple[tuple[str, ...], dict[str, object]]:
    """Options and keys with the models mounted where ``SERVED`` expects them."""
    models = repository(top)
    return ("-v", f"{models}:/models:ro", *options), {"volumes": [f"{models}:/models:ro"], **service}


def healthy(top: Path) -> RunOptions:
    return RunOptions(SERVED, *_mounted(top))


def at_its_limit(top: Path) -> RunOptions:
    options = ("-m", "32m", "--memory-swap", "32m", "-e", "PRETEND=memory")
    keys = {"mem_limit": "32m", "memswap_limit": "32m", "environment": {"PRETEND": "memory"}}
    return RunOptions(SERVED, *_mounted(top, *options, **keys))


def wrong_arguments(top: Path) -> RunOptions:
    arguments = (*SERVED[:4], "--prot", "9000")
    return RunOptions(arguments, *_mounted(top, "-e", "PRETEND=64", environment={"PRETEND": "64"}))


def restarting(top: Path) -> RunOptions:
    """A path that does not exist ends the server each time."""
    arguments = ("--model_name", "dense", "--model_path", "/models/dence", "--port", "9000")
    options = ("--restart", "always", "-e", "PRETEND=1")
    return RunOptions(arguments, *_mounted(top, *options, restart="always", environment={"PRETEND": "1"}))


def path_of_the_host(top: Path) -> RunOptions:
    arguments = ("--model_name", "dense", "--model_path", f"{top}/models/dense", "--port", "9000")
    return RunOptions(arguments, *_mounted(top, "-e", "PRETEND=1", environment={"PRETEND": "1"}))


def read_only_cache(top: Path) -> RunOptions:
    cache = top / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    options, service = _mounted(top, "-v", f"{cache}:/opt/cache:ro", "-e", "PRETEND=1")
    service.update(
        volumes=[f"{top}/models:/models:ro", f"{cache}:/opt/cache:ro"], environment={"PRETEND": "1"}
    )
    return RunOptions((*SERVED, "--cache_dir", "/opt/cache"), options, service)


def another_user(top: Path) -> RunOptions:
    started = RunOptions(SERVED, *_mounted(top, "-u", "1234:1234", user="1234:1234"))
    (top / "models" / "dense" / "1").chmod(0o750)
    return started


def _whole(code: str, severity: str = "error") -> FindingSummary:
    return code, severity, None, None


CASES = {
    "healthy": Case(healthy, "running"),
    "killed at its memory limit": Case(at_its_limit, "exited", (_whole("OVD741"),), (_whole("OVD701"),)),
    "killed by docker kill": Case(healthy, "killed", (), (_whole("OVD702", "warning"),)),
    "exits with 64": Case(wrong_arguments, "exited", (_whole("OVD406"),), (_whole("OVD703"),)),
    "restarts": Case(
        restarting,
        "restarting",
        (("OVD106", "error", "dense", None),),
        (_whole("OVD704"), _whole("OVD710")),
    ),
    "a path of the host": Case(
        path_of_the_host, "exited", (("OVD106", "error", "dense", None),), (_whole("OVD704"),)
    ),
    "a read-only mount": Case(
        read_only_cache, "exited", (("OVD505", "error", "dense", 1),), (_whole("OVD704"),)
    ),
    "another user": Case(another_user, "running", (("OVD202", "error", "dense", 1),)),
}


def start(engine: Engine, case: Case, started: RunOptions) -> str:
    """Starts the container and waits until it has the state of the case."""
    made = started.run(engine)
    if case.status == "killed":
        engine.api.kill(made)
    if case.status == "restarting":
        engine.until(made, lambda now: now["RestartCount"] >= 2 and now["State"]["Restarting"])
    elif case.status == "running":
        engine.until(made, lambda now: bool(now["State"]["Running"]) and bool(engine.api.logs(made)))
    else:
        engine.ended(made)
    return made


def check(*arguments: str | Path) -> Result:
    return ovms_doctor("check", *arguments, "--format", "json")


def expected(case: Case, result: Result) -> list[FindingSummary]:
    """The findings where the container's state can be read. A container that restarts may be running at that
    moment; then it has no exit code."""
    found = [*case.always, *case.ended]
    if case.status == "restarting" and "OVD704" not in codes(result):
        found.remove(_whole("OVD704"))
    return sorted(found, key=repr)


def sources(
    engine: Engine, made: str, started: RunOptions, directory: Path
) -> dict[str, tuple[str | Path, ...]]:
    return {
        "container": ("--container", made),
        "inspect": ("--inspect", inspected(engine, made, directory)),
        "docker-run": ("--docker-run", started.line),
        "compose": ("--compose", started.compose(directory)),
    }


@pytest.mark.parametrize("name", CASES)
def test_every_source_gives_the_same_diagnosis(
    engine: Engine, public_dir: Path, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    started = case.make(public_dir)
    made = start(engine, case, started)
    for source, arguments in sources(engine, made, started, tmp_path).items():
        result = check(*arguments)
        state_known = source in ("container", "inspect")
        expected_findings = expected(case, result) if state_known else sorted(case.always, key=repr)
        assert (source, summaries_of(result)) == (source, expected_findings)
        failing = any(severity == "error" for _, severity, _, _ in summaries_of(result))
        assert (source, result.code) == (source, int(failing))


@pytest.mark.parametrize("name", ["killed at its memory limit", "a path of the host", "another user"])
def test_recorded_facts_give_the_same_report_without_an_engine(
    engine: Engine, public_dir: Path, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    made = start(engine, case, case.make(public_dir))
    facts = tmp_path / "facts.json"
    collected = ovms_doctor("collect", "--container", made, "-o", facts)
    assert (collected.code, collected.out) == (0, b"")
    before = check("--container", made)
    engine.clear()
    shutil.rmtree(public_dir / "models")
    # Modules that cannot be imported here must not be needed.
    (tmp_path / "docker.py").write_text("raise ImportError\n")
    environment = {
        **os.environ,
        "DOCKER_HOST": f"unix://{tmp_path}/none",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    after = ovms_doctor("check", "--facts", facts, "--format", "json", environment=environment)
    assert summaries_of(after) == summaries_of(before) == sorted((*case.always, *case.ended), key=repr)
    assert after.document["models"] == before.document["models"]
    assert [item["fingerprint"] for item in after.document["findings"]] == [
        item["fingerprint"] for item in before.document["findings"]
    ]


@pytest.mark.parametrize("name", CASES)
def test_text_fits_a_screen(engine: Engine, public_dir: Path, name: str) -> None:
    """For each finding the problem and the remedy; the container's state in the header; the verdict in the
    last line."""
    case = CASES[name]
    made = start(engine, case, case.make(public_dir))
    result = ovms_doctor("check", "--container", made)
    lines = result.text.splitlines()
    states = {"killed": "exited with 137", "exited": "exited with", "restarting": "r"}
    header = " ".join(lines[:6])
    assert f"2025.4, {states.get(case.status, case.status)}" in header
    blocks = result.text.split("\n\n")
    for code, severity, *_ in (*case.always, *case.ended):
        if code == "OVD704" and case.status == "restarting" and code not in result.text:
            continue
        (block,) = [block for block in blocks if f" {severity} {code} " in block]
        assert "seen: " in block
        assert "do: " in block
        assert len(block.splitlines()) <= 30
    assert lines[-1][0] in "✓✗!"
    assert "overlay2" not in "\n".join(lines[:6])
