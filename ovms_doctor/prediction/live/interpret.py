"""The status of a running server, from the observations: the steps to reach it, the kind of server, its
servables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from ovms_doctor.model.live import (
    Address,
    ClientRoute,
    Condition,
    GrpcAnswer,
    HttpAnswer,
    LiveMetrics,
    LiveServable,
    LiveStatus,
    LiveStep,
    LiveVersion,
    Observations,
    ServerKind,
)
from ovms_doctor.model.log import ServableKind
from ovms_doctor.prediction.live.answers import (
    AnswerError,
    States,
    read_config,
    read_error,
    read_metadata,
    read_model_list,
    read_server,
    read_tfs_status,
)
from ovms_doctor.prediction.live.metrics import MetricsError, as_text, metrics_table, read_metrics

#: The name that OVMS reports of itself (src/version.hpp PROJECT_NAME).
OVMS = "OpenVINO Model Server"
#: The endpoint that shows whether the server has tried to load all servables.
READY = "/v2/health/ready"
#: Error texts by which OVMS is recognised if /v2 does not answer yet, or if the release has no /v2.
_UNKNOWN_URL = "Invalid request URL"
_ERRORS = (
    "Server is not ready",
    "Internal server error",
    "Error while loading a model",
)
_DENIED = (401, 403, 407)
#: The numbers of states and error codes in TensorFlow Serving's protocol (get_model_status.proto, error_codes.proto).
_STATE_NUMBERS = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
_ERROR_NUMBERS = {0: "OK", 2: "UNKNOWN", 9: "FAILED_PRECONDITION"}
_PROTOCOLS = {
    "http": "HTTP",
    "http2": "HTTP/2, as gRPC does",
    "tls": "TLS",
    "other": "another protocol",
    "silent": "nothing: it accepts the connection, but does not answer",
    "closed": "nothing: it closes the connection",
}
_KINDS: dict[str, str] = {
    "starting": "OVMS, which is still starting",
    "triton": "Triton Inference Server",
    "openai": "another server with an OpenAI API",
    "other": "not OVMS",
}


def interpret(
    address: Address, routes: tuple[ClientRoute, ...], observed: Observations, model: str | None = None
) -> LiveStatus:
    """Returns the status that the observations show."""
    server, text = _server(address, observed)
    status = LiveStatus(
        address,
        (),
        routes,
        observed,
        server,
        text,
        _release(text) if server == "ovms" else None,
        refused_access=next((item.status for item in observed.answers if item.status in _DENIED), None),
        model=model,
        looks=observed.looks,
    )
    status = replace(status, steps=tuple(_steps(status)))
    if server not in ("ovms", "starting"):
        return status
    return _with_grpc(status) if address.grpc else _with_rest(status)


# -- the way -------------------------------------------------------------------------------------------


def _steps(status: LiveStatus) -> Iterable[LiveStep]:
    observed, address = status.observations, status.address
    if not observed.addresses:
        yield LiveStep("name", False, observed.name_problem or "no address was found")
        return
    yield LiveStep("name", True, ", ".join(observed.addresses[:6]))
    yield LiveStep("way", True, routes_text(status.routes))
    tries = observed.connections
    opened = bool(tries) and tries[-1].result == "open"
    texts = [f"{item.address}: {item.result.replace('_', ' ')}" for item in tries]
    detail = (
        f"open at {tries[-1].address}, port {address.port}"
        if opened
        else "; ".join(texts) or observed.problem
    )
    yield LiveStep("connection", opened, detail)
    if not opened:
        return
    good = is_requested_protocol(status)
    if observed.tls is not None and not observed.tls.ok and observed.protocol != "http":
        yield LiveStep("protocol", False, f"the TLS handshake fails: {observed.tls.detail}")
        return
    detail = _PROTOCOLS.get(observed.protocol, "not examined")
    if address.tls and observed.tls is not None and observed.tls.ok:
        detail = f"TLS, and in it {detail}"
    yield LiveStep("protocol", good, f"speaks {detail}")
    if not good:
        return
    if not status.server:
        reason = observed.problem or _first_problem(observed)
        yield LiveStep("server", None if observed.grpc_installed is False else False, reason or "not known")
        return
    text = f"OVMS {status.server_text}".rstrip() if status.server == "ovms" else _KINDS[status.server]
    if status.server in ("triton", "openai", "other") and status.server_text:
        text += f" ({status.server_text})"
    yield LiveStep("server", status.server in ("ovms", "starting"), text)


def _first_problem(observed: Observations) -> str:
    for answer in observed.answers:
        if answer.problem:
            return f"GET {answer.path}: {answer.problem}"
    for call in observed.calls:
        if call.code != "OK":
            return f"{call.call}: {call.code} {call.details}".strip()
    return (
        "gRPC is not installed in this Python: pip install grpcio" if observed.grpc_installed is False else ""
    )


def routes_text(routes: tuple[ClientRoute, ...]) -> str:
    """Returns the text on the routes of the clients of this shell: one phrase if all are the same."""
    texts: dict[str, list[str]] = {}
    if not routes:
        return "direct"
    for route in routes:
        if route.variable:
            text = f"through the proxy {route.proxy} ({route.variable})"
        else:
            text = f"direct ({route.exempt_by})" if route.exempt_by else "direct"
        texts.setdefault(text, []).append(route.client)
    if len(texts) == 1 and not any(route.variable for route in routes):
        return next(iter(texts))
    return (
        "; ".join(
            f"{' and '.join(clients)} {'go' if len(clients) > 1 else 'goes'} {text}"
            for text, clients in texts.items()
        )
        + "; here direct"
    )


def is_requested_protocol(status: LiveStatus) -> bool:
    """Whether the port supports the requested protocol."""
    observed, address = status.observations, status.address
    if address.tls and (observed.tls is None or not observed.tls.ok):
        return False
    return observed.protocol == ("http2" if address.grpc else "http")


# -- the kind of server --------------------------------------------------------------------------------


def _server(address: Address, observed: Observations) -> tuple[ServerKind, str]:
    if address.grpc:
        return _grpc_server(observed.calls)
    if observed.protocol != "http":
        return "", ""
    answers = {item.path: item for item in reversed(observed.answers)}
    about = answers.get("/v2")
    if about is not None and about.status == 200:
        try:
            name, version = read_server(about.body)
        except AnswerError:
            name, version = "", ""
        if name == OVMS:
            return "ovms", version
        if name.lower().startswith("triton"):
            return "triton", f"{name} {version}".strip()
    return _server_without_name(answers)


#: Answers that neither prove nor exclude OVMS.
_NOT_WHOLE = ("timed out", "cut off")


def _server_without_name(answers: dict[str, HttpAnswer]) -> tuple[ServerKind, str]:
    """Returns the kind of a server without /v2 and the reason: OVMS before 2022.2 has no /v2; a starting server answers
    with its error texts."""
    config, ready = answers.get("/v1/config"), answers.get(READY)
    about = answers.get("/v2")
    if config is not None and config.status == 200:
        try:
            states = read_config(config.body)
        except AnswerError:
            states = None
        if states is not None:
            if about is not None and about.status in (400, 404):
                return "ovms", ""
            if about is not None and about.status is not None and about.status >= 500:
                return "ovms" if _is_foreign(about) else "starting", ""
    errors = {read_error(item.body) for item in (about, config, ready) if item is not None and item.body}
    if errors & set(_ERRORS):
        return "starting", ""
    if _UNKNOWN_URL in errors:
        return "ovms", ""
    if about is None or all(item.status is None or item.problem in _NOT_WHOLE for item in answers.values()):
        return "", ""
    if any(item.status in _DENIED for item in answers.values()):
        return "", ""
    for path in ("/v1/models", "/v3/models"):
        listed = answers.get(path)
        if listed is not None and listed.status == 200:
            try:
                _, is_ovms = read_model_list(listed.body)
            except AnswerError:
                continue
            return ("ovms", "") if is_ovms else ("openai", listed.server)
    return "other", about.server[:100]


def _grpc_server(calls: Sequence[GrpcAnswer]) -> tuple[ServerKind, str]:
    about = next((item for item in calls if item.call == "ServerMetadata"), None)
    if about is None or about.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"):
        return "", ""
    if about.code == "OK":
        if about.name == OVMS:
            return "ovms", about.version
        kind: ServerKind = "triton" if about.name.lower().startswith("triton") else "other"
        return kind, f"{about.name} {about.version}".strip()[:100]
    return "other", about.code


def _release(version: str) -> str | None:
    parts = version.split(".")
    if len(parts) >= 2 and all(part.isascii() and part.isdecimal() and len(part) < 5 for part in parts[:2]):
        return ".".join(parts[:2])
    return None


# -- over REST -----------------------------------------------------------------------------------------


def _with_rest(status: LiveStatus) -> LiveStatus:
    observed = status.observations
    last = {item.path: item for item in observed.answers}
    live, ready = _health(last.get("/v2/health/live")), _health(last.get(READY))
    own_path = _ready_path(status.model) if status.model else ""
    unusable = [
        (path, _refusal(last[path]))
        for path in ("/v2", "/v2/health/live", READY, own_path)
        if path in last and _is_foreign(last[path])
    ]
    looks: list[States] = []
    for item in observed.answers:
        if item.path == "/v1/config":
            try:
                if item.status == 200 and not item.problem:
                    looks.append(read_config(item.body))
                else:
                    unusable.append((item.path, _refusal(item)))
            except AnswerError as error:
                unusable.append((item.path, str(error)))
    servables = _servables(looks, last) if looks else _from_tfs(status, last)
    metrics_enabled, metrics = _metrics(observed, unusable)
    server = status.server
    if ready is False and server == "ovms":
        server = "starting"
    # A failed query matters only if no other one replaces it.
    if looks:
        unusable = [item for item in unusable if item[0] != "/v1/config"]
    return replace(
        status,
        server=server,
        live=live,
        ready=ready,
        servables=servables,
        metrics_enabled=metrics_enabled,
        metrics=metrics,
        unusable=tuple(dict(unusable).items()),
        model_ready=_flag(last.get(own_path)),
    )


def _refusal(answer: HttpAnswer) -> str:
    """Returns why an answer without status 200 cannot be used."""
    text = read_error(answer.body)
    if answer.problem:
        return answer.problem
    return f"status {answer.status}, " + (f"“{text}”" if text else "and the body is not an answer of OVMS")


def _is_foreign(answer: HttpAnswer) -> bool:
    """Whether a gateway answers for the server: an error answer of OVMS of any release has its text as JSON
    (http_server.cpp)."""
    return (
        answer.status is not None
        and answer.status >= 500
        and not answer.problem
        and not read_error(answer.body)
    )


def _ready_path(name: str | None) -> str:
    from urllib.parse import quote

    return f"/v2/models/{quote(name or '', safe='')}/ready"


def _flag(answer: HttpAnswer | None) -> bool | None:
    """Returns True for 200 of an OVMS and False for its opposites; None for neither (a release without the endpoint, no
    answer, the answer of a gateway)."""
    if answer is None or answer.status is None:
        return None
    if answer.status == 200:
        return True
    return False if answer.status in (404, 500, 503) and read_error(answer.body) else None


def _health(answer: HttpAnswer | None) -> bool | None:
    """Returns the same for /v2/health: 404 is a release without it."""
    return None if answer is not None and answer.status == 404 else _flag(answer)


def _servables(looks: Sequence[States], last: dict[str, HttpAnswer]) -> tuple[LiveServable, ...]:
    """Returns the servables of the last query, with the earlier results for the same versions."""
    found = []
    for name, versions in looks[-1].items():
        items = []
        for number in versions:
            history = [states[name][number] for states in looks if number in states.get(name, {})]
            items.append(_version(number, history))
        kind = _kind(name, tuple(items), last)
        found.append(LiveServable(name, kind, tuple(items)))
    return tuple(sorted(found, key=lambda item: item.name))


def _version(number: int, history: Sequence[tuple[str, str]]) -> LiveVersion:
    """Returns a version with its history. A version that fails is tried again at each poll, and shows LOADING/OK in
    between: one query with an error code proves it, one without does not."""
    state, code = history[-1]
    if state == "AVAILABLE":
        return LiveVersion(number, state, code, "available")
    if state in ("END", "UNLOADING"):
        return LiveVersion(number, state, code, "retired")
    failed = next(
        (item for item in reversed(history) if item[0] in ("LOADING", "START") and item[1] != "OK"), None
    )
    condition: Condition = "failing" if failed is not None else "loading"
    state, code = failed or (state, code)
    return LiveVersion(number, state, code, condition)


def _kind(name: str, versions: Sequence[LiveVersion], last: dict[str, HttpAnswer]) -> ServableKind | None:
    """Returns the kind of a servable: pipelines and graphs answer for any version, and only they have the error code
    FAILED_PRECONDITION (pipelinedefinitionstatus.cpp)."""
    from urllib.parse import quote

    base = f"/v2/models/{quote(name, safe='')}"
    about, other = last.get(base), last.get(f"{base}/versions/2/ready")
    if [item.version for item in versions] != [1]:
        return "model"
    if other is not None and other.status == 200 and about is not None:
        try:
            _, datatypes = read_metadata(about.body)
        except AnswerError:
            return None
        return "graph" if all(item in ("INVALID", "UNDEFINED") for item in datatypes) else "pipeline"
    if about is not None and about.status != 200:
        text = read_error(about.body)
        if text.startswith("Pipeline"):
            return "pipeline"
        if text.startswith("Mediapipe"):
            return "graph"
    return "model" if other is not None and other.status == 404 else None


def _from_tfs(status: LiveStatus, last: dict[str, HttpAnswer]) -> tuple[LiveServable, ...] | None:
    """Returns the state of the named model in TensorFlow Serving's API, if /v1/config is not available."""
    from urllib.parse import quote

    answer = last.get(f"/v1/models/{quote(status.model, safe='')}") if status.model else None
    if answer is None or answer.status != 200 or status.model is None:
        return None
    try:
        versions = read_tfs_status(answer.body)
    except AnswerError:
        return None
    items = tuple(_version(number, [state]) for number, state in versions.items())
    return (LiveServable(status.model, None, items),)


