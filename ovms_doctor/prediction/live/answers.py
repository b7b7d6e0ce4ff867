"""Answers of the status endpoints, read as hostile input: JSON of any shape becomes data or an AnswerError.

Shapes: config_status_utils.cpp (/v1/config), http_rest_api_handler.cpp (/v2, /v3/models), model_service.cpp (TensorFlow
Serving, until 2026.2).
"""

from __future__ import annotations

import json
from typing import Any

#: The largest lengths of a name, and numbers of servables and versions, that are kept.
_LONGEST_NAME, _MOST_SERVABLES, _MOST_VERSIONS = 500, 10_000, 10_000
_LARGEST_VERSION = (1 << 63) - 1
_STATES = {"START", "LOADING", "AVAILABLE", "UNLOADING", "END"}


class AnswerError(ValueError):
    """The body is not an answer of the endpoint. The message is the reason."""


#: State and error code of each version, by servable.
States = dict[str, dict[int, tuple[str, str]]]


def read_config(body: bytes) -> States:
    """Reads ``/v1/config``: returns the state and error code of every version of every servable."""
    document = _object(body)
    if len(document) > _MOST_SERVABLES:
        raise AnswerError(f"it lists more than {_MOST_SERVABLES:,} servables")
    return {name[:_LONGEST_NAME]: _versions(value) for name, value in document.items()}


def read_tfs_status(body: bytes) -> dict[int, tuple[str, str]]:
    """Reads ``/v1/models/NAME`` of TensorFlow Serving's API, which releases before 2026.3 have."""
    return _versions(_object(body))


def _versions(value: Any) -> dict[int, tuple[str, str]]:
    entries = value.get("model_version_status") if isinstance(value, dict) else None
    if not isinstance(entries, list) or len(entries) > _MOST_VERSIONS:
        raise AnswerError("a servable has no list model_version_status")
    found = {}
    for entry in entries:
        status = entry.get("status") if isinstance(entry, dict) else None
        if not isinstance(status, dict):
            raise AnswerError("a version has no status")
        number, state, code = str(entry.get("version")), entry.get("state"), status.get("error_code")
        if not (number.isascii() and number.isdecimal()) or int(number[:20]) > _LARGEST_VERSION:
            raise AnswerError("a version has no number")
        if state not in _STATES or not isinstance(code, str):
            raise AnswerError("a version has a state that the server does not have")
        found[int(number)] = (str(state), code[:60])
    return dict(sorted(found.items()))


def read_server(body: bytes) -> tuple[str, str]:
    """Reads ``/v2``: returns the name and version that the server reports."""
    document = _object(body)
    name, version = document.get("name"), document.get("version")
    if not isinstance(name, str):
        raise AnswerError("it does not name a server")
    return name[:100], version[:100] if isinstance(version, str) else ""


def read_error(body: bytes) -> str:
    """Returns the text of an error answer; empty if the body is not from OVMS."""
    try:
        document = _object(body)
    except AnswerError:
        return ""
    text = document.get("error")
    return text[:500] if isinstance(text, str) and len(document) == 1 else ""


def read_model_list(body: bytes) -> tuple[tuple[str, ...], bool]:
    """Reads ``/v3/models`` and, since 2026.3, ``/v1/models``: returns the names, and whether OVMS is their owner."""
    document = _object(body)
    entries = document.get("data")
    if not isinstance(entries, list) or document.get("object") != "list":
        raise AnswerError("it is not a list of models")
    rows = [item for item in entries if isinstance(item, dict) and isinstance(item.get("id"), str)]
    names = tuple(item["id"][:_LONGEST_NAME] for item in rows)[:_MOST_SERVABLES]
    return names, bool(rows) and all(item.get("owned_by") == "OVMS" for item in rows)


def read_metadata(body: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Reads ``/v2/models/NAME``: returns the versions that are ready, and the datatypes of the inputs."""
    document = _object(body)
    versions, inputs = document.get("versions"), document.get("inputs")
    if not isinstance(versions, list) or not isinstance(inputs, list):
        raise AnswerError("it is not the metadata of a model")
    datatypes = tuple(str(item.get("datatype")) for item in inputs if isinstance(item, dict))
    return tuple(str(item)[:20] for item in versions[:_MOST_VERSIONS]), datatypes


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise AnswerError("it is not JSON") from None
    if not isinstance(document, dict):
        raise AnswerError("it is not a JSON object")
    return document
