"""Loads models with OpenVINO. Runs in a child process that loads many models in turn.

The child calls :meth:`Runtime.prepare` with the parent's rights, becomes the server's user, then loads model after
model. The parent detects a native crash, a hang and a lack of memory; every text of OpenVINO is in the LoadReport.

After ``prepare`` nothing here imports a module or opens a descriptor that it does not close, and the child must keep
its descriptors open: OpenVINO's libraries are reached through one. Libraries that an IR does not need are loaded
before the first model that needs them: they take a third of the start.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from ovms_doctor.model.description_size import bytes_to_load, is_oversized
from ovms_doctor.model.facts import LoadReport, Preparation, Tensor
from ovms_doctor.model.facts.answers import PreparationStep
from ovms_doctor.model.facts.preparation import LoadLevel
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.probes.inspect.heads import open_regular
from ovms_doctor.probes.runtime.backend import OpenVINOError, RuntimeUnavailableError
from ovms_doctor.probes.runtime.model import OpenVINO
from ovms_doctor.probes.runtime.prepare import PreparationError

GIB: Final = 1 << 30
MIB: Final = 1 << 20

#: Address space that a load may add, as multiples of the size of the weights, and a fixed part. Measured
#: with OpenVINO 2026.4.1: a read maps the weights once, and formats other than IR hold up to two
#: copies more; a compile adds up to four copies (FP16 constants under a plain Convert, computed in
#: FP32) to the mapping. Two GiB are enough for all small models and stop endless constant folding.
WEIGHT_FACTORS: Final[dict[LoadLevel, int]] = {"read": 3, "compile": 6}
BASE_GROWTH: Final = 2 * GIB
#: A thread's stack (8 MiB) and bookkeeping; OpenVINO may start one for each core.
STACK_PER_CORE: Final = 16 * MIB

#: How OpenVINO reports an exhausted address space: operator new; mmap of a weights file ("…, err=Cannot allocate
#: memory"; without "err=" the text belongs to the CPU plugin's message about incompatible descriptors); a thread
#: without address space for its stack.
OUT_OF_MEMORY: Final = lazy_pattern(
    r"std::bad_alloc|err=Cannot allocate memory|Resource temporarily unavailable"
)

#: How many bytes OpenVINO reads to recognise an IR, and the versions that it accepts.
_IR_HEAD: Final = 512
_IR_VERSIONS: Final = (b' version="10"', b' version="11"')

#: The most files that are counted: enough for any model directory, and a limit for others.
_MOST_FILES: Final = 10_000
_M_ARENA_MAX: Final = -8  # mallopt(3)


class Runtime:
    """OpenVINO in this process."""

    def __init__(self) -> None:
        #: Bytes that a load may use, None for no limit of its own.
        self.memory_limit: int | None = None
        #: The loaded extensions, each with OpenVINO's text if it failed. None can be unloaded.
        self._extensions: dict[str, str | None] = {}
        self._backend: OpenVINO | None = None

    def prepare(self) -> None:
        """Loads OpenVINO and all files that it would load later, except libraries that every user can load; opens no
        file of a user.

        Raises RuntimeUnavailableError. An extension, which is code of the user's choice, is loaded later, with the
        rights of the process at that time.
        """
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
        one_heap()
        self._backend = OpenVINO.open(package_directory("openvino"))

    def load_all_libraries(self) -> None:
        """Loads the libraries that :meth:`prepare` left out."""
        if self._backend is not None:
            self._backend.load_all()

    def add_tokenizers(self) -> None:
        """Loads the library of the package openvino_tokenizers from this program's own environment; opens no file of
        a user. Raises RuntimeUnavailableError."""
        library = os.path.join(package_directory("openvino_tokenizers"), "lib", "libopenvino_tokenizers.so")
        self.load_all_libraries()
        try:
            self._ready().add_extension(library)
        except OpenVINOError as error:
            text = " ".join(error.message.split())
            raise RuntimeUnavailableError(
                f"openvino_tokenizers does not fit OpenVINO here: {text}"
            ) from error

    @property
    def version(self) -> str:
        """Returns OpenVINO's version, like ``2026.4.1``; empty before :meth:`prepare`."""
        return self._backend.version.split("-", 1)[0] if self._backend else ""

    def try_extension(self, path: str) -> LoadReport:
        """Loads a CPU extension, with no more address space than a small model may use. Runs the library's code,
        which may crash or hang. Raises RuntimeUnavailableError."""
        backend = self._ready()
        outcome: Literal["ok", "failed", "out_of_memory"] = "ok"
        message = None
        if path not in self._extensions:
            backend.load_all()
            growth = address_space_growth(_size(path), "read", self.memory_limit, os.cpu_count() or 1)
            with limited_address_space(growth):
                try:
                    backend.add_extension(path)
                except OpenVINOError as error:
                    message = error.message
            self._extensions[path] = message
        message = self._extensions[path]
        if message is not None:
            outcome = "out_of_memory" if OUT_OF_MEMORY.search(message) else "failed"
        return LoadReport("read", outcome, "read", message or "", self.version)

    def load(
        self,
        path: str,
        level: LoadLevel,
        preparation: Preparation | None = None,
        extension: str | None = None,
    ) -> LoadReport:
        """Reads a model, prepares it, for level ``compile`` also compiles it, on CPU unless the preparation names
        another device.

        ``path``: the path that the server would pass to ``read_model`` (a SavedModel's directory ends in ``/``).
        ``extension``: the host path of a CPU extension to load first. If it cannot be loaded, the server ends, and
            the result here is the outcome ``failed`` with ``detail`` for the extension.

        Raises RuntimeUnavailableError if the process's present user may not read OpenVINO's libraries, because
        OpenVINO would report every model as unreadable; and for a file that is too large to be the description of a
        model, which OpenVINO would read for hours.
        """
        backend = self._ready()
        if not backend.can_reach_libraries():
            raise RuntimeUnavailableError(
                f"user {os.getuid()} has no read permission on the directory of OpenVINO's libraries"
            )
        file = f"{path}saved_model.pb" if path.endswith("/") else path
        size = _stat_size(file)
        if is_oversized(file, size):
            raise RuntimeUnavailableError(
                f"{os.path.basename(file)} has {size:,} bytes, more than a file of its kind can hold, and is not loaded"
            )
        if level == "compile" or (preparation is not None and preparation.config) or not _begins_as_ir(file):
            backend.load_all()
        tried = None if extension is None else self.try_extension(extension)
        if tried is not None and tried.outcome != "ok":
            detail = "the CPU extension could not be loaded"
            return LoadReport(level, "failed", "read", tried.message, self.version, detail=detail)
        growth = address_space_growth(weight_bytes(path), level, self.memory_limit, os.cpu_count() or 1)
        with limited_address_space(growth):
            return self._load(backend, path, level, preparation, growth)

    def _load(
        self, backend: OpenVINO, path: str, level: LoadLevel, preparation: Preparation | None, growth: int
    ) -> LoadReport:
        stage: LoadLevel = "read"
        step: PreparationStep = ""
        prepared: tuple[Tensor, ...] = ()
        inputs: tuple[Tensor, ...] = ()
        outputs: tuple[Tensor, ...] = ()
        outcome: Literal["ok", "failed", "out_of_memory"] = "ok"
        message, detail = "", ""
        try:
            with backend.read(path) as model:
                inputs, outputs = model.inputs(), model.outputs()
                if preparation is not None:
                    model.prepare(preparation)
                    prepared = model.inputs()
                if level == "read" and preparation is not None and preparation.config:
                    stage = "compile"
                    model.check_properties()
                    stage = "read"
                elif level == "compile":
                    stage = "compile"
                    model.compile()
        except OpenVINOError as error:
            message = error.message
            step = error.step if isinstance(error, PreparationError) else ""
            outcome = "out_of_memory" if OUT_OF_MEMORY.search(message) else "failed"
            if not message:  # the package, with a Python whose exceptions lose such texts
                detail = "OpenVINO's text was lost, because it is not UTF-8"
        except MemoryError:  # Python's own
            outcome = "out_of_memory"
        if outcome == "out_of_memory":
            detail = f"the load was allowed {growth} bytes of address space"
        return LoadReport(
            level,
            outcome,
            stage,
            message,
            self.version,
            inputs=inputs,
            outputs=outputs,
            detail=detail,
            step=step,
            prepared_inputs=prepared,
        )

    def _ready(self) -> OpenVINO:
        if self._backend is None:
            raise RuntimeUnavailableError("OpenVINO was not prepared")
        return self._backend


