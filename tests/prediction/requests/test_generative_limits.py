"""What the files of a generative model say about its requests."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ovms_doctor.model.facts import Facts, FactsMissingError
from ovms_doctor.model.host import User
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.served_models import GenerativeLimits
from ovms_doctor.prediction.requests.generative_limits import generative_limits
from ovms_doctor.probes.local import LocalCollector
from tests.graphs.models import graph


def limits(directory: Path, release: str = "2026.3") -> GenerativeLimits:
    facts = Facts()
    collector = LocalCollector(User(os.getuid(), os.getgid()))
    while True:
        try:
            return generative_limits(str(directory), "", facts, parse_release(release))
        except FactsMissingError as missing:
            facts.add(collector.collect(missing.questions, None))


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"max_position_embeddings": 8, "n_positions": 4}, 8),
        ({"n_positions": 4}, 4),
        ({"seq_len": 5}, 5),
        ({"seq_length": 6}, 6),
        ({"n_ctx": 7}, 7),
        ({"sliding_window": 9}, 9),
        # A field that is no unsigned integer is passed over.
        ({"max_position_embeddings": "8", "n_ctx": 7}, 7),
        ({"max_position_embeddings": -1}, None),
        ({"max_position_embeddings": True}, None),
        ({"hidden_size": 16}, None),
    ],
)
def test_the_length_of_a_model(tmp_path: Path, config: dict[str, object], length: int | None) -> None:
    """`parseMaxModelLength` (servable_initializer.cpp)."""
    (tmp_path / "graph.pbtxt").write_text(graph("text_generation"))
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert limits(tmp_path).max_length == length


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("max_tokens_limit: 10 best_of_limit: 3", (10, 3)),
        ("max_tokens_limit: 0x10, best_of_limit: 010", (16, 8)),
        ("# max_tokens_limit: 10\n", (None, 20)),
        ("", (None, 20)),
    ],
)
def test_the_limits_of_a_graph(tmp_path: Path, options: str, expected: tuple[int | None, int]) -> None:
    """They are read as the server's parser reads them: comments, hexadecimal and octal numbers."""
    (tmp_path / "graph.pbtxt").write_text(graph("text_generation", options))
    found = limits(tmp_path)
    assert (found.max_tokens_limit, found.best_of_limit) == expected
    assert found.node == "LLMExecutor"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"chat_template.jinja": "{{ x }}"}, "own"),
        ({"tokenizer_config.json": '{"chat_template": "{{ x }}"}'}, "own"),
        ({"processor_config.json": '{"chat_template": "{{ x }}"}'}, "own"),
        ({"openvino_tokenizer.xml": '<net><rt_info><chat_template value="x"/></rt_info></net>'}, "own"),
        ({"chat_template.jinja": "{% for %}"}, "refused"),
        ({"openvino_tokenizer.xml": "<net/>", "tokenizer_config.json": "{}"}, "missing"),
        ({"chat_template.jinja": "", "openvino_tokenizer.xml": "<net/>"}, "missing"),
        # Without the tokenizer nobody knows.
        ({"tokenizer_config.json": "{}"}, None),
    ],
)
def test_where_a_chat_template_may_be(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    (tmp_path / "graph.pbtxt").write_text(graph("text_generation"))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert limits(tmp_path).chat_template == expected
