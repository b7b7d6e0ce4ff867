"""The tables of the releases: JSON files in this package."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import msgspec


@cache
def read_table(name: str) -> Any:
    """Returns the content of ``data/NAME.json``, read once."""
    # As pkgutil.get_data: from an archive too. The import of pkgutil takes longer than this function, and that of
    # importlib.resources longer than all of this package.
    path = os.path.join(os.path.dirname(__file__), "data", f"{name}.json")
    return msgspec.json.decode(__spec__.loader.get_data(path))  # type: ignore[union-attr]
