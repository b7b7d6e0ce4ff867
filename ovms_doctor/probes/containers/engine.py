"""The child process that queries a container: finds the engine, queries it, and describes failures in a sentence."""

from __future__ import annotations

import importlib.util
import os
import queue
import re
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.similar import similar_names
from ovms_doctor.probes.containers import (
    ContainerLookup,
    ContainerNames,
    ContainerQuestion,
    NamesQuestion,
)

#: How many lines of the beginning and of the end of the output are kept.
FIRST_LINES, LAST_LINES = 40, 60
_MOST_BYTES = 4 << 20
_LONGEST_LINE = 16 << 10
_INSTALL = "python3 -m pip install 'docker>=7.1'"
_NAME = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_INFO = (
    "ServerVersion", "SecurityOptions", "DockerRootDir", "OperatingSystem", "Driver", "CgroupVersion",
    "CgroupDriver", "NCPU", "MemTotal",
)  # fmt: skip
#: Where engines of this host listen; after Docker's own socket, the user's sockets come first.
_SOCKETS = (
    "/var/run/docker.sock",
    "{runtime}/docker.sock",
    "{runtime}/podman/podman.sock",
    "/run/podman/podman.sock",
)


class ContainerLookupError(Exception):
    """The reported problem; ``timed_out``: the engine did not answer."""

    def __init__(self, text: str, *, timed_out: bool = False) -> None:
        super().__init__(text)
        self.timed_out = timed_out


def container_lookup(question: ContainerQuestion) -> ContainerLookup:
    """Returns the engine's data on a container."""
    found: dict[str, Any] = {"info": {}, "log": [], "endpoint": "", "local": False}
    try:
        _query(question.name.removeprefix("/"), question.timeout, found)
    except ContainerLookupError as problem:
        found.update(document=None, problem=str(problem), timed_out=problem.timed_out)
    except Exception as error:  # noqa: BLE001 - any exception of a library becomes a sentence
        explained = explained_error(error, str(found["endpoint"]))
        found.update(document=None, problem=str(explained), timed_out=explained.timed_out)
    return ContainerLookup(**{**found, "log": tuple(found["log"])})


def names_of(question: NamesQuestion) -> ContainerNames:
    """Returns the names of all containers."""
    try:
        return ContainerNames(tuple(map(str, _names(_client(question.timeout, {})))))
    except Exception:  # noqa: BLE001 - whoever completes a name can do nothing about it
        return ContainerNames()


def _client(timeout: float, found: dict[str, Any]) -> Any:
    """Returns a client of the engine, and stores its address in ``found``."""
    try:
        import docker
        import docker.errors
    except Exception as error:  # noqa: BLE001 - a broken installation throws anything
        raise ContainerLookupError(
            f"The Python package docker cannot be used ({type(error).__name__}): {_INSTALL} installs it."
        ) from None
    arguments = endpoint()
    found["endpoint"] = address = shown_address(arguments["base_url"])
    found["local"] = address.startswith("unix://")
    if found["local"]:
        _try_socket(arguments["base_url"].removeprefix("unix://"), timeout)

    class Client(docker.APIClient):  # type: ignore[misc]
        def get_redirect_target(self, resp: Any) -> None:
            """Follows no redirection to another host."""

    return Client(**arguments, timeout=timeout)


def _query(name: str, timeout: float, found: dict[str, Any]) -> None:
    if not _NAME.fullmatch(name):
        raise ContainerLookupError("That cannot be the name or id of a container: docker ps -a lists them.")
    end = time.monotonic() + timeout
    client = _client(timeout, found)
    import docker.errors

    address = found["endpoint"]
    try:
        document = client.inspect_container(name)
    except docker.errors.NotFound:
        raise ContainerLookupError(_no_such(client, name, address)) from None
    if not isinstance(document, dict) or not isinstance(document.get("Config"), dict):
        raise ContainerLookupError(f"The container engine at {address} answers, but not as Docker does.")
    found["document"] = document
    problems: list[str] = []
    # The container is known now: no later query may take so long that there is no report.
    client.timeout = _half(end)
    found["info"] = _info(client, problems)
    identity = str(document.get("Id") or name)
    try:
        found["log"] = _within(_half(end), lambda: _log(client, identity))
    except Exception as error:  # noqa: BLE001 - the other data are known nevertheless
        if not isinstance(error, docker.errors.NotFound):
            reported = str(getattr(error, "explanation", "") or type(error).__name__)[:200]
            # The time limit of the whole output and that of one read end it, whichever is first.
            reported = "the engine does not send it in time" if _timed_out(error) else reported
            problems.append(f"The container's output cannot be read ({reported}).")
    if found["local"]:
        found["info"]["IdMap"] = _id_map(document, identity)
    found["info"]["Problems"] = problems


def _half(end: float) -> float:
    """Returns half of the seconds that are left."""
    return max(0.2, (end - time.monotonic()) / 2)


