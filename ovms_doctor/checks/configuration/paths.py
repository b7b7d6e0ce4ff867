"""Paths that have another meaning for the server than they seem to have."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import CONFIGURED_PATH, Context
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import ModelPlan

PATH_MISUNDERSTOOD = Code(
    code="OVD447",
    name="path-misunderstood",
    severity="info",
    summary="The server does not read a path in the way in which it seems to be intended",
    remedy="Write the path of the directory or file as the server sees it.",
    releases=ALL_RELEASES,
    see_also=("OVD106", "OVD405"),
    example=Example('"base_path": "~/models/m"', '"base_path": "/models/m"'),
)


_SCHEMES = ("azure://", "abfs://", "abfss://", "http://", "https://", "file://", "wasbs://", "hdfs://")


CODES = (PATH_MISUNDERSTOOD,)


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on such paths among those that the server does not find."""
    problem = context.plan.problem
    if problem is not None and problem.kind == "config_unreadable" and problem.path:
        hint = _spelling(problem.path) or _host_path(context, problem.path)
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
                f"the server does not support {scheme} (only s3://, gs://, az:// and azfs://): it uses the text as a "
                "local path"
            )
    spelling = _spelling(path)
    if spelling is not None:
        return spelling
    config = context.deployment.config_path or ""
    if model.detection.problem is not None and model.detection.problem.kind == "escapes":
        if config.startswith("../") and path.startswith("../"):
            return "--config_path contains “..”, and so does every relative base_path in that file"
        return None
    return _host_path(context, path)


def _spelling(path: str) -> str | None:
    """Returns the hint on a character that a shell replaces or removes, or that separates names on Windows."""
    if "/~" in path or path.startswith("~"):
        return "the server does not expand “~”: it is the name of a directory"
    if "$" in path:
        return "the server does not expand variables: “$” is part of the name"
    if "\\" in path:
        return "on Linux a backslash is part of the name, not a separator"
    if '"' in path or "'" in path:
        return "the server does not remove quotes: they are part of the name"
    return None


def _host_path(context: Context, path: str) -> str | None:
    """Returns the hint on a path of this host that is configured instead of a server path; None if another finding
    reports it."""
    if any(outside.path == path for outside in context.plan.outside):
        return None
    inside = context.deployment.mount_table.to_server(path) if path.startswith("/") else None
    if inside is None or inside == path:
        return None
    return f"it is a path of this host, which is mounted at {inside}"


def _finding(context: Context, model: str | None, path: str, hint: str) -> Finding:
    return context.finding(
        PATH_MISUNDERSTOOD,
        f"{path} has another meaning for the server: {hint}",
        model=model,
        path=path,
        base=path,
        evidence=(Evidence(path, CONFIGURED_PATH),),
        recovers="config_change" if context.plan.problem is None and not context.single else "restart",
    )
