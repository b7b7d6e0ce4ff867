"""What other projects publish about the formats: the schema of SARIF, and a parser of HTML."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator, FormatChecker

SCHEMAS = Path(__file__).parents[1] / "data/schemas"


def sarif_faults(document: Any) -> list[str]:
    """The errors in a SARIF document by the schema of OASIS."""
    schema = json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text())
    validator = Draft4Validator(schema, format_checker=FormatChecker())
    return [str(error) for error in validator.iter_errors(document)]


class Page(HTMLParser):
    """The elements of a page; checks that each is closed correctly."""

    EMPTY = ("meta", "img", "br", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    @classmethod
    def of(cls, text: str) -> Page:
        page = cls()
        page.feed(text)
        page.close()
        return page


OF_THE_PAGE = set(
    "html head meta title style body h1 h2 h3 dl dt dd table thead tbody tr th td article span p strong code "
    "ul li pre details summary a figure figcaption svg rect line text".split()
)
