"""From a base path in a store to version numbers: readAvailableVersions with the clients of S3 and Google."""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.deployment import Deployment, ModelEntry
from ovms_doctor.model.facts import (
    Entry,
    Facts,
    HeadBucket,
    Listing,
    ListStore,
    StoreAccess,
    StoreRefusal,
    Unavailable,
)
from ovms_doctor.model.plan import BaseProblem, Detection
from ovms_doctor.model.store_paths import target_listing
from ovms_doctor.prediction.paths import escapes
from ovms_doctor.prediction.storage import gcs, s3
from ovms_doctor.prediction.storage.access import same_network, store_access
from ovms_doctor.prediction.storage.copies import LEADS_OUT
from ovms_doctor.prediction.storage.listing import Page, Store, prefix_of
from ovms_doctor.prediction.storage.refusals import applies_to_server, store_unavailable
from ovms_doctor.prediction.versions import apply_policy, read_names

#: The SDK's message for a refused HeadBucket, for any reason: an answer to HEAD has no body (1.11).
_NO_BODY = "No response body."


class StoreDetection(Struct, frozen=True):
    """The versions that the server finds below a base path."""

    #: The store; None if it cannot be queried.
    store: Store | None
    #: The key of the base path.
    key: str
    #: The detected versions; None if they are not known.
    detection: Detection | None = None
    #: Why the versions are not known.
    unknown: CouldNotLook | None = None


def detect_in_store(entry: ModelEntry, deployment: Deployment, facts: Facts) -> StoreDetection:
    """Applies ``ModelManager::readAvailableVersions`` to an entry in S3 or Google Cloud Storage. Raises
    FactsMissingError."""
    path = entry.base_path
    key = key_of(path)
    access = store_access(path, deployment, facts)
    if isinstance(access, str):
        return StoreDetection(None, key, unknown=CouldNotLook(path, access))
    store = Store(access, facts, bulk_of(access, path, deployment))
    detect = _s3 if access.store == "s3" else _gcs
    return detect(StoreDetection(store, key), store, entry, deployment)


def key_of(path: str) -> str:
    """Returns the key of a base path, as its client parses it."""
    return s3.parse_path(path).key if path.startswith(s3.PREFIX) else gcs.parse_path(path).key


def bulk_of(access: StoreAccess, path: str, deployment: Deployment) -> ListStore | None:
    """Returns the list from which a target that contains ``path`` was interpreted, with the same access; the longest
    one."""
    found = [
        target_listing(access, target.path)
        for target in deployment.targets
        if f"{path.rstrip('/')}/".startswith(f"{target.path.rstrip('/')}/")
    ]
    return max(found, key=lambda listing: len(listing.prefix), default=None)


def _s3(detection: StoreDetection, store: Store, entry: ModelEntry, deployment: Deployment) -> StoreDetection:
    path, prefix = entry.base_path, prefix_of(detection.key)
    head = HeadBucket(store.access)
    # Both questions together: nearly always both are needed; only the second one has the reason of a refusal.
    store.facts.need([head, *store.lacking(prefix)])
    answer = store.facts.ask(head)
    in_same_network = same_network(deployment)
    if isinstance(answer, Unavailable) or (
        isinstance(answer, StoreRefusal) and not applies_to_server(answer, in_same_network)
    ):
        return _unknown(detection, path, answer)
    if isinstance(answer, StoreRefusal):
        list_answer = store.page(prefix)
        if (
            isinstance(list_answer, StoreRefusal)
            and not list_answer.temporary
            and not applies_to_server(list_answer, in_same_network)
        ):
            # Only the list shows the reason of the refused HeadBucket: a wrong clock of this host.
            return _unknown(detection, path, list_answer)
        lines: tuple[str, ...] = (server_log.CANNOT_CHECK_DIRECTORY(path=path),)
        if not answer.problem and deployment.release.at_least(2024, 0):
            lines = (server_log.S3_NO_ANSWER(bucket=store.access.bucket, what=_NO_BODY), *lines)
        return _refused(detection, "S3_METADATA_FAIL", *lines)
    page = store.page(prefix)
    if isinstance(page, Unavailable) or (
        isinstance(page, StoreRefusal) and not applies_to_server(page, in_same_network)
    ):
        return _unknown(detection, path, page)
    if isinstance(page, StoreRefusal):
        if detection.key:
            line = server_log.S3_LIST_FAILED(path=path)
            return _refused(
                detection, "S3_FAILED_LIST_OBJECTS", line, server_log.CANNOT_CHECK_DIRECTORY(path=path)
            )
        line = server_log.S3_CONTENTS_FAILED(path=f"{s3.PREFIX}{store.access.bucket}/")
        return _refused(detection, "S3_INVALID_ACCESS", line, server_log.CANNOT_LIST(path=path))
    if detection.key and not page.objects:
        return _refused(detection, "PATH_INVALID", server_log.DIRECTORY_MISSING(path=path))
    if any(escapes(f"/{name}", deployment.release) for name in page.names()):
        # The client refuses such a path, and with it the list.
        return _unknown(detection, path, Unavailable(LEADS_OUT))
    found = _versions(detection, store, page, path)
    return _below_host(found, page, entry) if s3.parse_path(path).host else found


