"""Small models that tests write themselves: an IR, and protobuf messages of the other formats."""

from __future__ import annotations

import struct

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 288\n"
HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Sign in &middot; Git</title></head>"
    b"<body><p>Please<br>sign in</p></body></html>\n"
)
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"abcdefgh" * 8
APPLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + b"\0" * 100

HEADER = '<?xml version="1.0"?>\n'
RELU = '<layer id="5" name="relu" type="ReLU" version="opset1">'
W_DATA = '<data element_type="f32" shape="8, 8" offset="0" size="256" />'
B_DATA = '<data element_type="f32" shape="1, 8" offset="256" size="32" />'
X_DATA = '<data shape="1,8" element_type="f32" />'
Y_PORT = '<port id="1" precision="FP32" names="y">'
RESULT = '<layer id="6" name="res" type="Result" version="opset1">'
LAST_EDGE = '<edge from-layer="5" from-port="1" to-layer="6" to-port="0" />'
ROW, SQUARE = "<dim>1</dim><dim>8</dim>", "<dim>8</dim><dim>8</dim>"

#: x [1,8] → MatMul W → Add B → ReLU → y. The constants are bytes 0..256 and 256..288.
XML = f"""{HEADER}<net name="Model0" version="11">
	<layers>
		<layer id="0" name="x" type="Parameter" version="opset1">
			{X_DATA}
			<output><port id="0" precision="FP32" names="x">{ROW}</port></output>
		</layer>
		<layer id="1" name="W" type="Const" version="opset1">
			{W_DATA}
			<output><port id="0" precision="FP32">{SQUARE}</port></output>
		</layer>
		<layer id="2" name="mm" type="MatMul" version="opset1">
			<data transpose_a="false" transpose_b="false" />
			<input><port id="0">{ROW}</port><port id="1">{SQUARE}</port></input>
			<output><port id="2" precision="FP32">{ROW}</port></output>
		</layer>
		<layer id="3" name="B" type="Const" version="opset1">
			{B_DATA}
			<output><port id="0" precision="FP32">{ROW}</port></output>
		</layer>
		<layer id="4" name="add" type="Add" version="opset1">
			<data auto_broadcast="numpy" />
			<input><port id="0">{ROW}</port><port id="1">{ROW}</port></input>
			<output><port id="2" precision="FP32">{ROW}</port></output>
		</layer>
		{RELU}
			<input><port id="0">{ROW}</port></input>
			<output>{Y_PORT}{ROW}</port></output>
		</layer>
		{RESULT}
			<input><port id="0">{ROW}</port></input>
		</layer>
	</layers>
	<edges>
		<edge from-layer="0" from-port="0" to-layer="2" to-port="0" />
		<edge from-layer="1" from-port="0" to-layer="2" to-port="1" />
		<edge from-layer="2" from-port="2" to-layer="4" to-port="0" />
		<edge from-layer="3" from-port="0" to-layer="4" to-port="1" />
		<edge from-layer="4" from-port="2" to-layer="5" to-port="0" />
		{LAST_EDGE}
	</edges>
	<rt_info>
		<info name="OpenVINO Runtime" value="2026.4.1-22982-e213a147257-releases/2026/4" />
	</rt_info>
</net>
"""

#: The 288 bytes of W and B; none of them is zero throughout.
BIN = struct.pack("<72f", *[(index % 7) / 7 + 0.1 for index in range(72)])

#: Parameter → Result, no constant.
PLAIN_XML = (
    '<?xml version="1.0"?><net name="a" version="11"><layers>'
    '<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,?,2..4,3.." element_type="i64"/>'
    '<output><port id="0" precision="I64" names="a\\,b,c"/></output></layer>'
    '<layer id="1" name="r" type="Result" version="opset1"><input><port id="0"/></input></layer></layers>'
    '<edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/></edges></net>'
)


