"""The findings of all checks for a bucket, and the causes of findings."""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.registry import arrange, run_checks
from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.environment import variables
from ovms_doctor.model.facts import StoreRefusal
from ovms_doctor.model.findings import Finding
from tests.storage.memory_store import KEYS, Bucket, settle_with_facts, store_deployment

GOOD = {"m/1/a.onnx": "good"}


AWS = {name: value for name, value in KEYS.items() if name != "S3_ENDPOINT"}


HEAD = StoreRefusal("HeadBucket", 403)


DENIED = StoreRefusal("ListObjects", 403, "AccessDenied")


def report(deployment: Deployment, bucket: Bucket) -> dict[str, Finding]:
    """All findings of all checks by code, each code once."""
    plan, facts = settle_with_facts(deployment, bucket)
    outcomes = run_checks(Context(deployment, plan, facts))
    assert {outcome.status for outcome in outcomes} <= {"ran", "not_applicable"}
    arranged = arrange(one for outcome in outcomes for one in outcome.findings)
    assert len({one.code for one in arranged}) == len(arranged)
    return {one.code: one for one in arranged}


def commands(finding: Finding) -> list[str]:
    assert finding.remedy is not None
    return [step.command for step in finding.remedy.steps if step.command is not None]


def causes(findings: dict[str, Finding], code: str) -> list[str]:
    names = {one.fingerprint: one.code for one in findings.values()}
    return [names[fingerprint] for fingerprint in findings[code].caused_by]


def container(source: str, **environment: str) -> Deployment:
    """A server in a container of this source, all of whose variables are known."""
    names = tuple(environment)
    made = Container(source, "ovms", environment_names=names)  # type: ignore[arg-type]
    return replace(
        store_deployment(environment={}), container=made, environment=variables(environment.items())
    )
