"""OpenStack Swift with its S3 interface: a production store, on loopback and in its own directory of the
tests.

Unlike the other servers it checks signatures, their region, and the rights of users. Four servers with one
device; nothing in ``/etc/swift`` is read. They run as the user of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.stores.servers import Keys, S3Server, is_listening, running, wait_until

#: Required programs: Debian's swift-proxy, swift-account, swift-container and swift-object.
PROGRAMS = ("swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server")
REGION = "eu-tests-1"

_OWNER = Keys("models:owner", "secret-of-the-owner")
_OTHER_USER = Keys("models:stranger", "secret-of-a-stranger")
_OTHER_ACCOUNT = Keys("other:owner", "secret-of-another")

_COMMON = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
# No children, and no change of user.
workers = 0
swift_dir = {directory}
log_level = INFO
"""
_PROXY = """\
[pipeline:main]
pipeline = catch_errors healthcheck cache s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 20
node_timeout = 60
recoverable_node_timeout = 60
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
# Asked for by tempauth. That nobody listens there is fine; that somebody else's would, is not.
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
location = {region}
[filter:slo]
use = egg:swift#slo
[filter:tempauth]
use = egg:swift#tempauth
user_models_owner = secret-of-the-owner .admin
user_models_stranger = secret-of-a-stranger
user_other_owner = secret-of-another .admin
"""
_STORAGE = """\
devices = {directory}/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
conn_timeout = 20
container_update_timeout = 60
recon_cache_path = {directory}/recon
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""


class SwiftServer(S3Server):
    """Swift's S3. New objects are listed at once: no timeout delays the update of the container."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint, _OWNER, REGION)
        self.other_user = _OTHER_USER
        self.elsewhere = _OTHER_ACCOUNT


@contextmanager
def swift_server() -> Iterator[SwiftServer]:
    """All four servers. Needs ``PROGRAMS`` and a file system for temporary files with extended attributes."""
    with ExitStack() as opened:
        directory = opened.enter_context(_directory_with_attributes())
        ports = _free_ports(("proxy", "account", "container", "object"))
        for name in ("devices/one", "recon"):
            (directory / name).mkdir(parents=True)
        (directory / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\n")
        common = {"directory": directory, "region": REGION}
        for kind, port in ports.items():
            text = _COMMON + (_PROXY if kind == "proxy" else _STORAGE)
            (directory / f"{kind}.conf").write_text(text.format(**common, kind=kind, port=port))
        # Isolated, because the directory of that file contains this module, which is also named "swift".
        program = [*_interpreter(), "-I", str(Path(__file__).with_name("swift_child.py"))]
        logs = directory / "logs"
        logs.mkdir()
        rings = [*program, "rings", str(directory), json.dumps(ports)]
        with running(rings, logs / "rings", {}) as process:
            assert process.wait(60) == 0, (logs / "rings").read_text("utf-8", "replace")
        servers = {
            kind: opened.enter_context(running([*program, kind, str(directory)], logs / kind, {}))
            for kind in ports
        }
        for kind, server in servers.items():
            began = wait_until(lambda kind=kind: is_listening(ports[kind]), server)  # type: ignore[misc]
            assert began, f"Swift's {kind} server did not start:\n{_tail(logs / kind)}"
        endpoint = f"http://127.0.0.1:{ports['proxy']}"
        ready = wait_until(lambda: _is_healthy(endpoint), servers["proxy"])
        assert ready, f"Swift's proxy server does not answer:\n{_tail(logs / 'proxy')}"
        store = SwiftServer(endpoint)
        opened.callback(store.close)
        yield store


@contextmanager
def _directory_with_attributes() -> Iterator[Path]:
    """Swift stores metadata in the extended attributes of an object's file; not every tmpfs has them."""
    refused = []
    for directory in dict.fromkeys((tempfile.gettempdir(), "/var/tmp")):
        path = Path(tempfile.mkdtemp(prefix="ovms-doctor-swift-", dir=directory))
        try:
            os.setxattr(path, "user.tests", b"kept")
        except OSError as error:
            path.rmdir()
            refused.append(f"{directory}: {error.strerror}")
            continue
        try:
            yield path
        finally:
            shutil.rmtree(path)
        return
    raise AssertionError(
        f"Swift needs extended attributes (user.*); name a place in TMPDIR. {'; '.join(refused)}"
    )


def _free_ports(names: tuple[str, ...]) -> dict[str, int]:
    """Different free ports: each is held until all are known."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in names]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(names, probes, strict=True)}


def _interpreter() -> list[str]:
    """The Python for which Swift was installed, from the first line of its programs."""
    program = shutil.which(PROGRAMS[0])
    assert program, f"{PROGRAMS[0]} is missing"
    with open(program, encoding="utf-8") as file:
        first = file.readline()
    assert first.startswith("#!"), first
    return first[2:].split()


def _is_healthy(endpoint: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{endpoint}/healthcheck", timeout=20) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-4000:]
