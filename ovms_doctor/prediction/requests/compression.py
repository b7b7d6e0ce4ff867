"""Bodies that are sent compressed, with `Content-Encoding: gzip`.

The library of HTTP until 2024.5 decompresses them (`EvHTTPRequest::NeedUncompressGzipContent` of net_http); that since
2025.0 does it only if `enableCompressedRequest` is called, which the server does not do.
"""

from __future__ import annotations

import zlib

from msgspec.structs import replace

from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.requests.steps import Step

#: The largest body after decompression, in bytes.
_LARGEST_BODY = 1 << 26
#: The argument of zlib for the format of gzip.
_GZIP = 31


def received(request: ClientRequest, release: Release) -> ClientRequest:
    """Returns the request with the body that the server reads."""
    if release.at_least(2025, 0) or "gzip" not in (request.header("content-encoding") or ""):
        return request
    return replace(request, body=_decompressed(request.body) or b"")


def sent_uncompressed(request: ClientRequest) -> Step | None:
    """Returns the step to a body without compression; `None` for a body that is not compressed."""
    if "gzip" not in (request.header("content-encoding") or ""):
        return None
    body = _decompressed(request.body)
    if body is None:
        return None
    headers = tuple(item for item in request.headers if item[0].lower() != "content-encoding")
    return Step(
        replace(request, body=body, headers=headers),
        "Send the body without compression and without Content-Encoding: the server does not decompress it.",
    )


def _decompressed(body: bytes) -> bytes | None:
    """Returns the content of a body in the format of gzip; `None` for another one, or one that is too large."""
    decompression = zlib.decompressobj(_GZIP)
    try:
        content = decompression.decompress(body, _LARGEST_BODY)
    except zlib.error:
        return None
    return content if decompression.eof else None
