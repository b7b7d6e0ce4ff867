"""A world with a configuration file, and what becomes of it under a release."""

from __future__ import annotations

import json
from typing import Any

from ovms_doctor.checks.configuration import check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.registry import arrange, run_checks
from ovms_doctor.diagnosis.settle import look
from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import AnyQuestion, Facts
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.releases import parse_release
from tests.prediction.memory import World, settle

SINGLE = ("--model_path", "/m", "--model_name", "m", "--rest_port", "1")
CONFIG = ("--config_path", "/c/config.json", "--rest_port", "1")


def world(config: Any, *models: str, **files: str) -> World:
    """A configuration (text, bytes or a value) at /c/config.json, and a good model at each of ``models``."""
    text = config if isinstance(config, str) else json.dumps(config)
    result = World({"/c/config.json": text})
    for path in models:
        result.files[f"{path}/1/a.onnx"] = "good"
    result.files.update(files)
    return result


def deployed(release: str, words: tuple[str, ...] = (), path: str = "/c/config.json") -> Deployment:
    words = words or ("--config_path", path, "--port", "9000", "--rest_port", "8000")
    arguments = read_arguments(words, parse_release(release))
    return Deployment(
        "config" if arguments.config_path else "single",
        parse_release(release),
        "test",
        User(5000, 5000),
        arguments=arguments,
        config_path=arguments.config_path,
        working_directory="/w",
    )


def planned(config: Any, release: str = "2026.3", *models: str, words: tuple[str, ...] = ()) -> Plan:
    return settle(deployed(release, words), world(config, *models))


def entry(name: str = "m", base_path: str | None = "/m", **more: Any) -> dict[str, Any]:
    base = {} if base_path is None else {"base_path": base_path}
    return {"config": {"name": name, **base, **more}}


def listed(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model_config_list": list(entries), **more}


class Memory:
    """Answers from a world, as the collector does from a host."""

    def __init__(self, here: World) -> None:
        self.here = here

    def collect(self, questions: Any, progress: Any = None) -> dict[AnyQuestion, Any]:
        return {question: self.here.answer(question) for question in questions}

    def begin(self, questions: Any) -> None:
        """Nothing is begun early."""


def findings(here: World, release: str = "2026.3", words: tuple[str, ...] = ()) -> list[Finding]:
    """What the configuration check says of a world."""
    words = words or ("--config_path", "/c/config.json", "--port", "9000", "--rest_port", "8000")
    request = CheckOptions(arguments=words, release=release, bare_metal=True, working_directory="/w")
    seen = look(request, Facts(), Memory(here))
    return list(check(Context(seen.deployment, seen.plan, seen.facts)))


def everything(here: World, words: tuple[str, ...], release: str = "2026.3") -> tuple[Plan, list[Finding]]:
    """The plan, and what all checks say, causes linked."""
    request = CheckOptions(arguments=words, release=release, bare_metal=True, working_directory="/w")
    seen = look(request, Facts(), Memory(here))
    outcomes = run_checks(Context(seen.deployment, seen.plan, seen.facts))
    assert {outcome.status for outcome in outcomes} <= {"ran", "not_applicable"}
    return seen.plan, list(arrange(one for outcome in outcomes for one in outcome.findings))
