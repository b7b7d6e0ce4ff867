"""The real OpenVINO GenAI and the prediction: whether a directory loads, and which exception is thrown if
not.

Each file of each model is removed, emptied, cut, and replaced by typical wrong files; further single changes.
The models are those of ``fixtures/making/generative.py`` and exports of the usual tools
(tests/data/generative).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from making import generative

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import AnyQuestion, Facts, FactsMissingError
from ovms_doctor.model.graph_plan import GraphPlan
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.graphs.follow import follow_graph
from ovms_doctor.probes.local import LocalCollector
from tests.graphs.library import Loaded, load
from tests.graphs.models import unpack, without_version

pytestmark = pytest.mark.needs_module("openvino_genai")

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"5f" * 32 + b"\nsize 123456\n"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Sign in</body></html>\n"
#: Replacements for a file; None: the file is removed.
REPLACED: dict[str, Callable[[bytes], bytes | None]] = {
    "removed": lambda data: None,
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "cut-late": lambda data: data[:-9],
    "pointer": lambda data: POINTER,
    "page": lambda data: PAGE,
    "longer": lambda data: data + b"\n\n",
}
MODELS: dict[str, tuple[str, Callable[[], dict[str, bytes]]]] = {
    "text": ("text_generation", generative.language_model),
    "embeddings": ("embeddings", generative.embeddings),
    "rerank": ("rerank", generative.reranker),
}
#: Exports of the usual tools: the model's name in tests/data and its task.
EXPORTED = {
    "llm-2025.4": "text_generation",
    "vlm": "text_generation",
    "embeddings": "embeddings",
    "rerank": "rerank",
}


class Case(NamedTuple):
    """A directory and the task that serves it."""

    task: str
    directory: Path


#: Single changes: a model, the file, its new content.
SINGLE: list[tuple[str, str, str, bytes]] = [
    ("text", "config.json", "list", b"[]"),
    ("text", "config.json", "nan", b'{"a": NaN}'),
    ("text", "config.json", "comment", b"{} // no"),
    ("text", "config.json", "mark", b'\xef\xbb\xbf{"model_type": "llama"}'),
    ("text", "config.json", "blanks", b"  \n"),
    ("text", "config.json", "latin", b'{"a": "\xe4"}'),
    ("text", "config.json", "other", b'{"model_type": "foo", "num_hidden_layers": 7}'),
    ("text", "generation_config.json", "list", b"[]"),
    ("text", "generation_config.json", "text", b'{"eos_token_id": "</s>"}'),
    ("text", "generation_config.json", "temperature", b'{"temperature": "0.5"}'),
    ("text", "generation_config.json", "tokens", b'{"eos_token_id": [1, 2]}'),
    ("text", "generation_config.json", "unknown", b'{"colour": "red"}'),
    ("text", "special_tokens_map.json", "broken", b"{"),
    ("text", "processor_config.json", "broken", b"{"),
    ("text", "chat_template.json", "broken", b"{"),
    ("text", "preprocessor_config.json", "broken", b"{"),
    ("text", "tokenizer.json", "broken", b"{"),
    ("text", "vocab.json", "broken", b"{"),
    ("text", "README.md", "any", b"text"),
    ("text", "model.safetensors", "any", b"\0" * 64),
    ("embeddings", "chat_template.json", "broken", b"{"),
    ("embeddings", "special_tokens_map.json", "broken", b"{"),
    ("embeddings", "generation_config.json", "broken", b"{"),
    ("rerank", "processor_config.json", "broken", b"{"),
    ("rerank", "tokenizer.json", "broken", b"{"),
]


def cases(root: Path) -> Iterator[tuple[str, Case]]:
    """All cases by name; the directories are created."""
    healthy: dict[str, Case] = {}
    for name, (task, make) in MODELS.items():
        directory = root / name
        directory.mkdir()
        write(directory, make())
        healthy[name] = Case(task, directory)
    for name, task in EXPORTED.items():
        directory = unpack(name, root / "exported")
        # The effect of newer tokenizers on older releases has its own test.
        without_version(directory)
        healthy[f"exported-{name}"] = Case(task, directory)
    for name, (task, directory) in healthy.items():
        yield name, Case(task, directory)
        for file in sorted(os.listdir(directory)):
            for change, replaced in REPLACED.items():
                if not is_tried(name, file, change):
                    continue
                content = replaced((directory / file).read_bytes())
                yield f"{name}/{file}/{change}", Case(task, changed(directory, root, file, change, content))
    for name, file, change, content in SINGLE:
        task, directory = healthy[name]
        yield f"{name}/{file}/{change}", Case(task, changed(directory, root, file, change, content))
    for name, source, task in (
        ("classifier-as-text", "rerank", "text_generation"),
        ("encoder-as-text", "embeddings", "text_generation"),
        ("classifier-as-embeddings", "rerank", "embeddings"),
        ("text-as-embeddings", "text", "embeddings"),
        ("embeddings-as-rerank", "embeddings", "rerank"),
    ):
        copy = changed(healthy[source].directory, root, "README.md", name, b"")
        yield name, Case(task, copy)
    xml = (healthy["text"].directory / "openvino_model.xml").read_bytes()
    for name, old, new in (
        ("unknown-operation", b'type="MatMul" version="opset1"', b'type="MatMulty" version="opset1"'),
        ("unknown-opset", b'type="MatMul" version="opset1"', b'type="MatMul" version="mine"'),
    ):
        content = xml.replace(old, new, 1)
        copy = changed(healthy["text"].directory, root, "openvino_model.xml", name, content)
        yield name, Case("text_generation", copy)
    for kind in ("foo", "minicpmv"):
        directory = healthy["exported-vlm"].directory
        config = json.loads((directory / "config.json").read_text())
        content = json.dumps({**config, "model_type": kind}).encode()
        case = Case("text_generation", changed(directory, root, "config.json", kind, content))
        yield f"exported-vlm/config.json/{kind}", case


def is_tried(name: str, file: str, change: str) -> bool:
    """Whether to test the case: some are loaded by the same code as another, and each one takes time."""
    if name.startswith("exported"):
        return change == "removed" or (change == "cut" and name == "exported-vlm")
    if file == "chat_template.jinja" or name == "rerank":
        return change in ("removed", "cut", "pointer")
    return True


def write(directory: Path, files: dict[str, bytes]) -> None:
    for file, content in files.items():
        (directory / file).write_bytes(content)


def changed(directory: Path, root: Path, file: str, change: str, content: bytes | None) -> Path:
    copy = root / "changed" / directory.parent.name / directory.name / file / change
    # Links are much faster than copies; the file that changes is copied.
    shutil.copytree(directory, copy, copy_function=os.link)
    (copy / file).unlink(missing_ok=True)
    if content is not None:
        (copy / file).write_bytes(content)
    return copy


def predicted(found: list[Case], user: User | None = None, options: str = "") -> list[GraphPlan]:
    """The prediction for each directory, for the newest release, without OpenVINO."""
    request = CheckOptions(load="none")
    deployment = Deployment("config", parse_release("2026.3"), "test", options=request)
    plans: dict[int, GraphPlan] = {}
    facts = Facts()
    for case in found:
        (case.directory / "graph.pbtxt").write_bytes(generative.graph(case.task, options))
    with LocalCollector(user) as collector:
        while len(plans) < len(found):
            missing: list[AnyQuestion] = []
            for number, case in enumerate(found):
                base = str(case.directory)
                if number not in plans:
                    try:
                        plans[number] = follow_graph("m", f"{base}/graph.pbtxt", base, deployment, facts)
                    except FactsMissingError as error:
                        missing += error.questions
            facts.add(collector.collect(missing))
    return [plans[number] for number in range(len(found))]


def verdict(plan: GraphPlan) -> str:
    """The prediction in the terms of the library."""
    requests = any(
        fault.verdict == "requests" and fault.kind in ("tokenizer", "detokenizer") for fault in plan.faults
    )
    return "requests" if plan.verdict == "available" and requests else plan.verdict


@pytest.mark.slow
def test_prediction_and_library_agree(public_dir: Path) -> None:
    """One process loads all, which takes seconds; all differences are listed together."""
    made = dict(cases(public_dir))
    plans = predicted(list(made.values()))
    loaded = load([(case.task, str(case.directory)) for case in made.values()])
    differ = differences(list(made), plans, loaded)
    assert differ == [], "\n".join(differ)
    assert len(made) > 200
    assert {real.verdict for real in loaded} == {"available", "requests", "failed", "escaped"}


def differences(names: list[str], plans: list[GraphPlan], loaded: list[Loaded]) -> list[str]:
    """The differences between prediction and library: whether it loads, and what is thrown."""
    lines = []
    for name, plan, real in zip(names, plans, loaded, strict=True):
        text = exception_of(plan)
        if verdict(plan) != real.verdict:
            lines.append(f"{name}: predicted {verdict(plan)}, but {real.verdict}: {real.text[-90:]!r}")
        elif real.text and not (text and text in real.text):
            lines.append(f"{name}: predicted “{text}”, but {real.text[-120:]!r}")
    return lines


def exception_of(plan: GraphPlan) -> str:
    return next((fault.exception for fault in plan.faults), "")


@pytest.mark.needs_root
@pytest.mark.slow
def test_files_that_the_user_may_not_read(public_dir: Path) -> None:
    """The process of the library drops root, as the server's does; so does the process that reads the files."""
    made: dict[str, Case] = {}
    for name, (task, make) in MODELS.items():
        for file in make():
            directory = public_dir / name / file.replace(".", "-")
            directory.mkdir(parents=True)
            write(directory, make())
            (directory / file).chmod(0)
            made[f"{name}/{file}"] = Case(task, directory)
    plans = predicted(list(made.values()), User(5000, 5000))
    loaded = load([(case.task, str(case.directory)) for case in made.values()], user=5000)
    differ = differences(list(made), plans, loaded)
    assert differ == [], "\n".join(differ)


