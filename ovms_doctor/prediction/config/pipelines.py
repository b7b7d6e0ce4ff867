"""Pipelines of models (DAG): what the configuration alone shows about them (pipeline_config_parser.cpp,
pipelinedefinition.cpp). What their nodes need of the models' inputs and outputs is not followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from msgspec import Struct

from ovms_doctor.model import server_log
from ovms_doctor.model.plan_problems import PipelineFault

_ENTRY, _EXIT = "request", "response"


class Pipelines(Struct, frozen=True):
    """``faults``: at most one for each pipeline, the first that the server meets. ``followed``: pointer and
    name of those without one."""

    faults: tuple[PipelineFault, ...]
    sound: tuple[tuple[str, str], ...]


def check_pipelines(
    document: dict[str, Any], models: Collection[str], graphs: Collection[str], libraries: Collection[str]
) -> Pipelines:
    """``models`` and ``graphs``: the names that are registered, served or not; ``libraries``: those of
    custom nodes that opened."""
    faults: list[PipelineFault] = []
    sound: list[tuple[str, str]] = []
    seen: set[str] = set()
    for index, config in enumerate(document.get("pipeline_config_list", [])):
        pointer = f"/pipeline_config_list/{index}"
        name = config["name"]
        fault = None
        if name in seen:
            log = (server_log.DUPLICATE_PIPELINE(name=name),)
            fault = PipelineFault(name, pointer, "duplicate", name, log)
        seen.add(name)
        fault = fault or next(_faults(config, pointer, models, graphs, libraries), None)
        if fault is None:
            sound.append((pointer, name))
        else:
            faults.append(fault)
    return Pipelines(tuple(faults), tuple(sound))


def _faults(
    config: dict[str, Any],
    pointer: str,
    models: Collection[str],
    graphs: Collection[str],
    libraries: Collection[str],
) -> Iterator[PipelineFault]:
    name = config["name"]
    if name in models or name in graphs:
        log = (server_log.PIPELINE_NAME_OCCUPIED(name=name),)
        yield PipelineFault(name, pointer, "occupied", name, log)
    nodes = config["nodes"]
    for index, node in enumerate(nodes):
        library = node.get("library_name")
        if node["type"] == "custom" and library not in libraries:
            log = (server_log.PIPELINE_LIBRARY_MISSING(name=name, library=library),)
            yield PipelineFault(name, f"{pointer}/nodes/{index}", "missing_library", library, log)
    names = Counter([_ENTRY, _EXIT, *(node["name"] for node in nodes)])
    # The response node, which takes the pipeline's outputs, is checked last.
    for index, node in enumerate([*nodes, {"name": _EXIT, "type": "exit", "inputs": config["outputs"]}]):
        below = f"{pointer}/nodes/{index}" if index < len(nodes) else f"{pointer}/outputs"
        yield from _node_faults(name, node, below, names, models)


def _node_faults(
    pipeline: str, node: dict[str, Any], pointer: str, names: Counter[str], models: Collection[str]
) -> Iterator[PipelineFault]:
    name = node["name"]
    if names[name] > 1:
        log = (server_log.PIPELINE_NODE_TWICE(name=pipeline, node=name),)
        yield PipelineFault(pipeline, pointer, "doubled_node", name, log)
    if node["type"] == "DL model" and node["model_name"] not in models:
        model, version = node["model_name"], node.get("version", 0)
        log = (server_log.PIPELINE_MODEL_MISSING(name=pipeline, model=model, version=version),)
        yield PipelineFault(pipeline, pointer, "missing_model", model, log)
    for source in node["inputs"]:
        for connection in source.values():
            other = connection["node_name"]
            if other not in names:
                line = server_log.PIPELINE_NODE_MISSING(name=pipeline, node=name, missing=other)
                yield PipelineFault(pipeline, pointer, "missing_node", other, (line,))
