"""``collect --redact`` and ``check --facts`` as a user runs them: no name leaves the host, and the map stays
there.
"""

from __future__ import annotations

import json
import re
import shlex
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.cli.redaction import redacted as redacted_document
from ovms_doctor.model.facts import Facts, codec
from tests.cli.run import Result, ovms_doctor
from tests.redaction.redacted_facts import as_json, leaks, loaded, outline_of, redacted, texts_of

MODEL = Path(__file__).parents[2] / "fixtures" / "models" / "dense-onnx"
#: One name of each kind; none is part of a word that is kept.
HOST, USER, BUCKET, MODEL_NAME, DIRECTORY_NAME, DOMAIN = (
    "zebrahost",
    "wolfgang",
    "quokkabucket",
    "pangolin",
    "capybara",
    "axolotlbox",
)
ADDRESS, ADDRESS_6, ACCOUNT = "203.0.114.77", "2a01:77:beef::17", "481516234215"
CANARIES = [HOST, USER, BUCKET, MODEL_NAME, DIRECTORY_NAME, DOMAIN, ADDRESS, ADDRESS_6, ACCOUNT]
RUN = [
    "docker",
    "run",
    "--name",
    f"{DOMAIN}-1",
    "--hostname",
    f"gpu.{HOST}.com",
    "-v",
    f"/home/{USER}/{DIRECTORY_NAME}:/models",
]
IMAGE = f"registry.{HOST}.com:5000/{DIRECTORY_NAME}/model_server:2026.3"
PROXIES = {"https_proxy": f"http://{ADDRESS}:3128", "no_proxy": f".{HOST}.com,[{ADDRESS_6}],10.0.0.0/8"}
STORES = {"S3_ENDPOINT": "http://127.0.0.1:1", "AWS_PROFILE": USER}
SERVER = ["--model_name", f"{MODEL_NAME}-v2", "--model_path", f"/models/{MODEL_NAME}", "--port", "9000"]


def as_repository(directory: Path) -> list[str | Path]:
    version = directory / DIRECTORY_NAME / f"{MODEL_NAME}-v2" / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(next(MODEL.rglob("*.onnx")).read_bytes())
    (directory / DIRECTORY_NAME / MODEL_NAME.upper() / f"v2-{HOST}").mkdir(parents=True)
    (directory / DIRECTORY_NAME / MODEL_NAME / "1").mkdir(parents=True)
    (directory / DIRECTORY_NAME / MODEL_NAME / "1" / f"{USER}.pb").write_bytes(f"version of {USER}".encode())
    return [directory / DIRECTORY_NAME]


def as_configuration(directory: Path) -> list[str | Path]:
    escaped = f"\\u{ord(MODEL_NAME[0]):04x}{MODEL_NAME[1:]}"
    entries = [
        f'"name": "{MODEL_NAME}", "base_path": "s3://{BUCKET}/{DIRECTORY_NAME}/%70angolin"',
        f'"name": "{escaped}", "base_path": "/srv/{DIRECTORY_NAME}/{MODEL_NAME}", "nireq": "{USER}", "{HOST}": 1',
        f'"name": "third", "base_path": "gs://{BUCKET}/{DIRECTORY_NAME}"',
        f'"name": "fourth", "base_path": "az://{BUCKET}/{DIRECTORY_NAME}", "target_device": "{HOST}"',
    ]
    rows = ",\n".join(f'{{"config": {{{entry}}}}}' for entry in entries)
    (directory / "config.json").write_text(f'{{"model_config_list": [\n{rows}]}}\n')
    variables = {**STORES, **PROXIES}.items()
    return [
        directory / "config.json",
        *(word for name, value in variables for word in ("--env", f"{name}={value}")),
    ]


