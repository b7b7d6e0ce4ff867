"""Nodes for embeddings, rerank, speech and images.

Source: src/embeddings, src/rerank, src/audio, src/image_gen (v2025.2 to v2026.3); the files as OpenVINO GenAI 2025.4
and 2026.4 read them. Nothing catches an exception of an embeddings, rerank or speech-to-text model: the graph is left
out, with all later graphs, and the server runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.model.facts import PathStatus
from ovms_doctor.model.graph_plan import ServableFault, Verdict
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.graphs.image_settings import image_settings
from ovms_doctor.prediction.graphs.model_directory import JsonFile
from ovms_doctor.prediction.graphs.properties import property_faults, refused_faults, unparsed_faults
from ovms_doctor.prediction.graphs.servables import (
    NOT_PROVIDED,
    TOKENIZER_FILES,
    ServableContext,
    ir_fault,
    json_fault,
    raw_weights,
    tokenizer_faults,
)

_SPEECH_TYPES = {(2025, 4): ("whisper",), (2026, 3): ("whisper", "qwen3_asr", "fun_asr")}


def embeddings_faults(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the faults of EmbeddingsCalculatorOV and RerankCalculatorOV, which load the same files."""
    yield from _json_files(context, "escaped", TOKENIZER_FILES)
    yield from tokenizer_faults(context, "escaped", "", detokenizer=False)
    yield from _token_texts(context)
    yield from _models(context, "escaped", ("openvino_model",))
    # Compiling fails because of them, after all files are read.
    yield from property_faults(context, "escaped", "")
    if context.node.calculator.title == "Embeddings" and context.release.at_least(2025, 4):
        yield from _rank(context)


