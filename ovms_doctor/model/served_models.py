"""The loaded models of the server, as far as the answer to a request depends on them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.parameters import ANY, Dimension

#: The server's name of an element type in its messages (precision.cpp), by OpenVINO's name.
PRECISIONS = {
    "bf16": "BF16",
    "f64": "FP64",
    "f32": "FP32",
    "f16": "FP16",
    "i64": "I64",
    "i32": "I32",
    "i16": "I16",
    "i8": "I8",
    "i4": "I4",
    "u64": "U64",
    "u32": "U32",
    "u16": "U16",
    "u8": "U8",
    "u4": "U4",
    "u1": "U1",
    "boolean": "BOOL",
    "string": "STRING",
    "dynamic": "UNDEFINED",
}
#: The KServe datatype of a precision (kfs_utils.cpp); others have none and match no request.
DATATYPES = {
    "FP64": "FP64",
    "FP32": "FP32",
    "FP16": "FP16",
    "I64": "INT64",
    "I32": "INT32",
    "I16": "INT16",
    "I8": "INT8",
    "U64": "UINT64",
    "U32": "UINT32",
    "U16": "UINT16",
    "U8": "UINT8",
    "STRING": "BYTES",
    "BOOL": "BOOL",
}
#: Bytes of one element, by KServe datatype; a BYTES element has no size of its own.
ELEMENT_SIZES = {
    "BOOL": 1,
    "UINT8": 1,
    "UINT16": 2,
    "UINT32": 4,
    "UINT64": 8,
    "INT8": 1,
    "INT16": 2,
    "INT32": 4,
    "INT64": 8,
    "FP16": 2,
    "FP32": 4,
    "FP64": 8,
    "BYTES": 1,
}
#: The chat template of a model. ``own``: one of its files'. ``one_message``: the server's default, which takes exactly
#: one message. ``generic``: the server's default for any number of messages. ``missing``: none. ``refused``: the
#: server's engine refuses it. ``damaged``: the file is no template, and its text is the prompt of each request.
TemplateOutcome: TypeAlias = Literal["own", "one_message", "generic", "missing", "refused", "damaged"]
ServableState: TypeAlias = Literal["available", "not_loaded", "retired"]


class ServedInput(Struct, frozen=True):
    """One input of a served model."""

    #: The name that clients use: from mapping_config.json if it names one.
    name: str
    #: The name inside the model.
    model_name: str
    #: The server's name of the element type: `FP32`, `I64`, `STRING`.
    precision: str
    #: The dimensions after shape, batch and layout were applied.
    shape: tuple[Dimension, ...]
    #: The layout of the clients' tensor: `N...`, `NHWC`.
    layout: str = "N..."
    #: Whether its shape is set to `auto`.
    shape_auto: bool = False
    #: Whether a pipeline splits it along its first dimension.
    is_split: bool = False

    @property
    def datatype(self) -> str:
        """Returns the KServe datatype that a request must name."""
        return DATATYPES.get(self.precision, "INVALID")

    @property
    def shape_text(self) -> str:
        """Returns the shape as the server writes it: `(1,3,-1,[200~500])`."""
        return "(" + ",".join(str(dimension) for dimension in self.shape) + ")"

    @property
    def batch_index(self) -> int | None:
        """Returns the position of the batch by the layout (`Layout::retrieveBatchIndex`); `None` if it names none."""
        letters = self.layout.replace("...", ".")
        index = letters.find("N")
        if index < 0 or ("." in letters and index > letters.find(".")):
            return None
        return index

    @property
    def batch(self) -> Dimension | None:
        """Returns the batch dimension; the first one if the layout names none; `None` for a scalar."""
        index = self.batch_index
        if index is None:
            return self.shape[0] if self.shape else None
        return self.shape[index] if index < len(self.shape) else None


class ServedModel(Struct, frozen=True):
    """One version of a model."""

    #: The name that clients use.
    name: str
    #: The version's number.
    version: int
    #: The inputs, in the server's order: by name.
    inputs: tuple[ServedInput, ...] = ()
    #: The names of the outputs.
    outputs: tuple[str, ...] = ()
    #: Whether batch_size is `auto`.
    batch_auto: bool = False
    #: Whether requests reach it.
    state: ServableState = "available"
    #: The server path of the file that OpenVINO reads; empty if it is unknown.
    path: str = ""
    #: Whether the element types, names and shapes of its inputs are known.
    known: bool = True
    #: The inputs as first loaded, to which a failed reshape returns; empty for the same as `inputs`.
    initial: tuple[ServedInput, ...] = ()
    #: The shapes of the model's own inputs and the layouts that are applied, for OpenVINO: (name, layout of
    #: the tensor, layout of the model).
    layouts: tuple[tuple[str, str, str], ...] = ()


class ServedGraph(Struct, frozen=True):
    """A pipeline, MediaPipe graph or generative model: a servable under a name without versions."""

    #: The name that clients use.
    name: str
    #: The kind of servable.
    kind: Literal["pipeline", "graph", "generative"]
    #: Whether requests reach it.
    state: ServableState = "available"
    #: The inputs of a pipeline; empty for a graph.
    inputs: tuple[ServedInput, ...] = ()
    #: The limits in the files of a generative model; `None` if they are unknown.
    generative: GenerativeLimits | None = None


class GenerativeLimits(Struct, frozen=True):
    """The limits for requests in the files of a generative model."""

    #: Its task, by its graph: `text_generation`, `embeddings`, `rerank`, `image_generation`, …; empty: unknown.
    task: str = ""
    #: The name of its node in the graph; empty: unknown.
    node: str = ""
    #: The longest prompt with its answer, in tokens; `None` if no file has it.
    max_length: int | None = None
    #: The chat template that the server uses; `None` if it was not searched for.
    chat_template: TemplateOutcome | None = None
    #: The server's answer to chat requests if it refuses all of them because of their template.
    chat_template_answer: str = ""
    #: Whether that is certain: it may depend on the build of the server.
    chat_template_certain: bool = True
    #: `best_of_limit` of graph.pbtxt.
    best_of_limit: int = 20
    #: `max_tokens_limit` of graph.pbtxt; `None` if it is not set.
    max_tokens_limit: int | None = None
    #: Whether the model accepts images; `None` if that was not determined.
    vision: bool | None = None
    #: `--allowed_media_domains`; `None` if it is not set.
    media_domains: tuple[str, ...] | None = None
    #: `--allowed_local_media_path`; `None` if it is not set.
    media_path: str | None = None


class ServedModels(Struct, frozen=True):
    """All servables that a request can name."""

    #: Each loaded or failed version of each model.
    models: tuple[ServedModel, ...] = ()
    #: The version for a request without one, by model; a model that is not listed has none.
    default_versions: tuple[tuple[str, int], ...] = ()
    #: Pipelines, graphs and generative models.
    graphs: tuple[ServedGraph, ...] = ()
    #: Names of configured models, with or without a loaded version.
    names: frozenset[str] = frozenset()
    #: Whether the server was built with MediaPipe, as the official images are.
    mediapipe: bool = True
    #: Whether metrics are enabled.
    metrics: bool = False
    #: Whether generative endpoints require an API key.
    api_key: bool = False
    #: The REST port; `None` if it is unknown, 0 if there is none.
    rest_port: int | None = None
    #: The gRPC port; `None` if it is unknown, 0 if there is none.
    grpc_port: int | None = None

    def find(self, name: str, version: int) -> ServedModel | None:
        """Returns one version of a model."""
        for model in self.models:
            if model.name == name and model.version == version:
                return model
        return None

    def default_version(self, name: str) -> int | None:
        """Returns the version for a request without one."""
        return dict(self.default_versions).get(name)

    def graph(self, name: str) -> ServedGraph | None:
        """Returns the pipeline or graph of a name."""
        return next((graph for graph in self.graphs if graph.name == name), None)


def dimension_matches(dimension: Dimension, value: int) -> bool:
    """Returns the result of `Dimension::match` for a number."""
    if value < -1:
        return False
    return dimension.low == ANY or dimension.low <= value <= dimension.high
