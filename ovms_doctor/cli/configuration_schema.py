"""The JSON Schema of a configuration file, made from the options that it can set."""

from __future__ import annotations

from typing import Any, TypeAlias, get_origin

from ovms_doctor.cli.configured_options import NAMED_ONLY, NEVER, known_options
from ovms_doctor.model.findings import SEVERITIES
from ovms_doctor.model.option import allowed_texts

Schema: TypeAlias = dict[str, Any]


def configuration_schema() -> Schema:
    """Returns the schema of ovms-doctor.toml, and of the table tool.ovms-doctor in pyproject.toml."""
    options = _options()
    ignore = {
        "code": _text("A code prefix, or the name of a finding or check."),
        "reason": _text("The reason for ignoring the findings."),
        "model": _text("A pattern for the model's name."),
        "path": _text("A pattern for the path, counted from the directory of the configuration."),
        "expires": {
            "type": "string",
            "format": "date",
            "description": "The last day on which the rule holds; a TOML date or a text, YYYY-MM-DD.",
        },
    }
    paths = {
        "path": _text("A pattern for targets, counted from the directory of the configuration."),
        **options,
    }
    severity = {"enum": list(SEVERITIES)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ovms-doctor:config:1",
        "title": "ovms-doctor configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **options,
            "ignore": {
                "description": "Findings that are ignored, with the reason.",
                "type": "array",
                "items": _table(ignore, "code", "reason"),
            },
            "severity": {
                "description": "Severities by code prefix, or by the name of a finding or check.",
                "type": "object",
                "additionalProperties": severity,
            },
            "paths": {
                "description": "Options for the targets that match a pattern.",
                "type": "array",
                "items": _table(paths, "path"),
            },
        },
    }


def _options() -> Schema:
    """Returns a property for each option, by its long name."""
    result: Schema = {}
    for name, hint, option in known_options().values():
        if name in NEVER or name == "ignore":
            continue
        more = " Only in a file that --config names." if name in NAMED_ONLY else ""
        result[name] = {"description": option.help + more, **_type(hint)}
    return result


def _type(hint: Any) -> Schema:
    if hint is bool:
        return {"type": "boolean"}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": {"type": "string"}}
    allowed = allowed_texts(hint)
    return {"enum": list(allowed)} if allowed else {"type": ["string", "number"]}


def _text(description: str) -> Schema:
    return {"type": "string", "minLength": 1, "description": description}


def _table(properties: Schema, *required: str) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": list(required),
    }
