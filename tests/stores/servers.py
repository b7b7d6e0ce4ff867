"""Real servers in processes of their own: S3 (moto, also with IAM), Google's store (an emulator), a proxy
(Squid).

Each is a context manager and yields the interface for tests. Swift is in ``swift.py``; ``fixtures.py``
defines the fixtures.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

SQUID_PASSWORDS = "/usr/lib/squid/basic_ncsa_auth"

# Settings for coverage, proxies or configuration of the tests do not apply to these servers.
_LEFT_OUT = re.compile(
    r"(?i)coverage_.*|aws_.*|.*_proxy|pythonwarnings|pythondevmode|moto_.*|initial_no_auth.*|google_.*|storage_.*"
)
_START_SECONDS = 60


class Keys(NamedTuple):
    """The access key and secret key of a user of S3."""

    key: str
    secret: str


class Logged(NamedTuple):
    """A request in a server's own log; ``path`` is encoded as the server wrote it, with its query."""

    method: str
    path: str
    status: int


def allow(*actions: str, on: str) -> dict[str, object]:
    """A statement of a policy: these actions on this bucket and on all of its objects."""
    resources = [f"arn:aws:s3:::{on}", f"arn:aws:s3:::{on}/*"]
    return {"Effect": "Allow", "Action": list(actions), "Resource": resources}


class S3Server:
    """An S3 endpoint and a user with all rights. Addresses are path-style."""

    def __init__(
        self, endpoint: str, keys: Keys, region: str = "us-east-1", log_file: Path | None = None
    ) -> None:
        self.endpoint = endpoint
        self.keys = keys
        self.region = region
        self._log_file = log_file
        self._log_begin = 0
        self._open = ExitStack()
        self.admin = self.client()

    def client(self, keys: Keys | None = None, region: str | None = None, proxy: str = "") -> Any:
        """A boto3 client without retries that waits 20 s; it is closed with the server."""
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=20,
            read_timeout=20,
            retries={"total_max_attempts": 1},
            proxies={"http": proxy} if proxy else {},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        key, secret = keys or self.keys
        # Not boto3.client: its session would read this machine's configuration.
        client = boto3.session.Session(key, secret, region_name=region or self.region).client(
            "s3", endpoint_url=self.endpoint, config=config
        )
        self._open.callback(client.close)
        return client

    def bucket(self) -> str:
        """Makes a bucket with a new name."""
        name = f"models-{secrets.token_hex(6)}"
        self.admin.create_bucket(Bucket=name)
        self.forget()
        return name

    def put(self, bucket: str, tree: Mapping[str, bytes]) -> None:
        """Makes one object for each key."""
        for key, data in tree.items():
            self.admin.put_object(Bucket=bucket, Key=key, Body=data)
        self.forget()

    def log(self) -> list[Logged]:
        """The requests since ``forget`` (called at the start of each test and by every method that sets
        something up), from any client. A request is listed as soon as its answer has started."""
        return _access_log(self._log_text()[self._log_begin :])

    def forget(self) -> None:
        self._log_begin = len(self._log_text()) if self._log_file else 0

    def close(self) -> None:
        """Closes the clients. The server continues to run."""
        self._open.close()

    def _log_text(self) -> str:
        assert self._log_file, "this server keeps no log: put faulty(server.endpoint) in front, which records"
        return self._log_file.read_text("utf-8", "replace")


