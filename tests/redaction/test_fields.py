"""For each text field of facts and options it is declared what it contains."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ovms_doctor.model.facts.codec import Fact
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.pseudonyms.fields import data_types, fields_with_text, own_texts
from ovms_doctor.model.pseudonyms.kinds import FIELDS

#: The types in a facts file.
TYPES = data_types(Fact) | data_types(CheckOptions)


def test_each_text_has_a_decision() -> None:
    undecided = {
        f"{kind.__name__}.{name}"
        for kind in TYPES
        for name in own_texts(kind)
        if name not in FIELDS.get(kind, {})
    }
    assert not undecided, "what these hold is to be entered in model/pseudonyms/kinds.py"


def test_each_decision_is_about_a_text() -> None:
    wrong = {
        f"{kind.__name__}.{name}"
        for kind, names in FIELDS.items()
        for name in names
        if name not in own_texts(kind)
    }
    assert not wrong
    assert set(FIELDS) <= TYPES


class _Inner(Struct):
    text: str


class _Outer(Struct):
    number: int
    inner: tuple[_Inner, ...]
    anything: Any
    table: dict[str, int]
    content: bytes | None


def test_a_new_text_is_found() -> None:
    assert data_types(_Outer) == {_Outer, _Inner}
    assert own_texts(_Outer) == ("anything", "table", "content")
    assert fields_with_text(_Outer) == ("inner", "anything", "table", "content")
