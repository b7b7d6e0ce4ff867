"""A running server: what a client can reach, the observations, and the conclusions. Data only."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.log import ServableKind

#: The result of connecting to one address.
ConnectionResult: TypeAlias = Literal["open", "refused", "timed_out", "unreachable", "failed"]
#: The protocol of what answers on a port.
Protocol: TypeAlias = Literal["http", "http2", "tls", "other", "silent", "closed", ""]
#: The kind of server that answers.
ServerKind: TypeAlias = Literal["ovms", "starting", "triton", "openai", "other", ""]
StepName: TypeAlias = Literal["name", "way", "connection", "protocol", "server"]
LiveClient: TypeAlias = Literal["curl", "Python requests", "gRPC"]
#: What a version that is not AVAILABLE does.
Condition: TypeAlias = Literal["available", "loading", "failing", "retired"]


def host_and_port(host: str, port: int) -> str:
    """``host:port``, an IPv6 address in brackets."""
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
    #: What was left out of the text that was typed, such as ``/v3/chat/completions``.
    path: str = ""

    @property
    def netloc(self) -> str:
        """``host:port``, an IPv6 address in brackets."""
        return host_and_port(self.host, self.port)

    @property
    def url(self) -> str:
        """The base address of what is requested."""
        scheme = "grpc" if self.grpc else "http"
        return f"{scheme}{'s' if self.tls else ''}://{self.netloc}"


class ClientRoute(Struct, frozen=True):
    """The way that a client takes by the variables of this shell."""

    #: The client.
    client: LiveClient
    #: The variable that names the proxy which it takes; empty where it goes direct.
    variable: str = ""
    #: The proxy's host and port; empty where the client goes direct.
    proxy: str = ""
    #: The variable that exempts the server from the proxy; empty where none does.
    exempt_by: str = ""


# -- what was observed ---------------------------------------------------------------------------------


class ConnectionTry(Struct, frozen=True):
    """One try to connect over TCP."""

    #: The IP address.
    address: str
    #: What it came to.
    result: ConnectionResult
    #: The text of the operating system where it failed.
    detail: str = ""


class HttpAnswer(Struct, frozen=True):
    """The answer to one GET."""

    #: The number of the look, from 0.
    look: int
    #: The path that was requested.
    path: str
    #: The status; None where no whole answer came.
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
    #: Seconds since the first look when the answer was there.
    at: float = 0.0
    #: Milliseconds between sending the request and the end of the answer.
    took_ms: float = 0.0


class GrpcAnswer(Struct, frozen=True):
    """The answer to one call over gRPC."""

    #: The call, such as ServerReady.
    call: str
    #: The model that it is about; empty for calls about the server.
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
    #: What was sent, as a phrase; empty where nothing was.
    sent: str
    #: HTTP status, or None.
    status: int | None = None
    #: gRPC status code; empty over HTTP.
    code: str = ""
    #: The text of an error answer.
    message: str = ""
    #: Why nothing was sent, or no answer came; empty otherwise.
    problem: str = ""
    #: Milliseconds until the answer was there.
    took_ms: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the server answered with a result."""
        return self.status == 200 or self.code == "OK"


class TlsResult(Struct, frozen=True):
    """The result of a TLS handshake."""

    #: Whether it succeeded, with the certificate checked unless that was switched off.
    ok: bool
    #: What failed: the certificate, its name, or that the other side does not speak TLS.
    problem: Literal["", "certificate", "name", "not_tls", "failed"] = ""
    #: The text of the library.
    detail: str = ""


class Observations(Struct, frozen=True):
    """Everything that one run of the probe saw. Each part is empty where an earlier one failed."""

    #: The addresses of the name, in the resolver's order.
    addresses: tuple[str, ...] = ()
    #: Why the name has none.
    name_problem: str = ""
    #: The tries to connect, in order, up to the first that succeeded.
    connections: tuple[ConnectionTry, ...] = ()
    #: Addresses and ports on which this host listens; None where the server is on another host or they are not known.
    listening: tuple[tuple[str, int], ...] | None = None
    #: The protocol that a request in plain HTTP, or the opening of HTTP/2, was answered with.
    protocol: Protocol = ""
    #: The first bytes of that answer, as text.
    greeting: str = ""
    #: The TLS handshake, None where none was tried.
    tls: TlsResult | None = None
    #: The answers to GET, in the order of asking.
    answers: tuple[HttpAnswer, ...] = ()
    #: The answers over gRPC.
    calls: tuple[GrpcAnswer, ...] = ()
    #: Whether the gRPC library is installed; None where it is not needed.
    grpc_installed: bool | None = None
    #: The requests for inference, where the user requested them.
    probes: tuple[InferenceProbe, ...] = ()
    #: The answer to ``GET /v2`` that came through the proxy which clients take; None where it was not tried.
    through_proxy: HttpAnswer | None = None
    #: How many looks were taken.
    looks: int = 0
    #: Why the probe itself ended early; empty where it did not.
    problem: str = ""


class LiveLook(Struct, frozen=True):
    """One look at the running server of a container, as it is saved with the facts."""

    #: Where the server is reached; None where it is not.
    address: Address | None = None
    #: What was observed; None where it was not looked at.
    observations: Observations | None = None
    #: When the look ended, in seconds since 1970.
    looked_at: float = 0.0
    #: Why it was not looked at, as a sentence without a full stop; empty where it was.
    skipped: str = ""
    #: The model that was requested over gRPC, which does not list servables; None for none.
    model: str | None = None
    #: Whether the address is the container's own, which not every engine lets its host reach.
    own_address: bool = False


