"""Directories of generative models without a graph, at the wrong path, or made of links: the findings; after
the remedy the model is served.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.graphs.template import first_release, graph_text
from ovms_doctor.prediction.graphs.validation import validate_graph
from tests.cli.run import Result, ovms_doctor
from tests.graphs.models import graph, snapshot, unpack, without_version

MODELS = {"text_generation": "llm-2025.4", "embeddings": "embeddings", "rerank": "rerank"}
TASKS = ("text_generation", "embeddings", "rerank", "image_generation", "speech2text", "text2speech")


def check(*arguments: object, release: str = "2026.3") -> Result:
    options = ("--ovms-version", release, "--load", "none", "--format", "json")
    return ovms_doctor("check", *arguments, *options)


def findings(result: Result) -> list[Any]:
    return [item for item in json.loads(result.out)["findings"] if item["severity"] != "info"]


def codes(result: Result) -> list[str]:
    return [item["code"] for item in findings(result)]


def commands(result: Result) -> list[str]:
    (finding,) = findings(result)
    steps = finding["remedy"]["steps"]
    return [step["command"] for step in steps if step["command"] and step["where"] == "host"]


def follow(command: str) -> None:
    subprocess.run(["bash", "-c", f"umask 022; {command}"], check=True)


@pytest.fixture
def repository(public_dir: Path) -> Callable[[str], Path]:
    """A repository with one model of a task, below the name of its organisation and without a graph."""

    def make(task: str) -> Path:
        root = public_dir / "models"
        (root / "Org").mkdir(parents=True)
        directory = unpack(MODELS[task], public_dir)
        without_version(directory)
        directory.rename(root / "Org" / "Tiny")
        root.chmod(0o755)
        (root / "Org").chmod(0o755)
        return root

    return make


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "release", ["2024.2", "2025.0", "2025.1", "2025.2", "2025.4", "2026.0", "2026.1", "2026.2", "2026.3"]
)
def test_the_generated_graph_is_one_of_the_release(task: str, release: str) -> None:
    numbers = parse_release(release)
    text = graph_text(task, numbers, './a "b"', "NPU")
    since = first_release(task)
    assert since is not None
    if not numbers.at_least(*since):
        assert text is None
        return
    assert text is not None
    found = validate_graph("g", text.encode(), numbers)
    assert found.problem is None
    (node,) = found.nodes
    assert node.options is not None
    assert node.options.first("models_path").value == './a "b"'  # type: ignore[union-attr]


def test_a_graph_for_an_unknown_task() -> None:
    assert graph_text("poetry", parse_release("2026.3")) is None
    assert first_release("poetry") is None


@pytest.mark.parametrize("task", list(MODELS))
@pytest.mark.parametrize("release", ["2025.2", "2025.4", "2026.3"])
@pytest.mark.sample(every=3)
def test_a_model_without_a_graph_in_a_repository(
    repository: Callable[[str], Path], task: str, release: str
) -> None:
    root = repository(task)
    result = check(root, release=release)
    assert codes(result) == ["OVD381"]
    assert f"({task})" in result.text
    (command,) = commands(result)
    follow(command)
    again = check(root, release=release)
    # The model's chat template is in a file that 2025.2 does not read.
    expected = ["OVD377"] if (task, release) == ("text_generation", "2025.2") else []
    assert (codes(again), again.code) == (expected, 0)


def test_a_release_that_needs_a_list_of_graphs(repository: Callable[[str], Path], public_dir: Path) -> None:
    root = repository("text_generation")
    result = check(root, release="2025.0")
    assert codes(result) == ["OVD381"]
    assert "mediapipe_config_list" in result.text
    follow(commands(result)[0])
    model = root / "Org" / "Tiny"
    # As the step describes. The release cannot run the tokenizer's operations if newer tools wrote them.
    config = public_dir / "config.json"
    entry = {"name": "Tiny", "base_path": str(model)}
    config.write_text(json.dumps({"model_config_list": [], "mediapipe_config_list": [entry]}))
    assert "OVD381" not in codes(check(config, release="2025.0"))


def test_a_task_that_the_release_lacks(public_dir: Path) -> None:
    root = public_dir / "repository"
    model = root / "whisper"
    model.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "openvino_encoder_model.xml", "openvino_decoder_model.xml"):
        (model / name).write_text('{"architectures": ["WhisperForConditionalGeneration"]}')
    result = check(root, "--as", "repository", release="2025.3")
    assert codes(result) == ["OVD381"]
    assert "2025.4 or newer" in result.text


def test_the_server_builds_the_graph_if_one_model_is_served(repository: Callable[[str], Path]) -> None:
    model = repository("text_generation") / "Org" / "Tiny"
    assert codes(check(model)) == []
    arguments = ("--model_path", model, "--model_name", "m", "--rest_port", "8000")
    result = ovms_doctor(
        "check", "--ovms-version", "2026.2", "--load", "none", "--format", "json", "--mount",
        f"{model}:{model}", "--", *arguments,
    )  # fmt: skip
    assert codes(result) == ["OVD381"]
    steps = findings(result)[0]["remedy"]["steps"]
    assert steps[-1]["command"] == "--task text_generation"
    started = ovms_doctor(
        "check", "--ovms-version", "2026.2", "--load", "none", "--format", "json", "--mount",
        f"{model}:{model}", "--", *arguments, "--task", "text_generation",
    )  # fmt: skip
    assert codes(started) == []


def test_weights_that_are_not_converted(repository: Callable[[str], Path]) -> None:
    root = repository("text_generation")
    model = root / "Org" / "Tiny"
    for path in model.glob("openvino_*"):
        path.unlink()
    (model / "model.safetensors").write_bytes(b"\0" * 64)
    result = check(root, release="2025.4")
    assert codes(result) == ["OVD381"]
    assert "optimum-cli export openvino" in commands(result)[0]
    assert "mkdir" not in result.text


def test_a_gguf_file(repository: Callable[[str], Path]) -> None:
    root = repository("text_generation")
    model = root / "Org" / "Tiny"
    shutil.rmtree(model)
    model.mkdir()
    (model / "tiny-Q4_K_M.gguf").write_bytes(b"GGUF" + bytes(60))
    result = check(root)
    assert codes(result) == ["OVD381"]
    follow(commands(result)[0])
    assert 'models_path: "./tiny-Q4_K_M.gguf"' in (model / "graph.pbtxt").read_text()
    assert codes(check(root)) == []


def test_a_classic_model_is_not_generative(public_dir: Path) -> None:
    """A tokenizer file beside classic versions, or a config.json alone, does not make a model generative."""
    model = public_dir / "models" / "bert"
    (model / "1").mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "1" / "model.xml").write_text("<net/>")
    (model / "1" / "tokenizer.json").write_text("{}")
    assert not {"OVD381", "OVD382", "OVD383"} & set(codes(check(public_dir / "models", "--as", "repository")))


def test_a_generative_model_in_a_version_directory(repository: Callable[[str], Path]) -> None:
    root = repository("text_generation")
    model = root / "Org" / "Tiny"
    version = model / "1"
    version.mkdir(mode=0o755)
    for path in list(model.iterdir()):
        if path != version:
            path.rename(version / path.name)
    result = check(model, "--as", "model")
    finding = next(item for item in findings(result) if item["code"] == "OVD382")
    assert finding["severity"] == "warning"
    for step in finding["remedy"]["steps"]:
        follow(step["command"])
    assert codes(check(model, "--as", "model")) == []


def test_a_config_of_hugging_face_beside_versions(public_dir: Path) -> None:
    model = public_dir / "bert"
    (model / "1").mkdir(parents=True)
    (model / "1" / "model.onnx").write_bytes(b"\0")
    (model / "config.json").write_text('{"architectures": ["BertModel"]}')
    result = check(model)
    assert codes(result) == ["OVD383"]
    assert check(model, release="2025.4").text.count("OVD383") == 0
    (command,) = commands(result)
    follow(command)
    assert "OVD383" not in codes(check(model))


@pytest.mark.parametrize("with_graph", [True, False])
@pytest.mark.parametrize("release", ["2025.4", "2026.3"])
def test_a_snapshot_without_its_blobs(public_dir: Path, release: str, with_graph: bool) -> None:
    revision = snapshot(public_dir)
    if not with_graph:
        (revision / "graph.pbtxt").unlink()
    elif with_graph:
        # Written by hand: the only file that does not belong to the cache.
        (revision / "graph.pbtxt").unlink()
        (revision / "graph.pbtxt").write_text(graph("text_generation"))
    line = (
        f"docker run --rm -v {revision}:/models/m:ro openvino/model_server:{release} "
        "--model_path /models/m --model_name m --rest_port 8000"
    )
    result = ovms_doctor("check", "--docker-run", line, "--load", "none", "--format", "json")
    assert codes(result) == ["OVD384"]
    assert str(revision.parents[1]) in result.text


@pytest.mark.parametrize("release", ["2025.4", "2026.3"])
def test_a_snapshot_with_its_blobs(public_dir: Path, release: str) -> None:
    revision = snapshot(public_dir)
    line = (
        f"docker run --rm -v {revision.parents[1]}:/hub:ro openvino/model_server:{release} "
        f"--model_path /hub/snapshots/{revision.name} --model_name m --rest_port 8000"
    )
    result = ovms_doctor("check", "--docker-run", line, "--load", "none", "--format", "json")
    assert codes(result) == []


def test_a_snapshot_as_the_target(public_dir: Path) -> None:
    """Here the targets of the links exist; in a container with only the snapshot they do not."""
    revision = snapshot(public_dir)
    result = check(revision)
    assert codes(result) == ["OVD124"]
    assert (result.code, str(revision.parents[1]) in result.text) == (0, True)
    assert codes(check(revision, "--mount", f"{revision.parents[1]}:{revision.parents[1]}")) == []


@pytest.mark.parametrize(
    ("source", "text", "location"),
    [
        ("compose", '["--overwrite_models"]', "compose"),
        ("kubernetes", '["--overwrite_models"]', "kubernetes"),
        ("docker", "--overwrite_models", "docker run"),
    ],
)
def test_arguments_in_the_form_of_the_source(public_dir: Path, source: str, text: str, location: str) -> None:
    model = public_dir / "models" / "OpenVINO" / "Tiny"
    model.parent.mkdir(parents=True)
    directory = unpack(MODELS["text_generation"], public_dir)
    without_version(directory)
    directory.rename(model)
    (model / "openvino_model.bin").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    )
    subprocess.run(["chmod", "-R", "a+rwX", public_dir], check=True)
    image = "openvino/model_server:2025.4"
    server_arguments = [
        "--source_model",
        "OpenVINO/Tiny",
        "--model_repository_path",
        "/models",
        "--rest_port",
        "8000",
    ]
    server_arguments += ["--task", "text_generation"]
    mount = f"{public_dir}/models:/models"
    if source == "compose":
        path = public_dir / "compose.yaml"
        services = {"ovms": {"image": image, "command": server_arguments, "volumes": [mount]}}
        path.write_text(json.dumps({"services": services}))
        option = ("--compose", str(path))
    elif source == "kubernetes":
        path = public_dir / "pod.yaml"
        container = {
            "name": "ovms",
            "image": image,
            "args": server_arguments,
            "volumeMounts": [{"name": "m", "mountPath": "/models"}],
        }
        volumes = [{"name": "m", "hostPath": {"path": f"{public_dir}/models"}}]
        spec = {"containers": [container], "volumes": volumes}
        path.write_text(
            json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
        )
        option = ("--kubernetes", str(path))
    else:
        option = ("--docker-run", f"docker run -v {mount} {image} {' '.join(server_arguments)}")
    result = ovms_doctor("check", *option, "--load", "none", "--format", "json")
    (finding,) = (item for item in findings(result) if item["code"] == "OVD386")
    step = finding["remedy"]["steps"][0]
    assert (step["command"], step["where"]) == (text, location)
