"""The local file system and local models: one collector for all questions about them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, TypeAlias

from msgspec.structs import replace

from ovms_doctor.model.description_size import bytes_to_load
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    InspectLibrary,
    InspectModel,
    InspectNetwork,
    InspectTemplate,
    ListDenials,
    ListDirectory,
    Listing,
    LoadExtension,
    LoadModel,
    LoadPipeline,
    LoadReport,
    PathStatus,
    StatHost,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.facts.preparation import LoadLevel
from ovms_doctor.model.host import User
from ovms_doctor.model.mounts import NO_MOUNTS, MountTable
from ovms_doctor.probes import capacity, interrupts
from ovms_doctor.probes.access import Ids
from ovms_doctor.probes.hung_reads import HungReads, stuck_bases
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.messages import Ready
from ovms_doctor.probes.processes.options import FileOptions, ModelOptions
from ovms_doctor.probes.processes.pool import Handling, Pool
from ovms_doctor.probes.processes.single import START_DEADLINE, Worker

#: Seconds to load a model, and how many of its bytes add one second: reading takes milliseconds and compiling 6 s for
#: 4 GB, but a cold network disk takes longer.
LOAD_DEADLINE = 60.0
BYTES_PER_SECOND = 50_000_000
#: Seconds after which a load is stopped, however large its files are.
LONGEST_LOAD = 900.0

_Answers: TypeAlias = dict[AnyQuestion, Answer]
LoadKind: TypeAlias = Literal["load", "tokenizers", "pipelines"]
PoolKind: TypeAlias = Literal["inspect", "library", "template"] | LoadKind
Group: TypeAlias = Literal["files", "own", "host"] | PoolKind
#: Which child process answers a kind of question; all other questions are about files. ``own``: with this process's
#: own rights.
_GROUPS: Mapping[type[AnyQuestion], Group] = {
    StatHost: "host",
    InspectNetwork: "own",
    ListDenials: "own",
    InspectModel: "inspect",
    InspectLibrary: "library",
    InspectTemplate: "template",
    LoadModel: "load",
    LoadExtension: "load",
    LoadPipeline: "pipelines",
}
#: Questions about this host itself.
_OF_HOST = (StatHost, InspectNetwork)
_LOADS: tuple[LoadKind, ...] = ("load", "tokenizers", "pipelines")
#: The number of models for which another process is started: its start takes as long as about this many models.
_QUESTIONS_PER_CHILD = {"inspect": 100, "read": 20, "compile": 2}
#: Seconds for the start of a child process, in addition to the time for a read of the file system.
_START = 10.0
_SIGKILL = 9


class InterruptedCollectionError(interrupts.InterruptedRunError):
    """``answers``: the answers known by then."""

    def __init__(self, answers: dict[AnyQuestion, Answer]) -> None:
        super().__init__()
        self.answers = answers


class LocalCollector:
    """Collects facts as the server's user. A child process starts with the first question of its kind.

    Raises ValueError for invalid ids. Only one thread may use it. A directory is collected once, not again.

    ``ids``: the server's user, None for this process's own user.
    ``roots``: the server paths from which rights count downwards, empty if everything counts.
    ``mounts``: the host paths of the server's paths, and which of them are unavailable here.
    ``deadline`` and ``load_deadline``: in seconds, for one question.
    ``memory_limit``: bytes that loading models may take in all, else the free memory.
    ``jobs``: how many processes inspect or load at a time, else as many as the host allows.
    ``idle_work``: does something in short steps while the child for files starts, and while the children that
        inspect or load have no answer yet.
    """

    def __init__(
        self,
        ids: User | None,
        roots: Sequence[str] = (),
        mounts: MountTable = NO_MOUNTS,
        deadline: float = 10.0,
        load_deadline: float = LOAD_DEADLINE,
        memory_limit: int | None = None,
        jobs: int | None = None,
        idle_work: Iterator[object] | None = None,
    ) -> None:
        user = None if ids is None else Ids(ids.uid, ids.gid, tuple(ids.groups))
        self._options = FileOptions(user, tuple(roots), mounts.mounts, stuck_bases(roots, mounts, deadline))
        self._deadline = deadline
        self._load_deadline = load_deadline
        self._memory_limit = memory_limit
        self._jobs = jobs
        self._idle_work = idle_work
        #: How far models will be loaded.
        self._level = "none"
        #: A start opens the roots, which may hang as every other read.
        self._start_deadline = min(START_DEADLINE, deadline + _START)
        self._files = Worker(
            "files", self._options, deadline, start_deadline=self._start_deadline, idle_work=idle_work
        )
        #: Reads with this process's own rights, for the paths that the user named.
        self._own = Worker(
            "files", replace(self._options, user=None), deadline, start_deadline=self._start_deadline
        )
        #: Collects facts of this host itself, without the mounts.
        self._host_worker = Worker("files", FileOptions(), deadline, start_deadline=self._start_deadline)
        self._pools: dict[PoolKind, Pool] = {}
        self._hung = HungReads(mounts, deadline)
        self._mounts = mounts

    def collect(
        self, questions: Sequence[AnyQuestion], progress: Callable[[AnyQuestion], None] | None = None
    ) -> dict[AnyQuestion, Answer]:
        """Returns an answer for each question, in the questions' order.

        ``progress`` is called with each question before it is collected. If the run is interrupted, the exception has
        the answers known by then.
        """
        answers: _Answers = {}
        unique = dict.fromkeys(questions)
        groups = self._in_groups(unique, answers)
        self._warm_for_directories(groups.get("files", []))
        begin = progress or _ignore_question
        try:
            self._collect_from_worker(self._files, groups.get("files", []), begin, answers)
            self._collect_from_worker(self._own, groups.get("own", []), begin, answers)
            self._collect_host(groups.get("host", []), begin, answers)
            self._inspect(self._inspecting, groups.get("inspect", []), begin, answers)
            self._inspect("library", groups.get("library", []), begin, answers)
            self._inspect("template", groups.get("template", []), begin, answers)
            for kind in _LOADS:
                self._load(kind, groups.get(kind, []), begin, answers)
        except interrupts.InterruptedRunError:
            self.close()
            raise InterruptedCollectionError(_in_order(answers, unique)) from None
        return _in_order(answers, unique)

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        """Makes the children begin with the questions that are collected next, in this order, and does not wait for
        them. Only questions about files and inspections begin."""
        groups = self._in_groups(questions, {})
        self._warm_for_directories(groups.get("files", []))
        self._files.begin(self._without_hung(groups.get("files", []), {}))
        models = groups.get("inspect")
        if models:
            pool = self._pool(self._inspecting)
            pool.begin(models, self._inspection(_ignore_question))

    def warm(self, load: str = "none") -> None:
        """Starts the children that a model needs, and does not wait for them: one for files, and one that inspects,
        or unless ``load`` is ``none`` one that loads and inspects."""
        self._files.warm()
        self.warm_for_models(load)

    def warm_for_models(self, load: str) -> None:
        """Starts the same children without the one for files."""
        self._level = load
        self._pool("inspect" if load == "none" else "load").warm()

    def _warm_for_directories(self, questions: Sequence[AnyQuestion]) -> None:
        """Starts the children that load the models in many directories while the directories are read: a start takes
        longer than that."""
        if self._level != "none" and len(questions) > _QUESTIONS_PER_CHILD[self._level]:
            directories = sum(isinstance(question, ListDirectory) for question in questions)
            self._pool("load").warm(directories, _QUESTIONS_PER_CHILD[self._level])

    @property
    def pids(self) -> list[int]:
        """Returns the process ids of the running children."""
        files = [
            worker.pid for worker in (self._files, self._own, self._host_worker) if worker.pid is not None
        ]
        return [*files, *(pid for pool in self._pools.values() for pid in pool.pids)]

    def kill(self) -> None:
        """Kills the child processes, so that :meth:`close` does not wait for them."""
        for child in self._children():
            child.kill()

    def close(self) -> None:
        """Ends the child processes."""
        self.kill()
        for child in self._children():
            child.close()

    def _children(self) -> list[Worker | Pool]:
        return [self._files, self._own, self._host_worker, *self._pools.values()]

    def __enter__(self) -> LocalCollector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- files -------------------------------------------------------------------------------------

    def _in_groups(
        self, questions: Iterable[AnyQuestion], answers: _Answers
    ) -> dict[Group, list[AnyQuestion]]:
        """Returns the questions by the child process that answers them. Questions about unavailable paths are
        answered at once."""
        groups: defaultdict[Group, list[AnyQuestion]] = defaultdict(list)
        unavailable = self._mounts.unavailable if self._mounts.has_unavailable else None
        for question in questions:
            reason = None
            if unavailable is not None and not isinstance(question, _OF_HOST):
                reason = unavailable(question.path)
            if reason is None:
                groups[_group(question)].append(question)
            else:
                answers[question] = Unavailable(reason)
        return groups

    def _collect_host(
        self, questions: list[AnyQuestion], begin: Callable[[AnyQuestion], None], answers: _Answers
    ) -> None:
        """Answers questions on paths of this host: a path that hangs here proves nothing about the server path of
        the same name."""
        if not questions:
            return
        by_status = {StatPath(question.path): question for question in questions}
        hung, self._hung = self._hung, self._hung.of_host()
        answered: _Answers = {}
        try:
            self._collect_from_worker(self._host_worker, list(by_status), begin, answered)
        finally:
            self._hung = hung
            answers.update(
                {by_status[one]: answer for one, answer in answered.items() if isinstance(one, StatPath)}
            )

    def _collect_from_worker(
        self,
        worker: Worker,
        questions: list[AnyQuestion],
        begin: Callable[[AnyQuestion], None],
        answers: _Answers,
    ) -> None:
        left, hung = questions, self._hung
        while left:
            remaining, left = self._without_hung(left, answers), []
            stream = worker.answer(remaining, hung.time_for_file)
            for number, question in enumerate(remaining, 1):
                begin(question)
                _, answer = next(stream)
                if hung.is_empty and not isinstance(answer, ChildExit):
                    answers[question] = answer
                    continue
                hangs = hung.note(question, answer)
                answers[question] = hung.answer(question, answer)
                if hangs:
                    left = remaining[number:]
                    break
            stream.close()

    def _without_hung(
        self, questions: list[AnyQuestion], answers: dict[AnyQuestion, Answer]
    ) -> list[AnyQuestion]:
        if self._hung.is_empty:
            return questions
        fine = []
        for question in questions:
            refused = self._hung.refuse(question)
            if refused is None:
                fine.append(question)
            else:
                answers[question] = refused
        return fine

    # -- models ------------------------------------------------------------------------------------

    def _inspect(
        self,
        group: PoolKind,
        questions: Sequence[AnyQuestion],
        begin: Callable[[AnyQuestion], None],
        answers: _Answers,
    ) -> None:
        if not questions:
            return
        pool = self._pool(group)
        for question, answer in pool.answer(questions, self._inspection(begin)):
            self._hung.note(question, answer)
            answers[question] = self._hung.answer(question, answer)

    def _load(
        self,
        kind: LoadKind,
        questions: Sequence[AnyQuestion],
        begin: Callable[[AnyQuestion], None],
        answers: _Answers,
    ) -> None:
        """Loads the models. Repeats failed questions separately: another process may have used the memory, or an
        earlier model may have damaged the process."""
        if not questions:
            return
        times = self._times_to_load(questions, answers)
        compiles = kind == "pipelines" or any(
            isinstance(one, LoadModel) and one.level == "compile" for one in questions
        )
        share = _QUESTIONS_PER_CHILD["compile" if compiles else "read"]
        pool = self._pool(kind)
        doubtful: list[AnyQuestion] = []

        def time_to_load(question: AnyQuestion) -> float:
            return times[question] * self._hung.share(question)

        for question, answer in pool.answer(
            questions, Handling(time_to_load, begin, self._hung.refuse, share)
        ):
            self._hung.count(question, answer)
            if _is_doubtful(answer):
                doubtful.append(question)
            else:
                answers[question] = self._loaded(pool.hello, None, question, answer, times[question])
        if doubtful:
            pool.close()
            # All libraries are loaded before the first model: if one of them ends the process, no model did.
            options = ModelOptions(self._options, self._memory(), all_libraries=True)
            with Worker(kind, options, self._load_deadline, start_deadline=START_DEADLINE) as alone:
                order = {question: number for number, question in enumerate(questions)}
                for question in sorted(doubtful, key=order.__getitem__):
                    begin(question)
                    ((_, answer),) = alone.answer([question], times.__getitem__)
                    hello = alone.hello or pool.hello
                    answers[question] = self._loaded(hello, alone, question, answer, times[question])

    def _inspection(self, begin: Callable[[AnyQuestion], None]) -> Handling:
        return Handling(self._hung.time_to_inspect, begin, self._hung.refuse, _QUESTIONS_PER_CHILD["inspect"])

    @property
    def _inspecting(self) -> PoolKind:
        """Returns the children that inspect. A child that loads inspects too: if there is one, another is not worth
        its start."""
        return "load" if "load" in self._pools else "inspect"

    def _pool(self, group: PoolKind) -> Pool:
        pool = self._pools.get(group)
        if pool is None:
            size = capacity.jobs(self._jobs)
            if group in _LOADS:
                memory = self._memory()
                limit = None if memory is None else memory // size
                options = ModelOptions(self._options, limit, self._level == "compile")
                pool = Pool(group, options, size, idle_work=self._idle_work)
            else:
                pool = Pool(
                    group,
                    ModelOptions(self._options),
                    size,
                    start_deadline=self._start_deadline,
                    idle_work=self._idle_work,
                )
            self._pools[group] = pool
        return pool

    def _memory(self) -> int | None:
        """Returns the bytes that loading may use now."""
        known = [limit for limit in (self._memory_limit, capacity.free_memory()) if limit is not None]
        return min(known) if known else None

    def _times_to_load(
        self, questions: Sequence[AnyQuestion], answers: Mapping[AnyQuestion, Answer]
    ) -> Mapping[AnyQuestion, float]:
        """Returns the seconds for each model to load, by the sizes of its files. ``answers``: what is known of them."""
        files = {question: [StatPath(path) for path in self._files_of(question)] for question in questions}
        needed = list(dict.fromkeys(one for group in files.values() for one in group))
        answered: _Answers = {one: answers[one] for one in needed if one in answers}
        paths: list[AnyQuestion] = [one for one in needed if one not in answered]
        self._collect_from_worker(self._files, paths, _ignore_question, answered)
        times = {}
        for question, group in files.items():
            found = [(one.path, answered[one]) for one in group]
            size = sum(
                bytes_to_load(path, one.size)
                for path, one in found
                if isinstance(one, PathStatus) and one.kind == "regular"
            )
            longest = max(self._load_deadline, LONGEST_LOAD)
            times[question] = min(self._load_deadline + size / BYTES_PER_SECOND, longest)
        return times

    def _files_of(self, question: AnyQuestion) -> list[str]:
        """Returns the files whose sizes count: for a pipeline the files directly in its directory."""
        if not isinstance(question, LoadPipeline):
            return _files_of(question.path)
        listed: _Answers = {}
        self._collect_from_worker(self._files, [ListDirectory(question.path)], _ignore_question, listed)
        found = [answer for answer in listed.values() if isinstance(answer, Listing)]
        return [f"{question.path}/{entry.name}" for answer in found for entry in answer.entries]

    def _loaded(
        self,
        ready: Ready | None,
        alone: Worker | None,
        question: AnyQuestion,
        answer: Answer | ChildExit,
        deadline: float,
    ) -> Answer:
        if not isinstance(answer, ChildExit):
            return answer
        assert isinstance(question, LoadModel | LoadPipeline | LoadExtension)
        if not answer.started:
            return Unavailable(f"the process to load models in did not start: {answer}", answer.timed_out)
        runtime = "" if ready is None else ready.runtime
        level = stage = _level(question)
        if answer.timed_out:
            detail = f"loading did not end within {deadline:.0f} s and was stopped"
            return LoadReport(level, "timed_out", stage, "", runtime, detail=detail)
        if answer.signal == _SIGKILL:
            detail = "the process was killed with SIGKILL, as the kernel does where memory runs out"
            return LoadReport(level, "out_of_memory", stage, "", runtime, _SIGKILL, detail=detail)
        if isinstance(question, LoadModel) and level == "compile" and alone is not None:
            # The step of the crash: only reading, in another process, shows it.
            read = replace(question, level="read")
            for _, once_more in alone.answer([read], lambda _: deadline):
                stage = "read" if isinstance(once_more, ChildExit) else "compile"
        return LoadReport(level, "crashed", stage, "", runtime, answer.signal, detail=_crash(answer))


def _ignore_question(question: AnyQuestion) -> None:
    """The callback if no progress is shown."""


def _in_order(
    answers: Mapping[AnyQuestion, Answer], questions: Iterable[AnyQuestion]
) -> dict[AnyQuestion, Answer]:
    return {question: answers[question] for question in questions if question in answers}


def _is_doubtful(answer: Answer | ChildExit) -> bool:
    """Whether the same model could have another result in a process of its own with all the memory."""
    if isinstance(answer, ChildExit):
        return answer.started and not answer.timed_out
    return isinstance(answer, LoadReport) and answer.outcome == "out_of_memory"


def _group(question: AnyQuestion) -> Group:
    """Returns the child process that answers it."""
    group = _GROUPS.get(type(question))
    if group is None:
        return "own" if getattr(question, "own", False) is True else "files"
    if isinstance(question, LoadModel) and question.tokenizers:
        return "tokenizers"
    return group


def _level(question: LoadModel | LoadPipeline | LoadExtension) -> LoadLevel:
    if isinstance(question, LoadModel):
        return question.level
    return "compile" if isinstance(question, LoadPipeline) else "read"


def _crash(ended: ChildExit) -> str:
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    return f"{ended}" + (f"; it wrote last: {lines[-1]}" if lines and ended.signal is not None else "")


def _files_of(path: str) -> list[str]:
    stem, suffix = os.path.splitext(path)
    weights = (".bin",) if suffix == ".xml" else (".bin", ".pdiparams")
    return list(dict.fromkeys((path, *(stem + suffix for suffix in weights))))
