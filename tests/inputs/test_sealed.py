"""Values that requests to stores use: they go from every source to the collector, and nowhere else."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ovms_doctor.cli.check_options import options_from
from ovms_doctor.diagnosis.from_container import options_from_container
from ovms_doctor.diagnosis.saved_options import options_to_json
from ovms_doctor.inputs.compose.read import read_compose
from ovms_doctor.inputs.inspect.read import read_inspect
from ovms_doctor.inputs.kubernetes.read import read_kubernetes
from ovms_doctor.inputs.run_line.read import read_run_line
from ovms_doctor.model.environment import Variable, variables
from ovms_doctor.model.json_text import JsonFormatError, decode_json, encode_json
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.secrets import Secret

PACKAGE = Path(__file__).parents[2] / "ovms_doctor"
CANARY = "c4n4ry"
PROXY = f"http://user:{CANARY}@proxy:3128"
#: Variables whose values are sealed, in each spelling that some client reads.
SECRETS = {
    "AWS_ACCESS_KEY_ID": f"{CANARY}-id",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-secret",
    "AWS_SESSION_TOKEN": f"{CANARY}-token",
    "https_proxy": PROXY,
    "HTTP_PROXY": PROXY,
    "all_proxy": PROXY,
}
#: Variables that are not sealed: no request from this program uses them.
OTHERS = {
    "HF_TOKEN": CANARY,
    "AZURE_STORAGE_CONNECTION_STRING": CANARY,
    "GRPC_SERVERS": "4",
    "DB_PASSWORD": CANARY,
}
PAIRS = list({**SECRETS, **OTHERS}.items())
IMAGE = "openvino/model_server:2026.3"


def opened(found: tuple[Variable, ...]) -> dict[str, str]:
    return {item.name: item.secret_value.open() for item in found if item.secret_value is not None}


# -- what is sealed ------------------------------------------------------------------------------------


def test_no_representation_shows_the_secret() -> None:
    sealed = Secret(CANARY)
    assert sealed.open() == CANARY
    texts = (
        repr(sealed),
        str(sealed),
        f"{sealed}",
        f"{sealed!s:>9}",
        repr([sealed]),
    )
    assert all("***" in text and CANARY not in text for text in texts)
    for write in (pickle.dumps, json.dumps):
        with pytest.raises(TypeError) as error:
            write(sealed)
        assert CANARY not in str(error.value)
    assert not hasattr(sealed, "__dict__")


def test_a_copy_is_itself_and_only_itself_is_equal() -> None:
    sealed = Secret(CANARY)
    assert copy.copy(sealed) is copy.deepcopy(sealed) is sealed
    assert sealed != Secret(CANARY)
    assert sealed in [sealed]


def test_the_value_of_a_variable_is_neither_shown_nor_compared() -> None:
    found = variables(PAIRS)
    assert opened(found) == SECRETS
    assert CANARY not in repr((found, [msgspec.structs.asdict(item) for item in found]))
    assert variables([("AWS_ACCESS_KEY_ID", "a")]) == variables([("AWS_ACCESS_KEY_ID", "b")])
    assert hash(found) == hash(variables(PAIRS))
    assert opened(variables([(name, "") for name in SECRETS])) == {}


def test_secret_values_are_neither_written_nor_read() -> None:
    for item in variables(PAIRS):
        written = encode_json(item)
        assert CANARY.encode() not in written
        for name in (b"value", b"secret_value", b"sealed"):
            assert name not in written
            again = decode_json(b'{"%b":"%b",%b' % (name, CANARY.encode(), written[1:]), Variable)
            assert again == item
            assert again.secret_value is None
    with pytest.raises(JsonFormatError):
        decode_json(b'{"name": "A", "number": "x"}', Variable)


def test_a_traceback_with_all_its_locals_does_not_show_it() -> None:
    found = variables(PAIRS)
    sealed = [item.secret_value for item in found]
    try:
        raise ValueError(found, sealed)
    except ValueError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    # The table of this module represents the locals of a caller; it is not a local variable here.
    assert "AWS_SECRET_ACCESS_KEY" in text
    assert CANARY not in text


# -- from every source ---------------------------------------------------------------------------------


def from_command_line(target: str = "s3://b/m", **parsed: Any) -> CheckOptions:
    return options_from({"targets": [target], **parsed}, None)


def by_option(_: Path) -> CheckOptions:
    return from_command_line(environment=PAIRS)


def by_file(directory: Path) -> CheckOptions:
    path = directory / "env"
    path.write_text("".join(f"{name}={value}\n" for name, value in PAIRS))
    return from_command_line(env_file=str(path))


def on_a_run_line(_: Path) -> CheckOptions:
    options = " ".join(f"-e '{name}={value}'" for name, value in PAIRS)
    line = f"docker run {options} {IMAGE} --model_name m --model_path s3://b/m"
    read = read_run_line(line, home="/root", working_directory="/", ids=(0, 0), read_file=lambda path: None)
    return options_from_container(CheckOptions(), read)


def in_compose(_: Path) -> CheckOptions:
    service = {"image": IMAGE, "environment": dict(PAIRS)}
    document = json.dumps({"services": {"ovms": service}})
    read = read_compose(
        document,
        service=None,
        source_name="c.yaml",
        directory="/",
        environment={},
        read_file=lambda path: None,
    )
    return options_from_container(CheckOptions(), read)


def in_a_manifest(_: Path) -> CheckOptions:
    container = {
        "name": "ovms",
        "image": IMAGE,
        "env": [{"name": name, "value": value} for name, value in PAIRS],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [container]},
    }
    return options_from_container(
        CheckOptions(), read_kubernetes(json.dumps(pod), source_name="p.yaml", container=None)
    )


def of_docker_inspect(_: Path) -> CheckOptions:
    config = {"Image": IMAGE, "Cmd": ["--port", "9000"], "Env": [f"{name}={value}" for name, value in PAIRS]}
    document = {
        "Name": "/ovms",
        "Config": config,
        "HostConfig": {},
        "State": {"Status": "running"},
        "Mounts": [],
    }
    return options_from_container(CheckOptions(), read_inspect(document, source="inspect", source_name="c"))


@pytest.mark.parametrize(
    "make", [by_option, by_file, on_a_run_line, in_compose, in_a_manifest, of_docker_inspect]
)
def test_every_source_passes_it_on(make: Callable[[Path], CheckOptions], tmp_path: Path) -> None:
    request = make(tmp_path)
    assert opened(request.environment) == SECRETS
    assert CANARY not in repr(request)
    assert CANARY not in json.dumps(options_to_json(request))


def test_process_environment_is_used_only_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PAIRS:
        monkeypatch.setenv(name, value)
    assert opened(from_command_line(env_from_process=True).environment).items() >= SECRETS.items()
    options = from_command_line()
    assert options.environment == ()
    assert set(options.withheld_variables) >= {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    }
    assert CANARY not in repr(options)
    assert from_command_line(env_from_process=True).withheld_variables == ()
    assert from_command_line("m").withheld_variables == ()


def test_options_override_the_environment_of_the_container(tmp_path: Path) -> None:
    options = from_command_line("m", environment=[("AWS_ACCESS_KEY_ID", "other")])
    request = of_docker_inspect(tmp_path)
    assert request.container is not None
    merged = options_from_container(options, request.container)
    assert opened(merged.environment) == {**SECRETS, "AWS_ACCESS_KEY_ID": "other"}


# -- and nowhere else ----------------------------------------------------------------------------------


def _naming(*names: str) -> dict[str, set[str]]:
    """The modules that contain one of these as an attribute, an argument or a name."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text("utf-8")
        if not any(name in text for name in names):
            continue
        for node in ast.walk(ast.parse(text)):
            name = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "arg", None)
            if name in names:
                found.setdefault(path.relative_to(PACKAGE).as_posix(), set()).add(str(name))
    return found


