"""Which proxy each of the server's clients takes, from the variables in its environment.

The clients differ, and none of them reads what the others read. Source: s3filesystem.cpp, azurefilesystem.cpp,
hf_pull_model_module.cpp and libgit2.cpp (v2022.1 to v2026.3); for Google Cloud Storage libcurl's own rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ovms_doctor.model.environment import Variable
from ovms_doctor.model.routes import Client, Route, Way

#: What each client asks over: Google's and Hugging Face's own addresses.
GCS_HOST = "storage.googleapis.com"
HF_HOST = "huggingface.co"


def clients_of(paths: Iterable[str], pulls: bool = False) -> tuple[Client, ...]:
    """The clients that base paths need, in order of first use; none for local ones."""
    found: dict[Client, None] = {}
    for path in paths:
        if path.startswith("s3://"):
            found["s3"] = None
        elif path.startswith("gs://"):
            found["gcs"] = None
        elif path.startswith(("az://", "azfs://")):
            found["azure"] = None
    if pulls:
        found["hf-clone"] = found["hf-files"] = None
    return tuple(found)


def route(client: Client, environment: Sequence[Variable]) -> Route:
    """The way that ``client`` takes with these variables."""
    known = {item.name: item for item in environment}
    if client == "s3":
        return _s3(known)
    if client == "azure":
        return _azure(known)
    if client == "hf-clone":
        return _lower_only("https_proxy", known)
    return _curl("https", GCS_HOST if client == "gcs" else HF_HOST, known)


def curl_route(scheme: Literal["http", "https"], host: str, environment: Sequence[Variable]) -> Route:
    """The way of a client that leaves it to libcurl, to ``host`` over ``scheme``."""
    return _curl(scheme, host, {item.name: item for item in environment})


def _s3(known: Mapping[str, Variable]) -> Route:
    """One proxy for every address, whatever its scheme; ``no_proxy`` is not asked. A variable that exists hides
    those after it, even if it is set to nothing."""
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")
    chosen = next((known[name] for name in names if name in known), None)
    if chosen is None or chosen.proxy is None:
        return Route("direct")
    ways: dict[str, Way] = {"": "direct", "taken": "proxy", "ends": "ends", "unread": "unread"}
    return Route(ways[chosen.proxy.s3], chosen.name)


def _azure(known: Mapping[str, Variable]) -> Route:
    """Small letters only; the other one where AZURE_STORAGE_USE_HTTP_PROXY exists, whatever its value (v2022.1 to
    v2026.3)."""
    return _lower_only("http_proxy" if "AZURE_STORAGE_USE_HTTP_PROXY" in known else "https_proxy", known)


def _lower_only(name: str, known: Mapping[str, Variable]) -> Route:
    if name not in known:
        return Route("direct")
    return Route("direct" if known[name].empty else "proxy", name)


def _curl(scheme: Literal["http", "https"], host: str, known: Mapping[str, Variable]) -> Route:
    """libcurl's environment (lib/url.c detect_proxy): the scheme's variable in small letters, then in capitals
    but for http, then the one for all; set to nothing is not set. ``no_proxy`` before its twin in capitals."""
    exempt = _no_proxy(known)
    names = [f"{scheme}_proxy", *(["HTTPS_PROXY"] if scheme == "https" else []), "all_proxy", "ALL_PROXY"]
    chosen = next((known[name] for name in names if name in known and not known[name].empty), None)
    if chosen is None:
        return Route("direct")
    if exempt is not None and is_exempt(host, exempt.text or ""):
        return Route("exempt", exempt.name)
    return Route("proxy", chosen.name)


def endpoint_exempt(environment: Sequence[Variable]) -> str:
    """The name of the variable that lists the host of S3_ENDPOINT, empty where none does."""
    known = {item.name: item for item in environment}
    endpoint, exempt = known.get("S3_ENDPOINT"), _no_proxy(known)
    if endpoint is None or exempt is None or not endpoint.text:
        return ""
    host = endpoint.text.rpartition("://")[2].rpartition("@")[2].partition("/")[0].partition(":")[0]
    return exempt.name if is_exempt(host, exempt.text or "") else ""


def _no_proxy(known: Mapping[str, Variable]) -> Variable | None:
    names = ("no_proxy", "NO_PROXY")
    return next((known[name] for name in names if name in known and not known[name].empty), None)


def is_exempt(host: str, text: str) -> bool:
    """Whether a list as in ``no_proxy`` names ``host`` (libcurl's noproxy.c since 7.86): names and what ends in
    them, parted by commas, and what follows a blank without a comma is not read; ``*`` alone is all. Networks
    are not followed: the hosts asked for are names."""
    if text.strip() == "*":
        return True
    wanted = host.rstrip(".").lower()
    for item in text.split(","):
        words = item.split()
        name = words[0].strip(".").lower() if words else ""
        if name and (wanted == name or wanted.endswith("." + name)):
            return True
        if len(words) > 1:
            return False
    return False


def misspelt(environment: Iterable[Variable]) -> tuple[str, ...]:
    """Variables that look like a proxy's and are read by none of the clients, such as ``HTTP_proxy``."""
    read = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}
    return tuple(item.name for item in environment if item.proxy is not None and item.name not in read)
