"""Stores that accept the client, but refuse access to the bucket or its list."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import remedies
from ovms_doctor.checks.storage.refusal import SDK_RELEASES, Refusal, refusal_finding
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Finding, Recovers, Step

STORE_ACCESS_DENIED = Code(
    code="OVD651",
    name="store-access-denied",
    severity="error",
    summary="S3 refuses the server's credentials, or its request without any",
    remedy=(
        "Give the server credentials that have s3:ListBucket on the bucket and s3:GetObject on its "
        "objects, or make the bucket readable for everybody."
    ),
    log=(
        server_log.S3_NO_ANSWER,
        server_log.S3_LIST_FAILED,
        server_log.S3_CONTENTS_FAILED,
        "Couldn't check directory: s3://",
    ),
    recovers="next_poll",
    releases=SDK_RELEASES,
    see_also=("OVD624", "OVD654", "OVD655"),
    example=Example(
        "HeadBucket s3://models: 403; ListObjects: AccessDenied",
        '{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::models"}',
    ),
)

BUCKET_LIST_NEEDS_PREFIX = Code(
    code="OVD654",
    name="bucket-list-needs-prefix",
    severity="error",
    summary="S3 allows the list of the path and refuses HeadBucket",
    remedy="Allow s3:ListBucket on the bucket without a condition on the prefix.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="next_poll",
    releases=SDK_RELEASES,
    see_also=("OVD651",),
    example=Example(
        '"Action": "s3:ListBucket", "Condition": {"StringLike": {"s3:prefix": "m/*"}}',
        '"Action": "s3:ListBucket"',
    ),
)

GCS_LIST_REFUSED = Code(
    code="OVD666",
    name="gcs-list-refused",
    severity="error",
    summary="Google Cloud Storage refuses the list, which the server logs as a missing directory",
    remedy="Give its service account the role roles/storage.objectViewer on the bucket.",
    log=("Directory does not exist: gs://",),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD638", "OVD640", "OVD659"),
    example=Example(
        "gs://models: 403 storage.objects.list\nDirectory does not exist: gs://models/m",
        ("gcloud storage buckets add-iam-policy-binding gs://models … --role=roles/storage.objectViewer"),
    ),
)

CODES = (STORE_ACCESS_DENIED, BUCKET_LIST_NEEDS_PREFIX, GCS_LIST_REFUSED)
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
#: Variables from which other clients take credentials, but not the server's client.
_OTHER_CREDENTIALS = (
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_SHARED_CREDENTIALS_FILE",
)


def access_denied(context: Context, refusal: Refusal) -> Finding:
    """Returns the finding: S3 refuses HeadBucket or the list."""
    answer = refusal.answer
    without_rights = refusal.anonymous and refusal.lacks_rights
    detail, remedy = "", ""
    if without_rights:
        detail = _credentials_of_others(context)
    elif answer.call == "HeadBucket" and not answer.code:
        detail = "The reason is not known: the answer to HeadBucket has no text."
    if refusal.not_from_a_store:
        remedy = (
            f"Check what answers at {answer.host or 'this address'}, or on the way to it: it is not a store."
        )
    elif not refusal.lacks_rights:
        remedy = "Follow the error message of the store, which is in the evidence."
    return refusal_finding(
        context,
        refusal,
        STORE_ACCESS_DENIED,
        _refuses(refusal),
        detail=detail,
        remedy=remedy,
        steps=tuple(_denied_steps(context, refusal)),
        causes=("OVD624", "OVD623", "OVD628"),
        recovers=_recovers(without_rights=without_rights),
    )


def _denied_steps(context: Context, refusal: Refusal) -> Iterator[Step]:
    if refusal.not_from_a_store:
        return
    if refusal.answer.depends_on_network:
        # A policy that allows it has no effect against one that denies it.
        yield remedies.against(refusal.access)
    elif refusal.lacks_rights:
        yield from remedies.rights(
            context, refusal.access, [remedies.key_of(item) for item in refusal.stores]
        )


def _credentials_of_others(context: Context) -> str:
    """Returns the credentials with which another program would send the request."""
    filled = remedies.filled(context)
    keys = [name for name in _KEYS if name in filled]
    if len(keys) == 1:
        return f"Only one of the two keys is set, {keys[0]}; the server then uses none."
    other = next((name for name in _OTHER_CREDENTIALS if name in filled), "")
    if other:
        return f"A program in Python would use {other}, which the server does not read without AWS_PROFILE."
    return "The server has neither both keys nor AWS_PROFILE, and looks for no other credentials."


def only_with_prefix(context: Context, refusal: Refusal) -> Finding:
    """Returns the finding: S3 allows the list of the path, but refuses HeadBucket."""
    below = f"{remedies.key_of(refusal.stores[0])}/"
    keys = [remedies.key_of(item) for item in refusal.stores]
    return refusal_finding(
        context,
        refusal,
        BUCKET_LIST_NEEDS_PREFIX,
        f"{refusal.bucket} allows the list of {below} and refuses HeadBucket, which the server sends first: "
        f"{refusal.error}",
        steps=(remedies.against(refusal.access),)
        if refusal.answer.depends_on_network
        else tuple(remedies.rights(context, refusal.access, keys)),
    )


def google_refuses(context: Context, refusal: Refusal) -> Finding:
    """Returns the finding: Google Cloud Storage refuses the list."""
    answer, missing = refusal.answer, refusal.answer.status == 404
    without_rights = refusal.anonymous and refusal.lacks_rights
    detail, remedy = "", ""
    if without_rights:
        detail = (
            "Without GOOGLE_APPLICATION_CREDENTIALS the server looks for no other credentials; a program in Python "
            "would use those of gcloud or of the machine."
        )
    if missing:
        remedy = "Correct the bucket's name."
    elif refusal.anonymous and answer.status in (401, 403):
        remedy = "Set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account that can read the bucket."
    return refusal_finding(
        context,
        refusal,
        GCS_LIST_REFUSED,
        describe_missing(refusal) if missing else _refuses(refusal),
        detail=detail,
        remedy=remedy,
        steps=tuple(_google_steps(context, refusal)),
        causes=("OVD638", "OVD641"),
        recovers=_recovers(without_rights=without_rights),
    )


def _google_steps(context: Context, refusal: Refusal) -> Iterator[Step]:
    answer, access = refusal.answer, refusal.access
    if answer.depends_on_network:
        yield remedies.against(access)
    elif answer.status == 404 and not refusal.anonymous and not access.endpoint:
        yield remedies.buckets(access)
    elif answer.status in (401, 403):
        yield from remedies.google(context, access)


def _recovers(*, without_rights: bool) -> Recovers:
    """Returns how the server applies the remedy: the client is created at every poll, with the same variables; new
    variables need a restart."""
    return "restart" if without_rights else "next_poll"


def _refuses(refusal: Refusal) -> str:
    call = "the list"
    first = refusal.facts.refusal
    if first is not None and first.call == "HeadBucket":
        call = "HeadBucket and the list" if refusal.answer.call == "ListObjects" else "HeadBucket"
    code = ", without the error code of a store" if refusal.not_from_a_store else ""
    return f"{refusal.bucket} refuses {call} to {refusal.client}: {refusal.error}{code}"


def describe_missing(refusal: Refusal) -> str:
    """Returns the sentence that the store has no bucket of this name."""
    host = f" ({refusal.answer.host})" if refusal.answer.host else ""
    return f"The store{host} has no bucket {refusal.access.bucket}"
