"""The example in docs/plugins.md is installed and run unchanged."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import get_args

import pytest

from ovms_doctor import plugin
from tests.cases_build import MODELS
from tests.cli.helpers import good_model
from tests.plugins.install import install, with_plugins

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The two files of the page: each block below the line with its name."""
    files = dict(
        re.findall(r"`([\w.]+)`:\n\n```\w+\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
    assert set(files) == {"pyproject.toml", "edge_image_checks.py"}
    source = tmp_path / "edge-image-checks"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text, "utf-8")
    return install(source, tmp_path / "site")


def test_example_behaves_as_documented(example: Path, public_dir: Path) -> None:
    models = public_dir / "models"
    good_model(models / "fine" / "1")
    (models / "wrong here" / "3").mkdir(parents=True)
    shutil.copy(MODELS / "onnx_ok.onnx", models / "wrong here" / "3" / "model.onnx")
    result = with_plugins(example, "check", models, "--load", "none", "--format", "json")
    assert result.code == 1
    (found,) = result.document["findings"]
    assert (found["code"], found["name"], found["severity"]) == ("EDGE101", "onnx-not-in-edge-image", "error")
    path = f"{models}/wrong here/3/model.onnx"
    assert found["subject"] == {
        "model": "wrong here",
        "version": 3,
        "path": path,
        "server_path": path,
        **dict.fromkeys(("line", "column", "document")),
    }
    assert found["remedy"]["steps"][0]["command"] == f"ovc '{path}'"
    for arguments, code in (
        (["--select", "EDGE"], 1),
        (["--ignore", "edge-image"], 0),
        (["--no-plugins"], 0),
    ):
        assert with_plugins(example, "check", models, "--load", "none", *arguments).code == code
    assert b"EDGE101" in with_plugins(example, "explain", "EDGE101").out
    assert b"edge-image" in with_plugins(example, "checks").out


def test_the_effects_on_clients_of_the_page_are_accepted() -> None:
    sentence = re.search(r"`serving_effect` [^`]*((?:[^.`]|`[^`]*`)*)\.", PAGE.read_text("utf-8"))
    assert sentence is not None
    named = set(re.findall(r'`"([^"]+)"`', sentence[1]))
    assert named == {*get_args(plugin.ServingEffect)} - {"pipeline not served"}


def test_the_names_of_the_page_are_offered() -> None:
    """And every public name is on the page."""
    for name in plugin.__all__:
        assert hasattr(plugin, name)
    named = set(
        re.findall(
            r"\b(NotApplicableError|CouldNotLookError|Finding|Unavailable|ListDirectory|quote)\b",
            PAGE.read_text(),
        )
    )
    assert len(named) == 6
    assert named <= set(plugin.__all__)
