"""In a child process: queries stores. Their libraries may hang, and have the server's secrets."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    FetchCopy,
    FileContent,
    HeadBucket,
    ListStore,
    ReadObject,
    StoreAccess,
    StoreListing,
    StoreRefusal,
    StoreResponse,
    Unavailable,
)
from ovms_doctor.probes.processes.messages import Ready
from ovms_doctor.probes.processes.options import StoreOptions

#: Prefixes of variables from which the libraries would take settings of this process.
_FOREIGN = ("AWS_", "BOTO", "GOOGLE_", "CLOUDSDK_", "CLOUD_STORAGE_", "GCE_", "STORAGE_EMULATOR_", "AZURE_")
_FOREIGN_NAMES = frozenset({"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC", "SSLKEYLOGFILE"})
_NOWHERE = "/nonexistent"


class Store(Protocol):
    """A bucket with one access."""

    def head(self) -> StoreResponse | StoreRefusal | Unavailable: ...
    def list(self, prefix: str, pages: int, delimited: bool) -> StoreListing | StoreRefusal | Unavailable: ...
    def read(self, key: str, begin: int, length: int) -> FileContent | StoreRefusal | Unavailable: ...
    def download(self, key: str, path: str) -> StoreResponse | StoreRefusal | Unavailable: ...


def start(options: StoreOptions) -> tuple[Callable[[AnyQuestion], Answer], Ready]:
    """Returns the function that answers questions with the secrets and files of the options, and the first message."""
    _clean()
    if options.uses_s3:
        # The answer to the first question reports the failure.
        with contextlib.suppress(Exception):
            import boto3.session  # noqa: F401
    return _StoreHandler(options.secrets, options.files, options.time_limit).answer, Ready()


def _clean() -> None:
    """Removes the settings of this user, which the libraries must not find."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name.lower().endswith("_proxy") or name in _FOREIGN_NAMES:
            del os.environ[name]
    os.environ["HOME"] = _NOWHERE
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


class _StoreHandler:
    def __init__(self, secrets: Mapping[str, str], files: Mapping[str, bytes], time_limit: float) -> None:
        self._secrets = secrets
        self._files = files
        self._time_limit = time_limit
        self._stores: dict[StoreAccess, Store] = {}
        self._lock = threading.Lock()
        #: A session of Google belongs to one thread; all threads share boto3's clients.
        self._own = threading.local()

    def answer(self, question: AnyQuestion) -> Answer:
        """Answers a question. Failures are reported without the texts of libraries, which can contain secrets."""
        try:
            return self._answer(question)
        except Exception as error:  # noqa: BLE001
            return Unavailable(f"{type(error).__name__} while asking the store")

    def _answer(self, question: AnyQuestion) -> Answer:
        if isinstance(question, HeadBucket):
            return self._store(question.access).head()
        if isinstance(question, ListStore):
            return self._store(question.access).list(question.prefix, question.pages, question.delimited)
        if isinstance(question, ReadObject):
            return self._store(question.access).read(question.key, 0, question.limit)
        if isinstance(question, FetchCopy):
            return self._fetch(question)
        raise TypeError(f"{type(question).__name__} is not for a store")

    def _store(self, access: StoreAccess) -> Store:
        own = self._own.__dict__.setdefault("stores", {})
        stores = self._stores if access.store == "s3" else own
        if access not in stores:
            with self._lock:
                if access not in stores:
                    stores[access] = self._made(access)
        return stores[access]

    def _made(self, access: StoreAccess) -> Store:
        secrets = {name: self._secrets[name] for name in needed(access) if name in self._secrets}
        files = {path: self._files[path] for path in access.files if path in self._files}
        if access.store == "s3":
            from ovms_doctor.probes.stores.amazon.store import AmazonStore

            return AmazonStore(access, secrets, files, self._time_limit)
        from ovms_doctor.probes.stores.google.store import GoogleStore

        return GoogleStore(access, secrets, files, self._time_limit, self_signed=access.self_signed)

    def _fetch(self, question: FetchCopy) -> StoreResponse | StoreRefusal | Unavailable:
        copy, names = question.copy, frozenset(question.names)
        store = self._store(copy.access)
        try:
            for directory in copy.directories:
                os.makedirs(_inside(question.directory, directory), mode=0o700, exist_ok=True)
            for file in copy.files:
                path = _inside(question.directory, file.name)
                # A child process that was ended at its deadline may have written a part of the files already.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                if file.name not in names:
                    _hole(path, file.size)
                    continue
                answer = store.download(copy.prefix + file.name, path)
                if isinstance(answer, StoreRefusal):
                    return replace(answer, key=copy.prefix + file.name)
                if not isinstance(answer, StoreResponse):
                    return answer
                # Google's store may decompress the data that it sends.
                if copy.access.store == "s3" and os.stat(path).st_size != file.size:
                    url = copy.access.url(copy.prefix + file.name)
                    return Unavailable(f"{url} has changed since it was listed")
        except OSError as error:
            return Unavailable(f"it cannot be written on this host: {error.strerror}")
        return StoreResponse()


def needed(access: StoreAccess) -> tuple[str, ...]:
    """Returns the variables whose values an access needs."""
    names = [access.proxy] if access.proxy else []
    if access.credentials == "keys":
        names += ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    if access.token:
        names.append("AWS_SESSION_TOKEN")
    return tuple(names)


def _inside(directory: str, name: str) -> str:
    """Returns the path of a file in the directory. A store's keys may contain anything: raises OSError for one that
    leads out of the directory."""
    if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
        raise OSError(0, "a key's name is not valid for a file")
    return f"{directory}/{name}"


def _hole(path: str, size: int) -> None:
    """Makes a file of a size without any data."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.truncate(descriptor, size)
    finally:
        os.close(descriptor)
