"""ovms-doctor.toml and [tool.ovms-doctor]: defaults, settings by target, ignores with a reason, severities."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ovms_doctor.cli.configuration_schema import configuration_schema
from tests.cli.run import Result, ovms_doctor

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MODELS = Path(__file__).parents[2] / "fixtures" / "models"
NAME = "ovms-doctor.toml"


@pytest.fixture
def project(public_dir: Path) -> Path:
    """A directory with three models: one has no weights, one has no version directory."""
    shutil.copytree(MODELS / "dense-ir", public_dir / "models" / "good")
    shutil.copytree(MODELS / "model1", public_dir / "models" / "old")
    shutil.copytree(MODELS / "model2", public_dir / "models" / "flat")
    return public_dir


def check(project: Path, *arguments: str, cwd: Path | None = None) -> Result:
    return ovms_doctor(
        "check", project / "models", "--load", "none", "--format", "json", *arguments, cwd=cwd or project
    )


def write(project: Path, text: str, name: str = NAME) -> None:
    (project / name).write_text(text, encoding="utf-8")


def codes(result: Result) -> dict[str, str]:
    """The codes of the findings that count, and the reason for each finding that does not."""
    found: dict[str, str] = {}
    for one in result.document["findings"]:
        found[one["code"]] = one["suppressed"]["reason"] if "suppressed" in one else "counts"
    return found


IGNORED = """
[[ignore]]
code = "OVD101"
model = "fl*"
reason = "moved next week"
"""


def test_without_a_configuration(project: Path) -> None:
    result = check(project)
    assert (result.code, codes(result)) == (1, {"OVD101": "counts", "OVD111": "counts"})
    assert result.document["summary"]["suppressed"] == 0


def test_an_ignored_finding_is_counted_and_shown_with_its_reason(project: Path) -> None:
    write(project, IGNORED)
    result = check(project)
    assert codes(result) == {"OVD101": "moved next week", "OVD111": "counts"}
    summary = result.document["summary"]
    assert (result.code, summary["errors"], summary["suppressed"]) == (1, 1, 1)
    text = ovms_doctor("check", "models", "--load", "none", cwd=project).text
    assert f"1 finding ignored by {NAME} (OVD101): moved next week" in text
    assert "1 known or ignored" in text
    assert "OVD101 no version directory (ignored)" in " ".join(text.split())
    assert "explain OVD101" not in text


def test_a_run_with_only_ignored_findings_passes_and_counts_them(project: Path) -> None:
    write(project, '[[ignore]]\ncode = "OVD1"\nreason = "x"\n')
    result = check(project)
    assert (result.code, result.document["summary"]["verdict"]) == (0, "pass")
    assert result.document["summary"]["sentence"].startswith("! 1 of 3 models is served")


@pytest.mark.parametrize("arguments", [("--no-config",), ("--no-ignores",)])
def test_each_option_disables_the_configuration(project: Path, arguments: tuple[str, ...]) -> None:
    write(project, IGNORED)
    assert codes(check(project, *arguments)) == {"OVD101": "counts", "OVD111": "counts"}


@pytest.mark.parametrize(
    "rule",
    [
        'code = "OVD101"\nmodel = "other"',
        'code = "OVD201"',
        'code = "OVD101"\npath = "elsewhere/*"',
    ],
)
def test_a_rule_that_matches_nothing_is_reported(project: Path, rule: str) -> None:
    write(project, f'[[ignore]]\n{rule}\nreason = "x"\n')
    result = check(project)
    assert set(codes(result).values()) == {"counts"}
    assert any(
        "[[ignore]] 1" in note and "matches no finding" in note for note in result.document["run"]["notes"]
    )


@pytest.mark.parametrize("pattern", ["models/flat*", "*/flat", "models/*"])
def test_a_pattern_of_paths_counts_from_the_file(project: Path, pattern: str) -> None:
    write(project, f'[[ignore]]\ncode = "OVD101"\npath = "{pattern}"\nreason = "x"\n')
    assert codes(check(project))["OVD101"] == "x"


@pytest.mark.parametrize(
    ("day", "holds"), [("2999-01-01", True), ("2000-01-01", False), ('"2000-01-01"', False)]
)
def test_a_rule_with_a_last_day(project: Path, day: str, holds: bool) -> None:
    write(project, IGNORED + f"expires = {day}\n")
    result = check(project)
    assert (codes(result)["OVD101"] == "moved next week") is holds
    assert any("expired on 2000-01-01" in note for note in result.document["run"]["notes"]) is not holds


def test_failed_check_is_not_ignored(project: Path) -> None:
    """A project cannot declare that an unavailable fact was collected."""
    write(project, '[[ignore]]\ncode = "OVD9"\nreason = "x"\n[severity]\nOVD9 = "info"\n')
    config = project / "config.json"
    config.write_text('{"model_config_list": [{"config": {"name": "m", "base_path": "/of-no-host/m"}}]}')
    result = ovms_doctor("check", config, "--load", "none", "--format", "json", cwd=project)
    (finding,) = result.document["findings"]
    assert (result.code, finding["severity"], "suppressed" in finding) == (3, "warning", False)


@pytest.mark.parametrize(("severity", "code"), [("info", 0), ("warning", 0), ("error", 1)])
def test_a_severity_is_raised_or_lowered(project: Path, severity: str, code: int) -> None:
    write(project, f'[severity]\nOVD101 = "{severity}"\nno-model-files = "{severity}"\n')
    result = check(project)
    assert result.code == code
    assert {one["severity"] for one in result.document["findings"]} == {severity}


def test_defaults_of_options_and_what_is_typed(project: Path) -> None:
    write(project, 'ovms-version = "2025.4"\nuser = "1000:1000"\nselect = ["OVD101"]\n')
    document = check(project).document
    assert (document["server"]["release"], document["server"]["user"]["uid"]) == ("2025.4", 1000)
    assert {one["code"] for one in document["findings"]} == {"OVD101"}
    assert f"set by {NAME}: --ovms-version, --user, --select" in document["run"]["notes"]
    document = check(project, "--ovms-version", "2026.3", "--select", "OVD111").document
    assert document["server"]["release"] == "2026.3"
    assert {one["code"] for one in document["findings"]} == {"OVD111"}


def test_settings_for_some_targets(project: Path) -> None:
    write(
        project,
        'user = "1:1"\n[[paths]]\npath = "models"\nuser = "2:2"\n[[paths]]\npath = "other"\nuser = "3:3"\n',
    )
    assert check(project).document["server"]["user"]["uid"] == 2
    other = ovms_doctor("check", "models/good", "--load", "none", "-f", "json", cwd=project).document
    assert other["server"]["user"]["uid"] == 1


def test_the_nearest_file_above_is_taken(project: Path) -> None:
    write(project, IGNORED)
    below = project / "models" / "good"
    assert codes(check(project, cwd=below))["OVD101"] == "moved next week"
    write(below, "")
    assert codes(check(project, cwd=below))["OVD101"] == "counts"


def test_the_table_of_pyproject(project: Path) -> None:
    write(project, '[project]\nname = "x"\n', "pyproject.toml")
    assert codes(check(project))["OVD101"] == "counts"
    table = IGNORED.replace("[[ignore]]", "[[tool.ovms-doctor.ignore]]")
    write(project, table, "pyproject.toml")
    assert codes(check(project))["OVD101"] == "moved next week"


def test_a_file_that_is_named(project: Path, tmp_path: Path) -> None:
    write(project, "this is no TOML")
    write(tmp_path, IGNORED, "mine.toml")
    assert codes(check(project, "--config", str(tmp_path / "mine.toml")))["OVD101"] == "moved next week"
    assert check(project, "--config", str(tmp_path / "gone.toml")).code == 2
    assert check(project, "--config", str(tmp_path / "mine.toml"), "--no-config").code == 2


@pytest.mark.parametrize("option", ["cpu-extension", "env-file", "docker-run", "baseline"])
def test_a_file_that_is_found_cannot_run_code(project: Path, tmp_path: Path, option: str) -> None:
    write(project, f'{option} = "x"\n')
    result = check(project)
    assert (result.code, b"--config names" in result.err) == (2, True)


def test_a_file_that_is_named_can(project: Path, tmp_path: Path) -> None:
    write(tmp_path, 'cpu-extension = "/no/such/library.so"\n', "mine.toml")
    result = check(project, "--config", str(tmp_path / "mine.toml"))
    assert (
        "OVD351" in codes(result)
        or "OVD352" in codes(result)
        or result.document["server"]["outcome"] == "exits"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("load = ", "is not valid TOML"),
        ("\udcff", "is not valid TOML"),
        ('laod = "none"', "laod is not an option that a configuration can set; did you mean load?"),
        ('load = "some"', "load is one of none, read, compile, not some"),
        ("load = [1]", "load is a text or a number"),
        ('bare-metal = "yes"', "bare-metal is true or false"),
        ('select = "OVD1"', "select is a list of texts"),
        ('user = "root"', "--user root"),
        ('output = ["x"]', "output is not an option that a configuration can set"),
        ('ignore = ["OVD101"]', "an ignored finding needs a reason"),
        ('[[ignore]]\ncode = "OVD101"', "[[ignore]] 1: reason is missing"),
        ('[[ignore]]\nreason = "x"', "[[ignore]] 1: code is missing"),
        ('[[ignore]]\ncode = "OVD000"\nreason = "x"', "no code has the name OVD000"),
        ('[[ignore]]\ncode = "OVD101"\nreason = " "', "reason is a text"),
        ('[[ignore]]\ncode = "OVD101"\nreason = "x"\nexpires = "soon"', "expires is a day"),
        ('[[ignore]]\ncode = "OVD101"\nreason = "x"\nuntil = 1', "until is not one of its keys"),
        ('[severity]\nOVD101 = "fatal"', "OVD101 is one of error, warning, info"),
        ('severity = "info"', "severity is a table"),
        ('[[paths]]\nuser = "1"', "path is missing"),
        ('[[paths]]\npath = "x"\nnope = 1', "[[paths]] 1: nope is not an option"),
    ],
)
def test_mistakes_are_usage_errors(project: Path, text: str, message: str) -> None:
    (project / NAME).write_text(text, "utf-8", "surrogateescape")
    result = check(project)
    assert result.code == 2
    assert message in result.err.decode()
    assert NAME in result.err.decode()
    assert len(result.err.splitlines()) == 1


VALID = """
load = "none"
timeout = 30
bare-metal = true
select = ["OVD1"]

[[paths]]
path = "models/*"
user = "1:1"

[[ignore]]
code = "OVD101"
reason = "x"
expires = "2999-01-01"

[severity]
OVD101 = "info"
"""


def test_the_schema_accepts_what_is_read_and_no_more(project: Path) -> None:
    schema = configuration_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(tomllib.loads(VALID))
    write(project, VALID)
    assert ovms_doctor("check", "models/flat", cwd=project).code == 0
    for text in ('laod = "none"', 'load = "some"', "[[ignore]]\ncode = 'OVD1'", 'bare-metal = "yes"'):
        assert list(validator.iter_errors(tomllib.loads(text)))
    printed: dict[str, Any] = json.loads(ovms_doctor("schema", "config").out)
    assert printed == schema


def test_the_other_commands_read_it_too(project: Path) -> None:
    write(project, 'ovms-version = "2025.4"\nexit-zero = true\n')
    log = project / "ovms.log"
    log.write_text("[2026-11-28 10:00:00.000][1][serving][info][server.cpp:1] OpenVINO Model Server 2026.3\n")
    assert ovms_doctor("logs", log, cwd=project).code == 0
    assert ovms_doctor("status", "127.0.0.1:1", "--timeout", "5", cwd=project).code == 0
