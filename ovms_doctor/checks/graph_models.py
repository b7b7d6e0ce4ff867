"""The models that graphs use: their subconfig files, and the names in their nodes."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.graph_plan import Session
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.plan_problems import ConfigNote

SUBCONFIG_NOT_READ = Code(
    code="OVD394",
    name="subconfig-not-read",
    severity="error",
    summary="The models of a graph's subconfig file are not loaded",
    remedy="Correct the file that ends the reading, and change the configuration so that the server loads it again.",
    log=(server_log.SUBCONFIG_NOT_JSON,),
    recovers="config_change",
    releases=(
        "Since 2023.0. Since 2025.1 a config.json beside the graph counts where there is no subconfig.json: one of "
        "Hugging Face lists no models, and ends the reading for all later graphs."
    ),
    see_also=("OVD395", "OVD403"),
    example=Example(
        'subconfig.json   {"model_config_list": [}', 'subconfig.json   {"model_config_list": []}'
    ),
)
SERVABLE_UNKNOWN = Code(
    code="OVD395",
    name="servable-unknown",
    severity="error",
    summary="A node of the graph uses a model that the server does not have",
    remedy="List the model in the graph's subconfig.json or in the configuration, under the name that the node has.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD394",),
    example=Example(
        'servable_name: "resnet"   no such model', '"config": {"name": "resnet", …} in subconfig.json'
    ),
)
CODES = (SUBCONFIG_NOT_READ, SERVABLE_UNKNOWN)


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on subconfig files that are not read, and on names without a model."""
    for note in context.plan.config_notes:
        if note.kind in ("subconfig_not_json", "subconfig_skipped"):
            yield _not_read(context, note)
    if context.deployment.arguments is None and context.plan.config_path is None:
        # For a target alone it is not known which other models are listed with it.
        return
    plan = context.plan
    known = {model.entry.name for model in plan.models} | {item.entry.name for item in plan.skipped}
    known |= {pipeline.name for pipeline in plan.pipelines}
    unread = any(note.kind.startswith("subconfig") for note in plan.config_notes)
    for model in plan.models:
        graph = model.followed
        if graph is None or graph.verdict != "available" or not model.tried or unread:
            continue
        for session in graph.sessions:
            if session.servable not in known:
                yield _unknown(context, model, graph.path, session)


def _not_read(context: Context, note: ConfigNote) -> Finding:
    if note.kind == "subconfig_not_json":
        message, document = (
            f"{note.text}, which lists the models of the graph {note.model}, is not JSON: {note.other}",
            note.text,
        )
    else:
        document = note.other
        message = (
            f"{note.text}, which lists models of the graph {note.model}, is not read: {document} of a graph before it "
            "lists no models and ends the reading"
        )
    return context.finding(
        SUBCONFIG_NOT_READ,
        message,
        model=note.model,
        path=note.text,
        detail="The graph is loaded nevertheless, and requests to it fail: its nodes find no model.",
        confidence="medium",
        log=note.log,
        evidence=(Evidence(f"{document}: {note.other or 'no list of models'}", "read as the server's user"),),
        recovers="restart" if context.single else "config_change",
        steps=(Step("Read the file.", f"cat {quote(context.host(document))}", "host", "reads"),),
    )


def _unknown(context: Context, model: ModelPlan, path: str, session: Session) -> Finding:
    return context.finding(
        SERVABLE_UNKNOWN,
        f"{path}, line {session.line}: a node of the graph {model.entry.name} uses the model "
        f"{session.servable}, which the server does not have",
        model=model.entry.name,
        path=path,
        base=model.entry.base_path,
        detail=f"{model.entry.name} is AVAILABLE, and requests to it fail.",
        confidence="medium",
        evidence=(
            Evidence(f'{path}, line {session.line}: servable_name: "{session.servable}"', "read of the file"),
        ),
        recovers="restart" if context.single else "config_change",
    )
