"""The schema for config.json, by release, and the server's message about a violation.

The server validates with RapidJSON, and so does this module: RapidJSON decides which of several violations is named
first, with which pointer. These pointers depend on the structure of the schema (a ``$ref`` is named by its target), so
definitions are in the same positions as in the server (schema.cpp at each tag).
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeAlias

from msgspec import Struct

from ovms_doctor.model.config_positions import from_fragment, last_key
from ovms_doctor.model.releases import Release
from ovms_doctor.model.similar import similar_names

Schema: TypeAlias = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBERED: Schema = {"type": "integer", "minimum": 1}
_DEMULTIPLY: Schema = {"type": "integer", "minimum": -1, "maximum": 10000}

#: Keys of an entry's ``config`` that a release removed.
REMOVED = ("stateful", "idle_sequence_cleanup", "low_latency_transformation", "max_sequence_number")
#: Keys that the documentation lists or the server's code reads, but no release's schema accepts.
NEVER = ("mean", "scale", "color_format", "precision", "version")


class Violation(Struct, frozen=True):
    """The first violation; pointers are fragments."""

    #: The schema's pointer.
    schema: str
    #: The keyword of the schema.
    keyword: str
    #: The document's pointer.
    key: str


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _list_of(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _object(required: str, properties: Schema, **more: Any) -> Schema:
    """Returns the schema of an object that contains only its properties."""
    result: Schema = {"type": "object"}
    if required:
        result["required"] = required.split()
    return {**result, **more, "properties": properties, "additionalProperties": False}


def keys_of_config(release: Release) -> Schema:
    """Returns the schema of ``config`` in a model's entry."""
    shape: Schema = _ref("layout_shape_def") if release.strict_policy else {"type": ["object", "string"]}
    keys: Schema = {
        "name": _TEXT,
        "base_path": _TEXT,
        "batch_size": {"type": ["integer", "string"], "minimum": 0},
        "model_version_policy": _ref("model_version_policy") if release.strict_policy else {"type": "object"},
        "shape": shape,
        "layout": shape,
        "nireq": _COUNT,
        "target_device": _TEXT,
        "allow_cache": _FLAG,
        "plugin_config": _plugin_config(release),
        "custom_loader_options": {
            "type": "object",
            "required": ["loader_name"],
            "properties": {"loader_name": _TEXT},
            "minProperties": 1,
        },
    }
    if release.at_least(2025, 1):
        keys |= {"graph_path": _TEXT, "subconfig": _TEXT}
    if not release.at_least(2026, 3):
        keys |= dict.fromkeys(REMOVED[:3], _FLAG)
        keys |= {"max_sequence_number": _COUNT}
    return keys


def _plugin_config(release: Release) -> Schema:
    if not release.strict_policy:
        return {"type": "object"}
    values = ["string", "boolean", "number"] if release.at_least(2023, 3) else ["string", "number"]
    return {"type": "object", "additionalProperties": {"anyOf": [{"type": name} for name in values]}}


def _one_member(release: Release) -> Schema:
    return {"maxProperties": 1} if release.config_has_one_key else {}


def _models(release: Release) -> Schema:
    """Returns the schema of an entry of ``model_config_list``, and of ``custom_loader_config_list``: only ``config`` is
    described; other keys may have any type, and since v2024.0 are not allowed."""
    # In the server's schema a misplaced additionalProperties is among the properties: a key of that name with any
    # value.
    stray = {"additionalProperties": False}
    config = _object("name" if release.base_path_optional else "name base_path", keys_of_config(release))
    loader = _object(
        "loader_name library_path",
        {"loader_name": _TEXT, "library_path": _TEXT, "loader_config_file": _TEXT},
    )
    more = _one_member(release)
    return {
        name: {"type": "object", "required": ["config"], **more, "properties": {"config": inner, **stray}}
        for name, inner in (("model_config", config), ("custom_loader_config", loader))
    }


def _policies(release: Release) -> Schema:
    more = _one_member(release)
    kinds = {
        "specific_version_policy": ("versions", {"type": "array", "items": _NUMBERED}),
        "latest_version_policy": ("num_versions", _NUMBERED),
    }
    result: Schema = {
        "all_version_policy": _object("", {}, minProperties=0, maxProperties=0),
        **{name: _object(key, {key: inner}, **more) for name, (key, inner) in kinds.items()},
    }
    choices = []
    for key in ("all", "specific", "latest"):
        choice = _object(key, {key: _ref(f"{key}_version_policy")}, **more)
        del choice["type"]
        choices.append(choice)
    result["model_version_policy"] = {"oneOf": choices}
    result["layout_shape_def"] = {"oneOf": [{"type": "object", "additionalProperties": _TEXT}, _TEXT]}
    return result


