"""The example in docs/plugins.md is installed and run unchanged."""

from __future__ import annotations

import re
import shutil
from inspect import Parameter, signature
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


def _table(heading: str) -> dict[str, str]:
    """The rows of a table of the page by their first cells; ``heading``: the line above the table."""
    below = PAGE.read_text("utf-8").partition(f"\n{heading}\n\n")[2].partition("\n\n")[0]
    rows = [line.strip("|").split("|") for line in below.splitlines()[2:]]
    assert rows
    return {first.strip(): rest[0].strip() for first, *rest in rows}


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)", cell)


def test_the_page_lists_the_arguments_of_a_finding() -> None:
    cells = _table("The arguments of `context.finding`, all but the first two by name:")
    parameters = [name for name in signature(plugin.Context.finding).parameters if name != "self"]
    assert [name for cell in cells for name in _names(cell)] == parameters
    for parameter in parameters[2:]:
        assert signature(plugin.Context.finding).parameters[parameter].kind is Parameter.KEYWORD_ONLY


def test_the_page_lists_what_a_context_offers() -> None:
    cells = _table("What else `context` offers:")
    public = {name for name in vars(plugin.Context) if not name.startswith("_")} - {"finding"}
    named = {name for cell in cells for name in _names(cell.partition("(")[0] + cell.partition(")")[2])}
    assert named == public - {*plugin.Context.__struct_fields__}
    for name, cell in ((_names(cell)[0], cell) for cell in cells if "(" in cell):
        arguments = re.findall(r"\w+", cell.partition("(")[2].partition(")")[0])
        accepted = list(signature(getattr(plugin.Context, name)).parameters)[1:]
        assert arguments == [one for one in accepted if one != "more"], name


def test_the_page_lists_the_fields_of_each_type_that_a_check_makes() -> None:
    cells = _table("The types that a check makes, with their fields:")
    for name, cell in cells.items():
        (type_name,) = _names(name)
        outside_of_notes = re.sub(r"\([^)]*\)", "", cell)
        fields = getattr(plugin, type_name).__struct_fields__
        assert sorted(_names(outside_of_notes)) == sorted(fields), type_name
    made = {"Check", "Code", "Evidence", "Step", "CausedBy", "LineColumn"}
    assert made <= {_names(name)[0] for name in cells}


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
