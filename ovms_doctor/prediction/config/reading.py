"""config.json from its path to its entries: the file, the text, the schema, the metrics (loadConfig)."""

from __future__ import annotations

import json
import posixpath
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.config_positions import ConfigPositions, last_key
from ovms_doctor.model.config_text import ConfigText, bytes_in_fragment
from ovms_doctor.model.deployment import DEFAULT_POLICY, Deployment, ModelEntry, ModelParameters
from ovms_doctor.model.facts import (
    Facts,
    Failure,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.plan_problems import ConfigNote, StartProblem
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.config.monitoring import config_problem
from ovms_doctor.prediction.config.policy import PolicyReading, read_policy
from ovms_doctor.prediction.config.schema import (
    Violation,
    hint_for,
    missing_key,
    remedy_for,
    suggestion_for,
    takes_in_config,
    violation,
)
from ovms_doctor.prediction.config.syntax import syntax_hint
from ovms_doctor.prediction.config.text import LoneSurrogates, NestingError, NotJsonError, cut_at_nul, parse
from ovms_doctor.prediction.nearest_path import nearest_path
from ovms_doctor.prediction.parameters.members import as_text
from ovms_doctor.prediction.paths import absolute, join_base_path, root_of_config

#: A configuration larger than this, in bytes, is not read.
LIMIT = 64 << 20
#: Keys of an entry that are not parameters of the model.
_NOT_PARAMETERS = ("name", "base_path", "model_version_policy", "graph_path", "subconfig")
#: Parameters of which the server reads all members; of equal ones the last counts.
_WALKED = ("shape", "layout", "plugin_config")
_GRAPH_FILE, _SUBCONFIG = "graph.pbtxt", "subconfig.json"


class ConfigEntry(Struct, frozen=True):
    """An entry of ``model_config_list``."""

    #: The model's name, base path and parameters.
    entry: ModelEntry
    #: Files, with their paths as the server writes them; if one of them opens, the entry is a MediaPipe graph.
    graphs: tuple[str, ...] = ()
    #: The file with the models of the graph.
    subconfig: str = "subconfig.json"
    #: The custom loader that the entry names.
    loader: str | None = None
    #: Whether the server's reading of the version policy is not defined.
    undefined: bool = False
    #: The JSON pointer of the entry in a subconfig file; empty for an entry of the configuration file.
    subconfig_pointer: str = ""


class Subconfig(Struct, frozen=True):
    """The reason why the server reads no models from a graph's subconfig file, nor from those of later graphs.

    * ``reason``: it is not JSON, or has no ``model_config_list``.
    * ``message``: the parser's own text.
    """

    reason: Literal["not_json", "no_models"]
    message: str = ""


class ConfigReading(Struct, frozen=True):
    """The result of reading the configuration file."""

    #: The models in the order of the file, with repeated names.
    entries: tuple[ConfigEntry, ...] = ()
    #: The entries of ``mediapipe_config_list``.
    graphs: tuple[ConfigEntry, ...] = ()
    #: The whole document, for the other lists.
    document: dict[str, Any] | None = None
    #: The directory to which the server's relative paths are relative.
    root: str = ""
    #: The notes on keys and values without the intended effect.
    notes: tuple[ConfigNote, ...] = ()
    #: Why the process ends; None if it does not.
    problem: StartProblem | None = None
    #: Why the content is not known; None if it is known.
    unknown: CouldNotLook | None = None
    #: The positions in the file, by JSON pointer.
    config_positions: ConfigPositions | None = None


def read_config(config_path: str, deployment: Deployment, facts: Facts) -> ConfigReading:
    """Returns the content of the file, or why the process ends. Raises FactsMissingError."""
    absolute_path = absolute(config_path, deployment.working_directory)
    status = facts.ask(StatPath(absolute_path))
    if isinstance(status, Unavailable):
        return ConfigReading(unknown=CouldNotLook(config_path, status.reason, status.timed_out))
    if isinstance(status, Failure):
        problem = _unreadable(config_path, status)
        if status.missing:
            problem = replace(problem, suggestion=_other_file(absolute_path, deployment, facts))
        return ConfigReading(problem=problem)
    if status.kind == "directory":
        return ConfigReading(problem=_directory(config_path, facts.ask(ListDirectory(absolute_path))))
    if status.kind != "regular":
        reason = f"the configuration file's path is a {status.kind}"
        return ConfigReading(unknown=CouldNotLook(config_path, reason))
    if status.size > LIMIT:
        return ConfigReading(unknown=CouldNotLook(config_path, f"it is larger than {LIMIT >> 20} MiB"))
    content = facts.ask(ReadFile(absolute_path, LIMIT))
    if isinstance(content, Unavailable):
        return ConfigReading(unknown=CouldNotLook(config_path, content.reason, content.timed_out))
    if isinstance(content, Failure):
        return ConfigReading(problem=_unreadable(config_path, content))
    return replace(
        read_bytes(config_path, content.data, deployment),
        config_positions=ConfigPositions(config_path, content.data),
    )


def _other_file(absolute_path: str, deployment: Deployment, facts: Facts) -> str | None:
    """Returns the existing file that was probably intended instead of a missing one: below a mount, misspelt, or the
    only JSON file in the directory. Raises FactsMissingError."""
    nearest = nearest_path(absolute_path, deployment.mounts, facts)
    if nearest is not None or not absolute_path.lower().endswith(".json"):
        return nearest
    directory = posixpath.dirname(absolute_path)
    status = facts.ask(StatPath(directory))
    listing = facts.ask(ListDirectory(directory)) if isinstance(status, PathStatus) else None
    names = (
        [item.name for item in listing.entries if item.kind != "directory"]
        if isinstance(listing, Listing)
        else []
    )
    others = [name for name in names if name.lower().endswith(".json")]
    return posixpath.join(directory, others[0]) if len(others) == 1 else None


def _directory(path: str, listing: Listing | Failure | Unavailable) -> StartProblem:
    """Returns the problem of a directory: an ifstream opens it and reads nothing from it."""
    problem = _not_json(path, "The document is empty.", None)
    names = [entry.name for entry in listing.entries] if isinstance(listing, Listing) else None
    if names == []:
        reason = (
            "it is an empty directory; a container engine creates one where the file to be mounted does "
            "not exist"
        )
        return replace(problem, hint=reason)
    found = next((name for name in names or () if name in ("config.json", posixpath.basename(path))), None)
    reason = "it is a directory, and the server reads nothing from it: name the file"
    suggestion = None if found is None else f"{path.rstrip('/')}/{found}"
    return replace(problem, hint=reason, suggestion=suggestion)


def _unreadable(path: str, failure: Failure) -> StartProblem:
    log = (server_log.CONFIG_UNREADABLE(path=path),)
    return StartProblem("config_unreadable", "CONFIG_FILE_INVALID", 1, log, path, failure=failure)


def _not_json(path: str, error: str, at: int | None, hint: str = "") -> StartProblem:
    log = (server_log.CONFIG_NOT_JSON(error=error),)
    return StartProblem("config_not_json", "JSON_INVALID", 1, log, path, error, at=at, hint=hint)


@lru_cache(maxsize=2)
def read_bytes(config_path: str, data: bytes, deployment: Deployment) -> ConfigReading:
    """Returns how the server reads the file's bytes. Never raises for any bytes. The rules run in many rounds, each
    from the beginning: the last results are cached."""
    text = ConfigText.of(data)
    release = deployment.release
    try:
        parsed = parse(text)
    except NotJsonError as error:
        accepted = LoneSurrogates.accepted(data, error, release)
        if accepted is not None:
            return _read_accepted(config_path, accepted, deployment)
        hint = syntax_hint(text.text, error.at, error.message)
        return ConfigReading(problem=_not_json(config_path, error.message_of(release), error.at, hint))
    except NestingError:
        reason = "it is nested more deeply than ovms-doctor reads"
        return ConfigReading(unknown=CouldNotLook(config_path, reason))
    found = violation(text.text, release)
    if found is not None:
        return ConfigReading(problem=_against_schema(config_path, found, release, parsed.value))
    document, cut = cut_at_nul(parsed.value) if "\\u0000" in text.text else (parsed.value, ())
    problem = config_problem(document, deployment.arguments, release)
    if problem is not None:
        return ConfigReading(problem=replace(problem, path=config_path))
    reading = _entries(document, parsed.doubled, config_path, deployment)
    notes = tuple(ConfigNote("nul", pointer, last_key(pointer)) for pointer in cut)
    return replace(reading, notes=(*reading.notes, *notes))


def _read_accepted(config_path: str, accepted: LoneSurrogates, deployment: Deployment) -> ConfigReading:
    reading = read_bytes(config_path, accepted.data, deployment)
    problem = reading.problem
    if problem is None or problem.at is None:
        return reading
    return replace(reading, problem=replace(problem, at=accepted.original_index(problem.at)))


def _against_schema(path: str, found: Violation, release: Release, document: Any) -> StartProblem:
    message = server_log.CONFIG_SCHEMA_OLD if release.has_old_schema_message else server_log.CONFIG_SCHEMA
    line = message(schema=found.schema, keyword=found.keyword, key=bytes_in_fragment(found.key))
    missing, sibling = missing_key(found, release, document)
    return StartProblem(
        "config_schema",
        "JSON_INVALID",
        1,
        (line, server_log.CONFIG_FORMAT()),
        path,
        line,
        pointer=found.key,
        keyword=found.keyword,
        suggestion=suggestion_for(found, release, document),
        hint=hint_for(found, release),
        remedy=remedy_for(found, release, document),
        missing=missing,
        sibling=sibling,
    )


def read_subconfig(data: bytes, path: str, deployment: Deployment) -> tuple[ConfigEntry, ...] | Subconfig:
    """Returns the models of a graph's subconfig file, or why the server reads none: its schema accepts every document
    (loadMediapipeSubConfigModels, v2023.0 to v2026.3). Never raises."""
    try:
        document = parse(ConfigText.of(data)).value
    except NotJsonError as error:
        accepted = LoneSurrogates.accepted(data, error, deployment.release)
        if accepted is not None:
            return read_subconfig(accepted.data, path, deployment)
        return Subconfig("not_json", error.message_of(deployment.release))
    except NestingError:
        return Subconfig("not_json")
    entries = document.get("model_config_list") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        return Subconfig("no_models")
    configs = [(at, item.get("config")) for at, item in enumerate(entries) if isinstance(item, dict)]
    whole = [
        (at, config)
        for at, config in configs
        if isinstance(config, dict) and isinstance(config.get("name"), str)
    ]
    root = root_of_config(path, deployment.working_directory)
    found = []
    for at, config in whole:
        policy = (
            read_policy(config["model_version_policy"], deployment.release)
            if isinstance(config.get("model_version_policy"), dict)
            else None
        )
        item = _entry(config, "", root, deployment.release, policy)
        found.append(replace(item, subconfig_pointer=f"/model_config_list/{at}/config"))
    return tuple(found)


# -- entries -------------------------------------------------------------------------------------------


def _entries(
    document: dict[str, Any], doubled: tuple[str, ...], config_path: str, deployment: Deployment
) -> ConfigReading:
    root = root_of_config(config_path, deployment.working_directory)
    release = deployment.release
    notes = [ConfigNote("doubled_key", "", key) for key in doubled]
    entries = []
    for index, item in enumerate(document["model_config_list"]):
        pointer = f"/model_config_list/{index}"
        config = item["config"]
        notes += [
            ConfigNote(
                "ignored_key",
                f"{pointer}/{key}",
                key,
                config["name"],
                movable=key not in config and takes_in_config(key, value, release),
            )
            for key, value in item.items()
            if key != "config"
        ]
        if not config.get("base_path"):
            notes.append(ConfigNote("no_base_path", f"{pointer}/config", root, config["name"]))
        policy = (
            read_policy(config["model_version_policy"], release) if "model_version_policy" in config else None
        )
        notes += _policy_notes(policy, f"{pointer}/config/model_version_policy", config)
        entries.append(_entry(config, f"{pointer}/config", root, release, policy))
    graphs = [
        _graph_entry(item, f"/mediapipe_config_list/{index}", root)
        for index, item in enumerate(document.get("mediapipe_config_list", []))
    ]
    return ConfigReading(tuple(entries), tuple(graphs), document, root, tuple(notes))


def _policy_notes(policy: PolicyReading | None, pointer: str, config: dict[str, Any]) -> list[ConfigNote]:
    """Returns a policy that is valid for the schema until v2022.3 but not understood by the server: latest 1
    applies."""
    if policy is None or (policy.policy is not None and not policy.log):
        return []
    text, log = json.dumps(config["model_version_policy"]), policy.log
    if policy.policy is None and not policy.undefined:
        log = (*log, server_log.POLICY_UNPARSABLE(status=server_log.STATUS_TEXT[policy.status]))
    kind: Literal["policy", "policy_item"] = "policy" if policy.policy is None else "policy_item"
    return [ConfigNote(kind, pointer, text, config["name"], log)]


def _entry(
    config: dict[str, Any], pointer: str, root: str, release: Release, policy: PolicyReading | None
) -> ConfigEntry:
    values = tuple(
        (key, as_text(value) if key in _WALKED else json.dumps(value))
        for key, value in config.items()
        if key not in _NOT_PARAMETERS
    )
    entry = ModelEntry(
        config["name"],
        join_base_path(config.get("base_path", ""), root),
        (policy.policy if policy is not None else None) or DEFAULT_POLICY,
        ModelParameters(values, "config"),
        pointer,
    )
    options = config.get("custom_loader_options")
    loader = options["loader_name"] if isinstance(options, dict) else None
    undefined = policy is not None and policy.undefined
    subconfig = config.get("subconfig", _SUBCONFIG)
    return ConfigEntry(entry, graph_files(config, root, release), subconfig, loader, undefined)


def _graph_entry(config: dict[str, Any], pointer: str, root: str) -> ConfigEntry:
    """Returns an entry of ``mediapipe_config_list``: always a graph, and its ``graph_path`` is always used."""
    base = _graph_directory(config, root)
    entry = ModelEntry(config["name"], base, pointer=pointer)
    path = join_base_path(config.get("graph_path", _GRAPH_FILE), base)
    return ConfigEntry(entry, (path,), config.get("subconfig", _SUBCONFIG))


def _graph_directory(config: dict[str, Any], root: str) -> str:
    directory = config.get("base_path") or config["name"] + "/"
    return join_base_path(directory if directory.endswith("/") else directory + "/", root)


def graph_files(config: dict[str, Any], root: str, release: Release) -> tuple[str, ...]:
    """Returns the paths at which the server searches for graph.pbtxt (``MediapipeGraphConfig::parseNode`` and
    ``CheckStartFromGraph``). Without a graph path, it is the directory with the graph's name next to the
    configuration."""
    base = _graph_directory(config, root)
    named = config.get("graph_path", _GRAPH_FILE)
    if not release.at_least(2025, 2, 1) and release.at_least(2025, 1):
        named = _GRAPH_FILE
    return (join_base_path(named, base), f"{base}1/{_GRAPH_FILE}")
