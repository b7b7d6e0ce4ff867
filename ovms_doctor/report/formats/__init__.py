"""The report in formats that other programs and the web show: each a function from the JSON document to text in
parts.

A renderer gets the document with its text escaped and secrets replaced; it escapes the special characters of its own
format itself (markup, control characters). The modules are imported when they are used.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import UNSET, convert
from msgspec.structs import replace

from ovms_doctor.report.document import ReportDocument
from ovms_doctor.report.formats.context import RenderContext

#: Formats that mark suppressed findings.
_WITH_SUPPRESSED = ("sarif",)


def render(form: str, document: dict[str, Any], context: RenderContext) -> Iterator[str]:
    """Returns the document in one of the formats except text and JSON, in parts."""
    module = importlib.import_module(f"ovms_doctor.report.formats.{form}")
    renderer: Callable[[ReportDocument, RenderContext], Iterator[str]] = module.render
    found = convert(document, ReportDocument)
    if form not in _WITH_SUPPRESSED:
        # The other formats cannot mark suppressed findings; the summary has their number.
        found = replace(found, findings=tuple(one for one in found.findings if one.suppressed is UNSET))
    return renderer(found, context)


def shortened(parts: Iterable[str], most: int) -> str:
    """Returns the parts of a Markdown text that fit into ``most`` bytes, with a remark if some are left out."""
    remark = "\n\n… the rest is not shown: it is too long.\n"
    left = most - len(remark.encode())
    kept: list[str] = []
    for part in parts:
        left -= len(part.encode("utf-8", "backslashreplace"))
        if left < 0:
            return "".join(kept) + remark
        kept.append(part)
    return "".join(kept)
