"""Stores that refuse: the true reason behind the server's one line, and what would be enough."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.facts import StoreAccess, StoreRefusal
from ovms_doctor.findings import Confidence, Evidence, Finding, Severity, Step
from ovms_doctor.serving.model import ModelPlan, StorePlan, StoreSeen

_REJECTED = frozenset(
    "InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken InvalidToken TokenRefreshRequired InvalidSecurity "
    "InvalidClientTokenId NotSignedUp".split()
)
_ELSEWHERE = frozenset(
    "PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException".split()
)
#: What other clients find credentials by, and these do not.
_OTHERS = (
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_SHARED_CREDENTIALS_FILE",
)
_TROUBLES = {
    "name": "its name is not found",
    "proxy name": "the proxy's name is not found",
    "refused": "nobody listens there",
    "reset": "the connection breaks off",
    "truncated": "less comes than is announced",
    "tls": "no encrypted connection comes about",
    "timeout": "it does not answer in time",
    "unreadable": "what answers is no store",
}


def check(context: Context) -> Iterator[Finding]:
    """One finding for all models that the same bucket refuses in the same way."""
    groups: dict[tuple[str, StoreAccess | None, StoreRefusal], list[StorePlan]] = {}
    for item in context.plan.stores:
        if item.seen is not None and item.seen.refusal is not None:
            said = item.seen.reason or item.seen.refusal
            code = _code(item.seen, said)
            if code:
                groups.setdefault((code, item.seen.access, said), []).append(item)
    for (code, _, said), items in groups.items():
        yield _finding(context, code, said, items)


def _code(seen: StoreSeen, said: StoreRefusal) -> str:
    """Which case it is; empty for a store that is only busy."""
    refusal = seen.refusal
    assert refusal is not None
    if said.trouble or refusal.trouble:
        return "OVD658" if "proxy" in (said.trouble, refusal.trouble) else "OVD657"
    if "RequestTimeTooSkewed" in (said.code, refusal.code) or "short-lived" in said.message:
        return "OVD656"
    if said.passing:
        return ""
    if said.code in _REJECTED or said.call == "Token" or said.status == 401:
        return "OVD655"
    if seen.access is not None and seen.access.store == "gcs":
        return "OVD666"
    if said.code in _ELSEWHERE or said.status == 301 or (said.status == 400 and (said.region or seen.lists)):
        return "OVD653"
    if said.status == 404 or said.code == "NoSuchBucket":
        return "OVD652"
    return "OVD654" if seen.lists and refusal.status == 403 else "OVD651"


def _finding(context: Context, code: str, said: StoreRefusal, items: Sequence[StorePlan]) -> Finding:
    first = items[0]
    seen = first.seen
    assert seen is not None
    assert seen.access is not None
    names = {item.model for item in items}
    models = [model for model in context.plan.models if model.entry.name in names]
    unknown = models[0].unknown is not None
    severity: Severity | None = None
    confidence: Confidence = "medium"
    if code in ("OVD657", "OVD658"):
        severity, confidence = ("warning", "low") if unknown else ("error", "medium")
    return context.finding(
        code,
        _message(context, code, said, seen),
        model=first.model if len(items) == 1 else None,
        path=first.path if len(items) == 1 else seen.access.url(),
        severity=severity,
        confidence=confidence,
        detail=_detail(context, code, seen, models, said),
        log=models[0].detection.log,
        evidence=tuple(_evidence(seen, said)),
        recovers="restart" if context.plan.outcome == "exits" else None if unknown else "next_poll",
        steps=tuple(_steps(context, code, said, seen, items)),
        caused_by=_CAUSES.get(code, ()),
    )


#: What decides before a store is asked, and may be all there is to it.
_CAUSES = {
    "OVD651": ("OVD624", "OVD625"),
    "OVD652": ("OVD623", "OVD628", "OVD645"),
    "OVD653": ("OVD632", "OVD633"),
    "OVD655": ("OVD625", "OVD626", "OVD627"),
    "OVD657": ("OVD602", "OVD603", "OVD605", "OVD623", "OVD629", "OVD631"),
    "OVD658": ("OVD602", "OVD603", "OVD604", "OVD605"),
    "OVD666": ("OVD638", "OVD641"),
}


def _message(context: Context, code: str, said: StoreRefusal, seen: StoreSeen) -> str:
    access = seen.access
    assert access is not None
    bucket = access.url()
    who = f" ({said.host})" if said.host else ""
    answer = said.code or f"status {said.status}"
    if code == "OVD657":
        from_here = "" if seen.near else "from here "
        return (
            f"{bucket} cannot be reached {from_here}at {said.host or 'its store'}: {_TROUBLES[said.trouble]}"
        )
    if code == "OVD658":
        through = f" of {access.proxy}" if access.proxy else ""
        return f"The proxy{through} refuses the way to {bucket} with status {said.status}"
    if code == "OVD656":
        return f"{bucket} refuses the request for its time: this host's clock is wrong"
    if code == "OVD655":
        return f"{bucket} does not accept {_whose(access)}: {answer}"
    if code == "OVD653":
        there = f" {said.region}" if said.region else " another region"
        return f"{bucket} is in{there}, and the server signs for {access.region or 'us-east-1'}"
    if code == "OVD652":
        return f"There is no bucket {access.bucket} in the store{who}"
    if code == "OVD654":
        return f"{bucket} may be listed below a prefix only, and the server asks HeadBucket first, which is refused"
    call = "HeadBucket" if said.call == "HeadBucket" else "the list"
    if seen.refusal is not None and seen.refusal.call == "HeadBucket":
        call = "HeadBucket and the list" if seen.reason is not None else "HeadBucket"
    return f"{bucket} refuses {call} to {_whose(access)}: {answer}"


def _whose(access: StoreAccess) -> str:
    return {
        "keys": "the keys in the server's environment",
        "profile": f"the keys of the profile {access.profile}",
        "anonymous": "a client without credentials",
        "file": f"the credentials in {access.files[0]}" if access.files else "the credentials",
    }[access.credentials]


def _detail(
    context: Context, code: str, seen: StoreSeen, models: Sequence[ModelPlan], said: StoreRefusal
) -> str:
    access = seen.access
    assert access is not None
    if models[0].unknown is not None:
        later = (
            "Should the server not reach it either, it tries for 15 minutes without a word, and then says that the "
            "directory does not exist."
            if access.store == "gcs"
            else "Should the server not reach it either, it tries for about half a minute and then says that "
            "credentials are missing."
        )
        if code == "OVD656":
            later = "The server's own clock may be another one, and since 2024.0 its client corrects it."
        if said.trouble == "name" and "." not in said.host.partition(":")[0]:
            later += " A name without a dot may be one that only the container's own network knows."
        return later
    more = ""
    if access.credentials == "anonymous":
        given = {item.name for item in context.deployment.environment if not item.empty}
        other = next((name for name in _OTHERS if name in given), "")
        if other:
            more = (
                f" A program in Python would use {other}, which the server does not read without AWS_PROFILE."
            )
        elif access.store == "s3":
            more = " It has neither both keys nor AWS_PROFILE, and looks for no other credentials."
        else:
            more = " Without GOOGLE_APPLICATION_CREDENTIALS it looks for no other credentials."
    if len(models) > 1:
        more += f" So it is for {len(models)} models: {', '.join(model.entry.name for model in models[:8])}."
    return context.what_then(models[0]) + more


def _evidence(seen: StoreSeen, said: StoreRefusal) -> Iterator[Evidence]:
    how = "asked as the server's client asks"
    for one in dict.fromkeys((seen.refusal, said)):
        if one is None:
            continue
        answer = f"{one.status} {one.code}".strip() if one.status else _TROUBLES.get(one.trouble, one.trouble)
        words = f": {one.message}" if one.message else ""
        yield Evidence(f"{one.call} at {one.host or 'the store'}: {answer}{words}", how)
    if seen.lists:
        yield Evidence("ListObjects below the path: allowed", how)


def _steps(
    context: Context, code: str, said: StoreRefusal, seen: StoreSeen, items: Sequence[StorePlan]
) -> Iterator[Step]:
    access = seen.access
    assert access is not None
    if code in ("OVD651", "OVD654"):
        text = "This policy is enough for the server's user, or for everybody with a Principal added."
        yield Step(text, policy(access, [item.path for item in items]))
    elif code == "OVD653" and said.region:
        yield Step(
            f"Set AWS_REGION={said.region} in the server's environment.",
            f"-e AWS_REGION={said.region}",
            "docker run",
        )
    elif code == "OVD666":
        member = "allUsers" if access.credentials == "anonymous" else "serviceAccount:SERVICE_ACCOUNT"
        yield Step(
            "Let it list and read the bucket's objects.",
            f"gcloud storage buckets add-iam-policy-binding {quote(access.url())} --member={member} "
            "--role=roles/storage.objectViewer",
            "host",
        )


def policy(access: StoreAccess, paths: Sequence[str], *more: dict[str, str]) -> str:
    """The least that lets the server find and read what lies below ``paths``, as IAM takes it."""
    partition = "aws"
    for beginning, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
        if access.region.startswith(beginning):
            partition = name
    arn = f"arn:{partition}:s3:::{access.bucket}"
    keys = dict.fromkeys(path[len(access.url()) :].strip("/") for path in paths)
    objects = [f"{arn}/{key}/*" if key else f"{arn}/*" for key in keys]
    statements: list[dict[str, object]] = [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn},
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": objects[0] if len(objects) == 1 else objects,
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": [*statements, *more]})
