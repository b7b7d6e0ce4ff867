"""Parameters without an effect, and deprecated ones."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameters.hints import form_steps
from ovms_doctor.checks.parameters.text import describe_tensors, locate_parameter, show_parameter
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Finding, Step
from ovms_doctor.model.parameters import ANONYMOUS, ParameterWarning
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.prediction.mapping import tensor_name

PARAMETER_IGNORED = Code(
    code="OVD423",
    name="parameter-ignored",
    severity="warning",
    summary="A model parameter has no effect",
    remedy="Correct the value, or remove it.",
    log=(
        server_log.SHAPE_IGNORED,
        server_log.BATCH_IGNORED,
        server_log.BOTH_SHAPE_AND_BATCH,
        server_log.LOADER_OPTIONS_UNPARSABLE,
        server_log.SHAPE_NAME_FORBIDDEN,
        server_log.POLICY_ITEM,
        "Parsing dimension string",
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD421", "OVD425"),
    example=Example('"shape": "(1,3,a)"', '"shape": "(1,3,224)"'),
)

PARAMETER_DEPRECATED = Code(
    code="OVD424",
    name="parameter-deprecated",
    severity="info",
    summary="A model parameter is deprecated",
    remedy=(
        "Use dynamic dimensions instead of auto, such as (-1,3,224,224), and the new name of a key, which "
        "the warning contains."
    ),
    log=(
        server_log.BATCH_AUTO_DEPRECATED,
        server_log.SHAPE_AUTO_DEPRECATED,
        "plugin config key is deprecated. Use",
    ),
    releases="auto since 2023.3, the keys since 2022.3.",
    see_also=("OVD423",),
    example=Example('"shape": "auto"', '"shape": "(-1,3,224,224)"'),
)


CODES = (PARAMETER_IGNORED, PARAMETER_DEPRECATED)


def check_warnings(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields a finding on each parameter that the server warns about, or ignores."""
    if model.parameters is not None:
        for warning in model.parameters.warnings:
            yield _warning(context, model, warning)


def _warning(context: Context, model: ModelPlan, warning: ParameterWarning) -> Finding:
    messages = {
        "ignored": "is not valid; the server ignores it",
        "both": "is ignored, because a shape is configured too",
        "deprecated": "is deprecated",
        "reserved": f"has no effect for {ANONYMOUS}, a name that the server reserves",
    }
    if warning.kind == "deprecated" and warning.parameter == "plugin_config":
        return _renamed_keys(context, model, warning)
    parameter_text = show_parameter(model.entry, warning.parameter)
    position, evidence, at = locate_parameter(context, model.entry, warning.parameter)
    return context.finding(
        PARAMETER_DEPRECATED if warning.kind == "deprecated" else PARAMETER_IGNORED,
        f"{position}{parameter_text} {messages[warning.kind]}",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        log=warning.log,
        at=at,
        evidence=evidence,
        recovers="restart" if context.single else "config_change",
        steps=form_steps(warning.parameter, context.deployment.release)
        if warning.kind in ("ignored", "reserved")
        else (),
        remedy="Use dynamic dimensions instead of auto, such as (-1,3,224,224)."
        if warning.kind == "deprecated"
        else "",
    )


def _renamed_keys(context: Context, model: ModelPlan, warning: ParameterWarning) -> Finding:
    """Returns the finding on deprecated plugin_config keys, which the server passes to OpenVINO under their new
    names."""
    pairs = [
        (line.partition(" ")[0], line.rpartition("Use ")[2].partition(" instead")[0].strip())
        for line in warning.log
    ]
    old = pairs[0][0]
    position, evidence, at = locate_parameter(context, model.entry, "plugin_config", old)
    renamed = ", ".join(f"{key} as {new}" for key, new in pairs)
    return context.finding(
        PARAMETER_DEPRECATED,
        f"{position}plugin_config: the server passes {renamed} to OpenVINO, because the old name is deprecated",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The property still has its effect.",
        log=warning.log,
        at=at,
        evidence=evidence,
        recovers="restart" if context.single else "config_change",
        steps=tuple(Step(f"Replace {key} by {new}.") for key, new in pairs),
        remedy="Use the new name of the key.",
    )


def check_shapes(context: Context, model: ModelPlan, attempt: Attempt) -> Iterator[Finding]:
    """Yields a finding on each shape for another name of an input than its first.

    The server accepts the name when it validates the shapes, but does not find it when it applies them.
    """
    source = attempt.report or attempt.inspection
    if model.parameters is None or source is None or source.inputs is None:
        return
    used = {attempt.names.alias("input", tensor_name(one)) or tensor_name(one) for one in source.inputs}
    for name, shape in model.parameters.shapes:
        if name == ANONYMOUS or name in used or shape.auto or model.parameters.batch is not None:
            continue
        position, evidence, at = locate_parameter(context, model.entry, "shape", name)
        yield context.of_attempt(
            PARAMETER_IGNORED,
            f"{position}The shape for {name} has no effect: the server uses another name for this input",
            model,
            attempt,
            severity="warning",
            detail="The model is served with its own shape.",
            log=(),
            at=at,
            evidence=(*evidence, *describe_tensors(attempt)),
            steps=(Step(f"Use the server's name of the input: {', '.join(sorted(used))}."),),
        )
