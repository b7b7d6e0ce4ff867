"""The predicted size of a token in the KV cache and the size that OpenVINO GenAI uses: ``python
benchmarks/kv_cache.py``.

Each model is created here with arbitrary weights and loaded by the real library in a child with a cache of
fixed size. Requests of known length follow each other. Each uses new blocks, so the growth of the
unreclaimable memory from one round to the next is the cache. The goal is a ratio of predicted to measured of
0.8 to 1.3.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "fixtures")]

from making.generative import TINY, Sizes, graph, language_model  # noqa: E402

from ovms_doctor.diagnosis.settle import settled_run  # noqa: E402
from ovms_doctor.model.facts import Facts  # noqa: E402
from ovms_doctor.model.options import CheckOptions  # noqa: E402
from ovms_doctor.probes.local import LocalCollector  # noqa: E402

#: Models by name: sizes, tokens of a request, requests of a round.
MODELS = {
    "tiny": (TINY, 512, 256),
    "middle": (Sizes(layers=4, hidden=256, heads=8, kv_heads=2, head=64, positions=2048), 2048, 8),
    "large": (Sizes(layers=16, hidden=512, heads=8, kv_heads=8, head=64, positions=2048), 2048, 2),
}
#: Rounds whose growth counts; the first round includes everything that is allocated only once.
_ROUNDS = 4
_MEASURE = """
import json, sys
sys.modules["openvino_telemetry"] = None
import openvino_genai as genai
directory, precision, tokens, requests, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])

def anonymous():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    return int(lines["RssAnon"].split()[0]) * 1024

scheduler = genai.SchedulerConfig()
scheduler.cache_size, scheduler.enable_prefix_caching = 1, False
scheduler.max_num_batched_tokens = 2048
properties = {"KV_CACHE_PRECISION": precision} if precision else {}
pipeline = genai.ContinuousBatchingPipeline(directory, scheduler, "CPU", properties, {})
config = genai.GenerationConfig()
config.max_new_tokens, config.ignore_eos = 1, True
found = []
for _ in range(rounds + 1):
    pipeline.generate(["abcdefgh" * (tokens // 8)] * requests, [config] * requests)
    found.append(anonymous())
print(json.dumps((found[-1] - found[0]) / (rounds * tokens * requests)))
"""


class Measured(NamedTuple):
    """The predicted and the measured size of a token in the KV cache."""

    #: Bytes: the middle of the predicted range.
    predicted: float
    #: Bytes: the growth of the process.
    measured: float

    @property
    def ratio(self) -> float:
        """The ratio of predicted to measured bytes."""
        return self.predicted / self.measured


def compare(model: str, precision: str, directory: Path) -> Measured:
    """Creates the model below ``directory`` and measures it. ``precision``: the precision of the cache; empty means the
    default."""
    sizes, tokens, requests = MODELS[model]
    location = directory / f"{model}-{precision}"
    location.mkdir()
    options = f'plugin_config: \'{{"KV_CACHE_PRECISION": "{precision}"}}\'' if precision else ""
    for name, content in {
        **language_model(sizes),
        "graph.pbtxt": graph("text_generation", options),
    }.items():
        (location / name).write_bytes(content)
    with LocalCollector(None) as collector:
        request = CheckOptions(targets=(str(location),), load="none", bare_metal=True)
        plan = settled_run(request, Facts(), collector).plan
    assert plan.memory is not None
    (cache,) = (item.cache for item in plan.memory.caches)
    command = [sys.executable, "-c", _MEASURE, str(location), precision]
    command += [str(number) for number in (tokens, requests, _ROUNDS)]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    return Measured((cache.low + cache.high) / 2, float(json.loads(completed.stdout.splitlines()[-1])))


def main() -> None:
    """Prints a line for each model and precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--precisions", nargs="*", default=["", "u8", "bf16", "f16", "u4"])
    options = parser.parse_args()
    ratios = []
    sys.stdout.write(
        f"{'model':>7} {'cache':>8} {'predicted':>10} {'measured':>9} {'ratio':>6}   bytes of a token\n"
    )
    with tempfile.TemporaryDirectory() as directory:
        for model in options.models:
            for precision in options.precisions:
                found = compare(model, precision, Path(directory))
                ratios.append(found.ratio)
                sys.stdout.write(
                    f"{model:>7} {precision or 'default':>8} {found.predicted:10,.0f} {found.measured:9,.0f} "
                    f"{found.ratio:6.2f}\n"
                )
                sys.stdout.flush()
    inside = sum(0.8 <= ratio <= 1.3 for ratio in ratios)
    sys.stdout.write(f"{inside} of {len(ratios)} within 0.8 and 1.3\n")


if __name__ == "__main__":
    main()
