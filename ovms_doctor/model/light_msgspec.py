"""msgspec imported without what this program does not use of it."""

from __future__ import annotations

import sys


def import_msgspec() -> None:
    """Imports msgspec, for the main program of a process to call first.

    msgspec prefers typing_extensions to typing where it is installed, which imports Python's compiler tools (inspect,
    ast, tokenize) and takes a fifth of the start of ``explain`` or of a worker. No data type here needs more than
    typing has. Whoever imports typing_extensions later gets it.
    """
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]
