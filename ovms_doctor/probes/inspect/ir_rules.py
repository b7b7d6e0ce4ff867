"""Whether OpenVINO builds the graph of an IR, and which constants it reads.

Follows ``XmlDeserializer::parse_function`` (src/core/xml_util): OpenVINO reads all layers and edges, then builds only
those that a Result or Assign reaches, Parameters first. It never checks a layer that nothing reaches, so such a layer
cannot make read_model fail. Inference of shapes and types is OpenVINO's own and not repeated.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct, field

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.probes.inspect import faults
from ovms_doctor.probes.inspect.ir_graph import PRECISIONS, Edge, Graph, Layer, Problem, printable, unsigned

_BODY_TYPES = frozenset({"tensoriterator", "loop", "if"})
#: Bodies nested deeper than this are not checked; OpenVINO overflows its stack between 1000 and 3000.
_MAX_NESTING = 200
#: Nesting from which read_model crashed (3000) or may crash.
_CRASH_NESTING = 1000
_MAX_PROBLEMS = 20
_UINT64 = (1 << 64) - 1
_SHAPE_NUMBER = lazy_pattern(r"-?[0-9]+")
_OPSET = lazy_pattern(r"opset([0-9]+)")

#: The least number of inputs of common operations: with fewer, read_model refuses (each was tried).
LEAST_INPUTS: dict[str, int] = {
    name: least
    for least, names in {
        1: "abs avgpool clamp concat convert exp relu result shapeof sigmoid softmax sqrt tanh",
        2: "add convolution divide equal greater groupconvolution less matmul maximum minimum multiply power "
        "prelu reducemean reducesum reshape split subtract transpose unsqueeze",
        3: "gather pad select stridedslice variadicsplit",
        5: "fakequantize",
    }.items()
    for name in names.split()
}


class Constant(Struct, frozen=True):
    """Bytes of a constant in the weights file.

    ``layer``: the name of its layer.
    ``offset``: the first byte in the file.
    ``size``: the number of bytes.
    ``reached``: whether OpenVINO will read it.
    """

    layer: str
    offset: int
    size: int
    reached: bool


class Verdict(Struct):
    """The problems and constants of a graph.

    ``problems``: the problems.
    ``constants``: the constants.
    ``needs_weights``: whether a constant is built, so that a weights file must exist, even for 0 bytes.
    """

    problems: list[Problem] = field(default_factory=list)
    constants: list[Constant] = field(default_factory=list)
    needs_weights: bool = False


def judge(graph: Graph, ir_version: int) -> Verdict:
    """Finds the problems of a graph, bodies included."""
    verdict = Verdict()
    _Judge(verdict, ir_version).graph(graph, reached=True, depth=0)
    return verdict


class _Judge:
    def __init__(self, verdict: Verdict, ir_version: int) -> None:
        self._verdict = verdict
        self._ir_version = ir_version

    def graph(self, graph: Graph, *, reached: bool, depth: int) -> None:
        for problem in graph.problems:
            self._problem(problem.kind, problem.detail, problem.evidence, fatal=reached and problem.fatal)
        layers = self._by_number(graph)
        feeding: dict[int, list[Edge]] = {}
        for edge in graph.edges:
            feeding.setdefault(edge.destination, []).append(edge)
        self._dangling(graph, layers)
        order = _order(graph, feeding)
        built: set[int] = set()
        for number in order:
            layer = layers.get(number)
            if layer is None:
                user = next((edge for edge in graph.edges if edge.origin == number), None)
                target = "" if user is None else f" to layer {user.destination}, port {user.target}"
                detail = f"An edge comes from layer {number}, which does not exist"
                self._problem(faults.EDGE_DANGLING, detail, f"edge from {number}{target}", fatal=reached)
                continue
            self._inputs(layer, feeding.get(number, []), layers, built, reached)
            built.add(number)
            self._layer(layer, reached, depth, len(feeding.get(number, [])))
        for layer in graph.layers:
            if layer.number not in built or layers.get(layer.number) is not layer:
                self._layer(layer, False, depth, 0)

    def _by_number(self, graph: Graph) -> dict[int, Layer]:
        layers: dict[int, Layer] = {}
        for layer in graph.layers:
            if layer.number is None:
                continue
            if layer.number in layers:
                detail = (
                    f"Layers {layers[layer.number].name} and {layer.name} both have the id {layer.number}: "
                    "OpenVINO keeps the last one only"
                )
                self._problem(faults.LAYER_DUPLICATE_ID, detail, f'id="{layer.number}"', fatal=False)
            layers[layer.number] = layer
        return layers

    def _dangling(self, graph: Graph, layers: dict[int, Layer]) -> None:
        for edge in graph.edges:
            if edge.destination not in layers:
                detail = f"An edge leads to layer {edge.destination}, which does not exist"
                evidence = f"edge from {edge.origin} to {edge.destination}"
                self._problem(faults.EDGE_DANGLING, detail, evidence, fatal=False)

    def _inputs(
        self, layer: Layer, edges: list[Edge], layers: dict[int, Layer], built: set[int], reached: bool
    ) -> None:
        """Connects the edges into a layer, as parse_function does."""
        connected_ports: set[int] = set()
        faulty = False
        for edge in edges:
            origin = layers.get(edge.origin)
            if origin is None:
                faulty = True
                continue
            if edge.origin not in built:
                faulty = True
                detail = f"Layer {layer.name} is fed by layer {origin.name}, which itself depends on it"
                self._problem(
                    faults.EDGE_CYCLE, detail, f"edge from {edge.origin} to {layer.number}", fatal=reached
                )
                continue
            if edge.target not in layer.inputs:
                faulty = True
                detail = (
                    f"An edge leads to input port {edge.target} of layer {layer.name}, which has no such port"
                )
                evidence = f"input ports of {layer.name}: {_numbers(layer.inputs)}"
                self._problem(faults.PORT_MISSING, detail, evidence, fatal=reached)
                continue
            outputs = [port.number for port in origin.outputs]
            if edge.source not in outputs:
                detail = (
                    f"An edge comes from port {edge.source} of layer {origin.name}, which has no such output"
                )
                evidence = f"output ports of {origin.name}: {_numbers(outputs)}"
                self._problem(faults.PORT_MISSING, detail, evidence, fatal=reached)
            connected_ports.add(layer.inputs.index(edge.target))
        if faulty:
            # An unused input follows from the edge, which already has a finding.
            return
        # IR 11 looks up run-time information of every declared port, so each must have an input.
        needed = LEAST_INPUTS.get(layer.type.lower(), 0) if _opset(layer) else 0
        needed_ports = max(len(layer.inputs), needed)
        if len(connected_ports) < needed_ports:
            missing = next(index for index in range(needed_ports) if index not in connected_ports)
            port = layer.inputs[missing] if missing < len(layer.inputs) else missing
            gap = any(index >= len(edges) for index in connected_ports) or len(connected_ports) < len(edges)
            detail = f"Input port {port} of layer {layer.name} ({layer.type}) is not connected"
            evidence = f"{len(layer.inputs)} inputs declared, {len(connected_ports)} connected"
            fatal = (
                gap
                or len(connected_ports) < needed
                or (self._ir_version > 10 and len(connected_ports) < len(layer.inputs))
            )
            if not _crashes_without_inputs(layer, len(connected_ports)):
                self._problem(faults.INPUT_NOT_CONNECTED, detail, evidence, fatal=reached and fatal)
        elif len(edges) > len(connected_ports):
            detail = f"An input of layer {layer.name} ({layer.type}) is fed by more than one edge"
            evidence = f"{len(edges)} edges for {len(layer.inputs)} inputs"
            self._problem(faults.INPUT_NOT_CONNECTED, detail, evidence, fatal=reached)

    def _layer(self, layer: Layer, reached: bool, depth: int, connected: int) -> None:
        if layer.type == "Const":
            self._constant(layer, reached)
        elif layer.type == "Parameter":
            self._parameter(layer, reached)
        elif reached:
            self._crash(layer, connected)
        if layer.bodies:
            if depth >= _MAX_NESTING:
                return
            enters = reached and layer.type.lower() in _BODY_TYPES
            for body in layer.bodies:
                self.graph(body, reached=enters, depth=depth + 1)

    def _parameter(self, layer: Layer, reached: bool) -> None:
        data = layer.data
        if data is None:
            detail = f"Parameter {layer.name} has no <data> and so neither shape nor type"
            self._problem(faults.LAYER_BAD, detail, f"layer {layer.number}", fatal=reached)
            return
        kind = printable(data.get("element_type"))
        if "element_type" in data and kind.lower() not in PRECISIONS:
            self._unknown_type(layer, kind, reached)
        shape = data.get("shape")
        if shape is not None and partial_shape(printable(shape)) is None and len(shape) < 150:
            detail = f"Parameter {layer.name} has a shape that cannot be parsed"
            self._problem(faults.SHAPE_BAD, detail, f'shape="{printable(shape)}"', fatal=reached)

    def _constant(self, layer: Layer, reached: bool) -> None:
        """Notes a constant: the range in the file, then its size against the shape. Source:
        ``set_constant_num_buffer``."""
        data = layer.data
        name = layer.name
        if data is None:
            detail = f"Constant {name} does not name the position of its values"
            self._problem(faults.WEIGHTS_BAD_REFERENCE, detail, "no <data>", fatal=reached)
            return
        kind = printable(data.get("element_type"))
        if "element_type" in data and kind.lower() not in PRECISIONS:
            self._unknown_type(layer, kind, reached)
            return
        if "value" in data:
            return
        if reached:
            self._verdict.needs_weights = True
        for needed in ("element_type", "shape"):
            if needed not in data:
                self._reference(name, f"has no {needed}", f"{needed} is missing", reached)
                return
        if kind not in PRECISIONS:
            self._unknown_type(layer, kind, reached)
            return
        offset, size = unsigned(data.get("offset")), unsigned(data.get("size"))
        written = f"offset={_quoted(data.get('offset'))} size={_quoted(data.get('size'))}"
        if offset is None or size is None:
            wrong = "offset" if offset is None else "size"
            self._reference(name, f"has no {wrong} that is a number from 0 to 2^63-1", written, reached)
            return
        self._verdict.constants.append(Constant(name, offset, size, reached))
        self._against_shape(name, data, kind, size, reached)

    def _against_shape(self, name: str, data: dict[str, str], kind: str, size: int, reached: bool) -> None:
        written = printable(data["shape"])
        if len(data["shape"]) > 2048:
            return
        product = _shape_size(data["shape"])
        if product is None:
            self._reference(name, "has a shape that cannot be parsed", f'shape="{written}"', reached)
            return
        bits = PRECISIONS[kind]
        # As OpenVINO computes it, in 64 bits: an overflow that wraps to a small number is accepted here.
        need = (((product * bits) & _UINT64) + 7 & _UINT64) >> 3
        if bits and size < need:
            text = f"takes {size} bytes but its shape [{written}] of {kind} needs {need}"
            self._reference(name, text, f'size="{size}" shape="{written}" element_type="{kind}"', reached)

    def _reference(self, name: str, predicate: str, evidence: str, reached: bool) -> None:
        self._problem(faults.WEIGHTS_BAD_REFERENCE, f"Constant {name} {predicate}", evidence, fatal=reached)

    def _unknown_type(self, layer: Layer, kind: str, reached: bool) -> None:
        detail = f"Layer {layer.name} has the element type {kind!r}, which OpenVINO does not know"
        self._problem(faults.ELEMENT_TYPE_UNKNOWN, detail, f'element_type="{kind}"', fatal=reached)

    def _crash(self, layer: Layer, connected: int) -> None:
        kind = layer.type.lower()
        opset = _opset(layer)
        if kind in ("readvalue", "assign") and opset >= 6 and "variable_id" not in (layer.data or {}):
            detail = f"{layer.type} {layer.name} names no variable, which crashes OpenVINO"
            self._problem(faults.CRASH_PRONE, detail, "no variable_id in <data>", fatal=False)
        elif _crashes_without_inputs(layer, connected):
            detail = (
                f"{layer.type} {layer.name} of {layer.version} has {connected} inputs, "
                "which crashes OpenVINO while it reads the model"
            )
            self._problem(faults.CRASH_PRONE, detail, f"{connected} inputs connected", fatal=False)

    def _problem(self, kind: str, detail: str, evidence: str, *, fatal: bool) -> None:
        """Keeps a problem; of many alike the first one with their number."""
        problems = self._verdict.problems
        alike = sum(1 for problem in problems if problem.kind == kind and problem.fatal == fatal)
        if alike < _MAX_PROBLEMS:
            problems.append(Problem(kind, detail, evidence, fatal))


def nested_too_deep(deepest: int) -> Problem | None:
    """Returns the problem of bodies nested so deep that read_model overflows its stack."""
    if deepest <= _CRASH_NESTING:
        return None
    detail = f"Bodies are nested {deepest} deep, which crashes OpenVINO while it reads the model"
    return Problem(faults.CRASH_PRONE, detail, f"{deepest} nested bodies", fatal=False)


@lru_cache(maxsize=256)
def partial_shape(value: str) -> str | None:
    """Returns a Parameter's shape in OpenVINO's own text form (``[1,3,?,1..8]``); None if it cannot be parsed.

    Source: ``ov::PartialShape(std::string)`` and ``ov::Dimension(std::string_view)``.
    """
    value = value.strip()
    if value.startswith("[") and value.endswith("]"):
        value = value[1:-1].strip()
    if value == "...":
        return "[...]"
    if not value:
        return "[]"
    dimensions = [_dimension(part) for part in value.split(",")]
    if None in dimensions:
        return None
    return "[" + ",".join(part for part in dimensions if part is not None) + "]"


def _dimension(part: str) -> str | None:
    part = part.strip()
    if part in ("?", "-1"):
        return "?"
    low, dots, high = part.partition("..")
    if not dots:
        # OpenVINO turns a number beyond 64 bits or below -1 into 0.
        if not re.fullmatch(r"-?[0-9]+", part):
            return None
        return str(int(part)) if len(part) < 20 and 0 <= int(part) < 1 << 63 else "0"
    if not re.fullmatch(r"[0-9]*", low) or not re.fullmatch(r"[0-9]*", high):
        return None
    least, most = int(low[:20] or 0), int(high[:20]) if high else None
    if most is not None and most < least:
        return "?"
    if least == most:
        return str(least)
    if least:
        return f"{least}..{'' if most is None else most}"
    return "?" if most is None else f"..{most}"


def _shape_size(value: str) -> int | None:
    """Returns the product of a constant's dimensions in 64 bits; None if ``str_to_container`` throws."""
    fields = value.split(",")
    if fields[-1] == "":
        # std::getline returns no field after the last comma.
        fields.pop()
    product = 1
    for part in fields:
        match = _SHAPE_NUMBER.match(part.strip())
        if match is None or not -(1 << 63) <= int(match[0][:30]) < 1 << 63:
            return None
        product = (product * int(match[0])) & _UINT64
    return product


