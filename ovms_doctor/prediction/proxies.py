"""The proxy of each client of the server, from the variables in its environment.

The clients differ, and each reads other variables. Source: s3filesystem.cpp, azurefilesystem.cpp,
hf_pull_model_module.cpp and libgit2.cpp (v2022.1 to v2026.3); for Google Cloud Storage libcurl's own rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ovms_doctor.model.environment import Variable
from ovms_doctor.model.releases import Release
from ovms_doctor.model.routes import NO_EXEMPTION, Client, Exemption, Route, RouteKind

#: The hosts of each client: Google's and Hugging Face's own addresses.
GCS_HOST = "storage.googleapis.com"
HF_HOST = "huggingface.co"


def clients_of(paths: Iterable[str], more: Iterable[Client] = ()) -> tuple[Client, ...]:
    """Returns the clients that base paths need, in order of first use; none for local ones. ``more``: further needed
    clients."""
    found: dict[Client, None] = {}
    for path in paths:
        if path.startswith("s3://"):
            found["s3"] = None
        elif path.startswith("gs://"):
            found["gcs"] = None
        elif path.startswith(("az://", "azfs://")):
            found["azure"] = None
    found.update(dict.fromkeys(more))
    return tuple(found)


def route(client: Client, environment: Sequence[Variable]) -> Route:
    """Returns the route of ``client`` with these variables."""
    known = {item.name: item for item in environment}
    if client == "s3":
        return _s3(known)
    if client == "azure":
        return _azure(known)
    if client == "hf-clone":
        return _lower_only("https_proxy", known)
    return _curl("https", GCS_HOST if client == "gcs" else HF_HOST, known)


def curl_route(scheme: Literal["http", "https"], host: str, environment: Sequence[Variable]) -> Route:
    """Returns the route of a client that uses libcurl's own rules, to ``host`` over ``scheme``."""
    return _curl(scheme, host, {item.name: item for item in environment})


def _s3(known: Mapping[str, Variable]) -> Route:
    """Returns one proxy for every address, whatever its scheme. An existing variable hides those after it, even if it
    is empty."""
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")
    chosen = next((known[name] for name in names if name in known), None)
    if chosen is None or chosen.proxy is None:
        return Route("direct")
    kinds: dict[str, RouteKind] = {"": "direct", "taken": "proxy", "ends": "ends", "unread": "unread"}
    return Route(kinds[chosen.proxy.s3], chosen.name)


def _azure(known: Mapping[str, Variable]) -> Route:
    """Returns the proxy from lower-case variables only; http_proxy if AZURE_STORAGE_USE_HTTP_PROXY exists, whatever its
    value (v2022.1 to v2026.3)."""
    return _lower_only("http_proxy" if "AZURE_STORAGE_USE_HTTP_PROXY" in known else "https_proxy", known)


def _lower_only(name: str, known: Mapping[str, Variable]) -> Route:
    if name not in known:
        return Route("direct")
    return Route("direct" if known[name].empty else "proxy", name)


def _curl(scheme: Literal["http", "https"], host: str, known: Mapping[str, Variable]) -> Route:
    """Returns the route by libcurl's rules (lib/url.c detect_proxy): the scheme's variable in small letters, then in
    capitals except for http, then the one for all; an empty variable counts as not set. ``no_proxy`` comes before the
    same name in capitals."""
    exempt = _no_proxy(known)
    names = [f"{scheme}_proxy", *(["HTTPS_PROXY"] if scheme == "https" else []), "all_proxy", "ALL_PROXY"]
    chosen = next((known[name] for name in names if name in known and not known[name].empty), None)
    if chosen is None:
        return Route("direct")
    if exempt is not None and is_exempt(host, exempt.text or ""):
        return Route("exempt", exempt.name)
    return Route("proxy", chosen.name)


def s3_route(environment: Sequence[Variable], release: Release) -> Route:
    """Returns the route of the S3 client. The AWS SDK 1.7 (until v2023.3) passes the proxy to libcurl, which reads
    ``no_proxy``; the SDK 1.11 (since v2024.0) turns ``no_proxy`` off (CurlHttpClient.cpp)."""
    found = route("s3", environment)
    exemption = s3_exemption(environment, release)
    if found.kind == "proxy" and exemption.honoured:
        return Route("exempt", exemption.variable)
    return found


def s3_exemption(environment: Sequence[Variable], release: Release) -> Exemption:
    """Returns the entry of ``no_proxy`` for the host of the S3 client."""
    known = {item.name: item for item in environment}
    exempt, host = _no_proxy(known), _s3_host(known, release)
    if exempt is None or not host:
        return NO_EXEMPTION
    entry = exempt_entry(host, exempt.text or "")
    if entry:
        return Exemption(exempt.name, host, entry, not release.at_least(2024, 0))
    entry = _unsupported_entry(host, exempt.text or "")
    return Exemption(exempt.name, host, entry) if entry else NO_EXEMPTION


def _s3_host(known: Mapping[str, Variable], release: Release) -> str:
    """Returns the host of S3_ENDPOINT, else Amazon's own; empty if it is not known."""
    endpoint = known.get("S3_ENDPOINT")
    if endpoint is not None and not endpoint.empty:
        authority = (endpoint.text or "").rpartition("://")[2].rpartition("@")[2].partition("/")[0]
        return (
            authority.partition("]")[0].lstrip("[")
            if authority.startswith("[")
            else authority.partition(":")[0]
        )
    names = ("AWS_REGION", "AWS_DEFAULT_REGION")
    regions = [known[name].text or "" for name in names if name in known and not known[name].empty]
    region = next(iter(regions), "us-east-1")
    if not region:
        return ""
    # The older SDK's host name for its first region contains no region.
    short = region == "us-east-1" and not release.at_least(2024, 0)
    return "s3.amazonaws.com" if short else f"s3.{region}.amazonaws.com"


def _unsupported_entry(host: str, text: str) -> str:
    """Returns the entry that is intended for the host, in a form that libcurl does not support: a port, an asterisk,
    a network."""
    for item in text.replace(",", " ").split():
        name = item.lower().removeprefix("*").strip(".")
        if exempt_entry(host, name.partition(":")[0]) or _in_network(host, item):
            return item
    return ""


def _in_network(host: str, item: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(item, strict=False)
    except (ValueError, TypeError):
        return False


def _no_proxy(known: Mapping[str, Variable]) -> Variable | None:
    names = ("no_proxy", "NO_PROXY")
    return next((known[name] for name in names if name in known and not known[name].empty), None)


def is_exempt(host: str, text: str) -> bool:
    """Whether a list as in ``no_proxy`` names ``host``."""
    return bool(exempt_entry(host, text))


def exempt_entry(host: str, text: str) -> str:
    """Returns the entry of a list as in ``no_proxy`` that names ``host``, empty if none does (libcurl's noproxy.c since
    7.86): names and their subdomains, separated by commas; text after a blank without a comma is not read; ``*`` alone
    is all hosts. Networks are not matched: the hosts are names."""
    if text.strip() == "*":
        return "*"
    host_name = host.rstrip(".").lower()
    for item in text.split(","):
        parts = item.split()
        name = parts[0].strip(".").lower() if parts else ""
        if name and (host_name == name or host_name.endswith("." + name)):
            return parts[0]
        if len(parts) > 1:
            return ""
    return ""
