"""The files of a version that the server downloads, and the copy to which the rules for local files then apply.

S3: the files of the directory and of the directories right below it; Google: all files below it; for both only the
suffixes of ``FileSystem::acceptedFiles`` (localfilesystem.cpp). All directories are created, including those without a
downloaded file.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field

from ovms_doctor.model.facts import (
    AnyQuestion,
    CopiedFile,
    Entry,
    Facts,
    Failure,
    FileContent,
    InspectCopy,
    InspectModel,
    ListDirectory,
    Listing,
    LoadCopy,
    LoadModel,
    PathStatus,
    ReadFile,
    ReadObject,
    StatPath,
    StoreRefusal,
    Unavailable,
    VersionCopy,
)
from ovms_doctor.model.releases import Release
from ovms_doctor.model.storage_plan import CopyFacts
from ovms_doctor.prediction.paths import escapes
from ovms_doctor.prediction.storage.listing import Page, Store, prefix_of

_MISSING = Failure(errno.ENOENT)
#: The reasons why a tree is not followed.
LEADS_OUT = "a part of a key there is “..”, which leads out of its directory"


def accepted_suffixes(release: Release) -> tuple[str, ...]:
    """Returns ``FileSystem::acceptedFiles`` of the release."""
    always = (".bin", ".onnx", ".xml", "mapping_config.json")
    paddle = (".pdiparams", ".pdmodel") if release.reads_paddle else ()
    frozen = (".pb",) if release.reads_tensorflow else ()
    lite = (".tflite",) if release.reads_tflite else ()
    return (*always, *paddle, *frozen, *lite)


class DownloadError(Exception):
    """The download of a version fails. ``answer``: the answer that stopped it; ``key``: the object. Without an answer,
    ``key`` is the position of a directory without a name, which has two slashes in a row."""

    def __init__(self, key: str, answer: StoreRefusal | Unavailable | None) -> None:
        super().__init__(key)
        self.key = key
        self.answer = answer


class _Found(Struct):
    files: list[tuple[str, int]] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)


def copy_of(store: Store, base_key: str, base_path: str, version: int, release: Release) -> CopyFacts | None:
    """Returns the files of a version that are downloaded; None if there is no directory of that number. Raises
    FactsMissingError, DownloadError."""
    base = store.page(prefix_of(base_key))
    # The server lists it again; if all of it was on the page of the base path, this page shows the same.
    page = store.whole(base, str(version)) if isinstance(base, Page) else base
    if not isinstance(page, Page):
        raise DownloadError(f"{prefix_of(base_key)}{version}/", page)
    path = f"{base_path.rstrip('/')}/{version}"
    if not page.objects:
        # The client for S3 gets the object that has the version's name. It tries to write it to the path of the
        # directory that it created, and ignores the failure: the copy is empty.
        alone = store.access.store == "s3" and isinstance(base, Page) and store.holds(base, str(version))
        return CopyFacts(version, path) if alone else None
    found = _Found()
    _gather(store, page, "", release, found)
    files = tuple(CopiedFile(name, size) for name, size in found.files)
    return CopyFacts(
        version,
        path,
        files,
        tuple(found.left_out),
        tuple(found.archived),
        page.more,
        tuple(found.directories),
    )


def _gather(store: Store, page: Page, above: str, release: Release, found: _Found) -> None:
    by_name = {item.key[len(page.prefix) :]: item for item in page.objects}
    suffixes, names = accepted_suffixes(release), page.names()
    if "" in names and store.access.store == "gcs" and not release.at_least(2024, 5):
        # Its directory without a name is the first of all and exists already: the client stops at this directory, and
        # reports a success (downloadFileFolder in gcsfilesystem.cpp, CreateLocalDir in filesystem.hpp).
        found.left_out += [
            above + item.key[len(page.prefix) :] for item in page.objects if item.key != page.prefix
        ]
        return
    for name in names:
        if escapes(f"/{name}", release):
            # S3's client refuses such a path; Google's leaves its copy.
            raise DownloadError(page.prefix + name, Unavailable(LEADS_OUT))
        directory = store.is_directory(page, name)
        if not isinstance(directory, bool):
            raise DownloadError(page.prefix + name, directory)
        if not directory:
            item = by_name[name]
            if name and item.key.lower().endswith(suffixes):
                found.files.append((above + name, item.size))
                if item.archived:
                    found.archived.append(above + name)
            else:
                found.left_out.append(above + name)
            continue
        if above and store.access.store == "s3":
            # One directory deeper, the client does not follow further directories.
            found.left_out += [item.key[len(page.prefix) - len(above) :] for item in page.below(name).objects]
            continue
        if not name:
            raise DownloadError(page.prefix, None)
        found.directories.append(above + name)
        inner = store.whole(page, name)
        if not isinstance(inner, Page):
            raise DownloadError(page.prefix + name, inner)
        _gather(store, inner, f"{above}{name}/", release, found)


class Copied(Facts):
    """The facts for a server that has downloaded one version: the list of the store answers questions about its copy,
    the store those about the content. The driver answers all other questions.

    Paths of the copy are the store's own, ``s3://bucket/model/1/model.xml``. If a store refuses an object's bytes,
    DownloadError is raised.
    """

    __slots__ = ("_copy", "_directories", "_files", "_root", "_version")

    def __init__(self, facts: Facts, found: CopyFacts, version_copy: VersionCopy) -> None:
        self._answers = facts._answers
        self._absent = facts._absent
        self._results = {}
        self.complete = facts.complete
        self._copy = version_copy
        self._root = found.path
        self._files = {file.name: file.size for file in found.files}
        self._directories = {"", *found.directories}

    def ask(self, question: Any) -> Any:
        """Returns the answer, as Facts.ask. Raises FactsMissingError, DownloadError."""
        name = self._name(question)
        if name is None:
            return super().ask(question)
        if isinstance(question, StatPath):
            return self._status(name)
        if isinstance(question, ListDirectory):
            return self._listing(name)
        if isinstance(question, ReadFile) and not name.endswith("mapping_config.json"):
            # The copy is the server's own: it can read it.
            return FileContent(b"", self._files[name]) if name in self._files else _MISSING
        of_store = self._of_store(question, name)
        answer = super().ask(of_store)
        if isinstance(answer, StoreRefusal):
            key = of_store.key if isinstance(of_store, ReadObject) else self._copy.prefix + name
            raise DownloadError(key, answer)
        return answer

    def need(self, questions: Iterable[AnyQuestion]) -> None:
        super().need(self._left(questions))

    def _left(self, questions: Iterable[AnyQuestion]) -> Iterator[AnyQuestion]:
        for question in questions:
            name = self._name(question)
            if name is None:
                yield question
            elif isinstance(question, InspectModel | LoadModel):
                yield self._of_store(question, name)

    def _name(self, question: Any) -> str | None:
        """Returns the path in the copy to which a question refers, None for another question."""
        if not isinstance(question, StatPath | ListDirectory | ReadFile | InspectModel | LoadModel):
            return None
        path = question.path
        if path == self._root:
            return ""
        return path[len(self._root) + 1 :] if path.startswith(self._root + "/") else None

    def _status(self, name: str) -> PathStatus | Failure:
        if name.rstrip("/") in self._directories:
            return PathStatus("directory", 0)
        return PathStatus("regular", self._files[name]) if name in self._files else _MISSING

    def _listing(self, name: str) -> Listing | Failure:
        above = name.rstrip("/")
        if above not in self._directories:
            return Failure(errno.ENOTDIR) if above in self._files else _MISSING
        cut = len(above) + 1 if above else 0
        inside = f"{above}/" if above else ""
        entries = [
            Entry(item[cut:], kind)  # type: ignore[arg-type]
            for kind, names in (("directory", self._directories), ("regular", self._files))
            for item in names
            if item and item.startswith(inside) and "/" not in item[cut:]
        ]
        return Listing(tuple(sorted(entries, key=lambda entry: entry.name)))

    def _of_store(self, question: Any, name: str) -> ReadObject | InspectCopy | LoadCopy:
        if name.strip("/") in self._directories - {""}:
            # Until 2025.0 the server reads a directory called x.pb as a file; its content is not known in this case.
            raise DownloadError(
                self._copy.prefix + name, Unavailable("a directory has the name of a model's file")
            )
        if isinstance(question, ReadFile):
            return ReadObject(self._copy.access, self._copy.prefix + name, question.limit)
        if isinstance(question, InspectModel):
            return InspectCopy(self._copy, name, question.format)
        return LoadCopy(self._copy, name, question.level, question.preparation, question.extension)
