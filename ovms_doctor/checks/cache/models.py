"""Models that do not use the cache, or that the server refuses with one."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding
from ovms_doctor.model.plan import ModelPlan

CACHE_LEFT_OUT = Code(
    code="OVD509",
    name="cache-left-out",
    severity="info",
    summary="The model does not use the cache",
    remedy='If this is intended, do nothing. Otherwise add "allow_cache": true. '
    "A model with a custom loader cannot have it.",
    log=(server_log.CACHE_DISABLED,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD510",),
    example=Example('"shape": "auto"', '"shape": "auto", "allow_cache": true'),
)

CACHE_WITH_CUSTOM_LOADER = Code(
    code="OVD510",
    name="cache-with-custom-loader",
    severity="error",
    summary="A model with a custom loader has allow_cache",
    remedy='Remove "allow_cache", or start the server without a cache.',
    log=(
        server_log.CACHE_CUSTOM_LOADER,
        "allow_cache is set to true with custom loader usage",
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD509",),
    example=Example('"custom_loader_options": {…}, "allow_cache": true', '"custom_loader_options": {…}'),
)


CODES = (CACHE_LEFT_OUT, CACHE_WITH_CUSTOM_LOADER)


def check(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields a finding on a model that does not use the cache, or that the server refuses because of it."""
    parameters = model.entry.parameters
    allowed = parameters.get("allow_cache") is True
    if parameters.get("custom_loader_options") is not None:
        if allowed:
            yield context.finding(
                CACHE_WITH_CUSTOM_LOADER,
                f"The model {model.entry.name} has a custom loader and allow_cache: the server loads no version of it",
                model=model.entry.name,
                confidence="medium",
                log=(server_log.CACHE_CUSTOM_LOADER(model=model.entry.name),),
                evidence=(Evidence("allow_cache is true, with custom_loader_options", "the configuration"),),
                recovers="config_change",
            )
        return
    if (
        model.parameters is not None
        and model.parameters.dynamic
        and not model.parameters.allow_cache
        and model.served
    ):
        yield context.finding(
            CACHE_LEFT_OUT,
            f"The model {model.entry.name} does not use the cache: its shape or batch size is auto",
            model=model.entry.name,
            log=(server_log.CACHE_DISABLED(model=model.entry.name),),
            evidence=(Evidence("shape or batch_size is auto, without allow_cache", "the configuration"),),
            recovers="config_change",
        )
