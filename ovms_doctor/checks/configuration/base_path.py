"""Entries without a base path."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.positions import config_evidence, locate
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Finding, Step
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import ConfigNote

NO_BASE_PATH = Code(
    code="OVD446",
    name="no-base-path",
    severity="warning",
    summary="An entry has no base_path: the server uses the directory of the configuration",
    remedy="Add base_path: a relative one is relative to the directory of the configuration.",
    log=(server_log.VERSION_NOT_NUMBER,),
    recovers="config_change",
    releases=(
        "The key is optional since 2025.1; before, the whole file is invalid (OVD404). An empty "
        "string means the same in all releases."
    ),
    see_also=("OVD404", "OVD101"),
    example=Example('{"config": {"name": "m"}}', '{"config": {"name": "m", "base_path": "/models/m"}}'),
)


CODES = (NO_BASE_PATH,)


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding on each entry without a base path, unless it is a graph in a directory of its own name."""
    for note in context.plan.config_notes:
        if note.kind == "no_base_path":
            yield from _finding(context, note)


def _finding(context: Context, note: ConfigNote) -> Iterator[Finding]:
    model = next(
        (
            model
            for model in context.plan.models
            if model.entry.name == note.model
            and model.kind == "classic"
            and model.entry.base_path == note.text
        ),
        None,
    )
    if model is None:
        return
    is_empty = not model.detection.found
    yield context.finding(
        NO_BASE_PATH,
        f"{locate(context, note.pointer)}: {note.model} has no base_path: the server looks for its "
        f"versions in the directory of the configuration, {note.text}",
        model=note.model,
        path=note.text,
        severity="error" if is_empty else None,
        detail=context.failure_effect(model) if is_empty else "",
        log=tuple(line for line in model.detection.log if line.startswith("No version")) if is_empty else (),
        at=note.pointer,
        evidence=config_evidence(context, note.pointer, "base_path is missing or empty"),
        recovers="config_change",
        steps=base_path_step(model),
    )


def base_path_step(model: ModelPlan) -> tuple[Step, ...]:
    """Returns a step with the base path, if the directory of the configuration contains one with the model's name."""
    entries = model.detection.listing.entries if model.detection.listing is not None else ()
    if not any(entry.name == model.entry.name and entry.kind in ("directory", "link") for entry in entries):
        return ()
    return (Step(f'Add "base_path": {json.dumps(model.entry.name, ensure_ascii=False)} to the entry.'),)
