"""Bind addresses as the server checks them (config.cpp check_hostname_or_ip)."""

from __future__ import annotations

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release

_IPV4 = lazy_pattern(
    r"(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
)
_LABEL = "[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]"
_LABEL_ONLY = lazy_pattern(_LABEL)
_LONGEST = 255


def is_hostname_or_ip(text: str, release: Release) -> bool:
    """Whether the server accepts ``text`` as an address. IPv6 since v2025.2, lists with commas since v2025.4."""
    if release.at_least(2025, 4):
        # An empty part before or between commas is no address; std::getline reads none after the last comma.
        parts = text.removesuffix(",").split(",")
        if len(parts) > 1:
            return all(is_hostname_or_ip(part, release) for part in parts)
    if len(text.encode("utf-8", "surrogateescape")) > _LONGEST:
        return False
    numeric = "0123456789abcdefABCDEF.:" if release.at_least(2025, 2) else "0123456789."
    if all(letter in numeric for letter in text):
        return _IPV4.fullmatch(text) is not None or (release.at_least(2025, 2) and _is_ipv6(text))
    return all(_LABEL_ONLY.fullmatch(label) for label in text.split("."))


def _is_ipv6(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
