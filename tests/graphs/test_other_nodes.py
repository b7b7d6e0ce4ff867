"""Nodes that load no generative model: Python code, models of the server, calculators of MediaPipe itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor
from tests.graphs.models import without_loading

PYTHON = """\
input_stream: "OVMS_PY_TENSOR:input"
output_stream: "OVMS_PY_TENSOR:output"
node {
  name: "python_node"
  calculator: "PythonExecutorCalculator"
  input_side_packet: "PYTHON_NODE_RESOURCES:py"
  input_stream: "INPUT:input"
  output_stream: "OUTPUT:output"
  node_options: {
    [type.googleapis.com / mediapipe.PythonExecutorCalculatorOptions]: { handler_path: "code/model.py" }
  }
}
"""
SESSION = """\
input_stream: "in"
output_stream: "out"
node {
  calculator: "OpenVINOModelServerSessionCalculator"
  output_side_packet: "SESSION:session"
  node_options { [type.googleapis.com/mediapipe.OpenVINOModelServerSessionCalculatorOptions] {
    servable_name: "resnet"
  } }
}
node {
  calculator: "OpenVINOInferenceCalculator"
  input_side_packet: "SESSION:session"
  input_stream: "A:in"
  output_stream: "B:out"
}
"""
OPTIONS = "type.googleapis.com / mediapipe.PythonExecutorCalculatorOptions"
PASS_THROUGH = """\
input_stream: "in"
output_stream: "out"
node { calculator: "PassThroughCalculator" input_stream: "in" output_stream: "out" }
"""


def check(directory: Path, *options: str, release: str = "2026.3") -> Result:
    for path in (directory, *directory.rglob("*")):
        if path.stat().st_mode & 0o400:
            path.chmod(0o755 if path.is_dir() else 0o644)
    return ovms_doctor("check", directory, "--as", "model", *without_loading(release), *options)


def codes(result: Result) -> list[str]:
    return [item["code"] for item in json.loads(result.out)["findings"] if item["severity"] != "info"]


def states(result: Result) -> list[Any]:
    return [item["state"] for row in json.loads(result.out)["models"] for item in row["versions"]]


@pytest.fixture
def python_graph(public_dir: Path) -> Path:
    root = public_dir / "flow"
    (root / "code").mkdir(parents=True)
    (root / "code" / "model.py").write_text("class OvmsPythonModel: ...\n")
    (root / "graph.pbtxt").write_text(PYTHON)
    return root


@pytest.mark.parametrize("release", ["2025.1", "2026.3"])
def test_the_result_of_python_code_is_not_known(python_graph: Path, release: str) -> None:
    result = check(python_graph, release=release)
    assert (codes(result), states(result), result.code) == (["OVD903"], [None], 3)
    document = json.loads(result.out)
    (run,) = [item for item in document["checks"] if item["status"] == "could_not_look"]
    assert run["name"] == "graphs"
    text = ovms_doctor("check", python_graph, "--as", "model", "--load", "none").text
    assert text.splitlines()[-1] == "? whether its graph or generative model is served is not known"


def test_the_file_of_a_python_node(python_graph: Path) -> None:
    (python_graph / "code" / "model.py").unlink()
    result = check(python_graph)
    (finding,) = result.document["findings"]
    path = f"{python_graph}/code/model.py"
    assert (finding["code"], states(result), result.code) == ("OVD364", ["LOADING"], 1)
    assert finding["message"] == f"The file {path}, which handler_path names, does not exist"
    assert finding["server_log"] == [f"Python node handler_path: {path} does not exist. "]
    # Its absence is certain, also in a configuration and beside other calculators.
    config = python_graph.parent / "config.json"
    listed = [{"name": "flow", "base_path": str(python_graph)}]
    config.write_text(json.dumps({"model_config_list": [], "mediapipe_config_list": listed}))
    assert codes(ovms_doctor("check", config, *without_loading("2026.3"))) == ["OVD364"]


def test_an_absolute_path_of_the_file(python_graph: Path) -> None:
    elsewhere = python_graph.parent / "model.py"
    elsewhere.write_text("")
    elsewhere.chmod(0o644)
    text = PYTHON.replace("code/model.py", "/code/model.py")
    (python_graph / "graph.pbtxt").write_text(text)
    assert codes(check(python_graph, "--mount", f"{python_graph.parent}:/code")) == ["OVD903"]
    assert codes(check(python_graph, "--mount", f"{python_graph}:/code")) == ["OVD364"]


@pytest.mark.needs_root
def test_a_file_that_may_not_be_read(python_graph: Path) -> None:
    for path in (python_graph, python_graph / "code"):
        path.chmod(0o755)
    (python_graph / "graph.pbtxt").chmod(0o644)
    (python_graph / "code" / "model.py").chmod(0o600)
    result = ovms_doctor("check", python_graph, "--as", "model", *without_loading("2026.3"))
    assert (codes(result), states(result)) == (["OVD368"], ["LOADING"])
    (python_graph / "code").chmod(0o700)
    result = ovms_doctor("check", python_graph, "--as", "model", *without_loading("2026.3"))
    assert (codes(result), states(result)) == (["OVD368"], [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('  input_side_packet: "PYTHON_NODE_RESOURCES:py"\n', ""),
        ('  input_stream: "INPUT:input"\n', ""),
        ('  output_stream: "OUTPUT:output"\n', ""),
    ],
)
def test_what_a_python_node_needs(python_graph: Path, old: str, new: str) -> None:
    assert old in PYTHON
    (python_graph / "graph.pbtxt").write_text(PYTHON.replace(old, new))
    assert codes(check(python_graph)) == ["OVD363"]


def test_a_calculator_of_mediapipe(public_dir: Path) -> None:
    (public_dir / "flow").mkdir()
    (public_dir / "flow" / "graph.pbtxt").write_text(PASS_THROUGH)
    result = check(public_dir / "flow")
    assert (codes(result), states(result), result.code) == (["OVD903"], [None], 3)
    assert [item["code"] for item in result.document["findings"]] == ["OVD903", "OVD121"]


def test_a_graph_beside_a_good_model(public_dir: Path) -> None:
    good_model(public_dir / "models" / "resnet" / "1")
    (public_dir / "models" / "flow").mkdir()
    (public_dir / "models" / "flow" / "graph.pbtxt").write_text(PASS_THROUGH)
    (public_dir / "models").chmod(0o755)
    (public_dir / "models" / "flow").chmod(0o755)
    result = ovms_doctor("check", public_dir / "models", "--load", "none")
    assert result.code == 3
    last = result.text.splitlines()[-1]
    assert last.startswith("? the model is served; 1 graph or generative model not followed")


@pytest.fixture
def session(public_dir: Path) -> Path:
    root = public_dir / "flow"
    good_model(root / "resnet" / "1")
    (root / "graph.pbtxt").write_text(SESSION)
    listed = [{"config": {"name": "resnet", "base_path": "resnet"}}]
    (root / "subconfig.json").write_text(json.dumps({"model_config_list": listed}))
    return root


def test_a_graph_of_models_of_the_server_is_followed(session: Path) -> None:
    result = check(session)
    assert (codes(result), result.code) == ([], 0)
    assert states(result) == ["AVAILABLE", "AVAILABLE"]
    assert "not followed" not in ovms_doctor("check", session, "--as", "model", "--load", "none").text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('    servable_name: "resnet"\n', '    servable_name: ""\n', ["LOADING"]),
        ('  input_stream: "A:in"\n', "", ["LOADING"]),
        ('  input_side_packet: "SESSION:session"\n', "", ["LOADING"]),
        # It is loaded, and does not start for a request.
        ('output_stream: "out"\n', 'output_stream: "result"\n', ["AVAILABLE"]),
        ('  input_side_packet: "SESSION:session"\n', '  input_side_packet: "SESSION:other"\n', ["AVAILABLE"]),
    ],
)
def test_what_a_node_of_a_session_needs(session: Path, old: str, new: str, expected: list[str]) -> None:
    (session / "subconfig.json").unlink()
    assert old in SESSION
    (session / "graph.pbtxt").write_text(SESSION.replace(old, new, 1))
    result = check(session)
    assert (codes(result), states(result)) == (["OVD363"], expected)


SESSIONS = """\
input_stream: "REQUEST_PAYLOAD:input"
output_stream: "RESPONSE_PAYLOAD:output"
node { calculator: "OpenVINOModelServerSessionCalculator" output_side_packet: "SESSION:tokenizer"
  node_options { [type.googleapis.com/mediapipe.OpenVINOModelServerSessionCalculatorOptions] {
    servable_name: "resnet" } } }
