"""S3, queried as the server's client queries it: in the child process, with boto3 and explicit settings.

Only the calls of s3filesystem.cpp are used: HeadBucket, ListObjects (version 1), GetObject.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar

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
from ovms_doctor.probes.stores.amazon.client import SENT, StoreClientError, make_client, proxies
from ovms_doctor.probes.stores.amazon.objects import Objects
from ovms_doctor.probes.stores.answers import SecretMask, authority_of, chain, passing, problem_of
from ovms_doctor.probes.stores.google.session import proxy_secrets

_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
#: Seconds before each further attempt of a request.
_PAUSES = (0.3, 0.9)
_CHUNK = 1 << 20
#: Statuses that redirect a client to another address.
_ELSEWHERE = frozenset({302, 303, 307, 308})
#: Names of proxies in their own answers.
_PROXIES = ("squid", "tinyproxy", "proxy.py", "zscaler")
#: The most seconds by which S3 accepts a wrong clock.
_MOST_SKEW = 900
#: The form of a region; other stores use ``default``, ``RegionOne``, ``de_fra``.
_REGION = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_TUNNEL = lazy_pattern(r"Tunnel connection failed: (\d{3})")
_Answer = TypeVar("_Answer")


class AmazonStore:
    """A bucket with one access. Arguments as in :class:`ovms_doctor.probes.stores.google.store.GoogleStore`."""

    def __init__(
        self, access: StoreAccess, secrets: Mapping[str, str], files: Mapping[str, bytes], time_limit: float
    ) -> None:
        self._access = access
        self._time_limit = time_limit
        proxy = proxies(secrets.get(access.proxy, "")) if access.proxy else {}
        #: ``host:port``, empty without a proxy.
        self._proxy = proxy.get("http", "").partition("://")[2].rpartition("@")[2]
        self._hidden = SecretMask(*secrets.values(), *proxy_secrets(secrets.get(access.proxy, "")))
        self._client: Any = None
        self._objects: Any = None
        self._stopped: Unavailable | None = None
        try:
            self._client, keys = make_client(access, secrets, files, time_limit)
            self._hidden.add(*keys)
            self._objects = Objects(self._client, access.bucket, keys)
        except ImportError as error:
            self._stopped = Unavailable(f"boto3 cannot be loaded here ({error}): pip install boto3")
        except StoreClientError as error:
            self._stopped = Unavailable(str(error))
        except Exception as error:  # noqa: BLE001 - botocore refuses hosts and regions in many ways
            self._stopped = _cannot(error)

    def head(self) -> StoreResponse | StoreRefusal | Unavailable:
        """Sends HeadBucket and returns the result."""

        def send() -> StoreResponse:
            answer = self._client.head_bucket(Bucket=self._access.bucket)
            headers = answer["ResponseMetadata"]["HTTPHeaders"]
            return StoreResponse(self._region(headers.get("x-amz-bucket-region")))

        return self._request("HeadBucket", send)

    def list(self, prefix: str, pages: int, delimited: bool) -> StoreListing | StoreRefusal | Unavailable:
        """Returns the keys that begin with ``prefix``, up to ``pages`` pages of the store."""
        objects: list[StoredObject] = []
        prefixes: list[str] = []
        more: dict[str, str] = {"Delimiter": "/"} if delimited else {}
        last = ""
        for _ in range(pages):
            page = self._request("ListObjects", lambda parameters=dict(more): self._page(prefix, parameters))  # type: ignore[misc]
            if isinstance(page, StoreRefusal | Unavailable):
                return page
            if "IsTruncated" not in page and "Name" not in page:
                # A web page: the library reads nothing in it and reports no error.
                return StoreRefusal("ListObjects", 200, problem="unreadable", host=self._host())
            contents = page.get("Contents", ())
            found = [_stored(item) for item in contents if "Key" in item]
            if len(found) < len(contents) or any(item.size < 0 for item in found):
                return StoreRefusal("ListObjects", 200, problem="unreadable", host=self._host())
            below = [str(item["Prefix"]) for item in page.get("CommonPrefixes", ())]
            newest = max([*(one.key for one in found[-1:]), *below[-1:]], default="")
            if last and newest <= last:
                # The store reported more keys, but returns none.
                return _in_order(prefix, objects, prefixes, True)
            objects += found
            prefixes += below
            if not page.get("IsTruncated") or not newest:
                return _in_order(prefix, objects, prefixes, bool(page.get("IsTruncated")))
            last = newest
            # Amazon's marker is a key; other stores use texts of their own.
            more["Marker"] = page.get("NextMarker") or newest
        return _in_order(prefix, objects, prefixes, True)

    def _page(self, prefix: str, more: Mapping[str, str]) -> dict[str, Any]:
        parameters: dict[str, Any] = dict(more)
        if not self._access.endpoint:
            # Amazon reports restored objects, which can be read despite their storage class.
            parameters["OptionalObjectAttributes"] = ["RestoreStatus"]
        found: dict[str, Any] = self._client.list_objects(
            Bucket=self._access.bucket, Prefix=prefix, **parameters
        )
        return found

    def read(self, key: str, begin: int, length: int) -> FileContent | StoreRefusal | Unavailable:
        """Returns at most ``length`` bytes of an object from ``begin`` on; ``size`` is the whole object's."""

        def send() -> FileContent:
            # A range of no bytes does not exist.
            byte_range = f"bytes={begin}-{begin + max(length, 1) - 1}"
            answer = self._client.get_object(Bucket=self._access.bucket, Key=key, Range=byte_range)
            whole = str(answer.get("ContentRange", "")).rpartition("/")[2]
            ranged = whole.isascii() and whole.isdigit()
            size = int(whole) if ranged else int(answer["ContentLength"])
            # Some stores send the whole object: only the requested part is kept in memory.
            before = 0 if ranged else begin
            with contextlib.closing(answer["Body"]) as body:
                data = _first(body, min(before + length, size))
            return FileContent(data[before:], size)

        answer = self._request("GetObject", send)
        # An empty object has no first byte.
        empty = isinstance(answer, StoreRefusal) and answer.status == 416
        return FileContent(b"", 0) if empty else answer

    def download(self, key: str, path: str) -> StoreResponse | StoreRefusal | Unavailable:
        """Downloads a whole object into a new file at ``path``, and removes the file after a failure."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            return Unavailable(f"no file can be created for it: {error.strerror}")
        with open(descriptor, "wb", buffering=0) as file:
            answer = self._request("GetObject", lambda: self._whole(key, file))
        if not isinstance(answer, StoreResponse):
            with contextlib.suppress(OSError):
                os.unlink(path)
        return answer

    def _whole(self, key: str, file: BinaryIO) -> StoreResponse:
        file.seek(0)
        file.truncate()
        body = self._objects.open(key)
        if body is None:
            body = self._client.get_object(Bucket=self._access.bucket, Key=key)["Body"]
        # The body itself compares its length with the announced one.
        with contextlib.closing(body):
            for part in body.iter_chunks(_CHUNK):
                file.write(part)
        return StoreResponse()

    # -- requests --------------------------------------------------------------------------------------

    def _request(self, call: StoreCall, send: Callable[[], _Answer]) -> _Answer | StoreRefusal | Unavailable:
        """Returns the answer; after a temporary failure the request is repeated, as long as there is time."""
        if self._stopped is not None:
            return self._stopped
        end = time.monotonic() + self._time_limit
        answer: _Answer | StoreRefusal | Unavailable = self._once(call, send)
        for pause in _PAUSES:
            if not passing(answer) or time.monotonic() + pause > end - self._time_limit / 4:
                return answer
            time.sleep(pause)
            answer = self._once(call, send)
        return answer

    def _once(self, call: StoreCall, send: Callable[[], _Answer]) -> _Answer | StoreRefusal | Unavailable:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return send()
        except ClientError as error:
            refusal = self._of_response(call, error.response)
        except BotoCoreError as error:
            found = self._of_connection(call, error)
            if isinstance(found, Unavailable):
                return found
            refusal = found
        except OSError as error:
            return Unavailable(f"it cannot be written on this host: {error.strerror or type(error).__name__}")
        except UnicodeError:
            return Unavailable("its name is not UTF-8, but S3's keys are")
        except Exception as error:  # noqa: BLE001 - the library's own sentences may hold what is secret
            return _cannot(error)
        return replace(refusal, message=self._hidden(refusal.message), code=self._hidden(refusal.code))

    def _of_response(self, call: StoreCall, response: Mapping[str, Any]) -> StoreRefusal:
        error = response.get("Error", {})
        about = response.get("ResponseMetadata", {})
        headers = about.get("HTTPHeaders", {})
        status = int(about.get("HTTPStatusCode", 0))
        code, message = str(error.get("Code", "")), str(error.get("Message", ""))
        host = self._host()
        if code.isdigit() or code == "Unknown":
            # An answer without a body: the library uses the status instead.
            code = message = ""
        if status == 407 or "x-squid-error" in headers or (self._proxy and not code and _is_proxys(headers)):
            message = str(headers.get("x-squid-error", "")).partition(" ")[0] or f"status {status}"
            return StoreRefusal(call, status, problem="proxy", message=message, host=self._proxy or host)
        if about.get(SENT) == 200 and not code:
            # A web page, for which the library reports 500: a login, or the store's own console.
            return StoreRefusal(call, 200, problem="unreadable", host=host)
        if call == "ListObjects" and not code and headers.get("content-type", "").startswith("text/html"):
            message = "a web page, not the answer of a store"
        if call == "HeadBucket" and status == 403 and self._access.credentials != "anonymous":
            code = "RequestTimeTooSkewed" if _is_skewed(headers.get("date", "")) else code
        region = self._region(error.get("Region") or headers.get("x-amz-bucket-region"))
        if status in _ELSEWHERE or (status == 301 and not (code or region)):
            # The server's client would follow to any host: libcurl does, with the SDK's own settings.
            return StoreRefusal(
                call,
                status,
                problem="unreadable",
                message="it redirects requests to another address",
                host=host,
            )
        return StoreRefusal(call, status, code, message, region=region, host=host)

    def _of_connection(self, call: StoreCall, error: Exception) -> StoreRefusal | Unavailable:
        """Returns the refusal for a request that no store answered."""
        host = self._host()
        kinds = {type(item).__name__ for item in chain(error)}
        tunnel = next((match for item in chain(error) if (match := _TUNNEL.search(str(item)))), None)
        if tunnel is not None:
            return StoreRefusal(call, int(tunnel[1]), problem="proxy", message=tunnel[0], host=self._proxy)
        problem, message = problem_of(error)
        at_proxy = bool(kinds & {"ProxyConnectionError", "ProxyError"})
        if problem == "name" and at_proxy:
            return StoreRefusal(call, problem="proxy name", message=message, host=self._proxy)
        if problem == "refused" and at_proxy:
            return StoreRefusal(call, problem="refused", message=message, host=self._proxy)
        if kinds & {"IncompleteReadError", "ResponseStreamingError"} and problem in ("", "unreadable"):
            problem = "truncated"
        if "ResponseParserError" in kinds:
            return StoreRefusal(call, problem="unreadable", host=host)
        if problem:
            return StoreRefusal(call, problem=problem, message=message, host=host)
        if kinds & {"ConnectionClosedError"}:
            return StoreRefusal(call, problem="reset", host=host)
        return _cannot(error)

    def _region(self, value: object) -> str:
        """Returns a region from a store's answer, which commands of remedies contain; empty for an invalid one."""
        region = str(value or "")
        return region if _REGION.fullmatch(region) and self._hidden(region) == region else ""

    def _host(self) -> str:
        """Returns the address of the requests, as far as the client has it."""
        address = authority_of(self._client.meta.endpoint_url) if self._client is not None else ""
        virtual = (
            self._access.addressing == "virtual"
            and address
            and not address.split(":")[0].replace(".", "").isdigit()
        )
        return f"{self._access.bucket}.{address}" if virtual else address


