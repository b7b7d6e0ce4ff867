"""config.json as the server reads it: RapidJSON, then its schema, then entry by entry (schema.cpp, modelconfig.cpp)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ovms_doctor import server_log
from ovms_doctor.deployment.model import (
    DEFAULT_POLICY,
    Deployment,
    ModelEntry,
    VersionPolicy,
)
from ovms_doctor.facts import Facts, Failure, ReadFile, StatPath, Unavailable
from ovms_doctor.releases import Release
from ovms_doctor.serving.model import CouldNotLook, Ignored, StartProblem
from ovms_doctor.serving.paths import absolute, join_base_path, root_of_config

#: A configuration larger than this, in bytes, is not read.
LIMIT = 64 << 20
_LOOKED_AT = ("name", "base_path", "model_version_policy")


@dataclass(frozen=True, slots=True)
class ConfigReading:
    """``entries`` in file order, without those whose name an earlier one took (``duplicates``)."""

    entries: tuple[ModelEntry, ...] = ()
    duplicates: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    problem: StartProblem | None = None
    unknown: CouldNotLook | None = None


def read_config(config_path: str, deployment: Deployment, facts: Facts) -> ConfigReading:
    """The models that the file names, or why the process ends. Raises FactsMissing."""
    where = absolute(config_path, deployment.working_directory)
    status = facts.ask(StatPath(where))
    if isinstance(status, Unavailable):
        return ConfigReading(unknown=CouldNotLook(config_path, status.reason, status.timed_out))
    if isinstance(status, Failure):
        return ConfigReading(problem=_unreadable(config_path, status))
    if status.kind == "directory":
        # An ifstream opens a directory and reads nothing from it.
        return ConfigReading(problem=_not_json(config_path, "The document is empty."))
    if status.kind != "regular":
        reason = f"a {status.kind} stands where the configuration file is expected"
        return ConfigReading(unknown=CouldNotLook(config_path, reason))
    content = facts.ask(ReadFile(where, LIMIT))
    if isinstance(content, Unavailable):
        return ConfigReading(unknown=CouldNotLook(config_path, content.reason, content.timed_out))
    if isinstance(content, Failure):
        return ConfigReading(problem=_unreadable(config_path, content))
    return _read_text(config_path, content.data, deployment)


def _unreadable(path: str, failure: Failure) -> StartProblem:
    log = (server_log.CONFIG_UNREADABLE(path=path),)
    return StartProblem("config_unreadable", "CONFIG_FILE_INVALID", 1, log, path, failure=failure)


def _not_json(path: str, error: str) -> StartProblem:
    log = (server_log.CONFIG_NOT_JSON(error=error),)
    return StartProblem("config_not_json", "JSON_INVALID", 1, log, path, error)


def _read_text(config_path: str, data: bytes, deployment: Deployment) -> ConfigReading:
    import rapidjson

    # The server hands a C string to the parser: a NUL byte ends it. Encoding is not validated.
    text = data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    try:
        document = _FirstKeyWins()(text)
    except rapidjson.JSONDecodeError as error:
        found = re.fullmatch(r"Parse error at offset \d+: (.*)", str(error), re.DOTALL)
        return ConfigReading(problem=_not_json(config_path, found.group(1) if found else str(error)))
    except (ValueError, RecursionError) as error:
        return ConfigReading(problem=_not_json(config_path, str(error)))
    violation = _violation(document, deployment.release)
    if violation is not None:
        log = (violation, server_log.CONFIG_FORMAT())
        return ConfigReading(
            problem=StartProblem("config_schema", "JSON_INVALID", 1, log, config_path, violation)
        )
    return _entries(document, config_path, deployment)


def _FirstKeyWins() -> Any:  # noqa: N802 - a class made on demand, so that the parser is imported late
    import rapidjson

    class Reader(rapidjson.Decoder):
        """RapidJSON's FindMember finds the first of equal keys; a dict would keep the last."""

        def start_object(self) -> list[tuple[str, Any]]:
            return []

        def end_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            result: dict[str, Any] = {}
            for key, value in pairs:
                result.setdefault(key, value)
            return result

    return Reader(number_mode=rapidjson.NM_NATIVE)


def _schema(release: Release) -> dict[str, Any]:
    """The part of the server's schema that concerns the keys looked at here."""
    string = {"type": "string"}
    policy: dict[str, Any] = {"type": "object"}
    if release.strict_policy:
        number = {"type": "integer", "minimum": 1}

        def only(key: str, inner: dict[str, Any]) -> dict[str, Any]:
            return {
                "type": "object",
                "required": [key],
                "properties": {key: inner},
                "additionalProperties": False,
            }

        versions = {"type": "array", "items": number}
        policy["oneOf"] = [
            only("all", {"type": "object", "minProperties": 0, "maxProperties": 0}),
            only("specific", only("versions", versions)),
            only("latest", only("num_versions", number)),
        ]
    config = {
        "type": "object",
        "required": ["name"] if release.base_path_optional else ["name", "base_path"],
        "properties": {"name": string, "base_path": string, "model_version_policy": policy},
    }
    entry: dict[str, Any] = {
        "type": "object",
        "required": ["config"],
        "properties": {"config": config},
    }
    if release.config_has_one_key:
        entry["maxProperties"] = 1
    return {
        "type": "object",
        "required": ["model_config_list"],
        "definitions": {"model_config": entry},
        "properties": {
            "model_config_list": {"type": "array", "items": {"$ref": "#/definitions/model_config"}}
        },
    }


def _violation(document: Any, release: Release) -> str | None:
    """The server's message about the first violation of its schema, or None."""
    import rapidjson

    validate = rapidjson.Validator(rapidjson.dumps(_schema(release)))
    try:
        validate(rapidjson.dumps(document))
    except rapidjson.ValidationError as error:
        keyword, schema_pointer, document_pointer = error.args
        return server_log.CONFIG_SCHEMA(schema=schema_pointer, keyword=keyword, key=document_pointer)
    return None


def _entries(document: dict[str, Any], config_path: str, deployment: Deployment) -> ConfigReading:
    root = root_of_config(config_path, deployment.working_directory)
    entries: dict[str, ModelEntry] = {}
    duplicates = []
    ignored = [Ignored(f"/{key}", key) for key in document if key != "model_config_list"]
    for index, item in enumerate(document["model_config_list"]):
        config = item["config"]
        name = config["name"]
        pointer = f"/model_config_list/{index}"
        ignored += [Ignored(f"{pointer}/{key}", key) for key in item if key != "config"]
        ignored += [Ignored(f"{pointer}/config/{key}", key) for key in config if key not in _LOOKED_AT]
        if name in entries:
            duplicates.append(name)
            continue
        base_path = join_base_path(config.get("base_path", ""), root)
        entries[name] = ModelEntry(name, base_path, _policy(config.get("model_version_policy")))
    return ConfigReading(tuple(entries.values()), tuple(duplicates), tuple(ignored))


def _policy(value: Any) -> VersionPolicy:
    """A policy that passed the schema; before v2022.3.0.1 a wrong one means the default."""
    if value is None:
        return DEFAULT_POLICY
    return parse_policy(value) or DEFAULT_POLICY


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
