"""The server's validation of a graph's text: each stage, with the status and the lines of its log."""

from __future__ import annotations

import pytest

from ovms_doctor.model.releases import NEWEST, parse_release
from ovms_doctor.prediction.graphs.validation import Graph, validate_graph

LLM = """\
# File created with: OpenVINO Model Server 2026.3
input_stream: "HTTP_REQUEST_PAYLOAD:input"
output_stream: "HTTP_RESPONSE_PAYLOAD:output"
node: {
  name: "LLMExecutor"
  calculator: "HttpLLMCalculator"
  input_stream: "LOOPBACK:loopback"
  input_stream: "HTTP_REQUEST_PAYLOAD:input"
  input_side_packet: "LLM_NODE_RESOURCES:llm"
  output_stream: "LOOPBACK:loopback"
  output_stream: "HTTP_RESPONSE_PAYLOAD:output"
  input_stream_info: { tag_index: 'LOOPBACK:0', back_edge: true }
  node_options: {
    [type.googleapis.com / mediapipe.LLMCalculatorOptions]: { models_path: "./", cache_size: 4 }
  }
}
"""
EMBEDDINGS = """\
input_stream: "REQUEST_PAYLOAD:input"
output_stream: "RESPONSE_PAYLOAD:output"
node {
  name: "EmbeddingsExecutor"
  calculator: "EmbeddingsCalculatorOV"
  input_side_packet: "EMBEDDINGS_NODE_RESOURCES:embeddings_servable"
  input_stream: "REQUEST_PAYLOAD:input"
  output_stream: "RESPONSE_PAYLOAD:output"
  node_options: { [type.googleapis.com / mediapipe.EmbeddingsCalculatorOVOptions]: { models_path: "./" } }
}
"""
#: Tensors through a model of this server, as in the image classification demo.
SESSION = """\
input_stream: "in"
output_stream: "out"
node {
  calculator: "OpenVINOModelServerSessionCalculator"
  output_side_packet: "SESSION:session"
  node_options: {
    [type.googleapis.com / mediapipe.OpenVINOModelServerSessionCalculatorOptions]: { servable_name: "resnet" }
  }
}
node {
  calculator: "OpenVINOInferenceCalculator"
  input_side_packet: "SESSION:session"
  input_stream: "B:in"
  output_stream: "A:out"
}
"""


def validated(text: str, release: str = "2026.3") -> Graph:
    return validate_graph("chat", text.encode(), parse_release(release))


@pytest.mark.parametrize("text", [LLM, EMBEDDINGS, SESSION, LLM.replace("\n", "\r\n")])
def test_sound_graphs(text: str) -> None:
    graph = validated(text)
    assert graph.problem is None
    assert graph.message is not None


def test_nodes_that_load_models() -> None:
    (node,) = validated(LLM).nodes
    assert (node.name, node.calculator.name, node.line) == ("LLMExecutor", "HttpLLMCalculator", 4)
    assert node.options is not None
    cache = node.options.first("cache_size")
    assert cache is not None
    assert cache.value == 4
    assert validated(SESSION).nodes == ()


def test_options_of_another_type_are_ignored() -> None:
    text = LLM.replace(
        'LLMCalculatorOptions]: { models_path: "./", cache_size: 4 }',
        "RerankCalculatorOVOptions]: { models_path: '' }",
    )
    (node,) = validated(text).nodes
    assert node.options is None


def test_an_empty_file() -> None:
    problem = validated("").problem
    assert problem is not None
    assert (problem.stage, problem.status) == ("empty", "MEDIAPIPE_GRAPH_CONFIG_FILE_INVALID")
    assert problem.log == ("Trying to parse empty mediapipe graph definition: chat failed",)


