"""Secrets of plugin_config, which OpenVINO quotes in its errors, are removed from findings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from msgspec.structs import replace

from ovms_doctor.checks.context import Context
from ovms_doctor.model.deployment import ModelParameters
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.property_values import hidden_values
from ovms_doctor.model.text import HIDDEN

#: Names of secrets, whose values are removed however short they are.
_SECRET = lazy_pattern(r"key|token|secret|passw|credential|encrypt", re.IGNORECASE)
#: A value shorter than this is removed only where its name is one of a secret, and as a word of its own.
_SHORT = 4


def hider(context: Context) -> Callable[[tuple[Finding, ...]], tuple[Finding, ...]]:
    """A function that returns findings without the secret values of plugin_config in the deployment."""
    found = {value for parameters in _parameters(context) for value in _secrets_of(parameters)}
    spelled = {form for value in found for form in (value, json.dumps(value)[1:-1])}
    if not spelled:
        return lambda findings: findings
    pattern = re.compile("|".join(_as_pattern(value) for value in sorted(spelled, key=len, reverse=True)))
    return lambda findings: tuple(_without(finding, pattern) for finding in findings)


def _parameters(context: Context) -> Iterator[ModelParameters]:
    if context.deployment.arguments is not None:
        yield context.deployment.arguments.parameters
    yield from (model.entry.parameters for model in context.plan.models)
    yield from (item.entry.parameters for item in context.plan.skipped)


def _secrets_of(parameters: ModelParameters) -> tuple[str, ...]:
    if not any(key == "plugin_config" for key, _ in parameters.values):
        return ()
    config = parameters.get("plugin_config")
    return _secrets_in(config if isinstance(config, str) else json.dumps(config, ensure_ascii=False))


@lru_cache(maxsize=256)
def _secrets_in(plugin_config: str) -> tuple[str, ...]:
    """Of many models, most have the same."""
    return tuple(
        value
        for name, value in hidden_values(plugin_config)
        if value.strip() and (len(value) >= _SHORT or _SECRET.search(name))
    )


def _as_pattern(value: str) -> str:
    escaped = re.escape(value)
    return rf"(?<!\w){escaped}(?!\w)" if len(value) < _SHORT else escaped


def _without(finding: Finding, pattern: re.Pattern[str]) -> Finding:
    def hide(text: str) -> str:
        return pattern.sub(HIDDEN, text)

    def all_of(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(hide(text) for text in texts)

    return replace(
        finding,
        message=hide(finding.message),
        detail=hide(finding.detail),
        server_log=all_of(finding.server_log),
        evidence=tuple(replace(item, observation=hide(item.observation)) for item in finding.evidence),
    )
