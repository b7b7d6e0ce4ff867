"""The models that a graph adds: subconfig.json, or a config.json next to the graph.

Source: MediapipeGraphConfig::parseNode and ModelManager::loadMediapipeSubConfigModels (v2023.0 to v2026.3). The
first existing file that lists no models ends the reading for all later graphs; the file has no other effect.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, FileContent, PathStatus, ReadFile, StatPath
from ovms_doctor.model.plan_problems import ConfigNote, SkippedEntry, StartProblem
from ovms_doctor.prediction.config.reading import ConfigEntry, Subconfig, read_subconfig
from ovms_doctor.prediction.parameters.parsed import end_of_reading, parse_parameters
from ovms_doctor.prediction.paths import absolute, join_base_path

_LIMIT = 16 << 20
_MODEL_MESH = "config.json"


class GraphFiles(Struct, frozen=True):
    """A graph that is loaded, and its path."""

    #: The graph's entry, with the name of its subconfig file.
    item: ConfigEntry
    #: graph.pbtxt as the server opens it.
    path: str


class SubconfigModels(Struct, frozen=True):
    """The result of reading the subconfig files."""

    #: The models that the server tries to load, in its order; of equal names all.
    entries: tuple[ConfigEntry, ...] = ()
    #: The entries that it leaves out because of a parameter.
    skipped: tuple[SkippedEntry, ...] = ()
    #: Why the process ends after the last of the models; None if it does not.
    problem: StartProblem | None = None
    #: The notes on files that are not read.
    notes: tuple[ConfigNote, ...] = ()


class _File(Struct, frozen=True):
    """A subconfig file that was read."""

    #: The name of the graph.
    graph: str
    #: The path as the server opens it.
    path: str
    #: The listed models.
    entries: tuple[ConfigEntry, ...]


def graph_base(item: ConfigEntry, path: str) -> str:
    """Returns the directory to which a graph's paths are relative: its base path, or its directory 1 if only that has a
    graph.pbtxt (CheckStartFromGraph, v2025.1)."""
    if len(item.graphs) < 2:
        return item.entry.base_path
    if path == item.graphs[1] and path != item.graphs[0]:
        return posixpath.dirname(path)
    # Without a base path, an entry's base path is the directory with its name, next to the configuration.
    return posixpath.dirname(posixpath.dirname(item.graphs[1]))


def subconfig_models(graphs: Sequence[GraphFiles], deployment: Deployment, facts: Facts) -> SubconfigModels:
    """Returns the models of all graphs, in the server's order. Raises FactsMissingError."""
    files: list[_File] = []
    notes: list[ConfigNote] = []
    ended: tuple[str, Subconfig] | None = None
    for graph in graphs:
        found = _open(graph, deployment, facts)
        if found is None:
            continue
        path, data = found
        reading = read_subconfig(data, path, deployment)
        name, pointer = graph.item.entry.name, graph.item.entry.pointer
        if ended is not None:
            if isinstance(reading, tuple) and reading:
                notes.append(ConfigNote("subconfig_skipped", pointer, path, name, other=ended[0]))
            continue
        if isinstance(reading, tuple):
            files.append(_File(name, path, reading))
            continue
        ended = path, reading
        if reading.reason == "not_json" and posixpath.basename(path) != _MODEL_MESH:
            line = server_log.SUBCONFIG_NOT_JSON(name=name, path=path, error=reading.message)
            notes.append(ConfigNote("subconfig_not_json", pointer, path, name, (line,), reading.message))
    return replace(_models(files, deployment), notes=tuple(notes))


def _models(files: Iterable[_File], deployment: Deployment) -> SubconfigModels:
    """Applies the same ``loadModels`` as for config.json to each file: an entry with a wrong parameter is left out, and
    one with an unsupported key of plugin_config ends the list of its file."""
    entries: list[ConfigEntry] = []
    skipped: list[SkippedEntry] = []
    for file in files:
        failed = server_log.SUBCONFIG_FAILED(name=file.graph, path=file.path)
        for index, item in enumerate(file.entries):
            entry, pointer = item.entry, item.subconfig_pointer
            parsed = parse_parameters(entry, deployment.release, deployment.devices)
            if parsed.exception:
                problem = end_of_reading(parsed, file.path, pointer)
                return SubconfigModels(tuple(entries), tuple(skipped), problem)
            refusal = parsed.problem or parsed.abort
            if refusal is None:
                entries.append(item)
                continue
            reason: Literal["refused", "aborts"] = "refused" if parsed.problem is not None else "aborts"
            log = (*refusal.log, failed)
            skipped.append(SkippedEntry(entry, reason, refusal.status, log, parsed.at, file.path, pointer))
            if reason == "aborts":
                skipped += (
                    SkippedEntry(later.entry, "after_abort", file=file.path, pointer=later.subconfig_pointer)
                    for later in file.entries[index + 1 :]
                )
                break
    return SubconfigModels(tuple(entries), tuple(skipped))


def _open(graph: GraphFiles, deployment: Deployment, facts: Facts) -> tuple[str, bytes] | None:
    """Returns the first of the two files that opens: its path and content."""
    base = graph_base(graph.item, graph.path).rstrip("/") + "/"
    for path in _candidates(graph.item.subconfig, base, deployment):
        absolute_path = absolute(path, deployment.working_directory)
        status = facts.ask(StatPath(absolute_path))
        if not isinstance(status, PathStatus) or status.kind != "regular":
            continue
        content = facts.ask(ReadFile(absolute_path, _LIMIT))
        if isinstance(content, FileContent):
            return path, content.data
    return None


def _candidates(subconfig: str, base: str, deployment: Deployment) -> Iterator[str]:
    yield join_base_path(subconfig or base, base)
    if deployment.release.at_least(2025, 1):
        yield join_base_path(_MODEL_MESH, base)
