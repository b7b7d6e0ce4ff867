"""The limits that the options set for reading a document that the command line names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovms_doctor.model.options import CheckOptions
from ovms_doctor.probes.named_files import DocumentLimits


def limits_of(options: CheckOptions) -> DocumentLimits:
    """Returns the limits of a command whose options are known."""
    return DocumentLimits(options.document_limit, options.timeout)


def parsed_limits(parsed: Mapping[str, Any]) -> DocumentLimits:
    """Returns the limits that were typed, by the values of the options; without one, the limits of the kind of
    document."""
    known = DocumentLimits()
    return DocumentLimits(
        parsed.get("document_limit"), parsed.get("timeout") or known.timeout, "document_limit" in parsed
    )