def _pipelines() -> Schema:
    """Returns the schema of pipelines, their nodes and the libraries of their custom nodes: the same in every
    release."""
    custom = {
        "properties": {"type": {"enum": ["custom"]}},
        "required": ["library_name"],
        "not": {"required": ["model_name"]},
    }
    model = {
        "properties": {"type": {"enum": ["DL model"]}},
        "required": ["model_name"],
        "not": {"required": ["library_name"]},
    }
    node = _object(
        "name type inputs outputs",
        {
            "name": _TEXT,
            "model_name": _TEXT,
            "library_name": _TEXT,
            "type": {"type": "string", "enum": ["DL model", "custom"]},
            "version": _NUMBERED,
            "inputs": _list_of("source_node"),
            "outputs": _list_of("output_alias"),
            "params": {"type": "object", "additionalProperties": _TEXT},
            "demultiply_count": _DEMULTIPLY,
            "gather_from_node": _TEXT,
        },
        oneOf=[custom, model],
    )
    return {
        "source_node_names": _object("node_name data_item", {"node_name": _TEXT, "data_item": _TEXT}),
        "source_node": {
            "type": "object",
            "additionalProperties": _ref("source_node_names"),
            "minProperties": 1,
            "maxProperties": 1,
        },
        "output_alias": _object("data_item alias", {"data_item": _TEXT, "alias": _TEXT}),
        "node_config": node,
        "pipeline_config": _object(
            "name nodes inputs outputs",
            {
                "name": _TEXT,
                "nodes": _list_of("node_config"),
                "inputs": {"type": "array", "items": _TEXT},
                "outputs": _list_of("source_node"),
                "demultiply_count": _DEMULTIPLY,
            },
        ),
        "custom_node_library_config": _object("name base_path", {"name": _TEXT, "base_path": _TEXT}),
    }


def _monitoring(release: Release) -> Schema:
    listed = {"type": "array", "items": _TEXT}
    metrics = _object("enable", {"enable": _FLAG, "metrics_list": listed})
    return _object("metrics", {"metrics": metrics, "additionalProperties": False}, **_one_member(release))


def schema(release: Release) -> Schema:
    """Returns the whole schema of a release (a build with MediaPipe, as the published ones are)."""
    definitions = {**_models(release), **_pipelines()}
    lists: Schema = {
        "custom_loader_config_list": _list_of("custom_loader_config"),
        "model_config_list": _list_of("model_config"),
        "pipeline_config_list": _list_of("pipeline_config"),
        "custom_node_library_config_list": _list_of("custom_node_library_config"),
    }
    if release.strict_policy:
        definitions |= _policies(release)
    if release.at_least(2022, 2):
        lists["monitoring"] = _monitoring(release)
    if release.at_least(2023, 0):
        paths = {"name": _TEXT, "base_path": _TEXT, "graph_path": _TEXT, "subconfig": _TEXT}
        definitions["mediapipe_config"] = _object("name", paths)
        lists["mediapipe_config_list"] = _list_of("mediapipe_config")
    return {"definitions": definitions, **_object("model_config_list", lists)}


@cache
@cache
def _validator(release: Release) -> Any:
    import rapidjson

    return rapidjson.Validator(json.dumps(schema(release)))


def violation(text: str, release: Release) -> Violation | None:
    """Returns the first violation of the release's schema by ``text``, which is JSON; None if it is valid."""
    import rapidjson

    try:
        _validator(release)(text)
    except rapidjson.ValidationError as error:
        keyword, schema_pointer, document_pointer = error.args
        return Violation(schema_pointer, keyword, document_pointer)
    return None


def takes_in_config(key: str, value: Any, release: Release) -> bool:
    """Whether the ``config`` of a model's entry may have this key with this value."""
    config = {"name": "m", "base_path": "/m", key: value}
    return violation(json.dumps({"model_config_list": [{"config": config}]}), release) is None


