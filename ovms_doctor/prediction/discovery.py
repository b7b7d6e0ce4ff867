"""The file of a version directory that the server passes to OpenVINO (modelinstance.cpp fetchModelFilepaths)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import TypeAlias

from msgspec import Struct, field

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import AccessFails, Cause, NoModelFile, PairMissing, VersionDirectoryMissing
from ovms_doctor.model.facts import (
    AnyQuestion,
    Entry,
    Facts,
    Failure,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.facts.preparation import ModelFormat
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.paths import escapes, filesystem_error
from ovms_doctor.prediction.versions import DetectionError, suffix_of

#: The file next to a model that maps its tensors to other names.
MAPPING = "mapping_config.json"
_SAVED_MODEL = "saved_model.pb"
#: Suffixes of the files that any release probably reads; and the largest number of such files that are requested.
_LIKELY = (".xml", ".bin", ".onnx", ".pb", ".tflite", ".pdmodel", ".pdiparams")
_MOST_AHEAD = 8


class FoundFile(Struct, frozen=True):
    """The file that the server chooses."""

    #: The path for ``read_model`` as the server writes it.
    path: str
    #: The format of the model.
    format: ModelFormat
    #: The other files with the same suffix; the file system's order decides between them.
    others: tuple[str, ...] = ()


class FileNotFound(Struct, frozen=True):
    """The load fails with this status after these messages."""

    #: The server's status.
    status: str
    #: The cause of the failure.
    cause: Cause
    #: The lines that the server writes.
    log: tuple[str, ...]


class ThrownException(Struct, frozen=True):
    """``std::filesystem`` throws; only the model manager catches the exception."""

    #: The text of the exception.
    message: str
    #: The failed access.
    cause: AccessFails
    #: The lines that the server writes before.
    log: tuple[str, ...] = field(default=())


Discovery = FoundFile | FileNotFound | ThrownException
QuestionsOfFile: TypeAlias = Callable[[FoundFile], Iterable[AnyQuestion]]


class VersionDirectory(Struct, frozen=True):
    """The directory of a version."""

    #: The model's name.
    model: str
    #: The version's number.
    version: int
    #: The path as the server writes it.
    path: str
    #: The same path, absolute.
    absolute_path: str
    #: The names of the directories that the server reads as this version.
    names: tuple[str, ...]
    #: The release of the server.
    release: Release

    def below(self, name: str) -> str:
        return f"{self.path}/{name}"


@cache
def formats(release: Release) -> tuple[tuple[ModelFormat, tuple[str, ...]], ...]:
    """Returns the formats and the suffixes that a format requires together, in the order of the server's search
    (modelextensions.cpp)."""
    known: list[tuple[ModelFormat, tuple[str, ...]]] = [("ir", (".xml", ".bin")), ("onnx", (".onnx",))]
    if release.reads_paddle:
        known.append(("paddle", (".pdmodel", ".pdiparams")))
    if release.reads_tensorflow:
        known.append(("frozen", (".pb",)))
    if release.reads_tflite:
        known.append(("tflite", (".tflite",)))
    return tuple(known)


def find_model_file(
    version_directory: VersionDirectory, facts: Facts, questions_of_file: QuestionsOfFile
) -> Discovery:
    """Returns the file that the server chooses, or how the search fails. ``questions_of_file``: returns the questions
    about a found file. Raises FactsMissingError, DetectionError."""
    release = version_directory.release
    if escapes(version_directory.path, release):
        return FileNotFound(
            "PATH_INVALID",
            VersionDirectoryMissing(version_directory.path, version_directory.names),
            (
                server_log.PATH_ESCAPES(path=version_directory.path),
                server_log.VERSION_DIRECTORY_MISSING(path=version_directory.path),
            ),
        )
    # Both together: nearly always it is a directory, and each round of questions costs another plan.
    facts.need([StatPath(version_directory.absolute_path), ListDirectory(version_directory.absolute_path)])
    status = _status(facts, version_directory.absolute_path, version_directory.path)
    if isinstance(status, Failure) and not status.missing and release.uses_std_filesystem:
        return _thrown_exception("status", version_directory.path, status)
    if isinstance(status, PathStatus) and status.kind == "regular" and release.serves_single_file:
        return _no_model_file(version_directory, Listing(()))
    if isinstance(status, Failure) or status.kind != "directory":
        return _directory_missing(version_directory, status)
    listing = facts.ask(ListDirectory(version_directory.absolute_path))
    if isinstance(listing, Unavailable):
        raise DetectionError(version_directory.path, listing)
    if isinstance(listing, Failure):
        if release.uses_std_filesystem:
            return _thrown_exception(
                "directory iterator cannot open directory", version_directory.path, listing
            )
        return _directory_missing(version_directory, listing)
    return _search(version_directory, listing, facts, questions_of_file)


def _status(facts: Facts, absolute_path: str, path: str) -> PathStatus | Failure:
    answer = facts.ask(StatPath(absolute_path))
    if isinstance(answer, Unavailable):
        raise DetectionError(path, answer)
    return answer


def _directory_missing(version_directory: VersionDirectory, answer: PathStatus | Failure) -> FileNotFound:
    """Returns the result for a missing directory. Until v2025.0 a directory that opendir(3) may not open counts as
    missing."""
    denied = isinstance(answer, Failure) and not answer.missing
    cause: Cause
    if denied and isinstance(answer, Failure):
        cause = AccessFails(version_directory.path, answer, "look")
    else:
        cause = VersionDirectoryMissing(version_directory.path, version_directory.names)
    return FileNotFound(
        "PATH_INVALID", cause, (server_log.VERSION_DIRECTORY_MISSING(path=version_directory.path),)
    )


def _no_model_file(version_directory: VersionDirectory, listing: Listing) -> FileNotFound:
    message = (
        server_log.NO_MODEL_FILE
        if version_directory.release.names_missing_file_new
        else server_log.NO_MODEL_FILE_OLD
    )
    line = message(
        model=version_directory.model, version=version_directory.version, path=version_directory.path
    )
    return FileNotFound("FILE_INVALID", NoModelFile(version_directory.path, listing), (line,))


def _thrown_exception(call: str, path: str, failure: Failure) -> ThrownException:
    return ThrownException(filesystem_error(call, failure, path), AccessFails(path, failure, "look"))


def _search(
    version_directory: VersionDirectory, listing: Listing, facts: Facts, questions_of_file: QuestionsOfFile
) -> Discovery:
    """Returns the files of the first format whose suffixes all match a file; for each suffix the first match in the
    file system's order. Later formats are not tried, even if reading then fails."""
    _request_in_advance(version_directory, listing, facts, questions_of_file)
    for format_, suffixes in formats(version_directory.release):
        matches = []
        for suffix in suffixes:
            match = _first_match(version_directory, listing, suffix, facts)
            if isinstance(match, ThrownException):
                return match
            matches.append(match)
        if all(match is not None for match in matches):
            return _found(version_directory, listing, format_, suffixes, [match or "" for match in matches])
    return _no_model_file(version_directory, listing)


