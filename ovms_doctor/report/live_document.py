"""The object ``live`` of the JSON report: the servables of a running server, and the steps to reach it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

Number = Annotated[int, Meta(ge=0)]


class LiveStepInfo(Struct, frozen=True):
    """One step on the way to the server.

    * ``step``: name, way, connection, protocol or server.
    * ``ok``: whether it succeeds; null if it could not be tried.
    * ``detail``: the observation.
    """

    step: str
    ok: bool | None
    detail: str


class LiveRouteInfo(Struct, frozen=True):
    """The route of a client in this shell.

    * ``client``: curl, Python requests or gRPC.
    * ``proxy``: host and port of the proxy; null if the client connects directly.
    * ``variable``: the variable that names the proxy; null if the client connects directly.
    * ``exempt_by``: the variable that exempts the server from a proxy; null if none does.
    """

    client: str
    proxy: str | None
    variable: str | None
    exempt_by: str | None


class LiveVersionInfo(Struct, frozen=True):
    """A version as the status API shows it.

    * ``version``: the number.
    * ``state``: the state; for a version that fails repeatedly, the state of the failure.
    * ``error_code``: the error code of the state.
    * ``condition``: available, loading, failing or retired, from all queries together.
    """

    version: Number
    state: str
    error_code: str
    condition: str


class LiveServableInfo(Struct, frozen=True):
    """A model, pipeline or graph.

    * ``name``: the name that clients request.
    * ``kind``: model, pipeline or graph; null if the server does not show it.
    * ``versions``: its versions, ascending.
    * ``available``: whether a version is AVAILABLE.
    """

    name: str
    kind: str | None
    versions: tuple[LiveVersionInfo, ...]
    available: bool


class LiveMetricsInfo(Struct, frozen=True):
    """The figures of one servable over one interface. Times are means in milliseconds; null if nothing is counted.

    * ``name``: the servable's name.
    * ``interface``: REST or gRPC; empty if no request is counted.
    * ``requests``: requests for inference; null if metrics_list leaves them out.
    * ``failed``: those of them that failed; null if metrics_list leaves them out.
    * ``rate``: requests per second between two queries; null with one query.
    * ``mean_ms``: the time of the whole request.
    * ``wait_ms``: the time of waiting for an infer request, both interfaces together.
    * ``inference_ms``: the time of inference in OpenVINO, both interfaces together.
    * ``current``: requests that are processed now.
    * ``infer_requests_active``: infer requests in use.
    * ``infer_requests``: all infer requests.
    * ``streams``: streams of the compiled model.
    """

    name: str
    interface: str
    requests: Number | None
    failed: Number | None
    rate: float | None
    mean_ms: float | None
    wait_ms: float | None
    inference_ms: float | None
    current: int | None
    infer_requests_active: int | None
    infer_requests: int | None
    streams: int | None


class MetricsInfo(Struct, frozen=True):
    """The server's metrics.

    * ``enabled``: whether they are on; null if unknown.
    * ``models``: figures by servable and interface, most requests first.
    """

    enabled: bool | None
    models: tuple[LiveMetricsInfo, ...]


class LiveProbeInfo(Struct, frozen=True):
    """A request for inference that the user requested.

    * ``name``: the servable's name.
    * ``request``: method and path, or the call.
    * ``sent``: the sent content; null if nothing was sent.
    * ``http_status``: the status of the answer; null if there is none.
    * ``grpc_code``: the status code over gRPC; null over HTTP.
    * ``message``: the text of an error answer; null if there is none.
    * ``problem``: why nothing was sent or no answer arrived; null otherwise.
    * ``took_ms``: milliseconds until the answer arrived.
    """

    name: str
    request: str
    sent: str | None
    http_status: int | None
    grpc_code: str | None
    message: str | None
    problem: str | None
    took_ms: float


class LiveInfo(Struct, frozen=True):
    """A running server.

    * ``url``: the queried address.
    * ``release``: its release; null if unknown.
    * ``version``: the complete version that it reports.
    * ``kind``: the kind of server: ovms, starting, triton, openai, other; null if it was not reached.
    * ``steps``: the steps to reach it, up to the first that failed.
    * ``routes``: the routes of this shell's clients.
    * ``live``: whether it reports to be live; null if unknown.
    * ``ready``: whether it reports to be ready; null if unknown.
    * ``looks``: the number of queries.
    * ``servables``: the servables that it lists; null if it does not list them.
    * ``metrics``: its metrics.
    * ``probes``: the requests for inference that the user requested.
    """

    url: str
    release: str | None
    version: str | None
    server_kind: str | None = field(name="kind")
    steps: tuple[LiveStepInfo, ...]
    routes: tuple[LiveRouteInfo, ...]
    live: bool | None
    ready: bool | None
    looks: Number
    servables: tuple[LiveServableInfo, ...] | None
    metrics: MetricsInfo
    probes: tuple[LiveProbeInfo, ...] = ()
