"""S3: paths with a host in them, and hosts that the client does not accept."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import CONFIGURED_PATH, SERVER_ENVIRONMENT, Context
from ovms_doctor.checks.storage.loopback import OTHER_ADDRESS, loopback_steps
from ovms_doctor.checks.storage.s3 import SDK_RELEASES
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Severity, Step
from ovms_doctor.model.storage_plan import Endpoint, S3Client, StoreFault, StorePlan
from ovms_doctor.prediction.storage.s3 import without_quotes

AWS_HOST_IN_PATH = Code(
    code="OVD622",
    name="aws-host-in-path",
    severity="warning",
    summary="The path contains the host of the store, and the server then looks for the wrong keys",
    remedy="Set S3_ENDPOINT to the host, and write s3://BUCKET/PATH.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD623",),
    example=Example(
        '"base_path": "s3://minio:9000/bucket/m"',
        'S3_ENDPOINT=http://minio:9000\n"base_path": "s3://bucket/m"',
    ),
)

AWS_HOST_TAKEN_FOR_BUCKET = Code(
    code="OVD623",
    name="aws-host-taken-for-bucket",
    severity="warning",
    summary="The path contains the host of the store, and the server reads the host as a bucket",
    remedy="Set S3_ENDPOINT to the host, and write s3://BUCKET/PATH.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD622",),
    example=Example(
        '"base_path": "s3://minio:9000/bucket/my-model"',
        'S3_ENDPOINT=http://minio:9000\n"base_path": "s3://bucket/my-model"',
    ),
)

AWS_ENDPOINT_IS_CONTAINER = Code(
    code="OVD648",
    name="aws-endpoint-is-container",
    severity="error",
    summary="The endpoint is localhost, which for a server in a container is the container itself",
    remedy="Name the store's container or service, or the host by an address that the container reaches.",
    log=(server_log.S3_NO_ANSWER, "curlCode: 7, Couldn't connect to server"),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD630", "OVD657"),
    example=Example(
        "docker run -e S3_ENDPOINT=http://localhost:9000 …",
        "docker run --add-host host.docker.internal:host-gateway -e S3_ENDPOINT=http://host.docker.internal:9000 …",
    ),
)

AWS_ENDPOINT_HOST_INVALID = Code(
    code="OVD630",
    name="aws-endpoint-host-invalid",
    severity="error",
    summary="The endpoint's host is not a valid name, and the server sends no request to it",
    remedy=("Give the store's service or container a name without an underscore, or use its IP address."),
    log=(
        server_log.S3_NO_ANSWER,
        "Invalid DNS Label found in URI host",
    ),
    recovers="restart",
    releases=SDK_RELEASES,
    see_also=("OVD629",),
    example=Example("S3_ENDPOINT=http://minio_s3:9000", "S3_ENDPOINT=http://minio:9000"),
)

AWS_BUCKET_IN_HOST_NAME = Code(
    code="OVD631",
    name="aws-bucket-in-host-name",
    severity="warning",
    summary="Without credentials, the client puts the bucket before the host name",
    remedy="Set both keys, or name the endpoint by its IP address.",
    log=(
        server_log.S3_NO_ANSWER,
        "Couldn't resolve host name",
    ),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD624",),
    example=Example(
        "S3_ENDPOINT=http://minio:9000        no keys",
        "S3_ENDPOINT=http://minio:9000\nAWS_ACCESS_KEY_ID=…\nAWS_SECRET_ACCESS_KEY=…",
    ),
)


CODES = (
    AWS_HOST_IN_PATH,
    AWS_HOST_TAKEN_FOR_BUCKET,
    AWS_ENDPOINT_HOST_INVALID,
    AWS_ENDPOINT_IS_CONTAINER,
    AWS_BUCKET_IN_HOST_NAME,
)


def check(context: Context, item: StorePlan) -> Iterator[Finding]:
    """Yields findings on the path of one model: a host in it, and the host to which the client adds its bucket."""
    if item.s3 is None:
        return
    path, client = item.s3
    bucket = path.bucket if not path.host_like else ""
    if path.host:
        own = f"s3://{path.bucket}{path.key}"
        ends = (
            "begins every key with a slash, and finds no object"
            if path.key
            else "finds versions, but no files in them"
        )
        yield _of_model(
            context,
            AWS_HOST_IN_PATH,
            f"With the host in {item.path} the server {ends}",
            item,
            (Step(f"Set S3_ENDPOINT=http://{path.host}:{path.port} and write {own} for the base path."),),
            None if path.key else _failing(context, item),
        )
    elif path.host_like:
        reason = {
            "key": "the part after the bucket has a character that this form does not allow, such as a dash, "
            "or is only a slash",
            "bucket": "the bucket has other characters than small letters, digits, dots and dashes",
            "host": "the host has other characters than letters, digits, dots and dashes",
        }[path.host_like]
        yield _of_model(
            context,
            AWS_HOST_TAKEN_FOR_BUCKET,
            f"The server reads {item.path} as the bucket {path.bucket}: {reason}",
            item,
            (Step(f"Set S3_ENDPOINT=http://{path.bucket} and write s3://{path.key} for the base path."),),
        )
    endpoint = client.endpoint
    if (
        client.url
        and bucket
        and client.certain
        and _takes_bucket(client, bucket)
        and endpoint.source != "aws"
    ):
        severity: Severity = "info" if "." in endpoint.host or endpoint.host == "localhost" else "warning"
        yield _of_model(
            context,
            AWS_BUCKET_IN_HOST_NAME,
            f"Without credentials the server connects to {bucket}.{endpoint.host}, not to {endpoint.host}",
            item,
            (
                Step(
                    "Set both keys (to any text if the store needs none), or name the endpoint by its IP address."
                ),
            ),
            severity,
        )


def _failing(context: Context, item: StorePlan) -> Severity | None:
    """Returns an error if the model fails because of it, because no other finding reports that."""
    model = next((one for one in context.plan.models if one.entry.name == item.model), None)
    return "error" if model is not None and model.detection.status != "OK" else None


def _takes_bucket(client: S3Client, bucket: str) -> bool:
    url = client.url or ""
    return client.credentials == "anonymous" and url.partition("://")[2].startswith(f"{bucket}.")


def loopback_host(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """Returns the finding on an endpoint that is the container itself."""
    assert item.s3 is not None
    endpoint: Endpoint = item.s3[1].endpoint
    source = "S3_ENDPOINT" if endpoint.source == "S3_ENDPOINT" else item.path
    port = "" if endpoint.port is None else f":{endpoint.port}"
    return context.finding(
        AWS_ENDPOINT_IS_CONTAINER,
        f"{source} names {endpoint.host}, which is the container itself: no store listens there",
        model=item.model,
        path=item.path,
        confidence="medium",
        detail=OTHER_ADDRESS,
        log=fault.log,
        evidence=(Evidence(f"{source}={endpoint.text}", SERVER_ENVIRONMENT),),
        recovers="restart",
        steps=loopback_steps(context, "S3_ENDPOINT", endpoint.scheme, port),
    )


def refused_host(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """Returns the finding on an endpoint whose name the AWS SDK refuses."""
    assert item.s3 is not None
    endpoint: Endpoint = item.s3[1].endpoint
    source = "S3_ENDPOINT" if endpoint.source == "S3_ENDPOINT" else item.path
    plain = without_quotes(endpoint.text)
    quoted = source == "S3_ENDPOINT" and plain != endpoint.text
    reason = ": quotation marks are part of the value" if quoted else ""
    return context.finding(
        AWS_ENDPOINT_HOST_INVALID,
        f"The S3 client refuses the host name {endpoint.host} in {source}, and sends no request{reason}",
        model=item.model,
        path=item.path,
        confidence="medium",
        log=fault.log,
        evidence=(Evidence(f"the endpoint's host: {endpoint.host}", SERVER_ENVIRONMENT),),
        recovers="restart",
        steps=(Step(f"Write it without them: S3_ENDPOINT={plain}"),) if quoted else (),
    )


def _of_model(
    context: Context,
    code: Code,
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
        evidence=(Evidence(item.path, CONFIGURED_PATH),),
        recovers="restart",
        steps=steps,
    )
