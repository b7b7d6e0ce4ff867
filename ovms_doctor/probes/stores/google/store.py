"""Google Cloud Storage, queried as the server's client queries it: in the child process, with Google's own library.

It only lists and reads objects, as the server does (gcsfilesystem.cpp: ListObjects, ReadObject); it sends no request
for the bucket itself, for which the server needs no right. The library must not use any setting of this process: no
credentials that it would find by itself, no environment, no metadata server.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TypeAlias, TypeVar

from msgspec.structs import replace

from ovms_doctor.model.facts import (
    FileContent,
    StoreAccess,
    StoredObject,
    StoreListing,
    StoreRefusal,
    StoreResponse,
    Unavailable,
)
from ovms_doctor.model.facts.store_answers import StoreCall
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.text import HIDDEN
from ovms_doctor.probes.stores.answers import SecretMask, authority_of, passing
from ovms_doctor.probes.stores.google.credentials import (
    Credentials,
    StoreClientError,
    TokenError,
    read_credentials,
)
from ovms_doctor.probes.stores.google.session import (
    LastResponse,
    ProxyChangedError,
    ProxyFormatError,
    ReceivedResponse,
    RequestNotSentError,
    StoreProxy,
    of_exception,
    of_response,
    open_session,
    proxy_secrets,
    read_proxy,
)

#: Google's own address (the library's default, independent of the variables that would change it).
ENDPOINT = "https://storage.googleapis.com"
#: How many keys the store returns at a time.
PAGE = 1000
#: The most requests for one full page: a page may have fewer keys than possible, or none, with others after it.
_REQUESTS = 4
#: Seconds before each further attempt of a request.
_PAUSES = (0.3, 0.9)
_FIELDS = "items(name,size),prefixes,nextPageToken"
#: Google's access tokens, and signed ones: also tokens from other programs.
_TOKEN = lazy_pattern(r"\bya29\.[\w.~+/-]+|\bey[\w-]{8,}\.[\w-]+\.[\w-]*")
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_Answer = TypeVar("_Answer")
#: Objects and prefixes of a page, and the token of the next one.
_Page: TypeAlias = tuple[list[StoredObject], set[str], str | None]


class GoogleStore:
    """A bucket with one access.

    ``secrets``: the whole value of the variable that ``access.proxy`` names.
    ``files``: the content of the key file, by its server path.
    ``time_limit``: seconds for one request with all its attempts; a download may take longer while bytes arrive.
    ``self_signed``: whether a service account's requests have a token that is signed here, as google-cloud-cpp 2.x
        does it (oauth2_service_account_credentials.cc ServiceAccountUseOAuth; the server's library since v2025.3),
        instead of a requested one, as before.
    """

    def __init__(
        self,
        access: StoreAccess,
        secrets: Mapping[str, str],
        files: Mapping[str, bytes],
        time_limit: float,
        *,
        self_signed: bool = False,
    ) -> None:
        self._access = access
        self._time_limit = time_limit
        self._endpoint = (access.endpoint or ENDPOINT).rstrip("/")
        self._last = LastResponse()
        self._proxy = StoreProxy()
        self._credentials: Credentials | None = None
        self._bucket: Any = None
        self._session: Any = None
        self._hidden = SecretMask()
        #: The answer to every question if the store cannot be queried, else None.
        self._stopped = self._prepare(secrets, files, self_signed)

    def head(self) -> StoreResponse:
        """Returns success: the server's client sends no request for a bucket."""
        return StoreResponse()

    def list(self, prefix: str, pages: int, delimited: bool) -> StoreListing | StoreRefusal | Unavailable:
        """Returns the keys that begin with ``prefix``, up to ``pages`` times 1,000 of them (of a delimited list
        together with its prefixes)."""
        limit = pages * PAGE
        objects: dict[str, StoredObject] = {}
        prefixes: set[str] = set()
        token: str | None = None
        for _ in range(pages * _REQUESTS):
            page = self._request("ListObjects", self._page, prefix, delimited, token)
            if isinstance(page, StoreRefusal | Unavailable):
                return page
            found, below, token = page
            objects.update((item.key, item) for item in found)
            prefixes.update(below)
            if not token or len(objects) + len(prefixes) >= limit:
                break
        # The order of code points is the order of UTF-8.
        names = sorted([*objects, *prefixes])
        kept = set(names[:limit])
        return StoreListing(
            tuple(objects[name] for name in names[:limit] if name in objects),
            bool(token) or len(names) > limit,
            tuple(sorted(prefixes & kept)),
        )

    def read(self, key: str, begin: int, length: int) -> FileContent | StoreRefusal | Unavailable:
        """Returns at most ``length`` bytes of an object from ``begin`` on; ``size`` is the whole object's."""
        return self._request("GetObject", self._range, key, begin, length)

    def download(self, key: str, path: str) -> StoreResponse | StoreRefusal | Unavailable:
        """Downloads a whole object into a new file at ``path``, and removes the file after a failure."""
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            return Unavailable(f"no file can be created for it: {error.strerror}")
        with open(descriptor, "wb", buffering=0) as file:
            answer = self._request("GetObject", self._whole, key, file)
        if not isinstance(answer, StoreResponse):
            with contextlib.suppress(OSError):
                os.unlink(path)
        return answer

    # -- requests --------------------------------------------------------------------------------------

    def _prepare(
        self, secrets: Mapping[str, str], files: Mapping[str, bytes], self_signed: bool
    ) -> StoreRefusal | Unavailable | None:
        access = self._access
        name = access.bucket
        if not name or set(name) - _NAME_CHARACTERS or not (name[0].isalnum() and name[-1].isalnum()):
            return Unavailable("the bucket's name is not valid for a request")
        if not authority_of(self._endpoint) or re.search(r"\s", self._endpoint):
            return Unavailable(_NO_ADDRESS)
        if access.proxy:
            value = secrets.get(access.proxy)
            if value is None:
                return Unavailable(f"the value of {access.proxy} is not known here")
            self._hidden.add(*proxy_secrets(value))
            try:
                self._proxy = read_proxy(value)
                self._hidden.add(*(text.partition(" ")[2] for text in self._proxy.headers.values()))
            except ProxyFormatError:
                return self._refusal(
                    "ListObjects",
                    ReceivedResponse("proxy name", message=f"{access.proxy} holds no proxy's address"),
                )
            except ProxyChangedError as error:
                return Unavailable(f"a proxy of the kind {error} cannot be taken from here")
        try:
            from google.auth.credentials import AnonymousCredentials
            from google.cloud.storage import Client
        except ImportError as error:
            return Unavailable(
                f"google-cloud-storage cannot be loaded here ({error}): pip install google-cloud-storage"
            )
        base = (
            f"{self._endpoint}/storage/v1/b/{name}/o?",
            f"{self._endpoint}/download/storage/v1/b/{name}/o/",
        )
        self._session = open_session(
            self._proxy, self._last, lambda method, url: method == "GET" and url.startswith(base)
        )
        if access.credentials != "anonymous":
            content = next((files[path] for path in access.files if path in files), None)
            if content is None:
                return Unavailable("the file with the server's Google credentials could not be read here")
            try:
                self._credentials = read_credentials(content, self._proxy, self_signed)
            except StoreClientError as error:
                return Unavailable(str(error))
            self._hidden.add(*self._credentials.secrets)
        # The library gets no credentials: with credentials of its own it would also query other hosts.
        client = Client(
            project="x",
            credentials=AnonymousCredentials(),
            _http=self._session,
            client_options={"api_endpoint": self._endpoint},
        )
        # Here it would request the bucket, in its own thread.
        client._bucket_metadata_cache = None
        self._bucket = client.bucket(name)
        return None

    def _request(
        self, call: StoreCall, ask: Callable[..., _Answer | StoreRefusal], *arguments: Any
    ) -> _Answer | StoreRefusal | Unavailable:
        """Calls ``ask`` until it has an answer, at most three times, and within the time limit of a request."""
        if isinstance(self._stopped, StoreRefusal):
            return replace(self._stopped, call=call)
        if self._stopped is not None:
            return self._stopped
        unsigned = self._sign()
        if unsigned is not None:
            return unsigned
        end = time.monotonic() + self._time_limit
        answer: _Answer | StoreRefusal | Unavailable
        for pause in (*_PAUSES, None):
            answer = self._once(call, ask, end, *arguments)
            if not passing(answer) or pause is None or time.monotonic() + pause >= end:
                break
            time.sleep(pause)
        return answer

    def _once(
        self, call: StoreCall, ask: Callable[..., _Answer | StoreRefusal], end: float, *arguments: Any
    ) -> _Answer | StoreRefusal | Unavailable:
        from google.api_core.exceptions import GoogleAPICallError
        from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema, RequestException

        self._last.response = None
        seconds = max(0.1, end - time.monotonic())
        try:
            return ask(*arguments, timeout=(seconds, seconds))
        except (InvalidURL, InvalidSchema, MissingSchema):
            return Unavailable(_NO_ADDRESS)
        except RequestException as error:
            # The body of a 2xx response is not JSON, or the connection failed.
            return (
                self._unread(call)
                if isinstance(error, ValueError)
                else self._refusal(call, of_exception(error))
            )
        except GoogleAPICallError as error:
            response = getattr(error, "response", None)
            response = self._last.response if response is None else response
            if response is None:
                return self._refusal(call, ReceivedResponse("unreadable"))
            return self._refusal(call, of_response(response, bool(self._proxy.url)))
        except RequestNotSentError:
            return Unavailable(_OTHER)
        except UnicodeEncodeError:
            return Unavailable("its name is not UTF-8, but every key is")
        except OSError as error:
            return Unavailable(f"the answer cannot be saved on this host: {error.strerror or error}")
        except (ValueError, TypeError, KeyError, AttributeError):
            return self._unread(call)

    def _sign(self) -> StoreRefusal | Unavailable | None:
        """Adds a valid token to the requests."""
        if self._credentials is None:
            return None
        try:
            token = self._credentials.token(self._time_limit)
        except RequestNotSentError:
            return Unavailable(_OTHER)
        except StoreClientError as error:
            return Unavailable(str(error))
        except TokenError as error:
            return self._refusal("Token", error.response, error.host)
        self._hidden.add(token)
        self._session.headers["Authorization"] = f"Bearer {token}"
        return None

    def _unread(self, call: StoreCall) -> StoreRefusal:
        response = self._last.response
        if call == "ListObjects" and response is not None and "Content-Encoding" not in response.headers:
            announced = response.headers.get("Content-Length", "")
            # Older versions of urllib3 accept a body that ends too early.
            if announced.isdecimal() and len(response.content) < int(announced):
                return self._refusal(call, ReceivedResponse("truncated", message=_SHORT))
        return self._refusal(call, ReceivedResponse("unreadable", message="the answer is not the store's"))

    def _refusal(self, call: StoreCall, response: ReceivedResponse, host: str = "") -> StoreRefusal:
        contacted = self._proxy.host if response.at_proxy else host or authority_of(self._endpoint)
        code, message = (self._hidden(_TOKEN.sub(HIDDEN, text)) for text in (response.code, response.message))
        return StoreRefusal(call, response.status, code, message, response.problem, host=contacted)

    # -- requests --------------------------------------------------------------------------------------

    def _page(
        self, prefix: str, delimited: bool, token: str | None, *, timeout: tuple[float, float]
    ) -> _Page:
        iterator = self._bucket.list_blobs(
            prefix=prefix or None,
            delimiter="/" if delimited else None,
            page_token=token,
            page_size=PAGE,
            fields=_FIELDS,
            timeout=timeout,
            retry=None,
        )
        objects = [StoredObject(_name(blob.name), int(blob.size or 0)) for blob in next(iterator.pages)]
        return objects, {_name(item) for item in iterator.prefixes}, iterator.next_page_token or None

    def _range(
        self, key: str, begin: int, length: int, *, timeout: tuple[float, float]
    ) -> FileContent | StoreRefusal | Unavailable:
        from google.api_core.exceptions import RequestRangeNotSatisfiable

        window = _Window(begin, length, self._last)
        blob = self._bucket.blob(key)
        end = begin + max(1, length) - 1
        try:
            blob.download_to_file(window, start=begin, end=end, checksum=None, timeout=timeout, retry=None)
        except RequestRangeNotSatisfiable:
            # The range has no bytes: the object is empty, or ends before it.
            return FileContent(b"", _total(self._last.response) or 0)
        headers = self._last.response.headers
        if "gzip" in (headers.get("Content-Encoding", ""), headers.get("X-Goog-Stored-Content-Encoding", "")):
            return Unavailable("it is stored compressed (Content-Encoding: gzip), and cannot be read in part")
        size = _total(self._last.response)
        size = window.position if size is None else size
        if len(window.data) < min(length, size - begin):
            return self._refusal("GetObject", ReceivedResponse("truncated", message=_SHORT))
        return FileContent(bytes(window.data), size)

    def _whole(
        self, key: str, file: BinaryIO, *, timeout: tuple[float, float]
    ) -> StoreResponse | StoreRefusal:
        file.seek(0)
        file.truncate()
        self._bucket.blob(key).download_to_file(file, checksum=None, timeout=timeout, retry=None)
        size = _total(self._last.response)
        if size is not None and file.tell() != size:
            return self._refusal("GetObject", ReceivedResponse("truncated", message=_SHORT))
        return StoreResponse()


_NO_ADDRESS = "its address is not valid for a request"
_OTHER = "Google's library sends other requests than the server's library"
_SHORT = "fewer bytes arrived than were announced"


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a key is a text")
    return value


def _total(response: Any) -> int | None:
    """Returns the size of the whole object from a response to a read, in bytes; None if the response does not
    contain it, or if the object is stored in another form than it is sent."""
    headers = response.headers
    if response.status_code in (206, 416):
        total = headers.get("Content-Range", "").rpartition("/")[2]
        return int(total) if total.isdecimal() else None
    if (
        headers.get("Content-Encoding")
        or headers.get("X-Goog-Stored-Content-Encoding", "identity") != "identity"
    ):
        return None
    announced = headers.get("X-Goog-Stored-Content-Length") or headers.get("Content-Length") or ""
    return int(announced) if announced.isdecimal() else None


class _Window:
    """A file that keeps only the requested part of an object, even if the whole object is sent."""

    def __init__(self, begin: int, length: int, last: LastResponse) -> None:
        self._begin, self._length, self._last = begin, length, last
        self.position = -1
        self.data = bytearray()

    def write(self, chunk: bytes) -> int:
        if self.position < 0:
            self.position = self._begin if self._last.response.status_code == 206 else 0
        skipped = max(0, self._begin - self.position)
        left = self._length - len(self.data)
        self.data += chunk[skipped : skipped + left]
        self.position += len(chunk)
        return len(chunk)

    def seek(self, position: int) -> int:
        """Starts again: a caller seeks before a stream that is sent anew and whole."""
        self.position = position
        self.data.clear()
        return position

    def flush(self) -> None:
        """Does nothing: no data is buffered."""