node { name: "rerank" calculator: "RerankCalculator"
  input_side_packet: "TOKENIZER_SESSION:tokenizer" input_side_packet: "RERANK_SESSION:tokenizer"
  input_stream: "REQUEST_PAYLOAD:input" output_stream: "RESPONSE_PAYLOAD:output" }
"""


@pytest.mark.parametrize(
    ("old", "new", "release", "expected"),
    [
        ("", "", "2026.1", ([], ["AVAILABLE", "AVAILABLE"])),
        ("", "", "2026.2", (["OVD362"], [])),
        (
            '"RERANK_SESSION:tokenizer"',
            '"RERANK_SESSION:rerank"',
            "2026.1",
            (["OVD363"], ["AVAILABLE", "AVAILABLE"]),
        ),
        ("RERANK_SESSION", "EMBEDDINGS_SESSION", "2026.1", (["OVD363"], [])),
    ],
)
def test_the_calculators_for_models_of_a_subconfig(
    session: Path, old: str, new: str, release: str, expected: tuple[list[str], list[str]]
) -> None:
    (session / "graph.pbtxt").write_text(SESSIONS.replace(old, new) if old else SESSIONS)
    result = check(session, release=release)
    assert codes(result) == expected[0]
    assert [state for state in states(result) if state == "AVAILABLE"] == expected[1] or result.code == 1


@pytest.mark.parametrize(
    ("size", "release", "expected"),
    [
        ("4", "2026.3", ["LOADING"]),
        ("AUTO", "2026.3", ["LOADING"]),
        ("0", "2026.3", ["AVAILABLE"]),
        ("4", "2026.1", ["AVAILABLE"]),
    ],
)
def test_a_queue_starts_graphs_at_once(session: Path, size: str, release: str, expected: list[str]) -> None:
    (session / "subconfig.json").unlink()
    text = SESSION.replace('output_stream: "out"\n', 'output_stream: "result"\n', 1)
    (session / "graph.pbtxt").write_text(f"# OVMS_GRAPH_QUEUE_MAX_SIZE: {size}\n{text}")
    result = check(session, release=release)
    assert (codes(result), states(result)) == (["OVD363"], expected)


def test_a_session_without_options(session: Path) -> None:
    text = SESSION.replace("node_options { [type", "#").replace('    servable_name: "resnet"\n  } }\n', "")
    (session / "graph.pbtxt").write_text(text)
    assert codes(check(session)) == ["OVD363"]
