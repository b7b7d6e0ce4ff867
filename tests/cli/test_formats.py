"""Several formats at once, from every command that writes a report."""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from syrupy.assertion import SnapshotAssertion

from ovms_doctor.cli.deliver import Destination, destinations
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.output_options import FORMATS, OutputOptions, output_file
from tests.cli.helpers import good_model
from tests.cli.run import ovms_doctor
from tests.report.published import OF_THE_PAGE, SCHEMAS, Page, sarif_faults

LOG = Path(__file__).parents[1] / "data/logs/traffic-2025.4-INFO.log.xz"
#: The first characters of the report in each format.
BEGINS = {
    "json": "{",
    "sarif": '{\n "$schema"',
    "junit": "<?xml",
    "github": "::",
    "gitlab": "[",
    "markdown": "## ovms-doctor: ",
    "html": "<!DOCTYPE html>",
}


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, list[str]]:
    """One run of each command; of ``check``, one run for each exit code."""
    good_model(tmp_path / "good" / "1")
    (tmp_path / "bad").mkdir()
    (tmp_path / "ovms.log").write_bytes(lzma.decompress(LOG.read_bytes()))
    (tmp_path / "body.json").write_text('{"inputs": []}')
    model = str(tmp_path / "good")
    return {
        "good": ["check", model, "--load", "none"],
        "bad": ["check", str(tmp_path / "bad"), "--load", "none"],
        "incomplete": ["check", "--inspect", "/dev/null/nothing"],
        "usage": ["check", str(tmp_path / "nothing")],
        "logs": ["logs", str(tmp_path / "ovms.log")],
        "status": ["status", "http://127.0.0.1:1", "--timeout", "1"],
        "request": ["request", str(tmp_path / "body.json"), "--model", model],
    }


@pytest.mark.parametrize("command", ["good", "bad", "incomplete", "usage", "logs", "status", "request"])
@pytest.mark.sample(every=4)
def test_every_format_at_once_has_the_exit_code_of_the_text(
    command: str, commands: dict[str, list[str]], tmp_path: Path
) -> None:
    arguments = commands[command]
    text = ovms_doctor(*arguments)
    outputs = [f"{form}:{tmp_path / f'report.{form}'}" for form in FORMATS]
    both = ovms_doctor(*arguments, *(word for item in outputs for word in ("-o", item)))
    assert both.code == text.code
    assert both.text.splitlines()[-1:] == text.text.splitlines()[-1:]
    for form, first_line in BEGINS.items():
        content = (tmp_path / f"report.{form}").read_text("utf-8")
        assert content.startswith(first_line), form
        alone = ovms_doctor(*arguments, "--format", form)
        assert alone.code == text.code, form
        assert alone.text.startswith(first_line), form
    sentence = json.loads((tmp_path / "report.json").read_text())["summary"]["sentence"]
    if command not in ("usage", "incomplete"):
        assert sentence == text.text.splitlines()[-1]
    results = json.loads((tmp_path / "report.sarif").read_text())["runs"][0]
    assert results["invocations"][0]["exitCode"] == text.code
    assert results["invocations"][0]["executionSuccessful"] is (command not in ("usage", "incomplete"))
    assert sarif_faults(json.loads((tmp_path / "report.sarif").read_text())) == []
    xmlschema.validate(str(tmp_path / "report.junit"), str(SCHEMAS / "junit-10.xsd"))
    page = Page.of((tmp_path / "report.html").read_text())
    assert (page.open, page.wrong) == ([], [])
    assert {tag for tag, _ in page.elements} <= OF_THE_PAGE
    suites = ElementTree.parse(tmp_path / "report.junit").getroot()
    assert (int(suites.get("failures", 0)) > 0) is (text.code == 1)
    assert text.code in (1, 0) or int(suites.get("errors", 0)) > 0


def destinations_of(*typed: str, form: str | None = None) -> tuple[Destination, ...]:
    known = next((item for item in FORMATS if item == form), None)
    return destinations(OutputOptions(format=known, outputs=tuple(map(output_file, typed))))


