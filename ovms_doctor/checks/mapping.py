"""mapping_config.json: the model is served for any content of the file, with or without its names."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameters.text import describe_tensors
from ovms_doctor.checks.positions import with_position
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.mapping import MappingEffects
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.prediction.mapping import effects

#: When the server reads the file again.
_RELOAD = (
    "The server reads the file only when it loads the version: change the model's configuration too, or restart the "
    "server."
)

MAPPING_INVALID = Code(
    code="OVD461",
    name="mapping-invalid",
    severity="warning",
    summary="mapping_config.json is not JSON, or does not match the server's schema",
    remedy=(
        "Write only inputs and outputs, each an object of strings with the model's names as keys; "
        f"no byte order mark. {_RELOAD}"
    ),
    log=(
        server_log.MAPPING_INVALID,
        server_log.MAPPING_NOT_JSON_OLD,
        server_log.CONFIG_SCHEMA,
        server_log.CONFIG_SCHEMA_OLD,
        "Error while parsing model mapping for model",
    ),
    recovers="config_change",
    releases="Until 2022.3 each half is validated separately, and values that are not strings are accepted.",
    see_also=("OVD204", "OVD464"),
    example=Example('{"inputs": {"x": 5}}', '{"inputs": {"x": "image"}}'),
)

MAPPING_UNKNOWN_TENSOR = Code(
    code="OVD462",
    name="mapping-unknown-tensor",
    severity="warning",
    summary="mapping_config.json maps a tensor that the model does not have",
    remedy=(
        "Write the model's own name as the key. If a tensor has several names, write the first one. "
        f"{_RELOAD}"
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD425", "OVD461"),
    example=Example('{"inputs": {"image": "x"}}', '{"inputs": {"x": "image"}}'),
)

MAPPING_NAME_SHARED = Code(
    code="OVD463",
    name="mapping-name-shared",
    severity="warning",
    summary="mapping_config.json gives several tensors the same name",
    remedy=(f"Give each tensor a name of its own. {_RELOAD}"),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD462", "OVD461"),
    example=Example('{"inputs": {"a": "in", "b": "in"}}', '{"inputs": {"a": "in_a", "b": "in_b"}}'),
)

MAPPING_INCOMPLETE = Code(
    code="OVD464",
    name="mapping-incomplete",
    severity="info",
    summary="mapping_config.json has no inputs, or no outputs",
    remedy="If this is intended, do nothing. An empty object for the missing half avoids the warning.",
    log=(server_log.MAPPING_HALF,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD461",),
    example=Example('{"inputs": {"x": "image"}}', '{"inputs": {"x": "image"}, "outputs": {}}'),
)


CODES = (MAPPING_INVALID, MAPPING_UNKNOWN_TENSOR, MAPPING_NAME_SHARED, MAPPING_INCOMPLETE)


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the mapping of each version that the server tries to load."""
    for model in context.plan.models:
        for version in model.versions:
            if version.attempt is not None and version.attempt.names.path:
                yield from _version(context, model, version.attempt)


def _version(context: Context, model: ModelPlan, attempt: Attempt) -> Iterator[Finding]:
    mapping = attempt.names
    if mapping.problem in ("not_json", "schema"):
        yield _invalid(context, model, attempt)
        return
    if mapping.problem == "half":
        yield _half(context, model, attempt)
    source = attempt.report if attempt.report is not None and attempt.report.inputs else attempt.inspection
    if attempt.outcome != "loaded" or source is None:
        return
    for side, tensors in (("input", source.inputs), ("output", source.outputs)):
        if tensors is None or any(not tensor.names for tensor in tensors):
            continue
        found = effects(mapping, "input" if side == "input" else "output", tensors)
        if found.unknown:
            yield _unknown(context, model, attempt, found)
        if found.lost:
            yield _lost(context, model, attempt, found)


def _finding(
    context: Context, code: Code, message: str, model: ModelPlan, attempt: Attempt, **more: object
) -> Finding:
    arguments: dict[str, object] = {
        "path": attempt.names.path,
        "log": (),
        "recovers": "restart" if context.single else "config_change",
        "evidence": describe_tensors(attempt),
        **more,
    }
    return context.of_attempt(code, message, model, attempt, **arguments)  # type: ignore[arg-type]


def _invalid(context: Context, model: ModelPlan, attempt: Attempt) -> Finding:
    mapping = attempt.names
    reason = "is not JSON" if mapping.problem == "not_json" else "does not match the server's schema"
    error = mapping.log[0] if mapping.problem == "schema" else "the server's parser refuses it"
    position = with_position(mapping.path, mapping.position)
    hint = f" ({mapping.hint})" if mapping.hint else ""
    return _finding(
        context,
        MAPPING_INVALID,
        f"{position} {reason}{hint}: the model keeps its own names",
        model,
        attempt,
        detail="The server loads the model without the mapping.",
        log=mapping.log,
        position=mapping.position,
        evidence=(
            Evidence(f"{mapping.position or mapping.path}: {error}", "read"),
            *describe_tensors(attempt),
        ),
        steps=(
            path_advice.show(
                context,
                mapping.path,
                'Write it like this: {"inputs": {"the model\'s name": "the name for clients"}, "outputs": {}}, '
                "without other keys.",
            ),
        ),
    )


def _half(context: Context, model: ModelPlan, attempt: Attempt) -> Finding:
    mapping = attempt.names
    empty = not mapping.inputs and not mapping.outputs
    missing = " and ".join(
        half for half in ("inputs", "outputs") if any(half in line for line in mapping.log)
    )
    return _finding(
        context,
        MAPPING_INCOMPLETE,
        f"{mapping.path} has no {missing}" + (": it maps nothing" if empty else ""),
        model,
        attempt,
        severity="warning" if empty else "info",
        detail="Tensors that it does not map keep the model's own names.",
        log=mapping.log,
    )


def _unknown(context: Context, model: ModelPlan, attempt: Attempt, found: MappingEffects) -> Finding:
    names = ", ".join(found.unknown)
    return _finding(
        context,
        MAPPING_UNKNOWN_TENSOR,
        f"{attempt.names.path} maps {names}, but the model has no such {found.side}",
        model,
        attempt,
        detail="The server logs nothing about it. The tensor keeps the model's own name.",
        steps=(Step(f"Write the model's name as key and the name for clients as value ({found.side}s)."),),
    )


def _lost(context: Context, model: ModelPlan, attempt: Attempt, found: MappingEffects) -> Finding:
    shared = "; ".join(f"{' and '.join(names)} as {alias}" for alias, names in found.lost)
    return _finding(
        context,
        MAPPING_NAME_SHARED,
        f"{attempt.names.path} maps several {found.side}s to one name: {shared}",
        model,
        attempt,
        detail=f"Clients can use only one {found.side} of that name. The server logs nothing about it.",
        steps=(Step(f"Give each {found.side} a name of its own."),),
    )


CHECK = Check(
    name="mapping",
    summary="mapping_config.json against the model",
    codes=CODES,
    run=check,
)
