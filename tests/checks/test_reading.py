"""Models that OpenVINO cannot read: which pair of files belongs together, and which OpenVINO wrote them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.explain.search import explain
from tests.cli.run import ovms_doctor

MODEL = Path(__file__).parents[2] / "fixtures/models/dense-ir/1"


@pytest.fixture
def version(public_dir: Path) -> Path:
    """A version directory with a good model that every user can read."""
    directory = public_dir / "models" / "m" / "1"
    shutil.copytree(MODEL, directory)
    for path in (public_dir / "models").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return directory


def findings(version: Path, *arguments: str) -> list[dict[str, Any]]:
    run = ovms_doctor("check", version.parents[1], "-f", "json", *arguments)
    found: list[dict[str, Any]] = run.document["findings"]
    return found


def pair(version: Path) -> tuple[Path, Path]:
    (xml,) = version.glob("*.xml")
    return xml, xml.with_suffix(".bin")


def test_weights_of_another_name_are_named_with_their_pair(version: Path) -> None:
    _xml, weights = pair(version)
    weights.rename(version / "my weights.bin")
    (found,) = findings(version)
    assert (found["code"], found["severity"]) == ("OVD315", "error")
    assert weights.name in found["message"]
    assert "my weights.bin" in found["message"]
    (step,) = found["remedy"]["steps"]
    subprocess.run(shlex.split(step["command"]), check=True)
    assert findings(version) == []


def test_weights_in_capitals_are_renamed(version: Path) -> None:
    _xml, weights = pair(version)
    weights.rename(weights.with_suffix(".BIN"))
    found = findings(version)[0]
    assert found["code"] == "OVD315"
    subprocess.run(shlex.split(found["remedy"]["steps"][0]["command"]), check=True)
    assert findings(version) == []


def test_weights_that_are_another_models_are_not_named(version: Path) -> None:
    _xml, weights = pair(version)
    shutil.copy(weights, version / "a.bin")
    shutil.copy(weights, version / "b.bin")
    weights.unlink()
    (found,) = findings(version)
    assert found["code"] == "OVD307"


@pytest.mark.parametrize("load", ["none", "read"])
@pytest.mark.parametrize("opset", ["opset18", "opset99"])
def test_an_opset_above_the_newest_is_a_newer_openvino(version: Path, opset: str, load: str) -> None:
    xml, _ = pair(version)
    text = xml.read_text()
    assert 'type="MatMul" version="opset1"' in text
    xml.write_text(text.replace('type="MatMul" version="opset1"', f'type="MatMul" version="{opset}"'))
    (found,) = findings(version, "--load", load)
    assert (found["code"], found["severity"]) == ("OVD322", "error")
    assert opset in found["message"]
    assert "cpu_extension" not in str(found)


def test_an_opset_of_another_vendor_is_an_extension(version: Path) -> None:
    xml, _ = pair(version)
    text = xml.read_text()
    xml.write_text(text.replace('type="MatMul" version="opset1"', 'type="MatMul" version="custom"'))
    (found,) = findings(version, "--load", "none")
    assert found["code"] == "OVD321"


@pytest.mark.parametrize(
    ("release", "last"),
    [
        ("2025.4", "Error during layout configuration"),
        ("2026.3", "Error during layout/preprocessing configuration"),
    ],
)
@pytest.mark.parametrize("layout", [False, True])
def test_a_tensor_without_a_name_fails_if_layouts_are_set(
    version: Path, release: str, last: str, layout: bool
) -> None:
    """Whether a layout is configured or not: without one, the server sets the default."""
    xml, _ = pair(version)
    xml.write_text(re.sub(' names="x"', "", xml.read_text()))
    arguments = ["--model_path", str(version.parent), "--model_name", "m", "--port", "19567"]
    arguments += ["--layout", "NC"] if layout else []
    run = ovms_doctor("check", "-f", "json", "--ovms-version", release, "--", *arguments)
    (found,) = run.document["findings"]
    assert found["code"] == "OVD333"
    first, second = found["server_log"][:2]
    assert first.startswith(
        "Failed to configure input layout for model:m; version:1; from OpenVINO with error:"
    )
    assert first.endswith("Attempt to get a name for a Tensor without names")
    assert second == last


def test_explain_gives_both_meanings_of_the_layout_step() -> None:
    step = "Failed to configure input layout for model:m; version:1; from OpenVINO with error:"
    nameless = "Check '!get_names().empty()' failed at src/core/src/descriptor/tensor.cpp:101:"

    def codes(line: str) -> list[str]:
        return [item.code for item, _ in explain(line).codes]

    assert codes("Error during layout/preprocessing configuration") == ["OVD430", "OVD333"]
    assert codes(step) == ["OVD430", "OVD333"]
    assert codes(step + nameless) == ["OVD333"]
    assert codes("Attempt to get a name for a Tensor without names") == ["OVD333"]
    assert codes(step + "Can't set layout for Parameter/Result: NCHW") == ["OVD430"]


def test_a_tokenizer_that_is_served_needs_no_extension(version: Path) -> None:
    """The release contains the library; --cpu_extension with it would be wrong."""
    xml, _ = pair(version)
    text = xml.read_text()
    xml.write_text(
        text.replace('type="MatMul" version="opset1"', 'type="StringTensorPack" version="extension"')
    )
    (found,) = [one for one in findings(version, "--load", "none") if one["code"] == "OVD321"]
    assert found["severity"] == "info"
    assert "cpu_extension" not in str(found["remedy"])
    (old,) = [
        one
        for one in findings(version, "--load", "none", "--ovms-version", "2024.4")
        if one["code"] == "OVD321"
    ]
    assert old["severity"] == "error"


@pytest.mark.parametrize("load", ["none", "read"])
def test_a_model_that_other_tools_may_refuse_is_an_info(version: Path, load: str) -> None:
    xml, _ = pair(version)
    assert findings(version, "--load", load) == []
    xml.write_bytes(b"\n" + xml.read_bytes())
    (found,) = findings(version, "--load", load)
    assert (found["code"], found["severity"], found["subject"]["version"]) == ("OVD319", "info", 1)
    assert found["subject"]["path"] == str(xml)
    assert "not well-formed" in found["message"]
    assert [item["how"] for item in found["evidence"]] == ["static reading"]
