"""A code: the data that is the same for each of its findings."""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.model.findings import Recovers, Severity
from ovms_doctor.model.server_log import Message

#: Prefix of ovms-doctor's own codes.
PREFIX = "OVD"
#: The directory of the pages of own codes, from the root of the project; a page's name is the code and ``.md``.
PAGES = "ovms_doctor/checks/pages"
#: The project's address, as in pyproject.toml and in the labels of the Dockerfile.
PROJECT_URL = "https://github.com/ovms-doctor/ovms-doctor"

#: For :attr:`Code.releases`.
ALL_RELEASES = "The same in all releases from 2022.1 on."


class Example(Struct, frozen=True):
    """The smallest case with the finding, and the same case after the remedy. ``m`` is a model's directory."""

    #: Files, arguments or configuration with the problem, a line each.
    before: str
    #: The same without it.
    after: str


class Code(Struct, frozen=True, kw_only=True):
    """One code: a published number or name never gets another meaning.

    Everything beyond these fields is in the code's Markdown page.
    """

    #: ``OVD`` and three digits; a third-party check has a prefix of its own.
    code: str
    #: In kebab case, like ``no-version-directory``.
    name: str
    #: The usual severity; a finding may be milder.
    severity: Severity
    #: The problem: a phrase, without a full stop.
    summary: str
    #: The remedy, in whole sentences; a finding may have a more specific one.
    remedy: str
    #: The texts that show the problem, as templates with ``{fields}``: the server's own messages, and other texts by
    #: which it is recognised (OpenVINO's last lines, texts from documentation).
    log: tuple[Message | str, ...] = ()
    #: How the server usually picks the remedy up; None if that depends on the case or does not apply.
    recovers: Recovers | None = None
    #: The releases with this behaviour, in whole sentences.
    releases: str = ""
    #: Related codes.
    see_also: tuple[str, ...] = ()
    #: Whether a finding with it says that part of the server was not looked at, so that other findings may be missing.
    is_gap: bool = False
    #: None for a third-party code without one.
    example: Example | None = None
    #: Third-party codes only: the web address of the page.
    docs: str = ""
    #: Third-party codes only: the page's Markdown text, which ``explain`` shows.
    page: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """Returns the server's own messages among ``log``."""
        return tuple(item for item in self.log if isinstance(item, Message))

    @property
    def texts(self) -> tuple[str, ...]:
        """Returns the other texts among ``log``."""
        return tuple(item for item in self.log if isinstance(item, str))

    @property
    def address(self) -> str:
        """Returns the web address of the page; empty if there is none."""
        return page_url(self.code) if self.code.startswith(PREFIX) else self.docs


def page_url(code: str) -> str:
    """Returns the web address of the page about an own code."""
    return f"{PROJECT_URL}/blob/main/{PAGES}/{code}.md"
