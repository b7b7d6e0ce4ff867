"""How Compose merges one service into another: ``extends``, and the override file (compose-go, override)."""

from __future__ import annotations

import posixpath
from typing import Any

from ovms_doctor.inputs.mounts import is_windows

#: Keys of lists for which only the later list counts.
_REPLACED = frozenset({"command", "entrypoint", "test"})
#: Lists of NAME=VALUE that may be mappings as well.
_PAIRS = frozenset({"environment", "labels", "annotations", "sysctls", "args"})
#: Lists with one entry that may be written as a text.
_SEQUENCES = frozenset({"env_file", "tmpfs", "dns", "dns_search", "label_file"})


def merge(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """Returns ``override`` merged into ``base``: mappings are joined, lists appended, other values replaced. Of two
    mounts at the same path the later one counts."""
    merged = dict(base)
    for name, value in override.items():
        known = merged.get(name)
        if known is None or value is None or name in _REPLACED:
            merged[name] = known if value is None and name not in _REPLACED else value
        elif name in _PAIRS:
            merged[name] = {**as_pairs(known), **as_pairs(value)}
        elif name in _SEQUENCES:
            merged[name] = [*_as_list(known), *_as_list(value)]
        elif isinstance(known, dict) and isinstance(value, dict):
            merged[name] = merge(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            merged[name] = _lists(name, known, value)
        else:
            merged[name] = value
    return merged


def as_pairs(value: Any) -> dict[str, Any]:
    """Returns a list of NAME=VALUE, or a mapping, as a mapping; None for a name without a value."""
    if isinstance(value, dict):
        return value
    pairs: dict[str, Any] = {}
    for item in _as_list(value):
        name, equals, text = str(item).partition("=")
        pairs[name] = text if equals else None
    return pairs


def localise(service: dict[str, Any], directory: str) -> dict[str, Any]:
    """Returns a service from another file with absolute paths: relative ones count from that file's directory."""
    local = dict(service)
    if isinstance(local.get("volumes"), list):
        local["volumes"] = [_volume(item, directory) for item in local["volumes"]]
    if "env_file" in local:
        local["env_file"] = [
            {**item, "path": posixpath.join(directory, str(item.get("path", "")))}
            if isinstance(item, dict)
            else posixpath.join(directory, str(item))
            for item in _as_list(local["env_file"])
        ]
    return local


def _volume(item: Any, directory: str) -> Any:
    if isinstance(item, str) and item.startswith("."):
        source, colon, rest = item.partition(":")
        return posixpath.normpath(posixpath.join(directory, source)) + colon + rest
    if isinstance(item, dict) and item.get("type") == "bind":
        source = str(item.get("source", ""))
        if source and not source.startswith(("/", "~")) and not is_windows(source):
            return {**item, "source": posixpath.normpath(posixpath.join(directory, source))}
    return item


def _lists(name: str, base: list[Any], override: list[Any]) -> list[Any]:
    if name in ("volumes", "devices", "secrets", "configs"):
        by_target: dict[str, Any] = {}
        for number, item in enumerate([*base, *override]):
            by_target[_target(item) or f"\0{number}"] = item
        return list(by_target.values())
    return [*base, *(item for item in override if item not in base)]


def _target(item: Any) -> str:
    """Returns the path of a mount in the container, as far as it needs no rules."""
    if isinstance(item, dict):
        return str(item.get("target") or item.get("source") or "")
    parts = str(item).split(":")
    return posixpath.normpath(parts[1] if len(parts) > 1 else parts[0])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
