"""Values that a Python snippet builds, if they can be determined without running it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

#: The largest number of elements that is built for an array or a list.
MOST_ELEMENTS = 1_000_000
#: The longest text that is built, in characters.
LONGEST_TEXT = 1 << 22
#: numpy's limits: dimensions of an array, and the size of one.
_MOST_DIMENSIONS = 64
_LARGEST_DIMENSION = (1 << 63) - 1
#: A larger integer is not followed; a smaller one can be written and converted to a float.
_MOST_BITS = 1000
#: The longest dotted name of an attribute.
_LONGEST_KIND = 1000
#: A JPEG header of 224 rows and columns, used as a file's content.
SAMPLE_IMAGE = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08\x00\xe0\x00\xe0\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"
)


class ClientError(Exception):
    """A call cannot be followed."""

    #: Whether the client raises before anything is sent.
    refuses = False


class ClientRefusalError(ClientError):
    """The client itself raises before anything is sent."""

    refuses = True


class Unknown:
    """A value that is only known when the snippet runs."""

    def __init__(self, source: str = "") -> None:
        #: Its origin, as a word for the user.
        self.source = source


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Returns the shape that a value means for numpy; `None` for one that is unknown, or that numpy refuses."""
    sizes = (value,) if isinstance(value, int) else value
    if not isinstance(sizes, list | tuple) or len(sizes) > _MOST_DIMENSIONS:
        return None
    if not all(isinstance(size, int) and 0 <= size <= _LARGEST_DIMENSION for size in sizes):
        return None
    return tuple(sizes)


def new_shape_of(value: Any) -> tuple[int, ...] | None:
    """Returns the shape that a value means for `reshape`, where -1 is the remaining size."""
    sizes = (value,) if isinstance(value, int) else value
    if isinstance(sizes, list | tuple) and all(isinstance(size, int) for size in sizes):
        return tuple(sizes)
    return None


def text_of(value: Any) -> str:
    """Returns a text; an empty one for a value of another type."""
    return value if isinstance(value, str) else ""


def list_of(value: Any) -> list[Any] | None:
    """Returns the items of a list or tuple; `None` for a value of another type."""
    return list(value) if isinstance(value, list | tuple) else None


def dict_of(value: Any) -> dict[str, Any]:
    """Returns the entries of a dict whose keys are texts; none for a value of another type."""
    if not isinstance(value, dict):
        return {}
    return {key: item for key, item in value.items() if isinstance(key, str)}


def is_undetermined(value: Any) -> bool:
    """Whether a value is only known when the snippet runs."""
    return isinstance(value, Unknown | Instance)


def weight(value: Any) -> int:
    """Returns the number of values in nested lists and dicts; for very many, a number above MOST_ELEMENTS."""
    count, left = 0, [value]
    while left and count <= MOST_ELEMENTS:
        item = left.pop()
        items = item.values() if isinstance(item, dict) else item
        count += len(items)
        left += [inner for inner in items if isinstance(inner, list | tuple | dict)]
    return count


def bounded(value: Any) -> Any:
    """Returns the value of an operation; Unknown for an integer that is too large."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return Unknown("a very large number")
    return value


def encoded(text: str) -> bytes:
    """Returns the UTF-8 bytes of a text. Raises ClientError for a lone surrogate, as Python refuses it."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ClientRefusalError("str.encode raises UnicodeEncodeError: surrogates not allowed") from None


