"""The effect of a node's model on its graph: files and settings that prevent its load or its answers.

Source: the node initialisers and servables of OVMS (src/llm, src/embeddings, src/rerank, src/image_gen, src/audio,
v2024.2 to v2026.3), and runs of OpenVINO GenAI with tiny models (2025.1 to 2026.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model import openvino_log
from ovms_doctor.model.graph_plan import ServableFault, ServableFaultKind, Verdict
from ovms_doctor.model.graph_text import GraphMessage
from ovms_doctor.model.host import HostLimits
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import (
    Release,
    element_type_since,
    is_newer_opset,
    is_standard_opset,
    operation_since,
)
from ovms_doctor.model.releases.tokenizers import TOKENIZER_OPERATIONS
from ovms_doctor.prediction.graphs.model_directory import IrFile, ModelDirectory
from ovms_doctor.prediction.graphs.validation import Node
from ovms_doctor.prediction.operations import not_in_release

#: The status after an exception of GenAI.
LLM_FAILED = "LLM_NODE_RESOURCE_STATE_INITIALIZATION_FAILED"
_TOKENIZERS_VERSION = lazy_pattern(rb'openvino_tokenizers_version value="(\d{4})\.(\d+)')
_MOST_LISTED = 6
#: The exception of GenAI for a request that needs a missing file.
NOT_PROVIDED: dict[str, str] = {
    "tokenizer": (
        "Either openvino_tokenizer.xml was not provided or it was not loaded correctly. Tokenizer::encode is not "
        "available"
    ),
    "detokenizer": "Detokenizer model has not been provided. Tokenizer::decode is not available",
}
#: The JSON files that GenAI's tokenizer parses if they exist, in its order.
TOKENIZER_FILES = (
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "processor_config.json",
    "chat_template.json",
)
#: Files with published weights, before they are converted.
_RAW_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".ckpt", ".msgpack")


class ServableContext(Struct, frozen=True):
    """The context for the rules of one node."""

    #: The graph's name.
    graph: str
    #: The node.
    node: Node
    #: The release of the server.
    release: Release
    #: The directory of the model.
    directory: ModelDirectory
    #: The limits of the host.
    limits: HostLimits
    #: Returns the directory that another option names.
    other_directory: Callable[[str], ModelDirectory]
    #: Whether the server was built with Python; None if it is unknown.
    python: bool | None = None

    @property
    def options(self) -> GraphMessage | None:
        """The node's options; None if they are of another type, which counts as no options."""
        return self.node.options

    def at(self, directory: ModelDirectory) -> ServableContext:
        """Returns the same node, with another directory."""
        return replace(self, directory=directory)

    def text(self, name: str, default: str = "") -> str:
        """Returns an option of the type string."""
        field = None if self.options is None else self.options.first(name)
        return field.value if field is not None and isinstance(field.value, str) else default

    def number(self, name: str, default: int = 0) -> int:
        """Returns an option that is a whole number."""
        field = None if self.options is None else self.options.first(name)
        return field.value if field is not None and isinstance(field.value, int) else default

    def line(self, name: str) -> int:
        """Returns the line of an option; the node's line if the option is not set."""
        field = None if self.options is None else self.options.first(name)
        return self.node.line if field is None else field.line

    def fault(
        self,
        kind: ServableFaultKind,
        verdict: Verdict,
        *,
        path: str = "",
        subject: str = "",
        detail: str = "",
        status: str = "",
        log: tuple[str, ...] = (),
        certain: bool = True,
        option: str = "",
        exception: str = "",
    ) -> ServableFault:
        """Returns a fault of this node."""
        return ServableFault(
            kind,
            verdict,
            self.node.name,
            path,
            subject,
            detail,
            status,
            log,
            certain,
            self.line(option) if option else 0,
            exception,
        )

    def thrown(self, verdict: Verdict, exception: str = "") -> tuple[str, ...]:
        """Returns the log lines with an exception of GenAI or OpenVINO whose text begins with ``exception``: those
        of a text generation node that catches it, or the line of an exception that is not caught."""
        if verdict == "escaped":
            return (f"Failed to process mediapipe graph config:{exception}",)
        if self.node.calculator.title != "LLM":
            return ()
        path = self.directory.path
        return (
            f"Error during llm node initialization for models_path: {path} exception: {exception}",
            "Error during LLM node resources initialization: The LLM Node resource initialization failed",
            f"Failed to process LLM node graph {self.graph}",
        )


def ir_fault(
    context: ServableContext, file: IrFile, verdict: Verdict, status: str, log: tuple[str, ...] = ()
) -> ServableFault | None:
    """Returns the fault of an IR that must load, None if it is complete. ``log``: the lines if they are not those of
    ``thrown``."""
    kinds: dict[str, ServableFaultKind] = {
        "missing": "file_missing",
        "denied": "file_denied",
        "damaged": "file_damaged",
        "crashes": "load_crashes",
    }
    kind = kinds.get(file.state)
    if kind is None:
        return _newer_operations(context, file, verdict, status, log)
    message = file.report.message if file.report is not None else ""
    if kind == "load_crashes":
        verdict, status, log = "killed", "", ()
    elif not log:
        log = context.thrown(verdict, message)
    elif message and log[0].endswith("exception: "):
        log = (log[0] + message, *log[1:])
    return context.fault(
        kind,
        verdict,
        path=context.directory.join(file.name),
        subject=file.name,
        detail=file.detail,
        status=status,
        log=log,
        exception=_denied(file.name, context.release) if kind == "file_denied" else file.exception,
    )


