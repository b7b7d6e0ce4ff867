"""A running server: what a client can reach, the observations, and the conclusions. Data only."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model.container import Engine
from ovms_doctor.model.log import ServableKind

#: The result of connecting to one address.
ConnectionResult: TypeAlias = Literal["open", "refused", "timed_out", "unreachable", "failed"]
#: The protocol of the answer on a port.
Protocol: TypeAlias = Literal["http", "http2", "tls", "other", "silent", "closed", ""]
#: The kind of server that answers.
ServerKind: TypeAlias = Literal["ovms", "starting", "triton", "openai", "other", ""]
StepName: TypeAlias = Literal["name", "way", "connection", "protocol", "server"]
LiveClient: TypeAlias = Literal["curl", "Python requests", "gRPC"]
#: The condition of a version.
Condition: TypeAlias = Literal["available", "loading", "failing", "retired"]


def host_and_port(host: str, port: int) -> str:
    """Returns ``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Address(Struct, frozen=True):
    """The address that the user named, in parts."""

    #: The name or IP address, without brackets.
    host: str
    #: The port.
    port: int
    #: Whether TLS is requested.
    tls: bool
    #: Whether gRPC is requested.
    grpc: bool
    #: Whether the port was named, and not assumed.
    port_named: bool
    #: The ignored part of the typed text, such as ``/v3/chat/completions``.
    path: str = ""

    @property
    def netloc(self) -> str:
        """Returns ``host:port``, an IPv6 address in brackets."""
        return host_and_port(self.host, self.port)

    @property
    def url(self) -> str:
        """Returns the base address of the requests."""
        scheme = "grpc" if self.grpc else "http"
        return f"{scheme}{'s' if self.tls else ''}://{self.netloc}"


class QuerySettings(Struct, frozen=True):
    """How a running server is queried."""

    #: The name of a model to query by itself; None for none.
    model: str | None = None
    #: Seconds for one request.
    timeout: float = 5.0
    #: Seconds between two queries.
    interval: float = 1.0
    #: Whether the rates of requests are measured, which takes two queries.
    with_rates: bool = False
    #: A file with certificates that are trusted; None for the system's.
    ca: str | None = None
    #: Whether the server's certificate is not checked.
    insecure: bool = False
    #: The text of the header Authorization; empty for none.
    authorization: str = ""
    #: Whether a request for inference is sent to the model, or to each servable that is AVAILABLE.
    infer: bool = False


class ClientRoute(Struct, frozen=True):
    """The route of a client by the variables of this shell."""

    #: The client.
    client: LiveClient
    #: The variable with the proxy that the client uses; empty without a proxy.
    variable: str = ""
    #: The proxy's host and port; empty without a proxy.
    proxy: str = ""
    #: The variable that exempts the server from the proxy; empty if there is none.
    exempt_by: str = ""


# -- the observations ----------------------------------------------------------------------------------


class ConnectionTry(Struct, frozen=True):
    """One try to connect over TCP."""

    #: The IP address.
    address: str
    #: Its result.
    result: ConnectionResult
    #: The text of the operating system after a failure.
    detail: str = ""


class HttpAnswer(Struct, frozen=True):
    """The answer to one GET."""

    #: The number of the query, from 0.
    query: int = field(name="look")
    #: The requested path.
    path: str
    #: The status; None without a whole answer.
    status: int | None = None
    #: Content-Type of the answer.
    content_type: str = ""
    #: Server of the answer.
    server: str = ""
    #: Location of the answer: redirects are not followed.
    location: str = ""
    #: The body.
    body: bytes = b""
    #: Why there is no whole answer: empty, ``timed out``, ``cut off``, ``too large``, or the error's text.
    problem: str = ""
    #: Seconds from the first query to the end of the answer.
    at: float = 0.0
    #: Milliseconds between sending the request and the end of the answer.
    took_ms: float = 0.0


class GrpcAnswer(Struct, frozen=True):
    """The answer to one call over gRPC."""

    #: The call, such as ServerReady.
    call: str
    #: The model of the call; empty for calls about the server.
    model: str
    #: The name of the status code, such as OK or NOT_FOUND.
    code: str
    #: The text of the status.
    details: str = ""
    #: ``live`` or ``ready`` of the answer.
    flag: bool = False
    #: ``name`` of the answer.
    name: str = ""
    #: ``version`` of ServerMetadata.
    version: str = ""
    #: ``versions`` of ModelMetadata.
    versions: tuple[str, ...] = ()
    #: Version, number of the state and number of the error code, of GetModelStatus.
    states: tuple[tuple[int, int, int], ...] = ()


