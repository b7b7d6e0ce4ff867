"""Many reports together: which finding is on how many hosts and models. One pass, bounded memory."""

from __future__ import annotations

from msgspec import Struct, field

from ovms_doctor.model.findings import SEVERITIES, Severity
from ovms_doctor.report.comparison.saved import SavedReport

#: Of more examples only the first are kept.
_EXAMPLES = 5


class Affected(Struct):
    """One kind of finding over all reports."""

    #: The code.
    code: str
    #: The name that belongs to the code.
    name: str
    #: The worst severity that a report has it with.
    severity: Severity
    #: Number of findings.
    findings: int = 0
    #: Numbers of the hosts that have it, as :attr:`Totals.hosts` counts them.
    hosts: set[int] = field(default_factory=set)
    #: Number of models that have it, counted on each host.
    models: int = 0
    #: The first hosts and models that have it.
    examples: list[str] = field(default_factory=list)


class HostRow(Struct):
    """All reports of one host."""

    #: The host, or the file where the report names none.
    host: str
    #: Number of its reports.
    reports: int = 0
    #: The worst of their verdicts.
    verdict: str = "pass"
    #: Number of errors.
    errors: int = 0
    #: Number of warnings.
    warnings: int = 0
    #: Number of findings by code.
    findings: dict[str, int] = field(default_factory=dict)


class Totals(Struct):
    """The summary of all reports; :meth:`add` each, then read."""

    #: Number of reports.
    reports: int = 0
    #: Number of reports by verdict.
    verdicts: dict[str, int] = field(default_factory=dict)
    #: Number of models in all reports.
    models: int = 0
    #: The hosts, in the order of their first report.
    hosts: dict[str, HostRow] = field(default_factory=dict)
    #: The kinds of findings by code.
    affected: dict[str, Affected] = field(default_factory=dict)
    #: What could not be read: a sentence each.
    unreadable: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def add(self, report: SavedReport) -> None:
        """Count one report."""
        verdict = report.summary.verdict if report.summary.verdict in _WORSE else "incomplete"
        self.reports += 1
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        self.models += len(report.models)
        row = self.hosts.setdefault(report.host, HostRow(report.host))
        number = self._numbers.setdefault(report.host, len(self._numbers))
        row.reports += 1
        row.verdict = max(row.verdict, verdict, key=_WORSE.index)
        models: set[tuple[str, str]] = set()
        for finding in report.findings:
            if finding.suppressed is not None:
                continue
            row.errors += finding.severity == "error"
            row.warnings += finding.severity == "warning"
            row.findings[finding.code] = row.findings.get(finding.code, 0) + 1
            kind = self.affected.get(finding.code)
            if kind is None:
                kind = self.affected[finding.code] = Affected(finding.code, finding.name, finding.severity)
            kind.findings += 1
            kind.hosts.add(number)
            if SEVERITIES.index(finding.severity) < SEVERITIES.index(kind.severity):
                kind.severity = finding.severity
            model = finding.subject.model
            if model is not None and (finding.code, model) not in models:
                models.add((finding.code, model))
                kind.models += 1
            if len(kind.examples) < _EXAMPLES:
                example = report.host if model is None else f"{report.host}: {model}"
                if example not in kind.examples:
                    kind.examples.append(example)

    def by_reach(self) -> list[Affected]:
        """The kinds of findings: the worst severity first, then those on most hosts."""
        return sorted(
            self.affected.values(),
            key=lambda kind: (SEVERITIES.index(kind.severity), -len(kind.hosts), -kind.findings, kind.code),
        )

    def by_errors(self) -> list[HostRow]:
        """The hosts: those with most errors first."""
        return sorted(
            self.hosts.values(),
            key=lambda row: (-row.errors, -row.warnings, -_WORSE.index(row.verdict), row.host),
        )


#: Verdicts, the best first.
_WORSE = ("pass", "incomplete", "fail")
