"""Entries of the configuration that are left out although their parameters are valid."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.configuration.libraries import custom_loader
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.positions import config_evidence, locate, subconfig_evidence
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import CausedBy, Evidence, Finding
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import SkippedEntry

BEHIND_LIST_GIVEN_UP = Code(
    code="OVD417",
    name="behind-list-given-up",
    severity="error",
    summary="The server stops reading the list at an earlier entry, so it does not load this one",
    remedy="Correct the entry that is refused (OVD422).",
    log=(server_log.LIST_FAILED, server_log.SUBCONFIG_FAILED),
    recovers="config_change",
    releases="Since 2022.2.",
    see_also=("OVD422",),
    example=Example(
        (
            '{"config": {"name": "a", "base_path": "/models/a", "plugin_config": {"FOO": "1"}}},\n'
            '{"config": {"name": "b", "base_path": "/models/b"}}'
        ),
        (
            '{"config": {"name": "a", "base_path": "/models/a"}},\n'
            '{"config": {"name": "b", "base_path": "/models/b"}}'
        ),
    ),
)

CUSTOM_LOADER_MISSING = Code(
    code="OVD420",
    name="custom-loader-missing",
    severity="error",
    summary="A model needs a custom loader that does not exist",
    remedy=(
        "Add the loader to custom_loader_config_list, with a library that the server can open, or "
        "remove custom_loader_options from the entry."
    ),
    log=(server_log.LOADER_NOT_FOUND,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD441",),
    example=Example(
        (
            '{"config": {"name": "m", "base_path": "/models/m", "custom_loader_options": {"loader_name": '
            '"l"}}}'
        ),
        '{"config": {"name": "m", "base_path": "/models/m"}}',
    ),
)

GRAPH_NAME_TAKEN = Code(
    code="OVD443",
    name="graph-name-taken",
    severity="error",
    summary="A graph is not loaded, because another servable has its name",
    remedy="Give the graph a name of its own.",
    log=(
        server_log.GRAPH_NAME_OCCUPIED,
        server_log.DUPLICATE_GRAPH,
    ),
    recovers="config_change",
    releases="Since 2023.0.",
    see_also=("OVD402",),
    example=Example(
        ('"model_config_list": [{"config": {"name": "m", …}}],\n"mediapipe_config_list": [{"name": "m"}]'),
        ('"model_config_list": [{"config": {"name": "m", …}}],\n"mediapipe_config_list": [{"name": "g"}]'),
    ),
)


DUPLICATE_MODEL_NAME = Code(
    code="OVD402",
    name="duplicate-model-name",
    severity="warning",
    summary="Two entries of the configuration have the same name",
    remedy="Give each entry a name of its own.",
    log=(server_log.DUPLICATE_NAME,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD409",),
    example=Example(
        '{"config": {"name": "m", …}}\n{"config": {"name": "m", …}}', '{"config": {"name": "m", …}}'
    ),
)


CODES = (BEHIND_LIST_GIVEN_UP, CUSTOM_LOADER_MISSING, GRAPH_NAME_TAKEN, DUPLICATE_MODEL_NAME)


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on repeated names, entries after the end of the list, graphs and custom loaders."""
    for name in context.plan.duplicates:
        yield _duplicate(context, name)
    aborting: SkippedEntry | None = None
    for item in context.plan.skipped:
        if item.reason == "aborts":
            aborting = item
        elif item.reason == "after_abort" and aborting is not None:
            yield _after(context, item, aborting)
        elif item.reason in ("occupied", "duplicate"):
            yield _graph(context, item)
    for model in context.plan.models:
        loader = custom_loader(model)
        found = model.unknown is None and model.detection.status == "OK"
        if loader is not None and found and not model.tried:
            yield _no_loader(context, model, loader)


def _duplicate(context: Context, name: str) -> Finding:
    return context.finding(
        DUPLICATE_MODEL_NAME,
        f"Several entries of the configuration have the name {name}: only the first one is loaded",
        model=name,
        path=context.plan.config_path,
        log=(server_log.DUPLICATE_NAME(model=name),),
        evidence=(Evidence(f"several entries named {name}", "read of the configuration"),),
        recovers="config_change",
    )


def _after(context: Context, item: SkippedEntry, aborting: SkippedEntry) -> Finding:
    description = "comes after the entry that is refused"
    if item.file:
        position, evidence = item.file, subconfig_evidence(item, description)
        log = aborting.log[-1:]
    else:
        position = locate(context, item.entry.pointer)
        evidence = config_evidence(context, item.entry.pointer, description)
        list_failed = server_log.LIST_FAILED()
        log = tuple(line for line in aborting.log if line == list_failed)
    return context.finding(
        BEHIND_LIST_GIVEN_UP,
        f"{position}: {item.entry.name} is never loaded, because the server stops reading the list at "
        f"{aborting.entry.name}",
        model=item.entry.name,
        path=item.file or context.plan.config_path,
        detail="This entry is valid. Nothing is served under this name.",
        log=log,
        at=None if item.file else item.entry.pointer,
        evidence=evidence,
        recovers="config_change",
        causes=(CausedBy("OVD422", any_model=True),),
    )


def _graph(context: Context, item: SkippedEntry) -> Finding:
    other = "a model" if item.reason == "occupied" else "another graph"
    return context.finding(
        GRAPH_NAME_TAKEN,
        f"{locate(context, item.entry.pointer)}: the graph {item.entry.name} is not loaded, because {other} "
        f"has its name",
        model=item.entry.name,
        path=context.plan.config_path,
        severity="warning" if item.reason == "duplicate" else None,
        log=item.log,
        at=item.entry.pointer,
        evidence=config_evidence(context, item.entry.pointer, f"name: {item.entry.name}"),
        recovers="config_change",
    )


def _no_loader(context: Context, model: ModelPlan, loader: str) -> Finding:
    pointer = f"{model.entry.pointer}/custom_loader_options"
    libraries = {item.name: item.path for item in context.plan.libraries if item.kind == "loader"}
    cause = libraries.get(loader)
    return context.finding(
        CUSTOM_LOADER_MISSING,
        f"{locate(context, pointer)}: {model.entry.name} needs the custom loader {loader}, which does not exist",
        model=model.entry.name,
        path=context.plan.config_path,
        detail="The start counts as a success: the server answers “ready”, but serves nothing under this name.",
        log=(server_log.LOADER_NOT_FOUND(name=loader),),
        at=pointer,
        evidence=config_evidence(context, pointer, f"loader_name: {loader}"),
        recovers="config_change",
        causes=() if cause is None else (CausedBy("OVD441", path=cause, any_model=True),),
    )
