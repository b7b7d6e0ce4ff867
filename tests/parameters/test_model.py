"""Parameters and mappings for a model in memory: facts in, plan and findings out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from ovms_doctor.checks import mapping, parameters
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameters.text import show_parameter
from ovms_doctor.model.deployment import ModelEntry, ModelParameters
from ovms_doctor.model.facts import Answer, AnyQuestion, Facts, ModelInspection, Tensor
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.plan import Plan
from tests.prediction.memory import INPUT, deployment, model_of, settle


def plan_and_findings(
    names: str | None = None, release: str = "2026.3", **parameter_values: Any
) -> tuple[Plan, list[Finding]]:
    """The plan and findings for a model with the input x [1,3] and the output y [1,10]; ``names``: its
    mapping_config.json."""
    values = tuple((name, json.dumps(value)) for name, value in parameter_values.items())
    entry = ModelEntry("m", "/m", parameters=ModelParameters(values, "config"))
    files = model_of("1")
    if names is not None:
        files.files["/m/1/mapping_config.json"] = names
    server = deployment(release, entry=entry)
    plan = settle(server, files)
    context = Context(server, plan, Facts(complete=True))
    return plan, [*parameters.check(context), *mapping.check(context)]


@pytest.mark.parametrize(
    ("names", "parameter_values", "status", "code"),
    [
        (None, {"shape": {"z": "(2,3)"}}, "CONFIG_SHAPE_IS_NOT_IN_MODEL", "OVD425"),
        (None, {"layout": {"z": "NC"}}, "CONFIG_LAYOUT_IS_NOT_IN_MODEL", "OVD425"),
        (
            '{"inputs":{"x":"in"}}',
            {"shape": {"x": "(2,3)"}},
            "CONFIG_SHAPE_MAPPED_BUT_USED_REAL_NAME",
            "OVD426",
        ),
        (
            '{"outputs":{"y":"o"}}',
            {"layout": {"y": "NC"}},
            "CONFIG_LAYOUT_MAPPED_BUT_USED_REAL_NAME",
            "OVD426",
        ),
        (None, {"nireq": 100001}, "INVALID_NIREQ", "OVD434"),
    ],
)
def test_refused(names: str | None, parameter_values: dict[str, Any], status: str, code: str) -> None:
    plan, findings = plan_and_findings(names, **parameter_values)
    attempt = plan.models[0].versions[0].attempt
    assert attempt is not None
    assert attempt.status == status
    (error,) = [finding for finding in findings if finding.severity == "error"]
    assert error.code == code
    assert error.remedy is not None
    assert error.remedy.steps
    assert error.server_log[:-1] == attempt.log


@pytest.mark.parametrize(
    "parameter_values",
    [
        {"shape": {"x": "(2,3)"}},
        {"nireq": 100000},
        {"batch_size": "auto"},
        {"target_device": "GPU"},
        {"shape": "1,3"},
        {"shape": {"ANONYMOUS_INPUT_NAME": "(7,7)"}},
    ],
)
def test_served(parameter_values: dict[str, Any]) -> None:
    plan, findings = plan_and_findings(**parameter_values)
    assert plan.models[0].served_later == (1,)
    assert not [finding for finding in findings if finding.severity == "error"]


def test_both_values_of_a_doubled_name_are_known() -> None:
    """The check of names accepts the shape with either value; only the last value takes effect."""
    names = '{"inputs": {"x": "a", "x": "b"}, "outputs": {}}'
    for name, codes in (("a", ["OVD423"]), ("b", [])):
        plan, findings = plan_and_findings(names, shape={name: "(1,3)"})
        assert plan.models[0].served_later == (1,)
        assert [finding.code for finding in findings] == codes


def test_one_key_of_a_plugin_config_is_shown() -> None:
    plugin_config = {"NUM_STREAMS": "1", "API_TOKEN": "***"}
    for source in ("config", "arguments"):
        value = json.dumps(plugin_config) if source == "arguments" else plugin_config
        values = (("plugin_config", json.dumps(value)),)
        entry = ModelEntry("m", "/m", parameters=ModelParameters(values, source))  # type: ignore[arg-type]
        assert '"NUM_STREAMS": "1", "API_TOKEN": "***"' in show_parameter(entry, "plugin_config")
        assert show_parameter(entry, "plugin_config", key="NUM_STREAMS").endswith('{"NUM_STREAMS": "1"}')
    broken = ModelEntry("m", "/m", parameters=ModelParameters((("plugin_config", '"***"'),), "arguments"))
    assert show_parameter(broken, "plugin_config") == "--plugin_config ***"


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        ("{", ["OVD461"]),
        ('{"inputs": {"x": 5}}', ["OVD461"]),
        ('{"inputs": {"x": "a"}, "note": 1}', ["OVD461"]),
        ('{"inputs": {"zzz": "a"}, "outputs": {}}', ["OVD462"]),
        ('{"inputs": {"x": "a"}}', ["OVD464"]),
        ('{"inputs": {"x": "a"}, "outputs": {"y": "b"}}', []),
    ],
)
def test_mapping_does_not_stop_the_start(names: str, codes: list[str]) -> None:
    plan, findings = plan_and_findings(names)
    assert plan.models[0].served_later == (1,)
    assert [finding.code for finding in findings] == codes
    assert all(finding.severity != "error" for finding in findings)


SCALAR = Tensor(("s",), "f32", "[]")
MATRIX = Tensor(("y",), "f32", "[1,10]")


@pytest.mark.parametrize(
    ("inputs", "parameter_values", "status", "code"),
    [
        ((SCALAR,), {"batch_size": 2}, "MODEL_NOT_LOADED", "OVD429"),
        ((SCALAR,), {"batch_size": "auto"}, "MODEL_WITH_SCALAR_AUTO_UNSUPPORTED", "OVD429"),
        # OpenVINO sets the batch of the other inputs and does not change the scalar.
        ((INPUT, SCALAR), {"batch_size": 2}, None, None),
        ((SCALAR,), {}, None, None),
        ((INPUT,), {"layout": {"y": "NCHW"}}, "MODEL_NOT_LOADED", "OVD430"),
        ((INPUT,), {"layout": {"y": "NHWC:NCHW"}}, "MODEL_NOT_LOADED", "OVD430"),
        ((INPUT,), {"layout": {"y": "N"}}, "MODEL_NOT_LOADED", "OVD430"),
        ((INPUT,), {"layout": {"y": "NC"}}, None, None),
        ((INPUT,), {"layout": {"y": "N..."}}, None, None),
        ((INPUT,), {"layout": {"x": "NCHW"}}, "MODEL_NOT_LOADED", "OVD430"),
    ],
)
@pytest.mark.parametrize("release", ["2025.4", "2026.3"])
def test_ranks_are_checked_without_openvino(
    inputs: tuple[Tensor, ...],
    parameter_values: dict[str, Any],
    status: str | None,
    code: str | None,
    release: str,
) -> None:
    values = tuple((name, json.dumps(value)) for name, value in parameter_values.items())
    entry = ModelEntry("m", "/m", parameters=ModelParameters((*values, ("target_device", '"CPU"')), "config"))
    server = deployment(release, entry=entry, load="none")
    files = model_of("1")
    answer = files.answer

    def inspected(question: AnyQuestion) -> Answer:
        found = answer(question)
        if isinstance(found, ModelInspection):
            return replace(found, inputs=inputs, outputs=(MATRIX,))
        return found

    files.answer = inspected  # type: ignore[method-assign]
    plan = settle(server, files)
    attempt = plan.models[0].versions[0].attempt
    assert attempt is not None
    assert (attempt.outcome, attempt.status) == (("loaded", "OK") if status is None else ("failed", status))
    errors = [
        item
        for item in parameters.check(Context(server, plan, Facts(complete=True)))
        if item.severity == "error"
    ]
    assert [item.code for item in errors] == ([] if code is None else [code])