# -- the conclusions -----------------------------------------------------------------------------------


class LiveStep(Struct, frozen=True):
    """One step on the way to the server."""

    #: The step.
    name: StepName
    #: Whether it succeeds; None where it could not be tried.
    ok: bool | None
    #: What was observed, as a phrase.
    detail: str


class LiveVersion(Struct, frozen=True):
    """A version as the status API shows it."""

    #: The number.
    version: int
    #: The state of the last look; of a failing version the state in which it failed.
    state: str
    #: The error code of the state.
    error_code: str
    #: What that means.
    condition: Condition


class LiveServable(Struct, frozen=True):
    """A model, pipeline or graph of the running server."""

    #: The name that clients request.
    name: str
    #: What it is; None where the server does not show it.
    kind: ServableKind | None
    #: Its versions, ascending.
    versions: tuple[LiveVersion, ...]

    @property
    def available(self) -> bool:
        """Whether a version is AVAILABLE."""
        return any(item.condition == "available" for item in self.versions)

    @property
    def removed(self) -> bool:
        """Whether it is not configured any more: all of its versions are retired."""
        return bool(self.versions) and all(item.condition == "retired" for item in self.versions)

    @property
    def complete(self) -> bool:
        """Whether every version that is configured is AVAILABLE."""
        configured = [item for item in self.versions if item.condition != "retired"]
        return bool(configured) and all(item.condition == "available" for item in configured)


class LiveMetrics(Struct, frozen=True):
    """The figures of one servable over one interface, since the start of the server or of the version."""

    #: The servable's name.
    name: str
    #: REST or gRPC.
    interface: str
    #: Requests for inference; of a graph those accepted and rejected.
    requests: int
    #: Those of them that failed.
    failed: int
    #: Requests a second between two looks; None with one look, or where the counters were reset.
    rate: float | None = None
    #: The mean time of a request in milliseconds; None where none is counted.
    mean_ms: float | None = None
    #: The mean time of waiting for an infer request, over both interfaces.
    wait_ms: float | None = None
    #: The mean time of inference in OpenVINO, over both interfaces.
    inference_ms: float | None = None
    #: Requests in work now; None where the server does not show it.
    current: int | None = None
    #: Infer requests in use, and how many there are; None where metrics_list leaves them out.
    infer_requests: tuple[int, int] | None = None
    #: Streams of the compiled model; None where the server does not show it.
    streams: int | None = None


#: What was changed after the running server read it.
#:
#: - ``configuration``: the configuration file.
#: - ``version_added``: a version's directory that the server has not read.
#: - ``version_removed``: the directory of a version that the server still serves.
#: - ``files``: files of a version or graph that the server serves as it read them before.
DriftKind: TypeAlias = Literal["configuration", "version_added", "version_removed", "files"]


class ChangedPath(Struct, frozen=True):
    """A path that was changed after the server read it."""

    #: The server path.
    path: str
    #: When, in seconds since 1970.
    at: float
    #: Whether its content was changed; else it was replaced, or its owner or permissions were changed.
    content: bool


class Drift(Struct, frozen=True):
    """A difference between the running server and what it would do if it were started now."""

    #: What was changed.
    kind: DriftKind
    #: The model; None for the configuration file.
    model: str | None
    #: The version; None for the configuration file and for graphs.
    version: int | None
    #: What was changed, newest first; empty where the path is gone.
    paths: tuple[ChangedPath, ...]
    #: When the server read it: the load of the version or the start of the server, in seconds since 1970.
    read_at: float
    #: Whether that is the time of the load as the log has it; else the start of the container.
    logged: bool
    #: Whether the next poll of the server picks the change up.
    next_poll: bool
    #: Names of the configuration that the server does not list, and names that only the server lists.
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    #: Whether the changed files would not be served after a start, as predicted.
    breaks: bool = False
    #: Whether the configuration file itself is mounted: after it is replaced, the container still has the old file.
    single_file_mount: bool = False


class LiveStatus(Struct, frozen=True):
    """A running server as far as it could be reached."""

    #: What was named.
    address: Address
    #: The steps on the way to it, up to the first that failed.
    steps: tuple[LiveStep, ...]
    #: The ways of this shell's clients.
    routes: tuple[ClientRoute, ...]
    #: What was observed.
    observations: Observations
    #: The kind of server.
    server: ServerKind = ""
    #: The name and version that the server reports, cut.
    server_text: str = ""
    #: The release, such as 2026.3; None where it is not known.
    release: str | None = None
    #: Whether it reports to be live; None where that is not known.
    live: bool | None = None
    #: Whether it reports to be ready; None where that is not known.
    ready: bool | None = None
    #: Its servables; None where the server was not reached or does not list them.
    servables: tuple[LiveServable, ...] | None = None
    #: Whether metrics are on; None where that is not known.
    metrics_enabled: bool | None = None
    #: The figures, most requests first.
    metrics: tuple[LiveMetrics, ...] = ()
    #: Answers that cannot be used: what was requested, and why.
    unusable: tuple[tuple[str, str], ...] = ()
    #: The status of an answer that asks for credentials; None where there is none.
    refused_access: int | None = None
    #: The model that was named; None where none was.
    model: str | None = None
    #: Whether the named model is ready; None where that is not known.
    model_ready: bool | None = None
    #: How many looks there were.
    looks: int = 0
    #: The container that the address was read from; empty where an address was named.
    container: str = ""
