"""The validation of a graph's text by the server, before any of its models is loaded.

Source: MediapipeGraphDefinition::validate (mediapipegraphdefinition.cpp) and mediapipe_utils.cpp at v2026.3, in their
order; the wiring by MediaPipe's ValidatedGraphConfig, of which only the requirements of OVMS's own calculators are
followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from ovms_doctor.model.graph_plan import GraphProblem
from ovms_doctor.model.graph_text import GraphField, GraphMessage, TextFault
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.graphs.calculators import Calculator, calculator, initialised_as, is_known
from ovms_doctor.prediction.graphs.text_format import parse_graph

_INVALID = "MEDIAPIPE_GRAPH_CONFIG_FILE_INVALID"
_INITIALIZATION = "MEDIAPIPE_GRAPH_INITIALIZATION_ERROR"
_QUEUE = lazy_pattern(
    rb"(?:^|\n)[ \t\n\v\f\r]*#[ \t\n\v\f\r]*OVMS_GRAPH_QUEUE_MAX_SIZE[ \t\n\v\f\r]*:[ \t\n\v\f\r]*(\S+)"
    rb"[ \t\n\v\f\r]*(?:\r?\n|\Z)"
)
_TAG_INDEX = lazy_pattern(r"([A-Z_][A-Z0-9_]*|)(?::([0-9]{1,4}))?")
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
    yield from _wiring(name, message, release)


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
        if _text(node, "calculator") == "PythonExecutorCalculator" and any(
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


def _wiring(name: str, message: GraphMessage, release: Release) -> Iterator[GraphProblem]:
    """Yields the problems of the dry initialisation: calculators that exist, streams that are produced, tags that
    contracts require."""
    produced = {_stream(text) for text in message.texts("input_stream")}
    for field in message.all("node"):
        node = field.value
        assert isinstance(node, GraphMessage)
        calculator_name = _text(node, "calculator")
        yield from _node_fields(name, node)
        if is_known(calculator_name, release) is False:
            yield _unknown_calculator(name, node, field, calculator_name)
        own = calculator(calculator_name)
        if own is not None:
            yield from _contract(name, node, field, own, release)
            yield from _session(name, node, field, own)
    for field in message.all("node"):
        assert isinstance(field.value, GraphMessage)
        for stream in field.value.all("output_stream"):
            if _stream(str(stream.value)) in produced:
                reason = f"The output stream “{stream.value}” has the name of another stream"
                yield _initialization(name, reason, stream, str(stream.value))
            produced.add(_stream(str(stream.value)))
    for field in message.all("node"):
        node = field.value
        assert isinstance(node, GraphMessage)
        for stream in node.all("input_stream"):
            if _stream(str(stream.value)) not in produced:
                yield _initialization(
                    name,
                    f"No node produces a stream with the name of the input stream “{stream.value}”",
                    stream,
                    str(stream.value),
                )
    yield from _cycle(name, message)


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
        if _text(node, "calculator") == "HttpLLMCalculator"
    )


def unproduced_streams(message: GraphMessage) -> Iterator[GraphField]:
    """Yields the output streams of the graph that no node produces: MediaPipe initializes it, and attaches nothing to
    them when it starts for a request (CalculatorGraph::AddOutputStreamPoller)."""
    produced = {_stream(text) for text in message.texts("input_stream")}
    for node in message.messages("node"):
        produced |= {_stream(text) for text in node.texts("output_stream")}
    yield from (field for field in message.all("output_stream") if _stream(str(field.value)) not in produced)


def _node_fields(name: str, node: GraphMessage) -> Iterator[GraphProblem]:
    """Yields the problems of fields of a node that exclude each other, or name an input stream that it does not have
    (NodeTypeInfo::Initialize of MediaPipe's validated_graph_config.cc)."""
    inputs = set(_tagged_inputs(node))
    described: set[tuple[str, int]] = set()
    for field in node.all("input_stream_info"):
        assert isinstance(field.value, GraphMessage)
        key = _tag_index(_text(field.value, "tag_index"))
        if key is None:
            continue
        text = f"{key[0]}:{key[1]}"
        if key not in inputs:
            reason = f"input_stream_info names {text}, and the node has no such input stream"
            yield _initialization(name, reason, field, text)
        elif key in described:
            yield _initialization(name, f"Two input_stream_info name {text}", field, text)
        described.add(key)
    types: set[str] = set()
    for field in node.all("node_options"):
        assert isinstance(field.value, GraphMessage)
        for option in field.value.fields:
            if not isinstance(option.value, GraphMessage):
                continue
            if option.name in types:
                yield _initialization(
                    name, f"A node has two node_options of the type {option.name}", field, option.name
                )
            types.add(option.name)


def _cycle(name: str, message: GraphMessage) -> Iterator[GraphProblem]:
    """Yields the problem of nodes that wait for each other, or for themselves, because no input stream of the cycle is
    marked as back_edge (TopologicalSortNodes). Only OVMS's own calculators count: MediaPipe's may be graphs
    themselves, in which there is no cycle."""
    producers: dict[str, int] = {}
    fields = [field for field in message.all("node") if isinstance(field.value, GraphMessage)]
    nodes = [field.value for field in fields if isinstance(field.value, GraphMessage)]
    for number, node in enumerate(nodes):
        if calculator(_text(node, "calculator")) is not None:
            producers.update({_stream(text): number for text in node.texts("output_stream")})
    waiting: dict[int, set[int]] = {}
    for number in set(producers.values()):
        node = nodes[number]
        back = {
            _tag_index(_text(info, "tag_index"))
            for info in node.messages("input_stream_info")
            if (edge := info.first("back_edge")) is not None and edge.value
        }
        waiting[number] = {
            producers[stream]
            for key, stream in _tagged_inputs(node).items()
            if key not in back and stream in producers
        }
    # Nodes that wait for no other, and those for which no other waits, are taken out until only cycles are left.
    while ready := [
        number
        for number, others in waiting.items()
        if not others & waiting.keys() or not any(number in other for other in waiting.values())
    ]:
        for number in ready:
            del waiting[number]
    if waiting:
        field = fields[min(waiting)]
        names = ", ".join(
            _text(nodes[number], "name") or _text(nodes[number], "calculator") for number in sorted(waiting)
        )
        reason = f"The streams of {names} are a cycle, and no input_stream_info in it has back_edge: true"
        yield _initialization(name, reason, field, names)


def _tagged_inputs(node: GraphMessage) -> dict[tuple[str, int], str]:
    """Returns the names of a node's input streams, by tag and index."""
    found: dict[tuple[str, int], str] = {}
    for text in node.texts("input_stream"):
        *tag, stream = text.split(":")
        key = _tag_index(":".join(tag)) if tag else ("", sum(not known for known, _ in found))
        if key is not None:
            found[key] = stream
    return found


def _tag_index(text: str) -> tuple[str, int] | None:
    """Returns the tag and the index of ``TAG`` or ``TAG:INDEX``; None for another text (ParseTagIndex)."""
    match = _TAG_INDEX.fullmatch(text)
    return None if match is None else (match[1], int(match[2] or 0))


def _unknown_calculator(
    name: str, node: GraphMessage, field: GraphField, calculator_name: str
) -> GraphProblem:
    position = node.first("calculator") or field
    reason = f"The release has no calculator “{calculator_name}”"
    if not calculator_name:
        reason = "A node names no calculator"
    text = f'Unable to find Calculator "{calculator_name}"'
    return GraphProblem(
        "calculator",
        _INITIALIZATION,
        reason,
        (f"Mediapipe graph: {name} initialization failed with message: {text}",),
        position.line,
        position.column,
        calculator_name,
    )


def _contract(
    name: str, node: GraphMessage, field: GraphField, own: Calculator, release: Release
) -> Iterator[GraphProblem]:
    """Yields the problems of tags that the calculator's contract requires, and of those that it does not expect
    (packet_type.cc ValidatePacketTypeSet)."""
    optional = {tag for tag, since in own.optional if release.at_least(*since)}
    for kind, required in (
        ("input_stream", own.inputs),
        ("output_stream", own.outputs),
        ("input_side_packet", own.side_packets),
    ):
        tags = {text.split(":")[0] for text in node.texts(kind) if ":" in text}
        readable_kind = kind.replace("_", " ")
        for tag in required:
            if tag not in tags:
                yield _initialization(
                    name, f"The node {own.name} has no {readable_kind} with the tag {tag}", field, tag
                )
        if own.any_streams and kind.endswith("stream"):
            if not node.all(kind):
                yield _initialization(name, f"The node {own.name} has no {readable_kind}", field, own.name)
            continue
        for item in node.all(kind) if own.side_packets else ():
            tag = str(item.value).split(":")[0]
            if ":" in str(item.value) and tag not in required and tag not in optional:
                later = next((since for known, since in own.optional if known == tag), None)
                article = "an" if readable_kind[0] in "io" else "a"
                reason = f"The node {own.name} does not accept {article} {readable_kind} with the tag {tag}"
                if later is not None:
                    reason += f" before OVMS {later[0]}.{later[1]}"
                yield _initialization(name, reason, item, tag)


def _session(name: str, node: GraphMessage, field: GraphField, own: Calculator) -> Iterator[GraphProblem]:
    """Yields the problem of a node that names no model of the server (GetContract of
    openvinomodelserversessioncalculator.cc); MediaPipe reads its options from both fields."""
    if own.name != "OpenVINOModelServerSessionCalculator" or node.first("options") is not None:
        return
    options = [item for one in node.messages("node_options") for item in one.messages(own.options)]
    if not any(text for item in options for text in item.texts("servable_name")):
        yield _initialization(name, f"The node {own.name} has no servable_name", field, "servable_name")


def _initialization(name: str, reason: str, field: GraphField, subject: str) -> GraphProblem:
    text = f"Mediapipe graph: {name} initialization failed with message: "
    return GraphProblem("wiring", _INITIALIZATION, reason, (text,), field.line, field.column, subject)


def _stream(text: str) -> str:
    return text.rpartition(":")[2]


def _text(node: GraphMessage, name: str) -> str:
    return next(iter(node.texts(name)), "")


def _node(
    graph: str, field: GraphField, before: Sequence[Node], release: Release
) -> Node | GraphProblem | None:
    """Returns the node for its initialiser, or the problem because of which the initialiser refuses it; None for a node
    without an initialiser."""
    node = field.value
    assert isinstance(node, GraphMessage)
    own = initialised_as(_text(node, "calculator"), release)
    if own is None:
        return None
    prefix = "PYTHON_NODE" if own.title == "Python" else "LLM_NODE"
    name = _text(node, "name")
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
