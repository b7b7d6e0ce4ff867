"""A container as its engine describes it: queried with the Docker SDK, in a child process that is killed at its
deadline."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, field

from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.task import run_in_child

#: Variables that the child does not get: a proxy would be used for this host itself, and .netrc has the passwords of
#: other hosts.
_UNWANTED = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy", "netrc")


class ContainerLookup(Struct, frozen=True):
    """The data of an engine on a container, for ``read_inspect``.

    ``document``: the container's inspect, None if there is none.
    ``info``: the used parts of the engine's ``docker info``, with ``Components`` of its version, ``IdMap`` (rows of
        the process' uid_map) and ``Problems`` (the failed queries).
    ``log``: the first and last lines of the container's output.
    ``problem``: one sentence, with the remedy, if the engine or the container could not be reached.
    ``timed_out``: whether the engine did not answer in time.
    ``endpoint``: the engine's address.
    ``local``: whether the engine runs on this host, so that its paths and processes are this host's.
    """

    document: Any = None
    info: dict[str, Any] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    problem: str | None = None
    timed_out: bool = False
    endpoint: str = ""
    local: bool = False

    @property
    def host(self) -> str:
        """Returns the host of an engine that is reached over the network; empty for an engine on this host."""
        scheme, separator, rest = self.endpoint.partition("://")
        if self.local or not separator or scheme == "unix":
            return ""
        return urlsplit(f"//{rest}").hostname or ""


class ContainerQuestion(Struct, frozen=True):
    """The question about a container for the child process.

    ``name``: a name, an id or the beginning of one.
    ``timeout``: seconds for all answers of the engine.
    """

    name: str
    timeout: float


class NamesQuestion(Struct, frozen=True):
    """The question for the names of all containers.

    ``timeout``: seconds for the engine's answer.
    """

    timeout: float


class ContainerNames(Struct, frozen=True):
    """The names of all containers.

    ``names``: the names; empty if the engine does not return them.
    """

    names: tuple[str, ...] = ()


def container_names(deadline: float) -> list[str]:
    """Returns the names of the engine's containers; empty if it does not answer within ``deadline`` seconds."""
    question = NamesQuestion(max(0.5, deadline * 0.8))
    answer = run_in_child("container_names", question, ContainerNames, deadline, _environment())
    if isinstance(answer, ChildExit):
        return []
    return [name for name in answer.names if name.isprintable()]


def _environment() -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if key.lower() not in _UNWANTED}
    environment.update(NO_PROXY="*", NETRC=os.devnull)
    return environment


def query_container(name: str, deadline: float) -> ContainerLookup:
    """Queries the engine at DOCKER_HOST, of the current context, or of this host for the container ``name`` (a name,
    an id or the beginning of one), within ``deadline`` seconds.

    It changes nothing and runs nothing in the container. Raises InterruptedRunError.
    """
    # The child's own limit for each answer ends first: the child reports which answer was missing.
    question = ContainerQuestion(name, max(0.5, deadline * 0.8))
    answer = run_in_child("container", question, ContainerLookup, deadline, _environment())
    if isinstance(answer, ChildExit):
        reason = "did not answer in time" if answer.timed_out else f"could not be queried: {answer}"
        return ContainerLookup(problem=f"The container engine {reason}.", timed_out=answer.timed_out)
    return answer
