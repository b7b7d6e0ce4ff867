"""The files of one version: whether there is a complete model, and only one."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.conversion import foreign_file, holds_model
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import NoModelFile, PairMissing
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import Listing
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.releases import parse_release

NO_MODEL_FILES = Code(
    code="OVD111",
    name="no-model-files",
    severity="error",
    summary="A version directory holds no complete model",
    remedy=(
        "Put the model's files directly into the version directory; for an IR both the .xml and the .bin."
    ),
    log=(
        server_log.NO_MODEL_FILE,
        server_log.NO_MODEL_FILE_OLD,
    ),
    recovers="next_poll",
    releases=(
        "“no valid model file found” since 2026.3, “Could not find file” before. Paddle since "
        "2022.2, .pb since 2022.3, .tflite since 2023.1; earlier releases do not look for them."
    ),
    see_also=("OVD112", "OVD307"),
    example=Example("m/1/export/model.xml\nm/1/export/model.bin", "m/1/model.xml\nm/1/model.bin"),
)

MODEL_FILE_PAIR_INCOMPLETE = Code(
    code="OVD112",
    name="model-file-pair-incomplete",
    severity="error",
    summary=(
        "A single .xml, .pdmodel or .pdiparams is named as base path, and its second file is not next to it"
    ),
    remedy="Put the second file next to it, with the same name up to the suffix.",
    log=(
        server_log.MISSING_BIN,
        server_log.MISSING_PADDLE,
    ),
    recovers="next_poll",
    releases="Since 2026.3, which serves single files.",
    see_also=("OVD108", "OVD111"),
    example=Example(
        "--model_path /models/model.xml\nmodel.xml", "--model_path /models/model.xml\nmodel.xml\nmodel.bin"
    ),
)

AMBIGUOUS_MODEL_FILES = Code(
    code="OVD113",
    name="ambiguous-model-files",
    severity="warning",
    summary="A version directory holds several files that could be the model",
    remedy="Leave only one model in each version directory.",
    releases="The same in all releases; until 2025.0 a directory named like a model file counts too.",
    see_also=("OVD301", "OVD315"),
    example=Example("m/1/model.xml\nm/1/model.bin\nm/1/labels.xml", "m/1/model.xml\nm/1/model.bin"),
)


_SHOWN = 8
#: Model formats that were added after the first known release, with their release.
_LATER = ((".pdmodel with .pdiparams", "2022.2"), (".pb", "2022.3"), (".tflite", "2023.1"))


CODES = (NO_MODEL_FILES, MODEL_FILE_PAIR_INCOMPLETE, AMBIGUOUS_MODEL_FILES)


def check(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields findings on the files of every version that the server tries to load."""
    for version in model.versions:
        attempt = version.attempt
        if attempt is None:
            continue
        if isinstance(attempt.cause, NoModelFile):
            yield _no_model_file(context, model, attempt, attempt.cause)
        elif isinstance(attempt.cause, PairMissing):
            yield _pair_missing(context, model, attempt, attempt.cause)
        elif attempt.candidates and attempt.model_file and attempt.outcome in ("loaded", "failed"):
            yield _ambiguous(context, model, attempt)


def _no_model_file(context: Context, model: ModelPlan, attempt: Attempt, cause: NoModelFile) -> Finding:
    names = [entry.name for entry in cause.listing.entries]
    expected = [".xml with .bin", ".onnx", *(form for form, since in _LATER if _reads(context, since))]
    hint = f"The server looks for {', '.join(expected[:-1])}, or {expected[-1]}."
    nested = [entry.name for entry in cause.listing.entries if entry.kind == "directory"]
    if nested:
        hint += f" It does not look into sub-directories ({', '.join(nested[:_SHOWN])})."
    message = _missing_files_text(context, cause.path, [name.lower() for name in names])
    left_out, listed = _left_in_store(context, cause.path), _entries(cause.listing)
    if not names and left_out:
        listed = f"{', '.join(left_out[:_SHOWN])}{' …' if len(left_out) > _SHOWN else ''}: not downloaded"
        message = f"{cause.path} holds nothing that the server downloads, only {', '.join(left_out[:_SHOWN])}"
    steps: tuple[Step, ...] = (path_advice.list_step(context, cause.path),)
    foreign = None if holds_model(names) else foreign_file(context, cause.path, names)
    if foreign is not None:
        message = f"{cause.path} holds {foreign.name}: {foreign.format}"
        steps = foreign.steps
    return context.of_attempt(
        NO_MODEL_FILES,
        message,
        model,
        attempt,
        detail=f"{hint} {context.failure_effect(model)}",
        evidence=(path_advice.listed(cause.path, listed),),
        steps=steps,
        remedy="" if foreign is None else "Convert the model to a format that OVMS reads.",
        causes=path_advice.left_behind(cause.path),
    )


