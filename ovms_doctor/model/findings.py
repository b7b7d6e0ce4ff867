"""The findings of a check, with their evidence and remedy. Data only."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import force_setattr

Severity: TypeAlias = Literal["error", "warning", "info"]
Confidence: TypeAlias = Literal["high", "medium", "low"]
Recovers: TypeAlias = Literal["next_poll", "config_change", "restart"]
StepLocation: TypeAlias = Literal["host", "docker run", "compose", "kubernetes"]
Effect: TypeAlias = Literal["reads", "changes files", "needs root", "restarts the server"]
#: What the problem means for clients, where the state of each model does not show it.
ServingEffect: TypeAlias = Literal[
    "pod never ready", "container restarts", "memory may not suffice", "pipeline not served"
]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Subject(Struct, frozen=True):
    """The subject of a finding.

    * ``model``: the model's name, None if it is about no model.
    * ``version``: the model's version, None if it is about none.
    * ``path``: the path on this host, None if it is about none or this host does not have it.
    * ``server_path``: the path on the server, None if it is about none.
    * ``line``: the line in ``document``, from 1; None if it is about no line.
    * ``column``: the column in that line, from 1, in characters (bytes in a graph); None if ``line`` is.
    * ``document``: the file with that line, as a path on this host, else on the server; None if ``line`` is.
    """

    model: str | None = None
    version: int | None = None
    path: str | None = None
    server_path: str | None = None
    line: int | None = None
    column: int | None = None
    document: str | None = None


class Evidence(Struct, frozen=True):
    """One observation.

    * ``observation``: the observed fact.
    * ``how``: the means of the observation (``list``, ``stat as uid 5000``, ``read_model in a child`` …).
    """

    observation: str
    how: str


class Step(Struct, frozen=True):
    """One action.

    * ``text``: the action, in one sentence.
    * ``command``: the command for a shell, quoted, with the real path and uid; None if there is none.
    * ``location``: the file or place of the command or setting, None if that is clear.
    * ``effect``: the effect of the step, None if it has none.
    """

    text: str
    command: str | None = None
    location: StepLocation | None = None
    effect: Effect | None = None


class Remedy(Struct, frozen=True):
    """The remedy for a finding.

    * ``summary``: the remedy in general.
    * ``steps``: the steps for this case; a step that begins with Or is an alternative to the steps before it.
    """

    summary: str
    steps: tuple[Step, ...] = ()


class CausedBy(Struct, frozen=True):
    """A description of another finding from which one follows: every set field must match.

    Without ``any_model`` only a finding on the same model is a cause, without ``any_severity`` only an error.
    """

    #: The cause's code; None for any code.
    code: str | None = None
    #: The name of the check that reports the cause; None for any check.
    check: str | None = None
    #: The version of the cause; None for any, and for a cause without a version.
    version: int | None = None
    #: The server path of the cause; None for any.
    path: str | None = None
    #: Whether a finding on another model, or on none, is a cause too.
    any_model: bool = False
    #: Whether a warning or an info is a cause too, and a finding on the server as a whole: a problem that is only
    #: likely by itself may be the reason for an observed refusal.
    any_severity: bool = False
    #: The other model of the cause; None for the finding's own, or with ``any_model`` for any.
    model: str | None = None


class Occurrences(Struct, frozen=True):
    """How often a log shows the problem, and where first and last. Times as the server wrote them."""

    #: The number of occurrences.
    count: int
    #: Time of the first one; None if its line has none.
    first_at: str | None
    #: Time of the last one; None if its line has none.
    last_at: str | None
    #: Line of the first one.
    first_line: int
    #: Line of the last one.
    last_line: int


class Suppression(Struct, frozen=True):
    """Why a finding is not reported as one.

    * ``source``: the source of this decision: a baseline, or the project's configuration.
    * ``reason``: the reason in that source; or empty.
    * ``expires``: the last day on which it applies, as YYYY-MM-DD; None for always.
    """

    source: Literal["baseline", "configuration"]
    reason: str = ""
    expires: str | None = None


def is_about_itself(code: str) -> bool:
    """Whether a code is about ovms-doctor itself: such a finding neither fails a run nor can be left out."""
    return code.startswith("OVD9")


class Finding(Struct, frozen=True):
    """A prediction about the server, or a diagnosis of its behaviour.

    * ``code``: its code.
    * ``name``: the name that belongs to the code.
    * ``severity``: how bad it is for the requested use of the server.
    * ``subject``: its subject.
    * ``message``: the finding in one sentence.
    * ``detail``: how the server behaves because of it.
    * ``confidence``: how certain the prediction is.
    * ``server_log``: the whole messages that the server writes, after the log prefix.
    * ``evidence``: the observations that it is based on.
    * ``recovers``: the action after which the server uses a repair, None if there is none.
    * ``remedy``: the remedy, None if none is known.
    * ``docs``: the page about the code.
    * ``caused_by``: fingerprints of the findings from which it follows, set when all findings are known.
    * ``relative``: the subject's path below the base path, for the fingerprint only.
    * ``causes``: the possible causes, if there are such findings.
    * ``fingerprint``: code, model, version and relative path as a hash: the same on another host.
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
    causes: tuple[CausedBy, ...] = ()
    #: Why it is not reported as a finding, if a baseline or a configuration decides so.
    suppressed: Suppression | None = None
    #: The occurrences in a log, if it comes from a log or a log confirms it.
    occurrences: Occurrences | None = None
    #: What the problem means for clients; None where the states of the models show it.
    serving_effect: ServingEffect | None = None
    fingerprint: str = field(default="")

    def __post_init__(self) -> None:
        if not self.fingerprint:
            force_setattr(self, "fingerprint", self._fingerprint())

    @property
    def about_itself(self) -> bool:
        """Whether it is about ovms-doctor itself, not about the server."""
        return is_about_itself(self.code)

    def _fingerprint(self) -> str:
        """Returns code, model, version and path relative to the base path: the same on another host."""
        import hashlib

        version = "" if self.subject.version is None else str(self.subject.version)
        parts = "\0".join((self.code, self.subject.model or "", version, self.relative))
        return hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()[:16]
