"""The names of version directories: which version does the server read from each?"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.configuration.base_path import base_path_step
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.conversion import foreign_file, holds_model
from ovms_doctor.checks.layout.servables import ServableAdvice, advice_on
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import VersionDirectoryMissing
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.facts import EntryKind, Listing
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Recovers, Step
from ovms_doctor.model.names import (
    is_plain_number,
    is_remote,
    looks_like_version,
    looks_like_wrong_version,
    version_in_name,
)
from ovms_doctor.model.plan import Attempt, DirectoryName, ModelPlan

NO_VERSION_DIRECTORY = Code(
    code="OVD101",
    name="no-version-directory",
    severity="error",
    summary="The model's directory has no sub-directory that is named with a number",
    remedy="Make a directory 1 in the model's directory and move the model's files into it.",
    log=(server_log.NO_VERSION,),
    recovers="next_poll",
    releases=(
        "The same in all releases. OVMS's troubleshooting page of 2026.3 says that a directory "
        "without version directories is served; no release does that. Since 2026.3 a single model "
        "file may be named instead."
    ),
    see_also=("OVD102", "OVD104", "OVD131"),
    example=Example("m/model.xml\nm/model.bin", "m/1/model.xml\nm/1/model.bin"),
)

VERSION_NAME_NOT_A_NUMBER = Code(
    code="OVD102",
    name="version-name-not-a-number",
    severity="error",
    summary="A sub-directory's name does not begin with a number, so the server does not use it as a version",
    remedy="Rename the directory to a plain number greater than 0, for instance v1 to 1.",
    log=(
        server_log.VERSION_NOT_NUMBER,
        server_log.NO_VERSION,
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD101", "OVD103"),
    example=Example("m/v1/model.xml\nm/v1/model.bin", "m/1/model.xml\nm/1/model.bin"),
)

VERSION_DIRECTORY_MISNAMED = Code(
    code="OVD103",
    name="version-directory-misnamed",
    severity="error",
    summary=(
        "The server reads a directory's name, such as 01, +1 or 1_backup, as a version number, but "
        "then opens another directory"
    ),
    remedy=(
        "Rename the directory to the plain number if it is to be served. If it is a backup, move it "
        "out of the model's directory."
    ),
    log=(server_log.VERSION_DIRECTORY_MISSING,),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD105", "OVD115", "OVD117"),
    example=Example("m/01/model.xml\nm/01/model.bin", "m/1/model.xml\nm/1/model.bin"),
)

VERSION_NUMBER_OUT_OF_RANGE = Code(
    code="OVD104",
    name="version-number-out-of-range",
    severity="warning",
    summary=(
        "A directory's name is the number 0, a negative number, or one greater than 9223372036854775807"
    ),
    remedy="Rename the directory to a number from 1 to 9223372036854775807.",
    log=(
        server_log.VERSION_NOT_POSITIVE,
        server_log.VERSION_OUT_OF_RANGE,
        server_log.NO_VERSION,
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD101",),
    example=Example("m/0/model.xml\nm/0/model.bin", "m/1/model.xml\nm/1/model.bin"),
)

DUPLICATE_VERSION_DIRECTORIES = Code(
    code="OVD105",
    name="duplicate-version-directories",
    severity="warning",
    summary="The server reads the names of several directories as the same version number",
    remedy="Move every directory but the one with the plain number out of the model's directory.",
    releases=ALL_RELEASES,
    see_also=("OVD103", "OVD117"),
    example=Example("m/1/        the server opens this one\nm/01/       also read as 1", "m/1/\nm.old/01/"),
)


#: Ends of the names of model files, in lower case.
_MODEL_SUFFIXES = (".xml", ".bin", ".onnx", ".pdmodel", ".pdiparams", ".pb", ".tflite")
_SHOWN = 8
#: The number of directories for which new names are suggested.
_RENAMED = 4
#: Findings of the check of containers that explain why the server finds nothing.
_MOUNT_CAUSES = (CausedBy("OVD716"), CausedBy("OVD718"))


CODES = (
    NO_VERSION_DIRECTORY,
    VERSION_NAME_NOT_A_NUMBER,
    VERSION_DIRECTORY_MISNAMED,
    VERSION_NUMBER_OUT_OF_RANGE,
    DUPLICATE_VERSION_DIRECTORIES,
)


def check(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields findings on the names of a model's sub-directories, if its base path is listed."""
    if not model.detection.found and model.unknown is None and model.blocked is None and model.meant is None:
        yield _no_version(context, model)
    if model.meant is None:
        yield from _names(context, model)
    for version in model.versions:
        attempt = version.attempt
        if attempt is not None and isinstance(attempt.cause, VersionDirectoryMissing):
            yield _directory_missing(context, model, attempt, attempt.cause)


