"""How the work grows with the number of models: counted in questions, messages and requests, not in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.cli.check import collector_for
from ovms_doctor.cli.output import Progress
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.environment import variables
from ovms_doctor.model.facts import Answer, AnyQuestion, Facts
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.probes.collector import Collector
from ovms_doctor.probes.processes import pool, single
from tests.conftest import public_directory

MODEL = Path(__file__).parents[2] / "fixtures" / "models" / "dense-ir" / "1"
FILES = {path.name: path.read_bytes() for path in MODEL.iterdir()}


class Counting:
    """A collector that counts the questions."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.questions = 0
        self.turns = 0

    def collect(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None = None
    ) -> dict[AnyQuestion, Answer]:
        self.questions += len(questions)
        self.turns += 1
        return self._collector.collect(questions, progress)

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        self._collector.begin(questions)


def counted(options: CheckOptions, models: int) -> Counting:
    """What a run collects for this number of models with three versions each."""
    with collector_for(options, Progress()) as collector:
        counting = Counting(collector)
        run = settled_run(options, Facts(), counting)
    assert [model.served for model in run.plan.models] == [(1, 2, 3)] * models
    return counting


def keys(models: int) -> dict[str, bytes]:
    """The files of a repository with this number of models, by path."""
    return {
        f"model-{number:03}/{version}/{name}": data
        for number in range(models)
        for version in (1, 2, 3)
        for name, data in FILES.items()
    }


def test_questions_and_messages_grow_with_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    received: Counter[str] = Counter()
    read = single.read_answers

    def counting_read(*arguments: Any) -> Any:
        received["messages"] += 1
        return read(*arguments)

    for module in (single, pool):
        monkeypatch.setattr(module, "read_answers", counting_read)
    figures = {}
    for models in (10, 20, 40):
        with public_directory() as directory:
            for key, data in keys(models).items():
                path = directory / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            received.clear()
            options = CheckOptions((str(directory),), load="none", policy='{"all": {}}')
            made = counted(options, models)
            figures[models] = made.questions
            assert made.turns <= 10 + made.questions / 100
            # A message contains at least one answer, and no question is asked twice.
            assert 0 < received["messages"] <= made.questions
    first, second, third = figures.values()
    assert third - second == 2 * (second - first)


@pytest.mark.server
def test_requests_to_a_store_grow_with_the_models(moto: Any) -> None:
    for models in (4, 8):
        bucket = moto.bucket()
        moto.put(bucket, {f"models/{key}": data for key, data in keys(models).items()})
        pairs = {
            "S3_ENDPOINT": moto.endpoint,
            "AWS_ACCESS_KEY_ID": moto.keys.key,
            "AWS_SECRET_ACCESS_KEY": moto.keys.secret,
        }
        options = CheckOptions(
            (f"s3://{bucket}/models",),
            load="none",
            policy='{"all": {}}',
            environment=variables(pairs.items()),
            bare_metal=True,
        )
        moto.forget()
        counted(options, models)
        requests = Counter(
            (item.method, "list" if f"/{bucket}?" in item.path else "object") for item in moto.log()
        )
        # One list for each 1,000 keys, and the XML of each version.
        assert requests["GET", "list"] == 1
        assert requests["GET", "object"] == 3 * models
        assert requests.total() <= 3 * models + 2
