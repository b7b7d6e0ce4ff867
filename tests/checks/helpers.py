"""The findings of a run of the command line."""

from __future__ import annotations

from typing import Any

from tests.cli.helpers import check


def findings(*arguments: Any, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = check(*arguments, **more).document["findings"]
    return found
