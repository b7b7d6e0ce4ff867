"""A real container engine for tests: the running one, else a Docker daemon that the tests start as root."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import requests
from elftools.elf.elffile import ELFFile

#: The label of everything that tests create, so that nothing else is removed.
LABEL = "ovms-doctor.test"
DEFAULT = "unix:///var/run/docker.sock"
#: Named like the published images, in a registry that does not exist; each test run has its own.
IMAGE = f"ovms-doctor-test-{os.getpid()}.invalid/openvino/model_server:2025.4"
#: The program that replaces the server: writes the first line of its log, then does what PRETEND or the first
#: argument says. With
#: PRETEND its arguments can be those of a server.
SERVER = """#!/bin/sh
[ "$PRETEND" = recorded ] ||
echo '[2026-01-01 10:00:00.000][1][serving][info][server.cpp:89] OpenVINO Model Server 2025.4.1.0a1b2c3d'
case "$PRETEND" in
  memory) exec tail -c 400m /dev/zero ;;
  [0-9]*) exit "$PRETEND" ;;
  recorded) exec "$PYTHON" -I /recorded/serve_recorded.py /recorded "$@" ;;
esac
case "$1" in
  --memory) exec tail -c 400m /dev/zero ;;
  --exit) exit "$2" ;;
  --lines) seq "$2" ;;
  --odd) printf '\\033[31mred \\377\\n' ;;
esac
case "$1" in --memory|--exit|--lines|--odd) exit 0 ;; esac
exec sleep 600
"""


class CannotRun(Exception):
    """There is no engine here; the message states the reason."""


@dataclass
class Engine:
    """``url``: in the form of DOCKER_HOST; ``api``: the SDK's low-level client."""

    url: str
    api: Any
    made: list[str] = field(default_factory=list)

    def create(
        self, *command: str, name: str | None = None, host: dict[str, Any] | None = None, **values: Any
    ) -> str:
        """Creates a container of the test image without starting it; returns its id. ``host``: arguments of
        its HostConfig."""
        host_settings = {"network_mode": "none", **(host or {})}
        made = self.api.create_container(
            IMAGE,
            list(command),
            name=name,
            host_config=self.api.create_host_config(**host_settings),
            labels={LABEL: "1"},
            **values,
        )
        self.made.append(made["Id"])
        return str(made["Id"])

    def run(self, *command: str, **values: Any) -> str:
        """Creates and starts the container."""
        made = self.create(*command, **values)
        self.api.start(made)
        return made

    def ended(self, made: str) -> str:
        """Waits until the container has ended."""
        self.api.wait(made, timeout=60)
        return made

    def until(self, made: str, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Waits until the container's state fulfils the condition."""
        for _ in range(600):
            if condition(self.api.inspect_container(made)):
                return
            time.sleep(0.05)
        raise AssertionError(self.api.inspect_container(made)["State"])

    def clear(self) -> None:
        """Removes what was created since the last call."""
        for made in self.made:
            with suppress(docker.errors.NotFound):
                self.api.remove_container(made, force=True, v=True)
        self.made.clear()


@contextmanager
def open_engine() -> Iterator[Engine]:
    """The running engine, else one that the tests start; raises CannotRun."""
    api = _running()
    if api is not None:
        try:
            yield _with_image(Engine(os.environ.get("DOCKER_HOST") or DEFAULT, api))
        finally:
            with suppress(docker.errors.APIError):
                api.remove_image(IMAGE, force=True)
            api.close()
        return
    with _own() as engine:
        yield _with_image(engine)


def _listens(url: str) -> bool:
    """Whether something listens; the SDK leaves sockets open where nothing does."""
    path = url.removeprefix("unix://")
    if path == url:
        return True
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(path)
        except OSError:
            return False
    return True


def _running() -> Any:
    if not _listens(os.environ.get("DOCKER_HOST") or DEFAULT):
        return None
    try:
        api = docker.APIClient(**docker.utils.kwargs_from_env(), timeout=20)
    except docker.errors.DockerException:
        return None
    try:
        api.info()
    except (docker.errors.DockerException, requests.exceptions.RequestException):
        api.close()
        return None
    return api


@contextmanager
def _own() -> Iterator[Engine]:
    if os.geteuid() != 0:
        raise CannotRun("no container engine answers, and only root can start one")
    if shutil.which("dockerd") is None:
        raise CannotRun("no container engine answers, and the program dockerd is missing")
    # The path is short because the path of a socket has at most 107 characters.
    top = Path(tempfile.mkdtemp(prefix="ovmsd-", dir="/tmp"))
    url = f"unix://{top}/s"
    command = [
        *("dockerd", "--host", url, "--data-root", f"{top}/data", "--exec-root", f"{top}/exec"),
        *("--pidfile", f"{top}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false"),
        *("--exec-opt", "native.cgroupdriver=cgroupfs", "--config-file", f"{top}/daemon.json"),
    ]
    (top / "daemon.json").write_text("{}")
    log = (top / "log").open("wb")
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    try:
        engine = _started(process, url)
        if engine is None:
            last = (top / "log").read_text(errors="replace").splitlines()[-1:]
            raise CannotRun(f"dockerd does not come up here: {' '.join(last)[-300:]}")
        try:
            yield engine
        finally:
            engine.clear()
            engine.api.close()
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()
        # File systems that a killed daemon left mounted cannot be removed.
        shutil.rmtree(top, ignore_errors=True)


def _started(process: subprocess.Popen[bytes], url: str) -> Engine | None:
    for _ in range(300):
        if process.poll() is not None:
            return None
        if _listens(url):
            return Engine(url, docker.APIClient(url, timeout=60))
        time.sleep(0.1)
    return None


def _with_image(engine: Engine) -> Engine:
    program = shutil.which("busybox")
    if program is None:
        raise CannotRun("the program busybox is missing")
    with open(program, "rb") as file:
        if any(segment.header.p_type == "PT_INTERP" for segment in ELFFile(file).iter_segments()):
            raise CannotRun("busybox is not linked statically: Debian's package is busybox-static")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(os.path.realpath(program), "bin/busybox")
        for name in ("sh", "tail", "seq", "sleep", "cat", "kill"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        script = tarfile.TarInfo("ovms/bin/ovms")
        script.mode, script.size = 0o755, len(SERVER)
        archive.addfile(script, io.BytesIO(SERVER.encode()))
    repository, _, tag = IMAGE.rpartition(":")
    changes = [
        'ENTRYPOINT ["/ovms/bin/ovms"]',
        "USER 5000:5000",
        'LABEL supported-devices="CPU=1 GPU=0 NPU=0"',
    ]
    engine.api.import_image_from_data(packed.getvalue(), repository, tag, changes)
    return engine
