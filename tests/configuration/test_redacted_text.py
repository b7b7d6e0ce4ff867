"""A configuration without its secrets is still the same to the server's parser: valid, or with the same error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ovms_doctor.model.config_text import ConfigText
from ovms_doctor.model.facts import FileContent, ReadFile
from ovms_doctor.prediction.config.text import NestingError, NotJsonError, parse
from ovms_doctor.probes.redacted_answers import without_secrets
from tests.cli.helpers import check

_CONFIGURATION = (
    b'{"model_config_list": [{"config": {"name": "m", "base_path": "C:\\\\x", "nireq": 1000000, '
    b'"plugin_config": {"NUM_STREAMS": "1", "SECRET": "canary"}, "layout": {"a": "NHWC"}}}]}'
)
#: Pieces that make a document invalid, or seem to.
_PIECES = (
    b"\0", b"\t", b"\x01", b"\x0b", b'"', b"'", b"\\", b"\\u", b"\\u12G4", b"\\ud800", b"\\uD83D\\uDE00",
    b"C:\\users\\m", b"C:\\new\\m", b"\\\\\\m", b"\xff", b"NaN", b"1.", b"1e", b"//", b"{", b"}", b":", b",",
    b"canary",
)  # fmt: skip


def redacted(data: bytes, path: str = "/srv/config.json") -> bytes:
    question = ReadFile(path, 1 << 20)
    answer = without_secrets({question: FileContent(data, len(data))})[question]
    assert isinstance(answer, FileContent)
    return answer.data


def error_of(data: bytes) -> Any:
    """The parser's message, None for a valid document."""
    try:
        parse(ConfigText.of(data))
    except NotJsonError as error:
        return error.message
    except NestingError:
        return "nesting"
    return None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b'{"model_config_list": []}\0 junk', None),
        (b'{"base_path": "C:\\users\\m"}', "Incorrect hex digit after \\u escape in string."),
        (b'{"base_path": "C:\\models"}', "Invalid escape character in string."),
        (b'{"base_path": "C:\\\\\\models"}', "Invalid escape character in string."),
        (b'{"name": "a\x0bb"}', "Invalid encoding in string."),
        (b'{"name": "a\0b"}', "Missing a closing quotation mark in string."),
        (b'{"name": "a\\nb', "Missing a closing quotation mark in string."),
        (b'{"name": "\\ud800b"}', "The surrogate pair in string is invalid."),
        (b'{"plugin_config": {"DIR": "C:\\models"}}', "Invalid escape character in string."),
        (b'{"plugin_config": {"DIR": "C:\\users"}}', "Incorrect hex digit after \\u escape in string."),
        (b'{"plugin_config": {"DIR": "a\x0bb"}}', "Invalid encoding in string."),
        (b'{"plugin_config": {"DIR": "\\ud83d\\ude00"}}', None),
        (b'{"nireq": 1e}', "Miss exponent in number."),
    ],
)
def test_the_error_is_that_of_the_whole_text(text: bytes, error: str | None) -> None:
    assert error_of(text) == error
    assert error_of(redacted(text)) == error
    assert len(redacted(text)) == len(text)


@pytest.mark.parametrize("path", ["/srv/config.json", "/srv/config", "/srv/graph.pbtxt"])
def test_a_file_that_begins_as_json_is_read_as_json(path: str) -> None:
    text = b' {"plugin_config": {"DIR": "C:\\models"}}'
    assert redacted(text, path) == b' {"plugin_config": {"DIR": "**\\******"}}'


def test_the_escapes_of_a_graph_are_hidden() -> None:
    text = b"""plugin_config: '{"DIR": "it\\'s \\x41"}' models_path: 'm'"""
    hidden = b"""plugin_config: '{"DIR": "**********"}' models_path: 'm'"""
    assert redacted(text, "/srv/graph.pbtxt") == hidden


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ('{"KEY": "secret', '{"KEY": "******'),
        ('{"KEY": {"A": "secret"}', '{"KEY": {"A": "******"}'),
        ('{"KEY": "sec\\n', '{"KEY": "*****'),
        ('{"KEY": "secret"}', '{"KEY": "******"}'),
    ],
)
@pytest.mark.parametrize("end", ["'", "',", "' ;", "' }"])
def test_a_malformed_value_does_not_hide_the_rest_of_a_graph(value: str, hidden: str, end: str) -> None:
    rest = end + "\nmodels_path: 'm'\n"
    data = redacted(f"plugin_config: '{value}{rest}".encode(), "/srv/graph.pbtxt")
    assert data.decode() == f"plugin_config: '{hidden}{rest}"


def test_a_quote_within_a_value_shows_none_of_it() -> None:
    text = b"""plugin_config: '{"KEY": "can'ary secret"}'\nmodels_path: 'm'\n"""
    assert b"ary" not in redacted(text, "/srv/graph.pbtxt")


@given(
    st.lists(st.tuples(st.integers(0, len(_CONFIGURATION)), st.sampled_from(_PIECES)), min_size=1, max_size=3)
)
@example([(len(_CONFIGURATION), b"\0"), (len(_CONFIGURATION), b"canary")])
def test_a_malformed_configuration_is_not_made_valid(pieces: list[tuple[int, bytes]]) -> None:
    data = _CONFIGURATION
    for position, piece in pieces:
        data = data[:position] + piece + data[position:]
    hidden = redacted(data)
    assert len(hidden) == len(data)
    assert (error_of(hidden) is None) == (error_of(data) is None)


def test_the_report_names_the_parsers_error(tmp_path: Any) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"model_config_list": [{"config": {"name": "m", "base_path": "C:\\users\\m"}}]}')
    (finding,) = check(config).document["findings"]
    assert finding["code"] == "OVD403"
    assert finding["server_log"] == [
        "Configuration file is not a valid JSON file. Error: Incorrect hex digit after \\u escape in string."
    ]


def test_junk_behind_a_nul_byte_does_not_end_the_server(tmp_path: Any) -> None:
    config = tmp_path / "config.json"
    config.write_bytes(b'{"model_config_list": []}\0 junk')
    assert check(config).document["server"]["outcome"] == "serves"
