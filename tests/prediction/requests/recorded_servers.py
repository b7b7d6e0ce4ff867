"""The models of the recorded servers, and the recorded requests."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.model.facts import Facts, FactsMissingError
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.served_models import ServedModels
from ovms_doctor.prediction.requests.answers import Outcome, answer_request
from ovms_doctor.prediction.requests.served import served_models
from ovms_doctor.probes.local import LocalCollector
from tests.cases_build import MODELS

RECORDINGS = Path(__file__).resolve().parents[2] / "data" / "requests"

#: The configuration of the servers in the REST recordings: name, model, further keys.
REST_MODELS = (
    *((name, name, {}) for name in ("fc", "two", "img", "int", "str", "scalar", "mapped", "broken")),
    ("fcdyn", "fc", {"shape": "(-1,3)"}),
    ("imgnhwc", "img", {"layout": "NHWC:NCHW"}),
    ("intauto", "int", {"shape": "auto"}),
)


def recorded(name: str) -> Any:
    """A recording."""
    return json.loads(gzip.decompress((RECORDINGS / name).read_bytes()))


@cache
def collector() -> LocalCollector:
    """The probes, shared by all directories."""
    return LocalCollector(User(os.getuid(), os.getgid()))


class RecordedServer:
    """A server's models, as the requests so far have changed them."""

    def __init__(self, arguments: list[str], release: str, *, mediapipe: bool = False) -> None:
        self.release = parse_release(release)
        self.facts = Facts()
        user = User(os.getuid(), os.getgid())
        request = CheckOptions(arguments=tuple(arguments), release=release, user=user, bare_metal=True)
        run = settled_run(request, self.facts, collector())
        self.models: ServedModels = replace(served_models(run.plan), mediapipe=mediapipe)

    def answer(self, request: ClientRequest) -> Outcome:
        """The answer; it may change the models."""
        while True:
            try:
                outcome = answer_request(request, self.models, self.release, self.facts)
            except FactsMissingError as missing:
                self.facts.add(collector().collect(missing.questions, None))
                continue
            self.models = outcome.models
            return outcome


def rest_server(directory: Path, release: str) -> RecordedServer:
    """The server of the REST recordings."""
    entries = []
    for name, model, more in REST_MODELS:
        base = directory / name
        (base / "1").mkdir(parents=True)
        source = "fc" if model in ("mapped", "broken") else model
        for suffix in ("xml", "bin"):
            shutil.copy(MODELS / f"{source}.{suffix}", base / "1" / f"model.{suffix}")
        entries.append({"config": {"name": name, "base_path": str(base), **more}})
    (directory / "broken" / "1" / "model.bin").write_bytes(b"")
    mapping = {"inputs": {"x": "data"}, "outputs": {"y": "scores"}}
    (directory / "mapped" / "1" / "mapping_config.json").write_text(json.dumps(mapping))
    config = directory / "config.json"
    config.write_text(json.dumps({"model_config_list": entries}))
    return RecordedServer(["--config_path", str(config), "--rest_port", "18080"], release)


def handler_server(directory: Path, case: dict[str, Any]) -> RecordedServer:
    """The server of one case of requests that were passed directly to the REST handler."""
    for path, kind, value in case["tree"]:
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if kind == "json":
            target.write_text(json.dumps(value).replace("{D}", str(directory)))
        else:
            shutil.copy(MODELS / f"{value}.{kind}", target)
    arguments = [text.replace("{D}", str(directory)) for text in case["args"]]
    return RecordedServer([*arguments, "--rest_port", "18080"], "2026.3")


def request_of(row: dict[str, Any]) -> ClientRequest:
    """A recorded HTTP request."""
    body = row.get("body")
    data = base64.b64decode(row["body_base64"]) if body is None else body.encode()
    headers = tuple(row.get("headers", {}).items())
    return ClientRequest("KServe", method=row["method"], path=row["path"], headers=headers, body=data)
