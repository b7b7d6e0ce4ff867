"""Static reading of an IR: the XML, the graph in it, its weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, cast

from msgspec import Struct

from ovms_doctor.model.facts import Fault, FileSample, ModelInspection, Operation, Tensor
from ovms_doctor.model.facts.answers import WeightsInspection
from ovms_doctor.probes.inspect import faults
from ovms_doctor.probes.inspect.ir_graph import (
    PRECISIONS,
    Document,
    Graph,
    Layer,
    Reader,
    element_type,
    printable,
    unsigned,
)
from ovms_doctor.probes.inspect.ir_rules import Verdict, judge, nested_too_deep, partial_shape
from ovms_doctor.probes.inspect.weights import inspect_weights, needed_bytes
from ovms_doctor.probes.inspect.xml_tokens import (
    XmlError,
    as_utf8,
    attribute_text,
    read_conforming,
    read_elements,
)

#: Larger XML is not read: no IR that OpenVINO writes is nearly as large.
XML_LIMIT = 512 << 20
#: OpenVINO searches the version in this many bytes first (HEADER_SIZE_LIM), then in the whole file.
_HEADER_BYTES = 512


class IrText(Struct, frozen=True):
    """An XML file as OpenVINO's parser reads it.

    ``plain``: the text in UTF-8.
    ``document``: the parsed content, up to the first error.
    ``malformed``: why OpenVINO's parser fails, None if it does not.
    ``complaint``: why a conforming parser would refuse it, None if it would not.
    """

    plain: bytes
    document: Document
    malformed: XmlError | None
    complaint: str | None

    @property
    def claimed(self) -> bool:
        """Whether OpenVINO's IR frontend accepts the file: first element ``<net>``, version 10 or 11."""
        return _is_net(self.document) and _header_version(self.plain, self.document) in (10, 11)

    def inspect(self, path: str, size: int) -> ModelInspection:
        """Inspects an IR and its weights file. ``size`` is that of the file at ``path``, in bytes."""
        return _inspect(path, size, self)


def read_ir(data: bytes) -> IrText:
    """Reads an IR. ``data`` is the whole content of a file."""
    plain = as_utf8(data)
    document = Document()
    complaint = read_conforming(plain, Reader(plain, document))
    if complaint is None:
        return IrText(plain, document, None, None)
    document = Document()
    try:
        read_elements(plain, Reader(plain, document))
    except XmlError as error:
        return IrText(plain, document, error, complaint or None)
    return IrText(plain, document, None, complaint or None)


def _is_net(document: Document) -> bool:
    return document.root is not None and document.root.lower() == "net"


def _inspect(path: str, size: int, text: IrText) -> ModelInspection:
    document, malformed = text.document, text.malformed
    xml = FileSample(path, size)
    if not _is_net(document):
        return _inspection(document, (xml,), (_no_net(path, document, malformed),))
    found: list[Fault] = []
    version = _header_version(text.plain, document)
    if version not in (10, 11):
        found.append(_wrong_version(path, document))
    if malformed is not None:
        found.append(_malformed(path, malformed, len(text.plain)))
        return _inspection(document, (xml,), tuple(found))
    complaint = text.complaint
    if complaint is not None:
        detail = f"The XML is not well-formed ({complaint}), but OpenVINO reads it nevertheless"
        found.append(Fault(faults.XML_TOLERATED, path, False, detail, complaint))
    verdict = judge(document.graph, 11 if unsigned(document.version) == 11 else 10)
    problems = list(verdict.problems)
    deep = nested_too_deep(document.deepest)
    if deep is not None:
        problems.append(deep)
    found.extend(Fault(p.kind, path, p.fatal, p.detail, p.evidence) for p in problems)
    empty = _empty(path, document.graph)
    if empty is not None:
        found.append(empty)
    weights = inspect_weights(path, verdict)
    files = (xml, weights.sample) if verdict.constants or weights.sample.size is not None else (xml,)
    found.extend(weights.faults)
    return _inspection(document, files, tuple(found), verdict)


