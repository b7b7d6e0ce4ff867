"""Files that the user names as a TARGET but that belong to another option: compose files, manifests, run lines,
logs."""

from __future__ import annotations

import json
import posixpath
import re
from typing import Any

from ovms_doctor.model.pattern import lazy_pattern

#: How many bytes from the start of a file are used to recognise it.
HEAD = 1 << 20
#: Ends of the names of files that are opened, in lower case; others are models or unknown files.
_TEXTS = (".yaml", ".yml", ".json", ".sh", ".bash", ".log", ".txt", ".pbtxt", ".env", ".tpl")
_SERVICES = lazy_pattern(r"^services[ \t]*:", re.MULTILINE)
_API_VERSION = lazy_pattern(r"^apiVersion[ \t]*:", re.MULTILINE)
_KIND = lazy_pattern(r"^kind[ \t]*:", re.MULTILINE)
_RUN_LINE = lazy_pattern(r"\b(docker|podman|nerdctl)\s+(container\s+)?run\b")
_LOG_LINE = lazy_pattern(r"^\[\d{4}-\d\d-\d\d [\d:.]+\]\[\d+\]\[[\w ]+\]\[\w+\]", re.MULTILINE)
#: The beginning of a file of ``collect``; the file is often longer than the part that is read.
_FACTS = lazy_pattern(r'\s*\{\s*"format"\s*:\s*"ovms-doctor facts"')
#: Names that determine the kind of a file, independent of its content.
_NAMED = {"dockerfile", "containerfile"}


def may_be_document(path: str) -> bool:
    """Whether a file of this name must be opened."""
    name = posixpath.basename(path).lower()
    return name.endswith(_TEXTS) or name in _NAMED


def misplaced(path: str, typed: str, data: bytes) -> str | None:
    """Returns how to pass a file that is not a target, as a sentence without a full stop; None for a target.

    ``typed``: the path as the user typed it.
    ``data``: the file's first :data:`HEAD` bytes.
    """
    import shlex

    name, text = posixpath.basename(path).lower(), data.decode("utf-8", "replace").lstrip("\ufeff")
    quoted = shlex.quote(typed)
    if name in _NAMED:
        return (
            f"{typed} builds an image; name the file or line that starts the server (--docker-run LINE, "
            "--compose FILE)"
        )
    if name == "graph.pbtxt":
        directory = posixpath.dirname(typed) or "."
        return f"{typed} is a graph: name its directory, ovms-doctor check {shlex.quote(directory)}"
    if name.endswith(".json"):
        return _of_json(typed, quoted, text)
    if name.endswith((".yaml", ".yml", ".tpl")):
        return _of_yaml(typed, quoted, text)
    if name.endswith((".sh", ".bash")) and _RUN_LINE.search(text):
        return f"{typed} starts a container: give its line, ovms-doctor check --docker-run 'docker run …'"
    if name.endswith((".log", ".txt")) and _LOG_LINE.search(text):
        return f"{typed} is the log of a server: ovms-doctor logs {quoted}"
    if name.endswith(".env"):
        return f"{typed} contains environment variables: use --env-file {quoted} with a target"
    return None


def _of_yaml(typed: str, quoted: str, text: str) -> str | None:
    if _API_VERSION.search(text) and _KIND.search(text):
        return f"{typed} is a Kubernetes manifest: ovms-doctor check --kubernetes {quoted}"
    if _SERVICES.search(text):
        return f"{typed} is a Compose file: ovms-doctor check --compose {quoted}"
    return None


def _of_json(typed: str, quoted: str, text: str) -> str | None:
    """Returns the sentence for a JSON document; None for one that is longer than the part that was read, or not
    JSON: it is used as a configuration file."""
    if _FACTS.match(text):
        return f"{typed} holds recorded facts: ovms-doctor check --facts {quoted}"
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list):
        first = value[0] if value else None
        if isinstance(first, dict) and "Config" in first and ("HostConfig" in first or "State" in first):
            return f"{typed} is the output of docker inspect: ovms-doctor check --inspect {quoted}"
        return None
    if not isinstance(value, dict):
        return None
    if "apiVersion" in value and "kind" in value:
        return f"{typed} is a Kubernetes manifest: ovms-doctor check --kubernetes {quoted}"
    if isinstance(value.get("services"), dict):
        return f"{typed} is a Compose file: ovms-doctor check --compose {quoted}"
    if "findings" in value and "schema_version" in value:
        return f"{typed} is a report of ovms-doctor; name the target of the report instead"
    return None
