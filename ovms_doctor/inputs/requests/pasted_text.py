"""What surrounds a request in a text that was copied: prompts, the fences of Markdown, comments."""

from __future__ import annotations

import json
import re
from typing import Any

from ovms_doctor.model.pattern import lazy_pattern

#: The words with which the commands begin that a prompt is removed from.
_FIRST_WORDS = (
    r"(?:curl|grpcurl|wget|https?|xh|cat|echo|printf|export|sudo|time|docker|podman|kubectl|python[\d.]*"
    r"|Invoke-\w+|irm|iwr)(?:\.exe)?[ \t]|[A-Za-z_]\w*="
)
_PROMPT = lazy_pattern(
    r"^[ \t]*(?:\([\w.-]{1,50}\)[ \t]*)?"
    r"(?:[\w.-]{1,50}@[\w.-]{1,100}[^\n$#>]{0,200}[$#%>]|\[[^\]\n]{1,200}\][$#]|\$"
    r"|!|PS [A-Za-z]:[^\n>]{0,200}>|[A-Za-z]:\\[^\n>]{0,200}>)"
    rf"[ \t]*(?={_FIRST_WORDS})",
    re.MULTILINE,
)
_FENCE = lazy_pattern(r"[ \t]*(`{3,}|~{3,})([^`]*)")
#: What a file of a REST client in an editor has before a request: comments, names, variables.
_EDITOR_LINES = lazy_pattern(rb"\s*(?:(?:#|//|@\w+[ \t]*=)[^\n]*\n\s*)+(?=[A-Z]{3,10} +\S)")
#: The largest notebook that is read, in bytes.
_LARGEST_NOTEBOOK = 1 << 24


def without_prompts(text: str) -> str:
    """Returns a text without the prompts of shells, as in ``user@host:~$ curl …`` or ``C:\\> curl …``, and without
    the ``!`` of a notebook."""
    return _PROMPT.sub("", text)


def fenced_texts(text: str) -> list[str]:
    """Returns the contents of the code blocks of a Markdown text."""
    blocks: list[str] = []
    lines: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        match = _FENCE.fullmatch(line.rstrip())
        if match is None or (fence and (match[1] != fence or match[2].strip())):
            if fence:
                lines.append(line)
        elif fence:
            blocks.append("".join(lines))
            lines, fence = [], ""
        else:
            fence = match[1]
    return blocks


def without_editor_lines(data: bytes) -> bytes:
    """Returns a request of an editor's REST client without the lines before it: comments, `###`, variables."""
    match = _EDITOR_LINES.match(data[: 1 << 16])
    return data if match is None else data[match.end() :]


def notebook_code(data: bytes) -> str | None:
    """Returns the code of a Jupyter notebook; `None` if the data are none."""
    if len(data) > _LARGEST_NOTEBOOK or b'"nbformat"' not in data:
        return None
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list) or "nbformat" not in document:
        return None
    return "\n".join(
        _source(cell) for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"
    )


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))
