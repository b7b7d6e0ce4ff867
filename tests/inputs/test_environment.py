"""The server's environment: what is kept and what is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ovms_doctor.model.environment import Variable, read_file, read_pair, variables
from tests.cli.helpers import good_model
from tests.cli.run import ovms_doctor


def test_only_what_ovms_reads_is_kept_and_no_value() -> None:
    pairs = [
        ("GRPC_SERVERS", "8"),
        ("API_KEY", "HUSH"),
        ("PATH", "/bin"),
        ("GRPC_SERVERS", "4"),
        ("API_KEY", ""),
    ]
    assert variables(pairs) == (Variable("API_KEY", empty=True), Variable("GRPC_SERVERS", number=4))
    assert "HUSH" not in repr(variables(pairs[:2]))


@pytest.mark.parametrize(
    ("text", "pair"),
    [("A=b", ("A", "b")), ("A=", ("A", "")), ("A=b=c", ("A", "b=c")), ("A", None), ("1=2", None)],
)
def test_pairs(text: str, pair: tuple[str, str] | None) -> None:
    assert read_pair(text) == pair


def test_files_are_read_as_docker_reads_them() -> None:
    assert read_file("# a\n\nA=1\nB\n C='x' \n") == ([("A", "1"), ("C", "'x'")], None)
    assert read_file("A=1\n-x-\n") == ([("A", "1")], 2)


class TestCommandLine:
    def found(self, public_dir: Path, *arguments: str, **more: object) -> list[str]:
        if not (public_dir / "m").exists():
            good_model(public_dir / "m" / "1")
        result = ovms_doctor("check", public_dir / "m", "-f", "json", *arguments, **more)  # type: ignore[arg-type]
        assert result.code == 0
        return [finding["code"] for finding in result.document["findings"]]

    def test_overriding_variable_has_a_note(self, public_dir: Path) -> None:
        assert self.found(public_dir, "--env", "GRPC_SERVERS=64") == ["OVD411"]
        (public_dir / "env").write_text("GRPC_SERVERS=64\n")
        assert self.found(public_dir, "--env-file", str(public_dir / "env")) == ["OVD411"]

    def test_an_unused_variable_is_not_reported(self, public_dir: Path) -> None:
        assert self.found(public_dir, "--env", "API_KEY=HUSH", "--env", "PATH=/bin") == []

    def test_process_environment_is_used_only_on_request(self, public_dir: Path) -> None:
        import os

        environment = {**os.environ, "GRPC_SERVERS": "64"}
        assert self.found(public_dir, environment=environment) == []
        assert self.found(public_dir, "--env-from-process", environment=environment) == ["OVD411"]

    @pytest.mark.parametrize("arguments", [["--env", "A"], ["--env", "1=2"], ["--env-file", "/nonexistent"]])
    def test_mistakes(self, arguments: list[str], public_dir: Path) -> None:
        good_model(public_dir / "m" / "1")
        result = ovms_doctor("check", public_dir / "m", *arguments)
        assert result.code == 2
        assert result.err.count(b"\n") == 1

    def test_recorded_facts_contain_the_variable_without_its_value(self, public_dir: Path) -> None:
        good_model(public_dir / "m" / "1")
        facts = public_dir / "facts.json"
        arguments = ["--env", "GRPC_SERVERS=64", "--env", "API_KEY=HUSH"]
        assert ovms_doctor("collect", public_dir / "m", *arguments, "-o", facts).code == 0
        assert "HUSH" not in facts.read_text()
        document = json.loads(ovms_doctor("check", "--facts", facts, "-f", "json").out)
        assert [finding["code"] for finding in document["findings"]] == ["OVD411"]
