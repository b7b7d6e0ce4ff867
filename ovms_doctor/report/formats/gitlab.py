"""A code quality report of GitLab: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from ovms_doctor.report.document import FindingInfo, ReportDocument
from ovms_doctor.report.formats.common import locate, safe, subject_text
from ovms_doctor.report.formats.context import RenderContext

_SEVERITIES = {"error": "critical", "warning": "minor", "info": "info"}


def render(document: ReportDocument, context: RenderContext) -> Iterator[str]:
    """Yields a JSON array with an entry for each finding."""
    used: dict[str, int] = {}
    separator = "[\n"
    for finding in document.findings:
        number = used[finding.fingerprint] = used.get(finding.fingerprint, -1) + 1
        yield separator + json.dumps(_entry(finding, number, document, context), ensure_ascii=True)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _entry(
    finding: FindingInfo, number: int, document: ReportDocument, context: RenderContext
) -> dict[str, object]:
    location = locate(finding, document, context)
    subject = subject_text(finding)
    text = f"{finding.code}: {f'{subject}: ' if subject else ''}{finding.message}"
    # GitLab merges two findings with the same fingerprint.
    key = finding.fingerprint if not number else f"{finding.fingerprint} {number}"
    return {
        "description": safe(text),
        "check_name": finding.name,
        "fingerprint": hashlib.sha256(key.encode()).hexdigest() if number else finding.fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": safe(location.path), "lines": {"begin": location.line or 1}},
        "categories": ["Bug Risk"],
        "content": {"body": safe(" ".join(part for part in (finding.detail, finding.docs) if part))},
    }
