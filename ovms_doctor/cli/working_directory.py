"""The working directory, even if it was removed."""

from __future__ import annotations

import os


def working_directory() -> str:
    """Returns this process's working directory; for a removed one, the kernel's path, which does not exist:
    ``/srv/models (deleted)``."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return os.readlink("/proc/self/cwd")


def absolute(path: str) -> str:
    """Returns the path from the root, as os.path.abspath does; it need not exist."""
    return os.path.normpath(os.path.join(working_directory(), path))
