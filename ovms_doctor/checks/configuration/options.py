"""Options without an effect, and settings that are not part of the prediction."""

from __future__ import annotations

import posixpath
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


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on options without an effect, and on settings that are not part of the prediction."""
    arguments = context.deployment.arguments
    if arguments is not None:
        unmatched = [text for text in arguments.without_effect if text in arguments.unmatched]
        options = [text for text in arguments.without_effect if text not in arguments.unmatched]
        if options:
            yield _ignored_options(context, options, with_config=bool(arguments.config_path))
        if unmatched:
            yield _ignored_words(context, unmatched)
    for item in context.plan.ignored:
        yield context.finding(
            NOT_LOOKED_AT,
            f"{item.location} is not checked: {item.text} is not part of this prediction"
            if item.text != item.location
            else f"{item.location} is not checked: its effect is not part of this prediction",
            path=context.plan.config_path if item.location.startswith("/") else None,
        )


def _ignored_options(context: Context, options: list[str], *, with_config: bool) -> Finding:
    names = ", ".join(options)
    reason = "together with --config_path" if with_config else "in this release"
    return context.finding(
        OPTION_WITHOUT_EFFECT,
        f"{names} {'has' if len(options) == 1 else 'have'} no effect {reason}",
        evidence=(Evidence(names, "the arguments"),),
        recovers="restart",
    )


def _ignored_words(context: Context, words: list[str]) -> Finding:
    """Returns the finding on arguments that belong to no option. The program's own name is harmless: nothing that was
    intended is missing."""
    names = ", ".join(words)
    belong, them = ("belongs", "it") if len(words) == 1 else ("belong", "them")
    harmless = all(posixpath.basename(word) == "ovms" for word in words)
    return context.finding(
        OPTION_WITHOUT_EFFECT,
        f"{names} {belong} to no option: OVMS {context.deployment.release} ignores {them}",
        severity="info" if harmless else None,
        detail=f"Since 2024.0 the server refuses {names}.",
        evidence=(Evidence(names, "the arguments"),),
        recovers="restart",
        steps=(Step(f"Remove {' and '.join(words)}."),),
    )
