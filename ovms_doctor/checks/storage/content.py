"""What lies in a store, and what of it reaches the server."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ovms_doctor.checks import path_advice as where
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.layout.version_names import misnamed_steps
from ovms_doctor.checks.storage.remedies import key_of, object_rights, restore
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import DownloadFails, ReadRefused
from ovms_doctor.model.facts import StoreRefusal
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Step
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.storage_plan import CopyFacts, StoreFacts, StorePlan

_SHOWN = 8
_HOW = "list of the store"
#: What S3 calls an object that must be restored; what the inspection calls a file that is not there.
_ARCHIVED = "InvalidObjectState"
_NO_VARIABLES, _NO_DATA = "saved-model-variables-missing", "external-data-missing"


def check(context: Context) -> Iterator[Finding]:
    """Findings on every model that a store was asked for."""
    models = {model.entry.name: model for model in context.plan.models}
    for item in context.plan.stores:
        seen, model = item.facts, models.get(item.model)
        if seen is None or model is None or seen.refusal is not None:
            continue
        if seen.empty and model.detection.problem is not None:
            yield _empty(context, item, seen, model)
        if seen.hidden:
            yield _hidden(context, item, seen)
        yield from _copies(context, item, seen, model)


def _empty(context: Context, item: StorePlan, seen: StoreFacts, model: ModelPlan) -> Finding:
    assert seen.access is not None
    name, bucket, key = seen.access.bucket, seen.access.url(), key_of(item)
    slash = "" if item.path.endswith("/") else "/"
    message, steps = f"No key in the bucket begins with {item.path}{slash}", (where.look(context, bucket),)
    meant = "" if item.s3 is not None and item.s3[0].host else _meant(key, seen, bucket)
    if not key and not seen.others:
        message = f"The bucket {name} is empty"
    elif meant:
        message += f"; did you mean {meant}?"
        steps = (Step(f"Write {meant}, which is there."),)
    elif key.startswith(f"{name}/"):
        text = f"The bucket stands in the path twice: see whether {bucket}{key[len(name) :]} is meant."
        steps = (where.look(context, bucket, text),)
    beside = ", ".join(seen.others[:_SHOWN]) or "nothing"
    if len(seen.others) > _SHOWN:
        beside += f" and {len(seen.others) - _SHOWN} more"
    return context.finding(
        "OVD659",
        message,
        model=item.model,
        path=item.path,
        base=item.path,
        confidence="medium",
        detail=context.what_then(model),
        log=model.detection.log,
        evidence=(Evidence(f"{item.path}: no key; beside it: {beside}", _HOW),),
        recovers=context.recovers(),
        steps=steps,
        causes=tuple(CausedBy(code, any_severity=True) for code in ("OVD622", "OVD635")),
    )


def _meant(key: str, seen: StoreFacts, bucket: str) -> str:
    """The path of what lies beside it and is called so, or nearly; empty for nothing. What is called just so was
    missed for a slash too many, as is the bucket itself."""
    if not key:
        return bucket if seen.others else ""
    above, _, name = key.rpartition("/")
    close = [other for other in seen.others if other == name]
    close = close or [other for other in seen.others if other.lower() == name.lower()]
    close = close or difflib.get_close_matches(name, seen.others, 1)
    if not close:
        return ""
    inside = above.removesuffix("/")
    return f"{bucket}/{inside}/{close[0]}" if inside else f"{bucket}/{close[0]}"


def _hidden(context: Context, item: StorePlan, seen: StoreFacts) -> Finding:
    versions = ", ".join(str(version) for version in seen.hidden[:_SHOWN])
    more = f" and {len(seen.hidden) - _SHOWN} more" if len(seen.hidden) > _SHOWN else ""
    return context.finding(
        "OVD660",
        f"The server does not see version {versions}{more} of {item.path}: it asks for the first {seen.keys:,} keys",
        model=item.model,
        path=item.path,
        base=item.path,
        confidence="medium",
        detail="Keys come in the order of their bytes, 10 before 2. It takes the highest version that it sees for the "
        "newest.",
        evidence=(
            Evidence(f"{item.path}: more than {seen.keys:,} keys; versions behind them: {versions}", _HOW),
        ),
        recovers="next_poll",
    )


def _copies(context: Context, item: StorePlan, seen: StoreFacts, model: ModelPlan) -> Iterator[Finding]:
    copies = {copy.version: copy for copy in seen.copies}
    told: set[DownloadFails] = set()
    for version in model.versions:
        attempt = version.attempt
        if attempt is None:
            continue
        if isinstance(attempt.cause, DownloadFails):
            # One download fails all versions of its turn: it is told once. What /tmp lacks is OVD724.
            if attempt.cause not in told and attempt.cause.reason != "temporary":
                told.add(attempt.cause)
                yield _download(context, item, seen, model, attempt.cause)
            continue
        copy = copies.get(version.version)
        if copy is not None:
            yield from _left_out(context, model, attempt, copy)
            if copy.cut:
                yield _cut(context, model, attempt, copy)


def _download(
    context: Context, item: StorePlan, seen: StoreFacts, model: ModelPlan, cause: DownloadFails
) -> Finding:
    assert seen.access is not None
    failed = [one.attempt for one in model.versions if one.attempt and one.attempt.cause == cause]
    attempt = next((one for one in failed if one.version == cause.culprit), failed[0])
    words = [context.what_then(model)]
    if len(failed) > 1:
        numbers = ", ".join(str(one.version) for one in failed)
        words.append(f"With it fail all that are downloaded together: {numbers}.")
    missing = f"“{server_log.VERSION_DIRECTORY_MISSING(path=f'/{attempt.version}')}”"
    words.append(f"The log's {missing} is this download, and no local path.")
    more: dict[str, object] = {}
    if cause.reason in ("missing", "nameless"):
        code, (message, evidence, steps) = "OVD664", _misnamed(context, item, cause)
    elif cause.reason == "archived" or (cause.refusal is not None and cause.refusal.code == _ARCHIVED):
        code = "OVD663"
        message = f"{cause.object} is in an archive class and cannot be read before it was restored"
        how = _HOW if cause.refusal is None else f"GetObject: {_answer(cause.refusal)}"
        evidence = Evidence(f"{cause.object}: its storage class is an archive's", how)
        steps = restore(seen.access, cause.object)
    else:
        code, answer = "OVD662", _answer(cause.refusal)
        message = f"{cause.object} may be listed and not read: {answer}"
        text = f": {cause.refusal.message}" if cause.refusal is not None and cause.refusal.message else ""
        evidence = Evidence(f"GetObject: {answer}{text}", "asked as the server's client asks")
        steps = tuple(object_rights(context, seen.access, key_of(item), cause.refusal))
        if seen.access.credentials == "anonymous":
            # Keys, once given, are only read when the server starts.
            causes = tuple(CausedBy(cause, any_severity=True) for cause in ("OVD624", "OVD638"))
            more = {"causes": causes, "recovers": "restart"}
    return context.of_attempt(
        code,
        message,
        model,
        attempt,
        path=cause.object or cause.path,
        detail=" ".join(words),
        confidence="medium",
        evidence=(evidence,),
        steps=steps,
        **more,
    )


def _answer(said: StoreRefusal | None) -> str:
    return f"{said.status} {said.code}".strip() if said is not None else "refused"


def _misnamed(
    context: Context, item: StorePlan, cause: DownloadFails
) -> tuple[str, Evidence, tuple[Step, ...]]:
    """A directory that the download does not find, or cannot make."""
    if cause.reason == "nameless":
        text = "Move what lies there, or remove it."
        return (
            f"Below {cause.path} stands a key with two slashes in a row, at which the download fails",
            Evidence(f"{cause.path}: a directory without a name", _HOW),
            (where.look(context, f"{cause.path}//", text),),
        )
    names = ", ".join(f"“{name}”" for name in cause.names[:_SHOWN])
    return (
        f"The server reads {names} as version {cause.culprit}, and downloads {cause.path}, which is not there",
        Evidence(f"directories read as {cause.culprit}: {names}; none is called {cause.culprit}", _HOW),
        misnamed_steps(context, item.path, cause.culprit, cause.names),
    )


def _left_out(context: Context, model: ModelPlan, attempt: Attempt, copy: CopyFacts) -> Iterator[Finding]:
    """What the model needs of it. A model that was loaded without them needs none of them."""
    refused = isinstance(attempt.cause, ReadRefused)
    if not refused and not (attempt.outcome == "loaded" and attempt.basis == "static"):
        return
    missed = [name for name in copy.left_out if _belongs(attempt, name)]
    if not missed:
        return
    shown = ", ".join(missed[:3]) + (f" and {len(missed) - 3} more" if len(missed) > 3 else "")
    yield context.of_attempt(
        "OVD661",
        f"The server does not download {shown} of {copy.path}",
        model,
        attempt,
        path=copy.path,
        severity="error" if refused else "warning",
        detail=context.what_then(model)
        if refused
        else "Whether OpenVINO takes the model without them was not tried.",
        confidence="medium",
        evidence=(Evidence(f"{copy.path}: {shown} beside {attempt.model_file or 'the model'}", _HOW),),
    )


def _belongs(attempt: Attempt, name: str) -> bool:
    """Whether a file that stays behind is one of the model's, and what it lacks."""
    faults = attempt.inspection.faults if attempt.inspection is not None else ()
    if attempt.format == "saved_model":
        # A graph without variables needs none; and what else is the matter with it would be so on a disk too.
        kinds = {fault.kind for fault in faults if fault.fatal or fault.kind == _NO_VARIABLES}
        return name.startswith("variables/") and (attempt.inspection is None or kinds == {_NO_VARIABLES})
    if attempt.format != "onnx":
        return False
    return any(fault.kind == _NO_DATA and fault.path.endswith(f"/{name}") for fault in faults)


def _cut(context: Context, model: ModelPlan, attempt: Attempt, copy: CopyFacts) -> Finding:
    return context.of_attempt(
        "OVD660",
        f"{copy.path} holds more keys than S3 gives at once, and the server downloads nothing of the others",
        model,
        attempt,
        path=copy.path,
        severity="error" if attempt.outcome == "failed" else "warning",
        confidence="medium",
        evidence=(Evidence(f"{copy.path}: more keys than one page", _HOW),),
    )
