"""Inspect documents of Docker and Podman, of other objects, damaged, and any other JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.inspect.read import read_inspect, read_text
from ovms_doctor.model.container import Container, IdRange, PublishedPort
from ovms_doctor.model.json_text import decode_json, encode_json

ID = "87b97f1cbfd63a4c4acd9758405c5066cc10116c36932f3f90cbdfa60a7d935c"


def docker() -> dict[str, Any]:
    """The output of Docker 28, reduced, with a value in every relevant field."""
    return {
        "Id": ID,
        "Name": "/resnet",
        "Path": "/ovms/bin/ovms",
        "Args": ["--port", "9000"],
        "RestartCount": 4,
        "ProcessLabel": "system_u:system_r:container_t:s0:c1,c2",
        "State": {
            "Status": "exited", "Running": False, "OOMKilled": True, "Pid": 0, "ExitCode": 137, "Error": "",
            "StartedAt": "2026-11-22T20:41:52.4Z", "FinishedAt": "2026-11-22T20:41:53.4Z",
            "Health": {"Status": "unhealthy"},
        },
        "HostConfig": {
            "Binds": ["/srv/models:/models:ro,Z"],
            "Mounts": [
                {"Type": "volume", "Target": "/cache", "VolumeOptions": {"Subpath": "ovms"}},
                {"Type": "bind", "Target": "/cfg", "BindOptions": {"CreateMountpoint": True}},
            ],
            "Tmpfs": {"/tmp": "size=64m,ro"}, "NetworkMode": "default",
            "PortBindings": {"9000/tcp": [{"HostIp": "", "HostPort": "9000"}], "8000/tcp": [{"HostPort": ""}]},
            "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0}, "GroupAdd": ["44", "render"],
            "Memory": 2147483648, "MemorySwap": -1, "NanoCpus": 0, "CpuQuota": 250000, "CpuPeriod": 100000,
            "CpusetCpus": "0-3", "PidsLimit": -1, "ShmSize": 67108864,
            "Ulimits": [{"Name": "nofile", "Soft": -1, "Hard": -1}], "CapDrop": ["CAP_ALL"],
            "Devices": [{"PathOnHost": "/dev/dri", "PathInContainer": "/dev/dri", "CgroupPermissions": "rwm"}],
            "DeviceRequests": [{"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]]}],
            "SecurityOpt": ["no-new-privileges", 'seccomp={"defaultAction": "SCMP_ACT_ERRNO"}'],
            "ReadonlyRootfs": True, "Privileged": False, "UsernsMode": "",
        },
        "GraphDriver": {
            "Name": "overlay2",
            "Data": {"UpperDir": "/o/3/diff", "LowerDir": "/o/2/diff:/o/1/diff", "MergedDir": "/o/3/merged"},
        },
        "Mounts": [
            {"Type": "bind", "Source": "/srv/models", "Destination": "/models", "Mode": "ro,Z", "RW": False,
             "Propagation": "rprivate"},
            {"Type": "volume", "Name": "cache", "Source": "/var/lib/docker/volumes/cache/_data",
             "Destination": "/cache/", "Driver": "local", "Mode": "z", "RW": True, "Propagation": ""},
            {"Type": "bind", "Source": "/cfg", "Destination": "/cfg", "Mode": "", "RW": True, "Propagation": "rslave"},
        ],
        "Config": {
            "User": "5000", "Image": "openvino/model_server:2025.4-gpu", "WorkingDir": "/w",
            "Env": ["PATH=/bin", "API_KEY=hunter2", "GRPC_SERVERS=3", "bad", "=x"],
            "Entrypoint": ["/ovms/bin/ovms"], "Cmd": ["--port", "9000", "--api_key=hunter2"],
            "Labels": {"supported-devices": "CPU=1 GPU=1", "com.example.secret": "hunter2", "version": 5},
            "Healthcheck": {
                "Test": ["CMD-SHELL", "curl -f http://localhost:8000/v2/health/ready"], "Interval": 5000000000,
                "Retries": 7,
            },
        },
        "NetworkSettings": {"Ports": {}},
    }  # fmt: skip


def podman() -> dict[str, Any]:
    """The output of Podman 4 where it differs."""
    document = docker()
    document.update(
        Name="resnet",
        ImageName="docker.io/openvino/model_server:2025.4",
        EffectiveCaps=None,
        BoundingCaps=["CAP_CHOWN"],
        OCIConfigPath="/var/lib/containers/storage/overlay-containers/x/userdata/config.json",
        Path="/ovms/bin/ovms",
        Args=["--model_name", "a b"],
    )
    document["Config"]["Entrypoint"] = "/ovms/bin/ovms"
    document["HostConfig"]["Ulimits"] = [{"Name": "RLIMIT_NOFILE", "Soft": 1048576, "Hard": 1048576}]
    document["Mounts"] = [
        {"Type": "bind", "Source": "/srv/models", "Destination": "/models", "Driver": "", "Mode": "",
         "Options": ["rbind", "nosuid", "noexec"], "RW": True, "Propagation": "rprivate"},
    ]  # fmt: skip
    return document


def read(document: Any, **values: Any) -> Container:
    return read_inspect(document, source="inspect", source_name="file", **values)


def test_docker() -> None:
    container = read([docker()])
    assert (container.engine, container.name, container.id) == ("docker", "resnet", ID)
    assert container.arguments == ("--port", "9000", "--api_key=***")
    assert "hunter2" not in repr(container)
    models, cache, cfg, tmp = container.mounts
    assert (models.host, models.read_only, models.options, models.created_by_engine) == (
        "/srv/models",
        True,
        ("Z",),
        True,
    )
    assert (cache.server, cache.name, cache.sub_path, cache.options) == ("/cache", "cache", "ovms", ("z",))
    assert (cfg.options, cfg.created_by_engine) == (("rslave",), True)
    assert (tmp.kind, tmp.host, tmp.read_only, tmp.options) == ("tmpfs", None, True, ("size=64m",))
    assert container.ports == (PublishedPort(9000, 9000), PublishedPort(8000, None))
    limits = container.limits
    assert (limits.memory, limits.memory_swap, limits.cpus, limits.cpuset) == (2 << 30, None, 2.5, "0-3")
    assert (limits.pids, limits.open_files) == (None, 2**64 - 1)
    assert (container.network, container.restart) == ("bridge", "unless-stopped")
    assert (container.devices, container.device_requests) == (("/dev/dri",), ("gpu",))
    assert container.security == (
        "no-new-privileges", "seccomp=…", "process-label=system_u:system_r:container_t:s0:c1,c2"
    )  # fmt: skip
    assert container.capabilities_dropped == ("ALL",)
    (probe,) = container.probes
    assert (probe.kind, probe.port, probe.period, probe.failures, probe.timeout) == ("health", 8000, 5, 7, 30)
    assert [(item.name, item.number) for item in container.environment] == [
        ("API_KEY", None),
        ("GRPC_SERVERS", 3),
    ]
    assert container.environment_names == ("PATH", "API_KEY", "GRPC_SERVERS", "bad")
    assert container.labels == (("supported-devices", "CPU=1 GPU=1"),)
    assert container.layers == ("/o/3/diff", "/o/2/diff", "/o/1/diff")
    assert container.merged_directory == ""
    state = container.state
    assert state is not None
    assert (state.exit_code, state.oom_killed, state.restarts, state.health) == (137, True, 4, "unhealthy")
    assert (container.release, container.release_from) == ("2025.4", "the image's tag")
    assert container.unknown_fields == ()
    assert decode_json(encode_json(container), Container) == container


def test_running_container_has_no_exit_code_yet() -> None:
    document = docker()
    document["State"].update(Status="running", ExitCode=0, Pid=77, FinishedAt="0001-01-01T00:00:00Z")
    document["NetworkSettings"]["Ports"] = {"8000/tcp": [
        {"HostIp": "0.0.0.0", "HostPort": "32768"}, {"HostIp": "::", "HostPort": "32768"}
    ]}  # fmt: skip
    container = read(document)
    assert container.state is not None
    assert (container.state.exit_code, container.state.pid, container.state.last_finished_at) == (
        None,
        77,
        "",
    )
    assert container.merged_directory == "/o/3/merged"
    assert container.ports == (PublishedPort(9000, 9000), PublishedPort(8000, 32768))


def test_podman() -> None:
    container = read([podman()])
    assert (container.engine, container.name) == ("podman", "resnet")
    assert container.image == "docker.io/openvino/model_server:2025.4"
    # Config.Entrypoint joins the words with spaces; Path and Args do not.
    assert container.arguments == ("--model_name", "a b")
    assert container.limits.open_files == 1048576
    assert container.mounts[0].options == ("noexec",)
    # Podman refuses to start if the host path does not exist.
    assert not container.mounts[0].created_by_engine


def test_user_namespaces() -> None:
    info = {
        "SecurityOptions": ["name=seccomp,profile=default", "name=userns"],
        "DockerRootDir": "/d/100000.100000",
    }
    container = read(docker(), info=info)
    assert (container.user_namespace, container.id_map) == ("remapped", (IdRange(0, 100000, 65536),))
    document = docker()
    document["HostConfig"]["UsernsMode"] = "host"
    assert read(document, info=info).user_namespace == ""
    info["DockerRootDir"] = "/d/100000.200000"
    assert read(docker(), info=info).id_map == ()
    rootless = read(
        docker(), info={"SecurityOptions": ["name=rootless"], "IdMap": [[0, 1000, 1], [1, 100000, 65536]]}
    )
    assert (rootless.user_namespace, rootless.id_map[0]) == ("rootless", IdRange(0, 1000, 1))
    assert read(docker(), info={"IdMap": [[0, 0, 4294967295]]}).user_namespace == ""
    document = podman()
    document["HostConfig"]["IDMappings"] = {"UidMap": ["0:200000:65536"], "GidMap": ["0:200000:65536"]}
    assert read(document).id_map == (IdRange(0, 200000, 65536),)
    document["OCIConfigPath"] = (
        "/home/me/.local/share/containers/storage/overlay-containers/x/userdata/config.json"
    )
    assert (read(document).user_namespace, read(document).id_map) == ("rootless", ())


def test_docker_desktop() -> None:
    """Its engine has other paths for the host's files, and its volumes cannot be read."""
    document = docker()
    document["Mounts"][0]["Source"] = "/host_mnt/Users/me/models"
    container = read(document, info={"OperatingSystem": "Docker Desktop"})
    assert [mount.host for mount in container.mounts] == ["/Users/me/models", None, "/cfg", None]