def _request_in_advance(
    version_directory: VersionDirectory, listing: Listing, facts: Facts, questions_of_file: QuestionsOfFile
) -> None:
    """Requests together the facts that the search, and then the loading, will need."""
    if facts.complete or facts.get(StatPath(f"{version_directory.absolute_path}/{MAPPING}")) is not None:
        return
    likely = [
        entry.name
        for index, entry in enumerate(listing.entries)
        if index == 0 or entry.name.lower().endswith(_LIKELY)
    ]
    names = [*likely[:_MOST_AHEAD], MAPPING]
    facts.need(
        [
            *(StatPath(f"{version_directory.absolute_path}/{name}") for name in names),
            *_of_likely_file(version_directory, listing, questions_of_file),
        ]
    )


def _of_likely_file(
    version_directory: VersionDirectory, listing: Listing, questions_of_file: QuestionsOfFile
) -> Iterable[AnyQuestion]:
    """Returns the questions about the model's file, if the list alone shows which one it is: all its entries are
    regular files."""
    if any(entry.kind != "regular" for entry in listing.entries):
        return ()
    for format_, suffixes in formats(version_directory.release):
        matches = [
            next((entry.name for entry in listing.entries if entry.name.lower().endswith(suffix)), None)
            for suffix in suffixes
        ]
        if all(matches):
            found = _found(version_directory, listing, format_, suffixes, [match or "" for match in matches])
            questions = tuple(questions_of_file(found))
            names = {entry.name for entry in listing.entries}
            # If the file is missing, a directory or a link, the search has to be followed first.
            paths = [one.path for one in questions if isinstance(one, ReadFile)]
            known = all(
                path.rpartition("/")[0] == version_directory.absolute_path
                and path.rpartition("/")[2] in names
                for path in paths
            )
            return questions if known else ()
    return ()


