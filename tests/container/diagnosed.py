"""Containers to be diagnosed: each as a run line, as a compose file, and run by the real engine."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.run import Result
from tests.container.engine import IMAGE, LABEL, Engine

MODELS = Path(__file__).parents[2] / "fixtures" / "models"
#: The server's arguments for a model of 288 bytes that every release serves.
SERVED = ("--model_name", "dense", "--model_path", "/models/dense", "--port", "9000")

#: A finding's code, severity, model and version.
FindingSummary = tuple[str, str, str | None, int | None]


@dataclass(frozen=True)
class RunOptions:
    """``options`` of ``docker run``, and the same as keys of a compose service; ``arguments``: those of the
    server."""

    arguments: tuple[str, ...]
    options: tuple[str, ...] = ()
    service: dict[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The run line as a user would type it."""
        return shlex.join(("docker", "run", "-d", "--network", "none", *self.options, IMAGE, *self.arguments))

    def compose(self, directory: Path) -> Path:
        """Writes a compose file as JSON, which is also YAML."""
        service = {"image": IMAGE, "command": list(self.arguments), "network_mode": "none", **self.service}
        path = directory / "compose.yaml"
        path.write_text(json.dumps({"services": {"ovms": service}}))
        return path

    def run(self, engine: Engine) -> str:
        """Starts the container with the real client and this line; returns its id. It is removed after the test."""
        arguments = shlex.split(self.line)
        arguments[2:2] = ["--label", f"{LABEL}=1"]
        completed = subprocess.run(arguments, capture_output=True, text=True, check=True)
        made = completed.stdout.split()[-1]
        engine.made.append(made)
        return made


def repository(top: Path, *names: str) -> Path:
    """``top``/models, which every user can read, with these models of the fixtures, each named ``dense``…"""
    models = top / "models"
    for name in names or ("dense-ir",):
        shutil.copytree(MODELS / name, models / name.removesuffix("-ir"))
    return models


def inspected(engine: Engine, made: str, directory: Path) -> Path:
    """A file with the output of ``docker inspect``."""
    path = directory / "inspect.json"
    path.write_text(json.dumps([engine.api.inspect_container(made)], indent=4))
    return path


def summaries_of(result: Result) -> list[FindingSummary]:
    """The findings of a JSON report, sorted."""
    found = [
        (item["code"], item["severity"], item["subject"]["model"], item["subject"]["version"])
        for item in result.document["findings"]
    ]
    return sorted(found, key=repr)


def codes(result: Result) -> list[str]:
    return [code for code, *_ in summaries_of(result)]
