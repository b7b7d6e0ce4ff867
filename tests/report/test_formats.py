"""The report in the formats of other programs: whole outputs, the published schemas, and hostile names."""

from __future__ import annotations

import json
import re
import tracemalloc
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from jsonschema import Draft4Validator
from markdown_it import MarkdownIt
from msgspec import convert
from syrupy.assertion import SnapshotAssertion

from ovms_doctor.model.output_options import FORMATS
from ovms_doctor.report.document import ReportDocument
from ovms_doctor.report.formats import render, shortened
from ovms_doctor.report.formats.common import Location, locate
from ovms_doctor.report.groups import group_findings
from tests.report.format_documents import (
    context,
    denied,
    different,
    document,
    every_document,
    in_a_document,
    poisoned,
)
from tests.report.published import OF_THE_PAGE, Page, sarif_faults
from tests.report.samples import SAMPLES

SCHEMAS = Path(__file__).parents[1] / "data/schemas"
OTHERS = [form for form in FORMATS if form not in ("text", "json")]
DOCUMENTS = dict(every_document())
each_format = pytest.mark.parametrize("form", OTHERS)
each_document = pytest.mark.parametrize("name", DOCUMENTS)


def written(form: str, made: dict[str, Any]) -> str:
    return "".join(render(form, made, context(made)))


# -- whole outputs -------------------------------------------------------------------------------------


@each_format
@pytest.mark.parametrize("name", ["green", "failures", "incomplete", "crashed", "denied", "in_a_document"])
def test_snapshot(form: str, name: str, snapshot: SnapshotAssertion) -> None:
    """``--snapshot-update`` writes them again; review the difference."""
    assert (
        re.sub(r"<style>.*</style>", "<style></style>", written(form, DOCUMENTS[name]), flags=re.S)
        == snapshot
    )


# -- published schemas ---------------------------------------------------------------------------------


@each_document
def test_sarif_fulfils_its_schema(name: str) -> None:
    made = json.loads(written("sarif", DOCUMENTS[name]))
    assert sarif_faults(made) == []
    (run,) = made["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(dict.fromkeys(item["ruleId"] for item in run["results"]))
    for item in run["results"]:
        assert rules[item["ruleIndex"]]["id"] == item["ruleId"]
        assert item["partialFingerprints"]["ovmsDoctor/v1"]
        assert item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]


@each_document
def test_junit_fulfils_its_schema(name: str) -> None:
    xmlschema.validate(written("junit", DOCUMENTS[name]), str(SCHEMAS / "junit-10.xsd"))


@each_document
def test_gitlab_fulfils_its_schema(name: str) -> None:
    schema = json.loads((SCHEMAS / "gitlab-codeclimate.json").read_text())
    entries = json.loads(written("gitlab", DOCUMENTS[name]))
    assert len(entries) == len(DOCUMENTS[name]["findings"])
    for entry in entries:
        Draft4Validator(schema).validate(entry)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)


