"""The summary of a log without secrets: it keeps only the texts of warnings, errors and reasons."""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.model.log import LogSummary
from ovms_doctor.model.redaction import redact_log_text


def without_secrets(log: LogSummary) -> LogSummary:
    """Returns the summary with its texts redacted."""
    problems = tuple(replace(problem, text=redact_log_text(problem.text)) for problem in log.problems)
    starts = tuple(replace(start, last_message=redact_log_text(start.last_message)) for start in log.starts)
    failures = tuple((servable, redact_log_text(reason), count) for servable, reason, count in log.failures)
    requests = tuple(
        replace(item, reasons={redact_log_text(reason): count for reason, count in item.reasons.items()})
        for item in log.requests
    )
    return replace(log, problems=problems, starts=starts, failures=failures, requests=requests)
