"""Models at which OpenVINO crashes, or which a device's plugin does not compile."""

from __future__ import annotations

import signal

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.openvino_report import quote_openvino
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CompileRefused, RuntimeCrashes
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import Attempt, ModelPlan

COMPILE_REFUSED = Code(
    code="OVD342",
    name="compile-refused",
    severity="error",
    summary="OpenVINO reads the model, but the device's plugin does not compile it",
    remedy=(
        "Read the end of the message. Compare the device with the line “Available devices for Open "
        "VINO” at start-up; for GPU and NPU use an image with their drivers and pass the device to "
        "the container. If memory ran out, raise the limit."
    ),
    log=(
        server_log.COMPILE_FAILED,
        'Device with "{name}" name is not registered in the OpenVINO Runtime',
        "CPU plug-in doesn't support {operation} operation with dynamic rank",
        "Cannot allocate memory for incompatible descriptors",
        "[GPU] Can't get {property} property as no supported devices found",
        "Exceeded max size of memory allocation",
        "std::bad_alloc",
        "Cannot compile model into target device; error:",
    ),
    releases=(
        "Each release's plugins compile a different set of models. Since 2026.3 a model without "
        "target_device goes to a GPU where one is found; before, to the CPU."
    ),
    see_also=("OVD341", "OVD343"),
    example=Example('"target_device": "cpu"', '"target_device": "CPU"'),
)

RUNTIME_CRASH = Code(
    code="OVD343",
    name="runtime-crash",
    severity="error",
    summary="OpenVINO crashes while it reads or compiles the model",
    remedy=(
        "Remove the model from the configuration, and restart the server. Export it again, or use another "
        "release: most of these crashes come from one operation and one range of releases."
    ),
    recovers="restart",
    releases=(
        "Differs from release to release: the crash was observed with the OpenVINO on this host, which "
        "the finding names."
    ),
    see_also=("OVD118", "OVD905"),
    example=Example("models: a, crashing, b", "models: a, b"),
)


CODES = (COMPILE_REFUSED, RUNTIME_CRASH)


def check_compile(context: Context, model: ModelPlan, attempt: Attempt, cause: CompileRefused) -> Finding:
    """Returns the finding on a version that is read and not compiled."""
    return context.of_attempt(
        COMPILE_REFUSED,
        "The model is read, but the device's plugin does not compile it",
        model,
        attempt,
        path=cause.path,
        evidence=quote_openvino(cause.report),
    )


def check_crash(context: Context, model: ModelPlan, attempt: Attempt, cause: RuntimeCrashes) -> Finding:
    """Returns the finding on a version that ends the process with a signal."""
    number = cause.report.signal or 0
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    stage = "compiles" if cause.report.stage == "compile" else "reads"
    runtime = f"OpenVINO {cause.report.runtime} in a child process"
    return context.of_attempt(
        RUNTIME_CRASH,
        f"OpenVINO crashes ({name}) while it {stage} this model, and the server ends with it",
        model,
        attempt,
        path=cause.path,
        detail=f"The process ends with exit code {128 + number}; nothing is logged about it.",
        evidence=(Evidence(f"the child process ended with {name}", runtime),),
        recovers="restart",
    )
