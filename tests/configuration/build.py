"""Files in memory with a configuration file, and the prediction for a release."""

from __future__ import annotations

import json
from typing import Any

from ovms_doctor.checks.configuration import check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.registry import arrange, run_checks
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import AnyQuestion, Facts
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.releases import parse_release
from tests.prediction.memory import MemoryFiles, settle

SINGLE = ("--model_path", "/m", "--model_name", "m", "--rest_port", "1")
CONFIG = ("--config_path", "/c/config.json", "--rest_port", "1")


def configured_files(config: Any, *models: str, **files: str) -> MemoryFiles:
    """A configuration (text, bytes or a value) at /c/config.json, and a good model at each of ``models``."""
    text = config if isinstance(config, str) else json.dumps(config)
    result = MemoryFiles({"/c/config.json": text})
    for path in models:
        result.files[f"{path}/1/a.onnx"] = "good"
    result.files.update(files)
    return result


def deployed(release: str, args: tuple[str, ...] = (), path: str = "/c/config.json") -> Deployment:
    args = args or ("--config_path", path, "--port", "9000", "--rest_port", "8000")
    arguments = read_arguments(args, parse_release(release))
    return Deployment(
        "config" if arguments.config_path else "single",
        parse_release(release),
        "test",
        User(5000, 5000),
        arguments=arguments,
        config_path=arguments.config_path,
        working_directory="/w",
    )


def planned(config: Any, release: str = "2026.3", *models: str, arguments: tuple[str, ...] = ()) -> Plan:
    return settle(deployed(release, arguments), configured_files(config, *models))


def entry(name: str = "m", base_path: str | None = "/m", **more: Any) -> dict[str, Any]:
    base = {} if base_path is None else {"base_path": base_path}
    return {"config": {"name": name, **base, **more}}


def listed(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model_config_list": list(entries), **more}


class MemoryCollector:
    """Answers questions from files in memory, as the collector does for a host."""

    def __init__(self, files: MemoryFiles) -> None:
        self.files = files

    def collect(self, questions: Any, progress: Any = None) -> dict[AnyQuestion, Any]:
        return {question: self.files.answer(question) for question in questions}

    def begin(self, questions: Any) -> None:
        """Does nothing early."""


def findings(files: MemoryFiles, release: str = "2026.3", arguments: tuple[str, ...] = ()) -> list[Finding]:
    """The findings of the configuration check for these files."""
    arguments = arguments or ("--config_path", "/c/config.json", "--port", "9000", "--rest_port", "8000")
    request = CheckOptions(arguments=arguments, release=release, bare_metal=True, working_directory="/w")
    settled = settled_run(request, Facts(), MemoryCollector(files))
    return list(check(Context(settled.deployment, settled.plan, settled.facts)))


def plan_and_findings(
    files: MemoryFiles, arguments: tuple[str, ...], release: str = "2026.3"
) -> tuple[Plan, list[Finding]]:
    """The plan and the findings of all checks, with linked causes."""
    request = CheckOptions(arguments=arguments, release=release, bare_metal=True, working_directory="/w")
    settled = settled_run(request, Facts(), MemoryCollector(files))
    outcomes = run_checks(Context(settled.deployment, settled.plan, settled.facts))
    assert {outcome.status for outcome in outcomes} <= {"ran", "not_applicable"}
    return settled.plan, list(arrange(one for outcome in outcomes for one in outcome.findings))
