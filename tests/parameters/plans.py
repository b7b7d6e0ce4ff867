"""Recorded cases with model parameters, planned model by model: entries in, plans out.

The argument line and config.json are read here in a simple way; their rules have tests of their own.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovms_doctor.model.deployment import (
    DEFAULT_POLICY,
    Deployment,
    ModelEntry,
    ModelParameters,
    VersionPolicy,
)
from ovms_doctor.model.facts import Facts, FactsMissingError
from ovms_doctor.model.host import User
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.parameters import ParsedParameters
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.parameters.parsed import parse_parameters
from ovms_doctor.prediction.paths import join_base_path
from ovms_doctor.prediction.servable import plan_model
from tests.cases_build import Case, build
from tests.cases_run import collector

PARAMETERS = frozenset(
    "batch_size shape layout nireq target_device plugin_config allow_cache mean scale "
    "color_format precision stateful idle_sequence_cleanup low_latency_transformation max_sequence_number".split()
)


@dataclass(frozen=True, slots=True)
class Followed:
    """One entry of a case: its parsed parameters, and its plan; None if it is never loaded."""

    entry: ModelEntry
    parsed: ParsedParameters
    plan: ModelPlan | None


def documents(case: Case) -> list[Any]:
    """The case's config.json, if it is JSON."""
    found = []
    for item in case.tree:
        if item.path == "config.json" and item.kind in ("file", "json"):
            value = item.arguments[0]
            try:
                found.append(json.loads(value) if item.kind == "file" else value)
            except ValueError:
                continue
    return found


def has_parameters(case: Case) -> bool:
    if any(word.removeprefix("--").split("=")[0] in PARAMETERS for word in case.arguments("")):
        return True
    entries = [
        item.get("config", {})
        for document in documents(case)
        if isinstance(document, dict)
        for item in document.get("model_config_list", ())
    ]
    return any(set(entry) & PARAMETERS for entry in entries)


def policy_of(value: Any) -> VersionPolicy:
    if not value:
        return DEFAULT_POLICY
    ((kind, inner),) = value.items()
    if kind == "latest":
        return VersionPolicy("latest", inner["num_versions"])
    return VersionPolicy(kind, versions=tuple(inner.get("versions", ())))


def entries_of(case: Case, directory: str) -> tuple[str, list[ModelEntry]]:
    """Mode and entries, without entries whose name was used before."""
    arguments = list(case.arguments(directory))
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    cwd = case.filled("cwd", directory) or ("/" if case.uid else directory)
    if "--config_path" not in options:
        options_of_entry = {
            key[2:]: value for key, value in options.items() if key[2:] in PARAMETERS and value
        }
        values = tuple((key, json.dumps(value)) for key, value in options_of_entry.items())
        policy = policy_of(json.loads(options.get("--model_version_policy") or "null"))
        path = join_base_path(options["--model_path"], cwd + "/")
        entry = ModelEntry(options["--model_name"], path, policy, ModelParameters(values, "arguments"))
        return "single", [entry]
    (document,) = documents(case)
    entries = []
    for item in document["model_config_list"]:
        config = json.loads(json.dumps(item["config"]).replace("{D}", directory))
        values = tuple((key, json.dumps(value)) for key, value in config.items() if key in PARAMETERS)
        path = join_base_path(config.get("base_path", ""), directory + "/")
        policy = policy_of(config.get("model_version_policy"))
        entries.append(ModelEntry(config["name"], path, policy, ModelParameters(values, "config")))
    return "config", entries


def follow(case: Case, directory: Path) -> list[Followed]:
    """Builds the case and plans each of its entries as the server does: a refused entry is skipped; an
    unsupported key also skips the later entries."""
    build(case, directory)
    root = os.fspath(directory)
    mode, entries = entries_of(case, root)
    release = parse_release(case.release)
    deployment = Deployment(
        mode,  # type: ignore[arg-type]
        release,
        "test",
        User(case.uid, case.uid),
        working_directory=case.filled("cwd", root) or ("/" if case.uid else root),
        bare_metal=True,
        options=CheckOptions(load="compile"),
    )
    facts = Facts()
    followed: list[Followed] = []
    taken: set[str] = set()
    for entry in entries:
        parsed = parse_parameters(entry, release)
        plan = None
        if parsed.problem is None and parsed.abort is None and entry.name not in taken:
            taken.add(entry.name)
            plan = settle(entry, deployment, facts, case.uid)
        followed.append(Followed(entry, parsed, plan))
        if parsed.abort is not None:
            break
    return followed


def settle(entry: ModelEntry, deployment: Deployment, facts: Facts, uid: int) -> ModelPlan:
    for _ in range(1000):
        try:
            return plan_model(entry, deployment, deployment.mode, facts)
        except FactsMissingError as missing:
            facts.add(collector(uid).collect(missing.questions))
    raise AssertionError("the rules never stop asking for facts")