class Array:
    """A numpy array: its shape and dtype, and its elements if they are known."""

    def __init__(self, shape: tuple[int, ...] | None, dtype: str, data: list[Any] | None = None) -> None:
        #: The shape, `None` if it is unknown.
        self.shape = shape_of(shape)
        #: The dtype's name: `float32`, `int64`, `bytes`, `str`; empty if it is unknown.
        self.dtype = dtype
        #: The elements in order, `None` if they are unknown.
        self.data = data if self.shape is not None else None

    @property
    def size(self) -> int:
        """Returns the number of elements; 0 if the shape is unknown."""
        return math.prod(self.shape) if self.shape is not None else 0

    def with_dtype(self, dtype: str) -> Array:
        """Returns the array converted to another type."""
        data = self.data
        if data is not None and dtype.startswith(("int", "uint")):
            data = [int(item) if isinstance(item, float) and math.isfinite(item) else item for item in data]
        elif data is not None and dtype.startswith("float"):
            data = [_float(item) if isinstance(item, int) else item for item in data]
        return Array(self.shape, dtype, data)

    def reshaped(self, shape: Sequence[int]) -> Array:
        """Returns the array in another shape, -1 replaced."""
        new_shape = list(shape)
        if -1 in new_shape and self.shape is not None:
            rest = math.prod(value for value in new_shape if value != -1)
            new_shape[new_shape.index(-1)] = self.size // rest if rest else 0
        if self.shape is not None and math.prod(new_shape) != self.size:
            return Array(None, self.dtype)
        return Array(tuple(new_shape), self.dtype, self.data)

    def to_list(self) -> Any:
        """Returns nested lists, zeros for unknown elements."""
        if self.shape is None:
            return Unknown("an array of unknown shape")
        if self.size > MOST_ELEMENTS:
            return Unknown(f"an array of {self.size:,} elements")
        zero: Any = 0 if self.dtype.startswith(("int", "uint")) else 0.0
        zero = {"bool": False, "str": "", "bytes": ""}.get(self.dtype, zero)
        flat = self.data if self.data is not None else [zero] * self.size
        return _nested(flat, self.shape)


def _float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0] if flat else 0
    for size in reversed(shape[1:]):
        flat = [flat[index : index + size] for index in range(0, len(flat), size)] if size else []
    return flat


class Instance:
    """An object of a client library, or a message, with its set attributes."""

    def __init__(self, kind: str, attributes: dict[str, Any] | None = None) -> None:
        #: The dotted name of its class.
        self.kind = kind
        #: Its attributes.
        self.attributes: dict[str, Any] = {} if attributes is None else attributes
        #: The object that has it as an attribute.
        self.parent: Instance | None = None
        #: Whether it is a module or another name of which only the path is known.
        self.is_name = False

    def child(self, name: str) -> Any:
        """Returns an attribute; makes one that was never set, as protobuf does."""
        if name not in self.attributes:
            if len(self.kind) > _LONGEST_KIND:
                return Unknown("an attribute")
            made = Instance(f"{self.kind}.{name}")
            made.parent, made.is_name = self, self.is_name
            if self.is_name:
                return made
            self.attributes[name] = made
        return self.attributes[name]


#: The kind of an instance that replaces a file's content.
FILE_CONTENT = "file content"


def named(path: str) -> Instance:
    """Returns a module, or an object in one."""
    made = Instance(path)
    made.is_name = True
    return made


def array_of(value: Any, dtype: str | None = None) -> Any:
    """Returns the result of `np.array` for a value. Raises ClientError for too many elements."""
    if isinstance(value, Array):
        return value.with_dtype(dtype) if dtype else value
    measured = _Measured()
    shape = measured.shape(value)
    if not measured.is_known:
        return Array(None, dtype or "")
    if shape is None:
        return Unknown("an array of rows of different lengths")
    if measured.elements is None:
        return Array(shape, dtype or measured.dtype)
    return Array(shape, dtype or _dtype(measured.elements), measured.elements)


class _Measured:
    """The content of nested lists."""

    def __init__(self) -> None:
        #: Whether each value is a number, a text, bytes or an array of known shape.
        self.is_known = True
        #: The elements in order, `None` if an array's elements are unknown.
        self.elements: list[Any] | None = []
        #: The dtype of the last array.
        self.dtype = ""
        self._count = 0

    def shape(self, value: Any) -> tuple[int, ...] | None:
        """Returns the shape of a value; `None` if the lengths of rows differ, or a part is unknown."""
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise ClientError(f"an array of more than {MOST_ELEMENTS:,} elements is not evaluated")
        if isinstance(value, Array):
            self.dtype = value.dtype
            self.is_known = self.is_known and value.shape is not None
            self._add(value.data)
            return value.shape
        if not isinstance(value, list | tuple):
            if isinstance(value, Instance) and value.kind == FILE_CONTENT:
                value = SAMPLE_IMAGE
            self.is_known = self.is_known and isinstance(value, bool | int | float | str | bytes)
            self._add([value])
            return ()
        shapes = {self.shape(item) for item in value}
        if len(shapes) > 1:
            return None
        inner = next(iter(shapes), ())
        return None if inner is None else (len(value), *inner)

    def _add(self, elements: list[Any] | None) -> None:
        if elements is None or self.elements is None:
            self.elements = None
            return
        self._count += len(elements)
        self.elements += elements


