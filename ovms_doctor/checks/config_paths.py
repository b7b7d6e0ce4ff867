"""Paths that mean something else to the server than to whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import TOLD_PATH, Context
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import ModelPlan

_SCHEMES = ("azure://", "abfs://", "abfss://", "http://", "https://", "file://", "wasbs://", "hdfs://")


def check(context: Context) -> Iterator[Finding]:
    problem = context.plan.problem
    if problem is not None and problem.kind == "config_unreadable" and problem.path:
        hint = _host_path(context, problem.path)
        if hint:
            yield _finding(context, None, problem.path, hint)
    for model in context.plan.models:
        base = model.detection.problem
        if base is not None and base.kind in ("missing", "escapes", "not_directory"):
            hint = _hint(context, model)
            if hint:
                yield _finding(context, model.entry.name, model.entry.base_path, hint)


def _hint(context: Context, model: ModelPlan) -> str | None:
    path = model.entry.base_path
    for scheme in _SCHEMES:
        if scheme in path:
            return (
                f"{scheme} is no storage that the server knows (only s3://, gs://, az://, azfs://): it takes "
                "the text for a local path"
            )
    if "/~" in path or path.startswith("~"):
        return "the server does not expand “~”: it is a directory of that name to it"
    if "$" in path:
        return "the server does not fill in variables: “$” is a part of the name to it"
    if "\\" in path:
        return "on Linux a backslash is a part of the name, not a separator"
    config = context.deployment.config_path or ""
    if model.detection.problem is not None and model.detection.problem.kind == "escapes":
        if config.startswith("../") and path.startswith("../"):
            return "--config_path leads upwards with “..”, and so does every relative base_path in that file"
        return None
    return _host_path(context, path)


def _host_path(context: Context, path: str) -> str | None:
    """A path of this host where the server's is meant; one that other findings tell of is left to them."""
    if any(outside.path == path for outside in context.plan.outside):
        return None
    inside = context.deployment.mount_table.to_server(path) if path.startswith("/") else None
    if inside is None or inside == path:
        return None
    return f"it lies on this host, but the server sees it as {inside}"


def _finding(context: Context, model: str | None, path: str, hint: str) -> Finding:
    return context.finding(
        "OVD447",
        f"{path} does not mean what it seems to: {hint}",
        model=model,
        path=path,
        base=path,
        evidence=(Evidence(path, TOLD_PATH),),
        recovers="config_change" if context.plan.problem is None and not context.single else "restart",
    )
