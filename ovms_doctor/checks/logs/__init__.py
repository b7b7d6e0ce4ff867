"""The codes for server logs that no other check has.

The diagnosis of logs makes the findings, from the templates that ``explain`` searches.
"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.logs import figures, graphs, requests, server, tools
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.log import LOG_CHECK


def check(context: Context) -> Iterator[Finding]:
    """Yields nothing: the findings of a log are joined with the findings of all checks."""
    yield from ()


CHECK = Check(
    name=LOG_CHECK,
    summary="causes, states and requests in the server's log",
    codes=(*server.CODES, *requests.CODES, *graphs.CODES, *figures.CODES, *tools.CODES),
    run=check,
)
