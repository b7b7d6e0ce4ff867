"""Malformed models, one row each: the weights of an IR, and the other formats."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

from ovms_doctor.model.facts.preparation import ModelFormat
from tests.probes.inspect.catalogue import Row, edited, ir, loads, refused
from tests.probes.inspect.models import (
    APPLE,
    B_DATA,
    BIN,
    FLOATS,
    GRAPH_DEF,
    GZIP,
    HTML,
    LFS,
    PADDLE_WEIGHTS,
    W_DATA,
    XML,
    external,
    message,
    onnx,
    paddle,
    saved_model,
)

Build = Callable[[Path], str]


def beside(weights: bytes) -> Build:
    """The base IR with these bytes in its weights file."""
    return ir(XML, weights)


def constant(*changes: tuple[str, str]) -> Build:
    """The base IR with a changed ``<data>`` of ``B``."""
    data = B_DATA
    for old, new in changes:
        assert old in data, old
        data = data.replace(old, new)
    return edited((B_DATA, data))


def with_bin(make: Callable[[Path], object]) -> Build:
    """The base IR; ``make`` gets the path of the weights file."""

    def build(directory: Path) -> str:
        (directory / "m.xml").write_text(XML)
        make(directory / "m.bin")
        return str(directory / "m.xml")

    return build


def _link(directory: Path) -> str:
    """The weights are searched by the name of the link."""
    (directory / "store").mkdir()
    (directory / "store/real.xml").write_text(XML)
    (directory / "store/real.bin").write_bytes(BIN)
    (directory / "link.xml").symlink_to("store/real.xml")
    return str(directory / "link.xml")


def _bare_name(weights: str) -> Build:
    def build(directory: Path) -> str:
        (directory / ".xml").write_text(XML)
        (directory / weights).write_bytes(BIN)
        return str(directory / ".xml")

    return build


def big(make: Callable[[Path, int], object]) -> Build:
    """An IR with 4 MiB of weights: W is [1024,1024] f32 and is not read as [1,8]; ``make`` writes the file."""

    def build(directory: Path) -> str:
        size = 4 << 20
        data = f'<data element_type="f32" shape="8, {size // 32}" offset="0" size="{size}" />'
        xml = XML.replace(W_DATA, data).replace(' offset="256"', f' offset="{size}"')
        xml = xml.replace('shape="1, 8" offset', 'shape="1, 1" offset')
        (directory / "m.xml").write_text(xml)
        make(directory / "m.bin", size + 32)
        return str(directory / "m.xml")

    return build


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.write(b"x" * 8192)
        file.seek(size - 4096)
        file.write(b"x" * 4096)


HALF = 2 << 20

WEIGHTS = (
    refused("bin-missing", ir(XML, None), "weights-missing"),
    refused("bin-directory", with_bin(lambda path: path.mkdir()), "weights-missing"),
    refused("bin-dangling", with_bin(lambda path: path.symlink_to("nowhere")), "dangling-link"),
    refused(
        "bin-upper", with_bin(lambda path: path.with_suffix(".BIN").write_bytes(BIN)), "weights-suffix-case"
    ),
    refused(
        "bin-other",
        with_bin(lambda path: path.with_name("weights.bin").write_bytes(BIN)),
        "weights-other-name",
    ),
    refused(
        "bin-other-short",
        with_bin(lambda path: path.with_name("weights.bin").write_bytes(BIN[:9])),
        "weights-missing",
    ),
    refused(
        "bin-of-another-model",
        with_bin(
            lambda path: (
                path.with_name("o.bin").write_bytes(BIN),
                path.with_name("o.xml").write_text("<net/>"),
            )
        ),
        "weights-missing",
    ),
    refused(
        "bin-two-others",
        with_bin(
            lambda path: [
                path.with_name(name).write_bytes(BIN * times) for name, times in (("a.bin", 2), ("b.bin", 3))
            ]
        ),
        "weights-missing",
    ),
    refused("bin-of-link", _link, "weights-missing"),
    refused("bare-name", _bare_name(".bin"), "weights-missing"),
    loads("bare-name-whole", _bare_name(".xml.bin")),
    loads("bin-link", with_bin(lambda path: (path.with_name("w").write_bytes(BIN), path.symlink_to("w")))),
    refused("bin-empty", beside(b""), "weights-too-small"),
    refused("bin-one-short", beside(BIN[:-1]), "weights-too-small"),
    refused("bin-half", beside(BIN[:144]), "weights-too-small"),
    refused("bin-cut", beside(BIN[:272]), "weights-too-small"),
    loads("bin-long", beside(BIN + b"x" * 1000), "weights-trailing-bytes"),
    refused("bin-lfs", beside(LFS), "weights-lfs-pointer"),
    loads("bin-lfs-long", beside(LFS.ljust(288)), "weights-lfs-pointer"),
    refused("bin-html", beside(HTML), "weights-html"),
    loads("bin-html-long", beside(HTML.ljust(288)), "weights-html"),
    refused("bin-gzip", beside(GZIP), "archive"),
    loads("bin-zero", big(lambda path, size: path.write_bytes(b"\0" * size)), "weights-all-zero"),
    loads(
        "bin-hole-only", big(lambda path, size: (path.touch(), os.truncate(path, size))), "weights-all-zero"
    ),
    loads(
        "bin-tail",
        big(lambda path, size: path.write_bytes(b"x" * HALF + b"\0" * (size - HALF))),
        "weights-zero-tail",
    ),
    loads("bin-sparse", big(_sparse), "weights-sparse"),
    loads("bin-big", big(lambda path, size: path.write_bytes(b"x" * size))),
    loads("const-misaligned", edited(('offset="256"', 'offset="255"')), "weights-trailing-bytes"),
    loads("offset-plus", constant(('"256"', '"+256"'))),
    refused("offset-text", constant(('"256"', '"abc"')), "weights-bad-reference"),
    refused("offset-missing", constant((' offset="256"', "")), "weights-bad-reference"),
    refused("offset-negative", constant(('"256"', '"-32"')), "weights-bad-reference"),
    refused("offset-beyond", constant(('"256"', '"1000000"')), "weights-too-small"),
    refused("offset-huge", constant(('"256"', '"18446744073709551615"')), "weights-bad-reference"),
    refused(
        "offset-wraps",
        constant(('"256"', '"9223372036854775807"'), ('"32"', '"9223372036854775807"')),
        "weights-too-small",
    ),
    refused("size-missing", constant((' size="32"', "")), "weights-bad-reference"),
    refused("size-negative", constant(('"32"', '"-32"')), "weights-bad-reference"),
    refused("size-small", constant(('"32"', '"16"')), "weights-bad-reference"),
    refused("size-zero", constant(('"32"', '"0"')), "weights-bad-reference"),
    refused("shape-large", constant(("1, 8", "1, 8000000")), "weights-bad-reference"),
    refused("shape-negative", constant(("1, 8", "1, -8")), "weights-bad-reference"),
    Row("shape-overflow", constant(("1, 8", "4294967296, 4294967296")), None, "refused", undetected=True),
    refused("shape-text", constant(("1, 8", "1, abc")), "weights-bad-reference"),
    refused("shape-gap", constant(("1, 8", "1,,8")), "weights-bad-reference"),
    refused("shape-missing", constant((' shape="1, 8"', "")), "weights-bad-reference"),
    loads("shape-comma-last", constant(("1, 8", "1,8,"))),
    loads("shape-junk-after", constant(("1, 8", "1,8x"))),
    refused("no-data", edited((B_DATA, "")), "weights-bad-reference"),
    refused("type-missing", constant(('element_type="f32" ', "")), "weights-bad-reference"),
    refused("type-unknown", constant(("f32", "q7")), "element-type-unknown"),
    refused("type-long-name", constant(("f32", "FP32")), "element-type-unknown"),
    refused("type-upper", constant(("f32", "F32")), "element-type-unknown"),
    refused("type-f64", constant(("f32", "f64")), "weights-bad-reference"),
)


def file(name: str, data: bytes, **others: bytes) -> Build:
    """One model file, and other files with ``_`` for the dot in their names."""

    def build(directory: Path) -> str:
        (directory / name).write_bytes(data)
        for other, content in others.items():
            (directory / other.replace("_", ".")).write_bytes(content)
        return str(directory / name)

    return build


def rows(format: ModelFormat, *cases: tuple[str, Build, str | None, str]) -> tuple[Row, ...]:  # noqa: A002
    return tuple(
        Row(f"{format}-{name}", build, kind, outcome, format) for name, build, kind, outcome in cases
    )


def tensor(*position: object, **others: bytes) -> Build:
    return file("m.onnx", onnx(external(*position)), **others)  # type: ignore[arg-type]


def _outside(directory: Path) -> str:
    (directory / "blobs").mkdir()
    (directory / "m").mkdir()
    (directory / "blobs/w").write_bytes(FLOATS)
    (directory / "m/w.data").symlink_to("../blobs/w")
    (directory / "m/m.onnx").write_bytes(onnx(external("w.data", 0, 32)))
    return str(directory / "m/m.onnx")


_FULL = onnx()
_CONSTANT = (
    message(2, "c")
    + message(4, "Constant")
    + message(5, message(1, "value") + message(5, external("nope.data", 0, 32)) + message(20, 4))
)

ONNX = (
    *rows(
        "onnx",
        ("ok", file("m.onnx", _FULL), None, "loads"),
        ("empty", file("m.onnx", b""), "empty-file", "refused"),
        ("lfs", file("m.onnx", LFS), "git-lfs-pointer", "refused"),
        ("html", file("m.onnx", HTML), "html-page", "refused"),
        ("apple-double", file("m.onnx", APPLE), "apple-double", "refused"),
        ("gzip", file("m.onnx", GZIP), "archive", "refused"),
        ("zeros", file("m.onnx", b"\0" * 300), "zero-filled", "refused"),
        ("garbage", file("m.onnx", bytes(range(255, 100, -2))), "truncated", "refused"),
        *(
            (f"cut-{n}", file("m.onnx", _FULL[: len(_FULL) * n // 100]), "truncated", "refused")
            for n in (1, 50, 90)
        ),
        ("cut-last-byte", file("m.onnx", _FULL[:-1]), "truncated", "refused"),
        ("cut-after-graph", file("m.onnx", _FULL[:-6]), None, "loads"),
        ("zeros-after", file("m.onnx", _FULL + b"\0" * 10), "truncated", "refused"),
        ("unknown-field", file("m.onnx", _FULL + message(99, "abc")), None, "loads"),
        ("group", file("m.onnx", _FULL + b"\x9b\x06\x08\x01\x9c\x06"), None, "loads"),
        ("field-order", file("m.onnx", message(8, message(2, 17)) * 2 + _FULL), "wrong-format", "refused"),
        (
            "no-graph",
            file("m.onnx", message(1, 8) + message(2, "u") + message(8, message(2, 17))),
            "graph-empty",
            "loads",
        ),
        ("ir-bytes", file("m.onnx", XML.encode(), m_bin=BIN), "wrong-format", "loads"),
        ("ir-bytes-no-bin", file("m.onnx", XML.encode()), "weights-missing", "refused"),
        ("external", tensor("w.data", 0, 32, w_data=FLOATS), None, "loads"),
        ("external-no-length", tensor("w.data", w_data=FLOATS), None, "loads"),
        ("external-dot", tensor("./w.data", 0, 32, w_data=FLOATS), None, "loads"),
        ("external-missing", tensor("w.data", 0, 32), "external-data-missing", "refused"),
        ("external-unnamed", tensor(None, 0, 32), "external-data-missing", "refused"),
        ("external-empty", tensor("w.data", 0, 32, w_data=b""), "external-data-too-small", "refused"),
        ("external-short", tensor("w.data", 0, 33, w_data=FLOATS), "external-data-too-small", "refused"),
        ("external-offset", tensor("w.data", 8, 32, w_data=FLOATS), "external-data-too-small", "refused"),
        ("external-less", tensor("w.data", 0, 16, w_data=FLOATS), "external-data-too-small", "refused"),
        ("external-absolute", tensor("/etc/passwd", 0, 32), "external-data-outside", "refused"),
        ("external-link", _outside, "external-data-outside", "refused"),
        (
            "external-unused",
            file("m.onnx", onnx(extra=message(5, external("nope.data", 0, 32, name="z")))),
            "external-data-missing",
            "refused",
        ),
        (
            "external-in-node",
            file("m.onnx", onnx(extra=message(1, _CONSTANT))),
            "external-data-missing",
            "loads",
        ),
    ),
    Row(
        "onnx-custom-domain",
        file("m.onnx", onnx(kind="MyOp", domain="my.domain")),
        None,
        "refused",
        "onnx",
        True,
    ),
    Row(
        "onnx-external-number",
        tensor("w.data", "x", 32, w_data=FLOATS),
        "external-data-too-small",
        "refused",
        "onnx",
        True,
    ),
)


def saved(data: bytes | None, *variables: str) -> Build:
    """A SavedModel directory with this ``saved_model.pb`` and empty variables files."""

    def build(directory: Path) -> str:
        if data is not None:
            (directory / "saved_model.pb").write_bytes(data)
        for name in variables:
            (directory / "variables").mkdir(exist_ok=True)
            (directory / "variables" / name).touch()
        return f"{directory}/"

    return build


TENSORFLOW = (
    *rows(
        "saved_model",
        ("ok", saved(saved_model()), None, "loads"),
        ("missing", saved(None), "saved-model-missing-pb", "refused"),
        ("only-variables", saved(None, "variables.index"), "saved-model-missing-pb", "refused"),
        ("empty", saved(b""), "empty-file", "refused"),
        ("no-graph", saved(message(1, 1)), "saved-model-empty", "refused"),
        ("lfs", saved(LFS), "git-lfs-pointer", "refused"),
        ("html", saved(HTML), "html-page", "refused"),
        ("cut", saved(saved_model()[:-3]), "truncated", "refused"),
    ),
    *rows(
        "frozen",
        ("ok", file("m.pb", GRAPH_DEF), None, "loads"),
        ("empty", file("m.pb", b""), "empty-file", "refused"),
        ("lfs", file("m.pb", LFS), "git-lfs-pointer", "refused"),
        ("html", file("m.pb", HTML), "html-page", "refused"),
        ("garbage", file("m.pb", bytes(range(255, 100, -2))), "truncated", "refused"),
        ("cut", file("m.pb", GRAPH_DEF[:-3]), "truncated", "refused"),
        ("no-node", file("m.pb", message(4, message(1, 27))), "wrong-format", "refused"),
        ("saved-model-by-case", file("Saved_Model.pb", saved_model()), "wrong-format", "refused"),
        ("onnx-bytes", file("m.pb", onnx()), "wrong-format", "loads"),
    ),
    *rows(
        "tflite",
        ("empty", file("m.tflite", b""), "empty-file", "refused"),
        ("lfs", file("m.tflite", LFS), "git-lfs-pointer", "refused"),
        ("garbage", file("m.tflite", bytes(range(255, 100, -2))), "wrong-format", "refused"),
        ("mark-only", file("m.tflite", b"\x1c\0\0\0TFL3"), "truncated", "refused"),
        ("short", file("m.tflite", b"\xff\0\0\0TFL3" + b"\0" * 20), "truncated", "refused"),
        ("no-graph", file("m.tflite", b"\x1c\0\0\0TFL3" + b"\0" * 64), "graph-empty", "refused"),
        ("onnx-bytes", file("m.tflite", onnx()), "wrong-format", "loads"),
        ("ir-bytes", file("m.tflite", XML.encode(), m_bin=BIN), "wrong-format", "loads"),
    ),
)

_SHORT = PADDLE_WEIGHTS[: struct.calcsize("<IQIi") + 12]

PADDLE = (
    *rows(
        "paddle",
        ("ok", file("m.pdmodel", paddle("w"), m_pdiparams=PADDLE_WEIGHTS), None, "loads"),
        ("empty", file("m.pdmodel", b"", m_pdiparams=b""), "empty-file", "loads"),
        ("no-parameters", file("m.pdmodel", paddle("w", persistable=False)), None, "loads"),
        ("feed-only", file("m.pdmodel", paddle("feed", "fetch"), m_pdiparams=b""), None, "loads"),
        ("lfs", file("m.pdmodel", LFS), "git-lfs-pointer", "refused"),
        ("html", file("m.pdmodel", HTML), "html-page", "refused"),
        ("gzip", file("m.pdmodel", GZIP), "archive", "refused"),
        ("zeros", file("m.pdmodel", b"\0" * 100), "zero-filled", "refused"),
        ("garbage", file("m.pdmodel", bytes(range(255, 100, -2))), "truncated", "refused"),
        ("cut", file("m.pdmodel", paddle("w")[:-2]), "truncated", "refused"),
        ("ir-bytes", file("m.pdmodel", XML.encode(), m_bin=BIN), "truncated", "refused"),
        ("parameters-missing", file("m.pdmodel", paddle("w")), "weights-missing", "refused"),
        ("parameters-empty", file("m.pdmodel", paddle("w"), m_pdiparams=b""), "weights-too-small", "refused"),
        ("parameters-lfs", file("m.pdmodel", paddle("w"), m_pdiparams=LFS), "weights-lfs-pointer", "refused"),
        ("parameters-html", file("m.pdmodel", paddle("w"), m_pdiparams=HTML), "weights-html", "refused"),
        ("parameters-gzip", file("m.pdmodel", paddle("w"), m_pdiparams=GZIP), "archive", "refused"),
    ),
    Row(
        "paddle-parameters-cut",
        file("m.pdmodel", paddle("w"), m_pdiparams=_SHORT),
        None,
        "refused",
        "paddle",
        True,
    ),
)

ROWS: tuple[Row, ...] = (*WEIGHTS, *ONNX, *TENSORFLOW, *PADDLE)
