r"""The codec: exact round trips, one escape for names that are not UTF-8, clear refusals."""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovms_doctor.diagnosis.saved_options import options_from_json
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Denial,
    Entry,
    Facts,
    Failure,
    InspectKeyFile,
    InspectLibrary,
    KeyFileInspection,
    LibraryInspection,
    ListDirectory,
    Listing,
    LoadModel,
    PathStatus,
    Preparation,
    ProbeWrite,
    StatPath,
    Unavailable,
    WriteProbe,
    codec,
)
from ovms_doctor.model.facts.question import answer_types
from ovms_doctor.model.json_text import decode_json, encode_json
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.text import escape, unescape
from tests.model import fact_strategies
from tests.model.fact_strategies import ANSWERS, FACTS, TEXT


@given(TEXT)
def test_escaped_text_is_utf8_and_can_be_unescaped(text: str) -> None:
    assert unescape(escape(text).encode("utf-8").decode("utf-8")) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("model", "model"),
        ("mod\udce8le", "mod\\xe8le"),
        ("a\\xe8", "a\\x5cxe8"),
        ("a\\b", "a\\b"),
        ("C:\\\\x", "C:\\\\x5cx"),
        ("\\\udce8", "\\\\xe8"),
        ("\ud800", "\\x{d800}"),
    ],
)
def test_escape_within_a_text(text: str, escaped: str) -> None:
    assert escape(text) == escaped
    assert unescape(escaped) == text


@pytest.mark.parametrize("text", ["\\x41", "\\xE8", "\\x", "\\x{41}"])
def test_unescape_leaves_what_escape_never_writes(text: str) -> None:
    assert unescape(text) == text


@settings(max_examples=300)
@given(FACTS, st.dictionaries(TEXT, TEXT, max_size=2))
@pytest.mark.slow
def test_a_document_round_trips_exactly(answers: dict[Any, Any], header: dict[str, str]) -> None:
    text = codec.dump(Facts(answers), header)
    read_header, facts = codec.load(text.encode("utf-8").decode("utf-8"))
    assert dict(facts) == answers
    assert read_header == header
    assert facts.complete
    assert all(type(facts.get(question)) is type(answer) for question, answer in answers.items())


@given(FACTS)
def test_the_order_of_collecting_does_not_show(answers: dict[Any, Any]) -> None:
    backwards = dict(reversed(answers.items()))
    assert codec.dump(Facts(answers), {"b": 1, "a": 2}) == codec.dump(Facts(backwards), {"a": 2, "b": 1})


def test_every_question_may_be_unavailable() -> None:
    for kind in get_args(AnyQuestion):
        assert Unavailable in answer_types(kind)
        assert set(answer_types(kind)) <= set(get_args(Answer))


def test_the_strategies_make_every_type() -> None:
    assert set(ANSWERS) == set(get_args(Answer))
    questions = {kind.__name__ for kind in get_args(AnyQuestion)}
    text = Path(fact_strategies.__file__).read_text("utf-8")
    assert questions <= set(re.findall(r"st\.builds\((\w+)", text))


def test_equal_facts_are_written_as_equal_text() -> None:
    """A computed value that equals the default is omitted, as one that was never set."""
    computed = Preparation(device="-CPU-".strip("-"))
    assert codec.dump(Facts({LoadModel("/m", "read", computed): Failure(2)}), {}) == codec.dump(
        Facts({LoadModel("/m", "read", Preparation()): Failure(2)}), {}
    )


def test_a_listing_of_100_000_entries_keeps_its_order_and_is_compact() -> None:
    entries = tuple(Entry(f"{(i * 7919) % 100_003}.bin", "regular") for i in range(100_000))
    question = ListDirectory("/models")
    text = codec.dump(Facts({question: Listing(entries)}), {})
    assert codec.load(text)[1].get(question) == Listing(entries)
    assert len(text) < 35 * len(entries)


SMALL = codec.dump(Facts({StatPath("/a"): PathStatus("regular", 3), StatPath("/b"): Failure(2)}), {"h": 1})


@pytest.mark.parametrize("cut", range(40, len(SMALL) - 3, 7))
def test_a_document_cut_off_anywhere_is_refused_in_one_sentence(cut: int) -> None:
    with pytest.raises(codec.FactsFileError, match=r"^The facts file is cut off or damaged at line \d\.$"):
        codec.load(SMALL[:cut])


@pytest.mark.parametrize(
    "text", ["", "{", "hello", "[]", "null", "{}", '{"findings": []}', "[" * 100_000, "\x00\x01", "9" * 5000]
)
def test_something_else_is_not_a_facts_file(text: str) -> None:
    with pytest.raises(codec.FactsFileError, match="not a facts file"):
        codec.load(text)


def _changed(**changes: object) -> str:
    return json.dumps({**json.loads(SMALL), **changes})


