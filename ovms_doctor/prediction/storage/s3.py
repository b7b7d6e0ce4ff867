"""S3: the bucket and key of a path, and the client for the environment (s3filesystem.cpp, v2022.1 to v2026.3).

The SDK's behaviour was read in sources near the releases' own: 1.7.129 until 2023.3, 1.11.268 since 2024.0.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Literal
from urllib.parse import quote

from msgspec.structs import replace

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.model.storage_plan import Addressing, Endpoint, EndpointProblem, S3Client, S3Path
from ovms_doctor.prediction.storage.server_environment import ServerEnvironment

PREFIX = "s3://"
_DEFAULT_REGION = "us-east-1"
#: The server's pattern for s3://HOST:PORT/BUCKET/KEY. In the key ``.-_`` is a range, from the dot to the underscore: it
#: contains capitals, colons and slashes, but no dash. Its group ``(/…+)*`` is written without the star: the class
#: contains the slash itself, so that both match the same texts, and this one does not backtrack.
_WITH_HOST = lazy_pattern(r"s3://([0-9a-zA-Z\-.]+):([0-9]+)/([0-9a-z.\-]+)((?:/[0-9a-zA-Z.-_]+)?)")
_HOST_AND_PORT = lazy_pattern(r"[^/\s]*[^/\s:]:[0-9]+")
_READABLE_HOST = lazy_pattern(r"[0-9a-zA-Z\-.]+")
_READABLE_BUCKET = lazy_pattern(r"[0-9a-z.\-]+")
#: A label of a host name that the SDK accepts (DNS.cpp).
_LABEL = lazy_pattern(r"[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?")
_ADDRESS = lazy_pattern(
    r"(?P<host>\[[^\]/]*\]|[^:/?#]*)(:(?P<port>[0-9]{1,5}))?(?P<rest>[/?#].*)?", re.DOTALL
)


def parse_path(path: str) -> S3Path:
    """Applies ``S3FileSystem::parsePath`` to a path that begins with ``s3://``.

    Credentials before an ``@`` are hidden when the path is read: no request and no fact contains them.
    """
    match = _WITH_HOST.fullmatch(path)
    if match is not None:
        _, slash, key = path[len(PREFIX) :].partition("/")[2].partition("/")
        return S3Path(path, match[3], slash + key, match[1], match[2])
    rest = path[len(PREFIX) :]
    bucket, slash, key = rest.partition("/")
    if slash and not bucket:
        # The slash is not after the beginning of the bucket, so the server takes all of the text.
        return S3Path(path, rest)
    return S3Path(path, bucket, key, host_like=_host_like(bucket, key))


def _host_like(bucket: str, key: str) -> Literal["", "key", "bucket", "host"]:
    """Returns the part of an intended s3://HOST:PORT/BUCKET/KEY because of which the pattern does not match."""
    if not _HOST_AND_PORT.fullmatch(bucket):
        return ""
    if not _READABLE_HOST.fullmatch(bucket.rpartition(":")[0]):
        return "host"
    return "key" if _READABLE_BUCKET.fullmatch(key.partition("/")[0]) else "bucket"


#: Straight, English, German and French quotation marks.
_QUOTES = "\"'`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"


def choose_client(location: S3Path, environment: ServerEnvironment, release: Release) -> S3Client:
    """Applies the constructor of ``S3FileSystem``."""
    has_keys = environment.has("AWS_ACCESS_KEY_ID") and environment.has("AWS_SECRET_ACCESS_KEY")
    profile = environment.has("AWS_PROFILE")
    credentials: Literal["keys", "chain", "anonymous"] = "anonymous"
    if profile:
        credentials = "chain"
    elif has_keys:
        credentials = "keys"
    addressing: Addressing = "virtual" if credentials == "anonymous" else "path"
    region, region_from = _region(environment, has_keys, profile)
    endpoint = _endpoint(location, environment, region)
    token: Literal["", "used", "ignored"] = ""
    if credentials == "keys" and environment.filled("AWS_SESSION_TOKEN"):
        token = "used" if release.at_least(2023, 0) else "ignored"
    return S3Client(
        credentials,
        addressing,
        endpoint,
        region,
        region_from,
        _url(location.bucket, endpoint, addressing),
        has_keys and (environment.empty("AWS_ACCESS_KEY_ID") or environment.empty("AWS_SECRET_ACCESS_KEY")),
        token,
        environment.knows_family("AWS_"),
    )


def _region(environment: ServerEnvironment, has_keys: bool, profile: bool) -> tuple[str | None, str]:
    """Returns the region and its source. The SDK reads AWS_DEFAULT_REGION before AWS_REGION, and ignores empty ones;
    with both keys the server replaces it by AWS_REGION, even an empty one. A profile's own region comes first if the
    profile is used for it."""
    if has_keys and environment.has("AWS_REGION"):
        return environment.text("AWS_REGION"), "AWS_REGION"
    if profile and not has_keys:
        return None, "profile"
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        if environment.filled(name):
            return environment.text(name), name
    return None, "metadata"


