"""Models from a store, downloaded to be inspected and loaded like local ones, and then removed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence, Set
from typing import TypeAlias, cast

from msgspec import Struct, field
from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    FetchCopy,
    FileContent,
    InspectCopy,
    InspectModel,
    LoadCopy,
    LoadModel,
    ModelInspection,
    ReadObject,
    StoreResponse,
    Unavailable,
    VersionCopy,
)
from ovms_doctor.model.text import size_text
from ovms_doctor.probes.inspect import faults
from ovms_doctor.probes.inspect.heads import HEAD_BYTES
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.runtime.handler import END_OF_NAME, renamed

#: Path, downloaded bytes, bytes in all.
Progress: TypeAlias = Callable[[str, int, int], None]
Fetch: TypeAlias = Callable[
    [Sequence[AnyQuestion], Callable[[AnyQuestion], None]], Iterator[tuple[AnyQuestion, Answer]]
]
#: The most copies of one download, and their bytes together, except for a single larger one.
_AT_A_TIME = 5000
_BYTES_AT_A_TIME = 1 << 30
#: The most copies that are inspected together, while others are downloaded.
_TOGETHER = 32
#: Bytes that remain free on the file system of the copies.
_LEFT_FREE = 100 << 20
#: A smaller download, in bytes, needs no progress display.
_LEAST_REPORTED = 4 << 20
_REPORT_INTERVAL = 0.2
#: Faults of weights that were not downloaded: the hole that replaces them causes these.
_OF_HOLES = frozenset({faults.WEIGHTS_ALL_ZERO, faults.WEIGHTS_SPARSE, faults.WEIGHTS_ZERO_TAIL})
#: Faults that may show another file in place of the weights: then their beginning is downloaded. A hole begins with
#: zeros, which is reported for Paddle's parameters.
_SUSPICIOUS = frozenset(
    {
        faults.WEIGHTS_TOO_SMALL,
        faults.WEIGHTS_TRAILING_BYTES,
        faults.EXTERNAL_DATA_TOO_SMALL,
        faults.ZERO_FILLED,
    }
)


class _Job(Struct):
    """The questions about one copy. ``names``: the files to download."""

    copy: VersionCopy
    inspect: list[InspectCopy] = field(default_factory=list)
    load: list[LoadCopy] = field(default_factory=list)
    names: tuple[str, ...] = ()
    directory: str = ""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.copy.files if file.name in self.names)

    @property
    def questions(self) -> list[InspectCopy | LoadCopy]:
        return [*self.inspect, *self.load]


class Copies:
    """Collects facts of copies.

    ``fetch``: downloads files.
    ``load_deadline``, ``deadline``, ``jobs``: as in LocalCollector.
    """

    def __init__(
        self, fetch: Fetch, load_deadline: float, deadline: float, jobs: int | None, progress: Progress | None
    ) -> None:
        self._fetch = fetch
        self._progress = progress
        self._own_collector = LocalCollector(None, deadline=deadline, load_deadline=load_deadline, jobs=jobs)
        self._directory: str | None = None
        self._reinspections: dict[AnyQuestion, _Reinspection] = {}
        #: Replaces the paths of copies by the store's paths.
        self._rename: Callable[[str], str] = str

    def warm(self, load: str) -> None:
        """Starts the children that inspect and load."""
        self._own_collector.warm_for_models(load)

    @property
    def pids(self) -> list[int]:
        """Returns the process ids of the children that inspect and load."""
        return self._own_collector.pids

    def close(self) -> None:
        """Ends the children and removes the remaining copies."""
        self._own_collector.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def collect(
        self,
        questions: Sequence[InspectCopy | LoadCopy],
        begin: Callable[[AnyQuestion], None],
        answers: dict[AnyQuestion, Answer],
    ) -> None:
        """Adds the answers to ``answers``, in any order."""
        if not questions:
            return
        jobs: dict[VersionCopy, _Job] = {}
        for question in questions:
            refused = _too_large(question) or _extension_unsupported(question)
            if refused is not None:
                answers[question] = refused
                continue
            job = jobs.setdefault(question.copy, _Job(question.copy))
            (job.load if isinstance(question, LoadCopy) else job.inspect).append(question)  # type: ignore[arg-type]
        remaining = list(jobs.values())
        for job in remaining:
            names = {_model_file(one) for one in job.questions}
            job.names = tuple(file.name for file in job.copy.files if job.load or file.name in names)
        while remaining:
            batch = _batch(remaining)
            del remaining[: len(batch)]
            self._process_batch(batch, begin, answers)

    def _process_batch(
        self, batch: Sequence[_Job], begin: Callable[[AnyQuestion], None], answers: dict[AnyQuestion, Answer]
    ) -> None:
        try:
            refused = self._make_directories(batch)
            if refused is None:
                self._rename = _renaming(self._directory, batch)
                self._stream(batch, begin, answers)
            else:
                answers.update((one, refused) for job in batch for one in job.questions)
        finally:
            if self._directory is not None:
                shutil.rmtree(self._directory, ignore_errors=True)
                self._directory = None

    def _make_directories(self, batch: Sequence[_Job]) -> Unavailable | None:
        """Makes a directory for each copy; returns why it cannot."""
        needed = sum(job.size for job in batch)
        try:
            self._directory = tempfile.mkdtemp(prefix="ovms-doctor-")
            free = shutil.disk_usage(self._directory).free - _LEFT_FREE
            for number, job in enumerate(batch):
                job.directory = f"{self._directory}/{number}"
                os.mkdir(job.directory, 0o700)
        except OSError as error:
            return Unavailable(
                f"{size_text(needed)} to download, but no directory to store it (set TMPDIR): "
                f"{error.strerror}"
            )
        if needed <= free:
            return None
        return Unavailable(
            f"{size_text(needed)} to download, and {size_text(max(free, 0))} free for it in "
            f"{tempfile.gettempdir()}"
        )

    def _stream(
        self, batch: Sequence[_Job], begin: Callable[[AnyQuestion], None], answers: dict[AnyQuestion, Answer]
    ) -> None:
        """Downloads copies, and inspects or loads finished ones during the download."""
        jobs: dict[AnyQuestion, _Job] = {}
        for job in batch:
            jobs[FetchCopy(job.copy, job.names, job.directory)] = job
        downloaded: list[_Job] = []
        with _DownloadProgress(batch, self._progress):
            for question, answer in self._fetch(list(jobs), begin):
                job = jobs[question]
                if not isinstance(answer, StoreResponse):
                    answers.update(dict.fromkeys(job.questions, answer))
                    continue
                downloaded.append(job)
                if len(downloaded) == _TOGETHER:
                    self._inspect_batch(downloaded, begin, answers)
                    downloaded = []
        self._inspect_batch(downloaded, begin, answers)
        # Not earlier: now the children have no other questions left.
        self._inspect_again(answers)

    def _inspect_batch(
        self, jobs: Sequence[_Job], begin: Callable[[AnyQuestion], None], answers: dict[AnyQuestion, Answer]
    ) -> None:
        originals: dict[AnyQuestion, tuple[InspectCopy | LoadCopy, _Job]] = {}
        for job in jobs:
            for one in job.inspect:
                originals[InspectModel(f"{job.directory}/{one.file}", one.format)] = (one, job)
            for other in job.load:
                path = f"{job.directory}/{other.file}"
                originals[LoadModel(path, other.level, other.preparation)] = (other, job)
        found = self._own_collector.collect(
            list(originals), lambda local: begin(originals[local][0] if local in originals else local)
        )
        reinspections: dict[AnyQuestion, _Reinspection] = {}
        for local, (question, job) in originals.items():
            answer = found[local]
            if isinstance(answer, ModelInspection) and (beginnings := _suspicious_holes(job, answer)):
                reinspections[local] = _Reinspection(question, job, beginnings)
            else:
                answers[question] = self._answer_of_copy(answer, job, frozenset())
        kept = {id(item.job) for item in reinspections.values()}
        self._reinspections.update(reinspections)
        for job in jobs:
            if id(job) not in kept:
                shutil.rmtree(job.directory, ignore_errors=True)

    def _inspect_again(self, answers: dict[AnyQuestion, Answer]) -> None:
        """If holes replace files of a wrong size, downloads their beginnings and inspects all copies again."""
        reinspections, self._reinspections = self._reinspections, {}
        questions = {
            ReadObject(item.job.copy.access, item.job.copy.prefix + name, HEAD_BYTES): path
            for item in reinspections.values()
            for path, name in item.beginnings.items()
        }
        known = set()
        for question, answer in self._fetch(list(questions), _ignore_question):
            path = questions[cast(ReadObject, question)]
            if isinstance(answer, FileContent):
                with open(path, "r+b") as file:
                    file.write(answer.data[: os.fstat(file.fileno()).st_size])
                known.add(path)
        found = self._own_collector.collect(list(reinspections), _ignore_question) if reinspections else {}
        for local, item in reinspections.items():
            answers[item.question] = self._answer_of_copy(found[local], item.job, known)
            shutil.rmtree(item.job.directory, ignore_errors=True)

    def _answer_of_copy(self, answer: Answer, job: _Job, known: Set[str]) -> Answer:
        """Returns ``answer`` with the store's paths. Of a hole it reports only the size, and, if its beginning is
        ``known``, the result for that."""
        if isinstance(answer, ModelInspection):
            holes = _holes(job)
            unread = holes.keys() - known
            kept = tuple(
                fault
                for fault in answer.faults
                if not (fault.kind in _OF_HOLES and fault.path in holes)
                and not (fault.kind == faults.ZERO_FILLED and fault.path in unread)
            )
            answer = replace(answer, faults=kept)
        return renamed(answer, self._rename)


class _Reinspection(Struct):
    """A question to answer again. ``beginnings``: the files whose beginning is needed, by path here, with their
    names."""

    question: InspectCopy | LoadCopy
    job: _Job
    beginnings: dict[str, str]


def _holes(job: _Job) -> dict[str, str]:
    """Returns the files that were not downloaded: path here and name."""
    return {
        f"{job.directory}/{file.name}": file.name for file in job.copy.files if file.name not in job.names
    }


def _suspicious_holes(job: _Job, inspection: ModelInspection) -> dict[str, str]:
    holes = _holes(job)
    return {
        fault.path: holes[fault.path]
        for fault in inspection.faults
        if fault.kind in _SUSPICIOUS and fault.path in holes
    }


def _renaming(directory: str | None, batch: Sequence[_Job]) -> Callable[[str], str]:
    """Returns a function for all paths: to make one pattern takes longer than to use it."""
    urls = {job.directory: job.copy.access.url(job.copy.prefix.rstrip("/")) for job in batch}
    pattern = re.compile(re.escape(f"{directory}/") + r"\d+" + END_OF_NAME)
    return lambda text: pattern.sub(lambda match: urls.get(match[0], match[0]), text)


def _model_file(question: InspectCopy | LoadCopy) -> str:
    """Returns the file with the model: in a directory, TensorFlow's name of it."""
    directory = question.file == "" or question.file.endswith("/")
    return f"{question.file}saved_model.pb" if directory else question.file


