"""msgspec imported without the modules that this program does not use."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """A module that is imported when something in it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


def _with_types(module: str, *names: str) -> ModuleType:
    """Returns a module with types that have no instances."""
    result = ModuleType(module)
    for name in names:
        setattr(result, name, type(name, (), {"unknown": None}))
    return result


def import_msgspec() -> None:
    """Imports msgspec; the main program of a process calls it first.

    If typing_extensions is installed, msgspec prefers it to typing. It imports Python's compiler tools (inspect, ast,
    tokenize) and takes a fifth of the start of ``explain`` or of a worker. The data types here need only typing.
    From uuid and decimal, msgspec needs types that no data type here uses; it uses textwrap only for JSON schemas. The
    three take a third of the rest. Later imports of these modules work normally.
    """
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    light = {
        "uuid": _with_types("uuid", "UUID", "SafeUUID"),
        "decimal": _with_types("decimal", "Decimal"),
        "textwrap": _Later("textwrap"),
    }
    replaced: dict[str, ModuleType | None] = {"typing_extensions": None}
    replaced.update((name, module) for name, module in light.items() if name not in sys.modules)
    sys.modules.update(replaced)  # type: ignore[arg-type]
    try:
        import msgspec
    except (AttributeError, ImportError):
        # A release that needs more of these modules.
        for name in [name for name in sys.modules if name.partition(".")[0] == "msgspec"]:
            del sys.modules[name]
    finally:
        for name in replaced:
            del sys.modules[name]
    import msgspec  # noqa: F401
