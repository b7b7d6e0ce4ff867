"""Memory and processors: what the versions to be loaded need, compared with the server's limits."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.memory import MemoryEstimate
from ovms_doctor.model.text import size_in_words

MEMORY_DOES_NOT_FIT = Code(
    code="OVD741",
    name="memory-does-not-fit",
    severity="error",
    summary="The versions to be loaded need more memory than the server's limit",
    remedy=(
        "Raise the limit, load fewer versions (model_version_policy), or store the weights in a "
        "smaller precision (FP16, INT8)."
    ),
    recovers="restart",
    releases="The same in all releases: the server checks no memory.",
    see_also=("OVD742", "OVD743", "OVD701"),
    example=Example("docker run -m 512m … for 1 GB of FP32 weights", "docker run -m 2g …"),
)

MEMORY_TIGHT = Code(
    code="OVD742",
    name="memory-tight",
    severity="warning",
    summary="The versions to be loaded can need more memory than the server's limit",
    remedy="Raise the limit, or load fewer versions.",
    recovers="restart",
    releases="The same in all releases: the server checks no memory.",
    see_also=("OVD741", "OVD743"),
    example=Example("docker run -m 1g … for 1 GB of FP32 weights", "docker run -m 2g …"),
)

NO_ROOM_FOR_A_NEW_VERSION = Code(
    code="OVD743",
    name="no-room-for-a-new-version",
    severity="info",
    summary="All versions fit into the memory limit, but not a new version beside them",
    remedy=(
        "Raise the limit by the size of the largest model, or stop the server before its versions are changed."
    ),
    recovers="restart",
    releases="The same in all releases: the server checks no memory.",
    see_also=("OVD741",),
    example=Example("docker run -m 1g … for 700 MB of FP16 weights", "docker run -m 2g …"),
)

QUOTA_NOT_SEEN = Code(
    code="OVD745",
    name="quota-not-seen",
    severity="info",
    summary="OpenVINO starts more threads than the container's quota of processor time allows to run",
    remedy=(
        'Give whole cores with --cpuset-cpus, or set "INFERENCE_NUM_THREADS" in plugin_config to the quota.'
    ),
    recovers="restart",
    releases=(
        "OpenVINO reads no quota up to 2026.4. Since 2026.2 a server in a container sets the number of "
        "threads by the quota, and there is no finding then."
    ),
    see_also=("OVD741",),
    example=Example("docker run --cpus 2 … on 16 cores", "docker run --cpuset-cpus 0-1 …"),
)


_MIB = 1 << 20
#: The property of OpenVINO that sets the number of threads.
_THREADS_KEY = "INFERENCE_NUM_THREADS"


def check(context: Context) -> Iterator[Finding]:
    """Findings on the memory limit and on the quota of processor time."""
    estimate = context.plan.memory
    if estimate is not None:
        yield from _memory(context, estimate)
    yield from _quota(context)


def _memory(context: Context, estimate: MemoryEstimate) -> Iterator[Finding]:
    limit = _limit(context)
    if limit is None:
        return
    size, name = limit
    if estimate.low > size:
        code, message = (
            MEMORY_DOES_NOT_FIT,
            f"The versions to be loaded need at least {size_in_words(estimate.low)}, more than {name}",
        )
    elif estimate.high > size:
        code, message = (
            MEMORY_TIGHT,
            f"The versions to be loaded need up to {size_in_words(estimate.high)}, more than {name}",
        )
    elif estimate.swap_low > size:
        code = NO_ROOM_FOR_A_NEW_VERSION
        both = size_in_words(estimate.swap_low)
        message = (
            f"While a new version of the largest model is loaded, the versions need {both}, more than {name}"
        )
    else:
        return
    killed = context.plan.killed
    effect = "The kernel kills the server: exit code 137, and no line in its log. " if killed else ""
    yield context.finding(
        code,
        message,
        severity="warning" if code is MEMORY_DOES_NOT_FIT and not killed else None,
        detail=effect + _assumptions(estimate),
        # The free memory of a host changes all the time, and it may have swap space.
        confidence="medium" if context.deployment.memory is not None else "low",
        evidence=(
            Evidence(
                f"{_range(estimate.low, estimate.high)} that the kernel cannot reclaim",
                "weights by kind and precision",
            ),
            Evidence(f"limit {size_in_words(size)}", name),
        ),
        recovers="restart",
        steps=_steps(context, estimate),
    )


def _limit(context: Context) -> tuple[int, str] | None:
    """The limit in bytes and its name; None where it is not known.

    The free memory of the host counts only outside of a container: a running one has taken its share already.
    """
    deployment = context.deployment
    if deployment.memory is not None:
        return deployment.memory, f"the limit of {size_in_words(deployment.memory)}"
    free = deployment.limits.memory
    if free is None or not deployment.bare_metal:
        return None
    return free, f"the {size_in_words(free)} that are free on this host"


def _assumptions(estimate: MemoryEstimate) -> str:
    computed = " and ".join(estimate.precisions)
    parts = [f"Assumed: weights computed in {computed}, on the CPU; OpenVINO's own memory, no requests."]
    if estimate.mapped >= _MIB:
        parts.append(
            f"{size_in_words(estimate.mapped)} of mapped files come on top, which the kernel can reclaim."
        )
    if estimate.retried:
        top = max(estimate.retried, key=lambda item: item.high)
        parts.append(
            f"Version {top.version} of {top.model} fails and is tried again at every poll, which takes up to "
            f"{size_in_words(top.high)} more each time."
        )
    if estimate.left_out:
        shown = ", ".join(estimate.left_out[:5]) + (", …" if len(estimate.left_out) > 5 else "")
        parts.append(f"Not counted, because nothing is known of them: {shown}.")
    return " ".join(parts)


def _steps(context: Context, estimate: MemoryEstimate) -> tuple[Step, ...]:
    needed = (max(estimate.high, estimate.swap_high) * 5 // 4) // _MIB + 1
    steps = [
        Step(
            f"Give the server {needed} MiB: the upper end, with a new version beside the old one, and a quarter "
            "for requests."
        )
    ]
    read = [item.model for item in estimate.versions if item.read]
    if read:
        names = ", ".join(dict.fromkeys(read))
        steps.append(
            Step(
                f"Or remove ENABLE_MMAP from the plugin_config of {names}: the weights are then mapped, and the "
                "kernel can reclaim them."
            )
        )
    counts: dict[str, int] = {}
    for item in estimate.versions:
        counts[item.model] = counts.get(item.model, 0) + 1
    most = max(counts, key=lambda name: counts[name])
    if counts[most] > 1:
        steps.append(
            Step(
                f"Or load fewer versions: {most} loads {counts[most]} at the same time (model_version_policy)."
            )
        )
    return tuple(steps)


def _quota(context: Context) -> Iterator[Finding]:
    limits = context.deployment.limits
    if not limits.quota or limits.threads is None or limits.threads < 2 * limits.quota:
        return
    if context.deployment.release.at_least(2026, 2) and (
        limits.cores is None or limits.cores <= limits.quota
    ):
        # In a container the server passes the quota to OpenVINO (ov_utils.cpp applyDefaultCpuProperties).
        return
    models = [model for model in context.plan.models if model.served]
    configured = [
        model
        for model in models
        if model.parameters is not None and _threads_are_set(model.parameters.plugin_config.values)
    ]
    if not models or len(configured) == len(models):
        return
    yield context.finding(
        QUOTA_NOT_SEEN,
        f"OpenVINO starts a thread for each of {limits.threads} cores, but the server's quota is the time of "
        f"{'one core' if limits.quota == 1 else f'{limits.quota} cores'}",
        confidence="medium",
        evidence=(
            Evidence(
                f"quota {limits.quota} (rounded up), cores {limits.threads}", "the limits of the deployment"
            ),
        ),
        recovers="restart",
        steps=(
            Step(
                "Give it whole cores (--cpuset-cpus) instead of a quota, or set "
                f"{_THREADS_KEY} to {limits.quota} in plugin_config."
            ),
        ),
    )


def _threads_are_set(values: tuple[tuple[str, str], ...]) -> bool:
    return any(key in (_THREADS_KEY, "CPU_THREADS_NUM") for key, _ in values)


def _range(low: int, high: int) -> str:
    least, most = size_in_words(low), size_in_words(high)
    return least if least == most else f"{least} to {most}"


CHECK = Check(
    name="resources",
    summary="memory and processors against what the models need",
    codes=(MEMORY_DOES_NOT_FIT, MEMORY_TIGHT, NO_ROOM_FOR_A_NEW_VERSION, QUOTA_NOT_SEEN),
    run=check,
)
