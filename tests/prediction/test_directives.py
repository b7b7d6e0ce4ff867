"""Commands that change a configuration file or list models: their effect and their end."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest

from ovms_doctor.checks.configuration import check as check_configuration
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.directives import check
from ovms_doctor.checks.pull import check as check_pull
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.environment import variables
from ovms_doctor.model.facts import Answer, Facts, Failure
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import Plan
from tests.logs.recorded import recorded
from tests.prediction.memory_host import Host, rights

PATH = "/srv/ovms/configs/added.json"
NAMED = {"model_config_list": [{"config": {"name": "fc", "base_path": "/srv/ovms/models/fc"}}]}
ADD = ("--add_to_config", "--config_path", PATH, "--model_name", "fc", "--model_path", "/srv/ovms/models/fc")
REMOVE = ("--remove_from_config", "--config_path", PATH, "--model_name", "fc")
LIST = ("--list_models", "--model_repository_path", "/srv/ovms/models")


def ends(
    arguments: tuple[str, ...],
    config: Any = None,
    *,
    release: str = "2026.3",
    writable: bool = True,
    files: dict[str, Answer] | None = None,
    **environment: str,
) -> tuple[Plan, list[Finding]]:
    host = Host(
        files={"/srv/ovms/configs": rights(writable=writable), PATH: rights("regular", writable=writable)}
    )
    if config is None:
        del host.files[PATH]  # type: ignore[attr-defined]
        host.memory_files.directories.add("/srv/ovms/configs")
    else:
        host.memory_files.files[PATH] = config if isinstance(config, str) else json.dumps(config)
    host.files.update(files or {})  # type: ignore[attr-defined]
    host.memory_files.files["/srv/ovms/models/fc/1/a.onnx"] = "good"
    host.memory_files.directories.add("/empty")
    options = CheckOptions(
        arguments=arguments, release=release, bare_metal=True, working_directory="/w", user=User(5000, 5000),
        environment=variables(environment.items()),
    )  # fmt: skip
    settled = settled_run(options, Facts(), host)
    context = Context(settled.deployment, settled.plan, settled.facts)
    found = [*check_configuration(context), *check_pull(context)]
    if settled.plan.problem is not None and settled.plan.problem.kind == "directive":
        found += check(context)
    return settled.plan, found


def output(key: str) -> str:
    return str(recorded()[key]["stdout"])


@pytest.mark.parametrize("config", [None, {"model_config_list": []}])
def test_a_model_is_added(config: Any) -> None:
    plan, found = ends(ADD, config)
    assert (plan.outcome, plan.exit_code, plan.starts, found) == ("exits", 0, False, [])


def test_an_existing_model() -> None:
    text = output("2026.3/add-to-config/INFO")
    plan, (found,) = ends(ADD, NAMED)
    assert (plan.exit_code, found.code, found.severity) == (1, "OVD393", "error")
    assert len(found.server_log) == 2
    assert all(line in text for line in found.server_log)


def test_a_model_is_removed() -> None:
    plan, found = ends(REMOVE, NAMED)
    assert (plan.exit_code, found) == (0, [])


def test_a_missing_model_to_be_removed() -> None:
    text = output("2026.3/remove-from-config-not-there/INFO")
    arguments = (*REMOVE[:-1], "nosuch")
    plan, (found,) = ends(arguments, NAMED)
    assert (plan.exit_code, found.code) == (1, "OVD844")
    assert all(line in text for line in found.server_log)
    assert ends(arguments)[1][0].server_log[0] == f"Config path does not exist: {PATH}"


@pytest.mark.parametrize(
    ("config", "code", "status"),
    [
        ("{", 1, "JSON_INVALID"),
        ({}, 1, "JSON_INVALID"),
        ({"model_config_list": {}}, 1, "JSON_INVALID"),
        # A file that only the schema refuses is rewritten nevertheless.
        ({"model_config_list": [], "comment": 1}, 0, "OK"),
    ],
)
def test_an_invalid_configuration_ends_the_command(config: Any, code: int, status: str) -> None:
    plan, (found,) = ends(ADD, config)
    assert plan.problem is not None
    assert (plan.exit_code, plan.problem.status) == (code, status)
    if code == 0:
        assert found.severity == "warning"
        assert found.server_log[0] == f"Configuration file is not in valid configuration format: {PATH}"


@pytest.mark.parametrize("config", [None, {"model_config_list": []}])
def test_a_file_that_cannot_be_written(config: Any) -> None:
    plan, (found,) = ends(ADD, config, writable=False)
    assert (plan.exit_code, found.code) == (1, "OVD385")
    assert found.server_log[0] == f"Unable to open file: {PATH}"
    assert "uid 0" in found.evidence[0].observation


def test_models_are_listed() -> None:
    assert recorded()["2025.4/list-models/INFO"]["exit_code"] == 0
    plan, found = ends(LIST, release="2025.4")
    assert (plan.exit_code, found) == (0, [])


@pytest.mark.parametrize(
    ("path", "files", "code", "line"),
    [
        ("/nope", {}, 0, "Path is not a directory: /nope"),
        ("/empty", {}, 0, "Directory is empty: /empty"),
        (
            "/d",
            {"/d": Failure(errno.EACCES)},
            1,
            "Exception catch: filesystem error: status: Permission denied",
        ),
    ],
)
def test_models_that_cannot_be_listed(path: str, files: dict[str, Answer], code: int, line: str) -> None:
    host_files = {**files}
    arguments = ("--list_models", "--model_repository_path", path)
    plan, (found,) = ends(arguments, files=host_files)
    assert (plan.exit_code, found.severity) == (code, "error" if code else "warning")
    assert found.server_log[0].startswith(line)


@pytest.mark.parametrize(
    ("arguments", "release", "text"),
    [
        (("--list_models",), "2026.3", "Use --list_models with --model_repository_path"),
        (ADD[:1], "2026.3", "Set config_path with add_to_config/remove_from_config"),
        (ADD[:3], "2026.3", "Set model_name with add_to_config/remove_from_config"),
        (
            ADD[:5],
            "2026.3",
            "Set model_name either with model_path or model_repository_path with add_to_config",
        ),
        (
            (*REMOVE, "--nireq", "2"),
            "2026.3",
            "Removing models from the configuration file allows passing only",
        ),
        (
            (*ADD, "--nireq", "2"),
            "2026.1",
            "Adding or removing models from the configuration file, allows passing",
        ),
    ],
)
def test_arguments_that_are_refused(arguments: tuple[str, ...], release: str, text: str) -> None:
    plan, (found,) = ends(arguments, release=release)
    assert (plan.exit_code, found.code) == (64, "OVD406")
    assert found.server_log[0].startswith(text)


def test_parameters_are_written_since_2026_3() -> None:
    assert ends((*ADD, "--nireq", "2"))[0].exit_code == 0


def test_a_repository_from_the_environment() -> None:
    plan, found = ends(("--list_models",), OVMS_MODEL_REPOSITORY_PATH="/srv/ovms/models")
    assert plan.exit_code in (0, None)
    assert found == []


def test_until_2025_3_the_option_has_the_path() -> None:
    arguments = ("--add_to_config", PATH, "--model_name", "fc", "--model_path", "/m")
    assert ends(arguments, NAMED, release="2025.3")[0].exit_code == 1
    assert ends(arguments, release="2025.3")[0].exit_code == 0
    assert ends(arguments, NAMED, release="2025.2")[0].outcome == "unknown"
