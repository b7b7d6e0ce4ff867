"""Entries on how a container ended, or why it does not stay up."""

from __future__ import annotations

from ovms_doctor.model.codes import Code, Example

OOM_KILLED = Code(
    code="OVD701",
    name="oom-killed",
    severity="error",
    summary="The kernel killed the server, or a process beside it, for want of memory",
    remedy="Give the container more memory, or load less: fewer versions, smaller precision.",
    recovers="restart",
    releases="The same in all releases: the server checks no memory.",
    see_also=("OVD702", "OVD741"),
    example=Example(
        "docker run -m 1g …\nkernel: Memory cgroup out of memory: Killed process 4711 (ovms)",
        "docker run -m 4g …",
    ),
)

KILLED_FROM_OUTSIDE = Code(
    code="OVD702",
    name="killed-from-outside",
    severity="warning",
    summary="The server was killed, and nothing says that memory was the reason",
    remedy="Look who stopped it: the engine's events, the cluster's events, the kernel's log.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD701", "OVD709"),
    example=Example("docker kill ovms\nState: exited, exit code 137, OOMKilled false", "docker start ovms"),
)

ENDED_OVER_ARGUMENTS = Code(
    code="OVD703",
    name="ended-over-arguments",
    severity="error",
    summary="The server refused its arguments and ended",
    remedy="Correct the argument line.",
    recovers="restart",
    releases="The same in all releases; options come and go with them.",
    see_also=("OVD406", "OVD704"),
    example=Example("docker run … --rest_prot 8000\nexit code 64", "docker run … --rest_port 8000"),
)

ENDED_AT_START = Code(
    code="OVD704",
    name="ended-at-start",
    severity="error",
    summary="The server could not start and ended",
    remedy="Mend what the findings on configuration and models say, then start it again.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD703", "OVD403"),
    example=Example(
        "docker run … --config_path /models/config.json   which is not there\nexit code 1",
        "docker run -v /srv/models:/models … --config_path /models/config.json",
    ),
)

ENDED_WITH_ITS_HELP = Code(
    code="OVD705",
    name="ended-with-its-help",
    severity="error",
    summary="The server was given nothing to serve: it printed its help and ended",
    remedy="Give it --config_path, or --model_path and --model_name, and a port.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD415", "OVD710"),
    example=Example(
        "docker run openvino/model_server\nexit code 0",
        "docker run openvino/model_server --config_path /models/config.json --port 9000",
    ),
)

ILLEGAL_INSTRUCTION = Code(
    code="OVD706",
    name="illegal-instruction",
    severity="error",
    summary="The processor lacks an instruction that the server uses",
    remedy="Let the virtual machine pass the host's processor on, or move to a newer one.",
    recovers="restart",
    releases="The server catches the signal since 2026.2.",
    see_also=("OVD708",),
    example=Example(
        "a virtual machine with the processor qemu64\nexit code 132",
        "a virtual machine with the host's processor",
    ),
)

ABORTED = Code(
    code="OVD707",
    name="aborted",
    severity="error",
    summary="The server aborted",
    remedy="Read the last lines of its log, and what is said here of the cache.",
    recovers="restart",
    releases="A cache that cannot be entered aborts the server since 2026.2.",
    see_also=("OVD503", "OVD708"),
    example=Example("drwx------ root root /srv/cache\nexit code 134", "drwxr-x--- 5000 5000 /srv/cache"),
)

CRASHED = Code(
    code="OVD708",
    name="crashed",
    severity="error",
    summary="The server crashed",
    remedy=(
        "Check the models with --load compile, and leave out the CPU extension and the GPU to see "
        "which it is."
    ),
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD343", "OVD707"),
    example=Example(
        "cp model.bin /srv/models/m/1/   while it is served\nexit code 135", "cp model.bin /srv/models/m/2/"
    ),
)

STOPPED = Code(
    code="OVD709",
    name="stopped",
    severity="info",
    summary="The server was stopped",
    remedy="Start it again when it is needed.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD702",),
    example=Example("docker stop ovms\nexit code 143", "docker start ovms"),
)

RESTARTS_AGAIN_AND_AGAIN = Code(
    code="OVD710",
    name="restarts-again-and-again",
    severity="error",
    summary="The container ends and is started again, over and over",
    remedy="Mend what makes it end; until then the policy hides it.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD703", "OVD704", "OVD705"),
    example=Example(
        "docker run --restart always … --rest_prot 8000\nrestarting, exit code 64",
        "docker run --restart always … --rest_port 8000",
    ),
)

EVICTED = Code(
    code="OVD711",
    name="evicted",
    severity="error",
    summary="Kubernetes took the pod off its node",
    remedy="Ask for as much memory and ephemeral storage as the models need (resources.requests).",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD701",),
    example=Example(
        "reason: Evicted\nmessage: The node was low on resource: memory.",
        "resources: {requests: {memory: 4Gi}, limits: {memory: 4Gi}}",
    ),
)

PROBE_CANNOT_SUCCEED = Code(
    code="OVD712",
    name="probe-cannot-succeed",
    severity="warning",
    summary="A probe asks what the server does not answer",
    remedy=("Probe /v2/health/ready on the REST port, with a startup probe that leaves time for loading."),
    recovers="restart",
    releases="/v2/health/live and /v2/health/ready since 2022.2.",
    see_also=("OVD710",),
    example=Example(
        ("--port 9000 --rest_port 8000\nreadinessProbe: {httpGet: {path: /v2/health/ready, port: 9000}}"),
        ("--port 9000 --rest_port 8000\nreadinessProbe: {httpGet: {path: /v2/health/ready, port: 8000}}"),
    ),
)

NEVER_STARTED = Code(
    code="OVD713",
    name="never-started",
    severity="error",
    summary="The engine could not start the container",
    remedy="Mend what the engine's message names.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD704",),
    example=Example(
        "docker run -p 80:8000 …\nexit code 125: port is already allocated", "docker run -p 8000:8000 …"
    ),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "container": (
        OOM_KILLED,
        KILLED_FROM_OUTSIDE,
        ENDED_OVER_ARGUMENTS,
        ENDED_AT_START,
        ENDED_WITH_ITS_HELP,
        ILLEGAL_INSTRUCTION,
        ABORTED,
        CRASHED,
        STOPPED,
        RESTARTS_AGAIN_AND_AGAIN,
        EVICTED,
        PROBE_CANNOT_SUCCEED,
        NEVER_STARTED,
    ),
}
