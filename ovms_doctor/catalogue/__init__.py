"""The codes of the checks that do not declare them beside their functions yet."""

from __future__ import annotations

from importlib import import_module

from ovms_doctor.model.codes import Code

_MODULES = ("storage stores").split()


def _by_check() -> dict[str, tuple[Code, ...]]:
    """Every check's codes, ascending."""
    checks: dict[str, tuple[Code, ...]] = {}
    for name in _MODULES:
        codes: dict[str, tuple[Code, ...]] = import_module(f"ovms_doctor.catalogue.{name}").CODES
        for check, items in codes.items():
            checks[check] = (*checks.get(check, ()), *items)
    return {check: tuple(sorted(items, key=lambda item: item.code)) for check, items in checks.items()}


#: By the name of the check that reports them.
BY_CHECK: dict[str, tuple[Code, ...]] = _by_check()
CATALOGUE: dict[str, Code] = {code.code: code for codes in BY_CHECK.values() for code in codes}
