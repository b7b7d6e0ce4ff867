"""The values of a request that are known only when its snippet runs: a refusal at such a value is not certain."""

from __future__ import annotations

import json
import re
from typing import Any

from ovms_doctor.model.client_request import NOT_KNOWN, Answer, ClientRequest


def unknown_at_fault(request: ClientRequest, answer: Answer) -> str:
    """Returns the JSON path of the unknown value that the answer refuses; empty if the refused value is known."""
    if answer.succeeds or not request.doubts or NOT_KNOWN.encode() not in request.body:
        return ""
    path = answer.position.path
    if not path:
        return ""
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        return ""
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and index and int(index) < len(value):
            value = value[int(index)]
        else:
            break
    return path if _is_unknown(value) else ""


def _is_unknown(value: Any) -> bool:
    """Whether a value, one of its keys or one of its items is unknown."""
    if isinstance(value, str):
        return NOT_KNOWN in value
    return isinstance(value, dict | list) and any(
        isinstance(item, str) and NOT_KNOWN in item for item in value
    )
