"""Command lines, values of plugin_config and messages of an engine without their secrets."""

from __future__ import annotations

import re

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from ovms_doctor.model import property_values
from ovms_doctor.model.property_values import (
    can_have_plugin_config,
    hide_in_document,
    hide_malformed,
    hide_property_values,
)
from ovms_doctor.model.redaction import redact_arguments, redact_log_text, redact_message
from ovms_doctor.model.text import can_hold_secret, redact

#: What texts with secrets are made of.
_PIECES = [
    *"?&;#=@:/{}\"' \\",
    *"https:// %3D %26 canary abc-1 é x-amz-signature X-Goog-Credential SIG sas Token access_key PASSWD".split(),
    *"secret passphrase Credentials apiKey hf_token plugin_config Plugin\\u005fConfig".split(),
    *(start + "a1" * 20 for start in ("hf_", "sk-", "ghp_", "ghs_", "github_pat_", "glpat-", "xoxb-", "gh_")),
    "AKIA" + "A1" * 8,
    "asia" + "a1" * 8,
    "eyJhbGciOiJIUzI1.eyJzdWIi.x",
    '": "',
    '"name": ',
]


@pytest.mark.parametrize(
    ("arguments", "redacted"),
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
            # Not JSON: the whole value is hidden, with the parts that the shell has split off.
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
        # An unknown option of one letter: a number, a port or a path is not a secret.
        (["-t", "canary", "-p", "9000:9000", "-v", "/a:/b"], ["-t", "***", "-p", "9000:9000", "-v", "/a:/b"]),
        (["-u", "ann:canary", "-u", "script.py"], ["-u", "***", "-u", "script.py"]),
        (["-e", "FOO=canary", "-eHF_TOKEN=canary"], ["-e", "FOO=***", "-eHF_TOKEN=***"]),
        (["sh", "-c", "ovms --port 1", "-o", "x.json"], ["sh", "-c", "ovms --port 1", "-o", "x.json"]),
        (
            ["--apiKey", "canary", "--jwt=canary", "--pass", "x"],
            ["--apiKey", "***", "--jwt=***", "--pass", "***"],
        ),
        (["Bearer", "canary", "HF_TOKEN:", "canary"], ["Bearer", "***", "HF_TOKEN:", "***"]),
        (["password is canary", "token canary"], ["password is ***", "token ***"]),
        (["--allow_credentials", "true"], ["--allow_credentials", "true"]),
        (["--model_name", "token-classification"], ["--model_name", "token-classification"]),
        (["hf_" + "a1" * 17, "AKIA" + "A1" * 8, "eyJhbGciOiJIUzI1.eyJzdWIi.x"], ["***", "***", "***"]),
        (["hf_internal_testing_tiny_random_model"], ["hf_internal_testing_tiny_random_model"]),
        (["https://h/m#access_token=canary"], ["https://h/m#access_token=***"]),
    ],
)
def test_secrets_are_left_out_and_nothing_else(arguments: list[str], redacted: list[str]) -> None:
    assert list(redact_arguments(arguments)) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
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
def test_values_of_known_properties_stay(text: str, redacted: str) -> None:
    assert hide_property_values(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ('{"plugin_config": {"A": "xyz"}, "name": "n"}', '{"plugin_config": {"A": "***"}, "name": "n"}'),
        ('{"plugin\\u005fconfig": {"A": "xyz"}}', '{"plugin\\u005fconfig": {"A": "***"}}'),
        ('"plugin_config": "wxyz", "z": "w"', '"plugin_config": "****", "z": "w"'),
        ("plugin_config: '{\"A\": \"xy\"}' a: 'b'", "plugin_config: '{\"A\": \"**\"}' a: 'b'"),
        ('plugin_config: "{\\"A\\": \\"xy\\"}" a: "b"', 'plugin_config: "{\\"A\\": \\"**\\"}" a: "b"'),
        ("\"plugin_config\": {\"A\": wyz, 'B': 'w'}", "\"plugin_config\": {\"A\": xxx, 'B': '*'}"),
        ('"plugin_config": {"A": "xyz', '"plugin_config": {"A": "***'),
        ('"plugin_config"', '"plugin_config"'),
        ('"plugin_config": 5, "a": "b"', '"plugin_config": 5, "a": "b"'),
        ("no plugin_config here", "no plugin_config here"),
    ],
)
def test_redaction_keeps_the_length_of_a_document(text: str, redacted: str) -> None:
    assert hide_in_document(text) == redacted
    assert len(redacted) == len(text)


def test_an_error_of_the_engine_quotes_no_secret() -> None:
    text = 'exec: "run": API_TOKEN=abc, password: "pw" s3://u:p@host; value hunter2 at /etc'
    message = redact_message(text, ["hunter2", "at", ""])
    assert message == 'exec: "run": API_TOKEN=***, password: "***" s3://***@host; value *** at /etc'


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


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_lines_that_are_skipped_quickly_contain_no_secret(text: str) -> None:
    changed = redact(text) != text
    event(f"redacted: {changed}")
    assert can_hold_secret(text.encode("latin-1")) or not changed
    assert can_have_plugin_config(text.encode("latin-1")) or hide_in_document(text) == text


#: Pieces of documents with plugin_config, valid or not.
_PARTS = ("plugin_config", "Plugin Config", '"', "'", ":", "{", "}", "[", "]", ",", "\\", "/", "\n", " ",
          '"plugin_config": {"', "NUM_STREAMS", "other", '": "', "4", "value", '"}', "\\u0070")  # fmt: skip


