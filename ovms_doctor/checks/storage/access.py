"""Stores that refuse: the true reason behind the server's one line, and what would be enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import refusal_text as words
from ovms_doctor.checks.storage import remedies
from ovms_doctor.model.facts import StoreAccess, StoreRefusal
from ovms_doctor.model.findings import CausedBy, Confidence, Evidence, Finding, Recovers, Severity, Step
from ovms_doctor.model.storage_plan import StoreFacts, StorePlan

_REJECTED = frozenset(
    "InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken InvalidToken TokenRefreshRequired InvalidSecurity "
    "InvalidClientTokenId NotSignedUp".split()
)
_ELSEWHERE = frozenset(
    "PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException".split()
)
_NO_BUCKET = frozenset({"NoSuchBucket", "InvalidBucketName"})
#: What decides before a store is asked, and may be all there is to it.
_CAUSES = {
    "OVD651": ("OVD624", "OVD623", "OVD628"),
    "OVD652": ("OVD623", "OVD628", "OVD645"),
    "OVD653": ("OVD633", "OVD634"),
    "OVD655": ("OVD626", "OVD627", "OVD628"),
    "OVD658": ("OVD605", "OVD607"),
    "OVD666": ("OVD638", "OVD641"),
}
#: What is only read when the server starts.
_AT_START = ("OVD653", "OVD658")


def check(context: Context) -> Iterator[Finding]:
    """One finding for all models that the same bucket refuses in the same way."""
    groups: dict[tuple[str, StoreAccess, StoreRefusal], list[StorePlan]] = {}
    for item in context.plan.stores:
        seen = item.facts
        if seen is None or seen.refusal is None or seen.access is None:
            continue
        said = _said(seen, seen.refusal)
        code = _code(item, seen, seen.access, seen.refusal, said)
        if code:
            groups.setdefault((code, seen.access, said), []).append(item)
    for (code, access, said), items in groups.items():
        yield _finding(context, code, access, said, items)


def _said(seen: StoreFacts, refusal: StoreRefusal) -> StoreRefusal:
    """The answer that tells most: a refused HeadBucket has no text, and what a list is answered with may be of a
    moment only."""
    reason = seen.reason
    return refusal if reason is None or refusal.problem or reason.temporary else reason


def _code(
    item: StorePlan, seen: StoreFacts, access: StoreAccess, refusal: StoreRefusal, said: StoreRefusal
) -> str:
    """Which case it is; empty for a store that is only busy."""
    if said.problem:
        return "OVD658" if said.problem == "proxy" else "OVD657"
    if said.clock_refused or refusal.clock_refused:
        return "OVD656"
    if said.temporary:
        return ""
    anonymous = access.credentials == "anonymous"
    if said.code in _REJECTED or said.call == "Token" or (said.status == 401 and not anonymous):
        return "OVD655"
    if access.store == "gcs":
        return "OVD666"
    there = said.region or refusal.region
    elsewhere = seen.lists or (there and there != access.region)
    if said.code in _ELSEWHERE or said.status == 301 or (said.status == 400 and elsewhere):
        return "OVD653"
    if (said.status == 404 and not seen.lists) or said.code in _NO_BUCKET:
        return "OVD652"
    below = seen.lists and refusal.status == 403 and remedies.key_of(item)
    return "OVD654" if below else "OVD651"


def _finding(
    context: Context, code: str, access: StoreAccess, said: StoreRefusal, items: Sequence[StorePlan]
) -> Finding:
    first = items[0]
    seen = first.facts
    assert seen is not None
    names = {item.model for item in items}
    models = [model for model in context.plan.models if model.entry.name in names]
    unknown = models[0].unknown is not None
    severity: Severity | None = None
    confidence: Confidence = "medium"
    if code in ("OVD657", "OVD658"):
        severity, confidence = ("warning", "low") if unknown else ("error", "medium")
    elif unknown and said.depends_on_network:
        severity, confidence = "warning", "low"
    return context.finding(
        code,
        words.message(code, access, said, first, seen),
        model=first.model if len(items) == 1 else None,
        path=first.path if len(items) == 1 else access.url(),
        severity=severity,
        confidence=confidence,
        detail=words.later(context, code, access, said)
        if unknown
        else words.detail(context, code, access, said, models),
        log=models[0].detection.log,
        evidence=tuple(_evidence(seen, said)),
        recovers=None if unknown else _recovers(context, code, access, said),
        remedy=words.remedy(code, access, said),
        steps=tuple(_steps(context, code, access, said, items)),
        causes=tuple(CausedBy(cause, any_severity=True) for cause in _causes(code, access, said)),
    )


def _causes(code: str, access: StoreAccess, said: StoreRefusal) -> tuple[str, ...]:
    """Findings on path and environment that may be all there is to it."""
    if code != "OVD657":
        return _CAUSES.get(code, ())
    if words.virtual(access, said):
        return ("OVD631",)
    if access.proxy:
        return ("OVD605", "OVD606")
    direct = said.problem in ("name", "timeout", "reset")
    return ("OVD602", "OVD603", "OVD604", "OVD608") if direct else ()


def _recovers(context: Context, code: str, access: StoreAccess, said: StoreRefusal) -> Recovers:
    """The client is made anew at every poll, with the same variables; files are read anew."""
    by_keys = code == "OVD655" and access.credentials == "keys"
    by_variables = (
        code in ("OVD651", "OVD666") and access.credentials == "anonymous" and words.is_denial(said)
    )
    at_start = code in _AT_START or by_keys or by_variables or context.plan.outcome == "exits"
    return "restart" if at_start else "next_poll"


def _evidence(seen: StoreFacts, said: StoreRefusal) -> Iterator[Evidence]:
    how = "asked as the server's client asks"
    for one in dict.fromkeys((seen.refusal, said)):
        if one is None:
            continue
        answer = (
            f"{one.status} {one.code}".strip() if one.status else words.TROUBLES.get(one.problem, one.problem)
        )
        text = f": {one.message}" if one.message else ""
        yield Evidence(f"{one.call} at {one.host or 'the store'}: {answer}{text}", how)
    if seen.lists:
        yield Evidence("ListObjects below the path: allowed", how)


def _steps(
    context: Context, code: str, access: StoreAccess, said: StoreRefusal, items: Sequence[StorePlan]
) -> Iterator[Step]:
    seen = items[0].facts
    assert seen is not None
    if code in ("OVD651", "OVD652") and words.not_a_store(said):
        return
    if said.depends_on_network:
        # No policy that allows is enough against one that denies.
        yield remedies.against(access)
        return
    if code == "OVD654" or (code == "OVD651" and words.is_denial(said)):
        yield from remedies.rights(context, access, [remedies.key_of(item) for item in items])
    elif code == "OVD652" or (code == "OVD666" and said.status == 404):
        if access.credentials != "anonymous" and not (access.store == "gcs" and access.endpoint):
            yield remedies.buckets(access)
    elif code == "OVD653":
        yield remedies.region(context, access, items[0], words.region_of(said, seen))
    elif code == "OVD666" and said.status in (401, 403):
        yield from remedies.google(context, access)
