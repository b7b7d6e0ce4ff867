"""The rest of a configuration: libraries, pipelines, and keys that do not do what they seem to."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.config_place import located, place_text
from ovms_doctor.checks.context import Context
from ovms_doctor.findings import Evidence, Finding
from ovms_doctor.serving.model import ConfigNote, LibraryFault, PipelineFault

_HOW = "read of the configuration"
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
    for pipeline in context.plan.pipelines:
        yield _pipeline(context, pipeline)
    for note in context.plan.config_notes:
        finding = _note(context, note)
        if finding is not None:
            yield finding


def _evidence(context: Context, pointer: str, what: str) -> tuple[Evidence, ...]:
    place = place_text(context, pointer)
    return (Evidence(f"{place}: {what}" if place else what, _HOW),)


def _library(context: Context, fault: LibraryFault) -> Finding:
    what = "custom loader" if fault.kind == "loader" else "custom node library"
    return context.finding(
        "OVD441",
        f"{located(context, fault.pointer)}: the {what} {fault.name} cannot be opened: {_WHY[fault.why]}",
        path=fault.path,
        detail="The server starts all the same; what needs the library is not served.",
        log=fault.log,
        evidence=_evidence(context, fault.pointer, fault.path),
        recovers="config_change",
    )


def _pipeline(context: Context, fault: PipelineFault) -> Finding:
    reasons = {
        "duplicate": "an earlier pipeline has its name",
        "occupied": "a model or graph has its name",
        "missing_model": f"it needs the model {fault.what}, which is not loaded",
        "missing_library": f"it needs the custom node library {fault.what}, which is not loaded",
        "missing_node": f"it refers to a node {fault.what}, which there is not",
        "doubled_node": f"it has several nodes called {fault.what}",
    }
    return context.finding(
        "OVD442",
        f"{located(context, fault.pointer)}: the pipeline {fault.name} is not served: "
        f"{reasons[fault.reason]}",
        model=fault.name,
        path=context.plan.config_path,
        detail="The server starts and answers “ready”; requests to this pipeline fail. The models are "
        "served.",
        log=fault.log,
        evidence=_evidence(context, fault.pointer, fault.what),
        recovers="config_change",
    )


def _note(context: Context, note: ConfigNote) -> Finding | None:
    if note.kind == "doubled_key":
        places = context.plan.places
        place = places.again(note.text) if places is not None else None
        where = context.plan.config_path or "the configuration"
        return context.finding(
            "OVD418",
            f"{where}{f':{place.line}:{place.column}' if place else ''}: the key {note.text} stands twice: "
            f"only one of them counts",
            path=context.plan.config_path,
            evidence=(Evidence(f"{place}: {note.text}" if place else note.text, _HOW),),
            recovers="config_change",
        )
    if note.kind == "ignored_key":
        return context.finding(
            "OVD419",
            f"{located(context, note.pointer)}: {note.text} beside “config” has no effect",
            model=note.model,
            path=context.plan.config_path,
            evidence=_evidence(context, note.pointer, note.text),
            recovers="config_change",
        )
    if note.kind == "graph_keys":
        return context.finding(
            "OVD445",
            f"{located(context, note.pointer)}: {note.model} is a graph, for which {note.text} has no effect",
            model=note.model,
            path=context.plan.config_path,
            evidence=_evidence(context, note.pointer, note.text),
            recovers="config_change",
        )
    return _no_base_path(context, note)


def _no_base_path(context: Context, note: ConfigNote) -> Finding | None:
    """An entry without a base path, unless it is a graph in a directory of its own name."""
    if not any(
        model.entry.name == note.model and model.kind == "classic" and model.entry.base_path == note.text
        for model in context.plan.models
    ):
        return None
    return context.finding(
        "OVD446",
        f"{located(context, note.pointer)}: {note.model} has no base_path: the server looks for its "
        f"versions in the configuration's own directory, {note.text}",
        model=note.model,
        path=note.text,
        evidence=_evidence(context, note.pointer, "base_path is missing or empty"),
        recovers="config_change",
    )
