"""Model files that are a FIFO or a device: a read of them never returns."""

from __future__ import annotations

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.causes import SpecialFile
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan import Attempt, ModelPlan

SPECIAL_FILE = Code(
    code="OVD314",
    name="special-file",
    severity="error",
    summary="The model's file is a FIFO or a device, from which a read never returns",
    remedy="Replace it with the model's file, and restart the server.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD118", "OVD904"),
    example=Example("prw-r--r-- m/1/model.onnx", "-rw-r--r-- m/1/model.onnx"),
)


CODES = (SPECIAL_FILE,)
_KINDS = {"fifo": "a FIFO", "character": "a character device", "block": "a block device"}


def check_attempt(context: Context, model: ModelPlan, attempt: Attempt, cause: SpecialFile) -> Finding:
    """Returns the finding on a version whose load never returns."""
    detail = (
        "The server waits for ever: start-up does not end, no later model is loaded, and nothing is logged "
        "about it."
    )
    if model.at_poll:
        detail = (
            "The server starts and waits for ever at its first poll: it serves the versions that are "
            "loaded by then, and no longer notices changes."
        )
    return context.of_attempt(
        SPECIAL_FILE,
        f"{cause.path} is {_kind(cause)}: a read of it never returns",
        model,
        attempt,
        path=cause.path,
        detail=detail,
        evidence=(Evidence(f"{cause.path}: {_kind(cause)}", "stat; it was not opened"),),
        recovers="restart",
        steps=(_list_file(context, cause),),
    )


def check_blocked(context: Context, model: ModelPlan, cause: SpecialFile) -> Finding:
    """Returns the finding on a file whose read blocks the server before it searches for versions.

    The server searches for a graph first; since v2023.1 it reads the graphs that are configured as graphs.
    """
    opens = (
        "reads it as the configured graph"
        if model.kind == "graph"
        else "opens it to find out whether it is a graph"
    )
    return context.finding(
        SPECIAL_FILE,
        f"{cause.path} is {_kind(cause)}: the server {opens}, and waits for ever",
        model=model.entry.name,
        path=cause.path,
        base=model.entry.base_path,
        detail="Start-up does not end, no model after it is loaded, and nothing is logged about it.",
        evidence=(Evidence(f"{cause.path}: {_kind(cause)}", "stat; it was not opened"),),
        recovers="restart",
        steps=(_list_file(context, cause),),
    )


def _kind(cause: SpecialFile) -> str:
    return _KINDS.get(cause.kind, f"a {cause.kind}")


def _list_file(context: Context, cause: SpecialFile) -> Step:
    return Step("Put a regular file there.", f"ls -la {quote(context.host(cause.path))}", "host", "reads")
