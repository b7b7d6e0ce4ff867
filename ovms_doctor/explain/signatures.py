"""Further messages of the server by code: messages of all releases from 2022.1 on that the codes' own templates lack.

``data/signatures.json`` holds them. A code's own templates are messages that the prediction quotes; these are only
recognised.
"""

from __future__ import annotations

import pkgutil
from functools import cache

import msgspec
from msgspec import Struct

#: Minimum characters of literal text with which a template is recognised within a line too.
UNMISTAKABLE = 30
#: The same for a text of a library, which the server quotes after text of its own.
_UNMISTAKABLE_QUOTED = 20
_LIBRARIES = ("OpenVINO", "OpenVINO GenAI")


class Signature(Struct, frozen=True):
    """A message and the code that it usually means."""

    #: The template, with ``{fields}``.
    text: str
    #: The code.
    code: str
    #: The file that writes the message: one of OVMS, or the name of a library.
    source: str
    #: The first release with the message.
    since: str
    #: The last release with the message; None for the newest known.
    until: str | None = None

    @property
    def is_status(self) -> bool:
        """Whether the message is the text of a status, which other messages and answers to clients end with."""
        return self.source == "status.cpp"

    def anchored(self, weight: int) -> bool:
        """Whether only messages that begin with the template match. ``weight``: the number of its literal
        characters."""
        least = _UNMISTAKABLE_QUOTED if self.source in _LIBRARIES else UNMISTAKABLE
        return weight < least and not self.is_status


class _Signatures(Struct, frozen=True):
    """The content of ``data/signatures.json``."""

    #: The signatures.
    signatures: tuple[Signature, ...]


@cache
def signatures() -> dict[str, tuple[Signature, ...]]:
    """Returns all signatures, by code."""
    data = pkgutil.get_data("ovms_doctor.explain", "data/signatures.json")
    assert data is not None
    result: dict[str, list[Signature]] = {}
    for signature in msgspec.json.decode(data, type=_Signatures).signatures:
        result.setdefault(signature.code, []).append(signature)
    return {code: tuple(items) for code, items in result.items()}
