"""What the two ways of calling OpenVINO (its C library, its Python package) have in common."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Protocol

from ovms_doctor.model.facts import Preparation, Tensor

#: How the server compiles: ``PERFORMANCE_HINT=LATENCY`` where the user gave neither it nor
#: ``NUM_STREAMS``. The other two keep several workers out of each other's way: one thread each, and
#: not pinned, for all would pin themselves to the same core. Neither changes what the plugin accepts.
COMPILE_PROPERTIES: tuple[tuple[str, str], ...] = (
    ("PERFORMANCE_HINT", "LATENCY"),
    ("INFERENCE_NUM_THREADS", "1"),
    ("ENABLE_CPU_PINNING", "NO"),
)


class RuntimeUnavailableError(Exception):
    """OpenVINO cannot be used here. ``reason`` is one plain sentence without a full stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OpenVINOError(Exception):
    """OpenVINO refused. ``what`` is the exact ``what()`` of its exception, trailing newlines kept."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class LoadedModel(Protocol):
    """A model that was read."""

    def inputs(self) -> tuple[Tensor, ...]:
        """The model's inputs in its own order, each with its names sorted."""

    def outputs(self) -> tuple[Tensor, ...]:
        """The model's outputs in its own order, each with its names sorted."""

    def prepare(self, preparation: Preparation) -> None:
        """Take the server's steps between reading and compiling. Raises OpenVINOError; not every backend
        can (RuntimeUnavailable)."""

    def compile(self) -> None:
        """Compile with COMPILE_PROPERTIES, on CPU but for a preparation that says otherwise; make an infer
        request. Raises OpenVINOError."""


class Backend(Protocol):
    """OpenVINO, ready to read models."""

    #: The build string, like ``2026.4.1-22982-e213a147257-releases/2026/4``.
    version: str
    #: Where its libraries are looked for, again at each read.
    libraries: str

    def add_extension(self, path: str) -> None:
        """Load an extension library, which runs its code. Raises OpenVINOError."""

    def read(self, path: str) -> AbstractContextManager[LoadedModel]:
        """``read_model(path)``; all that it holds is freed on leaving. Raises OpenVINOError."""


def reachable(directory: str) -> str:
    """A path to a directory that keeps working when its parents can no longer be searched.

    OpenVINO lists the directory of its libraries at every single ``read_model`` (seen with strace,
    2026.4.1), so that having loaded them all is not enough for a process that later gives up root: in
    a virtual environment below a 0700 home every model would be "unable to read". Through an open
    descriptor only the directory's own mode counts. The descriptor stays open for the process's life.
    Returns ``directory`` itself where there is no /proc. Raises OSError.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    through = f"/proc/self/fd/{descriptor}"
    if os.path.isdir(through):
        return through
    os.close(descriptor)
    return directory
