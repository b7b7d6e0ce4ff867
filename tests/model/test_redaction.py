"""Command lines, values of plugin_config and messages of an engine without their secrets."""

from __future__ import annotations

import pytest

from ovms_doctor.model.property_values import hide_in_document, hide_property_values
from ovms_doctor.model.redaction import redact_message, redact_words
from ovms_doctor.model.text import redact


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--env", "NAME=canary"], ["--env", "NAME=***"]),
        (["--env=NAME=canary"], ["--env=NAME=***"]),
        (["--env", "NAME=canary", "./models"], ["--env", "NAME=***", "./models"]),
        (["--env", "not a pair canary"], ["--env", "***"]),
        (["--docker-run", "docker run -e A=canary image"], ["--docker-run", "***"]),
        (["--docker-run=docker run -e A=canary image"], ["--docker-run=***"]),
        (
            ["--plugin_config", '{"CACHE_ENCRYPTION_KEY": "can\\"ary", "PERFORMANCE_HINT": "LATENCY"}'],
            ["--plugin_config", '{"CACHE_ENCRYPTION_KEY": "***", "PERFORMANCE_HINT": "LATENCY"}'],
        ),
        (
            # No JSON: hidden whole, with what the shell has split off.
            ["--plugin_config={CACHE_ENCRYPTION_KEY:", "canary,", "X:", "1}", "--port", "9000"],
            ["--plugin_config=***", "***", "***", "***", "--port", "9000"],
        ),
        (["--plugin_config", '{"A_KEY": "canary'], ["--plugin_config", "***"]),
        (["--plugin_config", "[1]", "--port", "1"], ["--plugin_config", "***", "--port", "1"]),
        (["--plugin_config", "{}"], ["--plugin_config", "{}"]),
        (["--shape", '{"token_type_ids": "(1,128)"}'], ["--shape", '{"token_type_ids": "(1,128)"}']),
        (
            ["--layout", '{"api_key": "canary", "in": "NCHW"}'],
            ["--layout", '{"api_key": "***", "in": "NCHW"}'],
        ),
        (
            ["sh", "-c", """ovms --port 1 --plugin_config '{"FOO": "canary", "NUM_STREAMS": "2"}'"""],
            ["sh", "-c", """ovms --port 1 --plugin_config '{"FOO": "***", "NUM_STREAMS": "2"}'"""],
        ),
        (["--x", "{NUM_STREAMS:1}", "{a}"], ["--x", "{NUM_STREAMS:1}", "{a}"]),
        (["--x", "{A_TOKEN: canary}"], ["--x", "***"]),
        (["API_KEY=canary", "AUTHOR=me"], ["API_KEY=***", "AUTHOR=me"]),
        (["--max_num_batched_tokens", "256"], ["--max_num_batched_tokens", "256"]),
        (
            ["--plugin_config", '{"KEY_CACHE_PRECISION": "u8"}'],
            ["--plugin_config", '{"KEY_CACHE_PRECISION": "u8"}'],
        ),
        (["--", "--hf_token", "canary"], ["--", "--hf_token", "***"]),
        (["--", "--hf_token=canary"], ["--", "--hf_token=***"]),
        (["--", "--api_key_file", "/run/key"], ["--", "--api_key_file", "/run/key"]),
        (["--env-file", "vars.env", "--verbose"], ["--env-file", "vars.env", "--verbose"]),
        (
            ["--", "--source_model", "https://user:canary@host/m"],
            ["--", "--source_model", "https://***@host/m"],
        ),
    ],
)
def test_secrets_are_left_out_and_nothing_else(words: list[str], shown: list[str]) -> None:
    assert list(redact_words(words)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"NUM_STREAMS": "2", "FOO": "ab"}', '{"NUM_STREAMS": "2", "FOO": "***"}'),
        ('{"A": {"NUM_STREAMS": "x"}}', '{"A": {"NUM_STREAMS": "***"}}'),
        ('{"A": ["x", {"b": "y"}, "z"], "LOG_LEVEL": "q"}', '{"A": ["***", {"b": "***"}, "***"], "LOG_LEVEL": "q"}'),
        ('{"DEVICE_PROPERTIES": {"CPU": {"LOG_LEVEL": "3"}}}', '{"DEVICE_PROPERTIES": {"CPU": {"LOG_LEVEL": "3"}}}'),
        ('{"DEVICE_PROPERTIES": {"my": {"LOG_LEVEL": "abc"}}}', '{"DEVICE_PROPERTIES": {"my": {"LOG_LEVEL": "***"}}}'),
        ('{"NUM_STREAM\\u0053": "2", "FO\\u004f": "x"}', '{"NUM_STREAM\\u0053": "2", "FO\\u004f": "***"}'),
        ('{"CACHE_ENCRYPTION_CALLBACKS": "x"}', '{"CACHE_ENCRYPTION_CALLBACKS": "***"}'),
        ('{"A": 12, "B": true, "C": null, "D": -123456}', '{"A": 12, "B": true, "C": null, "D": -999999}'),
        ('{"A": "12", "B": "YES", "C": "123456"}', '{"A": "12", "B": "YES", "C": "***"}'),
        ('{"A": "q\\"uote", "B": ""}', '{"A": "***", "B": ""}'),
        ("5", "5"),
        ("", ""),
        ('"text"', "***"),
        ("{" * 100_000, "***"),
    ],
)  # fmt: skip
def test_values_of_known_properties_stay(text: str, shown: str) -> None:
    assert hide_property_values(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"plugin_config": {"A": "xyz"}, "name": "n"}', '{"plugin_config": {"A": "***"}, "name": "n"}'),
        ('{"plugin\\u005fconfig": {"A": "xyz"}}', '{"plugin\\u005fconfig": {"A": "***"}}'),
        ('"plugin_config": "wxyz", "z": "w"', '"plugin_config": "****", "z": "w"'),
        ("plugin_config: '{\"A\": \"xy\"}' a: 'b'", "plugin_config: '{\"A\": \"**\"}' a: 'b'"),
        ('plugin_config: "{\\"A\\": \\"xy\\"}" a: "b"', 'plugin_config: "{\\"A\\": \\"**\\"}" a: "b"'),
        ("\"plugin_config\": {\"A\": xyz, 'B': 'w'}", "\"plugin_config\": {\"A\": ***, 'B': '*'}"),
        ('"plugin_config": {"A": "xyz', '"plugin_config": {"A": "***'),
        ('"plugin_config"', '"plugin_config"'),
        ('"plugin_config": 5, "a": "b"', '"plugin_config": 5, "a": "b"'),
        ("no plugin_config here", "no plugin_config here"),
    ],
)
def test_a_document_keeps_its_length(text: str, shown: str) -> None:
    assert hide_in_document(text) == shown
    assert len(shown) == len(text)


def test_an_error_of_the_engine_quotes_no_secret() -> None:
    text = 'exec: "run": API_TOKEN=abc, password: "pw" s3://u:p@host; value hunter2 at /etc'
    shown = redact_message(text, ["hunter2", "at", ""])
    assert shown == 'exec: "run": API_TOKEN=***, password: "***" s3://***@host; value *** at /etc'


@pytest.mark.parametrize(
    "text",
    [
        '{"password": "canary"}',
        '{"password":"canary"}',
        '{"password" : "canary"}',
        '{"password" :"canary"}',
        '"{\\"password\\": \\"canary\\"}"',
        "https://user:canary@host/m",
        "https://host/m?X-Amz-Signature=canary",
        "https://host/m?X-Amz-Signature%3Dcanary",
    ],
)
def test_no_text_shows_a_secret(text: str) -> None:
    assert "canary" not in redact(text)


@pytest.mark.parametrize(
    "text", ['{"name": "shown"}', '{"name" : "shown"}', "a@b", "https://host/m?list-type=2"]
)
def test_a_text_without_a_secret_stays(text: str) -> None:
    assert redact(text) == text
