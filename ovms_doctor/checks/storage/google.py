"""Google Cloud Storage: the credentials and the endpoint in the environment of the client."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.context import SERVER_ENVIRONMENT, Context, describe_denial
from ovms_doctor.checks.storage.loopback import OTHER_ADDRESS, loopback_steps
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.storage_plan import StoreFault, StorePlan
from ovms_doctor.prediction.storage.gcs import endpoint_parts, endpoint_url

GCS_ANONYMOUS = Code(
    code="OVD638",
    name="gcs-anonymous",
    severity="info",
    summary="The server sends its requests to Google Cloud Storage without credentials",
    remedy=(
        "Set GOOGLE_APPLICATION_CREDENTIALS to a key file. If it is set and empty, Google's library looks "
        "for credentials itself."
    ),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD639",),
    example=Example(
        "GOOGLE_CLOUD_PROJECT=models",
        "GOOGLE_CLOUD_PROJECT=models\nGOOGLE_APPLICATION_CREDENTIALS=/keys/models.json",
    ),
)

GCS_CREDENTIALS_EMPTY = Code(
    code="OVD639",
    name="gcs-credentials-empty",
    severity="info",
    summary="GOOGLE_APPLICATION_CREDENTIALS is empty",
    remedy=("Remove the variable for public buckets; keep it if the metadata server has the credentials."),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD638", "OVD640"),
    example=Example("GOOGLE_APPLICATION_CREDENTIALS=", "GOOGLE_APPLICATION_CREDENTIALS=/keys/models.json"),
)

GCS_KEY_FILE_UNUSABLE = Code(
    code="OVD640",
    name="gcs-key-file-unusable",
    severity="error",
    summary="The server cannot use the file of credentials for Google Cloud, and ends",
    remedy="Mount the key file at the path in the variable, readable for the server's user.",
    log=(server_log.GCS_NO_CREDENTIALS,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD639",),
    example=Example(
        "GOOGLE_APPLICATION_CREDENTIALS=/keys/models.json\n-rw------- root root /keys/models.json",
        "GOOGLE_APPLICATION_CREDENTIALS=/keys/models.json\n-rw-r----- root ovms /keys/models.json",
    ),
)

GCS_EMULATOR_VARIABLE_UNREAD = Code(
    code="OVD641",
    name="gcs-emulator-variable-unread",
    severity="warning",
    summary="The emulator's address is in a variable that the server does not read",
    remedy="Set CLOUD_STORAGE_TESTBENCH_ENDPOINT, which every release reads.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD638",),
    example=Example(
        "STORAGE_EMULATOR_HOST=http://gcs:4443", "CLOUD_STORAGE_TESTBENCH_ENDPOINT=http://gcs:4443"
    ),
)


GCS_ENDPOINT_IS_CONTAINER = Code(
    code="OVD668",
    name="gcs-endpoint-is-container",
    severity="error",
    summary="The endpoint is localhost, which for a server in a container is the container itself",
    remedy="Name the store's container or service, or the host by an address that the container reaches.",
    log=("Directory does not exist: gs://",),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD641", "OVD648", "OVD666"),
    example=Example(
        "docker run -e CLOUD_STORAGE_TESTBENCH_ENDPOINT=http://localhost:4443 …",
        "docker run --add-host host.docker.internal:host-gateway \\\n"
        "  -e CLOUD_STORAGE_TESTBENCH_ENDPOINT=http://host.docker.internal:4443 …",
    ),
)

CODES = (
    GCS_ANONYMOUS,
    GCS_CREDENTIALS_EMPTY,
    GCS_KEY_FILE_UNUSABLE,
    GCS_EMULATOR_VARIABLE_UNREAD,
    GCS_ENDPOINT_IS_CONTAINER,
)
_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_CREDENTIAL_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG")


def check(context: Context, stores: Sequence[StorePlan]) -> Iterator[Finding]:
    """Yields findings on the client, once for all models there: they share one environment."""
    if not stores or stores[0].gcs is None:
        return
    client = stores[0].gcs[1]
    names = {item.name for item in context.deployment.environment if not item.empty}
    variable = next((name for name in _CREDENTIAL_VARIABLES if name in names), "")
    if client.credentials == "anonymous" and client.certain and variable and not client.endpoint:
        yield _finding(
            context,
            GCS_ANONYMOUS,
            f"{variable} is set and {_FILE} is not: the server sends its requests to Google without credentials",
            f"{variable} is set; {_FILE} is not",
        )
    if client.credentials == "search":
        yield _finding(
            context,
            GCS_CREDENTIALS_EMPTY,
            f"{_FILE} is empty: the server looks for gcloud's own file, then uses the metadata server",
            f"{_FILE}=",
        )
    if client.unread:
        read = "CLOUD_STORAGE_EMULATOR_ENDPOINT"
        if not context.deployment.release.at_least(2025, 3):
            read = "CLOUD_STORAGE_TESTBENCH_ENDPOINT"
        yield _finding(
            context,
            GCS_EMULATOR_VARIABLE_UNREAD,
            f"The server does not read {client.unread}: it uses Google's own storage",
            f"{client.unread} is set",
            (Step(f"Set {read} in the server's environment, as http://HOST:PORT."),),
        )


def loopback_host(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """Returns the finding on an endpoint that is the container itself."""
    assert item.gcs is not None
    client = item.gcs[1]
    scheme, host, port = endpoint_parts(endpoint_url(client))
    return context.finding(
        GCS_ENDPOINT_IS_CONTAINER,
        f"{client.endpoint_from} names {host}, which is the container itself: no store listens there",
        model=item.model,
        path=item.path,
        confidence="medium",
        detail=f"{OTHER_ADDRESS} The server tries for 15 minutes, and then reports that the directory does not exist.",
        log=fault.log,
        evidence=(Evidence(f"{client.endpoint_from}={client.endpoint}", SERVER_ENVIRONMENT),),
        recovers="restart",
        steps=loopback_steps(context, client.endpoint_from, scheme, port),
    )


def key_file(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """Returns the finding on a file of credentials with which the server ends."""
    path = item.gcs[1].key_file if item.gcs is not None else None
    name = path or f"the value of {_FILE}"
    problem = {
        "content": f"{_FILE} is not a path but looks like the content of a file",
        "missing": f"{name} does not exist",
        "denied": f"{context.user_ids} has no permission to read {name}",
        "directory": f"{name} is a directory",
        "not json": f"{name} is not JSON",
        "type": f"{name} is of a kind that Google's library in this release does not accept",
        "lacking": f"{name} has no {' and no '.join(fault.inspection.missing_keys if fault.inspection else ())}",
    }[fault.key]
    return context.finding(
        GCS_KEY_FILE_UNUSABLE,
        f"{problem}: the server ends",
        model=item.model,
        path=path,
        detail="It serves none of its models, not even local ones.",
        confidence="medium",
        log=fault.log,
        evidence=tuple(_evidence(context, name, fault)),
        recovers="restart",
        steps=_steps(context, path, fault),
        causes=path_advice.mount_causes(context, path) if path and fault.key == "missing" else (),
    )


def _evidence(context: Context, name: str, fault: StoreFault) -> Iterator[Evidence]:
    if fault.failure is not None and fault.failure.denial is not None:
        yield describe_denial(fault.failure.denial, context)
    elif fault.failure is not None:
        yield Evidence(f"{name}: {os.strerror(fault.failure.errno)}", "stat as the server's user")
    elif fault.inspection is not None:
        kind = f"type {fault.inspection.credentials}" if fault.inspection.credentials else "no type"
        description = kind if fault.inspection.form == "object" else "no JSON object"
        yield Evidence(
            f"{name}: {fault.inspection.size} bytes, {description}",
            "read in a child process, without its secrets",
        )
    else:
        description = "a directory" if fault.key == "directory" else "not a path"
        yield Evidence(
            f"{name}: {description}",
            "stat as the server's user" if fault.key == "directory" else SERVER_ENVIRONMENT,
        )


def _steps(context: Context, path: str | None, fault: StoreFault) -> tuple[Step, ...]:
    if fault.key == "directory":
        return (
            Step(
                "Container engines create a directory where the file to mount is missing: replace it with the file."
            ),
        )
    if fault.key == "denied" and path is not None:
        return (Step(f"Give uid {context.deployment.user.uid} the right to read {context.host(path)}."),)
    return ()


def _finding(
    context: Context, code: Code, message: str, evidence: str, steps: tuple[Step, ...] = ()
) -> Finding:
    return context.finding(
        code,
        message,
        confidence="medium",
        evidence=(Evidence(evidence, SERVER_ENVIRONMENT),),
        recovers="restart",
        steps=steps,
    )