@given(st.lists(st.sampled_from(_PARTS), max_size=30).map("".join))
def test_a_flat_object_is_hidden_as_any_other(text: str) -> None:
    """Objects without brackets in them are read by one pattern, and each different one is read once."""
    quick = hide_in_document(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(property_values, "FLAT_OBJECT", re.compile("(?!)"))
        assert hide_in_document(text) == quick
    event("has a flat object" if property_values.FLAT_OBJECT.search(text) else "has none")


@pytest.mark.parametrize("text", ["", "<?xml version='1.0'?><net name='a' version='11'>", '{"inputs": 1}'])
def test_most_texts_are_passed_over_quickly(text: str) -> None:
    assert not can_hold_secret(text.encode())


@pytest.mark.parametrize(
    "text", ['{"name": "shown"}', '{"name" : "shown"}', "a@b", "https://host/m?list-type=2"]
)
def test_a_text_without_a_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("invalid token canary", "invalid token ***"),
        ('pull access denied, token "canary"', 'pull access denied, token "***"'),
        ('exec: "ovms": "--token", "canary"', 'exec: "ovms": "--token", "***"'),
        ("Authorization: Token canary", "Authorization: ***"),
        ("login -u x -p canary", "login -u x -p ***"),
        ("--hf_token canary", "--hf_token ***"),
        ("the token expired, no password is set", "the token expired, no password is set"),
        ('secret "hf-token" not found', 'secret "hf-token" not found'),
    ],
)
def test_a_message_quotes_no_secret(text: str, redacted: str) -> None:
    assert redact_message(text).replace("Token ***", "***") == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("hf_token: canary", "hf_token: ***"),
        ("Authorization: Bearer canary", "Authorization: Bearer ***"),
        ("HF_TOKEN=canary AWS_SECRET_ACCESS_KEY canary", "HF_TOKEN=*** AWS_SECRET_ACCESS_KEY ***"),
        ("--api_key canary {'token': 'canary'}", "--api_key *** {'token': '***'}"),
        ("curl -u ann:canary http://h", "curl -u ann:*** http://h"),
        *(
            (text, text)
            for text in (
                "API key not provided via --api_key_file or API_KEY environment variable.",
                "Basic render probe: exception: x",
                "max_num_batched_tokens: 256, token_type_ids: [1]",
                "Unsupported property key: NUM_STREAMS",
            )
        ),
    ],
)
def test_a_line_of_the_log_shows_everything_except_secrets(text: str, redacted: str) -> None:
    assert redact_log_text(text) == redacted


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("canary", "xxxxxx"),
        ('"canary"', '"xxxxxx"'),
        ('{"a": 1, "api_key": canary}', '{"a": 1, "api_key": xxxxxx}'),
        ('{"a": "b", }', '{"a": "b", }'),
        ('{"a": "b\\n canary', '{"a": "xxx xxxxxx'),
        ('{"a": "\\users"}', '{"a": "\\uxxxx"}'),
        ('{"a": -canary}', '{"a": -xxxxxx}'),
        ('\xef\xbb\xbf{"a": 1}', '\xef\xbb\xbf{"a": 1}'),
        ('\xef\xbb\xbf{"a": canary}', '\xef\xbb\xbf{"a": xxxxxx}'),
        ("<html>canary</html>", "<xxxxxxxxxxxxxxxxxx"),
        (
            "version https://git-lfs.github.com/spec/v1\noid canary\n",
            "version https://git-lfs.github.com/spec/v1\nxxx xxxxxx\n",
        ),
        ('{"a": 1}\0canary', '{"a": 1}\0xxxxxx'),
        ('{"a": "b\x01canary"}', '{"a": "b\x01xxxxxx"}'),
        ("HF_TOKEN=canary\nA=b", "xxxxxxxxxxxxxxx\nxxx"),
        ('{"model_config_list": []}', '{"model_config_list": []}'),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_a_malformed_document_shows_no_text_after_its_error(text: str, redacted: str) -> None:
    assert hide_malformed(text) == redacted


@pytest.mark.parametrize(
    "word", ["aB3dE5gH7jK9mN1pQ3sT", "q8Zx/3RtY7uPl2Kd+9VmNc4Wb1Hs6Jf0TgAe5QoX", "5f2b8c1d" * 4]
)
def test_an_argument_with_the_form_of_a_key(word: str) -> None:
    assert redact_log_text(f"the token {word} was refused") == "the token *** was refused"
    assert redact_message(f'secret: "{word}"') == 'secret: "***"'
    assert redact_log_text(f"invalid secret {word}.") == "invalid secret ***."
    if "/" not in word:
        assert redact_arguments(["--port", "9000", word]) == ("--port", "9000", "***")
    # Behind an option it is its value.
    assert redact_arguments(["--model_name", word]) == ("--model_name", word)


@pytest.mark.parametrize(
    "word",
    [
        "Qwen2VL7BInstructInt4OpenVINO",
        "TinyLlama-1.1B-Chat-v1.0-int4-ov",
        "sequence_length_of_the_batch",
        "/models/aB3dE5gH7jK9mN1pQ3sT/1",
        "sha256:" + "5f2b8c1d" * 8,
        "resnet50",
        "12345678901234567890",
    ],
)
def test_an_argument_with_another_form(word: str) -> None:
    text = f"the token {word} is not known"
    assert redact_log_text(text) == text
    assert redact_arguments([word]) == (word,)
