"""The form of a catalogue entry: everything that is said of a code, whatever the case at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from ovms_doctor.model.findings import Recovers, Severity
    from ovms_doctor.model.server_log import Message


class Code(Struct, frozen=True):
    """One code, for ever. ``severity`` is the usual one (a case may be milder).

    ``summary``: one line. ``meaning``: what is the case and what the server does about it. ``remedy``: what to
    do. ``recovers``: whether the server picks the repair up by itself, and how; None where it depends or
    does not apply. ``messages``: what the server logs. ``texts``: other texts to recognise it by (OpenVINO's
    last lines, documentation). ``releases``: where it differs by release. ``check``: the check that
    reports it.
    """

    code: str
    name: str
    severity: Severity
    check: str
    summary: str
    meaning: str
    remedy: str
    recovers: Recovers | None = None
    messages: tuple[Message, ...] = ()
    texts: tuple[str, ...] = ()
    releases: str = ""
    see_also: tuple[str, ...] = ()

    @property
    def docs(self) -> str:
        """Where its page is, relative to the project's documentation."""
        return f"docs/findings/{self.code}.md"
