"""The tables of the releases: JSON files in this package."""

from __future__ import annotations

import pkgutil
from functools import cache
from typing import Any

import msgspec


@cache
def read_table(name: str) -> Any:
    """Returns the content of ``data/NAME.json``, read once."""
    # importlib.resources would import more modules than this whole package has.
    data = pkgutil.get_data("ovms_doctor.model.releases", f"data/{name}.json")
    assert data is not None
    return msgspec.json.decode(data)
