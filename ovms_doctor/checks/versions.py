"""Versions over time: which older version replaces a broken one, and until when."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.reading.runtime import RUNTIME_CRASH
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import CausedBy, Evidence, Finding
from ovms_doctor.model.plan import ModelPlan, VersionPlan

VERSION_RETIRED_LATER = Code(
    code="OVD115",
    name="version-retired-later",
    severity="error",
    summary=(
        "An older version that is loaded at start-up instead of broken versions is unloaded at the next poll"
    ),
    remedy=(
        "Repair or remove the broken versions above the good one, or request the good one: "
        '{"specific": {"versions": [N]}}.'
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD116", "OVD103"),
    example=Example(
        "m/1/   good\nm/2/   broken\nm/3/   broken",
        "m/1/   good\nm/2/   repaired, or removed\nm/3/   removed",
    ),
)

FALLBACK_MISSED = Code(
    code="OVD116",
    name="fallback-missed",
    severity="error",
    summary=(
        "A good older version does not replace the broken newer one, because the server's search does "
        "not find the broken one"
    ),
    remedy=(
        "Repair or remove the broken version. Names that all have the same number of digits (such as "
        "dates, 20260801) avoid this."
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD115", "OVD117"),
    example=Example("m/9/    good\nm/10/   broken", "m/9/    good\nm/10/   repaired, or removed"),
)

STARTUP_NEVER_ENDS = Code(
    code="OVD117",
    name="startup-never-ends",
    severity="error",
    summary="Start-up tries the same broken version for ever",
    remedy=(
        "Stop the server, move the extra directory out of the model's directory, repair or remove the "
        "broken version, and start again."
    ),
    recovers="restart",
    releases=(
        "The same in all releases from 2022.1 on. Recorded with the server's own code of 2025.4 and 2026.3."
    ),
    see_also=("OVD103", "OVD105", "OVD116"),
    example=Example(
        "policy: all\nm/101/   good\nm/9/     broken\nm/9x/    read as 9 too",
        "policy: all\nm/101/   good\nm/9/     repaired\nm.old/9x/",
    ),
)

VERSION_NOT_TRIED = Code(
    code="OVD118",
    name="version-not-tried",
    severity="error",
    summary=("The server does not try to load a requested version or model, because of an earlier load"),
    remedy="Repair the earlier version or model, as its finding describes. This finding then disappears too.",
    releases="Exceptions of this kind since 2025.1; hanging and crashing loads in all releases.",
    see_also=("OVD117", "OVD201", "OVD202", "OVD314", "OVD343"),
    example=Example(
        "m/1/model.xml   a FIFO: never read to its end\nn/1/            never tried",
        "m/1/model.xml   a file\nn/1/            tried",
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on versions that are unloaded, missed or never tried because of another version or model."""
    for model in context.plan.models:
        if not model.tried:
            # Other reasons for which a model is not tried have findings of their own.
            if context.plan.outcome in ("exits", "never_ends") and context.plan.host_problem is None:
                yield _model_not_tried(context, model)
            continue
        if model.never_ends is not None:
            yield _never_ends(context, model, model.never_ends)
        if model.at_poll and model.ended is not None:
            yield _ends_later(context, model)
        for version in model.versions:
            if _is_retired_later(version):
                yield _retired_later(context, model, version)
        yield from _missed(context, model)
        yield from _not_tried(context, model)


def _is_retired_later(version: VersionPlan) -> bool:
    return bool(version.now and version.now.available and version.later and not version.later.available)


def _retired_later(context: Context, model: ModelPlan, version: VersionPlan) -> Finding:
    broken = [item.version for item in model.versions if _broken(item)]
    names = ", ".join(str(number) for number in broken)
    return context.finding(
        VERSION_RETIRED_LATER,
        f"Version {version.version} is loaded at start-up and unloaded at the next poll",
        model=model.entry.name,
        version=version.version,
        path=path_advice.below(model.entry.base_path, version.version),
        base=model.entry.base_path,
        detail="At the next poll the server no longer counts the versions known to be broken "
        f"({names}) as missing, requests one of them instead, and retires this one. "
        "The model then serves nothing until one of those is repaired or removed.",
        evidence=(Evidence(f"versions that do not load: {names}", "the rules of this release"),),
        recovers="next_poll",
        causes=tuple(CausedBy(version=number) for number in broken),
    )


