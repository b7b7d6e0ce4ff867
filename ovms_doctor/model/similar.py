"""Similar names, for hints."""

from __future__ import annotations

from collections.abc import Iterable


def similar_names(name: str, names: Iterable[str], most: int = 1, ratio: float = 0.6) -> list[str]:
    """Returns at most ``most`` of ``names`` that are similar to ``name`` to that ratio at least (0 to 1), best
    first."""
    # Few runs need it.
    from difflib import get_close_matches

    return get_close_matches(name, list(names), most, ratio)
