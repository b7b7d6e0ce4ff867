"""Which file of a version directory the server hands to OpenVINO (modelinstance.cpp fetchModelFilepaths)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
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

#: The file beside a model that gives its tensors other names.
MAPPING = "mapping_config.json"
_SAVED_MODEL = "saved_model.pb"
#: What is likely to be looked at, in any release; and how much of it in a directory that holds many.
_LIKELY = (".xml", ".bin", ".onnx", ".pb", ".tflite", ".pdmodel", ".pdiparams")
_MOST_AHEAD = 8


class FoundFile(Struct, frozen=True):
    """The path given to ``read_model`` as the server writes it, its format, and the other files that
    match the same suffix (the file system's order decided between them)."""

    path: str
    format: ModelFormat
    others: tuple[str, ...] = ()


class FileNotFound(Struct, frozen=True):
    """The load fails with this status after these messages."""

    status: str
    cause: Cause
    log: tuple[str, ...]


class ThrownException(Struct, frozen=True):
    """``std::filesystem`` throws; nobody on the way catches it but the model manager."""

    what: str
    cause: AccessFails
    log: tuple[str, ...] = field(default=())


Discovery = FoundFile | FileNotFound | ThrownException
QuestionsOfFile: TypeAlias = Callable[[FoundFile], Iterable[AnyQuestion]]


class VersionDirectory(Struct, frozen=True):
    """Where a version lies: ``path`` as the server writes it, ``absolute_path`` the same made absolute."""

    model: str
    version: int
    path: str
    absolute_path: str
    names: tuple[str, ...]
    release: Release

    def below(self, name: str) -> str:
        return f"{self.path}/{name}"


def formats(release: Release) -> tuple[tuple[ModelFormat, tuple[str, ...]], ...]:
    """Format and the suffixes that must all be there, in the order tried (modelextensions.cpp)."""
    known: list[tuple[ModelFormat, tuple[str, ...]]] = [("ir", (".xml", ".bin")), ("onnx", (".onnx",))]
    if release.reads_paddle:
        known.append(("paddle", (".pdmodel", ".pdiparams")))
    if release.reads_tensorflow:
        known.append(("frozen", (".pb",)))
    if release.reads_tflite:
        known.append(("tflite", (".tflite",)))
    return tuple(known)


def find_model_file(place: VersionDirectory, facts: Facts, ahead: QuestionsOfFile) -> Discovery:
    """The file that the server picks, or how the search ends. ``ahead``: what is asked of the file once it is found.
    Raises FactsMissingError, DetectionError."""
    release = place.release
    if escapes(place.path, release):
        return FileNotFound(
            "PATH_INVALID",
            VersionDirectoryMissing(place.path, place.names),
            (
                server_log.PATH_ESCAPES(path=place.path),
                server_log.VERSION_DIRECTORY_MISSING(path=place.path),
            ),
        )
    # Both at once: nearly always it is a directory, and each turn of questions costs a plan of its own.
    facts.need([StatPath(place.absolute_path), ListDirectory(place.absolute_path)])
    status = _look(facts, place.absolute_path, place.path)
    if isinstance(status, Failure) and not status.missing and release.uses_std_filesystem:
        return _threw("status", place.path, status)
    if isinstance(status, PathStatus) and status.kind == "regular" and release.serves_single_file:
        return _no_model_file(place, Listing(()))
    if isinstance(status, Failure) or status.kind != "directory":
        return _directory_missing(place, status)
    listing = facts.ask(ListDirectory(place.absolute_path))
    if isinstance(listing, Unavailable):
        raise DetectionError(place.path, listing)
    if isinstance(listing, Failure):
        if release.uses_std_filesystem:
            return _threw("directory iterator cannot open directory", place.path, listing)
        return _directory_missing(place, listing)
    return _search(place, listing, facts, ahead)


def _look(facts: Facts, absolute_path: str, path: str) -> PathStatus | Failure:
    answer = facts.ask(StatPath(absolute_path))
    if isinstance(answer, Unavailable):
        raise DetectionError(path, answer)
    return answer


def _directory_missing(place: VersionDirectory, answer: PathStatus | Failure) -> FileNotFound:
    """Until v2025.0 a directory that opendir(3) may not open is "missing" as well."""
    denied = isinstance(answer, Failure) and not answer.missing
    cause: Cause
    if denied and isinstance(answer, Failure):
        cause = AccessFails(place.path, answer, "look")
    else:
        cause = VersionDirectoryMissing(place.path, place.names)
    return FileNotFound("PATH_INVALID", cause, (server_log.VERSION_DIRECTORY_MISSING(path=place.path),))


def _no_model_file(place: VersionDirectory, listing: Listing) -> FileNotFound:
    message = (
        server_log.NO_MODEL_FILE if place.release.names_missing_file_new else server_log.NO_MODEL_FILE_OLD
    )
    line = message(model=place.model, version=place.version, path=place.path)
    return FileNotFound("FILE_INVALID", NoModelFile(place.path, listing), (line,))


def _threw(call: str, path: str, failure: Failure) -> ThrownException:
    return ThrownException(filesystem_error(call, failure, path), AccessFails(path, failure, "look"))


def _search(place: VersionDirectory, listing: Listing, facts: Facts, ahead: QuestionsOfFile) -> Discovery:
    """First format whose suffixes all match something; of each suffix the first match in the file system's
    order. Later formats are not looked at, even if reading then fails."""
    _ask_ahead(place, listing, facts, ahead)
    for format_, suffixes in formats(place.release):
        matches = []
        for suffix in suffixes:
            match = _first_match(place, listing, suffix, facts)
            if isinstance(match, ThrownException):
                return match
            matches.append(match)
        if all(match is not None for match in matches):
            return _found(place, listing, format_, suffixes, [match or "" for match in matches])
    return _no_model_file(place, listing)


def _ask_ahead(place: VersionDirectory, listing: Listing, facts: Facts, ahead: QuestionsOfFile) -> None:
    """What the search, and after it the loading, will look at: one turn of questions for all of it."""
    if facts.complete:
        return
    likely = [
        entry.name
        for index, entry in enumerate(listing.entries)
        if index == 0 or entry.name.lower().endswith(_LIKELY)
    ]
    names = [*likely[:_MOST_AHEAD], MAPPING]
    facts.need(
        [
            *(StatPath(f"{place.absolute_path}/{name}") for name in names),
            *_of_likely_file(place, listing, ahead),
        ]
    )


def _of_likely_file(
    place: VersionDirectory, listing: Listing, ahead: QuestionsOfFile
) -> Iterable[AnyQuestion]:
    """What is asked of the model's file, where the list alone shows which one it is: it holds regular files only."""
    if any(entry.kind != "regular" for entry in listing.entries):
        return ()
    for format_, suffixes in formats(place.release):
        matches = [
            next((entry.name for entry in listing.entries if entry.name.lower().endswith(suffix)), None)
            for suffix in suffixes
        ]
        if all(matches):
            found = _found(place, listing, format_, suffixes, [match or "" for match in matches])
            questions = tuple(ahead(found))
            names = {entry.name for entry in listing.entries}
            # Of a file that is not there, a directory's or a link's, the search has to be followed first.
            paths = [one.path for one in questions if isinstance(one, ReadFile)]
            known = all(
                path.rpartition("/")[0] == place.absolute_path and path.rpartition("/")[2] in names
                for path in paths
            )
            return questions if known else ()
    return ()


def _first_match(
    place: VersionDirectory, listing: Listing, suffix: str, facts: Facts
) -> str | ThrownException | None:
    """``FileSystem::findFilePathWithExtension``: every entry on the way is looked at with stat(2)."""
    if not place.release.uses_std_filesystem:
        for entry in listing.entries:
            if entry.name.lower().endswith(suffix):
                return entry.name
        return None
    for index, entry in enumerate(listing.entries):
        # An entry of a known kind can only fail because the directory may not be searched, and then the
        # first one does: the others need no look of their own.
        if index == 0 or entry.kind in ("link", "unknown"):
            status = _look(facts, f"{place.absolute_path}/{entry.name}", place.below(entry.name))
            if isinstance(status, Failure):
                if not status.missing:
                    return _threw("status", place.below(entry.name), status)
            elif status.kind == "directory":
                continue
        elif entry.kind == "directory":
            continue
        if entry.name.lower().endswith(suffix):
            return entry.name
    return None


def _found(
    place: VersionDirectory,
    listing: Listing,
    format_: ModelFormat,
    suffixes: tuple[str, ...],
    names: list[str],
) -> FoundFile:
    path = place.below(names[0])
    others = tuple(
        entry.name
        for entry in listing.entries
        if _may_match(entry, suffixes[0], place.release) and entry.name != names[0]
    )
    if format_ == "frozen" and place.release.reads_saved_model and path.lower().endswith(_SAVED_MODEL):
        # The path is cut at the first place, anywhere in it, where this name stands in lower case.
        cut = path.find(_SAVED_MODEL)
        if cut != -1:
            return FoundFile(path[:cut], "saved_model", others)
    return FoundFile(path, format_, others)


def _may_match(entry: Entry, suffix: str, release: Release) -> bool:
    if entry.kind == "directory" and release.uses_std_filesystem:
        return False
    return entry.name.lower().endswith(suffix)


def find_single_file(place: VersionDirectory, facts: Facts) -> Discovery:
    """A model path that names a file (v2026.3): the second file of a pair must be a regular file too."""
    path = place.path
    suffix = suffix_of(path)
    directory, _, name = path.rpartition("/")
    stem = name[: len(name) - len(suffix)]

    def missing(wanted: str) -> bool:
        answer = facts.ask(StatPath(f"{place.absolute_path.rpartition('/')[0]}/{stem}{wanted}"))
        if isinstance(answer, Unavailable):
            raise DetectionError(f"{directory}/{stem}{wanted}", answer)
        return isinstance(answer, Failure) or answer.kind != "regular"

    if suffix == ".xml":
        if missing(".bin"):
            return _pair_missing(path, f"{directory}/{stem}.bin", server_log.MISSING_BIN(path=path))
        return FoundFile(path, "ir")
    if suffix in (".pdmodel", ".pdiparams"):
        for wanted in (".pdmodel", ".pdiparams"):
            if missing(wanted):
                return _pair_missing(
                    path, f"{directory}/{stem}{wanted}", server_log.MISSING_PADDLE(path=path)
                )
        return FoundFile(f"{directory}/{stem}.pdmodel", "paddle")
    if suffix == ".pb":
        if name == _SAVED_MODEL:
            return FoundFile(f"{directory}/", "saved_model")
        return FoundFile(path, "frozen")
    return FoundFile(path, "onnx" if suffix == ".onnx" else "tflite")


def _pair_missing(path: str, wanted: str, line: str) -> FileNotFound:
    return FileNotFound("FILE_INVALID", PairMissing(path, wanted), (line,))


def weights_of(path: str) -> str:
    """The weights that OpenVINO looks for: same directory, same stem, lower-case suffix; of a link the
    link's own name counts (measured on OpenVINO 2026.4.1)."""
    head, _, name = path.rpartition("/")
    stem = os.path.splitext(name)[0] if not name.startswith(".") or name.count(".") > 1 else name
    return f"{head}/{stem}.bin"
