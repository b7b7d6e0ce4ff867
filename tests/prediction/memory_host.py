"""Files in memory with a network, and with write access."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    CheckWritable,
    InspectNetwork,
    NetworkInspection,
    PathStatus,
    StatPath,
    Writability,
)
from tests.prediction.memory import MemoryFiles


class Host:
    """A good configuration in memory, with this network and these rights."""

    def __init__(
        self, network: NetworkInspection | None = None, files: Mapping[str, Answer] | None = None
    ) -> None:
        self.network = network or NetworkInspection(first_open_port=1024, uid=1000)
        self.files = files or {}
        self.memory_files = MemoryFiles(
            {"/c/config.json": json.dumps({"model_config_list": []})}, host={"/c"}
        )
        self.questions: list[AnyQuestion] = []

    def collect(self, questions: Sequence[AnyQuestion], progress: Any = None) -> dict[AnyQuestion, Answer]:
        self.questions += questions
        return {question: self.answer(question) for question in questions}

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        """Does nothing early."""

    def answer(self, question: AnyQuestion) -> Answer:
        if isinstance(question, InspectNetwork):
            return self.network
        if isinstance(question, StatPath | CheckWritable) and question.path in self.files:
            rights = self.files[question.path]
            if isinstance(question, StatPath) and isinstance(rights, Writability):
                return PathStatus(rights.kind, 0)
            return rights
        return self.memory_files.answer(question)


def rights(kind: str = "directory", *, writable: bool = False, read_only: bool = False) -> Writability:
    return Writability(kind, 0, 0, 0o755, writable, True, True, read_only, "tried")  # type: ignore[arg-type]
