"""The memory of a loaded node: its models, and the caches of its language models."""

from __future__ import annotations

import json

from msgspec.structs import replace

from ovms_doctor.model.facts import Facts, LoadPipeline, LoadReport
from ovms_doctor.model.graph_plan import KvCache, LoadBasis, NodeModel, ServableFault, Verdict
from ovms_doctor.prediction.graphs.kv_cache import default_device, kv_cache, plugin_config
from ovms_doctor.prediction.graphs.model_directory import UnavailableFileError
from ovms_doctor.prediction.graphs.servables import LLM_FAILED, ServableContext

#: The language model of a directory: of a text model, of a vision-language model.
_LANGUAGE_MODELS = ("openvino_model", "openvino_language_model")


def loaded_models(context: ServableContext) -> NodeModel:
    """Returns the models that a node without a fault loads, as far as static reading shows them. Raises
    FactsMissingError, UnavailableFileError."""
    directory = context.directory
    inspections = list(directory.inspected.values())
    caches: list[KvCache] = []
    device = default_device(context)
    if context.node.calculator.title == "LLM":
        stateful = device == "NPU" or context.text("pipeline_type") in ("LM", "VLM")
        draft = None if stateful else context.text("draft_models_path") or None
        models = [(context, "")]
        if draft is not None:
            other = context.at(context.other_directory(draft))
            other.directory.ir(_LANGUAGE_MODELS[0])
            inspections += other.directory.inspected.values()
            models.append((other, "draft_"))
        for each, prefix in models:
            name = next((name for name in _LANGUAGE_MODELS if name in each.directory.inspected), None)
            if name is not None:
                found = kv_cache(each, each.directory.inspected[name], prefix, stateful=stateful)
                caches += [] if found is None else [found]
    # Without the library of text operations a tokenizer is only read statically; this is not a finding.
    read = directory.loads and directory.inspected and not directory.not_read
    basis: LoadBasis = "read" if read else "static"
    properties = _properties(context)
    return NodeModel(
        context.node.name,
        device,
        properties,
        tuple(inspections),
        tuple(caches),
        basis,
        unchecked=tuple(directory.unparsed),
    )


def _properties(context: ServableContext) -> tuple[tuple[str, str], ...]:
    return tuple((key, json.dumps(value)) for key, value in plugin_config(context).items())


def load_pipeline(
    context: ServableContext, task: str, model: NodeModel, facts: Facts
) -> tuple[NodeModel, ServableFault | None]:
    """Returns the result of loading the model of a node without a fault with OpenVINO GenAI, if it is installed with
    this program. Raises FactsMissingError, and UnavailableFileError if the load did not end."""
    path, device = context.directory.path, model.device
    reason = ""
    if device not in ("", "CPU") or (not device and context.limits.gpu):
        reason = f"the node's device is {device or 'the GPU'}, and only the CPU is tried"
    elif context.text("models_path").endswith(".gguf"):
        reason = "a GGUF file is not tried"
    if reason:
        return replace(model, not_loaded=(*model.not_loaded, f"{path}: {reason}")), None
    report = facts.ask(LoadPipeline(context.directory.absolute, task, _properties(context)))
    if not isinstance(report, LoadReport):
        if report.timed_out:
            raise UnavailableFileError(f"{path}: {report.reason}")
        return replace(model, not_loaded=(*model.not_loaded, f"{path}: {report.reason}")), None
    if report.outcome in ("timed_out", "out_of_memory"):
        raise UnavailableFileError(f"{path}: {report.detail or report.outcome.replace('_', ' ')}")
    model = replace(model, basis="compiled", not_loaded=())
    return model, None if report.outcome == "ok" else _refused(context, task, report)


def _refused(context: ServableContext, task: str, report: LoadReport) -> ServableFault:
    verdict: Verdict = (
        "failed" if task in ("text_generation", "image_generation", "text2speech") else "escaped"
    )
    crashed = report.outcome == "crashed"
    lines = [line.strip() for line in report.message.splitlines() if line.strip()]
    return context.fault(
        "load_crashes" if crashed else "load_fails",
        "killed" if crashed else verdict,
        path=context.directory.path,
        subject=f"OpenVINO GenAI {report.runtime}",
        detail=report.detail,
        status=LLM_FAILED if task == "text_generation" and not crashed else "",
        log=() if crashed else context.thrown(verdict, report.message),
        exception=lines[-1] if lines else "",
    )
