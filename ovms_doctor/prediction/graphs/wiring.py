"""The wiring of a graph by MediaPipe, of which only the requirements of OVMS's own calculators are followed.

Source: ValidatedGraphConfig (validated_graph_config.cc), which the server uses once before it loads models
(dryInitializeTest, mediapipegraphdefinition.cpp).
"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.model.graph_plan import GraphProblem
from ovms_doctor.model.graph_text import GraphField, GraphMessage
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.graphs.calculators import Calculator, calculator, is_known

_INITIALIZATION = "MEDIAPIPE_GRAPH_INITIALIZATION_ERROR"
_TAG_INDEX = lazy_pattern(r"([A-Z_][A-Z0-9_]*|)(?::([0-9]{1,4}))?")


def wiring_problems(name: str, message: GraphMessage, release: Release) -> Iterator[GraphProblem]:
    """Yields the problems of the dry initialisation: calculators that exist, streams that are produced, tags that
    contracts require."""
    produced = {_stream(text) for text in message.texts("input_stream")}
    for field in message.all("node"):
        node = field.value
        assert isinstance(node, GraphMessage)
        calculator_name = text_of(node, "calculator")
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
        key = _tag_index(text_of(field.value, "tag_index"))
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
        if calculator(text_of(node, "calculator")) is not None:
            producers.update({_stream(text): number for text in node.texts("output_stream")})
    waiting: dict[int, set[int]] = {}
    for number in set(producers.values()):
        node = nodes[number]
        back = {
            _tag_index(text_of(info, "tag_index"))
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
            text_of(nodes[number], "name") or text_of(nodes[number], "calculator")
            for number in sorted(waiting)
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


def text_of(node: GraphMessage, name: str) -> str:
    return next(iter(node.texts(name)), "")
