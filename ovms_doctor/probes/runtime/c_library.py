"""OpenVINO through its C library, without importing its Python package.

Ten times lighter than ``import openvino``, which besides sends telemetry and writes into HOME. The
wheel has the C library since 2024.3. Two things that its C interface lacks are read otherwise: *all*
names of a port from ``ov::Output::get_names``, whose mangled name vouches for its signature and for
which of libstdc++'s two strings it uses; and element types by the code that a tiny model of each gives,
for the codes differ between releases. ``CLibrary.open`` tries both on a known model before it trusts
them.
"""

from __future__ import annotations

import ctypes
import glob
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_void_p,
    cast,
    string_at,
)
from typing import Any, Final

from ovms_doctor.model.facts import Preparation, Tensor
from ovms_doctor.probes.runtime.backend import (
    COMPILE_PROPERTIES,
    OpenVINOError,
    RuntimeUnavailableError,
    reachable,
)

#: ``const std::unordered_set<std::string>& ov::Output<const ov::Node>::get_names() const``, with
#: libstdc++'s present std::string (wheels of 2026) and with its old one (wheels up to 2025.4).
_GET_NAMES: Final = "_ZNK2ov6OutputIKNS_4NodeEE9get_namesB5cxx11Ev"
_GET_NAMES_OLD: Final = "_ZNK2ov6OutputIKNS_4NodeEE9get_namesEv"

#: Element types by the name that OpenVINO gives them; a release reads those that it knows.
ELEMENT_TYPES: Final = [
    *("f32", "f64", "f16", "bf16", "i4", "i8", "i16", "i32", "i64", "u1", "u4", "u8", "u16", "u32", "u64"),
    *("boolean", "string", "dynamic", "nf4", "f8e4m3", "f8e5m2", "u2", "u3", "u6", "f4e2m1", "f8e8m0"),
]

#: Loaded at first use only; named so that no later use needs to open a file.
_LAZY_LIBRARIES: Final = (
    "libopenvino_*_frontend.so*",
    "libopenvino_intel_cpu_plugin.so*",
    "libopenvino_auto_batch_plugin.so*",
    "libtbbbind*.so*",
)


class RuntimeLibraryError(Exception):
    """The C library is not there, cannot be loaded, or lacks something. The text says which."""


class _Version(Structure):
    _fields_ = [("build", c_char_p), ("description", c_char_p)]


class _Dimension(Structure):
    _fields_ = [("min", c_int64), ("max", c_int64)]


class _PartialShape(Structure):
    _fields_ = [("rank", _Dimension), ("dims", POINTER(_Dimension))]


class _SetNode(Structure):
    """A node of libstdc++'s std::unordered_set<std::string>.

    ``data`` and ``size`` are the head of the present std::string. The old one is ``data`` alone, its
    size the first of the three words before the text.
    """

    _fields_ = [("next", c_void_p), ("data", c_void_p), ("size", c_size_t)]


class _StringSet(Structure):
    """libstdc++'s std::unordered_set<std::string>, as far as walking it needs."""

    _fields_ = [
        ("buckets", c_void_p),
        ("bucket_count", c_size_t),
        ("first", c_void_p),
        ("size", c_size_t),
    ]


