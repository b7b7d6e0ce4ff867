"""What a store's refusal means for the server: whether it lasts, and how it is reported."""

from __future__ import annotations

from collections.abc import Mapping

from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.facts import StoreRefusal, Unavailable
from ovms_doctor.model.facts.store_answers import StoreProblem

#: What a server in the same network meets as well, whenever it asks.
_LASTING: frozenset[StoreProblem] = frozenset({"name", "proxy name", "refused", "proxy"})
#: Of a connection that is not encrypted, what holds whomever one trusts: the other side speaks plain, or its
#: certificate is not of this time or host. Words of OpenSSL, in small letters.
_NEVER_ENCRYPTED = (
    "wrong_version_number",
    "http_request",
    "record_layer_failure",
    "packet_length_too_long",
    "has expired",
    "mismatch",
    "not valid for",
)
_TROUBLES: Mapping[StoreProblem, str] = {
    "name": "the name of its host is not found",
    "proxy name": "the name of the proxy is not found",
    "refused": "nobody listens there",
    "proxy": "the proxy refuses",
    "reset": "the connection broke off",
    "truncated": "fewer bytes came than were announced",
    "tls": "no encrypted connection comes about",
    "timeout": "it does not answer in time",
    "unreadable": "what it answers is none of a store's",
}


def decides(refusal: StoreRefusal, near: bool) -> bool:
    """Whether the server's client meets the same. ``near``: it asks from where this was asked. What a store
    answers, it answers everybody; its troubles of a moment say nothing, and an object that was listed and is not
    there any more may be back."""
    if refusal.problem == "tls":
        # The server trusts the certificates of its own system, and those are not what was used here.
        return near and any(words in refusal.message.lower() for words in _NEVER_ENCRYPTED)
    if refusal.problem:
        return near and refusal.problem in _LASTING
    if not near and refusal.depends_on_network:
        return False
    # A wrong clock is this host's; and the SDK corrects it by itself, which nobody did here.
    return not refusal.temporary and not refusal.clock_refused


def in_words(refusal: StoreRefusal) -> str:
    """One sentence without a full stop."""
    who = refusal.host or "the store"
    if refusal.problem:
        more = f" ({refusal.status})" if refusal.status else ""
        return f"{who}: {_TROUBLES[refusal.problem]}{more}"
    code = f" {refusal.code}" if refusal.code else ""
    return f"{who} answers {refusal.call} with {refusal.status}{code}"


def store_unavailable(path: str, answer: StoreRefusal | Unavailable) -> CouldNotLook:
    """What could not be looked at, because of ``answer``."""
    if isinstance(answer, Unavailable):
        return CouldNotLook(path, answer.reason, answer.timed_out)
    return CouldNotLook(path, in_words(answer), answer.problem == "timeout")
