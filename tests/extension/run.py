"""A model and an extension, read by the real collector and evaluated by all checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.registry import run_checks
from ovms_doctor.diagnosis.settle import SettledRun, settled_run
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import IMAGE_USER
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan_problems import ExtensionPlan
from ovms_doctor.probes.access import Ids
from ovms_doctor.probes.local import LocalCollector
from tests.extension.build import RELEASE
from tests.probes.runtime.models import ir, operation, parameter, result


@dataclass(frozen=True)
class JudgedRun:
    settled: SettledRun
    findings: tuple[Finding, ...]

    @property
    def codes(self) -> list[str]:
        return sorted(finding.code for finding in self.findings)

    @property
    def only(self) -> Finding:
        (finding,) = self.findings
        return finding

    @property
    def outcome(self) -> tuple[str, int | None]:
        return self.settled.plan.outcome, self.settled.plan.exit_code

    @property
    def served(self) -> tuple[int, ...]:
        return self.settled.plan.models[0].served

    @property
    def extension(self) -> ExtensionPlan:
        assert self.settled.plan.extension is not None
        return self.settled.plan.extension


def model(directory: Path, kind: str = "ProbeIdentity", opset: str = "extension") -> Path:
    """A model's directory with one version, which uses one operation."""
    version = directory / "m" / "1"
    version.mkdir(parents=True)
    text = ir(parameter(names="x"), operation(kind, opset), result())
    # The operation's output has a name, without which releases before 2025.0 load no model.
    before, port, after = text.rpartition('<output><port id="1" precision="FP32"')
    (version / "m.xml").write_text(f'{before}{port} names="y"{after}')
    (version / "m.bin").touch()
    return directory / "m"


def judge(
    models: Path,
    extension: Path | str | None,
    *,
    release: str = RELEASE,
    load: Literal["none", "read", "compile"] = "read",
    as_user: bool = False,
    load_deadline: float = 60.0,
    by_arguments: bool = False,
) -> JudgedRun:
    """The prediction and findings for a server with this model and extension. ``as_user``: with the user of
    the image; ``by_arguments``: the server gets them as its own arguments."""
    named = None if extension is None else str(extension)
    if by_arguments:
        line = (
            "--model_name",
            "m",
            "--model_path",
            str(models),
            "--port",
            "9000",
            "--cpu_extension",
            named or "",
        )
        request = CheckOptions(
            arguments=line, release=release, load=load, working_directory=str(models.parent), bare_metal=True
        )
    else:
        request = CheckOptions(
            targets=(str(models),), cpu_extension=named, release=release, load=load, working_directory="/"
        )
    ids = Ids(IMAGE_USER.uid, IMAGE_USER.gid, IMAGE_USER.groups) if as_user else None
    with LocalCollector(ids, (), load_deadline=load_deadline, jobs=1) as collector:
        return judged(settled_run(request, Facts(), collector))


def judged(settled: SettledRun) -> JudgedRun:
    outcomes = run_checks(Context(settled.deployment, settled.plan, settled.facts))
    assert {outcome.status for outcome in outcomes} <= {"ran", "not_applicable"}
    return JudgedRun(settled, tuple(finding for outcome in outcomes for finding in outcome.findings))