def _too_large(question: InspectCopy | LoadCopy) -> Unavailable | None:
    limit = question.copy.limit
    if not limit:
        return None
    size = question.copy.size
    if isinstance(question, InspectCopy):
        name = _model_file(question)
        size = sum(file.size for file in question.copy.files if file.name == name)
    if size <= limit:
        return None
    needed, most = size_text(size), size_text(limit)
    if needed == most:
        needed, most = f"{size:,} bytes", f"{limit:,}"
    return Unavailable(f"{needed} to download, more than the limit of {most}: --download-limit raises it")


def _extension_unsupported(question: InspectCopy | LoadCopy) -> Unavailable | None:
    if isinstance(question, LoadCopy) and question.extension is not None:
        return Unavailable("a CPU extension is not tried with a model from a store")
    return None


def _batch(remaining: Sequence[_Job]) -> list[_Job]:
    """Returns as many jobs as fit in one download, at least one."""
    batch: list[_Job] = []
    size = 0
    for job in remaining[:_AT_A_TIME]:
        size += job.size
        if batch and size > _BYTES_AT_A_TIME:
            break
        batch.append(job)
    return batch


class _DownloadProgress:
    """Reports the downloaded bytes during the download."""

    def __init__(self, batch: Sequence[_Job], progress: Progress | None) -> None:
        total = sum(job.size for job in batch)
        self._batch = batch
        self._total = total
        self._progress = progress if total >= _LEAST_REPORTED else None
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._report_progress, daemon=True)

    def __enter__(self) -> None:
        if self._progress is not None:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._finished.set()
            self._thread.join()

    def _report_progress(self) -> None:
        assert self._progress is not None
        while not self._finished.wait(_REPORT_INTERVAL):
            received = sum(_file_size(f"{job.directory}/{name}") for job in self._batch for name in job.names)
            url = self._batch[0].copy.access.url(self._batch[0].copy.prefix.rstrip("/"))
            self._progress(url, min(received, self._total), self._total)


def _file_size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _ignore_question(question: AnyQuestion) -> None:
    """Ignores progress."""
