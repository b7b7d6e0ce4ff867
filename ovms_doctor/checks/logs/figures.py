"""Findings on the figures and the history of a log."""

from __future__ import annotations

from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

SERVABLE_STUCK = Code(
    code="OVD831",
    name="servable-stuck",
    severity="error",
    summary="Since a certain time, every request to a servable fails",
    remedy="Read the log from that time on. A restart of the server clears an error of a device.",
    releases="Reported only if the log contains DEBUG messages.",
    see_also=("OVD816", "OVD824"),
    example=Example("every request fails since 14:02:11", "the server restarted"),
)

WAITING_DOMINATES = Code(
    code="OVD832",
    name="waiting-dominates",
    severity="warning",
    summary="Requests spend most of their time waiting for an infer request",
    remedy=(
        "Raise --nireq, or set PERFORMANCE_HINT to THROUGHPUT; where the processors are busy, give "
        "the container more of them or add servers."
    ),
    releases="Reported only if the log contains DEBUG messages.",
    see_also=("OVD745",),
    example=Example("--nireq 1                               with 16 clients", "--nireq 4"),
)

GENERATION_CACHE_FULL = Code(
    code="OVD833",
    name="generation-cache-full",
    severity="warning",
    summary="The cache of a generative model is full",
    remedy=(
        "Raise --cache_size, or lower --max_num_seqs: a full cache makes the server interrupt "
        "requests and compute them again."
    ),
    releases="Since 2024.3.",
    see_also=("OVD824",),
    example=Example("cache usage: 99.8 %", "--cache_size 10"),
)

LOG_ENDS_WHILE_LOADING = Code(
    code="OVD834",
    name="log-ends-while-loading",
    severity="warning",
    summary="The log breaks off while a model is being loaded",
    remedy=(
        "Check how the process ended: docker inspect shows the exit code and OOMKilled, dmesg "
        "whether the kernel killed it."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD701", "OVD706", "OVD708"),
    example=Example("Loading model: m, version: 1, …         and nothing more", "a higher memory limit"),
)

LOAD_FAILS_UNEXPLAINED = Code(
    code="OVD835",
    name="load-fails-unexplained",
    severity="error",
    summary="A servable does not load, and nothing in the log is recognised as the reason",
    remedy=(
        "Read the errors before it. If there are none, take the log from its beginning, or at level INFO "
        "or lower."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD836",),
    example=Example("grep STATUS ovms.log", "the whole ovms.log"),
)

START_FAILS_UNEXPLAINED = Code(
    code="OVD836",
    name="start-fails-unexplained",
    severity="error",
    summary="The server exits, and nothing in the log is recognised as the reason",
    remedy="Read the last errors; standard error belongs to the log too.",
    releases=ALL_RELEASES,
    see_also=("OVD835", "OVD704"),
    example=Example("docker logs ovms > ovms.log", "docker logs ovms > ovms.log 2>&1"),
)

CODES = (
    SERVABLE_STUCK,
    WAITING_DOMINATES,
    GENERATION_CACHE_FULL,
    LOG_ENDS_WHILE_LOADING,
    LOAD_FAILS_UNEXPLAINED,
    START_FAILS_UNEXPLAINED,
)
