"""The output of a child is accepted only with the right type, size and origin."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Remedy, Step, Subject
from ovms_doctor.plugin import Code, Example, Message, ServingEffect
from ovms_doctor.plugins.messages import Findings, decode_message, encode_message
from ovms_doctor.plugins.protocol import (
    ITEMS,
    SENTENCE,
    PluginMessageError,
    is_name,
    read_description,
    read_finding,
    read_sentence,
    to_values,
)

CODE = Code(
    code="ACME101",
    name="a-name",
    severity="warning",
    summary="summary",
    remedy="remedy",
    log=(Message("The server's {what}", "acme.cpp"), "a text"),
    recovers="restart",
    releases="Since 2025.1.",
    see_also=("OVD101",),
    example=Example("before", "after"),
    docs="https://example.com",
    page="The page.",
)
DESCRIBED = read_description({"name": "a-check", "summary": "looks", "codes": to_values((CODE,))}, "a-check")
FINDING = Finding(
    "ACME101",
    "a-name",
    "error",
    Subject("m\udcff", 3, "/host/m", "/models/m"),
    "message with \\x41",
    "detail",
    "low",
    ("a line\nof the log",),
    (Evidence("what", "how"),),
    "restart",
    Remedy("summary", (Step("text", "command", "host", "reads"), Step("other"))),
    "https://example.com",
    (),
    "m/1",
    (CausedBy(version=1), CausedBy("OVD101", "layout", 2, "/models/m", True, True)),
)


def over_the_wire(value: object) -> Any:
    message = decode_message(encode_message(Findings([to_values(value)])))
    assert isinstance(message, Findings)
    return message.findings[0]


def test_a_finding_survives_a_round_trip() -> None:
    assert read_finding(over_the_wire(FINDING), DESCRIBED.codes) == FINDING


@pytest.mark.parametrize("effect", [None, *get_args(ServingEffect)])
def test_an_effect_on_clients_survives_a_round_trip(effect: ServingEffect | None) -> None:
    found = replace(FINDING, serving_effect=effect)
    assert read_finding(over_the_wire(found), DESCRIBED.codes).serving_effect == effect


def test_fingerprint_and_page_are_not_taken_over() -> None:
    forged = replace(FINDING, fingerprint="0123456789abcdef", docs="javascript:alert(1)")
    assert read_finding(over_the_wire(forged), DESCRIBED.codes) == FINDING


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "OVD101"},
        {"code": "ACME102"},
        {"code": 7},
        {"serving_effect": "pod is slow"},
        {"serving_effect": ["pod never ready"]},
        {"name": "other"},
        {"severity": "fatal"},
        {"severity": ["error"]},
        {"confidence": None},
        {"message": ""},
        {"message": " "},
        {"message": None},
        {"message": "x" * (SENTENCE + 1)},
        {"detail": b"bytes"},
        {"subject": None},
        {"subject": "m"},
        {"subject": Subject(version=True)},
        {"subject": Subject(version=-1)},
        {"subject": Subject(version=2**80)},
        {"subject": Subject(model=7)},  # type: ignore[arg-type]
        {"server_log": "a line"},
        {"server_log": (7,)},
        {"server_log": ("x",) * (ITEMS + 1)},
        {"evidence": None},
        {"evidence": ("what",)},
        {"evidence": (Evidence("", "how"),)},
        {"recovers": "never"},
        {"remedy": "do it"},
        {"remedy": Remedy("s", (Step("t", location="moon"),))},  # type: ignore[arg-type]
        {"remedy": Remedy("s", "steps")},  # type: ignore[arg-type]
        {"causes": 1},
        {"causes": ("OVD101",)},
        {"causes": (CausedBy(7),)},  # type: ignore[arg-type]
        {"causes": (CausedBy(version=-1),)},
        {"causes": (CausedBy(any_model=1),)},  # type: ignore[arg-type]
        {"relative": None},
    ],
    ids=str,
)
def test_values_that_are_not_a_finding(changes: dict[str, Any]) -> None:
    with pytest.raises(PluginMessageError):
        read_finding(over_the_wire(replace(FINDING, **changes)), DESCRIBED.codes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(to_values(FINDING))), inner),
    max_leaves=20,
)


@given(value=JSON, key=st.sampled_from(list(to_values(FINDING))))
def test_any_value_is_read_or_refused(value: Any, key: str) -> None:
    for row in (value, {**to_values(FINDING), key: value}):
        try:
            found = read_finding(row, DESCRIBED.codes)
        except PluginMessageError:
            continue
        assert found.code == "ACME101"
        assert found.message


@pytest.mark.parametrize(
    "codes",
    [
        (),
        None,
        "ACME101",
        (CODE, CODE),
        (CODE, replace(CODE, code="ACME102")),
        (CODE, replace(CODE, code="OTHER1", name="other")),
        (replace(CODE, code="OVD101"),),
        (replace(CODE, code="OVDX1"),),
        (replace(CODE, code="ovd101"),),
        (replace(CODE, code="A1"),),
        (replace(CODE, code="ACME"),),
        (replace(CODE, code="ACME٣"),),
        (replace(CODE, code="TOOMANYLETTERS1"),),
        (replace(CODE, name="Not Kebab"),),
        (replace(CODE, name="ovd-name"),),
        (replace(CODE, severity="fatal"),),  # type: ignore[arg-type]
        (replace(CODE, remedy=""),),
        (replace(CODE, page=7),),  # type: ignore[arg-type]
        (replace(CODE, log="a text"),),  # type: ignore[arg-type]
        (replace(CODE, log=(7,)),),  # type: ignore[arg-type]
        (replace(CODE, example=("before", "after")),),  # type: ignore[arg-type]
        (replace(CODE, example=Example("", "after")),),
        (replace(CODE, docs="javascript:alert(1)"),),
        (replace(CODE, recovers="never"),),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_values_that_are_not_a_description(codes: object) -> None:
    with pytest.raises(PluginMessageError):
        read_description({"name": "a-check", "summary": "looks", "codes": over_the_wire(codes)}, "a-check")


@given(value=JSON)
def test_any_description_is_refused(value: Any) -> None:
    good = {"name": "a-check", "summary": "s", "codes": to_values((CODE,))}
    for body in (value, {**good, "summary": value}, {**good, "codes": value}, {**good, "name": value}):
        if isinstance(value, str) and isinstance(body, dict) and body["summary"] is value:
            continue
        with pytest.raises(PluginMessageError):
            read_description(body, "a-check")


def test_the_reserved_prefix_is_named() -> None:
    with pytest.raises(PluginMessageError, match="OVD101: OVD is ovms-doctor's own prefix"):
        read_description(
            {"name": "a-check", "summary": "s", "codes": to_values((replace(CODE, code="OVD101"),))},
            "a-check",
        )


def test_a_code_survives_a_round_trip() -> None:
    """Except for the source of the server's message: only its text is used."""
    assert DESCRIBED.codes == {"ACME101": replace(CODE, log=("The server's {what}", "a text"))}
    assert DESCRIBED.prefix == "ACME"


def test_the_name_of_the_entry_point_is_expected() -> None:
    body = {"name": "other", "summary": "s", "codes": to_values((CODE,))}
    with pytest.raises(PluginMessageError, match="other is not the name of its entry point, a-check"):
        read_description(body, "a-check")


@pytest.mark.parametrize(
    ("name", "good"),
    [("a", True), ("edge-image", True), ("a1-b2", True), ("-a", False), ("A", False), ("a_b", False),
     ("ovd-x", False), ("a" * 81, False), ("", False), ("é", False)],
)  # fmt: skip
def test_names(name: str, good: bool) -> None:
    assert is_name(name) is good


def test_reasons_are_cut() -> None:
    assert len(read_sentence("x" * 1_000_000)) == SENTENCE