def as_graph(directory: Path) -> list[str | Path]:
    (directory / DIRECTORY_NAME / MODEL_NAME).mkdir(parents=True)
    options = f'models_path: "/srv/{BUCKET}/{MODEL_NAME}"'
    (directory / DIRECTORY_NAME / MODEL_NAME / "graph.pbtxt").write_text(
        f'input_stream: "HTTP_REQUEST_PAYLOAD:{HOST}"\noutput_stream: "HTTP_RESPONSE_PAYLOAD:output"\n'
        f'node {{\n name: "{USER}"\n calculator: "HttpLLMCalculator"\n node_options: {{\n'
        f"  [type.googleapis.com / mediapipe.LLMCalculatorOptions]: {{ {options} }}\n }}\n}}\n"
    )
    return [directory / DIRECTORY_NAME]


def as_run_line(directory: Path) -> list[str | Path]:
    variables = [word for name, value in {**PROXIES, **STORES}.items() for word in ("-e", f"{name}={value}")]
    return ["--docker-run", shlex.join([*RUN, *variables, IMAGE, *SERVER])]


def as_compose(directory: Path) -> list[str | Path]:
    service = {
        "image": IMAGE,
        "container_name": DOMAIN,
        "user": USER,
        "networks": [f"{HOST}-net"],
        "volumes": [f"/home/{USER}/{DIRECTORY_NAME}:/models", f"{BUCKET}:/opt/{DIRECTORY_NAME}"],
        "command": SERVER,
        "environment": PROXIES,
    }
    document = {
        "services": {MODEL_NAME: service, HOST: service},
        "volumes": {BUCKET: {}},
        "networks": {f"{HOST}-net": {}},
    }
    return ["--compose", f"{_written(directory / f'{DIRECTORY_NAME}.yaml', document)}:{MODEL_NAME}"]


def as_manifest(directory: Path) -> list[str | Path]:
    container = {
        "name": DOMAIN,
        "image": IMAGE,
        "args": SERVER,
        "env": [{"name": name, "value": value} for name, value in PROXIES.items()],
        "volumeMounts": [
            {"name": DIRECTORY_NAME, "mountPath": "/models"},
            {"name": "conf", "mountPath": "/conf"},
        ],
    }
    volumes = [
        {"name": DIRECTORY_NAME, "hostPath": {"path": f"/srv/{BUCKET}"}},
        {"name": "conf", "configMap": {"name": BUCKET}},
    ]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": HOST, "namespace": USER},
        "spec": {"nodeName": f"node.{HOST}.com", "containers": [container], "volumes": volumes},
    }
    return ["--kubernetes", _written(directory / "pod.yaml", pod)]


def as_inspection(directory: Path) -> list[str | Path]:
    inspect = {
        "Id": "3f" * 32,
        "Name": f"/{DOMAIN}",
        "Path": "/ovms/bin/ovms",
        "Args": SERVER,
        "Config": {
            "Image": IMAGE,
            "Cmd": SERVER,
            "User": USER,
            "Hostname": HOST,
            "Env": [f"{name}={value}" for name, value in PROXIES.items()],
        },
        "HostConfig": {"Binds": [f"/home/{USER}/{DIRECTORY_NAME}:/models"], "NetworkMode": f"{HOST}-net"},
        "Mounts": [
            {
                "Type": "bind",
                "Source": f"/home/{USER}/{DIRECTORY_NAME}",
                "Destination": "/models",
                "RW": False,
            }
        ],
        "State": {
            "Status": "exited",
            "ExitCode": 127,
            "Error": f'exec: "/{DIRECTORY_NAME}/ovms": no such file, on {HOST} for {USER}',
        },
    }
    return ["--inspect", _written(directory / f"{DIRECTORY_NAME}.json", [inspect])]