def _metrics(
    observed: Observations, unusable: list[tuple[str, str]]
) -> tuple[bool | None, tuple[LiveMetrics, ...]]:
    answers = [item for item in observed.answers if item.path == "/metrics"]
    if not answers:
        return None, ()
    newest = answers[-1]
    if newest.status == 400 and read_error(newest.body) == "Invalid request URL":
        return False, ()
    if newest.status == 404:
        # A release before 2022.2.
        return None, ()
    if newest.problem or newest.status != 200:
        unusable.append(("/metrics", _refusal(newest)))
        return None, ()
    try:
        samples = read_metrics(as_text(newest.body))
        earlier = None
        if len(answers) > 1 and answers[0].status == 200 and not answers[0].problem:
            earlier = read_metrics(as_text(answers[0].body)), newest.at - answers[0].at
    except MetricsError as error:
        unusable.append(("/metrics", str(error)))
        return None, ()
    return True, metrics_table(samples, earlier)


# -- over gRPC -----------------------------------------------------------------------------------------


def _with_grpc(status: LiveStatus) -> LiveStatus:
    calls = {(item.call, item.model): item for item in status.observations.calls}
    live, ready = calls.get(("ServerLive", "")), calls.get(("ServerReady", ""))
    name = status.model or ""
    model = calls.get(("ModelReady", name)) if name else None
    about = calls.get(("ModelMetadata", name)) if name else None
    servables = None
    states = calls.get(("GetModelStatus", name)) if name else None
    if states is not None and states.code == "OK" and states.states:
        found = tuple(
            _version(number, [(_STATE_NUMBERS[state], _ERROR_NUMBERS.get(code, str(code)))])
            for number, state, code in sorted(states.states)
            if state in _STATE_NUMBERS and number > 0
        )
        servables = (LiveServable(name, None, found),)
    elif about is not None and about.code == "OK":
        numbers = sorted(
            int(text) for text in about.versions if text.isascii() and text.isdecimal() and len(text) < 20
        )
        items = tuple(LiveVersion(number, "AVAILABLE", "OK", "available") for number in numbers)
        servables = (LiveServable(name, None, items),)
    is_ready = ready.flag if ready is not None and ready.code == "OK" else None
    return replace(
        status,
        server="starting" if is_ready is False else status.server,
        live=live.flag if live is not None and live.code == "OK" else None,
        ready=is_ready,
        servables=servables,
        model_ready=None if model is None else model.code == "OK" and model.flag,
    )
