"""Facts that could not be collected: what the finding names, and how to get them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.checks import doctor
from ovms_doctor.checks.context import Context
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.graph_plan import GraphPlan, NodeModel
from ovms_doctor.model.options import SourceUnavailable
from ovms_doctor.model.plan import Attempt, ModelPlan, Plan
from tests.prediction.memory import deployment, model_of, settle

#: Access, listing, clock, connection and proxy: why a store was not read.
OF_STORES = ["OVD651", "OVD654", "OVD656", "OVD657", "OVD658", "OVD666"]
IN_STORE = "Give what a request to the store needs: "


def only(plan: Plan) -> Finding:
    (found,) = doctor.CHECK.run(Context(deployment(), plan, Facts(complete=True)))
    return found


def planned(cause: CouldNotLook) -> Plan:
    """The plan for a model, all of which is unknown."""
    plan = settle(deployment(), model_of("1", "2"))
    return replace(plan, models=(replace(plan.models[0], unknown=cause),))


@pytest.mark.parametrize(("timed_out", "code"), [(False, "OVD903"), (True, "OVD904")])
def test_what_could_not_be_looked_at(timed_out: bool, code: str) -> None:
    found = only(planned(CouldNotLook("/m/1", "the disk fails", timed_out=timed_out)))
    assert (found.code, found.severity) == (code, "warning")
    assert found.message == "Could not look at /m/1: the disk fails"
    assert (found.subject.model, found.subject.version, found.subject.path) == ("m", None, "/m/1")
    assert found.detail == "This run does not show what the server does here."
    assert [(item.observation, item.how) for item in found.evidence] == [("the disk fails", "tried")]
    assert (found.recovers, found.causes) == (None, ())


def test_what_could_not_be_looked_at_before_any_model() -> None:
    plan = Plan("config", "unknown", unknown=CouldNotLook("/c.json", "the disk fails"))
    found = only(plan)
    assert (found.subject.model, found.subject.path) == (None, "/c.json")


def test_the_version_is_that_of_the_load_that_could_not_be_followed() -> None:
    cause = CouldNotLook("/m/2/a.onnx", "the disk fails")
    plan = planned(cause)
    model: ModelPlan = plan.models[0]
    first, second = model.versions
    attempt = Attempt(2, "unknown", "/m/2", cause=cause)  # type: ignore[arg-type]
    versions = (first, replace(second, attempt=attempt))
    found = only(replace(plan, models=(replace(model, versions=versions),)))
    assert found.subject.version == 2


@pytest.mark.parametrize(
    ("path", "reason", "remedy", "has_path"),
    [
        ("s3://bucket/m", "no answer", IN_STORE, True),
        ("gs://bucket/m", "no answer", IN_STORE, True),
        ("s3://bucket/m", "interrupted", "Run it again until it ends.", True),
        ("s3://bucket/m", "the object has changed meanwhile", "Run it again.", True),
        ("s3://bucket/m", "give --download-limit", (
            "Correct the problem that the reason names, and run ovms-doctor again."
        ), True),
        ("s3://bucket/m", "no room to download 3 GB", "Name a directory with more free space in TMPDIR", True),
        ("az://container/m", "not looked at", "List the path with Azure's own tools: ", True),
        ("azfs://share/m", "not looked at", "List the path with Azure's own tools: ", True),
        ("https://huggingface.co/OpenVINO/m", "not there yet", "Pull the model with --pull first", False),
        ("--docker-run", "not understood", "", False),
    ],
)  # fmt: skip
def test_the_remedy_fits_the_reason(path: str, reason: str, remedy: str, has_path: bool) -> None:
    found = only(planned(CouldNotLook(path, reason)))
    assert found.remedy.summary.startswith(remedy)
    assert found.subject.server_path == (path if has_path else None)
    # Why a store could not be read is a finding of its own.
    of_store = path.startswith(("s3://", "gs://", "az://", "azfs://"))
    assert [cause.code for cause in found.causes] == (OF_STORES if of_store else [])
    assert all(cause.any_severity for cause in found.causes)


def test_a_generative_model_that_is_not_loaded_as_far_as_requested() -> None:
    plan = settle(deployment(), model_of("1"))
    node = NodeModel("/m", "/m", not_loaded=("openvino-genai is missing",))
    model = replace(plan.models[0], followed=GraphPlan("", models=(node,)))
    found = only(replace(plan, models=(model,)))
    assert (found.code, found.severity, found.subject.model) == ("OVD908", "info", "m")
    assert found.message == "Not loaded: openvino-genai is missing"
    assert found.detail == "The states are predicted from the files, and from what OpenVINO could read."
    assert [item.observation for item in found.evidence] == ["openvino-genai is missing"]


@pytest.mark.parametrize(
    ("mount", "text", "command"),
    [
        ("/srv/m:/m", "If the container has /srv/m at /m, check again with that mount.", "--mount /srv/m:/m"),
        (
            "DIRECTORY:/a b",
            "Name the directory of this host that the container has at /a b.",
            "--mount DIRECTORY:'/a b'",
        ),
    ],
)
def test_a_path_of_the_container_needs_a_mount(mount: str, text: str, command: str) -> None:
    server = replace(deployment(), config_path="/c.json")
    plan = planned(CouldNotLook("/m", "not on this host", mount=mount))
    (found,) = doctor.CHECK.run(Context(server, plan, Facts(complete=True)))
    assert found.remedy.summary.startswith("Name the mounts of the container with --mount HOST:SERVER")
    (step,) = found.remedy.steps
    assert step.text == text
    assert step.command == f"ovms-doctor check /c.json {command}"


def test_a_deployment_that_could_not_be_read_is_described_in_another_way() -> None:
    server = replace(deployment(), unavailable=SourceUnavailable("ovms", "the engine does not answer"))
    context = Context(server, planned(CouldNotLook("/m", "no engine")), Facts(complete=True))
    (found,) = doctor.CHECK.run(context)
    assert found.remedy.summary.startswith("Describe the server in another way: ")
    assert (found.remedy.steps, found.subject.path) == ((), None)
