"""OpenVINO called through its Python binding: extensions added, models read, described, prepared and compiled."""

from __future__ import annotations

import ctypes
import glob
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from ovms_doctor.model.facts import Preparation, Tensor
from ovms_doctor.probes import acl
from ovms_doctor.probes.recording.active import record_library, record_model
from ovms_doctor.probes.runtime.backend import COMPILE_PROPERTIES, OpenVINOError, error_text
from ovms_doctor.probes.runtime.binding import import_openvino
from ovms_doctor.probes.runtime.prepare import compile_properties, prepare

#: The plugins and what they load, which OpenVINO loads at their first use.
_PLUGINS: Final = (
    "libopenvino_intel_cpu_plugin.so*",
    "libopenvino_auto_batch_plugin.so*",
    "libtbbbind*.so*",
)
#: A Parameter and a Result, as an IR without weights.
_SMALLEST_MODEL: Final = """<net name="smallest" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1" element_type="f32"/>
<output><port id="0" precision="FP32" names="x"><dim>1</dim></port></output></layer>
<layer id="1" name="y" type="Result" version="opset1">
<input><port id="0" precision="FP32"><dim>1</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/></edges></net>"""


class LoadedModel:
    """A model that was read."""

    def __init__(self, module: Any, core: Any, model: Any) -> None:
        self._module = module
        self._core = core
        self._model = model
        self._properties: dict[str, Any] = dict(COMPILE_PROPERTIES)
        self._device = "CPU"

    def inputs(self) -> tuple[Tensor, ...]:
        """Returns the model's inputs in its own order, each with its names sorted."""
        return tuple(_tensor(port) for port in self._model.inputs)

    def outputs(self) -> tuple[Tensor, ...]:
        """Returns the model's outputs in its own order, each with its names sorted."""
        return tuple(_tensor(port) for port in self._model.outputs)

    def prepare(self, preparation: Preparation) -> None:
        """Runs the server's steps between reading and compiling, and compiles as set in ``preparation``. Raises
        PreparationError."""
        self._properties = compile_properties(preparation)
        self._device = preparation.device
        self._model = prepare(self._module, self._model, preparation)

    def check_properties(self) -> None:
        """Compiles a model of one operation with the properties of the preparation: the plugin reads them before the
        model. Raises OpenVINOError."""
        with _translated():
            smallest = self._core.read_model(_SMALLEST_MODEL.encode(), b"")
            self._core.compile_model(smallest, self._device, self._properties)

    def compile(self) -> None:
        """Compiles with COMPILE_PROPERTIES, on CPU unless the preparation names another device; creates an infer
        request. Raises OpenVINOError."""
        with _translated():
            self._core.compile_model(self._model, self._device, self._properties).create_infer_request()


class OpenVINO:
    """OpenVINO, ready to read models. OpenVINO.open makes one."""

    def __init__(self, module: Any, core: Any, libraries: str) -> None:
        #: The directory of its libraries, which it lists again at each read.
        self.libraries = libraries
        #: The build string, like ``2026.4.1-22982-e213a147257-releases/2026/4``.
        self.version = str(module.get_version())
        self._module = module
        self._core = core
        #: One of them, whose status OpenVINO reads at each read too; empty if it has another name.
        self._library = next(iter(glob.glob(os.path.join(libraries, "libopenvino.so*"))), "")
        #: Whether all libraries are loaded that OpenVINO would load later.
        self._is_complete = False

    @classmethod
    def open(cls, package_directory: str) -> OpenVINO:
        """Imports OpenVINO and loads what it needs to read an IR; also all other libraries if some user may not read
        them later.

        ``package_directory``: the directory of the Python package ``openvino``. Raises RuntimeUnavailableError.
        """
        opened = cls(*import_openvino(package_directory))
        with suppress(Exception):
            # A read from memory tries the frontend of IR only.
            opened._core.read_model(_SMALLEST_MODEL.encode(), b"")
        if not _is_open_to_all(opened.libraries):
            opened.load_all()
        return opened

    def load_all(self) -> None:
        """Loads the libraries that OpenVINO otherwise loads at their first use: for another format than IR, and for a
        compilation. A missing library only fails at its use."""
        if self._is_complete:
            return
        self._is_complete = True
        try:
            # For a file that no frontend supports, OpenVINO loads and tries every frontend.
            with self.read(os.devnull):
                pass
        except OpenVINOError:
            pass
        for pattern in _PLUGINS:
            for path in sorted(glob.glob(os.path.join(self.libraries, pattern))):
                try:
                    ctypes.CDLL(path)
                except OSError:
                    continue

    def can_reach_libraries(self) -> bool:
        """Whether the process's present user may list the directory of the libraries, and follow links in it."""
        return os.access(self.libraries, os.R_OK | os.X_OK) and (
            not self._library or os.access(self._library, os.F_OK)
        )

    def add_extension(self, path: str) -> None:
        """Loads an extension library, which runs its code. Raises OpenVINOError."""
        record_library(path)
        with _translated():
            # As bytes: releases before 2026 accept no other name that is not UTF-8.
            self._core.add_extension(os.fsencode(path))

    @contextmanager
    def read(self, path: str) -> Iterator[LoadedModel]:
        """Yields the result of ``read_model(path)``; frees all its memory at the end. Raises OpenVINOError."""
        record_model(path)
        with _translated():
            model = self._core.read_model(path)
        yield LoadedModel(self._module, self._core, model)


def _is_open_to_all(directory: str) -> bool:
    """Whether every user can load the libraries in a directory, as far as its own mode and theirs show."""
    try:
        rights = os.lstat(directory).st_mode
        if not stat.S_ISDIR(rights) or rights & 0o555 != 0o555 or acl.read(directory) is not None:
            return False
        with os.scandir(directory) as entries:
            for entry in entries:
                # A link may lead below a directory that only one user may search.
                rights = entry.stat(follow_symlinks=False).st_mode
                if not stat.S_ISREG(rights) or rights & 0o444 != 0o444 or acl.read(entry.path) is not None:
                    return False
    except OSError:
        return False
    return True


@contextmanager
def _translated() -> Iterator[None]:
    """Converts the binding's exceptions into OpenVINOError with the text of the C++ exception."""
    try:
        yield
    except Exception as error:
        raise OpenVINOError(error_text(error)) from error


def _tensor(port: Any) -> Tensor:
    return Tensor(
        names=_names(port),
        element_type=str(port.get_element_type().get_type_name()),
        shape=str(port.get_partial_shape()),
    )


def _names(port: Any) -> tuple[str, ...]:
    """Returns all names of a port, sorted.

    The binding fails for names that are not UTF-8; then they are read from the bytes of its ``<Output: names[a, b]
    shape[1,4] type: f32>``, where a name with a comma counts as two.
    """
    try:
        return tuple(sorted(port.get_names()))
    except UnicodeDecodeError:
        pass
    try:
        text = repr(port)
    except UnicodeDecodeError as error:
        text = bytes(error.object).decode("utf-8", "surrogateescape")
    names = text.partition("names[")[2].rpartition("] shape")[0]
    return tuple(sorted(names.split(", ")))
