"""The proxy of the usual clients of a shell for a server, each by its own rules.

* curl: libcurl's lib/url.c detect_proxy and lib/noproxy.c (since 7.86, with networks).
* Python requests: requests/utils.py should_bypass_proxies and select_proxy (2.34; older releases
  compare ends of names), urllib.request getproxies_environment and proxy_bypass_environment.
* gRPC: src/core http_proxy_mapper.cc: only lower case, ``grpc_proxy`` first, also for localhost.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from ovms_doctor.model.live import Address, ClientRoute
from ovms_doctor.model.proxy import read_proxy
from ovms_doctor.prediction.proxies import is_exempt


def client_routes(address: Address, environment: Mapping[str, str]) -> tuple[ClientRoute, ...]:
    """Returns the route of each client that supports the requested protocol."""
    if address.grpc:
        return (_grpc(address, environment),)
    return (_curl(address, environment), _requests(address, environment))


def _curl(address: Address, environment: Mapping[str, str]) -> ClientRoute:
    names = ["https_proxy", "HTTPS_PROXY"] if address.tls else ["http_proxy"]
    variable = _first((*names, "all_proxy", "ALL_PROXY"), environment)
    exempt = _first(("no_proxy", "NO_PROXY"), environment)
    by = exempt if exempt and _curl_exempts(address.host, environment[exempt]) else ""
    return _route("curl", variable, by, environment)


def _curl_exempts(host: str, listed: str) -> bool:
    """Whether ``no_proxy`` lists the host, as libcurl reads it: for an IP address also networks."""
    host_ip = _ip(host)
    if host_ip is None or listed.strip() == "*":
        return is_exempt(host, listed)
    for item in listed.split(","):
        parts = item.split()
        if parts and _is_within(host_ip, parts[0]):
            return True
        if len(parts) > 1:
            return False
    return False


def _is_within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, text: str) -> bool:
    """Returns whether ``text`` is this address or a network that contains it."""
    try:
        return address in ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return False


def _requests(address: Address, environment: Mapping[str, str]) -> ClientRoute:
    """Returns the route of Python requests. It reads both spellings, the lower one first (an empty variable of that
    spelling removes the other); it ignores HTTP_PROXY if REQUEST_METHOD is set, as in a CGI program."""
    scheme = "https" if address.tls else "http"
    variable = ""
    for name in (f"{scheme}_proxy", "all_proxy"):
        if name in environment and not environment[name]:
            continue
        upper = name.upper()
        found = _first((name, upper), environment)
        if found == "HTTP_PROXY" and "REQUEST_METHOD" in environment:
            found = ""
        if found:
            variable = found
            break
    exempt = _first(("no_proxy", "NO_PROXY"), environment)
    by = exempt if exempt and _requests_exempts(address, environment[exempt]) else ""
    return _route("Python requests", variable, by, environment)


def _requests_exempts(address: Address, listed: str) -> bool:
    host = address.host.lower()
    items = [item for item in listed.replace(" ", "").split(",") if item]
    host_ip = _ip(host)
    if isinstance(host_ip, ipaddress.IPv4Address):
        for item in items:
            network = "/" in item and _is_within(host_ip, item) and not item.endswith("/0")
            if network or host == item:
                return True
    else:
        for item in (item.lstrip(".") for item in items):
            for text in (host, f"{host}:{address.port}"):
                if text == item or text.endswith(f".{item}"):
                    return True
    # urllib's own list comes after that.
    if listed == "*":
        return True
    for item in listed.split(","):
        name = item.strip().lstrip(".").lower()
        if name and (host == name or host.endswith(f".{name}")):
            return True
    return False


def _grpc(address: Address, environment: Mapping[str, str]) -> ClientRoute:
    variable = _first(("grpc_proxy", "https_proxy", "http_proxy"), environment)
    if variable and read_proxy(environment[variable]).scheme not in ("http", ""):
        # Other schemes are refused with a line on standard error, and the client connects directly.
        variable = ""
    exempt = _first(("no_grpc_proxy", "no_proxy"), environment)
    by = exempt if exempt and _grpc_exempts(address.host, environment[exempt]) else ""
    return _route("gRPC", variable, by, environment)


def _grpc_exempts(host: str, listed: str) -> bool:
    host_ip = _ip(host)
    for item in (item.strip() for item in listed.split(",")):
        if not item:
            continue
        if host_ip is not None and _is_within(host_ip, item):
            return True
        if host.lower().endswith(item.lower()):
            return True
    return False


def _route(client: str, variable: str, exempt_by: str, environment: Mapping[str, str]) -> ClientRoute:
    if not variable:
        return ClientRoute(client)  # type: ignore[arg-type]
    proxy = read_proxy(environment[variable])
    proxy_address = proxy.host if proxy.port is None else f"{proxy.host}:{proxy.port}"
    if exempt_by:
        return ClientRoute(client, "", "", exempt_by)  # type: ignore[arg-type]
    return ClientRoute(client, variable, proxy_address)  # type: ignore[arg-type]


def _first(names: tuple[str, ...], environment: Mapping[str, str]) -> str:
    return next((name for name in names if environment.get(name)), "")


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
