"""The local file system and local models: one collector for all questions about them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from ovms_doctor.collect.access import Ids, IdsLike
from ovms_doctor.collect.paths import MountLike
from ovms_doctor.collect.process import Died, Worker
from ovms_doctor.facts import (
    Answer,
    InspectModel,
    LoadModel,
    LoadReport,
    PathStatus,
    Question,
    StatPath,
    Unavailable,
)

#: Seconds to load a model, and how many bytes of it add one: reading takes milliseconds and compiling
#: 6 s for 4 GB, but from a cold network disk.
LOAD_DEADLINE = 60.0
BYTES_PER_SECOND = 50_000_000

_SIGKILL = 9


class LocalCollector:
    """Looks as the server's user. Child processes are started for the kinds of questions that come.

    ``ids``: who the server runs as, None for this process's own user; ``roots``: the server paths from
    which rights count downwards, none if everything counts; ``mounts``: where the server's paths lie, none
    if they are this host's; ``deadline`` and ``load_deadline`` in seconds, for one question;
    ``extension``: the server path of a CPU extension, which is loaded and so runs its code;
    ``memory_limit``: bytes that loading a model may take. One look at the world: what it has seen of
    directories is not looked at again. ValueError for ids that are none. Not for several threads.
    """

    def __init__(
        self,
        ids: IdsLike | None,
        roots: Sequence[str] = (),
        mounts: Sequence[MountLike] = (),
        deadline: float = 10.0,
        extension: str | None = None,
        load_deadline: float = LOAD_DEADLINE,
        memory_limit: int | None = None,
    ) -> None:
        user = None if ids is None else Ids(ids.uid, ids.gid, tuple(ids.groups))
        options: dict[str, Any] = {
            "ids": None if user is None else {"uid": user.uid, "gid": user.gid, "groups": list(user.groups)},
            "roots": list(roots),
            "mounts": [[mount.host, mount.server, mount.read_only] for mount in mounts],
        }
        loading = {**options, "load": True, "extension": extension, "memory_limit": memory_limit}
        self._deadline = deadline
        self._load_deadline = load_deadline
        self._files = Worker("files", options, deadline)
        self._inspector = Worker("models", options, deadline)
        self._loader = Worker("models", loading, load_deadline)
        self._hung: list[str] = []

    def collect(
        self, questions: Sequence[Question], progress: Callable[[Question], None] | None = None
    ) -> dict[Question, Answer]:
        """An answer for each question. ``progress`` is told each one before it is looked at."""
        answers: dict[Question, Answer] = {}
        groups: list[list[Question]] = [[], [], []]
        for question in dict.fromkeys(questions):
            loads = isinstance(question, LoadModel)
            groups[2 if loads else 1 if isinstance(question, InspectModel) else 0].append(question)
        for question, answer in self._ask(self._files, groups[0], progress, self._time_to_look):
            answers[question] = _looked(answer)
        for question, answer in self._ask(self._inspector, groups[1], progress, self._time_to_look):
            answers[question] = _looked(answer)
        times = self._times_to_load(groups[2])
        for question, answer in self._ask(self._loader, groups[2], progress, times.__getitem__):
            answers[question] = self._loaded(question, answer, times[question])
        return answers

    def close(self) -> None:
        """Ends the child processes."""
        for worker in (self._files, self._inspector, self._loader):
            worker.close()

    def __enter__(self) -> LocalCollector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _time_to_look(self, question: Question) -> float:
        return self._deadline

    def _ask(
        self,
        worker: Worker,
        questions: Sequence[Question],
        progress: Callable[[Question], None] | None,
        deadline: Callable[[Question], float],
    ) -> list[tuple[Question, Answer | Died]]:
        results: list[tuple[Question, Answer | Died]] = []
        left = list(questions)
        while left:
            left, hung = self._without_hung(left)
            results += hung
            stream = worker.answer(left, deadline)
            for index, question in enumerate(left):
                if progress is not None:
                    progress(question)
                _, answer = next(stream)
                results.append((question, answer))
                if isinstance(answer, Died) and answer.timed_out and not isinstance(question, LoadModel):
                    self._hung.append(question.path.rstrip("/"))
                    stream.close()
                    left = left[index + 1 :]
                    break
            else:
                break
        return results

    def _without_hung(
        self, questions: list[Question]
    ) -> tuple[list[Question], list[tuple[Question, Answer | Died]]]:
        """A file system that hung once is not waited for again at and below that path."""
        if not self._hung:
            return questions, []
        fine, hung = [], []
        for question in questions:
            path = question.path.rstrip("/") + "/"
            bad = next((bad for bad in self._hung if path.startswith(bad + "/")), None)
            if bad is None:
                fine.append(question)
            else:
                hung.append(question)
        reason = Died(None, None, True, "")
        return fine, [(question, reason) for question in hung]

    def _times_to_load(self, questions: Sequence[Question]) -> Mapping[Question, float]:
        """Seconds for each model to load, by the sizes of its files."""
        files = {question: [StatPath(path) for path in _files_of(question.path)] for question in questions}
        wanted = [one for group in files.values() for one in group]
        seen = {
            one: _looked(answer)
            for one, answer in self._ask(self._files, list(dict.fromkeys(wanted)), None, self._time_to_look)
        }
        times = {}
        for question, group in files.items():
            found = [seen[one] for one in group]
            size = sum(one.size for one in found if isinstance(one, PathStatus) and one.kind == "regular")
            times[question] = self._load_deadline + size / BYTES_PER_SECOND
        return times

    def _loaded(self, question: Question, answer: Answer | Died, deadline: float) -> Answer:
        if not isinstance(answer, Died):
            return answer
        assert isinstance(question, LoadModel)
        if not answer.started:
            return Unavailable(f"the process to load models in did not start: {answer}", answer.timed_out)
        runtime = str(self._loader.hello.get("runtime", ""))
        level, stage = question.level, question.level
        if answer.timed_out:
            detail = f"loading did not end within {deadline:.0f} s and was stopped"
            return LoadReport(level, "timed_out", stage, "", runtime, detail=detail)
        if answer.signal == _SIGKILL:
            detail = "the process was killed with SIGKILL, as the kernel does where memory runs out"
            return LoadReport(level, "out_of_memory", stage, "", runtime, _SIGKILL, detail=detail)
        if level == "compile":
            # The step it crashed in: reading alone, in another process, tells.
            read = LoadModel(question.path, "read")
            for _, again in self._loader.answer([read], lambda _: deadline):
                stage = "read" if isinstance(again, Died) else "compile"
        return LoadReport(level, "crashed", stage, "", runtime, answer.signal, detail=_crash(answer))


def _looked(answer: Answer | Died) -> Answer:
    if not isinstance(answer, Died):
        return answer
    if answer.timed_out and answer.started:
        return Unavailable("looking at it did not end in time and was stopped", timed_out=True)
    return Unavailable(f"the process that looks failed: {answer}", answer.timed_out)


def _crash(died: Died) -> str:
    lines = [line for line in died.stderr.splitlines() if line.strip()]
    return f"{died}" + (f"; it wrote last: {lines[-1]}" if lines and died.signal is not None else "")


def _files_of(path: str) -> list[str]:
    stem = os.path.splitext(path)[0]
    return list(dict.fromkeys((path, stem + ".bin", stem + ".pdiparams")))
