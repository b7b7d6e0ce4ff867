"""Containers of a real engine: their state, their end, their mounts; the same from a saved document."""

from __future__ import annotations

import json
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from ovms_doctor.inputs.inspect.read import read_inspect, read_text
from ovms_doctor.inputs.kernel_log import matching, read_kernel_log
from ovms_doctor.model.container import Container
from ovms_doctor.probes.containers import ContainerLookup, query_container
from ovms_doctor.probes.kernel_log import kernel_lines
from tests.container.engine import IMAGE, Engine

SMALL = {"mem_limit": "32m", "memswap_limit": "32m"}


def see(name: str) -> tuple[ContainerLookup, Container]:
    lookup = query_container(name, 30)
    assert lookup.problem is None
    assert not lookup.timed_out
    return lookup, read_inspect(
        lookup.document, source="docker", source_name=name, log=lookup.log, info=lookup.info
    )


def saved(engine: Engine, name: str, lookup: ContainerLookup) -> Container:
    """A file with the output of ``docker inspect``."""
    text = json.dumps([engine.api.inspect_container(name)], indent=4).encode()
    return read_inspect(read_text(text), source="inspect", source_name=name, log=lookup.log, info=lookup.info)


def test_healthy_container(engine: Engine, public_dir: Path) -> None:
    made = engine.run(
        "--port", "9000", "--model_path", "/models/m", name="ovms-doctor-test-healthy",
        user="1234:5678", environment={"GRPC_SERVERS": "4", "MY_SECRET": "hunter2"}, working_dir="/work",
        host={
            "binds": [f"{public_dir}:/models:ro,z"], "tmpfs": {"/scratch": "size=1m"}, "group_add": ["44"],
            "mem_limit": "256m", "nano_cpus": 500_000_000, "cap_drop": ["ALL"], "read_only": True,
            "restart_policy": {"Name": "on-failure", "MaximumRetryCount": 3}, "pids_limit": 100,
            "ulimits": [{"Name": "nofile", "Soft": 1000, "Hard": 2000}], "security_opt": ["no-new-privileges"],
        },
    )  # fmt: skip
    engine.until(made, lambda now: bool(now["State"]["Running"]) and bool(engine.api.logs(made)))
    lookup, container = see("ovms-doctor-test-healthy")
    assert lookup.local
    assert (container.name, container.id, container.image) == ("ovms-doctor-test-healthy", made, IMAGE)
    assert (container.release, container.release_from) == ("2025.4.1", "the container's log")
    assert container.arguments == ("--port", "9000", "--model_path", "/models/m")
    assert (container.user, container.groups, container.working_directory) == ("1234:5678", ("44",), "/work")
    models, scratch = container.mounts
    assert (models.server, models.kind, models.host, models.read_only) == (
        "/models",
        "bind",
        str(public_dir),
        True,
    )
    assert (models.options, models.created_by_engine) == (("z",), True)
    assert (scratch.server, scratch.kind, scratch.options) == ("/scratch", "tmpfs", ("size=1m",))
    limits = container.limits
    assert (limits.memory, limits.cpus, limits.pids, limits.open_files) == (256 << 20, 0.5, 100, 1000)
    assert (container.restart, container.read_only_root) == ("on-failure:3", True)
    assert (container.capabilities_dropped, container.security[:1]) == (("ALL",), ("no-new-privileges",))
    assert container.state is not None
    assert (container.state.status, container.state.exit_code) == ("running", None)
    assert container.state.pid > 0
    assert [(item.name, item.number) for item in container.environment] == [("GRPC_SERVERS", 4)]
    assert "MY_SECRET" in container.environment_names
    assert "hunter2" not in repr(container)
    assert saved(engine, made, lookup) == replace(container, source="inspect", source_name=made)


def test_killed_at_its_memory_limit(engine: Engine) -> None:
    made = engine.ended(engine.run("--memory", host=SMALL))
    lookup, container = see(made[:12])
    assert container.state is not None
    assert (container.state.status, container.state.exit_code) == ("exited", 137)
    assert container.state.oom_killed is True
    assert container.limits.memory == 32 << 20
    assert container.merged_directory == ""
    assert saved(engine, made, lookup) == replace(container, source="inspect", source_name=made)


def test_kernel_log_names_the_killed_process(engine: Engine) -> None:
    other = engine.ended(engine.run("--memory", host=SMALL))
    made = engine.ended(engine.run("--memory", host=SMALL))
    lines, problem = kernel_lines(20)
    if problem is not None:
        pytest.skip(problem)
    kills = read_kernel_log(lines)
    (kill,) = matching(kills, see(made)[1])
    assert (kill.matched, kill.constraint, kill.process) == ("cgroup", "memcg", "tail")
    assert kill.rss is not None
    assert 16 << 20 < kill.rss <= 32 << 20
    (another,) = matching(kills, see(other)[1])
    assert another.pid != kill.pid


