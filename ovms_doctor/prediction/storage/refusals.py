"""The meaning of a store's refusal for the server: whether it lasts, and how it is reported."""

from __future__ import annotations

from collections.abc import Mapping

from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.facts import StoreRefusal, Unavailable
from ovms_doctor.model.facts.store_answers import StoreProblem

#: Problems that a server in the same network also has, at any time.
_LASTING: frozenset[StoreProblem] = frozenset({"name", "proxy name", "refused", "proxy"})
#: For a failed encryption, the reasons that do not depend on the trusted certificates: the other side is not
#: encrypted, or its certificate is not valid for this time or host. Messages of OpenSSL, in lower case.
_NEVER_ENCRYPTED = (
    "wrong_version_number",
    "http_request",
    "record_layer_failure",
    "packet_length_too_long",
    "has expired",
    "mismatch",
    "not valid for",
)
_PROBLEMS: Mapping[StoreProblem, str] = {
    "name": "the name of its host is not found",
    "proxy name": "the name of the proxy is not found",
    "refused": "no process listens there",
    "proxy": "the proxy refuses",
    "reset": "the connection was closed",
    "truncated": "fewer bytes arrived than were announced",
    "tls": "no encrypted connection can be established",
    "timeout": "it does not answer in time",
    "unreadable": "its answer is not the answer of a store",
}


def applies_to_server(refusal: StoreRefusal, in_same_network: bool) -> bool:
    """Returns whether the server's client gets the same refusal. ``in_same_network``: whether it is in the same
    network. A store answers all clients alike; temporary problems prove nothing, and an object that was listed and is
    now missing may return."""
    if refusal.problem == "tls":
        # The server trusts the certificates of its own system, which were not used here.
        return in_same_network and any(phrase in refusal.message.lower() for phrase in _NEVER_ENCRYPTED)
    if refusal.problem:
        return in_same_network and refusal.problem in _LASTING
    if not in_same_network and refusal.depends_on_network:
        return False
    # A wrong clock is that of this host; and the server's SDK corrects it, which is not done here.
    return not refusal.temporary and not refusal.clock_refused


def refusal_text(refusal: StoreRefusal) -> str:
    """Returns one sentence without a full stop."""
    host = refusal.host or "the store"
    if refusal.problem:
        more = f" ({refusal.status})" if refusal.status else ""
        return f"{host}: {_PROBLEMS[refusal.problem]}{more}"
    code = f" {refusal.code}" if refusal.code else ""
    return f"{host} answers {refusal.call} with {refusal.status}{code}"


def store_unavailable(path: str, answer: StoreRefusal | Unavailable) -> CouldNotLook:
    """Returns the cause for a path that could not be read because of ``answer``."""
    if isinstance(answer, Unavailable):
        return CouldNotLook(path, answer.reason, answer.timed_out)
    return CouldNotLook(path, refusal_text(answer), answer.problem == "timeout")
