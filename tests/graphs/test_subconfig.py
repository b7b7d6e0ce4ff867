"""Graphs that use models of the server: subconfig files, in both start modes, and the names in the nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor
from tests.graphs.models import graph, unpack, without_loading, without_version

SESSION = """\
input_stream: "in"
output_stream: "out"
node {
  calculator: "OpenVINOModelServerSessionCalculator"
  output_side_packet: "SESSION:session"
  node_options { [type.googleapis.com/mediapipe.OpenVINOModelServerSessionCalculatorOptions] {
    servable_name: "resnet"
    servable_version: "1"
  } }
}
node {
  calculator: "OpenVINOInferenceCalculator"
  input_side_packet: "SESSION:session"
  input_stream: "A:in"
  output_stream: "B:out"
  node_options { [type.googleapis.com/mediapipe.OpenVINOInferenceCalculatorOptions] { } }
}
"""


def entries(*names: str) -> str:
    listed = [{"config": {"name": name, "base_path": name}} for name in names]
    return json.dumps({"model_config_list": listed})


@pytest.fixture
def flow(public_dir: Path) -> Path:
    """A graph that uses the model resnet, which its subconfig.json lists."""
    root = public_dir / "flow"
    good_model(root / "resnet" / "1")
    (root / "graph.pbtxt").write_text(SESSION)
    (root / "subconfig.json").write_text(entries("resnet"))
    return root


def single(root: Path, release: str = "2026.3") -> Result:
    arguments = ("--model_path", str(root), "--model_name", "flow", "--rest_port", "8000")
    options = (*without_loading(release), "--bare-metal", "--user", "0:0")
    return ovms_doctor("check", *options, "--", *arguments)


def configured(public_dir: Path, *graphs: str, release: str = "2026.3", **more: Any) -> Result:
    config = public_dir / "config.json"
    listed = [{"name": name, "base_path": str(public_dir / name)} for name in graphs]
    document = {"model_config_list": [], "mediapipe_config_list": listed, **more}
    config.write_text(json.dumps(document))
    return ovms_doctor("check", config, *without_loading(release))


def codes(result: Result) -> list[str]:
    return [item["code"] for item in json.loads(result.out)["findings"] if item["severity"] != "info"]


def models(result: Result) -> dict[str, Any]:
    listed = json.loads(result.out)["models"]
    return {item["name"]: [version["state"] for version in item["versions"]] for item in listed}


@pytest.mark.parametrize("release", ["2025.1", "2026.3"])
def test_the_models_of_a_graph_that_is_started_alone(flow: Path, release: str) -> None:
    result = single(flow, release)
    assert codes(result) == []
    assert models(result)["resnet"] == ["AVAILABLE"]


@pytest.mark.parametrize("release", ["2023.1", "2025.0", "2026.3"])
def test_the_models_of_a_graph_in_a_configuration(flow: Path, release: str) -> None:
    result = configured(flow.parent, "flow", release=release)
    assert codes(result) == []
    assert models(result)["resnet"] == ["AVAILABLE"]


def test_a_model_of_the_subconfig_that_fails(flow: Path) -> None:
    (flow / "resnet" / "1" / "model.xml").write_text("no xml")
    for result in (single(flow), configured(flow.parent, "flow")):
        assert len(codes(result)) == 1
        assert json.loads(result.out)["server"]["outcome"] == "serves"
        assert models(result)["resnet"] == ["LOADING"]


def test_another_name_for_the_file(flow: Path, public_dir: Path) -> None:
    (flow / "subconfig.json").rename(flow / "mine.json")
    assert codes(configured(public_dir, "flow")) == ["OVD395"]
    listed = [{"name": "flow", "base_path": str(flow), "subconfig": "mine.json"}]
    assert codes(configured(public_dir, mediapipe_config_list=listed)) == []


def test_a_servable_name_without_a_model(flow: Path, public_dir: Path) -> None:
    (flow / "subconfig.json").unlink()
    for result in (single(flow), configured(public_dir, "flow")):
        assert codes(result) == ["OVD395"]
        assert "line 7" in result.text
    # The model is listed in the configuration itself.
    entry = [{"config": {"name": "resnet", "base_path": str(flow / "resnet")}}]
    assert codes(configured(public_dir, "flow", model_config_list=entry)) == []
    # For a single directory it is not known which other models are configured.
    options = ("--as", "model", "--load", "none", "--format", "json", "--ovms-version", "2025.4")
    assert codes(ovms_doctor("check", flow, *options)) == []


def test_a_node_with_a_service_url_needs_no_subconfig(flow: Path) -> None:
    text = SESSION.replace('servable_version: "1"', 'service_url: "10.0.0.1:9000"')
    (flow / "graph.pbtxt").write_text(text)
    (flow / "subconfig.json").unlink()
    assert codes(single(flow)) == []


@pytest.mark.parametrize("text", ["{", '{"model_config_list": [}', ""])
def test_a_subconfig_that_is_not_json(flow: Path, text: str) -> None:
    (flow / "subconfig.json").write_text(text)
    for result in (single(flow), configured(flow.parent, "flow")):
        assert codes(result) == ["OVD394"]
        (finding,) = (item for item in json.loads(result.out)["findings"] if item["code"] == "OVD394")
        assert "is not a valid JSON file" in finding["server_log"][0]
        assert json.loads(result.out)["server"]["outcome"] == "serves"


@pytest.mark.parametrize("release", ["2025.0", "2026.3"])
def test_a_config_of_hugging_face_ends_the_reading(flow: Path, public_dir: Path, release: str) -> None:
    """Since 2025.1 a config.json beside a graph is read as a subconfig file."""
    first = unpack("llm-2025.4", public_dir)
    without_version(first)
    first.rename(public_dir / "chat")
    (public_dir / "chat" / "graph.pbtxt").write_text(graph("text_generation"))
    result = configured(public_dir, "chat", "flow", release=release)
    lost = "OVD394" in codes(result)
    assert lost is (release == "2026.3")
    assert ("resnet" in models(result)) is not lost
    # In the other order it has no effect.
    assert "OVD394" not in codes(configured(public_dir, "flow", "chat", release=release))


def test_names_in_use(flow: Path, public_dir: Path) -> None:
    """The first model with a name counts, and a graph may not have a model's name."""
    other = good_model(public_dir / "other" / "1").parent
    entry = [{"config": {"name": "resnet", "base_path": str(other)}}]
    result = configured(public_dir, "flow", model_config_list=entry)
    listed = {item["name"]: item["base_path"] for item in json.loads(result.out)["models"]}
    assert listed["resnet"] == str(other)
    (flow / "subconfig.json").write_text(entries("resnet", "flow"))
    good_model(flow / "flow" / "1")
    assert "OVD443" in codes(configured(public_dir, "flow"))


