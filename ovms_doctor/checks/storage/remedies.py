"""Steps for a store that refuses: policies, roles and variables, in the form of the deployment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.facts import StoreAccess, StoreRefusal
from ovms_doctor.model.findings import Step, StepLocation
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.storage_plan import StorePlan

#: Variables from which the AWS SDK takes a role, if AWS_PROFILE is set.
_ROLES = frozenset(
    {
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    }
)
_KEY_ARN = lazy_pattern(r"arn:[a-z-]+:kms:[^\s\"']+")
_FILE = "GOOGLE_APPLICATION_CREDENTIALS"


def filled(context: Context) -> frozenset[str]:
    """Returns the server's variables that are not empty, including variables of a container whose values are not
    known."""
    environment = context.deployment.environment
    container = context.deployment.container
    known = {item.name for item in environment}
    others = set(container.environment_names) - known if container is not None else set()
    return frozenset({item.name for item in environment if not item.empty} | others)


def key_of(item: StorePlan) -> str:
    """Returns a model's key in its bucket, as the server's client parses the path."""
    location = item.s3[0] if item.s3 is not None else item.gcs[0] if item.gcs is not None else None
    return "" if location is None else location.key.rstrip("/")


def policy(access: StoreAccess, keys: Sequence[str], *more: dict[str, str], is_public: bool = False) -> str:
    """Returns the smallest policy with which the server can list and read the objects below ``keys``, for IAM and
    compatible stores. ``is_public``: whether it is a policy of the bucket, for requests without credentials."""
    partition = "aws"
    for beginning, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
        if access.region.startswith(beginning) and not access.endpoint:
            partition = name
    arn = f"arn:{partition}:s3:::{access.bucket}"
    objects = [f"{arn}/{key}/*" if key else f"{arn}/*" for key in dict.fromkeys(keys)]
    allow: dict[str, str] = {"Effect": "Allow", **({"Principal": "*"} if is_public else {})}
    statements: list[dict[str, object]] = [
        {**allow, "Action": "s3:ListBucket", "Resource": arn},
        {**allow, "Action": "s3:GetObject", "Resource": objects[0] if len(objects) == 1 else objects},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": [*statements, *more]})


def rights(context: Context, access: StoreAccess, keys: Sequence[str]) -> Iterator[Step]:
    """Yields steps that give the server's user its rights in S3; without credentials, steps that set some."""
    user = (
        f"the user of the profile {access.profile}"
        if access.profile
        else "the user whose keys the server has"
    )
    if access.credentials == "anonymous":
        yield variables(
            context,
            "Give the server both keys of a user with these rights.",
            ("AWS_ACCESS_KEY_ID", None),
            ("AWS_SECRET_ACCESS_KEY", None),
        )
        if _ROLES & filled(context):
            text = "Or set AWS_PROFILE to any name: the AWS SDK then looks for the role itself."
            yield variables(context, text, ("AWS_PROFILE", "default"))
        user = "that user"
    location = ", entered in the store's own administration," if access.endpoint else " in IAM"
    yield Step(f"This policy{location} is enough for {user}.", policy(access, keys))
    if access.credentials == "anonymous":
        text = "Or let everybody read the bucket, with this policy of the bucket."
        yield Step(text, policy(access, keys, is_public=True))


def against(access: StoreAccess) -> Step:
    """Returns the step for a statement that explicitly denies the request."""
    if access.store == "gcs":
        return Step("Check whether the organization's VPC Service Controls allow the server's network.")
    return Step(
        "Find the statement that denies it, in the bucket's policy or the organization's: its condition "
        "(aws:SourceVpce, aws:SourceIp, aws:SecureTransport) must allow requests from the server's network."
    )


def object_rights(
    context: Context, access: StoreAccess, key: str, refusal: StoreRefusal | None
) -> Iterator[Step]:
    """Yields steps that give the right to read a model's objects, and the key of encrypted ones."""
    if refusal is not None and refusal.depends_on_network:
        yield against(access)
        return
    if access.store == "gcs":
        yield from google(context, access)
        return
    message = "" if refusal is None else f"{refusal.code} {refusal.message}"
    if "kms" not in message.lower():
        yield from rights(context, access, [key])
        return
    found = _KEY_ARN.search(message)
    arn = found[0].rstrip(".,;") if found else "KEY_ARN"
    more = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": arn}
    yield Step(
        "This policy is enough for the server's user. The policy of the key must allow it as well.",
        policy(access, [key], more),
    )


