"""Which causes the values in a line exclude, and which of several causes is the likeliest.

Codes are named here, and not in their checks, because each row relates codes of several topics to each other: the
order of codes with the same message, and the code that replaces another one for a generative model. A text that
several codes share excludes some of them, and only ``explain`` and ``logs`` have that text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Values = Mapping[str, str]

#: Codes that share a message, in the order of likelihood.
_LIKELY: tuple[tuple[str, ...], ...] = (
    ("OVD405", "OVD205"),
    ("OVD803", "OVD801"),
    ("OVD430", "OVD333"),
    # The subject of a generative model's exception, before the message around it.
    (
        "OVD744",
        "OVD432",
        "OVD369",
        "OVD370",
        "OVD372",
        "OVD374",
        "OVD371",
        "OVD373",
        "OVD367",
        "OVD368",
        "OVD366",
        "OVD375",
        "OVD823",
        "OVD822",
        "OVD821",
    ),
    ("OVD505", "OVD503"),
    ("OVD202", "OVD201", "OVD110"),
    ("OVD432", "OVD731", "OVD433", "OVD342"),
    ("OVD301", "OVD303", "OVD302", "OVD304", "OVD305", "OVD306", "OVD203"),
)


def _path(values: Values) -> str:
    return next((values[key] for key in ("path", "file", "model_file") if values.get(key)), "")


#: Suffixes of models in formats other than IR.
_OTHER_MODELS = (".onnx", ".pb", ".pdmodel", ".pdiparams", ".tflite")


def _not_ir(values: Values, _: str) -> bool:
    return _path(values).endswith(_OTHER_MODELS)


#: OpenVINO's message on a tensor without a name: the sentence, and the source file in the line before it.
_NAMELESS = ("without names", "get_names()", "descriptor/tensor.cpp")


def _other_layout_fault(values: Values, text: str) -> bool:
    """Whether the message names a reason for a refused layout that is about the layout itself."""
    return "layout for model" in text and "ayout" in values.get("what", "")


#: Around the path of the extension, and after the path of the file that the loader does not open.
_EXTENSION, _NOT_OPENED = (
    "Cannot load library ",
    ": cannot open shared object file: No such file or directory",
)


def _other_file_missing(text: str) -> bool | None:
    """Whether the file that the loader does not open is another one than the extension itself; None where the text
    does not say. The loader says of a library for another processor that the library itself does not exist."""
    before, found, _ = text.partition(_NOT_OPENED)
    paths = before.rpartition(_EXTENSION)[2] if found and _EXTENSION in before else ""
    # OpenVINO writes the path with single quotes until 2025.4, then with double quotes.
    extension, _, missing = paths[1:].partition(f"{paths[:1]}: ")
    return missing != extension if missing else None


#: The server's text around the exception of a generative model (servable_initializer.cpp, modelmanager.cpp,
#: mediapipegraphdefinition.cpp, pipelines.cpp).
_AROUND_GENERATIVE = (
    "node initialization for models_path: ",
    "Error during draft model initialization for draft models_path: ",
    "Failed to process mediapipe graph config:",
    "Failed to create Image Generation pipelines: ",
    "Pipeline from disk: ",
    "TextToSpeech node name: ",
)
#: Code for a file of a classic model → code for one of a generative model.
_OF_GENERATIVE = {
    **dict.fromkeys(("OVD307", "OVD313", "OVD315", "OVD318", "OVD344"), "OVD366"),
    **dict.fromkeys(
        ("OVD301", "OVD302", "OVD303", "OVD304", "OVD305", "OVD306", "OVD308", "OVD311", "OVD312"), "OVD367"
    ),
    **dict.fromkeys(("OVD201", "OVD202", "OVD203"), "OVD368"),
    **dict.fromkeys(("OVD316", "OVD322", "OVD323", "OVD324", "OVD341", "OVD342"), "OVD375"),
    # The operations of a tokenizer are in an extension of OpenVINO.
    "OVD321": "OVD372",
}


def _is_generative(text: str) -> bool:
    return any(mark in text for mark in _AROUND_GENERATIVE)


#: The messages around an exception that is thrown while a request runs.
_WHILE_A_REQUEST_RUNS = (
    "Async caught an exception",
    "Caught exception in InferenceServiceImpl",
    "Error occurred in LLM executor",
    "Error occurred in executor",
    "pipeline generation failed",
)
#: Code → the function that returns whether the values or the text exclude it.
_EXCLUDED: dict[str, Callable[[Values, str], bool]] = {
    "OVD106": lambda values, _: _path(values).startswith(("s3://", "gs://", "az://", "azfs://")),
    "OVD659": lambda values, _: bool(_path(values)) and not _path(values).startswith(("s3://", "gs://")),
    # The server used HOST:PORT or a host name as the bucket.
    "OVD623": lambda values, _: not {":", "."} & set(values.get("bucket", ":")),
    "OVD622": lambda values, _: "." not in values.get("bucket", "."),
    # The step that sets layouts is the first step that needs names.
    "OVD333": _other_layout_fault,
    "OVD430": lambda _, text: any(mark in text for mark in _NAMELESS),
    # Only an IR has this error.
    "OVD307": _not_ir,
    "OVD308": _not_ir,
    "OVD311": _not_ir,
    "OVD312": _not_ir,
    "OVD315": _not_ir,
    # MediaPipe names the unknown calculator or the stream that does not fit.
    "OVD362": lambda _, text: any(
        word in text for word in ("nput Stream", "utput Stream", "ide packet", "ide Packet")
    ),
    "OVD363": lambda _, text: any(
        word in text for word in ("No registered object", "Unable to find Calculator")
    ),
    # The server cannot reach a store; this is not a client's error.
    "OVD884": lambda _, text: any(word in text for word in ("S3 ", "GCS ", "curlCode", "HeadBucket")),
    # mapping_config.json has two keys only.
    "OVD461": lambda _, text: (
        any(start in text for start in ("JSON schema parse error", "Given config is invalid"))
        and not any(key in text for key in ("#/inputs", "#/outputs"))
    ),
    # Messages about the CPU extension name it.
    **{
        code: lambda _, text: "xtension" not in text
        for code in ("OVD351", "OVD352", "OVD354", "OVD356", "OVD357")
    },
    "OVD353": lambda _, text: "xtension" not in text or _other_file_missing(text) is True,
    "OVD355": lambda _, text: (
        "xtension" not in text or _other_file_missing(text) is False or ": libopenvino.so." in text
    ),
    "OVD441": lambda _, text: "libopenvino_" in text,
    # This is a setting of a graph's node; a setting of a model has other codes.
    "OVD374": lambda _, text: "Cannot compile model into target device" in text,
    # The model was compiled: it fails while a request runs. Or the process aborts, at any time.
    "OVD342": lambda _, text: (
        any(mark in text for mark in _WHILE_A_REQUEST_RUNS) or text.startswith("terminate called")
    ),
    # A failed shape inference has its own code.
    "OVD406": lambda _, text: "Could not infer model task" in text,
    "OVD874": lambda values, _: values.get("version", "").startswith("policy"),
}


def possible(code: str, values: Values, text: str) -> bool:
    """Whether the values in a message, or its text, leave the code possible."""
    excluded = _EXCLUDED.get(code)
    return excluded is None or not excluded(values, text)


def of_generative_model(code: str, text: str) -> str:
    """Returns the code for a generative model if the text is about one, else the same code."""
    return _OF_GENERATIVE.get(code, code) if _is_generative(text) else code


def by_likelihood(codes: Sequence[str]) -> list[str]:
    """Returns the same codes; of codes with the same message, the likeliest comes first."""
    result = list(codes)
    for family in _LIKELY:
        indexes = [index for index, code in enumerate(result) if code in family]
        ordered = sorted((result[index] for index in indexes), key=family.index)
        for index, code in zip(indexes, ordered, strict=True):
            result[index] = code
    return result
