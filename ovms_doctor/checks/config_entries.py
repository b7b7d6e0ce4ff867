"""The entries of a configuration that are left out, beside those whose parameters are wrong."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.positions import line_and_column, locate
from ovms_doctor.model import server_log
from ovms_doctor.model.findings import CausedBy, Evidence, Finding
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import SkippedEntry

_HOW = "read of the configuration"


def check(context: Context) -> Iterator[Finding]:
    for name in context.plan.duplicates:
        yield _duplicate(context, name)
    aborting = next((item for item in context.plan.skipped if item.reason == "aborts"), None)
    for item in context.plan.skipped:
        if item.reason == "after_abort" and aborting is not None:
            yield _after(context, item, aborting)
        elif item.reason in ("occupied", "duplicate"):
            yield _graph(context, item)
    for model in context.plan.models:
        loader = loader_of(model)
        found = model.unknown is None and model.detection.status == "OK"
        if loader is not None and found and not model.tried:
            yield _no_loader(context, model, loader)


def _evidence(context: Context, pointer: str, what: str) -> tuple[Evidence, ...]:
    place = line_and_column(context, pointer)
    return (Evidence(f"{place}: {what}" if place else what, _HOW),)


def _duplicate(context: Context, name: str) -> Finding:
    return context.finding(
        "OVD402",
        f"The name {name} stands in the configuration more than once: only the first one is loaded",
        model=name,
        path=context.plan.config_path,
        log=(server_log.DUPLICATE_NAME(model=name),),
        evidence=(Evidence(f"several entries named {name}", _HOW),),
        recovers="config_change",
    )


def _after(context: Context, item: SkippedEntry, aborting: SkippedEntry) -> Finding:
    return context.finding(
        "OVD417",
        f"{locate(context, item.entry.pointer)}: {item.entry.name} is never loaded, for the server gives up "
        f"the list at {aborting.entry.name}",
        model=item.entry.name,
        path=context.plan.config_path,
        detail="Nothing is wrong with this entry. Nothing is served under this name.",
        log=(server_log.LIST_FAILED(),) if server_log.LIST_FAILED() in aborting.log else (),
        evidence=_evidence(context, item.entry.pointer, "stands behind the entry that is refused"),
        recovers="config_change",
        causes=(CausedBy("OVD422", any_model=True),),
    )


def _graph(context: Context, item: SkippedEntry) -> Finding:
    other = "a model" if item.reason == "occupied" else "another graph"
    return context.finding(
        "OVD443",
        f"{locate(context, item.entry.pointer)}: the graph {item.entry.name} is not loaded, for {other} "
        f"has its name",
        model=item.entry.name,
        path=context.plan.config_path,
        severity="warning" if item.reason == "duplicate" else None,
        log=item.log,
        evidence=_evidence(context, item.entry.pointer, f"name: {item.entry.name}"),
        recovers="config_change",
    )


def loader_of(model: ModelPlan) -> str | None:
    """The custom loader that an entry names."""
    options = model.entry.parameters.get("custom_loader_options")
    if model.entry.parameters.source != "config" or not isinstance(options, dict):
        return None
    name = options.get("loader_name")
    return name if isinstance(name, str) else None


def _no_loader(context: Context, model: ModelPlan, loader: str) -> Finding:
    pointer = f"{model.entry.pointer}/custom_loader_options"
    libraries = {item.name: item.path for item in context.plan.libraries if item.kind == "loader"}
    cause = libraries.get(loader)
    return context.finding(
        "OVD420",
        f"{locate(context, pointer)}: {model.entry.name} wants the custom loader {loader}, which there is "
        "not",
        model=model.entry.name,
        path=context.plan.config_path,
        detail="The server takes that for a success. It starts, answers “ready”, and serves nothing under "
        "this name.",
        log=(server_log.LOADER_NOT_FOUND(name=loader),),
        evidence=_evidence(context, pointer, f"loader_name: {loader}"),
        recovers="config_change",
        causes=() if cause is None else (CausedBy("OVD441", path=cause, any_model=True),),
    )
