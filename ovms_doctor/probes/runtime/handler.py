"""In a child: models and libraries inspected and loaded, by server path and as the server's user."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Failure,
    InspectLibrary,
    InspectModel,
    InspectTemplate,
    LoadExtension,
    LoadModel,
    LoadPipeline,
    LoadReport,
    ModelInspection,
    Unavailable,
)
from ovms_doctor.model.mounts import MountTable
from ovms_doctor.probes.filesystem import LocalFiles, files_of
from ovms_doctor.probes.processes.messages import Ready
from ovms_doctor.probes.processes.options import ModelOptions
from ovms_doctor.probes.resolved_path import ResolvedPath
from ovms_doctor.probes.walk import outside

#: The questions that are answered here.
CheckOptions: TypeAlias = (
    InspectModel | LoadModel | LoadPipeline | InspectLibrary | InspectTemplate | LoadExtension
)
_OF_MODELS = (InspectModel, LoadModel, LoadPipeline, InspectLibrary, InspectTemplate, LoadExtension)
#: What the walker finds at a path.
Found: TypeAlias = ResolvedPath | Failure | Unavailable
#: The end of a pattern of paths: ``/a/model.xml.bak`` is not below ``/a/model.xml``.
END_OF_NAME = r"(?![\w.-])"
#: Answers a question on a model or library at a path of this host. The extension in the question is a path of this
#: host too.
Use: TypeAlias = Callable[[CheckOptions, str], Answer]


#: The function that answers, and the first message to the parent.
Started: TypeAlias = tuple[Callable[[AnyQuestion], Answer], Ready]
#: Makes a handler of the options.
Starter: TypeAlias = Callable[[ModelOptions], Started]


class _Entry(Struct, frozen=True):
    """How files below a root or mount are opened.

    ``walked``: the beginning of the walker's paths of them.
    ``opened``: the beginning of the paths with which libraries open them; empty for their path on this host, None if
        they cannot be opened.
    ``names``: paths of this host and their server paths, for messages.
    """

    walked: str
    opened: str | None
    names: tuple[tuple[str, str], ...]


class Models:
    """Answers questions about models and libraries; ``use`` gets each question with the paths of this host."""

    def __init__(self, files: LocalFiles, table: MountTable, use: Use) -> None:
        self._files = files
        self._table = table
        self._use = use
        #: By the server's path of the root or mount.
        self._entries: dict[str, _Entry] = {}

    def answer(self, question: AnyQuestion) -> Answer:
        """Returns the answer, with server paths. Raises TypeError for a question that is not about models."""
        if not isinstance(question, _OF_MODELS):
            raise TypeError(f"{type(question).__name__} is not about models")
        found = {part: self._files.walker.find(part) for part in _parts(question.path)}
        stop = self._obstacle(found)
        if isinstance(stop, Failure) and isinstance(question, LoadModel | LoadPipeline | LoadExtension):
            denial = stop.denial
            return Unavailable(
                f"the server's user has no permission to {denial.right} {denial.path}"
                if denial
                else os.strerror(stop.errno)
            )
        if stop is not None:
            return stop
        reached = self._reach(question.path, found)
        if isinstance(reached, Unavailable):
            return reached
        host, names = reached
        if isinstance(question, LoadModel) and question.extension is not None:
            library = question.extension
            extension = self._reach(library, {library: self._files.walker.find(library)})
            if isinstance(extension, Unavailable):
                return Unavailable(f"the CPU extension: {extension.reason}")
            question, names = replace(question, extension=extension[0]), names + extension[1]
        answer = self._use(question, host)
        return renamed(answer, renaming(names)) if names else answer

    def _obstacle(self, found: Mapping[str, Found]) -> Failure | Unavailable | None:
        """Returns why the server's user cannot read the model, if this process is not that user."""
        predicts = self._files.access_mode == "predict"
        for part, resolved in found.items():
            stop = self._files.readable(part) if predicts and isinstance(resolved, ResolvedPath) else resolved
            if isinstance(stop, Unavailable):
                return stop
            # Other failures are left to OpenVINO, which opens the file and whose message is needed.
            if predicts and isinstance(stop, Failure) and stop.errno == errno.EACCES:
                return stop
        return None

    def _reach(
        self, path: str, found: Mapping[str, Found]
    ) -> tuple[str, tuple[tuple[str, str], ...]] | Unavailable:
        """Returns a path of this host by which the libraries can open the model, and the renaming of paths in the
        answer. ``found``: the walker's result for its files."""
        host = self._table.to_host(path)
        if host is None:
            return outside(path)
        walked = _parts(host)
        names: tuple[tuple[str, str], ...] = ()
        top = self._files.walker.base_of(path)
        if top is not None:
            server, base, rest = top
            entry = self._entries.get(server)
            if entry is None:
                entry = self._entries[server] = self._enter(server, base)
            if entry.opened is None:
                return Unavailable(
                    f"the server's user has no permission to reach {self._table.to_host(server)} on this host"
                )
            names = entry.names
            # A file that is itself a root has no path below it: its weights are a root of their own.
            walked = _parts("/".join([entry.walked, *rest])) if rest else [*map(self._base_host, found)]
            if entry.opened:
                host = "/".join([entry.opened, *rest])
        for (part, resolved), straight, reached in zip(found.items(), walked, _parts(host), strict=True):
            if (
                isinstance(resolved, ResolvedPath)
                and resolved.host != straight
                and not _same(resolved.host, reached)
            ):
                return Unavailable(f"a link leads elsewhere on this host than it does for the server: {part}")
        return host, names

    def _base_host(self, path: str) -> str:
        """Returns the path of this host of the open root or mount at ``path``; empty if there is none at this path."""
        top = self._files.walker.base_of(path)
        return top[1].host if top is not None and not top[2] else ""

    def _enter(self, server: str, base: ResolvedPath) -> _Entry:
        plain = self._table.to_host(server) or server
        names = [(plain, server), (os.path.realpath(plain), server)]
        opened: str | None = ""
        if not _visible(plain):
            # The user may not search the parents of the root: the path begins at the root's descriptor.
            opened = base.host if base.is_directory else None
            names.append((base.host, server))
        walked = self._files.walker.beginning(base.host)
        return _Entry(walked, opened, tuple(pair for pair in names if pair[0] not in ("/", pair[1])))


