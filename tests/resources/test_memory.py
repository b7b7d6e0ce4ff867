"""The memory of versions: the rule by kind of weights, compared with the real OpenVINO, and the findings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from ovms_doctor.model.facts import ModelInspection
from ovms_doctor.model.facts.answers import FileSample, WeightsInspection
from ovms_doctor.model.host import Host, HostLimits
from ovms_doctor.model.memory import MemoryEstimate
from ovms_doctor.prediction.memory import BASE, EACH, MIB, estimate
from ovms_doctor.probes.inspect import inspect_model
from tests.cli.run import ovms_doctor

CPU = SimpleNamespace(plugin="CPU", members=(), chosen_by_server=False)
BF16, F32, OPEN = HostLimits(bf16=True), HostLimits(bf16=False), HostLimits()


def model(
    *weights: WeightsInspection,
    config: dict[str, str] | None = None,
    device: Any = CPU,
    versions: int = 1,
    kind: str = "classic",
) -> Any:
    size = sum(item.size for item in weights)
    inspection = ModelInspection(
        "ir", (FileSample("m.xml", 1000), FileSample("m.bin", size)), (), weights=weights
    )
    values = tuple((key, json.dumps(value)) for key, value in (config or {}).items())
    return SimpleNamespace(
        kind=kind,
        followed=None,
        entry=SimpleNamespace(name="m"),
        parameters=SimpleNamespace(device=device, plugin_config=SimpleNamespace(values=values)),
        versions=[
            SimpleNamespace(
                version=number + 1,
                now=SimpleNamespace(available=True),
                attempt=SimpleNamespace(inspection=inspection, outcome="loaded", status="OK"),
            )
            for number in range(versions)
        ],
    )


def taken(found: MemoryEstimate | None) -> tuple[int, int]:
    """MiB for the weights only."""
    assert found is not None
    return (found.low - BASE - EACH) // MIB, (found.high - BASE - EACH) // MIB


@pytest.mark.parametrize(
    ("weights", "bf16", "f32"),
    [
        (WeightsInspection("f32", 100 * MIB), 50, 100),
        (WeightsInspection("f16", 100 * MIB), 100, 200),
        (WeightsInspection("f16", 100 * MIB, "decompression"), 100, 200),
        (WeightsInspection("f16", 100 * MIB, "plain"), 300, 400),
        (WeightsInspection("i8", 100 * MIB, "decompression"), 100, 100),
        (WeightsInspection("u4", 100 * MIB, "decompression"), 100, 100),
        (WeightsInspection("i64", 100 * MIB), 100, 100),
    ],
)
def test_weights_count_by_kind_and_precision(weights: WeightsInspection, bf16: int, f32: int) -> None:
    assert taken(estimate([model(weights)], BF16)) == (bf16, bf16)
    assert taken(estimate([model(weights)], F32)) == (f32, f32)
    assert taken(estimate([model(weights)], OPEN)) == (bf16, f32)


def test_a_hint_decides_the_unknown_precision() -> None:
    hinted = model(WeightsInspection("f32", 100 * MIB), config={"INFERENCE_PRECISION_HINT": "f32"})
    assert taken(estimate([hinted], OPEN)) == (100, 100)
    assert taken(estimate([hinted], BF16)) == (100, 100)


def test_without_mapping_the_file_is_memory_too() -> None:
    read = model(WeightsInspection("f32", 100 * MIB), config={"ENABLE_MMAP": "NO"})
    found = estimate([read], F32)
    assert taken(found) == (200, 200)
    assert found is not None
    assert found.mapped == 0


def test_versions_add_up_and_the_largest_counts_twice_while_it_changes() -> None:
    found = estimate(
        [model(WeightsInspection("f32", 100 * MIB), versions=3), model(WeightsInspection("f32", 10 * MIB))],
        F32,
    )
    assert found is not None
    assert found.low == BASE + 4 * EACH + 310 * MIB
    assert found.swap_low - found.low == EACH + 100 * MIB


def test_model_of_unknown_size_is_named_as_left_out() -> None:
    gpu = SimpleNamespace(plugin="GPU", members=(), chosen_by_server=False)
    found = estimate(
        [model(WeightsInspection("f32", MIB)), model(WeightsInspection("f32", MIB), device=gpu)], F32
    )
    assert found is not None
    assert found.left_out == ("m 1",)
    assert estimate([model(WeightsInspection("f32", MIB), kind="graph")], F32) is None
    chosen = SimpleNamespace(plugin="CPU", members=(), chosen_by_server=True)
    assert estimate([model(WeightsInspection("f32", MIB), device=chosen)], replace(F32, gpu=True)) is None


MEASURE = Path(__file__).parents[2] / "benchmarks" / "memory.py"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["FP32", "FP16", "INT8", "FP16 plain"])
def test_the_prediction_matches_a_child_that_compiles(tmp_path: Path, kind: str) -> None:
    """With the real OpenVINO and 32 MiB of weights; the benchmark uses 1 GB."""
    command = [sys.executable, str(MEASURE), "--sizes", "32", "--kinds", kind]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "2 of 2 within 0.8 and 1.3" in completed.stdout


def test_kinds_of_weights_are_distinguished(tmp_path: Path) -> None:
    make = (
        "import sys, numpy as np; sys.modules['openvino_telemetry'] = None\n"
        "import openvino as ov; from openvino import opset13 as op\n"
        "data = op.parameter([1, 64], np.float32, name='x')\n"
        "half = op.convert(op.constant(np.ones((64, 64), np.float16)), 'f32')\n"
        "whole = op.constant(np.ones((64, 64), np.float32))\n"
        "node = op.matmul(op.matmul(data, half, False, True), whole, False, False)\n"
        "ov.save_model(ov.Model([op.result(node)], [data]), sys.argv[1], compress_to_fp16=sys.argv[2] == '1')\n"
    )
    found = {}
    for packed in "01":
        path = tmp_path / f"m{packed}.xml"
        subprocess.run([sys.executable, "-c", make, str(path), packed], check=True, timeout=120)
        inspection = inspect_model(str(path), "ir")
        assert isinstance(inspection, ModelInspection)
        found[packed] = set(inspection.weights)
    assert found["0"] == {WeightsInspection("f16", 8192, "plain"), WeightsInspection("f32", 16384)}
    assert WeightsInspection("f16", 8192, "decompression") in found["1"]


# -- what is said --------------------------------------------------------------------------------------

XML = """<?xml version="1.0"?>
<net name="m" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,{side}" element_type="f32"/>
<output><port id="0" precision="FP32" names="x">{row}</port></output></layer>
<layer id="1" name="w" type="Const" version="opset1">
<data element_type="f32" shape="{side},{side}" offset="0" size="{size}"/>
<output><port id="0" precision="FP32">{square}</port></output></layer>
<layer id="2" name="d" type="MatMul" version="opset1"><data transpose_a="false" transpose_b="true"/>
<input><port id="0" precision="FP32">{row}</port><port id="1" precision="FP32">{square}</port></input>
<output><port id="2" precision="FP32" names="y">{row}</port></output></layer>
<layer id="3" name="r" type="Result" version="opset1"><input><port id="0" precision="FP32">{row}</port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model with 64 MiB of FP32 weights in two versions."""
    root = tmp_path_factory.mktemp("memory")
    root.chmod(0o755)
    side = 4096
    row, square = f"<dim>1</dim><dim>{side}</dim>", f"<dim>{side}</dim><dim>{side}</dim>"
    xml = XML.format(side=side, size=side * side * 4, row=row, square=square)
    for version in "12":
        directory = root / "models" / "m" / version
        directory.mkdir(parents=True)
        (directory / "model.xml").write_text(xml)
        (directory / "model.bin").write_bytes(b"\x3c" * (side * side * 4))
    return root / "models"


@pytest.mark.parametrize(
    ("limit", "policy", "codes"),
    [
        ("64m", None, ["OVD741"]),
        ("90m", None, ["OVD742"]),
        ("110m", None, []),
        ("102m", None, ["OVD743"]),
        ("4g", None, []),
        ("90m", '{"all": {}}', ["OVD741"]),
        ("150m", '{"all": {}}', ["OVD742"]),
        ("4g", '{"all": {}}', []),
    ],
)
def test_a_limit_is_compared_with_the_range(
    repository: Path, limit: str, policy: str | None, codes: list[str]
) -> None:
    arguments = ["--model-version-policy", policy] if policy else []
    run = ovms_doctor("check", repository, "--memory", limit, "-f", "json", *arguments)
    findings = [item for item in run.document["findings"] if item["code"].startswith("OVD74")]
    assert [item["code"] for item in findings] == codes
    assert all("Assumed" in item["detail"] for item in findings)
    killed = "OVD741" in codes
    assert run.code == killed
    assert (run.document["server"]["outcome"], run.document["server"]["exit_code"]) == (
        ("exits", 137) if killed else ("serves", None)
    )


@pytest.mark.parametrize(
    ("limit", "last"),
    [
        ("64m", "✗ the kernel kills the server, which needs more memory than its limit: no model is served"),
        ("90m", "! the model is served if the memory suffices, with 1 warning"),
        ("102m", "✓ the model is served as its owner expects"),
    ],
)
def test_the_verdict_does_not_contradict_the_memory(repository: Path, limit: str, last: str) -> None:
    assert ovms_doctor("check", repository, "--memory", limit).text.splitlines()[-1] == last


def test_no_finding_without_a_limit(repository: Path) -> None:
    run = ovms_doctor("check", repository, "-f", "json")
    assert run.document["findings"] == []


def test_processor_flags_are_read_from_the_kernel(tmp_path: Path) -> None:
    from ovms_doctor.probes.host import read_host

    (tmp_path / "proc").mkdir()
    for flags, known in (("fpu avx512_bf16", True), ("fpu amx_bf16", True), ("fpu avx2", False)):
        (tmp_path / "proc" / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
        assert read_host(str(tmp_path)).bf16 is known
    (tmp_path / "proc" / "cpuinfo").write_text("Features : neon\n")
    assert read_host(str(tmp_path)).bf16 is None
    assert isinstance(read_host(), Host)


def test_retried_version_is_reported_and_not_added() -> None:
    """Its memory is freed after each try; only the other versions stay loaded."""
    whole = model(WeightsInspection("f32", 10 * MIB))
    broken = model(WeightsInspection("f32", 100 * MIB))
    (version,) = broken.versions
    version.now = SimpleNamespace(available=False)
    version.attempt.outcome, version.attempt.status = "failed", "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE"
    found = estimate([whole, broken], F32)
    assert found is not None
    assert taken(found) == (10, 10)
    assert [item.high // MIB for item in found.retried] == [102]
    version.attempt.status = "INTERNAL_ERROR"
    found = estimate([whole, broken], F32)
    assert found is not None
    assert found.retried == ()
