"""How a directory is interpreted: as a model, a repository, or a version directory of its parent."""

from __future__ import annotations

import pytest

from ovms_doctor.inputs.targets.local import understand
from ovms_doctor.inputs.targets.rule import ResolvedTarget
from ovms_doctor.model.deployment import DEFAULT_POLICY
from ovms_doctor.model.facts import Facts, FactsMissingError
from ovms_doctor.model.names import is_tool_directory, version_in_name
from tests.prediction.memory import MemoryFiles


def resolve(*files: str, name: str = "top", directories: tuple[str, ...] = ()) -> ResolvedTarget:
    """The interpretation of ``/srv/NAME`` with these files and empty directories in it."""
    root = f"/srv/{name}"
    memory_files = MemoryFiles(
        {f"{root}/{path}": "good" for path in files}, {f"{root}/{path}" for path in directories}
    )
    facts = Facts({})
    for _ in range(50):
        try:
            return understand(root, root, None, DEFAULT_POLICY, facts)
        except FactsMissingError as missing:
            facts.add({question: memory_files.answer(question) for question in missing.questions})
    raise AssertionError("the rule requests facts without end")


def names(found: ResolvedTarget) -> list[str]:
    return [model.name for model in found.models]


def codes(found: ResolvedTarget) -> list[str]:
    return [note.kind for note in found.notes if note.kind]


MANY = tuple(f"model{number}/1/model.onnx" for number in range(25))
GENERATIVE = ("config.json", "openvino_model.xml", "openvino_model.bin", "openvino_tokenizer.xml")


def below(directory: str, *files: str) -> tuple[str, ...]:
    return tuple(f"{directory}/{name}" for name in files)


@pytest.mark.parametrize(
    ("files", "models"),
    [
        # A name that starts with a number is a model if it contains version directories with files.
        (("3d-unet/1/m.xml", "bert/1/m.onnx", "resnet/1/m.onnx"), ["3d-unet", "bert", "resnet"]),
        (("3d-unet/1/m.xml",), ["3d-unet"]),
        (("2024/1/m.onnx", "bert/1/m.onnx"), ["2024", "bert"]),
        # Single files and odd names beside models.
        ((*MANY, "stray.onnx"), sorted(f"model{number}" for number in range(25))),
        (("a/1/m.onnx", "b/1/m.onnx", "weights.bin", "v1/read.me"), ["a", "b"]),
        (("v1/1/m.onnx", "v2/1/m.onnx"), ["v1", "v2"]),
        # Broken models are models.
        (("a/1/m.onnx", "flat/m.onnx"), ["a", "flat"]),
        (("a/1/m.onnx", "b/v1/m.onnx"), ["a", "b"]),
        (("a/1/m.onnx", "b/export/m.onnx"), ["a", "b"]),
        # Directories of file systems and tools.
        (
            (
                "a/1/m.onnx",
                "lost+found/1/m.onnx",
                ".snapshot/daily/a/1/m.onnx",
                "@eaDir/a/1/m.onnx",
                ".Trash-1000/files/m.onnx",
                ".cache/1/m.onnx",
                "__pycache__/1/m.pb",
                "@Recently-Snapshot/daily/a/1/m.onnx",
                "@tmp/1/m.onnx",
                "found.000/1/m.onnx",
                "node_modules/tfjs/m.bin",
                "venv/lib/m.bin",
            ),
            ["a"],
        ),
        # Pulled models of an organisation.
        (
            (*below("OpenVINO/Qwen3-8B-int4-ov", *GENERATIVE), *below("OpenVINO/Phi-4", *GENERATIVE)),
            ["OpenVINO/Phi-4", "OpenVINO/Qwen3-8B-int4-ov"],
        ),
        (("OpenVINO/m/graph.pbtxt", "a/1/m.onnx"), ["OpenVINO/m", "a"]),
        # Exported without a tokenizer: still no version of the organisation's directory.
        (below("microsoft/resnet-50", "config.json", "openvino_model.xml"), ["microsoft/resnet-50"]),
        (
            (*below("llm/ORG/vit", "config.json", "openvino_model.xml"), "a/1/m.onnx"),
            ["a", "llm/ORG/vit"],
        ),
        ((*below("Qwen3-8B", *GENERATIVE), "a/1/m.onnx"), ["Qwen3-8B", "a"]),
    ],
)
def test_repositories(files: tuple[str, ...], models: list[str]) -> None:
    found = resolve(*files)
    assert found.target.kind == "repository"
    assert names(found) == models
    assert codes(found) == []


@pytest.mark.parametrize(
    "files",
    [
        ("1/m.onnx",),
        ("1/m.onnx", "export/m.onnx"),
        ("1/m.onnx", "old/1/m.onnx"),
        ("01/m.onnx",),
        ("2024-01-31/m.onnx", "2024-02-29/m.onnx"),
        ("1_backup/m.onnx", "2_backup/m.onnx"),
        ("m.onnx",),
        ("m.xml", "m.bin", "fp16/m.xml"),
        ("v1/m.onnx", "latest/m.onnx"),
        ("3d-unet/m.xml",),
        GENERATIVE,
        ("graph.pbtxt", "models/embeddings/openvino_model.xml"),
        (
            "model_index.json",
            "unet/config.json",
            "unet/openvino_model.xml",
            "tokenizer/tokenizer_config.json",
        ),
        ("1/m.onnx", ".snapshot/1/m.onnx", "lost+found/x"),
    ],
)
def test_models(files: tuple[str, ...]) -> None:
    found = resolve(*files)
    assert (found.target.kind, names(found)) == ("model", ["top"])


