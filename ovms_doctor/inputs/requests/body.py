"""The API of a body, if only the body is known."""

import json
import re
from typing import Any

from ovms_doctor.model.client_request import Api
from ovms_doctor.model.pattern import lazy_pattern

#: The bytes of a body that are examined to find its API.
_HEAD = 1 << 20
#: A body that is no JSON may be the text of a Python dict, with single quotes.
_KEY = lazy_pattern(
    rb"""["'](instances|inputs|messages|prompt|query|documents|input|signature_name|model)["']\s*:"""
)

#: The usual path of an OpenAI body, by the keys that it has.
_OPENAI = (
    ("messages", "chat/completions"),
    ("prompt", "completions"),
    ("documents", "rerank"),
    ("input", "embeddings"),
)


def api_of(path: str, body: bytes) -> Api:
    """Returns the API of a request: that of its path. Of a path that no API has for inference, such as
    ``/v1/models/NAME/infer`` or ``/v1/models/NAME`` without ``:predict``, that of the body."""
    if body and re.search(r"/v1/models/[^/:]+(/versions/\w+)?(/(infer|predict))?/?$", path):
        return api_of_body(body)[0]
    return api_of_path(path) or (api_of_body(body)[0] if body else "other")


def api_of_path(path: str) -> Api | None:
    """Returns the API of a URL path; `None` for an unknown one."""
    if path.startswith("/v3/"):
        # cohere's client adds `/v1/rerank` or `/v2/rerank` to it.
        return "OpenAI"
    if re.search(r"/v2(/|$)", path):
        return "KServe"
    if re.search(r"/v1/models/[^/]+(/(versions|labels)/\w+)?:\w+$", path) or "/v1/config" in path:
        return "TFS"
    if re.search(r"/v[13]/", path):
        return "OpenAI"
    return None


def api_of_body(body: bytes) -> tuple[Api, str]:
    """Returns the API of a JSON body, and the endpoint of an OpenAI body.

    If the API cannot be determined, it is KServe's, which every release since 2022.2 has.
    """
    keys = _top_keys(body)
    if "messages" in keys or ("model" in keys and not keys & {"inputs", "instances"}):
        return "OpenAI", next((path for key, path in _OPENAI if key in keys), "chat/completions")
    if "inputs" in keys and _has_tensors(body):
        # Also with instances, which KServe's parser ignores.
        return "KServe", ""
    if "instances" in keys or "signature_name" in keys:
        return "TFS", ""
    if "inputs" in keys and _column_format(body):
        return "TFS", ""
    return "KServe", ""


def _top_keys(body: bytes) -> set[str]:
    """Returns the keys of the document; if it is not JSON, or large, those keys in it that identify an API."""
    if len(body) <= _HEAD:
        document = _loaded(body)
        if isinstance(document, dict):
            return set(document)
    return {match[1].decode() for match in _KEY.finditer(body[:_HEAD])}


def _loaded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _has_tensors(body: bytes) -> bool:
    """Whether `inputs` is a list of tensors as in KServe's API."""
    document = _loaded(body) if len(body) <= _HEAD else None
    inputs = document.get("inputs") if isinstance(document, dict) else None
    first = inputs[0] if isinstance(inputs, list) and inputs else None
    return isinstance(first, dict) and {"name", "datatype"} <= first.keys()


def _column_format(body: bytes) -> bool:
    """Whether `inputs` is an object of tensors or an array of numbers, as in TensorFlow Serving's API."""
    document = _loaded(body) if len(body) <= _HEAD else None
    if isinstance(document, dict):
        inputs = document.get("inputs")
        if isinstance(inputs, dict):
            return "name" not in inputs
        return isinstance(inputs, list) and bool(inputs) and not isinstance(inputs[0], dict)
    match = re.search(rb'"inputs"\s*:\s*(\{|\[\s*[-\d\[])', body[:_HEAD])
    return match is not None


def default_path(api: Api, endpoint: str, name: str) -> str:
    """Returns the usual path for a body of an API."""
    if api == "TFS":
        return f"/v1/models/{name}:predict"
    if api == "OpenAI":
        return f"/v3/{endpoint or 'chat/completions'}"
    return f"/v2/models/{name}/infer"
