"""A canary wherever users put secrets: no source and no format shows it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import ovms_doctor
from tests.container.diagnosed import repository
from tests.container.documents import IMAGE, docker_document
from tests.container.engine import Engine

CANARY = "c4n4ry"
#: Names that OVMS reads, that its libraries read, and that are unknown.
ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "AWS_ACCESS_KEY_ID": CANARY,
    "AWS_SESSION_TOKEN": CANARY,
    "S3_ENDPOINT": f"http://user:{CANARY}@minio:9000",
    "https_proxy": f"http://user:{CANARY}@proxy:3128",
    "http_proxy": f"http://{CANARY}@proxy:3128",
    "AZURE_STORAGE_CONNECTION_STRING": f"AccountKey={CANARY};x=1",
    "HF_TOKEN": CANARY,
    "GRPC_SERVERS": CANARY,
    "OVMS_POLL": CANARY,
    "DB_PASSWORD": CANARY,
}
#: Arguments of the server that can contain a secret; the model is broken, so that there is a long report.
ARGUMENTS = [
    *("--model_name", "dense", "--model_path", "/models/truncated-weights", "--port", "9000"),
    *("--plugin_config", json.dumps({"PERFORMANCE_HINT": "LATENCY", "CACHE_ENCRYPTION_KEY": CANARY})),
]
KEY = f"--api_key={CANARY}"
SHELL = f"export TOKEN={CANARY}; HF_TOKEN='{CANARY}' exec /ovms/bin/ovms {' '.join(ARGUMENTS[:6])} --api_key {CANARY}"

CommandInput = tuple[list[str | Path], Mapping[str, str], bytes]


def on_run_line(models: Path, directory: Path) -> CommandInput:
    env_file = directory / "secrets.env"
    env_file.write_text(f"FROM_FILE={CANARY}\nhttps_proxy=http://u:{CANARY}@p:1\n")
    options = " ".join(f"-e '{name}={value}'" for name, value in ENVIRONMENT.items())
    arguments = " ".join(f"'{word}'" for word in (*ARGUMENTS, KEY))
    labels = f"--label token={CANARY} --env-file {env_file} --log-opt token={CANARY}"
    line = f"docker run -d {options} {labels} -v {models}:/models:ro {IMAGE} {arguments}"
    return ["--docker-run", line], {}, b""


def on_run_line_with_shell(models: Path, directory: Path) -> CommandInput:
    line = f'TOKEN={CANARY} docker run -v {models}:/models:ro --entrypoint sh {IMAGE} -c "{SHELL}"'
    return ["--docker-run", line], {}, b""


def on_bad_run_line(models: Path, directory: Path) -> CommandInput:
    return (
        ["--docker-run", f"docker run -e TOKEN={CANARY} --memry {CANARY} {IMAGE} --api_key {CANARY}"],
        {},
        b"",
    )


def in_compose(models: Path, directory: Path) -> CommandInput:
    (directory / ".env").write_text(f"SECRET={CANARY}\nMODELS={models}\n")
    (directory / "more.env").write_text(f"FROM_FILE={CANARY}\n")
    service = {
        "image": IMAGE,
        "command": [*ARGUMENTS, "--api_key=${SECRET}"],
        "environment": {**ENVIRONMENT, "TAKEN": "${SECRET}", "ASKED": "${SECRET:?no secret}", "BARE": None},
        "env_file": ["more.env"],
        "volumes": ["${MODELS}:/models:ro"],
        "labels": {"token": CANARY},
        "build": {"args": {"TOKEN": CANARY}},
        "secrets": ["key"],
    }
    document = {"services": {"ovms": service}, "secrets": {"key": {"environment": "FROM_SHELL"}}}
    path = directory / "compose.yaml"
    path.write_text(json.dumps(document))
    return ["--compose", path], {"FROM_SHELL": CANARY, "BARE": CANARY}, b""


def in_bad_compose(models: Path, directory: Path) -> CommandInput:
    path = directory / "compose.yaml"
    service = f"{{image: {IMAGE}, mem_limit: '${{SECRET}}', environment: [TOKEN={CANARY}]}}"
    path.write_text(f"services:\n  ovms: {service}\n")
    return ["--compose", path], {"SECRET": CANARY}, b""


def in_broken_yaml(models: Path, directory: Path) -> CommandInput:
    path = directory / "compose.yaml"
    path.write_text(f"services:\n  ovms:\n    environment:\n      TOKEN: '{CANARY}\n    x: [\n")
    return ["--compose", path], {}, b""


def in_manifest(models: Path, directory: Path) -> CommandInput:
    container = {
        "name": "ovms",
        "image": IMAGE,
        "command": ["/bin/sh", "-c", SHELL.replace("$", "$$")],
        "env": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()]
        + [{"name": "TAKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
        "envFrom": [{"secretRef": {"name": "keys"}}],
        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
    }
    volumes = [{"name": "models", "hostPath": {"path": str(models)}}]
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"token": CANARY})}
    documents = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"token": CANARY}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "more"}, "data": {"token": "YzRuNHJ5"}},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "annotations": annotations},
            "spec": {"containers": [container], "volumes": volumes},
        },
    ]  # fmt: skip
    path = directory / "pod.yaml"
    path.write_text("\n---\n".join(json.dumps(document) for document in documents))
    return ["--kubernetes", path], {}, b""


def in_inspect(models: Path, directory: Path) -> CommandInput:
    document = docker_document(models)
    document["Args"] = ARGUMENTS
    document["Config"].update(
        Cmd=ARGUMENTS,
        Env=[f"{name}={value}" for name, value in ENVIRONMENT.items()],
        Labels={"com.example.token": CANARY},
        Healthcheck={"Test": ["CMD-SHELL", f"curl -H 'Authorization: {CANARY}' localhost:8000"]},
    )
    document["State"].update(
        Status="exited", Running=False, ExitCode=1, Health={"Log": [{"Output": f"token={CANARY}"}]}
    )
    document["HostConfig"]["LogConfig"] = {"Type": "splunk", "Config": {"splunk-token": CANARY}}
    return ["--inspect", "-"], {}, json.dumps([document]).encode()


def in_inspect_cut_short(models: Path, directory: Path) -> CommandInput:
    arguments, environment, text = in_inspect(models, directory)
    at = text.index(b'"Env"')
    return arguments, environment, text[: at + 200]


SOURCES = [
    on_run_line, on_run_line_with_shell, on_bad_run_line, in_compose, in_bad_compose, in_broken_yaml, in_manifest,
    in_inspect, in_inspect_cut_short,
]  # fmt: skip
REFUSED = (on_bad_run_line, in_bad_compose, in_broken_yaml, in_inspect_cut_short)
FORMATS = [("--format", "text"), ("--format", "text", "--verbose"), ("--format", "json")]


def hidden(*arguments: str | Path, **more: Any) -> int:
    """Runs the command, checks that its output shows no canary, and returns the exit code."""
    result = ovms_doctor(*arguments, **more)
    for stream, data in (("output", result.out), ("errors", result.err)):
        assert CANARY not in data.decode(), stream
        assert "YzRuNHJ5" not in data.decode(), stream
    return result.code


@pytest.mark.parametrize("make", SOURCES, ids=lambda make: make.__name__)
@pytest.mark.sample(every=3)
def test_no_source_leaks(
    public_dir: Path, tmp_path: Path, make: Callable[[Path, Path], CommandInput]
) -> None:
    arguments, extra, stdin = make(repository(public_dir, "dense-ir", "truncated-weights"), tmp_path)
    settings: dict[str, Any] = {"environment": {**os.environ, **extra}, "stdin": stdin}
    ends = {hidden("check", *arguments, *form, **settings) for form in FORMATS}
    assert ends == ({2} if make in REFUSED else {1})
    facts = tmp_path / "facts.json"
    assert hidden("collect", *arguments, "-o", facts, **settings) == (2 if make in REFUSED else 0)
    if make in REFUSED:
        assert not facts.exists()
        return
    saved = facts.read_text()
    assert CANARY not in saved
    assert "truncated-weights" in saved
    assert {hidden("check", "--facts", facts, *form) for form in FORMATS} == {1}


@pytest.mark.needs_command("dockerd")
def test_the_engines_answers_leak_no_secret(engine: Engine, public_dir: Path, tmp_path: Path) -> None:
    models = repository(public_dir, "dense-ir", "truncated-weights")
    made = engine.run(
        *ARGUMENTS,
        environment={**ENVIRONMENT, "PRETEND": "1"},
        host={"binds": [f"{models}:/models:ro"]},
    )
    engine.ended(made)
    # The proxies of this process apply to the client, not to the server.
    environment = {**os.environ, "https_proxy": f"http://user:{CANARY}@proxy:1", "NO_PROXY": "*"}
    arguments = ("--container", made)
    facts = tmp_path / "facts.json"
    assert {hidden("check", *arguments, *form, environment=environment) for form in FORMATS} == {1}
    assert hidden("collect", *arguments, "-o", facts, environment=environment) == 0
    assert CANARY not in facts.read_text()
    assert {hidden("check", "--facts", facts, *form) for form in FORMATS} == {1}