def as_log(directory: Path) -> list[str | Path]:
    messages = [
        "[serving][info][server.cpp:84] OpenVINO Model Server 2026.3.0.abcdef",
        f"[modelmanager][error][modelmanager.cpp:1] Directory does not exist: /srv/{DIRECTORY_NAME}/{MODEL_NAME}",
        f"[modelmanager][error][model.cpp:1] Error occurred while loading model: {MODEL_NAME}; version: 1; error: "
        "The provided base path is invalid or doesn't exists",
        f"[s3][error][s3filesystem.cpp:1] User: arn:aws:iam::{ACCOUNT}:user/{USER} is not authorized on {BUCKET}",
        f"[serving][error][http.cpp:1] {HOST} ({ADDRESS}, [{ADDRESS_6}]:9000) failed, {BUCKET.upper()}",
        f"[serving][error][http.cpp:1] quoted: %7a{HOST[1:]} \\u007a{HOST[1:]}",
    ]
    lines = [f"[2026-11-28 13:36:3{index}.295][1]{message}" for index, message in enumerate(messages)]
    (directory / "server.log").write_text("\n".join(lines) + "\n")
    return [
        "--log",
        directory / "server.log",
        "--",
        "--model_name",
        MODEL_NAME,
        "--model_path",
        f"/srv/{DIRECTORY_NAME}/{MODEL_NAME}",
    ]


def _written(path: Path, value: object) -> str:
    # JSON is YAML.
    path.write_text(json.dumps(value))
    return str(path)


SOURCES: list[Callable[[Path], list[str | Path]]] = [
    as_repository, as_configuration, as_graph, as_run_line, as_compose, as_manifest, as_inspection, as_log,
]  # fmt: skip


def collect(directory: Path, *arguments: str | Path) -> Result:
    """The standard error of ``collect``; the facts are in facts.json."""
    head = ["collect", "--load", "none", "--host-name", f"node.{HOST}.com", "-o", directory / "facts.json"]
    environment = {"PATH": "/usr/bin:/bin"}
    result = ovms_doctor(*head, *arguments, environment=environment)
    assert result.code == 0, result.err.decode()
    assert not result.out
    return result


def report(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    result = ovms_doctor("check", "--format", "json", *arguments)
    return result.code, result.document


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
@pytest.mark.sample(every=4)
def test_no_name_is_in_the_redacted_facts(source: Callable[[Path], list[str | Path]], tmp_path: Path) -> None:
    arguments = source(tmp_path)
    collect(tmp_path, *arguments)
    plain = (tmp_path / "facts.json").read_text("utf-8")
    assert leaks(plain, CANARIES), "the canaries are in the facts"
    plain_code, plain_report = report("--facts", tmp_path / "facts.json")
    error = collect(tmp_path, "--redact", *arguments).err.decode()
    document = (tmp_path / "facts.json").read_text("utf-8")
    assert not leaks(document, [*CANARIES, tmp_path.name])
    # The message names the two files, whose paths the user chose.
    assert not leaks(error.replace(str(tmp_path), ""), CANARIES)
    code, found = report("--facts", tmp_path / "facts.json")
    assert code == plain_code
    assert outline_of(found) == outline_of(plain_report)
    assert found["run"]["facts_from"]["redacted"] is True
    text = json.dumps({**found, "run": {}})
    assert not leaks(text, CANARIES)
    # With the map the report has the names again.
    code, restored = report("--facts", tmp_path / "facts.json", "--redact-map", tmp_path / "facts.map.json")
    assert (code, restored["findings"], restored["models"]) == (
        plain_code,
        plain_report["findings"],
        plain_report["models"],
    )
    assert restored["run"]["facts_from"]["host"] == f"node.{HOST}.com"
    assert restored["run"]["facts_from"]["redacted"] is False


def test_the_receipt_counts_what_was_replaced(tmp_path: Path) -> None:
    """Counted again by comparing the two documents word by word."""
    arguments = as_repository(tmp_path)
    collect(tmp_path, *arguments)
    document = (tmp_path / "facts.json").read_text("utf-8")
    facts, options = loaded(document)
    result, names = redacted(facts, options, f"node.{HOST}.com")
    count = 0
    texts = set()
    for old, new in zip(_all_texts(facts, options), _all_texts(result.facts, result.options), strict=True):
        pairs = zip(re.findall("[A-Za-z]+", old), re.findall("[A-Za-z]+", new), strict=True)
        different = [one for one, other in pairs if one != other]
        count += len(different)
        texts.update(different)
    # Neither contains the name of the host.
    assert count + 1 == sum(result.replacements.values())
    assert len(texts | {HOST}) == sum(result.entries.values()) == len(names.entries())
    assert texts | {HOST} == {entry.text for entry in names.entries()}
    receipt = redacted_document(document, str(tmp_path / "map.json")).receipt
    kinds = Counter(entry.kind for entry in names.entries())
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?= \w)", receipt)]
    assert sorted(numbers[:-1]) == sorted(kinds.values())
    assert numbers[-1] == sum(result.replacements.values())


