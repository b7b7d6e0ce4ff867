"""A container that logs and answers like the recorded server, with a directory of models that tests change."""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.container.diagnosed import MODELS
from tests.container.engine import Engine
from tests.live.servers import JSON, recorded
from tests.stores.servers import free_port

_LOG = Path(__file__).parents[1] / "data/logs/reload-2026.3-DEBUG.log.xz"
#: The directory of the configuration in the recordings.
TOP = "/srv/ovms/reload"
_TIME = re.compile(r"(?m)^\[2026-11-28 (\d\d:\d\d:\d\d)")


def start_log(until: str = "13:38:11") -> str:
    """The recorded log from the banner on. It starts with the models fc and two, version 1 of each; after
    13:38:23 it has further models and versions, of which version 3 of fc has a broken model.xml."""
    with lzma.open(_LOG, "rt", encoding="utf-8") as file:
        text = file.read()
    return text[: next(match.start() for match in _TIME.finditer(text) if match[1] >= until)]


def config_answer(states: dict[str, dict[int, str]]) -> str:
    """``/v1/config`` as the server writes it for these states (``AVAILABLE/OK``)."""
    document = {
        name: {
            "model_version_status": [
                {
                    "version": str(number),
                    "state": state.partition("/")[0],
                    "status": {
                        "error_code": state.partition("/")[2],
                        "error_message": state.partition("/")[2],
                    },
                }
                for number, state in versions.items()
            ]
        }
        for name, versions in states.items()
    }
    return json.dumps(document, indent=1)


class Recorded:
    """One such container. ``models`` is mounted at :data:`TOP`; ``options``: more of the server's
    arguments; ``prepare``: changes the models before the start; ``published``:
    ports of the host by those of the container."""

    def __init__(
        self,
        engine: Engine,
        top: Path,
        *options: str,
        prepare: Callable[[Path], object] = lambda models: None,
        log: str | None = None,
        network: str = "host",
        published: dict[int, int] | None = None,
    ) -> None:
        self.engine = engine
        self.models = top / "models"
        self.directory = top / "recorded"
        self.directory.mkdir()
        for name in ("fc", "two"):
            shutil.copytree(MODELS / "dense-ir", self.models / name)
        self.configure("fc", "two")
        shutil.copy(Path(__file__).parent / "serve_recorded.py", self.directory)
        (self.directory / "log").write_text(start_log() if log is None else log)
        prepare(self.models)
        self.answer({"fc": {1: "AVAILABLE/OK"}, "two": {1: "AVAILABLE/OK"}})
        self.port = free_port() if network == "host" else 8000
        arguments = ("--config_path", f"{TOP}/config.json", "--rest_port", str(self.port), *options)
        python = os.path.realpath(sys.executable)
        shared = [path for path in ("/usr", "/lib", "/lib64", sys.base_prefix) if os.path.exists(path)]
        binds = [f"{os.path.realpath(path)}:{path}:ro" for path in dict.fromkeys(shared)]
        binds += [f"{self.models}:{TOP}:ro", f"{self.directory}:/recorded:ro"]
        self.id = engine.run(
            *arguments,
            name=f"ovms-doctor-test-{os.getpid()}-{len(engine.made)}",
            host={
                "network_mode": network,
                "binds": binds,
                "port_bindings": {
                    inside: ("127.0.0.1", outside) for inside, outside in (published or {}).items()
                },
            },
            ports=list(published or {}),
            environment={"PRETEND": "recorded", "PYTHON": python},
        )
        engine.until(self.id, lambda now: self._is_up(now) or not now["State"]["Running"])

    def _is_up(self, now: dict[str, Any]) -> bool:
        """Whether the server listens, as far as this host can determine it."""
        addresses = [item.get("IPAddress") for item in now["NetworkSettings"]["Networks"].values()]
        host = next((item for item in addresses if item), "127.0.0.1")
        # If it is bound to the container's own loopback, only the log can be checked.
        return _listens(host, self.port) or b"recorded: bound to 127.0.0.1" in self.engine.api.logs(self.id)

    def configure(self, *names: str, text: str | None = None) -> None:
        """Writes config.json with these models."""
        rows = [{"config": {"name": name, "base_path": f"{TOP}/{name}"}} for name in names]
        document = json.dumps({"model_config_list": rows}) if text is None else text
        (self.models / "config.json").write_text(document)

    def answer(self, states: dict[str, dict[int, str]], **replaced: list[Any]) -> None:
        """Sets the server's answers from now on."""
        answers: dict[str, Any] = {
            path: answer
            for path, answer in recorded()["2026.3-config"]["http"].items()
            if path in ("/v2", "/v2/health/live", "/v2/health/ready", "/metrics")
        }
        answers["/v1/config"] = [200, JSON, config_answer(states)]
        answers |= {"/" + path.replace("_", "/"): answer for path, answer in replaced.items()}
        (self.directory / "answers.json").write_text(json.dumps(answers))


def _listens(host: str, port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((host, port)) == 0
