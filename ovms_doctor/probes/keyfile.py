"""The kind of credentials in a file. The child process reads it, and returns no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ovms_doctor.model.facts import FileContent, KeyFileInspection
from ovms_doctor.model.pattern import lazy_pattern

#: More bytes than any file of credentials has.
LARGEST = 1 << 20
#: The fields of each type that must be text and not empty (google-cloud-cpp, google/cloud/storage/oauth2: the parsers
#: of service account and authorized user credentials).
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "service_account": ("client_email", "private_key"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
}
#: Types of credentials that Google's tools write.
_TYPES = frozenset(
    "service_account authorized_user external_account external_account_authorized_user "
    "impersonated_service_account gdch_service_account".split()
)
_PROJECT = lazy_pattern(r"([a-z0-9.-]{1,50}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
#: DER: a sequence with a length in two bytes, the beginning of every PKCS#12 file.
_PKCS12 = b"\x30\x82"


def describe_key(content: FileContent) -> KeyFileInspection:
    """Returns the kind of ``content``, a file read whole. Of its values it keeps only a known type and a project's
    id."""
    data = content.data
    if data.startswith(_PKCS12):
        return KeyFileInspection(content.size, "binary")
    try:
        # Reads JSON as the server's library does: UTF-8 with or without a mark, and no NaN. It uses no codec that
        # would be imported only now, because the server's user may not have the right to import it.
        value = json.loads(data.removeprefix(b"\xef\xbb\xbf").decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return KeyFileInspection(content.size, "other")
    if not isinstance(value, dict):
        return KeyFileInspection(content.size, "json")
    kind, project = value.get("type"), value.get("project_id")
    named = "" if kind is None else kind if isinstance(kind, str) and kind in _TYPES else "other"
    return KeyFileInspection(
        content.size,
        "object",
        named,
        project if isinstance(project, str) and _PROJECT.fullmatch(project) else "",
        tuple(key for key in _NEEDED.get(named, ()) if not _is_text(value, key)),
    )


def _is_text(value: Mapping[str, Any], key: str) -> bool:
    found = value.get(key)
    return isinstance(found, str) and bool(found)


def _refuse(_: str) -> Any:
    raise ValueError
