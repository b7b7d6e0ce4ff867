"""OpenVINO in a child process: its compile properties, its errors, the path to its libraries."""

from __future__ import annotations

import os

#: How the server compiles: ``PERFORMANCE_HINT=LATENCY`` if the user set neither it nor ``NUM_STREAMS``. The other two
#: keep several workers from disturbing each other: one thread each, and not pinned, because all would pin themselves
#: to the same core. Neither changes what the plugin accepts.
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
    """OpenVINO refused. ``message``: the exact ``what()`` of its exception, with trailing newlines."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def error_text(error: BaseException) -> str:
    """Returns the text of the C++ exception that the binding raised as ``error``.

    Raises RuntimeUnavailableError if the error is not an exception of OpenVINO: a call that this release's binding
    does not support proves nothing about a model.
    """
    if isinstance(error, UnicodeDecodeError):
        # The binding could not convert what() to a Python text: its bytes are in the exception.
        return bytes(error.object).decode("utf-8", "surrogateescape")
    if isinstance(error, UnicodeEncodeError):
        raise RuntimeUnavailableError("this OpenVINO's Python binding accepts only paths in UTF-8") from error
    if isinstance(error, AttributeError | ImportError) or "incompatible function arguments" in str(error):
        text = " ".join(str(error).split())
        raise RuntimeUnavailableError(
            f"this OpenVINO's Python binding cannot be called as expected: {text}"
        ) from error
    if isinstance(error, MemoryError):  # how the binding raises std::bad_alloc
        return str(error) or "std::bad_alloc"
    return str(error)


def reachable(directory: str) -> str:
    """Returns a path to a directory that stays usable after its parents can no longer be searched; ``directory``
    itself without /proc. Raises OSError.

    OpenVINO lists the directory of its libraries at every ``read_model`` (observed with strace, 2026.4.1). So it is
    not enough to load them all before a process gives up root: in a virtual environment below a 0700 home every model
    would be "unable to read". Through an open descriptor only the directory's own mode counts. The descriptor stays
    open until the process ends.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    descriptor_path = f"/proc/self/fd/{descriptor}"
    if os.path.isdir(descriptor_path):
        return descriptor_path
    os.close(descriptor)
    return directory
