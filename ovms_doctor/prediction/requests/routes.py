"""The handler that a URL reaches (`parseRequestComponents`, http_rest_api_handler.cpp)."""

import re
from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.paths import escapes
from ovms_doctor.prediction.requests.statuses import StatusError

Handler: TypeAlias = Literal[
    "kserve infer",
    "kserve metadata",
    "kserve ready",
    "server live",
    "server ready",
    "server metadata",
    "tfs predict",
    "tfs status",
    "config reload",
    "config status",
    "generative",
    "list models",
    "retrieve model",
    "metrics",
    "options",
]

_TFS_PREDICT = lazy_pattern(
    r"(.?)/v1/models/([^/:]+)(?:(?:/versions/([0-9]+))|(?:/labels/([A-Za-z0-9_]+)))?:(classify|regress|predict)"
)
_TFS_STATUS = lazy_pattern(
    r"(.?)/v1/models(?:/([^/:]+))?(?:(?:/versions/([0-9]+))|(?:/labels/([A-Za-z0-9_]+)))?(?:/(metadata))?"
)
_RELOAD = lazy_pattern(r"(.?)/v1/config/reload")
_CONFIG = lazy_pattern(r"(.?)/v1/config")
_READY = lazy_pattern(r"/v2/models/([^/]+)(?:/versions/([0-9]+))?(?:/(ready))")
_METADATA = lazy_pattern(r"/v2/models/([^/]+)(?:/versions/([0-9]+))?(?:/)?")
_INFER = lazy_pattern(r"/v2/models/([^/]+)(?:/versions/([0-9]+))?(?:/(infer))")
_METRICS = lazy_pattern(r"(.?)/metrics(\?(.*))?")


class Route(Struct, frozen=True):
    """The handler that a URL reaches, and what the URL names."""

    #: The handler.
    handler: Handler
    #: The servable's name, decoded.
    name: str = ""
    #: The version's number; `None` if the URL names none.
    version: int | None = None
    #: The TensorFlow Serving method, or `metadata`.
    method: str = ""


def _generative(release: Release) -> re.Pattern[str]:
    prefix = "(?:/v3/|/v1/)" if release.at_least(2026, 3) else "/v3/"
    return re.compile(prefix + r".*?(/|$)")


def _models(release: Release) -> tuple[re.Pattern[str], re.Pattern[str]]:
    prefix = "(?:/v3/(?:v1/)?|/v1/)" if release.at_least(2026, 3) else "/v3/(?:v1/)?"
    return re.compile(prefix + "models"), re.compile(prefix + "models/(.+)")


def path_of(url: str) -> str:
    """Returns the path of a URL or path as the server compares it: without scheme, host, query and fragment."""
    match = re.match(r"(?i)[a-z][a-z0-9+.-]*://[^/?#]*", url)
    path = url[match.end() :] if match else url
    path = re.split(r"[?#]", path, maxsplit=1)[0]
    return path or "/"


def find_route(method: str, path: str, release: Release) -> Route:
    """Returns the handler for a method and path. Raises StatusError with the server's answer if there is none."""
    if method == "HEAD":
        # Drogon passes it on as GET, without the body.
        method = "GET"
    if method not in ("POST", "GET", "OPTIONS"):
        raise StatusError("REST_UNSUPPORTED_METHOD")
    if escapes(path, release):
        raise StatusError("PATH_INVALID")
    if method == "OPTIONS":
        return Route("options")
    return _post(path, release) if method == "POST" else _get(path, release)


def _post(path: str, release: Release) -> Route:
    tfs = not release.at_least(2026, 3)
    if tfs and (match := _TFS_PREDICT.fullmatch(path)):
        return Route("tfs predict", _decoded(match[2], release), _version(match[3]), match[5])
    if release.at_least(2022, 2) and (match := _INFER.fullmatch(path)):
        return Route("kserve infer", _decoded(match[1], release), _version(match[2]))
    if _RELOAD.fullmatch(path):
        return Route("config reload")
    if release.at_least(2024, 2) and _generative(release).fullmatch(path):
        return Route("generative")
    others = [_CONFIG, _METADATA, _READY, _METRICS, *_models(release)]
    if tfs:
        others.append(_TFS_STATUS)
    if path in ("/v2", "/v2/health/live", "/v2/health/ready") or any(
        other.fullmatch(path) for other in others
    ):
        raise StatusError("REST_UNSUPPORTED_METHOD")
    raise StatusError("REST_INVALID_URL")


def _get(path: str, release: Release) -> Route:
    tfs = not release.at_least(2026, 3)
    if tfs and (match := _TFS_STATUS.fullmatch(path)):
        return Route("tfs status", _decoded(match[2] or "", release), _version(match[3]), match[5] or "")
    if _CONFIG.fullmatch(path):
        return Route("config status")
    if release.at_least(2022, 2):
        simple: dict[str, Handler] = {
            "/v2/health/live": "server live",
            "/v2/health/ready": "server ready",
            "/v2": "server metadata",
        }
        if path in simple:
            return Route(simple[path])
        if match := _METADATA.fullmatch(path):
            return Route("kserve metadata", _decoded(match[1], release), _version(match[2]))
        if match := _READY.fullmatch(path):
            return Route("kserve ready", _decoded(match[1], release), _version(match[2]))
    if _METRICS.fullmatch(path):
        return Route("metrics")
    if release.at_least(2025, 3):
        listing, retrieve = _models(release)
        if listing.fullmatch(path):
            return Route("list models")
        if match := retrieve.fullmatch(path):
            return Route("retrieve model", _decoded(match[1], release))
    if _INFER.fullmatch(path) or _RELOAD.fullmatch(path) or (tfs and _TFS_PREDICT.fullmatch(path)):
        raise StatusError("REST_UNSUPPORTED_METHOD")
    raise StatusError("REST_INVALID_URL")


def _version(text: str | None) -> int | None:
    """Applies `parseModelVersion`: a number that does not fit 64 bits is a version that is not found."""
    if text is None:
        return None
    number = int(text[:30])
    if number >= 2**63:
        raise StatusError("MODEL_VERSION_MISSING")
    return number


def _decoded(text: str, release: Release) -> str:
    """Applies `urlDecode` (since 2024.5): `%2F` becomes `/`; other text is not changed."""
    if not release.at_least(2024, 5):
        return text
    raw = re.sub(
        rb"%([0-9A-Fa-f]{2})",
        lambda match: bytes([int(match[1], 16)]),
        text.encode("utf-8", "surrogateescape"),
    )
    return raw.decode("utf-8", "surrogateescape")