#: Properties of plugin_config, each alone.
PROPERTIES: list[dict[str, object]] = [
    {"NO_SUCH": "1"},
    {"MAX_PROMPT_LEN": 1024},
    {"KV_CACHE_PRECISION": "int8"},
    {"KV_CACHE_PRECISION": "u8"},
    {"CPU_RUNTIME_CACHE_CAPACITY": 1},
    {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"},
    {"ENABLE_MMAP": "NO"},
    {"INFERENCE_PRECISION_HINT": "f32"},
    {"performance_hint": "LATENCY"},
]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text", "rerank"])
def test_properties_of_the_plugin(public_dir: Path, name: str) -> None:
    task, make = MODELS[name]
    wrong = []
    for number, config in enumerate(PROPERTIES):
        directory = public_dir / str(number)
        directory.mkdir()
        write(directory, make())
        device = "device" if task == "text_generation" else "target_device"
        options = f"{device}: \"CPU\" plugin_config: '{json.dumps(config)}'"
        (plan,) = predicted([Case(task, directory)], options=options)
        (real,) = load([(task, str(directory))], config)
        wrong += [f"{config}: {line}" for line in differences(["m"], [plan], [real])]
    assert wrong == [], "\n".join(wrong)


_USE = """
import json, sys
sys.modules["openvino_telemetry"] = None
import openvino_genai as genai
text, embeddings, rerank = sys.argv[1:]
tokenizer = genai.Tokenizer(text)
ids = tokenizer.encode("Hello <|im_end|>!").input_ids.data[0].tolist()
print(json.dumps({
    "ids": ids,
    "back": tokenizer.decode(ids),
    "chat": tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], True),
    "generated": [
        len(str(genai.LLMPipeline(text, "CPU", **options).generate("abc", max_new_tokens=5, ignore_eos=True)))
        for options in ({}, {"ATTENTION_BACKEND": "SDPA"})
    ],
    "embedded": len(genai.TextEmbeddingPipeline(embeddings, "CPU").embed_query("hi")),
    "ranked": sorted(number for number, _ in genai.TextRerankPipeline(rerank, "CPU").rerank("a", ["b", "cc"])),
}))
"""


@pytest.mark.slow
def test_the_tiny_models_do_what_their_kind_does(tmp_path: Path) -> None:
    """With and without paged attention; this shows that their results for loading also hold for real models."""
    for name, (_, make) in MODELS.items():
        (tmp_path / name).mkdir()
        write(tmp_path / name, make())
    command = [sys.executable, "-c", _USE, *(str(tmp_path / name) for name in MODELS)]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    found = json.loads(completed.stdout)
    hello = [generative.TOKENS.index(letter) for letter in "Hello "]
    assert found["ids"] == [*hello, generative.TOKENS.index("<|im_end|>"), generative.TOKENS.index("!")]
    assert found["back"] == "Hello !"
    assert found["chat"] == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert all(1 <= length <= 5 for length in found["generated"])
    assert found["embedded"] == generative.TINY.hidden
    assert found["ranked"] == [0, 1]
