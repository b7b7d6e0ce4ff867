"""Documents for the tests of formats: of every command, with hostile names, and with thousands of findings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from ovms_doctor.explain.index import codes, prose
from ovms_doctor.model.codes import page_url
from ovms_doctor.model.findings import Evidence, Finding, Occurrences, Remedy, Step, Subject
from ovms_doctor.report.formats.context import RenderContext, Rule
from ovms_doctor.report.json_report import to_document
from ovms_doctor.report.model import Report
from tests.report import samples
from tests.report.samples import HOSTILE, SAMPLES

#: Text that a format, a terminal, a CI runner or a web interface could interpret as its own syntax.
MARKUP = (
    "evil<script>alert(1)</script><img src=x onerror=alert(1)>&amp;]]><![CDATA[ \"'`|` ```\n::error file=x::pwned\n"
    "##[error]pwned ##vso[task.setvariable]x %0A::warning::pwned @octocat #1 https://evil.test www.evil.test "
    "[link](javascript:alert(1)) ![i](https://evil.test/i.png) **bold** $x$ {{x}} </pre></details><!-- \x1b[31m \x00 "
    "\x85\u2028\u202e\ufffe"
)


def context(document: dict[str, Any], *, exit_code: int = 1, directory: str = "/srv") -> RenderContext:
    """The context that the command line passes beside a document."""
    used_codes = {finding["code"] for finding in document["findings"]}
    rules = {
        code: Rule(code, entry.name, entry.severity, entry.summary, entry.remedy, entry.docs, prose(entry))
        for code, entry in codes().items()
        if code in used_codes
    }
    return RenderContext(directory, "/models", "error", exit_code, rules)


def denied(number: int) -> Report:
    """This number of models below one directory that the server's user cannot enter."""
    findings = tuple(_denied(f"m{index:04}") for index in range(number))
    models = [samples.model(f"m{index:04}", base=f"/models/m{index:04}") for index in range(number)]
    return samples.report(*models, verdict="fail", exit_code=1, findings=findings)


def _denied(name: str) -> Finding:
    return Finding(
        "OVD201",
        "directory-not-searchable",
        "error",
        Subject(name, None, "/srv/models", "/models"),
        f"uid 5000 gid 5000 has no permission (x) to enter the directory /models: the server cannot read {name}",
        "The server keeps running and answers “ready”, but serves nothing under this name.",
        server_log=(f"Couldn't check directory: /models/{name}",),
        evidence=(Evidence("/models: owner uid 0 gid 0, mode 0700", "stat"),),
        recovers="next_poll",
        remedy=Remedy(
            "", (Step("Give everyone the right.", "chmod o+rx /srv/models", "host", "changes files"),)
        ),
        docs=page_url("OVD201"),
    )


def different(number: int) -> Report:
    """This number of unrelated findings."""
    return samples.report(
        *(samples.model(f"m{index:04}", base=f"/models/m{index:04}") for index in range(number)),
        verdict="fail",
        exit_code=1,
        findings=tuple(
            replace(
                samples.NO_VERSION,
                subject=Subject(f"m{index:04}", None, f"/srv/models/m{index:04}", f"/models/m{index:04}"),
                remedy=Remedy("", (Step("Make it.", f"mkdir /srv/models/m{index:04}/1", "host"),)),
                fingerprint=f"{index:016x}",
            )
            for index in range(number)
        ),
    )


def in_a_document() -> Report:
    """A finding at a line of config.json, one in a log, and one without a position on this host."""
    at = Subject("m", None, "/srv/models/m", "/models/m", 3, 15, "/srv/config.json")
    return samples.report(
        samples.model("m", samples.version(1, "LOADING")),
        verdict="fail",
        exit_code=1,
        findings=(
            replace(samples.NO_VERSION, subject=at, fingerprint="1" * 16),
            replace(
                samples.DUPLICATE,
                subject=Subject("far"),
                occurrences=Occurrences(12, "2026-11-28 14:02:13.000", "2026-11-28 14:09:00.000", 34, 99),
                fingerprint="2" * 16,
            ),
            replace(samples.EXTENSION, subject=Subject(), code="XYZ1", docs="", fingerprint="3" * 16),
        ),
    )


def document(report: Report) -> dict[str, Any]:
    """The JSON document, as the commands create it."""
    return to_document(report)


def poisoned() -> dict[str, Any]:
    """A document in which every text from outside contains :data:`MARKUP`."""
    from ovms_doctor.model.text import escape

    def put(value: Any) -> Any:
        if isinstance(value, str):
            return MARKUP if "evil" in value else value
        if isinstance(value, dict):
            return {key: put(item) for key, item in value.items()}
        return [put(item) for item in value] if isinstance(value, list) else value

    made: dict[str, Any] = put(to_builtins(document(samples.hostile())))
    assert escape(HOSTILE) not in str(made)
    return made


def every_document() -> Iterable[tuple[str, dict[str, Any]]]:
    """Name and document of every sample."""
    for name, make in SAMPLES.items():
        yield name, document(make())
    yield "denied", document(denied(60))
    yield "in_a_document", document(in_a_document())
    yield "poisoned", poisoned()
