"""The output of ``explain`` and ``checks``: complete, wrapped, and without terminal control sequences."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from ovms_doctor.explain.index import CodeEntry, codes, lookup_page, prose
from ovms_doctor.explain.markdown import blocks
from ovms_doctor.explain.render import explain_json, explain_text, list_json, list_text, page_json, page_text
from ovms_doctor.explain.search import explain
from ovms_doctor.model.display_text import visible
from ovms_doctor.model.styled import Styled


def _flat(text: Styled) -> str:
    return " ".join(text.plain.split())


def test_entries_are_shown_in_full() -> None:
    for code in codes().values():
        output = _flat(explain_text([(code, {})]))
        texts = [code.code, code.name, code.severity, code.summary, code.remedy, code.releases]
        texts += [*code.messages, *code.texts, *code.see_also, *"\n".join(code.example or ()).split("\n")]
        texts += [block.text for block in blocks(prose(code))]
        assert [text for text in texts if " ".join(visible(text, "utf-8").split()) not in output] == [], (
            code.code
        )


@pytest.mark.parametrize("width", [40, 60, 100])
def test_lines_are_as_wide_as_allowed(width: int) -> None:
    lines = [line for code in codes().values() for line in _lines(code, width)]
    assert max(map(len, lines)) > width - 20
    assert [line for line in lines if len(line) > width and len(line.split()[-1]) <= width - 20] == []


def _lines(code: CodeEntry, width: int) -> list[str]:
    """The lines without those of the example, which are not wrapped."""
    return explain_text([(replace(code, example=None), {})], width=width).plain.splitlines()


def _first_sentence(code: str) -> str:
    return " ".join(prose(codes()[code]).split()).partition(". ")[0]


def test_a_shared_page_for_people_and_as_json() -> None:
    page = lookup_page("load-fails")
    assert page is not None
    output = page_text(page).plain
    assert output.startswith("When the load of a version fails\n")
    assert "• Started with --config_path, it keeps running" in _flat(page_text(page))
    assert page_json(page)["page"] == {"name": "load-fails", "title": page.title, "text": page.text}


def test_codes_that_a_line_can_also_mean_follow_in_a_line_each() -> None:
    explanation = explain("No version found for model in path: /m")
    output = _flat(explain_text(explanation.codes, explanation.notes))
    assert "path = /m" in output
    assert _first_sentence("OVD101") in output
    assert codes()["OVD102"].summary in output
    assert _first_sentence("OVD102") not in output


def test_a_message_that_names_no_cause() -> None:
    explanation = explain(
        "Error occurred while loading model: m; version: 1; error: File not found or cannot open"
    )
    output = _flat(explain_text(explanation.codes, explanation.notes))
    assert "logged just before it" in output
    assert "It may be OVD111 no-model-files" in output


def test_a_status_that_no_code_ends_in() -> None:
    explanation = explain("Error occurred while loading model: m; version: 1; error: Model config is invalid")
    assert "No code has this status" in _flat(explain_text(explanation.codes, explanation.notes))


HOSTILE = "Directory does not exist: /m/\x1b]0;title\x07[bold red]x[/]\u202e\udcff\x9b31m\u2028end"


def test_hostile_values_are_shown_and_not_obeyed() -> None:
    explanation = explain(HOSTILE)
    output = explain_text(explanation.codes)
    assert "[bold red]x[/]" in output.plain
    assert all(char == "\n" or char.isprintable() for char in output.plain)
    assert output.plain.encode()
    styles = {style for _, style in output.parts}
    assert styles <= {"", "dim", "bold", "bold red"}


def test_plain_ascii_if_the_encoding_allows_nothing_else() -> None:
    for code in codes().values():
        assert explain_text([(code, {})], encoding="ascii").plain.isascii()
    assert list_text(codes(), encoding="ascii").plain.isascii()


def test_a_long_value_is_cut() -> None:
    explanation = explain("Directory does not exist: /" + "x" * 60_000)
    assert len(explain_text(explanation.codes).plain) < 10_000


def test_json_of_a_line() -> None:
    explanation = explain(HOSTILE)
    document = json.loads(json.dumps(explain_json(explanation.codes, explanation.notes)))
    assert list(document) == ["schema_version", "codes", "general"]
    assert [entry["code"] for entry in document["codes"]] == ["OVD106", "OVD107"]
    first = document["codes"][0]
    assert list(first) == [
        "code", "name", "severity", "check", "summary", "meaning", "remedy", "recovers", "messages", "texts",
        "releases", "see_also", "docs", "example", "values",
    ]  # fmt: skip
    assert first["values"]["path"].startswith("/m/\x1b]0;title")
    assert "\\xff" in first["values"]["path"]
    assert first["messages"] == ["Directory does not exist: {path}"]


def test_json_of_a_message_that_names_no_cause() -> None:
    explanation = explain("Couldn't start model manager")
    document = explain_json(explanation.codes, explanation.notes)
    assert document["codes"] == []
    (general,) = document["general"]
    assert general["name"] == "model-manager-not-started"
    assert list(general) == ["name", "message", "meaning", "values", "codes"]


def test_json_without_codes() -> None:
    assert explain_json([]) == {"schema_version": "1.0", "codes": [], "general": []}


def test_list_names_every_check_and_code() -> None:
    output = _flat(list_text(codes(), {"layout": "where things lie"}))
    assert "layout where things lie" in output
    for code in codes().values():
        assert f"{code.code} {code.name}: {code.summary}" in output


def test_list_as_json_in_the_order_of_the_checks() -> None:
    document = json.loads(json.dumps(list_json(codes(), {"doctor": "what could not be looked at"})))
    names = [check["name"] for check in document["checks"]]
    assert names[0] == "doctor"
    assert set(names) == {code.check for code in codes().values()}
    listed = {code["code"] for check in document["checks"] for code in check["codes"]}
    assert listed == set(codes())
    assert document["checks"][0]["summary"] == "what could not be looked at"