def inspector() -> Starter:
    """Returns the handler that reads model files."""
    from ovms_doctor.probes.inspect import inspect_model

    def inspect(question: CheckOptions, path: str) -> Answer:
        if not isinstance(question, InspectModel):
            raise TypeError("this process only inspects")
        return inspect_model(path, question.format)

    return lambda options: _started(options, inspect, enter=True)


def library_inspector() -> Starter:
    """Returns the handler that reads shared libraries: its import is slow, and it is rarely needed."""
    from ovms_doctor.probes import library

    lacking, openvino_release = library.prepare(), library.local_openvino()

    def inspect(question: CheckOptions, path: str) -> Answer:
        return Unavailable(lacking) if lacking else library.inspect_library(path, openvino_release)

    return lambda options: _started(options, inspect)


def template_inspector() -> Starter:
    """Returns the handler that parses chat templates."""
    from ovms_doctor.probes import templates

    lacking = templates.prepare()

    def inspect(question: CheckOptions, path: str) -> Answer:
        if not isinstance(question, InspectTemplate):
            raise TypeError("this process only parses templates")
        return Unavailable(lacking) if lacking else templates.inspect_template(path, question)

    return lambda options: _started(options, inspect)


def loader(*, tokenizers: bool = False) -> Starter:
    """Returns the handler that loads models and extensions with OpenVINO, and reads model files. ``tokenizers``:
    whether the installed library of text operations is loaded first, as the server does."""
    from ovms_doctor.probes.inspect import inspect_model
    from ovms_doctor.probes.runtime.backend import RuntimeUnavailableError
    from ovms_doctor.probes.runtime.read import Runtime

    runtime = Runtime()
    reason = ""
    try:
        runtime.prepare()
        if tokenizers:
            runtime.add_tokenizers()
    except RuntimeUnavailableError as error:
        reason = str(error)

    def load(question: CheckOptions, path: str) -> Answer:
        if isinstance(question, InspectModel):
            return inspect_model(path, question.format)
        if reason:
            return Unavailable(reason)
        try:
            if isinstance(question, LoadExtension):
                return runtime.try_extension(path)
            if not isinstance(question, LoadModel):
                raise TypeError("this process only loads and inspects models")
            return runtime.load(path, question.level, question.preparation, question.extension)
        except RuntimeUnavailableError as error:
            return Unavailable(str(error))

    def start(options: ModelOptions) -> Started:
        runtime.memory_limit = options.memory_limit
        if options.all_libraries:
            runtime.load_all_libraries()
        return _started(options, load, runtime.version)

    return start


