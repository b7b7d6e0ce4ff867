"""In a child: models and libraries inspected and loaded, by server path and as the server's user."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Failure,
    InspectLibrary,
    InspectModel,
    LoadExtension,
    LoadModel,
    LoadReport,
    ModelInspection,
    Unavailable,
)
from ovms_doctor.model.mounts import MountTable
from ovms_doctor.probes.filesystem import LocalFiles, open_files
from ovms_doctor.probes.processes.worker import read_ids, read_mounts
from ovms_doctor.probes.resolved_path import ResolvedPath
from ovms_doctor.probes.walk import outside

#: The questions that are answered here.
CheckOptions: TypeAlias = InspectModel | LoadModel | InspectLibrary | LoadExtension
#: What ends a pattern of paths: ``/a/model.xml.bak`` is not below ``/a/model.xml``.
END_OF_NAME = r"(?![\w.-])"
#: What is done with a model or library at a path of this host. A question's extension is a path of it too.
Use: TypeAlias = Callable[[CheckOptions, str], Answer]


#: As in :mod:`ovms_doctor.probes.processes.worker`.
Starter: TypeAlias = Callable[[Mapping[str, Any]], tuple[Callable[[AnyQuestion], Answer], dict[str, Any]]]


class Models:
    """Answers questions about models and libraries; ``use`` is handed each with the paths of this host."""

    def __init__(self, files: LocalFiles, table: MountTable, use: Use) -> None:
        self._files = files
        self._table = table
        self._use = use

    def answer(self, question: AnyQuestion) -> Answer:
        """The answer, with server paths; TypeError for a question that is not about models."""
        if not isinstance(question, InspectModel | LoadModel | InspectLibrary | LoadExtension):
            raise TypeError(f"{type(question).__name__} is not about models")
        stop = self._obstacle(question.path)
        if isinstance(stop, Failure) and isinstance(question, LoadModel | LoadExtension):
            denial = stop.denial
            return Unavailable(
                f"the server's user may not {denial.right} {denial.path}"
                if denial
                else os.strerror(stop.errno)
            )
        if stop is not None:
            return stop
        reached = self._reach(question.path)
        if isinstance(reached, Unavailable):
            return reached
        host, prefixes = reached
        if isinstance(question, LoadModel) and question.extension is not None:
            extension = self._reach(question.extension)
            if isinstance(extension, Unavailable):
                return Unavailable(f"the CPU extension: {extension.reason}")
            library, more = extension
            question, prefixes = replace(question, extension=library), [*prefixes, *more]
        answer = self._use(question, host)
        return renamed(answer, renaming(prefixes)) if prefixes else answer

    def _obstacle(self, path: str) -> Failure | Unavailable | None:
        """What keeps the server's user from the model where this process is not that user."""
        for part in _parts(path):
            found: ResolvedPath | Failure | Unavailable | None = self._files.walker.find(part)
            if isinstance(found, ResolvedPath) and self._files.means == "predict":
                found = self._files.readable(part)
            if isinstance(found, Unavailable):
                return found
            # All other failures are left to who opens the file, whose words are wanted.
            denied = isinstance(found, Failure) and found.errno == errno.EACCES
            if isinstance(found, Failure) and denied and self._files.means == "predict":
                return found
        return None

    def _reach(self, path: str) -> tuple[str, list[tuple[str, str]]] | Unavailable:
        """A path of this host by which the libraries can open the model, and how to name it again."""
        host = self._table.to_host(path)
        if host is None:
            return outside(path)
        prefixes = []
        top = self._files.walker.base_of(path)
        if top is not None:
            server, base, rest = top
            plain = self._table.to_host(server) or server
            prefixes += [(plain, server), (os.path.realpath(plain), server)]
            if not _visible(plain):
                # The user may not go through the parents of the root: in by the root's descriptor.
                if not base.is_directory:
                    return Unavailable(f"the server's user may not reach {plain} on this host")
                host = "/".join([base.host, *rest])
                prefixes.append((base.host, server))
        for part, reached in zip(_parts(path), _parts(host), strict=True):
            found = self._files.walker.find(part)
            if isinstance(found, ResolvedPath) and not _same(found.host, reached):
                return Unavailable(f"a link leads elsewhere on this host than it does for the server: {part}")
        return host, [pair for pair in prefixes if pair[0] not in ("/", pair[1])]


def inspector() -> Starter:
    """What reads model files."""
    from ovms_doctor.probes.inspect import inspect_model

    def inspect(question: CheckOptions, path: str) -> Answer:
        if not isinstance(question, InspectModel):
            raise TypeError("this process only inspects")
        return inspect_model(path, question.format)

    return lambda options: _started(options, inspect)


def library_inspector() -> Starter:
    """What reads shared libraries: it takes a while to import, and is hardly ever needed."""
    from ovms_doctor.probes import library

    lacking, here = library.prepare(), library.local_openvino()

    def inspect(question: CheckOptions, path: str) -> Answer:
        return Unavailable(lacking) if lacking else library.inspect_library(path, here)

    return lambda options: _started(options, inspect)


def loader() -> Starter:
    """What loads models and extensions with OpenVINO, and reads model files."""
    from ovms_doctor.probes.inspect import inspect_model
    from ovms_doctor.probes.runtime.backend import RuntimeUnavailableError
    from ovms_doctor.probes.runtime.read import Runtime

    runtime = Runtime()
    reason = ""
    try:
        runtime.prepare()
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

    def start(options: Mapping[str, Any]) -> tuple[Callable[[AnyQuestion], Answer], dict[str, Any]]:
        runtime.memory_limit = options.get("memory_limit")
        return _started(options, load, runtime.version)

    return start


def _started(
    options: Mapping[str, Any], use: Use, runtime: str = ""
) -> tuple[Callable[[AnyQuestion], Answer], dict[str, Any]]:
    """Takes on the server's ids: all is imported by now, for the server's user may not be able to read this
    package."""
    table = read_mounts(options)
    files = open_files(read_ids(options), options.get("roots", ()), table)
    return Models(files, table, use).answer, {"means": files.means, "runtime": runtime}


def _parts(path: str) -> list[str]:
    """The model's file, and the weights that are opened with it by name."""
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


def renaming(prefixes: list[tuple[str, str]]) -> Callable[[str], str]:
    """What puts the server's paths in a text for this host's; ``prefixes`` are pairs of both."""
    names = dict(sorted(prefixes, key=lambda pair: -len(pair[0])))
    pattern = re.compile("(?:" + "|".join(map(re.escape, names)) + ")" + END_OF_NAME)
    return lambda text: pattern.sub(lambda match: names[match[0]], text)


def renamed(answer: Answer, rename: Callable[[str], str]) -> Answer:
    """``answer`` with ``rename`` done to what may hold a path."""
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
