"""The meaning of the names of directories and images."""

from __future__ import annotations

import re

from ovms_doctor.model.pattern import lazy_pattern

_VERSION = lazy_pattern(r"[ \t\n\v\f\r]*[+]?0*[1-9][0-9]*")
_PLAIN_NUMBER = lazy_pattern(r"0*[1-9][0-9]*")
_WRONG = lazy_pattern(
    r"(v|ver|version|rev|revision|release)[-_. ]?\d+([-_.].*)?|latest|current|-?0+([-_.].*)?|-\d+",
    re.IGNORECASE,
)
#: A date anywhere at the beginning or end of a name: 2024-01-31, 20240131, model_2024.01.31.
_DATE = lazy_pattern(
    r"(?:^|.*[-_. ])((?:19|20)\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?:[-_. T].*)?"
)
_NAMED = lazy_pattern(
    r"(?:v|ver|version|rev|revision|release)[-_. ]?0*([1-9]\d{0,8})(?:[-_ ].*)?", re.IGNORECASE
)
_LEADING = lazy_pattern(r"0*([1-9]\d{0,8})(?!\d).*", re.DOTALL)

#: Directories that file systems and tools create for themselves, in lower case. :func:`is_tool_directory` has those
#: that begin with a dot.
_TOOL_DIRECTORIES = frozenset(
    (
        "lost+found",
        # Synology, QNAP.
        "@eadir",
        "@tmp",
        "@sharebin",
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "#snapshot",
        # Windows.
        "$recycle.bin",
        "recycler",
        "found.000",
        "system volume information",
        "__pycache__",
        "__macosx",
        "node_modules",
        "venv",
    )
)


def looks_like_version(name: str) -> bool:
    """Whether the server reads a number greater than 0 from this name."""
    return _VERSION.match(name) is not None


def is_plain_number(name: str) -> bool:
    """Whether the name is only a number greater than 0."""
    return _PLAIN_NUMBER.fullmatch(name) is not None


def looks_like_wrong_version(name: str) -> bool:
    """Whether the name was probably meant as a version that the server does not read: ``v1``, ``version-2``,
    ``latest``, ``0``, digits of other scripts."""
    if name.isdigit() and not name.isascii():
        return True
    return _WRONG.fullmatch(name) is not None


def version_in_name(name: str) -> int | None:
    """Returns the version number in a directory's name, None if it has none.

    ``v3``, ``version-3``, ``3-final``, a leading number and a date contain one. Digits inside a name
    (``resnet50-int8``, ``Qwen3-8B``) and numbers of several parts (``v1.2``) do not count.
    """
    if date := _DATE.fullmatch(name):
        return int(date[1] + date[3] + date[4])
    if stated := _NAMED.fullmatch(name) or _LEADING.fullmatch(name):
        return int(stated[1])
    return None


def is_tool_directory(name: str) -> bool:
    """Whether a file system or a tool creates directories of this name (``lost+found``, ``.snapshot``, ``@eaDir``,
    ``__pycache__``, ``.git``): they contain no model."""
    return name.startswith(".") or name.lower() in _TOOL_DIRECTORIES


#: filesystemfactory.cpp: the prefixes of paths in a store; every other path is local.
REMOTE_PREFIXES = ("s3://", "gs://", "azfs://", "az://")


def is_remote(path: str) -> bool:
    """Whether the server reads ``path`` as a path in remote storage: by its prefix, in small letters only."""
    return path.startswith(REMOTE_PREFIXES)


def remote_but_for_capitals(path: str) -> str:
    """Returns the prefix of remote storage that ``path``, a local one to the server, has in capitals; empty for
    none. The prefix may be inside ``path``, because the server adds a directory before a relative path."""
    return next((one for one in REMOTE_PREFIXES if one in path.lower() and one not in path), "")


def is_stock_image(image: str) -> bool:
    """Whether a container image is a published image of OVMS (docs/deploying_server_docker.md), from any registry;
    another image may have been built on it, with files of its own."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = f"{head}{slash}{last.partition(':')[0]}"
    return re.search(r"(^|/)(openvino/model_server|intel/openvino-model-server)(-gpu)?$", name) is not None
