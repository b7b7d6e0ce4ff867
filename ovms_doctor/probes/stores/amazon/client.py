"""A boto3 client that uses no defaults of its own: it gets every setting of the server's client."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from ovms_doctor.model.facts import StoreAccess
from ovms_doctor.model.pattern import lazy_pattern

#: s3filesystem.cpp proxy_regex_ (v2022.1 to v2026.3).
_PROXY = lazy_pattern(r"(https?)://(([^:]{1,128}):([^@]{1,256})@)?([^:/]{1,255})(:([0-9]{1,5}))/?", re.DOTALL)
_DEFAULT_REGION = "us-east-1"
_LAST_PORT = 65535
#: The response's own status in the library's message, which may report another one.
SENT = "OvmsDoctorStatus"
#: Keys of a profile that lead to other credentials than those in the file.
_NOT_STATIC = ("role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file")


class StoreClientError(Exception):
    """The credentials or the proxy cannot be used from here; the message is one sentence."""


def proxies(text: str) -> dict[str, str]:
    """Returns the proxy of every address, as the server parses its variable; empty without a proxy."""
    match = _PROXY.fullmatch(text)
    if match is None:
        return {}
    # libcurl handles a second @: the text before it becomes the user, instead of the configured one, and without a
    # password.
    host = match[5].rpartition("@")[2]
    login = ""
    if match[3] and host == match[5]:
        user, password = (unquote(part, errors="surrogateescape") for part in (match[3], match[4]))
        login = f"{_quoted(user)}:{_quoted(password)}@"
    # An impossible port is ignored, and libcurl's own remains (CURL_DEFAULT_PROXY_PORT).
    port = match[7] if int(match[7]) <= _LAST_PORT else "1080"
    url = f"{match[1]}://{login}{host}:{port}"
    return {"http": url, "https": url}


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def make_client(
    access: StoreAccess, secrets: Mapping[str, str], files: Mapping[str, bytes], time_limit: float
) -> tuple[Any, tuple[str, ...]]:
    """Returns the client, and the keys that it uses. Raises ImportError if boto3 is missing, StoreClientError."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.utils import S3RegionRedirectorv2

    # The server's client does not search for a bucket in another region.
    S3RegionRedirectorv2.redirect_from_error = _keep_region
    keys, region = _credentials(access, secrets, files)
    config = Config(
        signature_version=UNSIGNED if access.credentials == "anonymous" else "s3v4",
        # botocore's own choice for us-east-1 is s3.amazonaws.com, which finds public buckets of all regions.
        s3={"addressing_style": access.addressing, "us_east_1_regional_endpoint": "regional"},
        proxies=proxies(secrets.get(access.proxy, "")) if access.proxy else {},
        connect_timeout=min(5.0, time_limit / 2),
        read_timeout=time_limit * 0.8,
        retries={"total_max_attempts": 1, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.session.Session()
    client = session.client(
        "s3",
        region_name=region or _DEFAULT_REGION,
        endpoint_url=access.endpoint or None,
        config=config,
        **keys,
    )
    client.meta.events.register("after-call.s3", _note_status)
    return client, tuple(keys.values())


def _note_status(http_response: Any, parsed: Any, **more: Any) -> None:
    """Notes the status: botocore reads 200 with a body that is not XML as an incomplete answer, and makes a 500 of
    it."""
    status = getattr(http_response.raw, "status", None)
    if status is not None:
        parsed.setdefault("ResponseMetadata", {})[SENT] = status


def _keep_region(self: Any, request_dict: Any, response: Any, operation: Any, **more: Any) -> None:
    """Replaces botocore's function: a bucket elsewhere is refused, and the refusal is the answer."""


def _credentials(
    access: StoreAccess, secrets: Mapping[str, str], files: Mapping[str, bytes]
) -> tuple[dict[str, str], str]:
    """Returns the client's credentials and the region."""
    if access.credentials == "anonymous":
        return {}, access.region
    if access.credentials == "profile":
        return _of_profile(access, files)
    names = {"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    if access.token:
        names["aws_session_token"] = "AWS_SESSION_TOKEN"  # noqa: S105 - the variable's name
    return {name: secrets[variable] for name, variable in names.items()}, access.region


def _of_profile(access: StoreAccess, files: Mapping[str, bytes]) -> tuple[dict[str, str], str]:
    """Returns a profile's own keys, which the SDK reads from the credentials file only, and the region, which it
    reads from the configuration file (1.11: ProfileConfigFileAWSCredentialsProvider, ClientConfiguration). No
    program is run and no service queried for others."""
    sections = [
        _section(path, files.get(path, b""), names)
        for path, names in zip(access.files, _sections(access.profile), strict=True)
    ]
    found, configured = sections
    keys = ("aws_access_key_id", "aws_secret_access_key")
    if not all(found.get(name) for name in keys):
        other = next((name for name in _NOT_STATIC if name in found or name in configured), "")
        if other:
            raise StoreClientError(
                f"the profile {access.profile} has no keys but {other}, which is not followed here"
            )
        file_list = " and ".join(access.files)
        if all(configured.get(name) for name in keys):
            file_list = f"{access.files[0]}, the only file in which the server's client looks for them"
        raise StoreClientError(f"the profile {access.profile} has no keys in {file_list}")
    names = [*keys, "aws_session_token"]
    region = access.region or configured.get("region", "")
    return {name: found[name] for name in names if found.get(name)}, region


def _section(path: str, content: bytes, names: tuple[str, ...]) -> dict[str, str]:
    """Returns the values below the first of these names. Raises StoreClientError."""
    parsed = configparser.RawConfigParser(strict=False, interpolation=None)
    try:
        parsed.read_string(content.decode("utf-8", "replace"))
    except configparser.Error:
        raise StoreClientError(f"{path} cannot be read as a file of AWS profiles") from None
    return next((dict(parsed.items(name)) for name in names if parsed.has_section(name)), {})


def _sections(profile: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the names of a profile's section in the credentials file and in the configuration file."""
    plain = (profile, f"profile {profile}")
    return (profile,), plain if profile == "default" else plain[1:]
