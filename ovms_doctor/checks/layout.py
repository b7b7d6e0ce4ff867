"""Base paths, version directories and the files in them: is everything where the server looks for it?"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks import links, not_followed
from ovms_doctor.checks import path_advice as where
from ovms_doctor.checks import unmounted_paths as outside
from ovms_doctor.checks.config_lists import base_path_step
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.layout_files import attempts as file_findings
from ovms_doctor.model import server_log
from ovms_doctor.model.facts import EntryKind, Listing
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.names import looks_like_wrong_version, remote_but_for_capitals
from ovms_doctor.model.plan import BaseProblem, DirectoryName, ModelPlan

#: Directories that are nobody's version; the server's warning about them is noise.
_MODEL_SUFFIXES = (".xml", ".bin", ".onnx", ".pdmodel", ".pdiparams", ".pb", ".tflite")
_SHOWN = 8
#: What leaves a container's server nothing to find: the check of containers tells it.
_BY_THE_MOUNT = ("OVD716", "OVD718")


def check(context: Context) -> Iterator[Finding]:
    """Findings on the shape of each model's directory."""
    for note in context.deployment.notes:
        if note.code:
            yield context.finding(note.code, note.text, model=note.model, path=note.path)
    if context.plan.problem is None and not context.plan.models and context.deployment.targets:
        for target in context.deployment.targets:
            if target.kind == "repository":
                yield _empty_repository(context, target.path)
    for model in context.plan.models:
        yield from _model(context, model)
    yield from links.check(context)


def _model(context: Context, model: ModelPlan) -> Iterator[Finding]:
    if model.kind != "classic":
        yield from not_followed.check(context, model)
        return
    if model.detection.problem is not None:
        finding = _base_problem(context, model, model.detection.problem)
        if finding is not None:
            yield finding
        return
    if not model.detection.found and model.unknown is None and model.blocked is None:
        yield _no_version(context, model)
    yield from _names(context, model)
    yield from file_findings(context, model)


def _empty_repository(context: Context, path: str) -> Finding:
    return context.finding(
        "OVD123",
        f"{path} holds no model: no sub-directory has a version directory or a model file",
        path=path,
        detail="A server told to serve it has nothing to serve.",
    )


# -- the base path itself ------------------------------------------------------------------------------


def _base_problem(context: Context, model: ModelPlan, problem: BaseProblem) -> Finding | None:
    """What keeps the base path from being looked into; denied access is the permissions check's."""
    base = model.entry.base_path
    common: dict[str, object] = {
        "model": model.entry.name,
        "path": base,
        "base": base,
        "log": model.detection.log,
        "detail": context.what_then(model),
        "recovers": context.recovers(),
    }
    if problem.failure is not None and problem.failure.denial is not None:
        return None
    if problem.kind == "store":
        # The check of remote storage says why.
        return None
    if problem.kind == "escapes":
        return context.finding(
            "OVD109",
            f"The path {base} leaves a directory with “..”, which the server forbids wherever it leads",
            **{**common, "recovers": "restart" if context.single else "config_change"},  # type: ignore[arg-type]
        )
    words = outside.words_for(context, base, "the model's base path") if problem.kind == "missing" else None
    if words is not None:
        return context.finding(
            "OVD106",
            words.message,
            evidence=words.evidence,
            confidence=words.confidence,
            steps=words.steps,
            remedy=words.remedy,
            **{**common, "recovers": _given_anew(context, base)},  # type: ignore[arg-type]
        )
    if problem.kind == "missing":
        step = Step(
            "See what is there.",
            f"ls -la {quote(posixpath.dirname(context.host(base)) or '/')}",
            "host",
            "reads",
        )
        # A scheme in capitals (OVD645): there is no directory to look into.
        steps = () if remote_but_for_capitals(model.entry.base_path) else (step,)
        message = f"There is no directory {base}"
        seen = (Evidence(f"{base}: nothing there", "stat as the server's user"),)
        return context.finding(
            "OVD106",
            message,
            evidence=seen,
            steps=steps,
            caused_by=(*_BY_THE_MOUNT, "even OVD645"),
            **common,  # type: ignore[arg-type]
        )
    if problem.kind == "not_directory":
        message = f"{base} is a file, not a directory"
        if not context.deployment.release.serves_single_file:
            message += f"; OVMS {context.deployment.release} serves single files since 2026.3 only"
        return context.finding("OVD107", message, steps=_wrap_file(context, base), **common)  # type: ignore[arg-type]
    if problem.kind == "invalid_file":
        message = (
            f"{base} does not end in .xml, .onnx, .pdmodel, .pdiparams, .pb or .tflite, "
            "in lower case, and nothing else is served as a single file"
        )
        wrapped = _wrap_file(context, base) if base.lower().endswith(_MODEL_SUFFIXES) else ()
        return context.finding("OVD108", message, steps=wrapped, **common)  # type: ignore[arg-type]
    return _listing_fails(context, model, problem, common)


