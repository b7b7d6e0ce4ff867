"""The graph that an IR's XML describes: layers, ports, edges, bodies. Read once, front to back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct, field

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.probes.inspect import faults
from ovms_doctor.probes.inspect.xml_tokens import Elements, attribute_span, element_text

#: Longest name or value kept for messages, in characters.
_SHOWN = 200
#: A dimension as OpenVINO writes it.
_DIMENSION = lazy_pattern(rb"<dim>([0-9]{1,18})<")
_NUMBER = lazy_pattern(r"[ \t\r\n\v\f]*([+-]?)([0-9]+)")
_WRITERS = ("OpenVINO Runtime", "Runtime_version")
_BODIES = ("body", "then_body", "else_body")
#: The most options for the runtime that are kept; later ones are dropped.
_MOST_OPTIONS = 100
#: Characters of a value of <data> that are kept.
_LONGEST_DATA = 4096
_INT64 = 1 << 63
#: Numbers of ports, layers and edges are small, and the same for all models.
_SMALL_NUMBERS = {str(number): number for number in range(256)}


class Problem(Struct):
    """A fault of a graph that OpenVINO would fail on.

    ``kind``: the kind of fault.
    ``detail``: the fault in words.
    ``evidence``: the evidence for it.
    ``fatal``: whether OpenVINO refuses the model because of it.
    """

    kind: str
    detail: str
    evidence: str
    fatal: bool = True


class OutputPort(Struct):
    """An output port.

    ``number``: its number.
    ``precision``: its precision as written.
    ``names``: its tensor names.
    ``dimensions``: its dimensions as written (-1: dynamic).
    """

    number: int | None
    precision: str | None
    names: str | None = None
    dimensions: list[int] = field(default_factory=list)


class Layer(Struct):
    """One ``<layer>``.

    ``number``: its id, None if that is not a number.
    ``name``: its name.
    ``type``: its operation type.
    ``version``: its opset, None if it has none.
    ``data``: its ``<data>`` attributes, None if it has none.
    ``inputs``: the numbers of its input ports.
    ``outputs``: its output ports.
    ``bodies``: the graphs inside it.
    ``decompression``: whether it is marked as a layer that unpacks weights.
    ``output_names``: its ``output_names`` attribute, None if it has none.
    """

    number: int | None
    name: str
    type: str
    version: str | None
    data: dict[str, str] | None = None
    inputs: list[int | None] = field(default_factory=list)
    outputs: list[OutputPort] = field(default_factory=list)
    bodies: list[Graph] = field(default_factory=list)
    decompression: bool = False
    output_names: str | None = None


class Edge(Struct):
    """``source`` port of layer ``origin`` feeds ``target`` port of layer ``destination``."""

    origin: int
    source: int
    destination: int
    target: int


class Graph(Struct):
    """A network or a body.

    ``layers``: its layers.
    ``edges``: its edges.
    ``problems``: those that stop OpenVINO while it reads this graph, whether or not its outputs depend on them.
    ``sections``: the names of its sections.
    """

    layers: list[Layer] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sections: set[str] = field(default_factory=set)


class Document(Struct):
    """The content of the XML.

    ``root``: the first element's name, None if there is no element.
    ``version``: the text of its version attribute.
    ``version_span``: the position of that text.
    ``graph``: the network.
    ``writer``: the program that wrote the file.
    ``deepest``: the depth of nested bodies.
    ``options``: the runtime options that the export wrote.
    """

    root: str | None = None
    version: str | None = None
    version_span: tuple[int, int, int] | None = None
    graph: Graph = field(default_factory=Graph)
    writer: str | None = None
    deepest: int = 0
    options: dict[str, str] = field(default_factory=dict)


class _Context:
    """The kinds of elements that the reader is in. An enumeration would take three times as long to read, which is done
    several times for each element."""

    DOCUMENT: Final = 0
    GRAPH: Final = 1
    LAYERS: Final = 2
    EDGES: Final = 3
    INFO: Final = 4
    LAYER: Final = 5
    INPUT: Final = 6
    OUTPUT: Final = 7
    PORT: Final = 8
    NOTES: Final = 9
    OPTIONS: Final = 10
    SKIPPED: Final = 11


def unsigned(value: str | None) -> int | None:
    """Returns a number as OpenVINO's ``get_uint64_attr`` reads it (``stoll``: blanks and a sign before, nothing
    after, below 2^63); None if it would throw."""
    if value is None:
        return None
    small = _SMALL_NUMBERS.get(value)
    if small is not None:
        return small
    if len(value) < 19 and value.isascii() and value.isdigit():
        return int(value)
    match = _NUMBER.match(value)
    if match is None or match.end() != len(value) or len(match[2]) > 400:
        return None
    number = int(match[2])
    if match[1] == "-" and number:
        return None
    return number if number < _INT64 else None


def printable(value: str | None) -> str:
    """Returns an attribute for a message: short and printable."""
    line = (value or "")[:_SHOWN]
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else " " for char in line)


class Reader(Elements):
    """Fills ``document`` from the elements of ``data``, with a stack of its position; skips unknown elements at any
    depth."""

    def __init__(self, data: bytes, document: Document) -> None:
        super().__init__()
        self._data = data
        self._document = document
        self._stack: list[int] = [_Context.DOCUMENT]
        self._graphs: list[Graph] = []
        self._layers: list[Layer] = []
        self._skipped = 0
        #: Sections of the current layer read so far: only the first of each name counts.
        self._sections: list[set[str]] = []
        #: The handlers of start tags by context: by the numbers of ``_Context`` up to OPTIONS.
        self._enter: tuple[Callable[[str, dict[str, str]], int], ...] = (
            self._root,
            self._section,
            self._layer,
            self._edge,
            self._info,
            self._part,
            self._input_port,
            self._output_port,
            self._dimension,
            self._note,
            self._option,
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._skipped:
            self._skipped += 1
            return
        context = self._enter[self._stack[-1]](name, attributes)
        if context == _Context.SKIPPED:
            self._skipped = 1
        else:
            self._stack.append(context)

    def end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        context = self._stack.pop()
        if context == _Context.GRAPH:
            self._graphs.pop()
        elif context == _Context.LAYER:
            self._layers.pop()
            self._sections.pop()

    def _root(self, name: str, found: dict[str, str]) -> int:
        document = self._document
        if document.root is not None:
            return _Context.SKIPPED
        document.root = name[:_SHOWN]
        document.version = found.get("version")
        document.version_span = attribute_span(self._data, self.position(), b"version")
        self._graphs.append(document.graph)
        return _Context.GRAPH

    def _section(self, name: str, found: dict[str, str]) -> int:
        graph = self._graphs[-1]
        if name in graph.sections:
            return _Context.SKIPPED
        graph.sections.add(name)
        if name == "layers":
            return _Context.LAYERS
        if name == "edges":
            return _Context.EDGES
        if name == "rt_info" and len(self._graphs) == 1:
            return _Context.INFO
        return _Context.SKIPPED

    def _info(self, name: str, found: dict[str, str]) -> int:
        name = found.get("name", name)
        if name in _WRITERS and found.get("value") and self._document.writer is None:
            self._document.writer = printable(found["value"])
        return _Context.OPTIONS if name == "runtime_options" else _Context.SKIPPED

    def _option(self, name: str, found: dict[str, str]) -> int:
        if "value" in found and len(self._document.options) < _MOST_OPTIONS:
            self._document.options[printable(found.get("name", name))] = printable(found["value"])
        return _Context.SKIPPED

    def _layer(self, name: str, found: dict[str, str]) -> int:
        if name != "layer":
            return _Context.SKIPPED
        version = found.get("version")
        layer = Layer(
            unsigned(found.get("id")),
            printable(found.get("name")),
            printable(found.get("type")),
            None if version is None else printable(version),
            output_names=found.get("output_names"),
        )
        graph = self._graphs[-1]
        graph.layers.append(layer)
        self._layers.append(layer)
        self._sections.append(set())
        if layer.number is None:
            self._bad(f"Layer {layer.name} has no usable id", found, "id")
        if version is None:
            detail = f"Layer {layer.name} ({layer.type}) does not name the opset that it belongs to"
            self._problem(
                faults.LAYER_WITHOUT_VERSION,
                detail,
                f'<layer id="{printable(found.get("id"))}"> lacks version',
            )
        for needed in ("type", "name"):
            if needed not in found:
                self._bad(f"Layer {layer.number} has no {needed}", found, needed)
        return _Context.LAYER

    def _part(self, name: str, found: dict[str, str]) -> int:
        sections = self._sections[-1]
        if name in sections:
            return _Context.SKIPPED
        sections.add(name)
        layer = self._layers[-1]
        if name == "data":
            layer.data = found
            for key, value in found.items():
                if len(value) > _LONGEST_DATA:
                    found[key] = value[:_LONGEST_DATA]
            return _Context.SKIPPED
        if name == "input":
            return _Context.INPUT
        if name == "output":
            return _Context.OUTPUT
        if name == "rt_info":
            return _Context.NOTES
        if name in _BODIES:
            body = Graph()
            layer.bodies.append(body)
            self._graphs.append(body)
            self._document.deepest = max(self._document.deepest, len(self._graphs) - 1)
            return _Context.GRAPH
        return _Context.SKIPPED

    def _note(self, name: str, found: dict[str, str]) -> int:
        """Marks a Convert that only unpacks stored weights: OpenVINO then keeps them as they are."""
        if found.get("name") == "decompression":
            self._layers[-1].decompression = True
        return _Context.SKIPPED

    def _input_port(self, name: str, found: dict[str, str]) -> int:
        if name != "port":
            return _Context.SKIPPED
        number = unsigned(found.get("id"))
        if number is None:
            self._bad(f"An input port of layer {self._layers[-1].name} has no usable id", found, "id")
        self._layers[-1].inputs.append(number)
        return _Context.PORT

    def _output_port(self, name: str, found: dict[str, str]) -> int:
        if name != "port":
            return _Context.SKIPPED
        layer = self._layers[-1]
        precision = found.get("precision")
        port = OutputPort(
            unsigned(found.get("id")),
            None if precision is None else printable(precision),
            found.get("names"),
        )
        layer.outputs.append(port)
        if port.number is None:
            self._bad(f"An output port of layer {layer.name} has no usable id", found, "id")
        if port.precision is None:
            self._bad(f"An output port of layer {layer.name} has no precision", found, "precision")
        elif port.precision not in PRECISIONS:
            self._problem(
                faults.ELEMENT_TYPE_UNKNOWN,
                f"Layer {layer.name} has an output of precision {port.precision!r}, unknown to OpenVINO",
                f'precision="{port.precision}"',
            )
        return _Context.PORT

    def _dimension(self, name: str, found: dict[str, str]) -> int:
        """Reads the number at the beginning of the text after the tag."""
        if name != "dim":
            return _Context.SKIPPED
        plain = _DIMENSION.match(self._data, self.position())
        if plain is not None:
            if self._stack[-2] == _Context.OUTPUT:
                self._layers[-1].outputs[-1].dimensions.append(int(plain[1]))
            return _Context.SKIPPED
        written = element_text(self._data, self.position())
        match = _NUMBER.match(written or "")
        if written is None:
            # A comment or an element precedes the text: this is rare, and the text is not needed.
            return _Context.SKIPPED
        number = None if match is None else int(match[2][:20]) * (-1 if match[1] == "-" else 1)
        layer = self._layers[-1]
        if number is None or not -1 <= number < _INT64:
            self._problem(
                faults.LAYER_BAD,
                f"A port of layer {layer.name} has a dimension that is not a number of at least -1",
                f"<dim>{printable(written[:20])}</dim>",
            )
        elif self._stack[-2] == _Context.OUTPUT:
            layer.outputs[-1].dimensions.append(number)
        return _Context.SKIPPED

    def _edge(self, name: str, found: dict[str, str]) -> int:
        if name != "edge":
            return _Context.SKIPPED
        ends = []
        for end in ("from-layer", "from-port", "to-layer", "to-port"):
            number = unsigned(found.get(end))
            if number is None:
                self._bad("An edge does not name what it connects", found, end)
                return _Context.SKIPPED
            ends.append(number)
        self._graphs[-1].edges.append(Edge(*ends))
        return _Context.SKIPPED

    def _bad(self, detail: str, found: dict[str, str], name: str) -> None:
        value = found.get(name)
        written = "is missing" if value is None else f'is "{printable(value)}"'
        self._problem(faults.LAYER_BAD, detail, f"attribute {name} {written}")

    def _problem(self, kind: str, detail: str, evidence: str) -> None:
        self._graphs[-1].problems.append(Problem(kind, detail, evidence))


#: Names that ``ov::element::Type(std::string)`` of 2026.4.1 accepts → bits of an element. The comparison is
#: case-sensitive. Source: openvino/core/type/element_type; string is packed, its bits have no meaning.
PRECISIONS: dict[str, int] = {
    "undefined": 0, "UNSPECIFIED": 0, "dynamic": 0, "boolean": 8, "BOOL": 8, "bf16": 16, "BF16": 16,
    "f16": 16, "FP16": 16, "f32": 32, "FP32": 32, "f64": 64, "FP64": 64, "i4": 4, "I4": 4, "i8": 8, "I8": 8,
    "i16": 16, "I16": 16, "i32": 32, "I32": 32, "i64": 64, "I64": 64, "u1": 1, "U1": 1, "bin": 1, "BIN": 1,
    "u2": 2, "U2": 2, "u3": 3, "U3": 3, "u4": 4, "U4": 4, "u6": 6, "U6": 6, "u8": 8, "U8": 8, "u16": 16,
    "U16": 16, "u32": 32, "U32": 32, "u64": 64, "U64": 64, "nf4": 4, "NF4": 4, "f8e4m3": 8, "F8E4M3": 8,
    "f8e5m2": 8, "F8E5M2": 8, "string": 0, "STRING": 0, "f4e2m1": 4, "F4E2M1": 4, "f8e8m0": 8, "F8E8M0": 8,
}  # fmt: skip
_LONG = {"BOOL": "boolean", "FP16": "f16", "FP32": "f32", "FP64": "f64", "UNSPECIFIED": "dynamic",
         "undefined": "dynamic", "bin": "u1", "BIN": "u1"}  # fmt: skip


def element_type(name: str) -> str:
    """Returns the name that OpenVINO prints for a precision or element type as written (``FP32`` → ``f32``)."""
    return _LONG.get(name, name.lower())
