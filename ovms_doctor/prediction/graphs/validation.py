"""The validation of a graph's text by the server, before any of its models is loaded.

Source: MediapipeGraphDefinition::validate (mediapipegraphdefinition.cpp) and mediapipe_utils.cpp at v2026.3, in their
order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from ovms_doctor.model.graph_plan import GraphProblem
from ovms_doctor.model.graph_text import GraphField, GraphMessage, TextFault
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.graphs.calculators import Calculator, initialised_as
from ovms_doctor.prediction.graphs.text_format import parse_graph
from ovms_doctor.prediction.graphs.wiring import text_of, wiring_problems

_INVALID = "MEDIAPIPE_GRAPH_CONFIG_FILE_INVALID"
_QUEUE = lazy_pattern(
    rb"(?:^|\n)[ \t\n\v\f\r]*#[ \t\n\v\f\r]*OVMS_GRAPH_QUEUE_MAX_SIZE[ \t\n\v\f\r]*:[ \t\n\v\f\r]*(\S+)"
    rb"[ \t\n\v\f\r]*(?:\r?\n|\Z)"
)
#: The part of a text that std::stoi reads.
_NUMBER = lazy_pattern(rb"[+-]?[0-9]+")
_INT_MAX = (1 << 31) - 1


class Node(Struct, frozen=True):
    """A node of a graph that loads a model."""

    #: The node's name.
    name: str
    #: The node's calculator.
    calculator: Calculator
    #: Its options, None if they are of another type, which the server reads as options that are all unset.
    options: GraphMessage | None
    #: Its line in the file.
    line: int
    #: The name of the side packet with its model, if the server has no packet of this name; empty for the server's own
    #: name.
    packet: str = ""


class Graph(Struct, frozen=True):
    """A graph whose text is valid, or its first problem."""

    #: The parsed text; None if it is refused.
    message: GraphMessage | None = None
    #: The nodes that load models, in the order of the file, before the first one with a problem.
    nodes: tuple[Node, ...] = ()
    #: The first problem that the server reports; None if the text is valid.
    problem: GraphProblem | None = None


def validate_graph(name: str, data: bytes, release: Release) -> Graph:
    """Returns the server's result for the text ``data`` of the graph ``name``."""
    if not data:
        text = f"Trying to parse empty mediapipe graph definition: {name} failed"
        return Graph(problem=GraphProblem("empty", _INVALID, "The file is empty", (text,)))
    parsed = parse_graph(data, release)
    if parsed.message is None:
        return Graph(problem=_refused_text(name, parsed.faults))
    message = parsed.message
    problem = next(_stages(name, data, message, release), None)
    if problem is not None:
        return Graph(message, problem=problem)
    nodes: list[Node] = []
    for field in message.all("node"):
        assert isinstance(field.value, GraphMessage)
        found = _node(name, field, nodes, release)
        if isinstance(found, GraphProblem):
            return Graph(message, tuple(nodes), found)
        if found is not None:
            nodes.append(found)
    return Graph(message, tuple(nodes))


def _refused_text(name: str, faults: Sequence[TextFault]) -> GraphProblem:
    lines = [
        f"Error parsing text-format mediapipe.CalculatorGraphConfig: {fault.line}:{fault.column}: {fault.message}"
        if fault.line
        else f"Error parsing text-format mediapipe.CalculatorGraphConfig: {fault.message}"
        for fault in faults
    ]
    first = faults[0]
    lines.append(f"Trying to parse mediapipe graph definition: {name} failed")
    reason = first.message.rstrip(". ")
    return GraphProblem("text", _INVALID, reason, tuple(lines), first.line, first.column)


def _stages(name: str, data: bytes, message: GraphMessage, release: Release) -> Iterator[GraphProblem]:
    """Yields the problems of the graph as a whole, in the server's order."""
    if release.at_least(2026, 2):
        yield from _queue(name, data, message)
    yield from _streams(name, message)
    yield from wiring_problems(name, message, release)