def _within(seconds: float, work: Callable[[], list[str]]) -> list[str]:
    """Returns the result of ``work``. Raises TimeoutError if it takes longer: the SDK has no limit for a stream. Its
    thread continues until this process ends."""
    results: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put(work())
        except Exception as error:  # noqa: BLE001 - passed on
            results.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result


# -- where ---------------------------------------------------------------------------------------------


def endpoint() -> dict[str, Any]:
    """Returns arguments of the SDK's client: DOCKER_HOST, else the current context, else a socket of this host."""
    from docker.utils import kwargs_from_env

    arguments: dict[str, Any] = kwargs_from_env()
    if "base_url" not in arguments:
        arguments = _from_context() or {"base_url": _local_socket()}
    url = str(arguments["base_url"])
    scheme, separator, _ = url.partition("://")
    if url.startswith("/"):
        arguments["base_url"] = f"unix://{url}"
    elif scheme == "ssh":
        # The SDK reaches an engine by ssh only with this package, which ovms-doctor does not depend on.
        if importlib.util.find_spec("paramiko") is None:
            raise ContainerLookupError(
                "The container engine is reached over ssh, which needs the Python package paramiko: "
                "python3 -m pip install paramiko installs it. Or save the output of docker inspect, and "
                "use --inspect."
            )
    elif separator and scheme not in ("unix", "tcp", "http", "https"):
        raise ContainerLookupError(
            f"DOCKER_HOST names an engine by {scheme[:20]}://, which is not supported: unix and tcp are."
        )
    return arguments


def _from_context() -> dict[str, Any] | None:
    """Returns the engine of the context that ``docker context use`` or DOCKER_CONTEXT chose, None for the default
    context."""
    from docker.context import ContextAPI
    from docker.context.config import get_current_context_name

    name = os.environ.get("DOCKER_CONTEXT") or get_current_context_name()
    if not name or name == "default":
        return None
    try:
        context = ContextAPI.get_context(name)
        host = context.Host if context else None
        tls = context.TLSConfig if context else None
    except Exception as error:  # noqa: BLE001 - files of the user's, read by a library
        raise ContainerLookupError(
            f"Docker's context {name[:60]} cannot be read ({type(error).__name__})."
        ) from None
    if not isinstance(host, str) or not host:
        raise ContainerLookupError(
            f"Docker's context {name[:60]} does not exist: docker context ls lists them."
        )
    host = host.removeprefix("http+")
    return {"base_url": host, "tls": tls} if tls and not host.startswith("unix:") else {"base_url": host}


def _local_socket() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    paths = [path.format(runtime=runtime) for path in _SOCKETS]
    for path in paths:
        try:
            if stat.S_ISSOCK(os.stat(path).st_mode):
                return f"unix://{path}"
        except PermissionError:
            return f"unix://{path}"
        except OSError:
            continue
    raise ContainerLookupError(
        f"No container engine was found on this host: neither the socket {paths[0]} nor one of Podman "
        "exists. Set its address in DOCKER_HOST, or use --inspect with a saved docker inspect."
    )


def _try_socket(path: str, timeout: float) -> None:
    """Connects once: the operating system's error is more exact than the libraries'."""
    with socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(timeout)
        try:
            trial.connect(path)
        except PermissionError:
            raise ContainerLookupError(
                f"The socket {path} of the container engine is not accessible to this user: use sudo, or join its "
                'group (sudo usermod -aG docker "$USER", then log in again).'
            ) from None
        except FileNotFoundError:
            raise ContainerLookupError(
                f"The container engine's socket {path} does not exist: is the engine running?"
            ) from None
        except ConnectionRefusedError:
            raise ContainerLookupError(
                f"No process listens on the socket {path}: the container engine is not running."
            ) from None
        except TimeoutError:
            raise ContainerLookupError(
                f"The container engine at {path} accepts no connection.", timed_out=True
            ) from None
        except OSError as error:
            raise ContainerLookupError(
                f"The container engine's socket {path} cannot be used: {error.strerror or error}."
            ) from None


