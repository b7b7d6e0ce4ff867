"""The tensors that Python clients send: types, sizes and buffers."""

from __future__ import annotations

import struct
from typing import Any

from ovms_doctor.inputs.requests.python_values import (
    MOST_ELEMENTS,
    Array,
    ClientError,
    Instance,
    Unknown,
    array_of,
    encoded,
    is_undetermined,
    text_of,
)

#: The most bytes of a built buffer.
_MOST_BYTES = 1 << 26
TRITON_TYPES = {
    "bool": "BOOL", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8",
    "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "float16": "FP16", "float32": "FP32",
    "float64": "FP64", "object": "BYTES", "bytes": "BYTES", "str": "BYTES",
}  # fmt: skip
NUMPY_TYPES = {
    **{name: kind for kind, name in TRITON_TYPES.items() if name != "BYTES"},
    "BYTES": "bytes",
}
TFS_TYPES = {
    "bool": "BOOL", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "uint8": "U8", "uint16": "U16",
    "uint32": "INVALID", "uint64": "U64", "float16": "FP16", "float32": "FP32", "float64": "FP64",
    "bytes": "STRING", "str": "STRING", "object": "STRING",
}  # fmt: skip
SIZES = {
    "bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8,
    "float16": 2, "float32": 4, "float64": 8,
}  # fmt: skip


def array_from(value: Any) -> Array:
    made = array_of(value)
    if isinstance(made, Unknown):
        raise ClientError(f"numpy cannot create an array from it: {made.source}")
    assert isinstance(made, Array)
    return made


def strings_of(array: Array) -> tuple[bytes, ...]:
    if array.size > MOST_ELEMENTS:
        raise ClientError(f"the tensor has {array.size:,} strings, more than ovms-doctor examines")
    data = array.data if array.data is not None else [b""] * array.size
    return tuple(item if isinstance(item, bytes) else encoded(str(item)) for item in data)


def buffer_of(item: Instance, array: Array) -> bytes:
    content = item.attributes.get("_raw_content")
    return content if isinstance(content, bytes) else _buffer(array)


def _buffer(array: Array) -> bytes:
    """Returns the bytes of an array: zeros for unknown values, which do not affect the result."""
    if not array.dtype:
        raise ClientError("the type of the array that is sent is not known")
    if array.dtype in ("bytes", "str", "object"):
        return b"".join(struct.pack("<I", len(text)) + text for text in strings_of(array))
    size = array.size * SIZES.get(array.dtype, 4)
    if size > _MOST_BYTES:
        raise ClientError(f"the tensor has {size:,} bytes, more than ovms-doctor examines")
    return bytes(size)


def model_of(named: dict[str, Any]) -> tuple[str, str]:
    """Returns the name and the version of the model in a call; the version is empty if there is none."""
    version = named.get("model_version")
    if is_undetermined(named.get("model_name")) or is_undetermined(version):
        raise ClientError("the model of the request is not known")
    name = text_of(named.get("model_name"))
    encoded(name)
    return name, str(version) if version and isinstance(version, str | int) else ""


def check_size(buffers: list[bytes]) -> None:
    if sum(map(len, buffers)) > _MOST_BYTES:
        raise ClientError(f"the tensors have more than {_MOST_BYTES:,} bytes, more than ovms-doctor examines")
