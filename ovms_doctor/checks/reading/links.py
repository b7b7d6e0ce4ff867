"""Model files that are dangling links: the link's text, and whether it leads into a cache of models."""

from __future__ import annotations

import posixpath

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import Failure, ListDirectory, Listing, StatPath, Unavailable
from ovms_doctor.model.findings import Evidence, Step
from ovms_doctor.model.openvino_log import CANNOT_OPEN, NO_WEIGHTS, RUNTIME_TEXT
from ovms_doctor.model.plan import Attempt

DANGLING_LINK = Code(
    code="OVD313",
    name="dangling-link",
    severity="error",
    summary="The model's file or its weights are a symbolic link whose target does not exist",
    remedy=(
        "Copy the file in place of the link, or mount the link's destination at the path to which it leads."
    ),
    log=(
        server_log.READ_FAILED,
        "ir: Could not open the file: {path}",
        CANNOT_OPEN,
        NO_WEIGHTS,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD124", "OVD307"),
    example=Example("m/1/model.onnx -> ../store/gone.onnx", "m/1/model.onnx"),
)


#: Parts of a path that mark a cache: Hugging Face keeps files as links into ``blobs``, others in directories of their
#: own; in a copy, the links alone are dangling.
_CACHES = ("blobs", ".cache", "hub", "snapshots")


CODES = (DANGLING_LINK,)


def describe_dangling(context: Context, attempt: Attempt) -> tuple[str, Evidence, tuple[Step, ...]] | None:
    """Returns the message, evidence and steps for the first dangling link among the model's files; None if there is
    none."""
    for path in attempt.opened:
        target = _target(context, path)
        status = context.facts.get(StatPath(context.absolute(path)))
        outside = isinstance(status, Unavailable) and status.outside is not None
        if target is None or not (isinstance(status, Failure) or outside):
            continue
        message = f"{path} is a link to {target}, which does not exist"
        if outside:
            message = f"{path} is a link to {target}, which no mount covers"
        if set(target.split("/")) & set(_CACHES):
            message += ": it leads into a cache of models that was not copied or mounted with it"
        directory = posixpath.dirname(path)
        host = quote(context.host(directory))
        steps = (
            Step(
                "Where the link's target still exists, copy the model again with the files that its links lead to.",
                f"cp -rL -- SOURCE/. {host}/",
                "host",
                "changes files",
            ),
            Step(
                "Or mount the directory of the links' targets too, at the same relative path.",
                None,
                "docker run",
                "restarts the server",
            ),
        )
        return message, Evidence(f"{path} → {target}", "readlink"), steps
    return None


def _target(context: Context, path: str) -> str | None:
    directory, name = posixpath.split(context.absolute(path))
    listing = context.facts.get(ListDirectory(directory))
    if isinstance(listing, Listing):
        for entry in listing.entries:
            if entry.name == name:
                return entry.target
    return None