def _newer_operations(
    context: ServableContext, file: IrFile, verdict: Verdict, status: str, log: tuple[str, ...]
) -> ServableFault | None:
    """Returns the fault of an IR whose operations or element types were added to OpenVINO after the release's version;
    other parts of an IR of a newer OpenVINO are not compared."""
    path = context.directory.join(file.name)
    newer = not_in_release(path, file.inspection, context.release)
    if newer is None:
        return _unknown_operations(context, file, verdict, status, log)
    listed = [
        f"{item.type} of {item.opset}, since {operation_since(item.type, item.opset)}"
        for item in newer.operations
    ]
    listed += [f"the element type {name}, since {element_type_since(name)}" for name in newer.element_types]
    names = [item.type for item in newer.operations] + list(newer.element_types)
    return context.fault(
        "operations_new",
        verdict,
        path=path,
        subject=names[0],
        detail="; ".join(listed[:_MOST_LISTED]),
        status=status,
        log=log or context.thrown(verdict),
    )


def _unknown_operations(
    context: ServableContext, file: IrFile, verdict: Verdict, status: str, log: tuple[str, ...]
) -> ServableFault | None:
    """Returns the fault of an IR with an operation that is neither in a release of OpenVINO nor in the library of text
    operations."""
    if file.inspection is None or file.report is not None:
        return None
    unknown = [
        item
        for item in file.inspection.operations
        if not is_newer_opset(item.opset)
        and (
            operation_since(item.type, item.opset) is None
            if is_standard_opset(item.opset)
            else item.type not in TOKENIZER_OPERATIONS
        )
    ]
    if not unknown:
        return None
    first = unknown[0]
    exception = (
        f"Opset {first.opset} doesn't contain the operation with type: {first.type}"
        if is_standard_opset(first.opset)
        else f"from unsupported opset: {first.opset}"
    )
    return context.fault(
        "operations_unknown",
        verdict,
        path=context.directory.join(file.name),
        subject=first.type,
        detail=f"no release has {first.type} of {first.opset}",
        status=status,
        log=log or context.thrown(verdict),
        exception=exception,
    )


def _denied(name: str, release: Release) -> str:
    """Returns OpenVINO's message on a file of an IR that it may not open."""
    if name.endswith(".bin"):
        return "Can not open file" if release.at_least(2026, 0) else openvino_log.NO_WEIGHTS
    return "Unable to read the model" if release.at_least(2026, 0) else "Could not open the file"


def json_fault(
    context: ServableContext, name: str, verdict: Verdict, status: str, log: tuple[str, ...] = ()
) -> ServableFault | None:
    """Returns the fault of a JSON file that is parsed if it exists. ``log``: as in ``ir_fault``."""
    file = context.directory.json(name)
    if file.state not in ("denied", "invalid"):
        return None
    kind: ServableFaultKind = "file_denied" if file.state == "denied" else "json_invalid"
    return context.fault(
        kind,
        verdict,
        path=context.directory.join(name),
        subject=name,
        detail=file.detail,
        status=status,
        log=log or context.thrown(verdict, file.exception),
        exception=file.exception,
    )


def tokenizer_faults(
    context: ServableContext, verdict: Verdict, status: str, *, detokenizer: bool
) -> Iterator[ServableFault]:
    """Yields the faults of openvino_tokenizer and openvino_detokenizer: broken ones prevent the load of the graph,
    missing ones only the answer to requests (since v2025.2; before, both were required)."""
    for name, needed in (("openvino_tokenizer", True), ("openvino_detokenizer", detokenizer)):
        xml = f"{name}.xml"
        if not context.directory.has(xml):
            if not needed:
                continue
            kind: ServableFaultKind = "tokenizer" if name == "openvino_tokenizer" else "detokenizer"
            path = context.directory.join(xml)
            if context.release.at_least(2025, 2):
                yield context.fault(kind, "requests", path=path, subject=xml, exception=NOT_PROVIDED[kind])
            else:
                certain = context.release.at_least(2025, 1)
                log = context.thrown(verdict)
                yield context.fault(
                    kind, verdict, path=path, subject=xml, status=status, log=log, certain=not certain
                )
            continue
        fault = ir_fault(context, context.directory.ir(name), verdict, status)
        if fault is not None:
            yield fault
            return
        yield from _tokenizer_release(context, xml, verdict, status)


def _tokenizer_release(
    context: ServableContext, xml: str, verdict: Verdict, status: str
) -> Iterator[ServableFault]:
    """Yields the fault of a tokenizer of openvino_tokenizers 2026.4 or newer, which ends GenAI 2025.2 to 2026.3 with
    SIGSEGV; and of one of 2025.2 or newer, which has an operation that GenAI until 2025.1 does not support."""
    if xml != "openvino_tokenizer.xml":
        return
    data = context.directory.read(xml)
    match = _TOKENIZERS_VERSION.search(data) if isinstance(data, bytes) else None
    if match is None:
        return
    made = (int(match[1]), int(match[2]))
    version = f"{made[0]}.{made[1]}"
    path = context.directory.join(xml)
    release = context.release
    if made >= (2026, 4) and release.at_least(2025, 2) and not release.at_least(2026, 4):
        yield context.fault("tokenizer_new", "killed", path=path, subject=xml, detail=version)
    elif made >= (2025, 2) and not release.at_least(2025, 2):
        yield context.fault(
            "extension_old",
            verdict,
            path=path,
            subject=xml,
            detail=version,
            status=status,
            log=context.thrown(verdict),
        )


def raw_weights(context: ServableContext) -> str:
    """Returns a file of weights that was not converted, if the directory has no IR; empty for none."""
    names = context.directory.names()
    if any(name.startswith("openvino_") and name.endswith(".xml") for name in names):
        return ""
    raw = [name for name in names if name.endswith(_RAW_WEIGHTS) and not name.startswith("openvino_")]
    return min(raw, default="")
