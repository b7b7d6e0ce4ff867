"""Which third-party checks are found, and that the search is cheap."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import EntryPoints, PathDistribution
from pathlib import Path

import pytest

from ovms_doctor.plugins.discovery import GROUP, Plugin, installed, safe_path
from tests.plugins.install import DIST, build, declare, entry_points, install


def test_plugins_from_the_metadata(tmp_path: Path) -> None:
    site = install(DIST, tmp_path / "site", ["acme-names", "acme-format"])
    assert installed([str(site)]) == (
        Plugin("acme-format", "acme-checks", "1.2", "acme_checks.good:by_format"),
        Plugin("acme-names", "acme-checks", "1.2", "acme_checks.good:by_name"),
    )


def test_other_groups_and_extras(tmp_path: Path) -> None:
    site = declare(tmp_path / "site", "other", {"a-check": "other.checks:it [fast]"})
    file = site / "other-1.0.dist-info" / "entry_points.txt"
    file.write_text(file.read_text() + "[console_scripts]\nother = other:main\n")
    assert installed([str(site)]) == (Plugin("a-check", "other", "1.0", "other.checks:it"),)


def test_the_first_one_on_the_path_counts(tmp_path: Path) -> None:
    first = declare(tmp_path / "1", "some-checks", {"old": "a:b"})
    second = declare(tmp_path / "2", "Some_Checks", {"new": "a:b"})
    assert [item.name for item in installed([str(first), str(second)])] == ["old"]
    assert [item.name for item in installed([str(second), str(first)])] == ["new"]


def test_two_distributions_with_one_name_of_a_check(tmp_path: Path) -> None:
    site = declare(declare(tmp_path / "site", "one", {"same": "a:b"}), "two", {"same": "c:d"})
    assert [(item.name, item.distribution) for item in installed([str(site)])] == [
        ("same", "one"),
        ("same", "two"),
    ]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("entry_points.txt", b"[ovms_doctor.checks]\nno value at all\n"),
        ("entry_points.txt", b"ovms_doctor.checks \xff\xfe\x00"),
        ("METADATA", b"\xff\xfe\x00"),
        ("METADATA", b""),
    ],
)
def test_damaged_metadata_do_no_harm(tmp_path: Path, file: str, content: bytes) -> None:
    site = declare(tmp_path / "site", "broken", {"broken": "a:b"})
    (site / "broken-1.0.dist-info" / file).write_bytes(content)
    declare(site, "whole", {"whole": "c:d"})
    assert "whole" in [item.name for item in installed([str(site)])]


def test_invalid_directories_contain_no_plugins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "x.dist-info").mkdir()
    (tmp_path / "y.egg-info").write_text("")
    assert installed([str(tmp_path / "missing"), str(tmp_path / "file"), str(tmp_path), "a\0b"]) == ()


def test_the_working_directory_is_not_a_plugin_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be an untrusted repository, and ``python -m`` puts it on the path."""
    site = declare(tmp_path / "site", "one", {"a-check": "a:b"})
    monkeypatch.chdir(site)
    monkeypatch.setattr(sys, "path", ["", str(site), *sys.path])
    assert not {"", str(site)} & set(safe_path())
    assert "a-check" not in [item.name for item in installed()]
    monkeypatch.chdir(tmp_path)
    assert "a-check" in [item.name for item in installed()]


def test_a_search_without_result_imports_nothing(tmp_path: Path) -> None:
    declare(tmp_path, "other", {}).joinpath("other-1.0.dist-info/entry_points.txt").write_text(
        "[console_scripts]\nother = other:main\n"
    )
    script = (
        "import sys; before = set(sys.modules); "
        "from ovms_doctor.plugins.discovery import installed; "
        f"assert installed([{str(tmp_path)!r}]) == (); "
        "print(*sorted(set(sys.modules) - before))"
    )
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    loaded = set(completed.stdout.split())
    assert "ovms_doctor.plugins.discovery" in loaded
    assert not {"importlib.metadata", "ovms_doctor.plugin", "json"} & loaded
    # Before Python 3.11, ``uuid``, which msgspec imports, imports ``platform`` and with it ``subprocess``.
    assert "subprocess" not in loaded or sys.version_info < (3, 11)
    assert not [name for name in loaded if name.startswith("ovms_doctor.checks")]


@pytest.mark.needs_module("hatchling")
def test_wheel_is_discovered_like_an_installed_directory(tmp_path: Path) -> None:
    """The other tests copy the files; a wheel from a real build backend gives the same result."""
    wheel = build(DIST, tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (info,) = (tmp_path / "site").glob("*.dist-info")
    points: EntryPoints = PathDistribution(info).entry_points
    assert {point.name: point.value for point in points.select(group=GROUP)} == entry_points(DIST)
    by_hand = install(DIST, tmp_path / "by-hand")
    assert installed([str(tmp_path / "site")]) == installed([str(by_hand)])
