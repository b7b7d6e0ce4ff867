"""Services of Compose files, read as Docker Compose reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.compose.read import read_compose
from ovms_doctor.model.container import Container, ContainerLimits, ContainerMount, Probe, PublishedPort

PROJECT = "/srv/ovms"
GIB = 1024**3
SECRET = "canary-7f3a"
HEAD = "services:\n  ovms:\n    image: openvino/model_server:2026.3\n    command: --port 9000\n"


def read(
    text: str,
    service: str | None = None,
    *,
    env: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    source_name: str = "ovms.yaml",
) -> Container:
    found = {f"{PROJECT}/{name}": content for name, content in (files or {}).items()}
    return read_compose(
        text,
        service=service,
        source_name=source_name,
        directory=PROJECT,
        environment=env or {},
        read_file=found.get,
    )


def with_key(text: str, tail: str = "") -> str:
    return HEAD + "".join(f"    {line}\n" for line in text.splitlines()) + tail


def bind(host: str, server: str, **more: Any) -> ContainerMount:
    return ContainerMount(server, "bind", host, **{"created_by_engine": True, **more})


FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("volumes: [./models:/models:ro]", {"mounts": (bind(f"{PROJECT}/models", "/models", read_only=True),)}),
    ("sysctls: {net.ipv4.ip_unprivileged_port_start: 1024}", {"first_open_port": 1024}),
    ("sysctls: [net.ipv4.ip_unprivileged_port_start=0, net.core.somaxconn=1]", {"first_open_port": 0}),
    ("sysctls: {net.core.somaxconn: 1}", {"first_open_port": None}),
    ("volumes: [~/m:/models]", {"mounts": (bind("/home/ann/m", "/models"),)}),
    ("volumes: ['..:/x/../y']", {"mounts": (bind("/srv", "/y"),)}),
    ("volumes: [{type: bind, source: m, target: /m}]", {"mounts": (bind(f"{PROJECT}/m", "/m"),)}),
    (
        "volumes: [{type: bind, source: ./m, target: /m, read_only: true, bind: {create_host_path: false}}]",
        {"mounts": (bind(f"{PROJECT}/m", "/m", read_only=True, created_by_engine=False),)},
    ),
    ("volumes: ['/a:/m', /b:/m/]", {"mounts": (bind("/b", "/m"),)}),
    ("volumes: ['/a:/m:ro,foo']", {"mounts": (bind("/a", "/m", read_only=True),)}),
    ("volumes: [/cache]", {"mounts": (ContainerMount("/cache", "volume"),)}),
    ("tmpfs: /tmp", {"mounts": (ContainerMount("/tmp", "tmpfs"),)}),
    ("ports: [9000, '8000:8001', 127.0.0.1:1:2/udp]", {"ports": (
        PublishedPort(9000), PublishedPort(8001, 8000), PublishedPort(2, 1, "127.0.0.1", "udp"))}),
    ("ports: [{target: 9000, published: '80'}]", {"ports": (PublishedPort(9000, 80),)}),
    ("command: ['--port', '9000']", {"arguments": ("--port", "9000")}),
    ("command: --a 'b c' d\\ e", {"arguments": ("--a", "b c", "d e")}),
    ("command: --a $$X", {"arguments": ("--a", "$X")}),
    ("entrypoint: /ovms/bin/ovms", {"arguments": ("--port", "9000")}),
    ("user: '1000:1000'\ngroup_add: [44, '109']", {"user": "1000:1000", "groups": ("44", "109")}),
    ("mem_limit: 2g\nmemswap_limit: 3g\ncpus: 1.5\ncpuset: 0-3", {
        "limits": ContainerLimits(memory=2 * GIB, memory_swap=3 * GIB, cpus=1.5, cpuset="0-3")}),
    ("deploy: {resources: {limits: {cpus: '0.5', memory: 512M, pids: 9}, reservations: {memory: 256M}}}", {
        "limits": ContainerLimits(memory=GIB // 2, memory_request=GIB // 4, cpus=0.5, pids=9)}),
    ("ulimits: {nofile: {soft: 1024, hard: 4096}}\nshm_size: 1gb", {
        "limits": ContainerLimits(open_files=1024, shared_memory=GIB)}),
    ("deploy: {resources: {reservations: {devices: [{driver: x, count: 1, capabilities: [gpu]}]}}}", {
        "device_requests": ("driver=x count=1 capabilities=gpu",)}),
    ("devices: [/dev/dri, '/dev/accel:/dev/accel:rw']", {"devices": ("/dev/dri", "/dev/accel")}),
    ("restart: no", {"restart": "no"}),
    ("restart: unless-stopped", {"restart": "unless-stopped"}),
    ("deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}", {"restart": "on-failure:3"}),
    ("network_mode: host", {"network": "host"}),
    ("read_only: true\ncap_drop: [ALL]\nsecurity_opt: [no-new-privileges:true]\nuserns_mode: host", {
        "read_only_root": True, "capabilities_dropped": ("ALL",),
        "security": ("no-new-privileges:true", "userns=host")}),
    ("working_dir: /w\ncontainer_name: serving", {"working_directory": "/w", "name": "serving"}),
    ("healthcheck: {test: 'curl http://localhost:8000/v2/health/ready', interval: 5s, retries: 2}", {
        "probes": (Probe("health", "http", 8000, "/v2/health/ready", period=5.0, failures=2, timeout=30.0),)}),
    ("healthcheck: {test: [NONE]}", {"probes": ()}),
    ("profiles: [gpu]", {"problems": (
        "The service is started only with the profile gpu, or when it is named.",)}),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "expected"), FIELDS)
def test_keys(keys: str, expected: dict[str, Any]) -> None:
    head = HEAD.replace("    command: --port 9000\n", "") if keys.startswith("command") else HEAD
    text = head + "".join(f"    {line}\n" for line in keys.splitlines())
    container = read(text, env={"HOME": "/home/ann"})
    assert {name: getattr(container, name) for name in expected} == expected
    assert (container.source, container.release) == ("compose", "2026.3")


def test_a_config_whose_content_is_in_the_file() -> None:
    """Compose copies it into the container; its variables are inserted."""
    tail = (
        'configs:\n  c:\n    content: |\n      {"model_config_list": [], "a": "${NAME} $$NAME"}\n'
        "  f: {file: ./f.json}\n  e: {environment: NAME}\n"
    )
    found = read(with_key("configs: [{source: c, target: /c.json}, c, f, e]", tail), env={"NAME": "m"})
    assert [(file.server, file.content) for file in found.files] == [
        ("/c.json", '{"model_config_list": [], "a": "m $NAME"}\n'),
        ("/c", '{"model_config_list": [], "a": "m $NAME"}\n'),
    ]
    assert [mount.server for mount in found.mounts] == ["/c.json", "/c", "/f", "/e"]


def test_an_environment_file_that_is_missing() -> None:
    found = read(with_key("env_file: gone.env"))
    assert "environment" in found.unknown_fields
    assert "Docker Compose does not start the service" in found.problems[0]
    assert not read(with_key("env_file: [{path: gone.env, required: false}]")).problems


def test_named_volumes_configs_and_secrets() -> None:
    tail = (
        "volumes:\n  data:\n  own: {name: mine}\n  out: {external: true}\n"
        "  dir: {driver_opts: {type: none, o: bind, device: /srv/m}}\n"
        "configs: {conf: {file: ./c.json}}\nsecrets: {s: {environment: S}}\n"
    )
    keys = "volumes: ['data:/a', 'own:/b', 'out:/c', 'dir:/d:ro']\nconfigs: [conf]\nsecrets: [{source: s, target: t}]"
    assert read(with_key(keys, tail)).mounts == (
        ContainerMount("/a", "volume", name="ovms_data"),
        ContainerMount("/b", "volume", name="mine"),
        ContainerMount("/c", "volume", name="out"),
        ContainerMount("/d", "volume", "/srv/m", True, name="ovms_dir"),
        ContainerMount("/conf", "config", f"{PROJECT}/c.json", True, name="conf"),
        ContainerMount("/run/secrets/t", "config", None, True, name="s"),
    )


def test_interpolation_and_environment() -> None:
    text = (
        "services:\n  ovms:\n    image: openvino/model_server:${TAG:-latest}\n"
        "    command: --model_path ${M-/models} --port ${PORT:?no} ${NONE}\n"
        "    environment: {API_KEY: '${KEY}', GRPC_SERVERS: 4, HOME: }\n"
        "    env_file: [a.env, {path: b, required: false}]\n"
    )
    files = {
        ".env": f"TAG=2025.4 # old\nKEY='{SECRET}'\nPORT=1\n",
        "a.env": 'export DROGON_LOG_LEVEL="2"\nX: ${TAG}\n',
    }
    container = read(text, env={"PORT": "9000"}, files=files)
    assert container.image == "openvino/model_server:2025.4"
    assert container.arguments == ("--model_path", "/models", "--port", "9000")
    assert {item.name: item.number for item in container.environment} == {
        "API_KEY": None, "DROGON_LOG_LEVEL": 2, "GRPC_SERVERS": 4,
    }  # fmt: skip
    assert container.environment_names == ("API_KEY", "DROGON_LOG_LEVEL", "GRPC_SERVERS", "X")
    assert container.problems == ("The variable NONE is not set: Compose uses an empty value.",)
    assert SECRET not in repr(container)


def test_anchors_extends_and_override() -> None:
    text = (
        "x-base: &base {restart: always, environment: {A: 1}}\n"
        "services:\n  base:\n    <<: *base\n    image: base\n    volumes: ['./a:/m', './b:/n']\n"
        "  ovms:\n    extends: base\n    image: ovms\n    command: [--x]\n    volumes: ['./c:/m']\n"
        "  other:\n    image: ovms\n    extends: {service: far, file: sub/far.yaml}\n"
    )
    files = {
        "sub/far.yaml": "services: {far: {volumes: ['./d:/d'], mem_limit: 1g}}",
        "compose.override.yaml": "services: {ovms: {user: '7', command: [--y]}}",
    }
    container = read(text, "ovms", files=files, source_name="compose.yaml")
    assert (container.image, container.restart, container.user, container.arguments) == (
        "ovms",
        "always",
        "7",
        ("--y",),
    )
    assert container.mounts == (bind(f"{PROJECT}/c", "/m"), bind(f"{PROJECT}/b", "/n"))
    assert container.siblings == ("base", "other")
    assert read(text, "other", files=files).mounts == (bind(f"{PROJECT}/sub/d", "/d"),)


def test_which_service() -> None:
    two = "services: {db: {image: postgres}, serving: {image: mine, command: --config_path /c.json}}"
    assert read(two).name == "serving"
    assert read(two, "db").name == "db"
    assert read("services: {x: {image: mine}}").name == "x"
    for text, service, reason in (
        ("services: {a: {image: x}, b: {image: y}}", None, "no service looks like OVMS; name one of a, b"),
        ("services: {a: {image: ovms}, b: {image: ovms}}", None, "more than one"),
        (two, "nope", "there is: db, serving"),
    ):
        with pytest.raises(DocumentError, match=reason):
            read(text, service)


def test_the_server_of_the_active_profile_is_selected() -> None:
    text = (
        "services:\n  cpu: {image: ovms, profiles: [cpu]}\n  gpu: {image: ovms, profiles: [gpu, all]}\n"
        "  db: {image: postgres}\n"
    )
    assert read(text, env={"COMPOSE_PROFILES": "cpu"}).name == "cpu"
    assert read(text, files={".env": "COMPOSE_PROFILES=x,gpu\n"}).name == "gpu"
    assert read(text.replace(", profiles: [cpu]", "")).name == "cpu"
    assert read(text, "gpu").problems == (
        "The service is started only with the profile gpu, or when it is named.",
    )
    for env in ({}, {"COMPOSE_PROFILES": "*"}, {"COMPOSE_PROFILES": "cpu,gpu"}):
        with pytest.raises(DocumentError, match="more than one service looks like OVMS"):
            read(text, env=env)


def test_built_image() -> None:
    container = read("services: {ovms: {build: ., command: [--port, '1']}}")
    assert (container.image, container.release) == ("", None)
    assert "built here" in container.problems[0]


REFUSED: list[tuple[str, str]] = [
    ("", "is empty"),
    ("[1]", "not a mapping"),
    ("services: [", "not YAML"),
    ("services:\n\ta: 1", "line 2: a tab"),
    ("a: \x01", "character that YAML does not allow"),
    ("services: {a: {image: x, image: y}}", "twice"),
    ("a: &a [*a]", "contains it"),
    ("a: !!python/object:os.system x", "not known"),
    (
        "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b ["
        + ",".join(["*a"] * 99)
        + "]\nc: ["
        + ",".join(["*b"] * 999)
        + "]",
        "too large",
    ),
    ("a: " + "[" * 150 + "]" * 150, "nested"),
    ("a: " + "x" * (1 << 20), "longer than 1 MiB"),
    ("servces: {}", "did you mean services"),
    ("services: {a: {image: x, comand: y}}", "did you mean command"),
    ("services: {a: {image: x, user: 5000}}", "in quotes"),
    ("services: {a: {image: x, user: '4294967296'}}", "accepts ids from 0 to 2147483647"),
    (
        "services: {a: {image: x, command: [--port, 9000]}}",
        r"command\[1\] must be a text, and is a number: put it in quotes",
    ),
    ("services: {a: {command: x}}", "neither an image"),
    ("services: {a: {image: X:1}}", "cannot be the name"),
    ('services: {a: {image: x, command: "\'"}}', "not closed"),
    ("services: {a: {image: x, volumes: ['m/x:/m']}}", "./m/x"),
    ("services: {a: {image: x, volumes: ['data:/m']}}", "not among the file's volumes"),
    ("services: {a: {image: x, secrets: [s]}}", "not among the file's secrets"),
    ("services: {a: {image: x, ports: ['1:99999']}}", "0 to 65535"),
    ("services: {a: {image: x, mem_limit: lots}}", "not a size"),
    (
        "services: {a: {image: x, mem_limit: 1g, deploy: {resources: {limits: {memory: 2g}}}}}",
        "different things",
    ),
    ("services: {a: {image: x, network_mode: host, networks: [n]}}", "exclude each other"),
    ("services: {a: {image: x, extends: a}}", "extends itself"),
    ("services: {a: {image: x, extends: {service: b, file: gone.yaml}}}", "cannot be read"),
    ("services: {a: {image: 'x:${V:?set it}'}}", "the variable V has no value"),
    ("services: {a: {image: 'x:${V'}}", "not closed"),
    ("services: {a: {image: 'x:${1}'}}", r"write \$\$"),
    ("services: {a: {image: x, healthcheck: {test: [curl, x]}}}", "begin with CMD"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[row[1] for row in REFUSED])
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        read(text)


@pytest.mark.parametrize(
    "key", ["image", "mem_limit", "user", "restart", "command", "container_name", "working_dir"]
)
def test_values_of_variables_are_in_no_message(key: str) -> None:
    keys = {"image": "openvino/model_server", key: "${KEY}"}
    text = "services: {ovms: {" + ", ".join(f"{name}: '{value}'" for name, value in keys.items()) + "}}"
    try:
        messages = read(text, env={"KEY": f"{SECRET}(!"}).problems
    except DocumentError as error:
        messages = (str(error),)
    assert SECRET not in repr(messages)


KEYS = st.sampled_from(
    "services image command volumes ports environment deploy user extends build x-a include".split()
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["/a:/b", "1:2", "${A}", "2g"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=120)
@given(st.one_of(
    st.text(), VALUES.map(str), st.dictionaries(KEYS, VALUES).map(lambda item: f"services: {{ovms: {item}}}")
))  # fmt: skip
def test_any_text_is_a_container_or_not_read(text: str) -> None:
    result: object
    try:
        result = read(text, files={".env": text, "a": text})
    except DocumentError as error:
        result = str(error)
    assert isinstance(result, Container | str)
    assert result
