"""The model cache: its directory, its blobs, and the models that use it."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.cache import access, models, start, storage
from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import Finding


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the model cache; none if it is off or nothing is known of it."""
    cache = context.plan.cache
    if cache is None:
        return
    if cache.ends:
        yield start.finding_on_end(context, cache)
        return
    if cache.rights is not None:
        yield from access.check(context, cache, cache.rights)
        yield from storage.check_space(context, cache, cache.rights)
    yield from storage.check_persistence(context, cache)
    yield from storage.check_written_file(context, cache)
    for model in context.plan.models:
        yield from models.check(context, model)


CHECK = Check(
    name="cache",
    summary="the model cache: its directory, its blobs, and who may write them",
    codes=(*start.CODES, *access.CODES, *storage.CODES, *models.CODES),
    run=check,
)
