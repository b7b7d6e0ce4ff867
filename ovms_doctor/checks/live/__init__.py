"""A running server: why a client cannot reach it, and what it does not serve.

The findings are made where a running server is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check, NotApplicableError
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.live.codes import CODES
from ovms_doctor.checks.live.proxies import proxies
from ovms_doctor.checks.live.reach import unreachable
from ovms_doctor.checks.live.states import states
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.live import LiveStatus


def check(context: Context) -> Iterator[Finding]:
    """Nothing: a running server is looked at apart from the facts of a deployment."""
    raise NotApplicableError("no running server was named")
    yield


def live_findings(status: LiveStatus) -> tuple[Finding, ...]:
    """The first step that fails, or what the server does not serve; and what stands between it and its clients."""
    if status.observations.problem and not status.observations.addresses:
        return ()
    found = list(unreachable(status)) or list(states(status))
    return (*found, *proxies(status))


CHECK = Check(name="live", summary="a running server: reachability and states", codes=CODES, run=check)
