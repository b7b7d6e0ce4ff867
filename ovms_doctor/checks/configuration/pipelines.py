"""Pipelines of models that the server does not serve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.positions import config_evidence, locate
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import CausedBy, Finding, Step
from ovms_doctor.model.pipelines import PipelineFault, PipelineFaultKind

PIPELINE_NOT_SERVED = Code(
    code="OVD442",
    name="pipeline-not-served",
    severity="error",
    summary="A pipeline is not served, because its configuration is not valid",
    remedy="Correct the pipeline, or add the missing model, library or node.",
    log=(
        server_log.DUPLICATE_PIPELINE,
        server_log.PIPELINE_NAME_OCCUPIED,
        server_log.PIPELINE_LIBRARY_MISSING,
        server_log.PIPELINE_MODEL_MISSING,
        server_log.PIPELINE_NODE_MISSING,
        server_log.PIPELINE_NODE_TWICE,
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD441", "OVD402"),
    example=Example(
        '{"name": "n", "type": "DL model", "model_name": "missing", …}',
        '{"name": "n", "type": "DL model", "model_name": "m", …}',
    ),
)


#: The reason of each kind, as the end of “the pipeline … is not served: …”.
_REASONS: Mapping[PipelineFaultKind, Callable[[PipelineFault], str]] = {
    "duplicate": lambda fault: "an earlier pipeline has its name",
    "occupied": lambda fault: "a model or graph has its name",
    "missing_model": lambda fault: f"it needs the model {fault.subject}, which is not loaded",
    "unavailable_model": lambda fault: (
        f"version {fault.needed} of the model {fault.subject}, which the node {fault.node} names, is not served"
        if fault.needed
        else f"no version of the model {fault.subject} is served"
    ),
    "missing_library": lambda fault: f"it needs the custom node library {fault.subject}, which is not loaded",
    "missing_node": lambda fault: (
        f"the node {fault.node} refers to a node {fault.subject}, which does not exist"
    ),
    "doubled_node": lambda fault: f"several nodes have the name {fault.subject}",
    "exit_used": lambda fault: (
        f"the node {fault.node} takes an input from “response”, which is the end of the pipeline"
    ),
    "auto": lambda fault: f"the shape or batch size of the model {fault.subject} is “auto”",
    "strings": lambda fault: (
        f"the node {fault.node} takes strings, which are neither split nor passed between models"
    ),
    "gather_missing": lambda fault: (
        f"the node {fault.node} gathers from {fault.subject}, which does not exist"
    ),
    "gather_plain": lambda fault: (
        f"the node {fault.node} gathers from {fault.subject}, which has no demultiply_count"
    ),
    "split_rank": lambda fault: (
        f"the node {fault.node} splits the tensor {fault.subject} of shape {fault.provided}, and at least three "
        "dimensions are needed"
    ),
    "split_size": lambda fault: (
        f"the node {fault.node} splits the tensor {fault.subject} into {fault.needed} parts, and its first dimension "
        f"is {fault.provided}"
    ),
    "split_dynamic": lambda fault: (
        f"several nodes have a demultiply_count ({fault.subject}), and then none of them can be dynamic"
    ),
    "source_name": lambda fault: (
        f"the node {fault.node} takes “{fault.subject}” from the node {fault.other}, which offers "
        f"{fault.provided or 'nothing'}"
    ),
    "output_name": lambda fault: (
        f"the node {fault.other} offers the output “{fault.subject}” of its model, which has {fault.provided}"
    ),
    "input_name": lambda fault: (
        f"the node {fault.node} names the input “{fault.subject}”, and its model has {fault.needed}"
    ),
    "input_twice": lambda fault: f"the input “{fault.subject}” of the node {fault.node} has two sources",
    "unconnected": lambda fault: f"the node {fault.node} has inputs without a source: {fault.subject}",
    "shape": lambda fault: (
        f"the input “{fault.subject}” of the node {fault.node} has the shape {fault.needed}, and the node "
        f"{fault.other} gives {fault.provided}"
    ),
    "precision": lambda fault: (
        f"the input “{fault.subject}” of the node {fault.node} has the precision {fault.needed}, and the node "
        f"{fault.other} gives {fault.provided}"
    ),
    "cycle": lambda fault: f"nodes are connected in a circle: {fault.subject}",
    "loose": lambda fault: f"nothing connects the response with the nodes {fault.subject}",
    "order": lambda fault: f"what is split is not gathered in the reverse order: {fault.subject}",
}
#: The remedy, if the reason itself does not name it.
_STEPS: Mapping[PipelineFaultKind, str] = {
    "duplicate": "Give one of the two pipelines another name.",
    "occupied": "Give the pipeline another name.",
    "auto": "Set a dynamic shape for the model, for instance (-1,3,224,224), instead of “auto”.",
    "split_dynamic": "Give each demultiplexer a fixed demultiply_count, or keep one demultiplexer only.",
    "missing_model": "Add the model to model_config_list, or correct model_name.",
    "unavailable_model": "Repair the model: the pipeline is validated again as soon as a version of it is served.",
}


CODES = (PIPELINE_NOT_SERVED,)


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding for each pipeline that is refused."""
    for pipeline in context.plan.pipelines:
        if pipeline.fault is not None:
            yield _finding(context, pipeline.fault, later=pipeline.later_available)


def _finding(context: Context, fault: PipelineFault, *, later: bool | None) -> Finding:
    libraries = {library.name: library.path for library in context.plan.libraries if library.kind == "nodes"}
    library = libraries.get(fault.subject) if fault.reason == "missing_library" else None
    causes: tuple[CausedBy, ...] = ()
    if library is not None:
        causes = (CausedBy("OVD441", path=library, any_model=True),)
    elif fault.reason == "unavailable_model":
        causes = _causes_of_model(context, fault.subject)
    step = _STEPS.get(fault.reason)
    if fault.reason == "unavailable_model" and fault.needed:
        served = [
            str(version)
            for model in context.plan.models
            if model.entry.name == fault.subject
            for version in model.served
        ]
        if served:
            step = f"Name a version that is served ({', '.join(served)}), or leave “version” out for the newest one."
    return context.finding(
        PIPELINE_NOT_SERVED,
        f"{locate(context, fault.pointer)}: the pipeline {fault.name} is not served: "
        f"{_REASONS[fault.reason](fault)}",
        model=fault.name,
        path=context.plan.config_path,
        # The pipeline before it answers the requests for this name.
        severity="warning" if fault.reason == "duplicate" else None,
        detail=(
            "The server starts and answers “ready”; /v1/config shows the pipeline as LOADING with the error code "
            "FAILED_PRECONDITION, and requests to it fail. The models are served."
            if fault.reason not in ("duplicate", "occupied")
            else "The server starts and answers “ready”. The models are served."
        ),
        log=fault.log,
        at=fault.pointer,
        evidence=config_evidence(context, fault.pointer, fault.subject),
        recovers="next_poll" if later else "config_change",
        steps=() if step is None else (Step(step),),
        causes=causes,
        serving_effect="pipeline not served",
    )


def _causes_of_model(context: Context, name: str) -> tuple[CausedBy, ...]:
    """Returns as causes all findings on the versions of a model that are not served."""
    for model in context.plan.models:
        if model.entry.name == name:
            versions = [item.version for item in model.versions if item.fails]
            return tuple(CausedBy(model=name, version=version) for version in versions)
    return ()
