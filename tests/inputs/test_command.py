"""The server's arguments in the command of a container."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.inputs.command import server_command

IMAGE = "openvino/model_server:2025.4"
#: Dockerfile.ubuntu, since v2026.3.
WRAPPED = [
    "/bin/bash",
    "-c",
    "if [ -d /ovms/share/espeak-ng-data ]; then export ESPEAK_DATA_PATH=/ovms/share/espeak-ng-data; fi; "
    'exec /ovms/bin/ovms "$@"',
    "--",
]
ARGUMENTS = ["--model_path", "/m 1", "--port", "9000"]


@pytest.mark.parametrize(
    "entrypoint",
    [
        None,
        ["/ovms/bin/ovms"],
        ["ovms"],
        WRAPPED,
        ["tini", "--", "/ovms/bin/ovms"],
        ["/usr/bin/tini", "-s", "-g", "--", "/ovms/bin/ovms"],
        ["/usr/bin/dumb-init", "--rewrite", "15:2", "ovms"],
        ["numactl", "--membind=0", "-C", "0-3", "ovms"],
        ["env", "-u", "HOME", "A=b", "C=d", "nice", "-n", "5", "timeout", "-k", "5", "1h", "ovms"],
        ["taskset", "-c", "0-3", "nohup", "ovms"],
        ["sh", "-ec", 'exec ovms "$@"', "sh"],
        ["busybox", "sh", "-c", 'ovms "${@}"', "sh"],
        ["tini", "--", *WRAPPED],
    ],
)
def test_arguments_are_preserved(entrypoint: list[str] | None) -> None:
    parsed = server_command(entrypoint, ARGUMENTS, IMAGE)
    assert parsed.arguments == tuple(ARGUMENTS)
    assert parsed.program[-1].endswith("ovms")
    assert not parsed.unavailable


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("/ovms/bin/ovms --port 9000", ("--port", "9000")),
        ("export LOG=1; ovms --port 9000 --model_name 'a b'", ("--port", "9000", "--model_name", "a b")),
        ('P=9000; exec ovms --port $P --rest_port "${P}"', ("--port", "9000", "--rest_port", "9000")),
        ("ulimit -n 4096 && ovms --port 9 2>&1 | tee /tmp/log", ("--port", "9")),
        ("sleep 3\novms \\\n  --port 9 &\nwait", ("--port", "9")),
        ("while true; do ovms --port 9; sleep 1; done", ("--port", "9")),
        ("if true; then ovms --port 9; else ovms --port 9; fi", ("--port", "9")),
        ("A=b ovms --port 9", ("--port", "9")),
        ("tini -- sh -c 'ovms --port 9'", ("--port", "9")),
        ("ovms", ()),
    ],
)
def test_scripts(script: str, arguments: tuple[str, ...]) -> None:
    parsed = server_command(["sh", "-c", script], None, "x")
    assert (parsed.arguments, parsed.unavailable) == (arguments, "")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("ovms --port $PORT", "$PORT"),
        ("ovms --model_path `ls /models`", "$("),
        ("ovms --model_path $(ls /models)", "$(ls"),
        ("ovms --model_path ~/models", "home"),
        ("for p in 1 2; do ovms --port $p; done", "$p"),
        ("if test -f x; then P=1; fi; ovms --port $P", "$P"),
        (". /env.sh; ovms --port 9 --x $HERE", "$HERE"),
        ("P=1; . /env.sh; ovms --port $P", "variable"),
        ("ovms --port 1; ovms --port 2", "more than one way"),
        ("cd somewhere; ovms --config_path c.json", "directory"),
        ("ovms --model_name 'unclosed", "quote"),
        ("/start.sh --port 9000 secret", "does not name the server"),
        ("gosu ovms ovms --port 9", "gosu"),
    ],
)
def test_values_that_only_the_shell_knows(script: str, reason: str) -> None:
    parsed = server_command(["bash", "-c", script], None, "x")
    assert parsed.arguments is None
    assert reason in parsed.unavailable
    assert "secret" not in repr(parsed)


def test_variables_of_the_container() -> None:
    environment = {"PORT": "9000", "EXTRA": "--a 1", "TOKEN": "hunter2", "UNUSED": "x"}
    command = ["sh", "-c", 'ovms --port "$PORT" --rest_port ${REST:-$PORT} $EXTRA']
    parsed = server_command(command, None, "x", environment=environment)
    assert parsed.arguments is None  # REST is set by the image, or not at all
    command[-1] = 'ovms --port "$PORT" $EXTRA "$EXTRA"'
    assert server_command(command, None, "x", environment=environment).arguments == (
        "--port",
        "9000",
        "--a",
        "1",
        "--a 1",
    )
    command[-1] = "ovms --model_name $TOKEN"
    parsed = server_command(command, None, "x", environment=environment)
    assert parsed.arguments is None
    assert "hunter2" not in repr(parsed)


@pytest.mark.parametrize("script", ["cd /models && ovms --config_path c.json", "cd m; ovms --model_path ./m"])
def test_redirections_of_a_script_are_not_followed(script: str) -> None:
    parsed = server_command(["sh", "-c", script], None, "x", working_directory="/w")
    assert parsed.arguments is None
    assert "changes the directory" in parsed.unavailable
    absolute = server_command(["sh", "-c", "cd /models && ovms --config_path /m/c.json"], None, "x")
    assert absolute.arguments == ("--config_path", "/m/c.json")


@pytest.mark.parametrize(
    ("entrypoint", "command", "image", "arguments"),
    [
        (None, None, IMAGE, ()),
        (None, None, "localhost:5000/openvino/model_server@sha256:" + "a" * 64, ()),
        (None, None, "mycorp/resnet:1", None),
        (None, ["--port", "9000"], "mycorp/resnet:1", ("--port", "9000")),
        (None, ["ovms", "--port", "9000"], "mycorp/resnet:1", ("--port", "9000")),
        # The image's entrypoint receives all arguments, also those not intended for it.
        (None, ["ovms", "--port", "9000"], IMAGE, ("ovms", "--port", "9000")),
        ([], ["ovms", "--port", "1"], IMAGE, ("--port", "1")),
        ([], [], IMAGE, None),
        (["/start.sh"], ["--port", "1"], IMAGE, None),
        (["bash", "/start.sh"], [], IMAGE, None),
        (["bash"], [], IMAGE, None),
        (["tini", "--"], [], IMAGE, None),
        (["env", "-S", "ovms --port 1"], [], IMAGE, None),
        (["sudo", "-u", "ovms", "ovms"], [], IMAGE, None),
    ],
)
def test_images(
    entrypoint: list[str] | None, command: list[str] | None, image: str, arguments: tuple[str, ...] | None
) -> None:
    parsed = server_command(entrypoint, command, image)
    assert parsed.arguments == arguments
    assert bool(parsed.unavailable) is (arguments is None)


def test_secrets_are_hidden() -> None:
    script = (
        "export AWS_SECRET_ACCESS_KEY=hunter2; ovms --model_path s3://user:hunter2@host/b --api_key hunter2"
    )
    for parsed in (
        server_command(["sh", "-c", script], None, "x"),
        server_command(["env", "API_KEY=hunter2", "ovms"], ["--api_key=hunter2"], "x"),
        server_command(["sh", "-c", "echo hunter2 | base64"], None, "x"),
    ):
        assert "hunter2" not in repr(parsed)


@given(
    st.lists(st.text(max_size=20), max_size=6),
    st.lists(st.text(max_size=20), max_size=4),
    st.text(max_size=20),
)
def test_any_arguments(entrypoint: list[str], command: list[str], image: str) -> None:
    for first in (None, entrypoint, ["sh", "-c", *entrypoint], ["env", *entrypoint]):
        parsed = server_command(first, command, image)
        assert (parsed.arguments is None) is bool(parsed.unavailable)


@given(st.text(alphabet="ovms $@\"'\\`(){};&|<>~#=\n-cdX/1", max_size=40))
def test_any_script(script: str) -> None:
    parsed = server_command(["sh", "-c", script], ["a", "b"], "x", environment={"X": "1 2"})
    assert (parsed.arguments is None) is bool(parsed.unavailable)
    assert not any("\0" in word or "\1" in word for word in parsed.arguments or ())


@pytest.mark.parametrize(
    ("arguments", "known"), [(["-c", "run.sh"], False), (["-ec", "x"], False), (["-h"], True)]
)
def test_a_shell_script_is_not_an_argument_of_the_server(arguments: list[str], known: bool) -> None:
    """The image of the C API has a shell as its entrypoint; -h is an option of the server."""
    assert (
        server_command(None, arguments, "openvino/model_server-capi:latest").arguments is not None
    ) is known
    assert server_command(None, arguments, "openvino/model_server:latest").arguments is not None


@pytest.mark.parametrize("first", ["--model_path", "--model_path=canary", "-c"])
def test_options_in_place_of_the_entrypoint(first: str) -> None:
    """``command`` of a manifest, ``entrypoint`` of a Compose file."""
    parsed = server_command([first, "canary"], ["--port", "9000"], IMAGE)
    assert parsed.arguments is None
    assert parsed.unavailable.startswith(
        f"The container's program is {first.partition('=')[0]}, which is an option"
    )
    assert "write the server's arguments into args" in parsed.unavailable
    assert "canary" not in parsed.unavailable