def _begins_as_ir(path: str) -> bool:
    """Whether a file begins as the IRs that are written by a program: OpenVINO's frontend of IR accepts it
    (src/frontends/ir/src/frontend.cpp, ``get_ir_version``), and no other one is tried."""
    try:
        descriptor, _ = open_regular(path)
    except (OSError, ValueError):
        return False
    try:
        head = os.pread(descriptor, _IR_HEAD, 0).lstrip()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    if head.startswith(b"<?xml "):
        head = head.partition(b"?>")[2].lstrip()
    tag = head.partition(b">")[0]
    return tag.startswith(b"<net ") and any(version in tag for version in _IR_VERSIONS)


def address_space_growth(weights: int, level: LoadLevel, memory_limit: int | None, cores: int) -> int:
    """Returns the bytes of address space that a load may add to the process.

    ``weights``: the size of the model's weights in bytes. A ``memory_limit`` (bytes) bounds the result, except for
        address space that needs no memory: the mapped weights, whose pages the kernel can reclaim, and stacks.
        Address space is not memory in use, so this protects the host and does not predict the effect of the server's
        limit.
    """
    stacks = cores * STACK_PER_CORE
    growth = BASE_GROWTH + WEIGHT_FACTORS[level] * weights
    if memory_limit is not None:
        growth = min(growth, memory_limit + weights)
    return growth + stacks


