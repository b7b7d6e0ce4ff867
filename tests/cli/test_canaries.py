"""Secrets in every source of a server's settings: no report, no saved file and no command line of a child
shows them.
"""

from __future__ import annotations

import base64
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.output_options import FORMATS
from tests.cli.run import Result, ovms_doctor
from tests.samples import sampled

MODEL = Path(__file__).parents[2] / "fixtures" / "models" / "dense-onnx"
#: Every canary starts with this; no name in the output contains it.
CANARY = "Canary"
#: plugin_config as text: valid with secrets of all kinds, then invalid in two ways.
PLUGIN_CONFIGS = [
    """{"NUM_STREAMS": "2", "PASSWORDS": {"db": "CanaryNested"}, "TOKENS": ["CanaryListed", "CanaryOther"],
    "encryption_key_hex": "CanaryInside", "KEY\\u0059": "CanaryEscaped", "FOO": "CanaryUnknown", "PIN": 482915603,
    "DEVICE_PROPERTIES": {"CPU": {"VAULT": "CanaryDevice"}}}""",
    "{'KEY': 'CanarySingle', 'FOO' 'CanaryMalformed'}",
    '{"TOKENS": CanaryBare, "FOO": "CanaryOpen',
]
PIN = "482915603"
RUN = ["docker", "run", "-v", f"{MODEL.parent}:/models", "openvino/model_server:2026.3"]


@pytest.fixture(scope="module")
def commands() -> Iterator[list[str]]:
    """The command lines of all processes that this process starts. The hook itself cannot be removed."""
    command_lines: list[str] = []
    active = [True]

    def record(event: str, arguments: tuple[Any, ...]) -> None:
        if active[0] and event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
            command_lines.append(repr(arguments[:2]))

    sys.addaudithook(record)
    yield command_lines
    active[0] = False


def server_arguments(config: str, path: str = f"/models/{MODEL.name}") -> list[str]:
    return ["--model_name", "dense", "--model_path", path, "--plugin_config", config]


def as_arguments(config: str, directory: Path) -> list[str]:
    return ["check", "--load", "none", "--", *server_arguments(config, str(MODEL))]


def as_saved_arguments(config: str, directory: Path) -> list[str]:
    return ["collect", "--load", "none", "--", *server_arguments(config, str(MODEL))]


def _configuration(config: str, directory: Path) -> str:
    path = directory / "config.json"
    entry = f'{{"config": {{"name": "dense", "base_path": "{MODEL}", "plugin_config": {config}}}}}'
    path.write_text(f'{{"model_config_list": [{entry}]}}')
    return str(path)


def as_configuration(config: str, directory: Path) -> list[str]:
    return ["check", "--load", "none", _configuration(config, directory)]


def as_saved_configuration(config: str, directory: Path) -> list[str]:
    return ["collect", "--load", "none", _configuration(config, directory)]


def as_run_line(config: str, directory: Path) -> list[str]:
    return ["check", "--load", "none", "--docker-run", shlex.join([*RUN, *server_arguments(config)])]


def _write(path: Path, value: object) -> str:
    # JSON is YAML.
    path.write_text(json.dumps(value))
    return str(path)


def as_compose(config: str, directory: Path) -> list[str]:
    service = {
        "image": "openvino/model_server:2026.3",
        "volumes": [f"{MODEL.parent}:/models"],
        "command": [word.replace("$", "$$") for word in server_arguments(config)],
        "environment": {"HF_TOKEN": "CanaryVariable"},
    }
    return [
        "check",
        "--load",
        "none",
        "--compose",
        _write(directory / "c.yaml", {"services": {"a": service}}),
    ]


