"""How a target in a store is listed, so that target detection and prediction have the same questions. It imports no
other module of the package."""

from __future__ import annotations

from ovms_doctor.model.facts import ListStore, StoreAccess

#: The most pages of 1,000 keys that are listed of a target.
TARGET_PAGES = 100


def target_key(access: StoreAccess, path: str) -> str:
    """Returns the key of ``path`` in the bucket of ``access``, as the server's client reads it: nothing for the
    bucket itself; for ``s3://HOST:PORT/BUCKET/KEY`` with a slash before it (parsePath in s3filesystem.cpp and
    gcsfilesystem.cpp, v2022.1 to v2026.3)."""
    rest = path.partition("://")[2]
    if rest == access.bucket:
        return ""
    if rest.startswith(f"{access.bucket}/"):
        return rest[len(access.bucket) + 1 :]
    # The bucket follows a host, and the slash after the bucket is read as a part of the key.
    return rest.partition("/")[2][len(access.bucket) :]


def target_listing(access: StoreAccess, path: str) -> ListStore:
    """Returns the one list of everything below a target, or below a model's base path. The prefix ends in a slash
    (``appendSlash`` in filesystem.hpp), except for the bucket itself."""
    key = target_key(access, path)
    return ListStore(access, key if not key or key.endswith("/") else f"{key}/", TARGET_PAGES)
