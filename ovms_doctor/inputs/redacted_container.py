"""A container without the secrets in its texts: a document may contain one in any field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from ovms_doctor.model.container import Container
from ovms_doctor.model.redaction import redact_log_text, without_user
from ovms_doctor.model.text import redact, redact_address

#: Fields that need no redaction here. Variables keep no value, or a fixed one; files of a document are redacted when
#: they are read. The readers themselves redact the command line and the engine's message, with more rules.
_UNCHANGED = frozenset({"environment", "files", "program", "arguments"})
#: Paths, in which the name of a file is not a secret.
_PATHS = frozenset({"mounts", "layers", "merged_directory", "working_directory"})


def without_secrets(container: Container) -> Container:
    """Returns the container with its texts redacted."""
    changed = {
        name: _changed(value, _function(name))
        for name, value in asdict(container).items()
        if name not in _UNCHANGED and value
    }
    return replace(container, **changed)


def _function(name: str) -> Callable[[str], str]:
    if name == "image":
        return lambda text: without_user(redact(text))
    if name == "log":
        return redact_log_text
    return redact_address if name in _PATHS else redact


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_changed(item, change) for item in value)
    if isinstance(value, Struct):
        return replace(value, **{name: _changed(item, change) for name, item in asdict(value).items()})
    return value
