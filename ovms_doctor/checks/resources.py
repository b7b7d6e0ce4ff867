"""Memory and processors: what the versions to be loaded take, beside what the server is given."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.memory import MemoryEstimate
from ovms_doctor.model.text import size_in_words

_MIB = 1 << 20
#: What a server takes beside its models is not known to this; below such a limit nothing is said of a tight one.
_THREADS = "INFERENCE_NUM_THREADS"


def check(context: Context) -> Iterator[Finding]:
    estimate = context.plan.memory
    if estimate is not None:
        yield from _memory(context, estimate)
    yield from _quota(context)


def _memory(context: Context, estimate: MemoryEstimate) -> Iterator[Finding]:
    given = _given(context)
    if given is None:
        return
    limit, where = given
    if estimate.low > limit:
        code, message = (
            "OVD741",
            f"The versions to be loaded need at least {size_in_words(estimate.low)}, more than {where}",
        )
    elif estimate.high > limit:
        code, message = (
            "OVD742",
            f"The versions to be loaded need up to {size_in_words(estimate.high)}, more than {where}",
        )
    elif estimate.swap_low > limit:
        code = "OVD743"
        both = size_in_words(estimate.swap_low)
        message = f"While a new version of the largest model is loaded it is {both}, more than {where}"
    else:
        return
    yield context.finding(
        code,
        message,
        detail=_assumptions(estimate),
        # What is free on a host is another amount the next moment, and there may be room to swap.
        confidence="medium" if context.deployment.memory is not None else "low",
        evidence=(
            Evidence(
                f"{_range(estimate.low, estimate.high)} that cannot be taken back",
                "weights by kind and precision",
            ),
            Evidence(f"limit {size_in_words(limit)}", where),
        ),
        recovers="restart",
        steps=_steps(context, estimate),
    )


def _given(context: Context) -> tuple[int, str] | None:
    """The limit in bytes, and what it is; a container that runs has its share in use already, a limit has not."""
    deployment = context.deployment
    if deployment.memory is not None:
        return deployment.memory, f"the limit of {size_in_words(deployment.memory)}"
    free = deployment.limits.memory
    if free is None or not deployment.bare_metal:
        return None
    return free, f"the {size_in_words(free)} that are free on this host now"


def _assumptions(estimate: MemoryEstimate) -> str:
    computed = " and ".join(estimate.precisions)
    parts = [f"Assumed: weights computed in {computed}, on the CPU; OpenVINO's own share, no requests."]
    if estimate.mapped >= _MIB:
        parts.append(
            f"{size_in_words(estimate.mapped)} of mapped files come on top, which the kernel may drop."
        )
    if estimate.retried:
        top = max(estimate.retried, key=lambda item: item.high)
        parts.append(
            f"Version {top.version} of {top.model} fails and is tried again at every poll, which takes up to "
            f"{size_in_words(top.high)} more each time."
        )
    if estimate.left_out:
        shown = ", ".join(estimate.left_out[:5]) + (", …" if len(estimate.left_out) > 5 else "")
        parts.append(f"Not counted, for nothing is known of them: {shown}.")
    return " ".join(parts)


def _steps(context: Context, estimate: MemoryEstimate) -> tuple[Step, ...]:
    needed = (max(estimate.high, estimate.swap_high) * 5 // 4) // _MIB + 1
    steps = [
        Step(
            f"Give the server {needed} MiB: the upper end, a new version beside, and a quarter for requests."
        )
    ]
    read = [item.model for item in estimate.versions if item.read]
    if read:
        names = ", ".join(dict.fromkeys(read))
        steps.append(
            Step(
                f"Or take ENABLE_MMAP out of the plugin_config of {names}: the weights are then mapped, and the "
                "kernel may drop them."
            )
        )
    counts: dict[str, int] = {}
    for item in estimate.versions:
        counts[item.model] = counts.get(item.model, 0) + 1
    most = max(counts, key=lambda name: counts[name])
    if counts[most] > 1:
        steps.append(
            Step(
                f"Or load fewer versions: {most} has {counts[most]} of them loaded at a time (model_version_policy)."
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
        # In a container the server hands the quota on to OpenVINO (ov_utils.cpp applyDefaultCpuProperties).
        return
    models = [model for model in context.plan.models if model.served]
    told = [
        model
        for model in models
        if model.parameters is not None and _threads_are_set(model.parameters.plugin_config.values)
    ]
    if not models or len(told) == len(models):
        return
    yield context.finding(
        "OVD745",
        f"OpenVINO starts a thread for each of {limits.threads} cores, and the server is given the time of "
        f"{'one' if limits.quota == 1 else f'{limits.quota} of them'} at most",
        confidence="medium",
        evidence=(
            Evidence(
                f"quota {limits.quota} (rounded up), cores {limits.threads}", "the limits as they were told"
            ),
        ),
        recovers="restart",
        steps=(
            Step(
                "Give it whole cores (--cpuset-cpus) instead of a share, or set "
                f"{_THREADS} to {limits.quota} in plugin_config."
            ),
        ),
    )


def _threads_are_set(values: tuple[tuple[str, str], ...]) -> bool:
    return any(key in (_THREADS, "CPU_THREADS_NUM") for key, _ in values)


def _range(low: int, high: int) -> str:
    least, most = size_in_words(low), size_in_words(high)
    return least if least == most else f"{least} to {most}"
