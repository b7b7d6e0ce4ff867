"""Client requests: the codes of their faults. The findings are made with the verdict on a request."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.requests.codes import CODES
from ovms_doctor.model.findings import Finding


def check(context: Context) -> Iterator[Finding]:
    """Yields nothing: the command ``request`` makes the findings, without the facts of a deployment."""
    yield from ()


CHECK = Check(name="requests", summary="a client's request against what is served", codes=CODES, run=check)