def _given_anew(context: Context, base: str) -> str:
    """Whether another path in the configuration is enough, or the container has to be made anew."""
    table = context.deployment.mount_table
    covered = bool(table.mounts) and table.to_server(context.absolute(base)) is not None
    return "config_change" if covered and not context.single else "restart"


def _listing_fails(
    context: Context, model: ModelPlan, problem: BaseProblem, common: dict[str, object]
) -> Finding:
    base = model.entry.base_path
    if problem.entry is None:
        message = f"The directory {base} cannot be listed"
        return context.finding("OVD110", message, **common)  # type: ignore[arg-type]
    entry = f"{base}/{problem.entry}"
    reason = "" if problem.failure is None else _strerror(problem.failure.errno)
    message = (
        f"The link {entry} cannot be followed ({reason}), and that makes the server give up "
        f"the whole model, its good versions too"
    )
    steps = (
        Step(
            "Remove the link, or make it lead somewhere.",
            f"rm {quote(context.host(entry))}",
            "host",
            "changes files",
        ),
    )
    seen = (Evidence(f"{entry}: {reason}", "stat as the server's user"),)
    return context.finding(
        "OVD110",
        message,
        evidence=seen,
        steps=steps,
        **{**common, "path": entry},  # type: ignore[arg-type]
    )


def _strerror(number: int) -> str:
    import os

    return os.strerror(number)


def _wrap_file(context: Context, base: str) -> tuple[Step, ...]:
    host = context.host(base)
    if posixpath.basename(posixpath.dirname(base)).isdecimal():
        above = posixpath.dirname(posixpath.dirname(base)) or "/"
        return (Step(f"Name the directory above the file's version directory: {above}."),)
    directory = quote(posixpath.join(posixpath.dirname(host), "1"))
    files = quote(host)
    for one, other in ((".xml", ".bin"), (".pdmodel", ".pdiparams")):
        # The weights lie beside it, and are of no use where they are left.
        if host.endswith((one, other)):
            stem = host.removesuffix(one).removesuffix(other)
            files = f"{quote(stem + one)} {quote(stem + other)}"
    return (
        Step(
            "Put the model's files into a version directory and name the directory above it.",
            f"mkdir {directory} && mv {files} {directory}/",
            "host",
            "changes files",
        ),
    )


# -- names of version directories ----------------------------------------------------------------------


def _no_version(context: Context, model: ModelPlan) -> Finding:
    base = model.entry.base_path
    entries = model.detection.listing.entries if model.detection.listing else ()
    wrong = [item.name for item in model.detection.names]
    lacks = any(
        note.kind == "no_base_path" and note.model == model.entry.name for note in context.plan.config_notes
    )
    steps: tuple[Step, ...] = ()
    code = "OVD101"
    message = f"The server finds no version in {base}: "
    if any(_is_model_file(entry.name, entry.kind) for entry in entries):
        message += "the model's files lie in the directory itself"
        steps = _into_a_version(context, model, [(entry.name, entry.kind) for entry in entries])
    elif wrong and all(item.reading == "not_number" for item in model.detection.names):
        code = "OVD102"
        message += f"none of {_list(wrong)} begins with a number"
        if len(wrong) == 1:
            message = f"The server finds no version in {base}: “{wrong[0]}” is read as no number"
        meant = [name for name in wrong if looks_like_wrong_version(name)]
        if lacks:
            # Nothing is to be renamed where the server was only sent to the wrong directory.
            steps = ()
        elif meant or len(wrong) == 1:
            steps = (_rename(context, model, (meant or wrong)[0]),)
        else:
            message += "; if these are models, name this directory as a repository (--as repository)"
    elif wrong:
        none = "none of " if len(wrong) > 1 else ""
        no = "a" if len(wrong) > 1 else "no"
        message += f"{none}{_list(wrong)} is read as {no} number from 1 to 9223372036854775807"
        code = "OVD104"
        steps = (_rename(context, model, wrong[0]),)
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
        detail=context.what_then(model) + " It says so in the log at every poll.",
        log=tuple(sorted(log, key=lambda line: not line.startswith("No version"))[:_SHOWN]),
        evidence=(where.listed(base, _seen(model.detection.listing)),),
        recovers="config_change" if lacks else "next_poll",
        steps=steps,
        remedy="Give the entry a base_path." if lacks else "",
        caused_by=("OVD446",) if lacks else _BY_THE_MOUNT,
    )


