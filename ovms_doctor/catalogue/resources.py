"""Entries on what the host or the container gives the server: memory and processors."""

from __future__ import annotations

from ovms_doctor.model.codes import Code, Example

MEMORY_DOES_NOT_FIT = Code(
    code="OVD741",
    name="memory-does-not-fit",
    severity="warning",
    summary="The versions to be loaded need more memory than the server is given",
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
    summary="The versions to be loaded may need more memory than the server is given",
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
    summary="All versions fit, but not the next one beside them",
    remedy=(
        "Leave room for the largest model once more, or stop the server before its versions are changed."
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
    summary="OpenVINO starts more threads than the container's share of processor time feeds",
    remedy=(
        'Give whole cores with --cpuset-cpus, or set "INFERENCE_NUM_THREADS" in plugin_config to the share.'
    ),
    recovers="restart",
    releases=(
        "OpenVINO has read no quota up to 2026.4. Since 2026.2 a server in a container tells it how "
        "many threads the quota feeds, and this is no longer said there."
    ),
    see_also=("OVD741",),
    example=Example("docker run --cpus 2 … on 16 cores", "docker run --cpuset-cpus 0-1 …"),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "resources": (
        MEMORY_DOES_NOT_FIT,
        MEMORY_TIGHT,
        NO_ROOM_FOR_A_NEW_VERSION,
        QUOTA_NOT_SEEN,
    ),
}
