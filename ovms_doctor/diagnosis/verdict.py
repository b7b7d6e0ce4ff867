"""The verdict and the exit code of a run."""

from __future__ import annotations

from ovms_doctor.model.findings import SEVERITIES, Finding, Severity
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.report.model import CheckRun, Verdict

EXIT_OK, EXIT_FINDINGS, EXIT_INCOMPLETE = 0, 1, 3


def verdict_of(
    findings: tuple[Finding, ...], checks: tuple[CheckRun, ...], options: OutputOptions
) -> tuple[Verdict, int]:
    """Returns the verdict and the exit code. Findings about ovms-doctor itself (9xx) never fail a run; checks that
    could not look make it incomplete."""
    counted: tuple[Severity, ...] = ()
    if options.fail_on != "never":
        counted = SEVERITIES[: SEVERITIES.index(options.fail_on) + 1]
    failing = any(finding.severity in counted and not finding.about_itself for finding in findings)
    gap = any(check.status in ("could_not_look", "timed_out", "crashed") for check in checks)
    if failing:
        verdict: Verdict = "fail"
        code = EXIT_FINDINGS
    elif gap:
        verdict, code = "incomplete", EXIT_INCOMPLETE
    else:
        verdict, code = "pass", EXIT_OK
    return verdict, EXIT_OK if options.exit_zero else code