def test_empty_versions_make_a_model_unless_models_are_beside_them() -> None:
    assert resolve(directories=("1", "2")).target.kind == "model"
    assert resolve("a/1/m.onnx", directories=("1",)).target.kind == "repository"


@pytest.mark.parametrize(("name", "kind"), [("1", "model"), ("007", "model"), ("3d-unet", "model")])
def test_a_version_directory_belongs_to_its_parent(name: str, kind: str) -> None:
    found = resolve("m.onnx", name=name)
    assert found.target.kind == kind
    assert names(found) == (["srv"] if name.isdigit() else [name])
    assert codes(found) == (["version_directory"] if name.isdigit() else [])


def test_groups_are_reported_with_the_models_that_lie_deeper() -> None:
    found = resolve("vision/resnet/1/m.onnx", "vision/yolo/1/m.onnx", "text/bert/1/m.onnx", "a/1/m.onnx")
    assert names(found) == ["a"]
    assert [(note.kind, note.path) for note in found.notes] == [
        ("nested_models", "/srv/top/text"),
        ("nested_models", "/srv/top/vision"),
    ]
    assert "resnet, yolo" in found.notes[1].text


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("v3", 3),
        ("version-3", 3),
        ("Version_03", 3),
        ("3-final", 3),
        ("3d-unet", 3),
        ("release 12", 12),
        ("1_backup", 1),
        ("007", 7),
        ("2024-01-31", 20240131),
        ("20240131", 20240131),
        ("model_2024.01.31", 20240131),
        ("20240131T1200", 20240131),
        ("2024-13-01", 2024),
        ("resnet50-int8", None),
        ("Qwen3-8B", None),
        ("v1.2", None),
        ("v3.final", None),
        ("latest", None),
        ("0", None),
        ("-5", None),
        ("99999999999", None),
    ],
)
def test_the_version_that_a_name_states(name: str, version: int | None) -> None:
    assert version_in_name(name) == version


@pytest.mark.parametrize(
    "name", ["resnet", "cache", "trash", "snapshot", "pycache", "lost_and_found", "1", "venv2", "tmp"]
)
def test_other_names_are_not_tools(name: str) -> None:
    assert not is_tool_directory(name)


# -- groups of groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "models", "groups"),
    [
        (("team/vision/resnet/1/m.onnx", "a/1/m.onnx"), ["a"], ["/srv/top/team/vision"]),
        (
            ("team/vision/resnet/1/m.onnx", "team/nlp/bert/1/m.onnx"),
            [],
            ["/srv/top/team/nlp", "/srv/top/team/vision"],
        ),
        (("vision/resnet/1/m.onnx", "team/nlp/bert/1/m.onnx"), [], ["/srv/top/team/nlp", "/srv/top/vision"]),
        # Pulled models below a directory for their kind.
        ((*below("llm/OpenVINO/Qwen3-8B", *GENERATIVE), "a/1/m.onnx"), ["a", "llm/OpenVINO/Qwen3-8B"], []),
        (
            (*below("llm/OpenVINO/Qwen3", *GENERATIVE), *below("llm/meta/Llama", *GENERATIVE)),
            ["llm/OpenVINO/Qwen3", "llm/meta/Llama"],
            [],
        ),
        # Nothing that can be served.
        (("a/1/m.onnx", "docs/img/x/logo.png"), ["a"], []),
        (("a/1/m.onnx", "runs/exp/1/events.log"), ["a"], []),
        (("a/1/m.onnx", "data/train/1/cat.jpg", "data/test/1/dog.jpg"), ["a"], []),
    ],
)
def test_groups_of_groups(files: tuple[str, ...], models: list[str], groups: list[str]) -> None:
    found = resolve(*files)
    assert names(found) == models
    assert [note.path for note in found.notes if note.kind == "nested_models"] == groups


# -- names that state a version, and names that do not -----------------------------------------------------


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("release_7", 7),
        ("Release-12", 12),
        ("revision.3", 3),
        ("rev 4", 4),
        ("ver_5_old", 5),
        ("version_20240101", 20240101),
        ("v007", 7),
        ("2-backup", 2),
        ("2024.12.31", 20241231),
        ("export_2024-02-29", 20240229),
        ("r50", None),
        ("R101", None),
        ("resnet-v2", None),
        ("yolov8n", None),
        ("phi-3.5-mini", None),
        ("bge-m3", None),
        ("v1.2.3", None),
        ("int4", None),
        ("fp16", None),
        ("h264", None),
        ("model2vec", None),
        ("e5-large-v2", None),
        ("epoch-10", None),
    ],
)
def test_more_names(name: str, number: int | None) -> None:
    assert version_in_name(name) == number


@pytest.mark.parametrize(
    "pair", [("r50", "r100"), ("int8", "fp16"), ("yolov8n", "yolov8s"), ("e5-small", "e5-large")]
)
def test_names_of_models_are_not_versions(pair: tuple[str, str]) -> None:
    found = resolve(*(f"{name}/model.onnx" for name in pair))
    assert names(found) == sorted(pair)


@pytest.mark.parametrize(
    "pair", [("release_1", "release_2"), ("v1", "v2.1"), ("version-3", "latest"), ("rev1", "rev2")]
)
def test_names_of_versions_are_not_models(pair: tuple[str, str]) -> None:
    assert names(resolve(*(f"{name}/model.onnx" for name in pair))) == ["top"]