def _first_match(
    version_directory: VersionDirectory, listing: Listing, suffix: str, facts: Facts
) -> str | ThrownException | None:
    """Applies ``FileSystem::findFilePathWithExtension``: it calls stat(2) for every entry before the match."""
    if not version_directory.release.uses_std_filesystem:
        for entry in listing.entries:
            if entry.name.lower().endswith(suffix):
                return entry.name
        return None
    for index, entry in enumerate(listing.entries):
        # stat(2) of an entry of a known kind can only fail if the directory may not be searched; then the first one
        # fails, and the others need no question.
        if index == 0 or entry.kind in ("link", "unknown"):
            status = _status(
                facts, f"{version_directory.absolute_path}/{entry.name}", version_directory.below(entry.name)
            )
            if isinstance(status, Failure):
                if not status.missing:
                    return _thrown_exception("status", version_directory.below(entry.name), status)
            elif status.kind == "directory":
                continue
        elif entry.kind == "directory":
            continue
        if entry.name.lower().endswith(suffix):
            return entry.name
    return None


def _found(
    version_directory: VersionDirectory,
    listing: Listing,
    format_: ModelFormat,
    suffixes: tuple[str, ...],
    names: list[str],
) -> FoundFile:
    path = version_directory.below(names[0])
    others = tuple(
        entry.name
        for entry in listing.entries
        if _may_match(entry, suffixes[0], version_directory.release) and entry.name != names[0]
    )
    if (
        format_ == "frozen"
        and version_directory.release.reads_saved_model
        and path.lower().endswith(_SAVED_MODEL)
    ):
        # The path is cut at the first position where it contains this name in lower case.
        cut = path.find(_SAVED_MODEL)
        if cut != -1:
            return FoundFile(path[:cut], "saved_model", others)
    return FoundFile(path, format_, others)


def _may_match(entry: Entry, suffix: str, release: Release) -> bool:
    if entry.kind == "directory" and release.uses_std_filesystem:
        return False
    return entry.name.lower().endswith(suffix)


def find_single_file(version_directory: VersionDirectory, facts: Facts) -> Discovery:
    """Returns the result for a model path that names a file (v2026.3): the second file of a pair must be a regular file
    too."""
    path = version_directory.path
    suffix = suffix_of(path)
    directory, _, name = path.rpartition("/")
    stem = name[: len(name) - len(suffix)]

    def missing(needed_suffix: str) -> bool:
        answer = facts.ask(
            StatPath(f"{version_directory.absolute_path.rpartition('/')[0]}/{stem}{needed_suffix}")
        )
        if isinstance(answer, Unavailable):
            raise DetectionError(f"{directory}/{stem}{needed_suffix}", answer)
        return isinstance(answer, Failure) or answer.kind != "regular"

    if suffix == ".xml":
        if missing(".bin"):
            return _pair_missing(path, f"{directory}/{stem}.bin", server_log.MISSING_BIN(path=path))
        return FoundFile(path, "ir")
    if suffix in (".pdmodel", ".pdiparams"):
        for needed_suffix in (".pdmodel", ".pdiparams"):
            if missing(needed_suffix):
                return _pair_missing(
                    path, f"{directory}/{stem}{needed_suffix}", server_log.MISSING_PADDLE(path=path)
                )
        return FoundFile(f"{directory}/{stem}.pdmodel", "paddle")
    if suffix == ".pb":
        if name == _SAVED_MODEL:
            return FoundFile(f"{directory}/", "saved_model")
        return FoundFile(path, "frozen")
    return FoundFile(path, "onnx" if suffix == ".onnx" else "tflite")


def _pair_missing(path: str, needed_suffix: str, line: str) -> FileNotFound:
    return FileNotFound("FILE_INVALID", PairMissing(path, needed_suffix), (line,))


@lru_cache(maxsize=64)
def weights_of(path: str) -> str:
    """Returns the path of the weights that OpenVINO opens: same directory, same stem, lower-case suffix; for a link,
    the link's own name counts (measured on OpenVINO 2026.4.1)."""
    head, _, name = path.rpartition("/")
    stem = os.path.splitext(name)[0] if not name.startswith(".") or name.count(".") > 1 else name
    return f"{head}/{stem}.bin"
