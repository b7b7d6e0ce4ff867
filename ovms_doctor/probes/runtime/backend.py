"""OpenVINO in a child process: its compile properties, its errors, the path to its libraries."""

from __future__ import annotations

import os

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
    """OpenVINO refused. ``message`` is the exact ``what()`` of its exception, trailing newlines kept."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def error_text(error: BaseException) -> str:
    """Returns the text of the C++ exception that the binding raised as ``error``.

    Raises RuntimeUnavailableError where the error is no exception of OpenVINO's: a call that this release's binding
    does not support proves nothing about a model.
    """
    if isinstance(error, UnicodeDecodeError):
        # The binding could not make a Python text of what(): its bytes are in the exception.
        return bytes(error.object).decode("utf-8", "surrogateescape")
    if isinstance(error, UnicodeEncodeError):
        raise RuntimeUnavailableError(
            "this OpenVINO's Python binding takes no path that is not UTF-8"
        ) from error
    if isinstance(error, AttributeError | ImportError) or "incompatible function arguments" in str(error):
        text = " ".join(str(error).split())
        raise RuntimeUnavailableError(
            f"this OpenVINO's Python binding cannot be called as expected: {text}"
        ) from error
    if isinstance(error, MemoryError):  # how the binding raises std::bad_alloc
        return str(error) or "std::bad_alloc"
    return str(error)


def reachable(directory: str) -> str:
    """Returns a path to a directory that is usable after its parents can no longer be searched.

    OpenVINO lists the directory of its libraries at every ``read_model`` (observed with strace, 2026.4.1), so that
    it is not enough for a process that later gives up root to have loaded them all: in a virtual environment below a
    0700 home every model would be "unable to read". Through an open descriptor only the directory's own mode counts.
    The descriptor stays open for the process's life.
    Returns ``directory`` itself where there is no /proc. Raises OSError.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    through = f"/proc/self/fd/{descriptor}"
    if os.path.isdir(through):
        return through
    os.close(descriptor)
    return directory
