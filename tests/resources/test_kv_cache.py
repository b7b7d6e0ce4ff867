"""The caches of language models: the size of a token compared with the real library; and the findings."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from making import generative

from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.graph_plan import KvCache
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.probes.local import LocalCollector
from tests.cli.run import Result, ovms_doctor

SIZES = generative.Sizes(layers=3, hidden=64, heads=4, kv_heads=2, head=32, positions=4096)


def make(directory: Path, options: str = "", **more: Any) -> Path:
    """A language model of SIZES with a graph.pbtxt."""
    directory.mkdir(parents=True)
    for name, content in generative.language_model(SIZES, **more).items():
        (directory / name).write_bytes(content)
    (directory / "graph.pbtxt").write_bytes(generative.graph("text_generation", options))
    return directory


def without_tokenizer_version(root: Path) -> None:
    """Older releases refuse the tokenizer, which is not the subject of these tests."""
    for name in ("openvino_tokenizer.xml", "openvino_detokenizer.xml"):
        path = root / name
        path.write_text(re.sub(r"<openvino_tokenizers_version [^>]*>", "", path.read_text()))


def cache_of(root: Path, release: str = "2026.3") -> KvCache | None:
    """The predicted cache of the graph, as an entry of the graph list in every release."""
    config = root.parent / "config.json"
    listed = [{"name": "m", "base_path": str(root)}]
    config.write_text(json.dumps({"model_config_list": [], "mediapipe_config_list": listed}))
    request = CheckOptions(targets=(str(config),), load="none", bare_metal=True, release=release)
    with LocalCollector(None) as collector:
        plan = settled_run(request, Facts(), collector).plan
    found = [] if plan.memory is None else [item.cache for item in plan.memory.caches]
    return found[0] if found else None


#: Two heads of keys and two of values for each layer, 32 numbers each.
@pytest.mark.parametrize(
    ("options", "written", "release", "precision", "size"),
    [
        ("", "", "2026.3", "u8", 3 * 2 * (32 + 8 + 32 + 8)),
        ("", "", "2025.1", "u8", 3 * 2 * (32 + 8 + 32 + 8)),
        ("", "", "2025.0", "f16", 3 * 2 * 4 * 32),
        ("", "f16", "2026.3", "f16", 3 * 2 * 4 * 32),
        ('plugin_config: \'{"KV_CACHE_PRECISION": "u8"}\'', "f16", "2026.3", "u8", 3 * 2 * 80),
        ('plugin_config: \'{"KV_CACHE_PRECISION": "f32"}\'', "", "2026.3", "f32", 3 * 2 * 8 * 32),
        ('plugin_config: \'{"KV_CACHE_PRECISION": "u4"}\'', "", "2026.3", "u4", 3 * 2 * (16 + 8 + 16 + 8)),
    ],
)
def test_bytes_of_a_token(
    tmp_path: Path, options: str, written: str, release: str, precision: str, size: int
) -> None:
    root = make(tmp_path / "m", options, cache_precision=written)
    without_tokenizer_version(root)
    cache = cache_of(root, release)
    assert cache is not None
    assert (cache.precision, cache.low, cache.high) == (precision, size, size)
    assert cache.longest == 4096


def test_properties_that_are_not_followed_give_a_range(tmp_path: Path) -> None:
    cache = cache_of(make(tmp_path / "m", 'plugin_config: \'{"VALUE_CACHE_PRECISION": "u4"}\''))
    assert cache is not None
    assert (cache.precision, cache.high) == ("", 3 * 2 * 4 * 32)
    assert cache.low < 3 * 2 * 48


def test_config_json_supplies_the_sizes_that_the_model_lacks(tmp_path: Path) -> None:
    root = make(tmp_path / "m")
    path = root / "openvino_model.xml"
    path.write_text(re.sub(r'variable_shape="[^"]*"', 'variable_shape="?,?,?,?"', path.read_text()))
    cache = cache_of(root)
    assert cache is not None
    assert cache.low == 3 * 2 * 80
    (root / "config.json").unlink()
    assert cache_of(root) is None


@pytest.mark.parametrize(
    ("options", "release", "fixed"),
    [
        ("", "2026.3", 0),
        ("", "2025.3", 8),
        ("cache_size: 3", "2026.3", 3),
        ("cache_size: 3", "2024.2", 2),
        ("cache_size: 3 pipeline_type: LM", "2026.3", 0),
    ],
)
def test_fixed_sizes(tmp_path: Path, options: str, release: str, fixed: int) -> None:
    root = make(tmp_path / "m", options)
    without_tokenizer_version(root)
    cache = cache_of(root, release)
    assert cache is not None
    assert cache.fixed == fixed


@pytest.mark.slow
@pytest.mark.needs_module("openvino_genai")
@pytest.mark.parametrize(("model", "precision"), [("tiny", "u8"), ("tiny", "f16"), ("middle", "")])
def test_the_prediction_matches_the_real_library(tmp_path: Path, model: str, precision: str) -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "kv_cache.py"
    spec = importlib.util.spec_from_file_location("kv_cache_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    assert 0.8 <= benchmark.compare(model, precision, tmp_path).ratio <= 1.3


def check(*arguments: object) -> Result:
    args = ("--load", "none", "--format", "json", "--ovms-version", "2026.3", "--select", "OVD7")
    return ovms_doctor("check", *arguments, *args)


def findings(result: Result) -> list[tuple[str, str]]:
    return [(item["code"], item["severity"]) for item in json.loads(result.out)["findings"]]


def large(root: Path) -> None:
    """Gives the model 12 GiB of INT8 weights in a sparse file."""
    xml = root / "openvino_model.xml"
    end, size = (root / "openvino_model.bin").stat().st_size, 12 << 30
    shape = f'element_type="i8" shape="{size}" offset="{end}" size="{size}"'
    text = re.sub(
        r'element_type="f32" shape="[^"]+" offset="\d+" size="\d+"', shape, xml.read_text(), count=1
    )
    xml.write_text(text)
    with (root / "openvino_model.bin").open("r+b") as file:
        file.truncate(end + size)


def test_a_cache_beside_large_weights(public_dir: Path) -> None:
    root = make(public_dir / "chat", "cache_size: 10")
    large(root)
    result = check(root, "--memory", "16g")
    assert findings(result) == [("OVD744", "error")]
    (finding,) = json.loads(result.out)["findings"]
    assert "cache_size 10 of chat" in finding["message"]
    assert "a cache_size of 3 fits" in finding["message"]
    assert "Set cache_size to 3" in finding["remedy"]["steps"][0]["text"]
    assert result.code == 1
    # The cache of the remedy fits into memory.
    (root / "graph.pbtxt").write_bytes(generative.graph("text_generation", "cache_size: 3"))
    assert findings(check(root, "--memory", "16g")) == []
    assert findings(check(root, "--memory", "8g")) == [("OVD741", "warning")]


def test_caches_of_several_graphs_add_up(public_dir: Path) -> None:
    for name in ("one", "two"):
        make(public_dir / "models" / name, "cache_size: 2")
    assert findings(check(public_dir / "models", "--memory", "5g")) == []
    result = check(public_dir / "models", "--memory", "4g")
    assert findings(result) == [("OVD744", "error")]
    assert "2 of one, 2 of two" in result.text
    assert "a cache_size of 3 fits" in result.text


def test_one_long_request_can_exceed_the_cache(public_dir: Path) -> None:
    root = make(public_dir / "chat")
    path = root / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 4_000_000}))
    result = check(root, "--memory", "1g")
    assert findings(result) == [("OVD746", "warning")]
    assert "4,000,000 tokens" in result.text
    assert findings(check(root, "--memory", "4g")) == []
    # Nothing is known of the server's memory.
    assert findings(check(root)) == []


@pytest.mark.parametrize(("release", "codes"), [("2026.3", ["OVD374"]), ("2025.3", [])])
def test_a_cache_larger_than_the_host(public_dir: Path, release: str, codes: list[str]) -> None:
    root = make(public_dir / "chat", "cache_size: 100000")
    arguments = ("--load", "none", "--format", "json", "--ovms-version", release, "--select", "OVD3")
    result = ovms_doctor("check", root, "--bare-metal", *arguments)
    assert [item["code"] for item in json.loads(result.out)["findings"]] == codes
    assert ("of memory that the host has" in result.text) is bool(codes)
    # Nothing is known of the server's host.
    assert json.loads(ovms_doctor("check", root, *arguments).out)["findings"] == []