class IamServer(S3Server):
    """S3 with policies."""

    def __init__(self, endpoint: str, log_file: Path) -> None:
        import boto3

        session = boto3.session.Session("nobody", "nothing", region_name="us-east-1")
        with ExitStack() as opened:
            # Until the third of these requests is answered, no key is required.
            iam = session.client("iam", endpoint_url=endpoint)
            opened.callback(iam.close)
            keys = _new_user(iam, "admin", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
        super().__init__(endpoint, keys, log_file=log_file)
        self._iam = boto3.session.Session(*keys, region_name="us-east-1").client("iam", endpoint_url=endpoint)
        self._open.callback(self._iam.close)

    def user(self, *statements: Mapping[str, object]) -> Keys:
        """A new user whose only policy has these statements; without any, a user without rights."""
        keys = _new_user(self._iam, f"user-{secrets.token_hex(6)}", statements)
        self.forget()
        return keys


#: The number of requests that moto_iam answers without keys: those that create its first user.
_BEFORE_IAM = 3


def _new_user(iam: Any, name: str, statements: Sequence[Mapping[str, object]]) -> Keys:
    policy = {
        "Version": "2012-10-17",
        "Statement": list(statements) or [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
    }
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="policy", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(made["AccessKeyId"], made["SecretAccessKey"])


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """S3 that accepts any key."""
    with _moto({}) as (endpoint, log):
        server = S3Server(endpoint, Keys("AKIAEXAMPLEOFTESTS00", "secret-of-the-tests"), log_file=log)
        try:
            yield server
        finally:
            server.close()


@contextmanager
def iam_server() -> Iterator[IamServer]:
    """S3 with users and policies."""
    with _moto({"INITIAL_NO_AUTH_ACTION_COUNT": str(_BEFORE_IAM)}) as (endpoint, log):
        server = IamServer(endpoint, log)
        try:
            yield server
        finally:
            server.close()


@contextmanager
def _moto(environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    with open_directory() as directory:
        log = directory / "moto.log"

        def command(port: int) -> list[str]:
            return [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

        with listening(command, log, environment) as port:
            yield f"http://127.0.0.1:{port}", log


# -- Google Cloud Storage ------------------------------------------------------------------------------


class GcsServer:
    """An emulator of Google Cloud Storage. It serves one request at a time and requires no credentials."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def bucket(self) -> str:
        """Makes a bucket with a new name."""
        name = f"models-{secrets.token_hex(6)}"
        self._post("/storage/v1/b?project=tests", json.dumps({"name": name}).encode(), "application/json")
        return name

    def put(self, bucket: str, tree: Mapping[str, bytes]) -> None:
        """Makes one object for each key."""
        for key, data in tree.items():
            path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}"
            self._post(path, data, "application/octet-stream")

    def _post(self, path: str, data: bytes, content_type: str) -> None:
        headers = {"Content-Type": content_type}
        request = urllib.request.Request(self.endpoint + path, data, headers, method="POST")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=20) as answer:
            assert answer.status == 200, answer.status


@contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """The emulator, with everything in memory."""

    def command(port: int) -> list[str]:
        arguments = ["start", "--host", "127.0.0.1", "--port", str(port), "--in-memory", "--quiet"]
        return [sys.executable, "-W", "ignore", "-m", "gcp_storage_emulator", *arguments]

    with open_directory() as directory, listening(command, directory / "emulator.log", {}) as port:
        yield GcsServer(f"http://127.0.0.1:{port}")


# -- a proxy -------------------------------------------------------------------------------------------


class Proxy:
    """A proxy that allows only ``user`` with ``password``, to any host."""

    def __init__(self, port: int, user: str, password: str, log_file: Path) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.user = user
        self.password = password
        self._log_file = log_file
        self._log_begin = 0

    @property
    def url(self) -> str:
        return self.url_with(self.user, self.password)

    def url_with(self, user: str, password: str) -> str:
        """The proxy's address with these credentials, percent-encoded."""
        return f"http://{quote(user, safe='')}:{quote(password, safe='')}@{self.host}:{self.port}"

    def log(self, least: int = 0) -> list[str]:
        """The lines of the access log since ``forget``. A line is written when its request has ended, so this
        waits up to 10 s for this number of lines."""
        for _ in range(100):
            lines = self._lines()[self._log_begin :]
            if len(lines) >= least:
                break
            time.sleep(0.1)
        return lines

    def forget(self) -> None:
        self._log_begin = len(self._lines())

    def _lines(self) -> list[str]:
        return self._log_file.read_text("utf-8", "replace").splitlines() if self._log_file.exists() else []


@contextmanager
def squid_server(user: str = "someone", password: str = "word") -> Iterator[Proxy]:
    """Squid with basic authentication. It caches nothing and writes only below its own directory."""
    crypt = ["openssl", "passwd", "-apr1", "-stdin"]
    hashed = subprocess.run(crypt, input=password, capture_output=True, text=True, check=True).stdout.strip()
    with open_directory() as directory:
        (directory / "users").write_text(f"{user}:{hashed}\n")
        log = directory / "access.log"

        def command(port: int) -> list[str]:
            (directory / "squid.conf").write_text(
                f"http_port 127.0.0.1:{port}\n"
                f"auth_param basic program {SQUID_PASSWORDS} {directory}/users\n"
                "acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n"
                f"access_log stdio:{log}\ncache_log {directory}/cache.log\npid_filename {directory}/pid\n"
                f"coredump_dir {directory}\ncache deny all\nshutdown_lifetime 1 seconds\nvia off\n"
                "logfile_rotate 0\npinger_enable off\nvisible_hostname proxy.test\nstrip_query_terms off\n"
            )
            return ["squid", "-N", "-f", str(directory / "squid.conf")]

        with listening(command, directory / "output.log", {}) as port:
            proxy = Proxy(port, user, password, log)
            yield proxy


# -- processes -----------------------------------------------------------------------------------------


def free_port() -> int:
    """A port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port of 127.0.0.1 where nothing listens. It is bound, so that no other program gets it meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that every user can write to, since a server started by root may change to another user;
    removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="ovms-doctor-server-", dir=_open_to_all()))
    path.chmod(0o777)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _open_to_all() -> str:
    for directory in (tempfile.gettempdir(), "/var/tmp"):
        if all(
            step.stat().st_mode & stat.S_IXOTH
            for step in (Path(directory).resolve(), *Path(directory).resolve().parents)
        ):
            return directory
    return tempfile.gettempdir()


@contextmanager
def listening(
    command: Callable[[int], list[str]], log: Path, environment: Mapping[str, str]
) -> Iterator[int]:
    """Runs ``command(port)`` until it listens on that port of the loopback, yields the port, and ends it. If
    another program has used the port in the meantime, it tries two more ports. Its output goes to ``log``."""
    for last in (False, False, True):
        port = free_port()
        with running(command(port), log, environment) as server:
            if not wait_until(lambda port=port: is_listening(port), server):  # type: ignore[misc]
                assert not last, (
                    f"the server did not begin to listen:\n{log.read_text('utf-8', 'replace')[-4000:]}"
                )
                continue
            yield port
            return


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program with its output in ``log``, and ends it and its children. They also end if the tests are
    killed, if the machine has setpriv and the program keeps its user."""
    clean = {name: value for name, value in os.environ.items() if not _LEFT_OUT.fullmatch(name)}
    with_parent = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    with log.open("ab") as output:
        server = subprocess.Popen(
            [*with_parent, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**clean, **environment},
            start_new_session=True,
        )
    try:
        yield server
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)


def wait_until(condition: Callable[[], bool], server: subprocess.Popen[bytes]) -> bool:
    """Whether ``condition`` became true while the server ran."""
    end = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def is_listening(port: int) -> bool:
    """Whether a program listens on this port of the loopback, determined without a connection."""
    local_address = f"{int.from_bytes(socket.inet_aton('127.0.0.1'), sys.byteorder):08X}:{port:04X}"
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(fields[1] == local_address and fields[3] == "0A" for fields in lines)


def _access_log(text: str) -> list[Logged]:
    """Requests in the log of werkzeug, which has colour codes inside the quotation marks."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    found = re.findall(r'^\S+ - - \[[^\]]*\] "([A-Z]+) (\S.*) HTTP/1\.[01]" (\d{3}) ', plain, re.MULTILINE)
    return [Logged(method, path, int(status)) for method, path, status in found]
