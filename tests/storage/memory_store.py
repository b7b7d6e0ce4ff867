"""A store in memory: questions of the rules are answered from a dictionary of keys. No server, no processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ovms_doctor.model.deployment import Deployment, ModelEntry
from ovms_doctor.model.environment import variables
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Facts,
    Fault,
    FileContent,
    HeadBucket,
    InspectCopy,
    ListStore,
    LoadCopy,
    ModelInspection,
    ReadObject,
    StoredObject,
    StoreListing,
    StoreRefusal,
    StoreResponse,
    Unavailable,
)
from ovms_doctor.model.plan import ModelPlan, Plan
from ovms_doctor.prediction.startup import plan
from tests.prediction.memory import INPUT, OUTPUT, MemoryFiles
from tests.prediction.memory import deployment as local_deployment

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "SECRET",
    "S3_ENDPOINT": "http://127.0.0.1:9",
}


@dataclass
class Bucket:
    """``objects``: key → content (``good``: a model that loads). ``head``, ``listing``: other answers to
    these calls; ``refused``: keys whose content cannot be read, with the answer; ``archived``: archived keys.
    ``others``: answers questions that are not about a store. ``questions``: all questions so far. ``page``:
    number of keys in an answer. ``early_questions``: questions that are answered before the rules run.
    ``faults``: the faults of an inspection, by the model's file (``/`` for a SavedModel)."""

    objects: dict[str, str] = field(default_factory=dict)
    head: StoreRefusal | Unavailable | None = None
    listing: StoreRefusal | Unavailable | None = None
    refused: dict[str, StoreRefusal | Unavailable] = field(default_factory=dict)
    archived: frozenset[str] = frozenset()
    others: MemoryFiles = field(default_factory=MemoryFiles)
    questions: list[AnyQuestion] = field(default_factory=list)
    page: int = 1000
    early_questions: tuple[AnyQuestion, ...] = ()
    faults: dict[str, tuple[Fault, ...]] = field(default_factory=dict)

    def answer(self, question: AnyQuestion) -> Answer:
        self.questions.append(question)
        if isinstance(question, HeadBucket):
            return self.head or StoreResponse()
        if isinstance(question, ListStore):
            return self.listing or self._listed(question)
        if isinstance(question, ReadObject):
            text = self.objects[question.key]
            return self.refused.get(question.key) or FileContent(text.encode(), len(text))
        if isinstance(question, InspectCopy | LoadCopy):
            return self._of_copy(question)
        return self.others.answer(question)

    def _listed(self, question: ListStore) -> StoreListing:
        keys = sorted(key for key in self.objects if key.startswith(question.prefix))
        if question.delimited:
            cut = len(question.prefix)
            below = sorted({key[: key.index("/", cut) + 1] for key in keys if "/" in key[cut:]})
            return StoreListing((), False, tuple(below))
        most = self.page * question.pages
        found = (StoredObject(key, len(self.objects[key]), key in self.archived) for key in keys[:most])
        return StoreListing(tuple(found), len(keys) > most)

    def _of_copy(self, question: InspectCopy | LoadCopy) -> Answer:
        for file in question.copy.files:
            refused = self.refused.get(question.copy.prefix + file.name)
            if refused is not None and (isinstance(question, LoadCopy) or file.name == question.file):
                return refused
        file = question.file + "saved_model.pb" if question.file in ("", "/") else question.file
        content = self.objects[question.copy.prefix + file]
        if isinstance(question, LoadCopy):
            if question.copy.limit and question.copy.size > question.copy.limit:
                return Unavailable("too much to download")
            return MemoryFiles({"/m": content}).answer(_load(question))
        faults = self.faults.get(question.file or "/", ())
        return ModelInspection(question.format, (), faults, inputs=(INPUT,), outputs=(OUTPUT,))


class StoreCollector:
    """Answers questions from a bucket in memory."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def collect(self, questions: Sequence[AnyQuestion], progress: object = None) -> dict[AnyQuestion, Answer]:
        return {question: self._bucket.answer(question) for question in questions}

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        """Does nothing early."""


def _load(question: LoadCopy) -> AnyQuestion:
    from ovms_doctor.model.facts import LoadModel

    return LoadModel("/m", question.level)


def settle(deployment: Deployment, bucket: Bucket) -> Plan:
    """Predicts and answers in turns, as ``diagnosis`` does."""
    return settle_with_facts(deployment, bucket)[0]


def settle_with_facts(deployment: Deployment, bucket: Bucket) -> tuple[Plan, Facts]:
    """The plan and its facts."""
    facts = Facts({question: bucket.answer(question) for question in bucket.early_questions})
    for _ in range(200):
        planned = plan(deployment, facts)
        if planned.plan is not None:
            return planned.plan, facts
        new = {question: bucket.answer(question) for question in planned.missing}
        assert not {question for question, _ in facts} & new.keys(), "asked twice"
        facts.add(new)
    raise AssertionError("the rules never stop asking for facts")


def store_deployment(
    path: str = "s3://b1x/m", release: str = "2026.3", mode: str = "config", **more: object
) -> Deployment:
    """A deployment with one model ``m`` in a store, and with keys for it."""
    environment = more.pop("environment", KEYS if path.startswith("s3") else {})
    policy = more.pop("policy", None)
    entry = ModelEntry("m", path) if policy is None else ModelEntry("m", path, policy)  # type: ignore[arg-type]
    pairs = variables(environment.items())  # type: ignore[attr-defined]
    return local_deployment(release, mode, entry=entry, environment=pairs, **more)


def model(deployment: Deployment, bucket: Bucket) -> ModelPlan:
    """The plan of the only model."""
    return settle(deployment, bucket).models[0]


def states(planned: ModelPlan) -> dict[int, str]:
    """The output of the status API right after start-up."""
    return {
        item.version: f"{item.now.state}/{item.now.error_code}"
        for item in planned.versions
        if item.now is not None
    }
