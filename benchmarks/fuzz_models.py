"""Mutants of real models through the whole program: the program never raises or hangs, and agrees with OpenVINO's own
verdict on each.

    python benchmarks/fuzz_models.py --mutants 3000 --seed 1

Each mutant is one model of a repository. ``ovms-doctor collect`` collects the facts about many at once; each is then
evaluated alone, because in one server the first crash would end them all. For comparison, OpenVINO's Python package
reads the same file in a process of its own. Prints counts; the exit code is 1 if a result does not agree.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from ovms_doctor.diagnosis.deploy import deployment_for
from ovms_doctor.diagnosis.run import report_on
from ovms_doctor.diagnosis.run_start import begin
from ovms_doctor.diagnosis.settle import SettledRun
from ovms_doctor.model.causes import NoTensors, NotInRelease
from ovms_doctor.model.facts import Facts, InspectModel, ModelInspection
from ovms_doctor.model.facts.codec import load
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.prediction.startup import plan

PROJECT = Path(__file__).resolve().parent.parent
MODELS = PROJECT / "fixtures" / "models"
#: The original models, with the number of mutants of ten that are made from each.
SOURCES = {"dense-ir": 5, "dense-onnx": 2, "dense-frozen": 1, "dense-tflite": 2}
BATCH = 250
#: Seconds for OpenVINO to read one mutant, and for a whole batch to be collected.
ONE, WHOLE = 60.0, 1800.0

#: Reads the paths from standard input, one a line, with OpenVINO's Python package; no telemetry.
ORACLE = """
import sys
sys.modules["openvino_telemetry"] = None
import openvino
core = openvino.Core()
for line in sys.stdin:
    try:
        core.read_model(line[:-1])
        word = "ok"
    except Exception:
        word = "failed"
    print(word, flush=True)
"""

Mutation = Callable[[bytes, random.Random], bytes]


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _lose(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice([1, 2, 4, 16, 64, 512]) :]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    part = data[start : start + rng.choice([1, 4, 16, 64, 512])]
    return data[:start] + part + data[start:]


def _zero(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    length = min(rng.choice([1, 4, 64, 4096]), len(data) - start)
    return data[:start] + bytes(length) + data[start + length :]


def _grow(data: bytes, rng: random.Random) -> bytes:
    return data + rng.randbytes(rng.choice([1, 7, 300]))


def _word(data: bytes, rng: random.Random) -> bytes:
    """Replaces one value by another value of the same file; for text."""
    values = list(re.finditer(rb'"([^"<>]*)"', data))
    if not values:
        return _flip(data, rng)
    position = rng.choice(values)
    unusual = [
        b"",
        b"-1",
        b"0",
        b"99999999999999999999",
        b"opset1",
        b"opset99",
        b"f32",
        b"1,8",
        b"-",
        b" 1",
        b"ReadValue",
    ]
    new = rng.choice([rng.choice(values)[1], rng.choice(unusual)])
    return data[: position.start(1)] + new + data[position.end(1) :]


def _line(data: bytes, rng: random.Random) -> bytes:
    """Removes one line, or swaps two; for text."""
    lines = data.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    if rng.random() < 0.5:
        del lines[one]
    else:
        lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


BINARY: list[Mutation] = [_flip, _flip, _flip, _cut, _lose, _repeat, _zero, _grow]
TEXT: list[Mutation] = [_word, _word, _word, _word, _line, _line, _flip, _cut, _lose]


def mutate(source: Path, target: Path, rng: random.Random) -> None:
    """Makes a copy of a version directory with one of its files changed."""
    shutil.copytree(source, target)
    files = sorted(path for path in target.rglob("*") if path.is_file() and path.stat().st_size)
    model = [path for path in files if path.suffix != ".bin"]
    path = rng.choice(model if rng.random() < 0.8 else files)
    mutation = rng.choice(TEXT if path.suffix == ".xml" else BINARY)
    path.write_bytes(mutation(path.read_bytes(), rng))


class Oracle:
    """OpenVINO's Python package in a process; a new process is started after each crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def verdict(self, path: str) -> str:
        """Returns ``ok``, ``failed``, ``crashed`` or ``hung``."""
        process = self._process or self._start()
        assert process.stdin
        process.stdin.write(path + "\n")
        process.stdin.flush()
        word = _within(process, ONE)
        if word in ("ok", "failed"):
            return word
        process.kill()
        process.wait()
        self._process = None
        return "hung" if word is None else "crashed"

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ORACLE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self._process


