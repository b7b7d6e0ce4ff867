"""Names of MediaPipe's stock calculators and of their option messages.

Source: the MediaPipe fork with which OVMS is built. It is not recorded which of them a release's binary links, so a
name of this list is never reported as unknown.
"""

from __future__ import annotations

import json
from functools import cache


@cache
def _names() -> dict[str, list[str]]:
    import pkgutil

    data = pkgutil.get_data("ovms_doctor.model.releases", "data/mediapipe-names.json")
    assert data is not None
    names: dict[str, list[str]] = json.loads(data)
    return names


@cache
def stock_options() -> frozenset[str]:
    """Returns the option messages, without their package."""
    return frozenset(_names()["options"])


@cache
def stock_calculators() -> frozenset[str]:
    """Returns the calculators and subgraphs."""
    return frozenset(_names()["calculators"])
