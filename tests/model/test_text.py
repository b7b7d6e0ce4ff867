"""A command line without its secrets."""

from __future__ import annotations

import pytest

from ovms_doctor.model.text import redact_words


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
            ["--plugin_config={CACHE_ENCRYPTION_KEY: canary, X: 1}"],
            ["--plugin_config={CACHE_ENCRYPTION_KEY: ***, X: 1}"],
        ),
        (["--plugin_config", '{"A_KEY": "canary'], ["--plugin_config", '{"A_KEY": "***"']),
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
