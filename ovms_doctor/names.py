"""What a directory's name was meant to be. A leaf: targets and checks ask it."""

from __future__ import annotations

import re

_VERSION = re.compile(r"[ \t\n\v\f\r]*[+]?0*[1-9][0-9]*")
_WRONG = re.compile(
    r"(v|ver|version|rev|r)[-_. ]?\d+([-_.].*)?|latest|current|-?0+([-_.].*)?|-\d+", re.IGNORECASE
)


def looks_like_version(name: str) -> bool:
    """The server would read a number greater than 0 from this name."""
    return _VERSION.match(name) is not None


def looks_like_wrong_version(name: str) -> bool:
    """Meant as a version, but none to the server: ``v1``, ``version-2``, ``latest``, ``0``, digits of other
    scripts."""
    if name.isdigit() and not name.isascii():
        return True
    return _WRONG.fullmatch(name) is not None