def _into_a_version(context: Context, model: ModelPlan, entries: list[tuple[str, str]]) -> tuple[Step, ...]:
    """A SavedModel's sub-directories go with it; other directories stay where they are."""
    saved_model = any(name == "saved_model.pb" for name, _ in entries)
    files = sorted(name for name, kind in entries if kind != "directory")
    own = ("variables", "assets", "assets.extra")
    directories = sorted(
        name for name, kind in entries if kind == "directory" and saved_model and name in own
    )
    return where.into_version(context, model.entry.base_path, files, directories)


def _names(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Names beside good versions that the server passes over, though they were meant as versions."""
    if not model.detection.found:
        return
    for item in model.detection.names:
        if item.reading == "out_of_range":
            yield _passed_over(
                context,
                model,
                item,
                "OVD104",
                "is a number too large to be a version",
                server_log.VERSION_OUT_OF_RANGE(name=item.name),
            )
        elif item.reading == "not_positive":
            yield _passed_over(
                context,
                model,
                item,
                "OVD104",
                "is not greater than 0",
                server_log.VERSION_NOT_POSITIVE(number=item.number),
            )
    for version in sorted(set(model.detection.found)):
        names = model.detection.directories(version)
        if len(names) > 1:
            yield _duplicate(context, model, version, names)


def _passed_over(
    context: Context, model: ModelPlan, item: DirectoryName, code: str, why: str, line: str
) -> Finding:
    path = where.below(model.entry.base_path, item.name)
    return context.finding(
        code,
        f"The directory {item.name} {why}: it is never served",
        model=model.entry.name,
        path=path,
        base=model.entry.base_path,
        severity="warning",
        log=(line,),
        evidence=(where.listed(path, f"directory {item.name}"),),
        recovers="next_poll",
        steps=(_rename(context, model, item.name),),
    )


def _duplicate(context: Context, model: ModelPlan, version: int, names: tuple[str, ...]) -> Finding:
    base = model.entry.base_path
    path = where.below(base, version)
    again = version in model.reloaded
    detail = f"Only {path} is ever opened."
    if again:
        detail += " The server loads it again at every poll and throws the copy away."
    steps = tuple(
        where.aside(context, base, name, "Move the other one out of the model's directory.")
        for name in names
        if name != str(version)
    )[:3]
    return context.finding(
        "OVD105",
        f"{_list(names)} are all read as version {version}",
        model=model.entry.name,
        version=version,
        path=path,
        base=model.entry.base_path,
        severity="warning" if again else "info",
        detail=detail,
        evidence=(where.listed(path, f"directories {_list(names)}"),),
        recovers="next_poll",
        steps=steps,
    )


def _rename(context: Context, model: ModelPlan, name: str) -> Step:
    base = model.entry.base_path.rstrip("/")
    digits = "".join(c for c in name if c.isascii() and c.isdigit()).lstrip("0")[:9] or "1"
    taken = {item.number for item in model.detection.names if item.reading == "version"}
    number = int(digits)
    while number in taken:
        number += 1
    return where.rename(context, f"{base}/{name}", f"{base}/{number}", "Give it a number as its name.")


def _is_model_file(name: str, kind: EntryKind) -> bool:
    return kind != "directory" and name.lower().endswith(_MODEL_SUFFIXES)


def _seen(listing: Listing | None) -> str:
    if listing is None or not listing.entries:
        return "nothing in it"
    names = [entry.name + ("/" if entry.kind == "directory" else "") for entry in listing.entries[:_SHOWN]]
    more = len(listing.entries) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _list(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(f"“{name}”" for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