def test_paths_of_a_graph_in_a_version_directory(public_dir: Path) -> None:
    """A graph.pbtxt in the directory 1 counts its paths from there (model mesh, since 2025.1)."""
    model = unpack("llm-2025.4", public_dir)
    without_version(model)
    (public_dir / "mesh").mkdir(mode=0o755)
    model.rename(public_dir / "mesh" / "1")
    (public_dir / "mesh" / "1" / "graph.pbtxt").write_text(graph("text_generation"))
    assert codes(single(public_dir / "mesh")) == []
    config = public_dir / "config.json"
    entry = [{"config": {"name": "chat", "base_path": str(public_dir / "mesh")}}]
    config.write_text(json.dumps({"model_config_list": entry}))
    assert codes(ovms_doctor("check", config, "--load", "none", "--format", "json")) == []


def test_a_graph_with_its_models_is_one_target(flow: Path) -> None:
    result = ovms_doctor("check", flow, "--load", "none", "--format", "json", "--ovms-version", "2025.4")
    assert codes(result) == []
    assert set(models(result)) == {"flow", "resnet"}


def test_an_entry_without_a_base_path(flow: Path, public_dir: Path) -> None:
    """Its directory is the one beside the configuration with its name; the configuration is not a subconfig file."""
    config = public_dir / "config.json"
    config.write_text(json.dumps({"model_config_list": [{"config": {"name": "flow"}}]}))
    result = ovms_doctor("check", config, "--load", "none", "--format", "json", "--ovms-version", "2026.3")
    assert models(result) == {"flow": ["AVAILABLE"], "resnet": ["AVAILABLE"]}
    (flow / "subconfig.json").unlink()
    again = ovms_doctor("check", config, "--load", "none", "--format", "json", "--ovms-version", "2026.3")
    assert set(models(again)) == {"flow"}


