"""What a directory's name was meant to be. A leaf: targets and checks ask it."""

from __future__ import annotations

import re

_VERSION = re.compile(r"[ \t\n\v\f\r]*[+]?0*[1-9][0-9]*")
_WRONG = re.compile(
    r"(v|ver|version|rev|r)[-_. ]?\d+([-_.].*)?|latest|current|-?0+([-_.].*)?|-\d+", re.IGNORECASE
)


def looks_like_version(name: str) -> bool:
    """The server would read a number greater than 0 from this name."""
    return _VERSION.match(name) is not None


def looks_like_wrong_version(name: str) -> bool:
    """Meant as a version, but none to the server: ``v1``, ``version-2``, ``latest``, ``0``, digits of other
    scripts."""
    if name.isdigit() and not name.isascii():
        return True
    return _WRONG.fullmatch(name) is not None


#: filesystemfactory.cpp: what begins so is in a store; everything else is a path.
REMOTE_PREFIXES = ("s3://", "gs://", "azfs://", "az://")


def is_remote(path: str) -> bool:
    """Whether the server takes ``path`` for a place in remote storage: by its prefix, in small letters only."""
    return path.startswith(REMOTE_PREFIXES)


def remote_but_for_capitals(path: str) -> str:
    """The prefix of remote storage that ``path``, a local one to the server, has in capitals; empty for none. Before a
    relative path the root directory is put."""
    return next((one for one in REMOTE_PREFIXES if one in path.lower() and one not in path), "")


def is_stock_image(image: str) -> bool:
    """Whether a container image is one that OVMS is published as (docs/deploying_server_docker.md), wherever it is
    pulled from; another may have been built on it, with files of its own."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = f"{head}{slash}{last.partition(':')[0]}"
    return re.search(r"(^|/)(openvino/model_server|intel/openvino-model-server)(-gpu)?$", name) is not None
