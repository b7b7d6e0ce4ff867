"""Faults of graph.pbtxt by release: the stage at which each stops, and which releases accept it."""

from __future__ import annotations

import pytest

from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.graphs.template import graph_text
from ovms_doctor.prediction.graphs.validation import validate_graph

RELEASES = (
    "2024.2",
    "2024.5",
    "2025.0",
    "2025.1",
    "2025.2",
    "2025.3",
    "2025.4",
    "2026.0",
    "2026.1",
    "2026.2",
    "2026.3",
)


def since(release: str, stage: str, *, before: str = "", until: str | None = None) -> dict[str, str]:
    """``stage`` from ``release`` on, ``before`` in older releases; nothing from ``until`` on."""
    first = RELEASES.index(release)
    last = len(RELEASES) if until is None else RELEASES.index(until)
    return {
        name: stage if first <= index < last else before if index < first else ""
        for index, name in enumerate(RELEASES)
    }


#: The task, what is replaced by what, and the stage at which each release stops; "" where it takes the graph.
TABLE: list[tuple[str, str, str, str | dict[str, str]]] = [
    # Syntax: the same everywhere.
    ("text_generation", "{ models_path", "{ // no comment\nmodels_path", "text"),
    ("text_generation", 'models_path: "./"', "models_path: ./", "text"),
    ("text_generation", 'models_path: "./"', 'models_path: "./" cache_size: "10"', "text"),
    ("text_generation", 'models_path: "./"', 'models_path: "./" cache_size: -1', "text"),
    ("text_generation", 'models_path: "./"', 'models_path: "./" cache_size: 1.0', "text"),
    ("text_generation", 'models_path: "./"', 'models_path: "./" cache_size: 0x10', ""),
    ("text_generation", 'models_path: "./"', 'models_path: "./" models_path: "."', "text"),
    ("text_generation", 'models_path: "./"', 'models_path: "./" dynamic_split_fuse: yes', "text"),
    ("text_generation", 'models_path: "./"', 'models_path: "C:\\models"', "text"),
    ("text_generation", 'models_path: "./"', 'models_path: "./" no_such_option: 1', "text"),
    (
        "text_generation",
        'models_path: "./"',
        "max_num_seqs: 1",
        {**dict.fromkeys(RELEASES, "text"), "2025.1": ""},
    ),
    ("text_generation", "LLMCalculatorOptions", "NoSuchOptions", "text"),
    ("text_generation", "\nnode {", "\nnode {{", "text"),
    # Options that were added and removed.
    ("text_generation", 'models_path: "./"', 'models_path: "./" block_size: 32', since("2025.0", "text")),
    (
        "text_generation",
        'models_path: "./"',
        'models_path: "./" best_of_limit: 2',
        since("2024.5", "", before="text"),
    ),
    (
        "text_generation",
        'models_path: "./"',
        'models_path: "./" draft_models_path: "d"',
        since("2025.0", "", before="text"),
    ),
    (
        "text_generation",
        'models_path: "./"',
        'models_path: "./" pipeline_type: LM_CB',
        since("2025.1", "", before="text"),
    ),
    (
        "text_generation",
        'models_path: "./"',
        'models_path: "./" pipeline_type: OMNI',
        since("2026.3", "", before="text"),
    ),
    (
        "text_generation",
        'models_path: "./"',
        'models_path: "./" response_parser: "hermes3"',
        {**dict.fromkeys(RELEASES, "text"), "2025.2": ""},
    ),
    (
        "text_generation",
        'models_path: "./"',
        'models_path: "./" tool_parser: "hermes3"',
        since("2025.3", "", before="text"),
    ),
    (
        "text_generation",
        'models_path: "./"',
        'models_path: "./" chat_template_mode: MINJA',
        since("2026.3", "", before="text"),
    ),
    (
        "text_generation",
        'models_path: "./"',
        'models_path: "./" cache_interval_multiplier: 2',
        since("2026.3", "", before="text"),
    ),
    (
        "embeddings",
        'models_path: "./"',
        'models_path: "./" pooling: MEAN',
        since("2025.4", "", before="text"),
    ),
    (
        "embeddings",
        'models_path: "./"',
        'models_path: "./" truncate: true',
        since("2025.3", "", before="text"),
    ),
    (
        "embeddings",
        'models_path: "./"',
        'models_path: "./" mean_pooling: true',
        {**dict.fromkeys(RELEASES, "text"), "2025.2": ""},
    ),
    (
        "image_generation",
        'models_path: "./"',
        'models_path: "./" resolution: "512x512"',
        since("2025.3", "", before="text"),
    ),
    # Calculators.
    ("text_generation", "HttpLLMCalculator", "HttpLlmCalculator", "calculator"),
    ("embeddings", 'EmbeddingsCalculatorOV"', 'EmbeddingsCalculator"', {}),
    # Wiring.
    ("text_generation", "  input_side_packet", "  # input_side_packet", "wiring"),
    ("text_generation", '"LOOPBACK:loopback"', '"LOOPS:loopback"', "wiring"),
    (
        "text_generation",
        '  input_stream: "HTTP_REQUEST_PAYLOAD:input"',
        '  input_stream: "HTTP_REQUEST_PAYLOAD:other"',
        "wiring",
    ),
    (
        "rerank",
        '  output_stream: "RESPONSE_PAYLOAD:output"',
        '  output_stream: "RESPONSE_PAYLOAD:other"',
        # The graph's own output stream has no source: it is initialized, and does not start for a request.
        "",
    ),
    (
        "text_generation",
        "  input_side_packet",
        '  input_side_packet: "LLM_NODE_EXECUTION_CONTEXTS:llm_ctx"\n  input_side_packet',
        since("2024.2", "wiring", until="2026.2"),
    ),
    ("text_generation", 'input_stream: "HTTP_REQUEST_PAYLOAD:input"\noutput', "output", "streams"),
    # Nodes.
    ("text_generation", "  node_options", "  options", "text"),
    ("text_generation", '  name: "LLMExecutor"\n', "", "node"),
    (
        "text_generation",
        "input_stream:",
        "# OVMS_GRAPH_QUEUE_MAX_SIZE: many\ninput_stream:",
        since("2026.2", "queue"),
    ),
]
IDS = [f"{task}-{index}" for index, (task, *_) in enumerate(TABLE)]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("task", "old", "new", "expected"), TABLE, ids=IDS)
def test_the_stage_at_which_a_release_stops(
    task: str, old: str, new: str, expected: str | dict[str, str], release: str
) -> None:
    text = graph_text(task, parse_release(release))
    if text is None:
        return
    text = text.replace('  input_side_packet: "LLM_NODE_EXECUTION_CONTEXTS:llm_ctx"\n', "")
    assert old in text
    problem = validate_graph("g", text.replace(old, new).encode(), parse_release(release)).problem
    stage = "" if problem is None else problem.stage
    if expected == {}:
        # EmbeddingsCalculator was removed in 2025.4; before, it has other tags.
        assert stage == ("calculator" if parse_release(release).at_least(2025, 4) else "wiring")
        return
    assert stage == (expected if isinstance(expected, str) else expected[release])
    if problem is not None and stage != "streams":
        assert problem.line > 0
        assert problem.log


@pytest.mark.parametrize("release", RELEASES)
def test_the_generated_graph_is_valid(release: str) -> None:
    for task in ("text_generation", "embeddings", "rerank", "image_generation", "speech2text", "text2speech"):
        text = graph_text(task, parse_release(release))
        assert text is None or validate_graph("g", text.encode(), parse_release(release)).problem is None