def pipeline_loader() -> Starter:
    """Returns the handler that loads pipelines with OpenVINO GenAI."""
    from ovms_doctor.probes.runtime.backend import RuntimeUnavailableError
    from ovms_doctor.probes.runtime.pipelines import Pipelines

    pipelines = Pipelines()
    reason = ""
    try:
        pipelines.prepare()
    except RuntimeUnavailableError as error:
        reason = str(error)

    def load(question: CheckOptions, path: str) -> Answer:
        if not isinstance(question, LoadPipeline):
            raise TypeError("this process only loads pipelines")
        if reason:
            return Unavailable(reason)
        try:
            return pipelines.load(path, question.task, question.config)
        except RuntimeUnavailableError as error:
            return Unavailable(str(error))

    def start(options: ModelOptions) -> Started:
        pipelines.memory_limit = options.memory_limit
        return _started(options, load, pipelines.version)

    return start


def _started(options: ModelOptions, use: Use, runtime: str = "", *, enter: bool = False) -> Started:
    """Sets the server's ids and returns the handler: all imports are done by now, because the server's user may not
    have the right to read this package. ``enter``: as for ``open_files``."""
    files = files_of(options.files, enter=enter)
    return Models(files, MountTable(options.files.mounts), use).answer, Ready(files.access_mode, runtime)


def _parts(path: str) -> list[str]:
    """Returns the model's file, and the weights that are opened with it by name."""
    stem, suffix = os.path.splitext(path)
    beside = {".xml": ".bin", ".pdmodel": ".pdiparams"}.get(suffix)
    return [path, stem + beside] if beside else [path]


def _visible(path: str) -> bool:
    try:
        os.stat(path)
    except PermissionError:
        return False
    except OSError:
        pass
    return True


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samestat(os.stat(one), os.stat(other))
    except OSError:
        return False


@lru_cache(maxsize=64)
def renaming(prefixes: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    """Returns the function that replaces this host's paths in a text by server paths; ``prefixes`` are pairs of
    both."""
    names = dict(sorted(prefixes, key=lambda pair: -len(pair[0])))
    pattern = re.compile("(?:" + "|".join(map(re.escape, names)) + ")" + END_OF_NAME)
    return lambda text: pattern.sub(lambda match: names[match[0]], text)


def renamed(answer: Answer, rename: Callable[[str], str]) -> Answer:
    """Returns ``answer`` with ``rename`` applied to every text that may contain a path."""
    if isinstance(answer, LoadReport):
        return replace(answer, message=rename(answer.message), detail=rename(answer.detail))
    if isinstance(answer, ModelInspection):
        return replace(
            answer,
            files=tuple(replace(file, path=rename(file.path)) for file in answer.files),
            faults=tuple(
                replace(
                    fault,
                    path=rename(fault.path),
                    detail=rename(fault.detail),
                    evidence=rename(fault.evidence),
                )
                for fault in answer.faults
            ),
        )
    return answer
