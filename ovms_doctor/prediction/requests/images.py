"""Size and channels of an encoded image, from its header alone (`cv::imdecode` with IMREAD_UNCHANGED)."""

import struct

from msgspec import Struct


class ImageHeader(Struct, frozen=True):
    """The data in the header of an image."""

    #: The format's name.
    format: str
    #: Columns.
    width: int
    #: Rows.
    height: int
    #: Channels after decoding; `None` if only decoding shows them.
    channels: int | None


def read_image(data: bytes) -> ImageHeader | None:
    """Returns the header of a format that OpenCV decodes; `None` for other bytes."""
    for reader in (_png, _jpeg, _bmp, _portable, _webp, _tiff):
        try:
            header = reader(data)
        except (struct.error, IndexError, ValueError):
            continue
        if header is not None:
            return header
    return None


def _png(data: bytes) -> ImageHeader | None:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return None
    width, height, _, color = struct.unpack(">IIBB", data[16:26])
    if not (width and height) or b"IDAT" not in data:
        return None
    transparent = b"tRNS" in data[:4096]
    channels = {0: 1, 2: 4 if transparent else 3, 3: 4 if transparent else 3, 4: 4, 6: 4}.get(color)
    return None if channels is None else ImageHeader("PNG", width, height, channels)


def _jpeg(data: bytes) -> ImageHeader | None:
    if data[:3] != b"\xff\xd8\xff":
        return None
    position = 2
    while position + 9 < len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in (0x01, *range(0xD0, 0xD9)):
            position += 2
            continue
        length = struct.unpack(">H", data[position + 2 : position + 4])[0]
        if marker in (0xC0, 0xC1, 0xC2):
            height, width, components = struct.unpack(">HHB", data[position + 5 : position + 10])
            return (
                ImageHeader("JPEG", width, height, 1 if components == 1 else 3) if width and height else None
            )
        position += 2 + length
    return None


def _bmp(data: bytes) -> ImageHeader | None:
    if data[:2] != b"BM":
        return None
    width, height, _, bits = struct.unpack("<iiHH", data[18:30])
    channels = {24: 3, 32: 4}.get(bits)
    return ImageHeader("BMP", width, abs(height), channels) if width > 0 and height else None


def _portable(data: bytes) -> ImageHeader | None:
    if data[:2] not in (b"P5", b"P6"):
        return None
    width, height = (int(word) for word in data[:64].split()[1:3])
    return (
        ImageHeader("PNM", width, height, 1 if data[:2] == b"P5" else 3) if width > 0 and height > 0 else None
    )


def _webp(data: bytes) -> ImageHeader | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    if data[12:16] == b"VP8X" and len(data) >= 30:
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        return ImageHeader("WebP", width, height, 4 if data[20] & 0x10 else 3)
    if data[12:16] == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF, 3)
    if data[12:16] == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return ImageHeader(
            "WebP", 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF), 4 if bits >> 28 & 1 else 3
        )
    return None


def _tiff(data: bytes) -> ImageHeader | None:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return None
    start = struct.unpack(order + "I", data[4:8])[0]
    count = struct.unpack(order + "H", data[start : start + 2])[0]
    tags = {}
    for index in range(min(count, 200)):
        tag, kind = struct.unpack(order + "HH", data[start + 2 + 12 * index : start + 6 + 12 * index])
        value = data[start + 10 + 12 * index : start + 14 + 12 * index]
        tags[tag] = struct.unpack(order + ("H" if kind == 3 else "I"), value[: 2 if kind == 3 else 4])[0]
    width, height = tags.get(256, 0), tags.get(257, 0)
    return ImageHeader("TIFF", width, height, tags.get(277, 1)) if width and height else None