def _token_texts(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the fault of a missing tokenizer: without it, encoding a token whose number config.json does not have
    throws (sidepacket_servable.cpp, since v2025.3)."""
    directory = context.directory
    if not context.release.at_least(2025, 3) or directory.has("openvino_tokenizer.xml"):
        return
    numbers, texts = directory.json("config.json").value, directory.json("tokenizer_config.json").value
    for token in ("pad_token", "eos_token", "bos_token"):
        text = texts.get(token) if isinstance(texts, dict) else None
        number = numbers.get(f"{token}_id") if isinstance(numbers, dict) else None
        if isinstance(text, str) and not (isinstance(number, int) and number):
            xml = "openvino_tokenizer.xml"
            yield context.fault(
                "tokenizer",
                "escaped",
                path=directory.join(xml),
                subject=xml,
                detail=f"the number of {token} is not in config.json",
                log=context.thrown("escaped"),
                exception=NOT_PROVIDED["tokenizer"],
            )
            return


def _rank(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the fault of an embeddings model without an output of three dimensions (embeddings_servable.cpp, since
    v2025.4)."""
    file = context.directory.ir("openvino_model")
    outputs = file.inspection.outputs if file.inspection is not None else None
    if outputs and all(tensor.shape != "[...]" and tensor.shape.count(",") != 2 for tensor in outputs):
        yield context.fault(
            "not_stateful",
            "escaped",
            path=context.directory.join("openvino_model.xml"),
            subject="openvino_model.xml",
            detail="none of its outputs has three dimensions",
            log=context.thrown("escaped"),
            exception="No output with 3 dimensions found",
        )


def speech_to_text_faults(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the faults of S2tCalculator."""
    yield from _json_files(
        context,
        "escaped",
        (
            "config.json",
            "generation_config.json",
            "preprocessor_config.json",
            "processor_config.json",
            "tokenizer_config.json",
        ),
    )
    yield from _plugin_config(context, "escaped")
    yield from _speech_type_unset(context)
    kind = context.directory.json("config.json").text("model_type")
    known = _SPEECH_TYPES[(2026, 3) if context.release.at_least(2026, 3) else (2025, 4)]
    if kind and kind not in known:
        yield context.fault(
            "model_type",
            "escaped",
            path=context.directory.join("config.json"),
            subject=kind,
            detail=", ".join(known),
            certain=context.release.known,
        )
        return
    yield from _models(context, "escaped", ("openvino_encoder_model", "openvino_decoder_model"))
    yield from tokenizer_faults(context, "escaped", "", detokenizer=True)
    yield from _properties(context, "escaped")


def _speech_type_unset(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the fault of a config.json without a ``model_type``, by which ASRPipeline chooses the model (since
    v2026.3); WhisperPipeline, which the server used before, needs neither."""
    file = context.directory.json("config.json")
    if not context.release.at_least(2026, 3) or file.state not in ("missing", "ok"):
        return
    path = context.directory.join("config.json")
    if file.state == "missing":
        exception = f"Failed to open '\"{path}\"'"
        yield context.fault(
            "file_missing",
            "escaped",
            path=path,
            subject="config.json",
            log=context.thrown("escaped"),
            exception=exception,
        )
    elif not (isinstance(file.value, dict) and "model_type" in file.value):
        exception = "config.json must contain 'model_type' field"
        yield context.fault(
            "file_damaged",
            "escaped",
            path=path,
            subject="config.json",
            detail="it has no “model_type”",
            log=context.thrown("escaped"),
            exception=exception,
        )


def _plugin_config(context: ServableContext, verdict: Verdict) -> Iterator[ServableFault]:
    """Yields the fault of a ``plugin_config`` of a speech node that is not JSON: the constructor throws (s2t_servable,
    t2s_servable; v2025.4 does not read the option)."""
    if context.release.at_least(2026, 0):
        line = "Error during llm node plugin_config option parsing to JSON: " + context.text("plugin_config")
        yield from unparsed_faults(context, verdict, "", line)


def _properties(context: ServableContext, verdict: Verdict) -> Iterator[ServableFault]:
    """Yields the fault of a property that the plugin refuses when the models are compiled."""
    if context.release.at_least(2026, 0):
        yield from refused_faults(context, verdict, "")


def text_to_speech_faults(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the faults of T2sCalculator: OpenVINO's exceptions are caught since v2026.0."""
    verdict: Verdict = "failed" if context.release.at_least(2026, 0) else "escaped"
    yield from _plugin_config(context, verdict)
    config = context.directory.json("config.json")
    if config.state == "missing":
        yield context.fault(
            "file_missing", verdict, path=context.directory.join("config.json"), subject="config.json"
        )
        return
    yield from _json_files(context, "escaped", ("config.json",))
    kokoro = context.release.at_least(2026, 3) and not _is_speecht5(context, config)
    if kokoro and not _has_vocabulary(config):
        yield context.fault(
            "file_damaged",
            verdict,
            path=context.directory.join("config.json"),
            subject="config.json",
            detail="it describes neither SpeechT5 nor, by an object “vocab”, Kokoro",
            exception="Unsupported text to speech generation pipeline",
            certain=context.release.known,
        )
        return
    yield from _models(context, verdict, ("openvino_model",) if kokoro else _SPEECHT5)
    yield from _properties(context, verdict)
    yield from _voices(context, verdict, kokoro=kokoro)


_SPEECHT5 = ("openvino_encoder_model", "openvino_decoder_model", "openvino_postnet", "openvino_vocoder")


def _is_speecht5(context: ServableContext, config: JsonFile) -> bool:
    """Whether the files are those of SpeechT5, the only kind until v2026.2."""
    listed = config.value.get("architectures") if isinstance(config.value, dict) else None
    named = isinstance(listed, list) and any("SpeechT5" in str(item) for item in listed)
    return named or any(context.directory.has(f"{name}.xml") for name in _SPEECHT5)


def _has_vocabulary(config: JsonFile) -> bool:
    """Whether GenAI recognises the model as Kokoro (text2speech_pipeline.cpp)."""
    return isinstance(config.value, dict) and isinstance(config.value.get("vocab"), dict)


#: The bytes of the speaker embedding of SpeechT5: 512 floats.
_EMBEDDING_SIZE = 2048


def _voices(context: ServableContext, verdict: Verdict, *, kokoro: bool) -> Iterator[ServableFault]:
    """Yields the faults of the voices that the graph names by their files, relative to its base path (since
    v2026.0): each exists, and has the size of a speaker embedding, which is known of SpeechT5 only."""
    options = context.options
    for voice in options.messages("voices") if options is not None else ():
        voice_path = next(iter(voice.texts("path")), "")
        directory, _, name = voice_path.rpartition("/")
        beside = context.other_directory(directory or ("/" if voice_path.startswith("/") else "."))
        path = beside.join(name)
        if voice_path and beside.has(name):
            status = beside.status(name)
            size = status.size if isinstance(status, PathStatus) and status.kind == "regular" else None
            if kokoro or size is None or size == _EMBEDDING_SIZE:
                continue
            line = (
                f"File must contain speaker embedding with {_EMBEDDING_SIZE // 4} 32-bit floats. Got: {size // 4}"
                if size % 4 == 0
                else "File size is not a multiple of float size."
            )
            detail = f"it has {size:,} bytes, and a voice of SpeechT5 has {_EMBEDDING_SIZE:,}"
            yield context.fault(
                "file_damaged",
                verdict,
                path=path,
                subject=name,
                detail=detail,
                exception=line,
                option="voices",
            )
            return
        line = f"Requested voice speaker embeddings file does not exist: {path}"
        yield context.fault("voice", verdict, path=path, subject=name, log=(line,), option="voices")
        return


def _missing_adapter(context: ServableContext) -> tuple[str, str] | None:
    """Returns path and name of the first LoRA adapter that does not exist, relative to the graph's base path (since
    v2026.2). The server loads them before the pipelines (image_gen/pipelines.cpp)."""
    options = context.options
    for adapter in options.messages("lora_adapters") if options is not None else ():
        adapter_path = next(iter(adapter.texts("path")), "")
        parent, _, name = adapter_path.rpartition("/")
        beside = context.other_directory(parent or ("/" if adapter_path.startswith("/") else "."))
        if name and not beside.has(name):
            return beside.join(name), name
    return None


def image_generation_faults(context: ServableContext) -> Iterator[ServableFault]:
    """Yields the faults of ImageGenCalculator: all exceptions are caught."""
    directory, status = context.directory, "INTERNAL_ERROR"
    log = (f"Failed to create Image Generation pipelines: {context.graph}. Unknown error",)
    line = "Failed to parse plugin config: "
    for each in (*image_settings(context), *property_faults(context, "failed", status, line)):
        yield each
        return
    adapter = _missing_adapter(context)
    if adapter is not None:
        path, name = adapter
        yield context.fault(
            "file_missing", "failed", path=path, subject=name, status=status, log=log, option="lora_adapters"
        )
        return
    index = directory.json("model_index.json")
    if index.state != "ok":
        raw = raw_weights(context)
        name = "model_index.json"
        if index.state == "missing":
            yield context.fault(
                "not_converted" if raw else "file_missing",
                "failed",
                path=directory.join(raw or name),
                subject=raw or name,
                status=status,
                log=log,
            )
        else:
            fault = json_fault(context, name, "failed", status, log)
            if fault is not None:
                yield fault
        return
    document = index.value if isinstance(index.value, dict) else {}
    kind = document.get("_class_name")
    if not isinstance(kind, str) or not _known_pipeline(kind, context.release):
        yield context.fault(
            "model_type",
            "failed",
            path=directory.join("model_index.json"),
            subject=str(kind),
            detail="StableDiffusion, LatentConsistencyModel and Flux pipelines",
            status=status,
            log=log,
            certain=context.release.known,
        )
        return
    parts = [name for name in _PARTS if _has_part(document, name)]
    parts += ["vae_decoder"] if context.release.at_least(2026, 1) else ["vae_decoder", "vae_encoder"]
    yield from _parts(context, parts, status, log)


#: The parts of a pipeline that are separate models, if its index has them.
_PARTS = ("unet", "transformer", "text_encoder", "text_encoder_2", "text_encoder_3")
_PIPELINE = lazy_pattern(
    r"(StableDiffusion(XL|3)?(Img2Img|Inpaint)?|LatentConsistencyModel(Img2Img)?|Flux(Img2Img|Inpaint|Fill)?)Pipeline"
)


def _known_pipeline(kind: str, release: Release) -> bool:
    """Whether GenAI has a pipeline for the ``_class_name`` of model_index.json."""
    if kind.startswith("Flux2"):
        return release.at_least(2026, 3)
    return _PIPELINE.fullmatch(kind) is not None


def _has_part(document: dict[str, object], name: str) -> bool:
    """Returns whether the index has a part: an unused part is in the index as [null, null]."""
    part = document.get(name)
    return isinstance(part, list) and any(item is not None for item in part)


def _parts(
    context: ServableContext, parts: list[str], status: str, log: tuple[str, ...]
) -> Iterator[ServableFault]:
    directory = context.directory
    scheduler = "scheduler/scheduler_config.json"
    if not directory.has(scheduler):
        path = directory.join(scheduler)
        yield context.fault("file_missing", "failed", path=path, subject=scheduler, status=status, log=log)
        return
    fault = json_fault(context, scheduler, "failed", status, log)
    if fault is not None:
        yield fault
        return
    for part in parts:
        name = f"{part}/config.json"
        fault = ir_fault(context, directory.ir(f"{part}/openvino_model"), "failed", status, log)
        if fault is None and not directory.has(name):
            path = directory.join(name)
            fault = context.fault("file_missing", "failed", path=path, subject=name, status=status, log=log)
        fault = fault or json_fault(context, name, "failed", status, log)
        if fault is not None:
            yield fault
            return


def _json_files(
    context: ServableContext, verdict: Verdict, names: tuple[str, ...]
) -> Iterator[ServableFault]:
    for name in names:
        fault = json_fault(context, name, verdict, "")
        if fault is not None:
            yield fault
            return


def _models(context: ServableContext, verdict: Verdict, names: tuple[str, ...]) -> Iterator[ServableFault]:
    raw = raw_weights(context)
    if raw:
        yield context.fault("not_converted", verdict, path=context.directory.join(raw), subject=raw)
        return
    for name in names:
        fault = ir_fault(context, context.directory.ir(name), verdict, "")
        if fault is not None:
            yield fault
            return