def as_manifest(config: str, directory: Path) -> list[str]:
    container = {
        "name": "ovms",
        "image": "openvino/model_server:2026.3",
        "args": server_arguments(config),
        "env": [{"name": "HF_TOKEN", "value": "CanaryVariable"}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}
    return ["check", "--load", "none", "--kubernetes", _write(directory / "p.yaml", pod)]


def as_container(config: str, directory: Path) -> list[str]:
    arguments = server_arguments(config)
    inspect = {
        "Id": "a" * 64,
        "Name": "/ovms",
        "Path": "/ovms/bin/ovms",
        "Args": arguments,
        "Config": {
            "Image": "openvino/model_server:2026.3",
            "Env": ["HF_TOKEN=CanaryVariable"],
            "Cmd": arguments,
        },
        "HostConfig": {},
        "Mounts": [],
        "State": {
            "Status": "created",
            "ExitCode": 127,
            "Error": f'exec: "ovms {arguments[-1]}": no such file, env CanaryVariable, API_TOKEN=CanaryAssigned',
        },
    }
    return ["check", "--load", "none", "--inspect", _write(directory / "i.json", [inspect])]


SOURCES: list[Callable[[str, Path], list[str]]] = [
    as_arguments,
    as_saved_arguments,
    as_configuration,
    as_saved_configuration,
    as_run_line,
    as_compose,
    as_manifest,
    as_container,
]


def leaks(result: Result) -> set[str]:
    """The secrets in the output, also where bytes are written as base64."""
    text = result.out.decode() + result.err.decode()
    for row in text.splitlines():
        if '"data":"' in row:
            text += base64.b64decode(row.partition('"data":"')[2].partition('"')[0]).decode("latin-1")
    # A text report wraps its lines; a canary is one word and is never split.
    return {word for word in text.replace("\\", " ").split() if CANARY in word or PIN in word}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_no_report_shows_a_secret(
    source: Callable[[str, Path], list[str]], tmp_path: Path, commands: list[str]
) -> None:
    for config in PLUGIN_CONFIGS:
        arguments = source(config, tmp_path)
        files = {form: tmp_path / f"report.{form}" for form in FORMATS} if arguments[0] == "check" else {}
        outputs = [word for form, file in files.items() for word in ("-o", f"{form}:{file}")]
        result = ovms_doctor(arguments[0], *outputs, *arguments[1:])
        assert result.code in (0, 1, 3), result.err.decode()
        assert not leaks(result), config
        for form, file in files.items():
            assert not leaks(Result(0, file.read_bytes(), b"")), (config, form)
    assert not [line for line in commands if CANARY in line or PIN in line]


def test_a_known_property_value_is_shown(tmp_path: Path) -> None:
    """This proves that the tests above can fail: the value of a known property is in the report and in the
    saved file."""
    config = '{"NUM_STREAMS": "CanaryShown"}'
    for source in (as_arguments, as_saved_arguments, as_saved_configuration):
        arguments = source(config, tmp_path)
        # The other formats contain no arguments.
        formats = ("json", "sarif", "markdown", "html")
        for form in formats if arguments[0] == "check" else [""]:
            text_command = [arguments[0], *(["--format", form] if form else []), *arguments[1:]]
            assert leaks(ovms_doctor(*text_command)), (source.__name__, form)


#: Nothing listens on this address.
CLOSED = ["--env", "S3_ENDPOINT=http://127.0.0.1:1", "--env", "https_proxy=http://127.0.0.1:1"]
#: Addresses with credentials, as a URL, in odd spellings of one, and with a signature.
ADDRESSES = [
    "s3://CanaryKey:CanarySecret@bucket/m",
    "s3://CanaryKey:Canary/Secret@bucket/m",
    "s3://CanaryKey:Canary@Secret@host:9000/bucket/m",
    "s3://CanaryKey%3ACanarySecret@bucket/m",
    "S3://CanaryKey:CanarySecret@bucket/m",
    "s3:/CanaryKey:CanarySecret@bucket/m",
    "//CanaryKey:CanarySecret@host/m",
    "s3://CanaryToken@bucket/m",
    "gs://CanaryKey:CanarySecret@bucket/m",
    "az://Canary:x@share/m",
    "https://CanaryUser:CanaryPassword@host/m",
    "s3://bucket/m?X-Amz-Signature=CanarySignature&X-Amz-Credential=CanaryCredential",
    "https://account.blob.core.windows.net/c/m?sv=1&sig=CanarySignature",
]


def scheme_of(address: str) -> str:
    return address.partition(":")[0].lower()


@pytest.mark.parametrize("address", sampled(ADDRESSES, scheme_of, every=6))
def test_credentials_in_an_address(address: str, tmp_path: Path, commands: list[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_config_list": [{"config": {"name": "m", "base_path": address}}]}))
    server = ["--model_name", "m", "--model_path", address, "--port", "9000"]
    run = ["docker", "run", "openvino/model_server:2026.3", *server]
    for arguments in (
        ["check", "--load", "none", *CLOSED, "--format", "json", str(path)],
        ["check", "--load", "none", *CLOSED, "--format", "sarif", str(path)],
        ["collect", "--load", "none", *CLOSED, str(path)],
        ["check", "--load", "none", *CLOSED, "--", *server],
        ["collect", "--load", "none", *CLOSED, address],
        ["check", "--load", "none", "--docker-run", shlex.join(run)],
    ):
        assert not leaks(ovms_doctor(*arguments, environment={"PATH": "/usr/bin"})), arguments
    assert not [line for line in commands if CANARY in line]


@pytest.mark.parametrize("name", ["https_proxy", "no_proxy", "S3_ENDPOINT"])
@pytest.mark.parametrize(
    "value",
    [
        "http://CanaryUser:CanaryPassword@127.0.0.1:1",
        "CanaryUser:CanaryPassword@127.0.0.1:1",
        "http//CanaryUser:CanaryPassword@host",
        "“http://CanaryUser:CanaryPassword@host:1”",
        "http://CanaryUser:Canary Password@host:1",
    ],
)
@pytest.mark.sample(every=4)
def test_credentials_in_a_proxy_or_endpoint(name: str, value: str, tmp_path: Path) -> None:
    environment_options = ["--env", f"{name}={value}", "--env", "AWS_SECRET_ACCESS_KEY=CanaryAws"]
    if name != "S3_ENDPOINT":
        environment_options += ["--env", "S3_ENDPOINT=http://127.0.0.1:1"]
    for arguments in (
        ["check", "--load", "none", *environment_options, "--format", "json", "s3://bucket/m"],
        ["collect", "--load", "none", *environment_options, "s3://bucket/m"],
    ):
        assert not leaks(ovms_doctor(*arguments, environment={"PATH": "/usr/bin"})), arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hf_tokn", "CanaryValue"],
        ["--api_key", "CanaryValue"],
        ["--password=CanaryValue"],
        ["--plugin_confg", '{"KEY": "CanaryValue"}'],
        ["HF_TOKEN=CanaryValue"],
        ["token:CanaryValue"],
        ["Authorization: Bearer CanaryValue"],
        ["https://user:CanaryValue@host/m"],
        ["--model_version_policy", '{"token": "CanaryValue"}'],
        ["--shape", '{"password": "CanaryValue"}'],
        ["--shape", "{password:CanaryValue}"],
        ["-t", "CanaryValue"],
        ["-u", "ann:CanaryValue"],
        ["-eHF_TOKEN=CanaryValue"],
        ["--apiKey", "CanaryValue"],
        ["--jwt=CanaryValue", "--pass", "CanaryOther"],
        ["token CanaryValue"],
        ["Bearer", "CanaryValue"],
        ["HF_TOKEN:", "CanaryValue"],
        ["https://h/m#access_token=CanaryValue"],
        ["aB3dE5gH7jK9Canary1pQ3sT5uV7"],
    ],
    ids=" ".join,
)
@pytest.mark.sample(every=4)
def test_an_argument_that_the_server_refuses(arguments: list[str]) -> None:
    server = [*server_arguments("{}", str(MODEL)), "--port", "9000", *arguments]
    for line in (
        ["check", "--load", "none", "--format", "json", "--", *server],
        ["collect", "--load", "none", "--", *server],
        ["check", "--load", "none", "--docker-run", shlex.join([*RUN, *server])],
    ):
        assert not leaks(ovms_doctor(*line)), line


#: The configuration of one model with a mistake in it.
CONFIGURATIONS = [
    """{"name": "m", "base_path": "/m", "plugin_config": {"KEY": CanaryBare}}""",
    """{"name": "m", "base_path": "/m", "plugin_config": {"KEY": "CanaryOne" "CanaryTwo"}}""",
    """{'name': 'm', 'plugin_config': {'KEY': 'CanarySingle'}}""",
    """{"name": "m", "base_path": "/m", "plugin_config": ["CanaryListed"]}""",
    """{"name": "m", "base_path": "/m", "PLUGIN_CONFIG": {"KEY": "CanaryCapital"}}""",
    """{"name": "m", "base_path": "/m", "plugin_config": "CanaryText"}""",
    """{"name": "m", "base_path": "/m", "api_token": "CanaryMember"}""",
    """{"name": "m", "base_path": "/m", "plugin_config": {"KEY": "CanaryA"}, "plugin_config": {"KEY": "CanaryB"}}""",
    """{"name": "m", "base_path": "/m", "api_key": CanaryBare}""",
]
#: Files that are not a configuration.
DOCUMENTS = [
    "CanaryWord",
    '"CanaryText"',
    "password: CanaryYaml",
    "HF_TOKEN=CanaryLine\nA=1",
    '{"api_key": CanaryBare}',
]


@pytest.mark.parametrize(
    "text",
    sampled(
        [*(f'{{"model_config_list": [{{"config": {entry}}}]}}' for entry in CONFIGURATIONS), *DOCUMENTS],
        lambda text: "model_config_list" in text,
        every=5,
    ),
)
def test_a_configuration_with_a_mistake(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    for arguments in (
        ["check", "--load", "none", "--format", "json", str(path)],
        ["check", "--load", "none", str(path)],
        ["collect", "--load", "none", str(path)],
    ):
        assert not leaks(ovms_doctor(*arguments)), arguments
    # The removed secrets do not change the prediction.
    facts = tmp_path / "facts.json"
    ovms_doctor("collect", "--load", "none", str(path), "-o", str(facts))
    keys = ("server", "summary", "models")
    direct = ovms_doctor("check", "--load", "none", "--format", "json", str(path)).document
    saved = ovms_doctor("check", "--facts", str(facts), "--format", "json").document
    assert [saved[key] for key in keys] == [direct[key] for key in keys]
    outcomes = [
        [
            (found["code"], found["message"], found["server_log"], found["subject"])
            for found in report["findings"]
        ]
        for report in (direct, saved)
    ]
    assert outcomes[0] == outcomes[1]


def test_other_outputs_contain_no_secret(tmp_path: Path) -> None:
    """The script of remedies, a baseline, and the output of diff and summary for reports and facts."""
    for number, config in enumerate(PLUGIN_CONFIGS):
        source = as_container if number else as_configuration
        report, facts, script, baseline = (tmp_path / f"{name}-{number}" for name in ("r", "f", "s", "b"))
        arguments = source(config, tmp_path)[1:]
        ovms_doctor(
            "check", *arguments, "-o", f"json:{report}", "--script", script, "--write-baseline", baseline
        )
        ovms_doctor("collect", *arguments, "-o", facts)
        for path in (report, facts, script, baseline):
            assert not leaks(Result(0, path.read_bytes(), b"")), path
        for line in (
            ["diff", report, facts],
            ["summary", report, facts, "https://user:CanaryPassword@host/x"],
        ):
            for form in ("text", "json", "markdown"):
                assert not leaks(ovms_doctor(*line, "--format", form)), (line, form)


#: The engine's error text for a container that did not start.
ENGINE_ERRORS = [
    "pull access denied: token CanaryToken refused",
    'invalid token "CanaryToken"',
    "Authorization: Token CanaryToken",
    'exec: "ovms": "--token", "CanaryToken"',
    'exec: "ovms --api_key CanaryToken": no such file',
    "docker login -u ann -p CanaryToken",
    "Bearer CanaryToken",
    "https://ann:CanaryToken@registry/v2",
]


def test_an_error_of_the_engine(tmp_path: Path) -> None:
    for error in ENGINE_ERRORS:
        arguments = as_container("{}", tmp_path)
        path = Path(arguments[-1])
        document = json.loads(path.read_text())
        document[0]["State"]["Error"] = error
        path.write_text(json.dumps(document))
        result = ovms_doctor("check", "--format", "json", *arguments[1:])
        assert not leaks(result), error


def test_an_image_with_credentials(tmp_path: Path) -> None:
    image = "ann:CanaryPassword@registry/openvino/model_server:2026.3"
    compose, pod, inspect = (
        as_compose("{}", tmp_path),
        as_manifest("{}", tmp_path),
        as_container("{}", tmp_path),
    )
    for arguments in (compose, pod, inspect):
        path = Path(arguments[-1])
        path.write_text(path.read_text().replace("openvino/model_server:2026.3", image))
        assert not leaks(ovms_doctor("check", "--format", "json", *arguments[1:])), arguments
    line = ["docker", "run", image, "--port", "9000"]
    assert not leaks(ovms_doctor("check", "--format", "json", "--docker-run", shlex.join(line)))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.sample(every=3)
def test_no_format_shows_a_secret(form: str, tmp_path: Path) -> None:
    arguments = as_container(PLUGIN_CONFIGS[0], tmp_path)
    assert not leaks(ovms_doctor("check", "--format", form, *arguments[1:]))
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_config_list": [{"config": {"name": "m", "base_path": ADDRESSES[0]}}]}))
    assert not leaks(ovms_doctor("check", "--format", form, *CLOSED, "--load", "none", str(path)))


LOG = """\
[2026-11-28 12:00:00.000][1][serving][info][server.cpp:1] OpenVINO Model Server 2026.3.0.abc
[2026-11-28 12:00:00.000][1][serving][error][server.cpp:1] S3 http://key:CanaryPassword@host/x failed
[2026-11-28 12:00:00.000][1][serving][error][server.cpp:1] plugin config: {"KEY": "CanaryProperty"}
[2026-11-28 12:00:00.000][1][serving][error][server.cpp:1] Wrong value CanaryValue for property key MY_KEY
[2026-11-28 12:00:00.000][1][serving][error][server.cpp:1] CLI parameters passed: --hf_token CanaryOption
[2026-11-28 12:00:00.000][1][serving][error][server.cpp:1] Authorization: Bearer CanaryBearer
[2026-11-28 12:00:00.000][1][serving][error][server.cpp:1] the secret aB3dE5gH7jK9Canary1pQ3sT5uV7 is not valid
[2026-11-28 12:00:00.000][1][serving][error][server.cpp:1] HF_TOKEN=CanaryAssigned {'token': 'CanaryMember'}
"""


@pytest.mark.parametrize("line", LOG.splitlines()[1:])
def test_a_line_that_is_explained(line: str) -> None:
    for more in ([], ["--format", "json"]):
        assert not leaks(ovms_doctor("explain", line, *more))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.sample(every=3)
def test_a_log_and_a_request(form: str, tmp_path: Path) -> None:
    log, request = tmp_path / "server.log", tmp_path / "request"
    log.write_text(LOG)
    assert not leaks(ovms_doctor("logs", "--format", form, log))
    request.write_text(
        'curl -H "Authorization: Bearer CanaryToken" http://user:CanaryPassword@host:1/v2/models/m/infer -d "{x}"'
    )
    assert not leaks(ovms_doctor("request", "--format", form, request, "--model", MODEL))


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "https://user:CanaryPassword@host/m"],
        ["check", ".", "--mount", "s3://user:CanaryPassword@host"],
        ["check", ".", "--env", "NAME CanaryValue"],
        ["status", "http://user:CanaryPassword@127.0.0.1:1"],
        ["status", "user:CanaryPassword@127.0.0.1:1"],
        ["check", ".", "--memory", "https://user:CanaryPassword@host/m"],
        ["check", ".", "--load", "https://user:CanaryPassword@host/m"],
        ["check", ".", "--facts", '{"api_key": "CanaryMember"}'],
        ["check", ".", "--log", "s3://CanaryKey:CanarySecret@bucket/m"],
        ["check", ".", "--hf_token=CanaryValue"],
        ["check", ".", "--hf_token", "CanaryValue"],
        ["request", "https://user:CanaryPassword@host/m", "--model", "."],
        ["logs", "https://user:CanaryPassword@host/m"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str]) -> None:
    for more in ([], ["--format", "json"]):
        assert not leaks(ovms_doctor(*arguments, *more))


