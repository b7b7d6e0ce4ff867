"""Which release and which variant of OVMS an image contains: from its log, its labels, its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import ReleaseError, parse_release

Labels: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

#: The first line that the server logs (server.cpp logConfig): its version, then a part of the commit's hash.
_BANNER = lazy_pattern(r"OpenVINO Model Server v?(\d{4}\.\d{1,2}(?:\.\d{1,2}){0,2})(?![0-9a-f])", re.ASCII)
_NUMBERS = lazy_pattern(r"v?(\d{4}\.\d{1,2}(?:\.\d{1,2}){0,2})(?![0-9.])", re.ASCII)
#: How images of 2019 and 2020 are tagged: 2019_R3.
_OLD_TAG = lazy_pattern(r"(20(?:19|20))[._-]?R(\d)(?:\.\d+)?(?![0-9])", re.ASCII | re.IGNORECASE)
_SERVER_NAME = lazy_pattern(r"ovms|openvino|model[-_.]?server")
_OFFICIAL = lazy_pattern(r"(?:openvino/|(?:odh|rhoai)-)?(?:openvino[-_])?model[-_]server(?:-rhel\d+)?|ovms")
#: The label of the image of 2022.1 for Red Hat is wrong: "2021.4".
_OLDEST_LABEL = 2022


def release_of(image: str, labels: Labels, log: Sequence[str]) -> tuple[str | None, str]:
    """Returns the release (``2025.4.1``) and its source. The running server's log takes precedence over a label of
    its image, and a label over a tag, which any user can set. Returns (None, "") if none of them names a release.

    Source: server.cpp (the banner), Dockerfile.redhat (labels ``name`` and ``version``; the image for Ubuntu has no
    version among its labels), the tags of openvino/model_server.
    """
    for line in reversed(log):
        match = _BANNER.search(line)
        if match and (found := _release(match[1])):
            return found, "the container's log"
    known = dict(labels)
    match = _NUMBERS.fullmatch(known.get("version", "").strip()) if known.get("name") == "OVMS" else None
    if match and int(match[1][:4]) >= _OLDEST_LABEL and (found := _release(match[1])):
        return found, "the image's label version"
    repository, tag = _parts(image)
    match = _NUMBERS.match(tag)
    if match and _SERVER_NAME.search(repository) and (found := _release(match[1])):
        return found, "the image's tag"
    match = _OLD_TAG.match(tag)
    if match and _SERVER_NAME.search(repository):
        return f"{match[1]}.{match[2]}", "the image's tag"
    return None, ""


def is_official(image: str) -> bool:
    """Whether an image's name is that of an image of OVMS, or of a mirror of one: its entrypoint is known."""
    repository, _ = _parts(image)
    last = repository.split("/")[-1]
    return bool(_OFFICIAL.fullmatch(last) or _OFFICIAL.fullmatch("/".join(repository.split("/")[-2:])))


def user_is_a_name(image: str) -> bool:
    """Whether an image is one of OVMS's own, or a mirror of one: its user is the name ``ovms``, not a number. The user
    of images that others build (Open Data Hub's) is not known."""
    repository, _ = _parts(image)
    return repository.endswith(("openvino/model_server", "intel/openvino-model-server"))


def _parts(image: str) -> tuple[str, str]:
    """Returns the repository in lower case, and the tag; a registry's port and a digest are not tags."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{head}{slash}{last}".lower(), tag


def _release(text: str) -> str | None:
    """Returns the release's name: 2026.3.0 is 2026.3. None if it cannot be a release."""
    numbers = text.split(".")
    while len(numbers) > 2 and not int(numbers[-1]):
        numbers.pop()
    found = ".".join(numbers)
    try:
        parse_release(found)
    except ReleaseError as error:
        # A release that is too old is returned too; a finding reports it.
        return found if "older" in str(error) else None
    return found