def shown_address(url: str) -> str:
    """Returns an address without the parts that may name a user."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


# -- what ----------------------------------------------------------------------------------------------


def _names(client: Any) -> list[str]:
    """Returns the names of all containers, running or stopped."""
    return [item.removeprefix("/") for row in client.containers(all=True) for item in row.get("Names") or ()]


def _no_such(client: Any, name: str, address: str) -> str:
    try:
        names = _names(client)
    except Exception:  # noqa: BLE001 - without a suggestion the message is still right
        names = []
    close = [item for item in names if name.lower() in item.lower() or item.lower() in name.lower()]
    close += similar_names(name, names, 3, 0.5)
    listed = ", ".join(dict.fromkeys(close[:4]))
    hint = f"did you mean {listed}?" if listed else "docker ps -a lists the existing containers."
    return f"The container engine at {address} has no container {name}: {hint}"


def _info(client: Any, problems: list[str]) -> dict[str, Any]:
    """Returns the used parts of ``docker info``: other parts hold proxies with their passwords."""
    found: dict[str, Any] = {}
    try:
        reported = client.info()
        found = {key: reported[key] for key in _INFO if key in reported}
        found["Components"] = [
            {"Name": str(item.get("Name"))} for item in client.version().get("Components") or ()
        ]
    except Exception as error:  # noqa: BLE001 - the container is known nevertheless
        problems.append(f"The engine does not report its own settings ({type(error).__name__}).")
    return found


def _log(client: Any, identity: str) -> list[str]:
    """Returns all lines of a short output; of a long one the first and the last lines."""
    most = FIRST_LINES + LAST_LINES
    whole = client.logs(identity, stream=True, follow=False, stdout=True, stderr=True)
    first = list(_lines(whole, most + 1))
    if len(first) <= most:
        return first
    tail = client.logs(identity, stream=True, follow=False, stdout=True, stderr=True, tail=LAST_LINES)
    return first[:FIRST_LINES] + list(_lines(tail, most))[-LAST_LINES:]


def _lines(chunks: Any, most: int) -> Iterator[str]:
    """Returns the lines in a stream of bytes, up to the limit; a line that is too long is cut."""
    rest, size, count = b"", 0, 0
    for chunk in chunks:
        size += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield _decoded(line)
            count += 1
            if count >= most:
                return
        if size > _MOST_BYTES:
            return
        rest = rest[:_LONGEST_LINE]
    if rest:
        yield _decoded(rest)


def _decoded(line: bytes) -> str:
    return line[:_LONGEST_LINE].rstrip(b"\r").decode("utf-8", "replace")


def _id_map(document: Mapping[str, Any], identity: str) -> list[list[int]] | None:
    """Returns the rows of the user namespace of the container's first process.

    Its id is valid on this host only if the process' control group is the container's: the engine may run in a
    virtual machine.
    """
    state = document.get("State")
    pid = state.get("Pid") if isinstance(state, dict) else None
    if not isinstance(pid, int) or pid <= 0:
        return None
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            if identity not in file.read(1 << 16):
                return None
        with open(f"/proc/{pid}/uid_map", encoding="ascii") as file:
            return [[int(cell) for cell in line.split()] for line in file.read(1 << 16).splitlines()]
    except (OSError, ValueError):
        return None


# -- what went wrong -----------------------------------------------------------------------------------


def _timed_out(error: BaseException) -> bool:
    """Whether an exception of the SDK, requests or urllib3 is the end of a time limit."""
    import requests.exceptions

    return any(isinstance(cause, requests.exceptions.Timeout | TimeoutError) for cause in _causes(error))


def explained_error(error: BaseException, address: str) -> ContainerLookupError:
    """Returns a sentence for any exception of the SDK, requests and urllib3."""
    engine = f"The container engine at {address}" if address else "The container engine"
    import requests.exceptions

    broken = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, ConnectionError)
    for cause in _causes(error):
        if isinstance(cause, requests.exceptions.Timeout | TimeoutError):
            return ContainerLookupError(f"{engine} does not answer in time.", timed_out=True)
        if isinstance(cause, PermissionError):
            return ContainerLookupError(
                f"{engine} is not accessible to this user: use sudo, or join the group docker."
            )
        if isinstance(cause, ConnectionRefusedError):
            return ContainerLookupError(f"{engine} is not running: no process listens there.")
        if isinstance(cause, socket.gaierror):
            return ContainerLookupError(f"{engine} was not found: no host has that name.")
        # docker.errors.APIError is one as well.
        if isinstance(cause, requests.exceptions.HTTPError):
            status = getattr(cause.response, "status_code", "an error")
            return ContainerLookupError(
                f"{engine} answers with HTTP {status} instead of describing the container."
            )
    for cause in _causes(error):
        if isinstance(cause, _tls_errors()):
            return ContainerLookupError(
                f"{engine} cannot be reached over TLS: check DOCKER_TLS_VERIFY and DOCKER_CERT_PATH."
            )
        if isinstance(cause, broken):
            return ContainerLookupError(f"{engine} closes the connection before it has answered.")
        if isinstance(cause, ValueError | KeyError | TypeError):
            return ContainerLookupError(f"{engine} answers, but not as Docker does.")
    return ContainerLookupError(f"{engine} cannot be queried ({type(error).__name__}).")


def _tls_errors() -> tuple[type[BaseException], ...]:
    """Returns the exceptions of a TLS failure."""
    import ssl

    import docker.errors

    return (ssl.SSLError, docker.errors.TLSParameterError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields the error, its causes, and the exceptions among its arguments."""
    queue: list[BaseException] = [error]
    visited: set[int] = set()
    while queue and len(visited) < 50:
        current = queue.pop(0)
        if id(current) in visited:
            continue
        visited.add(id(current))
        yield current
        carried = [getattr(current, "reason", None), *current.args, current.__cause__, current.__context__]
        queue += [item for item in carried if isinstance(item, BaseException)]
