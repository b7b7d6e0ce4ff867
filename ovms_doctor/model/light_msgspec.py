"""msgspec imported without what this program does not use of it."""

from __future__ import annotations

import sys
from types import ModuleType


class _Platform(ModuleType):
    """The module platform for ``uuid``, which needs the system's name only."""

    def system(self) -> str:
        return "Linux"


def import_msgspec() -> None:
    """Imports msgspec, for the main program of a process to call first.

    msgspec prefers typing_extensions to typing where it is installed, which imports Python's compiler tools (inspect,
    ast, tokenize) and takes a fifth of the start of ``explain`` or of a worker. No data type here needs more than
    typing has. Its import of uuid would import platform, which compiles nine patterns for other systems. Whoever
    imports the two later gets them.
    """
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    replaced: dict[str, ModuleType | None] = {"typing_extensions": None}
    if sys.platform == "linux" and "platform" not in sys.modules:
        replaced["platform"] = _Platform("platform")
    sys.modules.update(replaced)  # type: ignore[arg-type]
    try:
        import msgspec  # noqa: F401
    finally:
        for name in replaced:
            del sys.modules[name]
