"""The path of a request: the path that reaches an API in a release, and served names and versions."""

from __future__ import annotations

import re

from msgspec.structs import replace

from ovms_doctor.model.client_request import Answer, ClientRequest
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import ServedModels
from ovms_doctor.model.similar import similar_names
from ovms_doctor.prediction.requests.routes import path_of
from ovms_doctor.prediction.requests.steps import Step


def served_names(models: ServedModels) -> list[str]:
    """Returns the names that a request can reach, those of available models first."""
    names = [model.name for model in models.models if model.state == "available"]
    names += [graph.name for graph in models.graphs if graph.state == "available"]
    return sorted(dict.fromkeys(names))


def correct_address(
    request: ClientRequest, answer: Answer, models: ServedModels, release: Release
) -> Step | None:
    """Returns the step that sends the request to a path at which its API, name or version is served; `None` if there is
    no closer one."""
    if request.interface == "gRPC":
        return _message(request, answer, models)
    path = path_of(request.path)
    if request.api == "TFS" and release.at_least(2026, 3):
        match = re.match(r"/?v1/models/([^/:]+)(/versions/\d+)?", path)
        if match:
            moved = f"/v2/models/{match[1]}{match[2] or ''}/infer"
            text = (
                f"This release has no TensorFlow Serving API. Send the request to POST {moved}, in "
                "KServe's format."
            )
            return Step(replace(request, path=moved, method="POST", api="KServe"), text)
    if request.api == "KServe" and release.at_least(2026, 3) and re.match(r"/?v1/models/", path):
        # This release takes it for a request to a generative model.
        return _route(request, path, models, release)
    if answer.code == "HTTP_405":
        upper = request.method.upper()
        return Step(replace(request, method=upper), f"Write the method in capital letters: {upper}.")
    if answer.code in ("REST_INVALID_URL", "REST_UNSUPPORTED_METHOD", "REST_NOT_FOUND", "PATH_INVALID"):
        return _route(request, path, models, release)
    if answer.code == "MODEL_VERSION_MISSING":
        return _version(request, path, models)
    if answer.code.endswith("_NAME_MISSING"):
        return _name(request, path, models)
    if answer.code == "FAILED_TO_DEDUCE_MODEL_NAME_FROM_URI" or (
        answer.code == "JSON_INVALID" and request.api == "OpenAI" and not request.header("content-type")
    ):
        return _content_type(request)
    return None


def _content_type(request: ClientRequest) -> Step | None:
    if "application/json" in (request.header("content-type") or ""):
        return None
    kept = tuple(item for item in request.headers if item[0].lower() != "content-type")
    headers = (*kept, ("Content-Type", "application/json"))
    return Step(replace(request, headers=headers), "Send the header Content-Type: application/json.")


def _route(request: ClientRequest, path: str, models: ServedModels, release: Release) -> Step | None:
    """Returns the step to the usual path of the API with the name in the URL."""
    fixed = re.sub(r"/{2,}", "/", path).rstrip("/")
    if request.api == "OpenAI":
        endpoint = re.sub(r"^/?(?:v\d+/)*", "", fixed)
        if request.method == "GET" and re.match(r"models(/|$)", endpoint):
            # The list of models came with 2025.3.
            return _moved(request, f"/v3/{endpoint}", "GET") if release.at_least(2025, 3) else None
        return _moved(request, f"/v3/{endpoint}", "POST")
    match = re.match(r"/?v[12]/models/([^/:]+)", fixed)
    names = served_names(models)
    name = match[1] if match else (names[0] if len(names) == 1 else "")
    if not name:
        return None
    if request.api == "TFS" and not release.at_least(2026, 3):
        return _moved(request, f"/v1/models/{name}:predict", "POST")
    version = re.search(r"/versions/(\d+)(?=[/:]|$)", fixed)
    middle = f"/versions/{version[1]}" if version else ""
    return _moved(request, f"/v2/models/{name}{middle}/infer", "POST")


def _moved(request: ClientRequest, path: str, method: str) -> Step | None:
    if (path, method) == (request.path, request.method):
        return None
    return Step(replace(request, path=path, method=method), f"Send it as {method} {path}.")


def _version(request: ClientRequest, path: str, models: ServedModels) -> Step | None:
    match = re.search(r"/models/([^/:]+)(/versions/(\d+))", path)
    if match is None or models.default_version(match[1]) is None:
        return None
    newest = models.default_version(match[1])
    fixed = path.replace(match[2], "", 1)
    text = f"Remove the version, or name one that is served: the default version is {newest}."
    return Step(replace(request, path=fixed), text)


def _name(request: ClientRequest, path: str, models: ServedModels) -> Step | None:
    names = served_names(models)
    if request.api == "OpenAI":
        return _openai_name(request, models)
    match = re.search(r"/models/([^/:]+)", path)
    if match is None or not names:
        return None
    close = _closest(match[1], names)
    if close is None or close == match[1]:
        return None
    fixed = path.replace(f"/models/{match[1]}", f"/models/{close}", 1)
    return Step(replace(request, path=fixed), f"Request {close}, which is served, instead of {match[1]}.")


def _closest(name: str, names: list[str]) -> str | None:
    if len(names) == 1:
        return names[0]
    lower = {item.lower(): item for item in names}
    if name.lower() in lower:
        return lower[name.lower()]
    close = similar_names(name, names, 1, 0.6)
    return close[0] if close else None


def _openai_name(request: ClientRequest, models: ServedModels) -> Step | None:
    if not request.body.lstrip().startswith(b"{"):
        return None
    if "application/json" not in (request.header("content-type") or ""):
        return _content_type(request)
    graphs = [
        graph.name for graph in models.graphs if graph.kind != "pipeline" and graph.state == "available"
    ]
    match = re.search(rb'("model"\s*:\s*)"((?:[^"\\]|\\.)*)"', request.body)
    if match is None:
        return _content_type(request)
    close = _closest(match[2].decode("utf-8", "replace"), graphs) if graphs else None
    if close is None:
        return None
    body = request.body[: match.start()] + match[1] + f'"{close}"'.encode() + request.body[match.end() :]
    return Step(replace(request, body=body), f"Name the model {close}, which is served.")


def _message(request: ClientRequest, answer: Answer, models: ServedModels) -> Step | None:
    message = request.message
    if message is None:
        return None
    if answer.code.endswith("NAME_MISSING"):
        close = _closest(message.model_name, served_names(models)) if served_names(models) else None
        if close is None or close == message.model_name:
            return None
        fixed = replace(message, model_name=close)
        return Step(replace(request, message=fixed), f"Request {close}, which is served.")
    if answer.code in ("MODEL_VERSION_MISSING", "MODEL_VERSION_INVALID_FORMAT") and message.model_version:
        if models.default_version(message.model_name) is None:
            return None
        text = f"Remove the version: the default version is {models.default_version(message.model_name)}."
        return Step(replace(request, message=replace(message, model_version="")), text)
    return None
