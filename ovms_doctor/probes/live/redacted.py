"""What a server answered, without texts that look like secrets: they are shown, and saved with the facts."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from ovms_doctor.model.live import Observations
from ovms_doctor.model.text import redact, same_length

#: Fields with what was requested, and with names of servables: other answers and the configuration have the same.
_NAMES = ("path", "model", "name", "request")


def without_secrets(observed: Observations) -> Observations:
    """Returns the observations with asterisks in the place of secrets, as many as the body of an answer has
    characters there."""
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
