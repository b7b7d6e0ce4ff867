"""What the server's storage clients decide, as data. Read through :mod:`ovms_doctor.model.plan`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts import CopiedFile, Failure, KeyFileInspection, StoreAccess, StoreRefusal

Store: TypeAlias = Literal["s3", "gcs", "azure"]
Addressing: TypeAlias = Literal["path", "virtual"]
EndpointProblem: TypeAlias = Literal["", "scheme in capitals", "cut in the wrong place", "blank", "label"]


class S3Path(Struct, frozen=True):
    """A path in S3 as the server parses it. ``host`` and ``port`` where the path names them in a form that it reads
    (``key`` then begins with a slash). ``host_like``: the bucket looks like HOST:PORT, a form that it did not read,
    and why. ``bucket`` is empty where there is none."""

    path: str
    bucket: str
    key: str = ""
    host: str = ""
    port: str = ""
    host_like: Literal["", "key", "bucket", "host"] = ""


class Endpoint(Struct, frozen=True):
    """Where the S3 client sends its requests. ``source``: ``S3_ENDPOINT``, ``path``, or ``aws`` for Amazon's own.
    ``text``: what the client is told, without a user. ``port`` None for the scheme's own. ``problem``: why it
    reaches nobody; ``readable``: scheme and host can be told. ``path``: what stands before the bucket in every
    request's, ``/store``."""

    source: Literal["S3_ENDPOINT", "path", "aws"]
    text: str
    scheme: Literal["http", "https"]
    host: str
    port: int | None = None
    problem: EndpointProblem = ""
    readable: bool = True
    path: str = ""


class S3Client(Struct, frozen=True):
    """``credentials``: ``keys`` (exactly those of the environment), ``chain`` (the SDK's own search) or
    ``anonymous``. ``empty_keys``: the keys are set to nothing, at least one. ``token``: the session token is
    used or ignored, empty where none is set. ``region``: None where it is looked for elsewhere (a profile,
    EC2's metadata, at last us-east-1); ``region_from``: the variable, ``profile``, ``metadata``. ``url``: what
    HeadBucket is sent to, None where that cannot be told. ``sure``: whether the variables are known well enough."""

    credentials: Literal["keys", "chain", "anonymous"]
    addressing: Addressing
    endpoint: Endpoint
    region: str | None
    region_from: str
    url: str | None
    empty_keys: bool = False
    token: Literal["", "used", "ignored"] = ""
    sure: bool = False


class GcsPath(Struct, frozen=True):
    """A path in Google Cloud Storage; ``bucket`` empty where there is none."""

    path: str
    bucket: str
    key: str = ""


class GcsClient(Struct, frozen=True):
    """``credentials``: ``anonymous``, ``file`` (``key_file`` as the variable names it, None where its value is not
    known or no path) or ``search`` (gcloud's own file, then the metadata server). ``endpoint`` and
    ``endpoint_from``: where a variable names another one. ``unread``: a variable for an emulator that this
    release does not read. ``sure`` as in S3Client."""

    credentials: Literal["anonymous", "file", "search"]
    key_file: str | None = None
    endpoint: str = ""
    endpoint_from: str = ""
    unread: str = ""
    sure: bool = False


class AzurePath(Struct, frozen=True):
    """A path in Azure: ``blob`` (az://, ``container`` and directory) or ``file`` (azfs://, share and directory)."""

    path: str
    kind: Literal["blob", "file"]
    container: str
    directory: str = ""


FaultKind: TypeAlias = Literal[
    "escapes",
    "no bucket",
    "endpoint host",
    "key file",
    "no connection string",
    "trailing slash",
    "share root",
    "container root",
]
KeyFault: TypeAlias = Literal["", "content", "missing", "denied", "directory", "not json", "type", "lacking"]


class StoreFault(Struct, frozen=True):
    """Why a model in a store is never served, whatever the store holds. ``ends``: the process ends over it, with
    exit code 1. ``status``: what OVMS calls it; ``exact``: it is known that it is this one, and ``log`` is what it
    writes. ``key``, ``failure``, ``inspection``: of a key file."""

    kind: FaultKind
    status: str
    log: tuple[str, ...] = ()
    ends: bool = False
    exact: bool = True
    key: KeyFault = ""
    failure: Failure | None = None
    inspection: KeyFileInspection | None = None


class CopyFacts(Struct, frozen=True):
    """One version's directory in the store, which the server downloads. ``path``: as the server writes it, without a
    slash at its end. ``files``: what it takes, names below the directory; ``left_out``: what lies there and is not
    taken, for its suffix or, in S3, for it lies deeper than one directory. ``archived``: of ``files`` those that must
    be restored before they can be read. ``cut``: there are more keys than the one page that the server asks for.
    ``directories``: those that it makes below the version's own."""

    version: int
    path: str
    files: tuple[CopiedFile, ...] = ()
    left_out: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    cut: bool = False
    directories: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that are downloaded."""
        return sum(file.size for file in self.files)


class StoreFacts(Struct, frozen=True):
    """What a store answers about one model's base path.

    * ``access``: how the server's client speaks to the bucket.
    * ``unavailable``: why the store was not asked, one sentence, empty where it was.
    * ``refusal``: the refused call that ends it for the server's client, None where none does.
    * ``reason``: of a refused HeadBucket, which has no text, the store's answer to a list of the same bucket; None
      where that was answered (``lists``).
    * ``lists``: whether the store lists the bucket that it refuses to HeadBucket.
    * ``applies_to_server``: whether this host reaches the store as the server does: it runs here, in this network.
    * ``empty``: whether no key begins with the path.
    * ``others``: what lies beside an empty path.
    * ``keys``: how many keys the server sees.
    * ``more``: whether there are others behind that page.
    * ``hidden``: the versions among them that the server never sees.
    * ``copies``: what the server downloads, for each version.
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
    """What the server's client decides for one model.

    * ``model``: the model's name.
    * ``path``: its base path.
    * ``store``: the kind of store.
    * ``s3``: the path and the client of a model in S3.
    * ``gcs``: the path and the client of a model in Google Cloud Storage.
    * ``azure``: the path of a model in Azure, whose client has nothing to decide but ``connected``.
    * ``connected``: whether Azure's client has a connection string, None where that is not known.
    * ``fault``: why the model is never served, whatever the store holds.
    * ``facts``: what the store answers, None for Azure and where a fault decides before.
    """

    model: str
    path: str
    store: Store
    s3: tuple[S3Path, S3Client] | None = None
    gcs: tuple[GcsPath, GcsClient] | None = None
    azure: AzurePath | None = None
    connected: bool | None = None
    fault: StoreFault | None = None
    facts: StoreFacts | None = None
