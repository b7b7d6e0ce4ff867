"""The parts of a saved report that are compared. Reads reports of all 1.x schema versions; ignores unused keys."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct, field

from ovms_doctor.model.findings import SEVERITIES, Severity, is_about_itself
from ovms_doctor.model.output_options import FailOn

#: The statuses of checks that did not check everything.
_GAPS = ("could_not_look", "timed_out", "crashed")


class SavedReportError(Exception):
    """A document is not a report of ovms-doctor; the message is one sentence for users."""


class SavedSubject(Struct, frozen=True):
    """The subject of a finding; null fields do not apply.

    * ``model``: the model's name.
    * ``version``: the model's version.
    * ``path``: the path as the host sees it.
    * ``server_path``: the path as the server sees it.
    """

    model: str | None = None
    version: int | None = None
    path: str | None = None
    server_path: str | None = None


class SavedFinding(Struct, frozen=True):
    """One finding of a report."""

    #: The code.
    code: str
    #: The name that belongs to the code.
    name: str
    #: How bad it is.
    severity: Severity
    #: The finding in one sentence.
    message: str
    #: The same for the same finding in another run or on another host.
    fingerprint: str
    #: What it is about.
    subject: SavedSubject = SavedSubject()
    #: Why the finding is ignored in the counts; None if it counts.
    suppressed: dict[str, str | None] | None = None

    @property
    def about_itself(self) -> bool:
        """Whether the finding is about ovms-doctor itself, and does not change the exit code."""
        return is_about_itself(self.code)


class SavedCheck(Struct, frozen=True):
    """How one check ended."""

    #: The check's name.
    name: str
    #: Its status; only ``ran`` means a complete check.
    status: str
    #: Why the check did not simply run.
    reason: str = ""

    @property
    def is_gap(self) -> bool:
        """Whether the check could not check everything."""
        return self.status in _GAPS


class SavedModel(Struct, frozen=True):
    """One model of a report."""

    #: The name under which it is served.
    name: str


class SavedRun(Struct, frozen=True):
    """When and where the report was made."""

    #: When the run began, as ISO 8601.
    started_at: str = ""
    #: The host that ran the program.
    host: dict[str, str] = {}
    #: The origin of recorded facts; None if the run collected them itself.
    facts_from: dict[str, str | bool] | None = None
    #: The program's arguments.
    arguments: tuple[str, ...] = ()


class SavedServer(Struct, frozen=True):
    """The server of a report."""

    #: The OVMS release whose rules were used.
    release: str | None = None


class SavedSummary(Struct, frozen=True):
    """The report in numbers."""

    #: pass, fail or incomplete.
    verdict: str = "incomplete"
    #: The verdict as a sentence.
    sentence: str = ""


class SavedReport(Struct, frozen=True):
    """A report that was written as JSON."""

    #: The version of the form.
    schema_version: str
    #: The numbers of the report.
    summary: SavedSummary
    #: The findings.
    findings: tuple[SavedFinding, ...]
    #: How each check ended.
    checks: tuple[SavedCheck, ...] = ()
    #: When and where it was made.
    run: SavedRun = SavedRun()
    #: The server's settings and state.
    server: SavedServer = SavedServer()
    #: The models.
    models: tuple[SavedModel, ...] = ()
    #: Why the run itself failed; null if it did not.
    error: str | None = None
    #: The file of the report.
    source: str = field(default="")

    @property
    def host(self) -> str:
        """The name of the host; the file name if the report names no host."""
        origin = self.run.facts_from or {}
        return str(origin.get("host", "")) or self.run.host.get("name") or self.source


_DECODER = msgspec.json.Decoder(SavedReport, strict=True)


def read_report(data: bytes, source: str) -> SavedReport:
    """Returns the report in a JSON document. Raises SavedReportError for another document or another major
    version."""
    try:
        report = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SavedReportError(f"{source}: is not a report of ovms-doctor ({error})") from None
    if not report.schema_version.startswith("1."):
        raise SavedReportError(
            f"{source}: has the form {report.schema_version[:20]}, and this version of ovms-doctor reads 1.x"
        )
    return msgspec.structs.replace(report, source=source)


def fails(findings: Iterable[SavedFinding], fail_on: FailOn) -> bool:
    """Whether one of the findings counts as a failure by ``--fail-on``."""
    if fail_on == "never":
        return False
    counted = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return any(
        finding.severity in counted and not finding.about_itself and finding.suppressed is None
        for finding in findings
    )