def _queue(name: str, data: bytes, message: GraphMessage) -> Iterator[GraphProblem]:
    """Yields the problem of ``# OVMS_GRAPH_QUEUE_MAX_SIZE: N`` in a comment (resolveGraphQueueSize, since v2026.2)."""
    match = _QUEUE.search(data)
    if match is None:
        return
    value, line = match[1], data.count(b"\n", 0, match.start(1)) + 1
    value_text = value.decode("utf-8", "surrogateescape")
    if value != b"AUTO":
        digits = _NUMBER.match(value)
        number = int(digits[0][:12]) if digits else None
        if number is None or abs(number) > _INT_MAX:
            text = f"Invalid OVMS_GRAPH_QUEUE_MAX_SIZE value: '{value_text}'. Expected integer or 'AUTO'."
            yield GraphProblem(
                "queue",
                _INVALID,
                f"“{value_text}” is not a valid size of a queue",
                (text,),
                line,
                subject=value_text,
            )
            return
        if number < 0:
            text = f"Invalid OVMS_GRAPH_QUEUE_MAX_SIZE value: {number}. Must be 0 (disabled) or a positive integer."
            yield GraphProblem(
                "queue", _INVALID, f"The size {number} of the queue is negative", (text,), line
            )
        if number == 0:
            return
    for field in message.all("node"):
        node = field.value
        assert isinstance(node, GraphMessage)
        if text_of(node, "calculator") == "PythonExecutorCalculator" and any(
            stream.startswith("LOOPBACK") for stream in node.texts("input_stream")
        ):
            text = (
                "PythonExecutorCalculator with LOOPBACK stream is incompatible with graph queue "
                f"(OVMS_GRAPH_QUEUE_MAX_SIZE) in mediapipe: {name}. Generative Python nodes hold per-request state "
                "that cannot be shared across pooled graphs. Set OVMS_GRAPH_QUEUE_MAX_SIZE to 0 or remove the "
                "LOOPBACK stream."
            )
            reason = "A Python node with a LOOPBACK stream is not compatible with a queue of graphs"
            yield GraphProblem("queue", _INVALID, reason, (text,), field.line, field.column)


def _streams(name: str, message: GraphMessage) -> Iterator[GraphProblem]:
    """Yields the problems of createInputsInfo, createOutputsInfo and setStreamTypes."""
    kinds: tuple[tuple[Literal["input", "output"], str], ...] = (
        ("input", "MEDIAPIPE_WRONG_INPUT_STREAM_PACKET_NAME"),
        ("output", "MEDIAPIPE_WRONG_OUTPUT_STREAM_PACKET_NAME"),
    )
    for kind, status in kinds:
        known: set[str] = set()
        for field in message.all(f"{kind}_stream"):
            full = str(field.value)
            stream = full.rpartition(":")[2]
            line = f"Creating Mediapipe graph {kind}s name failed for: {full}"
            if stream and stream in known:
                line += f". {kind.capitalize()} with the same name already exists."
            if not stream or stream in known:
                reason = (
                    f"The {kind} stream “{full}” has {'a name that is already used' if stream else 'no name'}"
                )
                after = f"Failed to create {kind}s info for mediapipe graph definition: {name}"
                yield GraphProblem("streams", status, reason, (line, after), field.line, field.column, full)
            known.add(stream)
    inputs, outputs = message.texts("input_stream"), message.texts("output_stream")
    if not inputs or not outputs:
        text = (
            f"Failed to prepare mediapipe graph: {name}; having less than one input or output is disallowed"
        )
        missing = "input" if not inputs else "output"
        yield GraphProblem("streams", "INTERNAL_ERROR", f"The graph has no {missing} stream", (text,))
    yield from _pass_through(name, message)


