"""Names of directories, version policies, and forbidden paths."""

from __future__ import annotations

import pytest

from ovms_doctor.model.deployment import VersionPolicy
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.paths import escapes, join_base_path, root_of_config
from ovms_doctor.prediction.versions import apply_policy, read_directory_name, suffix_of


@pytest.mark.parametrize(
    ("name", "reading", "number"),
    [
        ("1", "version", 1),
        ("01", "version", 1),
        ("+1", "version", 1),
        (" 1", "version", 1),
        ("\t1", "version", 1),
        ("1 ", "version", 1),
        ("1_backup", "version", 1),
        ("1.5", "version", 1),
        ("1e3", "version", 1),
        ("2024-01-01", "version", 2024),
        ("9223372036854775807", "version", 2**63 - 1),
        ("0", "not_positive", 0),
        ("0x10", "not_positive", 0),
        ("-1", "not_positive", -1),
        ("9223372036854775808", "out_of_range", None),
        ("9" * 5000, "out_of_range", None),
        ("0" * 200 + "7", "version", 7),
        ("-" + "0" * 200, "not_positive", 0),
        ("0" * 200, "not_positive", 0),
        ("v1", "not_number", None),
        (".1", "not_number", None),
        ("+-1", "not_number", None),
        ("lost+found", "not_number", None),
        ("\uff11", "not_number", None),
        ("\udcff1", "not_number", None),
        ("", "not_number", None),
    ],
)
def test_directory_names_are_read_as_stoll_reads_them(name: str, reading: str, number: int | None) -> None:
    found = read_directory_name(name)
    assert (found.reading, found.number) == (reading, number)


@pytest.mark.parametrize(
    ("policy", "versions", "expected"),
    [
        (VersionPolicy("latest", 1), [1, 10, 9], [10]),
        (VersionPolicy("latest", 2), [1, 10, 9], [10, 9]),
        (VersionPolicy("latest", 0), [1], []),
        (VersionPolicy("latest", -1), [1, 2], [2, 1]),
        (VersionPolicy("all"), [10, 9], [10, 9]),
        (VersionPolicy("specific", versions=(3, 1)), [1, 2, 3], [1, 3]),
        (VersionPolicy("specific", versions=(7,)), [1], []),
        (VersionPolicy("specific", versions=(1,)), [1, 1], [1]),
    ],
)
def test_policies(policy: VersionPolicy, versions: list[int], expected: list[int]) -> None:
    assert apply_policy(policy, versions) == expected


@pytest.mark.parametrize(
    ("path", "release", "expected"),
    [
        ("../x", "2025.0", True),
        ("/a/../b", "2025.0", True),
        ("/a/..", "2025.0", True),
        ("/a/..b", "2025.0", False),
        ("/a/..b/..", "2025.0", False),
        ("/a/b..", "2025.0", False),
        ("/a/..\\b", "2025.0", False),
        ("/a\\..\\b", "2025.0", False),
        ("/a\\..\\b", "2025.2", True),
        ("", "2026.3", False),
        ("/a/..b", "2022.3", True),
        ("/a../b", "2022.3", True),
        ("/a../b", "2023.0", False),
        ("/a/b..", "2022.3", False),
        ("..", "2022.3", False),
    ],
)
def test_forbidden_paths(path: str, release: str, expected: bool) -> None:
    assert escapes(path, parse_release(release)) is expected


def test_relative_paths_are_joined_as_text() -> None:
    assert root_of_config("/a/b/config.json", "/cwd") == "/a/b/"
    assert root_of_config("config.json", "/cwd") == "/cwd/"
    assert root_of_config("../c/config.json", "/cwd") == "../c/"
    assert join_base_path("./m", "/a/") == "/a/./m"
    assert join_base_path("", "/a/") == "/a/"
    assert join_base_path("/m", "/a/") == "/m"
    assert join_base_path("s3://bucket/m", "/a/") == "s3://bucket/m"


@pytest.mark.parametrize(
    ("path", "suffix"),
    [("/a/b.xml", ".xml"), ("/a/.xml", ""), ("/a/b.c.onnx", ".onnx"), ("/a.d/b", ""), ("/a/..", "")],
)
def test_suffix_is_that_of_std_filesystem(path: str, suffix: str) -> None:
    assert suffix_of(path) == suffix