def _no_version(context: Context, model: ModelPlan) -> Finding:
    base = model.entry.base_path
    entries = model.detection.listing.entries if model.detection.listing else ()
    wrong = [item.name for item in model.detection.names]
    lacks = any(
        note.kind == "no_base_path" and note.model == model.entry.name for note in context.plan.config_notes
    )
    steps: tuple[Step, ...] = ()
    code = NO_VERSION_DIRECTORY
    message = f"The server finds no version in {base}: "
    parent = None
    remedy = ""
    other = None if lacks else _other_kind(context, model)
    if other is not None:
        message += other.message
        steps = other.steps
    elif any(_is_model_file(entry.name, entry.kind) for entry in entries):
        parent = _parent_to_name(context, model)
        if parent is not None:
            message += "the directory is a version directory itself"
            steps = (parent,)
        else:
            message += "the model's files are in the directory itself"
            steps = _into_a_version(context, model, [(entry.name, entry.kind) for entry in entries])
    elif wrong and all(item.reading == "not_number" for item in model.detection.names):
        code = VERSION_NAME_NOT_A_NUMBER
        message += f"none of {_list(wrong)} begins with a number"
        if len(wrong) == 1:
            message = f"The server finds no version in {base}: “{wrong[0]}” does not begin with a number"
        meant = [name for name in wrong if looks_like_wrong_version(name)]
        if lacks:
            # No directory needs another name if only the base path is wrong.
            steps = ()
        elif meant or len(wrong) == 1:
            steps = _renamed(context, model, meant or wrong)
        else:
            message += "; if these are models, name this directory as a repository (--as repository)"
    elif wrong:
        none = "none of " if len(wrong) > 1 else ""
        verb = "is" if len(wrong) > 1 else "is not"
        message += f"{none}{_list(wrong)} {verb} a number from 1 to 9223372036854775807"
        code = VERSION_NUMBER_OUT_OF_RANGE
        steps = (_rename(context, model, wrong[0]),)
    elif dangling := [
        entry.name for entry in entries if entry.kind == "link" and looks_like_version(entry.name)
    ]:
        message += f"{_list(dangling)} is a link whose destination is not a directory"
        remedy = (
            "Change the link's destination to a directory that the server sees, or replace the link with "
            "the version's files."
        )
    else:
        message += "there is no sub-directory named with a number"
    if lacks:
        steps = base_path_step(model)
    log = list(dict.fromkeys(model.detection.log))
    return context.finding(
        code,
        message,
        model=model.entry.name,
        path=base,
        base=base,
        severity="error",
        detail=context.failure_effect(model) + " The log has a line about it at every poll.",
        log=tuple(sorted(log, key=lambda line: not line.startswith("No version"))[:_SHOWN]),
        evidence=(path_advice.listed(base, _entries(model.detection.listing)),),
        recovers=_recovers(context, lacks, parent) if other is None else other.recovers,
        steps=steps,
        remedy=remedy or (_remedy(lacks, parent) if other is None else other.remedy),
        causes=(CausedBy("OVD446"),) if lacks else (*_MOUNT_CAUSES, *path_advice.mount_causes(context, base)),
    )


def _other_kind(context: Context, model: ModelPlan) -> ServableAdvice | None:
    """Returns the advice on a base path that contains a model of another program, or a generative model, or is above a
    model; None if its own directories are wrong."""
    base, listing = model.entry.base_path, model.detection.listing
    files = [entry.name for entry in listing.entries if entry.kind != "directory"] if listing else []
    meant = any(looks_like_wrong_version(item.name) for item in model.detection.names)
    foreign = None if meant or holds_model(files) else foreign_file(context, base, files)
    if foreign is None:
        return advice_on(context, model)
    remedy = "Convert the model to a format that OVMS reads."
    return ServableAdvice(f"{foreign.name} is {foreign.format}", foreign.steps, remedy, "next_poll")


