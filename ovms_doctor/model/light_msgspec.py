"""msgspec imported without the modules that this program does not use."""

from __future__ import annotations

import sys
from types import ModuleType


class _Platform(ModuleType):
    """The module platform for ``uuid``, which needs only the system's name."""

    def system(self) -> str:
        return "Linux"


def import_msgspec() -> None:
    """Imports msgspec; the main program of a process calls it first.

    If typing_extensions is installed, msgspec prefers it to typing. It imports Python's compiler tools (inspect, ast,
    tokenize) and takes a fifth of the start of ``explain`` or of a worker. The data types here need only typing.
    msgspec's import of uuid would import platform, which compiles nine patterns for other systems. Later imports of
    the two modules work normally.
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
