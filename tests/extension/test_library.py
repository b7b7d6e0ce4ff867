"""Reading a shared library without loading it: damaged and hostile bytes, and the libraries of each release."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.model.facts import Failure, LibraryInspection, Unavailable
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.releases.libraries import (
    c_library_of,
    is_in_images,
    openvino_library,
    openvino_of_library,
    too_new_for,
)
from ovms_doctor.probes import library
from tests.extension.build import ENTRY, LIBRARY, build


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whole"), ENTRY)


@pytest.mark.needs_command("g++")
def test_a_whole_library(whole: Path) -> None:
    inspection = library.inspect_library(str(whole), LIBRARY)
    assert isinstance(inspection, LibraryInspection)
    assert (inspection.fault, inspection.bits, inspection.entry, inspection.local_openvino) == (
        "",
        64,
        True,
        LIBRARY,
    )
    assert LIBRARY in inspection.needed
    assert inspection.size == whole.stat().st_size


@pytest.mark.needs_command("g++")
@given(data=st.data())
def test_damaged_bytes_are_reported_and_never_raise(whole: Path, data: st.DataObject) -> None:
    original = whole.read_bytes()
    spoilt = bytearray(original[: data.draw(st.integers(0, len(original)))])
    offsets = st.integers(0, max(len(spoilt) - 1, 0))
    for offset in data.draw(st.lists(offsets, max_size=8)) if spoilt else ():
        spoilt[offset] = data.draw(st.integers(0, 255))
    target = whole.parent / "spoilt.so"
    target.write_bytes(spoilt)
    inspection = library.inspect_library(str(target))
    assert isinstance(inspection, LibraryInspection)
    assert inspection.size == len(spoilt)
    if len(spoilt) < len(original) // 3:
        assert inspection.fault


def test_path_that_is_not_a_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert isinstance(library.inspect_library(str(tmp_path / "fifo")), Unavailable)
    assert isinstance(library.inspect_library(str(tmp_path / "gone")), Failure)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(library.LARGEST + 1)
    assert isinstance(library.inspect_library(str(tmp_path / "large")), Unavailable)


def test_missing_pyelftools_is_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulates an installation without it; the environment of the tests always has it."""
    for name in [name for name in sys.modules if name.split(".")[0] == "elftools"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "elftools", None)
    assert library.prepare().endswith("python -m pip install pyelftools")


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("2022.3", None),
        ("2023.0", "libopenvino.so.2300"),
        ("2025.2.1", "libopenvino.so.2520"),
        ("2025.4", "libopenvino.so.2540"),
        ("2025.4.0", "libopenvino.so.2540"),
        ("2025.4.1", "libopenvino.so.2541"),
        ("2026.3", "libopenvino.so.2630"),
        # An unknown patch release may contain another OpenVINO or the same.
        ("2026.3.1", None),
        ("2026.4.1", "libopenvino.so.2641"),
    ],
)
def test_the_library_of_a_release(release: str, name: str | None) -> None:
    assert openvino_library(parse_release(release)) == name


def test_the_openvino_of_a_library() -> None:
    assert openvino_of_library("libopenvino.so.2641") == "2026.4.1"
    assert openvino_of_library("libopenvino.so") is None
    assert openvino_of_library("libopenvino_c.so.2641") is None


@pytest.mark.parametrize(
    ("release", "versions", "newest"),
    [
        ("2026.3", ("GLIBC_2.2.5", "GLIBC_2.39"), None),
        ("2026.3", ("GLIBC_2.40", "GLIBC_2.4"), "GLIBC_2.40"),
        ("2024.5", ("GLIBC_2.38",), "GLIBC_2.38"),
        ("2024.5", ("GLIBC_PRIVATE", "GLIBCXX_3.4.99"), None),
        ("2027.1", ("GLIBC_2.99",), None),
    ],
)
def test_a_c_library_that_is_too_new(release: str, versions: tuple[str, ...], newest: str | None) -> None:
    assert too_new_for(parse_release(release), versions) == newest


def test_libraries_of_every_image() -> None:
    assert c_library_of(parse_release("2025.4")) == "2.39"
    required = "libc.so.6 libstdc++.so.6 libtbb.so.12 libopenvino_onnx_frontend.so.2641 ld-linux-x86-64.so.2"
    assert all(is_in_images(name) for name in required.split())
    assert not any(
        is_in_images(name) for name in ("libOpenCL.so.1", "libcrypto.so.3", "libpython3.12.so.1.0")
    )