def _header_version(plain: bytes, document: Document) -> int | None:
    """Returns the version as OpenVINO reads it first: a value that byte 512 cuts is incomplete."""
    value = document.version
    if document.version_span is not None and value is not None:
        name_end, start, end = document.version_span
        if name_end <= _HEADER_BYTES < end + 1:
            value = attribute_text(plain[start:_HEADER_BYTES]) if start < _HEADER_BYTES else ""
    return unsigned(value)


def _no_net(path: str, document: Document, malformed: XmlError | None) -> Fault:
    if document.root is not None:
        detail = f"The first element is <{printable(document.root)}>, not <net>: this is not an OpenVINO IR"
        return Fault(faults.NOT_IR, path, True, detail, f"<{printable(document.root)}>")
    if malformed is not None:
        detail = f"The file is not XML, or it ends before its first element is complete ({malformed.reason})"
        return Fault(
            faults.XML_MALFORMED, path, True, detail, f"{malformed.reason} at byte {malformed.offset}"
        )
    return Fault(faults.NOT_IR, path, True, "The file has no XML element", "no <net>")


def _malformed(path: str, malformed: XmlError, size: int) -> Fault:
    position = "the end of the file" if malformed.offset >= size - 1 else f"byte {malformed.offset} of {size}"
    detail = f"The XML is broken at {position} ({malformed.reason}); most likely the file was cut or edited"
    return Fault(faults.XML_MALFORMED, path, True, detail, f"{malformed.reason} at byte {malformed.offset}")


def _wrong_version(path: str, document: Document) -> Fault:
    written = "no version" if document.version is None else f'version "{printable(document.version)}"'
    detail = f"The IR has {written}, but OpenVINO reads 10 and 11 only"
    number = unsigned(document.version)
    if number in (10, 11):
        detail = (
            f"Byte {_HEADER_BYTES} of the file splits the version of <net>, and OpenVINO reads only the "
            "first part"
        )
    elif number is not None and number < 10:
        detail += ": convert the original model again"
    elif number is not None and number > 11:
        detail += ": it was written by a newer OpenVINO"
    return Fault(faults.IR_VERSION, path, True, detail, f"<net> has {written}")


def _empty(path: str, graph: Graph) -> Fault | None:
    types = {layer.type for layer in graph.layers}
    if types & {"Parameter", "Result", "Assign"}:
        return None
    reason = "no layer" if not graph.layers else "neither a Parameter nor a Result"
    detail = f"The IR has {reason}: OpenVINO loads it as an empty model without inputs and outputs"
    return Fault(faults.GRAPH_EMPTY, path, False, detail, f"{len(graph.layers)} layers")


def _inspection(
    document: Document,
    files: tuple[FileSample, ...],
    found: tuple[Fault, ...],
    verdict: Verdict | None = None,
) -> ModelInspection:
    net = _is_net(document)
    graph = document.graph
    return ModelInspection(
        "ir",
        files,
        found,
        operations=_operations(graph) if net else (),
        element_types=_element_types(graph) if net else (),
        inputs=_inputs(graph, unsigned(document.version)) if verdict is not None else None,
        outputs=_outputs(graph, unsigned(document.version)) if verdict is not None else None,
        ir_version=unsigned(document.version) if net else None,
        writer=document.writer,
        weights_needed=None if verdict is None else needed_bytes(verdict.constants) or 0,
        weights=_weights(graph) if verdict is not None else (),
        states=_states(graph) if verdict is not None else (),
        runtime_options=tuple(document.options.items()),
    )


def _all_layers(graph: Graph) -> Iterable[Layer]:
    graphs = [graph]
    while graphs:
        for layer in graphs.pop().layers:
            yield layer
            graphs.extend(layer.bodies)


