"""MediaPipe graphs and generative models."""

from __future__ import annotations

from ovms_doctor.model.codes import Code, Example

GRAPH_DEFINITION_INVALID = Code(
    code="OVD821",
    name="graph-definition-invalid",
    severity="error",
    summary=("A graph is not served: its graph.pbtxt does not fit this release, or its nodes are incomplete"),
    remedy=(
        "Correct what the message names; a graph.pbtxt that `ovms --pull` or export_model.py of the "
        "same release writes fits."
    ),
    releases="Since 2023.1.",
    see_also=("OVD448", "OVD822"),
    example=Example(
        'calculator: "HttpLLMCalculator"        without node_options',
        "the graph.pbtxt that ovms --pull writes",
    ),
)

GENERATIVE_MODEL_NOT_LOADED = Code(
    code="OVD822",
    name="generative-model-not-loaded",
    severity="error",
    summary="The model of a graph's node is not loaded",
    remedy="The exception in the message gives the reason: a path, an option, the device, or memory.",
    releases="Since 2024.2.",
    see_also=("OVD821", "OVD823"),
    example=Example('models_path: "./model"                 which does not exist', 'models_path: "./"'),
)

CHAT_TEMPLATE_UNUSABLE = Code(
    code="OVD823",
    name="chat-template-unusable",
    severity="warning",
    summary="The model's chat template is missing, or the server cannot render it",
    remedy=(
        "Put chat_template.jinja from the model's source into the model's directory, or use /v1/completions."
    ),
    releases="Since 2024.3; the checks of tool calls since 2026.3.",
    see_also=("OVD822", "OVD373", "OVD376"),
    example=Example("no chat_template in tokenizer_config.json", "chat_template.jinja beside the model"),
)

GENERATION_FAILS = Code(
    code="OVD824",
    name="generation-fails",
    severity="error",
    summary="Generation fails while a request runs",
    remedy=(
        "The exception gives the reason. With less cache, with shorter prompts or on another device the "
        "request may succeed. After an error of a GPU's driver, only a restart helps."
    ),
    releases="Since 2024.2.",
    see_also=("OVD816", "OVD833"),
    example=Example("CL_OUT_OF_RESOURCES in the executor", "--cache_size 2"),
)

PYTHON_NODE_FAILS = Code(
    code="OVD825",
    name="python-node-fails",
    severity="error",
    summary="The Python code of a graph's node cannot be used",
    remedy=("Correct the file that the message names; packages that it imports must be in the image."),
    releases="Since 2023.2.",
    see_also=("OVD821",),
    example=Example(
        'handler_path: "model.py"               which does not exist', 'handler_path: "/models/m/model.py"'
    ),
)

POOLING_ASSUMED = Code(
    code="OVD826",
    name="pooling-assumed",
    severity="warning",
    summary="The pooling of embeddings is not configured, and the server assumes one",
    remedy="Set --pooling, or keep the model's 1_Pooling/config.json beside the model.",
    releases="Since 2026.3.",
    see_also=("OVD822",),
    example=Example("ovms --task embeddings", "ovms --task embeddings --pooling LAST"),
)

TOKENIZERS_NOT_LOADED = Code(
    code="OVD827",
    name="tokenizers-not-loaded",
    severity="warning",
    summary="The library of OpenVINO's tokenizers is not loaded",
    remedy=(
        "Use the libraries of one release: libopenvino_tokenizers.so must be at its path in the server's "
        "package."
    ),
    releases="Since 2023.2.",
    see_also=("OVD321",),
    example=Example("the tokenizers of another release in LD_LIBRARY_PATH", "LD_LIBRARY_PATH=/ovms/lib"),
)

CODES = (
    GRAPH_DEFINITION_INVALID,
    GENERATIVE_MODEL_NOT_LOADED,
    CHAT_TEMPLATE_UNUSABLE,
    GENERATION_FAILS,
    PYTHON_NODE_FAILS,
    POOLING_ASSUMED,
    TOKENIZERS_NOT_LOADED,
)