def _dtype(flat: list[Any]) -> str:
    if any(isinstance(item, bytes) for item in flat):
        return "bytes"
    if any(isinstance(item, str) for item in flat):
        return "str"
    if flat and all(isinstance(item, bool) for item in flat):
        return "bool"
    if flat and all(isinstance(item, int) for item in flat):
        return "int64"
    return "float64"


_DTYPES = {
    "float": "float64", "int": "int64", "single": "float32", "double": "float64", "half": "float16", "bool_": "bool",
    "object_": "object", "bytes_": "bytes", "str_": "str", "uint": "uint64",
    **{name: name for name in ("bool", "object", "bytes", "str", "float16", "float32", "float64")},
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip


def dtype_of(value: Any, default: str) -> str:
    """Returns the dtype of an argument: `np.float32`, `"float32"`, `float`; the default for none, and an empty text
    for an unknown one."""
    if value is None:
        return default
    name = value.kind if isinstance(value, Instance) else text_of(value)
    return _DTYPES.get(name.rpartition(".")[2], "")


def _filled(default: str) -> Callable[..., Any]:
    def make(shape: Any = None, *rest: Any, dtype: Any = None, **more: Any) -> Any:
        return Array(
            shape_of(shape), dtype_of(dtype if dtype is not None else (rest[0] if rest else None), default)
        )

    return make


def _like(value: Any = None, *rest: Any, dtype: Any = None, **more: Any) -> Any:
    if not isinstance(value, Array):
        return Unknown("an array")
    return Array(value.shape, dtype_of(dtype, value.dtype))


def _full(shape: Any = None, fill: Any = 0, dtype: Any = None, **more: Any) -> Any:
    made = array_of(fill)
    return Array(shape_of(shape), dtype_of(dtype, made.dtype if isinstance(made, Array) else ""))


def _random(*shape: Any, **more: Any) -> Any:
    return Array(tuple(shape) if all(isinstance(item, int) for item in shape) else None, "float64")


def _sized(default: str) -> Callable[..., Any]:
    def make(*values: Any, size: Any = None, dtype: Any = None, **more: Any) -> Any:
        shape = size if size is not None else (values[2] if len(values) > 2 else None)
        return Array(shape_of(shape), dtype_of(dtype, default))

    return make


def _arange(*values: Any, dtype: Any = None, **more: Any) -> Any:
    if not values or not all(isinstance(item, int | float) for item in values):
        return Array(None, dtype_of(dtype, "int64"))
    start, stop, step = (0, values[0], 1) if len(values) == 1 else (*values, 1)[:3]
    count = max(0, math.ceil((stop - start) / step)) if step else 0
    kind = dtype_of(dtype, "int64" if all(isinstance(item, int) for item in values) else "float64")
    data = [start + index * step for index in range(count)] if count <= MOST_ELEMENTS else None
    return Array((count,), kind, data)


def _expand_dims(value: Any = None, axis: Any = 0, **more: Any) -> Any:
    if not isinstance(value, Array) or value.shape is None or not isinstance(axis, int):
        return value
    rank = len(value.shape) + 1
    position = axis % rank
    return Array((*value.shape[:position], 1, *value.shape[position:]), value.dtype, value.data)


def transposed(value: Any, axes: Any = None) -> Any:
    """Returns the result of `np.transpose`."""
    if not isinstance(value, Array) or value.shape is None:
        return value
    order = tuple(reversed(range(len(value.shape)))) if axes is None else shape_of(axes)
    if order is None or sorted(order) != list(range(len(value.shape))):
        return Array(None, value.dtype)
    return Array(tuple(value.shape[axis] for axis in order), value.dtype)


def _stack(values: Any = (), axis: Any = 0, **more: Any) -> Any:
    first = values[0] if isinstance(values, list | tuple) and values else None
    if not isinstance(first, Array) or first.shape is None:
        return Array(None, "")
    dimensions = len(first.shape) + 1
    if not isinstance(axis, int) or not -dimensions <= axis < dimensions:
        return Array(None, first.dtype)
    shape = list(first.shape)
    shape.insert(axis % dimensions, len(values))
    return Array(tuple(shape), first.dtype)


def _concatenate(values: Any = (), axis: Any = 0, **more: Any) -> Any:
    arrays = [item for item in values if isinstance(item, Array)] if isinstance(values, list | tuple) else []
    if not arrays or any(item.shape is None for item in arrays) or not isinstance(axis, int):
        return Array(None, "")
    shape = list(arrays[0].shape or ())
    shape[axis] = sum((item.shape or (0,))[axis] for item in arrays)
    return Array(tuple(shape), arrays[0].dtype)


def _array(value: Any = None, dtype: Any = None, **more: Any) -> Any:
    made = array_of(value, dtype_of(dtype, "") or None)
    if dtype is not None and isinstance(made, Array) and not dtype_of(dtype, ""):
        return Array(made.shape, "")
    return made


def _reshape(value: Any = None, shape: Any = (), **more: Any) -> Any:
    new_shape = new_shape_of(shape)
    if not isinstance(value, Array):
        return value
    return value.reshaped(new_shape) if new_shape is not None else Array(None, value.dtype)


def _loaded(*values: Any, **more: Any) -> Any:
    return Array(None, "")


def _from_buffer(value: Any = None, dtype: Any = None, *rest: Any, **more: Any) -> Any:
    return Array(None, dtype_of(dtype, "float64"))


def _image(*values: Any, **more: Any) -> Any:
    return Array(None, "uint8")


def _resized(value: Any = None, size: Any = None, *rest: Any, **more: Any) -> Any:
    new_shape = shape_of(size)
    kind = value.dtype if isinstance(value, Array) else ""
    return (
        Array((new_shape[1], new_shape[0], 3), kind)
        if new_shape is not None and len(new_shape) == 2
        else Array(None, kind)
    )


#: Functions of numpy and OpenCV that make an array, by their names after the package.
ARRAY_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "numpy.zeros": _filled("float64"),
    "numpy.ones": _filled("float64"),
    "numpy.empty": _filled("float64"),
    "numpy.zeros_like": _like,
    "numpy.ones_like": _like,
    "numpy.full": _full,
    "numpy.array": _array,
    "numpy.asarray": _array,
    "numpy.ascontiguousarray": _array,
    "numpy.arange": _arange,
    "numpy.linspace": lambda start=0, stop=0, num=50, **more: Array((num,), "float64"),
    "numpy.random.rand": _random,
    "numpy.random.randn": _random,
    "numpy.random.random": _filled("float64"),
    "numpy.random.random_sample": _filled("float64"),
    "numpy.random.standard_normal": _filled("float64"),
    "numpy.random.randint": _sized("int64"),
    "numpy.random.uniform": _sized("float64"),
    "numpy.random.normal": _sized("float64"),
    "numpy.expand_dims": _expand_dims,
    "numpy.transpose": transposed,
    "numpy.reshape": _reshape,
    "numpy.stack": _stack,
    "numpy.concatenate": _concatenate,
    "numpy.load": _loaded,
    "numpy.frombuffer": _from_buffer,
    "numpy.fromfile": _from_buffer,
    "cv2.imread": _image,
    "cv2.imdecode": _image,
    "cv2.cvtColor": lambda value=None, *rest, **more: value,
    "cv2.resize": _resized,
}