def test_log() -> None:
    log = [
        "[2026-01-01 10:00:00.000][1][serving][info][server.cpp:89] OpenVINO Model Server 2024.1.0a1b2c3d",
        "[2026-01-01 10:00:00.000][1][serving][trace][server.cpp:155] API key: hunter2",
        "\x1b[31mhttp://me:hunter2@host/\x1b[0m",
    ]
    container = read(docker(), log=log)
    assert container.release == "2024.1"
    assert "hunter2" not in repr(container)
    assert container.log[2].startswith("\x1b[31m")


def test_missing_parts_are_reported() -> None:
    document = docker()
    del document["Mounts"], document["State"], document["HostConfig"]
    document["Config"]["Image"] = "x"
    container = read(document)
    assert container.state is None
    assert not container.limits.complete
    assert {"mounts", "limits"} <= set(container.unknown_fields)
    assert any("--ovms-version" in problem for problem in container.problems)
    assert any("Mounts" in problem for problem in container.problems)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "empty list"),
        ([docker(), {**docker(), "Name": "/other"}], "resnet, other"),
        ([{"Id": "sha256:1", "RepoTags": ["a:1"], "Config": {}}], "an image"),
        ([{"Name": "v", "Mountpoint": "/x", "Driver": "local"}], "a volume"),
        ([{"Name": "n", "IPAM": {}}], "a network"),
        ([{"Names": ["/a"], "State": "running"}], "docker ps"),
        ({"apiVersion": "v1", "kind": "Pod"}, "--kubernetes"),
        ({"services": {}}, "--compose"),
        ({"status": {}, "info": {}}, "crictl"),
        ({}, "neither"),
        ({"Config": [], "HostConfig": 5}, "neither"),
        ("text", "not what docker inspect writes"),
        ([1], "not what docker inspect writes"),
        (None, "not what docker inspect writes"),
    ],
)
def test_other_documents(document: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        read(document)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings(encoding: str) -> None:
    """The encodings that ``>`` writes in a shell, also in PowerShell."""
    assert read_text(json.dumps([docker()], indent=4).encode(encoding)) == [docker()]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"Error: No such object: resnet", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"1" * 10_000, "not JSON"),
        (b'[{"a": "\xff"}', "incomplete"),
    ],
)
def test_rubbish(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        read_text(data)


def test_document_that_breaks_off() -> None:
    text = json.dumps([docker()], indent=4).encode()
    for end in range(97, len(text) - 1, 97):
        with pytest.raises(DocumentError, match=r"incomplete|not JSON"):
            read_text(text[:end])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_document(document: Any) -> None:
    try:
        container = read(document)
    except DocumentError:
        return
    assert isinstance(container, Container)


def _paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(inner for key in keys for inner in _paths_in(value[key], (*path, key)))]


@given(st.sampled_from([docker, podman]), st.data(), JSON)
def test_any_value_in_any_field(make: Any, data: Any, value: Any) -> None:
    """A field with a wrong type is not known; all others are read."""
    document: Any = make()
    *path, last = data.draw(st.sampled_from(_paths_in(document)[1:]))
    inner = document
    for key in path:
        inner = inner[key]
    inner[last] = value
    try:
        container = read(document)
    except DocumentError:
        assert path == []
        return
    # It can be written into facts, and read back.
    assert decode_json(encode_json(container), Container) == container
    assert "hunter2" not in repr(container)


@given(JSON)
def test_any_information_of_the_engine(info: Any) -> None:
    keys = (
        "SecurityOptions",
        "DockerRootDir",
        "IdMap",
        "Components",
        "Problems",
        "OperatingSystem",
        "ServerVersion",
    )
    for information in (info, dict.fromkeys(keys, info)):
        assert isinstance(read(docker(), info=information), Container)
