"""Environment variables of the processes that tests start."""

from __future__ import annotations

import os
from collections.abc import Mapping


def without_coverage(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns ``variables`` without those that make a Python process measure its coverage.

    To measure it, a process imports more modules when it starts, and writes a file when it ends.
    """
    return {name: value for name, value in variables.items() if not name.startswith("COVERAGE_")}
