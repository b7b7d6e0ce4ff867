"""The requests of the cohere client, whose reranking the server has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ovms_doctor.inputs.requests.python_http import Requests, send_http
from ovms_doctor.inputs.requests.python_values import ClientError, Instance, is_undetermined, text_of

COHERE_CLIENTS = {
    "cohere.Client": "cohere.Client",
    "cohere.AsyncClient": "cohere.Client",
    "cohere.ClientV2": "cohere.ClientV2",
    "cohere.AsyncClientV2": "cohere.ClientV2",
}
#: The path of the method `rerank` and the arguments that it sends, by client.
_RERANK = {
    "cohere.Client": (
        "v1/rerank",
        ("model", "query", "documents", "top_n", "rank_fields", "return_documents", "max_chunks_per_doc"),
    ),
    "cohere.ClientV2": (
        "v2/rerank",
        ("model", "query", "documents", "top_n", "max_tokens_per_doc", "priority"),
    ),
}


def cohere_client(kind: str) -> Callable[[list[Any], dict[str, Any], Requests], Any]:
    """Returns the function that makes a client."""

    def make(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
        return Instance(kind, {"api_key": arguments[0] if arguments else None, **keywords})

    return make


def cohere_call(client: Instance, name: str, keywords: dict[str, Any], sent: Requests) -> Any:
    """Returns the result of a method of a client. Raises ClientError for a method that the server has no endpoint for,
    and for a server that is not known."""
    kind = client.kind.removesuffix(".v2")
    if client.parent is not None:
        client = client.parent
        kind = "cohere.ClientV2"
    if name != "rerank":
        raise ClientError(f"ovms-doctor does not know what the server does with cohere's {name}")
    base = client.attributes.get("base_url")
    if base is None or is_undetermined(base):
        # Without it, the client takes CO_API_URL, else cohere's own server.
        raise ClientError("the base_url of the client is not known")
    path, names = _RERANK[kind]
    body = {key: keywords[key] for key in names if key in keywords}
    headers = {"Content-Type": "application/json"}
    key = text_of(client.attributes.get("api_key"))
    if key:
        headers["Authorization"] = f"Bearer {key}"
    url = f"{text_of(base).rstrip('/')}/{path}"
    return send_http("POST", url, {"json": body, "headers": headers}, sent)