def _operations(graph: Graph) -> tuple[Operation, ...]:
    """Returns the operations in the order of first appearance; layers without ``version`` count under the empty
    opset."""
    first: dict[tuple[str, str], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for layer in _all_layers(graph):
        key = (layer.type, layer.version or "")
        first.setdefault(key, layer.name)
        counts[key] += 1
    return tuple(Operation(*key, counts[key], name) for key, name in first.items())


def _element_types(graph: Graph) -> tuple[str, ...]:
    """Returns the names as OpenVINO prints them; unknown ones as written."""
    found: set[str] = set()
    for layer in _all_layers(graph):
        if layer.data and "element_type" in layer.data:
            found.add(element_type(printable(layer.data["element_type"])))
        found.update(element_type(port.precision) for port in layer.outputs if port.precision)
    return tuple(sorted(found - {""}))


def _weights(graph: Graph) -> tuple[WeightsInspection, ...]:
    """Returns the constants by element type, and by the Convert that they go through."""
    found: Counter[tuple[str, str]] = Counter()
    graphs = [graph]
    while graphs:
        current = graphs.pop()
        converts = {layer.number: layer for layer in current.layers if layer.type == "Convert"}
        converted = {
            edge.origin: converts[edge.destination] for edge in current.edges if edge.destination in converts
        }
        for layer in current.layers:
            graphs.extend(layer.bodies)
            size = unsigned(layer.data.get("size")) if layer.type == "Const" and layer.data else None
            if not size or layer.data is None:
                continue
            convert = converted.get(layer.number) if layer.number is not None else None
            how = "" if convert is None else "decompression" if convert.decompression else "plain"
            found[element_type(printable(layer.data.get("element_type", ""))), how] += size
    return tuple(
        WeightsInspection(kind, size, cast(Literal["", "decompression", "plain"], how))
        for (kind, how), size in sorted(found.items())
    )


def _states(graph: Graph) -> tuple[Tensor, ...]:
    """Returns the variables that ReadValue operations of the network itself read."""
    return tuple(
        Tensor(
            (printable(layer.data.get("variable_id")),),
            element_type(printable(layer.data.get("variable_type"))),
            partial_shape(printable(layer.data.get("variable_shape"))) or "[...]",
        )
        for layer in graph.layers
        if layer.type == "ReadValue" and layer.data is not None
    )


def tensor_names(written: str | None) -> tuple[str, ...]:
    """Returns the names in a ``names`` attribute: separated by commas, a comma in a name escaped by a backslash."""
    if not written:
        return ()
    parts = written.replace("\\,", "\0").split(",")
    return tuple(sorted({part.replace("\0", ",") for part in parts if part}))


def _inputs(graph: Graph, version: int | None) -> tuple[Tensor, ...]:
    """Returns the inputs. IR 10 uses layer names: OpenVINO adds them to the tensors' names."""
    tensors = []
    for layer in graph.layers:
        if layer.type == "Parameter":
            data = layer.data or {}
            names = tensor_names(layer.outputs[0].names) if layer.outputs else ()
            if version == 10:
                names = tuple(sorted({*names, layer.name}))
            kind = element_type(printable(data.get("element_type", "dynamic")))
            shape = partial_shape(printable(data["shape"])) if "shape" in data else "[]"
            tensors.append(Tensor(names, kind, shape or "[...]"))
    return tuple(tensors)


def _outputs(graph: Graph, version: int | None) -> tuple[Tensor, ...]:
    """Returns types and shapes from the ports; OpenVINO computes them again."""
    layers = {layer.number: layer for layer in graph.layers if layer.number is not None}
    feeding = {edge.destination: edge for edge in graph.edges}
    tensors = []
    for layer in graph.layers:
        if layer.type != "Result" or layer.number is None:
            continue
        edge = feeding.get(layer.number)
        origin = layers.get(edge.origin) if edge is not None else None
        port = None
        if edge is not None and origin is not None:
            port = next((port for port in origin.outputs if port.number == edge.source), None)
        if port is None or origin is None:
            tensors.append(Tensor((), "dynamic", "[...]"))
            continue
        names = tensor_names(port.names if layer.output_names is None else layer.output_names)
        if version == 10:
            suffix = "" if len(origin.outputs) == 1 else f".{origin.outputs.index(port)}"
            names = tuple(sorted({*names, origin.name + suffix}))
        kind = element_type(port.precision or "dynamic")
        if kind == "dynamic" and not port.dimensions:
            shape = "[...]"
        else:
            shape = "[" + ",".join("?" if size < 0 else str(size) for size in port.dimensions) + "]"
        tensors.append(Tensor(names, kind if port.precision in PRECISIONS else "dynamic", shape))
    return tuple(tensors)