@each_document
def test_html_is_one_page_without_scripts_and_external_resources(name: str) -> None:
    page = Page.of(written("html", DOCUMENTS[name]))
    assert (page.open, page.wrong) == ([], [])
    assert {tag for tag, _ in page.elements} <= OF_THE_PAGE
    for tag, attributes in page.elements:
        assert not {"src", "style", "onerror", "onload"} & set(attributes), tag
        assert not any(key.startswith("on") for key in attributes)
        if "href" in attributes:
            assert str(attributes["href"]).startswith("https://github.com/ovms-doctor/")
    policies = [item["content"] for tag, item in page.elements if item.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


# -- hostile text --------------------------------------------------------------------------------------


@each_format
@each_document
def test_all_text_is_printable(form: str, name: str) -> None:
    """A name cannot control the terminal or program that displays the file."""
    text = written(form, DOCUMENTS[name])
    if form == "sarif":
        text = re.sub(r"\\[nt\"\\]", "", text)
    assert [line for line in text.split("\n") if not line.isprintable()] == []
    text.encode("utf-8")


@each_document
def test_github_has_one_command_a_line(name: str) -> None:
    """A command inside a name would be executed by the runner."""
    made = DOCUMENTS[name]
    lines = written("github", made).splitlines()
    command = re.compile(r"::(error|warning|notice) title=[^:,\n]*(,(file|line|col)=[^:,\n]*)*::")
    assert all(command.match(line) for line in lines)
    assert len(lines) <= len(made["findings"]) + 1 + ("error" in made)


def test_a_name_cannot_leave_the_properties_of_an_annotation() -> None:
    (first, *_) = written("github", poisoned()).splitlines()
    properties = first.split("::", 2)[1]
    assert properties.startswith("error title=OVD111 no-model-files")
    assert properties.count("=") - properties.count("%3D") >= 1
    assert "::" not in properties


def _markdown(text: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


@each_document
def test_markdown_contains_only_the_expected_elements(name: str) -> None:
    text = written("markdown", DOCUMENTS[name])
    page = Page.of(_markdown(text))
    allowed = set("h2 h3 h4 table thead tbody tr th td strong p ul li pre code details summary a".split())
    assert {tag for tag, _ in page.elements} <= allowed
    assert (page.open, page.wrong) == ([], [])
    for tag, attributes in page.elements:
        if tag == "a":
            assert str(attributes["href"]).startswith("https://github.com/ovms-doctor/")


def test_markdown_contains_no_mentions_and_links() -> None:
    """Outside of code, text that a forge would turn into a link is broken by a zero-width space."""
    text = re.sub(r"(?s)(`{3,}).*?\1", "", written("markdown", poisoned()))
    text = re.sub(r"(`+).*?\1", "", text)
    assert "octocat" in text
    assert not re.search(r"[@#](?=octocat|1)|https://evil|www\.evil", text)


@each_format
def test_a_hostile_name_is_shown(form: str) -> None:
    """It is not dropped either: the finding must be visible."""
    text = written(form, poisoned())
    assert "evil" in text
    assert "x{1b}" in text or "x\\{1b" in text


def test_junit_keeps_the_text() -> None:
    root = ElementTree.fromstring(written("junit", poisoned()))
    names = [case.get("name", "") for case in root.iter("testcase")]
    assert any("<script>alert(1)</script>" in name for name in names)


# -- groups --------------------------------------------------------------------------------------------


def test_one_cause_is_one_group() -> None:
    assert [len(group) for group in group_findings(denied(60).findings)] == [60]
    assert len(written("github", DOCUMENTS["denied"]).splitlines()) == 2
    assert written("markdown", DOCUMENTS["denied"]).count("####") == 1
    assert len(json.loads(written("sarif", DOCUMENTS["denied"]))["runs"][0]["results"]) == 60


def test_different_causes_are_groups_of_their_own() -> None:
    assert len(group_findings(different(5).findings)) == 5
    # The same general sentence about two directories: two causes.
    assert [len(group) for group in group_findings(SAMPLES["many"]().findings)] == [1, 1]


# -- places --------------------------------------------------------------------------------------------


def test_the_positions_of_findings() -> None:
    made = document(in_a_document())
    report = convert(made, ReportDocument)
    found = [locate(finding, report, context(made)) for finding in report.findings]
    assert found == [
        Location("config.json", True, 3, 15),
        Location("/models", False, 34, None),
        Location("/models", False, None, None),
    ]
    (first, *_) = json.loads(written("sarif", made))["runs"][0]["results"]
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "config.json", "uriBaseId": "WORKING_DIRECTORY"},
        "region": {"startLine": 3, "startColumn": 15},
    }
    assert ",file=config.json,line=3,col=15::" in written("github", made)
    assert json.loads(written("gitlab", made))[0]["location"] == {
        "path": "config.json",
        "lines": {"begin": 3},
    }


@pytest.mark.parametrize(
    ("path", "relative", "uri"),
    [
        ("a b/c.json", True, "a%20b/c.json"),
        ("a:b/c", True, "a%3Ab/c"),
        ("http://[::1]:8000", False, "http://[::1]:8000"),
        ("az://a[b/c]", False, "az://a%5Bb/c%5D"),
        ("/x/%/?#", False, "file:///x/%25/%3F%23"),
        ("s3://bucket/a b", False, "s3://bucket/a%20b"),
        (".", True, "."),
    ],
)
def test_paths_become_addresses(path: str, relative: bool, uri: str) -> None:
    assert Location(path, relative).uri == uri


# -- much of it ----------------------------------------------------------------------------------------


@pytest.mark.slow
@each_format
def test_memory_for_thousands_of_findings_is_bounded(form: str) -> None:
    """In addition to the document itself, a format needs a multiple of one part, not of the whole."""
    made = document(different(5000))
    format_context = context(made)
    parts = sum(len(part) for part in render(form, made, format_context))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in render(form, made, format_context):
            pass
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # The document read into types takes some 15 MiB; the whole output would take this much more.
    assert peak < 40 << 20, (peak, parts)


def test_a_summary_is_cut_between_its_parts() -> None:
    made = document(different(5000))
    text = shortened(render("markdown", made, context(made)), 1 << 20)
    assert len(text.encode()) <= 1 << 20
    assert text.endswith("\n\n… the rest is not shown: it is too long.\n")
    assert shortened(["a", "b"], 1 << 20) == "ab"
