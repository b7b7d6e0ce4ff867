"""One step from a refused request to one that is accepted."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from msgspec.structs import replace

from ovms_doctor.model.client_request import ClientRequest


class Step(NamedTuple):
    """A changed request, and its change."""

    #: The request after the step.
    request: ClientRequest
    #: The change, as one sentence that begins with a verb.
    text: str


def with_document(request: ClientRequest, document: Any) -> ClientRequest:
    """Returns the request with another document as its body."""
    return replace(request, body=json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"))