#: Each function used and the types of its arguments. All but the frees return a status code.
_STATUS_FUNCTIONS: Final[dict[str, list[object]]] = {
    "ov_get_openvino_version": [POINTER(_Version)],
    "ov_core_create": [POINTER(c_void_p)],
    "ov_core_add_extension": [c_void_p, c_char_p],
    "ov_core_read_model": [c_void_p, c_char_p, c_char_p, POINTER(c_void_p)],
    "ov_core_read_model_from_memory_buffer": [
        c_void_p,
        c_char_p,
        c_size_t,
        c_void_p,
        POINTER(c_void_p),
    ],
    # Variadic: the types of the fixed arguments only.
    "ov_core_compile_model": [c_void_p, c_void_p, c_char_p, c_size_t, POINTER(c_void_p)],
    "ov_compiled_model_create_infer_request": [c_void_p, POINTER(c_void_p)],
    "ov_model_inputs_size": [c_void_p, POINTER(c_size_t)],
    "ov_model_outputs_size": [c_void_p, POINTER(c_size_t)],
    "ov_model_const_input_by_index": [c_void_p, c_size_t, POINTER(c_void_p)],
    "ov_model_const_output_by_index": [c_void_p, c_size_t, POINTER(c_void_p)],
    "ov_port_get_element_type": [c_void_p, POINTER(c_int)],
    "ov_port_get_partial_shape": [c_void_p, POINTER(_PartialShape)],
}
_FREE_FUNCTIONS: Final[dict[str, list[object]]] = {
    "ov_version_free": [POINTER(_Version)],
    "ov_core_free": [c_void_p],
    "ov_model_free": [c_void_p],
    "ov_compiled_model_free": [c_void_p],
    "ov_infer_request_free": [c_void_p],
    "ov_output_const_port_free": [c_void_p],
    "ov_partial_shape_free": [POINTER(_PartialShape)],
    "ov_free": [c_void_p],
}


def shape_text(rank: tuple[int, int], dimensions: list[tuple[int, int]]) -> str:
    """A partial shape as ``ov::PartialShape`` prints it: ``[1,?,2..8,4..,..6]``, ``[...]``.

    ``rank`` and each dimension are its lowest and highest value, -1 for no upper bound. (The C
    library's own ``ov_partial_shape_to_string`` writes it in another form.)
    """
    if rank[0] != rank[1]:
        return "[...]"
    return "[" + ",".join(_dimension_text(low, high) for low, high in dimensions) + "]"


def _dimension_text(low: int, high: int) -> str:
    if low == high:
        return str(low)
    if low == 0 and high == -1:
        return "?"
    return f"{low if low > 0 else ''}..{high if high >= 0 else ''}"


def _ir(parameters: list[str]) -> bytes:
    """An IR with one input of each element type, the first named ``a`` and ``b``, the others unnamed."""
    layers, edges = [], []
    for number, element_type in enumerate(parameters):
        names = ' names="a,b"' if number == 0 else ""
        layers.append(
            f'<layer id="{2 * number}" name="p{number}" type="Parameter" version="opset1">'
            f'<data shape="1,?" element_type="{element_type}"/>'
            f'<output><port id="0" precision="FP32"{names}><dim>1</dim><dim>-1</dim></port></output></layer>'
            f'<layer id="{2 * number + 1}" name="r{number}" type="Result" version="opset1">'
            f'<input><port id="0" precision="FP32"><dim>1</dim><dim>-1</dim></port></input></layer>'
        )
        edges.append(
            f'<edge from-layer="{2 * number}" from-port="0" to-layer="{2 * number + 1}" to-port="0"/>'
        )
    body = f"<layers>{''.join(layers)}</layers><edges>{''.join(edges)}</edges>"
    return f'<?xml version="1.0"?><net name="t" version="11">{body}</net>'.encode()


class _Model:
    """A model that was read; see LoadedModel."""

    def __init__(self, library: CLibrary, handle: c_void_p) -> None:
        self._library = library
        self._handle = handle

    def inputs(self) -> tuple[Tensor, ...]:
        return self._library.ports(self._handle, "input")

    def outputs(self) -> tuple[Tensor, ...]:
        return self._library.ports(self._handle, "output")

    def prepare(self, preparation: Preparation) -> None:
        # The C interface has no set_batch, and no preprocessing with a list of values.
        raise RuntimeUnavailableError("a model is prepared by the Python package only")

    def compile(self) -> None:
        self._library.compile(self._handle)


