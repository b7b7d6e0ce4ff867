"""The objects of a store, and which of them the server downloads."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import download
from ovms_doctor.checks.storage.download import STORE_LIST
from ovms_doctor.checks.storage.remedies import key_of
from ovms_doctor.model.causes import DownloadFails, ReadRefused
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Step
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.similar import similar_names
from ovms_doctor.model.storage_plan import CopyFacts, StoreFacts, StorePlan

STORE_PATH_EMPTY = Code(
    code="OVD659",
    name="store-path-empty",
    severity="error",
    summary="No object's key begins with the path",
    remedy="Name the directory that holds the version directories.",
    log=(
        "Directory does not exist: s3://",
        "Directory does not exist: gs://",
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD622", "OVD635", "OVD666"),
    example=Example(
        '"base_path": "s3://models/Resnet"   keys: resnet/1/…', '"base_path": "s3://models/resnet"'
    ),
)

VERSIONS_BEHIND_FIRST_PAGE = Code(
    code="OVD660",
    name="versions-behind-first-page",
    severity="warning",
    summary="S3 lists 1,000 keys at a time, and the server does not request the rest",
    remedy="Keep fewer files below the base path: move old versions, training data and logs elsewhere.",
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD659",),
    example=Example(
        "s3://models/m/1/samples/0001.png … 1200.png\ns3://models/m/2/model.xml",
        "s3://models/m/1/model.xml\ns3://models/m/2/model.xml",
    ),
)

FILES_NOT_DOWNLOADED = Code(
    code="OVD661",
    name="files-not-downloaded",
    severity="warning",
    summary="The server does not download files of this kind, and the model needs them",
    remedy="Convert the model to OpenVINO's format (ovc), or mount it from a local path.",
    recovers="next_poll",
    releases="Paddle since 2022.2, TensorFlow since 2022.3, TensorFlow Lite since 2023.1.",
    see_also=("OVD111",),
    example=Example(
        "s3://models/m/1/saved_model.pb\ns3://models/m/1/variables/variables.index",
        "s3://models/m/1/model.xml\ns3://models/m/1/model.bin",
    ),
)

CODES = (STORE_PATH_EMPTY, VERSIONS_BEHIND_FIRST_PAGE, FILES_NOT_DOWNLOADED)
_MAX_LISTED = 8
#: Kinds of fault in the static reading.
_NO_VARIABLES, _NO_DATA = "saved-model-variables-missing", "external-data-missing"


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on every model whose store was listed."""
    models = {model.entry.name: model for model in context.plan.models}
    for item in context.plan.stores:
        facts, model = item.facts, models.get(item.model)
        if facts is None or model is None or facts.refusal is not None:
            continue
        if facts.empty and model.detection.problem is not None:
            yield _empty(context, item, facts, model)
        if facts.hidden:
            yield _hidden(context, item, facts)
        yield from _copies(context, item, facts, model)


def _empty(context: Context, item: StorePlan, facts: StoreFacts, model: ModelPlan) -> Finding:
    assert facts.access is not None
    name, bucket, key = facts.access.bucket, facts.access.url(), key_of(item)
    slash = "" if item.path.endswith("/") else "/"
    message, steps = (
        f"No key in the bucket begins with {item.path}{slash}",
        (path_advice.list_step(context, bucket),),
    )
    suggested = "" if item.s3 is not None and item.s3[0].host else _suggested_path(key, facts, bucket)
    if not key and not facts.others:
        message = f"The bucket {name} is empty"
    elif suggested:
        message += f"; did you mean {suggested}?"
        steps = (Step(f"Write {suggested}, which exists."),)
    elif key.startswith(f"{name}/"):
        text = (
            f"The bucket is in the path twice: check whether {bucket}{key[len(name) :]} is the intended path."
        )
        steps = (path_advice.list_step(context, bucket, text),)
    beside = ", ".join(facts.others[:_MAX_LISTED]) or "nothing"
    if len(facts.others) > _MAX_LISTED:
        beside += f" and {len(facts.others) - _MAX_LISTED} more"
    return context.finding(
        STORE_PATH_EMPTY,
        message,
        model=item.model,
        path=item.path,
        base=item.path,
        confidence="medium",
        detail=context.failure_effect(model),
        log=model.detection.log,
        evidence=(Evidence(f"{item.path}: no key; beside it: {beside}", STORE_LIST),),
        recovers=context.recovers(),
        steps=steps,
        causes=tuple(CausedBy(code, any_severity=True) for code in ("OVD622", "OVD635")),
    )


