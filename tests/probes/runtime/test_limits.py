"""The address space that a load may add."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovms_doctor.probes.runtime.backend import RuntimeUnavailableError
from ovms_doctor.probes.runtime.read import (
    BASE_GROWTH,
    GIB,
    MIB,
    Runtime,
    address_space_growth,
    weight_bytes,
)

pytestmark = pytest.mark.slow


def test_growth_follows_with_the_weights() -> None:
    assert address_space_growth(0, "read", None, 1) == BASE_GROWTH + 16 * MIB
    assert address_space_growth(GIB, "read", None, 1) == 5 * GIB + 16 * MIB
    assert address_space_growth(GIB, "compile", None, 1) == 8 * GIB + 16 * MIB


def test_memory_limit_bounds_all_but_mappings_and_stacks() -> None:
    assert address_space_growth(4 * GIB, "compile", GIB, 2) == 5 * GIB + 32 * MIB
    assert address_space_growth(0, "read", 64 * GIB, 1) == address_space_growth(0, "read", None, 1)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, size in (
        ("m.xml", 1),
        ("m.bin", 10),
        ("n.bin", 100),
        ("m.pdmodel", 2),
        ("m.pdiparams", 20),
        ("m.onnx", 3),
        ("below/weights", 1000),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "size"), [("m.xml", 31), ("n.xml", 100), ("m.onnx", 1136), ("below/", 1000), ("none/", 0)]
)
def test_weight_bytes(directory: Path, name: str, size: int) -> None:
    assert weight_bytes(f"{directory}/{name}") == size


def test_weights_behind_a_link_count(directory: Path) -> None:
    (directory / "l.bin").symlink_to("n.bin")
    assert weight_bytes(f"{directory}/l.xml") == 100


def test_not_prepared() -> None:
    runtime = Runtime()
    assert runtime.version == ""
    with pytest.raises(RuntimeUnavailableError) as caught:
        runtime.load("m.xml", "read")
    assert caught.value.reason == "OpenVINO was not prepared"
