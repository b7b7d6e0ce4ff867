"""Run lines as users paste them, read as the shell, the client and the daemon read them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.run_line.read import read_run_line
from ovms_doctor.inputs.shell import LONGEST_LINE
from ovms_doctor.model.container import Container, ContainerLimits, ContainerMount, Probe, PublishedPort

IMAGE = "openvino/model_server:2026.3"
HOME, WORKING_DIRECTORY = "/home/ann", "/srv/ovms"
GIB = 1024**3
SECRET = "canary-7f3a"


def read(line: str, **settings: Any) -> Container:
    shell: dict[str, Any] = {
        "home": HOME,
        "working_directory": WORKING_DIRECTORY,
        "ids": (1000, 100),
        **settings,
    }
    return read_run_line(line, **shell)


def bind(host: str | None, server: str, *, created: bool = True, **more: Any) -> ContainerMount:
    return ContainerMount(server, "bind", host, created_by_engine=created, **more)


MODELS = bind(f"{WORKING_DIRECTORY}/models", "/models")
P9000, P8000 = PublishedPort(9000, 9000), PublishedPort(8000, 8000)
BOTH = ("--config_path", "/models/config.json", "--port", "9000", "--rest_port", "8000")


# -- lines of OVMS's own documentation -----------------------------------------------------------------

DOCUMENTED: list[tuple[str, dict[str, Any]]] = [
    (
        "docker run -d --rm -v ${PWD}/models:/models -p 9000:9000 -p 8000:8000 openvino/model_server:latest "
        "--config_path /models/config.json --port 9000 --rest_port 8000",
        {
            "mounts": (MODELS,),
            "ports": (P9000, P8000),
            "arguments": BOTH,
            "image": "openvino/model_server:latest",
        },
    ),
    (
        "docker run --rm -d -v $(pwd)/models:/models -p 9000:9000 openvino/model_server:latest --model_name resnet "
        '--model_path /models/resnet --port 9000 --layout NHWC:NCHW --plugin_config \'{"PERFORMANCE_HINT":"LATENCY"}\'',
        {
            "mounts": (MODELS,),
            "arguments": (
                *("--model_name", "resnet", "--model_path", "/models/resnet", "--port", "9000"),
                *("--layout", "NHWC:NCHW", "--plugin_config", '{"PERFORMANCE_HINT":"LATENCY"}'),
            ),
        },
    ),
    (
        "docker run -d -v `pwd`/model:/models -p 9000:9000 openvino/model_server:latest --model_path /models "
        "--model_name person-vehicle-detection --port 9000 --shape auto",
        {"mounts": (bind(f"{WORKING_DIRECTORY}/model", "/models"),)},
    ),
    (
        "docker run -d --name server-test -v ~/resnet50-binary:/models/resnet50-binary -p 9178:9178 \\\n"
        "openvino/model_server:latest --model_path /models/resnet50-binary --model_name resnet --port 9178",
        {
            "name": "server-test",
            "source_name": "server-test",
            "mounts": (bind(f"{HOME}/resnet50-binary", "/models/resnet50-binary"),),
            "ports": (PublishedPort(9178, 9178),),
        },
    ),
    (
        'docker run --rm -it --device=/dev/dri --group-add=$(stat -c "%g" /dev/dri/render* | head -n 1) '
        "-u $(id -u):$(id -g) \\\n-v ${PWD}/models/public/resnet-50-tf:/opt/model -p 9001:9001 "
        "openvino/model_server:latest-gpu \\\n--model_path /opt/model --model_name resnet --port 9001 "
        "--target_device GPU",
        {
            "devices": ("/dev/dri",),
            "groups": (),
            "user": "1000:100",
            "unknown_fields": ("groups",),
            "problems": ("The value of --group-add contains $(stat …), which is not known here.",),
        },
    ),
    (
        'docker run --device /dev/accel -p 9000:9000 --group-add=$(stat -c "%g" /dev/dri/render* | head -n 1) '
        "-u $(id -u):$(id -g) -v $(pwd)/models:/opt/model openvino/model_server:latest-gpu --model_path /opt/model "
        "--model_name resnet --port 9000 --target_device NPU",
        {"devices": ("/dev/accel",), "user": "1000:100", "unknown_fields": ("groups",)},
    ),
    (
        "docker run --rm -it  --device=/dev/dxg --volume /usr/lib/wsl:/usr/lib/wsl -u $(id -u):$(id -g) "
        "-v ${PWD}/models:/models openvino/model_server:latest-gpu --model_path /models --model_name m",
        {"devices": ("/dev/dxg",), "mounts": (bind("/usr/lib/wsl", "/usr/lib/wsl"), MODELS)},
    ),
    (
        "docker run --rm -d --user $(id -u):$(id -g) --read-only --tmpfs /tmp -p 9000:9000 "
        "openvino/model_server:latest --model_path s3://bucket/model --model_name m --port 9000",
        {"read_only_root": True, "mounts": (ContainerMount("/tmp", "tmpfs"),), "user": "1000:100"},
    ),
    (
        "docker run -d ${GPU_ARGS} -p 8000:8000 --rm --user $(id -u):$(id -g) -v ${HOME}/models:/models/:rw "
        "openvino/model_server:weekly --rest_port 8000 --config_path /models/config.json",
        {
            "mounts": (bind(f"{HOME}/models", "/models"),),
            "image": "openvino/model_server:weekly",
            "user": "1000:100",
            "problems": ("$GPU_ARGS may add options, and its value is not known here.",),
            "unknown_fields": ("devices", "environment", "groups", "limits", "mounts", "user"),
            "limits": ContainerLimits(complete=False),
        },
    ),
    (
        "docker run --cpuset-cpus $(lscpu | grep node0 | cut -d: -f2)  -d --rm -p 8003:8003 "
        "-v $(pwd)/models/M:/model:ro openvino/model_server:latest --rest_port 8003 --model_name M --model_path /model",
        {
            "mounts": (bind(f"{WORKING_DIRECTORY}/models/M", "/model", read_only=True),),
            "limits": ContainerLimits(complete=False),
            "unknown_fields": ("limits",),
        },
    ),
    (
        "docker run -d --name ovms -p 9000:9000 -p 8000:8000 -v $(pwd)/use:/model openvino/model_server:latest "
        "--model_name usem --model_path /model --cpu_extension /ovms/lib/libopenvino_tokenizers.so "
        '--plugin_config "{\\"NUM_STREAMS\\": 1}" --port 9000 --rest_port 8000',
        {
            "arguments": (
                *("--model_name", "usem", "--model_path", "/model"),
                *("--cpu_extension", "/ovms/lib/libopenvino_tokenizers.so"),
                *("--plugin_config", '{"NUM_STREAMS": 1}', "--port", "9000", "--rest_port", "8000"),
            )
        },
    ),
    (
        "docker run -p 8000:8000 -e HF_TOKEN=$HF_TOKEN openvino/model_server:latest-py --rest_port 8000",
        {"environment_names": ("HF_TOKEN",), "environment": (), "unknown_fields": ("environment",)},
    ),
    (
        "docker run $(id -u):$(id -g) --rm -v /m:/models openvino/model_server:latest --pull",
        {"image": "1000:100", "mounts": ()},  # -u is missing: its value is read as the image
    ),
]


@pytest.mark.parametrize(("line", "expected"), DOCUMENTED)
def test_documented_lines(line: str, expected: dict[str, Any]) -> None:
    container = read(line)
    assert {name: getattr(container, name) for name in expected} == expected
    assert container.source == "docker-run"
    assert container.engine == "docker"


# -- the shell -----------------------------------------------------------------------------------------

SHELL_WORDS: list[tuple[str, tuple[str, ...]]] = [
    ("--x 'a b'", ("--x", "a b")),
    ('--x "a b"', ("--x", "a b")),
    ('--x "a\\"b"', ("--x", 'a"b')),
    ('--x "a\\b"', ("--x", "a\\b")),
    ("--x a\\ b", ("--x", "a b")),
    ("--x 'a'\"b\"c", ("--x", "abc")),
    ("--x=''", ("--x=",)),
    ("--x ''", ("--x", "")),
    (r"--x $'a\tb\x41\'\u00e9\101'", ("--x", "a\tbA'\u00e9A")),
    (r"--x $'\xc3\xa9'", ("--x", "\u00e9")),
    ('--x $"a b"', ("--x", "a b")),
    ("--x \\\n  y", ("--x", "y")),
    ("--x \\\r\n  y", ("--x", "y")),
    ("--x y # a comment", ("--x", "y")),
    ("--x y#z", ("--x", "y#z")),
    ("--x y; echo done", ("--x", "y")),
    ("--x y && sleep 3 || exit 1", ("--x", "y")),
    ("--x y & echo", ("--x", "y")),
    ("--x y | tee log", ("--x", "y")),
    ("--x y > log.txt 2>&1", ("--x", "y")),
    ("--x y &> log.txt", ("--x", "y")),
    ("--x 'y'2>log.txt 3>&1", ("--x", "y2")),
    ("--x y ';' '|' \\& '#' z", ("--x", "y", ";", "|", "&", "#", "z")),
    ("--x y <in.txt --z", ("--x", "y", "--z")),
    ("--x $HOME/y", ("--x", f"{HOME}/y")),
    ('--x "${PWD}"', ("--x", WORKING_DIRECTORY)),
    ("--x '$PWD'", ("--x", "$PWD")),
    ("--x \\$PWD", ("--x", "$PWD")),
    ("--x ~/y", ("--x", f"{HOME}/y")),
    ("--x a~", ("--x", "a~")),
    ("--x=~/y", ("--x=~/y",)),  # a shell does not expand it there
    ("--x $(id -u)", ("--x", "1000")),
    ("--x $UID", ("--x", "1000")),
    ("--x 5$", ("--x", "5$")),
    ("--x {a}", ("--x", "{a}")),
    ('--x {"NUM_STREAMS":"1"}', ("--x", "{NUM_STREAMS:1}")),  # the shell removes the quotes
    ("--x [1,3,224,224]", ("--x", "[1,3,224,224]")),
]


@pytest.mark.parametrize(("tail", "arguments"), SHELL_WORDS)
def test_arguments_after_the_shell(tail: str, arguments: tuple[str, ...]) -> None:
    assert read(f"docker run {IMAGE} {tail}").arguments == arguments


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("--model_path $MODELS", "$MODELS"),
        ('--model_path "$MODELS/x"', "$MODELS"),
        ("--model_path ${MODELS:-/models}", "$MODELS"),
        ("--model_path $(cat /run/secrets/path)", "$(cat …)"),
        (f"--model_path $(X={SECRET} show)", "$(…)"),
        ("--model_path ~bob/x", "~bob"),
        ('--x {"A":1,"B":2}', "{…}"),
        ("--x $1", "$1"),
    ],
)
def test_unknown_expansions_are_not_guessed(line: str, named: str) -> None:
    container = read(f"docker run {IMAGE} {line}")
    assert container.arguments is None
    assert container.arguments_unavailable == (
        f"The server's arguments contain {named}, which is not known here."
    )
    assert container.unknown_fields == ("arguments",)


@pytest.mark.parametrize(
    "line",
    [
        f"$ docker run {IMAGE} --port 1",
        f"ann@host:~/x$ docker run {IMAGE} --port 1",
        f"# docker run {IMAGE} --port 1",
        f"$ docker run \\\n> {IMAGE} \\\n> --port 1",
        f"sudo -E docker run {IMAGE} --port 1",
        f"sudo -u ann docker run {IMAGE} --port 1",
        f"A=1 env B=2 /usr/bin/docker run {IMAGE} --port 1",
        f"time docker container run {IMAGE} --port 1",
        f"docker create {IMAGE} --port 1",
        f"docker -D --log-level debug run {IMAGE} --port 1",
        f"set -e\nmkdir -p models && docker pull {IMAGE} && docker run {IMAGE} --port 1\n",
        f"#!/bin/sh\n# serves\ndocker run {IMAGE} --port 1 &\n",
        f"  docker run\t{IMAGE}   --port   1  ",
        f"if true; then docker run {IMAGE} --port 1; fi",
        f"(docker run {IMAGE} --port 1)",
        f"docker run -- {IMAGE} --port 1",
        f"docker run -d nginx; docker run {IMAGE} --port 1",
        f"docker run \\\n  --rm \\\n  {IMAGE} \\\n  --port 1 \\\n",
    ],
)
def test_the_command_is_found_within_other_text(line: str) -> None:
    container = read(line)
    assert (container.image, container.arguments) == (IMAGE, ("--port", "1"))


@pytest.mark.parametrize(
    ("line", "host"),
    [
        (f"M=/data; docker run -v $M/x:/models {IMAGE} --x", "/data/x"),
        (f"export M=/data\ndocker run -v $M:/models {IMAGE} --x", "/data"),
        (f'M="$HOME/x y" && docker run -v "$M":/models {IMAGE} --x', f"{HOME}/x y"),
        (f"M=; docker run -v ${{M:-/d}}:/models {IMAGE} --x", "/d"),
    ],
)
def test_assignments_before_the_command(line: str, host: str) -> None:
    assert read(line).mounts == (bind(host, "/models"),)


@pytest.mark.parametrize("directory", ["$SOMEWHERE", "/opt", "sub"])
def test_a_change_of_directory_is_not_followed(directory: str) -> None:
    container = read(f"cd {directory} && docker run -v ./m:/models -v $PWD/x:/x {IMAGE} --x")
    assert container.mounts == (bind(None, "/models"), bind(None, "/x"))
    assert container.unknown_fields == ("mounts",)


def test_lost_continuations_are_read_and_reported() -> None:
    line = f"docker run -d --rm\n  -v ./models:/models\n  {IMAGE}\n  --port 9000"
    container = read(line)
    assert container.mounts == (MODELS,)
    assert container.arguments == ("--port", "9000")
    assert "line break" in container.problems[0]
    container = read(f"docker run {IMAGE}\n--port 9000")
    assert container.arguments == ("--port", "9000")
    assert "does not end in a backslash" in container.problems[0]


def test_a_directory_with_a_blank_is_divided_outside_quotes() -> None:
    assert read(f'docker run -v "$PWD/m":/m {IMAGE}', working_directory="/a b").mounts == (
        bind("/a b/m", "/m"),
    )
    with pytest.raises(DocumentError, match="put it in quotes"):
        read(f"docker run -v $PWD/m:/m {IMAGE}", working_directory="/a b")


# -- options -------------------------------------------------------------------------------------------

FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("-itp 9000:9000", {"ports": (P9000,)}),
    ("-p9000:9000 -p=8000:8000", {"ports": (P9000, P8000)}),
    ("-p 9000", {"ports": (PublishedPort(9000),)}),
    ("-p 127.0.0.1::9000", {"ports": (PublishedPort(9000, None, "127.0.0.1"),)}),
    ("-p [::1]:80:9000/UDP", {"ports": (PublishedPort(9000, 80, "::1", "udp"),)}),
    ("-p 9000-9001:9000-9001", {"ports": (P9000, PublishedPort(9001, 9001))}),
    ("-p 9000-9002:9000", {"ports": (PublishedPort(9000),)}),
    ("-p published=80,target=90", {"ports": (PublishedPort(90, 80),)}),
    ("-p $PORT:9000", {"ports": (), "unknown_fields": ("ports",)}),
    ("--volume=/a:/b:ro,z", {"mounts": (bind("/a", "/b", read_only=True, options=("z",)),)}),
    ("-v models:/models", {"mounts": (ContainerMount("/models", "volume", name="models"),)}),
    ("-v /cache", {"mounts": (ContainerMount("/cache", "volume"),)}),
    ("-v ../x:/a/../b/", {"mounts": (bind("/srv/x", "/b"),)}),
    ("-v /a/./b/../c:/x", {"mounts": (bind("/a/c", "/x"),)}),
    ("-v C:/models:/x", {"mounts": (bind(None, "/x", created=False),), "unknown_fields": ("mounts",)}),
    (
        "-v $M:/x:ro",
        {"mounts": (ContainerMount("/x", "other", read_only=True),), "unknown_fields": ("mounts",)},
    ),
    ("-v $M/y:/x", {"mounts": (bind(None, "/x"),)}),
    ("-v /a:$M", {"mounts": (), "unknown_fields": ("mounts",)}),
    (
        "--mount type=bind,src=./a,dst=/b,ro",
        {"mounts": (bind(f"{WORKING_DIRECTORY}/a", "/b", created=False, read_only=True),)},
    ),
    ("--mount src=vol,target=/b", {"mounts": (ContainerMount("/b", "volume", name="vol"),)}),
    ("--mount 'type=bind,\"src=/a,b\",dst=/c'", {"mounts": (bind("/a,b", "/c", created=False),)}),
    (
        "--mount type=bind,src=$M,dst=/b,readonly",
        {"mounts": (bind(None, "/b", created=False, read_only=True),)},
    ),
    ("--mount type=tmpfs,dst=/t", {"mounts": (ContainerMount("/t", "tmpfs"),)}),
    (
        "--tmpfs /t:size=1g,ro",
        {"mounts": (ContainerMount("/t", "tmpfs", read_only=True, options=("size=1g",)),)},
    ),
    ("-u 2147483647:0 --group-add 44", {"user": "2147483647:0", "groups": ("44",)}),
    ("-m 2g --memory-swap 3g", {"limits": ContainerLimits(memory=2 * GIB, memory_swap=3 * GIB)}),
    ("-m 1.5GiB --memory-swap -1", {"limits": ContainerLimits(memory=3 * GIB // 2)}),
    ("-m 0", {"limits": ContainerLimits()}),
    ("-m $MEM", {"limits": ContainerLimits(complete=False), "unknown_fields": ("limits",)}),
    ("--cpus 1.5 --cpuset-cpus 0-3,5", {"limits": ContainerLimits(cpus=1.5, cpuset="0-3,5")}),
    ("--cpu-quota 50000", {"limits": ContainerLimits(cpus=0.5)}),
    ("--cpu-quota 50000 --cpu-period 25000", {"limits": ContainerLimits(cpus=2.0)}),
    ("--ulimit nofile=1024:4096 --ulimit core=-1", {"limits": ContainerLimits(open_files=1024)}),
    ("--pids-limit 64 --shm-size=1gb", {"limits": ContainerLimits(pids=64, shared_memory=GIB)}),
    ("-u 1000 --group-add 44 --group-add=video", {"user": "1000", "groups": ("44", "video")}),
    ("-u $ME", {"user": "", "unknown_fields": ("user",)}),
    ("--device /dev/dri:/dev/dri2:rw --device /dev/accel:r", {"devices": ("/dev/dri2", "/dev/accel")}),
    ("--device vendor.com/gpu=0 --gpus all", {"device_requests": ("all", "vendor.com/gpu=0")}),
    ("--network host", {"network": "host"}),
    ("--net name=front,alias=a", {"network": "front"}),
    ("--restart on-failure:3", {"restart": "on-failure:3"}),
    ("--rm", {"restart": "no"}),
    ("--read-only=true --privileged=0", {"read_only_root": True, "privileged": False}),
    ("--sysctl net.ipv4.ip_unprivileged_port_start=1024", {"first_open_port": 1024}),
    ("--sysctl net.core.somaxconn=1", {"first_open_port": None}),
    ("--cap-drop all --cap-drop CAP_CHOWN", {"capabilities_dropped": ("ALL", "CHOWN")}),
    ("--security-opt no-new-privileges --userns=host", {"security": ("no-new-privileges", "userns=host")}),
    ("-w /x/../y", {"working_directory": "/y"}),
    ("--name ovms", {"name": "ovms", "source_name": "ovms"}),
    ("--init --pull never --platform linux/amd64 --stop-timeout 3 -h host -l a=b", {"problems": ()}),
    ("--volumes-from other", {"unknown_fields": ("mounts",)}),
    (
        "--health-cmd 'curl -f http://localhost:8000/v2/health/ready' --health-interval 1m30s --health-retries 5",
        {
            "probes": (
                Probe("health", "http", 8000, "/v2/health/ready", period=90.0, failures=5, timeout=30.0),
            )
        },
    ),
    ("--health-cmd true", {"probes": (Probe("health", "exec", period=30.0, timeout=30.0),)}),
]


@pytest.mark.parametrize(("options", "expected"), FIELDS)
def test_options(options: str, expected: dict[str, Any]) -> None:
    container = read(f"docker run {options} {IMAGE} --port 9000")
    assert {name: getattr(container, name) for name in expected} == expected


def test_environment() -> None:
    files = {f"{WORKING_DIRECTORY}/a.env": f"GRPC_SERVERS=2\nAPI_KEY={SECRET}\n# no\nHOME\n"}
    line = f"docker run --env-file a.env -e GRPC_SERVERS=8 -e DROGON_LOG_LEVEL= -e X={SECRET} {IMAGE} --x"
    container = read(line, read_file=files.get)
    numbers = {item.name: (item.number, item.empty) for item in container.environment}
    assert numbers == {"API_KEY": (None, False), "DROGON_LOG_LEVEL": (None, True), "GRPC_SERVERS": (8, False)}
    assert container.environment_names == ("API_KEY", "DROGON_LOG_LEVEL", "GRPC_SERVERS", "HOME", "X")
    assert container.problems == ()
    assert SECRET not in repr(container)


def test_unknown_environment() -> None:
    container = read(f"docker run --env-file gone.env -e API_KEY -e OTHER {IMAGE} --x", read_file={}.get)
    assert container.environment == ()
    assert container.problems == (
        "The environment file gone.env was not read.",
        "The value of the variable API_KEY is not known here.",
    )
    assert container.unknown_fields == ("environment",)


def test_podman() -> None:
    line = (
        "podman run -d -v ./m:/models:Z,U --userns=keep-id --secret tok,target=key --replace --tz local "
        f"{IMAGE} --port 1"
    )
    container = read(line)
    assert container.engine == "podman"
    assert container.user_namespace == "rootless"
    assert container.security == ("userns=keep-id",)
    # Podman does not create a missing host path.
    assert container.mounts == (
        bind(f"{WORKING_DIRECTORY}/m", "/models", created=False, options=("Z", "U")),
        ContainerMount("/run/secrets/key", "config", read_only=True, name="tok"),
    )
    assert read(f"sudo {line}").user_namespace == ""
    assert read(line, ids=(0, 0)).user_namespace == ""


def test_remote_engine_is_reported() -> None:
    for line in (
        f"docker -H ssh://far run {IMAGE} --x",
        f"docker -H ssh://far --log-level debug run {IMAGE} --x",
        f"DOCKER_HOST=tcp://far docker run {IMAGE} --x",
        f"DOCKER_HOST=tcp://far docker --debug run {IMAGE} --x",
    ):
        assert "another host" in read(line).problems[0]


def test_nerdctl_and_entrypoint() -> None:
    container = read(f"nerdctl -n k8s.io run --entrypoint /ovms/bin/ovms {IMAGE} --port 1")
    assert (container.engine, container.arguments) == ("", ("--port", "1"))
    assert read(f"docker run --entrypoint /bin/sh {IMAGE} -c 'exec ovms --port 1'").arguments == (
        "--port",
        "1",
    )


def test_release_is_the_tags() -> None:
    assert read(f"docker run {IMAGE} --x").release == "2026.3"
    container = read("docker run $IMAGE --x")
    assert (container.image, container.release) == ("", None)
    assert "image" in container.unknown_fields


# -- what is refused -----------------------------------------------------------------------------------

REFUSED: list[tuple[str, str]] = [
    ("", "no docker run"),
    ("echo docker run", "no docker run"),
    ("docker ps", "docker ps, not docker run"),
    ("docker compose up", "--compose"),
    ("docker-compose up -d", "--compose"),
    ("docker run", "does not name an image"),
    ("docker run -v /a:/b", "does not name an image"),
    ("docker run --help", "prints its help"),
    ("docker run --memry 2g img", "Did you mean --memory"),
    ("docker run -itx img", "no option -x"),
    ("docker run -name x img", "two dashes"),
    ("docker run -e", "-e has no value"),
    ("docker run --rm=maybe img", "true or false"),
    ("docker run --env =x img", "has no name"),
    ("docker run 'a b' img", "cannot be the name"),
    ("docker run Models:x", "cannot be the name"),
    ("docker run ''", "is empty"),
    ("docker run -v models/x:/m img", "./models/x"),
    ("docker run --volume=~/x:/m img", "write $HOME"),
    ("docker run -v v:/m img", "not an absolute path"),
    ("docker run -v /a:b img", "not an absolute path"),
    ("docker run -v /a:/ img", "root directory"),
    ("docker run -v /a:/b:rx img", "not an option of a volume"),
    ("docker run -v /a:/b:ro,rw img", "exclude each other"),
    ("docker run -v /a:/b:ro:z img", "too many colons"),
    ("docker run -v :/b img", "empty part"),
    ("docker run -v vol:/b:rslave img", "host only"),
    ("docker run -v /a:/b:nocopy img", "named volumes only"),
    ("docker run -v /a:/b -v /c:/b/ img", "same path"),
    ("docker run --mount type=bind,dst=/b img", "is not named"),
    ("docker run --mount type=bind,src=a,dst=/b img", "not an absolute path"),
    ("docker run --mount type=bind,src=/a img", "no target"),
    ("docker run --mount type=bond,src=/a,dst=/b img", "not a type of mount"),
    ("docker run --mount type=bind,src=/a,dst=/b,foo=1 img", "no field"),
    ("docker run --mount type=bind,src=/a,dst=/b,volume-nocopy img", "cannot be used with"),
    ("docker run --mount 'type=bind, src=/a,dst=/b' img", "blank"),
    ("docker run --mount type=tmpfs,src=/a,dst=/b img", "cannot have a source"),
    ("docker run --tmpfs tmp img", "not an absolute path"),
    ("docker run -p 99999:1 img", "0 to 65535"),
    ("docker run -p localhost:1:1 img", "not an IP address"),
    ("docker run -p 1-2:1-3 img", "the same length"),
    ("docker run -p 2-1:1 img", "ends before it begins"),
    ("docker run -p 1:1/tdp img", "not a protocol"),
    ("docker run -p 80: img", "no port of the container"),
    ("docker run -m 5m img", "6 MB"),
    ("docker run -m 2x img", "not a size"),
    ("docker run -m 2g --memory-swap 1g img", "less than --memory"),
    ("docker run -u 2147483648 img", "accepts ids from 0 to 2147483647"),
    ("docker run -u 1000:-1 img", "accepts ids from 0 to 2147483647"),
    ("docker run --group-add 4294967295 img", "accepts ids from 0 to 2147483647"),
    ("docker run --memory-swap 1g img", "needs --memory"),
    ("docker run --cpus two img", "number of processors"),
    ("docker run --cpus 1 --cpu-quota 1000 img", "excludes"),
    ("docker run --cpuset-cpus all img", "list of processors"),
    ("docker run --ulimit nofile=2:1 img", "greater than the hard"),
    ("docker run --ulimit files=2 img", "no limit with the name"),
    ("docker run --rm --restart always img", "exclude each other"),
    ("docker run --restart sometimes img", "not a restart policy"),
    ("docker run --restart always:3 img", "only on-failure"),
    ("docker run --name a img", "container's name"),
    ("docker run -w x img", "not an absolute path"),
    ("docker run --device dri img", "not an absolute path"),
    ("docker run --device /dev/dri:/dev/dri:x img", "rights"),
    ("docker run --gpus some img", "--gpus"),
    ("docker run --pull newer img", "--pull"),
    ("docker run --userns keep-id img", "only host"),
    ("docker run --security-opt foo img", "not a security option"),
    ("docker run --no-healthcheck --health-cmd x img", "excludes"),
    ("docker run --health-interval 10 img", "not a time"),
    ("docker run --no-hosts img", "no option --no-hosts"),
    ("podman run --use-api-socket img", "no option"),
    ("docker create -d img", "no option -d"),
    ("docker run 'img", "not closed"),
    ('docker run "img', "not closed"),
    ("docker run $(img", "not closed"),
    ("docker run ${img", "not closed"),
    ("docker run `img", "not closed"),
    ("docker run $'img", "not closed"),
    ("docker run img --shape (1,3)", "parenthesis"),
    ("docker run -v <models>:/models img", "placeholder <models>"),
    ("docker run -v /a:/b \\ \n img", "backslash and a blank"),
    ("docker run -v /a:/b `\n img", "PowerShell"),
    ("docker run -v %cd%:/b img", "volume's name"),
    ("docker run img\0", "NUL"),
    ("docker run img " + "x" * LONGEST_LINE, "longer than"),
    (
        "docker run -p 0-65535:0-65535 -p 0-65535:0-65535/udp -p 1.1.1.1:0-65535:0-65535 -p 0-65535/sctp img",
        "more ports",
    ),
]


@pytest.mark.parametrize(("line", "reason"), REFUSED)
def test_refused(line: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(line)
    assert reason in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize(
    "line",
    [
        f"docker run -e HF_TOKEN={SECRET} {IMAGE} --x",
        f"docker run --env=API_KEY={SECRET} {IMAGE} --api_key {SECRET}",
        f"docker run -e A={SECRET} --bogus={SECRET} {IMAGE}",
        f"docker run -e A={SECRET} --rm=X={SECRET} {IMAGE}",
        f"A={SECRET}; docker run -e API_KEY=$A {IMAGE} --x",
        f"docker run -e API_KEY=$(echo {SECRET}) {IMAGE} --x",
        f"docker run -e API_KEY=${{X:-{SECRET}}} {IMAGE} --x",
        f"docker run --health-cmd 'curl http://localhost:8000/x?key={SECRET}' {IMAGE} --x",
        f"docker run --label token={SECRET} --log-opt splunk-token={SECRET} {IMAGE} --x",
        f"docker run -e HTTP_PROXY=http://u:{SECRET}@proxy:80 {IMAGE} --x",
    ],
)
def test_no_secret_is_in_the_result_or_the_error(line: str) -> None:
    try:
        text = repr(read(line))
    except DocumentError as error:
        text = str(error)
    assert SECRET not in text


# -- any text ------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    """docker podman run create -v -p -m -e --mount --rm -it -- --env-file a.env /a:/b ./a:/b $X ${X} ${X:-y} $(pwd)
    `id` 'q' "q" $'\\x41' \\ \\\n ; && | > < ( ) { } {a,b} # ~ ~x = : , type=bind,src=/a,dst=/b 9000:9000 1-3:1-3 2g
    --memory=1 --cpus --ulimit nofile=1 img --port sudo cd export A=1 \n ' " $ ` \\""".split(" ")
)


@settings(max_examples=150)
@given(
    st.one_of(
        st.text(), st.lists(PIECES).map(" ".join), st.lists(PIECES).map(lambda x: "docker run " + " ".join(x))
    )
)
@example("docker run -p ::::::: img")
@example("docker run --mount '\"' img")
@example("docker run $'\\U110000' img")
@example("docker run \ud800 \udc80")
def test_any_text_is_a_container_or_not_read(line: str) -> None:
    result: object
    try:
        result = read(line, read_file=lambda path: line)
    except DocumentError as error:
        result = str(error)
    assert isinstance(result, Container | str)
    assert result


@pytest.mark.parametrize(
    "piece", ["$(", "'", "\\", "\n", "{", "<a", "~", "-v", "$A ", "a/", "A=$A$A;", "`x", "$X"]
)
@pytest.mark.sample(every=4)
def test_a_hostile_line_ends(piece: str) -> None:
    """Repeated to the maximum length of a line, no text makes the reader run without end."""
    line = "docker run " + piece * ((LONGEST_LINE - 20) // len(piece))
    try:
        image = read(line).image
    except DocumentError as error:
        image = str(error)
    assert len(image) < 500
