"""Layouts as the server reads and compares them (layout.cpp, layout_configuration.cpp)."""

from __future__ import annotations

import re

from ovms_doctor.model.parameters import LayoutPair
from ovms_doctor.prediction.parameters.shapes import ParameterFormatError, tokenize, without_spaces

_KNOWN = frozenset("NCHWD?")


def parse_layout(text: str) -> LayoutPair:
    """Applies ``LayoutConfiguration::fromString``: ``NCHW`` or ``NHWC:NCHW``. Raises ParameterFormatError."""
    copy = without_spaces(text).upper()
    if re.search(r"[^NCHWD.?:]", copy) or copy.count(":") > 1:
        raise ParameterFormatError
    if ":" not in copy:
        return LayoutPair(copy, copy)
    tokens = tokenize(copy, ":")
    if len(tokens) == 1:
        return LayoutPair(tokens[0], tokens[0])
    return LayoutPair(tokens[0], tokens[1])


def fits_rank(layout: str, rank: int) -> bool:
    """Applies ``Layout::isCompatible``: letters and ``?`` for each dimension; ``...`` for any number of dimensions."""
    known = sum(letter in _KNOWN for letter in layout)
    return known <= rank if "..." in layout else known == rank