def _endpoint(location: S3Path, environment: ServerEnvironment, region: str | None) -> Endpoint:
    if environment.has("S3_ENDPOINT") and not environment.empty("S3_ENDPOINT"):
        text = environment.text("S3_ENDPOINT")
        if text is None:
            return Endpoint("S3_ENDPOINT", "", "http", "", readable=False)
        return read_endpoint(text)
    if environment.empty("S3_ENDPOINT"):
        # It replaces the path's host, and is not a valid host. The scheme is then not known.
        return replace(_amazon(region), scheme="http", readable=False)
    if location.host:
        # A port with that many digits cannot be connected to.
        port = int(location.port) if len(location.port) < 6 else None
        host = f"{location.host}:{location.port}"
        return Endpoint("path", host, "http", location.host, port, _label_problem(location.host))
    return _amazon(region)


def _amazon(region: str | None) -> Endpoint:
    region_name = _DEFAULT_REGION if region is None else region
    if region_name == "aws-global":
        host = "s3.amazonaws.com"
    else:
        host = f"s3.{region_name}.amazonaws.com" + (".cn" if region_name.startswith("cn-") else "")
    return Endpoint("aws", "", "https", host, readable=bool(region_name))


def read_endpoint(text: str) -> Endpoint:
    """Returns S3_ENDPOINT as the server reads it: if it contains ``http://`` at any position, its first seven
    characters are cut; the scheme is http, unless the rest begins with ``https://`` (the SDK's OverrideEndpoint). The
    SDK's own parser reads a user in it as the host (URI.cpp); how it reads a fragment is not known."""
    left = text[7:] if "http://" in text else text
    scheme: Literal["http", "https"] = "http"
    address = left
    if left.startswith("https://"):
        scheme, address = "https", left[8:]
    elif left.startswith("http://"):
        address = left[7:]
    match = _ADDRESS.fullmatch(address)
    host = match["host"] if match is not None else ""
    port = int(match["port"]) if match is not None and match["port"] else None
    problem: EndpointProblem = ""
    if text != text.strip():
        problem = "blank"
    elif "http://" in text and not text.startswith("http://"):
        problem = "cut in the wrong place"
    elif re.match(r"https?://", text, re.IGNORECASE) and not re.match(r"https?://", text):
        problem = "scheme in capitals"
    elif match is not None:
        problem = _label_problem(host)
    if problem != "label" and without_quotes(text) != text:
        problem = "quotes"
    path = (match["rest"] or "").rstrip("/") if match is not None else ""
    readable = bool(host) and not problem and "@" not in address and "#" not in path
    return Endpoint("S3_ENDPOINT", left, scheme, host, port, problem, readable, path)


def without_quotes(text: str) -> str:
    """Returns the text without quotation marks around it: a word processor's, or those that an environment file
    keeps."""
    return text.strip().strip(_QUOTES).strip()


def _label_problem(host: str) -> EndpointProblem:
    """Returns the problem of a host with an invalid label: the SDK sends no request to it (DNS.cpp: IsValidHost). Text
    in brackets does not count, nor does a host that could not be determined."""
    if not host or host.startswith("[") or "*" in host or "@" in host:
        return ""
    return "" if all(_LABEL.fullmatch(label) for label in host.split(".") if label) else "label"


def is_address(host: str) -> bool:
    """Whether the host is an IP address: no bucket's name is put before it."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def bucket_in_host(bucket: str, endpoint: Endpoint, addressing: Addressing) -> bool:
    """Returns whether the bucket becomes a part of the host name: with virtual-hosted addresses, if it is a valid
    label. A bucket with a dot only without encryption, and then even before an IP address: the SDK's endpoint rules
    check for an IP address in their first case only."""
    if addressing == "path" or is_address(bucket) or len(bucket) < 3 or bucket != bucket.lower():
        return False
    if "." in bucket:
        return endpoint.scheme == "http" and all(_LABEL.fullmatch(label) for label in bucket.split("."))
    return not is_address(endpoint.host) and _LABEL.fullmatch(bucket) is not None


def _url(bucket: str, endpoint: Endpoint, addressing: Addressing) -> str | None:
    """Returns the address of HeadBucket."""
    if not endpoint.readable or not bucket:
        return None
    port = "" if endpoint.port is None else f":{endpoint.port}"
    if bucket_in_host(bucket, endpoint, addressing):
        return f"{endpoint.scheme}://{bucket}.{endpoint.host}{port}{endpoint.path}/"
    return f"{endpoint.scheme}://{endpoint.host}{port}{endpoint.path}/{quote(bucket, safe='', errors='surrogatepass')}"
