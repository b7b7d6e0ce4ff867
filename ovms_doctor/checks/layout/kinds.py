"""Graphs and generative models that are not followed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.generative_layout import hides_versions
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import PathStatus, StatPath
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import ModelPlan

GRAPH_NOT_FOLLOWED = Code(
    code="OVD121",
    name="graph-not-followed",
    severity="info",
    summary="A graph.pbtxt makes this a MediaPipe graph with calculators whose effect is not predicted",
    remedy="If it is intended as a graph, do nothing. Otherwise move graph.pbtxt to another directory.",
    releases="Since 2025.1; before, graph.pbtxt beside model versions is ignored.",
    see_also=("OVD122",),
    example=Example("m/graph.pbtxt\nm/1/model.xml\nm/1/model.bin", "m/1/model.xml\nm/1/model.bin"),
)

GENERATIVE_NOT_FOLLOWED = Code(
    code="OVD122",
    name="generative-not-followed",
    severity="info",
    summary=(
        "--task, or a config.json or model_index.json, makes this a generative model: its version directories are "
        "not read"
    ),
    remedy=(
        "If it is intended as a generative model, do nothing. Otherwise remove --task, or move "
        "config.json and model_index.json to another directory."
    ),
    releases=(
        "In single-model mode only: from these files since 2026.3, with --task since 2026.2; before, "
        "--task applies to models that the server downloads."
    ),
    see_also=("OVD121", "OVD408"),
    example=Example(
        "m/config.json   names an architecture\nm/1/model.xml\nm/1/model.bin", "m/1/model.xml\nm/1/model.bin"
    ),
)


#: The files by which the server recognises a path as a generative model (cli_parser.cpp, v2026.3).
_GENERATIVE = ("config.json", "model_index.json")


CODES = (GRAPH_NOT_FOLLOWED, GENERATIVE_NOT_FOLLOWED)


def check(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields a finding on an entry that is a graph or a generative model."""
    if hides_versions(context, model):
        # Another finding reports it.
        return
    if model.kind == "generative" and (model.followed is None or model.followed.verdict != "available"):
        # The directory may not be intended as a generative model.
        yield _generative(context, model)
    elif model.followed is not None and not model.followed.unfollowed:
        return
    elif model.kind == "generative":
        yield _generative(context, model)
    elif model.followed is not None and model.followed.verdict == "unknown":
        graph = model.followed
        yield context.finding(
            GRAPH_NOT_FOLLOWED,
            f"{model.entry.name} is a MediaPipe graph: the server loads {posixpath.basename(graph.path)}, not a model "
            f"version; what {', '.join(graph.unfollowed)} does is not predicted",
            model=model.entry.name,
            path=model.entry.base_path,
        )


def _generative(context: Context, model: ModelPlan) -> Finding:
    """Returns the finding on a generative model: its task is set, or inferred from files of the model, and the remedy
    depends on which."""
    entry = model.entry
    arguments = context.deployment.arguments
    task = None if arguments is None else arguments.value("task")
    if task is not None:
        evidence_text, method = f"--task {task}", "the argument line"
        remedy = "If it is intended as a generative model, do nothing. Otherwise remove --task."
    else:
        base = context.absolute(entry.base_path).rstrip("/")
        directories = [
            name
            for name in _GENERATIVE
            if isinstance(context.facts.get(StatPath(f"{base}/{name}")), PathStatus)
        ]
        evidence_text, method = (
            ", ".join(f"{base}/{name}" for name in directories),
            "stat as the server's user",
        )
        files = " and ".join(directories) or "config.json"
        remedy = (
            f"If it is intended as a generative model, do nothing. Otherwise move {files} to another "
            "directory."
        )
    return context.finding(
        GENERATIVE_NOT_FOLLOWED,
        f"{entry.name} is a generative model: the server builds a graph for it in memory",
        model=entry.name,
        path=entry.base_path,
        evidence=(Evidence(evidence_text, method),) if evidence_text else (),
        remedy=remedy,
    )