@pytest.mark.parametrize("option", ["--cpu-extension", "--cache-dir", "--env-file", "--host-name"])
def test_an_option_whose_value_is_an_address(option: str) -> None:
    value = "s3://CanaryKey:CanarySecret@bucket/m"
    for arguments in (["check", "--format", "json"], ["check"], ["collect"]):
        assert not leaks(ovms_doctor(*arguments, "--load", "none", str(MODEL), option, value)), arguments


#: A client's request in several forms, with a secret in its address, a header or its body.
REQUESTS = [
    """curl -u ann:CanaryPassword http://h:8000/v2/models/dense/infer -d '{"api_key": "CanaryKey", "inputs": []}'""",
    """{"model": "m", "messages": [{"role": "user", "content": "x"}], "api_key": "CanaryKey"}""",
    "POST /v2/models/dense/infer HTTP/1.1\nHost: h\nAuthorization: Bearer CanaryToken\n\n{}",
    """import requests
requests.post("http://u:CanaryPassword@h:8000/v2/models/dense/infer", json={"api_key": "CanaryKey"})""",
    """curl "http://h:8000/v2/models/dense/infer?access_token=CanaryToken" -H "X-Api-Key: CanaryKey" -d "{}\"""",
]


@pytest.mark.parametrize("text", REQUESTS)
def test_a_request(text: str, tmp_path: Path) -> None:
    path = tmp_path / "request"
    path.write_text(text)
    for more in ([], ["--format", "json"], ["--api", "openai"]):
        assert not leaks(ovms_doctor("request", str(path), "--model", str(MODEL), *more)), more


@pytest.mark.parametrize("arguments", [["check"], ["status"], ["logs"]], ids=" ".join)
def test_the_address_of_an_engine(arguments: list[str]) -> None:
    environment = {"PATH": "/usr/bin:/bin", "DOCKER_HOST": "tcp://user:CanaryPassword@127.0.0.1:1"}
    for more in ([], ["--format", "json"]):
        assert not leaks(ovms_doctor(*arguments, "--container", "x", *more, environment=environment))


def test_the_proxy_of_a_shell() -> None:
    environment = {"PATH": "/usr/bin:/bin", "http_proxy": "http://user:CanaryPassword@127.0.0.1:1"}
    for more in ([], ["--format", "json"]):
        assert not leaks(ovms_doctor("status", "127.0.0.2:1", *more, environment=environment))
