"""Predictions without any store: Amazon and Google, which are not available to tests, are not contacted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ovms_doctor.diagnosis.roots import roots
from ovms_doctor.diagnosis.run import report_on
from ovms_doctor.diagnosis.run_start import begin
from ovms_doctor.diagnosis.settle import Progress, SettledRun, settled_run
from ovms_doctor.model.facts import Answer, AnyQuestion, Facts, HeadBucket, ListStore, Unavailable
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.report.json_report import to_document


class Offline:
    """Collects facts from this host only."""

    def __init__(self, local: LocalCollector) -> None:
        self._local = local

    def collect(
        self, questions: Sequence[AnyQuestion], progress: Progress | None
    ) -> dict[AnyQuestion, Answer]:
        remote = {one: Unavailable("offline") for one in questions if isinstance(one, HeadBucket | ListStore)}
        return {**self._local.collect([one for one in questions if one not in remote]), **remote}

    def begin(self, questions: Sequence[AnyQuestion]) -> None:
        """Does nothing early."""


def settle_offline(request: CheckOptions) -> SettledRun:
    """The plan for the options, with unavailable stores."""
    with LocalCollector(request.user, roots(request), request.mount_table) as local:
        return settled_run(request, Facts(), Offline(local))


def reported_offline(request: CheckOptions) -> dict[str, Any]:
    """The JSON report for the options."""
    document: dict[str, Any] = to_document(report_on(settle_offline(request), OutputOptions(), begin([])))
    return document
