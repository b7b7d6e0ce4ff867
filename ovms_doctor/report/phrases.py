r"""Text for people: makes any text safe to show, and provides the sentences of the text report.

Text from a file name, a log line or an error reaches a terminal only through :func:`visible`, or
:func:`visible_command` for commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ovms_doctor.model.facts.preparation import ModelFormat
    from ovms_doctor.model.findings import Finding, Occurrences, Recovers, Severity
    from ovms_doctor.model.log import Distribution
    from ovms_doctor.report.document import OccurrencesInfo
    from ovms_doctor.report.log_document import DurationInfo
    from ovms_doctor.report.model import CheckStatus

FORMATS: dict[ModelFormat, str] = {
    "ir": "IR",
    "onnx": "ONNX",
    "paddle": "Paddle",
    "saved_model": "TensorFlow SavedModel",
    "frozen": "TensorFlow frozen graph",
    "tflite": "TensorFlow Lite",
}
MARKS: dict[Severity, str] = {"error": "✗", "warning": "!", "info": "i"}
STATUS_TEXTS: dict[CheckStatus, str] = {
    "ran": "ran",
    "not_applicable": "not applicable",
    "could_not_look": "could not look",
    "timed_out": "timed out",
    "crashed": "crashed",
}
RECOVERS: dict[Recovers, str] = {
    "next_poll": "after a repair, the server applies the change by itself at its next poll",
    "config_change": (
        "after a repair, the change takes effect when the server's configuration changes, or after a restart"
    ),
    "restart": "takes effect when the server is restarted",
}


# -- safe to show --------------------------------------------------------------------------------------


# -- layout --------------------------------------------------------------------------------------------


# -- sentences -----------------------------------------------------------------------------------------


def plural(number: int, word: str) -> str:
    """Returns ``1 error``, ``2 errors``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def number(value: float | None) -> str:
    """Returns the number with its significant digits; ``-`` for None."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def percentiles(values: Distribution | DurationInfo | None) -> str:
    """Returns ``p50 / p95``; ``-`` for None."""
    return "-" if values is None else f"{number(values.p50)} / {number(values.p95)}"


def failure_cause(reason: str) -> str:
    """Returns the cause in the reason of a failed request: of a graph, the text of its calculator, which stands at the
    end."""
    _, calculator, cause = reason.rpartition('" failed: ')
    return cause.strip() if calculator and cause.strip() else reason


def share(part: int, whole: int) -> str:
    """Returns the share in percent; ``-`` of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def subject_of(finding: Finding) -> str:
    """Returns the subject of a finding, in a few words."""
    subject = finding.subject
    if subject.model is None:
        return ""
    return subject.model if subject.version is None else f"{subject.model}, version {subject.version}"


def occurrences_text(occurrences: Occurrences | OccurrencesInfo) -> str:
    """Returns ``9,412 times, first 14:02:13 (line 34), last 16:40:57 (line 90,112)``."""
    first = _moment(occurrences.first_at, occurrences.first_line or 0)
    if occurrences.count == 1:
        return f"once, {first}"
    last = _moment(occurrences.last_at, occurrences.last_line or 0)
    return f"{occurrences.count:,} times, first {first}, last {last}"


def _moment(at: str | None, line: int) -> str:
    if at and not line:
        return at[:19]
    return f"line {line:,}" if not at else f"{at[:19]} (line {line:,})"


def title_of(finding: Finding) -> str:
    """Returns code and title, and whether the finding is suppressed."""
    title = f"{finding.code} {finding.name.replace('-', ' ')}"
    if finding.suppressed is None:
        return title
    return f"{title} ({'known' if finding.suppressed.source == 'baseline' else 'ignored'})"
