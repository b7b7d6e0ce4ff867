"""``model_version_policy`` as the server's code takes it, with or without a schema before it."""

from __future__ import annotations

from typing import Any

from ovms_doctor.deployment.model import VersionPolicy


def parse_policy(value: Any) -> VersionPolicy | None:
    """``ModelConfig::parseModelVersionPolicy`` on a parsed value; None where the server refuses it."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    if "all" in value:
        return VersionPolicy("all")
    if "specific" in value:
        inner = value["specific"]
        if not isinstance(inner, dict) or len(inner) != 1 or not isinstance(inner.get("versions"), list):
            return None
        numbers = [item for item in inner["versions"] if _is_integer(item) and item > 0]
        return VersionPolicy("specific", versions=tuple(numbers))
    if "latest" in value:
        inner = value["latest"]
        if not isinstance(inner, dict) or len(inner) != 1 or not _is_integer(inner.get("num_versions")):
            return None
        return VersionPolicy("latest", inner["num_versions"])
    return None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
