"""A server's answers without texts that look like secrets: they are shown, and saved with the facts."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from ovms_doctor.model.live import Observations
from ovms_doctor.model.text import redact, same_length

#: Fields with the request and with names of servables: other answers and the configuration have the same texts.
_NAMES = ("path", "model", "name", "request")


def without_secrets(observed: Observations) -> Observations:
    """Returns the observations with asterisks instead of secrets; in the body of an answer as many as the secret has
    characters."""
    redacted: Observations = _redacted(observed)
    return redacted


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("latin-1"), same_length).encode("latin-1")
    if isinstance(value, tuple):
        return tuple(map(_redacted, value))
    if isinstance(value, Struct):
        fields = {name: _redacted(item) for name, item in asdict(value).items() if name not in _NAMES}
        return replace(value, **fields)
    return value