@pytest.mark.parametrize(
    ("text", "expected_message"),
    [
        (_changed(schema_version="2.0"), "schema version 2.0, of a newer ovms-doctor; this one reads 1.x"),
        (_changed(schema_version="0.9"), "an older ovms-doctor"),
        (_changed(schema_version=1), "no schema version"),
        (_changed(schema_version="9" * 5000 + ".0"), "no schema version"),
        (_changed(facts={}), "no list of facts"),
        (_changed(header=[]), "no list of facts"),
        (
            _changed(
                facts=[
                    {
                        "question": {"type": "ReadFile", "path": "/", "limit": 1},
                        "answer": {"type": "Listing", "entries": []},
                    }
                ]
            ),
            "fact 1: Listing does not answer ReadFile.",
        ),
        (_changed(facts=[7]), "fact 1: Expected `object`, got `int`."),
        (_changed(facts=[{"question": {"type": "Ask"}, "answer": {}}]), "fact 1: Invalid value 'Ask'"),
        (
            _changed(facts=[{"question": {"type": ["x"]}, "answer": {}}]),
            "fact 1: Expected `str`, got `list` - at `$.question.type`",
        ),
        (
            _changed(facts=[{"question": {"type": "StatPath"}}]),
            "fact 1: Object missing required field `path` - at `$.question`",
        ),
        (
            _changed(facts=[{"question": {"type": "StatPath", "path": 1}}]),
            "fact 1: Expected `str`, got `int` - at `$.question.path`",
        ),
    ],
)
def test_damage_is_named(text: str, expected_message: str) -> None:
    with pytest.raises(codec.FactsFileError) as error:
        codec.load(text)
    assert expected_message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "FileContent", "data": "%%", "size": 1},
        {"type": "FileContent", "data": 5, "size": 1},
        {"type": "FileContent", "data": "é", "size": 1},
        {"type": "PathStatus", "kind": "door", "size": 1},
        {"type": "PathStatus", "kind": ["regular"], "size": 1},
        {"type": "PathStatus", "kind": "regular", "size": True},
        {"type": "Listing", "entries": [["a"]]},
        {"type": "Listing", "entries": [["a", "door"]]},
        {"type": "Listing", "entries": [["a", "link", 5]]},
        {"type": "Listing", "entries": "ab"},
        {"type": "Failure", "errno": 13, "denial": []},
        {"type": "StatPath", "path": "/"},
    ],
)
def test_an_answer_of_a_wrong_shape_is_not_understood(answer: dict[str, Any]) -> None:
    row = {"question": {"type": "StatPath", "path": "/\\xff"}, "answer": answer}
    with pytest.raises(codec.FactsFileError, match=r"fact 1: .* - at `\$\.answer"):
        codec.load(_changed(facts=[row]))


def test_additions_of_a_newer_minor_version_are_left_out() -> None:
    document = json.loads(SMALL)
    document.update(schema_version="1.7", colour="red")
    document["facts"][0]["answer"]["colour"] = "red"
    document["facts"].append({"question": {"type": "SmellPath", "path": "/"}, "answer": {"type": "Smell"}})
    header, facts = codec.load(json.dumps(document))
    assert header == {"h": 1}
    assert dict(facts) == {StatPath("/a"): PathStatus("regular", 3), StatPath("/b"): Failure(2)}
    assert codec.load(SMALL.replace('"1.0"', '"1.7"'))[1].get(StatPath("/b")) == Failure(2)
    assert facts.ask(StatPath("/c")) == Unavailable("not among the recorded facts")


def test_an_unknown_key_is_ignored_also_in_this_version_and_a_byte_order_mark_too() -> None:
    assert len(codec.load("\ufeff" + _changed(colour="red"))[1]) == 2


# -- files of earlier releases -------------------------------------------------------------------------

RECORDED = Path(__file__).parents[1] / "data" / "facts"


def recorded(name: str) -> str:
    return lzma.decompress((RECORDED / f"{name}.json.xz").read_bytes()).decode("utf-8")


def test_a_file_of_the_first_release_holds_every_type() -> None:
    """It was written by the code before msgspec: at least one fact of each type, with names that are not UTF-8."""
    text = recorded("every-type-1.0")
    header, facts = codec.load(text)
    assert len({type(question) for question, _ in facts}) == 17
    assert len({type(answer) for _, answer in facts}) == 14
    assert header == {"text\udcff": ["\udcff", 1, None]}
    assert facts.get(StatPath("/\udcff\\x41\ud800")) == Failure(2)
    assert facts.get(StatPath("/x")) == Failure(
        13, Denial("/m/\udcff", "search", 0, 0, 0o40700, "tried", "u::rwx")
    )
    assert facts.get(InspectLibrary("/e.so")) == LibraryInspection(
        9,
        "damaged",
        "d",
        64,
        "x86-64",
        ("libc.so.6",),
        ("/l",),
        ("A",),
        True,
        "libopenvino.so.2641",
    )
    assert facts.get(InspectKeyFile("/k.json")) == KeyFileInspection(
        9, "object", "service_account", "p", ("private_key",)
    )
    assert facts.get(ProbeWrite("/c")) == WriteProbe("/c/probe", False)


@pytest.mark.parametrize("name", ["every-type-1.0", "collected-1.0"])
def test_a_file_of_the_first_release_is_written_again_as_it_was(name: str) -> None:
    """Except for the rows of a directory, which no longer write null for a missing target."""
    text = recorded(name)
    header, facts = codec.load(text)
    assert codec.dump(facts, header).replace(",null]", "]") == text.replace(",null]", "]")


def test_plan_and_deployment_of_a_recorded_file_survive_a_round_trip() -> None:
    """With a store of each kind, a cache that was written to, and a container: no recorded case has these."""
    header, facts = codec.load(recorded("collected-1.0"))
    settled = settled_run(options_from_json(header["request"]), facts, None)
    assert decode_json(encode_json(settled.plan), Plan) == settled.plan
    assert decode_json(encode_json(settled.deployment), Deployment) == settled.deployment
    assert settled.plan.stores
    assert settled.plan.cache is not None
    assert settled.deployment.container is not None
    assert [mount.host for mount in settled.deployment.container.mounts][-1] == "/srv/ovms/n\udce8"
