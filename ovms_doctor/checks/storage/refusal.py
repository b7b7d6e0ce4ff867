"""Refusals of a store, or of a proxy before it, and the common part of their findings."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code
from ovms_doctor.model.facts import StoreAccess, StoreRefusal
from ovms_doctor.model.findings import CausedBy, Confidence, Evidence, Finding, Recovers, Severity, Step
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.storage_plan import StoreFacts, StorePlan

#: For codes whose log lines are those of the AWS SDK.
SDK_RELEASES = (
    "The line ends with the text of the AWS SDK 1.11 (since 2024.0). That of the older SDK is not known."
)
#: The failure of a request → its text in a message.
PROBLEMS = {
    "name": "its name cannot be resolved",
    "proxy name": "the proxy's name cannot be resolved",
    "refused": "no program listens on the port",
    "reset": "the connection is reset",
    "truncated": "the answer ends too early",
    "tls": "the TLS handshake fails",
    "timeout": "it does not answer in time",
    "unreadable": "the answer is not that of a store",
    "proxy": "the proxy refuses",
}
_MAX_LISTED = 8


class Refusal(Struct, frozen=True):
    """One refusal, for all models that the same bucket refuses in the same way."""

    #: How the server's client connects to the bucket.
    access: StoreAccess
    #: The refused request that is the most informative one.
    answer: StoreRefusal
    #: The models' paths in the bucket; at least one.
    stores: tuple[StorePlan, ...]
    #: The store's answers about the first of them.
    facts: StoreFacts
    #: The plans of these models.
    models: tuple[ModelPlan, ...]

    @property
    def bucket(self) -> str:
        """The bucket as an address, ``s3://bucket``."""
        return self.access.url()

    @property
    def anonymous(self) -> bool:
        """Whether the client has no credentials."""
        return self.access.credentials == "anonymous"

    @property
    def error(self) -> str:
        """The store's error code, else the HTTP status."""
        return self.answer.code or f"status {self.answer.status}"

    @property
    def unknown(self) -> bool:
        """Whether the server may get another answer, so that the plan of the models is not known."""
        return self.models[0].unknown is not None

    @property
    def lacks_rights(self) -> bool:
        """Whether the credentials are accepted, but the rights are missing."""
        return self.answer.status in (401, 403, 412) or self.answer.code == "AccessDenied"

    @property
    def not_from_a_store(self) -> bool:
        """Whether the answer to a list has no error code: each store sends one there."""
        answer = self.answer
        return answer.call == "ListObjects" and answer.status in (403, 404) and not answer.code

    @property
    def bucket_in_host(self) -> bool:
        """Whether the host of the request was that of the endpoint with the bucket in front."""
        own = self.access.addressing == "virtual" and bool(self.access.endpoint)
        return own and self.answer.host.startswith(f"{self.access.bucket}.")

    @property
    def client(self) -> str:
        """Returns the refused credentials, as a message names them."""
        access = self.access
        return {
            "keys": "the keys in the server's environment",
            "profile": f"the keys of the profile {access.profile}",
            "anonymous": "a client without credentials",
            "file": f"the credentials in {access.files[0]}" if access.files else "the credentials",
        }[access.credentials]


def refusal_finding(
    context: Context,
    refusal: Refusal,
    code: Code,
    message: str,
    *,
    detail: str = "",
    detail_if_unknown: str = "",
    remedy: str = "",
    steps: tuple[Step, ...] = (),
    causes: Sequence[str] = (),
    recovers: Recovers = "next_poll",
    depends_on_network: bool = False,
) -> Finding:
    """Returns the finding on a refusal, for all models that it is about.

    ``detail``: a sentence on what the server does, in addition to what it serves. ``detail_if_unknown``: what the
    server does if it is refused too, if that is not known. ``recovers``: how a running server applies the remedy.
    ``depends_on_network``: whether it is only known for a server on this host. ``causes``: codes of findings on the
    path and the environment, of any severity, from which this one may follow.
    """
    severity: Severity | None = None
    confidence: Confidence = "medium"
    if refusal.unknown and (depends_on_network or refusal.answer.depends_on_network):
        severity, confidence = "warning", "low"
    elif depends_on_network:
        severity = "error"
    if refusal.answer.depends_on_network:
        detail_if_unknown = detail_if_unknown or (
            "The store may allow it to the server: the statement that denies it may depend on the network from "
            "which the request comes."
        )
    one = len(refusal.stores) == 1
    ends = context.plan.outcome == "exits"
    return context.finding(
        code,
        message,
        model=refusal.stores[0].model if one else None,
        path=refusal.stores[0].path if one else refusal.bucket,
        severity=severity,
        confidence=confidence,
        detail=detail_if_unknown or describe_retries(context, refusal)
        if refusal.unknown
        else " ".join(filter(None, (context.failure_effect(refusal.models[0]), detail, _models(refusal)))),
        log=refusal.models[0].detection.log,
        evidence=_evidence(refusal),
        recovers=None if refusal.unknown else "restart" if ends else recovers,
        remedy=remedy,
        steps=steps,
        causes=tuple(CausedBy(cause, any_severity=True) for cause in causes),
    )


def _models(refusal: Refusal) -> str:
    """Returns the models, if there are several."""
    if len(refusal.models) < 2:
        return ""
    names = ", ".join(model.entry.name for model in refusal.models[:_MAX_LISTED])
    more = " …" if len(refusal.models) > _MAX_LISTED else ""
    return f"This applies to {len(refusal.models)} models: {names}{more}."


def describe_retries(context: Context, refusal: Refusal) -> str:
    """Returns what the server does if it does not reach the store either, and why it may reach it."""
    access, answer = refusal.access, refusal.answer
    sentences = [
        "If the server does not reach it either, it tries for 15 minutes without a message, and then logs that the "
        "directory does not exist."
        if access.store == "gcs"
        else "If the server does not reach it either, it tries for about half a minute, and then logs that "
        "credentials are missing."
    ]
    name = answer.host.partition(":")[0]
    if refusal.bucket_in_host:
        sentences.append(describe_bucket_in_host(access))
        name = name[len(access.bucket) + 1 :]
    container = context.deployment.container
    if context.deployment.bare_metal or (container is not None and container.network == "host"):
        pass
    elif answer.problem == "name" and "." not in name:
        sentences.append("A name without a dot may exist only in the network of the containers.")
    elif name in ("localhost", "127.0.0.1"):
        sentences.append("In a container this is the container itself.")
    return " ".join(sentences)


def describe_bucket_in_host(access: StoreAccess) -> str:
    """Returns the sentence that the client connects to a host with another name than the endpoint's."""
    host = access.endpoint.partition("://")[2]
    return (
        "Without credentials the client puts the bucket before the host name, and connects to "
        f"{access.bucket}.{host}."
    )


def _evidence(refusal: Refusal) -> tuple[Evidence, ...]:
    how = "requested as the server's client does"
    evidence = []
    for answer in dict.fromkeys((refusal.facts.refusal, refusal.answer)):
        if answer is None:
            continue
        result = (
            f"{answer.status} {answer.code}".strip()
            if answer.status
            else PROBLEMS.get(answer.problem, answer.problem)
        )
        text = f": {answer.message}" if answer.message else ""
        evidence.append(Evidence(f"{answer.call} at {answer.host or 'the store'}: {result}{text}", how))
    if refusal.facts.lists:
        evidence.append(Evidence("ListObjects below the path: allowed", how))
    return tuple(evidence)
