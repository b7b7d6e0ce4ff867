"""Values that a Python snippet builds, as far as they can be determined without running it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

#: The largest number of elements that is built for an array.
MOST_ELEMENTS = 1_000_000
#: A JPEG header of 224 rows and columns, which takes the place of a file's content.
SAMPLE_IMAGE = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08\x00\xe0\x00\xe0\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"
)


class ClientError(Exception):
    """A call cannot be followed, or the client itself refuses it before anything is sent."""

    @property
    def refuses(self) -> bool:
        """Whether the client raises."""
        return " raises " in str(self)


class Unknown:
    """A value that only running the snippet would give."""

    def __init__(self, source: str = "") -> None:
        #: What it comes from, as a word for a person.
        self.source = source


class Array:
    """A numpy array: its shape and dtype, and its elements where they are known."""

    def __init__(self, shape: tuple[int, ...] | None, dtype: str, data: list[Any] | None = None) -> None:
        #: The shape, `None` where it is not known.
        self.shape = shape
        #: The dtype's name: `float32`, `int64`, `bytes`, `str`.
        self.dtype = dtype
        #: The elements in order, `None` where they are not known.
        self.data = data

    @property
    def size(self) -> int:
        """The number of elements; 0 where the shape is not known."""
        return math.prod(self.shape) if self.shape is not None else 0

    def with_dtype(self, dtype: str) -> Array:
        """The array converted to another type."""
        data = self.data
        if data is not None and dtype.startswith(("int", "uint")):
            data = [
                int(item) if isinstance(item, int | float) and math.isfinite(item) else item for item in data
            ]
        elif data is not None and dtype.startswith("float"):
            data = [float(item) if isinstance(item, int | float) else item for item in data]
        return Array(self.shape, dtype, data)

    def reshaped(self, shape: Sequence[int]) -> Array:
        """The array in another shape, -1 filled in."""
        new_shape = list(shape)
        if -1 in new_shape and self.shape is not None:
            rest = math.prod(value for value in new_shape if value != -1)
            new_shape[new_shape.index(-1)] = self.size // rest if rest else 0
        return Array(tuple(new_shape), self.dtype, self.data)

    def to_list(self) -> Any:
        """Nested lists, zeros where the elements are not known."""
        if self.shape is None:
            return Unknown("an array of unknown shape")
        if self.size > MOST_ELEMENTS:
            return Unknown(f"an array of {self.size:,} elements")
        zero: Any = 0 if self.dtype.startswith(("int", "uint")) else 0.0
        zero = {"bool": False, "str": "", "bytes": ""}.get(self.dtype, zero)
        flat = self.data if self.data is not None else [zero] * self.size
        return _nested(flat, self.shape)


def _nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0] if flat else 0
    for size in reversed(shape[1:]):
        flat = [flat[index : index + size] for index in range(0, len(flat), size)] if size else []
    return flat


class Instance:
    """An object of a client library, or a message, with the attributes that were set."""

    def __init__(self, kind: str, **attributes: Any) -> None:
        #: What it is: the dotted name of its class.
        self.kind = kind
        #: Its attributes.
        self.attributes: dict[str, Any] = attributes
        #: The object that it is an attribute of.
        self.parent: Instance | None = None
        #: Whether it is a module or another name that is only known by its path.
        self.is_name = False

    def child(self, name: str) -> Any:
        """An attribute; one that was never set is made, as protobuf does."""
        if name not in self.attributes:
            made = Instance(f"{self.kind}.{name}")
            made.parent, made.is_name = self, self.is_name
            if self.is_name:
                return made
            self.attributes[name] = made
        return self.attributes[name]


def named(path: str) -> Instance:
    """A module, or something in one."""
    made = Instance(path)
    made.is_name = True
    return made


def array_of(value: Any, dtype: str | None = None) -> Any:
    """Returns the result of `np.array` for a value."""
    if isinstance(value, Array):
        return value.with_dtype(dtype) if dtype else value
    if isinstance(value, Unknown):
        return Array(None, dtype or "float64")
    shape, flat = _measured(value)
    if shape is None:
        return Unknown("an array of rows of different lengths")
    if any(isinstance(item, Unknown) for item in flat):
        return Array(shape, dtype or "float64")
    found = dtype or _dtype(flat)
    return Array(shape, found, flat)


def _measured(value: Any) -> tuple[tuple[int, ...] | None, list[Any]]:
    """Shape and elements of nested lists; no shape where their lengths differ."""
    if isinstance(value, Array):
        return value.shape, value.data if value.data is not None else [0] * value.size
    if not isinstance(value, list | tuple):
        return (), [value]
    shapes: set[tuple[int, ...] | None] = set()
    flat: list[Any] = []
    for item in value:
        shape, elements = _measured(item)
        shapes.add(shape)
        flat += elements
    if len(shapes) > 1 or None in shapes:
        return None, flat
    inner = next(iter(shapes), ())
    assert inner is not None
    return (len(value), *inner), flat


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


def dtype_of(value: Any, default: str) -> str:
    """The dtype that an argument names: `np.float32`, `"float32"`, `float`."""
    names = {"float": "float64", "int": "int64", "single": "float32", "double": "float64", "half": "float16",
             "bool_": "bool", "object_": "object", "bytes_": "bytes", "str_": "str", "uint": "uint64"}  # fmt: skip
    if isinstance(value, Instance):
        value = value.kind
    if not isinstance(value, str):
        return default
    name = value.rpartition(".")[2]
    return names.get(name, name)


def _shape(value: Any) -> tuple[int, ...] | None:
    if isinstance(value, int):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(item, int) for item in value):
        return tuple(value)
    return None


def _filled(default: str) -> Callable[..., Any]:
    def make(shape: Any = None, *rest: Any, dtype: Any = None, **more: Any) -> Any:
        return Array(
            _shape(shape), dtype_of(dtype if dtype is not None else (rest[0] if rest else None), default)
        )

    return make


def _like(value: Any = None, *rest: Any, dtype: Any = None, **more: Any) -> Any:
    if not isinstance(value, Array):
        return Unknown("an array")
    return Array(value.shape, dtype_of(dtype, value.dtype))


def _full(shape: Any = None, fill: Any = 0, dtype: Any = None, **more: Any) -> Any:
    return Array(_shape(shape), dtype_of(dtype, "int64" if isinstance(fill, int) else "float64"))


def _random(*shape: Any, **more: Any) -> Any:
    return Array(tuple(shape) if all(isinstance(item, int) for item in shape) else None, "float64")


def _sized(default: str) -> Callable[..., Any]:
    def make(*values: Any, size: Any = None, dtype: Any = None, **more: Any) -> Any:
        shape = size if size is not None else (values[2] if len(values) > 2 else None)
        return Array(_shape(shape), dtype_of(dtype, default))

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
    """`np.transpose`."""
    if not isinstance(value, Array) or value.shape is None:
        return value
    order = _shape(axes) or tuple(reversed(range(len(value.shape))))
    if sorted(order) != list(range(len(value.shape))):
        return Array(None, value.dtype)
    return Array(tuple(value.shape[axis] for axis in order), value.dtype)


def _stack(values: Any = (), axis: Any = 0, **more: Any) -> Any:
    first = values[0] if isinstance(values, list | tuple) and values else None
    if not isinstance(first, Array) or first.shape is None:
        return Array(None, "float64")
    dimensions = len(first.shape) + 1
    if not isinstance(axis, int) or not -dimensions <= axis < dimensions:
        return Array(None, first.dtype)
    shape = list(first.shape)
    shape.insert(axis % dimensions, len(values))
    return Array(tuple(shape), first.dtype)


def _concatenate(values: Any = (), axis: Any = 0, **more: Any) -> Any:
    arrays = [item for item in values if isinstance(item, Array)] if isinstance(values, list | tuple) else []
    if not arrays or any(item.shape is None for item in arrays) or not isinstance(axis, int):
        return Array(None, "float64")
    shape = list(arrays[0].shape or ())
    shape[axis] = sum((item.shape or (0,))[axis] for item in arrays)
    return Array(tuple(shape), arrays[0].dtype)


def _array(value: Any = None, dtype: Any = None, **more: Any) -> Any:
    return array_of(value, dtype_of(dtype, "") or None)


def _reshape(value: Any = None, shape: Any = (), **more: Any) -> Any:
    new_shape = _shape(shape)
    return value.reshaped(new_shape) if isinstance(value, Array) and new_shape is not None else value


def _unknown_array(*values: Any, dtype: Any = None, **more: Any) -> Any:
    return Array(None, dtype_of(dtype, "float64"))


def _image(*values: Any, **more: Any) -> Any:
    return Array(None, "uint8")


def _resized(value: Any = None, size: Any = None, *rest: Any, **more: Any) -> Any:
    new_shape = _shape(size)
    kind = value.dtype if isinstance(value, Array) else "uint8"
    return (
        Array((new_shape[1], new_shape[0], 3), kind)
        if new_shape is not None and len(new_shape) == 2
        else Array(None, kind)
    )


#: Functions of numpy and OpenCV that make an array, by their names behind the package.
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
    "numpy.load": _unknown_array,
    "numpy.frombuffer": _unknown_array,
    "numpy.fromfile": _unknown_array,
    "cv2.imread": _image,
    "cv2.imdecode": _image,
    "cv2.cvtColor": lambda value=None, *rest, **more: value,
    "cv2.resize": _resized,
}