def _pass_through(name: str, message: GraphMessage) -> Iterator[GraphProblem]:
    """Yields the problems of graphs that receive the whole KServe request (tag REQUEST) or give the whole response (tag
    RESPONSE)."""
    requests = [field for field in message.all("input_stream") if _prefix(field) == "REQUEST"]
    responses = [field for field in message.all("output_stream") if _prefix(field) == "RESPONSE"]
    if any(
        _prefix(field) == "TFLITE_TENSOR"
        for kind in ("input", "output")
        for field in message.all(f"{kind}_stream")
    ):
        text = "There is no support for TfLiteTensor deserialization & serialization"
        yield GraphProblem(
            "streams", "NOT_IMPLEMENTED", "Streams of the tag TFLITE_TENSOR are not supported", (text,)
        )
    if requests and not responses:
        text = (
            f"Failed to prepare mediapipe graph configuration: {name}; KFS passthrough mode is misconfigured. KServe "
            "for mediapipe graph passing whole KFS request and response requires: RESPONSE tag in the output stream "
            "name"
        )
        yield GraphProblem(
            "streams",
            "MEDIAPIPE_KFS_PASSTHROUGH_MISSING_OUTPUT_RESPONSE_TAG",
            "An input stream has the tag REQUEST, and no output stream the tag RESPONSE",
            (text,),
            requests[0].line,
            requests[0].column,
        )
    if responses and not requests:
        text = (
            f"Failed to prepare mediapipe graph configuration: {name}; KServe for mediapipe graph passing whole KFS "
            "request and response requires: REQUEST tag in the input stream name"
        )
        yield GraphProblem(
            "streams",
            "MEDIAPIPE_KFS_PASSTHROUGH_MISSING_INPUT_REQUEST_TAG",
            "An output stream has the tag RESPONSE, and no input stream the tag REQUEST",
            (text,),
            responses[0].line,
            responses[0].column,
        )
    if requests and len(message.all("output_stream")) != 1:
        text = "KServe passthrough through mediapipe graph requires having only one output(response)"
        reason = "A graph that passes the whole request has exactly one output stream"
        yield GraphProblem("streams", "MEDIAPIPE_KFS_PASS_WRONG_OUTPUT_STREAM_COUNT", reason, (text,))
    if requests and len(message.all("input_stream")) != 1:
        text = "KServe passthrough through mediapipe graph requires having only one input (request)"
        reason = "A graph that passes the whole request has exactly one input stream"
        yield GraphProblem("streams", "MEDIAPIPE_KFS_PASS_WRONG_INPUT_STREAM_COUNT", reason, (text,))


def _prefix(field: GraphField) -> str:
    """Returns the type that the server reads from a stream's tag, by the tag's beginning."""
    parts = str(field.value).split(":")
    if len(parts) not in (2, 3):
        return ""
    return next((one for one in ("REQUEST", "RESPONSE", "TFLITE_TENSOR") if parts[0].startswith(one)), "")


def has_queue(data: bytes, message: GraphMessage, release: Release) -> bool:
    """Whether the server starts graphs for requests while it loads the graph (initializeQueueIfRequired, since
    v2026.2). A node of HttpLLMCalculator without its execution contexts prevents that."""
    match = _QUEUE.search(data)
    if match is None or not release.at_least(2026, 2):
        return False
    digits = _NUMBER.match(match[1])
    if match[1] != b"AUTO" and (digits is None or int(digits[0][:12]) <= 0):
        return False
    return all(
        any("LLM_NODE_EXECUTION_CONTEXTS" in packet for packet in node.texts("input_side_packet"))
        for node in message.messages("node")
        if text_of(node, "calculator") == "HttpLLMCalculator"
    )


def _node(
    graph: str, field: GraphField, before: Sequence[Node], release: Release
) -> Node | GraphProblem | None:
    """Returns the node for its initialiser, or the problem because of which the initialiser refuses it; None for a node
    without an initialiser."""
    node = field.value
    assert isinstance(node, GraphMessage)
    own = initialised_as(text_of(node, "calculator"), release)
    if own is None:
        return None
    prefix = "PYTHON_NODE" if own.title == "Python" else "LLM_NODE"
    name = text_of(node, "name")
    options = node.messages("node_options")
    if not options:
        text = f"{own.title} node missing options in graph: {graph}. "
        reason = f"The node {own.name} has no node_options"
        if node.first("options") is not None:
            reason += "; the server does not read “options”"
        return GraphProblem("node", f"{prefix}_MISSING_OPTIONS", reason, (text,), field.line, field.column)
    if not name:
        text = f"{own.title} node name is missing in graph: {graph}. "
        reason = f"The node {own.name} has no name"
        return GraphProblem("node", f"{prefix}_MISSING_NAME", reason, (text,), field.line, field.column)
    if any(other.name == name and other.calculator.title == own.title for other in before):
        text = f"{own.title} node name: {name} already used in graph: {graph}. "
        reason = f"Two nodes of the same kind have the name “{name}”"
        return GraphProblem(
            "node", f"{prefix}_NAME_ALREADY_EXISTS", reason, (text,), field.line, field.column, name
        )
    options_of = next(iter(options[0].messages(own.options)), None)
    return Node(name, own, options_of, field.line, _unknown_packet(node, own))


def _unknown_packet(node: GraphMessage, own: Calculator) -> str:
    """Returns the name of the side packet with the node's model, if it is not the one under which the server passes it
    (mediapipegraphexecutor.cpp): the graph is loaded, but does not start for a request."""
    for text in node.texts("input_side_packet"):
        tag, _, name = text.partition(":")
        if own.packet_name and tag == own.side_packets[0] and name != own.packet_name:
            return name
    return ""
