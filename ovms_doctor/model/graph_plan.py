"""The predicted result for a graph: for its text, and for the models that its nodes load."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.facts import ModelInspection

#: The stage at which a graph is refused.
Stage: TypeAlias = Literal["empty", "text", "queue", "streams", "calculator", "wiring", "node"]


class GraphProblem(Struct, frozen=True):
    """Why a graph is not loaded, as far as its text shows."""

    #: The stage at which the server stops.
    stage: Stage
    #: The name of its status code (status.hpp).
    status: str
    #: The reason: one sentence without a full stop.
    reason: str
    #: The whole messages that the server logs, and protobuf's own lines on standard error.
    log: tuple[str, ...] = ()
    #: Line in the file, from 1; 0 if there is none.
    line: int = 0
    #: Column in that line, from 1; 0 if there is none.
    column: int = 0
    #: The name of the faulty calculator, stream or field; empty for none.
    subject: str = ""
    #: Whether the server's release certainly refuses it: False if that depends on how the binary was built.
    certain: bool = True


#: Why a node's model prevents the load of the graph, or the answer to requests.
#: - ``path_unset``, ``path_missing``, ``path_kind``: ``models_path`` is empty, does not exist, or has the wrong kind.
#: - ``handler_missing``: the file of a Python node does not exist.
#: - ``not_converted``: the directory contains weights that no tool has converted for OpenVINO.
#: - ``file_missing``, ``file_damaged``, ``file_denied``: a file of the model.
#: - ``json_invalid``: a JSON file exists and cannot be parsed.
#: - ``load_fails``, ``load_crashes``: OpenVINO or OpenVINO GenAI, which loaded the model here, refused it or crashed.
#: - ``operations_new``: the model has operations that are newer than the release's OpenVINO; ``operations_unknown``:
#: operations that no release has.
#: - ``not_stateful``: the model was exported for another task.
#: - ``model_type``: the release does not support the kind of model.
#: - ``pipeline_type``: the option disagrees with the files.
#: - ``tokenizer_new``: the tokenizer crashes the release's runtime.
#: - ``extension_old``: the tokenizer has operations that the release does not have.
#: - ``draft``: options of a draft model without a draft model.
#: - ``parser``: a parser of tools or reasoning that the release does not have.
#: - ``devices``, ``resolution``, ``eviction``: settings that the server validates.
#: - ``parser_pair``: a parser of tools and one of reasoning that exclude each other.
#: - ``image_option``, ``scheduler``: options that exclude each other.
#: - ``batch_size``: more sequences than tokens in a batch, which ends the server with a request.
#: - ``eviction_block``: a size of the cache that ends the server with a long request.
#: - ``plugin_config``: it is not JSON; ``plugin_config_ignored``: and the server continues without it.
#: - ``property``: a property in it that the plugin does not have, or a value that it does not accept.
#: - ``cache_size``: the cache is larger than the host's memory.
#: - ``token_limit``: the limit of an answer does not fit the model with any prompt.
#: - ``tokenizer``, ``detokenizer``, ``chat_template``: a file that requests need is missing.
#: - ``chat_template_refused``: the server's engine does not accept the chat template.
#: - ``chat_template_damaged``: the file of the chat template is something else.
#: - ``chat_template_default``: the server uses a default, because the model has no chat template.
#: - ``chat_template_unread``: the server uses a default, because it does not read the files with the chat template.
#: - ``chat_template_unused``: chat_template.jinja differs from the template of another file, which is used.
#: - ``device``: the server does not have it, or it does not run such a pipeline.
#: - ``npu_property``: a property in ``plugin_config`` that belongs to the NPU, or has a type that the NPU does not
#: accept.
#: - ``npu_quantisation``: the weights are not of the kind intended for the NPU.
#: - ``gguf_part``: another part than the first one of a GGUF model in several files.
#: - ``gguf``: the file is not a GGUF model, or has an unknown architecture.
#: - ``voice``: a voice's file is missing.
#: - ``side_packet``: the model is expected under a name that the server does not use.
#: - ``output_stream``: no node produces an output stream of the graph.
#: - ``text_embeddings``: the server loads the directory as a text model, and the first request ends the server.
ServableFaultKind: TypeAlias = Literal[
    "path_unset",
    "path_missing",
    "path_kind",
    "handler_missing",
    "not_converted",
    "file_missing",
    "file_damaged",
    "file_denied",
    "json_invalid",
    "load_fails",
    "load_crashes",
    "operations_new",
    "operations_unknown",
    "not_stateful",
    "model_type",
    "pipeline_type",
    "tokenizer_new",
    "extension_old",
    "draft",
    "parser",
    "devices",
    "resolution",
    "eviction",
    "parser_pair",
    "image_option",
    "scheduler",
    "batch_size",
    "eviction_block",
    "plugin_config",
    "plugin_config_ignored",
    "property",
    "cache_size",
    "token_limit",
    "tokenizer",
    "detokenizer",
    "chat_template",
    "chat_template_refused",
    "chat_template_damaged",
    "chat_template_default",
    "chat_template_unread",
    "chat_template_unused",
    "text_embeddings",
    "device",
    "npu_property",
    "npu_quantisation",
    "gguf",
    "gguf_part",
    "voice",
    "side_packet",
    "output_stream",
]
#: The kinds with which a model may be served as its owner expects.
MINOR: frozenset[ServableFaultKind] = frozenset(("chat_template_default", "chat_template_unused"))
#: The effect on the server. ``failed``: the graph is not loaded; started alone, the process ends. ``escaped``: an
#: exception leaves the graph out, and all later graphs of a configuration; the server runs. ``killed``: the process
#: dies. ``requests``: the graph is AVAILABLE and requests fail.
#: ``advice``: nothing fails, but the device is not intended for it.
Verdict: TypeAlias = Literal["failed", "escaped", "killed", "requests", "advice"]
#: The verdicts with which the graph is loaded.
LOADED: tuple[Verdict, ...] = ("requests", "advice")


class ServableFault(Struct, frozen=True):
    """One fault of a node's model or its settings."""

    #: The kind of the fault.
    kind: ServableFaultKind
    #: The effect on the server.
    verdict: Verdict
    #: The node's name.
    node: str
    #: The server path of the file or directory; empty for a setting.
    path: str = ""
    #: The faulty file's name, option or value.
    subject: str = ""
    #: Details of the fault: how a file is damaged, which values the release accepts.
    detail: str = ""
    #: The name of the status code.
    status: str = ""
    #: The whole lines that the server logs.
    log: tuple[str, ...] = ()
    #: Whether the release certainly does so.
    certain: bool = True
    #: Line of the option in graph.pbtxt; 0 for none.
    line: int = 0
    #: A part of the text of the exception of OpenVINO or OpenVINO GenAI that all releases have; empty if it is
    #: unknown or there is no exception.
    exception: str = ""
    #: Line in the file of ``path``; 0 for none.
    file_line: int = 0
    #: The kind of build for which it holds, if the server's is unknown: ``with Python``, ``without Python``.
    build: str = ""


