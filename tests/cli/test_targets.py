"""How a TARGET is understood, from the command line to the report."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.helpers import check, codes, good_model
from tests.cli.run import Result, ovms_doctor


def _served(base_path: str, directory: Path) -> Result:
    arguments = ("--model_path", base_path, "--model_name", "m", "--port", "9000")
    return ovms_doctor("check", "--format", "json", "--", *arguments, cwd=directory)


def test_a_models_file_is_served(public_dir: Path) -> None:
    good_model(public_dir / "m")
    result = check(public_dir / "m" / "model.xml")
    assert (result.code, codes(result)) == (0, [])
    assert result.document["models"][0]["served_versions"] == [1]


@pytest.mark.parametrize("typed", ["m/1", "m/1/", "m/1/.", "./m//1/."])
def test_a_version_directory_as_base_path_in_any_spelling(public_dir: Path, typed: str) -> None:
    good_model(public_dir / "m" / "1")
    result = _served(typed, public_dir)
    assert codes(result) == ["OVD101"]
    (step,) = result.document["findings"][0]["remedy"]["steps"]
    model = os.path.realpath(public_dir / "m")
    assert step["text"] == f"Give the server the directory above: --model_path {model}"
    corrected = _served(model, public_dir)
    assert (corrected.code, codes(corrected)) == (0, [])


def test_a_model_named_with_a_number_is_not_a_version_directory(public_dir: Path) -> None:
    good_model(public_dir / "5" / "1")
    result = _served("5/.", public_dir)
    assert (result.code, codes(result)) == (0, [])


def test_the_report_names_the_interpretation_of_a_directory(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    top = os.path.realpath(public_dir / "models")
    for arguments, kind, other in [
        ([top], "repository", "model"),
        ([f"{top}/m"], "model", "repository"),
        ([top, "--as", "model"], "model", "repository"),
    ]:
        text = ovms_doctor("check", *arguments, "--load", "none").text
        assert f"{arguments[0]}: understood as a {kind} (--as {other} to change)\n" in text
        document = check(*arguments, "--load", "none").document
        assert document["server"]["targets"] == [{"path": arguments[0], "kind": kind}]


def test_the_interpretation_of_a_file_is_not_reported(public_dir: Path) -> None:
    good_model(public_dir / "m")
    result = ovms_doctor("check", public_dir / "m" / "model.xml", "--load", "none")
    assert "understood as" not in result.text


def test_weights_are_not_a_model(public_dir: Path) -> None:
    (public_dir / "w.bin").write_bytes(b"weights")
    result = check(public_dir / "w.bin")
    assert codes(result) == ["OVD108"]
    (step,) = result.document["findings"][0]["remedy"]["steps"]
    assert (step["text"], step["command"]) == (
        "Name the model's .xml file: a .bin file contains only the model's weights.",
        None,
    )


def test_the_outer_directory_of_nested_link_targets_is_mounted(public_dir: Path) -> None:
    store, models = public_dir / "store", public_dir / "models"
    good_model(store / "1")
    (models / "a" / "1").mkdir(parents=True)
    (models / "b").mkdir()
    for suffix in ("xml", "bin"):
        (models / "a" / "1" / f"model.{suffix}").symlink_to(f"../../../store/1/model.{suffix}")
    (models / "b" / "1").symlink_to("../../store/1")
    result = check(models, "--load", "none")
    (finding,) = result.document["findings"]
    real = os.path.realpath(store)
    assert finding["code"] == "OVD124"
    assert finding["remedy"]["steps"][1]["command"] == f"-v {real}:{real}:ro"


def _pipeline(directory: Path, *, shape: str | None = None, version: int | None = None) -> Path:
    """A configuration with a pipeline of two nodes of the same model."""
    good_model(directory / "m" / "1")
    model = {"name": "m", "base_path": str(directory / "m")}
    request, first = ({"node_name": node, "data_item": "x"} for node in ("request", "n"))
    node = {"name": "n", "model_name": "m", "type": "DL model", "inputs": [{"x": request}]}
    node["outputs"] = [{"data_item": "y", "alias": "x"}]
    if version is not None:
        node["version"] = version
    nodes = [node]
    output = first
    if shape is not None:
        model["shape"] = shape
        nodes.append({**node, "name": "o", "inputs": [{"x": first}]})
        output = {"node_name": "o", "data_item": "x"}
    pipeline = {"name": "p", "inputs": ["x"], "nodes": nodes, "outputs": [{"r": output}]}
    path = directory / "config.json"
    document = {"model_config_list": [{"config": model}], "pipeline_config_list": [pipeline]}
    path.write_text(json.dumps(document))
    return path


def test_a_pipeline_with_unknown_state_is_not_green(public_dir: Path) -> None:
    result = check(_pipeline(public_dir, shape="(-1,3)"), "--bare-metal")
    assert result.code == 3
    configuration = {item["name"]: item for item in result.document["checks"]}["configuration"]
    assert configuration["status"] == "could_not_look"
    assert "pipeline p" in configuration["reason"]


def test_a_missing_version_that_a_pipeline_names(public_dir: Path) -> None:
    result = check(_pipeline(public_dir, version=7), "--bare-metal")
    (finding,) = result.document["findings"]
    assert "version 7 of the model m, which the node n names, is not served" in finding["message"]
    assert "Name a version that is served (1)" in finding["remedy"]["steps"][0]["text"]


def test_a_pipeline_with_the_version_that_is_served(public_dir: Path) -> None:
    result = check(_pipeline(public_dir, version=1), "--bare-metal")
    assert (result.code, codes(result)) == (0, [])
