"""Arbitrary bytes always give a result: what RapidJSON accepts, what the schema of a release accepts, and
positions.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import rapidjson
from hypothesis import given, settings
from hypothesis import strategies as st

from ovms_doctor.model.config_positions import index_of, position_of
from ovms_doctor.model.config_text import ConfigText
from ovms_doctor.model.releases import KNOWN_RELEASES, Release
from ovms_doctor.prediction.config.reading import read_bytes
from ovms_doctor.prediction.config.schema import schema, violation
from ovms_doctor.prediction.config.text import NestingError, NotJsonError, parse
from tests.configuration.build import deployed

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
PIECES = st.sampled_from(
    [
        *b'{ } [ ] : , " \\ \\u12 \\ud800 1 - . e true null // NaN "config" "a"'.split(b" "),
        *(b"\0", b"\xef\xbb\xbf", b"\xe9", b"\xff", b"\t", b" "),
    ]
)


def reference(data: bytes) -> bool:
    """Whether python-rapidjson accepts the text that the server's parser would get."""
    text = data.split(b"\0", 1)[0].decode("latin-1")
    try:
        rapidjson.loads(text, number_mode=rapidjson.NM_NATIVE)
    except (ValueError, RecursionError):
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12).map(b"".join) | st.binary(max_size=30))
def test_the_parser_accepts_the_same_as_rapidjson(data: bytes) -> None:
    try:
        parse(ConfigText.of(data))
        taken = True
    except (NotJsonError, NestingError):
        taken = False
    assert taken is reference(data)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=60)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | VALUES.map(lambda value: json.dumps({"model_config_list": [{"config": value}]}).encode()),
    st.sampled_from([KNOWN_RELEASES[0], KNOWN_RELEASES[7], KNOWN_RELEASES[-1]]),
)
def test_any_bytes_are_a_verdict(data: bytes, release: Release) -> None:
    reading = read_bytes("/c/config.json", data, deployed(str(release)))
    verdicts = [reading.problem is not None, reading.unknown is not None, reading.document is not None]
    assert verdicts.count(True) == 1


@pytest.mark.parametrize("release", KNOWN_RELEASES, ids=str)
def test_the_schema_is_a_schema(release: Release) -> None:
    assert violation('{"model_config_list": []}', release) is None
    found = violation("{}", release)
    assert found is not None
    assert (found.schema, found.keyword, found.key) == ("#", "required", "#")
    assert schema(release)["additionalProperties"] is False


def test_deep_nesting_is_not_followed() -> None:
    reading = read_bytes("/c/config.json", b"[" * 5000, deployed("2026.3"))
    assert reading.unknown is not None


@settings(max_examples=150, deadline=None)
@given(VALUES, st.sampled_from([None, 1, 4]))
def test_positions_point_to_the_values(value: Any, indent: int | None) -> None:
    data = json.dumps(value, indent=indent).encode()
    index = index_of(data)
    text = data.decode()
    for pointer, at in index.values.items():
        found = value
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            found = found[int(name)] if isinstance(found, list) else found[name]
        assert json.JSONDecoder().raw_decode(text[at:])[0] == found


def test_lines_and_columns_begin_with_one() -> None:
    assert str(position_of("a\nbc", 0)) == "line 1, column 1"
    assert str(position_of("a\nbc", 3)) == "line 2, column 2"
    assert str(position_of("", 9)) == "line 1, column 1"
