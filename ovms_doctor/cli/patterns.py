"""The patterns of ``--select`` and ``--ignore``."""

from __future__ import annotations

from collections.abc import Collection

from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.option_values import shortened
from ovms_doctor.model.output_options import OutputOptions


def check_patterns(options: OutputOptions, third_party: Collection[str] = ()) -> None:
    """Raises UsageError for a pattern that matches no name or code of a check or finding.

    ``third_party``: the patterns that match a third-party check or code.
    """
    for option, patterns in (("--select", options.select), ("--ignore", options.ignore)):
        for pattern in patterns:
            # This imports all checks, and only runs if there is a pattern.
            from ovms_doctor.checks.registry import matches_anything

            if not matches_anything(pattern) and pattern not in third_party:
                raise UsageError(
                    f"{option} {shortened(pattern)}: no check, no finding and no code has this name; "
                    "ovms-doctor checks lists them"
                )
