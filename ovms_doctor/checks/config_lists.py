"""The rest of a configuration: libraries, pipelines, and keys that do not do what they seem to."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ovms_doctor.checks import pipelines
from ovms_doctor.checks import unmounted_paths as outside
from ovms_doctor.checks.config_entries import loader_of
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.parameters.ignored import PARAMETER_IGNORED
from ovms_doctor.checks.positions import line_and_column, locate
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import ConfigNote, LibraryFault

_HOW = "read of the configuration"
_ARGUMENTS = "read of the arguments"
_WHY = {
    "missing": "it is not there",
    "denied": "the server's user may not read it",
    "escapes": "its path leads upwards with “..”",
    "relative": "its path is relative, because --config_path is",
    "not_a_library": "it is not a shared library",
}


def check(context: Context) -> Iterator[Finding]:
    for library in context.plan.libraries:
        yield _library(context, library)
    yield from pipelines.check(context)
    for note in context.plan.config_notes:
        finding = _note(context, note)
        if finding is not None:
            yield finding


def _evidence(context: Context, pointer: str, what: str) -> tuple[Evidence, ...]:
    place = line_and_column(context, pointer)
    return (Evidence(f"{place}: {what}" if place else what, _HOW),)


def _library(context: Context, fault: LibraryFault) -> Finding:
    what = "custom loader" if fault.kind == "loader" else "custom node library"
    why = _WHY[fault.reason]
    words = None
    if fault.reason == "missing":
        words = outside.words_for(context, fault.path, "the library", directory=False)
    evidence = _evidence(context, fault.pointer, fault.path)
    needed = _needed_by(context, fault)
    then = f"what needs the library is not served: {needed}." if needed else "nothing needs the library."
    return context.finding(
        "OVD441",
        f"{locate(context, fault.pointer)}: the {what} {fault.name} cannot be opened: "
        + (words.message if words is not None else why),
        path=fault.path,
        detail=f"The server starts all the same; {then}",
        severity="error" if needed else None,
        confidence=None if words is None else words.confidence,
        log=fault.log,
        evidence=evidence if words is None else (*evidence, *words.evidence),
        recovers="config_change",
        steps=() if words is None else words.steps,
    )


def _needed_by(context: Context, fault: LibraryFault) -> str:
    """What is not served for want of the library: pipelines, or models that the loader was to bring."""
    if fault.kind == "nodes":
        names = [
            pipeline.name
            for pipeline in context.plan.pipelines
            if pipeline.fault is not None
            and pipeline.fault.reason == "missing_library"
            and pipeline.fault.subject == fault.name
        ]
        return ", ".join(f"pipeline {name}" for name in names)
    return ", ".join(
        f"model {model.entry.name}"
        for model in context.plan.models
        if not model.tried and model.unknown is None and loader_of(model) == fault.name
    )


def _which(context: Context, key: str) -> str:
    """Of equal keys the server takes the first (FindMember), but where it goes through all of them."""
    pointer = context.plan.places.doubled(key) if context.plan.places is not None else None
    inside = None if pointer is None else pointer.split("/")[-2]
    known = inside is not None and inside not in ("shape", "layout", "plugin_config")
    return "the server takes the first" if known else "only one of them counts"


def _note(context: Context, note: ConfigNote) -> Finding | None:
    if note.kind == "doubled_key":
        places = context.plan.places
        place = places.again(note.text) if places is not None else None
        where = context.plan.config_path or "the configuration"
        return context.finding(
            "OVD418",
            f"{where}{f':{place.line}:{place.column}' if place else ''}: the key {note.text} stands twice: "
            f"{_which(context, note.text)}",
            path=context.plan.config_path,
            evidence=(Evidence(f"{place}: {note.text}" if place else note.text, _HOW),),
            recovers="config_change",
        )
    if note.kind == "ignored_key":
        return context.finding(
            "OVD419",
            f"{locate(context, note.pointer)}: {note.text} beside “config” has no effect",
            model=note.model,
            path=context.plan.config_path,
            evidence=_evidence(context, note.pointer, note.text),
            recovers="config_change",
        )
    if note.kind == "graph_keys":
        return context.finding(
            "OVD445",
            f"{locate(context, note.pointer)}: {note.model} is a graph, for which {note.text} has no effect",
            model=note.model,
            path=context.plan.config_path,
            evidence=_evidence(context, note.pointer, note.text),
            recovers="config_change",
        )
    if note.kind in ("policy", "policy_item"):
        return _policy(context, note)
    if note.kind == "nul":
        return context.finding(
            "OVD449",
            f"{locate(context, note.pointer)}: the text of {note.text} ends for the server at its NUL character",
            path=context.plan.config_path,
            evidence=_evidence(context, note.pointer, f"\\u0000 in {note.text}"),
            recovers="config_change",
        )
    return _no_base_path(context, note)


def _policy(context: Context, note: ConfigNote) -> Finding:
    """A version policy that is not understood, or not in all of its parts."""
    given = (
        f"--model_version_policy {note.text}" if not note.pointer else f'"model_version_policy": {note.text}'
    )
    where = f"{locate(context, note.pointer)}: " if note.pointer else ""
    undefined = note.kind == "policy" and not note.log
    detail = "The server warns about it, and serves the latest version."
    message = f"{where}{given} is nothing that the server understands: latest 1 holds"
    if note.kind == "policy_item":
        message = f"{where}{given}: what is no number greater than 0 is left out"
        detail = "The server warns about each, and goes by the others."
    elif undefined:
        message = f"{where}{given} holds a value of another kind than the server takes it for"
        detail = (
            "The server does not look, and reads whatever is there as a number: no telling what it asks for."
        )
    return context.finding(
        PARAMETER_IGNORED,
        message,
        model=note.model,
        path=context.plan.config_path if note.pointer else None,
        detail=detail,
        confidence="low" if undefined else None,
        log=note.log,
        evidence=_evidence(context, note.pointer, given) if note.pointer else (Evidence(given, _ARGUMENTS),),
        recovers="config_change" if note.pointer else "restart",
        steps=(
            Step('Write {"latest": {"num_versions": 1}}, {"specific": {"versions": [1]}} or {"all": {}}.'),
        ),
    )


def _no_base_path(context: Context, note: ConfigNote) -> Finding | None:
    """An entry without a base path, unless it is a graph in a directory of its own name."""
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
        return None
    nothing = not model.detection.found
    return context.finding(
        "OVD446",
        f"{locate(context, note.pointer)}: {note.model} has no base_path: the server looks for its "
        f"versions in the configuration's own directory, {note.text}",
        model=note.model,
        path=note.text,
        severity="error" if nothing else None,
        detail=context.what_then(model) if nothing else "",
        log=tuple(line for line in model.detection.log if line.startswith("No version")) if nothing else (),
        evidence=_evidence(context, note.pointer, "base_path is missing or empty"),
        recovers="config_change",
        steps=base_path_step(model),
    )


def base_path_step(model: ModelPlan) -> tuple[Step, ...]:
    """What to write as base path, where a directory of the model's name lies beside the configuration."""
    entries = model.detection.listing.entries if model.detection.listing is not None else ()
    if not any(entry.name == model.entry.name and entry.kind in ("directory", "link") for entry in entries):
        return ()
    return (Step(f'Add "base_path": {json.dumps(model.entry.name, ensure_ascii=False)} to the entry.'),)
