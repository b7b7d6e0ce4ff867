"""Keys of the configuration that are repeated, have no effect, or have another value than they seem to have."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameters.ignored import PARAMETER_IGNORED
from ovms_doctor.checks.positions import config_evidence, locate, with_position
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan_problems import ConfigNote

KEY_DOUBLED = Code(
    code="OVD418",
    name="key-doubled",
    severity="warning",
    summary="A key is repeated in one object of the configuration, and only one of them counts",
    remedy="Remove the wrong one.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD404",),
    example=Example(
        '{"name": "m", "base_path": "/models/old", "base_path": "/models/new"}',
        '{"name": "m", "base_path": "/models/new"}',
    ),
)

KEY_WITHOUT_EFFECT = Code(
    code="OVD419",
    name="key-without-effect",
    severity="warning",
    summary="A key beside “config” has no effect",
    remedy="Remove the key; a key that “config” accepts can be moved there.",
    recovers="config_change",
    releases="Until 2023.3; from 2024.0 on it is OVD404.",
    see_also=("OVD404",),
    example=Example(
        '{"config": {"name": "m", "base_path": "/models/m"}, "nireq": 4}',
        '{"config": {"name": "m", "base_path": "/models/m", "nireq": 4}}',
    ),
)

GRAPH_IGNORES_PARAMETERS = Code(
    code="OVD445",
    name="graph-ignores-parameters",
    severity="warning",
    summary="An entry is a graph, for which parameters of a model have no effect",
    remedy=(
        "Move the settings into subconfig.json or the graph itself; or move graph.pbtxt away, if the entry "
        "is not intended as a graph."
    ),
    recovers="config_change",
    releases="Since 2025.1.",
    see_also=("OVD444",),
    example=Example(
        '{"config": {"name": "g", "base_path": "/models/graph", "nireq": 4}}',
        '{"config": {"name": "g", "base_path": "/models/graph"}}',
    ),
)

TEXT_ENDS_AT_NUL = Code(
    code="OVD449",
    name="text-ends-at-nul",
    severity="warning",
    summary=(
        "A string in the configuration contains a NUL character (\\u0000), and the server reads only the "
        "text before it"
    ),
    remedy="Remove \\u0000 from the string.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD403",),
    example=Example('"name": "m\\u0000x"', '"name": "m"'),
)


CODES = (KEY_DOUBLED, KEY_WITHOUT_EFFECT, GRAPH_IGNORES_PARAMETERS, TEXT_ENDS_AT_NUL)


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding on each note of the plan on the configuration, except those on base paths."""
    for note in context.plan.config_notes:
        if note.kind not in ("no_base_path", "subconfig_not_json", "subconfig_skipped"):
            yield _finding(context, note)


def _finding(context: Context, note: ConfigNote) -> Finding:
    if note.kind == "doubled_key":
        positions = context.plan.config_positions
        position = positions.repeated(note.text) if positions is not None else None
        path = context.plan.config_path or "the configuration"
        return context.finding(
            KEY_DOUBLED,
            f"{with_position(path, position)}: the key {note.text} is repeated, and "
            f"{_effective_key(context, note.text)}",
            path=context.plan.config_path,
            position=position,
            evidence=(
                Evidence(f"{position}: {note.text}" if position else note.text, "read of the configuration"),
            ),
            recovers="config_change",
        )
    if note.kind == "ignored_key":
        return context.finding(
            KEY_WITHOUT_EFFECT,
            f"{locate(context, note.pointer)}: {note.text} beside “config” has no effect",
            model=note.model,
            path=context.plan.config_path,
            at=note.pointer,
            evidence=config_evidence(context, note.pointer, note.text),
            recovers="config_change",
            remedy=f"Move {note.text} into “config”, or remove it."
            if note.movable
            else f"Remove {note.text}.",
        )
    if note.kind == "graph_keys":
        return context.finding(
            GRAPH_IGNORES_PARAMETERS,
            f"{locate(context, note.pointer)}: {note.model} is a graph, for which {note.text} has no effect",
            model=note.model,
            path=context.plan.config_path,
            at=note.pointer,
            evidence=config_evidence(context, note.pointer, note.text),
            recovers="config_change",
        )
    if note.kind in ("policy", "policy_item"):
        return _policy(context, note)
    return context.finding(
        TEXT_ENDS_AT_NUL,
        f"{locate(context, note.pointer)}: the server reads the string {note.text} only up to its NUL character",
        path=context.plan.config_path,
        at=note.pointer,
        evidence=config_evidence(context, note.pointer, f"\\u0000 in {note.text}"),
        recovers="config_change",
    )


def _effective_key(context: Context, key: str) -> str:
    """Returns the key that counts among equal keys: the first (FindMember), unless the server iterates over all of
    them."""
    pointer = (
        context.plan.config_positions.doubled(key) if context.plan.config_positions is not None else None
    )
    inside = None if pointer is None else pointer.split("/")[-2]
    known = inside is not None and inside not in ("shape", "layout", "plugin_config")
    return "the server uses the first one" if known else "the server uses only one of them"


def _policy(context: Context, note: ConfigNote) -> Finding:
    """Returns the finding on a version policy that is not valid, completely or in part."""
    policy_text = (
        f"--model_version_policy {note.text}" if not note.pointer else f'"model_version_policy": {note.text}'
    )
    position = f"{locate(context, note.pointer)}: " if note.pointer else ""
    undefined = note.kind == "policy" and not note.log
    detail = "The server warns about it, and serves the latest version."
    message = f"{position}{policy_text} is not a valid policy: the server uses latest 1"
    if note.kind == "policy_item":
        message = f"{position}{policy_text}: the server ignores items that are not a number greater than 0"
        detail = "The server warns about each of them, and uses the others."
    elif undefined:
        message = f"{position}{policy_text} contains a value of a type that the server does not expect"
        detail = (
            "The server does not check the type, and reads the value as a number. It is not known which "
            "versions it requests."
        )
    return context.finding(
        PARAMETER_IGNORED,
        message,
        model=note.model,
        path=context.plan.config_path if note.pointer else None,
        detail=detail,
        confidence="low" if undefined else None,
        log=note.log,
        at=note.pointer,
        evidence=config_evidence(context, note.pointer, policy_text)
        if note.pointer
        else (Evidence(policy_text, "read of the arguments"),),
        recovers="config_change" if note.pointer else "restart",
        steps=(
            Step('Write {"latest": {"num_versions": 1}}, {"specific": {"versions": [1]}} or {"all": {}}.'),
        ),
    )
