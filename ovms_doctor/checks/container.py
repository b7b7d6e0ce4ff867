"""Everything about the container itself: how it ended, and what its set-up gets wrong."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import container_end as ending
from ovms_doctor.checks import container_image, container_ports, container_setup
from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import Finding


def check(context: Context) -> Iterator[Finding]:
    """Nothing where no container was named: the run then calls this check not applicable."""
    yield from ending.check(context)
    yield from container_setup.check(context)
    yield from container_ports.check(context)
    yield from container_image.check(context)
