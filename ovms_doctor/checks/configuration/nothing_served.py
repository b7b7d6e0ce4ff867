"""Configurations that the server accepts, but that serve nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.deployment import VersionPolicy
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Recovers
from ovms_doctor.model.plan import ModelPlan

POLICY_MATCHES_NOTHING = Code(
    code="OVD401",
    name="policy-matches-nothing",
    severity="error",
    summary="The version policy matches none of the existing versions",
    remedy=(
        "Request an existing version, or add the requested version. The server finds it at the next poll."
    ),
    releases=(
        "The same in all releases. Since 2026.3 a single file is always version 1, so a policy for "
        "another number matches nothing."
    ),
    see_also=("OVD407", "OVD101"),
    example=Example('{"specific": {"versions": [3]}}\nm/1/', '{"specific": {"versions": [1]}}\nm/1/'),
)

NO_MODELS_CONFIGURED = Code(
    code="OVD409",
    name="no-models-configured",
    severity="error",
    summary="The configuration contains no model",
    remedy=(
        "Add an entry for each model to model_config_list. The server reads the file again when "
        "its content changes."
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD402", "OVD123"),
    example=Example(
        '{"model_config_list": []}', '{"model_config_list": [{"config": {"name": "m", "base_path": "/m"}}]}'
    ),
)


CODES = (POLICY_MATCHES_NOTHING, NO_MODELS_CONFIGURED)


def check_configuration(context: Context) -> Iterator[Finding]:
    """Yields a finding if the configuration has no entry."""
    plan = context.plan
    if plan.config_path is not None and plan.outcome == "serves" and not (plan.models or plan.skipped):
        yield _names_nothing(context, plan.config_path)


def check_policies(context: Context) -> Iterator[Finding]:
    """Yields a finding on each model whose version policy matches none of its versions."""
    for model in context.plan.models:
        if model.detection.found and not model.requested and model.kind == "classic":
            yield _matches_nothing(context, model)


def _names_nothing(context: Context, path: str) -> Finding:
    return context.finding(
        NO_MODELS_CONFIGURED,
        f"{path} contains no model: the server starts and serves nothing",
        path=path,
        evidence=(Evidence("model_config_list is empty", "read of the configuration"),),
        recovers="config_change",
    )


def _matches_nothing(context: Context, model: ModelPlan) -> Finding:
    found = ", ".join(str(version) for version in sorted(set(model.detection.found)))
    facts = [item.facts for item in context.plan.stores if item.model == model.entry.name]
    # In a store a requested version can exist although the server does not list it.
    hidden = {version for one in facts if one is not None for version in one.hidden}
    return context.finding(
        POLICY_MATCHES_NOTHING,
        f"The version policy {model.entry.policy} matches none of the existing versions: {found}",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The server starts, answers “ready”, logs nothing about it, and serves nothing under this "
        "name.",
        evidence=(path_advice.listed(model.entry.base_path, f"versions {found}"),),
        recovers=_recovers(context, model.entry.policy),
        causes=(CausedBy("OVD660", any_severity=True),) if hidden & set(model.entry.policy.versions) else (),
    )


def _recovers(context: Context, policy: VersionPolicy) -> Recovers:
    """Returns how the server applies a repair: at the next poll it finds a new version that the policy requests, where
    there can be one; another policy is another configuration."""
    requests_none = (policy.kind == "specific" and not policy.versions) or (
        policy.kind == "latest" and policy.count == 0
    )
    if not requests_none:
        return "next_poll"
    return "restart" if context.single else "config_change"
