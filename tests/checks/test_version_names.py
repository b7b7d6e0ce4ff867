"""Directories that are meant as versions but have other names: the number that each is renamed to."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.checks.helpers import findings
from tests.cli.helpers import check, good_model


def renamed(finding: dict[str, Any]) -> dict[str, str]:
    """The last path component of each ``mv`` target in the remedy."""
    found = {}
    for step in finding["remedy"]["steps"]:
        old, new = step["command"].removeprefix("mv -- ").split()
        found[old.rpartition("/")[2]] = new.rpartition("/")[2]
    return found


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["v1"], {"v1": "1"}),
        (["release_7"], {"release_7": "7"}),
        (["v2-final", "v3", "v10"], {"v2-final": "2", "v3": "3", "v10": "10"}),
        # A number with several parts is not a version number: the next free ones are used, in order.
        (["v1.2", "v1.10"], {"v1.2": "1", "v1.10": "2"}),
        (["latest", "v1"], {"latest": "2", "v1": "1"}),
        # Two names with the same number.
        (["v1", "version-1"], {"v1": "2", "version-1": "3"}),
    ],
)
def test_each_directory_gets_a_different_number(
    names: list[str], numbers: dict[str, str], public_dir: Path
) -> None:
    for name in names:
        good_model(public_dir / "m" / name)
    (finding,) = findings(public_dir / "m")
    assert finding["code"] == "OVD102"
    assert renamed(finding) == numbers
    for step in finding["remedy"]["steps"]:
        subprocess.run(["sh", "-ec", step["command"]], check=True)
    result = check(public_dir / "m", "--model-version-policy", '{"all": {}}')
    assert result.document["findings"] == []
    assert result.document["models"][0]["served_versions"] == sorted(map(int, numbers.values()))


def test_the_first_of_many_are_named(public_dir: Path) -> None:
    for number in range(9, 20):
        (public_dir / "m" / f"v{number}").mkdir(parents=True)
    (finding,) = findings("--as", "model", public_dir / "m")
    assert renamed(finding) == {"v9": "9", "v10": "10", "v11": "11", "v12": "12"}


def test_dates_keep_their_day(public_dir: Path) -> None:
    """The server reads only the year of each name and opens a directory that does not exist."""
    for name in ("2024-05-01", "2024-06-01"):
        good_model(public_dir / "m" / name)
    (misnamed,) = [item for item in findings(public_dir / "m") if item["code"] == "OVD103"]
    assert renamed(misnamed) == {"2024-05-01": "20240501", "2024-06-01": "20240601"}
    for step in misnamed["remedy"]["steps"]:
        subprocess.run(["sh", "-ec", step["command"]], check=True)
    result = check(public_dir / "m")
    assert result.document["findings"] == []
    assert result.document["models"][0]["served_versions"] == [20240601]


def test_a_leading_number_may_be_a_backup(public_dir: Path) -> None:
    good_model(public_dir / "m" / "3-final")
    (finding,) = findings(public_dir / "m")
    commands = [step["command"] for step in finding["remedy"]["steps"]]
    assert [command.rpartition("/")[2] for command in commands] == ["3", "m.3-final"]
