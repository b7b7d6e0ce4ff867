"""The patterns of ``--select`` and ``--ignore``."""

from __future__ import annotations

from collections.abc import Collection

from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.option_values import shortened
from ovms_doctor.model.output_options import OutputOptions


def check_patterns(options: OutputOptions, third_party: Collection[str] = ()) -> None:
    """Raises UsageError for a pattern that is the name or code of no check and no finding.

    ``third_party``: the patterns that match something of third-party checks.
    """
    for option, patterns in (("--select", options.select), ("--ignore", options.ignore)):
        for pattern in patterns:
            # Imports all checks: only where there is a pattern.
            from ovms_doctor.checks.registry import matches_anything

            if not matches_anything(pattern) and pattern not in third_party:
                raise UsageError(
                    f"{option} {shortened(pattern)}: no check, no finding and no code has this name; "
                    "ovms-doctor checks lists them"
                )