def _broken(version: VersionPlan) -> bool:
    return version.attempt is not None and version.attempt.outcome in ("failed", "threw")


def _missed(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields a finding on a good older version that stays unused because the server searches an unsorted list."""
    if not model.missed or model.never_ends is not None:
        return
    unused = [
        item.version
        for item in model.versions
        if item.attempt is None and not item.requested and item.version < max(model.missed)
    ]
    if not unused or model.served:
        return
    names = ", ".join(str(version) for version in model.missed)
    order = ", ".join(str(version) for version in model.detection.found)
    yield context.finding(
        FALLBACK_MISSED,
        f"Version {max(unused)} does not replace the broken {names}: the server's search does not find it",
        model=model.entry.name,
        version=model.missed[-1],
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The list of versions is in the order of their names "
        f"({order}), and the server searches it as if it were in the order of the numbers.",
        evidence=(path_advice.listed(model.entry.base_path, f"order of the directories' names: {order}"),),
        recovers=context.recovers(),
        causes=tuple(CausedBy(version=number) for number in model.missed),
    )


def _ends_later(context: Context, model: ModelPlan) -> Finding:
    """Returns the finding on a version that an exception delays from start-up to the first poll, at which it ends the
    process."""
    return context.finding(
        RUNTIME_CRASH,
        f"The server starts, and ends with exit code {model.ended} at its first poll",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        recovers="restart",
    )


def _never_ends(context: Context, model: ModelPlan, version: int) -> Finding:
    names = ", ".join(f"“{name}”" for name in model.detection.directories(version))
    message = f"Start-up never ends: version {version} is tried again without pause"
    if model.at_poll:
        message = (
            f"At the first poll after start-up, version {version} is tried again without pause, for ever"
        )
    return context.finding(
        STARTUP_NEVER_ENDS,
        message,
        model=model.entry.name,
        version=version,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail=f"Several directories ({names}) are read as version {version}, it does not load, and the "
        "server's search does not find it in its list: it is tried again at once, for ever. No later model "
        "is loaded, and the log grows without limit.",
        evidence=(path_advice.listed(model.entry.base_path, f"directories {names}"),),
        recovers="restart",
        causes=(CausedBy(version=version),),
    )


def _not_tried(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields findings on requested versions that are not tried at start-up because the load of another one threw."""
    if model.never_ends is not None or model.hangs is not None or model.unknown or model.ended:
        return
    for version in model.versions:
        if version.requested and version.now is None:
            thrown = [
                item.version
                for item in model.versions
                if item.attempt is not None and item.attempt.outcome == "threw"
            ]
            names = ", ".join(str(number) for number in thrown)
            yield context.finding(
                VERSION_NOT_TRIED,
                f"Version {version.version} is not tried at start-up: the load of {names} throws an exception",
                model=model.entry.name,
                version=version.version,
                path=path_advice.below(model.entry.base_path, version.version),
                base=model.entry.base_path,
                detail="The exception ends the whole round of loading; the server loads the rest at the next poll.",
                recovers="next_poll",
                causes=tuple(CausedBy(version=number) for number in thrown),
            )


def _model_not_tried(context: Context, model: ModelPlan) -> Finding:
    return context.finding(
        VERSION_NOT_TRIED,
        f"{model.entry.name} is never tried: start-up does not reach it",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The load of an earlier model ends the process or never returns.",
        recovers="restart",
    )


CHECK = Check(
    name="versions",
    summary="which version replaces a broken one, and for how long",
    codes=(VERSION_RETIRED_LATER, FALLBACK_MISSED, STARTUP_NEVER_ENDS, VERSION_NOT_TRIED),
    run=check,
)
