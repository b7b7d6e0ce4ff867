"""The header of an encoded image: its size and channels."""

from __future__ import annotations

import struct
import zlib

import pytest

from ovms_doctor.prediction.requests.images import ImageHeader, read_image


def png(color: int, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", 7, 5, 8, color, 0, 0, 0)
    chunks = [b"IHDR" + header, *more, b"IDAT" + zlib.compress(b"\0" * 200)]
    body = b"".join(struct.pack(">I", len(chunk) - 4) + chunk + b"\0\0\0\0" for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg(components: int, marker: int = 0xC0, before: bytes = b"") -> bytes:
    frame = struct.pack(">HBHHB", 17, 8, 5, 7, components)
    return (
        b"\xff\xd8"
        + before
        + b"\xff\xe0"
        + struct.pack(">H", 4)
        + b"JF"
        + bytes((0xFF, marker))
        + frame
        + b"\0" * 20
    )


def webp(kind: bytes, rest: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + b"\0\0\0\0" + rest


def lossless(alpha: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", 6 | 4 << 14 | alpha << 28))


def extended(flags: int) -> bytes:
    return webp(b"VP8X", bytes((flags, 0, 0, 0)) + (6).to_bytes(3, "little") + (4).to_bytes(3, "little"))


def tiff(order: str, samples: int | None) -> bytes:
    tags = [(256, 3, 7), (257, 4, 5), *([(277, 3, samples)] if samples is not None else [])]
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = b"".join(
        struct.pack(order + "HHI", tag, kind, 1)
        + struct.pack(order + ("H" if kind == 3 else "I"), value).ljust(4, b"\0")
        for tag, kind, value in tags
    )
    return mark + struct.pack(order + "I", 8) + struct.pack(order + "H", len(tags)) + entries


def bmp(bits: int, height: int = 5) -> bytes:
    return b"BM" + b"\0" * 16 + struct.pack("<iiHH", 7, height, 1, bits)


@pytest.mark.parametrize(
    ("data", "form", "channels"),
    [
        (png(0), "PNG", 1),
        (png(2), "PNG", 3),
        (png(2, b"tRNS\0\0\0\0\0\0"), "PNG", 4),
        (png(3), "PNG", 3),
        (png(3, b"tRNS\0"), "PNG", 4),
        (png(4), "PNG", 4),
        (png(6), "PNG", 4),
        (jpeg(1), "JPEG", 1),
        (jpeg(3), "JPEG", 3),
        (jpeg(3, 0xC2), "JPEG", 3),
        (jpeg(4), "JPEG", 3),
        (jpeg(3, before=b"\xff\xd0\xff"), "JPEG", 3),
        (bmp(24), "BMP", 3),
        (bmp(32), "BMP", 4),
        (bmp(24, -5), "BMP", 3),
        (bmp(8), "BMP", None),
        (webp(b"VP8 ", b"\0" * 6 + struct.pack("<HH", 7 | 1 << 14, 5 | 2 << 14)), "WebP", 3),
        (lossless(0), "WebP", 3),
        (lossless(1), "WebP", 4),
        (extended(0), "WebP", 3),
        (extended(0x10), "WebP", 4),
        (tiff("<", 3), "TIFF", 3),
        (tiff(">", 4), "TIFF", 4),
        (tiff("<", None), "TIFF", 1),
        (b"P5 7 5 255\n" + b"\0" * 35, "PNM", 1),
        (b"P6 7 5 255\n" + b"\0" * 105, "PNM", 3),
    ],
)
def test_size_and_channels(data: bytes, form: str, channels: int | None) -> None:
    found = read_image(data)
    assert found is not None
    assert (found.width, found.height, found.channels) == (7, 5, channels)
    assert form in (found.format, "PNM")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + b"\0" * 50,
        png(5),
        png(2)[:30],
        png(2).replace(b"IDAT", b"IDAX"),
        png(2).replace(struct.pack(">I", 7), b"\0\0\0\0", 1),
        jpeg(3, 0xC4),
        jpeg(3)[:12],
        b"\xff\xd8\xff" + b"\0" * 20,
        bmp(24, 0),
        b"P6 7\n",
        webp(b"VP9 ", b"\0" * 30),
        lossless(0)[:22],
        tiff("<", 3)[:12],
    ],
)
def test_bytes_that_are_not_an_image(data: bytes) -> None:
    assert read_image(data) is None


def test_equal_headers_are_equal() -> None:
    assert read_image(lossless(1)) == ImageHeader("WebP", 7, 5, 4)
