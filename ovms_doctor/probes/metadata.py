"""The metadata of a running server's models, read in a child process with GET requests to the named server only."""

from __future__ import annotations

import time
from urllib.parse import quote

from msgspec import Struct

from ovms_doctor.model.json_text import json_object
from ovms_doctor.model.live import Address, HttpAnswer, QuerySettings
from ovms_doctor.probes.live.connect import connect, resolve
from ovms_doctor.probes.live.http import HttpClient
from ovms_doctor.probes.live.question import LiveQuestion
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.processes.task import run_in_child

#: The most models whose metadata is requested.
MOST_MODELS = 50
#: The seconds for all requests together, as a multiple of those for one; and the further seconds of the child
#: process.
_BUDGET, _GRACE = 6, 15.0


class MetadataUnavailableError(Exception):
    """The server does not answer, or its answer is not metadata. The text is the reason."""


class ServerMetadata(Struct, frozen=True):
    """The metadata of a server and its models."""

    #: The text of its version: `2026.3.0.6f3df706b`; empty if it does not report one.
    version: str = ""
    #: The answer of `/v1/config`.
    config: bytes = b""
    #: The answer of `/v2/models/NAME`, by name.
    models: dict[str, bytes] = {}
    #: Why there is no answer; empty if there is one.
    problem: str = ""


class MetadataQuestion(Struct, frozen=True):
    """The question for the child process."""

    #: The server.
    address: Address
    #: The models.
    names: tuple[str, ...]
    #: Seconds for one whole answer.
    timeout: float


def fetch_metadata(address: Address, names: tuple[str, ...], timeout: float) -> ServerMetadata:
    """Returns the version of a server, the state of its models, and the metadata of some. Raises
    MetadataUnavailableError.

    Variables for proxies and redirects have no effect: only the named server is contacted.
    """
    question = MetadataQuestion(address, names[:MOST_MODELS], timeout)
    found = run_in_child("metadata", question, ServerMetadata, _BUDGET * timeout + _GRACE)
    if isinstance(found, ChildExit):
        raise MetadataUnavailableError(f"the process that queries it failed: {found}")
    if found.problem:
        raise MetadataUnavailableError(found.problem)
    return found


# -- in the child process ------------------------------------------------------------------------------


def answer(question: MetadataQuestion) -> ServerMetadata:
    """Returns the metadata."""
    address = question.address
    began = time.monotonic()
    end = began + _BUDGET * question.timeout
    found, problem = resolve(address.host, address.port, question.timeout)
    if not found:
        return ServerMetadata(problem=f"{address.host}: {problem}")
    tried = connect(found[0], address.port, question.timeout)
    for other in found[1:8]:
        if tried.result == "open":
            break
        tried = connect(other, address.port, question.timeout)
    if tried.result != "open":
        return ServerMetadata(problem=f"{address.netloc}: {tried.detail or tried.result}")
    live = LiveQuestion(address, QuerySettings(timeout=question.timeout))
    client = HttpClient(live, tried.address)

    def get(path: str) -> HttpAnswer:
        left = min(question.timeout, end - time.monotonic())
        if left <= 0:
            return HttpAnswer(0, path, problem="timed out")
        return client.get(path, 0, left, began)

    config = get("/v1/config")
    if config.problem or config.status != 200:
        reason = config.problem or (
            f"answered with {config.status}, not with 200: this is not a REST port of OVMS"
        )
        return ServerMetadata(problem=f"{address.url}/v1/config: {reason}")
    models = {}
    for name in question.names:
        text = quote(name, safe="")
        for path in (f"/v2/models/{text}", f"/v1/models/{text}/metadata"):
            read = get(path)
            if read.problem:
                return ServerMetadata(problem=f"{address.url}{path}: {read.problem}")
            if read.status == 200:
                models[name] = read.body
                break
    about = get("/v2")
    return ServerMetadata(_version(about.body) if about.status == 200 else "", config.body, models)


def _version(body: bytes) -> str:
    version = (json_object(body) or {}).get("version")
    return version[:100] if isinstance(version, str) else ""
