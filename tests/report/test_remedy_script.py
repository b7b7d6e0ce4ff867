"""--script: the remedies as a shell script, which is run here on copies, followed by another check."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from ovms_doctor.model.findings import Finding, Remedy, Step, Subject
from ovms_doctor.report.remedy_script import remedy_script
from tests.cli.run import ovms_doctor
from tests.report.samples import SAMPLES

MODELS = Path(__file__).parents[2] / "fixtures" / "models"


def script(*findings: Finding) -> str:
    return remedy_script(replace(next(iter(SAMPLES.values()))(), findings=findings))


def commands(text: str) -> list[str]:
    """The lines with commands, without the lines between them."""
    return re.findall(r"^\((.*)\) &&$", text, re.MULTILINE)


def finding(code: str, *steps: Step, caused_by: tuple[str, ...] = (), message: str = "what") -> Finding:
    return Finding(
        code,
        "a-name",
        "error",
        Subject("m"),
        message,
        remedy=Remedy("in general", steps),
        caused_by=caused_by,
    )


def step(command: str | None, text: str = "Do it.", **more: object) -> Step:
    return Step(text, command, **{"location": "host", "effect": "changes files", **more})  # type: ignore[arg-type]


def run(text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-s"], input=text, text=True, cwd=directory, capture_output=True, check=False, timeout=600
    )


def test_a_misnamed_version_is_renamed_and_not_also_moved(tmp_path: Path) -> None:
    """The second step of this finding is an alternative to the first."""
    (tmp_path / "m").mkdir()
    shutil.copytree(MODELS / "dense-ir" / "1", tmp_path / "m" / "+1")
    target = tmp_path / "fix.sh"
    ovms_doctor("check", tmp_path / "m", "--as", "model", "--load", "none", "--script", target)
    assert len(commands(target.read_text("utf-8"))) == 1
    assert run(target.read_text("utf-8"), tmp_path).returncode == 0
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["1"]


def test_the_script_repairs_the_repairable_fixtures(tmp_path: Path) -> None:
    shutil.copytree(MODELS, tmp_path / "models")
    target = tmp_path / "fix.sh"
    arguments = ("check", tmp_path / "models", "--load", "none", "--format", "json")
    before = ovms_doctor(*arguments, "--script", target)
    assert "OVD101" in {one["code"] for one in before.document["findings"]}
    # The program itself runs nothing.
    assert not (tmp_path / "models" / "model2" / "1").exists()
    completed = run(target.read_text("utf-8"), tmp_path)
    # git lfs pull has no repository here: it fails, and the other commands are run.
    assert (completed.returncode, "not done: OVD302" in completed.stderr) == (1, True)
    after = ovms_doctor(*arguments).document
    assert "OVD101" not in {one["code"] for one in after["findings"]}
    known = {one["fingerprint"] for one in before.document["findings"]}
    assert {one["fingerprint"] for one in after["findings"]} < known


def test_only_what_changes_this_host_is_a_command() -> None:
    text = script(
        finding(
            "OVD101",
            step("ls", effect="reads"),
            step("mkdir a"),
            step("mkdir b", "Or make another one."),
            step("mkdir DIRECTORY"),
            step("docker run -v <path>:/models"),
            step("volumes:\n  - a:b", location="compose"),
            step(None, "Think."),
        )
    )
    assert commands(text) == ["mkdir a"]
    for command in (
        "#   ls",
        "#   mkdir b",
        "#   mkdir DIRECTORY",
        "#   volumes:",
        "#     - a:b",
        "# do: Think.",
    ):
        assert command in text.splitlines() or any(line.startswith(command) for line in text.splitlines())


def test_causes_precede_their_effects() -> None:
    cause = finding("OVD202", step("chmod a"))
    effect = finding("OVD101", step("mkdir a"), caused_by=(cause.fingerprint,))
    assert commands(script(effect, cause)) == ["chmod a", "mkdir a"]


def test_causes_in_a_circle_end() -> None:
    one, two = finding("OVD101", step("a")), finding("OVD102", step("b"))
    one, two = replace(one, caused_by=(two.fingerprint,)), replace(two, caused_by=(one.fingerprint,))
    assert sorted(commands(script(one, two))) == ["a", "b"]


def test_one_command_is_run_once() -> None:
    text = script(finding("OVD101", step("mkdir a")), finding("OVD111", step("mkdir a"), step("mv b a")))
    assert commands(text) == ["mkdir a", "mv b a"]


def test_a_failing_remedy_does_not_stop_the_others(tmp_path: Path) -> None:
    completed = run(
        script(finding("OVD101", step("false"), step("touch never")), finding("OVD111", step("touch made"))),
        tmp_path,
    )
    assert completed.returncode == 1
    assert "not done: OVD101 a-name" in completed.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made"]


@pytest.mark.parametrize(
    "text", ["a\ntouch pwned", "a\r\ntouch pwned", "$(touch pwned)", "`touch pwned`", "\x1b[2J"]
)
def test_untrusted_texts_are_comments(tmp_path: Path, text: str) -> None:
    bad = finding("OVD101", step("true", text), step(f"echo '{text}'\n", effect="reads"), message=text)
    bad = replace(bad, subject=Subject(text))
    written = script(bad, finding("OVD111", step("echo \x1b[2J\ntouch pwned")))
    assert run(written, tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert "\x1b" not in written


def test_names_that_a_shell_could_run(tmp_path: Path) -> None:
    """A model name with shell syntax: the real remedy is run and only moves the directory."""
    name = "$(touch pwned); `touch pwned` 'x' \n rm -rf y"
    shutil.copytree(MODELS / "dense-ir" / "1", tmp_path / "models" / name)
    (tmp_path / "y").mkdir()
    target = tmp_path / "fix.sh"
    ovms_doctor("check", tmp_path / "models", "--as", "repository", "--load", "none", "--script", target)
    assert commands(target.read_text("utf-8"))
    assert run(target.read_text("utf-8"), tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fix.sh", "models", "y"]
    assert ovms_doctor("check", tmp_path / "models", "--as", "repository", "--load", "none").code == 0


def test_a_script_without_remedies_runs(tmp_path: Path) -> None:
    assert script().splitlines()[-1] == "# 0 commands for 0 remedies."
    target = tmp_path / "fix.sh"
    assert ovms_doctor("check", MODELS / "dense-ir", "--load", "none", "--script", target).code == 0
    assert run(target.read_text("utf-8"), tmp_path).returncode == 0
    assert ovms_doctor("check", MODELS, "--load", "none", "--script", tmp_path / "no" / "x").code == 2
