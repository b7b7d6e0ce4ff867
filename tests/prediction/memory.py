"""Files in memory: questions of the rules are answered from a dictionary of paths. No files, no processes."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from ovms_doctor.model.deployment import Deployment, ModelEntry
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Denial,
    Entry,
    EntryKind,
    Facts,
    Failure,
    Fault,
    FileContent,
    InspectModel,
    InspectNetwork,
    ListDirectory,
    Listing,
    LoadModel,
    LoadReport,
    ModelInspection,
    NetworkInspection,
    PathStatus,
    ReadFile,
    StatHost,
    StatPath,
    Tensor,
    Unavailable,
)
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.startup import plan

INPUT = Tensor(("x",), "f32", "[1,3]")
OUTPUT = Tensor(("y",), "f32", "[1,10]")


@dataclass
class MemoryFiles:
    """``files``: path → content (``good``: a model that loads; others do not). ``other_kinds``: path → kind, if it is
    neither file nor directory. ``denied``: path → the right that is missing there. ``questions``: all
    questions so far. ``host``: paths of the host itself."""

    files: dict[str, str | bytes] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    other_kinds: dict[str, EntryKind] = field(default_factory=dict)
    denied: dict[str, str] = field(default_factory=dict)
    loops: set[str] = field(default_factory=set)
    questions: list[AnyQuestion] = field(default_factory=list)
    host: set[str] = field(default_factory=set)

    def answer(self, question: AnyQuestion) -> Answer:
        self.questions.append(question)
        if isinstance(question, InspectNetwork):
            return NetworkInspection(first_open_port=0)
        if isinstance(question, StatHost):
            known = any((path + "/").startswith(question.path.rstrip("/") + "/") for path in self.host)
            return PathStatus("directory", 0) if known else Failure(errno.ENOENT)
        path = question.path.replace("//", "/")
        if not isinstance(question, InspectModel | LoadModel):
            path = path.rstrip("/")
        blocked = self._blocked(path)
        if blocked is not None:
            return blocked
        if isinstance(question, StatPath):
            return self._status(path)
        if isinstance(question, ListDirectory):
            return self._listing(path)
        if isinstance(question, ReadFile):
            if self.denied.get(path) == "read":
                return self._denial(path, "read")
            text = self.files.get(path)
            if text is None:
                return Failure(errno.ENOENT)
            return FileContent(text if isinstance(text, bytes) else text.encode(), len(text))
        good = self.files.get(path) == "good"
        if isinstance(question, InspectModel):
            fault = Fault("text", path, True, "no model", "text")
            faults = () if good else (fault,)
            tensors = ((INPUT,), (OUTPUT,)) if good else (None, None)
            return ModelInspection(question.format, (), faults, inputs=tensors[0], outputs=tensors[1])
        if not isinstance(question, LoadModel):
            return Unavailable("not in memory")
        if good:
            return LoadReport(question.level, "ok", "read", "", "test", None, (INPUT,), (OUTPUT,))
        return LoadReport(question.level, "failed", "read", "Unable to read the model\n\n", "test")

    def _blocked(self, path: str) -> Failure | None:
        parts = path.split("/")
        for end in range(1, len(parts)):
            above = "/".join(parts[:end]) or "/"
            if self.denied.get(above) == "search":
                return self._denial(above, "search")
        return None

    def _denial(self, path: str, right: str) -> Failure:
        return Failure(errno.EACCES, Denial(path, right, 0, 0, 0o700, "predicted"))  # type: ignore[arg-type]

    def _status(self, path: str) -> PathStatus | Failure:
        if path in self.loops:
            return Failure(errno.ELOOP)
        if path in self.other_kinds and self.other_kinds[path] != "link":
            return PathStatus(self.other_kinds[path], 0)  # type: ignore[arg-type]
        if path in self.files:
            return PathStatus("regular", len(self.files[path]))
        if self._is_directory(path):
            return PathStatus("directory", 0)
        return Failure(errno.ENOENT)

    def _is_directory(self, path: str) -> bool:
        below = path + "/"
        paths = [*self.files, *self.directories, *self.other_kinds, *self.loops]
        return path in self.directories or any(name.startswith(below) for name in paths)

    def _listing(self, path: str) -> Listing | Failure:
        if self.denied.get(path) == "read":
            return self._denial(path, "read")
        if not self._is_directory(path):
            return Failure(errno.ENOENT)
        entries: dict[str, Entry] = {}
        for name in [*self.files, *self.directories, *self.other_kinds, *self.loops]:
            if name.startswith(path + "/"):
                first, _, rest = name[len(path) + 1 :].partition("/")
                kind: EntryKind = "directory" if rest or name in self.directories else "regular"
                if not rest and name in self.other_kinds:
                    kind = self.other_kinds[name]
                if not rest and name in self.loops:
                    kind = "link"
                entries.setdefault(first, Entry(first, kind))
        return Listing(tuple(entries.values()))


def settle(deployment: Deployment, files: MemoryFiles) -> Plan:
    """Predicts and answers in turns, as ``diagnosis`` does."""
    facts = Facts()
    for _ in range(200):
        planned = plan(deployment, facts)
        if planned.plan is not None:
            return planned.plan
        facts.add({question: files.answer(question) for question in planned.missing})
    raise AssertionError("the rules never stop asking for facts")


#: Keywords of ``deployment`` that are options of the run.
_OPTIONS = ("load", "cache_dir", "cpu_extension", "probe_write", "download_limit")


def deployment(release: str = "2026.3", mode: str = "config", **more: object) -> Deployment:
    """A deployment with one model ``m`` at /m and the image's user."""
    entry = more.pop("entry", ModelEntry("m", "/m"))
    options = {name: more.pop(name) for name in _OPTIONS if name in more}
    base = {
        "models": (entry,),
        "options": CheckOptions(**options),
        "user": User(5000, 5000),
        "working_directory": "/",
        **more,
    }
    return Deployment(mode, parse_release(release), "test", **base)  # type: ignore[arg-type]


def model_of(*versions: str, bad: tuple[str, ...] = ()) -> MemoryFiles:
    """A model with an ONNX file in each version directory; those in ``bad`` do not load."""
    return MemoryFiles({f"/m/{name}/a.onnx": "broken" if name in bad else "good" for name in versions})
