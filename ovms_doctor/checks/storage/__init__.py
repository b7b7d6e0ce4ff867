"""Remote storage: paths, credentials, endpoints, and the answers of stores."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import (
    access,
    azure,
    bucket,
    content,
    credentials,
    denied,
    download,
    google,
    paths,
    s3,
    s3_path,
    unreachable,
)
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.storage_plan import StoreFault, StorePlan


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on each model in a store. A case that may work, depending on the store, is at most an info."""
    stores = context.plan.stores
    yield from s3.check(context, [item for item in stores if item.s3 is not None])
    yield from google.check(context, [item for item in stores if item.gcs is not None])
    for item in stores:
        if item.fault is not None and item.fault.kind != "escapes":
            yield _fault(context, item, item.fault)
        else:
            yield from s3_path.check(context, item)
            yield from paths.check_bucket(context, item)
    yield from access.check(context)
    yield from content.check(context)
    for model in context.plan.models:
        yield from paths.check_model(context, model)
    yield from paths.check_configuration(context)


def _fault(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """Returns the finding on a fault because of which the model, or the server, fails before the store is used."""
    if fault.kind == "key file":
        return google.key_file(context, item, fault)
    if fault.kind == "endpoint host":
        return s3_path.refused_host(context, item, fault)
    if fault.kind == "endpoint loopback":
        if item.gcs is not None:
            return google.loopback_host(context, item, fault)
        return s3_path.loopback_host(context, item, fault)
    if fault.kind == "no connection string":
        return azure.no_connection_string(context, item, fault)
    if fault.kind in azure.PATH_FAULTS:
        return azure.path_refused(context, item, fault)
    return paths.no_bucket(context, item, fault)


CHECK = Check(
    name="storage",
    summary="paths in remote storage, and the credentials and endpoints for it",
    codes=(
        *paths.CODES,
        *s3_path.CODES,
        *s3.CODES,
        *google.CODES,
        *azure.CODES,
        *denied.CODES,
        *bucket.CODES,
        *credentials.CODES,
        *unreachable.CODES,
        *content.CODES,
        *download.CODES,
    ),
    run=check,
)
