"""CPU extensions: good ones, and each reason why one cannot be loaded."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.probes.runtime.driver import DATA, package_directory, run
from tests.probes.runtime.models import ir, operation, parameter, result
from tests.probes.runtime.operation import OPERATION

pytestmark = pytest.mark.slow

CRASH = "__attribute__((constructor)) static void crash() { __builtin_trap(); }"
NO_ENTRY = "int nothing;"


def build(directory: Path, source: str) -> str:
    """A shared library, linked with the installed OpenVINO."""
    (directory / "extension.cpp").write_text(source)
    target = str(directory / "libextension.so")
    package = package_directory()
    (library,) = (package / "libs").glob("libopenvino.so.*")
    command = ["g++", "-O0", "-std=c++17", "-fPIC", "-shared", "extension.cpp", "-o", target]
    command += [f"-I{package / 'include'}", f"-L{library.parent}", f"-l:{library.name}"]
    subprocess.run(command, cwd=directory, check=True)
    return target


def model(directory: Path) -> Path:
    path = directory / "m.xml"
    path.write_text(ir(parameter(names="x"), operation("ProbeIdentity", "extension"), result()))
    return path


@pytest.mark.needs_command("g++")
def test_good_extension(tmp_path: Path, package_path: list[str]) -> None:
    library = build(tmp_path, OPERATION)
    (without,) = run([(model(tmp_path), "read")], path=package_path).loads
    assert without["message"].endswith(
        "Cannot create ProbeIdentity layer o id:1 from unsupported opset: extension\n\n"
    )
    loads: list[tuple[str | Path, str]] = [(model(tmp_path), "compile"), (DATA / "fc.xml", "compile")]
    outcome = run(loads, path=package_path, extension=library)
    assert [(load["outcome"], load["message"]) for load in outcome.loads] == [("ok", "")] * 2


def test_missing_extension_fails_every_load(tmp_path: Path, package_path: list[str]) -> None:
    missing = str(tmp_path / "missing.so")
    loads: list[tuple[str | Path, str]] = [(DATA / "fc.xml", "read")] * 2
    outcome = run(loads, path=package_path, extension=missing, alone=True)
    message = outcome.only("extension")
    assert message.startswith("Exception from src/inference/src/cpp/core.cpp:189:\n")
    assert f"{missing}: cannot open shared object file: No such file or directory" in message
    assert [(load["outcome"], load["stage"], load["message"], load["detail"]) for load in outcome.loads] == [
        ("failed", "read", message, "the CPU extension could not be loaded")
    ] * 2


@pytest.mark.needs_command("g++")
def test_extension_without_entry_point(tmp_path: Path) -> None:
    library = build(tmp_path, NO_ENTRY)
    (load,) = run([(DATA / "fc.xml", "read")], extension=library).loads
    assert "undefined symbol: create_extensions" in load["message"]


@pytest.mark.needs_command("g++")
def test_extension_is_not_run_by_prepare(tmp_path: Path) -> None:
    library = build(tmp_path, CRASH)
    prepared = run([], extension=library)
    assert prepared.code == 0
    loaded = run([(DATA / "fc.xml", "read")], extension=library)
    assert loaded.code in (-signal.SIGILL, -signal.SIGTRAP)
    assert loaded.only("prepared")["version"]