def restore(access: StoreAccess, url: str) -> tuple[Step, ...]:
    """Returns steps that restore an object of S3 from its archive, to a class that can be read. ``url``: the object's
    path."""
    if access.store == "gcs" or access.endpoint:
        return ()
    key = quote(url[len(access.url()) + 1 :])
    bucket = quote(access.bucket)
    return (
        Step(
            "Restore the object, which takes hours.",
            f"aws s3api restore-object --bucket {bucket} --key {key} --restore-request Days=7",
            "host",
            "changes files",
        ),
        Step(
            "Then copy the object over itself into a class that can be read.",
            f"aws s3 cp {quote(url)} {quote(url)} --storage-class STANDARD",
            "host",
            "changes files",
        ),
    )


def role(access: StoreAccess) -> Step:
    """Returns the step that gives a service account the role to list and read a bucket of Google's."""
    account = f" SERVICE_ACCOUNT is client_email in {access.files[0]}." if access.files else ""
    return _bind(
        access,
        "serviceAccount:SERVICE_ACCOUNT",
        f"Give it the role to list and read the bucket's objects.{account}",
    )


def google(context: Context, access: StoreAccess) -> Iterator[Step]:
    """Yields the steps for a list that Google refuses."""
    if access.endpoint:
        return
    if access.credentials != "anonymous":
        yield role(access)
        return
    user = context.deployment.user.uid
    text = f"Mount a service account's key file at /keys/key.json, readable for uid {user}, and set the variable to it."
    yield variables(context, text, (_FILE, "/keys/key.json"))
    yield role(access)
    text = (
        "Or, where the server runs with an identity of Google's (GKE, a virtual machine), set an empty value."
    )
    yield variables(context, text, (_FILE, ""))
    yield _bind(access, "allUsers", "Or let everybody read the bucket.")


def region(context: Context, access: StoreAccess, item: StorePlan, name: str) -> Step:
    """Returns the step that sets the bucket's region; ``name`` is empty if the store does not report it."""
    if not name:
        command = f"aws s3api get-bucket-location --bucket {quote(access.bucket)}"
        return Step("Show the bucket's region (null is us-east-1).", command, "host", "reads")
    source = item.s3[1].region_from if item.s3 is not None else ""
    if source == "profile":
        profile = access.profile or "default"
        return Step(f"Set region = {name} in the profile {profile} of the server's AWS configuration.")
    variable = source if source == "AWS_DEFAULT_REGION" else "AWS_REGION"
    return variables(context, f"Set {variable}={name} in the server's environment.", (variable, name))


def buckets(access: StoreAccess) -> Step:
    """Returns the step that lists the buckets."""
    text = "List the buckets."
    if access.store == "gcs":
        return Step(text, "gcloud storage ls", "host", "reads")
    endpoint = f" --endpoint-url {quote(access.endpoint)}" if access.endpoint else ""
    return Step(text, f"aws s3{endpoint} ls", "host", "reads")


def variables(context: Context, text: str, *pairs: tuple[str, str | None]) -> Step:
    """Returns the step that sets variables of the server, in the form of its deployment. A value of None is a secret:
    the step names the variable without its value."""
    container = context.deployment.container
    source = container.source if container is not None else ""
    location: StepLocation = "docker run"
    names = [name for name, _ in pairs]
    secret = any(value is None for _, value in pairs)
    if source == "kubernetes":
        location = "kubernetes"
        values = ", ".join(f"{{name: {name}, value: {json.dumps(value)}}}" for name, value in pairs)
        command = "envFrom: [{secretRef: {name: SECRET}}]" if secret else f"env: [{values}]"
    elif source == "compose":
        location = "compose"
        values = ", ".join(f"{name}: {json.dumps(value)}" for name, value in pairs)
        command = f"environment: [{', '.join(names)}]" if secret else f"environment: {{{values}}}"
    elif context.deployment.bare_metal:
        location = "host"
        values = " ".join(name if value is None else f"{name}={quote(value)}" for name, value in pairs)
        command = f"export {values}"
    else:
        command = " ".join(
            f"-e {name}" if value is None else f"-e {name}={quote(value) if value else ''}"
            for name, value in pairs
        )
    return Step(text, command, location, "restarts the server")


def _bind(access: StoreAccess, member: str, text: str) -> Step:
    command = (
        f"gcloud storage buckets add-iam-policy-binding {quote(access.url())} --member={member} "
        "--role=roles/storage.objectViewer"
    )
    return Step(text, command, "host")
