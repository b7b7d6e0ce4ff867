"""Memory and processors: what the versions to be loaded need, compared with the server's limits."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.memory import CacheMemory, MemoryEstimate
from ovms_doctor.model.text import size_text

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
    summary="All versions fit into the memory limit, but not a new version in addition",
    remedy=(
        "Raise the limit by the size of the largest model, or stop the server before its versions are changed."
    ),
    recovers="restart",
    releases="The same in all releases: the server checks no memory.",
    see_also=("OVD741",),
    example=Example("docker run -m 1g … for 700 MB of FP16 weights", "docker run -m 2g …"),
)

CACHE_DOES_NOT_FIT = Code(
    code="OVD744",
    name="kv-cache-does-not-fit",
    severity="error",
    summary="The models and the caches of fixed size (cache_size) need more memory than the server's limit",
    remedy="Set a smaller cache_size in graph.pbtxt, or raise the limit.",
    recovers="restart",
    releases="The same in all releases: cache_size is compared with the host's memory, never with a limit.",
    see_also=("OVD741", "OVD746", "OVD701"),
    example=Example(
        "docker run -m 16g …, 12 GB of weights, cache_size: 10",
        "docker run -m 16g …, 12 GB of weights, cache_size: 3",
    ),
)

CACHE_CAN_OUTGROW_MEMORY = Code(
    code="OVD746",
    name="kv-cache-can-outgrow-memory",
    severity="warning",
    summary=(
        "One request of the longest text that the model accepts needs a larger cache than the memory that "
        "is left"
    ),
    remedy="Keep requests shorter (max_tokens_limit limits the answers), or raise the memory limit.",
    recovers="restart",
    releases="Since 2025.0, where cache_size is 0 (the default since 2025.4): the cache grows with requests.",
    see_also=("OVD744", "OVD741", "OVD701"),
    example=Example(
        "docker run -m 8g …, 131,072 positions of 128 KB", "docker run -m 32g …, 131,072 positions of 128 KB"
    ),
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
_GIB = 1 << 30
#: The property of OpenVINO that sets the number of threads.
_THREADS_KEY = "INFERENCE_NUM_THREADS"


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on the memory limit and on the quota of processor time."""
    estimate = context.plan.memory
    if estimate is not None:
        yield from _memory(context, estimate)
        yield from _caches(context, estimate)
    yield from _quota(context)


def _memory(context: Context, estimate: MemoryEstimate) -> Iterator[Finding]:
    limit = _limit(context)
    if limit is None:
        return
    size, name = limit
    if estimate.low > size:
        code, message = (
            MEMORY_DOES_NOT_FIT,
            f"The versions to be loaded need at least {size_text(estimate.low)}, more than {name}",
        )
    elif estimate.high > size:
        code, message = (
            MEMORY_TIGHT,
            f"The versions to be loaded need up to {size_text(estimate.high)}, more than {name}",
        )
    elif estimate.swap_low > size:
        code = NO_ROOM_FOR_A_NEW_VERSION
        total = size_text(estimate.swap_low)
        message = (
            f"While a new version of the largest model is loaded, the versions need {total}, more than {name}"
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
            Evidence(f"limit {size_text(size)}", name),
        ),
        recovers="restart",
        steps=_steps(context, estimate),
        serving_effect=None if code is NO_ROOM_FOR_A_NEW_VERSION else "memory may not suffice",
    )


def _caches(context: Context, estimate: MemoryEstimate) -> Iterator[Finding]:
    """Yields a finding if the models fit into the limit, but not with the memory of requests."""
    limit = _limit(context)
    if limit is None or estimate.low > limit[0]:
        return
    size, name = limit
    fixed = [item for item in estimate.caches if item.cache.fixed]
    if fixed and estimate.high + estimate.fixed > size:
        yield _fixed(context, estimate, fixed, size, name)
        return
    left = size - estimate.low - estimate.fixed
    for item in estimate.caches:
        if not item.cache.fixed and item.one_request is not None and item.one_request > left:
            yield _growing(context, estimate, item, left, name)


