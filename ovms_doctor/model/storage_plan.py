"""The decisions of the server's storage clients, as data."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts import CopiedFile, Failure, KeyFileInspection, StoreAccess, StoreRefusal

Store: TypeAlias = Literal["s3", "gcs", "azure"]
Addressing: TypeAlias = Literal["path", "virtual"]
EndpointProblem: TypeAlias = Literal[
    "", "quotes", "scheme in capitals", "cut in the wrong place", "blank", "label"
]


class S3Path(Struct, frozen=True):
    """A path in S3 as the server parses it."""

    #: The path as configured.
    path: str
    #: The bucket; empty if there is none.
    bucket: str
    #: The key; it begins with a slash if the path names a host.
    key: str = ""
    #: The host in the path, in a form that the server reads.
    host: str = ""
    #: Its port.
    port: str = ""
    #: Why the bucket looks like HOST:PORT in a form that the server does not read; empty if it does not.
    host_like: Literal["", "key", "bucket", "host"] = ""


class Endpoint(Struct, frozen=True):
    """The address of the S3 client's requests."""

    #: Its source: the variable, the path, or ``aws`` for Amazon's own.
    source: Literal["S3_ENDPOINT", "path", "aws"]
    #: The client's endpoint, without a user.
    text: str
    #: The scheme.
    scheme: Literal["http", "https"]
    #: The host.
    host: str
    #: The port; None for the scheme's own.
    port: int | None = None
    #: Why the endpoint cannot be reached; empty if it can.
    problem: EndpointProblem = ""
    #: Whether scheme and host are known.
    readable: bool = True
    #: The path before the bucket in every request, such as ``/store``.
    path: str = ""


class S3Client(Struct, frozen=True):
    """The decisions of the client for S3."""

    #: ``keys``: exactly those of the environment; ``chain``: the SDK's own search.
    credentials: Literal["keys", "chain", "anonymous"]
    #: The position of the bucket's name.
    addressing: Addressing
    #: The address of the requests.
    endpoint: Endpoint
    #: The region; None if it comes from elsewhere (a profile, EC2's metadata, at last us-east-1).
    region: str | None
    #: Its source: the variable, ``profile``, ``metadata``.
    region_from: str
    #: The address of HeadBucket; None if it is unknown.
    url: str | None
    #: Whether at least one of the keys is empty.
    empty_keys: bool = False
    #: Whether the session token is used or ignored; empty if none is set.
    token: Literal["", "used", "ignored"] = ""
    #: Whether enough of the variables is known.
    certain: bool = False


class GcsPath(Struct, frozen=True):
    """A path in Google Cloud Storage."""

    #: The path as configured.
    path: str
    #: The bucket; empty if there is none.
    bucket: str
    #: The key.
    key: str = ""


class GcsClient(Struct, frozen=True):
    """The decisions of the client for Google Cloud Storage."""

    #: ``file``: a key file; ``search``: gcloud's own file, then the metadata server.
    credentials: Literal["anonymous", "file", "search"]
    #: The key file as the variable names it; None if its value is unknown or not a path.
    key_file: str | None = None
    #: The endpoint; empty for Google's own.
    endpoint: str = ""
    #: The variable that names it.
    endpoint_from: str = ""
    #: A variable for an emulator that this release does not read.
    unread: str = ""
    #: Whether enough of the variables is known.
    certain: bool = False


class AzurePath(Struct, frozen=True):
    """A path in Azure."""

    #: The path as configured.
    path: str
    #: ``blob`` (az://) or ``file`` (azfs://).
    kind: Literal["blob", "file"]
    #: The container, or the share.
    container: str
    #: The directory in it.
    directory: str = ""


FaultKind: TypeAlias = Literal[
    "escapes",
    "no bucket",
    "endpoint host",
    "endpoint loopback",
    "key file",
    "no connection string",
    "trailing slash",
    "share root",
    "container root",
]
KeyFault: TypeAlias = Literal["", "content", "missing", "denied", "directory", "not json", "type", "lacking"]


class StoreFault(Struct, frozen=True):
    """Why a model in a store is never served, with any content of the store."""

    #: The fault.
    kind: FaultKind
    #: The status code.
    status: str
    #: The lines that the server logs.
    log: tuple[str, ...] = ()
    #: Whether the process ends because of it, with exit code 1.
    ends: bool = False
    #: Whether status and log are certain.
    exact: bool = True
    #: The fault of a key file.
    key: KeyFault = ""
    #: The failure of reading the key file.
    failure: Failure | None = None
    #: The content of the key file.
    inspection: KeyFileInspection | None = None


class CopyFacts(Struct, frozen=True):
    """One version's directory in the store, which the server downloads."""

    #: The version's number.
    version: int
    #: Its path as the server writes it, without a slash at its end.
    path: str
    #: The downloaded files, with names below the directory.
    files: tuple[CopiedFile, ...] = ()
    #: Files in the store that are not downloaded: because of their suffix or, in S3, because they are deeper than one
    #: directory.
    left_out: tuple[str, ...] = ()
    #: Those of ``files`` that must be restored before they can be read.
    archived: tuple[str, ...] = ()
    #: Whether there are more keys than the one page that the server requests.
    cut: bool = False
    #: The directories that the server makes below the version's own.
    directories: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Returns the downloaded bytes."""
        return sum(file.size for file in self.files)


class StoreFacts(Struct, frozen=True):
    """A store's answers about one model's base path.

    * ``access``: how the server's client accesses the bucket.
    * ``unavailable``: why the store was not queried, one sentence, empty if it was.
    * ``refusal``: the refused call that ends it for the server's client, None if none does.
    * ``reason``: for a refused HeadBucket, which has no text, the store's answer to a list of the same bucket; None
      if that was answered (``lists``).
    * ``lists``: whether the store lists the bucket that it refuses to HeadBucket.
    * ``applies_to_server``: whether this host reaches the store as the server does: the server runs here, in this
      network.
    * ``empty``: whether no key begins with the path.
    * ``others``: the entries next to an empty path.
    * ``keys``: how many keys the server gets.
    * ``more``: whether there are others after that page.
    * ``hidden``: the versions among them that the server never gets.
    * ``copies``: the server's downloads, for each version.
    """

    access: StoreAccess | None = None
    unavailable: str = ""
    refusal: StoreRefusal | None = None
    reason: StoreRefusal | None = None
    lists: bool = False
    applies_to_server: bool = False
    empty: bool = False
    others: tuple[str, ...] = ()
    keys: int = 0
    more: bool = False
    hidden: tuple[int, ...] = ()
    copies: tuple[CopyFacts, ...] = ()


class StorePlan(Struct, frozen=True):
    """The decisions of the server's client for one model.

    * ``model``: the model's name.
    * ``path``: its base path.
    * ``store``: the kind of store.
    * ``s3``: the path and the client of a model in S3.
    * ``gcs``: the path and the client of a model in Google Cloud Storage.
    * ``azure``: the path of a model in Azure, whose client has nothing to decide.
    * ``fault``: why the model is never served, with any content of the store.
    * ``facts``: the store's answers, None for Azure and if a fault decides before.
    """

    model: str
    path: str
    store: Store
    s3: tuple[S3Path, S3Client] | None = None
    gcs: tuple[GcsPath, GcsClient] | None = None
    azure: AzurePath | None = None
    fault: StoreFault | None = None
    facts: StoreFacts | None = None