@pytest.mark.parametrize(
    ("typed", "form", "expected"),
    [
        ((), None, [("text", None)]),
        ((), "sarif", [("sarif", None)]),
        (("report",), None, [("text", None), ("text", "report")]),
        (("report",), "json", [("text", None), ("json", "report")]),
        (("r.html", "r.SARIF", "r.sarif.json", "r.json", "r.md", "r.xml"), None,
         [("text", None), ("html", "r.html"), ("sarif", "r.SARIF"), ("sarif", "r.sarif.json"),
          ("json", "r.json"), ("markdown", "r.md"), ("junit", "r.xml")]),
        (("r.html",), "text", [("text", None), ("text", "r.html")]),
        (("sarif:x.json",), None, [("text", None), ("sarif", "x.json")]),
        (("sarif:out",), "github", [("github", None), ("sarif", "out")]),
        (("json:-",), None, [("json", None)]),
        (("-",), "json", [("json", None)]),
        (("json:-", "sarif:x"), None, [("json", None), ("sarif", "x")]),
        (("c:x", "./json:x"), None, [("text", None), ("text", "c:x"), ("text", "./json:x")]),
        (("json:a:b",), None, [("text", None), ("json", "a:b")]),
    ],
)  # fmt: skip
def test_destinations(
    typed: tuple[str, ...], form: str | None, expected: list[tuple[str, str | None]]
) -> None:
    assert [
        (destination.format, destination.path) for destination in destinations_of(*typed, form=form)
    ] == expected


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("json:",), "no file is named"),
        (("json:x", "sarif:x"), "x is named twice"),
        (("json:-", "sarif:-"), "cannot be both json and sarif"),
    ],
)
def test_destinations_that_exclude_each_other(typed: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        destinations_of(*typed)


def test_unwritable_report_does_not_prevent_the_others(
    commands: dict[str, list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "report.md"
    result = ovms_doctor(*commands["good"], "-o", "sarif:/nowhere/x.sarif", "-o", file)
    assert result.code == 2
    assert result.err.decode() == "ovms-doctor: /nowhere/x.sarif: No such file or directory\n"
    assert result.text.splitlines()[-1].startswith("✓")
    assert file.read_text().startswith("## ovms-doctor: ✓")


def test_quiet_leaves_the_verdict_on_the_terminal(commands: dict[str, list[str]], tmp_path: Path) -> None:
    result = ovms_doctor(*commands["bad"], "--quiet", "-o", tmp_path / "report.md")
    assert len(result.text.splitlines()) == 1
    assert "### Findings" in (tmp_path / "report.md").read_text()


# -- GitHub Actions ------------------------------------------------------------------------------------


def test_the_summary_of_a_step(
    commands: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert ovms_doctor(*commands["bad"]).code == 1
    assert summary.read_text() == "before\n"
    result = ovms_doctor(*commands["bad"], "-f", "github")
    assert result.text.startswith("::error title=OVD")
    assert summary.read_text().startswith("before\n## ovms-doctor: ✗")


def test_summary_that_cannot_be_written_is_reported(
    commands: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/nowhere/summary")
    result = ovms_doctor(*commands["bad"], "-f", "github")
    assert result.code == 1
    assert result.err == b"ovms-doctor: GITHUB_STEP_SUMMARY: /nowhere/summary: No such file or directory\n"


def test_the_text_in_a_job_gives_no_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quoted log line may look like a command of the runner: it is put between two lines that disable commands."""
    log = tmp_path / "ovms.log"
    line = "[2026-11-28 13:50:07.000][1][serving][error][x.cpp:1] failed\n::error::pwned\n##[error]pwned\n"
    log.write_text(line)
    plain = ovms_doctor("logs", log)
    assert "stop-commands" not in plain.text
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = ovms_doctor("logs", log)
    first, *lines, last = result.text.splitlines()
    token = re.fullmatch("::stop-commands::([0-9a-f]{32})", first)
    assert token is not None
    assert last == f"::{token[1]}::"
    assert lines == plain.text.splitlines()
    assert ovms_doctor("logs", log).text.splitlines()[0] != first


# -- charts of a log -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded traffic three times: in one minute, in the minute after the next, and twice an hour later."""
    lines = lzma.decompress(LOG.with_name("traffic-2026.3-DEBUG.log.xz").read_bytes()).decode().split("\n")
    first = next(number for number, line in enumerate(lines) if "REST request /v2/models/" in line)
    last = next(number for number, line in enumerate(lines) if "GRPCServerModule shutting down" in line)
    selected = lines[:first]
    for number, minute in enumerate(("13:40", "13:42", "14:42", "14:42")):
        for line in lines[first:last]:
            moved = re.sub(r"^\[2026-11-28 13:36", f"[2026-11-28 {minute}", line)
            # Each time with other thread ids.
            head, thread, rest = re.match(r"((?:\[[^]]*\]\[)?)(\d*)(.*)", moved, re.DOTALL).groups()  # type: ignore[union-attr]
            selected.append(f"{head}{int(thread) + 1000 * number}{rest}" if head and thread else moved)
    path = tmp_path_factory.mktemp("log") / "busy.log"
    path.write_text("\n".join([*selected, *lines[last:]]))
    return path


def test_charts(busy_log: Path, snapshot: SnapshotAssertion) -> None:
    text = ovms_doctor("logs", busy_log, "-f", "html").text
    page = Page.of(text)
    assert (page.open, page.wrong) == ([], [])
    figures = re.findall("<figure>.*?</figure>", text, re.DOTALL)
    assert len(figures) > 5
    for figure in figures[:-1]:
        # A bar for each minute from the first to the last, also for minutes without requests.
        heights = [float(height) for height in re.findall('class="bar"[^>]* height="([0-9.]+)"', figure)]
        assert len(heights) == 63
        assert [minute for minute, height in enumerate(heights) if height] == [0, 2, 62]
        assert heights[62] == 72.0
        assert heights[0] == pytest.approx(36, abs=1)
    assert figures[0] == snapshot
    assert re.sub("[0-9.]+", "N", figures[-1])[:400] == snapshot


def test_no_chart_without_requests(tmp_path: Path) -> None:
    path = tmp_path / "ovms.log"
    path.write_bytes(lzma.decompress(LOG.read_bytes()))
    text = ovms_doctor("logs", path, "-f", "html").text
    assert "<svg" not in text or "Requests" in text
