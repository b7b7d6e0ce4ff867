"""Names of MediaPipe's stock calculators and of their option messages.

Source: the MediaPipe fork that OVMS is built with. Which of them a release's binary links is not recorded, so a name
of this list is never reported as unknown.
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
    """The option messages, without their package."""
    return frozenset(_names()["options"])


@cache
def stock_calculators() -> frozenset[str]:
    """The calculators and subgraphs."""
    return frozenset(_names()["calculators"])
