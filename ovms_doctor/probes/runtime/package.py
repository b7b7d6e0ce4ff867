"""OpenVINO through its Python package, for where the C library cannot be used.

Slower (it imports numpy), the same answers. ``import openvino`` reports the import to its maker over
the network and writes files into HOME unless the package ``openvino_telemetry`` cannot be imported, so
that is made so first; the openvino package is written to work without it.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ovms_doctor.model.facts import Preparation, Tensor
from ovms_doctor.probes.runtime.backend import COMPILE_PROPERTIES, OpenVINOError, reachable
from ovms_doctor.probes.runtime.prepare import compile_properties, prepare


class RuntimePackageError(Exception):
    """The package openvino cannot be imported or used. The text says why, in one line."""


class _Model:
    """A model that was read; see LoadedModel."""

    def __init__(self, module: Any, core: Any, model: Any, properties: dict[str, str]) -> None:
        self._module = module
        self._core = core
        self._model = model
        self._properties: dict[str, Any] = properties
        self._device = "CPU"

    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(_tensor(port) for port in self._model.inputs)

    def outputs(self) -> tuple[Tensor, ...]:
        return tuple(_tensor(port) for port in self._model.outputs)

    def prepare(self, preparation: Preparation) -> None:
        """Take the server's steps before compiling, and compile as it is told there. Raises StepFailed."""
        self._properties = compile_properties(preparation, self._properties)
        self._device = preparation.device
        self._model = prepare(self._module, self._model, preparation)

    def compile(self) -> None:
        with _translated():
            self._core.compile_model(self._model, self._device, self._properties).create_infer_request()


class Package:
    """The Python package openvino, imported; a Backend. Make one with Package.open."""

    def __init__(self, module: Any, directory: str) -> None:
        self.libraries = directory
        self.version = str(module.get_version())
        self._module = module
        self._core = module.Core()
        self._properties = self._supported(COMPILE_PROPERTIES)
        self._warm_up()

    @classmethod
    def open(cls, package_directory: str) -> Package:
        """Import the package, without its telemetry.

        ``package_directory`` is the directory of the package ``openvino``. Raises PackageUnusable.
        """
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        sys.dont_write_bytecode = True
        # numpy starts a thread for each core, whose stacks would count against the address space.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        parent, name = os.path.split(package_directory.rstrip("/"))
        through = parent
        try:
            importlib.import_module("numpy")
            through = reachable(parent)
            sys.path.insert(0, through)
            try:
                module = importlib.import_module("openvino")
            finally:
                sys.path.remove(through)
            return cls(module, os.path.join(through, name, "libs"))
        except Exception as error:
            text = " ".join(str(error).replace(through, parent).split()) or type(error).__name__
            raise RuntimePackageError(text) from error

    def add_extension(self, path: str) -> None:
        """See Backend."""
        with _translated():
            self._core.add_extension(path)

    @contextmanager
    def read(self, path: str) -> Iterator[_Model]:
        """See Backend."""
        with _translated():
            model = self._core.read_model(path)
        yield _Model(self._module, self._core, model, self._properties)

    def _supported(self, properties: tuple[tuple[str, str], ...]) -> dict[str, str]:
        """Those of ``properties`` that this release's CPU plugin knows; loads the plugin."""
        known = self._core.get_property("CPU", "SUPPORTED_PROPERTIES")
        return {name: value for name, value in properties if name in known}

    def _warm_up(self) -> None:
        """Load every frontend, by offering them a file that is none's."""
        try:
            with self.read(os.devnull):
                pass
        except OpenVINOError:
            return


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the bindings raise into OpenVINOError with the text of the C++ exception."""
    try:
        yield
    except UnicodeDecodeError as error:
        # The bindings could not make text of what(): the bytes are in the exception.
        raise OpenVINOError(bytes(error.object).decode("utf-8", "surrogateescape")) from error
    except MemoryError as error:  # how the bindings raise std::bad_alloc
        raise OpenVINOError(str(error) or "std::bad_alloc") from error
    except Exception as error:
        raise OpenVINOError(str(error)) from error


def _tensor(port: Any) -> Tensor:
    return Tensor(
        names=tuple(sorted(port.get_names())),
        element_type=str(port.get_element_type().get_type_name()),
        shape=str(port.get_partial_shape()),
    )
