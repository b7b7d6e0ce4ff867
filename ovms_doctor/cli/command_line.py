"""The command line as reports and receipts show it."""

from __future__ import annotations

import sys

from ovms_doctor.model.redaction import redact_arguments


def command_line() -> tuple[str, ...]:
    """Returns the arguments of this process without secrets."""
    return redact_arguments(sys.argv[1:])
