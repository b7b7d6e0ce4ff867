"""A model file that is a link to nothing: where it leads, and whether that is into a cache of models."""

from __future__ import annotations

import posixpath

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.facts import Failure, ListDirectory, Listing, StatPath
from ovms_doctor.model.findings import Evidence, Step
from ovms_doctor.model.plan import Attempt

#: Parts of a path by which a cache is known: Hugging Face keeps files as links into ``blobs``, others in
#: directories of their own; a copy of the links alone leads to nothing.
_CACHES = ("blobs", ".cache", "hub", "snapshots")


def dangling(context: Context, attempt: Attempt) -> tuple[str, Evidence, tuple[Step, ...]] | None:
    """Sentence, evidence and remedy for the first link among the model's files that leads to nothing."""
    for path in attempt.opened:
        target = _target(context, path)
        status = context.facts.get(StatPath(context.absolute(path)))
        if target is None or not isinstance(status, Failure):
            continue
        message = f"{path} is a link to {target}, where there is nothing"
        if set(target.split("/")) & set(_CACHES):
            message += ": it leads into a cache of models that is not there with it"
        directory = posixpath.dirname(path)
        host = quote(context.host(directory))
        steps = (
            Step(
                "Copy the model again where the link still leads somewhere, following links.",
                f"cp -rL -- SOURCE/. {host}/",
                "host",
                "changes files",
            ),
            Step(
                "Or mount what the links lead to as well, at the same relative place.",
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
