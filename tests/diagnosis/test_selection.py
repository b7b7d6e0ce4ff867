"""Which findings ``--select`` and ``--ignore`` keep."""

from __future__ import annotations

import pytest

from ovms_doctor.diagnosis.selection import is_reported
from ovms_doctor.model.findings import Finding, Subject
from ovms_doctor.model.output_options import OutputOptions


@pytest.mark.parametrize(
    ("code", "name", "select", "ignore", "kept"),
    [
        ("OVD101", "no-version-directory", (), (), True),
        ("OVD101", "no-version-directory", ("OVD1",), (), True),
        ("OVD101", "no-version-directory", ("OVD2", "layout"), (), True),
        ("OVD101", "no-version-directory", ("OVD2",), (), False),
        ("OVD101", "no-version-directory", (), ("no-version-directory",), False),
        ("OVD101", "no-version-directory", (), ("OVD2",), True),
        ("OVD101", "no-version-directory", ("OVD1",), ("OVD101",), False),
        # What ovms-doctor could not do is always reported: without it, the report would seem complete.
        ("OVD901", "probe-timed-out", ("OVD1",), (), True),
        ("OVD901", "probe-timed-out", (), ("OVD901",), True),
    ],
)
def test_selection_of_findings(
    code: str, name: str, select: tuple[str, ...], ignore: tuple[str, ...], kept: bool
) -> None:
    finding = Finding(code, name, "error", Subject(), "A message")
    assert is_reported(finding, OutputOptions(select=select, ignore=ignore)) is kept
