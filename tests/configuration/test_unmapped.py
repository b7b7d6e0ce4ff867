"""A config.json with the paths of a container and no mount: the finding says which mount to add."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import ovms_doctor

MODEL = Path(__file__).parents[2] / "fixtures" / "models" / "dense-ir" / "1"
#: The first directory of the server's paths; this host does not have it.
TOP = "/server-models-of-the-test"


def write(directory: Path, *base_paths: str, name: str = "config.json") -> Path:
    entries = [{"config": {"name": Path(path).name, "base_path": path}} for path in base_paths]
    path = directory / name
    path.write_text(json.dumps({"model_config_list": entries}), encoding="utf-8")
    return path


def model(directory: Path) -> None:
    shutil.copytree(MODEL, directory / "1")


def check(config: Path, *options: str) -> tuple[int, dict[str, Any]]:
    result = ovms_doctor("check", config, "--load", "none", "--format", "json", *options)
    return result.code, result.document


def followed(document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Runs the check again with the command of the only remedy."""
    (command,) = {step["command"] for one in document["findings"] for step in one["remedy"]["steps"]}
    arguments = shlex.split(command)
    assert arguments[:2] == ["ovms-doctor", "check"]
    return check(Path(arguments[2]), *arguments[3:])


@pytest.mark.parametrize(
    ("config_in", "models_in", "base", "mount"),
    [
        (".", "models", f"{TOP}/a", None),
        ("models", "models", f"{TOP}/a", f"models:{TOP}"),
        (".", TOP[1:], f"{TOP}/a", f"{TOP[1:]}:{TOP}"),
        ("conf", TOP[1:], f"{TOP}/a", f"{TOP[1:]}:{TOP}"),
        (".", "nets/vision", f"{TOP}/nets/vision/a", f".:{TOP}"),
        ("conf", "nets", f"{TOP}/nets/a", f".:{TOP}"),
    ],
)
def test_the_mount_is_guessed_from_the_end_of_the_path(
    public_dir: Path, config_in: str, models_in: str, base: str, mount: str | None
) -> None:
    model(public_dir / models_in / "a")
    (public_dir / config_in).mkdir(exist_ok=True)
    code, document = check(write(public_dir / config_in, base))
    assert (code, {one["code"] for one in document["findings"]}) == (3, {"OVD903"})
    assert document["models"][0]["versions"] == []
    (command,) = [step["command"] for step in document["findings"][0]["remedy"]["steps"]]
    if mount is None:
        assert command.endswith(f"--mount DIRECTORY:{TOP}")
        return
    host, _, server = mount.partition(":")
    assert command.endswith(f"--mount {(public_dir / host).resolve()}:{server}")
    code, document = followed(document)
    assert (code, document["findings"], document["models"][0]["served_versions"]) == (0, [], [1])


def test_all_models_below_one_directory_have_one_remedy(public_dir: Path) -> None:
    for name in ("a", "b"):
        model(public_dir / name)
    code, document = check(write(public_dir, f"{TOP}/a", f"{TOP}/b"))
    assert (code, [one["code"] for one in document["findings"]]) == (3, ["OVD903", "OVD903"])
    code, document = followed(document)
    assert (code, document["findings"]) == (0, [])


def test_a_missing_model_beside_others_is_missing(public_dir: Path) -> None:
    """The directory above the base path exists: the paths are those of this host."""
    model(public_dir / "a")
    code, document = check(write(public_dir, str(public_dir / "a"), str(public_dir / "gone")))
    assert (code, [one["code"] for one in document["findings"]]) == (1, ["OVD106"])


def test_a_server_on_this_host_has_this_hosts_paths(public_dir: Path) -> None:
    model(public_dir / "a")
    code, document = check(write(public_dir, f"{TOP}/a"), "--bare-metal")
    assert (code, [one["code"] for one in document["findings"]]) == (1, ["OVD106"])


def test_an_equal_name_one_level_up_is_not_suggested(public_dir: Path) -> None:
    model(public_dir / "a")
    (public_dir / "conf").mkdir()
    _, document = check(write(public_dir / "conf", f"{TOP}/a"))
    (command,) = [step["command"] for step in document["findings"][0]["remedy"]["steps"]]
    assert command.endswith(f"--mount DIRECTORY:{TOP}")


def test_a_configuration_beside_the_mounts_is_read(public_dir: Path) -> None:
    """The target itself is always mounted, whatever the other mounts are."""
    model(public_dir / "models" / "a")
    config = write(public_dir, f"{TOP}/a", f"{TOP}/b")
    code, document = check(config, "--mount", f"{public_dir / 'models'}:{TOP}")
    assert (code, [one["code"] for one in document["findings"]]) == (1, ["OVD106"])
    assert [one["served_versions"] for one in document["models"]] == [[1], []]


def test_a_repository_under_no_mount_is_a_mistake(public_dir: Path) -> None:
    model(public_dir / "models" / "a")
    (public_dir / "other").mkdir()
    result = ovms_doctor("check", public_dir / "models", "--mount", f"{public_dir / 'other'}:/models")
    assert result.code == 2
    assert b"is not on any of the mounts" in result.err


@pytest.mark.parametrize("listed", [{"base_path": f"{TOP}/g"}, {"graph_path": f"{TOP}/g/graph.pbtxt"}])
def test_graphs_too(public_dir: Path, listed: dict[str, str]) -> None:
    (public_dir / "g").mkdir()
    path = public_dir / "config.json"
    path.write_text(
        json.dumps({"model_config_list": [], "mediapipe_config_list": [{"name": "g", **listed}]}), "utf-8"
    )
    code, document = check(path)
    assert (code, [one["code"] for one in document["findings"]]) == (3, ["OVD903"])
    (command,) = [step["command"] for step in document["findings"][0]["remedy"]["steps"]]
    assert command.endswith(f"--mount {public_dir.resolve()}:{TOP}")
    code, document = followed(document)
    assert (code, [one["code"] for one in document["findings"]]) == (1, ["OVD448"])
