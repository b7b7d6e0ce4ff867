"""What the rules may ask of a store (S3, Google Cloud Storage), and what was seen there.

Everything is asked as the client of the server's would ask: with its address, its way of naming the bucket, its
proxy and its credentials. None of these holds a secret: a question names the variables, who asks has their values.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts.preparation import LoadLevel, ModelFormat, Preparation

StoreKind: TypeAlias = Literal["s3", "gcs"]
StoreCall: TypeAlias = Literal["HeadBucket", "ListObjects", "GetObject", "Token", "Credentials"]
#: What came instead of an answer. ``name``: the host is not found, ``proxy name``: the proxy's is not; ``refused``:
#: nobody listens; ``proxy``: the proxy itself refuses; ``reset``: the connection broke off; ``truncated``: fewer bytes
#: than announced; ``tls``: no encrypted connection came about; ``timeout``: no answer in time; ``unreadable``: what
#: came is none of the store's.
StoreTrouble: TypeAlias = Literal[
    "", "name", "proxy name", "refused", "proxy", "reset", "truncated", "tls", "timeout", "unreadable"
]


class StoreAccess(Struct, frozen=True):
    """How a client of the server's speaks to a bucket.

    ``endpoint``: ``scheme://host[:port][/path]``, empty for the store's own. ``addressing``: where S3's bucket
    stands.
    ``region``: what requests are signed for. ``credentials``: ``keys`` (those of the environment), ``profile``
    (``profile`` in the ``files``, server paths of the AWS credentials and configuration files), ``anonymous``, or
    ``file`` (Google's, ``files`` holds its server path). ``token``: a session token is sent with the keys.
    ``proxy``: the variable whose value names the proxy, empty for none. ``self_signed``: of Google's ``file``,
    a service account signs its tokens itself and fetches none.
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
        """A key as people write it: ``s3://bucket/key``."""
        scheme = "s3" if self.store == "s3" else "gs"
        return f"{scheme}://{self.bucket}/{key}" if key else f"{scheme}://{self.bucket}"


class HeadBucket(Struct, frozen=True):
    """Whether S3 lets this client see the bucket. Answer: StoreAnswered, StoreRefusal or Unavailable."""

    access: StoreAccess

    @property
    def path(self) -> str:
        """What it is about, as people write it; so for all these questions."""
        return self.access.url()


class ListStore(Struct, frozen=True):
    """The keys that begin with ``prefix``, in the order of their bytes, so many pages of 1,000; with ``delimited``
    only to the next slash. Answer: StoreListing, StoreRefusal or Unavailable."""

    access: StoreAccess
    prefix: str
    pages: int = 1
    delimited: bool = False

    @property
    def path(self) -> str:
        return self.access.url(self.prefix)


class ReadObject(Struct, frozen=True):
    """The first ``limit`` bytes of an object. Answer: FileContent, StoreRefusal or Unavailable."""

    access: StoreAccess
    key: str
    limit: int

    @property
    def path(self) -> str:
        return self.access.url(self.key)


class CopiedFile(Struct, frozen=True):
    """A file of a copy: ``name`` below the copy's directory, ``size`` in bytes."""

    name: str
    size: int


class VersionCopy(Struct, frozen=True):
    """What the server downloads of one version: the objects ``prefix + name``, and the directories that it makes for
    them. ``limit``: bytes that may be downloaded for it here."""

    access: StoreAccess
    prefix: str
    files: tuple[CopiedFile, ...]
    directories: tuple[str, ...] = ()
    limit: int = 0

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


class InspectCopy(Struct, frozen=True):
    """What the bytes of a model in a store say, read without OpenVINO. Of the weights only what is needed is asked
    for. ``file`` is the model's file below the copy's directory (for a SavedModel the directory, empty or ending in
    ``/``). Answer: ModelInspection (its paths are ``scheme://bucket/key``), Failure, StoreRefusal or Unavailable."""

    copy: VersionCopy
    file: str
    format: ModelFormat

    @property
    def path(self) -> str:
        return self.copy.access.url(self.copy.prefix + self.file)


class LoadCopy(Struct, frozen=True):
    """What OpenVINO does with a model in a store: all files of the copy are downloaded first. ``file`` as in
    InspectCopy, the rest as in LoadModel. Answer: LoadReport, StoreRefusal or Unavailable."""

    copy: VersionCopy
    file: str
    level: LoadLevel
    preparation: Preparation | None = None
    extension: str | None = None

    @property
    def path(self) -> str:
        return self.copy.access.url(self.copy.prefix + self.file)


class FetchCopy(Struct, frozen=True):
    """Files of a copy, put below ``directory`` on this host: those of ``names``, the others only as holes of their
    size. Asked by a collector of its child, never by a rule. Answer: StoreAnswered, StoreRefusal or Unavailable."""

    copy: VersionCopy
    names: tuple[str, ...]
    directory: str

    @property
    def path(self) -> str:
        return self.copy.access.url(self.copy.prefix)


class StoreAnswered(Struct, frozen=True):
    """The store did what it was asked. ``region``: the bucket's, where it tells."""

    region: str = ""


class StoredObject(Struct, frozen=True):
    """An object: its key, its size in bytes, ``archived`` where its storage class says that it must be restored
    before it can be read."""

    key: str
    size: int
    archived: bool = False


class StoreListing(Struct, frozen=True):
    """Keys in the order of their bytes. ``more``: there are others behind the last one. ``prefixes``: of a delimited
    list, what the keys behind the next slash begin with, with that slash."""

    objects: tuple[StoredObject, ...]
    more: bool = False
    prefixes: tuple[str, ...] = ()


#: Words of a denial that may go by where one asks from.
_BY_PLACE = ("explicit deny", "vpc endpoint policy", "vpcservicecontrols", "prohibited by organization")


class StoreRefusal(Struct, frozen=True):
    """A store, or what stands before it, does not do what it was asked.

    ``call``: which one. ``status``: of HTTP, 0 where nothing answered. ``code``: the store's own word
    (``AccessDenied``), empty where it says none. ``message``: its sentence, cut, without secrets. ``trouble``: what
    came instead of an answer. ``region``: the bucket's, where the store tells. ``host``: who was asked, ``host:port``.
    ``key``: of several objects that were asked for together, the one that it is about.
    """

    call: StoreCall
    status: int = 0
    code: str = ""
    message: str = ""
    trouble: StoreTrouble = ""
    region: str = ""
    host: str = ""
    key: str = ""

    @property
    def passing(self) -> bool:
        """It says nothing lasting: the same question may be answered a moment later, or from elsewhere."""
        return bool(self.trouble) or self.status in (0, 408, 425, 429) or self.status >= 500

    @property
    def skewed(self) -> bool:
        """It is the clock of who asks that is refused; Google says so of a token."""
        return self.code == "RequestTimeTooSkewed" or "short-lived" in self.message

    @property
    def by_place(self) -> bool:
        """The store may refuse one network what it gives another: of a condition Amazon tells only that there is a
        statement against it."""
        told = f"{self.code} {self.message}".lower()
        return self.status == 403 and any(words in told for words in _BY_PLACE)


StoreQuestion: TypeAlias = HeadBucket | ListStore | ReadObject | InspectCopy | LoadCopy | FetchCopy
StoreAnswer: TypeAlias = StoreAnswered | StoreListing | StoreRefusal
