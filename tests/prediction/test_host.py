"""What the host prevents: ports, addresses, the log file. Facts in, plan out; nothing is opened."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from ovms_doctor.checks.configuration import check as check_configuration
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.host import check
from ovms_doctor.diagnosis.from_container import options_from_container
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.inputs.inspect.parts import open_port
from ovms_doctor.inputs.run_line.read import read_run_line
from ovms_doctor.model.container import Container, ContainerState
from ovms_doctor.model.facts import (
    Answer,
    Denial,
    Facts,
    Failure,
    InspectNetwork,
    ListeningSocket,
    NetworkInspection,
)
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import Plan
from tests.logs.recorded import recorded
from tests.prediction.memory_host import Host, rights

CONFIG = ("--config_path", "/c/config.json")
HOST = "docker run --network host -v /c:/c openvino/model_server:2026.3 --config_path /c/config.json "
BRIDGE = "docker run -v /c:/c {} openvino/model_server:2026.3 --config_path /c/config.json "


def listens(*sockets: tuple[str, int, str], **more: Any) -> NetworkInspection:
    more.setdefault("first_open_port", 1024)
    return NetworkInspection(tuple(ListeningSocket(*one) for one in sockets), **more)


def bare(host: Host, *arguments: str, release: str = "2026.3", uid: int = 5000) -> tuple[Plan, list[Finding]]:
    options = CheckOptions(
        arguments=(*CONFIG, *arguments),
        release=release,
        bare_metal=True,
        working_directory="/w",
        user=User(uid, uid),
    )
    return _judged(options, host)


def container_run(
    host: Host, line: str, *, on_this_host: bool = True, state: ContainerState | None = None
) -> tuple[Plan, list[Finding]]:
    container: Container = read_run_line(
        line, home="/root", working_directory="/w", ids=(0, 0), read_file=lambda path: None
    )
    if state is not None:
        container = replace(container, state=state)
    options = options_from_container(CheckOptions(container_here=on_this_host), container)
    return _judged(options, host)


def _judged(options: CheckOptions, host: Host) -> tuple[Plan, list[Finding]]:
    settled = settled_run(options, Facts(), host)
    try:
        return settled.plan, list(check(Context(settled.deployment, settled.plan, settled.facts)))
    except Exception as error:
        if type(error).__name__ != "NotApplicableError":
            raise
        return settled.plan, []


def lines(key: str) -> str:
    return str(recorded()[key]["stdout"])


# -- ports in use --------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "10.1.2.3", "::"])
def test_the_grpc_port_is_tried_on_all_addresses(address: str) -> None:
    """A listener on one address blocks it, also for another bind address."""
    plan, (finding,) = bare(
        Host(listens((address, 9000, "nginx"))), "--port", "9000", "--grpc_bind_address", "127.0.0.2"
    )
    assert (plan.outcome, plan.exit_code, plan.starts) == ("exits", 1, False)
    assert (finding.code, finding.severity) == ("OVD801", "error")
    assert finding.server_log == ("Failed to start gRPC server - at 127.0.0.2:9000 - port is busy",)
    assert "nginx" in finding.message


def test_rest_is_bound_only_to_its_address() -> None:
    host = Host(listens(("10.1.2.3", 8000, "nginx")))
    assert bare(host, "--rest_port", "8000", "--rest_bind_address", "127.0.0.1")[0].outcome == "serves"
    plan, (finding,) = bare(host, "--rest_port", "8000")
    assert (plan.exit_code, finding.code) == (1, "OVD801")


def test_the_recorded_lines_of_a_busy_rest_port() -> None:
    text = lines("2026.3/port-busy-rest/INFO")
    _, (finding,) = bare(Host(listens(("0.0.0.0", 18080, ""))), "--port", "19000", "--rest_port", "18080")
    assert len(finding.server_log) == 4
    assert all(line in text for line in finding.server_log)


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("2022.1", "Exception catch: Failed to start GRPC server at 0.0.0.0:9000 - will now terminate."),
        ("2022.2", "Failed to start gRPC server at 0.0.0.0:9000"),
        ("2022.3", "Failed to start gRPC server - at 0.0.0.0:9000 - port is busy"),
    ],
)
def test_the_texts_by_release(release: str, expected: str) -> None:
    _, (finding,) = bare(Host(listens(("0.0.0.0", 9000, ""))), "--port", "9000", release=release)
    assert finding.server_log == (expected,)


def test_drogon_came_with_2025_0() -> None:
    host = Host(listens(("0.0.0.0", 8000, "")))
    _, (finding,) = bare(host, "--port", "9000", "--rest_port", "8000", release="2024.5")
    assert finding.server_log == ("Failed to start REST server - at 0.0.0.0:8000",)
    assert "5 seconds" not in finding.detail


def test_without_a_port_grpc_listens_on_9178_until_2025_0() -> None:
    host = Host(listens(("0.0.0.0", 9178, "")))
    assert bare(host, "--rest_port", "8000", release="2025.0")[0].outcome == "exits"
    assert bare(host, "--rest_port", "8000", release="2025.1")[0].outcome == "serves"


def test_a_free_port_is_not_a_finding() -> None:
    plan, found = bare(Host(listens(("0.0.0.0", 9001, "nginx"))), "--port", "9000", "--rest_port", "8000")
    assert (plan.outcome, found) == ("serves", [])


def test_models_are_listed_but_not_loaded() -> None:
    host = Host(listens(("0.0.0.0", 8000, "")))
    host.memory_files.files["/c/config.json"] = json.dumps(
        {"model_config_list": [{"config": {"name": "m", "base_path": "/m"}}]}
    )
    host.memory_files.files["/m/1/a.onnx"] = "good"
    plan, _ = bare(host, "--rest_port", "8000")
    (model,) = plan.models
    assert not model.tried
    assert model.served == () == model.served_later
    # In 2022.1 the models were loaded before the ports were opened.
    (model,) = bare(host, "--rest_port", "8000", release="2022.1")[0].models
    assert model.served == (1,)
    assert model.served_later == ()


# -- a server beside itself ----------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["ovms", "docker-proxy", ""])
def test_the_same_running_server_does_not_block_its_port(program: str) -> None:
    arguments = ("--port", "9000", "--log_level", "DEBUG")
    running = ("--config_path", "/c/config.json", "--port=9000")
    host = Host(listens(("0.0.0.0", 9000, program), servers=(running,)))
    plan, found = bare(host, *arguments)
    assert (plan.outcome, found) == ("serves", [])


@pytest.mark.parametrize(
    ("program", "servers"),
    [
        # Another server, of another configuration.
        ("ovms", (("--config_path", "/other/config.json", "--port", "9000"),)),
        # A server like this one runs, but something else has the port.
        ("nginx", (("--config_path", "/c/config.json", "--port", "9000"),)),
        ("ovms", ()),
    ],
)
def test_another_process_is(program: str, servers: tuple[tuple[str, ...], ...]) -> None:
    host = Host(listens(("0.0.0.0", 9000, program), servers=servers))
    assert bare(host, "--port", "9000")[0].outcome == "exits"


def test_a_running_container_occupies_its_ports_itself() -> None:
    host = Host(listens(("0.0.0.0", 8000, "docker-proxy")))
    line = BRIDGE.format("-p 8000:8000") + "--rest_port 8000"
    running = ContainerState("running", started_at="2026-11-28T10:00:00Z")
    assert container_run(host, line, state=running)[0].outcome == "serves"
    assert not any(isinstance(question, InspectNetwork) for question in host.questions)
    ended = ContainerState("exited", exit_code=1)
    assert container_run(host, line, state=ended)[0].outcome == "exits"


# -- rights --------------------------------------------------------------------------------------------


def test_a_privileged_port_needs_root_on_bare_metal() -> None:
    text = lines("2025.4/port-privileged-uid5000/INFO")
    host = Host()
    plan, (finding,) = bare(host, "--port", "81", "--rest_port", "18080", release="2025.4")
    assert (plan.exit_code, finding.code) == (1, "OVD803")
    assert all(line in text for line in finding.server_log)
    assert bare(host, "--port", "81", uid=0)[0].outcome == "serves"
    assert bare(host, "--port", "1024")[0].outcome == "serves"


def test_a_host_may_allow_low_ports_for_all_users() -> None:
    host = Host(NetworkInspection(first_open_port=80))
    assert bare(host, "--port", "81")[0].outcome == "serves"
    assert bare(Host(NetworkInspection(first_open_port=None)), "--port", "81")[0].outcome == "serves"


def test_a_process_that_passes_on_the_capability() -> None:
    passes = NetworkInspection(first_open_port=1024, uid=5000, opens_any_port=True)
    assert bare(Host(passes), "--port", "81")[0].outcome == "serves"
    assert bare(Host(passes), "--port", "81", uid=6000)[0].outcome == "exits"


def test_a_container_with_a_separate_network_can_open_every_port() -> None:
    assert container_run(Host(), BRIDGE.format("-p 8080:80") + "--rest_port 80")[0].outcome == "serves"
    plan, (finding,) = container_run(Host(), HOST + "--rest_port 80")
    assert (plan.exit_code, finding.code) == (1, "OVD803")
    assert "Permission denied (errno=13)" in finding.server_log[0]
    root = HOST.replace("-v", "--user 0 -v")
    assert container_run(Host(), root + "--rest_port 80")[0].outcome == "serves"
    dropped = HOST.replace("-v", "--user 0 --cap-drop NET_BIND_SERVICE -v")
    assert container_run(Host(), dropped + "--rest_port 80")[0].outcome == "exits"


# -- addresses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "option", "arguments"),
    [
        ("2025.4/bind-address-not-local/INFO", "--rest_bind_address", ()),
        ("2026.3/grpc-bind-address-not-local/INFO", "--grpc_bind_address", ()),
    ],
)
def test_an_address_that_the_host_does_not_have(key: str, option: str, arguments: tuple[str, ...]) -> None:
    text = lines(key)
    host = Host(NetworkInspection(missing_addresses=("203.0.113.7",)))
    arguments = ("--port", "19000", "--rest_port", "18080", option, "203.0.113.7")
    plan, (finding,) = bare(host, *arguments, release=key[:6])
    assert (plan.exit_code, finding.code) == (1, "OVD802")
    assert finding.server_log
    assert all(line in text for line in finding.server_log)
    (question,) = {one for one in host.questions if isinstance(one, InspectNetwork)}
    assert question == InspectNetwork((19000, 18080), ("203.0.113.7",))


def test_one_of_several_addresses_is_enough() -> None:
    host = Host(NetworkInspection(missing_addresses=("203.0.113.7",)))
    server_arguments = ("--rest_port", "8000", "--rest_bind_address", "127.0.0.1,203.0.113.7")
    _, (finding,) = bare(host, *server_arguments)
    assert finding.server_log[0].startswith("Cannot assign requested address (errno=99)")
    assert finding.server_log[-1].endswith("at 127.0.0.1,203.0.113.7:8000")


def test_loopback_and_every_address_exist() -> None:
    for address in ("127.0.0.1", "0.0.0.0", "::1"):
        assert bare(Host(), "--rest_port", "8000", "--rest_bind_address", address)[0].outcome == "serves"


def test_an_address_of_the_host_does_not_exist_in_a_container() -> None:
    arguments = "--rest_port 8000 --rest_bind_address 192.168.1.10"
    _, (finding,) = container_run(Host(), BRIDGE.format("-p 8000:8000") + arguments)
    assert finding.code == "OVD802"
    assert "-p 192.168.1.10:8000:8000" in [step.command for step in finding.remedy.steps]
    # An address that this host does not have may belong to the container.
    other = Host(NetworkInspection(missing_addresses=("192.168.1.10",)))
    assert container_run(other, BRIDGE.format("-p 8000:8000") + arguments)[0].outcome == "serves"
    assert container_run(Host(), HOST + arguments)[0].outcome == "serves"


def test_drogon_accepts_no_host_names() -> None:
    plan, (finding,) = bare(Host(), "--rest_port", "8000", "--rest_bind_address", "localhost")
    assert (plan.outcome, plan.exit_code, finding.code) == ("exits", 134, "OVD804")
    assert finding.confidence == "medium"
    for release, option in (("2024.5", "--rest_bind_address"), ("2026.3", "--grpc_bind_address")):
        arguments = ("--port", "9000", "--rest_port", "8000", option, "localhost")
        assert bare(Host(), *arguments, release=release)[0].outcome == "serves"


def test_remedies_remove_the_finding() -> None:
    _, (finding,) = bare(Host(), "--rest_port", "8000", "--rest_bind_address", "localhost")
    command = finding.remedy.steps[-1].command or ""
    assert bare(Host(), "--rest_port", "8000", *command.split())[1] == []


# -- published ports -----------------------------------------------------------------------------------


def test_a_published_port_in_use_prevents_the_start() -> None:
    host = Host(listens(("127.0.0.1", 8000, "node")))
    plan, (finding,) = container_run(host, BRIDGE.format("-p 8000:9000") + "--rest_port 9000")
    assert (plan.outcome, plan.exit_code, plan.starts) == ("exits", None, False)
    assert (finding.code, finding.server_log) == ("OVD862", ())


@pytest.mark.parametrize(
    "ports", ["-p 8001:8000", "-p 8000", "-P", "-p 127.0.0.2:8000:8000", "-p 8000:8000/udp", ""]
)
def test_another_published_port_is_free(ports: str) -> None:
    host = Host(listens(("127.0.0.1", 8000, "node")))
    assert container_run(host, BRIDGE.format(ports) + "--rest_port 8000")[0].outcome == "serves"


def test_the_ports_of_another_host_are_unknown() -> None:
    host = Host(listens(("0.0.0.0", 8000, "node")))
    line = BRIDGE.format("-p 8000:8000") + "--rest_port 8000"
    assert container_run(host, line, on_this_host=False)[0].outcome == "serves"
    assert container_run(host, HOST + "--rest_port 8000", on_this_host=False)[0].outcome == "serves"


# -- the log file --------------------------------------------------------------------------------------


def test_a_log_file_in_a_directory_without_the_right_to_write() -> None:
    text = lines("2026.3/log-path-not-writable-uid5000/INFO")
    host = Host(files={"/var/log": rights()})
    arguments = ("--port", "19000", "--log_path", "/var/log/ovms-nope.log")
    plan, (finding,) = bare(host, *arguments)
    assert (plan.outcome, plan.exit_code, finding.code) == ("exits", 1, "OVD847")
    assert finding.server_log[0] in text
    assert "/var/log: owner uid 0" in finding.evidence[0].observation
    host = Host(files={"/var/log": rights(writable=True)})
    assert bare(host, *arguments)[0].outcome == "serves"


@pytest.mark.parametrize(
    ("files", "release", "reason"),
    [
        ({"/l": rights("regular", writable=True)}, "2026.3", None),
        ({"/l": rights("regular")}, "2026.3", "Permission denied"),
        ({"/l": rights("regular", read_only=True)}, "2026.3", "Read-only file system"),
        ({"/l": rights("directory", writable=True)}, "2026.3", "Is a directory"),
        ({"/l": rights("character")}, "2026.3", None),
        ({"/l": Failure(13)}, "2026.3", "Permission denied"),
        ({"/": rights(writable=True)}, "2026.3", None),
    ],
)
def test_listening_programs(files: dict[str, Answer], release: str, reason: str | None) -> None:
    plan, found = bare(Host(files=files), "--port", "9000", "--log_path", "/l", release=release)
    assert plan.outcome == ("serves" if reason is None else "exits")
    assert [reason in finding.message for finding in found if reason] == ([True] if reason else [])


@pytest.mark.parametrize(
    ("failure", "directory"),
    [
        (Failure(13, Denial("/root", "search", 0, 0, 0o700, "tried")), "/var/log/ovms"),
        (Failure(13, Denial("/root/x", "write", 0, 0, 0o755, "tried")), "/root/x/ovms"),
    ],
)
def test_the_log_file_is_put_into_an_accessible_directory(failure: Failure, directory: str) -> None:
    _, (finding,) = bare(Host(files={"/root/x/l": failure}), "--port", "9000", "--log_path", "/root/x/l")
    assert finding.remedy is not None
    assert finding.remedy.steps[1].command == f"install -d -o 5000 -g 5000 -m 0750 {directory}"
    assert finding.remedy.steps[2].command == f"--log_path {directory}/ovms.log"


@pytest.mark.parametrize(("release", "outcome"), [("2025.3", "serves"), ("2025.2", "exits")])
def test_directories_are_made_since_2025_3(release: str, outcome: str) -> None:
    host = Host(files={"/srv": rights(writable=True)})
    plan, found = bare(host, "--port", "9000", "--log_path", "/srv/a/b.log", release=release)
    assert plan.outcome == outcome
    assert all("No such file or directory" in finding.message for finding in found)


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/logs/ovms.log", "exits"),
        ("ovms.log", "exits"),
        ("/var/log/ovms.log", "exits"),
        ("/tmp/ovms.log", "serves"),
        ("/home/ovms/ovms.log", "serves"),
    ],
)
def test_directories_of_the_image_are_roots(path: str, outcome: str) -> None:
    line = BRIDGE.format("") + f"--port 9000 --log_path {path}"
    plan, found = container_run(Host(), line)
    assert plan.outcome == outcome
    assert [finding.confidence for finding in found] == (["medium"] if outcome == "exits" else [])
    assert container_run(Host(), line.replace("-v /c", "--user 0 -v /c"))[0].outcome == "serves"
    other = line.replace("openvino/model_server", "registry.test/own")
    assert container_run(Host(), other)[0].outcome == "serves"


def test_bad_arguments_are_reported_before_host_findings() -> None:
    host = Host(listens(("0.0.0.0", 9000, "")), {"/l": rights("directory")})
    plan, found = bare(host, "--port", "9000", "--log_path", "/l", "--log_level", "debug")
    assert (plan.exit_code, found) == (64, [])


def test_the_log_file_comes_before_the_ports() -> None:
    host = Host(listens(("0.0.0.0", 9000, "")), {"/l": rights("directory")})
    _, (finding,) = bare(host, "--port", "9000", "--log_path", "/l")
    assert finding.code == "OVD847"


# -- an engine's settings ------------------------------------------------------------------------------


def test_a_port_published_on_an_address_that_the_host_does_not_have() -> None:
    host = Host(listens(missing_addresses=("10.9.9.9",)))
    plan, (finding,) = container_run(host, BRIDGE.format("-p 10.9.9.9:9000:9000") + "--port 9000")
    assert (plan.outcome, plan.starts, finding.code) == ("exits", False, "OVD802")
    assert "does not start the container" in finding.detail
    host = Host(listens())
    assert container_run(host, BRIDGE.format("-p 10.9.9.9:9000:9000") + "--port 9000")[0].outcome == "serves"


SYSCTL = "--sysctl net.ipv4.ip_unprivileged_port_start="


@pytest.mark.parametrize(
    ("settings", "port", "denied"),
    [
        (f"{SYSCTL}1024", 80, True),
        (f"{SYSCTL}1024", 1024, False),
        (f"{SYSCTL}80", 80, False),
        ("", 80, False),
        (f"{SYSCTL}1024 --user 0", 80, False),
        (f"{SYSCTL}1024 --user 0 --cap-drop NET_BIND_SERVICE", 80, True),
        (f"{SYSCTL}1024 --privileged", 80, False),
    ],
)
def test_the_first_published_port_is_used(settings: str, port: int, denied: bool) -> None:
    plan, found = container_run(Host(), BRIDGE.format(settings) + f"--port {port}")
    assert [item.code for item in found] == (["OVD803"] if denied else [])
    assert plan.outcome == ("exits" if denied else "serves")
    if denied:
        assert found[0].evidence[0].how == "the container's settings"


def test_the_first_open_port_of_what_inspect_writes() -> None:
    document = {"HostConfig": {"Sysctls": {"net.ipv4.ip_unprivileged_port_start": "1024"}}}
    assert open_port(document["HostConfig"]) == 1024
    assert open_port({"Sysctls": {"net.core.somaxconn": "1"}}) is None
    assert open_port({}) is None


@pytest.mark.parametrize(
    ("path", "errno_name"),
    [("/tmp/ovms.log", "Read-only file system"), ("/tmp/a/ovms.log", "No such file or directory")],
)
def test_a_log_file_in_a_read_only_container(path: str, errno_name: str) -> None:
    line = BRIDGE.format("--read-only") + f"--port 9000 --log_path {path}"
    plan, (finding,) = container_run(Host(), line)
    assert (plan.exit_code, finding.code) == (1, "OVD847")
    assert errno_name in finding.message
    for command in (line.replace("--read-only", ""), line.replace("--read-only", "--read-only --tmpfs /tmp")):
        assert container_run(Host(), command)[0].outcome == "serves"
    assert container_run(Host(), line.replace("docker run", "podman run"))[0].outcome == "serves"


# -- the channel arguments of gRPC ---------------------------------------------------------------------


def with_channel_arguments(
    value: str, *arguments: str, release: str = "2026.3"
) -> tuple[Plan, list[Finding]]:
    options = CheckOptions(
        arguments=(*CONFIG, f"--grpc_channel_arguments={value}", *arguments),
        release=release,
        bare_metal=True,
        working_directory="/w",
        user=User(5000, 5000),
    )
    settled = settled_run(options, Facts(), Host())
    context = Context(settled.deployment, settled.plan, settled.facts)
    return settled.plan, list(check_configuration(context))


@pytest.mark.parametrize("value", ["a", "a=", "=", "a=1=2", "a=1,b", ",a=1", "a=1,,b=2", "a:1"])
def test_channel_arguments_that_are_not_pairs_end_the_server(value: str) -> None:
    plan, found = with_channel_arguments(value, "--port", "9000")
    assert (plan.outcome, plan.exit_code, plan.ignored) == ("exits", 1, ())
    finding = next(item for item in found if item.code == "OVD406")
    assert finding.server_log == (f"Grpc channel arguments passed in wrong format - {value}",)
    assert "exit code 1" in finding.detail
    assert "OVD410" not in {item.code for item in found}


@pytest.mark.parametrize("value", ["", "a=1", "a=1,", "a=1=", "=1", "a=1,b=c", " a = 1 ", "a= "])
def test_channel_arguments_in_pairs_are_accepted(value: str) -> None:
    plan, found = with_channel_arguments(value, "--port", "9000")
    assert (plan.outcome, "OVD406" in {item.code for item in found}) == ("serves", False)
    assert [item.location for item in plan.ignored] == ["--grpc_channel_arguments"]


@pytest.mark.parametrize(
    ("release", "arguments", "ends"),
    [
        ("2026.3", ("--rest_port", "8000"), False),
        ("2025.1", ("--rest_port", "8000", "--port", "0"), False),
        ("2025.0", ("--rest_port", "8000"), True),
        ("2022.3", (), True),
        ("2022.2", (), True),
        ("2022.1", (), True),
    ],
)
def test_channel_arguments_are_read_with_a_port_of_grpc(
    release: str, arguments: tuple[str, ...], ends: bool
) -> None:
    plan, found = with_channel_arguments("a", *arguments, release=release)
    assert (plan.outcome == "exits", "OVD406" in {item.code for item in found}) == (ends, ends)
    if release in ("2022.1", "2022.2"):
        line = "grpc channel arguments passed in wrong format: a"
        assert next(item for item in found if item.code == "OVD406").server_log == (line,)
