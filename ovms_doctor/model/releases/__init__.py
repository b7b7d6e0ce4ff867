"""Which OVMS release changed what: data and comparisons, no rules.

The dates of changes come from the server's sources at each release tag (v2022.1 … v2026.3).
"""

from ovms_doctor.model.releases.opsets import (
    element_type_since,
    is_newer_opset,
    is_standard_opset,
    newest_opset,
    operation_since,
    standard_opsets,
)
from ovms_doctor.model.releases.release import (
    KNOWN_RELEASES,
    NEWEST,
    OLDEST,
    Release,
    ReleaseError,
    parse_release,
)

__all__ = [
    "KNOWN_RELEASES",
    "NEWEST",
    "OLDEST",
    "Release",
    "ReleaseError",
    "element_type_since",
    "is_newer_opset",
    "is_standard_opset",
    "newest_opset",
    "operation_since",
    "parse_release",
    "standard_opsets",
]
