"""From a base path to version numbers, and the version policy (modelmanager.cpp)."""

from __future__ import annotations

import os
from collections import Counter

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.deployment import VersionPolicy
from ovms_doctor.model.facts import Facts, Failure, ListDirectory, Listing, StatPath, Unavailable
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import BaseProblem, Detection, DirectoryName
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.paths import escapes

#: ``std::stoll`` in the C locale: white space, a sign, decimal digits; the rest is not read.
_STOLL = lazy_pattern(rb"[ \t\n\v\f\r]*([+-]?)0*([0-9]+)")
_INT64_MAX = 2**63 - 1
_INT64_MIN = -(2**63)

#: The suffixes of a file that may be named as model path (modelmanager.cpp, v2026.3); case matters.
SINGLE_FILE_SUFFIXES = (".xml", ".onnx", ".pdmodel", ".pdiparams", ".pb", ".tflite")


class DetectionError(Exception):
    """A rule stops because a path could not be read."""

    def __init__(self, path: str, answer: Unavailable) -> None:
        super().__init__(answer.reason)
        self.cause = CouldNotLook(path, answer.reason, answer.timed_out)


def read_directory_name(name: str) -> DirectoryName:
    """Returns the version that the server reads from a sub-directory's name."""
    match = _STOLL.match(os.fsencode(name))
    if match is None:
        return DirectoryName(name, "not_number")
    digits = match.group(2)
    number = int(match.group(1) + digits) if len(digits) < 40 else _INT64_MAX + 1
    if not _INT64_MIN <= number <= _INT64_MAX:
        return DirectoryName(name, "out_of_range")
    if number <= 0:
        return DirectoryName(name, "not_positive", number)
    return DirectoryName(name, "version", number)


def detect(base_path: str, absolute_path: str, release: Release, facts: Facts) -> Detection:
    """Applies ``ModelManager::readAvailableVersions``. ``base_path``: the server's text; ``absolute_path``: the same
    path, absolute. Raises FactsMissingError, DetectionError."""
    if escapes(base_path, release):
        return _refused("PATH_INVALID", BaseProblem("escapes"), server_log.PATH_ESCAPES(path=base_path))
    status = facts.ask(StatPath(absolute_path))
    if isinstance(status, Unavailable):
        raise DetectionError(base_path, status)
    if isinstance(status, Failure):
        if not status.missing:
            return _refused(
                "PATH_INVALID",
                BaseProblem("cannot_check", status),
                server_log.CANNOT_CHECK_DIRECTORY(path=base_path),
            )
        return _refused(
            "PATH_INVALID", BaseProblem("missing", status), server_log.DIRECTORY_MISSING(path=base_path)
        )
    if status.kind != "directory":
        return _detect_file(base_path, status.kind == "regular", release)
    return _detect_directory(base_path, absolute_path, facts)


def _refused(status: str, problem: BaseProblem, *log: str) -> Detection:
    return Detection(status, problem=problem, log=log)


def _detect_file(base_path: str, regular: bool, release: Release) -> Detection:
    """Returns the result for a base path that is not a directory: served as version 1 since v2026.3 if its suffix is a
    model's."""
    if not (release.serves_single_file and regular):
        return _refused(
            "PATH_INVALID",
            BaseProblem("not_directory"),
            server_log.DIRECTORY_MISSING(path=base_path),
        )
    if suffix_of(base_path) not in SINGLE_FILE_SUFFIXES:
        return _refused("FILE_INVALID", BaseProblem("invalid_file"), server_log.INVALID_MODEL_FILE())
    return Detection("OK", found=(1,), single_file=True)


def suffix_of(path: str) -> str:
    """Applies ``std::filesystem::path::extension``: a name that consists only of a suffix (``.xml``) has none."""
    name = path.rsplit("/", 1)[-1]
    cut = name.rfind(".")
    return name[cut:] if cut > 0 and name != ".." else ""


def _detect_directory(base_path: str, absolute_path: str, facts: Facts) -> Detection:
    listing = facts.ask(ListDirectory(absolute_path))
    if isinstance(listing, Unavailable):
        raise DetectionError(base_path, listing)
    if isinstance(listing, Failure):
        return _cannot_list(base_path, listing, None)
    facts.need(
        StatPath(f"{absolute_path}/{entry.name}") for entry in listing.entries if _is_followed(entry.kind)
    )
    names = set()
    for entry in listing.entries:
        if entry.kind == "directory":
            names.add(entry.name)
        elif _is_followed(entry.kind):
            followed = facts.ask(StatPath(f"{absolute_path}/{entry.name}"))
            if isinstance(followed, Unavailable):
                raise DetectionError(f"{base_path}/{entry.name}", followed)
            if isinstance(followed, Failure):
                if not followed.missing:
                    return _cannot_list(base_path, followed, entry.name, listing)
            elif followed.kind == "directory":
                names.add(entry.name)
    return read_names(base_path, sorted(names, key=os.fsencode), listing)


def _is_followed(kind: str) -> bool:
    """Whether the server follows the entry: ``directory_entry::is_directory`` calls stat(2) only if d_type is not
    known."""
    return kind in ("link", "unknown")


def _cannot_list(
    base_path: str, failure: Failure, entry: str | None, listing: Listing | None = None
) -> Detection:
    return Detection(
        "PATH_INVALID",
        problem=BaseProblem("cannot_list", failure, entry),
        listing=listing,
        log=(server_log.CANNOT_LIST(path=base_path),),
    )


def read_names(base_path: str, names: list[str], listing: Listing) -> Detection:
    """Returns the versions that the server reads from the names of sub-directories, which are in byte order."""
    readings = tuple(read_directory_name(name) for name in names)
    log = []
    for item in readings:
        if item.reading == "not_positive":
            log.append(server_log.VERSION_NOT_POSITIVE(number=item.number))
        elif item.reading == "not_number":
            log.append(server_log.VERSION_NOT_NUMBER(name=item.name))
        elif item.reading == "out_of_range":
            log.append(server_log.VERSION_OUT_OF_RANGE(name=item.name))
    found = tuple(item.number for item in readings if item.reading == "version" and item.number is not None)
    if not found:
        log.append(server_log.NO_VERSION(path=base_path))
    return Detection("OK", found=found, names=readings, listing=listing, log=tuple(log))


def apply_policy(policy: VersionPolicy, versions: list[int]) -> list[int]:
    """Applies the policy's ``filter`` to a list with duplicates, as in the server."""
    if policy.kind == "all":
        return list(versions)
    if policy.kind == "latest":
        # A negative count becomes a huge size_t.
        ordered = sorted(versions, reverse=True)
        return ordered if policy.count < 0 else ordered[: policy.count]
    return intersection(sorted(versions), sorted(policy.versions))


def intersection(left: list[int], right: list[int]) -> list[int]:
    """Applies ``std::set_intersection`` to sorted lists with duplicates."""
    if left == right:
        return list(left)
    if not left or not right:
        return []
    return sorted((Counter(left) & Counter(right)).elements())


def difference(left: list[int], right: list[int]) -> list[int]:
    """Applies ``std::set_difference`` to sorted lists with duplicates."""
    if left == right:
        return []
    if not left or not right:
        return list(left)
    return sorted((Counter(left) - Counter(right)).elements())
