"""A project's decisions about findings: ignored with a reason, known already, of another severity. Data only."""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.model.findings import Severity


class IgnoreRule(Struct, frozen=True):
    """Findings that a configuration leaves out, with the reason. All set fields must match."""

    #: A code prefix, or the name of a finding or check.
    code: str
    #: Why they are left out.
    reason: str
    #: A pattern (``*``, ``?``) for the model's name; None for any.
    model: str | None = None
    #: A pattern for the path, counted from the directory of the configuration; None for any.
    path: str | None = None
    #: The last day on which the rule applies, as ISO 8601; None for always.
    expires: str | None = None
    #: The position of the rule in the configuration, for messages.
    label: str = ""


class SeverityRule(Struct, frozen=True):
    """The severity of some findings."""

    #: A code prefix, or the name of a finding or check.
    code: str
    #: Their severity.
    severity: Severity


class KnownFinding(Struct, frozen=True):
    """An entry of a baseline: a finding that existed when the baseline was written.

    * ``fingerprint``: the finding's fingerprint.
    * ``code``: its code.
    * ``name``: the name that belongs to the code.
    * ``model``: the model of the finding, or null.
    * ``version``: the version of the finding, or null.
    * ``message``: the finding in one sentence, for people.
    * ``reason``: why it is accepted; free text of the project.
    * ``expires``: the last day on which it is accepted, as YYYY-MM-DD; null for always.
    """

    fingerprint: str
    code: str
    name: str = ""
    model: str | None = None
    version: int | None = None
    message: str = ""
    reason: str = ""
    expires: str | None = None


class Adjustments(Struct, frozen=True):
    """All decisions about the findings of a run."""

    #: Findings that are left out.
    ignores: tuple[IgnoreRule, ...] = ()
    #: Raised or lowered severities.
    severities: tuple[SeverityRule, ...] = ()
    #: Known findings.
    known: tuple[KnownFinding, ...] = ()
    #: The file of the baseline, as it was named; empty for none.
    baseline: str = ""
    #: The configuration file, as messages name it; empty for none.
    configuration: str = ""
    #: The options that the configuration set.
    options: tuple[str, ...] = ()
    #: The directory of the configuration, from which patterns of paths count.
    directory: str = ""
