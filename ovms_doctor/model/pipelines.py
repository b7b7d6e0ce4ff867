"""The predicted result for a pipeline of models (DAG)."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.parameters import Dimension
from ovms_doctor.model.server_log import Message

#: Why a pipeline is not served.
#: - ``duplicate``, ``occupied``: an earlier pipeline, or a model or graph, has its name.
#: - ``missing_library``, ``missing_model``, ``missing_node``: the target of a node's reference does not exist.
#: - ``unavailable_model``: the model is configured, and no version of it is served.
#: - ``doubled_node``: two nodes have one name.
#: - ``exit_used``: the response is used as a source.
#: - ``auto``: the model's shape or batch size is ``auto``.
#: - ``strings``: strings are neither split nor passed from model to model.
#: - ``gather_missing``, ``gather_plain``: the source node of a gather does not exist, or splits nothing.
#: - ``split_rank``, ``split_size``: a tensor cannot be split into so many parts.
#: - ``split_dynamic``: several nodes split, and one of them into any number of parts.
#: - ``source_name``: a node has no output of this name.
#: - ``output_name``, ``input_name``: the model has no output or input of this name.
#: - ``input_twice``, ``unconnected``: an input has two sources, or none.
#: - ``shape``, ``precision``: two connected models do not fit.
#: - ``cycle``, ``loose``: nodes form a circle, or have no connection to the response.
#: - ``order``: splits are not gathered in the reverse order.
PipelineFaultKind: TypeAlias = Literal[
    "duplicate",
    "occupied",
    "missing_library",
    "missing_model",
    "unavailable_model",
    "missing_node",
    "doubled_node",
    "exit_used",
    "auto",
    "strings",
    "gather_missing",
    "gather_plain",
    "split_rank",
    "split_size",
    "split_dynamic",
    "source_name",
    "output_name",
    "input_name",
    "input_twice",
    "unconnected",
    "shape",
    "precision",
    "cycle",
    "loose",
    "order",
]


class PipelineFault(Struct, frozen=True):
    """Why a pipeline is not served: the first reason that the server's validation finds."""

    #: The pipeline's name.
    name: str
    #: The JSON pointer of the faulty part.
    pointer: str
    #: The reason.
    reason: PipelineFaultKind
    #: The subject of the reason: a model, a library, a node, an input, an output.
    subject: str
    #: The server's lines.
    log: tuple[str, ...]
    #: The validated node.
    node: str = ""
    #: The other node of the connection.
    other: str = ""
    #: The value that the node needs: shapes or precisions, the version of a model.
    needed: str = ""
    #: The value that the node gets.
    provided: str = ""


class PipelineFeed(Struct, frozen=True):
    """The destination of an input of a pipeline."""

    #: The input's name.
    name: str
    #: The model of the node that gets it; empty for a custom node and the response, whose inputs are in no file.
    model: str
    #: The version of that model; 0: the default one.
    version: int
    #: The input of that model.
    input: str


class PipelinePlan(Struct, frozen=True):
    """A pipeline and its state after start-up."""

    #: Its name.
    name: str
    #: The JSON pointer of its definition.
    pointer: str
    #: Whether it is AVAILABLE right after start-up; None if that is unknown.
    available: bool | None
    #: The same after two further polls: it is validated again after a model changes.
    later_available: bool | None = None
    #: Why it is not available.
    fault: PipelineFault | None = None
    #: Parts of its validation that this program could not predict, one sentence each.
    doubts: tuple[str, ...] = ()
    #: The destinations of the inputs of its requests.
    feeds: tuple[PipelineFeed, ...] = ()
    #: The number of parts into which each input of a request is split; -1 for any number; None if it is not split.
    parts: int | None = None

    @property
    def is_dropped(self) -> bool:
        """Whether the server does not register it, because another servable has its name."""
        return self.fault is not None and self.fault.reason in ("duplicate", "occupied")


class PipelineTensor(Struct, frozen=True):
    """An input or output of a model, as a pipeline's validation compares it."""

    #: The server's name of its element type: ``FP32``.
    precision: str
    #: Its shape; None if it is unknown.
    shape: tuple[Dimension, ...] | None


