"""Small models written byte by byte, so that no framework is needed."""

from __future__ import annotations

from pathlib import Path

from tests.probes.runtime.driver import DATA


def field(number: int, value: int | str | bytes) -> bytes:
    """One protobuf field; an int as varint, text and bytes with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def onnx(operation: str) -> bytes:
    """An ONNX model x[1,batch] -> ``operation`` -> y."""

    def value(name: str) -> bytes:
        shape = field(1, field(1, 1)) + field(1, field(2, "batch"))
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    node = field(1, "x") + field(2, "y") + field(4, operation)
    graph = field(1, node) + field(2, "g") + field(11, value("x")) + field(12, value("y"))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def graph_def() -> bytes:
    """A TensorFlow GraphDef x[1,4] -> Relu -> y."""
    shape = field(7, field(2, field(1, 1)) + field(2, field(1, 4)))
    placeholder = field(5, field(1, "dtype") + field(2, field(6, 1)))
    placeholder += field(5, field(1, "shape") + field(2, shape))
    x = field(1, "x") + field(2, "Placeholder") + placeholder
    y = field(1, "y") + field(2, "Relu") + field(3, "x") + field(5, field(1, "T") + field(2, field(6, 1)))
    return field(1, x) + field(1, y) + field(4, field(1, 1000))


def saved_model() -> bytes:
    """The saved_model.pb of a SavedModel of graph_def, without variables, tagged ``serve``."""
    dims = field(2, field(1, 1)) + field(2, field(1, 4))

    def tensor(key: str, name: str) -> bytes:
        return field(1, key) + field(2, field(1, name) + field(2, 1) + field(3, dims))

    signature = field(1, tensor("input", "x:0")) + field(2, tensor("output", "y:0"))
    signature += field(3, "tensorflow/serving/predict")
    meta = field(1, field(4, "serve")) + field(2, graph_def())
    meta += field(5, field(1, "serving_default") + field(2, signature))
    return field(1, 1) + field(2, meta)


def each_format(directory: Path) -> list[str]:
    """Writes one model of each format that the server reads; returns the argument of read_model for each."""
    (directory / "ir.xml").write_bytes((DATA / "fc.xml").read_bytes())
    (directory / "ir.bin").write_bytes((DATA / "fc.bin").read_bytes())
    (directory / "model.onnx").write_bytes(onnx("Relu"))
    (directory / "frozen.pb").write_bytes(graph_def())
    (directory / "saved").mkdir()
    (directory / "saved" / "saved_model.pb").write_bytes(saved_model())
    (directory / "empty.pdmodel").write_bytes(b"")  # a Paddle program without operations
    (directory / "relu.tflite").write_bytes((DATA / "relu.tflite").read_bytes())
    names = ("ir.xml", "model.onnx", "frozen.pb", "saved/", "empty.pdmodel", "relu.tflite")
    return [f"{directory}/{name}" for name in names]


def ir(*layers: str) -> str:
    """An IR of layers in a chain, numbered in order; each gets the output of the one before."""
    numbered = "".join(
        layer.replace("<layer", f'<layer id="{number}"', 1) for number, layer in enumerate(layers)
    )
    edges = "".join(
        f'<edge from-layer="{number}" from-port="1" to-layer="{number + 1}" to-port="0"/>'
        for number in range(len(layers) - 1)
    )
    body = f"<layers>{numbered}</layers><edges>{edges}</edges>"
    return f'<?xml version="1.0"?><net name="n" version="11">{body}</net>'


def parameter(element_type: str = "f32", shape: str = "1,4", names: str | None = None) -> str:
    """The first layer of a chain."""
    named = "" if names is None else f' names="{names}"'
    return (
        '<layer name="x" type="Parameter" version="opset1">'
        f'<data shape="{shape}" element_type="{element_type}"/>'
        f'<output><port id="1" precision="FP32"{named}/></output></layer>'
    )


def operation(kind: str, opset: str = "opset1", data: str = "") -> str:
    """A layer of one input and one output within a chain."""
    return (
        f'<layer name="o" type="{kind}" version="{opset}">{data}'
        '<input><port id="0" precision="FP32"/></input>'
        '<output><port id="1" precision="FP32"/></output></layer>'
    )


def result() -> str:
    """The last layer of a chain."""
    port = '<input><port id="0" precision="FP32"/></input>'
    return f'<layer name="r" type="Result" version="opset1">{port}</layer>'