def _below_host(detection: StoreDetection, page: Page, entry: ModelEntry) -> StoreDetection:
    """Returns the result for a path with a host: its keys begin with a slash, except in ``getDirectorySubdirs`` and
    ``downloadFileFolder`` (s3filesystem.cpp), which write the path again. So the versions of a bucket itself are found,
    but then searched after a slash."""
    if detection.detection is None:
        return detection
    path, found = entry.base_path, detection.detection.found
    requested = sorted(apply_policy(entry.policy, list(found)))
    if not requested:
        return detection
    if detection.key or page.below("").objects:
        return _unknown(detection, path, Unavailable("keys there begin with a slash"))
    version = f"{path}/{requested[0]}"
    log = (
        server_log.S3_NOT_THERE(path=version),
        server_log.VERSION_NOT_DOWNLOADED(path=version),
        server_log.MODEL_NOT_DOWNLOADED(path=path),
        server_log.VERSION_DIRECTORY_MISSING(path=f"/{requested[0]}"),
    )
    names = detection.detection.names
    failed = Detection("PATH_INVALID", found, names, BaseProblem("store"), log=log)
    return StoreDetection(detection.store, detection.key, failed)


def _gcs(
    detection: StoreDetection, store: Store, entry: ModelEntry, deployment: Deployment
) -> StoreDetection:
    """Returns the result for Google Cloud Storage. A failed list counts as empty: the client returns an error as a
    value, which the server does not check (isDirectory in gcsfilesystem.cpp)."""
    path, page = entry.base_path, store.page(prefix_of(detection.key))
    if isinstance(page, Unavailable):
        return _unknown(detection, path, page)
    if isinstance(page, StoreRefusal) and not applies_to_server(page, same_network(deployment)):
        return _unknown(detection, path, page)
    if isinstance(page, StoreRefusal) or not page.objects:
        return _refused(detection, "PATH_INVALID", server_log.DIRECTORY_MISSING(path=path))
    return _versions(detection, store, page, path)


def _versions(detection: StoreDetection, store: Store, page: Page, path: str) -> StoreDetection:
    names, entries = [], []
    for name in page.names():
        directory = store.is_directory(page, name)
        if not isinstance(directory, bool):
            return _unknown(detection, path, directory)
        if directory:
            names.append(name)
        entries.append(Entry(name, "directory" if directory else "regular"))
    found = read_names(path, names, Listing(tuple(entries)))
    return StoreDetection(store, detection.key, found)


def _unknown(detection: StoreDetection, path: str, answer: object) -> StoreDetection:
    assert isinstance(answer, StoreRefusal | Unavailable)
    return StoreDetection(detection.store, detection.key, unknown=store_unavailable(path, answer))


def _refused(detection: StoreDetection, status: str, *log: str) -> StoreDetection:
    return StoreDetection(
        detection.store, detection.key, Detection(status, problem=BaseProblem("store"), log=log)
    )
