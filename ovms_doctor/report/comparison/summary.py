"""Many reports together: the number of hosts and models with each finding. One pass, bounded memory."""

from __future__ import annotations

from msgspec import Struct, field

from ovms_doctor.model.findings import SEVERITIES, Severity
from ovms_doctor.report.comparison.saved import SavedReport

#: Maximum number of examples that are kept.
_EXAMPLES = 5


class Affected(Struct):
    """One kind of finding over all reports."""

    #: The code.
    code: str
    #: The name that belongs to the code.
    name: str
    #: The worst severity of this finding in any report.
    severity: Severity
    #: Number of findings.
    findings: int = 0
    #: Numbers of the affected hosts, in the numbering of :attr:`Totals.hosts`.
    hosts: set[int] = field(default_factory=set)
    #: Number of affected models, counted on each host.
    models: int = 0
    #: The first affected hosts and models.
    examples: list[str] = field(default_factory=list)


class HostRow(Struct):
    """All reports of one host."""

    #: The host, or the file name if the report names no host.
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
    """The summary of all reports; call :meth:`add` for each, then read the fields."""

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
    #: Unreadable files: a sentence each.
    unreadable: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def add(self, report: SavedReport) -> None:
        """Counts one report."""
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
        """Returns the kinds of findings: the worst severity first, then those on most hosts."""
        return sorted(
            self.affected.values(),
            key=lambda kind: (SEVERITIES.index(kind.severity), -len(kind.hosts), -kind.findings, kind.code),
        )

    def by_errors(self) -> list[HostRow]:
        """Returns the hosts: those with most errors first."""
        return sorted(
            self.hosts.values(),
            key=lambda row: (-row.errors, -row.warnings, -_WORSE.index(row.verdict), row.host),
        )


#: Verdicts, the best first.
_WORSE = ("pass", "incomplete", "fail")
