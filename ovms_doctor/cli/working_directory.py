"""The working directory, also one that was removed."""

from __future__ import annotations

import os


def working_directory() -> str:
    """This process's working directory. Of one that was removed, the path as the kernel writes it, which does not
    exist: ``/srv/models (deleted)``."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return os.readlink("/proc/self/cwd")


def absolute(path: str) -> str:
    """The path from the root, as os.path.abspath gives it; it need not exist."""
    return os.path.normpath(os.path.join(working_directory(), path))
