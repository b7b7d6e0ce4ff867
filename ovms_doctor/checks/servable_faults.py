"""The codes for faults of a node's model or its settings, and the sentence about each kind of fault."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from ovms_doctor.checks import chat_templates
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.graph_plan import ServableFault, ServableFaultKind

GRAPH_NOT_WIRED = Code(
    code="OVD363",
    name="graph-not-wired",
    severity="error",
    summary="The streams, side packets or nodes of the graph do not fit together",
    remedy="Correct graph.pbtxt at the line that the message names.",
    log=(server_log.GRAPH_NOT_INITIALIZED, server_log.GRAPH_WITHOUT_STREAMS),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD361", "OVD362"),
    example=Example(
        "a node without node_options",
        "node_options { [type.googleapis.com/mediapipe.LLMCalculatorOptions] { … } }",
    ),
)
MODELS_PATH_WRONG = Code(
    code="OVD364",
    name="models-path-wrong",
    severity="error",
    summary="The models_path of a node does not name a directory, or the handler_path of a Python node no file",
    remedy=(
        "Write the path of the model's directory or of the Python file, relative to the graph's base path or "
        "absolute."
    ),
    recovers="config_change",
    releases="Relative paths count from the base path, not from the directory of graph.pbtxt.",
    see_also=("OVD366",),
    example=Example('models_path: "/model"', 'models_path: "./"'),
)
MODEL_NOT_CONVERTED = Code(
    code="OVD365",
    name="model-not-converted",
    severity="error",
    summary="The directory holds weights as they are published, and no model in OpenVINO's format",
    remedy="Convert the model with optimum-cli, or pull one that is converted.",
    recovers="config_change",
    releases=(
        "Since 2025.4 --source_model converts only with --weight-format; without it the weights are cloned as "
        "they are."
    ),
    see_also=("OVD366",),
    example=Example("m/model.safetensors", "m/openvino_model.xml\nm/openvino_model.bin"),
)
GENERATIVE_FILE_MISSING = Code(
    code="OVD366",
    name="generative-file-missing",
    severity="error",
    summary="A file without which the generative model does not load is missing",
    remedy="Export or pull the model again. List the files in its directory.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD365", "OVD367"),
    example=Example("m/openvino_model.xml", "m/openvino_model.xml\nm/openvino_model.bin"),
)
GENERATIVE_FILE_DAMAGED = Code(
    code="OVD367",
    name="generative-file-damaged",
    severity="error",
    summary=(
        "A file of the generative model is there and cannot be read: it is cut off, a Git LFS pointer, or "
        "not JSON"
    ),
    remedy="Fetch the file again.",
    recovers="config_change",
    releases="generation_config.json is read since 2025.2.",
    see_also=("OVD366", "OVD302"),
    example=Example("generation_config.json   a Git LFS pointer", "generation_config.json   JSON"),
)
GENERATIVE_FILE_DENIED = Code(
    code="OVD368",
    name="generative-file-denied",
    severity="error",
    summary="The server's user has no read permission on a file of the generative model",
    remedy="Give the server's user (in the image: uid 5000) the right to read the model's directory.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD201", "OVD203"),
    example=Example("-rw------- root root m/openvino_model.bin", "-rw-r--r-- root root m/openvino_model.bin"),
)
WRONG_KIND_OF_MODEL = Code(
    code="OVD369",
    name="wrong-kind-of-model",
    severity="error",
    summary="The model was exported for another task than the task of the graph",
    remedy="Export the model for the task of the graph.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD366", "OVD370"),
    example=Example(
        "optimum-cli export openvino --task text-generation …",
        "optimum-cli export openvino --task text-generation-with-past …",
    ),
)
MODEL_TYPE_UNKNOWN = Code(
    code="OVD370",
    name="model-type-unknown",
    severity="error",
    summary="The release does not support the kind of model that config.json names",
    remedy="Use a release that supports it.",
    recovers="restart",
    releases="Each release adds kinds of models.",
    see_also=("OVD369",),
    example=Example('OVMS 2025.4: "model_type": "gemma4"', "OVMS 2026.2, the same model"),
)
TOKENIZER_MISSING = Code(
    code="OVD371",
    name="tokenizer-missing",
    severity="error",
    summary="The model loads, and every request fails, because its tokenizer is missing",
    remedy="Convert the tokenizer into the model's directory.",
    recovers="config_change",
    releases="Until 2025.1 the graph is not loaded without it.",
    see_also=("OVD366", "OVD372"),
    example=Example(
        "m/openvino_model.xml", "m/openvino_model.xml\nm/openvino_tokenizer.xml\nm/openvino_detokenizer.xml"
    ),
)
TOKENIZER_OF_OTHER_RELEASE = Code(
    code="OVD372",
    name="tokenizer-of-other-release",
    severity="error",
    summary="The tokenizer was converted by tools that do not fit the release's runtime",
    remedy="Convert the tokenizer with the openvino_tokenizers of the server's release, or use a newer server.",
    recovers="restart",
    releases=(
        "Tokenizers of 2026.4 crash 2025.2 to 2026.3. Releases until 2025.1 refuse tokenizers of 2025.2 "
        "and newer."
    ),
    see_also=("OVD371",),
    example=Example("openvino_tokenizers 2026.4, OVMS 2026.3", "openvino_tokenizers 2026.3, OVMS 2026.3"),
)
GENERATIVE_SETTING_REFUSED = Code(
    code="OVD374",
    name="generative-setting-refused",
    severity="error",
    summary="An option of a node has a value that the release refuses",
    remedy="Correct the option in graph.pbtxt, or leave it out.",
    recovers="config_change",
    releases="Unknown parsers are refused at start-up since 2026.3; before, every request fails.",
    see_also=("OVD361",),
    example=Example('tool_parser: "qwen3"', 'tool_parser: "hermes3"'),
)

GENERATIVE_MODEL_REFUSED = Code(
    code="OVD375",
    name="generative-model-refused",
    severity="error",
    summary="OpenVINO or OpenVINO GenAI refuses the model, or crashes when it loads it",
    remedy="Follow the text of the exception. Export the model again with the tools of the server's release.",
    recovers="config_change",
    releases="With --load it is the OpenVINO of this environment that loads it, which may be another release's.",
    see_also=("OVD366", "OVD367", "OVD369"),
    example=Example(
        'plugin_config: \'{"NO_SUCH_PROPERTY": "1"}\'', 'plugin_config: \'{"NUM_STREAMS": "1"}\''
    ),
)

_Sentence = Callable[[ServableFault], str]
_NEEDED: _Sentence = lambda fault: f"{fault.path} is missing"  # noqa: E731
#: The code of each kind of fault, and the sentence about it.
FAULTS: Mapping[ServableFaultKind, tuple[Code, _Sentence]] = {
    "path_unset": (MODELS_PATH_WRONG, lambda fault: f"The node {fault.node} has no models_path"),
    "path_missing": (
        MODELS_PATH_WRONG,
        lambda fault: f"The directory {fault.path}, which models_path names, does not exist",
    ),
    "path_kind": (MODELS_PATH_WRONG, lambda fault: f"{fault.path} is neither a directory nor a GGUF file"),
    "handler_missing": (
        MODELS_PATH_WRONG,
        lambda fault: f"The file {fault.path}, which handler_path names, does not exist",
    ),
    "not_converted": (
        MODEL_NOT_CONVERTED,
        lambda fault: (
            f"{posixpath.dirname(fault.path)} holds {fault.subject} and no model in OpenVINO's format"
        ),
    ),
    "file_missing": (GENERATIVE_FILE_MISSING, _NEEDED),
    "file_damaged": (GENERATIVE_FILE_DAMAGED, lambda fault: f"{fault.path} is damaged: {fault.detail}"),
    "json_invalid": (GENERATIVE_FILE_DAMAGED, lambda fault: f"{fault.path} cannot be parsed: {fault.detail}"),
    "file_denied": (
        GENERATIVE_FILE_DENIED,
        lambda fault: f"The server's user has no read permission on {fault.path}",
    ),
    "operations_unknown": (
        GENERATIVE_MODEL_REFUSED,
        lambda fault: f"OpenVINO refuses {fault.path}: {fault.detail}",
    ),
    "load_fails": (
        GENERATIVE_MODEL_REFUSED,
        lambda fault: f"{fault.subject} refuses the model in {fault.path}: {fault.exception}",
    ),
    "load_crashes": (
        GENERATIVE_MODEL_REFUSED,
        lambda fault: f"Loading {fault.path} crashes OpenVINO: {fault.detail}",
    ),
    "not_stateful": (
        WRONG_KIND_OF_MODEL,
        lambda fault: (
            f"{fault.path} " + (fault.detail or "has no state: it was exported without its cache (with-past)")
        ),
    ),
    "pipeline_type": (
        WRONG_KIND_OF_MODEL,
        lambda fault: f"pipeline_type {fault.subject} disagrees with the files of the model",
    ),
    "text_embeddings": (
        WRONG_KIND_OF_MODEL,
        lambda fault: f"{fault.path} is missing: the server loads the model as a text model",
    ),
    "model_type": (
        MODEL_TYPE_UNKNOWN,
        lambda fault: f"The release does not support the model_type “{fault.subject}” of {fault.path}",
    ),
    "tokenizer": (TOKENIZER_MISSING, _NEEDED),
    "detokenizer": (TOKENIZER_MISSING, _NEEDED),
    "tokenizer_new": (
        TOKENIZER_OF_OTHER_RELEASE,
        lambda fault: (
            f"{fault.path} was converted by openvino_tokenizers {fault.detail}, which crashes the server"
        ),
    ),
    "extension_old": (
        TOKENIZER_OF_OTHER_RELEASE,
        lambda fault: (
            f"{fault.path} was converted by openvino_tokenizers {fault.detail}, which the release does not support"
        ),
    ),
    **chat_templates.CODES,
    "chat_template_damaged": (GENERATIVE_FILE_DAMAGED, chat_templates.sentence),
    "draft": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"{fault.subject} is set, and draft_models_path is not",
    ),
    "parser": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"The release has no parser “{fault.subject}”; it has {fault.detail or 'none'}",
    ),
    "devices": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"The device “{fault.subject}” names neither one device nor three",
    ),
    "resolution": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"The device “{fault.subject}” needs a static resolution, and none is set",
    ),
    "eviction": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: (
            f"cache_eviction_config has {fault.detail}: all are greater than 0, and the last one is greater than the "
            "sum of the others"
        ),
    ),
    "plugin_config": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: "plugin_config is not a JSON object of strings and numbers",
    ),
    "device": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"The node {fault.node} uses the device “{fault.subject}”: {fault.detail}",
    ),
    "npu_property": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"{fault.subject} in the plugin_config of the node {fault.node} {fault.detail}",
    ),
    "npu_quantisation": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"{fault.path} shows {fault.subject}, and the NPU is intended for symmetric ones",
    ),
    "output_stream": (
        GRAPH_NOT_WIRED,
        lambda fault: f"No node produces the output stream “{fault.subject}” of the graph",
    ),
    "side_packet": (
        GRAPH_NOT_WIRED,
        lambda fault: (
            f"The node {fault.node} uses the side packet “{fault.subject}”, which the server does not have"
            + (f"; its own is {fault.detail}" if fault.detail else " and no node gives")
        ),
    ),
    "gguf": (
        MODEL_TYPE_UNKNOWN,
        lambda fault: (
            f"{fault.path} is a model of the architecture {fault.subject}; of GGUF models {fault.detail} are known"
        ),
    ),
    "voice": (
        GENERATIVE_FILE_MISSING,
        lambda fault: f"{fault.path}, a voice that the graph names, is missing",
    ),
    "plugin_config_ignored": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: (
            "plugin_config is not a JSON object of strings and numbers: the server continues without it"
        ),
    ),
    "property": (GENERATIVE_SETTING_REFUSED, lambda fault: f"plugin_config: {fault.detail}"),
    "parser_pair": (
        GENERATIVE_SETTING_REFUSED,
        lambda fault: f"The tool parser and the reasoning parser, {fault.subject}, cannot be used together",
    ),
    "image_option": (GENERATIVE_SETTING_REFUSED, lambda fault: f"{fault.subject}: {fault.detail}"),
    "scheduler": (GENERATIVE_SETTING_REFUSED, lambda fault: fault.detail),
    "batch_size": (GENERATIVE_SETTING_REFUSED, lambda fault: fault.detail),
    "eviction_block": (GENERATIVE_SETTING_REFUSED, lambda fault: f"cache_eviction_config: {fault.detail}"),
    "token_limit": (GENERATIVE_SETTING_REFUSED, lambda fault: fault.detail),
    "gguf_part": (
        MODELS_PATH_WRONG,
        lambda fault: (
            f"{fault.path} is part {fault.subject} of a model, and models_path names the first part"
        ),
    ),
    "cache_size": (GENERATIVE_SETTING_REFUSED, lambda fault: f"cache_size {fault.subject} {fault.detail}"),
}

CODES = (
    MODELS_PATH_WRONG,
    MODEL_NOT_CONVERTED,
    GENERATIVE_FILE_MISSING,
    GENERATIVE_FILE_DAMAGED,
    GENERATIVE_FILE_DENIED,
    WRONG_KIND_OF_MODEL,
    MODEL_TYPE_UNKNOWN,
    TOKENIZER_MISSING,
    TOKENIZER_OF_OTHER_RELEASE,
    chat_templates.CHAT_TEMPLATE_MISSING,
    GENERATIVE_SETTING_REFUSED,
    GENERATIVE_MODEL_REFUSED,
    chat_templates.CHAT_TEMPLATE_REFUSED,
    chat_templates.CHAT_TEMPLATE_NOT_READ,
)
