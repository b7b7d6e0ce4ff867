"""The subset of Markdown that pages use, as blocks of plain text: paragraphs, list items, code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern

_LINK = lazy_pattern(r"\[([^\]\n]{1,500})\]\(([^)\s]{1,500})\)")
_FENCE = "```"


class Block(Struct, frozen=True):
    """One block of a page."""

    #: Its kind.
    kind: Literal["paragraph", "item", "code"]
    #: Its text, on one line except in code.
    text: str


def blocks(markdown: str) -> Iterator[Block]:
    """Yields the blocks of a page. Headings become paragraphs; other Markdown is kept as written."""
    kind: Literal["paragraph", "item", "code"] = "paragraph"
    lines: list[str] = []
    for line in _without_comments(markdown).split("\n"):
        if line.startswith(_FENCE):
            if lines or kind == "code":
                yield _block(kind, lines)
            kind, lines = ("paragraph" if kind == "code" else "code"), []
        elif kind == "code":
            lines.append(line)
        elif not line.strip() or line.startswith(("- ", "#")):
            if lines:
                yield _block(kind, lines)
            kind, lines = "paragraph", []
            if line.strip():
                kind = "item" if line.startswith("- ") else "paragraph"
                lines = [line.removeprefix("- ").lstrip("# ")]
        else:
            lines.append(line)
    if lines:
        yield _block(kind, lines)


def _without_comments(markdown: str) -> str:
    kept = []
    before, opened, rest = markdown.partition("<!--")
    while opened:
        kept.append(before)
        before, opened, rest = rest.partition("-->")[2].partition("<!--")
    return "".join([*kept, before])


def _block(kind: Literal["paragraph", "item", "code"], lines: list[str]) -> Block:
    if kind == "code":
        return Block(kind, "\n".join(lines))
    text = _LINK.sub(_plain_link, " ".join(" ".join(lines).split()))
    return Block(kind, text.replace("`", ""))


def _plain_link(link: re.Match[str]) -> str:
    """Returns a link's text with its target; for another page, the argument of ``explain`` that shows it."""
    text, target = link[1], link[2]
    name = target.removesuffix(".md")
    if name == text:
        return text
    return (
        f"{text} (explain {name})" if target.endswith(".md") and "/" not in target else f"{text} ({target})"
    )
