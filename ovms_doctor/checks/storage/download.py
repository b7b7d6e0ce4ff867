"""Downloads from a store that fail."""

from __future__ import annotations

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.layout.version_names import misnamed_steps
from ovms_doctor.checks.storage.remedies import key_of, object_rights, restore
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import DownloadFails
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.facts import StoreRefusal
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Step
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.storage_plan import StoreFacts, StorePlan

DOWNLOAD_REFUSED = Code(
    code="OVD662",
    name="download-refused",
    severity="error",
    summary="The store allows the list of an object and refuses to read it",
    remedy=(
        "Allow s3:GetObject (in Google Cloud Storage storage.objects.get) on the model's objects, and "
        "for encrypted objects kms:Decrypt on their key."
    ),
    log=(
        server_log.STORE_OBJECT_FAILED,
        server_log.VERSION_NOT_DOWNLOADED,
        server_log.MODEL_NOT_DOWNLOADED,
        server_log.GCS_NOT_SAVED,
        server_log.GCS_FILE_FAILED,
        server_log.GCS_DIRECTORY_NOT_SAVED,
        "Missing model directory /1",
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD651", "OVD663"),
    example=Example(
        "GetObject s3://models/m/1/model.xml: AccessDenied\nMissing model directory /1",
        '{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/m/*"}',
    ),
)

OBJECT_ARCHIVED = Code(
    code="OVD663",
    name="object-archived",
    severity="error",
    summary="A file of the model is in an archive storage class, from which it cannot be read directly",
    remedy="Restore the object, and move the model to a storage class that can be read.",
    log=(server_log.STORE_OBJECT_FAILED,),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD662",),
    example=Example("s3://models/m/1/model.bin   GLACIER", "s3://models/m/1/model.bin   STANDARD"),
)

VERSION_DIRECTORY_NOT_DOWNLOADED = Code(
    code="OVD664",
    name="version-directory-not-downloaded",
    severity="error",
    summary=(
        "A directory is read as a version but does not have its number as a name, so the download fails"
    ),
    remedy="Rename the directory to its number.",
    log=(
        server_log.S3_NOT_THERE,
        server_log.GCS_NO_DIRECTORY,
        server_log.NOT_MADE,
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD103", "OVD662"),
    example=Example("s3://models/m/001/model.xml", "s3://models/m/1/model.xml"),
)

CODES = (DOWNLOAD_REFUSED, OBJECT_ARCHIVED, VERSION_DIRECTORY_NOT_DOWNLOADED)
#: How evidence from the list of a store was collected.
STORE_LIST = "list of the store"
_MAX_LISTED = 8
#: S3's error code for an object that must be restored first.
_ARCHIVED = "InvalidObjectState"


def check(
    context: Context, item: StorePlan, facts: StoreFacts, model: ModelPlan, cause: DownloadFails
) -> Finding:
    """Returns the finding on all versions that fail with one download."""
    assert facts.access is not None
    failed = [one.attempt for one in model.versions if one.attempt and one.attempt.cause == cause]
    attempt = next((one for one in failed if one.version == cause.failed_version), failed[0])
    sentences = [context.failure_effect(model)]
    if len(failed) > 1:
        numbers = ", ".join(str(one.version) for one in failed)
        sentences.append(f"All versions that are downloaded together fail: {numbers}.")
    missing = f"“{server_log.VERSION_DIRECTORY_MISSING(path=f'/{attempt.version}')}”"
    sentences.append(f"The line {missing} in the log is about this download, not about a local path.")
    more: dict[str, object] = {}
    if cause.reason in ("missing", "nameless"):
        code, (message, evidence, steps) = VERSION_DIRECTORY_NOT_DOWNLOADED, _misnamed(context, item, cause)
    elif cause.reason == "archived" or (cause.refusal is not None and cause.refusal.code == _ARCHIVED):
        code = OBJECT_ARCHIVED
        message = f"{cause.object} is in an archive class and cannot be read before it is restored"
        how = STORE_LIST if cause.refusal is None else f"GetObject: {_answer(cause.refusal)}"
        evidence = Evidence(f"{cause.object}: its storage class is for archives", how)
        steps = restore(facts.access, cause.object)
    else:
        code, answer = DOWNLOAD_REFUSED, _answer(cause.refusal)
        message = f"{cause.object} can be listed but not read: {answer}"
        text = f": {cause.refusal.message}" if cause.refusal is not None and cause.refusal.message else ""
        evidence = Evidence(f"GetObject: {answer}{text}", "requested as the server's client does")
        steps = tuple(object_rights(context, facts.access, key_of(item), cause.refusal))
        if facts.access.credentials == "anonymous":
            # The server reads keys from its environment only when it starts.
            causes = tuple(CausedBy(cause, any_severity=True) for cause in ("OVD624", "OVD638"))
            more = {"causes": causes, "recovers": "restart"}
    return context.of_attempt(
        code,
        message,
        model,
        attempt,
        path=cause.object or cause.path,
        detail=" ".join(sentences),
        confidence="medium",
        evidence=(evidence,),
        steps=steps,
        **more,
    )


def _answer(refusal: StoreRefusal | None) -> str:
    return f"{refusal.status} {refusal.code}".strip() if refusal is not None else "refused"


def _misnamed(
    context: Context, item: StorePlan, cause: DownloadFails
) -> tuple[str, Evidence, tuple[Step, ...]]:
    """Returns the message, evidence and steps for a directory that the download does not find, or cannot create."""
    if cause.reason == "nameless":
        text = "Move or remove the objects there."
        return (
            f"{cause.path} has a key with two slashes in a row, at which the download fails",
            Evidence(f"{cause.path}: a directory without a name", STORE_LIST),
            (path_advice.list_step(context, f"{cause.path}//", text),),
        )
    names = ", ".join(f"“{name}”" for name in cause.names[:_MAX_LISTED])
    return (
        f"The server reads {names} as version {cause.failed_version}, and downloads {cause.path}, "
        "which does not exist",
        Evidence(
            f"directories read as {cause.failed_version}: {names}; none has the name {cause.failed_version}",
            STORE_LIST,
        ),
        misnamed_steps(context, item.path, cause.failed_version, cause.names),
    )
