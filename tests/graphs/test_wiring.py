"""The wiring of a graph: streams with one name, cycles, and fields of a node that exclude each other."""

from __future__ import annotations

import pytest

from ovms_doctor.model.graph_plan import GraphProblem
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.graphs.validation import validate_graph
from ovms_doctor.prediction.graphs.wiring import unproduced_streams
from tests.graphs.models import graph

BACK_EDGE = 'input_stream_info: { tag_index: "LOOPBACK:0", back_edge: true }'
NODE_OPTIONS = "node_options: {\n    [type.googleapis.com / mediapipe.LLMCalculatorOptions]"


def problem(text: str) -> GraphProblem | None:
    return validate_graph("g", text.encode(), parse_release("2026.3")).problem


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("", "The streams of LLMExecutor are a cycle, and no input_stream_info in it has back_edge: true"),
        (BACK_EDGE.replace("true", "false"), "The streams of LLMExecutor are a cycle"),
        (
            BACK_EDGE.replace("LOOPBACK:0", "LOOP:0"),
            "input_stream_info names LOOP:0, and the node has no such",
        ),
        (
            BACK_EDGE.replace("LOOPBACK:0", "LOOPBACK:1"),
            "input_stream_info names LOOPBACK:1, and the node has",
        ),
        (f"{BACK_EDGE} {BACK_EDGE}", "Two input_stream_info name LOOPBACK:0"),
        (BACK_EDGE.replace("LOOPBACK:0", "LOOPBACK"), None),
        (BACK_EDGE, None),
    ],
)
def test_back_edges(new: str, reason: str | None) -> None:
    text = graph("text_generation")
    assert BACK_EDGE in text
    found = problem(text.replace(BACK_EDGE, new))
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert (found.status, found.reason[: len(reason)]) == ("MEDIAPIPE_GRAPH_INITIALIZATION_ERROR", reason)
        assert found.line


def test_two_node_options_of_one_type() -> None:
    text = graph("text_generation")
    start = text.index("  node_options")
    block = text[start : text.rindex("}")]
    found = problem(text.replace(block, block + block))
    assert found is not None
    assert found.reason == "A node has two node_options of the type LLMCalculatorOptions"


def two_nodes(response: str) -> str:
    text = graph("text_generation")
    second = text[text.index("node: {") :].replace("LLMExecutor", "Second").replace(":loopback", ":loopback2")
    return text + second.replace("HTTP_RESPONSE_PAYLOAD:output", f"HTTP_RESPONSE_PAYLOAD:{response}")


def test_two_streams_of_one_name() -> None:
    assert problem(two_nodes("other")) is None
    for name in ("output", "input"):
        found = problem(two_nodes(name))
        assert found is not None
        assert (
            found.reason == f"The output stream “HTTP_RESPONSE_PAYLOAD:{name}” has the name of another stream"
        )


SESSION = """\
input_stream: "in"
output_stream: "out"
node { calculator: "OpenVINOModelServerSessionCalculator" output_side_packet: "SESSION:s"
  node_options { [type.googleapis.com/mediapipe.OpenVINOModelServerSessionCalculatorOptions] { servable_name: "m" } } }
node { calculator: "OpenVINOInferenceCalculator" name: "first" input_side_packet: "SESSION:s"
  input_stream: "A:FROM" output_stream: "B:middle" }
node { calculator: "OpenVINOInferenceCalculator" name: "second" input_side_packet: "SESSION:s"
  input_stream: "A:middle" output_stream: "B:out" }
node { calculator: "OpenVINOInferenceCalculator" name: "third" input_side_packet: "SESSION:s"
  input_stream: "A:out" output_stream: "B:unused" }
"""


def test_a_cycle_of_several_nodes() -> None:
    assert problem(SESSION.replace("FROM", "in")) is None
    found = problem(SESSION.replace("FROM", "out"))
    assert found is not None
    # The third node waits for the cycle, and is not a part of it.
    assert found.reason.startswith("The streams of first, second are a cycle")
    # A calculator of MediaPipe may be a graph itself, in which there is no cycle.
    text = SESSION.replace("FROM", "out").replace(
        '"OpenVINOInferenceCalculator" name: "second" input_side_packet: "SESSION:s"',
        '"PassThroughCalculator"',
    )
    assert problem(text) is None


def test_an_output_that_no_node_produces_concerns_requests() -> None:
    text = SESSION.replace("FROM", "in").replace('output_stream: "out"', 'output_stream: "result"', 1)
    graph_of = validate_graph("g", text.encode(), parse_release("2026.3"))
    assert graph_of.problem is None
    assert graph_of.message is not None
    assert [field.value for field in unproduced_streams(graph_of.message)] == ["result"]
    message = validate_graph("g", SESSION.replace("FROM", "in").encode(), parse_release("2026.3")).message
    assert message is not None
    assert list(unproduced_streams(message)) == []


@pytest.mark.parametrize(
    ("directive", "refused"),
    [
        ("4", False),
        ("4x", False),
        ("AUTO", False),
        ("many", True),
        ("-1", True),
        ("99999999999", True),
        # The expression needs the end of the line: it is a comment.
        ("many graphs", False),
        ("4 # as many as cores", False),
    ],
)
def test_the_size_of_a_queue(directive: str, refused: bool) -> None:
    found = problem(f"# OVMS_GRAPH_QUEUE_MAX_SIZE: {directive}\n{graph('text_generation')}")
    assert (found is not None and found.stage == "queue") is refused
