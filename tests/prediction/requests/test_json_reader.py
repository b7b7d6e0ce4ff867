"""Comparison with RapidJSON's parser: the same documents, the same error and offset, for any bytes."""

from __future__ import annotations

import json
import re

import pytest
import rapidjson
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.prediction.requests import json_reader
from ovms_doctor.prediction.requests.json_reader import (
    JsonDepthError,
    JsonRules,
    JsonSizeError,
    JsonSyntaxError,
    read_json,
)
from ovms_doctor.prediction.requests.json_values import (
    JsonArray,
    JsonItem,
    JsonLiteral,
    JsonNumber,
    JsonObject,
    JsonString,
    LiteralRun,
    NumberRun,
    float_of,
    is_int,
    is_uint,
    numbers_in,
)

RECURSIVE = JsonRules(False, None)
ITERATIVE = JsonRules(True, 100)

_PARTS = st.sampled_from(
    [
        "{", "}", "[", "]", ",", ":", " ", "\n", '"a"', '"inputs"', "1", "-1", "0", "-0", "1.5", "1e5", "1e308",
        "1e309", "0e400", "1.", "1e", "-", "true", "false", "null", "nul", "tru", "NaN", "Infinity", '"\\u00e9"',
        '"\\ud800"', '"\\ud83d\\ude00"', '"\\udc00"', '"\\x"', '"\\u12g4"', '"\x01"', '"abc', "'a'", "\x7f", "é",
        "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809",
        "2147483648", "-2147483649", "4294967296", "1" * 310, "9" * 309, "17976931348623157" + "0" * 292, "00", "01",
    ]
)  # fmt: skip
TEXTS = st.lists(_PARTS, max_size=9).map("".join)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def plain(item: JsonItem, body: bytes) -> object:
    """The value as a Python object."""
    if isinstance(item, JsonLiteral):
        return item.value
    if isinstance(item, JsonNumber):
        return item.integer if item.integer is not None else float_of(body, item)
    if isinstance(item, JsonString):
        return item.value.decode()
    if isinstance(item, JsonObject):
        return {member.name.value.decode(): plain(member.value, body) for member in item.members}
    assert isinstance(item, JsonArray)
    found: list[object] = []
    for inner in item.items:
        if isinstance(inner, NumberRun):
            numbers = list(numbers_in(body, inner))
            assert len(numbers) == inner.count
            assert not inner.small_integers or all(is_int(number) for number in numbers)
            found += [plain(number, body) for number in numbers]
        elif isinstance(inner, LiteralRun):
            found += [word == b"true" for word in re.findall(rb"true|false", body[inner.start : inner.end])]
        else:
            found.append(plain(inner, body))
    assert len(found) == item.size
    return found


def outcome(text: str, rules: JsonRules) -> str:
    """`ok`, or the text and offset of the error."""
    try:
        read_json(text.encode(), rules)
    except JsonSyntaxError as error:
        return f"{error.offset}: {error.text}"
    return "ok"


def reference(text: str) -> str:
    """The result of RapidJSON itself, in its recursive mode."""
    try:
        rapidjson.loads(text, number_mode=rapidjson.NM_NATIVE)
    except rapidjson.JSONDecodeError as error:
        match = re.fullmatch(r"Parse error at offset (\d+): (.*)", str(error), re.DOTALL)
        assert match
        return f"{match[1]}: {match[2]}"
    return "ok"


@given(TEXTS)
def test_same_results_as_rapidjson(text: str) -> None:
    assert outcome(text, RECURSIVE) == reference(text)


@given(_VALUES, st.sampled_from([None, 1]))
def test_values_are_read_as_they_were_written(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    body = text.encode()
    for rules in (RECURSIVE, ITERATIVE):
        try:
            document = read_json(body, rules)
        except JsonDepthError:
            continue
        read = plain(document, body)
        # RapidJSON reads a number of more than 64 bits as a double.
        assert read == json.loads(text, parse_int=lambda digits: _int(digits))


def _int(digits: str) -> int | float:
    value = int(digits)
    return value if -(2**63) <= value < 2**64 else float(value)


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    for rules in (RECURSIVE, ITERATIVE):
        try:
            document = read_json(body, rules)
        except (JsonSyntaxError, JsonDepthError) as error:
            offsets = (0, error.offset)
        else:
            offsets = (document.start, document.end)
        assert 0 <= offsets[0] <= offsets[1] <= len(body)


@pytest.mark.parametrize(
    ("text", "recursive", "iterative"),
    [
        ("]", "0: Invalid value.", "0: The document is empty."),
        (",", "0: Invalid value.", "0: The document is empty."),
        ("", "0: The document is empty.", "0: The document is empty."),
        ("[1,]", "3: Invalid value.", "3: Invalid value."),
        ('{"a":1,}', "7: Missing a name for object member.", "7: Missing a name for object member."),
        ("{}x", "2: The document root must not be followed by other values.", None),
        ("[1,NaN]", "3: Invalid value.", None),
        ("﻿[]", "0: Invalid value.", None),
    ],
)
def test_both_modes(text: str, recursive: str, iterative: str | None) -> None:
    assert outcome(text, RECURSIVE) == recursive
    assert outcome(text, ITERATIVE) == (iterative or recursive)


def test_nesting() -> None:
    assert read_json(b"[" * 100 + b"]" * 100, ITERATIVE).end == 200
    with pytest.raises(JsonDepthError) as caught:
        read_json(b"[" * 101 + b"]" * 101, ITERATIVE)
    assert caught.value.offset == 100
    deep = 50_000
    assert read_json(b"[" * deep + b"]" * deep, RECURSIVE).end == 2 * deep


def test_text_after_a_nul_is_not_read() -> None:
    assert read_json(b"[1]\0garbage", ITERATIVE).end == 3
    with pytest.raises(JsonSyntaxError) as caught:
        read_json(b'["a\0"]', ITERATIVE)
    assert (caught.value.text, caught.value.offset) == ("Missing a closing quotation mark in string.", 3)


def test_numbers_of_a_long_list_are_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"[" + b"0.5, " * 200_000 + b"1]"
    document = read_json(body, ITERATIVE)
    assert isinstance(document, JsonArray)
    assert document.size == 200_001
    assert len(document.items) < 100
    monkeypatch.setattr(json_reader, "MAX_VALUES", 10)
    with pytest.raises(JsonSizeError):
        read_json(b"[" + b'"a",' * 20 + b"1]", ITERATIVE)


@pytest.mark.parametrize(
    ("text", "signed", "unsigned"),
    [
        ("0", True, True),
        ("-0", True, True),
        ("-1", True, False),
        ("2147483647", True, True),
        ("2147483648", False, True),
        ("4294967296", False, False),
        ("1.0", False, False),
        ("1e3", False, False),
    ],
)
def test_integers(text: str, signed: bool, unsigned: bool) -> None:
    number = read_json(text.encode(), ITERATIVE)
    assert isinstance(number, JsonNumber)
    assert (is_int(number), is_uint(number)) == (signed, unsigned)