def _suggested_path(key: str, facts: StoreFacts, bucket: str) -> str:
    """Returns the neighbouring path with the same or nearly the same name; empty for none. The same name, or the
    bucket itself, is not found because of one slash too many."""
    if not key:
        return bucket if facts.others else ""
    above, _, name = key.rpartition("/")
    close = [other for other in facts.others if other == name]
    close = close or [other for other in facts.others if other.lower() == name.lower()]
    close = close or similar_names(name, facts.others, 1)
    if not close:
        return ""
    inside = above.removesuffix("/")
    return f"{bucket}/{inside}/{close[0]}" if inside else f"{bucket}/{close[0]}"


def _hidden(context: Context, item: StorePlan, facts: StoreFacts) -> Finding:
    versions = ", ".join(str(version) for version in facts.hidden[:_MAX_LISTED])
    more = f" and {len(facts.hidden) - _MAX_LISTED} more" if len(facts.hidden) > _MAX_LISTED else ""
    return context.finding(
        VERSIONS_BEHIND_FIRST_PAGE,
        f"The server does not find version {versions}{more} of {item.path}: it lists only the first "
        f"{facts.keys:,} keys",
        model=item.model,
        path=item.path,
        base=item.path,
        confidence="medium",
        detail="Keys are in the order of their bytes, 10 before 2. For the server, the highest version "
        "that it finds is the newest one.",
        evidence=(
            Evidence(
                f"{item.path}: more than {facts.keys:,} keys; versions after them: {versions}", STORE_LIST
            ),
        ),
        recovers="next_poll",
    )


def _copies(context: Context, item: StorePlan, facts: StoreFacts, model: ModelPlan) -> Iterator[Finding]:
    copies = {copy.version: copy for copy in facts.copies}
    reported: set[DownloadFails] = set()
    for version in model.versions:
        attempt = version.attempt
        if attempt is None:
            continue
        if isinstance(attempt.cause, DownloadFails):
            # One download fails for all versions of its round: one finding. Missing space in /tmp is OVD724.
            if attempt.cause not in reported and attempt.cause.reason != "temporary":
                reported.add(attempt.cause)
                yield download.check(context, item, facts, model, attempt.cause)
            continue
        copy = copies.get(version.version)
        if copy is not None:
            yield from _left_out(context, model, attempt, copy)
            if copy.cut:
                yield _cut(context, model, attempt, copy)


def _left_out(context: Context, model: ModelPlan, attempt: Attempt, copy: CopyFacts) -> Iterator[Finding]:
    """Yields a finding on files that the model needs; a model that was loaded without them does not need them."""
    refused = isinstance(attempt.cause, ReadRefused)
    if not refused and not (attempt.outcome == "loaded" and attempt.basis == "static"):
        return
    missing = [name for name in copy.left_out if _belongs(attempt, name)]
    if not missing:
        return
    file_list = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    yield context.of_attempt(
        FILES_NOT_DOWNLOADED,
        f"The server does not download {file_list} of {copy.path}",
        model,
        attempt,
        path=copy.path,
        severity="error" if refused else "warning",
        detail=context.failure_effect(model)
        if refused
        else "Whether OpenVINO reads the model without them was not tried.",
        confidence="medium",
        evidence=(
            Evidence(f"{copy.path}: {file_list} beside {attempt.model_file or 'the model'}", STORE_LIST),
        ),
    )


def _belongs(attempt: Attempt, name: str) -> bool:
    """Whether a file that is not downloaded belongs to the model and is missing there."""
    faults = attempt.inspection.faults if attempt.inspection is not None else ()
    if attempt.format == "saved_model":
        # A graph without variables needs none; any other fault would also be there on a local disk.
        kinds = {fault.kind for fault in faults if fault.fatal or fault.kind == _NO_VARIABLES}
        return name.startswith("variables/") and (attempt.inspection is None or kinds == {_NO_VARIABLES})
    if attempt.format != "onnx":
        return False
    return any(fault.kind == _NO_DATA and fault.path.endswith(f"/{name}") for fault in faults)


def _cut(context: Context, model: ModelPlan, attempt: Attempt, copy: CopyFacts) -> Finding:
    return context.of_attempt(
        VERSIONS_BEHIND_FIRST_PAGE,
        f"{copy.path} has more keys than S3 lists at once, and the server does not download the rest",
        model,
        attempt,
        path=copy.path,
        severity="error" if attempt.outcome == "failed" else "warning",
        confidence="medium",
        evidence=(Evidence(f"{copy.path}: more keys than one page", STORE_LIST),),
    )
