"""Values that are in several files: the version, the project's address, the supported Python releases."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

import ovms_doctor
from ovms_doctor.model.codes import PROJECT_URL
from tests.delivery.paths import ROOT, VERSIONS, interpreter

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The table ``project`` of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def test_documents_install_this_version() -> None:
    """An action, a hook or a component with a tag that does not exist would fail for users who copy the example."""
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in (
            ROOT / "README.md",
            *(ROOT / "docs").glob("*.md"),
            ROOT / "templates" / "ovms-doctor.yml",
        )
        for found in re.finditer(r"(?:ovms-doctor@v|ovms-doctor==|rev: v)(\d[\w.]*)", path.read_text("utf-8"))
        if found[1] != ovms_doctor.__version__
    ]
    assert wrong == []


def test_the_labels_of_the_image(project: dict[str, Any]) -> None:
    """The labels of the OCI image specification, which registries use to show the origin of an image."""
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', dockerfile))
    assert labels == {
        "title": project["name"],
        "description": project["description"],
        "version": ovms_doctor.__version__,
        "licenses": project["license"],
        "source": PROJECT_URL,
        "documentation": f"{PROJECT_URL}/tree/main/docs",
    }


def test_the_projects_address(project: dict[str, Any]) -> None:
    assert project["urls"] == {"Homepage": PROJECT_URL, "Documentation": f"{PROJECT_URL}/tree/main/docs"}


def test_the_supported_pythons(project: dict[str, Any]) -> None:
    prefix = "Programming Language :: Python :: 3."
    named = [name.rpartition(" ")[2] for name in project["classifiers"] if name.startswith(prefix)]
    assert tuple(named) == VERSIONS
    assert project["requires-python"] == f">={VERSIONS[0]}"
    script = (ROOT / "scripts" / "build_archive.py").read_text("utf-8")
    minors = ", ".join(version.partition(".")[2] for version in VERSIONS)
    assert f"\nPYTHONS = ({minors})\n" in script


def test_an_interpreter_is_found_by_its_release() -> None:
    assert interpreter(f"3.{sys.version_info.minor}") == sys.executable
    assert interpreter("3.99") is None
    assert interpreter("x; echo /bin/sh") is None