@pytest.mark.parametrize(
    ("number", "release", "ends"),
    [
        (2**63, "2026.3", True),
        (2**63, "2025.1", True),
        (2**63 - 1, "2026.3", False),
        # -1, which is any number.
        (2**64 - 1, "2026.3", False),
        (4, "2026.3", False),
    ],
)
def test_a_batch_size_of_a_subconfig_that_becomes_negative_ends_the_server(
    flow: Path, number: int, release: str, *, ends: bool
) -> None:
    listed = [
        {"config": {"name": "first", "base_path": "resnet"}},
        {"config": {"name": "resnet", "base_path": "resnet", "batch_size": number}},
    ]
    (flow / "subconfig.json").write_text(json.dumps({"model_config_list": listed}))
    for result in (single(flow, release), configured(flow.parent, "flow", release=release)):
        document = json.loads(result.out)
        assert (document["server"]["outcome"] == "exits") is ends
        refused = [item for item in document["findings"] if item["code"] == "OVD421"]
        assert bool(refused) is ends
        if ends:
            (finding,) = refused
            assert document["server"]["exit_code"] == 1
            assert finding["message"].startswith(
                f"{flow}/subconfig.json: the value of batch_size is out of range"
            )
            assert finding["evidence"][0]["what"].startswith("/model_config_list/1/config/batch_size")
            assert finding["subject"]["line"] is None
            line = "Exception catch: Range must not be lower than -1 - will now terminate."
            assert finding["server_log"] == [line]


@pytest.mark.parametrize(
    ("escape", "release", "is_json"),
    [
        (r"\udc00", "2024.2", True),
        (r"\udc00", "2024.3", False),
        (r"\ud800", "2024.2", False),
        (r"\ud83d\ude00", "2026.3", True),
    ],
)
def test_a_low_surrogate_alone_in_a_subconfig(
    flow: Path, escape: str, release: str, *, is_json: bool
) -> None:
    text = entries("resnet").replace('"base_path"', f'"comment": "{escape}", "base_path"')
    (flow / "subconfig.json").write_text(text)
    result = configured(flow.parent, "flow", release=release)
    assert ("OVD394" in codes(result)) is not is_json
    assert ("resnet" in models(result)) is is_json


def with_parameters(**parameters: dict[str, object]) -> str:
    """Returns a subconfig file with an entry of each name, with the parameters of each."""
    listed = [{"config": {"name": name, "base_path": "resnet", **more}} for name, more in parameters.items()]
    return json.dumps({"model_config_list": listed})


@pytest.mark.parametrize("mode", ["alone", "configured"])
def test_an_entry_with_a_wrong_parameter_is_left_out(flow: Path, public_dir: Path, mode: str) -> None:
    (flow / "subconfig.json").write_text(with_parameters(bad={"layout": "XYZ:"}, resnet={"nireq": 2}))
    result = single(flow) if mode == "alone" else configured(public_dir, "flow")
    assert codes(result) == ["OVD421"]
    assert models(result)["resnet"] == ["AVAILABLE"]
    assert "bad" not in models(result)
    (finding,) = [item for item in json.loads(result.out)["findings"] if item["code"] == "OVD421"]
    assert (
        finding["message"]
        == f'{flow}/subconfig.json: "layout": "XYZ:": the server does not accept this value'
    )
    assert finding["evidence"][0]["what"] == '/model_config_list/0/config: "layout": "XYZ:"'
    assert (
        f"Loading Mediapipe flow models from subconfig {flow}/subconfig.json failed." in finding["server_log"]
    )


@pytest.mark.parametrize("mode", ["alone", "configured"])
def test_an_unsupported_key_ends_the_list_of_its_file_only(flow: Path, public_dir: Path, mode: str) -> None:
    key = {"plugin_config": {"NUM_STREAM": "2"}}
    (flow / "subconfig.json").write_text(with_parameters(resnet={}, bad=key, later={}))
    other = public_dir / "other"
    good_model(other / "resnet" / "1")
    (other / "graph.pbtxt").write_text(SESSION)
    (other / "subconfig.json").write_text(with_parameters(fourth={}))
    result = single(flow) if mode == "alone" else configured(public_dir, "flow", "other")
    assert codes(result) == ["OVD422", "OVD417"]
    served = {"resnet"} if mode == "alone" else {"resnet", "fourth"}
    assert {name for name, states in models(result).items() if states == ["AVAILABLE"]} - {
        "flow",
        "other",
    } == served
    behind = next(item for item in json.loads(result.out)["findings"] if item["code"] == "OVD417")
    assert behind["message"].startswith(f"{flow}/subconfig.json: later is never loaded")
