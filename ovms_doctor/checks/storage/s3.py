"""S3: how the client uses the variables of its environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ovms_doctor.checks.context import SERVER_ENVIRONMENT, Context, quote
from ovms_doctor.checks.storage import remedies
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Severity, Step, StepLocation
from ovms_doctor.model.host import IMAGE_UID
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.storage_plan import S3Client, StorePlan
from ovms_doctor.model.text import HIDDEN
from ovms_doctor.prediction.storage.s3 import without_quotes

#: For codes about the behaviour of the AWS SDK.
SDK_RELEASES = "Since 2024.0, with the AWS SDK 1.11. The behaviour of the older SDK is not known."

AWS_ANONYMOUS = Code(
    code="OVD624",
    name="aws-anonymous",
    severity="warning",
    summary="Credentials are configured, but the server sends its requests to S3 without any",
    remedy=("Set both keys, or set AWS_PROFILE to any name: the AWS SDK then looks for a role itself."),
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD625",),
    example=Example(
        "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/models",
        "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/models\nAWS_PROFILE=default",
    ),
)

AWS_KEYS_EMPTY = Code(
    code="OVD625",
    name="aws-keys-empty",
    severity="warning",
    summary="The keys for S3 are empty",
    remedy="Give the keys their values, or remove both.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD624",),
    example=Example("AWS_ACCESS_KEY_ID=\nAWS_SECRET_ACCESS_KEY=", "both keys, or none of them"),
)

AWS_SESSION_TOKEN_UNREAD = Code(
    code="OVD626",
    name="aws-session-token-unread",
    severity="warning",
    summary="This release does not read the session token of temporary keys",
    remedy="Use the keys of a user, or a newer release.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases="Until 2022.3; the token is read since 2023.0.",
    see_also=("OVD625",),
    example=Example("AWS_SESSION_TOKEN=…        until 2022.3", "the keys of a user, without a token"),
)

AWS_PROFILE_BESIDE_KEYS = Code(
    code="OVD627",
    name="aws-profile-beside-keys",
    severity="info",
    summary="AWS_PROFILE and both keys are set",
    remedy="To use the profile, remove the keys.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD624",),
    example=Example("AWS_PROFILE=models\nAWS_ACCESS_KEY_ID=…\nAWS_SECRET_ACCESS_KEY=…", "AWS_PROFILE=models"),
)

AWS_ENDPOINT_VARIABLE_UNREAD = Code(
    code="OVD628",
    name="aws-endpoint-variable-unread",
    severity="warning",
    summary="The endpoint is in a variable that the server does not read",
    remedy="Set S3_ENDPOINT.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD629",),
    example=Example("AWS_ENDPOINT_URL=http://minio:9000", "S3_ENDPOINT=http://minio:9000"),
)

AWS_ENDPOINT_FORM = Code(
    code="OVD629",
    name="aws-endpoint-form",
    severity="warning",
    summary="S3_ENDPOINT has a form that the server cannot use",
    remedy="Write HOST:PORT, http://HOST:PORT or https://HOST:PORT.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD630",),
    example=Example("S3_ENDPOINT=HTTP://minio:9000", "S3_ENDPOINT=http://minio:9000"),
)

AWS_KEYS_OF_ANOTHER_STORE = Code(
    code="OVD646",
    name="aws-keys-of-another-store",
    severity="warning",
    summary="The keys belong to another store, and the server sends its requests to Amazon",
    remedy="Set S3_ENDPOINT to the address of the store.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD628", "OVD655"),
    example=Example(
        "AWS_ACCESS_KEY_ID=minioadmin\nAWS_SECRET_ACCESS_KEY=…",
        "AWS_ACCESS_KEY_ID=minioadmin\nAWS_SECRET_ACCESS_KEY=…\nS3_ENDPOINT=http://minio:9000",
    ),
)

AWS_FILES_NOT_IN_HOME = Code(
    code="OVD647",
    name="aws-files-not-in-home",
    severity="warning",
    summary="AWS's files are mounted into a home directory that is not the server's",
    remedy="Mount them at .aws in the home directory of the server's user: /home/ovms/.aws in the image.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD624",),
    example=Example(
        "docker run -v ~/.aws:/root/.aws:ro -e AWS_PROFILE=default …",
        "docker run -v ~/.aws:/home/ovms/.aws:ro -e AWS_PROFILE=default …",
    ),
)

AWS_REGION_EMPTY = Code(
    code="OVD632",
    name="aws-region-empty",
    severity="warning",
    summary="AWS_REGION is empty",
    remedy="Give AWS_REGION the bucket's region, or remove it.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=SDK_RELEASES,
    see_also=("OVD633",),
    example=Example("AWS_REGION=        beside both keys", "AWS_REGION=eu-central-1"),
)

AWS_TWO_REGIONS = Code(
    code="OVD633",
    name="aws-two-regions",
    severity="info",
    summary="AWS_REGION and AWS_DEFAULT_REGION name two regions",
    remedy="Set both to the bucket's region, or only one of them.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD632", "OVD634"),
    example=Example(
        "AWS_REGION=eu-central-1\nAWS_DEFAULT_REGION=us-east-1",
        "AWS_REGION=eu-central-1\nAWS_DEFAULT_REGION=eu-central-1",
    ),
)

AWS_REGION_NOT_SET = Code(
    code="OVD634",
    name="aws-region-not-set",
    severity="info",
    summary="No region is set for S3",
    remedy="Set AWS_REGION to the bucket's region.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD633",),
    example=Example("both keys, no region", "both keys\nAWS_REGION=eu-central-1"),
)


CODES = (
    AWS_ANONYMOUS,
    AWS_KEYS_EMPTY,
    AWS_SESSION_TOKEN_UNREAD,
    AWS_PROFILE_BESIDE_KEYS,
    AWS_ENDPOINT_VARIABLE_UNREAD,
    AWS_ENDPOINT_FORM,
    AWS_KEYS_OF_ANOTHER_STORE,
    AWS_FILES_NOT_IN_HOME,
    AWS_REGION_EMPTY,
    AWS_TWO_REGIONS,
    AWS_REGION_NOT_SET,
)
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
#: Without AWS_PROFILE, a client that does not have both keys reads none of these.
_CREDENTIAL_VARIABLES = (
    *_KEYS,
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_DEFAULT_PROFILE",
)
#: A home directory's .aws, or a file in it.
_AWS_FILES = lazy_pattern(r"/\.aws(/(credentials|config))?$")
_ENDPOINT_PROBLEMS = {
    "quotes": "quotation marks are part of the value",
    "scheme in capitals": "http:// or https:// must be in small letters, else it becomes a part of the host",
    "cut in the wrong place": (
        "it contains http:// after its beginning, and the server removes its first seven characters"
    ),
    "blank": "it begins or ends with a space",
}


def check(context: Context, stores: Sequence[StorePlan]) -> Iterator[Finding]:
    """Yields findings on the client, once for all models in S3: their clients differ in the endpoint only."""
    if not stores or stores[0].s3 is None:
        return
    client = stores[0].s3[1]
    accepted = any(
        item.facts is not None and not (item.facts.unavailable or item.facts.refusal) for item in stores
    )
    yield from _credentials(context, client, accepted=accepted)
    endpoint = client.endpoint
    if endpoint.source == "S3_ENDPOINT" and endpoint.problem in _ENDPOINT_PROBLEMS:
        value = next(item.text for item in context.deployment.environment if item.name == "S3_ENDPOINT")
        yield _finding(
            context,
            AWS_ENDPOINT_FORM,
            f"S3_ENDPOINT names no host: {_ENDPOINT_PROBLEMS[endpoint.problem]}",
            f"S3_ENDPOINT={value}",
            "medium",
            steps=(Step(f"Write it without them: S3_ENDPOINT={without_quotes(value or '')}"),)
            if endpoint.problem == "quotes"
            else (),
        )
    elif endpoint.source == "aws":
        yield from _amazon(context, client)
        # A host in the path shows that the store is not Amazon's; another finding reports it.
        if not any(item.s3 is not None and item.s3[0].host_like for item in stores):
            yield from _foreign_keys(context, client, accepted=accepted)
    yield from _files_elsewhere(context, client)


def _credentials(context: Context, client: S3Client, *, accepted: bool) -> Iterator[Finding]:
    """Yields findings on the credentials. ``accepted``: whether the store accepted them."""
    filled = remedies.filled(context)
    if client.credentials == "anonymous" and client.certain:
        yield from _anonymous(context, filled)
    elif client.credentials == "keys" and client.empty_keys:
        empty = [name for name in _KEYS if name not in filled]
        yield _finding(
            context,
            AWS_KEYS_EMPTY,
            f"{' and '.join(empty)} {'are' if len(empty) > 1 else 'is'} empty: the server has no key to sign with",
            ", ".join(f"{name}=" for name in empty),
            "medium",
            steps=(Step("Give them values, or remove both from the server's environment."),),
        )
    elif client.token == "ignored" and not accepted:  # noqa: S105 - how the token is used, not the token
        yield _finding(
            context,
            AWS_SESSION_TOKEN_UNREAD,
            f"OVMS {context.deployment.release} does not read AWS_SESSION_TOKEN: S3 refuses temporary keys without it",
            f"AWS_SESSION_TOKEN={HIDDEN}",
            "medium",
        )
    elif client.credentials == "chain" and {*_KEYS, "AWS_PROFILE"} <= filled:
        yield _finding(
            context,
            AWS_PROFILE_BESIDE_KEYS,
            "AWS_PROFILE and both keys are set: the server uses the keys, and does not use the profile",
            f"AWS_PROFILE={_text(context, 'AWS_PROFILE')}, both keys set",
            "medium",
        )


def _anonymous(context: Context, filled: frozenset[str]) -> Iterator[Finding]:
    """Yields a finding if variables show that credentials are intended."""
    found = [name for name in _CREDENTIAL_VARIABLES if name in filled]
    keys = [name for name in found if name in _KEYS]
    if keys:
        other = next(name for name in _KEYS if name not in keys)
        message = f"{keys[0]} is set and {other} is not: requests to S3 have no credentials"
    elif found:
        message = (
            f"{found[0]} is set, but the server reads it only with AWS_PROFILE: requests have no credentials"
        )
    else:
        regions = [name for name in ("AWS_DEFAULT_REGION", "AWS_REGION") if name in filled]
        if not regions:
            return
        yield _finding(
            context,
            AWS_ANONYMOUS,
            f"{regions[0]} is set, but neither keys nor AWS_PROFILE: requests to S3 have no credentials",
            f"{regions[0]} is set; no keys, no AWS_PROFILE",
            "low",
            severity="info",
        )
        return
    yield _finding(
        context, AWS_ANONYMOUS, message, f"set: {', '.join(found)}; not set: AWS_PROFILE", "medium"
    )


def _amazon(context: Context, client: S3Client) -> Iterator[Finding]:
    """Yields findings on a client without an endpoint of its own."""
    filled = remedies.filled(context)
    other = next((name for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") if name in filled), "")
    if other and "S3_ENDPOINT" not in filled and client.certain:
        yield _finding(
            context,
            AWS_ENDPOINT_VARIABLE_UNREAD,
            f"The server does not read {other}, only S3_ENDPOINT: it uses Amazon's own S3",
            f"{other}={_text(context, other)}",
            "medium",
            steps=(Step(f"Set S3_ENDPOINT to the value of {other}."),),
        )
        return
    if client.region == "" and context.deployment.release.at_least(2024, 0):
        yield _finding(
            context,
            AWS_REGION_EMPTY,
            "AWS_REGION is empty: the S3 client has no region and builds no address",
            "AWS_REGION=",
            "medium",
            steps=(Step("Give AWS_REGION the bucket's region, or remove it from the server's environment."),),
        )
    one, two = _text(context, "AWS_REGION"), _text(context, "AWS_DEFAULT_REGION")
    if one and two and one != two and client.region_from in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        yield _finding(
            context,
            AWS_TWO_REGIONS,
            f"AWS_REGION and AWS_DEFAULT_REGION differ: the server uses {client.region_from}",
            f"AWS_REGION={one}, AWS_DEFAULT_REGION={two}",
            "medium",
        )
    disabled = (_text(context, "AWS_EC2_METADATA_DISABLED") or "").lower() == "true"
    has_no_region = (
        client.region is None and client.region_from == "metadata" and client.credentials == "keys"
    )
    if has_no_region and context.deployment.container is not None and client.certain and not disabled:
        yield _finding(
            context,
            AWS_REGION_NOT_SET,
            "No region is set: the S3 client requests it from EC2's metadata service, then uses us-east-1",
            "neither AWS_REGION nor AWS_DEFAULT_REGION",
            "low",
        )


def _foreign_keys(context: Context, client: S3Client, *, accepted: bool) -> Iterator[Finding]:
    """Yields a finding if another store's keys go to Amazon."""
    filled = remedies.filled(context)
    foreign = any(item.foreign_key for item in context.deployment.environment)
    named = {"S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} & filled
    if not foreign or accepted or named or not set(_KEYS) <= filled:
        return
    yield _finding(
        context,
        AWS_KEYS_OF_ANOTHER_STORE,
        f"AWS_ACCESS_KEY_ID is not a key of Amazon's, and the server sends its requests to {client.endpoint.host}: "
        "S3_ENDPOINT is not set",
        f"AWS_ACCESS_KEY_ID={HIDDEN}, not the form of Amazon's own; no S3_ENDPOINT",
        "medium",
        steps=(
            remedies.variables(context, "Name the store's own address.", ("S3_ENDPOINT", "http://HOST:PORT")),
        ),
    )


def _files_elsewhere(context: Context, client: S3Client) -> Iterator[Finding]:
    """Yields a finding if AWS's files are mounted into a home directory that is not the server's."""
    home = _home(context)
    filled = remedies.filled(context)
    if (
        not home
        or client.credentials == "keys"
        or {"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"} & filled
    ):
        return
    container = context.deployment.container
    mounts = context.deployment.mounts if container is None else container.mounts
    tops = [mount.server.rstrip("/") for mount in mounts]
    found = [top for top in tops if _AWS_FILES.search(top) and not top.startswith(f"{home}/.aws")]
    if not found or any(top.startswith(f"{home}/.aws") for top in tops):
        return
    top, name = found[0], found[0].rpartition("/.aws")[2]
    host = context.host(top)
    own = f"{home}/.aws{name}"
    mount = f"-v {quote(host)}:{own}:ro"
    location: StepLocation = "docker run"
    if container is not None and container.source == "compose":
        mount, location = f'volumes: ["{host}:{own}:ro"]', "compose"
    elif container is not None and container.source == "kubernetes":
        mount, location = f"mountPath: {own}", "kubernetes"
    steps = [Step("Mount them there.", mount, location, "restarts the server")]
    if "AWS_PROFILE" not in filled:
        steps.append(remedies.variables(context, "Have the server read them.", ("AWS_PROFILE", "default")))
    yield _finding(
        context,
        AWS_FILES_NOT_IN_HOME,
        f"AWS's files are mounted at {top}, and the server looks for them in {home}/.aws",
        f"{top}; the home directory of uid {context.deployment.user.uid} in the image is {home}",
        "medium",
        steps=tuple(steps),
    )


def _home(context: Context) -> str:
    """Returns the home directory of the server's user in the image; empty if it is not known, or without a
    container."""
    deployment, container = context.deployment, context.deployment.container
    if deployment.bare_metal or (container is not None and "HOME" in container.environment_names):
        return ""
    if container is not None and (container.user_namespace or "user" in container.unknown_fields):
        return ""
    return {IMAGE_UID: "/home/ovms", 0: "/root"}.get(deployment.user.uid, "")


def _finding(
    context: Context,
    code: Code,
    message: str,
    evidence: str,
    confidence: str,
    *,
    severity: Severity | None = None,
    steps: tuple[Step, ...] = (),
) -> Finding:
    return context.finding(
        code,
        message,
        severity=severity,
        confidence=confidence,  # type: ignore[arg-type]
        evidence=(Evidence(evidence, SERVER_ENVIRONMENT),),
        recovers="restart",
        steps=steps,
    )


def _text(context: Context, name: str) -> str | None:
    return next((item.text for item in context.deployment.environment if item.name == name), None)
