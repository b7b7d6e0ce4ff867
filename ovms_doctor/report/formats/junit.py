"""JUnit XML: a test case for each servable, one for the server, and one for each check.

The form follows Jenkins's schema junit-10.xsd, which GitLab reads too. A test case fails if a finding counts by
``--fail-on``. The test case of a check is an error if the check could not collect its facts, so that the run's exit
code and the result of the tests agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from ovms_doctor.model.findings import SEVERITIES, is_about_itself
from ovms_doctor.report.document import CheckInfo, FindingInfo, ReportDocument
from ovms_doctor.report.formats.common import safe, text_lines, title
from ovms_doctor.report.formats.context import RenderContext
from ovms_doctor.report.groups import group_findings
from ovms_doctor.report.live_document import LiveInfo
from ovms_doctor.report.log_document import LogInfo
from ovms_doctor.report.phrases import STATUS_TEXTS
from ovms_doctor.report.request_document import RequestInfo

_SERVER = "server"


def render(document: ReportDocument, context: RenderContext) -> Iterator[str]:
    """Yields one element for each suite, a part for each test case."""
    counted = SEVERITIES[: SEVERITIES.index(context.fail_on) + 1] if context.fail_on != "never" else ()
    by_name: dict[str, list[FindingInfo]] = {name: [] for name in (_SERVER, *_servables(document))}
    for finding in document.findings:
        name = finding.subject.model
        by_name.setdefault(_SERVER if name is None else f"servable {name}", []).append(finding)
    failing = {
        name: [item for item in findings if item.severity in counted and not is_about_itself(item.code)]
        for name, findings in by_name.items()
    }
    unable = sum(check.status in ("could_not_look", "timed_out", "crashed") for check in document.checks)
    skipped = sum(check.status == "not_applicable" for check in document.checks)
    failed = isinstance(document.error, str)
    failures = sum(bool(items) for items in failing.values())
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    total = len(by_name) + len(document.checks)
    yield _start("testsuites", {"tests": total, "failures": failures, "errors": unable + failed})
    suite = {
        "name": "ovms-doctor servables",
        "tests": len(by_name),
        "failures": failures,
        "errors": int(failed),
        "skipped": 0,
        "time": f"{document.run.duration_s:.3f}",
        "timestamp": document.run.started_at[:19],
    }
    yield _start("testsuite", suite)
    for name, findings in by_name.items():
        error = document.error if name == _SERVER and isinstance(document.error, str) else ""
        yield _text(_servable(name, findings, failing[name], error))
    yield "</testsuite>\n"
    suite = {
        "name": "ovms-doctor checks",
        "tests": len(document.checks),
        "failures": 0,
        "errors": unable,
        "skipped": skipped,
    }
    yield _start("testsuite", suite)
    for check in document.checks:
        yield _text(_check(check))
    yield "</testsuite>\n</testsuites>\n"


def _servables(document: ReportDocument) -> Iterator[str]:
    """Yields the names of everything that is to be served, as the test cases name it."""
    names = [model.name for model in document.models]
    if isinstance(document.log, LogInfo):
        names += [servable.name for servable in document.log.servables]
    if isinstance(document.live, LiveInfo):
        names += [servable.name for servable in document.live.servables or ()]
    if isinstance(document.request, RequestInfo) and document.request.servable:
        names.append(document.request.servable)
    for name in names:
        yield f"servable {name}"


def _servable(
    name: str, findings: Sequence[FindingInfo], failing: Sequence[FindingInfo], error: str
) -> Element:
    case = Element("testcase", {"classname": "ovms-doctor.servables", "name": safe(name), "time": "0"})
    if error:
        SubElement(case, "error", {"message": safe(error), "type": "run"})
    if failing:
        titles = ", ".join(dict.fromkeys(title(item) for item in failing))
        failure = SubElement(case, "failure", {"message": titles, "type": failing[0].code})
        failure.text = _findings_text(failing)
    others = [item for item in findings if item not in failing]
    if others:
        SubElement(case, "system-out").text = _findings_text(others)
    return case


def _findings_text(findings: Sequence[FindingInfo]) -> str:
    return "\n\n".join("\n".join(text_lines(group)) for group in group_findings(findings))


def _check(check: CheckInfo) -> Element:
    case = Element(
        "testcase",
        {"classname": "ovms-doctor.checks", "name": safe(check.name), "time": f"{check.duration_s:.3f}"},
    )
    if check.status == "not_applicable":
        SubElement(case, "skipped", {"message": safe(check.reason)})
    elif check.status != "ran":
        attributes = {"message": safe(f"{STATUS_TEXTS[check.status]}: {check.reason}"), "type": check.status}
        SubElement(case, "error", attributes)
    return case


def _start(name: str, attributes: Mapping[str, object]) -> str:
    element = Element(name, {key: str(value) for key, value in attributes.items()})
    # With the end tag, which is written after the content.
    return tostring(element, encoding="unicode", short_empty_elements=False).partition("</")[0] + "\n"


def _text(element: Element) -> str:
    return tostring(element, encoding="unicode") + "\n"
