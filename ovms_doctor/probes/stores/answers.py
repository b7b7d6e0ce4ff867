"""The result of a request to a store, in messages without secrets."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http.client import HTTPException, IncompleteRead
from socket import gaierror
from urllib.parse import quote, urlsplit

from ovms_doctor.model.facts import StoreRefusal
from ovms_doctor.model.facts.store_answers import StoreProblem
from ovms_doctor.model.text import HIDDEN

#: The most characters of a message that are kept.
KEPT = 300
#: Shorter secrets occur inside ordinary words.
_SHORTEST_SECRET = 3

#: In this order: a kind that is also one of the later kinds comes first.
_PROBLEMS: tuple[tuple[type[BaseException], StoreProblem], ...] = (
    (gaierror, "name"),
    (ssl.SSLError, "tls"),
    (ConnectionRefusedError, "refused"),
    (TimeoutError, "timeout"),
    (ConnectionError, "reset"),
    (IncompleteRead, "truncated"),
    (HTTPException, "unreadable"),
)


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and all its causes, once each."""
    remaining, visited = [error], set()
    while remaining:
        item = remaining.pop(0)
        if id(item) in visited:
            continue
        visited.add(id(item))
        yield item
        inner = [item.__cause__, item.__context__, getattr(item, "reason", None)]
        inner += [getattr(item, "original_error", None), *item.args]
        # botocore keeps the wrapped exception among the values of its message.
        inner += list(getattr(item, "kwargs", {}).values())
        remaining += [other for other in inner if isinstance(other, BaseException)]


def problem_of(error: BaseException) -> tuple[StoreProblem, str]:
    """Returns the problem that an exception of a connection means, and the system's message; no problem for any
    other exception."""
    found = list(chain(error))
    for kind, problem in _PROBLEMS:
        item = next((one for one in found if isinstance(one, kind)), None)
        if item is not None:
            return problem, system_message(item)
    if any(type(item).__name__.endswith(("TimeoutError", "Timeout")) for item in found):
        return "timeout", ""
    # Other failures of a connection (no route, network down) have the effect of a refused one.
    system = next((item for item in found if isinstance(item, OSError) and item.errno), None)
    return ("refused", system_message(system)) if system is not None else ("", "")


def system_message(error: BaseException) -> str:
    """Returns the system's message. The libraries' own messages contain addresses in memory."""
    if isinstance(error, ssl.SSLError):
        return getattr(error, "verify_message", "") or error.reason or ""
    if isinstance(error, IncompleteRead):
        return "the answer ends before its announced length"
    return (isinstance(error, OSError) and error.strerror) or ""


def authority_of(url: str) -> str:
    """Returns ``host:port`` of an address; empty for an invalid one."""
    try:
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname else ""


class SecretMask:
    """Texts without the known secrets, in one line, and cut."""

    def __init__(self, *secrets: str) -> None:
        self._secrets: set[str] = set()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Adds secrets; longer ones are hidden first."""
        for secret in secrets:
            for form in (secret, quote(secret, safe="", errors="replace")):
                if len(form) >= _SHORTEST_SECRET:
                    self._secrets.add(form)

    def __call__(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return text if len(text) <= KEPT else text[: KEPT - 1] + "…"


def passing(answer: object) -> bool:
    """Whether the request should be repeated: the store is busy, or closed the connection."""
    if not isinstance(answer, StoreRefusal):
        return False
    if answer.problem:
        return answer.problem in ("reset", "truncated")
    return answer.status in (408, 425, 429) or answer.status >= 500
