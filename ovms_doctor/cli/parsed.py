"""Turns parsed values, by field of all options' records, into the values of one record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import fields

from ovms_doctor.model.option import options_of
from ovms_doctor.model.option_values import patterns
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.model.text import redact_typed


def values_of(record: type[Any], parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the typed values of a record's options, by field, without the credentials of addresses."""
    many = {item.name for item in fields(record) if item.default == () and item.name in parsed}
    typed = {
        name: value
        for name, value in parsed.items()
        if name in options_of(record) and value not in (None, False)
    }
    return {
        name: tuple(map(_without_secrets, value)) if name in many else _without_secrets(value)
        for name, value in typed.items()
        if name not in many or value
    }


def _without_secrets(value: Any) -> Any:
    return redact_typed(value) if isinstance(value, str) else value


def output_options(parsed: Mapping[str, Any]) -> OutputOptions:
    """Returns the typed options of the report."""
    values = values_of(OutputOptions, parsed)
    for name in ("select", "ignore"):
        values[name] = patterns(f"--{name}", values.get(name, ()))
    if "adjustments" in parsed:
        values["adjustments"] = parsed["adjustments"]
    return OutputOptions(**values)
