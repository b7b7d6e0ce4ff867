"""A corrected request in the form of the original."""

from __future__ import annotations

import json
import shlex

from ovms_doctor.model.client_request import ClientRequest

_MOST_VALUES = 12


def corrected_text(corrected: ClientRequest, original: ClientRequest) -> str | None:
    """Returns the request as text: JSON for a body, a command line for a command line, HTTP for HTTP; None if its body
    is not text."""
    if corrected.interface == "gRPC":
        return message_text(corrected)
    try:
        body = corrected.body.decode()
    except UnicodeDecodeError:
        return None
    if "\0" in body:
        return None
    if original.form in ("curl", "python"):
        return curl_line(corrected)
    if original.form == "http":
        headers = "\r\n".join(f"{name}: {value}" for name, value in _headers(corrected))
        return f"{corrected.method} {corrected.path} HTTP/1.1\r\n{headers}\r\n\r\n{body}"
    return body


def curl_line(request: ClientRequest) -> str:
    """Returns a curl command line that sends the request."""
    arguments = ["curl", "-X", request.method, f"http://{request.address or 'localhost:8000'}{request.path}"]
    for name, value in _headers(request):
        if name.lower() not in ("content-length", "host", "user-agent", "accept"):
            displayed = "Bearer $API_KEY" if name.lower() == "authorization" else value
            arguments += ["-H", f"{name}: {displayed}"]
    if request.body:
        arguments += ["-d", request.body.decode("utf-8", "replace")]
    return shlex.join(arguments)


def _headers(request: ClientRequest) -> list[tuple[str, str]]:
    """Returns the headers, with the length of the changed body."""
    left_out = ["content-length", "content-encoding"]
    if request.body[:1] == b"{" and request.header("content-type") == "application/x-www-form-urlencoded":
        # The content type that curl sends with a body by default.
        left_out.append("content-type")
    kept = [item for item in request.headers if item[0].lower() not in left_out]
    if request.body and not any(name.lower() == "content-type" for name, _ in kept):
        kept.append(("Content-Type", "application/json"))
    return [*kept, ("Content-Length", str(len(request.body)))]


def message_text(request: ClientRequest) -> str:
    """Returns a ModelInferRequest as protobuf JSON, without its values."""
    message = request.message
    if message is None:
        return ""
    inputs = [
        {"name": item.name, "datatype": item.datatype, "shape": [str(size) for size in item.shape]}
        for item in message.inputs[:_MOST_VALUES]
    ]
    document = {"modelName": message.model_name, "inputs": inputs}
    if message.model_version:
        document["modelVersion"] = message.model_version
    return json.dumps(document, indent=2, ensure_ascii=False)