class InferenceProbe(Struct, frozen=True):
    """One request for inference that the user requested."""

    #: The servable.
    name: str
    #: The request: method and path, or the call.
    request: str
    #: A description of the sent inputs; empty if nothing was sent.
    sent: str
    #: HTTP status, or None.
    status: int | None = None
    #: gRPC status code; empty over HTTP.
    code: str = ""
    #: The text of an error answer.
    message: str = ""
    #: Why nothing was sent, or no answer arrived; empty otherwise.
    problem: str = ""
    #: Milliseconds until the end of the answer.
    took_ms: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the server answered with a result."""
        return self.status == 200 or self.code == "OK"


class TlsResult(Struct, frozen=True):
    """The result of a TLS handshake."""

    #: Whether it succeeded; the certificate is checked unless the user disabled that.
    ok: bool
    #: What failed: the certificate, its name, or that the other side does not speak TLS.
    problem: Literal["", "certificate", "name", "not_tls", "failed"] = ""
    #: The text of the library.
    detail: str = ""


class Observations(Struct, frozen=True):
    """All observations of one run of the probe. Each part is empty if an earlier one failed."""

    #: The addresses of the name, in the resolver's order.
    addresses: tuple[str, ...] = ()
    #: Why the name has no address.
    name_problem: str = ""
    #: The tries to connect, in order, up to the first that succeeded.
    connections: tuple[ConnectionTry, ...] = ()
    #: Addresses and ports on which this host listens; None if the server is on another host or they are not known.
    listening: tuple[tuple[str, int], ...] | None = None
    #: The protocol of the answer to a request in plain HTTP, or to the opening of HTTP/2.
    protocol: Protocol = ""
    #: The first bytes of that answer, as text.
    greeting: str = ""
    #: The TLS handshake, None if none was tried.
    tls: TlsResult | None = None
    #: The answers to GET, in the order of the requests.
    answers: tuple[HttpAnswer, ...] = ()
    #: The answers over gRPC.
    calls: tuple[GrpcAnswer, ...] = ()
    #: Whether the gRPC library is installed; None if it is not needed.
    grpc_installed: bool | None = None
    #: The requests for inference, if the user requested them.
    probes: tuple[InferenceProbe, ...] = ()
    #: The answer to ``GET /v2`` through the proxy that clients use; None if it was not tried.
    through_proxy: HttpAnswer | None = None
    #: The number of queries.
    looks: int = 0
    #: Why the probe itself ended early; empty if it did not.
    problem: str = ""


class LiveQuery(Struct, frozen=True):
    """One query of the running server of a container, as it is saved with the facts."""

    #: The server's address; None if it cannot be reached.
    address: Address | None = None
    #: The observations; None if there was no query.
    observations: Observations | None = None
    #: The end of the query, in seconds since 1970.
    queried_at: float = field(name="looked_at", default=0.0)
    #: Why there was no query, as a sentence without a full stop; empty if there was one.
    skipped: str = ""
    #: The model requested over gRPC, which does not list servables; None for none.
    model: str | None = None
    #: Whether the address is the container's own, which some engines do not make reachable from their host.
    own_address: bool = False


# -- the conclusions -----------------------------------------------------------------------------------


class LiveStep(Struct, frozen=True):
    """One step on the way to the server."""

    #: The step.
    name: StepName
    #: Whether it succeeds; None if it could not be tried.
    ok: bool | None
    #: The observation, as a phrase.
    detail: str


class LiveVersion(Struct, frozen=True):
    """A version as the status API shows it."""

    #: The number.
    version: int
    #: The state of the last query; of a failing version the state in which it failed.
    state: str
    #: The error code of the state.
    error_code: str
    #: The meaning of the state.
    condition: Condition


class LiveServable(Struct, frozen=True):
    """A model, pipeline or graph of the running server."""

    #: The name that clients request.
    name: str
    #: Its kind; None if the server does not show it.
    kind: ServableKind | None
    #: Its versions, ascending.
    versions: tuple[LiveVersion, ...]

    @property
    def available(self) -> bool:
        """Whether a version is AVAILABLE."""
        return any(item.condition == "available" for item in self.versions)

    @property
    def removed(self) -> bool:
        """Whether it is no longer configured: all of its versions are retired."""
        return bool(self.versions) and all(item.condition == "retired" for item in self.versions)

    @property
    def complete(self) -> bool:
        """Whether every configured version is AVAILABLE."""
        configured = [item for item in self.versions if item.condition != "retired"]
        return bool(configured) and all(item.condition == "available" for item in configured)


class VersionLoad(Struct, frozen=True):
    """The infer requests of one version of a model. Each version has a queue of its own."""

    #: The version; None if the server does not name it.
    version: int | None
    #: Infer requests in use.
    active: int
    #: The total number of infer requests.
    size: int
    #: The mean time of waiting for an infer request in milliseconds; None if none is counted.
    wait_ms: float | None = None
    #: The mean time of inference in OpenVINO in milliseconds; None if none is counted.
    inference_ms: float | None = None


class LiveMetrics(Struct, frozen=True):
    """The figures of one servable over one interface, since the start of the server or of the version."""

    #: The servable's name.
    name: str
    #: REST or gRPC.
    interface: str
    #: Requests for inference; of a graph the accepted and rejected ones. None if metrics_list leaves out the succeeded
    #: or accepted ones.
    requests: int | None
    #: The failed ones among them; None if metrics_list leaves them out.
    failed: int | None
    #: Requests per second between two queries; None with one query, or if the counters were reset.
    rate: float | None = None
    #: The mean time of a request in milliseconds; None if none is counted.
    mean_ms: float | None = None
    #: The mean time of waiting for an infer request in milliseconds, over both interfaces.
    wait_ms: float | None = None
    #: The mean time of inference in OpenVINO in milliseconds, over both interfaces.
    inference_ms: float | None = None
    #: Current requests; None if the server does not show it.
    current: int | None = None
    #: Infer requests in use, and their total number; None if metrics_list leaves them out.
    infer_requests: tuple[int, int] | None = None
    #: Streams of the compiled model; None if the server does not show it.
    streams: int | None = None
    #: The infer requests of each version, over both interfaces; empty if metrics_list leaves them out.
    versions: tuple[VersionLoad, ...] = ()


#: The kind of a change after the running server read a file.
#: - ``configuration``: the configuration file.
#: - ``version_added``: a version's directory that the server has not read.
#: - ``version_removed``: the directory of a version that the server still serves.
#: - ``files``: files of a version or graph that the server serves as it read them before.
DriftKind: TypeAlias = Literal["configuration", "version_added", "version_removed", "files"]


class ChangedPath(Struct, frozen=True):
    """A path that changed after the server read it."""

    #: The server path.
    path: str
    #: The time of the change, in seconds since 1970.
    at: float
    #: Whether its content changed; else it was replaced, or its owner or permissions changed.
    content: bool


class Drift(Struct, frozen=True):
    """A difference between the running server and the same server after a start now."""

    #: The kind of the change.
    kind: DriftKind
    #: The model; None for the configuration file.
    model: str | None
    #: The version; None for the configuration file and for graphs.
    version: int | None
    #: The changed paths, newest first; empty if the path no longer exists.
    paths: tuple[ChangedPath, ...]
    #: The time at which the server read it: the load of the version or the start of the server, in seconds since
    #: 1970.
    read_at: float
    #: Whether that is the logged time of the load; else the start of the container.
    logged: bool
    #: Whether the next poll of the server reads the change.
    next_poll: bool
    #: Names in the configuration that the server does not list.
    missing: tuple[str, ...] = ()
    #: Names that only the server lists.
    extra: tuple[str, ...] = ()
    #: Whether a start would not serve the changed files, as predicted.
    breaks: bool = False
    #: Whether the configuration file itself is mounted: after a replacement, the container still has the old file.
    single_file_mount: bool = False


class LiveStatus(Struct, frozen=True):
    """The status of a running server, as far as it could be reached."""

    #: The named address.
    address: Address
    #: The steps on the way to it, up to the first that failed.
    steps: tuple[LiveStep, ...]
    #: The routes of this shell's clients.
    routes: tuple[ClientRoute, ...]
    #: The observations.
    observations: Observations
    #: The kind of server.
    server: ServerKind = ""
    #: The name and version that the server reports, cut.
    server_text: str = ""
    #: The release, such as 2026.3; None if it is unknown.
    release: str | None = None
    #: Whether it reports to be live; None if that is unknown.
    live: bool | None = None
    #: Whether it reports to be ready; None if that is unknown.
    ready: bool | None = None
    #: Its servables; None if the server was not reached or does not list them.
    servables: tuple[LiveServable, ...] | None = None
    #: Whether metrics are enabled; None if that is unknown.
    metrics_enabled: bool | None = None
    #: The figures, most requests first.
    metrics: tuple[LiveMetrics, ...] = ()
    #: Answers that cannot be used: the request, and why.
    unusable: tuple[tuple[str, str], ...] = ()
    #: The status of an answer that requires credentials; None if there is none.
    refused_access: int | None = None
    #: The named model; None for none.
    model: str | None = None
    #: Whether the named model is ready; None if that is unknown.
    model_ready: bool | None = None
    #: The number of queries.
    looks: int = 0
    #: The container that the address was read from; empty if the user named an address.
    container: str = ""
    #: The engine that runs this container; empty if that is not known.
    engine: Engine = ""
