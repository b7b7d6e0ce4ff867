"""Remote storage: what path and environment alone decide, and what the store then says."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import TOLD_ENVIRONMENT, TOLD_PATH, Context
from ovms_doctor.checks.storage import access as store_access
from ovms_doctor.checks.storage import content as store_content
from ovms_doctor.checks.storage import google as storage_google
from ovms_doctor.checks.storage import s3 as storage_s3
from ovms_doctor.checks.storage import s3_path as storage_s3_place
from ovms_doctor.model.findings import Evidence, Finding, Recovers, Step
from ovms_doctor.model.names import is_remote, remote_but_for_capitals
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.storage_plan import StoreFault, StorePlan

_FILES = (".xml", ".onnx", ".pdmodel", ".pdiparams", ".pb", ".tflite")


def check(context: Context) -> Iterator[Finding]:
    """Nothing for what works; what may work, depending on the store, is no more than an info."""
    stores = context.plan.stores
    yield from storage_s3.of_client(context, [item for item in stores if item.s3 is not None])
    yield from storage_google.of_client(context, [item for item in stores if item.gcs is not None])
    for item in stores:
        if item.fault is not None and item.fault.kind != "escapes":
            yield from _fault(context, item, item.fault)
        else:
            yield from storage_s3_place.of_place(context, item)
            yield from _place(context, item)
    yield from store_access.check(context)
    yield from store_content.check(context)
    for model in context.plan.models:
        yield from _not_in_store(context, model)
    yield from _config(context)


def _picked_up(context: Context) -> Recovers:
    return "restart" if context.single else "config_change"


def _fault(context: Context, item: StorePlan, fault: StoreFault) -> Iterator[Finding]:
    """What ends the model, or the server."""
    if fault.kind == "key file":
        yield storage_google.key_file(context, item, fault)
        return
    if fault.kind == "endpoint host":
        yield storage_s3_place.refused_host(context, item, fault)
        return
    if fault.kind == "no connection string":
        yield context.finding(
            "OVD644",
            f"{item.path} needs AZURE_STORAGE_CONNECTION_STRING, which is not set: the server ends over it",
            model=item.model,
            path=item.path,
            detail="The line that it ends with names neither Azure nor the variable.",
            confidence="medium",
            log=fault.log,
            evidence=(
                Evidence("AZURE_STORAGE_CONNECTION_STRING: not set, or set to nothing", TOLD_ENVIRONMENT),
            ),
            recovers="restart",
        )
        return
    model = next(model for model in context.plan.models if model.entry.name == item.model)
    words = {
        "trailing slash": (
            "OVD643",
            f"{item.path} ends with a slash, which the client for Azure refuses",
            (Step(f"Write {item.path.rstrip('/')} for the base path."),)
            if "://" in item.path.rstrip("/")
            else (),
        ),
        "share root": (
            "OVD643",
            f"{item.path} names a share and no directory in it: none of it is served",
            (),
        ),
        "container root": (
            "OVD643",
            f"{item.path} names a container and no directory in it, which this release never finds",
            (),
        ),
    }
    code = "OVD642" if item.store == "gcs" else "OVD621"
    empty = (code, f"{item.path} names no bucket", ())
    code, message, steps = words.get(fault.kind, empty)
    yield context.finding(
        code,
        message,
        model=item.model,
        path=item.path,
        detail=context.what_then(model),
        confidence=context.confidence() if fault.exact else "medium",
        log=fault.log,
        evidence=(Evidence(item.path, TOLD_PATH),),
        recovers="restart" if context.plan.outcome == "exits" else _picked_up(context),
        steps=steps,
    )


def _place(context: Context, item: StorePlan) -> Iterator[Finding]:
    """Paths that the server understands, but perhaps not as they were meant."""
    bucket = item.s3[0].bucket if item.s3 else item.gcs[0].bucket if item.gcs else ""
    if bucket.startswith("/"):
        yield context.finding(
            "OVD645",
            f"{item.path} has a slash where the bucket should begin: the server asks for a bucket called {bucket}",
            model=item.model,
            path=item.path,
            confidence="medium",
            evidence=(Evidence(item.path, TOLD_PATH),),
            recovers=_picked_up(context),
        )
    elif item.path.endswith(_FILES) and item.path.count("/") > 2:
        yield context.finding(
            "OVD635",
            f"{item.path} looks like a file; in a store the server takes it for a directory with versions in it",
            model=item.model,
            path=item.path,
            confidence="medium",
            evidence=(Evidence(item.path, TOLD_PATH),),
            recovers=_picked_up(context),
        )


def _not_in_store(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """What looks like a store and is none to the server."""
    path, base = model.entry.base_path, model.detection.problem
    scheme = remote_but_for_capitals(path)
    if base is not None and base.kind == "missing" and scheme:
        yield context.finding(
            "OVD645",
            f"{path} is a local path to the server: {scheme} must be written in small letters",
            severity="info",
            model=model.entry.name,
            path=path,
            evidence=(Evidence(path, TOLD_PATH),),
            recovers=_picked_up(context),
        )
    if model.kind == "graph" and model.graph is not None and is_remote(model.graph.path):
        yield context.finding(
            "OVD637",
            f"{model.graph.path} is in a store, and a graph is only ever opened as a local file",
            model=model.entry.name,
            path=model.graph.path,
            evidence=(Evidence(model.graph.path, TOLD_PATH),),
            recovers="config_change",
        )


def _config(context: Context) -> Iterator[Finding]:
    path = context.plan.config_path or context.deployment.config_path or ""
    problem = context.plan.problem
    if is_remote(path) and problem is not None and problem.kind == "config_unreadable":
        yield context.finding(
            "OVD636",
            f"{path} is in a store, and the configuration file is only ever opened as a local one",
            path=path,
            evidence=(Evidence(path, "--config_path"),),
            recovers="restart",
        )