def _order(graph: Graph, feeding: dict[int, list[Edge]]) -> list[int]:
    """Returns the layers in the order in which OpenVINO builds them: Parameters, then depth first from outputs."""
    built: set[int] = set()
    order: list[int] = []
    outputs: list[int] = []
    for layer in graph.layers:
        if layer.number is None:
            continue
        if layer.type in ("Result", "Assign"):
            outputs.append(layer.number)
        elif layer.type == "Parameter" and layer.number not in built:
            built.add(layer.number)
            order.append(layer.number)
    for output in outputs:
        stack = [output]
        visited: set[int] = set()
        while stack:
            number = stack[-1]
            if number in built:
                stack.pop()
            elif number in visited:
                built.add(number)
                order.append(number)
                stack.pop()
            else:
                visited.add(number)
                stack.extend(edge.origin for edge in feeding.get(number, ()) if edge.origin not in built)
    return order


def _opset(layer: Layer) -> int:
    return _opset_number(layer.version or "")


@lru_cache(maxsize=64)
def _opset_number(version: str) -> int:
    match = _OPSET.fullmatch(version)
    return int(match[1]) if match and len(match[1]) < 4 else 0


def _crashes_without_inputs(layer: Layer, connected: int) -> bool:
    kind, opset = layer.type.lower(), _opset(layer)
    if kind == "broadcast" and opset in (1, 2):
        return connected < 2
    return kind == "maxpool" and 1 <= opset <= 7 and connected == 0


def _numbers(ports: list[int | None]) -> str:
    return ", ".join("?" if port is None else str(port) for port in ports[:20]) or "none"


def _quoted(value: str | None) -> str:
    return "(missing)" if value is None else f'"{printable(value)}"'
