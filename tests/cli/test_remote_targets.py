"""Targets in a store on the command line, as far as no store has to answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.helpers import check, codes, good_model
from tests.cli.run import Result, ovms_doctor

CANARY = "c4n4ry"
#: Nothing listens on this address.
NOWHERE = "http://127.0.0.1:9"
KEYS = {
    "AWS_ACCESS_KEY_ID": f"{CANARY}-id",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-secret",
    "AWS_SESSION_TOKEN": f"{CANARY}-token",
    "S3_ENDPOINT": NOWHERE,
}

FORMATS = [("--format", "text"), ("--format", "text", "--verbose"), ("--format", "json")]


def environment_options(environment: dict[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        yield from ("--env", f"{name}={value}")


def test_a_configuration_file_in_a_store_is_a_usage_error_with_a_hint() -> None:
    result = ovms_doctor("check", "s3://bucket/a b/config.json")
    assert result.code == 2
    assert b"local files only" in result.err
    assert b"aws s3 cp 's3://bucket/a b/config.json' ." in result.err


def test_a_store_in_capitals_is_a_path_to_the_server() -> None:
    result = ovms_doctor("check", "S3://bucket/m")
    assert result.code == 2
    assert b"Did you mean s3://bucket/m?" in result.err


def test_a_path_without_a_bucket_is_a_finding() -> None:
    result = check("s3://")
    assert result.code == 1
    assert codes(result) == ["OVD621"]
    (model,) = result.document["models"]
    assert (model["name"], model["base_path"], model["host_path"]) == ("model", "s3://", None)


@pytest.mark.parametrize("path", ["az://container/models/m", "azfs://share/m"])
def test_azure_is_reported_as_not_checked(path: str) -> None:
    connected = ["--env", f"AZURE_STORAGE_CONNECTION_STRING=AccountKey={CANARY}"]
    result = check(path, *connected)
    assert result.code == 3
    (model,) = result.document["models"]
    assert (model["name"], model["base_path"], model["host_path"]) == ("m", path, None)
    text = ovms_doctor("check", path, *connected).text
    assert " m      -        unknown  -     not examined: it is in Azure\n" in text
    assert text.endswith("? did not examine the model (in Azure)\n")
    assert CANARY not in text + result.text


def test_a_model_beside_one_in_azure(public_dir: Path) -> None:
    good_model(public_dir / "here" / "1")
    text = ovms_doctor("check", "az://container/m", public_dir / "here").text
    assert text.endswith(
        "? did not examine 1 of 2 models (in Azure); the other model is served as its owner expects\n"
    )


def test_a_slash_behind_a_path_in_azure_is_judged() -> None:
    connected = ["--env", "AZURE_STORAGE_CONNECTION_STRING=x"]
    assert codes(check("az://container/m/", *connected)) == ["OVD643"]


def test_no_sentence_on_rights_of_this_host() -> None:
    text = ovms_doctor("check", "az://container/m").text
    assert "rights count" not in text
    assert "rights of all parent directories" not in text
    assert "in a container (--bare-metal to change)" in text
    assert "on this host" in ovms_doctor("check", "az://container/m", "--bare-metal").text


class TestSecrets:
    """A store that cannot be reached: neither the requests nor the findings about it contain the secrets."""

    def hidden(self, *arguments: Any, **more: Any) -> Result:
        result = ovms_doctor(*arguments, **more)
        assert CANARY.encode() not in result.out + result.err
        return result

    @pytest.mark.parametrize(
        "more",
        [
            {},
            {"https_proxy": f"http://user:{CANARY}@127.0.0.1:9"},
            {"http_proxy": f"http://{CANARY}:{CANARY}@127.0.0.1:9"},
            {"https_proxy": f"socks5://u:{CANARY}@127.0.0.1:9"},
            {"S3_ENDPOINT": f"http://user:{CANARY}@127.0.0.1:9"},
            {"AWS_SECRET_ACCESS_KEY": f"{CANARY}\n\x1b[31m\udcff"},
        ],
        ids=["keys", "https", "http", "socks", "endpoint", "odd"],
    )
    @pytest.mark.sample(every=3)
    def test_in_no_output(self, more: dict[str, str], tmp_path: Path) -> None:
        arguments = ["s3://bucket/m", *environment_options({**KEYS, **more}), "--timeout", "2"]
        codes = {self.hidden("check", *arguments, *form).code for form in FORMATS}
        assert len(codes) == 1
        facts = tmp_path / "facts.json"
        assert self.hidden("collect", *arguments, "-o", facts).code == 0
        assert CANARY not in facts.read_text("utf-8", "replace")
        assert {self.hidden("check", "--facts", facts, *form).code for form in FORMATS} == codes

    def test_of_this_process(self) -> None:
        proxy = {"https_proxy": f"http://user:{CANARY}@127.0.0.1:9"}
        environment = {**os.environ, **KEYS, **proxy}
        arguments = ("s3://bucket/m", "--timeout", "2", "--verbose")
        checked = self.hidden("check", *arguments, "--env-from-process", environment=environment)
        assert b"is queried without credentials" not in checked.out
        collected = self.hidden(
            "check", "s3://bucket/m", "--env", f"S3_ENDPOINT={NOWHERE}", environment=environment
        )
        assert "S3 is queried without credentials, as by a server that has none" in " ".join(
            collected.text.split()
        )
        assert "AWS_ACCESS_KEY_ID" in collected.text
