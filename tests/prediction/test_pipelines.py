"""Pipelines of models: what the server's validation accepts, and the first reason of a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from ovms_doctor.model.parameters import Dimension
from ovms_doctor.model.pipelines import PipelinePlan, PipelineTensor
from ovms_doctor.prediction.pipelines.definition import read_pipeline
from ovms_doctor.prediction.pipelines.validation import Found, PipelineModel, validate_pipeline


def tensor(precision: str, *sizes: int) -> PipelineTensor:
    return PipelineTensor(precision, tuple(Dimension(size, size) for size in sizes))


MODELS: dict[tuple[str, int], Found] = {
    ("fc", 0): PipelineModel({"x": tensor("FP32", 1, 8)}, {"y": tensor("FP32", 1, 8)}),
    ("fc", 3): PipelineModel({"x": tensor("FP32", 1, 8)}, {"y": tensor("FP32", 1, 8)}),
    ("wide", 0): PipelineModel({"x": tensor("FP32", 1, 9)}, {"y": tensor("FP32", 1, 9)}),
    ("any", 0): PipelineModel({"x": tensor("FP32", -1, -1)}, {"y": tensor("FP32", -1, -1)}),
    ("int", 0): PipelineModel({"x": tensor("I64", 1, 8)}, {"y": tensor("I64", 1, 8)}),
    ("str", 0): PipelineModel({"x": tensor("STRING", 1)}, {"y": tensor("STRING", 1)}),
    ("two", 0): PipelineModel(
        {"a": tensor("FP32", 1, 8), "b": tensor("FP32", 1, 8)}, {"y": tensor("FP32", 1, 8)}
    ),
    ("boxes", 0): PipelineModel({"x": tensor("FP32", 1, 8)}, {"y": tensor("FP32", 4, 1, 8)}),
    ("stack", 0): PipelineModel({"x": tensor("FP32", 4, 1, 8)}, {"y": tensor("FP32", 1, 8)}),
    ("auto", 0): PipelineModel({"x": tensor("FP32", 1, 8)}, {"y": tensor("FP32", 1, 8)}, auto=True),
    ("broken", 0): "unavailable",
    ("unseen", 0): "unknown",
}


def node(name: str, model: str, sources: dict[str, tuple[str, str]], **more: Any) -> dict[str, Any]:
    """A node of the type "DL model"; its output ``y`` has the alias ``out``."""
    inputs = [{own: {"node_name": other, "data_item": item}} for own, (other, item) in sources.items()]
    outputs = [{"data_item": "y", "alias": "out"}]
    return {
        "name": name,
        "type": "DL model",
        "model_name": model,
        "inputs": inputs,
        "outputs": outputs,
        **more,
    }


IN = {"x": ("request", "in")}


def validated(
    *nodes: dict[str, Any],
    outputs: dict[str, tuple[str, str]] | None = None,
    libraries: tuple[str, ...] = (),
    **more: Any,
) -> PipelinePlan:
    last = nodes[-1]["name"]
    pipeline_outputs = outputs or {"o": (last, "out")}
    config = {
        "name": "dag",
        "inputs": ["in"],
        "nodes": list(nodes),
        "outputs": [
            {name: {"node_name": one, "data_item": item}} for name, (one, item) in pipeline_outputs.items()
        ],
        **more,
    }
    return validate_pipeline(
        read_pipeline(config, "/p/0"),
        {"fc"},
        libraries,
        lambda name, version: MODELS.get((name, version), "missing"),
    )


SPLIT = node("split", "boxes", IN, demultiply_count=4)
EACH = node("each", "fc", {"x": ("split", "out")})


@pytest.mark.parametrize(
    "plan",
    [
        validated(node("n", "fc", IN)),
        validated(node("n", "fc", IN, version=3)),
        validated(node("a", "fc", IN), node("b", "fc", {"x": ("a", "out")})),
        # A dynamic dimension matches every other.
        validated(node("a", "wide", IN), node("b", "any", {"x": ("a", "out")})),
        validated(node("n", "two", {"a": ("request", "in"), "b": ("request", "in")})),
        # Demultiplexed, and gathered by a node or by the response.
        validated(SPLIT, EACH),
        validated(SPLIT, EACH, node("all", "stack", {"x": ("each", "out")}, gather_from_node="split")),
        validated(node("n", "str", IN)),
    ],
)
def test_accepted_pipelines(plan: PipelinePlan) -> None:
    assert (plan.available, plan.fault, plan.doubts) == (True, None, ())


FAULTS = [
    (validated(node("n", "nope", IN)), "missing_model", "Missing model: nope; version: 0"),
    (validated(node("n", "fc", IN, version=2)), "missing_model", "Missing model: fc; version: 2"),
    (validated(node("n", "broken", IN)), "unavailable_model", "Missing model: broken; version: 0"),
    (
        validated(node("n", "auto", IN)),
        "auto",
        "used model name: auto with batch/shape parameter set to 'auto'",
    ),
    (validated(node("n", "fc", {"z": ("request", "in")})), "input_name", "Node: n has no input with name: z"),
    (
        validated(node("n", "fc", {"x": ("request", "no")})),
        "source_name",
        "node: request data item: no for dependent node: n",
    ),
    (validated(node("n", "fc", {"x": ("zz", "in")})), "missing_node", "missing dependency node (name: zz)"),
    (validated(node("n", "fc", {"x": ("response", "o")})), "exit_used", "Exit node used as dependency node"),
    (
        validated(node("n", "fc", IN), outputs={"o": ("n", "y")}),
        "source_name",
        "data item: y for dependent node: response",
    ),
    (
        validated({**node("n", "fc", IN), "outputs": [{"data_item": "z", "alias": "out"}]}),
        "output_name",
        "Missing output: z of dependency node: n; data source: out",
    ),
    (
        validated(
            {**node("n", "fc", IN), "inputs": [{"x": {"node_name": "request", "data_item": "in"}}] * 2}
        ),
        "input_twice",
        "Node: n input name: x is connected to more than one data source",
    ),
    (validated(node("n", "two", {"a": ("request", "in")})), "unconnected", "has inputs:: b,  not connected"),
    (
        validated(node("a", "fc", IN), node("b", "wide", {"x": ("a", "out")})),
        "shape",
        "dependent node: b; input: x; shape: (1,9) vs dependency node: a; output: y; shape: (1,8)",
    ),
    (validated(node("a", "fc", IN), node("b", "int", {"x": ("a", "out")})), "precision", "precision: I64 vs"),
    (
        validated(node("a", "str", IN), node("b", "str", {"x": ("a", "out")})),
        "strings",
        "string precision is unsupported",
    ),
    (validated(node("n", "str", IN), demultiply_count=2), "strings", "Demultiplication of strings"),
    (validated(node("a", "fc", IN), node("a", "fc", IN)), "doubled_node", "has multiple nodes with name: a"),
    (
        validated(node("a", "fc", {"x": ("b", "out")}), node("b", "fc", {"x": ("a", "out")})),
        "cycle",
        "following nodes creates cycle: response, b",
    ),
    (validated(node("a", "fc", {"x": ("a", "out")})), "cycle", "Node: a is connected to itself"),
    (validated(node("a", "fc", IN), node("b", "fc", IN)), "loose", "there are not connected nodes"),
    (validated(node("n", "fc", IN, demultiply_count=2)), "split_rank", "not enough shape dimensions: 2"),
    (
        validated(node("n", "boxes", IN, demultiply_count=3)),
        "split_size",
        "Demultiply count: 3 of node: n does not match",
    ),
    (
        validated(SPLIT, node("each", "fc", {"x": ("split", "out")}, gather_from_node="none")),
        "gather_missing",
        "have gather_from: none which does not exist",
    ),
    (
        validated(node("a", "fc", IN), node("b", "fc", {"x": ("a", "out")}, gather_from_node="a")),
        "gather_plain",
        "have gather_from: a which is not demultiplexer node",
    ),
    (
        validated(
            node("a", "boxes", IN, demultiply_count=0),
            node("b", "fc", {"x": ("a", "out")}),
            demultiply_count=2,
        ),
        "split_dynamic",
        "multiple demultiplexers with at least one dynamic",
    ),
    (
        validated({"name": "c", "type": "custom", "library_name": "l", "inputs": [], "outputs": []}),
        "missing_library",
        "Pipeline: dag node: c refers to invalid library",
    ),
]


@pytest.mark.parametrize(("plan", "reason", "line"), FAULTS)
def test_refused_pipelines(plan: PipelinePlan, reason: str, line: str) -> None:
    assert plan.available is False
    assert plan.fault is not None
    assert plan.fault.reason == reason
    assert any(line in one for one in plan.fault.log)


def test_gathering_is_nested() -> None:
    """The inner demultiplexer has to be gathered before the outer one."""
    outer = node("outer", "boxes", IN, demultiply_count=4)
    inner = node("inner", "boxes", {"x": ("outer", "out")}, demultiply_count=4)
    both = validated(outer, inner, node("each", "fc", {"x": ("inner", "out")}))
    assert both.available is True
    wrong = validated(outer, inner, node("all", "stack", {"x": ("inner", "out")}, gather_from_node="outer"))
    assert wrong.fault is not None
    assert wrong.fault.reason in ("order", "shape")


def test_a_pipeline_cannot_have_a_models_name() -> None:
    plan = validated(node("n", "fc", IN), name="fc")
    assert plan.fault is not None
    assert (plan.fault.reason, plan.is_dropped) == ("occupied", True)


@pytest.mark.parametrize(
    "plan",
    [
        validated(node("n", "unseen", IN)),
        validated(
            {
                "name": "c",
                "type": "custom",
                "library_name": "l",
                "inputs": [],
                "outputs": [{"data_item": "y", "alias": "out"}],
            },
            libraries=("l",),
            outputs={"o": ("c", "out")},
        ),
    ],
)
def test_unknown_pipeline_is_never_reported_as_good(plan: PipelinePlan) -> None:
    assert plan.available is not True
    assert plan.doubts
