"""The requests of the openai client."""

from __future__ import annotations

from typing import Any

from ovms_doctor.inputs.requests.python_http import UNKNOWN_VALUES, Requests, form_of, json_of, split_url
from ovms_doctor.inputs.requests.python_values import (
    ClientError,
    Instance,
    Unknown,
    dict_of,
    is_undetermined,
    text_of,
)
from ovms_doctor.model.client_request import NOT_KNOWN, ClientRequest

#: The path of each call.
OPENAI_CALLS = {
    "chat.completions.create": "chat/completions",
    "chat.completions.parse": "chat/completions",
    "chat.completions.stream": "chat/completions",
    "completions.create": "completions",
    "embeddings.create": "embeddings",
    "responses.create": "responses",
    "responses.parse": "responses",
    "responses.stream": "responses",
    "images.generate": "images/generations",
    "images.edit": "images/edits",
    "audio.speech.create": "audio/speech",
    "audio.transcriptions.create": "audio/transcriptions",
    "audio.translations.create": "audio/translations",
    "models.list": "models",
    "models.retrieve": "models",
}
#: Arguments that the client does not send.
_OWN = {"extra_headers", "extra_query", "timeout", "text_format"}
#: The values of an argument that the client leaves out.
_LEFT_OUT = ("openai.NOT_GIVEN", "openai.not_given", "openai.omit", "openai.Omit")
#: Calls that were removed from openai 1.0.
_REMOVED = ("ChatCompletion", "Completion", "Embedding", "Image", "Audio", "Model")
#: The arguments of calls with a form that are files.
_FILES = {
    "images/edits": ("image", "mask"),
    "audio/transcriptions": ("file",),
    "audio/translations": ("file",),
}
#: What the client puts before a call without a change of the request.
_PASSED = ("beta", "with_raw_response", "with_streaming_response")


def openai_client(arguments: list[Any], keywords: dict[str, Any], sent: Requests) -> Any:
    return Instance("openai.OpenAI", {"api_key": "", **keywords})


def openai_endpoint(kind: str, name: str) -> str:
    """Returns the path of a method of the client or of one of its parts; empty if it is not known."""
    call = ".".join(part for part in f"{kind}.{name}".split(".") if part not in _PASSED)
    if call.split(".")[1] in _REMOVED:
        raise ClientError(f"{call} exists only in openai before 1.0")
    # The functions of the module belong to a client of its own.
    return OPENAI_CALLS.get(call.removeprefix("openai.").removeprefix("OpenAI."), "")


def openai_create(
    client: Instance,
    call: str,
    endpoint: str,
    arguments: list[Any],
    keywords: dict[str, Any],
    sent: Requests,
) -> Any:
    base = client.attributes.get("base_url")
    if base is None or is_undetermined(base):
        # Without it, the client takes OPENAI_BASE_URL, else OpenAI's own server.
        raise ClientError("the base_url of the client is not known")
    address, prefix = split_url(text_of(base))
    fields = _fields(call, endpoint, keywords)
    path = f"{prefix.rstrip('/')}/{endpoint}"
    headers, body, is_known, method = _own_headers(client, keywords), b"", True, "POST"
    if endpoint == "models":
        method = "GET"
        model = fields.get("model", arguments[0] if arguments else None)
        path += "" if model is None else f"/{text_of(model)}"
    elif endpoint in _FILES:
        body, content_type, is_known = _form(fields, endpoint, path)
        headers.append(("Content-Type", content_type))
    else:
        text, is_known = json_of(fields)
        body = text.encode()
        headers.append(("Content-Type", "application/json"))
    key = text_of(client.attributes.get("api_key"))
    if key and not any(name.lower() == "authorization" for name, _ in headers):
        headers.append(("Authorization", f"Bearer {key}"))
    doubts = () if is_known else UNKNOWN_VALUES
    sent.append(
        ClientRequest(
            "OpenAI", "REST", method, path, tuple(headers), body, None, address, form="python", doubts=doubts
        )
    )
    return Unknown("an answer")


def _own_headers(client: Instance, keywords: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns the headers that the snippet sets for the client or for one call."""
    own = {**dict_of(client.attributes.get("default_headers")), **dict_of(keywords.get("extra_headers"))}
    return [(name, str(value)) for name, value in own.items() if isinstance(value, str | int)]


def _fields(call: str, endpoint: str, keywords: dict[str, Any]) -> dict[str, Any]:
    """Returns the members of the body, with those that the client adds."""
    fields = {key: value for key, value in keywords.items() if key not in _OWN and not _is_left_out(value)}
    if call == "stream":
        fields["stream"] = True
    if endpoint == "embeddings":
        fields.setdefault("encoding_format", "base64")
    for name, wrapped in (("response_format", "response_format"), ("text_format", "text")):
        model = keywords.get(name)
        if call in ("parse", "stream") and isinstance(model, Instance) and model.is_name:
            fields[wrapped] = _schema_of(model, name)
    fields.update(dict_of(fields.pop("extra_body", None)))
    return fields


def _is_left_out(value: Any) -> bool:
    return isinstance(value, Instance) and value.kind in _LEFT_OUT


def _schema_of(model: Instance, argument: str) -> dict[str, Any]:
    """Returns the format of an answer that the client makes of a class of pydantic, whose members are not known."""
    schema = {"schema": {NOT_KNOWN: Unknown("a schema")}, "name": model.kind, "strict": True}
    if argument == "text_format":
        return {"format": {"type": "json_schema", **schema}}
    return {"type": "json_schema", "json_schema": schema}


def _form(fields: dict[str, Any], endpoint: str, path: str) -> tuple[bytes, str, bool]:
    """Returns the body of a call with files, its Content-Type, and whether all of it is known."""
    files: list[tuple[str, Any]] = []
    data: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in _FILES[endpoint]:
            is_array = isinstance(value, list | tuple)
            data[f"{name}[]" if is_array else name] = _lower_case(value)
        elif isinstance(value, list):
            files += [(f"{name}[]", item) for item in value]
        elif value is not None:
            files.append((name, value))
    return form_of(data, files, path)


def _lower_case(value: Any) -> Any:
    """Returns a value of a form; a truth value is written as in JSON."""
    return str(value).lower() if isinstance(value, bool) else value
