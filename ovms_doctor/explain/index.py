"""The codes, their checks and their pages, as data: read without importing a check.

``data/codes.json`` is written by scripts/gen_docs.py from the codes that the checks declare. The pages are Markdown
files in the package of the checks: one for each code, and some that several of them link to.
"""

from __future__ import annotations

import pkgutil
from functools import cache

import msgspec
from msgspec import Struct

from ovms_doctor.model.findings import Recovers, Severity

#: In a page, the hand-written text begins after this line.
END_OF_FACTS = "<!-- /facts -->"


class CodeEntry(Struct, frozen=True):
    """A code without the text of its page; fields as in :class:`~ovms_doctor.model.codes.Code`."""

    code: str
    name: str
    severity: Severity
    #: The name of the check that reports the code.
    check: str
    summary: str
    remedy: str
    recovers: Recovers | None = None
    #: Templates of the server's messages.
    messages: tuple[str, ...] = ()
    #: Templates of other texts that identify the code.
    texts: tuple[str, ...] = ()
    releases: str = ""
    see_also: tuple[str, ...] = ()
    #: The smallest example, before and after the remedy; None without an example.
    example: tuple[str, str] | None = None
    #: The web address of the page.
    docs: str = ""
    #: The Markdown text of the page of a third-party code.
    page: str = ""
    is_gap: bool = False


class CheckEntry(Struct, frozen=True):
    """A check, as :class:`~ovms_doctor.checks.api.Check`."""

    #: Its name.
    name: str
    #: Its summary.
    summary: str


class SharedPage(Struct, frozen=True):
    """A page that the pages of several codes link to."""

    #: The file's name without ``.md``.
    name: str
    #: Its heading.
    title: str
    #: Markdown.
    text: str


class Index(Struct, frozen=True):
    """The content of ``data/codes.json``."""

    #: The checks, in the order in which they run.
    checks: tuple[CheckEntry, ...]
    #: The codes, ascending.
    codes: tuple[CodeEntry, ...]
    #: The names of the pages that several codes share.
    shared: tuple[str, ...]


@cache
def index() -> Index:
    """Returns all built-in checks and codes."""
    return msgspec.json.decode(_data("data/codes.json"), type=Index)


@cache
def codes() -> dict[str, CodeEntry]:
    """Returns all built-in codes, ascending."""
    return {entry.code: entry for entry in index().codes}


def lookup(code_or_name: str) -> CodeEntry | None:
    """Returns the entry for ``OVD101``, ``ovd101`` or ``no-version-directory``; None if no code has that name."""
    sought = code_or_name.strip()
    by_code = codes().get(sought.upper())
    return by_code or next((entry for entry in index().codes if entry.name == sought.lower()), None)


def lookup_page(name: str) -> SharedPage | None:
    """Returns a page that several codes share, by its name; None for another name."""
    sought = name.strip().lower()
    if sought not in index().shared:
        return None
    head, _, text = _page(sought).partition("\n")
    return SharedPage(sought, head.lstrip("# "), text.strip())


def prose(entry: CodeEntry) -> str:
    """Returns the prose of the code's page, as Markdown."""
    if entry.page:
        return entry.page.strip()
    if entry.code not in codes():
        return ""
    return _page(entry.code).partition(END_OF_FACTS)[2].strip()


def _page(name: str) -> str:
    """Returns a page from the package of the checks. ``name`` is in the index."""
    data = pkgutil.get_data("ovms_doctor", f"checks/pages/{name}.md")
    assert data is not None
    return data.decode("utf-8")


def _data(path: str) -> bytes:
    data = pkgutil.get_data("ovms_doctor.explain", path)
    assert data is not None
    return data
