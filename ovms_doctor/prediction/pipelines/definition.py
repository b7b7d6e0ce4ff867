"""A pipeline as ``pipeline_config_list`` defines it (pipeline_config_parser.cpp, the same from v2022.1 to v2026.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.pipelines import PipelineFeed

#: The names of the nodes at both ends (aliases.hpp).
ENTRY, EXIT = "request", "response"
NodeKind: TypeAlias = Literal["entry", "model", "custom", "exit"]


class PipelineNode(Struct, frozen=True):
    """One node of a pipeline."""

    #: The node's name.
    name: str
    #: The node's kind.
    kind: NodeKind
    #: JSON pointer of its definition.
    pointer: str
    #: The model of a node of the type "DL model".
    model: str = ""
    #: The version of this model; 0: the default one.
    version: int = 0
    #: The library of a node of the type "custom".
    library: str = ""
    #: The names under which other nodes get its outputs: (name, output of the model or library).
    outputs: tuple[tuple[str, str], ...] = ()
    #: The connections of its inputs: (other node, name of that node's output, own input), in the file's order.
    inputs: tuple[tuple[str, str, str], ...] = ()
    #: The number of parts into which its outputs are split; -1 for any number; None if it is not a demultiplexer.
    demultiply: int | None = None
    #: The demultiplexers whose parts it gathers.
    gathers: frozenset[str] = frozenset()

    def output(self, name: str) -> str | None:
        """Returns the output of the model that other nodes get under ``name``; None for none. Of equal names, the last
        counts."""
        return dict(self.outputs).get(name)

    def sources(self) -> dict[str, list[tuple[str, str]]]:
        """Returns its inputs by the node that they come from: name of that node's output, own input."""
        found: dict[str, list[tuple[str, str]]] = {}
        for node, output, own in self.inputs:
            found.setdefault(node, []).append((output, own))
        return found


class PipelineDefinition(Struct, frozen=True):
    """A pipeline whose definition is valid for the schema."""

    #: The pipeline's name.
    name: str
    #: The JSON pointer of its definition.
    pointer: str
    #: Its nodes: the node that receives the request, those of the file, the node that sends the response.
    nodes: tuple[PipelineNode, ...]

    def node(self, name: str) -> PipelineNode | None:
        """Returns the first node of this name."""
        return next((node for node in self.nodes if node.name == name), None)

    def feeds(self) -> tuple[PipelineFeed, ...]:
        """Returns the destinations of the inputs of a request."""
        return tuple(
            PipelineFeed(output, node.model, node.version, own)
            for node in self.nodes
            for source, output, own in node.inputs
            if source == ENTRY
        )


def read_pipeline(config: dict[str, Any], pointer: str) -> PipelineDefinition:
    """Returns the pipeline of one entry of ``pipeline_config_list``, which the schema has accepted."""
    entry = PipelineNode(
        ENTRY,
        "entry",
        f"{pointer}/inputs",
        outputs=tuple((name, name) for name in config["inputs"]),
        demultiply=_count(config),
    )
    nodes = [_node(node, f"{pointer}/nodes/{index}") for index, node in enumerate(config["nodes"])]
    # The response gathers the parts that no other node gathers.
    split = {node.name for node in (entry, *nodes) if node.demultiply is not None}
    gathered = {name for node in nodes for name in node.gathers}
    end = PipelineNode(
        EXIT,
        "exit",
        f"{pointer}/outputs",
        inputs=_inputs(config["outputs"]),
        gathers=frozenset(split - gathered),
    )
    return PipelineDefinition(config["name"], pointer, (entry, *nodes, end))


def _node(config: dict[str, Any], pointer: str) -> PipelineNode:
    gathers = config.get("gather_from_node")
    return PipelineNode(
        config["name"],
        "model" if config["type"] == "DL model" else "custom",
        pointer,
        config.get("model_name", ""),
        config.get("version", 0),
        config.get("library_name", ""),
        tuple((item["alias"], item["data_item"]) for item in config["outputs"]),
        _inputs(config["inputs"]),
        _count(config),
        frozenset() if gathers is None else frozenset((gathers,)),
    )


def _inputs(rows: Iterable[dict[str, Any]]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (source["node_name"], source["data_item"], name) for row in rows for name, source in row.items()
    )


def _count(config: dict[str, Any]) -> int | None:
    """Returns ``demultiply_count``; 0 is read as -1."""
    count = config.get("demultiply_count")
    return None if count is None else int(count) or -1
