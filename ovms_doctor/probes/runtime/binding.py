"""OpenVINO's Python binding imported: only its extension module, else the package ``openvino`` around it.

``import openvino`` reports the import to its maker over the network, writes files into HOME and imports numpy, which
takes several times as long as all the rest. The extension module does none of this. It needs two objects of the
package, which it imports by name at their use:

- ``numpy.float32``, to recognize such a value among the properties of a compilation (all releases);
- ``openvino.Model`` and its attribute ``_Model__model``, the package's wrapper of a model and the wrapped model, in
  PrePostProcessor (since 2025.0).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any, Final

from ovms_doctor.probes.runtime.backend import RuntimeUnavailableError, reachable

_PACKAGE: Final = "openvino"
#: Its full name, so that the package uses the already imported module.
_EXTENSION: Final = "openvino._pyopenvino"


class RuntimeImportError(Exception):
    """One of the two ways to import OpenVINO failed. The text is the reason, in one line."""


class _NoNumpy(ModuleType):
    """The module numpy for code that only compares types with numpy's: each of them has no instances."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def import_openvino(package_directory: str) -> tuple[Any, Any, str]:
    """Returns the module to call, its ``Core()``, and a path to the directory of its libraries that stays usable.

    ``package_directory``: the directory of the Python package ``openvino``. Raises RuntimeUnavailableError.
    """
    reasons = []
    for import_one in (_import_extension, _import_package):
        try:
            return import_one(package_directory)
        except RuntimeImportError as error:
            reasons.append(str(error))
    raise RuntimeUnavailableError(f"OpenVINO is installed but cannot be used: {'; '.join(reasons)}")


def _import_extension(package_directory: str) -> tuple[Any, Any, str]:
    with _reachable(package_directory) as directory:
        name = _extension_file(directory)
        spec = spec_from_file_location(_EXTENSION, os.path.join(directory, name))
        assert spec is not None
        assert spec.loader is not None
        module: Any = module_from_spec(spec)
        sys.modules[_EXTENSION] = module
        try:
            spec.loader.exec_module(module)
            core = module.Core()
            # The model of the extension module is used directly; see the module's docstring.
            module.Model._Model__model = property(lambda model: model)
        except BaseException:
            del sys.modules[_EXTENSION]
            raise
        sys.modules[_PACKAGE] = module
        sys.modules.setdefault("numpy", _NoNumpy("numpy"))
        return module, core, os.path.join(directory, "libs")


def _extension_file(directory: str) -> str:
    for suffix in EXTENSION_SUFFIXES:
        name = "_pyopenvino" + suffix
        if os.path.exists(os.path.join(directory, name)):
            return name
    raise RuntimeImportError("the package has no extension module for this Python")


def _import_package(package_directory: str) -> tuple[Any, Any, str]:
    """Imports the package without its telemetry: it works if ``openvino_telemetry`` is missing."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    sys.dont_write_bytecode = True
    # numpy starts a thread for each core, whose stacks would count against the address space.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parent, name = os.path.split(package_directory.rstrip("/"))
    with _reachable(parent) as directory:
        importlib.import_module("numpy")
        sys.path.insert(0, directory)
        try:
            module: Any = importlib.import_module(_PACKAGE)
        finally:
            sys.path.remove(directory)
        return module, module.Core(), os.path.join(directory, name, "libs")


@contextmanager
def _reachable(directory: str) -> Iterator[str]:
    """Yields ``directory`` by a path that stays usable; an exception inside becomes a RuntimeImportError."""
    usable_path = directory
    try:
        usable_path = reachable(directory)
        yield usable_path
    except RuntimeImportError:
        raise
    except Exception as error:
        text = " ".join(str(error).replace(usable_path, directory).split())
        raise RuntimeImportError(text or type(error).__name__) from error