def _into_a_version(context: Context, model: ModelPlan, entries: list[tuple[str, str]]) -> tuple[Step, ...]:
    """Returns the steps that move a model into a version directory: sub-directories of a SavedModel are moved with it,
    other directories are not."""
    saved_model = any(name == "saved_model.pb" for name, _ in entries)
    files = sorted(name for name, kind in entries if kind != "directory")
    own = ("variables", "assets", "assets.extra")
    directories = sorted(
        name for name, kind in entries if kind == "directory" and saved_model and name in own
    )
    return path_advice.into_version(context, model.entry.base_path, files, directories)


def _names(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields findings on names next to valid versions that the server ignores, though they seem to be intended as
    versions."""
    if not model.detection.found:
        return
    for item in model.detection.names:
        if item.reading == "out_of_range":
            yield _ignored(
                context,
                model,
                item,
                "is a number too large to be a version",
                server_log.VERSION_OUT_OF_RANGE(name=item.name),
            )
        elif item.reading == "not_positive":
            yield _ignored(
                context,
                model,
                item,
                "is not greater than 0",
                server_log.VERSION_NOT_POSITIVE(number=item.number),
            )
    for version in sorted(set(model.detection.found)):
        names = model.detection.directories(version)
        if len(names) > 1:
            yield _duplicate(context, model, version, names)


def _ignored(context: Context, model: ModelPlan, item: DirectoryName, predicate: str, line: str) -> Finding:
    path = path_advice.below(model.entry.base_path, item.name)
    return context.finding(
        VERSION_NUMBER_OUT_OF_RANGE,
        f"The directory {item.name} {predicate}: it is never served",
        model=model.entry.name,
        path=path,
        base=model.entry.base_path,
        severity="warning",
        log=(line,),
        evidence=(path_advice.listed(path, f"directory {item.name}"),),
        recovers="next_poll",
        steps=(_rename(context, model, item.name),),
    )


def _duplicate(context: Context, model: ModelPlan, version: int, names: tuple[str, ...]) -> Finding:
    base = model.entry.base_path
    path = path_advice.below(base, version)
    is_reloaded = version in model.reloaded
    detail = f"The server opens only {path}."
    if is_reloaded:
        detail += " The server loads it again at every poll and discards the copy."
    steps = tuple(
        path_advice.move_out_step(context, base, name, "Move the other one out of the model's directory.")
        for name in names
        if name != str(version)
    )[:3]
    return context.finding(
        DUPLICATE_VERSION_DIRECTORIES,
        f"{_list(names)} are all read as version {version}",
        model=model.entry.name,
        version=version,
        path=path,
        base=model.entry.base_path,
        severity="warning" if is_reloaded else "info",
        detail=detail,
        evidence=(path_advice.listed(path, f"directories {_list(names)}"),),
        recovers="next_poll",
        steps=steps,
    )


def _parent_to_name(context: Context, model: ModelPlan) -> Step | None:
    """Returns the step for a base path that is a version directory: the directory above it, or another mount; None for
    another base path."""
    base = model.entry.base_path.rstrip("/")
    if not is_remote(base) and ".." not in base.split("/"):
        # "." in a version directory is that directory.
        base = posixpath.normpath(base or "/")
    above, _, name = base.rpartition("/")
    if is_plain_number(name) and above and (is_remote(base) or context.on_host(above)):
        option = "--model_path" if model.entry.parameters.source == "arguments" else '"base_path":'
        value = above if option == "--model_path" else json.dumps(above, ensure_ascii=False)
        return Step(f"Give the server the directory above: {option} {value}")
    if is_remote(base):
        return None
    host_above, _, host_name = context.host(base).rstrip("/").rpartition("/")
    if host_above and is_plain_number(host_name) and context.deployment.mount_table.mounts:
        server = above if is_plain_number(name) and above else base
        return Step(f"Mount {host_above}, the directory above the version directory, at {server or '/'}")
    return None


def _recovers(context: Context, lacks_base_path: bool, parent: Step | None) -> Recovers:
    """Returns how the server applies the repair: another path or mount needs a new configuration or start, a poll finds
    files."""
    if parent is not None:
        is_mount = parent.text.startswith("Mount")
        return "restart" if context.single or is_mount else "config_change"
    return "config_change" if lacks_base_path else "next_poll"


def _remedy(lacks_base_path: bool, parent: Step | None) -> str:
    if parent is not None:
        return "Name the model's directory, not its version directory."
    return "Give the entry a base_path." if lacks_base_path else ""


def _renamed(context: Context, model: ModelPlan, names: list[str]) -> tuple[Step, ...]:
    """Returns a step for each of the first directories, sorted by the numbers in their names: each gets another
    number."""
    steps: list[Step] = []
    assigned: set[int] = set()
    stating = [name for name in names if version_in_name(name) is not None]
    for name in sorted(names, key=_by_numbers)[:_RENAMED]:
        others = {version_in_name(other) for other in stating if other != name}
        number = _number_for(model, name, assigned | {each for each in others if each is not None})
        assigned.add(number)
        base = model.entry.base_path.rstrip("/")
        text = "Give it a number as its name." if len(names) == 1 else f"Give {name} a number as its name."
        steps.append(path_advice.rename(context, f"{base}/{name}", f"{base}/{number}", text))
    return tuple(steps)


def _by_numbers(name: str) -> tuple[tuple[int, int, str], ...]:
    """Returns a key that sorts ``v2`` before ``v10``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def _number_for(model: ModelPlan, name: str, others: set[int]) -> int:
    """Returns the number in a directory's name, else the next free number; the numbers in ``others`` are not free."""
    read = {item.number for item in model.detection.names if item.reading == "version" and item.name != name}
    taken = {each for each in read if each is not None} | others
    stated = version_in_name(name)
    return stated if stated is not None and stated not in taken else max(taken, default=0) + 1


def _rename(context: Context, model: ModelPlan, name: str) -> Step:
    """Returns the step that renames a directory to the number in its name, or to the next free number if that version
    exists."""
    return _renamed(context, model, [name])[0]


def _is_model_file(name: str, kind: EntryKind) -> bool:
    return kind != "directory" and name.lower().endswith(_MODEL_SUFFIXES)


def _entries(listing: Listing | None) -> str:
    if listing is None or not listing.entries:
        return "nothing in it"
    names = [entry.name + ("/" if entry.kind == "directory" else "") for entry in listing.entries[:_SHOWN]]
    more = len(listing.entries) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _list(names: tuple[str, ...] | list[str]) -> str:
    quoted = ", ".join(f"“{name}”" for name in names[:_SHOWN])
    return quoted + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _directory_missing(
    context: Context, model: ModelPlan, attempt: Attempt, cause: VersionDirectoryMissing
) -> Finding:
    version = attempt.version
    names = ", ".join(f"“{name}”" for name in cause.names[:_SHOWN])
    steps = misnamed_steps(context, model.entry.base_path, version, cause.names)
    return context.of_attempt(
        VERSION_DIRECTORY_MISNAMED,
        f"The server reads {names} as version {version} and then opens {cause.path}, which does not exist",
        model,
        attempt,
        evidence=(Evidence(f"directories read as {version}: {names}; no directory {version}", "list"),),
        steps=steps,
    )


def misnamed_steps(context: Context, base: str, version: int, found: tuple[str, ...]) -> tuple[Step, ...]:
    """Returns the steps for directories that are read as a version but do not have its number as their name."""
    if not found or str(version) in found:
        return ()
    base, name = base.rstrip("/"), found[0]
    dates = {each: stated for each in found if (stated := version_in_name(each)) not in (None, version)}
    if len(dates) == len(found) == len(set(dates.values())):
        # Dates: the server reads only the year of each.
        return tuple(
            path_advice.rename(
                context, f"{base}/{each}", f"{base}/{number}", f"To serve {each}, rename it to {number}."
            )
            for each, number in list(dates.items())[:_RENAMED]
        )
    return (
        path_advice.rename(
            context, f"{base}/{name}", f"{base}/{version}", f"To serve it, rename it to {version}."
        ),
        path_advice.move_out_step(context, base, name, "Or move it out of the model's directory."),
    )
