"""Target devices: the result for each by release, by the server's devices, and by its user."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.checks import devices, parameters
from ovms_doctor.checks.context import Context
from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.deployment import Deployment, ModelEntry, ModelParameters
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Facts,
    LoadModel,
    LoadReport,
    Preparation,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import HostDevices, User
from ovms_doctor.model.parameters import DeviceVerdict
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.parameters.device_rules import judge_device, presence
from ovms_doctor.prediction.parameters.devices import target_device
from tests.cases_run import collector
from tests.prediction.memory import MemoryFiles, deployment, model_of, settle
from tests.probes.runtime.driver import DATA

NONE = HostDevices()
GPU = HostDevices(dri=True, intel_gpu=True)
RENDER = HostDevices(dri=True, render_groups=(109,), intel_gpu=True)
ALL = HostDevices(dri=True, accel=True)
WSL = HostDevices(dxg=True)
IMAGE, ROOT, MEMBER = User(5000, 5000, (39, 44)), User(0, 0), User(5000, 5000, (39, 44, 109))


def judged(
    text: str, host_devices: HostDevices | None = NONE, release: str = "2026.3", user: User = IMAGE
) -> DeviceVerdict:
    known = parse_release(release)
    return judge_device(target_device(text, known), known, host_devices, user)


#: Without GPU and NPU: (works, reason, device that fails), in 2026.3.
BARE_HOST: dict[str, tuple[bool | None, str, str]] = {
    "CPU": (True, "", ""),
    "CPU:": (True, "", ""),
    "CPU.0": (False, "number", "CPU.0"),
    "CPU:0": (False, "number", "CPU.0"),
    "cpu": (False, "unknown", "cpu"),
    "gpu": (False, "unknown", "gpu"),
    " CPU": (False, "unknown", " CPU"),
    "CPU ": (False, "unknown", "CPU "),
    "CPUU": (False, "unknown", "CPUU"),
    "CPU,GPU": (False, "unknown", "CPU,GPU"),
    ":CPU": (False, "unknown", ""),
    "TEMPLATE": (False, "unknown", "TEMPLATE"),
    "GNA": (False, "removed", "GNA"),
    "MYRIAD": (False, "removed", "MYRIAD"),
    "HDDL": (False, "removed", "HDDL"),
    "NVIDIA": (None, "", ""),
    "GPU": (False, "absent", "GPU"),
    "GPU.1": (False, "absent", "GPU.1"),
    "NPU": (False, "absent", "NPU"),
    "AUTO": (True, "", ""),
    "AUTO:": (True, "", ""),
    "AUTO.0": (False, "number", "AUTO.0"),
    "AUTO:CPU": (True, "", ""),
    "AUTO:CPU(2)": (True, "", ""),
    "AUTO:GPU,CPU": (True, "", ""),
    "AUTO:NPU,CPU": (True, "", ""),
    "AUTO:GPU": (False, "absent", "GPU"),
    "AUTO:GPU,NPU": (False, "absent", "GPU"),
    "AUTO:GPU, CPU": (False, "absent", "GPU"),
    "AUTO:FOO": (False, "unknown", "FOO"),
    "AUTO:cpu": (False, "unknown", "cpu"),
    "AUTO:FOO,CPU": (True, "", ""),
    "AUTO:CPU.0": (False, "number", "CPU.0"),
    "AUTO:-CPU": (False, "nothing", "-CPU"),
    "AUTO:-GPU": (True, "", ""),
    "AUTO:-FOO": (True, "", ""),
    "AUTO:CPU,-GPU": (True, "", ""),
    "AUTO:MULTI": (False, "nested", "MULTI"),
    "AUTO:HETERO": (False, "nested", "HETERO"),
    "MULTI": (False, "bare", "MULTI"),
    "MULTI:": (False, "bare", "MULTI"),
    "MULTI:CPU": (True, "", ""),
    "MULTI:GPU,CPU": (True, "", ""),
    "MULTI:GPU": (False, "absent", "GPU"),
    "MULTI:FOO,CPU": (True, "", ""),
    "MULTI:-CPU": (False, "nothing", "-CPU"),
    "MULTI:AUTO": (False, "nested", "AUTO"),
    "HETERO": (False, "bare", "HETERO"),
    "HETERO:": (False, "bare", "HETERO"),
    "HETERO:CPU": (True, "", ""),
    "HETERO:CPU,CPU": (True, "", ""),
    "HETERO:GPU,CPU": (False, "absent", "GPU"),
    "HETERO:CPU,GPU": (None, "", ""),
    "HETERO:FOO,CPU": (False, "unknown", "FOO"),
    "HETERO:cpu": (False, "unknown", "cpu"),
    "HETERO:CPU.0": (False, "number", "CPU.0"),
    "BATCH": (False, "bare", "BATCH"),
    "BATCH:": (False, "bare", "BATCH"),
    "BATCH:CPU": (True, "", ""),
    "BATCH:CPU(4)": (True, "", ""),
    "BATCH:FOO": (False, "unknown", "FOO"),
    "BATCH:CPU,GPU": (False, "several", "CPU,GPU"),
    "BATCH:GPU": (False, "absent", "GPU"),
}


@pytest.mark.parametrize(("text", "expected"), BARE_HOST.items())
def test_on_a_host_without_gpu_and_npu(text: str, expected: tuple[bool | None, str, str]) -> None:
    verdict = judged(text)
    assert (verdict.works, verdict.reason, verdict.name) == expected


@pytest.mark.parametrize("text", [text for text, found in BARE_HOST.items() if found[1] == "absent"])
def test_unknown_hardware_leaves_the_result_unknown(text: str) -> None:
    assert judged(text, None).works is None


@pytest.mark.parametrize(
    "text", [text for text, found in BARE_HOST.items() if found[1] in ("unknown", "bare", "number")]
)
def test_an_invalid_device_name_fails_on_every_host(text: str) -> None:
    for host_devices in (None, NONE, ALL):
        assert judged(text, host_devices).works is False
        assert judged(text, host_devices).is_host_independent


@pytest.mark.parametrize(
    ("text", "release", "works"),
    [
        # a missing device: AUTO continues without it since 2023.1, MULTI since 2024.0
        ("AUTO:GPU,CPU", "2022.3", None),
        ("AUTO:GPU,CPU", "2023.0", False),
        ("MULTI:GPU,CPU", "2023.3", False),
        ("MULTI:NPU,CPU", "2024.0", True),
        # without libOpenCL.so.1 the list fails; all images contain it since 2024.5
        ("AUTO:GPU,CPU", "2023.1", None),
        ("MULTI:GPU,CPU", "2024.0", None),
        ("AUTO:GPU.0,CPU", "2024.4", None),
        ("AUTO:GPU,CPU", "2024.5", True),
        ("AUTO:FOO,CPU", "2022.3", None),
        ("AUTO:FOO,CPU", "2023.0", False),
        ("AUTO:FOO,CPU", "2023.1", True),
        ("MULTI:FOO,CPU", "2023.1", True),
        ("HETERO:CPU,GPU", "2023.0", False),
        ("HETERO:CPU,GPU", "2024.0", False),
        ("HETERO:CPU,GPU", "2025.0", None),
        ("BATCH:CPU", "2023.2", None),
        ("BATCH:CPU", "2023.3", True),
        # removed plugins
        ("GNA", "2023.3", None),
        ("GNA", "2024.0", False),
        ("MYRIAD", "2022.3", None),
        ("MYRIAD", "2023.0", False),
        ("NPU", "2023.3", None),
        ("NPU", "2024.0", False),
        # an empty name is not a device until the server chooses one
        ("", "2026.2", False),
        ("", "2026.3", True),
    ],
)
def test_releases(text: str, release: str, works: bool | None) -> None:
    assert judged(text, release=release).works is works


@pytest.mark.parametrize(
    ("text", "host_devices", "release", "word"),
    [
        ("GPU", None, "2026.3", "which GPUs and NPUs"),
        ("HETERO:GPU,CPU", None, "2026.3", "which GPUs and NPUs"),
        ("AUTO:GPU", None, "2026.3", "which GPUs and NPUs"),
        ("AUTO:GPU,CPU", NONE, "2024.4", "libOpenCL.so.1"),
        ("AUTO:GPU,CPU", None, "2024.4", "libOpenCL.so.1"),
        ("GPU", GPU, "2026.3", ""),
        ("AUTO:GPU,CPU", None, "2026.3", ""),
        ("CPU", None, "2026.3", ""),
        ("NVIDIA", None, "2026.3", ""),
    ],
)
def test_missing_knowledge_is_named(
    text: str, host_devices: HostDevices | None, release: str, word: str
) -> None:
    unavailable = judged(text, host_devices, release).unavailable
    assert (word in unavailable) if word else not unavailable


@pytest.mark.parametrize(
    ("name", "host_devices", "user", "expected"),
    [
        ("GPU", None, IMAGE, "open"),
        ("GPU", NONE, IMAGE, "absent"),
        ("GPU", GPU, IMAGE, "there"),
        ("GPU", WSL, IMAGE, "there"),
        ("GPU", RENDER, IMAGE, "access"),
        ("GPU", RENDER, MEMBER, "there"),
        ("GPU", RENDER, ROOT, "there"),
        ("GPU", RENDER, User(1000, 109), "there"),
        ("NPU", GPU, IMAGE, "absent"),
        ("NPU", WSL, IMAGE, "open"),
        ("NPU", ALL, IMAGE, "there"),
        ("NPU", HostDevices(accel=True, accel_groups=(992,)), IMAGE, "access"),
    ],
)
def test_presence(name: str, host_devices: HostDevices | None, user: User, expected: str) -> None:
    assert presence(name, host_devices, user)[0] == expected


@pytest.mark.parametrize(
    ("text", "host_devices", "passed"),
    [
        ("AUTO:GPU,CPU", NONE, [("GPU", "absent")]),
        ("AUTO:GPU,CPU", RENDER, [("GPU", "access")]),
        ("AUTO:GPU,CPU", GPU, []),
        ("AUTO:GPU,CPU", None, []),
        ("AUTO:CPU,GPU ,NPU", NONE, [("GPU ", "unknown"), ("NPU", "absent")]),
        ("AUTO:GNA,CPU", NONE, [("GNA", "removed")]),
        ("AUTO:GNA,GPU,CPU", None, [("GNA", "removed")]),
        ("MULTI:FOO,CPU", GPU, [("FOO", "unknown")]),
        ("AUTO:GPU,FOO", GPU, [("FOO", "unknown")]),
    ],
)
def test_devices_missing_in_a_list(
    text: str, host_devices: HostDevices | None, passed: list[tuple[str, str]]
) -> None:
    verdict = judged(text, host_devices)
    assert [(item.name, item.reason) for item in verdict.passed_over] == passed
    assert verdict.works is not False


# -- the rules against the real OpenVINO ------------------------------------------------------------------
@pytest.mark.needs_module("numpy")
def test_same_results_as_openvino(public_dir: Path) -> None:
    """Every device of the table that needs no GPU or NPU, compiled by the installed OpenVINO."""
    for name in ("fc.xml", "fc.bin"):
        shutil.copyfile(DATA / name, public_dir / name)
    own = [text for text in BARE_HOST if "GPU" not in text and "NPU" not in text]
    model = os.fspath(public_dir / "fc.xml")
    questions = {text: LoadModel(model, "compile", Preparation(device=text)) for text in own}
    answers = collector(os.getuid()).collect(tuple(questions.values()))
    results: dict[str, bool] = {}
    for text, question in questions.items():
        report = answers[question]
        assert isinstance(report, LoadReport), report
        assert report.stage == "compile"
        results[text] = report.outcome == "ok"
    expected = {text: BARE_HOST[text][0] for text in own}
    # Plugins that only the image has are not in OpenVINO's package.
    assert {text: value for text, value in results.items() if expected[text] is not None} == {
        text: value for text, value in expected.items() if value is not None
    }
    assert results["NVIDIA"] is False


# -- plans and findings, in memory ----------------------------------------------------------------------
class DeviceFiles(MemoryFiles):
    """Files in memory, and an OpenVINO that refuses to compile for unknown devices; /dev is empty."""

    def answer(self, question: AnyQuestion) -> Answer:
        if isinstance(question, LoadModel) and question.preparation is not None:
            device = question.preparation.device
            if question.level == "compile" and device != "CPU" and not device.startswith("AUTO"):
                self.questions.append(question)
                return LoadReport("compile", "failed", "compile", f"no {device}\n", "2026.4.1")
        return super().answer(question)


def device_files(source: MemoryFiles | None = None) -> DeviceFiles:
    return DeviceFiles((source or model_of("1")).files)


def plan_and_findings(
    device: str | None,
    host_devices: HostDevices | None = NONE,
    *,
    load: str = "read",
    user: User = IMAGE,
    release: str = "2026.3",
    **more: Any,
) -> tuple[Plan, list[Finding], DeviceFiles]:
    parameter_values = {
        **({} if device is None else {"target_device": device}),
        **more.pop("parameter_values", {}),
    }
    values = tuple((name, json.dumps(value)) for name, value in parameter_values.items())
    entry = ModelEntry("m", "/m", parameters=ModelParameters(values, "config"))
    server: Deployment = deployment(release, entry=entry, devices=host_devices, load=load, user=user, **more)
    files = device_files()
    plan = settle(server, files)
    context = Context(server, plan, Facts(complete=True))
    return plan, [*parameters.check(context), *devices.check(context)], files


@pytest.mark.parametrize(
    ("device", "text"),
    [
        ("CPUU", 'Device with "CPUU" name is not registered in the OpenVINO Runtime'),
        ("HETERO:GNA,CPU", 'Device with "GNA" name is not registered in the OpenVINO Runtime'),
        ("AUTO:cpu", "No available device to filter AUTO plugin"),
        ("CPU.0", "CPU plugin supports only '' as device id"),
        ("MULTI:-CPU", "Please, check environment due to no supported devices can be used"),
        ("GPU", "no /dev/dri/renderD* of Intel exists"),
    ],
)
def test_the_text_is_predicted_without_openvino(device: str, text: str) -> None:
    _, (finding,), _ = plan_and_findings(device, load="none")
    assert text in [evidence.observation for evidence in finding.evidence]


@pytest.mark.parametrize(
    ("device", "hint"),
    [
        ("cpu", '"CPU"'),
        ("AUTO:GPU, CPU", '"AUTO:GPU,CPU"'),
        ("CPUU", '"CPU"'),
        ("CPU.0", "CPU."),
        ("HETERO", "HETERO:CPU"),
        ("AUTO:MULTI", "AUTO:CPU"),
        ("BATCH:CPU,GPU", "BATCH:CPU."),
        ("HETERO:CPUU,CPU", "Did you mean CPU for CPUU?"),
        ("HETERO:GPU,CPU", "HETERO:CPU"),
        ("GNA", "CPU"),
        ("GPU", "AUTO:GPU,CPU"),
    ],
)
def test_suggested_device(device: str, hint: str) -> None:
    _, (finding,), _ = plan_and_findings(device, load="none")
    assert finding.remedy is not None
    (step,) = finding.remedy.steps
    assert hint in step.text


def compiled(files: DeviceFiles) -> list[str]:
    return [
        question.preparation.device
        for question in files.questions
        if isinstance(question, LoadModel)
        and question.level == "compile"
        and question.preparation is not None
    ]


@pytest.mark.parametrize("load", ["none", "read", "compile"])
@pytest.mark.parametrize("device", ["cpu", "CPU.0", "MULTI", "HETERO:FOO,CPU", "GNA", "GPU", "NPU"])
def test_fails_at_every_level(device: str, load: str) -> None:
    plan, findings, _ = plan_and_findings(device, load=load)
    (version,) = plan.models[0].versions
    assert version.attempt is not None
    assert (version.attempt.outcome, version.attempt.status) == (
        "failed",
        "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE",
    )
    assert isinstance(version.attempt.cause, ParameterRefused)
    assert version.now is not None
    assert (version.now.state, version.now.error_code) == ("LOADING", "UNKNOWN")
    (finding,) = findings
    assert (finding.code, finding.severity) == ("OVD432", "error")
    assert finding.remedy is not None
    assert finding.remedy.steps
    assert finding.server_log[-1] == (
        "Error occurred while loading model: m; version: 1; error: Cannot compile model into target device"
    )


def test_openvino_error_is_requested_if_it_is_cheap() -> None:
    _, (finding,), files = plan_and_findings("CPU.0")
    assert compiled(files) == ["CPU.0"]
    assert "error: no CPU.0" in finding.server_log[0]
    for load in ("none", "read"):
        plan, _, files = plan_and_findings("GPU", load=load)
        assert compiled(files) == []
        assert not plan.models[0].served_later


@pytest.mark.parametrize("load", ["none", "read", "compile"])
@pytest.mark.parametrize("device", ["GPU", "NPU", "GPU.1", "HETERO:GPU,CPU", "AUTO:GPU", "BATCH:GPU"])
def test_no_false_alarm_if_the_devices_are_unknown(device: str, load: str) -> None:
    plan, findings, files = plan_and_findings(device, None, load=load)
    assert plan.models[0].served_later == (1,)
    assert findings == []
    assert compiled(files) == []


def test_the_gpu_of_the_server_is_tried_by_openvino() -> None:
    plan, (finding,), files = plan_and_findings("GPU", GPU, load="compile")
    assert compiled(files) == ["GPU"]
    assert not plan.models[0].served_later
    assert finding.code == "OVD432"
    assert plan_and_findings("GPU", GPU)[1] == []


def test_library_missing_on_this_host_proves_nothing_for_the_server() -> None:
    class LoadWithoutLibrary(DeviceFiles):
        def answer(self, question: AnyQuestion) -> Answer:
            if isinstance(question, LoadModel) and question.level == "compile":
                return LoadReport("compile", "failed", "compile", 'Cannot load library "x.so"', "2026.4.1")
            return super().answer(question)

    entry = ModelEntry("m", "/m", parameters=ModelParameters((("target_device", '"GPU"'),), "config"))
    server = deployment("2026.3", entry=entry, devices=GPU, load="compile", user=IMAGE)
    plan = settle(server, LoadWithoutLibrary(model_of("1").files))
    assert plan.models[0].unknown is not None
    server = deployment("2026.3", entry=entry, devices=NONE, load="compile", user=IMAGE)
    (version,) = settle(server, LoadWithoutLibrary(model_of("1").files)).models[0].versions
    assert version.attempt is not None
    assert (version.attempt.outcome, version.attempt.log) == ("failed", ())


def test_bare_metal_host_is_queried_by_default() -> None:
    entry = ModelEntry("m", "/m", parameters=ModelParameters((("target_device", '"GPU"'),), "config"))
    server = deployment("2026.3", entry=entry, bare_metal=True)
    files = device_files()
    assert not settle(server, files).models[0].served_later
    assert StatPath("/dev/dri") in files.questions
    files.directories.add("/dev/dri")
    assert settle(server, files).models[0].served_later == (1,)
    entry = ModelEntry("m", "/m", parameters=ModelParameters((("target_device", '"CPU"'),), "config"))
    files = device_files()
    settle(deployment("2026.3", entry=entry, bare_metal=True), files)
    assert StatPath("/dev/dri") not in files.questions


@pytest.mark.parametrize(
    ("device", "host_devices", "user", "codes"),
    [
        ("GPU", RENDER, IMAGE, [("OVD731", "error")]),
        ("GPU", RENDER, MEMBER, []),
        ("GPU", RENDER, ROOT, []),
        ("AUTO:GPU,CPU", RENDER, IMAGE, [("OVD731", "warning")]),
        ("AUTO:GPU,CPU", RENDER, MEMBER, []),
        ("AUTO:GPU,CPU", NONE, IMAGE, [("OVD732", "info")]),
        ("AUTO:GPU,CPU", None, IMAGE, []),
        ("AUTO", NONE, IMAGE, []),
        ("AUTO:CPU, GPU", NONE, IMAGE, [("OVD733", "warning")]),
        ("AUTO:CPU, GPU", None, IMAGE, [("OVD733", "warning")]),
        ("AUTO:CPU,GNA", NONE, IMAGE, [("OVD733", "warning")]),
        ("NPU", HostDevices(accel=True, accel_groups=(992,)), IMAGE, [("OVD731", "error")]),
    ],
)
def test_findings(
    device: str, host_devices: HostDevices | None, user: User, codes: list[tuple[str, str]]
) -> None:
    plan, findings, _ = plan_and_findings(device, host_devices, user=user)
    assert [(finding.code, finding.severity) for finding in findings] == codes
    failed = ("OVD731", "error") in codes
    assert plan.models[0].served_later == (() if failed else (1,))
    for finding in findings:
        assert finding.code == "OVD732" or (finding.remedy is not None and finding.remedy.steps)


OTHERS = ", and OpenVINO uses the other devices of the list"
NOT_OPENED = "the server's user has no permission to open the GPU"
GROUPS = "/dev/dri/renderD* can be opened by group 109; the groups of uid 5000: 39, 44, 5000"
TO_GROUP = "Add the server's user to the group 109 of /dev/dri/renderD*, and restart the server."
ON_OTHERS = "The model is served on the other devices of the list"
NOTHING = "The server keeps running and answers “ready”, but serves nothing under this name."


@pytest.mark.parametrize(
    ("device", "host_devices", "message", "detail", "evidence", "step", "recovers", "confidence"),
    [
        ("GPU", RENDER, NOT_OPENED, NOTHING, GROUPS, TO_GROUP, "restart", "medium"),
        ("AUTO:GPU,CPU", RENDER, NOT_OPENED + OTHERS, "The model is served, but not on that device.", GROUPS,
         TO_GROUP, "restart", "medium"),
        ("AUTO:GPU.0,CPU", NONE, "the server has no GPU" + OTHERS, f"{ON_OTHERS}.",
         "no /dev/dri/renderD* of Intel exists", "", None, "high"),
        ("AUTO:CPU, GPU", NONE, "OpenVINO has no device “ GPU”" + OTHERS, f"{ON_OTHERS}.", "",
         "Did you mean GPU? Names must match exactly, without spaces.", "config_change", "high"),
        ("AUTO:CPU,GNA", NONE, "GNA is a device of older releases" + OTHERS, f"{ON_OTHERS}.", "",
         "Remove GNA from the list.", "config_change", "high"),
    ],
)  # fmt: skip
def test_what_the_findings_say(
    device: str,
    host_devices: HostDevices,
    message: str,
    detail: str,
    evidence: str,
    step: str,
    recovers: str | None,
    confidence: str,
) -> None:
    """AUTO and MULTI leave out a device that is missing; a single device that is missing fails the load."""
    _, (found,), _ = plan_and_findings(device, host_devices)
    assert found.message == f'"target_device": "{device}": {message}'
    assert (found.detail, found.recovers, found.confidence) == (detail, recovers, confidence)
    assert "".join(item.observation for item in found.evidence) == evidence
    assert "".join(item.text for item in found.remedy.steps) == step
    version = 1 if device == "GPU" else None
    assert (found.subject.model, found.subject.version) == ("m", version)
    assert bool(found.server_log) == (device == "GPU")


CPU_ONLY = {"plugin_config": {"ENABLE_HYPER_THREADING": True}}


def test_what_the_finding_on_the_default_device_says() -> None:
    _, (found,), _ = plan_and_findings(None, GPU, parameter_values=CPU_ONLY)
    assert found.detail == (
        "The server uses the GPU if OpenVINO finds its driver, else the CPU. On the GPU it refuses a plugin_config "
        "key that only the CPU supports, and leaves out this entry and all entries after it: "
        "ENABLE_HYPER_THREADING (m)."
    )
    assert [item.observation for item in found.evidence] == ["models without target_device: m"]
    assert (found.recovers, found.confidence) == ("config_change", "medium")
    _, (found,), _ = plan_and_findings(None, GPU)
    assert found.detail == "The server uses the GPU if OpenVINO finds its driver, else the CPU."


@pytest.mark.parametrize(
    ("device", "host_devices", "release", "extra_values", "severity"),
    [
        (None, GPU, "2026.3", {}, "info"),
        ("", GPU, "2026.3", {}, "info"),
        (None, GPU, "2026.3", {"plugin_config": {"NUM_STREAMS": "1"}}, "info"),
        (None, GPU, "2026.3", CPU_ONLY, "warning"),
        (None, GPU, "2026.2", {}, None),
        ("CPU", GPU, "2026.3", CPU_ONLY, None),
        (None, NONE, "2026.3", CPU_ONLY, None),
        (None, None, "2026.3", CPU_ONLY, None),
        (None, RENDER, "2026.3", {}, None),
        (None, HostDevices(dri=True), "2026.3", {}, None),
        (None, HostDevices(accel=True), "2026.3", {}, None),
    ],
)
def test_the_default_device(
    device: str | None,
    host_devices: HostDevices | None,
    release: str,
    extra_values: dict[str, Any],
    severity: str | None,
) -> None:
    plan, findings, _ = plan_and_findings(
        device, host_devices, release=release, parameter_values=extra_values
    )
    assert plan.models[0].served_later == (1,)
    found = [(finding.code, finding.severity) for finding in findings]
    assert found == ([] if severity is None else [("OVD734", severity)])


def test_an_unavailable_host_causes_no_false_alarm() -> None:
    entry = ModelEntry("m", "/m", parameters=ModelParameters((("target_device", '"GPU"'),), "config"))
    server = deployment("2026.3", entry=entry, bare_metal=True)

    class Closed(DeviceFiles):
        def answer(self, question: AnyQuestion) -> Answer:
            if isinstance(question, StatPath) and question.path.startswith("/dev/"):
                return Unavailable("not looked at")
            return super().answer(question)

    assert settle(server, Closed(model_of("1").files)).models[0].served_later == (1,)