def test_container_killed_by_a_user(engine: Engine) -> None:
    made = engine.run()
    engine.api.kill(made)
    state = see(engine.ended(made))[1].state
    assert state is not None
    assert (state.status, state.exit_code, state.oom_killed) == ("exited", 137, False)


def test_container_that_ended_by_itself(engine: Engine) -> None:
    state = see(engine.ended(engine.run("--exit", "64")))[1].state
    assert state is not None
    assert (state.exit_code, state.oom_killed, state.restarts) == (64, False, 0)
    assert state.started_at
    assert state.finished_at


def test_restarting(engine: Engine) -> None:
    made = engine.run("--exit", "1", host={"restart_policy": {"Name": "always"}})
    engine.until(made, lambda now: now["RestartCount"] >= 2)
    container = see(made)[1]
    assert container.state is not None
    assert container.state.restarts >= 2
    assert container.restart == "always"


def test_container_that_never_started(engine: Engine, public_dir: Path) -> None:
    """The host path does not exist: the engine reports it at the start and keeps the text."""
    missing = {"Type": "bind", "Source": str(public_dir / "later"), "Target": "/models"}
    (public_dir / "later").mkdir()
    made = engine.create("--port", "9000", host={"mounts": [missing]}, ports=[9000])
    (public_dir / "later").rmdir()
    with pytest.raises(Exception, match="later"):
        engine.api.start(made)
    container = see(made)[1]
    assert container.state is not None
    assert (container.state.status, container.state.started_at) == ("created", "")
    assert [(item.host, item.created_by_engine) for item in container.mounts] == [
        (str(public_dir / "later"), False)
    ]
    assert container.log == ()


def test_ports_and_devices(engine: Engine) -> None:
    made = engine.create(
        ports=[9000, 8000],
        host={
            "network_mode": "bridge",
            "port_bindings": {9000: ("127.0.0.1", 19000), 8000: None},
            "devices": ["/dev/null:/dev/dri/renderD128:rw"],
        },
    )
    container = see(made)[1]
    found = {(item.container, item.host, item.address) for item in container.ports}
    assert found == {(9000, 19000, "127.0.0.1"), (8000, None, "")}
    assert container.devices == ("/dev/dri/renderD128",)
    assert container.network == "bridge"


def test_long_log_is_cut_to_its_first_and_last_lines(engine: Engine) -> None:
    container = see(engine.ended(engine.run("--lines", "5000")))[1]
    assert len(container.log) == 100
    assert container.log[1:40] == tuple(map(str, range(1, 40)))
    assert container.log[40:] == tuple(map(str, range(4941, 5001)))
    assert container.release == "2025.4.1"


def test_short_log_is_complete_with_any_content(engine: Engine) -> None:
    container = see(engine.ended(engine.run("--odd")))[1]
    assert container.log[1:] == ("\x1b[31mred \N{REPLACEMENT CHARACTER}",)
    assert len(see(engine.ended(engine.run("--lines", "99")))[1].log) == 100


def test_log_that_the_engine_does_not_keep(engine: Engine) -> None:
    made = engine.ended(engine.run("--exit", "1", host={"log_config": {"Type": "none", "Config": {}}}))
    container = see(made)[1]
    assert container.log == ()
    assert any("output cannot be read" in problem for problem in container.problems)
    # Only the tag of the image remains.
    assert (container.release, container.release_from) == ("2025.4", "the image's tag")


def test_unknown_name_gets_a_suggestion(engine: Engine) -> None:
    engine.create(name="ovms-doctor-test-resnet")
    lookup = query_container("ovms-doctor-test-resent", 30)
    assert lookup.document is None
    assert lookup.problem is not None
    assert "did you mean ovms-doctor-test-resnet" in lookup.problem


def test_engine_over_tcp(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    made = engine.ended(engine.run("--exit", "0"))
    direct = see(made)[1]
    with forwarded(engine.url) as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        # A proxy address where nothing listens: it must not be contacted.
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        lookup, container = see(made)
    assert not lookup.local
    assert container == direct


@contextmanager
def forwarded(url: str) -> Iterator[int]:
    """A port of this host whose connections are forwarded to the engine's socket."""
    path = url.removeprefix("unix://")
    if path == url:
        pytest.skip("the engine is reached over TCP anyway")
    with PortOf(path) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


class PortOf(socketserver.ThreadingTCPServer):
    def __init__(self, path: str) -> None:
        super().__init__(("127.0.0.1", 0), ForwardHandler)
        self.path = path


class ForwardHandler(socketserver.BaseRequestHandler):
    server: PortOf

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.server.path)
            others = {self.request: engine, engine: self.request}
            while True:
                for source in select.select(list(others), [], [])[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    others[source].sendall(data)
