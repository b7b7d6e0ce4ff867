"""Servables that a reachable server does not serve."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote as url_quote

from ovms_doctor.checks.context import quote
from ovms_doctor.checks.live.codes import (
    ANSWER_UNUSABLE,
    NAME_NOT_SERVED,
    NOTHING_SERVED,
    PROBE_FAILS,
    SERVABLE_NOT_AVAILABLE,
    STILL_STARTING,
)
from ovms_doctor.checks.live.figures import figures
from ovms_doctor.checks.live.made import answer_evidence, answer_text, container_of, finding
from ovms_doctor.checks.live.reach import access_refused
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.live import InferenceProbe, LiveServable, LiveStatus, LiveVersion
from ovms_doctor.model.similar import similar_names
from ovms_doctor.prediction.live.interpret import READY

#: The number of list entries that a message shows.
_LISTED = 12


def states(status: LiveStatus) -> Iterator[Finding]:
    """Yields findings on servables that a reachable server does not serve."""
    if status.server == "starting":
        yield _starting(status)
        yield from (_not_available(status, item) for item in status.servables or () if _fails(item))
    elif status.refused_access is not None and status.servables is None:
        yield access_refused(status)
    elif status.servables is not None and status.address.grpc:
        yield from (
            _not_available(status, item) for item in status.servables if not (item.complete or item.removed)
        )
    elif status.servables is not None:
        yield from _servables(status)
    if status.model is not None and status.server == "ovms":
        yield from _named(status)
    yield from (_unusable(status, path, reason) for path, reason in status.unusable)
    yield from (_probe_fails(status, item) for item in status.observations.probes if _is_refused(item))
    yield from figures(status)


def _unusable(status: LiveStatus, path: str, reason: str) -> Finding:
    is_list, is_readiness = path == "/v1/config", path == READY
    if is_readiness:
        detail = (
            "It is not known whether the server has tried to load all of its servables: /v1/config lists only those "
            "whose load has begun."
        )
    else:
        detail = "The information of this endpoint is missing from this report."
    return finding(
        ANSWER_UNUSABLE,
        status,
        f"The answer of {path} cannot be used: {reason}.",
        detail,
        severity="error" if is_readiness or (is_list and not status.model_ready) else "warning",
        evidence=answer_evidence((item for item in status.observations.answers if item.path == path), 3),
        steps=(Step("Read the answer.", f"curl -sS -i {quote(status.address.url + path)}", "host", "reads"),),
        relative=path,
    )


def _is_refused(probe: InferenceProbe) -> bool:
    """Whether a request was sent, but had no result."""
    return bool(probe.sent) and not probe.ok


def _probe_fails(status: LiveStatus, probe: InferenceProbe) -> Finding:
    result = probe.problem or f"{probe.status or probe.code} {probe.message}".strip()
    steps = [Step("The server's log has the reason.", f"ovms-doctor logs --container {container_of(status)}",
                  "host", "reads")]  # fmt: skip
    is_chat = "/v3/" in probe.request
    if "api-key" in probe.message:
        steps.insert(0, Step("The server requires its key for POST: give it with --api-key-file FILE."))
    elif is_chat and probe.status is not None and probe.status < 500:
        steps.insert(
            0,
            Step("A graph for another task than chat refuses it: send a request for the task of the graph."),
        )
    return finding(
        PROBE_FAILS,
        status,
        f"{probe.request} for {probe.name} is answered with {result}."
        if not probe.problem
        else f"{probe.request} for {probe.name} gets no answer: {result}.",
        f"Sent: {probe.sent}.",
        model=probe.name,
        severity="warning" if is_chat and "api-key" not in probe.message else "error",
        confidence="medium" if is_chat else "high",
        evidence=(Evidence(f"{probe.request}: {result}", "one request for inference"),),
        steps=tuple(steps),
        relative=probe.name,
    )


def _fails(servable: LiveServable) -> bool:
    """Whether one of its versions failed already, while others are still to be loaded."""
    return any(item.condition == "failing" for item in servable.versions)


def _starting(status: LiveStatus) -> Finding:
    return finding(
        STILL_STARTING,
        status,
        f"The server at {status.address.netloc} is live but not ready: it is still starting.",
        "It loads its models one after another, and is ready when it has tried to load each model once.",
        evidence=tuple(
            Evidence(answer_text(item), "GET")
            for item in status.observations.answers
            if item.path.startswith("/v2/health/")
        )[-2:],
        steps=(
            Step(
                "Wait for it.",
                f"ovms-doctor status {quote(status.address.url)} --wait 300",
                "host",
                "reads",
            ),
        ),
    )


def _servables(status: LiveStatus) -> Iterator[Finding]:
    assert status.servables is not None
    present = [item for item in status.servables if not item.removed]
    if not present:
        unloading = [item.name for item in status.servables if _is_unloading(item)]
        removed = [item.name for item in status.servables if not _is_unloading(item)]
        retired = "; ".join(
            f"{text}: {', '.join(names[:_LISTED])}"
            for text, names in (("removed", removed), ("being unloaded", unloading))
            if names
        )
        yield finding(
            NOTHING_SERVED,
            status,
            f"The server at {status.address.netloc} serves nothing: /v1/config lists no servable"
            + (f" that is configured ({retired})." if retired else "."),
            f"It {'is ready, and ' if status.ready else ''}answers every request for inference with 404.",
            evidence=(Evidence(f"/v1/config of {status.address.netloc}", "GET"),),
            steps=(
                Step(
                    "Check its arguments and config.json.",
                    f"ovms-doctor check --container {container_of(status)}",
                    "host",
                    "reads",
                ),
            ),
        )
    for servable in present:
        if not servable.complete:
            yield _not_available(status, servable)


def _is_unloading(servable: LiveServable) -> bool:
    """Whether a version of a retired servable still ends its last requests."""
    return any(item.state == "UNLOADING" for item in servable.versions)


def _not_available(status: LiveStatus, servable: LiveServable) -> Finding:
    bad = [item for item in servable.versions if item.condition in ("failing", "loading")]
    kind = servable.kind or "servable"
    texts = ", ".join(f"version {item.version} is {item.state}/{item.error_code}" for item in bad)
    ready = (
        "/v2/health/ready is 200 nevertheless: it only shows that the server has tried to load each "
        "servable once. "
        if status.ready
        else ""
    )
    served = ", ".join(str(item.version) for item in servable.versions if item.condition == "available")
    if not servable.versions:
        message = f"{servable.name} has no version: the server found no version directory for it."
    elif all(item.condition == "loading" for item in bad):
        message = f"{servable.name} is being loaded: {texts} in each of {status.looks} queries."
    else:
        message = f"{servable.name} ({kind}) is not AVAILABLE: {texts}."
    instead = "Requests to it are answered with 404 or 503. "
    if served:
        instead = f"Versions {served} answer. " if "," in served else f"Version {served} answers. "
    if kind == "model" and any(item.condition == "failing" for item in bad):
        instead += "The load is tried again at every poll of the server. "
    steps = [
        Step(
            "Only the server's log has the reason.",
            f"ovms-doctor logs --container {container_of(status)}",
            "host",
            "reads",
        ),
        Step(
            "Or search the files for the reason.",
            f"ovms-doctor check --container {container_of(status)}",
            "host",
            "reads",
        ),
    ]
    if bad and all(item.condition == "loading" for item in bad):
        command = f"ovms-doctor status {quote(status.address.url)} --wait 300"
        steps.insert(0, Step("Wait for it.", command, "host", "reads"))
    number = bad[0].version if len(bad) == 1 else None
    return finding(
        SERVABLE_NOT_AVAILABLE,
        status,
        message,
        (ready + instead).strip(),
        model=servable.name,
        version=number,
        evidence=(
            Evidence(f"{texts or 'no versions'}", "GetModelStatus")
            if status.address.grpc
            else Evidence(f"/v1/config, {_queries_text(status.looks)}: {texts or 'no versions'}", "GET"),
        ),
        steps=tuple(steps),
        recovers="next_poll" if kind == "model" or _is_load(bad) else "config_change",
        relative=servable.name,
    )


def _queries_text(number: int) -> str:
    """Returns the number of queries as text: ``1 query``, ``4 queries``."""
    return "1 query" if number == 1 else f"{number} queries"


def _is_known(status: LiveStatus) -> bool:
    """Returns whether the server has the named model, though nothing of it is AVAILABLE: then the version is
    missing, not the name (model_service.cpp and http_rest_api_handler.cpp of all releases with KServe's API)."""
    observed = status.observations
    if status.address.grpc:
        found = next((item for item in observed.calls if item.call == "ModelReady"), None)
        return found is not None and (found.code == "OK" or "requested version" in found.details)
    path = f"/v2/models/{url_quote(status.model or '', safe='')}/ready"
    answer = next((item for item in observed.answers if item.path == path), None)
    return answer is not None and b"requested version" in answer.body


def _not_ready(status: LiveStatus, name: str) -> Finding:
    how = "ModelReady" if status.address.grpc else "GET /v2/models/NAME/ready"
    return finding(
        SERVABLE_NOT_AVAILABLE,
        status,
        f"The server at {status.address.netloc} has {name}, and no version of it is AVAILABLE.",
        "Its load fails, or it has no version, or all of its versions are retired. Requests to it are refused.",
        model=name,
        evidence=(Evidence(f"{name} is not ready", how),),
        steps=(
            Step(
                "Only the server's log has the reason.",
                f"ovms-doctor logs --container {container_of(status)}",
                "host",
                "reads",
            ),
        ),
        relative=name,
    )


def _number_listed(number: int) -> str:
    return "1 servable is listed" if number == 1 else f"{number:,} servables are listed"


def _is_load(versions: list[LiveVersion]) -> bool:
    """Whether the error codes are those of models: pipelines and graphs fail with FAILED_PRECONDITION."""
    return bool(versions) and all(item.error_code == "UNKNOWN" for item in versions)


def _named(status: LiveStatus) -> Iterator[Finding]:
    """Yields the finding on the typed name, compared with the served names."""
    name = status.model or ""
    listed_as = next((item for item in status.servables or () if item.name == name), None)
    if listed_as is not None and listed_as.removed:
        yield finding(
            NAME_NOT_SERVED,
            status,
            f"The server at {status.address.netloc} no longer serves {name}: "
            + ("it is being unloaded." if _is_unloading(listed_as) else "all of its versions are retired."),
            "It was removed from the configuration, or its directories were: requests are answered with 404.",
            model=name,
            evidence=(
                Evidence(
                    ", ".join(
                        f"version {item.version} is {item.state}" for item in listed_as.versions[:_LISTED]
                    ),
                    "GetModelStatus" if status.address.grpc else "GET /v1/config",
                ),
            ),
            steps=(Step("Add it to the server's configuration again, or request another model."),),
            relative=name,
        )
        return
    if status.model_ready is True or listed_as is not None:
        return
    if status.model_ready is None and (status.address.grpc or status.servables is None):
        return
    if _is_known(status):
        yield _not_ready(status, name)
        return
    names = [item.name for item in status.servables or () if item.available]
    same = [item for item in names if item.lower() == name.lower() or item.strip() == name.strip()]
    base, _, version = name.rpartition("/")
    close = same or similar_names(name, names, 3, 0.6)
    steps = []
    if base in names and version.isdecimal():
        steps.append(Step(f"A version is not part of the name: /v2/models/{base}/versions/{version}."))
    elif close:
        text = "names differ in capital letters" if same else "the nearest name"
        steps.append(Step(f"Request {' or '.join(close)} ({text})."))
    elif names:
        listed = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
        steps.append(Step(f"Request one of those that are served: {listed}."))
    steps.append(Step("Or add the model to the server's configuration."))
    yield finding(
        NAME_NOT_SERVED,
        status,
        f"The server at {status.address.netloc} has no servable {name}.",
        "It answers 404: “Model with requested name is not found”.",
        model=name,
        evidence=(
            Evidence(_number_listed(len(status.servables or ())), "GET /v1/config")
            if not status.address.grpc
            else Evidence(f"ModelReady of {name}: not ready", "gRPC"),
        ),
        steps=tuple(steps),
        relative=name,
    )
