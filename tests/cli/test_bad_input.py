"""Mistakes of users and hostile input: a clear answer and the right exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cases_build import MODELS
from tests.cli.helpers import check, codes, good_model
from tests.cli.run import ovms_doctor


def test_a_missing_target_is_a_usage_error_with_a_hint(public_dir: Path) -> None:
    (public_dir / "models").mkdir()
    result = ovms_doctor("check", "./modles", cwd=public_dir)
    assert result.code == 2
    assert result.err == (b"ovms-doctor: ./modles: no such file or directory. Did you mean ./models?\n")
    assert result.out == b""


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "--nonsense"],
        ["check", ".", "--ovms-version", "2019.1"],
        ["check", ".", "--ovms-version", "newest"],
        ["check", ".", "--user", "nobody"],
        ["check", ".", "--user", "4294967295"],
        ["check", ".", "--mount", "x"],
        ["check", ".", "--load", "everything"],
        ["check", ".", "--model-version-policy", "latest"],
        ["check", ".", "--timeout", "0"],
        ["check", ".", "--", "--model_path", "/m"],
        ["check", "s3://bucket/config.json"],
        ["check", "S3://bucket/models"],
        ["check", "s3://bucket/models", "/nonexistent"],
        ["check", "s3://bucket/models", "--mount", "/nonexistent:/keys"],
        ["check", "s3://bucket/models", "--", "--model_path", "/m"],
        ["check", ".", "--download-limit", "much"],
        ["check", "--facts", "/nonexistent"],
        ["diagnose"],
        ["schema", "nonsense"],
    ],
    ids=" ".join,
)
def test_usage_errors_are_one_line(arguments: list[str], public_dir: Path) -> None:
    result = ovms_doctor(*arguments, cwd=public_dir)
    assert result.code == 2
    assert result.err.startswith(b"ovms-doctor: ")
    assert result.err.count(b"\n") == 1
    assert result.out == b""


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        (["--user", "1" * 5000], "4294967294"),
        (["--user", "5000:" + "9" * 30], "4294967294"),
        (["--memory", "1" + "0" * 400], "9223372036854775807"),
        (["--memory", "9999999999g"], "9223372036854775807"),
        (["--download-limit", "9" * 5000], "9223372036854775807"),
        (["--jobs", "1" + "0" * 30], "1024"),
        (["--jobs", "0"], "1024"),
        (["--timeout", "1e400"], "86400"),
        (["--timeout", "nan"], "86400"),
        (["--check-timeout", "0"], "86400"),
        (["--model-version-policy", "[" * 1000 + "]" * 1000], "num_versions"),
        (["--model-version-policy", '{"latest":' * 2000 + "1" + "}" * 2000], "num_versions"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_value_beyond_its_limit_is_wrong_usage_that_names_the_limit(
    arguments: list[str], limit: str, public_dir: Path
) -> None:
    result = ovms_doctor("check", ".", *arguments, cwd=public_dir)
    assert (result.code, result.out) == (2, b"")
    assert result.err.startswith(b"ovms-doctor: " + arguments[0].encode() + b" ")
    assert limit.encode() in result.err
    assert len(result.err) < 400


@pytest.mark.parametrize("policy", ["[" * 1000, '{"latest":' * 2000 + "1" + "}" * 2000])
def test_a_policy_of_the_servers_own_arguments_gets_the_servers_own_verdict(policy: str) -> None:
    arguments = ["--model_name", "m", "--model_path", MODELS, "--port", "9", "--model_version_policy", policy]
    result = ovms_doctor("check", "--format", "json", "--", *arguments)
    assert result.code == 1
    assert "OVD407" in codes(result)
    assert b"Error" not in b"".join(finding["message"].encode() for finding in result.document["findings"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--format", "json"],
        ["check", "--format=json", "--nonsense"],
        ["check", "-f", "json", "./gone"],
        ["check", "-fjson", ".", "--select", "OVD999"],
    ],
    ids=" ".join,
)
def test_wrong_usage_with_json_is_a_document_too(arguments: list[str], public_dir: Path) -> None:
    result = ovms_doctor(*arguments, cwd=public_dir)
    assert result.code == 2
    assert result.err.count(b"\n") == 1
    assert result.err.decode() == f"ovms-doctor: {result.document['error']}\n"
    written = ovms_doctor(*arguments, "-o", "report.json", cwd=public_dir)
    assert (written.code, written.out) == (2, b"")
    assert json.loads((public_dir / "report.json").read_text())["error"] == result.document["error"]


@pytest.mark.parametrize("pattern", ["OVD999", "OVD1,OVD999", "no-such-check", "OVD101;OVD102", "", " , "])
@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_a_pattern_without_a_match_is_a_usage_error(option: str, pattern: str, public_dir: Path) -> None:
    good_model(public_dir / "m" / "1")
    result = ovms_doctor("check", "m", option, pattern, "--load", "none", cwd=public_dir)
    assert (result.code, result.out) == (2, b"")
    assert option.encode() in result.err


def test_patterns_are_separated_by_commas(public_dir: Path) -> None:
    (public_dir / "m").mkdir()
    assert codes(check("m", "--load", "none", cwd=public_dir)) == ["OVD123"]
    assert codes(check("m", "--load", "none", "--ignore", "OVD2, OVD123", cwd=public_dir)) == []
    assert codes(check("m", "--load", "none", "--select", "OVD2,permissions", cwd=public_dir)) == []
    assert codes(check("m", "--load", "none", "--select", "OVD2,OVD12", cwd=public_dir)) == ["OVD123"]


def test_an_option_of_the_recorded_run_has_no_effect_beside_facts(public_dir: Path) -> None:
    good_model(public_dir / "m" / "1")
    assert ovms_doctor("collect", "m", "-o", "facts.json", "--load", "none", cwd=public_dir).code == 0
    for arguments in (["--user", "0"], ["--load", "none"], ["--download-limit", "1g"], ["--mount", "/a:/b"]):
        result = ovms_doctor("check", "--facts", "facts.json", *arguments, cwd=public_dir)
        assert (result.code, result.out) == (2, b"")
        assert arguments[0].encode() in result.err
    assert ovms_doctor("check", "--facts", "facts.json", "--ovms-version", "2025.4", cwd=public_dir).code == 0


def test_a_file_that_is_not_a_model(public_dir: Path) -> None:
    (public_dir / "notes.txt").write_text("hello")
    result = check(public_dir / "notes.txt")
    assert result.code == 1
    assert codes(result) == ["OVD108"]
    assert result.document["server"]["exit_code"] == 1


def test_an_empty_directory(public_dir: Path) -> None:
    (public_dir / "models").mkdir()
    result = check(public_dir / "models")
    assert result.code == 1
    assert codes(result) == ["OVD123"]


@pytest.mark.needs_root
def test_a_directory_that_may_not_be_read(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    (public_dir / "models").chmod(0o700)
    result = check(public_dir / "models")
    assert result.code == 1
    assert set(codes(result)) <= {"OVD201", "OVD202"}


HOSTILE = [
    "new\nline",
    "esc\x1b[31mape",
    "[red]markup[bold]",
    "right\u202eleft",
    "tab\tand\x07bell",
    "$(touch pwned)",
    "'; rm -rf ~; '",
    "-rf",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*HOSTILE, b"bad\xff\xfeutf8"], ids=repr)
@pytest.mark.parametrize("format_", ["text", "json"])
def test_hostile_names_are_never_shown_raw(name: str | bytes, format_: str, public_dir: Path) -> None:
    raw = os.fsencode(name)
    model = os.fsencode(public_dir) + b"/models/" + raw
    os.makedirs(model + b"/1_" + raw)
    os.makedirs(model + b"/2")
    with open(model + b"/2/" + raw + b".xml", "wb") as file:
        file.write(b"\x1b[2J not xml")
    with open(model + b"/2/" + raw + b".bin", "wb") as file:
        file.write(b"x")
    result = ovms_doctor("check", public_dir / "models", "--format", format_)
    assert result.code == 1
    text = result.out.decode()  # valid UTF-8, whatever the names hold
    assert not [c for c in text if c != "\n" and (ord(c) < 32 or ord(c) == 127 or "\u202a" <= c <= "\u202e")]
    if format_ == "json":
        document = json.loads(text)
        assert document["models"][0]["versions"]
    assert not (public_dir / "pwned").exists()


@pytest.mark.slow
def test_a_hundred_thousand_files_in_one_version(public_dir: Path) -> None:
    version = good_model(public_dir / "m" / "1")
    for number in range(100_000):
        os.close(os.open(f"{version}/{number:06}.txt", os.O_CREAT | os.O_WRONLY))
    result = check(public_dir / "m", "--load", "none")
    assert result.code == 0
    assert result.document["models"][0]["served_versions"] == [1]


class TestFactsFiles:
    def collected(self, public_dir: Path) -> Path:
        good_model(public_dir / "models" / "m" / "1")
        facts = public_dir / "facts.json"
        result = ovms_doctor("collect", public_dir / "models", "-o", facts)
        assert (result.code, result.out) == (0, b"")
        (line,) = result.err.splitlines()
        assert line.endswith(b"secrets are replaced by ***")
        return facts

    def test_a_moved_repository_has_the_same_findings(self, public_dir: Path) -> None:
        facts = self.collected(public_dir)
        (public_dir / "models" / "m" / "2").mkdir()
        elsewhere = check(public_dir / "models")
        ovms_doctor("collect", public_dir / "models", "-o", facts)
        (public_dir / "models").rename(public_dir / "elsewhere")
        from_facts = check("--facts", facts)
        assert from_facts.code == elsewhere.code == 1
        for key in ("findings", "models", "server"):
            assert from_facts.document[key] == elsewhere.document[key]

    def test_another_release_may_be_named(self, public_dir: Path) -> None:
        facts = self.collected(public_dir)
        result = check("--facts", facts, "--ovms-version", "2025.4")
        assert result.code == 0
        assert result.document["server"]["release"] == "2025.4"

    def test_cut_in_half(self, public_dir: Path) -> None:
        facts = self.collected(public_dir)
        text = facts.read_text()
        facts.write_text(text[: len(text) // 2])
        self.refused(facts)

    def test_of_another_major_version(self, public_dir: Path) -> None:
        facts = self.collected(public_dir)
        document = json.loads(facts.read_text())
        document["schema_version"] = "2.0"
        facts.write_text(json.dumps(document))
        self.refused(facts)

    @pytest.mark.parametrize("text", ["", "{}", "[]", "null", "\x00\xff", '{"schema_version": "1.0"}'])
    def test_no_facts_at_all(self, text: str, public_dir: Path) -> None:
        facts = public_dir / "facts.json"
        facts.write_text(text)
        self.refused(facts)

    def refused(self, facts: Path) -> None:
        result = check("--facts", facts)
        assert result.code == 2
        assert result.err.startswith(b"ovms-doctor: ")
        assert result.err.count(b"\n") == 1
        assert result.err.decode() == f"ovms-doctor: {result.document['error']}\n"


def test_a_dash_is_standard_output(tmp_path: Path) -> None:
    model = tmp_path / "m" / "1"
    model.mkdir(parents=True)
    run = ovms_doctor("collect", tmp_path, "-o", "-", "--load", "none", cwd=tmp_path)
    assert run.document["format"] == "ovms-doctor facts"
    assert not (tmp_path / "-").exists()