def _fixed(
    context: Context, estimate: MemoryEstimate, fixed: list[CacheMemory], size: int, name: str
) -> Finding:
    whole = ", ".join(f"{item.cache.fixed} of {item.model}" for item in fixed)
    need = _range(estimate.low + estimate.fixed, estimate.high + estimate.fixed)
    certain = estimate.low + estimate.fixed > size and context.deployment.memory is not None
    # The cache that fits with the upper estimate for the models; else with the lower one.
    fits = max((size - estimate.high) // _GIB, 0) or (size - estimate.low) // _GIB
    if fits:
        together = " in all" if len(fixed) > 1 else ""
        advice = f"Set cache_size to {fits}{together}: that fits beside the models"
    else:
        advice = "Not even cache_size 1 fits beside the models: raise the limit"
    return context.finding(
        CACHE_DOES_NOT_FIT,
        f"The models and their caches (cache_size {whole}) need {need}, more than {name}; "
        + (f"a cache_size of {fits} fits" if fits else "no whole gigabyte is left for the cache"),
        model=fixed[0].model,
        severity=None if certain else "warning",
        detail="The server starts: the memory of a cache is taken as requests use it, and kept. When the limit is "
        f"reached, the kernel kills the server (exit code 137). {_assumptions(estimate)}",
        confidence="medium" if certain else "low",
        evidence=(
            Evidence(_range(estimate.low, estimate.high), "weights by kind and precision"),
            *(_evidence(item) for item in fixed),
            Evidence(f"limit {size_text(size)}", name),
        ),
        recovers="restart",
        steps=(
            Step(f"{advice}."),
            Step(f"Or give the server {size_text(estimate.high + estimate.fixed)}."),
        ),
    )


def _growing(context: Context, estimate: MemoryEstimate, item: CacheMemory, left: int, name: str) -> Finding:
    cache, need = item.cache, item.one_request or 0
    tokens = left // cache.high
    return context.finding(
        CACHE_CAN_OUTGROW_MEMORY,
        f"One request of {cache.longest:,} tokens, the longest that {item.model} accepts, needs "
        f"{size_text(need)} for its cache, and {name} leaves {size_text(left)}",
        model=item.model,
        detail=f"About {tokens:,} tokens of all running requests together fit. The server starts; a cache that cannot "
        f"grow any further ends it, or the kernel kills it (exit code 137). {_assumptions(estimate)}",
        confidence="medium" if context.deployment.memory is not None else "low",
        evidence=(
            Evidence(_range(estimate.low, estimate.high), "weights by kind and precision"),
            _evidence(item),
        ),
        recovers="restart",
        steps=(
            Step(
                f"Keep requests shorter, {tokens:,} tokens in all: max_tokens_limit in graph.pbtxt limits "
                "the answers, and the clients limit the prompts."
            ),
            Step(f"Or give the server {size_text(estimate.high + need)}."),
        ),
    )


def _evidence(item: CacheMemory) -> Evidence:
    cache = item.cache
    return Evidence(
        f"{_range(cache.low, cache.high)} for each token of {item.model}, kept in "
        f"{cache.precision or 'a precision that is not known'}",
        "the model's states, plugin_config and the export's runtime options",
    )


def _limit(context: Context) -> tuple[int, str] | None:
    """Returns the limit in bytes and its name; None if it is not known.

    The free memory of the host counts only outside of a container: a running one already uses its share.
    """
    deployment = context.deployment
    if deployment.memory is not None:
        return deployment.memory, f"the limit of {size_text(deployment.memory)}"
    free = deployment.limits.memory
    if free is None or not deployment.bare_metal:
        return None
    return free, f"the {size_text(free)} that are free on this host"


def _assumptions(estimate: MemoryEstimate) -> str:
    computed = " and ".join(estimate.precisions)
    parts = [f"Assumed: weights computed in {computed}, on the CPU; OpenVINO's own memory, no requests."]
    if estimate.mapped >= _MIB:
        parts.append(f"{size_text(estimate.mapped)} of mapped files are added, which the kernel can reclaim.")
    if estimate.caches:
        parts.append("Generative models take this much from the first request on, less before.")
    if estimate.retried:
        top = max(estimate.retried, key=lambda item: item.high)
        parts.append(
            f"Version {top.version} of {top.model} fails and is tried again at every poll, which takes up to "
            f"{size_text(top.high)} more each time."
        )
    if estimate.left_out:
        model_list = ", ".join(estimate.left_out[:5]) + (", …" if len(estimate.left_out) > 5 else "")
        parts.append(f"Not counted, because nothing is known of them: {model_list}.")
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
    least, most = size_text(low), size_text(high)
    return least if least == most else f"{least} to {most}"


CHECK = Check(
    name="resources",
    summary="memory and processors against what the models need",
    codes=(
        MEMORY_DOES_NOT_FIT,
        MEMORY_TIGHT,
        NO_ROOM_FOR_A_NEW_VERSION,
        CACHE_DOES_NOT_FIT,
        CACHE_CAN_OUTGROW_MEMORY,
        QUOTA_NOT_SEEN,
    ),
    run=check,
)
