"""A finding on a running server."""

from __future__ import annotations

from collections.abc import Iterable

from ovms_doctor.checks.context import quote
from ovms_doctor.model.codes import Code
from ovms_doctor.model.findings import (
    Confidence,
    Evidence,
    Finding,
    Recovers,
    Remedy,
    Severity,
    Step,
    Subject,
)
from ovms_doctor.model.live import HttpAnswer, LiveStatus


def finding(
    code: Code,
    status: LiveStatus,
    message: str,
    detail: str = "",
    *,
    model: str | None = None,
    version: int | None = None,
    severity: Severity | None = None,
    confidence: Confidence = "high",
    evidence: tuple[Evidence, ...] = (),
    steps: tuple[Step, ...] = (),
    recovers: Recovers | None = None,
    relative: str = "",
) -> Finding:
    """Returns a finding on a running server with the severity, remedy and page of its code, unless an argument replaces
    them."""
    return Finding(
        code.code,
        code.name,
        severity or code.severity,
        Subject(model, version),
        message,
        detail,
        confidence,
        (),
        evidence,
        recovers,
        Remedy(code.remedy, steps),
        code.address,
        relative=relative or status.address.netloc,
    )


def container_of(status: LiveStatus) -> str:
    """Returns the name of the container for a command, quoted, or a placeholder."""
    return quote(status.container) if status.container else "CONTAINER"


def answer_evidence(answers: Iterable[HttpAnswer], most: int = 6) -> tuple[Evidence, ...]:
    """Returns the evidence of answers to GET, each text once: several queries often have the same answers."""
    texts = dict.fromkeys(answer_text(item) for item in answers)
    return tuple(Evidence(text, "GET") for text in texts)[:most]


def answer_text(answer: HttpAnswer) -> str:
    """Returns the path, status, Server and Content-Type of an answer, and why it is not complete, for evidence."""
    text = f"{answer.path}: {answer.status}"
    if answer.server:
        text += f", Server: {answer.server}"
    if answer.content_type:
        text += f", {answer.content_type}"
    if answer.problem:
        text += f", {answer.problem}"
    return text