#: Old text, new text, the stage at which the server stops, its status, the line, and a part of the log or reason.
FAULTS = [
    (
        'calculator: "HttpLLM',
        'calculators: "HttpLLM',
        "text",
        "GRAPH_CONFIG_FILE_INVALID",
        6,
        "6:14: Message type",
    ),
    (
        "# File",
        "#OVMS_GRAPH_QUEUE_MAX_SIZE : many\n# File",
        "queue",
        "CONFIG_FILE_INVALID",
        1,
        "value: 'many'.",
    ),
    ("# File", "# OVMS_GRAPH_QUEUE_MAX_SIZE: -3\n# File", "queue", "CONFIG_FILE_INVALID", 1, "value: -3."),
    (
        'HTTP_REQUEST_PAYLOAD:input"\noutput',
        'HTTP_REQUEST_PAYLOAD:input"\ninput_stream: "A:input"\noutput',
        "streams",
        "WRONG_INPUT_STREAM_PACKET_NAME",
        3,
        "inputs name failed for: A:input. Input with the same name already exists.",
    ),
    ('PAYLOAD:output"\nnode', 'PAYLOAD:"\nnode', "streams", "WRONG_OUTPUT_STREAM_PACKET_NAME", 3, "no name"),
    (
        'input_stream: "HTTP_REQUEST_PAYLOAD:input"\noutput',
        "output",
        "streams",
        "INTERNAL_ERROR",
        0,
        "no input",
    ),
    (
        'HTTP_REQUEST_PAYLOAD:input"\noutput',
        'REQUEST:input"\noutput',
        "streams",
        "MISSING_OUTPUT_RESPONSE_TAG",
        2,
        "RESPONSE",
    ),
    (
        'HTTP_RESPONSE_PAYLOAD:output"\nnode',
        'RESPONSE:output"\nnode',
        "streams",
        "MISSING_INPUT_REQUEST_TAG",
        3,
        "REQUEST",
    ),
    (
        'HTTP_REQUEST_PAYLOAD:input"\noutput',
        'TFLITE_TENSOR:input"\noutput',
        "streams",
        "NOT_IMPLEMENTED",
        0,
        "TfLite",
    ),
    (
        '"HttpLLMCalculator"',
        '"HttpLlmCalculator"',
        "calculator",
        "INITIALIZATION_ERROR",
        6,
        'Calculator "HttpLlm',
    ),
    (
        '  input_stream: "LOOPBACK:loopback"\n',
        "",
        "wiring",
        "INITIALIZATION_ERROR",
        11,
        "input_stream_info names LOOPBACK:0",
    ),
    (
        '  input_stream: "HTTP_REQUEST_PAYLOAD:input"\n',
        "",
        "wiring",
        "INITIALIZATION_ERROR",
        4,
        "input stream with the tag HTTP_REQUEST_PAYLOAD",
    ),
    (
        '  input_side_packet: "LLM_NODE_RESOURCES:llm"\n',
        "",
        "wiring",
        "INITIALIZATION_ERROR",
        4,
        "LLM_NODE_RESOURCES",
    ),
    (
        '"HTTP_REQUEST_PAYLOAD:input"\n  input_side',
        '"HTTP_REQUEST_PAYLOAD:in"\n  input_side',
        "wiring",
        "INITIALIZATION",
        8,
        ":in”",
    ),
    (
        'name: "LLMExecutor"',
        "",
        "node",
        "LLM_NODE_MISSING_NAME",
        4,
        "LLM node name is missing in graph: chat. ",
    ),
]


@pytest.mark.parametrize(("before", "after", "stage", "status", "line", "text"), FAULTS)
def test_faults(before: str, after: str, stage: str, status: str, line: int, text: str) -> None:
    assert before in LLM
    problem = validated(LLM.replace(before, after, 1)).problem
    assert problem is not None
    assert problem.stage == stage
    assert status in problem.status
    assert problem.line == line
    assert any(text in one for one in (*problem.log, problem.reason))
    assert all("{" not in line for line in problem.log)


def test_options_in_the_wrong_field_are_not_read() -> None:
    head, _, _ = LLM.partition("  node_options")
    problem = validated(f"{head}}}\n").problem
    assert problem is not None
    assert problem.log == ("LLM node missing options in graph: chat. ",)
    problem = validated(
        head + "  options { [mediapipe.LLMCalculatorOptions.ext] { models_path: './' } }\n}\n"
    ).problem
    assert problem is not None
    assert "does not read “options”" in problem.reason


def test_two_nodes_of_one_name() -> None:
    # MediaPipe refuses two streams of one name before the server reads the nodes' names.
    node = EMBEDDINGS[EMBEDDINGS.index("node {") :].replace(
        "RESPONSE_PAYLOAD:output", "RESPONSE_PAYLOAD:other"
    )
    problem = validated(EMBEDDINGS + node).problem
    assert problem is not None
    assert problem.status == "LLM_NODE_NAME_ALREADY_EXISTS"
    assert problem.line == 11


@pytest.mark.parametrize(
    ("text", "release", "stage"),
    [
        (EMBEDDINGS, "2025.1", "text"),
        (EMBEDDINGS, "2025.2", None),
        (LLM, "2024.1", "text"),
        (LLM.replace("models_path", "chat_template_mode: JINJA models_path"), "2026.2", "text"),
        ("# OVMS_GRAPH_QUEUE_MAX_SIZE: no\n" + LLM, "2026.1", None),
        ("# OVMS_GRAPH_QUEUE_MAX_SIZE: no\n" + LLM, "2026.2", "queue"),
        ("# OVMS_GRAPH_QUEUE_MAX_SIZE: 4\n" + LLM, "2026.3", None),
    ],
)
def test_by_release(text: str, release: str, stage: str | None) -> None:
    problem = validated(text, release).problem
    assert (problem and problem.stage) == stage


def test_a_stock_calculator_is_never_reported_as_unknown() -> None:
    text = SESSION.replace('"OpenVINOInferenceCalculator"', '"PassThroughCalculator"')
    assert validate_graph("g", text.encode(), NEWEST).problem is None
