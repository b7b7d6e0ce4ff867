"""Steps that create a graph for the directory of a generative model, or convert its raw weights."""

from __future__ import annotations

import json

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.findings import Step
from ovms_doctor.model.graph_plan import GenerativeDirectory
from ovms_doctor.model.plan import ModelPlan

#: The options of optimum-cli for each task, in addition to the model and the precision (optimum_export.cpp).
_EXPORT = {
    "embeddings": "--disable-convert-tokenizer --task feature-extraction --library sentence_transformers",
    "rerank": "--disable-convert-tokenizer --task text-classification",
    "text_generation": "--task text-generation-with-past",
    "speech2text": "--task automatic-speech-recognition-with-past",
}
#: Tasks whose export leaves the tokenizer out: it is converted with the server's release.
_WITHOUT_TOKENIZER = frozenset(("embeddings", "rerank"))


def write_graph(
    context: Context, directory: str, task: str, models_path: str = "./", device: str = ""
) -> tuple[Step, ...]:
    """Returns the steps that put a graph.pbtxt into ``directory``, a server path, so that the release serves it; if no
    graph of the release does, the step that names an alternative."""
    import shlex

    from ovms_doctor.prediction.graphs.template import first_release, graph_text

    release = context.deployment.release
    text = graph_text(task, release, models_path, device)
    if text is None:
        since = first_release(task)
        if since is None or release.at_least(*since):
            return ()
        return (Step(f"Use OVMS {since[0]}.{since[1]} or newer, which serves the task {task}."),)
    if not context.on_host(directory):
        return (Step(f"Put a graph.pbtxt for the task {task} beside the model in the image."),)
    lines = " ".join(shlex.quote(line) for line in text.splitlines())
    target = quote(f"{context.host(directory).rstrip('/')}/graph.pbtxt")
    steps = [
        Step(
            f"Write the graph that serves it (task {task}).",
            f"printf '%s\\n' {lines} > {target}",
            "host",
            "changes files",
        )
    ]
    if not release.finds_graphs:
        entry = json.dumps({"name": _name(directory), "base_path": directory})
        steps.append(Step(f'List it in the configuration: "mediapipe_config_list": [{entry}].'))
    return tuple(steps)


def start_with_task(context: Context, task: str) -> tuple[Step, ...]:
    """Returns the alternative steps if the server is started with one model: it builds the graph itself (since
    v2026.2)."""
    release = context.deployment.release
    if not context.single or not release.at_least(2026, 2) or context.deployment.models:
        return ()
    return (run_with(context, "Or let the server build the graph.", ["--task", task]),)


def run_with(context: Context, text: str, arguments: list[str]) -> Step:
    """Returns a step that adds ``arguments`` to the server's arguments, in the form of the deployment's source."""
    container = context.deployment.container
    if container is not None and container.source in ("kubernetes", "compose"):
        kind = container.source
        key = "args" if kind == "kubernetes" else "command"
        return Step(f"{text} Add to {key}:", json.dumps(arguments), kind, "restarts the server")
    import shlex

    return Step(f"{text} Add to its arguments:", shlex.join(arguments), "docker run", "restarts the server")


def convert(context: Context, directory: str, task: str, source: str = "") -> tuple[Step, ...]:
    """Returns the steps that export a model to OpenVINO's format into a directory next to ``directory``. ``source``:
    its name on Hugging Face; empty if the directory has the weights."""
    host = context.host(directory).rstrip("/")
    model, output = quote(source or host), quote(f"{host}-ov")
    options = f"{_EXPORT[task]} " if task in _EXPORT else ""
    command = f"optimum-cli export openvino --model {model} {options}--weight-format int8 {output}"
    if task in _WITHOUT_TOKENIZER:
        command += f" && convert_tokenizer {model} -o {output}"
    return (
        Step("Convert the model into a new directory.", command, "host", "changes files"),
        Step(f"Give the server the new directory instead of {directory}."),
    )


def steps_for(context: Context, model: ModelPlan, meant: GenerativeDirectory) -> tuple[Step, ...]:
    """Returns the steps with which the server serves the generative model in a directory."""
    base = model.entry.base_path
    if meant.raw:
        return convert(context, base, meant.task)
    return (
        *write_graph(context, base, meant.task, meant.models_path),
        *start_with_task(context, meant.task),
    )


def _name(directory: str) -> str:
    return directory.rstrip("/").rpartition("/")[2]