def loop_xml(body_size: int, *, nested: int = 1) -> str:
    """A TensorIterator over x with a constant of ``body_size`` bytes in its body, nested ``depth`` times."""
    inner = (
        '<layers><layer id="0" name="bx" type="Parameter" version="opset1"><data shape="1,8" '
        f'element_type="f32"/><output><port id="0" precision="FP32">{ROW}</port></output></layer>'
        '<layer id="1" name="bc" type="Const" version="opset1"><data element_type="f32" shape="1,8" '
        f'offset="0" size="{body_size}"/><output><port id="0" precision="FP32">{ROW}</port></output></layer>'
        '<layer id="2" name="badd" type="Add" version="opset1"><input><port id="0"/><port id="1"/></input>'
        f'<output><port id="2" precision="FP32">{ROW}</port></output></layer>'
        '<layer id="3" name="br" type="Result" version="opset1"><input><port id="0"/></input></layer>'
        '</layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>'
        '<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>'
        '<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges>'
    )
    for _ in range(nested):
        inner = (
            '<layers><layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,8" '
            f'element_type="f32"/><output><port id="0" precision="FP32">{ROW}</port></output></layer>'
            '<layer id="1" name="ti" type="TensorIterator" version="opset1"><port_map>'
            '<input external_port_id="0" internal_layer_id="0"/>'
            '<output external_port_id="1" internal_layer_id="3"/></port_map>'
            '<input><port id="0"/></input>'
            f'<output><port id="1" precision="FP32" names="y">{ROW}</port></output>'
            f"<body>{inner}</body></layer>"
            '<layer id="3" name="r" type="Result" version="opset1"><input><port id="0"/></input></layer>'
            '</layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>'
            '<edge from-layer="1" from-port="1" to-layer="3" to-port="0"/></edges>'
        )
    return f'{HEADER}<net name="t" version="11">{inner}</net>'


# -- protobuf ------------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    data = b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def message(number: int, value: int | str | bytes) -> bytes:
    """One field: a number as a varint, anything else length-delimited."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


FLOATS = struct.pack("<8f", *range(8))
_B_TENSOR = message(1, 8) + message(2, 1) + message(8, "b") + message(9, FLOATS)


def _value_info(name: str) -> bytes:
    shape = b"".join(message(1, message(1, size)) for size in (1, 8))
    return message(1, name) + message(2, message(1, message(1, 1) + message(2, shape)))


def external(location: str | None, offset: object = None, length: object = None, *, name: str = "b") -> bytes:
    """A tensor of eight floats in another file."""
    pairs = {"location": location, "offset": offset, "length": length}
    entries = b"".join(
        message(13, message(1, key) + message(2, str(value)))
        for key, value in pairs.items()
        if value is not None
    )
    return message(1, 8) + message(2, 1) + message(8, name) + entries + message(14, 1)


def onnx(tensor: bytes = _B_TENSOR, *, kind: str = "Relu", domain: str = "", extra: bytes = b"") -> bytes:
    """x [1,8] → Add b → ``kind`` → y; ``extra`` goes into the graph."""
    add = message(1, "x") + message(1, "b") + message(2, "a") + message(3, "n0") + message(4, "Add")
    last = message(1, "a") + message(2, "y") + message(3, "n1") + message(4, kind)
    last += message(7, domain) if domain else b""
    graph = message(1, add) + message(1, last) + message(2, "g") + message(5, tensor) + extra
    graph += message(11, _value_info("x")) + message(12, _value_info("y"))
    opset = message(8, message(1, "") + message(2, 17))
    return message(1, 8) + message(2, "us") + message(3, "1.2") + message(7, graph) + opset


def _node(name: str, kind: str, inputs: tuple[str, ...], attributes: dict[str, bytes]) -> bytes:
    data = message(1, name) + message(2, kind) + b"".join(message(3, origin) for origin in inputs)
    data += b"".join(message(5, message(1, key) + message(2, value)) for key, value in attributes.items())
    return message(1, data)


_TF_SHAPE = message(7, message(2, message(1, 1)) + message(2, message(1, 8)))
GRAPH_DEF = _node("x", "Placeholder", (), {"dtype": message(6, 1), "shape": _TF_SHAPE})
GRAPH_DEF += _node("y", "Identity", ("x",), {"T": message(6, 1)})
VARIABLE = _node("v", "VarHandleOp", (), {"dtype": message(6, 1), "shape": _TF_SHAPE})


def saved_model(graph: bytes = GRAPH_DEF) -> bytes:
    return message(1, 1) + message(2, message(1, message(4, "serve")) + message(2, graph))


def paddle(*names: str, persistable: bool = True) -> bytes:
    """A program with a variable for each name and no operation."""
    kind = message(1, 7) + message(3, message(1, message(1, 5) + message(2, 8)))
    flag = message(3, 1) if persistable else b""
    variables = b"".join(message(3, message(1, name) + message(2, kind) + flag) for name in names)
    return message(1, message(1, 0) + message(2, 0) + variables)


#: The parameters of ``paddle("w")``.
PADDLE_WEIGHTS = struct.pack("<IQIi", 0, 0, 0, 4) + message(1, 5) + message(2, 8) + FLOATS
