"""Entries on how a container ended, or why it does not stay up."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code

CODES: tuple[Code, ...] = (
    Code(
        "OVD701",
        "oom-killed",
        "error",
        "container",
        "The kernel killed the server, or a process beside it, for want of memory",
        "The container met its memory limit, or the host had none left, and the kernel killed a process at "
        "once (SIGKILL, exit code 137). The server has no chance to write anything: an OOM kill leaves no line in its "
        "log. The engine's OOMKilled, Kubernetes' reason and the kernel's own log tell of it.",
        "Give the container more memory, or load less: fewer versions, smaller precision.",
        "restart",
        releases="The same in all releases: the server checks no memory.",
        see_also=("OVD702", "OVD741"),
    ),
    Code(
        "OVD702",
        "killed-from-outside",
        "warning",
        "container",
        "The server was killed, and nothing says that memory was the reason",
        "Exit code 137 is SIGKILL, from whomever: docker kill, docker stop after its time of grace, a liveness probe, "
        "a node that drains. The engine does not say that the container met its memory limit. Where the host "
        "itself ran out of memory, only the kernel's log tells.",
        "Look who stopped it: the engine's events, the cluster's events, the kernel's log.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD701", "OVD709"),
    ),
    Code(
        "OVD703",
        "ended-over-arguments",
        "error",
        "container",
        "The server refused its arguments and ended",
        "Exit code 64 (3 on Windows) comes from the reading of the argument line alone: an option that this release "
        "does not know, a value out of range, two that exclude each other. The reason stands on standard error.",
        "Correct the argument line.",
        "restart",
        releases="The same in all releases; options come and go with them.",
        see_also=("OVD406", "OVD704"),
    ),
    Code(
        "OVD704",
        "ended-at-start",
        "error",
        "container",
        "The server could not start and ended",
        "Exit code 1 comes from start-up: a configuration that is refused, a port that is taken, in single-model mode "
        "any failure of the model. The last lines of its log name the reason.",
        "Mend what the findings on configuration and models say, then start it again.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD703", "OVD403"),
    ),
    Code(
        "OVD705",
        "ended-with-its-help",
        "error",
        "container",
        "The server was given nothing to serve: it printed its help and ended",
        "Without an argument, and with --help or --version, the server ends with exit code 0. An engine that "
        "restarts it does so for ever; Kubernetes calls that Completed, then CrashLoopBackOff.",
        "Give it --config_path, or --model_path and --model_name, and a port.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD415", "OVD710"),
    ),
    Code(
        "OVD706",
        "illegal-instruction",
        "error",
        "container",
        "The processor lacks an instruction that the server uses",
        "Exit code 132 is SIGILL. OpenVINO needs a processor with SSE4.2 at least, some builds AVX2; a virtual machine "
        "may hide what the processor has. Since 2026.2 the server catches it, says so and ends with the same code.",
        "Let the virtual machine pass the host's processor on, or move to a newer one.",
        "restart",
        releases="The server catches the signal since 2026.2.",
        see_also=("OVD708",),
    ),
    Code(
        "OVD707",
        "aborted",
        "error",
        "container",
        "The server aborted",
        "Exit code 134 is SIGABRT: an exception that nothing caught. A model cache that belongs to another user and "
        "cannot be entered does that from 2026.2 on, an error in a thread that watches the configuration too.",
        "Read the last lines of its log, and what is said here of the cache.",
        "restart",
        releases="A cache that cannot be entered aborts the server since 2026.2.",
        see_also=("OVD503", "OVD708"),
    ),
    Code(
        "OVD708",
        "crashed",
        "error",
        "container",
        "The server crashed",
        "Exit code 139 is SIGSEGV, 135 SIGBUS. A weights file that is cut or replaced while it is mapped gives a "
        "SIGBUS; a broken model, a CPU extension or a driver of another build gives either.",
        "Check the models with --load compile, and leave out the CPU extension and the GPU to see which it is.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD343", "OVD707"),
    ),
    Code(
        "OVD709",
        "stopped",
        "info",
        "container",
        "The server was stopped",
        "It was told to end (SIGTERM, SIGINT) and did: exit code 0, 143 or 130. Nothing is wrong with that.",
        "Start it again when it is needed.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD702",),
    ),
    Code(
        "OVD710",
        "restarts-again-and-again",
        "error",
        "container",
        "The container ends and is started again, over and over",
        "The restart policy starts what ended, which ends for the same reason. Between two tries nothing answers.",
        "Mend what makes it end; until then the policy hides it.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD703", "OVD704", "OVD705"),
    ),
    Code(
        "OVD711",
        "evicted",
        "error",
        "container",
        "Kubernetes took the pod off its node",
        "The node ran short of memory or disk, and the pod used more than it had asked for. A pod that is evicted is "
        "not started again in its place.",
        "Ask for as much memory and ephemeral storage as the models need (resources.requests).",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD701",),
    ),
    Code(
        "OVD712",
        "probe-cannot-succeed",
        "warning",
        "container",
        "A probe asks what the server does not answer",
        "The server answers HTTP on its --rest_port only, and gRPC on its --port only; /v2/health/live and "
        "/v2/health/ready are there since 2022.2. A probe of another port or path never succeeds: the engine calls the "
        "container unhealthy, Kubernetes restarts it or sends it no requests.",
        "Probe /v2/health/ready on the REST port, with a startup probe that leaves time for loading.",
        "restart",
        releases="/v2/health/live and /v2/health/ready since 2022.2.",
        see_also=("OVD710",),
    ),
    Code(
        "OVD713",
        "never-started",
        "error",
        "container",
        "The engine could not start the container",
        "The program of the container never ran: the image is not there, the program is not in it, a mount or a device "
        "failed, a port is taken. Exit codes 125 to 127 come from the engine or the shell, not from the server.",
        "Mend what the engine's message names.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD704",),
    ),
)