def test_only_the_wiring_of_the_collector_opens_it() -> None:
    assert _naming("secret_value") == {"cli/check.py": {"secret_value"}}
    assert _naming("Secret").keys() == {"model/secrets.py", "model/environment.py"}


#: The functions that redact a text or hide a value in it.
REDACTION = (
    "redact",
    "redact_address",
    "redact_typed",
    "redact_arguments",
    "redact_message",
    "redact_log_text",
    "without_user",
    "hide_property_values",
    "hide_in_document",
    "hide_malformed",
)
#: Who reads a text that can have a secret in it, outside of the readers of documents (inputs) and of what is there
#: (probes).
READERS = {
    # The functions built on others, the values of the environment, and options as they are parsed.
    "model/redaction.py",
    "model/environment.py",
    "model/option_values.py",
    # What a message quotes of a command line or a document.
    "model/errors.py",
    # The command line, and the line of a log that is explained.
    "cli/command_line.py",
    "cli/parsed.py",
    "cli/check_options.py",
    "cli/explain.py",
    # Messages of Python libraries, and of third-party checks.
    "cli/failure_text.py",
    "plugins/messages.py",
}


def test_only_readers_redact() -> None:
    """What is read is redacted there, once: rules, checks and renderers have no other text."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and any(name.name in REDACTION for name in node.names):
                found.add(path.relative_to(PACKAGE).as_posix())
    outside = {module for module in found if not module.startswith(("inputs/", "probes/"))}
    assert outside == READERS
