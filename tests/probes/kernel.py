"""What the kernel allows this process."""

from __future__ import annotations

import os

from ovms_doctor.model.facts.answers import Right


def kernel_allows(path: str, right: Right) -> bool:
    """Whether the kernel lets this process search or read ``path``, which exists."""
    try:
        if right == "search":
            os.stat(path + "/.")
        else:
            os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return False
    return True
