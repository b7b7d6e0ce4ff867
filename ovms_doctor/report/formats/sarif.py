"""SARIF 2.1.0 (OASIS): findings for code scanning. https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from ovms_doctor.model.codes import PROJECT_URL, page_url
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.report.document import FindingInfo, ReportDocument, SuppressionInfo
from ovms_doctor.report.formats.common import Location, locate, remedy_lines, safe, safe_lines, subject_text
from ovms_doctor.report.formats.context import RenderContext, Rule

_Object: TypeAlias = dict[str, Any]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
#: The name of the working directory, which relative addresses refer to.
_BASE = "WORKING_DIRECTORY"
_PAGE_LINK = lazy_pattern(r"\]\(([\w-]+)\.md\)")
_UNABLE = ("could_not_look", "timed_out", "crashed")


def render(document: ReportDocument, context: RenderContext) -> Iterator[str]:
    """Yields one run. Only the codes that have a finding are rules."""
    codes = list(dict.fromkeys(finding.code for finding in document.findings))
    first = {finding.code: finding for finding in reversed(document.findings)}
    numbers = {code: number for number, code in enumerate(codes)}
    run: _Object = {
        "tool": {
            "driver": {
                "name": document.tool.name,
                "version": document.tool.version,
                "semanticVersion": document.tool.version,
                "informationUri": PROJECT_URL,
                "rules": [_rule(first[code], context.rules) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_BASE: {"uri": f"file://{quote(context.directory).rstrip('/')}/"}},
        "invocations": [_invocation(document, context)],
        "properties": {"verdict": document.summary.verdict, "sentence": safe(document.summary.sentence)},
    }
    head = json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False)
    # The results come last, one at a time.
    ends = head.rindex("\n  }\n ]\n}")
    yield f'{head[:ends]},\n   "results": ['
    for number, finding in enumerate(document.findings):
        result = _result(finding, numbers[finding.code], document, context)
        yield (",\n" if number else "\n") + json.dumps(result, ensure_ascii=False)
    yield f"]{head[ends:]}\n"


def _rule(finding: FindingInfo, rules: Mapping[str, Rule]) -> _Object:
    known = rules.get(finding.code)
    if known is None:
        # The code belongs to a third-party check.
        rule: _Object = {
            "id": safe(finding.code),
            "name": safe(finding.name),
            "shortDescription": {"text": safe(finding.name.replace("-", " "))},
            "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        }
        if finding.docs:
            rule["helpUri"] = safe(finding.docs)
        return rule
    text = f"{known.summary}. {known.remedy}"
    page = f"{known.remedy}\n\n{known.page}" if known.page else known.remedy
    # Pages link to each other by their file names.
    page = _PAGE_LINK.sub(lambda match: f"]({page_url(match[1])})", page)
    return {
        "id": known.code,
        "name": known.name,
        "shortDescription": {"text": known.summary},
        "fullDescription": {"text": f"{known.summary}."},
        "help": {"text": text, "markdown": f"{page}\n\n[{known.code}]({known.docs})"},
        "helpUri": known.docs,
        "defaultConfiguration": {"level": _LEVELS[known.severity]},
    }


def _result(finding: FindingInfo, rule: int, document: ReportDocument, context: RenderContext) -> _Object:
    subject = finding.subject
    lines = [finding.message + ("" if finding.message.endswith((".", "!", "?")) else "."), finding.detail]
    steps = list(remedy_lines(finding))
    text = "\n".join([safe(line) for line in lines if line] + (["What to do:", *steps] if steps else []))
    location: _Object = {"physicalLocation": _physical(locate(finding, document, context))}
    if subject.model is not None:
        logical = {"name": safe(subject.model), "kind": "resource"}
        if subject.version is not None:
            logical["fullyQualifiedName"] = safe(f"{subject.model}/{subject.version}")
        location["logicalLocations"] = [logical]
    name = subject_text(finding)
    result: _Object = {
        "ruleId": safe(finding.code),
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{name}: {text}" if name else text},
        "locations": [location],
        "partialFingerprints": {"ovmsDoctor/v1": safe(finding.fingerprint)},
        "properties": {
            "confidence": finding.confidence,
            "model": None if subject.model is None else safe(subject.model),
            "version": subject.version,
            "serverPath": None if subject.server_path is None else safe(subject.server_path),
            "serverLog": ["\n".join(safe_lines(message)) for message in finding.server_log],
            "evidence": [safe(f"{item.observation} ({item.method})") for item in finding.evidence],
            "recovers": finding.recovers,
            "causedBy": list(finding.caused_by),
        },
    }
    if isinstance(finding.suppressed, SuppressionInfo):
        reason = finding.suppressed.reason or f"known from the {finding.suppressed.source}"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": safe(reason)}]
    return result


def _physical(location: Location) -> _Object:
    artifact = {"uri": location.uri}
    if location.is_relative:
        artifact["uriBaseId"] = _BASE
    physical: _Object = {"artifactLocation": artifact}
    if location.line is not None:
        region = {"startLine": location.line}
        if location.column is not None:
            region["startColumn"] = location.column
        physical["region"] = region
    return physical


def _invocation(document: ReportDocument, context: RenderContext) -> _Object:
    notes = [
        _notification(f"{check.name}: {check.status.replace('_', ' ')}: {check.reason}", "warning")
        for check in document.checks
        if check.status in _UNABLE
    ]
    failed = isinstance(document.error, str)
    if failed:
        notes.append(_notification(str(document.error), "error"))
    return {
        "executionSuccessful": not failed,
        "exitCode": context.exit_code,
        "startTimeUtc": document.run.started_at.replace("+00:00", "Z"),
        "arguments": [safe(word) for word in document.run.arguments],
        "workingDirectory": {"uri": f"file://{quote(context.directory).rstrip('/')}/"},
        "toolExecutionNotifications": notes,
    }


def _notification(text: str, level: str) -> _Object:
    return {"level": level, "message": {"text": "\n".join(safe_lines(text))}}
