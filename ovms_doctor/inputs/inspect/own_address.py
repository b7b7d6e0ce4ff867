"""The IP address of a container in its network, from the output of ``docker inspect``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any


def own_address(document: Any, info: Mapping[str, Any] | None = None) -> str:
    """Returns the first address of its networks.

    Empty if it has no own address, or if the engine's host does not reach it: the networks of an engine in a virtual
    machine or without root's rights are not reachable from this host, and the address may belong to another program.
    ``info``: the engine's ``docker info``.
    """
    if _runs_in_own_vm(info or {}):
        return ""
    data = document[0] if isinstance(document, list) and document else document
    settings = data.get("NetworkSettings") if isinstance(data, Mapping) else None
    if not isinstance(settings, Mapping):
        return ""
    networks = settings.get("Networks")
    tables = list(networks.values()) if isinstance(networks, Mapping) else []
    for table in (*tables, settings):
        for key in ("IPAddress", "GlobalIPv6Address"):
            text = table.get(key) if isinstance(table, Mapping) else None
            if isinstance(text, str) and _is_ip(text):
                return text
    return ""


def _runs_in_own_vm(info: Mapping[str, Any]) -> bool:
    options = info.get("SecurityOptions")
    rootless = isinstance(options, list) and any("rootless" in str(item) for item in options)
    return rootless or "docker desktop" in str(info.get("OperatingSystem", "")).lower()


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
