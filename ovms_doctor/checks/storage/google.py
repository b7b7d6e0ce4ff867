"""Google Cloud Storage: the credentials and the endpoint that the client takes from its environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ovms_doctor.checks.context import TOLD_ENVIRONMENT, Context, describe_denial
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.storage_plan import StoreFault, StorePlan

_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_MEANT = ("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG")


def of_client(context: Context, stores: Sequence[StorePlan]) -> Iterator[Finding]:
    """Once for all models there: they share one environment."""
    if not stores or stores[0].gcs is None:
        return
    client = stores[0].gcs[1]
    names = {item.name for item in context.deployment.environment if not item.empty}
    meant = next((name for name in _MEANT if name in names), "")
    if client.credentials == "anonymous" and client.sure and meant and not client.endpoint:
        yield _finding(
            context,
            "OVD638",
            f"{meant} is set and {_FILE} is not: the server asks Google Cloud Storage without credentials",
            f"{meant} is set; {_FILE} is not",
        )
    if client.credentials == "search":
        yield _finding(
            context,
            "OVD639",
            f"{_FILE} is set to nothing: the server looks for gcloud's own file, then asks the metadata server",
            f"{_FILE}=",
        )
    if client.unread:
        taken = "CLOUD_STORAGE_EMULATOR_ENDPOINT"
        if not context.deployment.release.at_least(2025, 3):
            taken = "CLOUD_STORAGE_TESTBENCH_ENDPOINT"
        yield _finding(
            context,
            "OVD641",
            f"The server does not read {client.unread}: it asks Google's own storage",
            f"{client.unread} is set",
            (Step(f"Set {taken} in the server's environment, as http://HOST:PORT."),),
        )


def key_file(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """A file of credentials that ends the server."""
    path = item.gcs[1].key_file if item.gcs is not None else None
    what = path or f"what {_FILE} holds"
    why = {
        "content": f"{_FILE} holds no path, but what looks like a file's content",
        "missing": f"There is no {what}",
        "denied": f"{what} cannot be read by {context.who}",
        "directory": f"{what} is a directory",
        "not json": f"{what} is not JSON",
        "type": f"{what} is of a kind that Google's library in this release does not take",
        "lacking": f"{what} has no {' and no '.join(fault.inspection.missing_keys if fault.inspection else ())}",
    }[fault.key]
    ends = ": the server ends over it"
    return context.finding(
        "OVD640",
        why + ends,
        model=item.model,
        path=path,
        detail="It serves none of its models, local ones neither.",
        confidence="medium",
        log=fault.log,
        evidence=tuple(_seen(context, what, fault)),
        recovers="restart",
        steps=_steps(context, path, fault),
    )


def _seen(context: Context, what: str, fault: StoreFault) -> Iterator[Evidence]:
    if fault.failure is not None and fault.failure.denial is not None:
        yield describe_denial(fault.failure.denial, context)
    elif fault.failure is not None:
        yield Evidence(f"{what}: {os.strerror(fault.failure.errno)}", "stat as the server's user")
    elif fault.inspection is not None:
        kind = f"type {fault.inspection.credentials}" if fault.inspection.credentials else "no type"
        shown = kind if fault.inspection.form == "object" else "no JSON object"
        yield Evidence(
            f"{what}: {fault.inspection.size} bytes, {shown}", "read in a child, without its secrets"
        )
    else:
        shown = "a directory" if fault.key == "directory" else "not a path"
        yield Evidence(
            f"{what}: {shown}", "stat as the server's user" if fault.key == "directory" else TOLD_ENVIRONMENT
        )


def _steps(context: Context, path: str | None, fault: StoreFault) -> tuple[Step, ...]:
    if fault.key == "directory":
        return (
            Step(
                "An engine makes a directory where the file to mount is missing: remove it, put the file there."
            ),
        )
    if fault.key == "denied" and path is not None:
        return (Step(f"Let uid {context.deployment.user.uid} read {context.host(path)}."),)
    return ()


def _finding(context: Context, code: str, message: str, seen: str, steps: tuple[Step, ...] = ()) -> Finding:
    return context.finding(
        code,
        message,
        confidence="medium",
        evidence=(Evidence(seen, TOLD_ENVIRONMENT),),
        recovers="restart",
        steps=steps,
    )
