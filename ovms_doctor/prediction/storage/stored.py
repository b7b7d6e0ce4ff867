"""Versions in a store: downloaded together, then loaded like local files.

``Model::addVersions`` downloads all versions of one round into one directory of /tmp and only checks whether the
path of that directory was stored (model.cpp, downloadModels): if one fails, all fail, and each is then searched for
in the root directory, or in the directory of an earlier successful download.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook, DownloadFails
from ovms_doctor.model.deployment import Deployment, ModelEntry
from ovms_doctor.model.facts import AnyQuestion, FactsMissingError, StoreRefusal, Unavailable, VersionCopy
from ovms_doctor.model.mounts import covering
from ovms_doctor.model.plan import Attempt, Detection
from ovms_doctor.model.storage_plan import CopyFacts
from ovms_doctor.prediction.loading import Loader
from ovms_doctor.prediction.storage.access import same_network
from ovms_doctor.prediction.storage.copies import Copied, DownloadError, copy_of
from ovms_doctor.prediction.storage.listing import Store, prefix_of
from ovms_doctor.prediction.storage.refusals import applies_to_server, store_unavailable

#: The directory of the server's copies (filesystem.cpp, createTempPath): six letters of the name are random.
TEMPORARY = "/tmp/fileXXXXXX"  # noqa: S108 - the server's, nothing is written here


class Stored(Struct):
    """A model in a store whose versions are known."""

    #: The model's entry.
    entry: ModelEntry
    #: The deployment.
    deployment: Deployment
    #: The detected versions.
    detection: Detection
    #: The store.
    store: Store
    #: The key of the base path.
    key: str
    #: Why the download of the present versions fails; None if it does not.
    failing: DownloadFails | None = None
    #: Why it is not known whether the download fails; None if it is known.
    unclear: CouldNotLook | None = None
    _known: dict[tuple[int, bool], Attempt | DownloadFails | CouldNotLook] = field(default_factory=dict)
    #: First attempts of versions whose download failed: the log of the next attempts may differ.
    _failed: dict[int, Attempt] = field(default_factory=dict)
    #: The server's directory for copies: it is stored with the first successful download, and kept.
    _noted: str = ""

    def begin(self, versions: Sequence[int], loader: Loader) -> None:
        """Downloads the versions of one round. Raises FactsMissingError with the missing facts of all of them."""
        self.failing = self.unclear = None
        missing: list[AnyQuestion] = []
        for version in versions:
            try:
                tried = self._try(version, loader, kept=False)
                if isinstance(tried, DownloadFails) and self.failing is None:
                    self.failing = tried
                if isinstance(tried, CouldNotLook) and self.unclear is None:
                    self.unclear = tried
            except FactsMissingError as error:
                missing.extend(error.questions)
        if missing:
            raise FactsMissingError(missing)
        self.unclear = self.unclear or self._twice(versions)
        if self.failing is None and self.unclear is None:
            self._noted = TEMPORARY

    def attempt(self, version: int, loader: Loader, *, kept: bool) -> Attempt:
        """Returns the result of loading a version of the current round. Raises FactsMissingError."""
        if self.failing is not None:
            return self._fail(version, self.failing)
        if self.unclear is not None:
            return Attempt(version, "unknown", self._path(version), cause=self.unclear)
        tried = self._try(version, loader, kept=kept)
        if isinstance(tried, CouldNotLook):
            return Attempt(version, "unknown", self._path(version), cause=tried)
        return self._fail(version, tried) if isinstance(tried, DownloadFails) else tried

    def copy(self, version: int) -> CopyFacts | None:
        """Returns the files of a version that are downloaded, None if they are not known. Raises FactsMissingError."""
        try:
            return copy_of(self.store, self.key, self.entry.base_path, version, self.deployment.release)
        except DownloadError:
            return None

    def _path(self, version: int) -> str:
        return f"{self.entry.base_path.rstrip('/')}/{version}"

    def _twice(self, versions: Sequence[int]) -> CouldNotLook | None:
        """Returns the cause for two directories of one number in one round: the client for S3 cannot create a directory
        below them for the second time, and fails."""
        for version in versions if self.store.access.store == "s3" else ():
            copied = self.copy(version) if versions.count(version) > 1 else None
            if copied is not None and copied.directories:
                reason = f"it is downloaded twice at once, for {len(self.detection.directories(version))} directories"
                return CouldNotLook(self._path(version), f"{reason} are read as {version}")
        return None

    def _try(self, version: int, loader: Loader, *, kept: bool) -> Attempt | DownloadFails | CouldNotLook:
        if (version, kept) not in self._known:
            self._known[version, kept] = self._download(version, loader, kept=kept)
        return self._known[version, kept]

    def _download(
        self, version: int, loader: Loader, *, kept: bool
    ) -> Attempt | DownloadFails | CouldNotLook:
        path, names = self._path(version), self.detection.directories(version)
        if not _may_write(self.deployment):
            return DownloadFails(path, version, "temporary")
        release = self.deployment.release
        try:
            copied = copy_of(self.store, self.key, self.entry.base_path, version, release)
            if copied is None:
                return DownloadFails(path, version, "missing", names)
            if copied.archived:
                return DownloadFails(path, version, "archived", object=f"{path}/{copied.archived[0]}")
            prefix = f"{prefix_of(self.key)}{version}/"
            limit = self.deployment.options.download_limit
            version_copy = VersionCopy(self.store.access, prefix, copied.files, copied.directories, limit)
            local = replace(
                loader, facts=Copied(self.store.facts, copied, version_copy), working_directory=""
            )
            tried = local.attempt(version, path, names, single_file=False, kept=kept)
        except DownloadError as stop:
            answer = stop.answer
            if answer is None and self.store.access.store == "s3":
                return DownloadFails(path, version, "nameless")
            if answer is None:
                # The client for Google requests the same directory again, and again below it.
                answer = Unavailable("it has a key with two slashes in a row")
            if isinstance(answer, StoreRefusal) and _refuses(answer, same_network(self.deployment)):
                url = self.store.access.url(answer.key or stop.key)
                return DownloadFails(path, version, "refused", object=url, refusal=answer)
            return store_unavailable(path, answer)
        base = path.rpartition("/")[0]
        return replace(tried, log=tuple(line.replace(f"{base}/", f"{TEMPORARY}/") for line in tried.log))

    def _fail(self, version: int, failing: DownloadFails) -> Attempt:
        if version not in self._failed:
            lines = (
                *self._lines(failing),
                server_log.MODEL_NOT_DOWNLOADED(path=self.entry.base_path),
                server_log.VERSION_DIRECTORY_MISSING(path=f"{self._noted}/{version}"),
            )
            tried = Attempt(version, "failed", self._path(version), "PATH_INVALID", failing, lines)
            self._failed[version] = tried
        return self._failed[version]

    def _lines(self, failing: DownloadFails) -> tuple[str, ...]:
        """Returns the messages of the server's client."""
        if failing.reason == "temporary":
            reason = os.strerror(errno.EROFS)
            return (server_log.NO_TEMPORARY(template=TEMPORARY, what=reason),)
        amazon = self.store.access.store == "s3"
        last = server_log.VERSION_NOT_DOWNLOADED(path=failing.path)
        if failing.reason == "nameless":
            reason = os.strerror(errno.EEXIST)
            local = f"{TEMPORARY}/{failing.failed_version}/"
            return (server_log.NOT_MADE(path=local, what=reason), last)
        if failing.reason == "missing":
            missing = server_log.S3_NOT_THERE if amazon else server_log.GCS_NO_DIRECTORY
            return (missing(path=failing.path), last)
        if not failing.object.startswith(failing.path + "/"):
            return (last,)
        refused = server_log.STORE_OBJECT_FAILED(path=failing.object)
        if amazon:
            return (refused, last)
        copy = f"{TEMPORARY}/{failing.object[len(failing.path) - len(str(failing.failed_version)) :]}"
        saved = server_log.GCS_NOT_SAVED(path=failing.object, copy=copy)
        return (server_log.GCS_FILE_FAILED(), refused, saved, last)


def _refuses(answer: StoreRefusal, in_same_network: bool) -> bool:
    """Whether the store refuses the server too. An object that was listed and is now missing was removed in the
    meantime."""
    return applies_to_server(answer, in_same_network) and not answer.problem and answer.status != 404


def _may_write(deployment: Deployment) -> bool:
    """Whether a writable file system is at /tmp; Podman mounts a tmpfs there by itself."""
    container = deployment.container
    if container is None or not container.read_only_root or container.engine == "podman":
        return True
    if "mounts" in container.unknown_fields:
        return True
    mounts = covering(container.mounts, "/tmp")  # noqa: S108 - the server's own
    return bool(mounts) and not mounts[0].read_only
