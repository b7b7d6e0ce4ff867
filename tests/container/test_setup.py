"""Mistakes in a container's set-up: facts in, findings out; each code with a good and a bad example."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.checks import layout, permissions
from ovms_doctor.checks import unmounted_paths as outside
from ovms_doctor.checks.container import check
from ovms_doctor.checks.container.steps import memory_steps
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.registry import arrange
from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.model.causes import ParameterRefused
from ovms_doctor.model.container import (
    Container,
    ContainerMount,
    ContainerState,
    IdRange,
    Probe,
    PublishedPort,
)
from ovms_doctor.model.deployment import Deployment, ModelEntry, ModelParameters
from ovms_doctor.model.facts import Answer, AnyQuestion, Denial, Facts, Failure, ListDirectory, Listing
from ovms_doctor.model.facts.answers import Entry
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import User
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.parameters import ParsedParameters
from ovms_doctor.model.plan import Attempt, BaseProblem, Detection, ModelPlan, Plan, VersionPlan, VersionState
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.parameters.devices import target_device

ARGUMENTS = ("--model_name", "m", "--model_path", "/models/m", "--rest_port", "8000", "--port", "9000")
BIND = ContainerMount("/models", "bind", "/srv/models", created_by_engine=True)
BASE = Container(
    "docker",
    "ovms",
    name="ovms",
    engine="docker",
    image="openvino/model_server:2026.3",
    arguments=ARGUMENTS,
    mounts=(BIND,),
    network="bridge",
    ports=(PublishedPort(8000, 8000), PublishedPort(9000, 9000)),
)
ENTRY = ModelEntry("m", "/models/m")
AVAILABLE = VersionState("AVAILABLE", "OK")
SERVED = ModelPlan(
    ENTRY, Detection("OK", (1,)), (1,), (VersionPlan(1, ("1",), True, AVAILABLE, AVAILABLE, None),)
)
MISSING = ModelPlan(ENTRY, Detection("PATH_INVALID", problem=BaseProblem("missing", Failure(2))))
DENIED = ModelPlan(
    ENTRY,
    Detection(
        "PATH_INVALID",
        problem=BaseProblem("cannot_check", Failure(13, Denial("/models/m", "search", 0, 0, 0o700, "tried"))),
    ),
)
EMPTY: dict[AnyQuestion, Answer] = {ListDirectory("/models"): Listing(())}


def findings(
    container: Container,
    model: ModelPlan = SERVED,
    answers: dict[AnyQuestion, Answer] | None = None,
    release: str = "2026.3",
    user: User | None = None,
) -> list[Finding]:
    version = parse_release(release)
    arguments = container.arguments
    deployment = Deployment(
        "single",
        version,
        "given",
        arguments=None if arguments is None else read_arguments(list(arguments), version),
        container=container,
    )
    if user is not None:
        deployment = replace(deployment, user=user)
    return list(
        check(Context(deployment, Plan("single", "serves", models=(model,)), Facts(answers, complete=True)))
    )


def codes(container: Container, model: ModelPlan = SERVED, **more: object) -> list[str]:
    return [found.code for found in findings(container, model, **more)]  # type: ignore[arg-type]


def test_no_finding_on_a_healthy_container() -> None:
    assert codes(BASE) == []


def test_no_finding_without_a_container() -> None:
    deployment = Deployment("single", parse_release("2026.3"), "given")
    assert list(check(Context(deployment, Plan("single", "serves"), Facts(complete=True)))) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"ports": ()},
        {"read_only_root": True},
        {"capabilities_dropped": ("ALL",), "security": ("no-new-privileges",)},
        {"security": ("process-label=system_u:system_r:container_t:s0:c1,c2",)},
        {"user_namespace": "remapped", "id_map": (IdRange(0, 100000, 65536),)},
        {"network": "host", "ports": (PublishedPort(1, 1),)},
        {"network": "container:other", "ports": (PublishedPort(1, 1),)},
        {"ports": (PublishedPort(8000, 80), PublishedPort(9000, None), PublishedPort(5353, 53, "", "udp"))},
        {"arguments": None, "ports": (PublishedPort(1, 1),), "probes": (Probe("liveness", "tcp", 1),)},
        {"arguments": ("--help",), "ports": (PublishedPort(1, 1),)},
        {"image": "openvino/model_server:latest", "release": "2026.1", "release_from": "the container's log"},
        {"image": "openvino/model_server:latest", "release": "2023.0", "release_from": "the image's tag"},
        {"image": "openvino/model_server:2023.0", "release": "2023.0", "release_from": "the container's log"},
    ],
)
def test_valid_setups_have_no_finding(changes: dict[str, object]) -> None:
    assert codes(replace(BASE, **changes)) == []  # type: ignore[arg-type]


# -- mounts --------------------------------------------------------------------------------------------


def test_empty_mount() -> None:
    (found,) = findings(BASE, MISSING, EMPTY)
    assert (found.code, found.severity, found.subject.server_path) == ("OVD716", "error", "/models")
    assert "The engine creates" in found.detail
    assert found.remedy.steps[0].command == "ls -la /srv"
    strict = replace(BASE, mounts=(replace(BIND, created_by_engine=False),))
    (found,) = findings(strict, MISSING, EMPTY)
    assert "the engine creates" not in found.detail


def test_mount_is_the_base_path() -> None:
    entry = replace(ENTRY, base_path="/models")
    model = ModelPlan(entry, Detection("OK", listing=Listing(())))
    assert codes(BASE, model) == ["OVD716"]
    model = ModelPlan(entry, Detection("OK", listing=Listing((Entry("x", "file"),))))
    assert codes(BASE, model) == []


@pytest.mark.parametrize("answers", [{}, {ListDirectory("/models"): Listing((Entry("n", "directory"),))}])
def test_mount_that_may_not_be_empty(answers: dict[AnyQuestion, Answer]) -> None:
    assert codes(BASE, MISSING, answers=answers) == []


def test_tmpfs_over_the_models() -> None:
    tmpfs = ContainerMount("/models/m", "tmpfs")
    hidden = replace(BASE, mounts=(BIND, tmpfs))
    (found,) = findings(hidden, MISSING)
    assert (found.code, found.severity, found.subject.server_path) == ("OVD718", "error", "/models/m")
    assert codes(replace(hidden, source="kubernetes"), MISSING) == [], "another container may fill it first"
    assert codes(replace(hidden, mounts=(BIND, replace(tmpfs, server="/models/other"))), MISSING) == []
    assert codes(replace(hidden, mounts=(tmpfs,)), MISSING) == [], "it hides nothing"


def test_volume_over_the_models() -> None:
    volume = ContainerMount("/models/m", "volume", "/var/lib/docker/volumes/v/_data", name="v")
    hidden = replace(BASE, mounts=(BIND, volume))
    assert codes(hidden, MISSING, answers={ListDirectory("/models/m"): Listing(())}) == ["OVD718"]
    assert codes(hidden, MISSING) == [], "it may have the models"


# -- SELinux, ids, a read-only root --------------------------------------------------------------------

CONFINED = replace(
    BASE,
    security=("process-label=system_u:system_r:container_t:s0:c1,c2",),
    log=("[2026-01-01][1][modelmanager][error][x.cpp:1] Directory does not exist: /models/m",),
)


def test_selinux_denies_access() -> None:
    (found,) = findings(CONFINED)
    assert (found.code, found.severity, found.confidence) == ("OVD722", "warning", "medium")
    assert found.remedy.steps[1].command == "-v /srv/models:/models:z"


@pytest.mark.parametrize(
    "changes",
    [
        {"mounts": (replace(BIND, options=("z",)),)},
        {"mounts": (replace(BIND, options=("Z",)),)},
        {"security": ()},
        {"security": (*CONFINED.security, "label=disable")},
        {"security": ("process-label=system_u:system_r:spc_t:s0",)},
        {"privileged": True},
        {"log": ()},
        {"log": ("[2026-01-01][1][modelmanager][error][x.cpp:1] Directory does not exist: /other",)},
    ],
)
def test_selinux_is_not_the_reason(changes: dict[str, object]) -> None:
    assert codes(replace(CONFINED, **changes)) == []  # type: ignore[arg-type]


def test_a_path_that_the_rules_miss_too_is_not_selinux() -> None:
    assert codes(CONFINED, MISSING) == []


def test_ids_on_the_host() -> None:
    mapped = replace(BASE, user_namespace="rootless", id_map=(IdRange(0, 1000, 1), IdRange(1, 100000, 65536)))
    (found,) = findings(mapped, DENIED, user=User(104999, 104999))
    assert (found.code, found.severity) == ("OVD723", "info")
    assert found.message == "The server's uid 5000 and gid 5000 is uid 104999 and gid 104999 on this host"
    assert findings(mapped, SERVED, user=User(104999, 104999)) == []
    assert findings(BASE, DENIED, user=User(5000, 5000)) == []


def test_downloads_need_a_directory() -> None:
    remote = replace(SERVED, entry=replace(ENTRY, base_path="s3://bucket/m"))
    locked = replace(BASE, read_only_root=True)
    (found,) = findings(locked, remote)
    assert (found.code, found.severity) == ("OVD724", "error")
    assert found.remedy.steps[0].command == "--tmpfs /tmp"
    tmpfs = ContainerMount("/tmp", "tmpfs")
    assert codes(replace(locked, mounts=(tmpfs,)), remote) == []
    assert codes(replace(locked, mounts=(replace(tmpfs, read_only=True),)), remote) == ["OVD724"]
    assert codes(replace(locked, engine="podman"), remote) == []
    assert codes(replace(locked, unknown_fields=("mounts",)), remote) == []


# -- ports ---------------------------------------------------------------------------------------------


def test_published_port_without_a_listener_is_reported() -> None:
    wrong = replace(BASE, arguments=ARGUMENTS[:6], ports=(PublishedPort(9000, 9000),))
    (found,) = findings(wrong)
    assert (found.code, found.severity) == ("OVD721", "warning")
    assert found.remedy.steps[0].command == "-p 9000:8000"
    (found,) = findings(replace(wrong, source="compose"))
    assert found.remedy.steps[0].command == 'ports: ["9000:8000"]'
    (found,) = findings(replace(wrong, ports=BASE.ports))
    assert found.remedy.steps[0].text == "Let the server listen on it: --port 9000"
    own = replace(wrong, ports=BASE.ports, image="registry.example.com/ours:1")
    assert codes(own) == [], "what listens is published too"


def test_a_range_of_ports_with_the_servers_is_for_any_server() -> None:
    ports = tuple(PublishedPort(port, port) for port in range(8000, 8011))
    rest = replace(BASE, arguments=ARGUMENTS[:6])
    assert codes(replace(rest, ports=ports)) == []
    assert codes(replace(rest, ports=ports[:2])) == ["OVD721"]
    assert set(codes(replace(rest, ports=ports[1:]))) == {"OVD721"}
    apart = (*ports[:1], *(PublishedPort(port, port) for port in (8002, 8004, 8006)))
    assert set(codes(replace(rest, ports=apart))) == {"OVD721"}


def test_grpc_port_of_older_releases() -> None:
    newer = replace(BASE, arguments=ARGUMENTS[:6], ports=(PublishedPort(8000, 8000),))
    assert codes(replace(newer, ports=(PublishedPort(9178, 9178),)), release="2025.1") == ["OVD721"]
    assert codes(replace(newer, ports=(PublishedPort(9178, 9178),)), release="2025.0") == ["OVD720"]
    both = (PublishedPort(9178, 9178), PublishedPort(8000, 8000))
    assert codes(replace(newer, ports=both), release="2025.0") == []
    assert codes(newer, release="2025.1") == []


def test_health_check_runs_in_the_container() -> None:
    arguments = (*ARGUMENTS, "--rest_bind_address", "127.0.0.1")
    probe = Probe("health", "http", 8000, "/v2/health/live")
    host = replace(BASE, arguments=arguments, network="host", probes=(probe,))
    assert codes(host) == []
    assert "OVD712" not in codes(replace(BASE, arguments=arguments, probes=(probe,)))
    wrong = replace(BASE, probes=(replace(probe, port=9999),))
    assert "OVD712" in codes(wrong)
    healthy = ContainerState("running", health="healthy")
    assert codes(replace(wrong, state=healthy)) == []


def test_bound_to_the_loopback() -> None:
    local = replace(BASE, arguments=(*ARGUMENTS, "--rest_bind_address", "127.0.0.1"))
    (found,) = findings(local)
    assert (found.code, found.severity) == ("OVD721", "warning")
    assert "loopback" in found.message
    assert codes(replace(local, network="host")) == []
    assert codes(replace(local, engine="podman", user_namespace="rootless")) == []


def test_what_is_said_of_a_port_without_a_listener() -> None:
    rest = replace(BASE, arguments=ARGUMENTS[:6], ports=(PublishedPort(9000, 80),))
    (found,) = findings(rest)
    assert found.message == "Port 9000 of the container is published, but the server does not listen on it"
    assert [item.observation for item in found.evidence] == [
        "the server listens: REST on 8000",
        "port 80 of the host, port 9000 of the container",
    ]
    assert (found.confidence, found.recovers) == ("medium", "restart")
    assert found.remedy.steps[0].text == "Publish port 8000, on which the server listens."
    (found,) = findings(replace(rest, ports=(PublishedPort(9000, None),)))
    assert (
        found.evidence[1].observation == "port chosen by the engine of the host, port 9000 of the container"
    )
    assert found.remedy.steps[0].command == "-p 8000"
    (found,) = findings(replace(rest, ports=BASE.ports))
    assert [item.text for item in found.remedy.steps] == [
        "Let the server listen on it: --port 9000",
        "Or do not publish port 9000.",
    ]
    (found,) = findings(replace(BASE, arguments=(*ARGUMENTS, "--rest_bind_address", "127.0.0.1")))
    assert (
        found.message == "Port 8000 is published, but the server listens there on the loopback address only"
    )
    (step,) = found.remedy.steps
    assert step.text == "Remove --grpc_bind_address and --rest_bind_address, or set them to 0.0.0.0."


ONLY_GRPC = replace(BASE, ports=(PublishedPort(9000, 9000),))


@pytest.mark.parametrize("network", ["", "bridge", "default"])
def test_a_rest_port_that_no_client_reaches(network: str) -> None:
    (found,) = findings(replace(ONLY_GRPC, network=network))
    assert (found.code, found.recovers) == ("OVD720", "restart")
    assert found.message.startswith("The server listens for REST on port 8000, which is not published: ")
    assert [(step.text, step.command) for step in found.remedy.steps] == [
        ("Publish port 8000 too.", "-p 8000:8000"),
        ("Or remove --rest_port.", None),
    ]
    assert found.evidence[-1].observation == "published: 9000"


@pytest.mark.parametrize(
    "changes",
    [
        # Other containers of the network, the pod or a health check may use it.
        {"network": "mine"},
        {"siblings": ("proxy",)},
        {"source": "kubernetes", "ports": (PublishedPort(9000, 9000, "ovms"),)},
        {"probes": (Probe("health", "http", 8000, "/v2/health/live"),)},
        {"unknown_fields": ("ports",)},
        {"arguments": (*ARGUMENTS, "--metrics_enable")},
        {"arguments": (*ARGUMENTS, "--rest_bind_address", "127.0.0.1")},
        {"arguments": (*ARGUMENTS[:4], "--port", "9000")},
    ],
)
def test_a_rest_port_that_may_be_reached_otherwise(changes: dict[str, object]) -> None:
    assert codes(replace(ONLY_GRPC, **changes)) == []  # type: ignore[arg-type]


def test_a_port_that_is_published_on_an_address() -> None:
    rest = replace(BASE, arguments=ARGUMENTS[:6], ports=(PublishedPort(9000, 80, "127.0.0.1"),))
    (found,) = findings(rest)
    assert found.message == "Port 9000 of the container is published, but the server does not listen on it"
    assert found.evidence[1].observation == "port 80 of the host, port 9000 of the container"


def test_service_of_kubernetes() -> None:
    pod = replace(
        BASE, source="kubernetes", engine="kubernetes", network="", ports=(PublishedPort(8080, 80, "ovms"),)
    )
    (found,) = findings(pod)
    assert found.code == "OVD721"
    assert found.message == "The service ovms forwards to port 8080, on which the server does not listen"
    assert found.evidence[1].observation == "service ovms: port 80, targetPort 8080"
    assert found.remedy.steps[0].command == "targetPort: 8000"
    assert codes(replace(pod, siblings=("proxy",))) == [], "another container may listen there"


@pytest.mark.parametrize(
    ("probe", "part"),
    [
        (Probe("readiness", "http", 9000, "/v2/health/ready"), "gRPC port"),
        (Probe("liveness", "http", 8080, "/v2/health/live"), "does not listen on port 8080"),
        (Probe("liveness", "tcp", 8001), "does not listen on port 8001"),
        (Probe("startup", "http", 8000, "/health"), "no /health"),
        (Probe("startup", "http", 8000, "/v2/health/readyz"), "no /v2/health/readyz"),
        (Probe("startup", "http", 8000, "/"), "no /,"),
        (Probe("liveness", "grpc", 9000), "grpc.health.v1"),
        (Probe("liveness", "http", 8000, "/v2/health/live", scheme="HTTPS"), "TLS"),
    ],
)
def test_probe_that_never_succeeds(probe: Probe, part: str) -> None:
    (found,) = findings(replace(BASE, source="kubernetes", probes=(probe,)))
    assert (found.code, found.severity) == ("OVD712", "error")
    assert part in found.message
    assert found.serving_effect == ("pod never ready" if probe.kind == "readiness" else "container restarts")
    assert found.remedy.steps[0].command == "httpGet: {path: /v2/health/ready, port: 8000}"


@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        ("startup", "Kubernetes restarts the container after the allowed number of failures."),
        ("liveness", "Kubernetes restarts the container after the allowed number of failures."),
        ("readiness", "The pod never becomes ready, and services send it no requests."),
        ("health", "The engine reports the container as unhealthy."),
    ],
)
def test_what_is_said_of_a_probe_that_never_succeeds(kind: str, effect: str) -> None:
    probe = Probe(kind, "http", 8000, "/health")  # type: ignore[arg-type]
    (found,) = findings(replace(BASE, source="kubernetes", probes=(probe,)))
    reason = "the server has no /health, and answers it with an error"
    assert found.message == f"The {kind} probe never succeeds: {reason}"
    assert (found.detail, found.confidence, found.recovers) == (effect, "medium", "restart")
    assert [item.observation for item in found.evidence] == [
        f"{kind}: http /health, port 8000", "the server listens: gRPC on 9000 and REST on 8000"
    ]  # fmt: skip


def test_probe_of_a_server_without_rest() -> None:
    arguments = (*ARGUMENTS[:4], "--port", "9000")
    probe = Probe("liveness", "tcp", 8000)
    (found,) = findings(replace(BASE, source="kubernetes", arguments=arguments, ports=(), probes=(probe,)))
    assert found.evidence[0].observation == "liveness: tcp, port 8000"
    assert [step.command for step in found.remedy.steps] == [None, "tcpSocket: {port: 9000}"]


def test_an_engines_health_check_withholds_nothing() -> None:
    (found,) = findings(replace(BASE, probes=(Probe("health", "http", 8000, "/health"),)))
    assert (found.code, found.severity, found.serving_effect) == ("OVD712", "warning", None)


@pytest.mark.parametrize(
    "probe",
    [
        Probe("readiness", "http", 8000, "/v2/health/ready"),
        Probe("liveness", "http", 8000, "/v2/health/live"),
        Probe("liveness", "http", 8000, "/v1/config"),
        Probe("liveness", "http", 8000, "/v2/models/m/ready"),
        Probe("liveness", "http", 8000, "/metrics"),
        Probe("liveness", "tcp", 8000),
        Probe("liveness", "tcp", 9000),
        Probe("liveness", "exec"),
        Probe("liveness", "http", None, "/v2/health/live"),
    ],
)
def test_probe_that_may_succeed(probe: Probe) -> None:
    assert codes(replace(BASE, source="kubernetes", probes=(probe,))) == []


def test_probe_of_a_pod_with_others_in_it() -> None:
    pod = replace(BASE, source="kubernetes", siblings=("proxy",))
    assert codes(replace(pod, probes=(Probe("liveness", "http", 8443, "/healthz"),))) == []
    assert codes(replace(pod, probes=(Probe("liveness", "http", 9000, "/"),))) == ["OVD712"]


def test_health_route_exists_since_2022_2() -> None:
    pod = replace(BASE, source="kubernetes", probes=(Probe("liveness", "http", 8000, "/v2/health/live"),))
    assert codes(pod, release="2022.1") == ["OVD712"]
    assert codes(pod, release="2022.2") == []


# -- the image -----------------------------------------------------------------------------------------


def test_latest_that_is_old() -> None:
    old = replace(
        BASE,
        image="registry.example/openvino/model_server",
        release="2023.3",
        release_from="the container's log",
    )
    (found,) = findings(old)
    assert (found.code, found.severity) == ("OVD726", "info")
    assert found.message == (
        "The image is tagged latest and contains OVMS 2023.3; newer releases exist, at least 2026.3"
    )
    assert [(item.observation, item.how) for item in found.evidence] == [
        ("OVMS 2023.3", "the container's log")
    ]
    assert found.remedy.steps[0].command == "docker pull registry.example/openvino/model_server:2026.3"
    (found,) = findings(replace(old, image="openvino/model_server:latest-gpu"))
    assert found.remedy.steps[0].command == "docker pull openvino/model_server:2026.3-gpu"
    (found,) = findings(replace(old, image="localhost:5000/openvino/model_server", engine="podman"))
    assert found.remedy.steps[0].command == "podman pull localhost:5000/openvino/model_server:2026.3"


def on_device(device: str, *, refused: bool = False) -> ModelPlan:
    """A model for a device, served or refused because of it."""
    values = (("target_device", f'"{device}"'),)
    entry = replace(ENTRY, parameters=ModelParameters(values, "arguments"))
    path = "/models/m/1/model.xml"
    attempt = Attempt(1, "loaded", path)
    if refused:
        attempt = Attempt(1, "failed", path, cause=ParameterRefused(path, "target_device", "device"))
    state = VersionState("LOADING", "UNKNOWN") if refused else AVAILABLE
    return replace(
        SERVED,
        entry=entry,
        versions=(VersionPlan(1, ("1",), True, state, state, attempt),),
        parameters=ParsedParameters(target_device(device, parse_release("2026.3"))),
    )


@pytest.mark.parametrize(
    ("image", "labels", "device", "found"),
    [
        ("openvino/model_server:2026.3", "", "GPU", True),
        ("openvino/model_server:2026.3", "", "GPU.1", True),
        ("openvino/model_server:2026.3", "", "NPU", True),
        ("openvino/model_server", "", "GPU", True),
        ("mine:1", "CPU=1 GPU=0 NPU=0", "GPU", True),
        ("mine:1", "CPU=1 GPU=1 NPU=0", "NPU", True),
        ("openvino/model_server:2026.3", "CPU=1 GPU=1 NPU=1", "GPU", False),
        ("openvino/model_server:2026.3-gpu", "", "GPU", False),
        ("openvino/model_server:weekly", "", "GPU", False),
        ("openvino/model_server@sha256:0123", "", "GPU", False),
        ("mine:1", "", "GPU", False),
        ("openvino/model_server:2026.3", "", "CPU", False),
        ("openvino/model_server:2026.3", "", "AUTO:GPU,CPU", False),
    ],
)
def test_image_without_the_driver(image: str, labels: str, device: str, found: bool) -> None:
    labelled = (("supported-devices", labels),) if labels else ()
    container = replace(BASE, image=image, labels=labelled)
    assert codes(container, on_device(device)) == (["OVD728"] if found else [])


def test_a_missing_driver_is_an_error_if_the_plan_needs_it() -> None:
    (found,) = findings(BASE, on_device("GPU"))
    assert (found.severity, found.remedy.steps[0].command) == (
        "warning",
        "docker run … openvino/model_server:2026.3-gpu …",
    )
    image = "the image openvino/model_server:2026.3 has no driver for the GPU"
    assert found.message == f"--target_device GPU: {image}"
    assert [item.observation for item in found.evidence] == ["the tag 2026.3 is for the CPU only"]
    assert (found.confidence, found.recovers) == ("medium", "restart")
    (found,) = findings(BASE, on_device("GPU", refused=True))
    assert found.severity == "error"
    (found,) = findings(BASE, on_device("GPU.1"))
    assert found.message == f"--target_device GPU.1: {image}"
    own = replace(BASE, image="mine:1", labels=(("supported-devices", "CPU=1 GPU=0"),))
    (found,) = findings(own, on_device("GPU"))
    assert [item.observation for item in found.evidence] == ["supported-devices: CPU=1 GPU=0"]
    assert found.remedy.steps[0].text == "Use the image with the drivers: its tag ends in -gpu."


def test_no_driver_is_needed_before_a_version_is_there() -> None:
    waiting = replace(on_device("GPU"), versions=())
    assert codes(BASE, waiting) == []


# -- memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("docker", "docker update --memory 512m --memory-swap 512m ovms && docker restart ovms"),
        ("docker-run", "-m 512m --memory-swap 512m"),
        ("compose", "mem_limit: 512m"),
        ("kubernetes", "resources: {requests: {memory: 512Mi}, limits: {memory: 512Mi}}"),
    ],
)
def test_twice_the_limit_that_was_not_enough(source: str, command: str) -> None:
    limits = replace(BASE.limits, memory=256 << 20)
    container = replace(BASE, source=source, limits=limits)  # type: ignore[arg-type]
    context = Context(
        Deployment("single", parse_release("2026.3"), "given"), Plan("single", "serves"), Facts()
    )
    (step,) = memory_steps(context, container)
    assert (step.text, step.command) == ("Raise the limit to 512 MiB (twice the present limit).", command)


def test_without_a_limit_the_host_has_too_little_memory() -> None:
    context = Context(
        Deployment("single", parse_release("2026.3"), "given"), Plan("single", "serves"), Facts()
    )
    (step,) = memory_steps(context, BASE)
    assert step.text == "Give the host more memory, or run fewer programs beside the server."
    assert step.command is None


# -- what other checks say of a container --------------------------------------------------------------


def test_no_version_follows_from_the_empty_mount() -> None:
    entry = replace(ENTRY, base_path="/models")
    model = ModelPlan(entry, Detection("OK", listing=Listing(())))
    deployment = Deployment("single", parse_release("2026.3"), "given", container=BASE)
    context = Context(deployment, Plan("single", "serves", models=(model,)), Facts(complete=True))
    first, second = arrange([*layout.check(context), *check(context)])
    assert (first.code, second.code) == ("OVD716", "OVD101")
    assert second.caused_by == (first.fingerprint,)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/model/m", ("/models/m", "/models")),
        ("/Models", ("/models", "/models")),
        ("/models/m", None),
        ("/data/m", None),
    ],
)
def test_mount_with_a_similar_name(path: str, meant: tuple[str, str] | None) -> None:
    mounts = (Mount("/srv/models", "/models"), Mount("/srv/root", "/"))
    deployment = Deployment("single", parse_release("2026.3"), "given", mounts=mounts, container=BASE)
    assert outside.similar_path(Context(deployment, Plan("single", "serves"), Facts()), path) == meant


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "--user 7:8"),
        ({"source": "compose"}, 'user: "7:8"'),
        ({"source": "kubernetes"}, "securityContext: {runAsUser: 7, runAsGroup: 8}"),
        ({"user_namespace": "rootless"}, None),
    ],
)
def test_server_as_the_owner(changes: dict[str, object], command: str | None) -> None:
    container = replace(BASE, **changes)  # type: ignore[arg-type]
    deployment = Deployment("single", parse_release("2026.3"), "given", container=container)
    denial = Denial("/models/m", "search", 7, 8, 0o700, "tried")
    steps = permissions.steps_for(
        Context(deployment, Plan("single", "serves"), Facts()), denial, directory=True
    )
    assert steps[-1].command == command
