"""The object ``live`` of the JSON report: what a running server serves, and the way to it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

Number = Annotated[int, Meta(ge=0)]


class LiveStepInfo(Struct, frozen=True):
    """One step on the way to the server.

    * ``step``: name, way, connection, protocol or server.
    * ``ok``: whether it succeeds; null where it could not be tried.
    * ``detail``: what was observed.
    """

    step: str
    ok: bool | None
    detail: str


class LiveRouteInfo(Struct, frozen=True):
    """The way that a client of this shell takes.

    * ``client``: curl, Python requests or gRPC.
    * ``proxy``: host and port of the proxy; null where the client goes direct.
    * ``variable``: the variable that names the proxy; null where the client goes direct.
    * ``exempt_by``: the variable that exempts the server from a proxy; null where none does.
    """

    client: str
    proxy: str | None
    variable: str | None
    exempt_by: str | None


class LiveVersionInfo(Struct, frozen=True):
    """A version as the status API shows it.

    * ``version``: the number.
    * ``state``: the state; of a version that fails again and again the one in which it failed.
    * ``error_code``: the error code of the state.
    * ``condition``: available, loading, failing or retired, from all looks together.
    """

    version: Number
    state: str
    error_code: str
    condition: str


class LiveServableInfo(Struct, frozen=True):
    """A model, pipeline or graph.

    * ``name``: the name that clients request.
    * ``kind``: model, pipeline or graph; null where the server does not show it.
    * ``versions``: its versions, ascending.
    * ``available``: whether a version is AVAILABLE.
    """

    name: str
    kind: str | None
    versions: tuple[LiveVersionInfo, ...]
    available: bool


class LiveMetricsInfo(Struct, frozen=True):
    """The figures of one servable over one interface. Times are means in milliseconds; null where nothing is counted.

    * ``name``: the servable's name.
    * ``interface``: REST or gRPC; empty where no request is counted.
    * ``requests``: requests for inference.
    * ``failed``: those of them that failed.
    * ``rate``: requests a second between two looks; null with one look.
    * ``mean_ms``: the whole request.
    * ``wait_ms``: waiting for an infer request, both interfaces together.
    * ``inference_ms``: inference in OpenVINO, both interfaces together.
    * ``current``: requests in work now.
    * ``infer_requests_active``: infer requests in use.
    * ``infer_requests``: infer requests there are.
    * ``streams``: streams of the compiled model.
    """

    name: str
    interface: str
    requests: Number
    failed: Number
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

    * ``enabled``: whether they are on; null where that is not known.
    * ``models``: figures by servable and interface, most requests first.
    """

    enabled: bool | None
    models: tuple[LiveMetricsInfo, ...]


class LiveProbeInfo(Struct, frozen=True):
    """A request for inference that the user requested.

    * ``name``: the servable's name.
    * ``request``: method and path, or the call.
    * ``sent``: what was sent; null where nothing was.
    * ``http_status``: the status of the answer; null where there is none.
    * ``grpc_code``: the status code over gRPC; null over HTTP.
    * ``message``: the text of an error answer; null where there is none.
    * ``problem``: why nothing was sent or no answer came; null otherwise.
    * ``took_ms``: milliseconds until the answer was there.
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

    * ``url``: the address that was looked at.
    * ``release``: its release; null where it is not known.
    * ``version``: the version that it reports, whole.
    * ``kind``: whose server it is: ovms, starting, triton, openai, other; null where it was not reached.
    * ``steps``: the steps on the way, up to the first that failed.
    * ``routes``: the ways of this shell's clients.
    * ``live``: whether it reports to be live; null where that is not known.
    * ``ready``: whether it reports to be ready; null where that is not known.
    * ``looks``: how many looks were taken.
    * ``servables``: what it lists; null where it does not.
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
