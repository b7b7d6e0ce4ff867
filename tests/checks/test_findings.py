"""The findings about a plan: their sentences are true and their remedies work."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cases_build import MODELS
from tests.checks.helpers import findings
from tests.cli.helpers import check, codes, good_model
from tests.cli.run import ovms_doctor


def commands(finding: dict[str, Any]) -> list[str]:
    return [step["command"] for step in finding["remedy"]["steps"] if step["command"]]


def follow(finding: dict[str, Any], count: int) -> None:
    """Runs the first ``count`` commands of a remedy as a user would paste them."""
    for command in commands(finding)[:count]:
        subprocess.run(["bash", "-ec", command], check=True)


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("owner", "mode", "letter"), [((5000, 5000), 0o055, "u"), ((0, 39), 0o705, "g"), ((0, 0), 0o750, "o")]
)
def test_the_permission_is_added_to_the_applicable_class(
    owner: tuple[int, int], mode: int, letter: str, public_dir: Path
) -> None:
    import os

    version = good_model(public_dir / "m" / "1")
    os.chown(version, *owner)
    version.chmod(mode)
    (finding,) = findings(public_dir / "m")
    assert commands(finding)[0].startswith(f"chmod {letter}+rx ")
    follow(finding, 1)
    assert findings(public_dir / "m") == []


@pytest.mark.needs_root
@pytest.mark.needs_command("setfacl")
def test_an_acl_is_answered_with_an_acl(public_dir: Path) -> None:
    version = good_model(public_dir / "m" / "1")
    subprocess.run(["setfacl", "-m", "u:5000:-", version], check=True)
    (finding,) = findings(public_dir / "m")
    assert commands(finding)[0].startswith("setfacl ")
    follow(finding, 1)
    assert findings(public_dir / "m") == []


def test_a_flat_saved_model_moves_with_its_variables(public_dir: Path) -> None:
    (public_dir / "m" / "variables").mkdir(parents=True)
    (public_dir / "m" / "saved_model.pb").write_bytes(b"x")
    (public_dir / "m" / "variables" / "variables.index").write_bytes(b"x")
    (finding,) = findings(public_dir / "m")
    assert finding["code"] == "OVD101"
    follow(finding, 2)
    assert (public_dir / "m" / "1" / "variables" / "variables.index").exists()


@pytest.mark.parametrize("name", ["new\nline", "e\x1bsc", b"\xff", "a b'c$(id)"], ids=repr)
def test_commands_in_json_run_unchanged(name: str | bytes, public_dir: Path) -> None:
    import os

    model = os.fsencode(public_dir) + b"/" + os.fsencode(name)
    os.makedirs(model)
    for suffix in ("xml", "bin"):
        with open(model + b"/m." + suffix.encode(), "wb") as file:
            file.write((MODELS / f"fc.{suffix}").read_bytes())
    (finding,) = findings(public_dir)
    follow(finding, 2)
    assert findings(public_dir) == []


@pytest.mark.parametrize(
    ("name", "release", "since"), [("m.tflite", "2022.3", "2023.1"), ("m.pb", "2022.1", "2022.3")]
)
def test_format_unknown_to_the_release_is_reported(
    name: str, release: str, since: str, public_dir: Path
) -> None:
    (public_dir / "m" / "1").mkdir(parents=True)
    (public_dir / "m" / "1" / name).write_bytes(b"x")
    (finding,) = findings(public_dir / "m", "--ovms-version", release)
    assert finding["code"] == "OVD111"
    assert f"since {since}" in finding["message"]


class TestLinks:
    def test_a_target_behind_a_link_is_resolved(self, public_dir: Path) -> None:
        good_model(public_dir / "real" / "models" / "m" / "1")
        (public_dir / "link").symlink_to("real")
        assert findings(public_dir / "link" / "models") == []
        (public_dir / "models").symlink_to("real/models")
        assert findings(public_dir / "models") == []

    def test_a_link_out_of_the_target_is_named_by_its_path(self, public_dir: Path) -> None:
        good_model(public_dir / "store" / "m" / "1")
        good_model(public_dir / "models" / "n" / "1")
        (public_dir / "models" / "m").symlink_to("../store/m")
        (finding,) = findings(public_dir / "models")
        assert finding["code"] == "OVD124"
        assert finding["severity"] == "warning"
        assert finding["subject"]["path"] == str(public_dir / "models" / "m")
        follow(finding, 1)
        assert findings(public_dir / "models") == []

    def test_all_links_out_of_the_target_are_one_finding(self, public_dir: Path) -> None:
        store = good_model(public_dir / "store")
        good_model(public_dir / "models" / "n" / "1")
        for name in ("a", "b"):
            (public_dir / "models" / name / "1").mkdir(parents=True)
            for file in store.iterdir():
                (public_dir / "models" / name / "1" / file.name).symlink_to(file)
        (store / "mapping.json").write_text('{"inputs": {}, "outputs": {}}')
        (public_dir / "models" / "n" / "1" / "mapping_config.json").symlink_to(store / "mapping.json")
        (finding,) = findings(public_dir / "models")
        assert (finding["code"], finding["severity"]) == ("OVD124", "warning")
        assert len(finding["evidence"]) == 5
        assert commands(finding)[1] == f"-v {store}:{store}:ro"
        follow(finding, 1)
        assert findings(public_dir / "models.copy") == []

    def test_a_link_above_several_versions_is_one(self, public_dir: Path) -> None:
        for version in ("1", "2"):
            good_model(public_dir / "store" / "m" / version)
        good_model(public_dir / "models" / "n" / "1")
        (public_dir / "models" / "m").symlink_to("../store/m")
        arguments = ("--model-version-policy", '{"all": {}}')
        (finding,) = findings(public_dir / "models", *arguments)
        assert finding["subject"]["path"] == str(public_dir / "models" / "m")

    def test_links_that_stay_in_the_target(self, public_dir: Path) -> None:
        store = good_model(public_dir / "models" / "n" / "1")
        (public_dir / "models" / "m" / "1").mkdir(parents=True)
        for file in store.iterdir():
            (public_dir / "models" / "m" / "1" / file.name).symlink_to(f"../../n/1/{file.name}")
        assert findings(public_dir / "models") == []


@pytest.mark.needs_root
def test_a_closed_repository_is_still_a_repository(public_dir: Path) -> None:
    for name in ("a", "b"):
        good_model(public_dir / "models" / name / "1")
    (public_dir / "models").chmod(0o700)
    result = check(public_dir / "models")
    assert [model["name"] for model in result.document["models"]] == ["a", "b"]
    assert result.document["server"]["mode"] == "config"
    assert set(codes(result)) == {"OVD201"}


@pytest.mark.parametrize("name", ["0", "00", "-1", "\uff11", "v1", "latest"])
def test_a_version_with_a_wrong_name_makes_a_model(name: str, public_dir: Path) -> None:
    good_model(public_dir / "m" / name)
    result = check(public_dir / "m")
    assert result.document["server"]["mode"] == "single"
    (finding,) = result.document["findings"]
    assert finding["code"] in ("OVD102", "OVD104")
    follow(finding, 1)
    assert findings(public_dir / "m") == []


def test_secrets_do_not_reach_a_report(public_dir: Path) -> None:
    good_model(public_dir / "m" / "1")
    arguments = ["--model_name", "m", "--model_path", str(public_dir / "m"), "--rest_port", "8000"]
    for secret in (["--api_key", "HUSH"], ["--x", "https://me:HUSH@host/x"], ["--aws_token=HUSH"]):
        for format_ in ("text", "json"):
            result = ovms_doctor("check", "--format", format_, "--", *arguments, *secret)
            assert b"HUSH" not in result.out + result.err


def test_an_empty_target_is_a_mistake() -> None:
    assert ovms_doctor("check", "").code == 2


def test_recorded_facts_keep_the_options(public_dir: Path) -> None:
    good_model(public_dir / "m" / "1")
    facts = public_dir / "facts.json"
    assert ovms_doctor("collect", public_dir / "m", "-o", facts).code == 0
    for arguments in (["--user", "0"], ["--bare-metal"], ["--load", "none"], ["--as", "model"]):
        result = ovms_doctor("check", "--facts", facts, *arguments)
        assert result.code == 2
        assert b"--facts" in result.err
