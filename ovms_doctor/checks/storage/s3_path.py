"""S3: what becomes of a path with a host in it, and of a host that the client does not take for one."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import TOLD_ENVIRONMENT, TOLD_PATH, Context
from ovms_doctor.model.findings import Evidence, Finding, Severity, Step
from ovms_doctor.model.storage_plan import Endpoint, S3Client, StoreFault, StorePlan


def of_place(context: Context, item: StorePlan) -> Iterator[Finding]:
    """A path of one model with a host in it, and where its bucket goes."""
    if item.s3 is None:
        return
    place, client = item.s3
    bucket = place.bucket if not place.host_like else ""
    if place.host:
        own = f"s3://{place.bucket}{place.key}"
        ends = (
            "begins every key with a slash, and finds none"
            if place.key
            else "finds versions and no file in them"
        )
        yield _of_model(
            context,
            "OVD622",
            f"With the host in {item.path} the server {ends}",
            item,
            (Step(f"Set S3_ENDPOINT=http://{place.host}:{place.port} and write {own} for the base path."),),
            None if place.key else _failing(context, item),
        )
    elif place.host_like:
        why = {
            "key": "the part behind the bucket holds a character that the form does not know, such as a dash, "
            "or is a slash alone",
            "bucket": "the bucket is not of small letters, digits, dots and dashes",
            "host": "the host is not of letters, digits, dots and dashes",
        }[place.host_like]
        yield _of_model(
            context,
            "OVD623",
            f"The server reads {item.path} as a bucket called {place.bucket}, for {why}",
            item,
            (Step(f"Set S3_ENDPOINT=http://{place.bucket} and write s3://{place.key} for the base path."),),
        )
    endpoint = client.endpoint
    if client.url and bucket and client.sure and _takes_bucket(client, bucket) and endpoint.source != "aws":
        severity: Severity = "info" if "." in endpoint.host or endpoint.host == "localhost" else "warning"
        yield _of_model(
            context,
            "OVD631",
            f"Without credentials the server asks {bucket}.{endpoint.host}, not {endpoint.host}",
            item,
            (
                Step(
                    "Set both keys, to anything if the store asks for none, or name the endpoint by its IP address."
                ),
            ),
            severity,
        )


def _failing(context: Context, item: StorePlan) -> Severity | None:
    """An error where the model fails by it, and nothing else would tell so."""
    model = next((one for one in context.plan.models if one.entry.name == item.model), None)
    return "error" if model is not None and model.detection.status != "OK" else None


def _takes_bucket(client: S3Client, bucket: str) -> bool:
    url = client.url or ""
    return client.credentials == "anonymous" and url.partition("://")[2].startswith(f"{bucket}.")


def refused_host(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """An endpoint whose name the SDK does not take for one."""
    assert item.s3 is not None
    endpoint: Endpoint = item.s3[1].endpoint
    where = "S3_ENDPOINT" if endpoint.source == "S3_ENDPOINT" else item.path
    return context.finding(
        "OVD630",
        f"The host {endpoint.host} in {where} is none to the S3 client, and is not asked",
        model=item.model,
        path=item.path,
        confidence="medium",
        log=fault.log,
        evidence=(Evidence(f"the endpoint's host: {endpoint.host}", TOLD_ENVIRONMENT),),
        recovers="restart",
    )


def _of_model(
    context: Context,
    code: str,
    message: str,
    item: StorePlan,
    steps: tuple[Step, ...],
    severity: Severity | None = None,
) -> Finding:
    return context.finding(
        code,
        message,
        severity=severity,
        model=item.model,
        path=item.path,
        confidence="medium",
        evidence=(Evidence(item.path, TOLD_PATH),),
        recovers="restart",
        steps=steps,
    )
