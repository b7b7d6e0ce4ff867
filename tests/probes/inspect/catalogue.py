"""Malformed models, one row each: how to create it, which kind of fault names its cause, and whether OpenVINO
refuses it. The rows about weights and other formats are in modules of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ovms_doctor.model.facts.preparation import ModelFormat
from tests.probes.inspect.models import (
    APPLE,
    B_DATA,
    BIN,
    GRAPH_DEF,
    GZIP,
    HEADER,
    HTML,
    LAST_EDGE,
    LFS,
    PLAIN_XML,
    RELU,
    RESULT,
    X_DATA,
    XML,
    Y_PORT,
    loop_xml,
    onnx,
)


@dataclass(frozen=True)
class Row:
    """``build`` fills a directory and returns the path to inspect. ``kind``: the fault that must be named
    (None: no fault). ``outcome``: the result of read_model. ``undetected``: OpenVINO refuses the model for a
    reason that only shape inference or its operation tables show, so no fatal fault is found."""

    name: str
    build: Callable[[Path], str]
    kind: str | None
    outcome: str
    format: ModelFormat = "ir"
    undetected: bool = False


def ir(xml: str | bytes, weights: bytes | None = BIN, name: str = "m.xml") -> Callable[[Path], str]:
    """An IR with these contents."""

    def build(directory: Path) -> str:
        data = xml if isinstance(xml, bytes) else xml.encode()
        (directory / name).write_bytes(data)
        if weights is not None:
            (directory / "m.bin").write_bytes(weights)
        return str(directory / name)

    return build


def edited(*changes: tuple[str, str], weights: bytes | None = BIN) -> Callable[[Path], str]:
    """The base IR with texts replaced; each must occur."""
    xml = XML
    for old, new in changes:
        assert old in xml, old
        xml = xml.replace(old, new)
    return ir(xml, weights)


def loads(name: str, build: Callable[[Path], str], kind: str | None = None) -> Row:
    return Row(name, build, kind, "loads")


def refused(name: str, build: Callable[[Path], str], kind: str) -> Row:
    return Row(name, build, kind, "refused")


def undetected(name: str, build: Callable[[Path], str], kind: str | None = None) -> Row:
    return Row(name, build, kind, "refused", undetected=True)


def crashes(name: str, build: Callable[[Path], str]) -> Row:
    return Row(name, build, "crash-prone", "crashed")


def relu_as(kind: str, opset: str, data: str = "") -> Callable[[Path], str]:
    return edited((RELU, f'<layer id="5" name="relu" type="{kind}" version="{opset}">{data}'))


def without_edges(kind: str, opset: str) -> Callable[[Path], str]:
    edge = '<edge from-layer="4" from-port="2" to-layer="5" to-port="0" />'
    layer = f'<layer id="5" name="relu" type="{kind}" version="{opset}"><data variable_id="v"/><input/>'
    return edited((RELU, layer), (edge, ""))


def version(text: str) -> Callable[[Path], str]:
    return edited(('version="11"', f'version="{text}"'))


def cut(percent: int) -> Callable[[Path], str]:
    return ir(XML.encode()[: len(XML) * percent // 100])


def extra_layer(text: str) -> Callable[[Path], str]:
    return edited((RESULT, text + RESULT))


def _directory(directory: Path) -> str:
    (directory / "m.xml").mkdir()
    return str(directory / "m.xml")


_LATIN1 = XML.encode().replace(b'name="relu"', b'name="rel\xfc"')
_COPY = (
    RELU + '<input><port id="0"/></input><output><port id="1" precision="FP32" names="y"/></output></layer>'
)

HEADS = (
    refused("empty", ir(b""), "empty-file"),
    refused("lfs", ir(LFS), "git-lfs-pointer"),
    refused("html", ir(HTML), "html-page"),
    refused("html-tags", ir(b"<html><head><title>404</title></head><body/></html>"), "html-page"),
    refused("gzip", ir(GZIP), "archive"),
    refused("zip", ir(b"PK\x03\x04" + b"\0" * 60), "archive"),
    refused("xz", ir(b"\xfd7zXZ\x00" + b"abc" * 20), "archive"),
    refused("7z", ir(b"7z\xbc\xaf\x27\x1c" + b"abc" * 20), "archive"),
    refused("zstd", ir(b"\x28\xb5\x2f\xfd" + b"abc" * 20), "archive"),
    refused("tar", ir(b"m.xml".ljust(257, b"\0") + b"ustar\x0000" + b"\0" * 248), "archive"),
    refused("zeros", ir(b"\0" * 5000), "zero-filled"),
    refused("apple-double", ir(APPLE), "apple-double"),
    refused("json", ir(b'{"model": 1}'), "text"),
    refused("text", ir(b"hello\n"), "text"),
    refused("png", ir(b"\x89PNG\r\n\x1a\n" + b"\0" * 30), "wrong-format"),
    refused("pickle", ir(b"\x80\x02ctorch._utils\n"), "wrong-format"),
    refused("gguf", ir(b"GGUF\x03\x00\x00\x00" + b"\0" * 40), "wrong-format"),
    refused("hdf5", ir(b"\x89HDF\r\n\x1a\n" + b"\0" * 40), "wrong-format"),
    refused("safetensors", ir((20).to_bytes(8, "little") + b'{"a":{"dtype":"F32"}}'), "wrong-format"),
    refused("tflite-bytes", ir(b"\x1c\0\0\0TFL3" + b"\0" * 64), "wrong-format"),
    refused("random", ir(bytes(range(200, 90, -3))), "not-ir"),
    refused("directory", _directory, "directory"),
    loads("onnx-bytes", ir(onnx()), "wrong-format"),
    loads("graph-def-bytes", ir(GRAPH_DEF), "wrong-format"),
)

TEXT = (
    loads("ok", ir(XML)),
    loads("upper-case-suffix", ir(XML, name="m.XML")),
    loads("no-constants-no-bin", ir(PLAIN_XML, None)),
    loads("no-constants-empty-bin", ir(PLAIN_XML, b"")),
    refused("only-declaration", ir(HEADER), "not-ir"),
    refused("wrong-root", edited(("<net", "<model"), ("</net", "</model")), "not-ir"),
    refused("other-xml", ir('<?xml version="1.0"?><plist version="1.0"><dict/></plist>'), "not-ir"),
    refused("other-root-first", ir("<a/>" + XML), "not-ir"),
    refused("cut-1", cut(1), "not-ir"),
    *(refused(f"cut-{percent}", cut(percent), "xml-malformed") for percent in (5, 25, 50, 75, 95)),
    refused("cut-before-end", ir(XML.replace("</net>\n", "")), "xml-malformed"),
    refused("closing-tag-garbage", edited(("</edges>", "</edges x>")), "xml-malformed"),
    refused("unquoted", edited(('name="relu"', "name=relu")), "xml-malformed"),
    refused("no-blank", edited(('name="relu" type', 'name="relu"type')), "xml-malformed"),
    refused("zero-byte", ir(XML.replace('name="relu"', 'name="re\0lu"')), "xml-malformed"),
    refused("garbage-after", ir(XML + "<<<garbage"), "xml-malformed"),
    refused("bad-comment", edited(("<edges>", "<!- x --><edges>")), "xml-malformed"),
    refused("doctype-inside", edited(("<edges>", "<!DOCTYPE a><edges>")), "xml-malformed"),
    refused("open-doctype", ir("<!DOCTYPE net [<!ENTITY a 'b'>\n" + XML[22:]), "xml-malformed"),
    loads("undefined-entity", edited(('name="relu"', 'name="&bogus;"')), "xml-tolerated"),
    loads("latin-1", ir(_LATIN1), "xml-tolerated"),
    loads("leading-blanks", ir("\n\n" + XML), "xml-tolerated"),
    loads("leading-text", ir("hello " + XML), "xml-tolerated"),
    loads("two-roots", ir(XML + '<net version="9"/>'), "xml-tolerated"),
    loads("doctype", ir('<!DOCTYPE net [<!ENTITY i "&#52;">]>' + XML[22:]), "xml-tolerated"),
    loads("bomb", ir('<!DOCTYPE n [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + XML[22:]), "xml-tolerated"),
    loads("xxe", ir('<!DOCTYPE n [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + XML[22:]), "xml-tolerated"),
    loads("less-than-in-attribute", edited(('name="relu"', 'name="<relu>"')), "xml-tolerated"),
    loads("attribute-twice", edited(('layer id="4"', 'layer id="4" id="77"')), "xml-tolerated"),
    loads("zero-bytes-after", ir(XML + "\0\0<")),
    loads("comment", edited(("<edges>", "<!-- a <b> --><edges>"))),
    loads("crlf", ir(XML.replace("\n", "\r\n"))),
    loads("cdata", edited(("<edges>", "<![CDATA[ <x> ]]><edges>"))),
    loads("utf-16", ir(XML.encode("utf-16"))),
    loads("utf-8-mark", ir(b"\xef\xbb\xbf" + XML.encode())),
    loads("upper-case-net", edited(("<net", "<NET"), ("</net", "</NET"))),
    loads("late-version", edited(('name="Model0"', f'name="{"M" * 9000}"'))),
    loads("late-net", edited(("<net", f"<!--{'M' * 9000}--><net"))),
    refused("version-cut-by-header", edited(('name="Model0"', f'name="{"M" * 467}"')), "ir-version"),
    loads("deep-unknown", edited(("<rt_info>", "<x>" * 20_000 + "</x>" * 20_000 + "<rt_info>"))),
    loads("long-attribute", edited(('name="relu"', f'name="{"r" * 3_000_000}"'))),
    *(
        refused(f"version-{text or 'blank'}", version(text), "ir-version")
        for text in ("", "-1", "2", "5", "7", "9", "12", "99", "99999999999999999999", "abc", "11 ")
    ),
    *(
        loads(f"version-{text.strip()}-{len(text)}", version(text))
        for text in ("10", "11", " 11", "+11", "011")
    ),
    refused("version-missing", edited((' version="11"', "")), "ir-version"),
)

GRAPH = (
    loads("no-layers", ir('<net version="11"><layers/></net>'), "graph-empty"),
    loads("no-layers-element", ir('<net version="11"/>'), "graph-empty"),
    loads("layers-misspelt", edited(("layers>", "Layers>")), "graph-empty"),
    loads("no-result", edited(('type="Result"', 'type="ReLU"'))),
    refused("no-edges", ir(XML.split("<edges>")[0] + "</net>"), "input-not-connected"),
    refused(
        "edge-missing",
        edited((XML[XML.index("<edge ") : XML.index("<edge ") + 62], "")),
        "input-not-connected",
    ),
    refused("last-edge-missing", edited((LAST_EDGE, "")), "input-not-connected"),
    refused("edge-twice", edited((LAST_EDGE, LAST_EDGE * 2)), "input-not-connected"),
    refused("edge-from-nowhere", edited(('from-layer="4"', 'from-layer="77"')), "edge-dangling"),
    refused("edge-to-nowhere", edited(('to-layer="6"', 'to-layer="77"')), "edge-dangling"),
    loads("edge-beside", edited((LAST_EDGE, LAST_EDGE + LAST_EDGE.replace('"6"', '"66"'))), "edge-dangling"),
    refused("edge-no-port", edited(('from-layer="5" from-port="1"', 'from-layer="5"')), "layer-bad"),
    refused("cycle", edited(('from-layer="3" from-port="0"', 'from-layer="5" from-port="1"')), "edge-cycle"),
    refused(
        "wrong-from-port",
        edited(('from-layer="5" from-port="1"', 'from-layer="5" from-port="9"')),
        "port-missing",
    ),
    refused(
        "wrong-to-port", edited(('to-layer="5" to-port="0"', 'to-layer="5" to-port="9"')), "port-missing"
    ),
    refused("duplicate-id", edited(('layer id="3"', 'layer id="2"')), "layer-duplicate-id"),
    loads("duplicate-copy", extra_layer(_COPY), "layer-duplicate-id"),
    refused("id-abc", edited(('layer id="5"', 'layer id="abc"')), "layer-bad"),
    refused("id-blank-after", edited(('layer id="4"', 'layer id="4 "')), "layer-bad"),
    loads("id-blank-before", edited(('layer id="4"', 'layer id=" 4"'))),
    loads("id-entity", edited(('layer id="4"', 'layer id="&#52;"'))),
    refused("no-name", edited(('name="relu" ', "")), "layer-bad"),
    refused("no-type", edited(('type="ReLU" ', "")), "layer-bad"),
    refused("no-version", edited(('type="ReLU" version="opset1"', 'type="ReLU"')), "layer-without-version"),
    refused("port-no-id", edited((Y_PORT, Y_PORT.replace('id="1" ', ""))), "layer-bad"),
    refused("port-no-precision", edited((Y_PORT, Y_PORT.replace('precision="FP32" ', ""))), "layer-bad"),
    refused("precision-unknown", edited((Y_PORT, Y_PORT.replace("FP32", "Q7"))), "element-type-unknown"),
    refused("precision-case", edited((Y_PORT, Y_PORT.replace("FP32", "F32"))), "element-type-unknown"),
    *(
        loads(f"precision-{name}", edited((Y_PORT, Y_PORT.replace("FP32", name))))
        for name in ("f32", "FP16", "BOOL", "BIN", "U2", "NF4", "STRING", "F8E8M0", "dynamic", "UNSPECIFIED")
    ),
    refused("dimension-minus-2", edited((Y_PORT, Y_PORT + "<dim>-2</dim>")), "layer-bad"),
    refused("dimension-text", edited((Y_PORT, Y_PORT + "<dim>q</dim>")), "layer-bad"),
    refused("dimension-empty", edited((Y_PORT, Y_PORT + "<dim/>")), "layer-bad"),
    loads("dimension-dynamic", edited((Y_PORT, Y_PORT + "<dim>-1</dim>"))),
    loads("dimension-comment", edited((Y_PORT, Y_PORT + "<dim><!-- a -->1</dim>"))),
    refused("parameter-no-data", edited((X_DATA, "")), "layer-bad"),
    refused("parameter-type", edited((X_DATA, X_DATA.replace("f32", "q7"))), "element-type-unknown"),
    loads("parameter-upper-type", edited((X_DATA, X_DATA.replace("f32", "F32")))),
    *(
        refused(f"parameter-shape-{shape}", edited((X_DATA, X_DATA.replace("1,8", shape))), "shape-bad")
        for shape in ("1,abc", "1,8,", "1,,8", "+1,8", "1 2,8", "1..2..3,8", "[1,8")
    ),
    *(
        loads(f"parameter-shape-{shape}", edited((X_DATA, X_DATA.replace("1,8", shape))))
        for shape in ("[1,8]", "?,8", "...", "1..2,8", "..2,8", "1..,8", "-1,8", " 1 , 8 ", "-2,8", "2..1,8")
    ),
    loads("upper-case-type", relu_as("RELU", "opset1")),
    undetected("operation-unknown", relu_as("FancyRelu", "opset1")),
    undetected("opset-unknown", relu_as("ReLU", "opset99")),
    undetected("opset-extension", relu_as("FancyRelu", "extension")),
    undetected("shapes-do-not-fit", edited((X_DATA, X_DATA.replace("1,8", "1,7")))),
    undetected("types-do-not-fit", edited((B_DATA, B_DATA.replace("f32", "i32")))),
    crashes("read-value", relu_as("ReadValue", "opset6")),
    crashes("broadcast", relu_as("Broadcast", "opset1")),
    crashes("broadcast-2", relu_as("Broadcast", "opset2")),
    crashes("maxpool-empty", without_edges("MaxPool", "opset1")),
    crashes("nested-iterators", ir(loop_xml(32, nested=3000))),
    loads("body", ir(loop_xml(32), BIN[:32])),
    refused("body-constant-beyond", ir(loop_xml(320)), "weights-too-small"),
    loads(
        "unreached-constant",
        extra_layer(
            '<layer id="9" name="u" type="Const" version="opset1"><data element_type="f32" shape="1,8" '
            'offset="99999" size="32"/><output><port id="0" precision="FP32"/></output></layer>'
        ),
        "weights-too-small",
    ),
    loads(
        "const-by-another-name",
        edited(('name="B" type="Const"', 'name="B" type="Constant"'), weights=BIN[:256]),
    ),
    loads(
        "const-with-value",
        edited((B_DATA, '<data element_type="f32" shape="1, 8" value="1"/>'), weights=BIN[:256]),
    ),
)

ROWS: tuple[Row, ...] = (*HEADS, *TEXT, *GRAPH)