_F = "Validation of pipeline: {name} definition failed. "
_FILE = "pipelinedefinition.cpp"
EXIT_USED = Message(_F + "Exit node used as dependency node", _FILE)
AUTO_PARAMETERS = Message(
    _F
    + "Node name: {node} used model name: {model} with batch/shape parameter set to 'auto' which is forbidden. "
    "Use dynamic shape.",
    _FILE,
)
STRING_SPLIT = Message(_F + "Demultiplication of strings in unsupported. Node name: {node}", _FILE)
GATHER_MISSING = Message(
    _F + "Node name: {node}, have gather_from: {gather} which does not exist in pipeline", _FILE
)
GATHER_PLAIN = Message(
    _F + "Node name: {node}, have gather_from: {gather} which is not demultiplexer node", _FILE
)
SOURCE_MISSING = Message(
    _F + "Missing dependency node: {other} data item: {item} for dependent node: {node}", _FILE
)
OUTPUT_MISSING = Message(
    _F + "Missing output: {output} of dependency node: {other}; data source: {item}", _FILE
)
SPLIT_RANK = Message(
    _F + "Node: {node} demultiply cannot occur due to not enough shape dimensions: {rank}", _FILE
)
SPLIT_SIZE = Message(
    _F + "Demultiply count: {count} of node: {node} does not match tensor first dimension value: {size}",
    _FILE,
)
SHAPE_MISMATCH = Message(
    _F
    + "Shape mismatch between: dependent node: {node}; input: {input}; shape: {needed} vs dependency node: {other}; "
    "output: {output}; shape: {given}",
    _FILE,
)
PRECISION_MISMATCH = Message(
    _F
    + "Precision mismatch between: dependent node: {node}; input: {input}; precision: {needed} vs dependency node: "
    "{other}; output: {output}; precision: {given}",
    _FILE,
)
STRING_CONNECTION = Message(
    _F
    + "Connecting models with string precision is unsupported: dependent node: {node}; input: {input}; precision: "
    "{needed} vs dependency node: {other}; output: {output}; precision: {given}",
    _FILE,
)
NOT_CONNECTED = Message(_F + "Node: {node} has inputs:: {inputs} not connected to any source", _FILE)
INPUT_MISSING = Message(_F + "Node: {node} has no input with name: {input}", _FILE)
INPUT_TWICE = Message(
    _F + "Node: {node} input name: {input} is connected to more than one data source", _FILE
)
MODEL_UNAVAILABLE = Message(
    _F + "Dependency DL model node refers to unavailable model - name: {model}; version: {version}", _FILE
)
SELF_CONNECTED = Message("Node: {node} is connected to itself in pipeline: {name}", _FILE)
CYCLE = Message("In pipeline: {name}, following nodes creates cycle: {nodes}", _FILE)
LOOSE_NODES = Message("In pipeline: {name}, there are not connected nodes", _FILE)
NOT_GATHERED = Message(
    "In pipeline: {name} exists path that doesn't gather from demultiplexer node: {other}, connection to node: {node}.",
    _FILE,
)
GATHERED_ELSEWHERE = Message(
    "In pipeline: {name} exists path where after demultiplexer node: {other} there is gathering from different nodes: "
    "{nodes}.",
    _FILE,
)
GATHERED_BESIDE = Message(
    "In pipeline: {name} exists path that gathers from nodes that are not in path: {nodes}. Consider changing inputs "
    "of the node that gathers from mentioned demultiplexer nodes",
    _FILE,
)
LEVELS_DIFFER = Message(
    "In pipeline: {name} after node: {node} exist paths that have different demultiply levels. Consider changing "
    "output connections of node: {node}",
    _FILE,
)
SEVERAL_DYNAMIC = Message(
    "PipelineDefinition: {name} has multiple demultiplexers with at least one dynamic.", _FILE
)
INVALID_LIBRARY = Message("Pipeline: {name} node: {node} refers to invalid library", _FILE)