class CLibrary:
    """OpenVINO's C library, loaded; a Backend. Make one with CLibrary.open."""

    def __init__(self, library: ctypes.CDLL, directory: str) -> None:
        self.libraries = directory
        self._library = library
        self._old_strings = not hasattr(library, _GET_NAMES)
        self._get_names: Callable[..., int] = self._function(
            _GET_NAMES_OLD if self._old_strings else _GET_NAMES, [c_void_p], c_void_p
        )
        self._error_text: Callable[..., int | None] = self._function("ov_get_last_err_msg", [], c_void_p)
        self._error_info: Callable[..., bytes | None] = self._function("ov_get_error_info", [c_int], c_char_p)
        self._calls: dict[str, Callable[..., int]] = {
            name: self._function(name, arguments, c_int) for name, arguments in _STATUS_FUNCTIONS.items()
        }
        self._frees: dict[str, Callable[..., None]] = {
            name: self._function(name, arguments, None) for name, arguments in _FREE_FUNCTIONS.items()
        }
        self._element_types: dict[int, str] = {}
        try:
            self.version = self._read_version()
            self._core = c_void_p()
            self._call("ov_core_create", byref(self._core))
            self._learn_element_types()
        except OpenVINOError as error:
            raise RuntimeLibraryError(" ".join(error.what.split())) from error

    @classmethod
    def open(cls, package_directory: str) -> CLibrary:
        """Load the C library of an OpenVINO package and all that it would load later.

        ``package_directory`` is the directory of the Python package ``openvino``. Raises
        CLibraryMissing with one line of text.
        """
        where = os.path.join(package_directory, "libs")
        try:
            directory = reachable(where)
        except OSError as error:
            raise RuntimeLibraryError(f"{error.filename}: {error.strerror}") from error
        found = sorted(glob.glob(os.path.join(directory, "libopenvino_c.so*")))
        if not found:
            raise RuntimeLibraryError("the package has no libopenvino_c.so (OpenVINO before 2024.3)")
        try:
            loaded = cls(ctypes.CDLL(found[-1]), directory)
        except (OSError, AttributeError) as error:
            raise RuntimeLibraryError(" ".join(str(error).replace(directory, where).split())) from error
        _preload(directory)
        _keep_quiet(loaded._library)
        return loaded

    def add_extension(self, path: str) -> None:
        """See Backend."""
        self._call("ov_core_add_extension", self._core, os.fsencode(path))

    @contextmanager
    def read(self, path: str) -> Iterator[_Model]:
        """See Backend."""
        with ExitStack() as held:
            model = c_void_p()
            self._call("ov_core_read_model", self._core, os.fsencode(path), None, byref(model))
            held.callback(self._frees["ov_model_free"], model)
            yield _Model(self, model)

    def compile(self, model: c_void_p) -> None:
        """Compile a model that was read and make an infer request; frees both. Raises OpenVINOError."""
        values = [c_char_p(text.encode()) for pair in COMPILE_PROPERTIES for text in pair]
        with ExitStack() as held:
            compiled, request = c_void_p(), c_void_p()
            self._call(
                "ov_core_compile_model",
                self._core,
                model,
                b"CPU",
                len(values),
                byref(compiled),
                *values,
            )
            held.callback(self._frees["ov_compiled_model_free"], compiled)
            self._call("ov_compiled_model_create_infer_request", compiled, byref(request))
            held.callback(self._frees["ov_infer_request_free"], request)

    def ports(self, model: c_void_p, side: str) -> tuple[Tensor, ...]:
        """The inputs (``side`` is "input") or outputs ("output") of a model. Raises OpenVINOError."""
        count = c_size_t()
        self._call(f"ov_model_{side}s_size", model, byref(count))
        tensors = []
        for index in range(count.value):
            with ExitStack() as held:
                port = c_void_p()
                self._call(f"ov_model_const_{side}_by_index", model, index, byref(port))
                held.callback(self._frees["ov_output_const_port_free"], port)
                tensors.append(self._tensor(port))
        return tuple(tensors)

    def _tensor(self, port: c_void_p) -> Tensor:
        code = self._element_type_code(port)
        return Tensor(
            names=self._names(port),
            element_type=self._element_types.get(code, f"type {code}"),
            shape=self._shape(port),
        )

    def _element_type_code(self, port: c_void_p) -> int:
        code = c_int()
        self._call("ov_port_get_element_type", port, byref(code))
        return code.value

    def _shape(self, port: c_void_p) -> str:
        shape = _PartialShape()
        self._call("ov_port_get_partial_shape", port, byref(shape))
        try:
            rank = (shape.rank.min, shape.rank.max)
            count = rank[0] if rank[0] == rank[1] else 0
            return shape_text(rank, [(shape.dims[i].min, shape.dims[i].max) for i in range(count)])
        finally:
            self._frees["ov_partial_shape_free"](byref(shape))

    def _names(self, port: c_void_p) -> tuple[str, ...]:
        # ov_output_const_port_t is a struct of one std::shared_ptr<ov::Output<const ov::Node>>, whose
        # first word is the pointer to the Output.
        output = cast(port, POINTER(c_void_p)).contents
        names = cast(self._get_names(output), POINTER(_StringSet)).contents
        found, node = [], names.first
        for _ in range(names.size):
            item = cast(node, POINTER(_SetNode)).contents
            size = c_size_t.from_address(item.data - 24).value if self._old_strings else item.size
            found.append(str(string_at(item.data, size), "utf-8", "surrogateescape"))
            node = item.next
        return tuple(sorted(found))

    def _read_version(self) -> str:
        version = _Version()
        self._call("ov_get_openvino_version", byref(version))
        try:
            return str(version.build or b"", "utf-8", "surrogateescape")
        finally:
            self._frees["ov_version_free"](byref(version))

    def _learn_element_types(self) -> None:
        """Fill ``_element_types``; raises CLibraryMissing where reading ports gives nonsense."""
        try:
            self._learn_from(ELEMENT_TYPES)
        except OpenVINOError:
            for element_type in ELEMENT_TYPES:
                try:
                    self._learn_from([element_type])
                except OpenVINOError:
                    continue  # this release does not know it
        if "f32" not in self._element_types.values():
            raise RuntimeLibraryError("its C library cannot read a model from memory")

    def _learn_from(self, element_types: list[str]) -> None:
        text = _ir(element_types)
        with ExitStack() as held:
            model = c_void_p()
            self._call(
                "ov_core_read_model_from_memory_buffer", self._core, text, len(text), None, byref(model)
            )
            held.callback(self._frees["ov_model_free"], model)
            for index, element_type in enumerate(element_types):
                port = c_void_p()
                self._call("ov_model_const_input_by_index", model, index, byref(port))
                held.callback(self._frees["ov_output_const_port_free"], port)
                self._element_types[self._element_type_code(port)] = element_type
                expected = ("a", "b") if index == 0 else ()
                if (self._names(port), self._shape(port)) != (expected, "[1,?]"):
                    raise RuntimeLibraryError("its C library describes inputs in an unknown way")

    def _call(self, name: str, *arguments: object) -> None:
        code = self._calls[name](*arguments)
        if code == 0:
            return
        # Read after a failure only: after a success it still holds the text of an earlier one.
        pointer = self._error_text()
        try:
            what = string_at(pointer) if pointer else b""
        finally:
            if pointer:
                self._frees["ov_free"](pointer)
        text = what or self._error_info(code) or b"unknown error"
        raise OpenVINOError(str(text, "utf-8", "surrogateescape"))

    def _function(self, name: str, arguments: list[object], result: object) -> Callable[..., Any]:
        function: Any = getattr(self._library, name)
        function.argtypes = arguments
        function.restype = result
        return function  # type: ignore[no-any-return]


def _preload(directory: str) -> None:
    """Load what is otherwise loaded at first use. A library that is missing is missed when needed."""
    for pattern in _LAZY_LIBRARIES:
        for path in sorted(glob.glob(os.path.join(directory, pattern))):
            try:
                ctypes.CDLL(path)
            except OSError:
                continue


def _keep_quiet(library: ctypes.CDLL) -> None:
    """Stop OpenVINO's own log lines where the release can (the function is new in 2026)."""
    try:
        silence = library.ov_util_set_log_callback
    except AttributeError:
        return
    silence.argtypes = [c_void_p]
    silence.restype = None
    silence(None)
