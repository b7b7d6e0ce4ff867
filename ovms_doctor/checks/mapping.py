"""mapping_config.json: none of its faults keeps a model from being served, which is why nobody notices."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import path_advice as places
from ovms_doctor.checks.config_place import with_place
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameter_words import described
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.mapping import MappingEffects
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.prediction.mapping import effects


def check(context: Context) -> Iterator[Finding]:
    """Each version that was tried, by the mapping that lies beside its model."""
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
    told = attempt.report if attempt.report is not None and attempt.report.inputs else attempt.inspection
    if attempt.outcome != "loaded" or told is None:
        return
    for side, tensors in (("input", told.inputs), ("output", told.outputs)):
        if tensors is None or any(not tensor.names for tensor in tensors):
            continue
        found = effects(mapping, "input" if side == "input" else "output", tensors)
        if found.unknown:
            yield _unknown(context, model, attempt, found)
        if found.lost:
            yield _lost(context, model, attempt, found)


def _finding(
    context: Context, code: str, message: str, model: ModelPlan, attempt: Attempt, **more: object
) -> Finding:
    arguments: dict[str, object] = {
        "path": attempt.names.path,
        "log": (),
        "recovers": "restart" if context.single else "config_change",
        "evidence": described(attempt),
        **more,
    }
    return context.of_attempt(code, message, model, attempt, **arguments)  # type: ignore[arg-type]


def _invalid(context: Context, model: ModelPlan, attempt: Attempt) -> Finding:
    mapping = attempt.names
    why = "is not JSON" if mapping.problem == "not_json" else "is not what the server expects"
    seen = mapping.log[0] if mapping.problem == "schema" else "its parser refuses it"
    where = with_place(mapping.path, mapping.position) if mapping.position else mapping.path
    hint = f" ({mapping.hint})" if mapping.hint else ""
    return _finding(
        context,
        "OVD461",
        f"{where} {why}{hint}: the model goes by the names that it has itself",
        model,
        attempt,
        detail="The mapping is left out, and the model is loaded all the same.",
        log=mapping.log,
        evidence=(Evidence(f"{mapping.position or mapping.path}: {seen}", "read"), *described(attempt)),
        steps=(
            places.show(
                context,
                mapping.path,
                'Write it like this: {"inputs": {"the model\'s name": "the name for clients"}, "outputs": {}}, '
                "with nothing else in it.",
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
        "OVD464",
        f"{mapping.path} names no {missing}" + (": it maps nothing" if empty else ""),
        model,
        attempt,
        severity="warning" if empty else "info",
        detail="What it does not name keeps the model's own names.",
        log=mapping.log,
    )


def _unknown(context: Context, model: ModelPlan, attempt: Attempt, found: MappingEffects) -> Finding:
    names = ", ".join(found.unknown)
    return _finding(
        context,
        "OVD462",
        f"{attempt.names.path} maps {names}, and the model has no such {found.side}",
        model,
        attempt,
        detail="The server says nothing about it. The model's own name stays in force.",
        steps=(
            Step(
                f"Write the model's name to the left, and the one for clients to the right ({found.side}s)."
            ),
        ),
    )


def _lost(context: Context, model: ModelPlan, attempt: Attempt, found: MappingEffects) -> Finding:
    words = "; ".join(f"{' and '.join(names)} as {alias}" for alias, names in found.lost)
    return _finding(
        context,
        "OVD463",
        f"{attempt.names.path} maps several {found.side}s to one name: {words}",
        model,
        attempt,
        detail=f"Clients see one {found.side} of that name and cannot reach the others. "
        "The server says nothing about it.",
        steps=(Step(f"Give each {found.side} a name of its own."),),
    )