def _at(value: Any, pointer: str) -> Any:
    """Returns the value at a JSON pointer; None if it does not exist."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def resolve(pointer: str, release: Release) -> Schema:
    """Returns the part of the schema that a fragment names, with references followed."""
    found = _at(schema(release), pointer.removeprefix("#"))
    while isinstance(found, dict) and "$ref" in found:
        found = _at(schema(release), found["$ref"].removeprefix("#"))
    return found if isinstance(found, dict) else {}


def suggestion_for(found: Violation, release: Release, document: Any) -> str | None:
    """Returns the key that was probably intended instead of an unknown or missing key. Only a suggestion."""
    if found.keyword == "additionalProperties":
        if found.key == "#/mediapipe_config_list":
            # The spelling is right: the release does not have the key.
            return None
        return _similar(last_key(from_fragment(found.key)), _names(resolve(found.schema, release)))
    if found.keyword == "required":
        missing, sibling = missing_key(found, release, document)
        return missing if sibling is not None else None
    return None


def missing_key(found: Violation, release: Release, document: Any) -> tuple[str, str | None]:
    """Returns the missing required key, and the pointer of a key that is similar to it; for an additional key, no
    missing key and the pointer of that key."""
    part = resolve(found.schema, release)
    pointer = from_fragment(found.key)
    value = _at(document, pointer)
    if not isinstance(value, dict):
        return "", None
    unknown_names = [name for name in value if name not in _names(part)]
    if found.keyword == "maxProperties" and unknown_names:
        return "", f"{pointer}/{_escaped(unknown_names[0])}"
    if found.keyword != "required":
        return "", None
    for missing in part.get("required", []):
        if missing not in value:
            similar = _similar(missing, unknown_names)
            return missing, None if similar is None else f"{pointer}/{_escaped(similar)}"
    return "", None


def remedy_for(found: Violation, release: Release, document: Any) -> str:
    """Returns a hint on a key next to ``config``, as a sentence; empty for any other violation."""
    if found.keyword != "maxProperties" or not found.schema.endswith("model_config"):
        return ""
    _, sibling = missing_key(found, release, document)
    if sibling is None:
        return ""
    key = last_key(sibling)
    config = _at(document, f"{from_fragment(found.key)}/config")
    takes = takes_in_config(key, _at(document, sibling), release)
    if takes and isinstance(config, dict) and key not in config:
        return f"Move {key} into “config”."
    return f"Remove {key}: “config” " + ("already has it." if takes else "does not accept it either.")


def _names(part: Schema) -> list[str]:
    return [name for name in part.get("properties", {}) if name != "additionalProperties"]


def _similar(meant: str, names: list[str]) -> str | None:
    """Returns the one of ``names`` that was probably intended by ``meant``: similar in spelling, or one is a part of
    the other."""
    word = meant.lower()
    by_word = {name.lower(): name for name in reversed(names)}
    close = similar_names(word, by_word, 1, 0.7)
    if not close:
        close = [one for one in by_word if min(len(one), len(word)) > 3 and (one in word or word in one)][:1]
    return by_word[close[0]] if close else None


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def hint_for(found: Violation, release: Release) -> str:
    """Returns how other releases handle it, or the right object for the key; empty without a hint."""
    key = last_key(found.key)
    if found.keyword == "additionalProperties":
        if key in REMOVED:
            return f"OVMS 2026.3 removed {key}. Its value does not matter."
        if key in NEVER:
            return f"No release accepts {key} in a configuration file. It is an option of the command line."
        if key in ("graph_path", "subconfig"):
            return f"{key} exists since OVMS 2025.1."
        if key in ("monitoring", "mediapipe_config_list"):
            return f"{key} exists since OVMS {'2022.2' if key == 'monitoring' else '2023.0'}."
    if found.keyword == "required" and found.key == "#":
        return "model_config_list is required, even if it is empty."
    if found.keyword == "required" and found.schema.endswith("config") and not release.base_path_optional:
        return "base_path is optional only since OVMS 2025.1."
    if found.keyword == "maxProperties" and found.schema.endswith("model_config"):
        return (
            "Since OVMS 2024.0 “config” is the only key that an entry can have, and it must not be repeated."
        )
    if found.keyword == "oneOf" and key == "model_version_policy":
        return (
            'It is {"all": {}}, {"latest": {"num_versions": 1}} or {"specific": {"versions": [1, 2]}}, with numbers '
            "from 1; a string that contains JSON is only for the command line."
        )
    if found.keyword == "type" and key in ("plugin_config", "model_version_policy"):
        return (
            "In a configuration file this is an object; a string that contains JSON is only for the "
            "command line."
        )
    if found.keyword == "oneOf" and key in ("shape", "layout"):
        return f"In a configuration file {key} is a string, or an object with a string for each tensor."
    rule = resolve(found.schema, release)
    if found.keyword == "anyOf" and found.schema.endswith("plugin_config/additionalProperties"):
        types = " or ".join(item.get("type", "") for item in rule.get("anyOf", []))
        return f"It has to be of the type {types}; an object in plugin_config is only for the command line."
    if found.keyword == "type" and "type" in rule:
        types = rule["type"] if isinstance(rule["type"], str) else " or ".join(rule["type"])
        exact = ". The server accepts neither 1.0 nor a number in quotes" if types == "integer" else ""
        return f"It has to be of the type {types}{exact}."
    if found.keyword == "enum" and "enum" in rule:
        return f"It has to be one of: {', '.join(map(str, rule['enum']))}."
    return ""
