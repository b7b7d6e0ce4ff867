"""Files of the wrong kind: documents for another option, models of other programs, a model's config.json."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.inputs.targets.documents import may_be_document, misplaced
from tests.checks.helpers import findings
from tests.cli.helpers import check, codes, good_model
from tests.cli.run import ovms_doctor

COMPOSE = 'version: "3"\nservices:\n  ovms:\n    image: openvino/model_server\n'
MANIFEST = "---\n# a server\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ovms}\n"
TEMPLATE = '{"apiVersion": "template.openshift.io/v1", "kind": "Template", "objects": []}'
INSPECT = '[{"Id": "1", "Config": {}, "State": {}}]'
LOG = "[2026-11-28 14:02:11.123][1][serving][info][server.cpp:92] OpenVINO Model Server 2026.3\n"


def served_with(config: Path, *options: str) -> list[dict[str, Any]]:
    """The findings for a server that is started with this configuration file."""
    arguments = ("check", "--format", "json", *options, "--", "--config_path", config, "--port", "9000")
    found: list[dict[str, Any]] = ovms_doctor(*arguments).document["findings"]
    return found


# -- documents for another option ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "option"),
    [
        ("compose.yaml", COMPOSE, "--compose compose.yaml"),
        ("stack.yml", "services :\n  a: {}\n", "--compose stack.yml"),
        ("compose.json", '{"services": {"ovms": {"image": "x"}}}', "--compose compose.json"),
        ("ovms.yaml", MANIFEST, "--kubernetes ovms.yaml"),
        ("Ovms.YML", "kind: Pod\napiVersion: v1\n", "--kubernetes Ovms.YML"),
        ("template.json", TEMPLATE, "--kubernetes template.json"),
        ("c.json", INSPECT, "--inspect c.json"),
        ("run.sh", "#!/bin/sh\ndocker run \\\n -v /m:/m openvino/model_server", "--docker-run"),
        ("start.bash", "exec podman container run x", "--docker-run"),
        ("ovms.log", LOG, "ovms-doctor logs ovms.log"),
        ("out.txt", "pulling …\n" + LOG, "ovms-doctor logs out.txt"),
        ("prod.env", "S3_ENDPOINT=x", "--env-file prod.env"),
        ("Dockerfile", "FROM openvino/model_server", "--docker-run"),
        ("chat/graph.pbtxt", 'input_stream: "x"', "ovms-doctor check chat"),
        ("graph.pbtxt", 'input_stream: "x"', "ovms-doctor check ."),
        ("my file.yaml", COMPOSE, "--compose 'my file.yaml'"),
    ],
)
def test_a_document_is_named_with_its_option(name: str, text: str, option: str) -> None:
    assert may_be_document(name)
    sentence = misplaced(f"/srv/{name}", name, text.encode())
    assert sentence is not None
    assert sentence.startswith(name)
    assert option in sentence


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", '{"model_config_list": []}'),
        ("config.json", '{"model_type": "bert"}'),
        ("config.json", '{"model_config_list": [],}'),
        ("config.json", "[]"),
        ("config.json", "[1]"),
        ("config.json", "[" * 100_000),
        ("data.yaml", "train: images\nnc: 80\nnames: [services]\n"),
        ("values.yaml", "image: openvino/model_server\nkind: x\n"),
        ("nested.yaml", "x:\n  services:\n    a: 1\n"),
        ("readme.txt", "docker run openvino/model_server"),
        ("test.sh", "echo docker"),
        ("labels.txt", "cat\ndog\n"),
        ("other.pbtxt", "node {}"),
    ],
)
def test_another_document_is_a_target(name: str, text: str) -> None:
    assert misplaced(f"/srv/{name}", name, text.encode()) is None


@pytest.mark.parametrize(
    "name", ["model.xml", "model.onnx", "weights.bin", "saved_model.pb", "m.tflite", "a.pt"]
)
def test_models_are_not_parsed_as_documents(name: str) -> None:
    assert not may_be_document(name)


def test_the_option_is_a_usage_error(public_dir: Path) -> None:
    (public_dir / "compose.yaml").write_text(COMPOSE)
    result = ovms_doctor("check", "compose.yaml", cwd=public_dir)
    assert (result.code, result.out) == (2, b"")
    assert (
        result.err
        == b"ovms-doctor: compose.yaml is a Compose file: ovms-doctor check --compose compose.yaml\n"
    )


def test_as_model_treats_the_target_as_a_model(public_dir: Path) -> None:
    (public_dir / "compose.yaml").write_text(COMPOSE)
    assert codes(check("--as", "model", public_dir / "compose.yaml")) == ["OVD108"]


def test_recorded_facts_are_named_with_their_option(public_dir: Path) -> None:
    good_model(public_dir / "m" / "1")
    assert ovms_doctor("collect", "m", "-o", "facts.json", "--load", "none", cwd=public_dir).code == 0
    result = ovms_doctor("check", "facts.json", cwd=public_dir)
    assert (result.code, result.out) == (2, b"")
    assert b"ovms-doctor check --facts facts.json" in result.err


# -- models of other programs ----------------------------------------------------------------------------


def step_texts(finding: dict[str, Any]) -> str:
    return " ".join(f"{step['text']} {step['command'] or ''}" for step in finding["remedy"]["steps"])


FOREIGN = [
    ("best.pt", "yolo export model="),
    ("net.PTH", "openvino.convert_model"),
    ("net.h5", "load_model"),
    ("net.keras", "load_model"),
    ("model.safetensors", "optimum-cli export openvino --model "),
    ("pytorch_model.bin", "optimum-cli export openvino --model "),
    ("model-00001-of-00002.safetensors", "optimum-cli export openvino --model "),
    ("q4.gguf", "graph.pbtxt"),
    ("net.engine", "that it was made from"),
    ("svm.pkl", "as ONNX"),
    ("net.caffemodel", "as ONNX"),
    ("model.tar.gz", "tar -xf "),
    ("model.zip", "unzip "),
]


@pytest.mark.parametrize("release", ["2026.3", "2025.4"])
@pytest.mark.parametrize(("name", "remedy"), FOREIGN)
def test_a_model_of_another_program(name: str, remedy: str, release: str, public_dir: Path) -> None:
    (public_dir / name).write_bytes(b"x")
    (finding,) = findings("--ovms-version", release, public_dir / name)
    assert finding["code"] == {"2026.3": "OVD108", "2025.4": "OVD107"}[release]
    assert remedy in step_texts(finding)
    assert "mkdir" not in step_texts(finding)


@pytest.mark.parametrize(("name", "remedy"), FOREIGN)
def test_the_same_in_a_version_directory(name: str, remedy: str, public_dir: Path) -> None:
    good_model(public_dir / "good" / "1")
    (public_dir / "m" / "1").mkdir(parents=True)
    (public_dir / "m" / "1" / name).write_bytes(b"x")
    (finding,) = findings(public_dir)
    assert (finding["code"], finding["subject"]["model"]) == ("OVD111", "m")
    assert f"holds {name}: " in finding["message"]
    assert remedy in step_texts(finding)


@pytest.mark.parametrize(("name", "remedy"), FOREIGN)
def test_the_same_without_a_version_directory(name: str, remedy: str, public_dir: Path) -> None:
    good_model(public_dir / "good" / "1")
    (public_dir / "m" / "runs").mkdir(parents=True)
    (public_dir / "m" / name).write_bytes(b"x")
    (finding,) = findings("--as", "model", public_dir / "m")
    assert finding["code"] in ("OVD101", "OVD102", "OVD381")
    assert remedy in step_texts(finding)
    assert "mv " not in step_texts(finding), "to move it would not help"


def test_the_same_as_a_target_directory(public_dir: Path) -> None:
    (public_dir / "yolo").mkdir()
    (public_dir / "yolo" / "best.pt").write_bytes(b"x")
    (finding,) = findings(public_dir / "yolo")
    assert finding["code"] == "OVD123"
    assert f"yolo export model={public_dir}/yolo/best.pt format=openvino" in step_texts(finding)


@pytest.mark.parametrize("name", ["best.pt", "model.safetensors", "train.pkl", "dump.zip", "model.gguf"])
def test_other_formats_beside_a_model_are_not_reported(name: str, public_dir: Path) -> None:
    for directory in (public_dir, public_dir / "m", good_model(public_dir / "m" / "1")):
        directory.joinpath(name).write_bytes(b"x")
    assert findings(public_dir) == []
    assert findings(public_dir / "m") == []


def test_an_incomplete_ir_beside_a_checkpoint_is_reported_as_such(public_dir: Path) -> None:
    good_model(public_dir / "m" / "1").joinpath("model.bin").unlink()
    (public_dir / "m" / "1" / "best.pt").write_bytes(b"x")
    (finding,) = findings(public_dir / "m")
    assert (finding["code"], "no .bin" in finding["message"]) == ("OVD111", True)


@pytest.mark.parametrize(
    ("paddle", "message"), [("a.pdiparams", "holds best.pt: "), ("a.pdmodel", "a .pdmodel but no .pdiparams")]
)
def test_weights_alone_beside_a_checkpoint_are_no_model(paddle: str, message: str, public_dir: Path) -> None:
    good_model(public_dir / "good" / "1")
    version = public_dir / "m" / "1"
    version.mkdir(parents=True)
    for name in (paddle, "best.pt"):
        (version / name).write_bytes(b"x")
    (finding,) = findings(public_dir)
    assert (finding["code"], message in finding["message"]) == ("OVD111", True)


def test_a_file_of_no_model_has_no_step_that_moves_it(public_dir: Path) -> None:
    (public_dir / "labels.csv").write_text("a,b")
    for release in ("2026.3", "2025.4"):
        (finding,) = findings("--ovms-version", release, public_dir / "labels.csv")
        assert finding["remedy"]["steps"] == []
        assert "config.json" in finding["remedy"]["summary"]


# -- a file that is not a configuration -------------------------------------------------------------------

MODEL_CONFIGS = [
    {"architectures": ["BertForMaskedLM"], "model_type": "bert"},
    {"_class_name": "StableDiffusionPipeline"},
    {"auto_map": {}, "hidden_size": 1},
]


@pytest.mark.parametrize(
    ("release", "arguments"),
    [
        ("2026.3", "--model_path {top} --model_name NAME"),
        ("2026.2", "--model_name NAME --task TASK"),
        ("2025.4", "graph.pbtxt"),
        ("2022.1", "graph.pbtxt"),
    ],
)
@pytest.mark.parametrize("document", MODEL_CONFIGS)
def test_the_config_of_a_model_is_not_a_server_configuration(
    document: dict[str, Any], release: str, arguments: str, public_dir: Path
) -> None:
    (public_dir / "config.json").write_text(json.dumps(document))
    config = public_dir / "config.json"
    for found in (
        findings("--ovms-version", release, config),
        served_with(config, "--ovms-version", release),
    ):
        (finding,) = found
        assert finding["code"] == "OVD404"
        assert "the config.json of a model" in finding["message"]
        assert arguments.format(top=public_dir) in step_texts(finding)
        assert f"ovms-doctor check {public_dir} " in step_texts(finding) + " "


@pytest.mark.parametrize(
    "document",
    [
        {"model_config_list": [], "model_type": "bert"},
        {"models": []},
        {"config": {"architectures": []}},
        ["architectures"],
    ],
)
def test_other_violations_of_the_schema_are_unchanged(document: Any, public_dir: Path) -> None:
    (public_dir / "config.json").write_text(json.dumps(document))
    (finding,) = findings(public_dir / "config.json")
    assert finding["code"] == "OVD404"
    assert "of a model" not in finding["message"]


def test_an_empty_directory_instead_of_the_file(public_dir: Path) -> None:
    (public_dir / "config.json").mkdir()
    for found in (findings(public_dir / "config.json"), served_with(public_dir / "config.json")):
        (finding,) = found
        assert finding["code"] == "OVD403"
        assert "empty directory" in finding["message"]
        assert finding["server_log"] == [
            "Configuration file is not a valid JSON file. Error: The document is empty."
        ]
    (command,) = [step["command"] for step in finding["remedy"]["steps"] if step["command"]]
    subprocess.run(["sh", "-ec", command], check=True)
    (public_dir / "config.json").write_text('{"model_config_list": []}')
    assert "OVD403" not in codes(check(public_dir / "config.json"))


def test_a_directory_that_holds_the_file(public_dir: Path) -> None:
    (public_dir / "conf.d").mkdir()
    (public_dir / "conf.d" / "config.json").write_text("{}")
    (finding,) = served_with(public_dir / "conf.d")
    assert finding["code"] == "OVD403"
    assert "empty" not in finding["message"]
    assert step_texts(finding).strip() == f"Did you mean {public_dir}/conf.d/config.json?"


def test_a_directory_of_models_may_be_called_json(public_dir: Path) -> None:
    good_model(public_dir / "m.json" / "1")
    assert findings(public_dir / "m.json") == []