def _within(process: subprocess.Popen[str], seconds: float) -> str | None:
    import select

    assert process.stdout
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline().strip() if ready else None


def _sources() -> Iterator[Path]:
    for name, weight in SOURCES.items():
        for _ in range(weight):
            yield MODELS / name / "1"


def _collect(models: Path, saved: Path) -> str:
    """Returns the error of the command itself; empty if there was none."""
    own_ids = f"{os.getuid()}:{os.getgid()}"
    command = [
        sys.executable,
        "-m",
        "ovms_doctor",
        "collect",
        str(models),
        "--user",
        own_ids,
        "-o",
        str(saved),
    ]
    try:
        completed = subprocess.run(command, capture_output=True, check=False, timeout=WHOLE, text=True)
    except subprocess.TimeoutExpired:
        return "hang"
    return (
        "" if completed.returncode == 0 and "Traceback" not in completed.stderr else completed.stderr[-2000:]
    )


def _judged(model: Path, facts: Facts) -> tuple[str, str]:
    """Returns the program's verdict in the oracle's terms, and further counters."""
    request = CheckOptions((str(model),), as_="model", user=User(os.getuid(), os.getgid(), ()))
    # The repository is evaluated as a configuration, with the collected facts.
    deployment = replace(deployment_for(request, facts), mode="config")
    planned = plan(deployment, facts)
    assert planned.plan is not None
    settled = SettledRun(deployment, planned.plan, facts)
    report = report_on(settled, OutputOptions(), begin(()))
    if any(finding.code == "OVD901" for finding in report.findings):
        return "broken", "a check crashed"
    versions = settled.plan.models[0].versions
    attempt = versions[0].attempt if versions else None
    if attempt is None:
        return "broken", "nothing was tried"
    # The server refuses some models that OpenVINO accepts, and an older OpenVINO lacks some features.
    if isinstance(attempt.cause, NoTensors | NotInRelease):
        return "own", type(attempt.cause).__name__
    reported = any(
        finding.subject.version == 1 and finding.severity == "error" for finding in report.findings
    )
    arguments = {"loaded": "ok", "failed": "failed", "crashed": "crashed", "hangs": "hung"}
    word = arguments.get(attempt.outcome, "unknown")
    if word in ("failed", "crashed") and not reported:
        return "broken", "refused without a finding"
    return word, ""


def _static(facts: Facts) -> dict[str, bool]:
    """Returns for each mutant whether static reading alone refuses it."""
    return {
        question.path.split("/")[-3]: any(fault.fatal for fault in answer.faults)
        for question, answer in facts
        if isinstance(question, InspectModel) and isinstance(answer, ModelInspection)
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="copy mutants without agreement there")
    options = parser.parse_args()
    sources = list(_sources())
    oracle = Oracle()
    counts: Counter[str] = Counter()
    bad: list[str] = []
    began = time.monotonic()
    for first in range(0, options.mutants, BATCH):
        with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
            models = Path(scratch, "models")
            names = []
            for number in range(first, min(first + BATCH, options.mutants)):
                rng = random.Random(f"{options.seed}-{number}")  # noqa: S311
                source = rng.choice(sources)
                name = f"{source.parent.name}-{number}"
                mutate(source, models / name / "1", rng)
                names.append(name)
            saved = Path(scratch, "facts.json")
            problem = _collect(models, saved)
            if problem:
                bad.append(f"batch at {first}: {problem}")
                continue
            _, facts = load(saved.read_text("utf-8"))
            static = _static(facts)
            for name in names:
                word, more = _judged(models / name, facts)
                (model,) = [p for p in (models / name / "1").iterdir() if p.suffix != ".bin"]
                truth = oracle.verdict(str(model))
                agrees = word == truth or (word == "own" and truth == "ok")
                counts[f"OpenVINO: {truth}"] += 1
                counts[f"agrees: {agrees}"] += 1
                counts[f"static reading: {'refuses' if static.get(name) else 'passes'} what is {truth}"] += 1
                if not agrees:
                    bad.append(f"{name}: ovms-doctor {word} {more}, OpenVINO {truth}")
                if (not agrees or (static.get(name) and truth == "ok")) and options.keep:
                    shutil.copytree(models / name, options.keep / name, dirs_exist_ok=True)
    oracle.close()
    lines = [f"{options.mutants} mutants, seed {options.seed}, {time.monotonic() - began:.0f} s"]
    lines += [f"{count:7d}  {description}" for description, count in sorted(counts.items())]
    sys.stdout.write("\n".join([*lines, *bad]) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
