"""A server that ended with a signal: the usual causes, and the steps that distinguish them, the likeliest first."""

from __future__ import annotations

import shlex

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.container import Container
from ovms_doctor.model.findings import Step

_SIGILL, _SIGABRT, _SIGBUS, _SIGSEGV = 132, 134, 135, 139
_CAUSES = {
    _SIGILL: (
        "The usual cause is a processor, often a virtual one (qemu64, kvm64), without AVX or AVX2, or a library of "
        "--cpu_extension that was built for a newer processor."
    ),
    _SIGABRT: (
        "The usual causes are a library of --cpu_extension, a model that a newer OpenVINO than the "
        "release's exported, and a cache directory that the server has no permission to enter."
    ),
    _SIGBUS: "The usual cause is a model's file that was overwritten or cut off while the server had it open.",
    _SIGSEGV: (
        "The usual causes are a library of --cpu_extension that was built for another OpenVINO, a model or tokenizer "
        "that a newer OpenVINO than the release's exported, and a driver of the GPU or NPU."
    ),
}


def usual_causes(code: int) -> str:
    """Returns the usual causes of an exit code of a signal, as a sentence."""
    return _CAUSES[code]


def crash_steps(context: Context, container: Container, code: int) -> tuple[Step, ...]:
    """Returns the steps that distinguish the usual causes that apply to the deployment."""
    steps = []
    if code == _SIGILL:
        steps.append(_processor_step(container))
    if code != _SIGBUS:
        steps += _extension_step(context)
    if code in (_SIGABRT, _SIGSEGV, _SIGBUS):
        steps += _model_step(context, container)
    if code == _SIGSEGV:
        steps += _device_step(context)
    return tuple(steps)


def _processor_step(container: Container) -> Step:
    text = "See whether the processor has AVX and AVX2; without an output it has neither."
    command = "grep -o -w -m 1 -e avx -e avx2 /proc/cpuinfo"
    if container.source == "kubernetes":
        return Step(f"{text} Run it on the pod's node.", command, "host", "reads")
    return Step(text, command, "host", "reads")


def _extension_step(context: Context) -> list[Step]:
    """Returns the step on the CPU extension, only if one is named or the arguments are not known."""
    arguments = context.deployment.arguments
    path = None if arguments is None else arguments.value("cpu_extension")
    if path is not None:
        return [
            Step(
                f"Start it without --cpu_extension {quote(path)}. If it then starts, the library is the "
                "cause."
            )
        ]
    return (
        [Step("If it is started with --cpu_extension, start it without that option.")]
        if arguments is None
        else []
    )


def _model_step(context: Context, container: Container) -> list[Step]:
    """Returns the step that loads the models in a child process, with the release of the container."""
    release = context.deployment.release
    text = (
        "Load its models on this host, each in its own process. A model has a finding if it crashes "
        f"OpenVINO, or if a newer OpenVINO than the one of OVMS {release} exported it."
    )
    named = container.source_name
    source = {"docker": "--container", "inspect": "--inspect"}.get(container.source)
    if source is None or named == "standard input":
        return [Step(text, None, "host", "reads")]
    return [Step(text, f"ovms-doctor check {source} {shlex.quote(named)} --load compile", "host", "reads")]


def _device_step(context: Context) -> list[Step]:
    devices = {
        model.parameters.device.text
        for model in context.plan.models
        if model.parameters is not None and not model.parameters.device.text.startswith("CPU")
    }
    if not devices:
        return []
    device_list = ", ".join(sorted(devices))
    return [
        Step(
            f"Start it with the target device CPU instead of {device_list}. If it then starts, the driver "
            "is the cause."
        )
    ]
