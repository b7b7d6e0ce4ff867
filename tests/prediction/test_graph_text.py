"""graph.pbtxt as the server's parser reads it: values, positions and errors, by release."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.model.graph_text import GraphMessage
from ovms_doctor.model.releases import NEWEST, parse_release
from ovms_doctor.prediction.graphs.text_format import parse_graph
from tests.prediction.protoc import Protoc

GRAPH = """\
input_stream: "HTTP_REQUEST_PAYLOAD:input"
output_stream: 'HTTP_RESPONSE_PAYLOAD:output'
node: {
  name: "LLMExecutor"  # the executor
  calculator: "HttpLLMCalculator"
  input_side_packet: "LLM_NODE_RESOURCES:llm"
  node_options: {
    [type.googleapis.com / mediapipe.LLMCalculatorOptions]: {
      models_path: "./"
      OPTION
    }
  }
  input_stream_handler {
    input_stream_handler: "SyncSetInputStreamHandler",
    options {
      [mediapipe.SyncSetInputStreamHandlerOptions.ext] { sync_set { tag_index: "LOOPBACK:0" } }
    }
  }
}
"""


def errors(option: str, release: str = "2026.3") -> list[str]:
    """The errors for the graph with one more option of the calculator, in line 10 from column 7."""
    text = GRAPH.replace("OPTION", option).encode()
    return [str(fault) for fault in parse_graph(text, parse_release(release)).faults]


def options(option: str, release: str = "2026.3") -> GraphMessage:
    parsed = parse_graph(GRAPH.replace("OPTION", option).encode(), parse_release(release))
    assert parsed.faults == ()
    assert parsed.message is not None
    (found,) = [one for one in parsed.message.walk() if one.type == "LLMCalculatorOptions"]
    return found


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cache_size: 10", 10),
        ("cache_size: 0x10", 16),
        ("cache_size: 010", 8),
        ("enable_prefix_caching: t", True),
        ("enable_prefix_caching: 0", False),
        ("pipeline_type: LM_CB", "LM_CB"),
        ("pipeline_type: 2", "LM_CB"),
        ("device: 'G' \"PU\"", "GPU"),
        ('plugin_config: \'{"K": "\\x41\\102"}\'', '{"K": "AB"}'),
        ("device: '${DEVICE}';", "${DEVICE}"),
    ],
)
def test_values(option: str, value: object) -> None:
    field = options(option).first(option.partition(":")[0])
    assert field is not None
    assert (field.value, field.line, field.column) == (value, 10, 7)


def test_the_numbers_of_an_enumeration_change_with_the_release() -> None:
    for release, name in (("2025.4", "AUTO"), ("2026.3", "OMNI")):
        field = options("pipeline_type: 4", release).first("pipeline_type")
        assert field is not None
        assert field.value == name


@pytest.mark.parametrize(
    ("option", "fault"),
    [
        ('cache_size: "10"', '10:19: Expected integer, got: "10"'),
        ("cache_size: -1", "10:19: Expected integer, got: -"),
        ("cache_size: 1.0", "10:19: Expected integer, got: 1.0"),
        ("cache_size: 99999999999999999999", "10:19: Integer out of range (99999999999999999999)"),
        (
            "block_size: 32",
            '10:17: Message type "mediapipe.LLMCalculatorOptions" has no field named "block_size".',
        ),
        (
            "cache_size: 1 cache_size: 2",
            '10:31: Non-repeated field "cache_size" is specified multiple times.',
        ),
        (
            "enable_prefix_caching: TRUE",
            '11:5: Invalid value for boolean field "enable_prefix_caching". Value: "TRUE".',
        ),
        ("pipeline_type: lm", '11:5: Unknown enumeration value of "lm" for field "pipeline_type".'),
        ('pipeline_type: "LM"', '10:22: Expected integer or identifier, got: "LM"'),
        ("plugin_config: {}", "10:22: Expected string, got: {"),
        ("device GPU", '10:14: Expected ":", found "GPU".'),
        ("// cached", "10:7: Expected identifier, got: /"),
        ("cache_size: 1,,", "10:21: Expected identifier, got: ,"),
        ("\tdevice: 1", "10:17: Expected string, got: 1"),
        (
            "cache_eviction_config { start_size: 1 }",
            '12:3: Value of type "mediapipe.LLMCalculatorOptions" stored in google.protobuf.Any has missing '
            "required fields",
        ),
    ],
)
def test_faults_of_an_option(option: str, fault: str) -> None:
    assert errors(option) == [fault]


def test_a_broken_escape_is_an_error_although_the_parser_continues() -> None:
    assert errors(r'device: "C:\models"') == ["10:19: Invalid escape sequence in string literal."]


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("LLMCalculatorOptions", "FooOptions", "stored in google.protobuf.Any."),
        ("type.googleapis.com", "example.com", "stored in google.protobuf.Any."),
        ('models_path: "./"', "", "has missing required fields"),
        ('input_stream: "HTTP', 'input: "HTTP', 'has no field named "input".'),
        ("calculator:", "calculators:", 'has no field named "calculators".'),
        ("node: {", "node: ", 'Expected "{", found "name".'),
        ("SyncSetInputStreamHandlerOptions.ext", "UnknownOptions.ext", "is not an extension of"),
    ],
)
def test_faults_in_other_parts_of_the_graph(before: str, after: str, fault: str) -> None:
    text = GRAPH.replace("OPTION", "")
    assert before in text
    found = parse_graph(text.replace(before, after, 1).encode(), NEWEST)
    assert found.message is None
    assert str(found.faults[0]).endswith(fault) or fault in str(found.faults[0])


@pytest.mark.parametrize(
    "data",
    [
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
        b"<!DOCTYPE html>",
        b'{"node": []}',
        b"\xef\xbb\xbfnode {}",
        b"node {",
        b"node { name: 'a\n' }",
        b"node {} \0",
    ],
)
def test_text_that_is_not_a_graph_is_refused(data: bytes) -> None:
    assert parse_graph(data, NEWEST).faults


@pytest.mark.parametrize(
    "data", [b"", b"# only a comment\n", b"node {}\r\n", b"num_threads: 0 num_threads: 0"]
)
def test_texts_that_the_parser_accepts(data: bytes) -> None:
    assert parse_graph(data, NEWEST).message is not None


def test_options_by_release() -> None:
    assert errors("block_size: 32", "2024.3") == []
    assert "block_size" in errors("block_size: 32", "2025.0")[0]
    assert "tool_parser" in errors('tool_parser: "hermes3"', "2025.2")[0]
    assert errors('tool_parser: "hermes3"', "2025.3") == []


@given(st.binary(max_size=200))
def test_any_bytes_have_a_verdict(data: bytes) -> None:
    parsed = parse_graph(b'node { name: "a" ' + data, NEWEST)
    assert (parsed.message is None) == bool(parsed.faults)


FRAGMENTS = (
    "\" ' { } : , ; # // \\ 0x1F 010 09 1.5 1e 1e3 1f true TRUE t 1 -1 99999999999999999999 \x01 é a.5 1.2.3 010.5 0x "
    "inf .5 5. '\\q' '\\x' '\\u12' 'abc"
).split(" ")
LINES = (
    "cache_size: 3",
    "block_size: 2",
    "enable_prefix_caching: yes",
    "pipeline_type: 7",
    "cache_eviction_config { start_size: 1 recent_size: 2 max_cache_size: 3 }",
    "sparse_attention_config { xattention_threshold: 0x1 }",
    "sparse_attention_config < mode: TRISHAPE xattention_threshold: .5f >",
    "num_threads: 4 num_threads: 5",
    'input_stream: ["a", \'b\' "c"]',
    "node [ {name: 'a'}, {} ]",
    "options { [mediapipe.LLMCalculatorOptions.ext] { models_path: '' } }",
    "node_options: { [type.googleapis.com/mediapipe.Foo] {} }",
)


@pytest.mark.needs_module("grpc_tools")
@pytest.mark.slow
def test_protobufs_parser_agrees(tmp_path: Path) -> None:
    """The same errors at the same positions, for texts with random insertions and deletions."""
    protoc = Protoc(tmp_path, NEWEST)
    # protoc does not know MediaPipe's own options.
    start = GRAPH.index("    options {")
    text = (GRAPH[:start] + GRAPH[start:].partition("    }\n")[2]).replace("OPTION", "device: 'CPU'")
    assert protoc.errors(text.encode()) == []
    rng = random.Random(20261128)
    wrong = []
    for _ in range(80):
        data = _mutated(text, rng).encode()
        expected = [_as_in_319(error) for error in protoc.errors(data)]
        # protoc accepts partial messages.
        found = [
            str(fault) for fault in parse_graph(data, NEWEST).faults if "missing req" not in fault.message
        ]
        if found != expected:
            wrong.append((data, expected, found))
    assert wrong == []


def _mutated(text: str, rng: random.Random) -> str:
    """The text with random insertions or deletions, but not within brackets: newer parsers read them differently."""
    lines = text.split("\n")
    index = rng.choice([number for number, line in enumerate(lines) if "[" not in line])
    line = lines[index]
    at = rng.randrange(len(line) + 1)
    if rng.random() < 0.3:
        lines.insert(index, rng.choice(LINES))
    elif rng.random() < 0.5:
        lines[index] = line[:at] + rng.choice(FRAGMENTS) + line[at:]
    else:
        lines[index] = line[:at] + line[at + rng.choice((1, 2, 5)) :]
    return "\n".join(lines)


def _as_in_319(error: str) -> str:
    """A message in the wording of protobuf 3.19; newer releases have reworded it."""
    new = 'Multiline strings are not allowed. Did you miss a "?.'
    return error.replace(new, "String literals cannot cross line boundaries.")