def weight_bytes(path: str) -> int:
    """Returns the size in bytes of a model with its weights; unreadable files count as 0.

    A SavedModel: all files below its directory. ONNX: all files below the file's directory, because its weights may
    be in any of them. Others: the files that differ in their suffix only (``.bin``, ``.pdiparams``).
    """
    if path.endswith("/") or os.path.isdir(path):
        return size_below(path)
    directory, name = os.path.split(path)
    if name.endswith(".onnx"):
        return size_below(directory or ".")
    stem = os.path.splitext(path)[0]
    return sum(_size(stem + suffix) for suffix in {os.path.splitext(path)[1], ".bin", ".pdiparams"})


def size_below(directory: str) -> int:
    total, count = 0, 0
    for parent, _, names in os.walk(directory):
        for name in names:
            total += _size(os.path.join(parent, name))
            count += 1
            if count >= _MOST_FILES:
                return total
    return total


def _size(path: str) -> int:
    return bytes_to_load(path, _stat_size(path))


def _stat_size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


@contextmanager
def limited_address_space(growth: int) -> Iterator[None]:
    """Lets this process's address space grow by ``growth`` bytes at most, inside the block.

    Only the soft limit changes, never above the hard one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space() + growth
    for bound in (soft, hard):
        if bound != resource.RLIM_INFINITY:
            limit = min(limit, bound)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int:
    """Returns the bytes of address space that this process uses; 0 if that cannot be determined."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


def one_heap() -> None:
    """Makes all threads share malloc's heap: glibc reserves 64 MiB of address space for each further heap."""
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    except (AttributeError, OSError):
        return  # another C library, which has no such heaps


def package_directory(name: str) -> str:
    """Returns the directory of an installed Python package; does not import it. Raises RuntimeUnavailableError."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError) as error:
        raise RuntimeUnavailableError(f"the Python package {name} is broken") from error
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeUnavailableError(f"the Python package {name} is not installed")
    return os.path.abspath(next(iter(spec.submodule_search_locations)))