class KvCache(Struct, frozen=True):
    """The cache of keys and values of a language model."""

    #: The least bytes of a token.
    low: int
    #: The most bytes of a token.
    high: int
    #: The precision of the cache, as in ``u8``; empty if it is unknown.
    precision: str
    #: Its fixed size in GiB; 0: it grows with requests.
    fixed: int
    #: Tokens of the longest text that the model accepts; None if it is unknown.
    longest: int | None


#: Predicted from the bytes only; read by OpenVINO; loaded as the server does.
LoadBasis: TypeAlias = Literal["static", "read", "compiled"]


class NodeModel(Struct, frozen=True):
    """The models that a node loads."""

    #: The node's name.
    node: str
    #: The device for which it is compiled; empty: the server chooses.
    device: str
    #: The properties for the compilation.
    properties: tuple[tuple[str, str], ...] = ()
    #: The content of its models' bytes.
    inspections: tuple[ModelInspection, ...] = ()
    #: The caches of its language models: of the model, of a draft model.
    caches: tuple[KvCache, ...] = ()
    #: How far they were loaded here.
    basis: LoadBasis = "static"
    #: Models that were not loaded as far as requested, and why: one sentence each without a full stop.
    not_loaded: tuple[str, ...] = ()
    #: Facts that could not be collected, and that do not decide whether it is loaded.
    unchecked: tuple[CouldNotLook, ...] = ()


class Session(Struct, frozen=True):
    """A node that uses a model of the server by its name (OpenVINOModelServerSessionCalculator)."""

    #: The model's name.
    servable: str
    #: Its line in graph.pbtxt.
    line: int


class GraphPlan(Struct, frozen=True):
    """The predicted result for one graph."""

    #: graph.pbtxt as the server opens it; empty for a graph that the server makes in memory.
    path: str
    #: The tasks of the nodes: ``text_generation``, ``embeddings``, …; empty for other graphs.
    tasks: tuple[str, ...] = ()
    #: The problem of the text, the first one that the server reports.
    problem: GraphProblem | None = None
    #: The faults of the nodes' models: first at most one that prevents the load of the graph, then those that make
    #: requests fail.
    faults: tuple[ServableFault, ...] = ()
    #: Facts that could not be collected, one sentence each.
    doubts: tuple[str, ...] = ()
    #: The calculators whose effect on the start is not predicted.
    unfollowed: tuple[str, ...] = ()
    #: The models that its nodes load, if they are loaded here.
    models: tuple[NodeModel, ...] = ()
    #: The server's models that its nodes use.
    sessions: tuple[Session, ...] = ()

    @property
    def basis(self) -> LoadBasis:
        """Returns how far its models were loaded here, the least of them."""
        order = get_args(LoadBasis)
        return min((item.basis for item in self.models), key=order.index, default="static")

    @property
    def verdict(self) -> Literal["available", "failed", "escaped", "killed", "unknown"]:
        """Returns the state of the graph after start-up."""
        if self.problem is not None:
            return "failed" if self.problem.certain else "unknown"
        for fault in self.faults:
            if fault.verdict != "requests" and fault.verdict != "advice":
                return fault.verdict if fault.certain else "unknown"
        return "unknown" if self.doubts or self.unfollowed else "available"

    @property
    def status(self) -> str:
        """Returns the name of the status code with which the graph fails; ``OK`` if it does not."""
        if self.problem is not None:
            return self.problem.status
        return next((fault.status for fault in self.faults if fault.verdict == "failed"), "OK")


class GenerativeDirectory(Struct, frozen=True):
    """The directory of a generative model that the server treats as a classic one, since nothing makes it a graph."""

    #: The model's task: ``text_generation``, ``embeddings``, …
    task: str
    #: The models_path for a graph in the same directory: ``./``, or the file of a GGUF model.
    models_path: str = "./"
    #: A file of weights as published; empty if a tool has converted them.
    raw: str = ""
    #: One of its files that is a link to a path that does not exist for the server; empty for none.
    dangling: str = ""
