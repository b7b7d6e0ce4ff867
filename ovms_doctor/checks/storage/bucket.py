"""Buckets that S3 does not have, or that are in another region."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import remedies
from ovms_doctor.checks.storage.denied import describe_missing
from ovms_doctor.checks.storage.refusal import SDK_RELEASES, Refusal, refusal_finding
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Finding, Step

BUCKET_NOT_FOUND = Code(
    code="OVD652",
    name="bucket-not-found",
    severity="error",
    summary="The store has no bucket of this name",
    remedy="Correct the bucket's name in the path, or the store's address in S3_ENDPOINT.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="config_change",
    releases=SDK_RELEASES,
    see_also=("OVD621", "OVD651"),
    example=Example(
        '"base_path": "s3://modles/m"   ListObjects: NoSuchBucket', '"base_path": "s3://models/m"'
    ),
)

BUCKET_IN_OTHER_REGION = Code(
    code="OVD653",
    name="bucket-in-other-region",
    severity="error",
    summary="The bucket is in another region than the one that the server signs for",
    remedy="Set AWS_REGION to the bucket's region.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=SDK_RELEASES,
    see_also=("OVD632", "OVD633"),
    example=Example("AWS_REGION=us-east-1   the bucket is in eu-central-1", "AWS_REGION=eu-central-1"),
)

CODES = (BUCKET_NOT_FOUND, BUCKET_IN_OTHER_REGION)


def not_found(context: Context, refusal: Refusal) -> Finding:
    """Returns the finding: the store, or a server in its place, reports that the bucket does not exist."""
    host = refusal.answer.host
    message, remedy, steps = describe_missing(refusal), "", _list_buckets(refusal)
    if refusal.not_from_a_store:
        answer = f"answers that {refusal.bucket} does not exist, without the error code of a store"
        message = f"{host or 'The store'} {answer}"
        remedy = f"Check what answers at {host or 'this address'}, or on the way to it: it is not a store."
        steps = ()
    return refusal_finding(
        context,
        refusal,
        BUCKET_NOT_FOUND,
        message,
        remedy=remedy,
        steps=steps,
        causes=("OVD623", "OVD628", "OVD645"),
    )


def _list_buckets(refusal: Refusal) -> tuple[Step, ...]:
    return () if refusal.anonymous else (remedies.buckets(refusal.access),)


def in_other_region(context: Context, refusal: Refusal) -> Finding:
    """Returns the finding: the requests are signed for another region than the bucket's."""
    first = refusal.facts.refusal
    name = refusal.answer.region or (first.region if first is not None else "")
    used = refusal.access.region or "us-east-1"
    step = (
        remedies.against(refusal.access)
        if refusal.answer.depends_on_network
        else remedies.region(context, refusal.access, refusal.stores[0], name)
    )
    return refusal_finding(
        context,
        refusal,
        BUCKET_IN_OTHER_REGION,
        f"{refusal.bucket} is in {name or 'another region'}, and the server signs for {used}",
        steps=(step,),
        causes=("OVD633", "OVD634"),
        recovers="restart",
    )
