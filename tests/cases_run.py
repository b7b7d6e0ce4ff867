"""Runs recorded cases through ``diagnosis`` and returns the report's JSON document."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from ovms_doctor.diagnosis.run import begin, report_on
from ovms_doctor.diagnosis.settle import SettledRun, settled_run
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.report.json_report import to_document
from tests.cases_build import Case, build

#: Groups whose result depends on compilation: a device, a shape, a plugin's property; also the random families.
COMPILED = {"options", "cli", "mapping", "random-cli", "random-config"}


@cache
def collector(uid: int) -> LocalCollector:
    """One collector for each user. All cases can share it, because each has its own directory."""
    return LocalCollector(User(uid, uid))


def request_for(case: Case, directory: str) -> CheckOptions:
    """The options for the case as a user on the server's own host would choose them. The recorder left its
    directory when it changed to another user."""
    default = "/" if case.uid else directory
    return CheckOptions(
        arguments=case.arguments(directory),
        release=case.release,
        user=User(case.uid, case.uid),
        user_from="--user",
        bare_metal=True,
        working_directory=case.filled("cwd", directory) or default,
        load="compile" if case.group in COMPILED else "read",
    )


def predict_case(case: Case, directory: Path) -> tuple[CheckOptions, SettledRun]:
    """Builds the case's tree and runs the prediction on it."""
    build(case, directory)
    request = request_for(case, os.fspath(directory))
    return request, settled_run(request, Facts(), collector(case.uid))


def document_of(settled: SettledRun) -> dict[str, Any]:
    return to_document(report_on(settled, OutputOptions(), begin(())))
