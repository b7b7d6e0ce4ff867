"""Recognises the directory of a generative model: its task, and how a graph would name it."""

from __future__ import annotations

from ovms_doctor.model.facts import Facts, Failure, Listing, StatPath
from ovms_doctor.model.graph_plan import GenerativeDirectory
from ovms_doctor.model.model_files import RAW_WEIGHTS, is_generative, is_raw
from ovms_doctor.prediction.generative import infer_task

_SPEECH = ("openvino_encoder_model.xml", "openvino_decoder_model.xml")


def recognise(absolute_path: str, listing: Listing, facts: Facts) -> GenerativeDirectory | None:
    """Returns the generative model in a directory, None if it contains none. Raises FactsMissingError."""
    names = frozenset(entry.name for entry in listing.entries if entry.kind != "directory")
    if not is_generative(names) or "graph.pbtxt" in names:
        return None
    dangling = _dangling(absolute_path, listing, facts)
    if dangling:
        return GenerativeDirectory(_task_by_files(names), dangling=dangling)
    task = infer_task(absolute_path, facts) or _task_by_files(names)
    gguf = sorted(name for name in names if name.endswith(".gguf"))
    if gguf and not any(name.startswith("openvino_") for name in names):
        return GenerativeDirectory(task, f"./{gguf[0]}")
    raw = min((name for name in names if name.endswith(RAW_WEIGHTS)), default="") if is_raw(names) else ""
    return GenerativeDirectory(task, raw=raw)


def _dangling(absolute_path: str, listing: Listing, facts: Facts) -> str:
    """Returns the first dangling link of the directory; in a snapshot of a Hugging Face cache without the blobs all
    links dangle."""
    links = sorted(entry.name for entry in listing.entries if entry.kind == "link")
    facts.need(StatPath(f"{absolute_path}/{name}") for name in links)
    for name in links:
        status = facts.ask(StatPath(f"{absolute_path}/{name}"))
        if isinstance(status, Failure) and status.missing:
            return name
    return ""


def _task_by_files(names: frozenset[str]) -> str:
    """Returns the task if config.json does not show it: the server's own detection needs this file, but a graph does
    not."""
    if "model_index.json" in names:
        return "image_generation"
    if "openvino_postnet.xml" in names or "openvino_vocoder.xml" in names:
        return "text2speech"
    if names.issuperset(_SPEECH):
        return "speech2text"
    return "text_generation"
