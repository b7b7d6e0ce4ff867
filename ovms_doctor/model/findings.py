"""What a check says: findings, with their evidence and remedy. Data only."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import force_setattr

Severity: TypeAlias = Literal["error", "warning", "info"]
Confidence: TypeAlias = Literal["high", "medium", "low"]
Recovers: TypeAlias = Literal["next_poll", "config_change", "restart"]
Where: TypeAlias = Literal["host", "docker run", "compose", "kubernetes"]
Effect: TypeAlias = Literal["reads", "changes files", "needs root", "restarts the server"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Subject(Struct, frozen=True):
    """What a finding is about. ``path`` as this host sees it, ``server_path`` as the server does."""

    model: str | None = None
    version: int | None = None
    path: str | None = None
    server_path: str | None = None


class Evidence(Struct, frozen=True):
    """What was seen, and how (``list``, ``stat as uid 5000``, ``read_model in a child`` …)."""

    what: str
    how: str


class Step(Struct, frozen=True):
    """One thing to do. ``command`` is ready for a shell: quoted, with the real path and uid."""

    text: str
    command: str | None = None
    where: Where | None = None
    effect: Effect | None = None


class Remedy(Struct, frozen=True):
    summary: str
    steps: tuple[Step, ...] = ()


class Finding(Struct, frozen=True):
    """A prediction about the server, or a reading of what it did.

    ``message`` is the case in one sentence, ``detail`` what the server will do about it;
    ``server_log`` the whole messages it writes; ``relative`` the subject's path below the base path,
    for the fingerprint only.
    """

    code: str
    name: str
    severity: Severity
    subject: Subject
    message: str
    detail: str = ""
    confidence: Confidence = "high"
    server_log: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    recovers: Recovers | None = None
    remedy: Remedy | None = None
    docs: str = ""
    caused_by: tuple[str, ...] = ()
    relative: str = ""
    fingerprint: str = field(default="")

    def __post_init__(self) -> None:
        if not self.fingerprint:
            force_setattr(self, "fingerprint", self._fingerprint())

    def _fingerprint(self) -> str:
        """Code, model, version and path relative to the base path: the same on another host."""
        import hashlib

        version = "" if self.subject.version is None else str(self.subject.version)
        parts = "\0".join((self.code, self.subject.model or "", version, self.relative))
        return hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()[:16]
