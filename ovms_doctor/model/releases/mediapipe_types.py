"""Names of MediaPipe's stock calculators and of their option messages.

Source: the MediaPipe fork with which OVMS is built. It is not recorded which of them a release's binary links, so a
name of this list is never reported as unknown.
"""

from __future__ import annotations

from functools import cache

from ovms_doctor.model.releases.tables import read_table


@cache
def stock_options() -> frozenset[str]:
    """Returns the option messages, without their package."""
    return frozenset(read_table("mediapipe-names")["options"])


@cache
def stock_calculators() -> frozenset[str]:
    """Returns the calculators and subgraphs."""
    return frozenset(read_table("mediapipe-names")["calculators"])
