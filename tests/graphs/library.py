"""The real OpenVINO GenAI, called in the order in which the server calls it, in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

#: Loads one directory after the other, with the calls of the servables in their order
#: (servable_initializer.cpp of continuous
#: batching, sidepacket_servable.cpp, embeddings_servable.cpp, v2026.3). Before each it says which one it begins with:
#: the process may crash.
_CHILD = """
import dataclasses, json, os, sys
sys.modules["openvino_telemetry"] = None
import openvino as ov, openvino_genai as genai

if sys.argv[1:]:
    # What is imported later may be out of the user's reach, as the interpreter is.
    ov.Core().available_devices
    user = int(sys.argv[1])
    os.setgroups([]), os.setgid(user), os.setuid(user)

def text_of(error):
    # A text that is not UTF-8 comes as bytes that Python could not decode.
    return bytes(error.object).decode("latin-1") if isinstance(error, UnicodeDecodeError) else str(error)

def text_generation(directory, config):
    stage = "escaped"
    try:
        path = os.path.join(directory, "generation_config.json")
        if os.path.exists(path):
            genai.GenerationConfig(path)
        stage = "failed"
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = 0
        pipeline = genai.ContinuousBatchingPipeline(directory, scheduler, "CPU", config, {})
    except Exception as error:
        return stage, text_of(error)
    try:
        pipeline.get_tokenizer().decode(pipeline.get_tokenizer().encode("a").input_ids.data[0].tolist())
    except Exception as error:
        return "requests", text_of(error)
    return "available", ""

def side_packet(directory, config, task):
    try:
        tokenizer = genai.Tokenizer(directory, add_special_tokens=False)
        configs = []
        for name in ("config.json", "tokenizer_config.json"):
            try:
                found = json.load(open(os.path.join(directory, name)))
                configs.append(found if isinstance(found, dict) else {})
            except (OSError, ValueError):
                configs.append({})
        for token in ("pad_token", "eos_token", "bos_token"):
            if not configs[0].get(token + "_id") and isinstance(configs[1].get(token), str):
                tokenizer.encode(configs[1][token])
        core = ov.Core()
        model = core.read_model(os.path.join(directory, "openvino_model.xml"))
        if task == "embeddings" and not any(len(one.partial_shape) == 3 for one in model.outputs):
            raise RuntimeError("No output with 3 dimensions found")
        compiled = core.compile_model(model, "CPU", config)
    except Exception as error:
        return "escaped", text_of(error)
    try:
        tokenizer.encode("a")
    except Exception as error:
        return "requests", text_of(error)
    return "available", ""

for line in sys.stdin:
    task, directory, config = json.loads(line)
    print(json.dumps({"begins": directory}), flush=True)
    outcome = text_generation(directory, config) if task == "text_generation" else side_packet(directory, config, task)
    print(json.dumps({"verdict": outcome[0], "text": outcome[1]}), flush=True)
os._exit(0)
"""


class Loaded(NamedTuple):
    """The library's result for a directory."""

    #: ``available``, ``requests`` (it loads, and tokenizing fails), ``failed`` (an exception where the server catches
    #: it), ``escaped`` (one where it does not) or ``killed``.
    verdict: str
    #: The exception's text.
    text: str


def load(
    directories: Sequence[tuple[str, str]], config: dict[str, Any] | None = None, user: int | None = None
) -> list[Loaded]:
    """The library's result for each (task, directory); ``config``: the plugin's properties."""
    left = list(directories)
    found: list[Loaded] = []
    while left:
        lines = "".join(json.dumps([task, path, config or {}]) + "\n" for task, path in left)
        command = [sys.executable, "-c", _CHILD, *([] if user is None else [str(user)])]
        completed = subprocess.run(
            command, input=lines, capture_output=True, text=True, timeout=600, check=False
        )
        answers = [json.loads(line) for line in completed.stdout.splitlines() if line.startswith("{")]
        new = [Loaded(one["verdict"], one["text"]) for one in answers if "verdict" in one]
        if completed.returncode < 0:
            new.append(Loaded("killed", f"signal {-completed.returncode}"))
        elif completed.returncode or len(new) < len(left):
            raise RuntimeError(completed.stderr)
        found += new
        left = left[len(new) :]
    return found
