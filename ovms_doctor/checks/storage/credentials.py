"""Stores that do not accept the credentials, or the time of the request."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import remedies
from ovms_doctor.checks.storage.refusal import SDK_RELEASES, Refusal, refusal_finding
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Finding, Step

STORE_CREDENTIALS_REFUSED = Code(
    code="OVD655",
    name="store-credentials-refused",
    severity="error",
    summary="The store does not accept the credentials: they are unknown to it or no longer valid",
    remedy="Give the server valid credentials of this store.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="restart",
    releases=SDK_RELEASES,
    see_also=("OVD625", "OVD626", "OVD651"),
    example=Example(
        "AWS_ACCESS_KEY_ID=…   ListObjects: InvalidAccessKeyId", "AWS_ACCESS_KEY_ID=… of the store itself"
    ),
)

CLOCK_SKEWED = Code(
    code="OVD656",
    name="clock-skewed",
    severity="warning",
    summary="This host's clock differs from the store's by more than the store allows",
    remedy="Correct the host's clock.",
    log=(server_log.S3_NO_ANSWER,),
    recovers="next_poll",
    releases="Corrected by the client since 2024.0, with the AWS SDK 1.11.",
    see_also=("OVD655",),
    example=Example(
        "ListObjects: RequestTimeTooSkewed", "chronyc tracking   # System time: 0.000012 seconds fast"
    ),
)

CODES = (STORE_CREDENTIALS_REFUSED, CLOCK_SKEWED)


def refused(context: Context, refusal: Refusal) -> Finding:
    """Returns the finding: the store does not recognise the credentials, or they are no longer valid."""
    return refusal_finding(
        context,
        refusal,
        STORE_CREDENTIALS_REFUSED,
        f"{refusal.bucket} does not accept {refusal.client}: {refusal.error}",
        remedy=_remedy(refusal),
        steps=_steps(refusal),
        causes=("OVD626", "OVD627", "OVD628"),
        # Keys are variables, which are read at the start only; files are read again at every poll.
        recovers="restart" if refusal.access.credentials == "keys" else "next_poll",
    )


def _remedy(refusal: Refusal) -> str:
    access, code = refusal.access, refusal.answer.code
    if access.store == "gcs":
        return "Create a new key for the service account, and mount its file."
    if code in ("ExpiredToken", "TokenRefreshRequired"):
        return "Give the server new temporary keys with their token, or keys that do not expire."
    if code == "SignatureDoesNotMatch":
        return "Check the secret key for additional characters: a quotation mark, a space or an end of line."
    if code in ("InvalidAccessKeyId", "InvalidToken") and not access.endpoint and not access.token:
        return (
            "Give the server valid keys. Temporary keys, which begin with ASIA, need AWS_SESSION_TOKEN too."
        )
    return ""


def clock_skewed(context: Context, refusal: Refusal) -> Finding:
    """Returns the finding: the store refuses the time of the request, which is the time of this host."""
    return refusal_finding(
        context,
        refusal,
        CLOCK_SKEWED,
        f"{refusal.bucket} refuses the request because of its time: the clock of this host is wrong",
        detail_if_unknown=(
            "The server's host may have another clock. Since 2024.0 the server's client corrects the time."
        ),
        steps=_steps(refusal),
    )


def _steps(refusal: Refusal) -> tuple[Step, ...]:
    return (remedies.against(refusal.access),) if refusal.answer.depends_on_network else ()
