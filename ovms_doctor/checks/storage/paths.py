"""Paths in remote storage: without a bucket, with one too many slashes, of files that must be local."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import CONFIGURED_PATH, Context
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Recovers, Step
from ovms_doctor.model.names import is_remote, remote_but_for_capitals
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.storage_plan import StoreFault, StorePlan

AWS_BUCKET_MISSING = Code(
    code="OVD621",
    name="aws-bucket-missing",
    severity="error",
    summary="The path begins with s3:// and does not name a bucket",
    remedy="Write s3://BUCKET/PATH.",
    log=(server_log.S3_NO_BUCKET,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD642",),
    example=Example('"base_path": "s3://"', '"base_path": "s3://bucket/m"'),
)

REMOTE_SINGLE_FILE = Code(
    code="OVD635",
    name="remote-single-file",
    severity="info",
    summary="A path in a store looks like the path of a file",
    remedy="Move the files to BASE_PATH/1/, and name the directory BASE_PATH.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD107",),
    example=Example(
        '"base_path": "s3://bucket/model.onnx"', '"base_path": "s3://bucket/m"\ns3://bucket/m/1/model.onnx'
    ),
)

REMOTE_CONFIGURATION = Code(
    code="OVD636",
    name="remote-configuration",
    severity="info",
    summary="--config_path names a file in a store",
    remedy="Copy the file to a local path of the server, and name that path.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD405",),
    example=Example("--config_path s3://bucket/config.json", "--config_path /models/config.json"),
)

REMOTE_GRAPH = Code(
    code="OVD637",
    name="remote-graph",
    severity="info",
    summary="The path of a graph is in a store",
    remedy="Copy the graph to a local path of the server; the models that it uses can stay in the store.",
    recovers="config_change",
    releases="Since 2023.0, with graphs.",
    see_also=("OVD448",),
    example=Example('"graph_path": "s3://bucket/g/graph.pbtxt"', '"graph_path": "/models/g/graph.pbtxt"'),
)

GCS_BUCKET_MISSING = Code(
    code="OVD642",
    name="gcs-bucket-missing",
    severity="error",
    summary="The path begins with gs:// and does not name a bucket",
    remedy="Write gs://BUCKET/PATH.",
    log=(server_log.GCS_UNPARSED,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD621",),
    example=Example('"base_path": "gs://"', '"base_path": "gs://bucket/m"'),
)

STORE_PATH_MISREAD = Code(
    code="OVD645",
    name="store-path-misread",
    severity="warning",
    summary="The server reads a path as a store or bucket that is probably not the intended one",
    remedy="Write the scheme in small letters and the bucket directly after it.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD447",),
    example=Example('"base_path": "s3:///bucket/m"', '"base_path": "s3://bucket/m"'),
)

CODES = (
    AWS_BUCKET_MISSING,
    GCS_BUCKET_MISSING,
    STORE_PATH_MISREAD,
    REMOTE_SINGLE_FILE,
    REMOTE_CONFIGURATION,
    REMOTE_GRAPH,
)
_SUFFIXES = (".xml", ".onnx", ".pdmodel", ".pdiparams", ".pb", ".tflite")


def no_bucket(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """Returns the finding on a path that ends after its scheme."""
    code = GCS_BUCKET_MISSING if item.store == "gcs" else AWS_BUCKET_MISSING
    return path_fault(context, item, fault, code, f"{item.path} names no bucket", ())


def path_fault(
    context: Context, item: StorePlan, fault: StoreFault, code: Code, message: str, steps: tuple[Step, ...]
) -> Finding:
    """Returns the finding on a path that the server refuses without a request to the store."""
    model = next(model for model in context.plan.models if model.entry.name == item.model)
    return context.finding(
        code,
        message,
        model=item.model,
        path=item.path,
        detail=context.failure_effect(model),
        confidence=context.confidence() if fault.exact else "medium",
        log=fault.log,
        evidence=(Evidence(item.path, CONFIGURED_PATH),),
        recovers="restart" if context.plan.outcome == "exits" else _recovers(context),
        steps=steps,
    )


def check_bucket(context: Context, item: StorePlan) -> Iterator[Finding]:
    """Yields findings on paths that the server reads without an error, but perhaps not as intended."""
    bucket = item.s3[0].bucket if item.s3 else item.gcs[0].bucket if item.gcs else ""
    if bucket.startswith("/"):
        yield context.finding(
            STORE_PATH_MISREAD,
            f"{item.path} has a slash in place of the bucket: the server requests the bucket {bucket}",
            model=item.model,
            path=item.path,
            confidence="medium",
            evidence=(Evidence(item.path, CONFIGURED_PATH),),
            recovers=_recovers(context),
        )
    elif item.path.endswith(_SUFFIXES) and item.path.count("/") > 2:
        yield context.finding(
            REMOTE_SINGLE_FILE,
            f"{item.path} looks like a file, and the server reads it as a directory with versions in it",
            model=item.model,
            path=item.path,
            confidence="medium",
            evidence=(Evidence(item.path, CONFIGURED_PATH),),
            recovers=_recovers(context),
        )


def check_model(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields findings on paths that seem to be in a store, but are local to the server."""
    path, base = model.entry.base_path, model.detection.problem
    scheme = remote_but_for_capitals(path)
    if base is not None and base.kind == "missing" and scheme:
        yield context.finding(
            STORE_PATH_MISREAD,
            f"{path} is a local path for the server: {scheme} must be written in small letters",
            severity="info",
            model=model.entry.name,
            path=path,
            evidence=(Evidence(path, CONFIGURED_PATH),),
            recovers=_recovers(context),
        )
    if model.kind == "graph" and model.graph is not None and is_remote(model.graph.path):
        yield context.finding(
            REMOTE_GRAPH,
            f"{model.graph.path} is in a store, and the server opens a graph only as a local file",
            model=model.entry.name,
            path=model.graph.path,
            evidence=(Evidence(model.graph.path, CONFIGURED_PATH),),
            recovers="config_change",
        )


def check_configuration(context: Context) -> Iterator[Finding]:
    """Yields the finding on a configuration file in a store."""
    path = context.plan.config_path or context.deployment.config_path or ""
    problem = context.plan.problem
    if is_remote(path) and problem is not None and problem.kind == "config_unreadable":
        yield context.finding(
            REMOTE_CONFIGURATION,
            f"{path} is in a store, and the server opens the configuration file only as a local file",
            path=path,
            evidence=(Evidence(path, "--config_path"),),
            recovers="restart",
        )


def _recovers(context: Context) -> Recovers:
    return "restart" if context.single else "config_change"
