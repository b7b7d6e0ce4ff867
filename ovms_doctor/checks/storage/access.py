"""Refusals of stores, by case."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import bucket, credentials, denied, unreachable
from ovms_doctor.checks.storage.refusal import Refusal
from ovms_doctor.checks.storage.remedies import key_of
from ovms_doctor.model.facts import StoreAccess, StoreRefusal
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.storage_plan import StoreFacts, StorePlan

_REJECTED = frozenset(
    "InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken InvalidToken TokenRefreshRequired InvalidSecurity "
    "InvalidClientTokenId NotSignedUp".split()
)
_OTHER_REGION = frozenset(
    "PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException".split()
)
_NO_BUCKET = frozenset({"NoSuchBucket", "InvalidBucketName"})
#: Returns the finding on a refusal of one kind.
Check = Callable[[Context, Refusal], Finding]


def check(context: Context) -> Iterator[Finding]:
    """Yields one finding for all models that the same bucket refuses in the same way."""
    groups: dict[tuple[Check, StoreAccess, StoreRefusal], list[StorePlan]] = {}
    for item in context.plan.stores:
        facts = item.facts
        if facts is None or facts.refusal is None or facts.access is None:
            continue
        answer = _most_informative(facts, facts.refusal)
        case = _case(item, facts, facts.access, facts.refusal, answer)
        if case is not None:
            groups.setdefault((case, facts.access, answer), []).append(item)
    for (case, access, answer), items in groups.items():
        names = {item.model for item in items}
        models = tuple(model for model in context.plan.models if model.entry.name in names)
        first = items[0].facts
        assert first is not None
        yield case(context, Refusal(access, answer, tuple(items), first, models))


def _most_informative(facts: StoreFacts, refusal: StoreRefusal) -> StoreRefusal:
    """Returns the answer to the list, unless it is a temporary failure: the answer to a refused HeadBucket has no
    text."""
    reason = facts.reason
    return refusal if reason is None or refusal.problem or reason.temporary else reason


def _case(
    item: StorePlan, facts: StoreFacts, access: StoreAccess, refusal: StoreRefusal, answer: StoreRefusal
) -> Check | None:
    """Returns the function for the case; None for a store that is only busy."""
    if answer.problem:
        return unreachable.refused_by_proxy if answer.problem == "proxy" else unreachable.not_reached
    if answer.clock_refused or refusal.clock_refused:
        return credentials.clock_skewed
    if answer.temporary:
        return None
    unauthorized = answer.status == 401 and access.credentials != "anonymous"
    if answer.code in _REJECTED or answer.call == "Token" or unauthorized:
        return credentials.refused
    if access.store == "gcs":
        return denied.google_refuses
    region = answer.region or refusal.region
    elsewhere = facts.lists or (region and region != access.region)
    if answer.code in _OTHER_REGION or answer.status == 301 or (answer.status == 400 and elsewhere):
        return bucket.in_other_region
    if (answer.status == 404 and not facts.lists) or answer.code in _NO_BUCKET:
        return bucket.not_found
    if facts.lists and refusal.status == 403 and key_of(item):
        return denied.only_with_prefix
    return denied.access_denied
