"""The questions about a store (S3, Google Cloud Storage).

Every request is sent as the server's client would send it: with its address, its way of naming the bucket, its proxy
and its credentials. None of these types contains a secret: a question names the variables, the probe has their
values.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ovms_doctor.model.facts.answers import Failure, FileContent, LoadReport, ModelInspection, Unavailable
from ovms_doctor.model.facts.preparation import LoadLevel, ModelFormat, Preparation
from ovms_doctor.model.facts.question import FactData, Question
from ovms_doctor.model.facts.store_answers import StoreListing, StoreRefusal, StoreResponse

StoreKind: TypeAlias = Literal["s3", "gcs"]


class StoreAccess(FactData, frozen=True):
    """How a client of the server accesses a bucket.

    * ``store``: the kind of store.
    * ``bucket``: the bucket's name.
    * ``credentials``: whose credentials are sent: ``keys`` of the environment, those of a ``profile``, those of
      Google's ``file``, or none (``anonymous``).
    * ``endpoint``: ``scheme://host[:port][/path]``, empty for the store's own.
    * ``addressing``: whether the name of S3's bucket is in the path or in the host name.
    * ``region``: the region that requests are signed for, empty if none is configured.
    * ``token``: whether a session token is sent with the keys.
    * ``profile``: the name of the AWS profile, empty if none is used.
    * ``files``: the server paths of the AWS credentials and configuration files, or of Google's file.
    * ``proxy``: the variable whose value names the proxy, empty for none.
    * ``self_signed``: for Google's ``file``: whether a service account signs its tokens itself and fetches none.
    """

    store: StoreKind
    bucket: str
    credentials: Literal["keys", "profile", "anonymous", "file"] = "anonymous"
    endpoint: str = ""
    addressing: Literal["path", "virtual"] = "path"
    region: str = ""
    token: bool = False
    profile: str = ""
    files: tuple[str, ...] = ()
    proxy: str = ""
    self_signed: bool = False

    def url(self, key: str = "") -> str:
        """Returns a key as people write it: ``s3://bucket/key``."""
        scheme = "s3" if self.store == "s3" else "gs"
        return f"{scheme}://{self.bucket}/{key}" if key else f"{scheme}://{self.bucket}"


class HeadBucket(Question[StoreResponse | StoreRefusal | Unavailable], frozen=True):
    """Whether S3 gives this client access to the bucket.

    * ``access``: the client and the bucket.
    """

    access: StoreAccess

    @property
    def path(self) -> str:
        """Returns the subject as people write it; the same for all these questions."""
        return self.access.url()


class ListStore(Question[StoreListing | StoreRefusal | Unavailable], frozen=True):
    """The keys that begin with a prefix, in the order of their bytes.

    * ``access``: the client and the bucket.
    * ``prefix``: the beginning of the keys.
    * ``pages``: the most pages of 1,000 keys that are requested.
    * ``delimited``: whether keys are listed only to the next slash.
    """

    access: StoreAccess
    prefix: str
    pages: int = 1
    delimited: bool = False

    @property
    def path(self) -> str:
        return self.access.url(self.prefix)


class ReadObject(Question[FileContent | StoreRefusal | Unavailable], frozen=True):
    """The beginning of an object.

    * ``access``: the client and the bucket.
    * ``key``: the object's key.
    * ``limit``: how many bytes are requested.
    """

    access: StoreAccess
    key: str
    limit: int

    @property
    def path(self) -> str:
        return self.access.url(self.key)


class CopiedFile(FactData, frozen=True):
    """A file that the server downloads.

    * ``name``: its name below the version's directory.
    * ``size``: its size in bytes.
    """

    name: str
    size: int


class VersionCopy(FactData, frozen=True):
    """The part of one version that the server downloads.

    * ``access``: the client and the bucket.
    * ``prefix``: the beginning of the objects' keys; the rest of a key is the file's name.
    * ``files``: the downloaded files.
    * ``directories``: the directories that the server creates for them.
    * ``limit``: how many bytes of it may be downloaded here, 0 for no limit.
    """

    access: StoreAccess
    prefix: str
    files: tuple[CopiedFile, ...]
    directories: tuple[str, ...] = ()
    limit: int = 0

    @property
    def size(self) -> int:
        """Returns the bytes in all."""
        return sum(file.size for file in self.files)


class InspectCopy(Question[ModelInspection | Failure | StoreRefusal | Unavailable], frozen=True):
    """The content of the bytes of a model in a store, read without OpenVINO. Of the weights only the needed part is
    downloaded. Paths in the answer are ``scheme://bucket/key``.

    * ``copy``: the files that the server downloads.
    * ``file``: the model's file below the version's directory; of a SavedModel the directory, empty or ending in
      ``/``.
    * ``format``: the model's format.
    """

    copy: VersionCopy
    file: str
    format: ModelFormat

    @property
    def path(self) -> str:
        return self.copy.access.url(self.copy.prefix + self.file)


class LoadCopy(Question[LoadReport | StoreRefusal | Unavailable], frozen=True):
    """OpenVINO's result for a model in a store; all its files are downloaded first.

    * ``copy``: the files that the server downloads.
    * ``file``: the model's file below the version's directory; of a SavedModel the directory, empty or ending in
      ``/``.
    * ``level``: how far the model should be loaded.
    * ``preparation``: the changes to the model before it is compiled, None to leave it unchanged.
    * ``extension``: the server path of a CPU extension that is loaded first, None for none.
    """

    copy: VersionCopy
    file: str
    level: LoadLevel
    preparation: Preparation | None = None
    extension: str | None = None

    @property
    def path(self) -> str:
        return self.copy.access.url(self.copy.prefix + self.file)


class FetchCopy(Question[StoreResponse | StoreRefusal | Unavailable], frozen=True):
    """Files of a store, downloaded into a directory of this host. A probe sends this question to its child process;
    rules never use it.

    * ``copy``: the files that the server downloads.
    * ``names``: the files whose content is needed; the others become holes of their size.
    * ``directory``: the directory of this host.
    """

    copy: VersionCopy
    names: tuple[str, ...]
    directory: str

    @property
    def path(self) -> str:
        return self.copy.access.url(self.copy.prefix)


StoreQuestion: TypeAlias = HeadBucket | ListStore | ReadObject | InspectCopy | LoadCopy | FetchCopy
