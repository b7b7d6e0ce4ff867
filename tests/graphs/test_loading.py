"""Models of graphs loaded here: their IRs by OpenVINO, complete pipelines by OpenVINO GenAI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from making import generative

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import (
    AnyQuestion,
    Facts,
    FactsMissingError,
    LoadModel,
    LoadPipeline,
    LoadReport,
    Unavailable,
)
from ovms_doctor.model.graph_plan import GraphPlan
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.graphs.follow import follow_graph
from ovms_doctor.probes.local import LocalCollector
from tests.cli.run import Result, ovms_doctor

pytestmark = pytest.mark.needs_module("openvino", "openvino_tokenizers")
needs_genai = pytest.mark.needs_module("openvino_genai")
MODELS = {
    "text_generation": generative.language_model,
    "embeddings": generative.embeddings,
    "rerank": generative.reranker,
}


def make(directory: Path, task: str = "text_generation", options: str = "") -> Path:
    """A model, served by the graph.pbtxt beside it."""
    directory.mkdir(parents=True)
    for name, content in MODELS[task]().items():
        (directory / name).write_bytes(content)
    (directory / "graph.pbtxt").write_bytes(generative.graph(task, options))
    return directory


def check(root: Path, load: str) -> Result:
    return ovms_doctor("check", root, "--load", load, "--format", "json", "--ovms-version", "2026.3")


def bases(result: Result) -> list[str]:
    models = json.loads(result.out)["models"]
    return [version["state_basis"] for model in models for version in model["versions"]]


def codes(result: Result) -> list[str]:
    return [item["code"] for item in json.loads(result.out)["findings"]]


@pytest.mark.parametrize("load", ["none", "read", pytest.param("compile", marks=needs_genai)])
def test_how_far_models_were_loaded(public_dir: Path, load: str) -> None:
    for task in MODELS:
        make(public_dir / "models" / task, task)
    result = check(public_dir / "models", load)
    assert (codes(result), result.code) == ([], 0)
    assert bases(result) == [{"none": "static", "read": "read", "compile": "compiled"}[load]] * 3


def test_openvino_message_is_in_the_log_line_of_the_server(public_dir: Path) -> None:
    root = make(public_dir / "m", "embeddings")
    xml = root / "openvino_model.xml"
    xml.write_text(xml.read_text().replace('type="Gather"', 'type="Gatherer"', 1))
    result = check(root, "read")
    (finding,) = json.loads(result.out)["findings"]
    assert finding["code"] == "OVD367"
    (line,) = finding["server_log"]
    assert line.startswith("Failed to process mediapipe graph config:Exception from ")
    assert "doesn't contain the operation with type: Gatherer" in line
    assert codes(check(root, "none")) == ["OVD375"]


@needs_genai
@pytest.mark.slow
def test_a_pipeline_that_is_refused(public_dir: Path) -> None:
    root = make(public_dir / "m", options='plugin_config: \'{"KV_CACHE_PRECISION": "int8"}\'')
    result = check(root, "compile")
    (finding,) = json.loads(result.out)["findings"]
    assert (finding["code"], finding["severity"]) == ("OVD375", "error")
    assert "Wrong value int8 for property key KV_CACHE_PRECISION" in finding["message"]
    assert f"models_path: {root} exception: Exception from" in finding["server_log"][0]
    document = json.loads(result.out)
    assert document["models"][0]["versions"][0]["error_code"] == "FAILED_PRECONDITION"


@needs_genai
@pytest.mark.slow
def test_the_child_answers_with_the_servers_paths(public_dir: Path) -> None:
    root = make(public_dir / "m", "rerank")
    (root / "openvino_model.bin").unlink()
    question = LoadPipeline(str(root), "rerank")
    with LocalCollector(None) as collector:
        report = collector.collect([question])[question]
    assert isinstance(report, LoadReport)
    assert (report.outcome, report.level) == ("failed", "compile")
    assert "Empty weights data" in report.message
    assert report.runtime


def test_text_operations_are_loaded_only_on_request(public_dir: Path) -> None:
    """Their library cannot be unloaded, and a classic model must be read without it."""
    path = str(make(public_dir / "m") / "openvino_tokenizer.xml")
    plain, with_library = LoadModel(path, "read"), LoadModel(path, "read", tokenizers=True)
    with LocalCollector(None) as collector:
        answers = collector.collect([with_library, plain])
    first, second = answers[with_library], answers[plain]
    assert isinstance(first, LoadReport)
    assert isinstance(second, LoadReport)
    assert (first.outcome, second.outcome) == ("ok", "failed")
    assert "from unsupported opset: extension" in second.message


def planned(root: Path, load: Any, answers: dict[type, Any]) -> GraphPlan:
    """The prediction if all questions of a type have this answer."""
    deployment = Deployment("single", parse_release("2026.3"), "test", options=CheckOptions(load=load))
    facts = Facts()
    with LocalCollector(None) as collector:
        while True:
            try:
                return follow_graph("m", f"{root}/graph.pbtxt", str(root), deployment, facts)
            except FactsMissingError as missing:
                known_answers: dict[AnyQuestion, Any] = {
                    one: answers[type(one)]
                    for one in missing.questions
                    if type(one) in answers and getattr(one, "tokenizers", True)
                }
                left = [one for one in missing.questions if one not in known_answers]
                facts.add({**collector.collect(left), **known_answers})


def test_without_the_library_of_text_operations(tmp_path: Path) -> None:
    missing = Unavailable("the Python package openvino_tokenizers is not installed")
    plan = planned(make(tmp_path / "m"), "read", {LoadModel: missing})
    assert (plan.verdict, plan.basis, plan.models[0].not_loaded) == ("available", "static", ())


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (LoadReport("compile", "ok", "compile", "", "2026.4.1"), "available"),
        (LoadReport("compile", "failed", "compile", "Check failed\n", "2026.4.1"), "failed"),
        (LoadReport("compile", "crashed", "compile", "", "2026.4.1", 11, detail="signal 11"), "killed"),
        (LoadReport("compile", "timed_out", "compile", "", "2026.4.1", detail="too long"), "unknown"),
        (LoadReport("compile", "out_of_memory", "compile", "", "2026.4.1"), "unknown"),
        (Unavailable("openvino_genai is not installed"), "available"),
        (Unavailable("it did not answer", timed_out=True), "unknown"),
    ],
)
@pytest.mark.sample(every=3)
def test_consequences_of_a_load(tmp_path: Path, report: Any, verdict: str) -> None:
    plan = planned(make(tmp_path / "m"), "compile", {LoadPipeline: report})
    assert plan.verdict == verdict
    not_loaded = [reason for model in plan.models for reason in model.not_loaded]
    missing = isinstance(report, Unavailable) and not report.timed_out
    assert not_loaded == ([f"{tmp_path}/m: openvino_genai is not installed"] if missing else [])


def test_a_pipeline_that_cannot_be_loaded_is_a_note(public_dir: Path, tmp_path: Path) -> None:
    root = make(public_dir / "m", options='device: "GPU"')
    result = check(root, "compile")
    assert "OVD908" in codes(result)
    assert "only the CPU is tried" in result.text
