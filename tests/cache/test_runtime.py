"""OpenVINO itself on the same directories: it does what the plan for its release predicts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import Plan
from ovms_doctor.probes.local import LocalCollector

pytestmark = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.needs_module("openvino")]

UID = 5000
#: Everything is loaded before the ids change: the other user may not be able to read the libraries.
CHILD = """
import os, sys
import numpy, openvino
from openvino import opset8
path, cache, uid, device = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
core = openvino.Core()
if not os.path.exists(path):
    x = opset8.parameter([1, 64], numpy.float32, name="x")
    weights = opset8.constant(numpy.ones((64, 64), numpy.float32))
    openvino.save_model(openvino.Model([opset8.matmul(x, weights, False, False)], [x], "m"), path)
    sys.exit()
model = core.read_model(path)
core.compile_model(model, device)
if uid:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
try:
    core.set_property({"CACHE_DIR": cache})
    compiled = core.compile_model(model, device, {"PERFORMANCE_HINT": "LATENCY"})
except Exception as error:
    print("refused", error)
else:
    print("compiled", compiled.get_property("LOADED_FROM_CACHE"))
"""


def _openvino(path: Path, cache: Path, uid: int, device: str = "CPU") -> tuple[int, str]:
    environment = {**os.environ, "OPENVINO_TELEMETRY": "0", "HOME": "/nonexistent"}
    command = [sys.executable, "-c", CHILD, str(path), str(cache), str(uid), device]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    return run.returncode, run.stdout.strip() or run.stderr


@pytest.fixture
def model(public_dir: Path) -> Path:
    """A model that every user can read; the umask is 022."""
    path = public_dir / "m" / "1" / "m.xml"
    path.parent.mkdir(parents=True)
    assert _openvino(path, public_dir, 0)[0] == 0
    return path


def _predicted_plan(model: Path, cache: Path, *more: str) -> Plan:
    # Not imported: this process must stay without it.
    release = ".".join(version("openvino").split(".")[:2])
    user = User(UID, UID)
    request = CheckOptions(
        arguments=("--model_name", "m", "--model_path", str(model.parents[1]), "--port", "9000",
               "--cache_dir", str(cache), *more),
        release=release, user=user, bare_metal=True, load="none",
    )  # fmt: skip
    with LocalCollector(user) as collector:
        return settled_run(request, Facts(), collector).plan


@dataclass(frozen=True)
class Case:
    mode: int
    owner: int = 0
    make: Callable[[Path], object] | None = None


def _regular(path: Path) -> None:
    path.rmdir()
    path.write_text("")


CASES = {
    "somebody else's, closed": Case(0o700),
    "somebody else's, r only": Case(0o744),
    "w without x": Case(0o722),
    "somebody else's, r-x": Case(0o755),
    "somebody else's, x only": Case(0o711),
    "for all": Case(0o777),
    "sticky": Case(0o1777),
    "w and x without r": Case(0o733),
    "its own": Case(0o700, UID),
    "its own without x": Case(0o600, UID),
    "its own without w": Case(0o500, UID),
    "a file": Case(0o777, make=_regular),
}


@pytest.mark.parametrize("name", CASES)
def test_a_directory(public_dir: Path, model: Path, name: str) -> None:
    case, cache = CASES[name], public_dir / "cache"
    cache.mkdir()
    if case.make is not None:
        case.make(cache)
    os.chown(cache, case.owner, case.owner)
    cache.chmod(case.mode)
    predicted = _predicted_plan(model, cache)
    assert predicted.cache is not None
    code, result = _openvino(model, cache, UID)
    made = [] if cache.is_file() else [item for item in os.listdir(cache) if item.endswith(".blob")]
    if code < 0:
        behaviour = "aborts"
        assert (predicted.outcome, predicted.exit_code) == ("exits", 128 - code)
    elif result.startswith("refused"):
        behaviour = "refused"
        assert (predicted.outcome, predicted.exit_code) == ("exits", 1)
    else:
        behaviour = "caches" if made else "uncached"
        assert predicted.outcome == "serves"
    assert predicted.cache.effect == behaviour, result
    assert not predicted.cache.stuck


BLOBS = {
    "of root, r-x": (0o755, 0o440, False),
    "of root, sticky": (0o1777, 0o440, False),
    "of root, for all": (0o777, 0o440, False),
    "readable, r-x": (0o755, 0o444, False),
    "readable, sticky": (0o1777, 0o444, False),
    "empty, r-x": (0o755, 0o444, True),
    "empty, sticky": (0o1777, 0o444, True),
    "empty, for all": (0o777, 0o444, True),
}


@pytest.mark.parametrize("name", BLOBS)
def test_a_blob_of_roots(public_dir: Path, model: Path, name: str) -> None:
    """The blob belongs to this model, so the model's load reads it."""
    mode, blob_mode, empty = BLOBS[name]
    cache = public_dir / "cache"
    cache.mkdir()
    assert "compiled" in _openvino(model, cache, 0)[1]
    (blob,) = cache.glob("*.blob")
    if empty:
        blob.write_bytes(b"")
    blob.chmod(blob_mode)
    cache.chmod(mode)
    predicted = _predicted_plan(model, cache).cache
    assert predicted is not None
    result = _openvino(model, cache, UID)[1]
    assert bool(predicted.stuck) is result.startswith("refused"), result
    if predicted.stuck:
        assert [item.path for item in predicted.stuck] == [str(blob)]
        assert "cannot remove" in result


@pytest.mark.parametrize("device", ["AUTO", "MULTI:CPU", "HETERO:CPU"])
def test_other_devices_behave_as_predicted(public_dir: Path, model: Path, device: str) -> None:
    cache = public_dir / "cache"
    cache.mkdir(mode=0o700)
    predicted = _predicted_plan(model, cache, "--target_device", device)
    code, result = _openvino(model, cache, UID, device)
    assert predicted.exit_code == (128 - code if code < 0 else 1 if result.startswith("refused") else None)


def test_uncached_model_does_not_fail_because_of_the_cache(public_dir: Path, model: Path) -> None:
    cache = public_dir / "cache"
    cache.mkdir(mode=0o700)
    predicted = _predicted_plan(model, cache, "--batch_size", "auto")
    assert predicted.cache is not None
    assert predicted.cache.effect in ("aborts", "refused")
    assert predicted.outcome == "serves"
