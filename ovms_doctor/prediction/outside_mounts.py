"""Paths that the server does not find because nothing is mounted there: configured paths, and targets of links."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from msgspec.structs import replace

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import ListDirectory
from ovms_doctor.model.names import is_remote, looks_like_version
from ovms_doctor.model.plan import ModelPlan, Plan
from ovms_doctor.model.plan_problems import OutsideFile
from ovms_doctor.prediction.mounted_facts import MountedFacts
from ovms_doctor.prediction.paths import absolute

_MAPPING = "mapping_config.json"
#: Variables with the path of a file of credentials, by the stores whose clients read it.
_CREDENTIALS = {
    "s3://": ("AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    "gs://": ("GOOGLE_APPLICATION_CREDENTIALS",),
}
_Use = Literal["model", "mapping", "key"]


def mark_outside(plan: Plan, facts: MountedFacts, deployment: Deployment) -> Plan:
    """Returns the plan with a note on each path that the server misses because nothing is mounted there. Raises
    FactsMissingError."""
    paths = []
    if plan.problem is not None and plan.problem.kind == "config_unreadable" and plan.problem.path:
        paths.append(plan.problem.path)
    for model in plan.models:
        base = model.detection.problem
        if base is not None and base.kind == "missing":
            paths.append(model.entry.base_path)
        if model.graph is not None and model.graph.reason == "missing":
            paths.append(model.graph.path)
    paths += [library.path for library in plan.libraries if library.reason == "missing"]
    found = []
    _request_mount_contents(paths, facts, deployment)
    for path in dict.fromkeys(paths):
        full = absolute(path, deployment.working_directory)
        outside = facts.outside(full) or facts.outside_own(full)
        if outside is not None:
            found.append(replace(outside, path=path))
    files = (*_links(plan, facts, deployment), *_keys(plan, facts, deployment))
    if not found and not files:
        return plan
    return replace(plan, outside=tuple(found), outside_files=tuple(dict.fromkeys(files)))


def _request_mount_contents(paths: Iterable[str], facts: MountedFacts, deployment: Deployment) -> None:
    """Requests the content of the mounts above missing paths: an empty mount is an explanation. Raises
    FactsMissingError."""
    if deployment.container is None:
        return
    questions: list[ListDirectory] = []
    for path in paths:
        mount = deployment.mount_table.mount_of(deployment.absolute(path))
        if mount is not None:
            questions.append(ListDirectory(mount.server))
    facts.need(one for one in questions if one.path != "/")


# -- links ---------------------------------------------------------------------------------------------


def _links(plan: Plan, facts: MountedFacts, deployment: Deployment) -> Iterator[OutsideFile]:
    """Yields the links that lead out of the mounts, among those that decide what is served. Raises
    FactsMissingError."""
    if not deployment.mount_table.mounts:
        return
    config = plan.config_path or deployment.config_path
    if config is not None:
        yield from _link(absolute(config, deployment.working_directory), "model", None, facts, deployment)
    for model in plan.models:
        if is_remote(model.entry.base_path):
            continue
        for path, use in _files_of(model, deployment):
            yield from _link(path, use, model.entry.name, facts, deployment)


def _files_of(model: ModelPlan, deployment: Deployment) -> Iterator[tuple[str, _Use]]:
    """Yields the absolute paths that are read to serve a model."""
    base = absolute(model.entry.base_path, deployment.working_directory).rstrip("/")
    yield base, "model"
    if model.kind != "classic" or model.meant is not None:
        # Other findings report the files of a graph or a generative model, which are often links into a cache.
        return
    listing = model.detection.listing
    for entry in listing.entries if listing is not None else ():
        if entry.kind == "link" and looks_like_version(entry.name):
            yield f"{base}/{entry.name}", "model"
    for version in model.versions:
        if version.attempt is not None:
            top = absolute(version.attempt.path, deployment.working_directory)
            yield f"{top}/{_MAPPING}", "mapping"
            for file in (version.attempt.path, *version.attempt.opened):
                yield absolute(file, deployment.working_directory), "model"


def _link(
    path: str, use: _Use, model: str | None, facts: MountedFacts, deployment: Deployment
) -> Iterator[OutsideFile]:
    outside = facts.behind_link(path)
    if outside is None:
        return
    link = deployment.host_path(path)
    real = facts.host(link)
    host = None if real is None else real.resolved or link
    yield OutsideFile(path, outside.path, use, "", model, host, outside.certain)


# -- credentials and keys ------------------------------------------------------------------------------


def _keys(plan: Plan, facts: MountedFacts, deployment: Deployment) -> Iterator[OutsideFile]:
    """Yields the files of credentials and keys that are under no mount. Raises FactsMissingError."""
    stores = {prefix for prefix in _CREDENTIALS if any(_is_in(prefix, model) for model in plan.models)}
    if any(item.name == "AWS_ACCESS_KEY_ID" and not item.empty for item in deployment.environment):
        # With keys in the environment the SDK reads no file.
        stores.discard("s3://")
    names = [name for prefix in sorted(stores) for name in _CREDENTIALS[prefix]]
    for variable in deployment.environment:
        if variable.name in names and not variable.empty and variable.text is not None:
            yield from _key(variable.text, variable.name, None, facts)
    arguments = deployment.arguments
    option = None if arguments is None else arguments.value("api_key_file")
    if option:
        yield from _key(option, "--api_key_file", None, facts)
    for path, name, model in _loader_files(plan):
        yield from _key(path, name, model, facts)


def _is_in(prefix: str, model: ModelPlan) -> bool:
    return model.entry.base_path.startswith(prefix)


def _loader_files(plan: Plan) -> Iterator[tuple[str, str, str | None]]:
    """Yields the files that custom loaders need: the loader's own, and those of its models, such as a key."""
    if (
        plan.config_positions is None
        or plan.outcome == "exits"
        or b"custom_loader" not in plan.config_positions.data
    ):
        return
    try:
        document: Any = json.loads(plan.config_positions.data)
    except (ValueError, RecursionError):
        return
    for item in _configs(document, "custom_loader_config_list"):
        path = item.get("loader_config_file")
        if isinstance(path, str):
            yield path, "loader_config_file", None
    for item in _configs(document, "model_config_list"):
        options, name = item.get("custom_loader_options"), item.get("name")
        for key, path in options.items() if isinstance(options, dict) else ():
            if isinstance(path, str) and key.lower().endswith(("file", "path", "key")):
                yield path, f"custom_loader_options.{key}", name if isinstance(name, str) else None


def _configs(document: Any, key: str) -> Iterator[dict[str, Any]]:
    listed = document.get(key) if isinstance(document, dict) else None
    for item in listed if isinstance(listed, list) else ():
        config = item.get("config") if isinstance(item, dict) else None
        if isinstance(config, dict):
            yield config


def _key(path: str, named_by: str, model: str | None, facts: MountedFacts) -> Iterator[OutsideFile]:
    if not path.startswith("/"):
        return
    outside = facts.outside(path)
    if outside is not None:
        host = path if outside.on_this_host else None
        yield OutsideFile(path, path, "key", named_by, model, host, outside.certain)
