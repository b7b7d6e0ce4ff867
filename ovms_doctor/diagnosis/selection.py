"""Which findings ``--select`` and ``--ignore`` keep in the report."""

from __future__ import annotations

from ovms_doctor.model.findings import Finding
from ovms_doctor.model.output_options import OutputOptions


def is_reported(finding: Finding, options: OutputOptions) -> bool:
    """Whether ``--select`` and ``--ignore`` keep the finding. Findings about ovms-doctor itself are always kept.

    The registry, which imports all checks, is imported only if one of the two options is used.
    """
    if finding.about_itself or not (options.select or options.ignore):
        return True
    from ovms_doctor.checks.registry import selects

    if options.select and not selects(options.select, finding):
        return False
    return not selects(options.ignore, finding)
