"""Base paths that contain a generative model, or are above a model or graph: the right path for the server."""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec import Struct

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.deployment import ModelEntry
from ovms_doctor.model.findings import Recovers, Step
from ovms_doctor.model.model_files import is_generative
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import ServableBelow

_KINDS = {"graph": "graph", "generative": "generative model", "model": "model"}
_SHOWN = 4


class ServableAdvice(Struct, frozen=True):
    """The text of a finding on a base path that contains, or is above, a model or graph."""

    #: The end of the message, after a colon.
    message: str
    #: The steps of the remedy.
    steps: tuple[Step, ...]
    #: Replaces the remedy of the code.
    remedy: str
    #: How the server applies the remedy.
    recovers: Recovers


def advice_on(context: Context, model: ModelPlan) -> ServableAdvice | None:
    """Returns the advice on a base path in which the server finds no version; None if there is nothing to serve."""
    entries = model.detection.listing.entries if model.detection.listing else ()
    files = {entry.name for entry in entries if entry.kind != "directory"}
    if is_generative(files):
        itself = ServableBelow(model.entry.base_path, "graph" if "graph.pbtxt" in files else "generative")
        return ServableAdvice(
            f"it holds a {_KINDS[itself.kind]}, which has no versions",
            serve_steps(context, model.entry, (itself,)),
            "Serve it as a generative model.",
            _recovers(context),
        )
    return advice_below(context, model.entry, model.detection.below)


def advice_below(
    context: Context, entry: ModelEntry, below: Sequence[ServableBelow]
) -> ServableAdvice | None:
    """Returns the advice on a base path below which there is something to serve; None if there is nothing."""
    if not below:
        return None
    kinds = {item.kind for item in below}
    kind = _KINDS[below[0].kind] if len(kinds) == 1 else "model"
    path_list = ", ".join(item.path for item in below[:_SHOWN]) + (" …" if len(below) > _SHOWN else "")
    one = len(below) == 1
    return ServableAdvice(
        f"the {kind} is in a deeper directory, {path_list}"
        if one
        else f"the {kind}s are in deeper directories: {path_list}",
        serve_steps(context, entry, below),
        f"Name the directory of the {kind}." if one else f"Name the directory of one {kind}.",
        _recovers(context),
    )


def _recovers(context: Context) -> Recovers:
    return "restart" if context.single or context.plan.outcome == "exits" else "config_change"


def serve_steps(context: Context, entry: ModelEntry, servables: Sequence[ServableBelow]) -> tuple[Step, ...]:
    """Returns the steps that name a directory to the server instead of the base path of ``entry``; the first few if
    there are several."""
    several = len(servables) > 1
    steps = []
    for item in servables[:_SHOWN]:
        text = _named(context, entry, item)
        if text:
            steps.append(Step(f"Give the server {text}" if not several else f"For {item.path}: {text}"))
        if item.kind == "generative" and not _without_graph(context):
            steps.append(_graph_step(context, item.path))
    if several and not entry.pointer:
        command = f"ovms-doctor check {quote(context.host(entry.base_path))}"
        steps.append(Step("Or serve all of them by a configuration; check them.", command, "host", "reads"))
    return tuple(steps)


def _named(context: Context, entry: ModelEntry, item: ServableBelow) -> str:
    """Returns the option or key that names a directory; empty if it is named already."""
    release = context.deployment.release
    listed = entry.pointer.lstrip("#").startswith("/mediapipe_config_list")
    if item.kind == "graph" and not release.finds_graphs and not listed:
        value = json.dumps({"name": entry.name, "base_path": item.path}, ensure_ascii=False)
        return f'in "mediapipe_config_list": {value}'
    same = item.path.rstrip("/") == entry.base_path.rstrip("/")
    if entry.pointer:
        return "" if same else f'"base_path": {json.dumps(item.path, ensure_ascii=False)}'
    task = (
        " --task TASK"
        if item.kind == "generative" and _without_graph(context) and not _infers(context)
        else ""
    )
    return "" if same and not task else f"--model_path {quote(item.path)}{task}"


def _without_graph(context: Context) -> bool:
    """Whether the server creates a generative model's graph itself: in single-model mode, since v2026.2 with --task."""
    return context.single and context.deployment.release.at_least(2026, 2)


def _infers(context: Context) -> bool:
    """Whether the server infers the task."""
    return context.deployment.release.looks_for_generative_model


def _graph_step(context: Context, path: str) -> Step:
    if context.deployment.release.at_least(2026, 3):
        command = f"ovms --configure --model_path {quote(path)} --task TASK"
        return Step("Let the server write its graph.pbtxt.", command, "docker run", "changes files")
    return Step(f"Put a graph.pbtxt into {path}, as the server writes it with --pull.")
