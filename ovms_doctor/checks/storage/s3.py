"""S3: what the client makes of the variables that it was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ovms_doctor.checks.context import TOLD_ENVIRONMENT, Context
from ovms_doctor.model.findings import Evidence, Finding, Severity, Step
from ovms_doctor.model.storage_plan import S3Client, StorePlan
from ovms_doctor.model.text import HIDDEN

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
#: Without AWS_PROFILE, none of these is looked at by a client that has not both keys.
_MEANT = (
    *_KEYS,
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_DEFAULT_PROFILE",
)
_TROUBLE = {
    "scheme in capitals": "http:// or https:// must be in small letters, else it becomes a part of the host",
    "cut in the wrong place": "http:// stands inside of it, and the server then cuts off its first seven characters",
    "blank": "a blank stands before or behind it",
}


def of_client(context: Context, stores: Sequence[StorePlan]) -> Iterator[Finding]:
    """Once for all models in S3: their clients differ in the endpoint alone."""
    if not stores or stores[0].s3 is None:
        return
    client = stores[0].s3[1]
    taken = any(
        item.facts is not None and not (item.facts.unavailable or item.facts.refusal) for item in stores
    )
    yield from _credentials(context, client, taken=taken)
    endpoint = client.endpoint
    if endpoint.source == "S3_ENDPOINT" and endpoint.problem in _TROUBLE:
        shown = next(item.text for item in context.deployment.environment if item.name == "S3_ENDPOINT")
        yield _finding(
            context,
            "OVD629",
            f"S3_ENDPOINT leads to no host: {_TROUBLE[endpoint.problem]}",
            f"S3_ENDPOINT={shown}",
            "medium",
        )
    elif endpoint.source == "aws":
        yield from _amazon(context, client)


def _credentials(context: Context, client: S3Client, *, taken: bool) -> Iterator[Finding]:
    """``taken``: the store was asked with them, and did not refuse."""
    filled = _filled(context)
    if client.credentials == "anonymous" and client.sure:
        yield from _anonymous(context, client, filled)
    elif client.credentials == "keys" and client.empty_keys:
        empty = [name for name in _KEYS if name not in filled]
        yield _finding(
            context,
            "OVD625",
            f"{' and '.join(empty)} set to nothing: the server has no key to sign with",
            ", ".join(f"{name}=" for name in empty),
            "medium",
            steps=(Step("Give them values, or remove both from the server's environment."),),
        )
    elif client.token == "ignored" and not taken:  # noqa: S105 - what becomes of it, and not the token
        yield _finding(
            context,
            "OVD626",
            f"OVMS {context.deployment.release} does not read AWS_SESSION_TOKEN: temporary keys are refused",
            f"AWS_SESSION_TOKEN={HIDDEN}",
            "medium",
        )
    elif client.credentials == "chain" and {*_KEYS, "AWS_PROFILE"} <= filled:
        yield _finding(
            context,
            "OVD627",
            "AWS_PROFILE and both keys are set: the keys are used, and of the profile nothing",
            f"AWS_PROFILE={_text(context, 'AWS_PROFILE')}, both keys set",
            "medium",
        )


def _anonymous(context: Context, client: S3Client, filled: set[str]) -> Iterator[Finding]:
    """Worth a word only where somebody meant it to be otherwise."""
    meant = [name for name in _MEANT if name in filled]
    keys = [name for name in meant if name in _KEYS]
    if keys:
        other = next(name for name in _KEYS if name not in keys)
        message = f"{keys[0]} is set and {other} is not: the server asks S3 without credentials"
    elif meant:
        message = (
            f"{meant[0]} is set, but the server does not read it without AWS_PROFILE: it asks S3 anonymously"
        )
    else:
        regions = [name for name in ("AWS_DEFAULT_REGION", "AWS_REGION") if name in filled]
        if not regions:
            return
        yield _finding(
            context,
            "OVD624",
            f"{regions[0]} is set, but neither keys nor AWS_PROFILE: the server asks S3 without credentials",
            f"{regions[0]} is set; no keys, no AWS_PROFILE",
            "low",
            severity="info",
        )
        return
    yield _finding(context, "OVD624", message, f"set: {', '.join(meant)}; not set: AWS_PROFILE", "medium")


def _amazon(context: Context, client: S3Client) -> Iterator[Finding]:
    """No endpoint of one's own."""
    filled = _filled(context)
    other = next((name for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") if name in filled), "")
    if other and "S3_ENDPOINT" not in filled and client.sure:
        yield _finding(
            context,
            "OVD628",
            f"The server does not read {other}, only S3_ENDPOINT: it asks Amazon's own S3",
            f"{other}={_text(context, other)}",
            "medium",
            steps=(Step(f"Set S3_ENDPOINT to what {other} has."),),
        )
        return
    if client.region == "" and context.deployment.release.at_least(2024, 0):
        yield _finding(
            context,
            "OVD632",
            "AWS_REGION is set to nothing: the S3 client has no region and builds no address",
            "AWS_REGION=",
            "medium",
            steps=(Step("Give AWS_REGION the bucket's region, or remove it from the server's environment."),),
        )
    one, two = _text(context, "AWS_REGION"), _text(context, "AWS_DEFAULT_REGION")
    if one and two and one != two and client.region_from in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        yield _finding(
            context,
            "OVD633",
            f"AWS_REGION and AWS_DEFAULT_REGION differ: the server takes {client.region_from}",
            f"AWS_REGION={one}, AWS_DEFAULT_REGION={two}",
            "medium",
        )
    disabled = (_text(context, "AWS_EC2_METADATA_DISABLED") or "").lower() == "true"
    nowhere = client.region is None and client.region_from == "metadata" and client.credentials == "keys"
    if nowhere and context.deployment.container is not None and client.sure and not disabled:
        yield _finding(
            context,
            "OVD634",
            "No region is set: the S3 client asks EC2's metadata service for it, then takes us-east-1",
            "neither AWS_REGION nor AWS_DEFAULT_REGION",
            "low",
        )


def _finding(
    context: Context,
    code: str,
    message: str,
    seen: str,
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
        evidence=(Evidence(seen, TOLD_ENVIRONMENT),),
        recovers="restart",
        steps=steps,
    )


def _filled(context: Context) -> set[str]:
    """The variables that hold something; those of a container whose value is not known among them."""
    known = {item.name for item in context.deployment.environment}
    container = context.deployment.container
    others = set(container.environment_names) - known if container is not None else set()
    return {item.name for item in context.deployment.environment if not item.empty} | others


def _text(context: Context, name: str) -> str | None:
    return next((item.text for item in context.deployment.environment if item.name == name), None)
