"""Versions over time: what stands in for a broken one, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import path_advice as where
from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import CausedBy, Evidence, Finding
from ovms_doctor.model.plan import ModelPlan, VersionPlan


def check(context: Context) -> Iterator[Finding]:
    for model in context.plan.models:
        if not model.tried:
            # What else keeps a model from being tried is said where it is known.
            if context.plan.outcome in ("exits", "never_ends"):
                yield _model_not_tried(context, model)
            continue
        if model.never_ends is not None:
            yield _never_ends(context, model, model.never_ends)
        if model.at_poll and model.ended is not None:
            yield _dies_later(context, model)
        for version in model.versions:
            if _goes_down(version):
                yield _goes_down_finding(context, model, version)
        yield from _missed(context, model)
        yield from _not_tried(context, model)


def _goes_down(version: VersionPlan) -> bool:
    return bool(version.now and version.now.available and version.later and not version.later.available)


def _goes_down_finding(context: Context, model: ModelPlan, version: VersionPlan) -> Finding:
    broken = [item.version for item in model.versions if _broken(item)]
    names = ", ".join(str(number) for number in broken)
    return context.finding(
        "OVD115",
        f"Version {version.version} stands in after start-up and is unloaded at the next poll",
        model=model.entry.name,
        version=version.version,
        path=where.below(model.entry.base_path, version.version),
        base=model.entry.base_path,
        detail="At the next poll the server no longer counts the versions known to be broken "
        f"({names}) as missing, asks for one of them instead, and retires this one. "
        "The model then serves nothing until one of those is mended or removed.",
        evidence=(Evidence(f"versions that do not load: {names}", "the rules of this release"),),
        recovers="next_poll",
        causes=tuple(CausedBy(version=number) for number in broken),
    )


def _broken(version: VersionPlan) -> bool:
    return version.attempt is not None and version.attempt.outcome in ("failed", "threw")


def _missed(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """A good older version stays unused because the server searches an unsorted list."""
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
        "OVD116",
        f"Version {max(unused)} does not stand in for the broken {names}: the server's search misses it",
        model=model.entry.name,
        version=model.missed[-1],
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="The list of versions is in the order of their names "
        f"({order}), and the server searches it as if it were in the order of the numbers.",
        evidence=(where.listed(model.entry.base_path, f"order of the directories' names: {order}"),),
        recovers=context.recovers(),
        causes=tuple(CausedBy(version=number) for number in model.missed),
    )


def _dies_later(context: Context, model: ModelPlan) -> Finding:
    """A version that an exception kept from being tried at start-up crashes the process a poll later."""
    return context.finding(
        "OVD343",
        f"The server comes up, and dies with exit code {model.ended} at its first look after that",
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
            f"At the first look after start-up, version {version} is tried again without pause, for ever"
        )
    return context.finding(
        "OVD117",
        message,
        model=model.entry.name,
        version=version,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail=f"Several directories ({names}) are read as version {version}, it does not load, and the "
        "server's search misses it in its list: it is tried again at once, for ever. No later model is "
        "loaded and the log grows without bound.",
        evidence=(where.listed(model.entry.base_path, f"directories {names}"),),
        recovers="restart",
        causes=(CausedBy(version=version),),
    )


def _not_tried(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Asked for, and not even tried at start-up, because an earlier version threw."""
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
                "OVD118",
                f"Version {version.version} is not tried at start-up: the load of {names} threw",
                model=model.entry.name,
                version=version.version,
                path=where.below(model.entry.base_path, version.version),
                base=model.entry.base_path,
                detail="The exception ends the whole round of loading; the rest has to wait for the next poll.",
                recovers="next_poll",
                causes=tuple(CausedBy(version=number) for number in thrown),
            )


def _model_not_tried(context: Context, model: ModelPlan) -> Finding:
    return context.finding(
        "OVD118",
        f"{model.entry.name} is never tried: start-up does not get to it",
        model=model.entry.name,
        path=model.entry.base_path,
        base=model.entry.base_path,
        detail="An earlier model ends the process or never comes back.",
        recovers="restart",
    )