def _left_in_store(context: Context, path: str) -> tuple[str, ...]:
    """Returns the entries of a version's directory in a store that are not downloaded."""
    for item in context.plan.stores:
        for copy in item.facts.copies if item.facts is not None else ():
            if copy.path == path:
                return copy.left_out
    return ()


def _missing_files_text(context: Context, path: str, names: list[str]) -> str:
    """Returns one sentence on why these files are not a model for this release."""

    def has_suffix(suffix: str) -> bool:
        return any(name.endswith(suffix) for name in names)

    if not names:
        return f"The version directory {path} is empty"
    if has_suffix(".xml") and not has_suffix(".bin"):
        return f"{path} holds an .xml but no .bin: the server serves no IR without weights"
    if has_suffix(".bin") and not has_suffix(".xml"):
        return f"{path} holds a .bin but no .xml: half of an IR model"
    for form, since in _LATER:
        suffixes = form.split(" with ")
        if not has_suffix(suffixes[0]):
            continue
        if not _reads(context, since):
            release = context.deployment.release
            return f"{path} holds a {suffixes[0]}, which OVMS serves since {since}; this is {release}"
        if len(suffixes) > 1 and not has_suffix(suffixes[1]):
            return f"{path} holds a {suffixes[0]} but no {suffixes[1]}"
    return f"{path} holds no file that the server accepts as a model"


def _reads(context: Context, since: str) -> bool:
    return context.deployment.release >= parse_release(since)


def _pair_missing(context: Context, model: ModelPlan, attempt: Attempt, cause: PairMissing) -> Finding:
    return context.of_attempt(
        MODEL_FILE_PAIR_INCOMPLETE,
        f"{cause.path} is served only with {cause.missing} next to it, which does not exist as a regular "
        "file",
        model,
        attempt,
        path=cause.path,
        evidence=(Evidence(f"{cause.missing}: not a regular file", "stat as the server's user"),),
    )


def _ambiguous(context: Context, model: ModelPlan, attempt: Attempt) -> Finding:
    """Returns the finding on several matching files: the server takes the first in the file system's order, which a
    copy may change."""
    chosen = (attempt.model_file or "").rsplit("/", 1)[-1]
    others = ", ".join(attempt.candidates[:_SHOWN])
    only = "Leave only one model in the directory."
    steps: tuple[Step, ...] = (Step(only),)
    if context.on_host(attempt.path):
        other = quote(f"{context.host(attempt.path)}/{attempt.candidates[0]}")
        steps = (Step(only, f"mv -- {other} SOMEWHERE/", "host", "changes files"),)
    return context.finding(
        AMBIGUOUS_MODEL_FILES,
        f"{attempt.path} holds several files that could be the model; on this host the server uses "
        f"{chosen or 'the first'}",
        model=model.entry.name,
        version=attempt.version,
        path=attempt.path,
        base=model.entry.base_path,
        detail="The choice depends on the order in which the file system lists the files, which can "
        f"differ on another host. The other files are: {others}.",
        evidence=(
            path_advice.listed(attempt.path, f"other files: {others}", "list, in the file system's order"),
        ),
        recovers="config_change",
        steps=steps,
    )


def _entries(listing: Listing) -> str:
    if not listing.entries:
        return "nothing in it"
    names = [entry.name + ("/" if entry.kind == "directory" else "") for entry in listing.entries]
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