def _all_texts(facts: Facts, options: Any) -> list[str]:
    from ovms_doctor.diagnosis.saved_options import options_to_json

    return [text for value in (*as_json(facts), options_to_json(options)) for text in texts_of(value)]


def test_the_map_is_for_its_owner_and_is_used_again(tmp_path: Path) -> None:
    arguments = as_repository(tmp_path)
    error = collect(tmp_path, "--redact", *arguments).err.decode()
    path = tmp_path / "facts.map.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in error
    assert "do not send it" in " ".join(error.split())
    first_map = json.loads(path.read_text("utf-8"))
    assert {entry["text"] for entry in first_map["entries"]} >= {
        DIRECTORY_NAME,
        MODEL_NAME,
        MODEL_NAME.upper(),
        HOST,
    }
    path.chmod(0o644)
    collect(tmp_path, "--redact", *arguments, "--cache-dir", f"/srv/{BUCKET}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second_map = json.loads(path.read_text("utf-8"))
    assert second_map["key"] == first_map["key"]
    added = [entry["text"] for entry in second_map["entries"] if entry not in first_map["entries"]]
    assert added == [BUCKET]
    # Another map, other pseudonyms.
    collect(tmp_path, "--redact", "--redact-map", tmp_path / "other.json", *arguments)
    assert json.loads((tmp_path / "other.json").read_text("utf-8"))["key"] != first_map["key"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--redact"], "name the one for the facts with -o FILE"),
        (["--redact", "-o", "-"], "name the one for the facts with -o FILE"),
        (["--redact", "-o", "f.json", "--redact-map", "-"], "name a file"),
        (["--redact", "-o", "f.json", "--redact-map", "./f.json"], "is the file of the facts"),
        (["--redact", "-o", "f.json", "--redact-map", "notes.txt"], "is not a redaction map"),
        (["--redact", "-o", "f.json", "--redact-map", "none/m.json"], "no file can be created there"),
        (["--redact", "-o", "f.json", "--redact-map", "."], "is a directory"),
        (["--redact-map", "m.json", "-o", "f.json"], "needs --redact"),
    ],
)
def test_wrong_usage(arguments: list[str], reason: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = ovms_doctor("collect", MODEL, "--load", "none", *arguments, cwd=tmp_path)
    assert result.code == 2
    assert reason in " ".join(result.err.decode().split())
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_map_without_facts(tmp_path: Path) -> None:
    result = ovms_doctor("check", MODEL, "--redact-map", tmp_path / "m.json")
    assert result.code == 2
    assert b"--facts" in result.err


def test_facts_on_standard_output(tmp_path: Path) -> None:
    result = ovms_doctor("collect", MODEL, "--load", "none", "--redact", "--redact-map", tmp_path / "m.json")
    assert result.code == 0
    header, _ = codec.load(result.text)
    assert header["redacted"] is True
    assert (tmp_path / "m.json").exists()
    assert b"do not send it" in result.err


def test_comparison_accepts_redacted_facts(tmp_path: Path) -> None:
    arguments = as_repository(tmp_path)
    collect(tmp_path, "--redact", *arguments)
    same = ovms_doctor("diff", tmp_path / "facts.json", tmp_path / "facts.json")
    assert same.code == 0
    summary = ovms_doctor("summary", tmp_path / "facts.json", "--format", "json").document
    assert HOST not in json.dumps(summary)
    assert summary["hosts"][0]["host"].startswith("node.")
