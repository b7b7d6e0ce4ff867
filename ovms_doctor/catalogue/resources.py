"""Entries on what the host or the container gives the server: memory and processors."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code

_MEASURED = (
    "The estimate rests on what OpenVINO 2026.4 takes on the CPU; requests, their queues and the server's own "
    "threads come on top."
)

CODES: tuple[Code, ...] = (
    Code(
        "OVD741",
        "memory-does-not-fit",
        "warning",
        "resources",
        "The versions to be loaded need more memory than the server is given",
        "The server does not look how much memory there is. Where the limit is met the kernel kills it, with exit "
        "code 137 and without a line in its log. " + _MEASURED,
        "Raise the limit, load fewer versions (model_version_policy), or store the weights in a smaller "
        "precision (FP16, INT8).",
        "restart",
        releases="The same in all releases: the server checks no memory.",
        see_also=("OVD742", "OVD743", "OVD701"),
    ),
    Code(
        "OVD742",
        "memory-tight",
        "warning",
        "resources",
        "The versions to be loaded may need more memory than the server is given",
        "The lower end of the estimate fits, the upper one does not. What counts is the precision in which the "
        "processor computes: with bf16 FP32 weights are kept in half their size, without it in full. "
        + _MEASURED,
        "Raise the limit, or load fewer versions.",
        "restart",
        releases="The same in all releases: the server checks no memory.",
        see_also=("OVD741", "OVD743"),
    ),
    Code(
        "OVD743",
        "no-room-for-a-new-version",
        "info",
        "resources",
        "All versions fit, but not the next one beside them",
        "When a new version appears, the server loads it before it retires the old one: for that time both are in "
        "memory. Where the limit is met the kernel kills the server, and nothing in its log tells why. "
        + _MEASURED,
        "Leave room for the largest model once more, or stop the server before its versions are changed.",
        "restart",
        releases="The same in all releases: the server checks no memory.",
        see_also=("OVD741",),
    ),
    Code(
        "OVD745",
        "quota-not-seen",
        "info",
        "resources",
        "OpenVINO starts more threads than the container's share of processor time feeds",
        "A quota (--cpus, a Kubernetes CPU limit) is not seen by OpenVINO: it starts a thread for each core in "
        "the processor's affinity. The kernel then stops all of them again and again, which shows as long "
        "and uneven latencies. A set of cores (--cpuset-cpus) is seen.",
        'Give whole cores with --cpuset-cpus, or set "INFERENCE_NUM_THREADS" in plugin_config to the share.',
        "restart",
        releases="OpenVINO has read no quota up to 2026.4. Since 2026.2 a server in a container tells it how many "
        "threads the quota feeds, and this is no longer said there.",
        see_also=("OVD741",),
    ),
)
