"""What lies in a store, and what of it reaches the server."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from ovms_doctor.checks import where
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.layout_files import misnamed_steps
from ovms_doctor.checks.store_access import policy
from ovms_doctor.findings import Evidence, Finding, Step
from ovms_doctor.serving.model import Attempt, CopySeen, DownloadFails, ModelPlan, StorePlan, StoreSeen

_SHOWN = 8
_HOW = "list of the store"


def check(context: Context) -> Iterator[Finding]:
    """Findings on every model that a store was asked for."""
    models = {model.entry.name: model for model in context.plan.models}
    for item in context.plan.stores:
        seen, model = item.seen, models.get(item.model)
        if seen is None or model is None or seen.refusal is not None:
            continue
        if seen.empty and model.detection.problem is not None:
            yield _empty(context, item, seen, model)
        if seen.hidden:
            yield _hidden(context, item, seen)
        yield from _copies(context, item, seen, model)


def _empty(context: Context, item: StorePlan, seen: StoreSeen, model: ModelPlan) -> Finding:
    assert seen.access is not None
    name = item.path.rstrip("/").rpartition("/")[2]
    above = item.path.rstrip("/").rpartition("/")[0]
    message = f"No key in the bucket begins with {item.path.rstrip('/')}/"
    if above in ("s3:/", "gs:/", ""):
        message, above = f"The bucket {name} is empty", item.path.rstrip("/")
    close = [other for other in seen.others if other.lower() == name.lower()]
    close = close or difflib.get_close_matches(name, seen.others, 1)
    steps = (Step(f"Write {above}/{close[0]}, which is there."),) if close else ()
    beside = ", ".join(seen.others[:_SHOWN]) or "nothing"
    return context.finding(
        "OVD659",
        message + (f"; did you mean {above}/{close[0]}?" if close else ""),
        model=item.model,
        path=item.path,
        base=item.path,
        confidence="medium",
        detail=context.what_then(model),
        log=model.detection.log,
        evidence=(Evidence(f"{item.path}: no key; beside it: {beside}", _HOW),),
        recovers=context.recovers(),
        steps=steps or (where.look(context, above),),
        caused_by=("OVD622", "OVD635"),
    )


def _hidden(context: Context, item: StorePlan, seen: StoreSeen) -> Finding:
    versions = ", ".join(str(version) for version in seen.hidden[:_SHOWN])
    more = f" and {len(seen.hidden) - _SHOWN} more" if len(seen.hidden) > _SHOWN else ""
    return context.finding(
        "OVD660",
        f"The server does not see version {versions}{more} of {item.path}: it asks for the first {seen.keys} keys",
        model=item.model,
        path=item.path,
        base=item.path,
        confidence="medium",
        detail="It takes the highest of those that it sees for the newest.",
        evidence=(
            Evidence(f"{item.path}: more than {seen.keys} keys; versions behind them: {versions}", _HOW),
        ),
        recovers="next_poll",
    )


def _copies(context: Context, item: StorePlan, seen: StoreSeen, model: ModelPlan) -> Iterator[Finding]:
    copies = {copy.version: copy for copy in seen.copies}
    told: set[DownloadFails] = set()
    for version in model.versions:
        attempt = version.attempt
        if attempt is None:
            continue
        if isinstance(attempt.cause, DownloadFails):
            # One download fails all versions of its turn: it is told once.
            if attempt.cause not in told and attempt.cause.why != "temporary":
                told.add(attempt.cause)
                yield _download(context, item, seen, model, attempt, attempt.cause)
            continue
        copy = copies.get(version.version)
        if copy is not None:
            yield from _left_out(context, model, attempt, copy)
            if copy.cut:
                yield _cut(context, model, attempt, copy)


def _download(
    context: Context,
    item: StorePlan,
    seen: StoreSeen,
    model: ModelPlan,
    attempt: Attempt,
    cause: DownloadFails,
) -> Finding:
    assert seen.access is not None
    base = item.path.rstrip("/")
    failed = [one.version for one in model.versions if one.attempt and one.attempt.cause == cause]
    together = (
        f" With it fail all that are downloaded together: {', '.join(map(str, failed))}."
        if len(failed) > 1
        else ""
    )
    steps: tuple[Step, ...] = ()
    if cause.why in ("missing", "nameless"):
        code = "OVD664"
        names = ", ".join(f"“{name}”" for name in cause.names[:_SHOWN])
        message = f"The server reads {names} as version {cause.culprit}, and downloads {cause.path}, which is not there"
        evidence = Evidence(
            f"directories read as {cause.culprit}: {names}; none is called {cause.culprit}", _HOW
        )
        steps = misnamed_steps(context, base, cause.culprit, cause.names)
        if cause.why == "nameless":
            message = (
                f"Below {cause.path} stands a key with two slashes in a row, at which the download fails"
            )
            evidence = Evidence(f"{cause.path}: a directory without a name", _HOW)
            steps = (where.look(context, f"{cause.path}//"),)
    elif cause.why == "archived":
        code = "OVD663"
        message = f"{cause.object} is in an archive class and cannot be read before it was restored"
        evidence = Evidence(f"{cause.object}: its storage class is an archive's", _HOW)
    else:
        code = "OVD662"
        said = cause.refusal
        answer = f"{said.status} {said.code}".strip() if said is not None else "refused"
        message = f"{cause.object} may be listed and not read: {answer}"
        words = f": {said.message}" if said is not None and said.message else ""
        evidence = Evidence(f"GetObject: {answer}{words}", "asked as the server's client asks")
        if seen.access.store == "s3":
            encrypted = said is not None and "kms" in f"{said.code} {said.message}".lower()
            more = ({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "KEY_ARN"},) if encrypted else ()
            steps = (
                Step("This policy is enough for the server's user.", policy(seen.access, [item.path], *more)),
            )
    return context.of_attempt(
        code,
        message,
        model,
        attempt,
        path=cause.object or cause.path,
        detail=f"{context.what_then(model)}{together}",
        confidence="medium",
        evidence=(evidence,),
        steps=steps,
    )


def _left_out(context: Context, model: ModelPlan, attempt: Attempt, copy: CopySeen) -> Iterator[Finding]:
    """What the model needs of it. A model that was loaded without them needs none of them."""
    if attempt.outcome == "loaded" and attempt.basis != "static":
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
        severity="error" if attempt.outcome == "failed" else "warning",
        detail=context.what_then(model)
        if attempt.outcome == "failed"
        else "The model is loaded without them.",
        confidence="medium",
        evidence=(Evidence(f"{copy.path}: {shown} beside {attempt.model_file or 'the model'}", _HOW),),
    )


def _belongs(attempt: Attempt, name: str) -> bool:
    """Whether a file that stays behind is one of the model's."""
    if attempt.format == "saved_model":
        return name.startswith("variables/")
    if attempt.format != "onnx" or attempt.outcome != "failed":
        return False
    faults = attempt.inspection.faults if attempt.inspection is not None else ()
    said = [*(f"{fault.path} {fault.evidence} {fault.detail}" for fault in faults)]
    if attempt.report is not None:
        said.append(attempt.report.message)
    return any(name in text for text in said)


def _cut(context: Context, model: ModelPlan, attempt: Attempt, copy: CopySeen) -> Finding:
    return context.of_attempt(
        "OVD660",
        f"{copy.path} holds more than 1,000 keys, and the server downloads nothing of what lies behind them",
        model,
        attempt,
        path=copy.path,
        severity="error" if attempt.outcome == "failed" else "warning",
        confidence="medium",
        evidence=(Evidence(f"{copy.path}: more keys than one page", _HOW),),
    )
