"""Values of plugin_config that the CPU plugin refuses: found by the real OpenVINO without compiling the model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

import pytest

from ovms_doctor.model.facts import LoadModel, LoadReport, Preparation
from tests.cases_run import collector
from tests.cli.helpers import check, codes, good_model


def judge(
    directory: Path, level: str, release: str = "2026.3", **properties: object
) -> tuple[list[str], str]:
    """The codes, and the state of the only version."""
    good_model(directory / "m" / "1")
    entry = {
        "name": "m",
        "base_path": str(directory / "m"),
        "plugin_config": properties,
        "target_device": "CPU",
    }
    config = directory / "config.json"
    config.write_text(json.dumps({"model_config_list": [{"config": entry}]}))
    result = check(config, "--load", level, "--ovms-version", release)
    return codes(result), result.document["models"][0]["versions"][0]["state"]


@pytest.mark.parametrize("level", ["read", "compile"])
@pytest.mark.parametrize(
    "properties",
    [
        {"PERFORMANCE_HINT": "FASTEST"},
        {"NUM_STREAMS": "two"},
        {"ENABLE_CPU_PINNING": "perhaps"},
        {"NUM_STREAMS": "2", "INFERENCE_PRECISION_HINT": "f17"},
    ],
    ids=str,
)
def test_a_refused_value(properties: dict[str, object], level: str, public_dir: Path) -> None:
    assert judge(public_dir, level, **properties) == (["OVD433"], "LOADING")


@pytest.mark.parametrize("level", ["read", "compile"])
@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"PERFORMANCE_HINT": "LATENCY"},
        {"NUM_STREAMS": "AUTO"},
        {"NUM_STREAMS": 2},
        {"ENABLE_CPU_PINNING": True, "INFERENCE_NUM_THREADS": 1},
        # The server accepts it, and this host may have another runtime.
        {"ENABLE_MMAP": "YES"},
    ],
    ids=str,
)
@pytest.mark.sample(every=3)
def test_an_accepted_value(properties: dict[str, object], level: str, public_dir: Path) -> None:
    assert judge(public_dir, level, **properties) == ([], "AVAILABLE")


def test_a_key_that_this_runtime_lacks_is_not_a_refused_value(public_dir: Path) -> None:
    """OpenVINO had AFFINITY until 2024.6."""
    assert judge(public_dir, "read", "2024.3", AFFINITY="CORE") == ([], "AVAILABLE")


@pytest.mark.parametrize("level", ["read", "compile"])
def test_no_cache_is_written(level: Literal["read", "compile"], public_dir: Path) -> None:
    directory = good_model(public_dir / "m" / "1")
    cache = public_dir / "cache"
    cache.mkdir()
    config = (("CACHE_DIR", json.dumps(str(cache))),)
    question = LoadModel(str(directory / "model.xml"), level, Preparation(config=config))
    report = collector(os.getuid()).collect((question,))[question]
    assert isinstance(report, LoadReport)
    assert report.outcome == "ok"
    assert list(cache.iterdir()) == []
