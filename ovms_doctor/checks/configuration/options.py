"""Options without an effect, and settings that are not part of the prediction."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step

OPTION_WITHOUT_EFFECT = Code(
    code="OVD416",
    name="option-without-effect",
    severity="warning",
    summary="The server accepts an option and ignores it",
    remedy="Move the parameters of a model into its entry of the configuration.",
    recovers="restart",
    releases=(
        "mean, scale, color_format and precision exist since 2026.0; arguments that belong to no option are "
        "refused since 2024.0."
    ),
    see_also=("OVD406",),
    example=Example(
        "--config_path /config.json --layout NHWC:NCHW",
        '{"config": {"name": "m", "base_path": "/models/m", "layout": "NHWC:NCHW"}}',
    ),
)


NOT_LOOKED_AT = Code(
    code="OVD410",
    name="not-looked-at",
    severity="info",
    summary="The deployment has a setting that ovms-doctor does not check",
    remedy="Nothing has to be changed. The report does not cover the setting.",
    releases=ALL_RELEASES,
    see_also=("OVD903",),
    example=Example('{"config": {"name": "m", "base_path": "/m", "nireq": 4}}', "nothing to repair"),
)


CODES = (OPTION_WITHOUT_EFFECT, NOT_LOOKED_AT)


def _removal(unmatched: list[str]) -> str:
    belong = "it belongs" if len(unmatched) == 1 else "they belong"
    return f"Remove {' and '.join(unmatched)}: {belong} to no option."


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on options without an effect, and on settings that are not part of the prediction."""
    arguments = context.deployment.arguments
    if arguments is not None and arguments.without_effect:
        options = ", ".join(arguments.without_effect)
        unmatched = [text for text in arguments.without_effect if text in arguments.unmatched]
        reason = "together with --config_path" if arguments.config_path else "in this release"
        yield context.finding(
            OPTION_WITHOUT_EFFECT,
            f"{options} {'has' if len(arguments.without_effect) == 1 else 'have'} no effect {reason}",
            detail="" if not unmatched else f"Since 2024.0 the server refuses {', '.join(unmatched)}.",
            evidence=(Evidence(options, "the arguments"),),
            recovers="restart",
            steps=(Step(_removal(unmatched)),) if unmatched else (),
        )
    for item in context.plan.ignored:
        yield context.finding(
            NOT_LOOKED_AT,
            f"{item.location} is not checked: {item.text} is not part of this prediction"
            if item.text != item.location
            else f"{item.location} is not checked: its effect is not part of this prediction",
            path=context.plan.config_path if item.location.startswith("/") else None,
        )
