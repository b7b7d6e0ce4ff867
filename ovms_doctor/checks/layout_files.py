"""The files of one version: is there a complete model, and only one?"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import path_advice as where
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.facts import Listing
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan import Attempt, ModelPlan, NoModelFile, PairMissing, VersionDirectoryMissing
from ovms_doctor.model.releases import parse_release

_SHOWN = 8
#: Forms of a model that came after the first release known, with the release.
_LATER = ((".pdmodel with .pdiparams", "2022.2"), (".pb", "2022.3"), (".tflite", "2023.1"))


def attempts(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Findings on every version that was tried."""
    for version in model.versions:
        attempt = version.attempt
        if attempt is None:
            continue
        if isinstance(attempt.cause, VersionDirectoryMissing):
            yield _directory_missing(context, model, attempt, attempt.cause)
        elif isinstance(attempt.cause, NoModelFile):
            yield _no_model_file(context, model, attempt, attempt.cause)
        elif isinstance(attempt.cause, PairMissing):
            yield _pair_missing(context, model, attempt, attempt.cause)
        elif attempt.candidates and attempt.model_file and attempt.outcome in ("loaded", "failed"):
            yield _ambiguous(context, model, attempt)


def _directory_missing(
    context: Context, model: ModelPlan, attempt: Attempt, cause: VersionDirectoryMissing
) -> Finding:
    version = attempt.version
    names = ", ".join(f"“{name}”" for name in cause.names[:_SHOWN])
    steps = misnamed_steps(context, model.entry.base_path, version, cause.names)
    return context.of_attempt(
        "OVD103",
        f"The server reads {names} as version {version} and then opens {cause.path}, which is not there",
        model,
        attempt,
        evidence=(Evidence(f"directories read as {version}: {names}; no directory {version}", "list"),),
        steps=steps,
    )


def misnamed_steps(context: Context, base: str, version: int, found: tuple[str, ...]) -> tuple[Step, ...]:
    """What to do about directories that are read as a version and not called by its number."""
    if not found or str(version) in found:
        return ()
    base, name = base.rstrip("/"), found[0]
    return (
        where.rename(
            context, f"{base}/{name}", f"{base}/{version}", f"If it is to be served, call it {version}."
        ),
        where.aside(context, base, name, "Or, if it is not, move it out of the model's directory."),
    )


def _no_model_file(context: Context, model: ModelPlan, attempt: Attempt, cause: NoModelFile) -> Finding:
    names = [entry.name for entry in cause.listing.entries]
    wanted = [".xml with .bin", ".onnx", *(form for form, since in _LATER if _reads(context, since))]
    hint = f"It wants {', '.join(wanted[:-1])}, or {wanted[-1]}."
    nested = [entry.name for entry in cause.listing.entries if entry.kind == "directory"]
    if nested:
        hint += f" It does not look into sub-directories ({', '.join(nested[:_SHOWN])})."
    message = _what_is_missing(context, cause.path, [name.lower() for name in names])
    left_out, seen = _left_in_store(context, cause.path), _seen(cause.listing)
    if not names and left_out:
        seen = f"{', '.join(left_out[:_SHOWN])}{' …' if len(left_out) > _SHOWN else ''}: not downloaded"
        message = f"{cause.path} holds nothing that the server downloads, only {', '.join(left_out[:_SHOWN])}"
    return context.of_attempt(
        "OVD111",
        message,
        model,
        attempt,
        detail=f"{hint} {context.what_then(model)}",
        evidence=(where.listed(cause.path, seen),),
        steps=(where.look(context, cause.path),),
        caused_by=where.left_behind(cause.path),
    )


def _left_in_store(context: Context, path: str) -> tuple[str, ...]:
    """What lies in a version's directory in a store and is not downloaded."""
    for item in context.plan.stores:
        for copy in item.seen.copies if item.seen is not None else ():
            if copy.path == path:
                return copy.left_out
    return ()


def _what_is_missing(context: Context, path: str, names: list[str]) -> str:
    """One sentence on what keeps these files from being a model to this release."""

    def some(suffix: str) -> bool:
        return any(name.endswith(suffix) for name in names)

    if not names:
        return f"The version directory {path} is empty"
    if some(".xml") and not some(".bin"):
        return f"{path} holds an .xml but no .bin: the server serves no IR without weights"
    if some(".bin") and not some(".xml"):
        return f"{path} holds a .bin but no .xml: half of an IR model"
    for form, since in _LATER:
        suffixes = form.split(" with ")
        if not some(suffixes[0]):
            continue
        if not _reads(context, since):
            release = context.deployment.release
            return f"{path} holds a {suffixes[0]}, which OVMS serves since {since}; this is {release}"
        if len(suffixes) > 1 and not some(suffixes[1]):
            return f"{path} holds a {suffixes[0]} but no {suffixes[1]}"
    return f"{path} holds no file that the server takes for a model"


def _reads(context: Context, since: str) -> bool:
    return context.deployment.release >= parse_release(since)


def _pair_missing(context: Context, model: ModelPlan, attempt: Attempt, cause: PairMissing) -> Finding:
    return context.of_attempt(
        "OVD112",
        f"{cause.path} is served only with {cause.missing} beside it, which is not there as a regular file",
        model,
        attempt,
        path=cause.path,
        evidence=(Evidence(f"{cause.missing}: not a regular file", "stat as the server's user"),),
    )


def _ambiguous(context: Context, model: ModelPlan, attempt: Attempt) -> Finding:
    """The server takes the first match in the file system's order, which a copy need not keep."""
    chosen = (attempt.model_file or "").rsplit("/", 1)[-1]
    others = ", ".join(attempt.candidates[:_SHOWN])
    only = "Leave only one model in the directory."
    steps: tuple[Step, ...] = (Step(only),)
    if context.on_host(attempt.path):
        other = quote(f"{context.host(attempt.path)}/{attempt.candidates[0]}")
        steps = (Step(only, f"mv -- {other} SOMEWHERE/", "host", "changes files"),)
    return context.finding(
        "OVD113",
        f"{attempt.path} holds several files that could be the model; here the server takes {chosen or 'the first'}",
        model=model.entry.name,
        version=attempt.version,
        path=attempt.path,
        base=model.entry.base_path,
        detail="Which one depends on the order in which the file system lists them, on another host it may be "
        f"another: {others}.",
        evidence=(where.listed(attempt.path, f"also there: {others}", "list, in the file system's order"),),
        recovers="config_change",
        steps=steps,
    )


def _seen(listing: Listing) -> str:
    if not listing.entries:
        return "nothing in it"
    names = [entry.name + ("/" if entry.kind == "directory" else "") for entry in listing.entries]
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