def _stored(item: Mapping[str, Any]) -> StoredObject:
    restored = bool(item.get("RestoreStatus", {}).get("RestoreExpiryDate"))
    archived = item.get("StorageClass") in _ARCHIVED and not restored
    return StoredObject(str(item["Key"]), int(item.get("Size", 0)), archived)


def _in_order(prefix: str, objects: list[StoredObject], prefixes: list[str], more: bool) -> StoreListing:
    """Returns the listed objects in the order of their bytes: stores that keep their objects in a file system list
    ``1/`` before ``1-old/``, and some list a key twice."""
    found = {item.key: item for item in objects if item.key.startswith(prefix)}
    below = {one for one in prefixes if one.startswith(prefix)}
    return StoreListing(tuple(found[key] for key in sorted(found)), more, tuple(sorted(below)))


def _first(body: Any, length: int) -> bytes:
    """Reads a number of bytes of an answer's body, which itself raises if it ends too early."""
    data = b""
    while len(data) < length and (part := body.read(length - len(data))):
        data += part
    return data


def _is_skewed(date: str) -> bool:
    """Whether the store's clock and this host's differ so much that the store refuses signatures. An answer to HEAD
    has no text about it."""
    try:
        store_time = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return False
    return abs(time.time() - store_time) > _MOST_SKEW


def _is_proxys(headers: Mapping[str, str]) -> bool:
    """Whether an answer is from a proxy: it names a proxy, and has none of S3's texts and headers, which an answer
    that a proxy forwards has."""
    if any(name.startswith("x-amz") for name in headers):
        return False
    page = headers.get("content-type", "").startswith("text/html") and headers.get("content-length") != "0"
    proxy = headers.get("server", "").lower().startswith(_PROXIES)
    return "proxy-authenticate" in headers or proxy or (page and "via" in headers)


def _cannot(error: Exception) -> Unavailable:
    """Returns that the library sent no request. Its message may contain a proxy's password."""
    if type(error).__name__ == "ParamValidationError":
        return Unavailable("boto3 does not accept a bucket or key with such a name")
    return Unavailable(f"boto3 cannot send the request ({type(error).__name__})")
