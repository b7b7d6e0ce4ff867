"""Files in a document: the config maps and secrets of a manifest, at the paths where its container mounts them."""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Sequence

from ovms_doctor.model.container import DocumentFile
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Entry,
    Failure,
    FileContent,
    InspectKeyFile,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)


class DocumentFiles:
    """Answers questions about the files of a document, which are on no host."""

    def __init__(self, files: Sequence[DocumentFile]) -> None:
        self._files = {file.server: file for file in files}

    def answer(self, question: AnyQuestion) -> Answer | None:
        """Returns the file at the path of the question; None if the document does not have it."""
        if not isinstance(question, StatPath | ListDirectory | ReadFile | InspectKeyFile):
            return None
        path = posixpath.normpath(question.path)
        file = self._files.get(path)
        if file is None:
            # A directory of the document contains no other files.
            above = self._files.get(posixpath.dirname(path))
            return None if above is None else Failure(errno.ENOENT if above.directory else errno.ENOTDIR)
        if isinstance(question, StatPath):
            return PathStatus("directory" if file.directory else "regular", file.size)
        if isinstance(question, ListDirectory):
            return self._listing(path) if file.directory else Failure(errno.ENOTDIR)
        if file.directory:
            return Failure(errno.EISDIR)
        if file.unavailable:
            return Unavailable(file.unavailable)
        if file.content is None or isinstance(question, InspectKeyFile):
            return Unavailable(f"{path} is a file of a secret, whose content is not kept")
        data = file.content.encode("utf-8", "surrogatepass")
        return FileContent(data[: question.limit], len(data))

    def _listing(self, path: str) -> Listing:
        below = (file for server, file in self._files.items() if posixpath.dirname(server) == path != server)
        return Listing(
            tuple(
                Entry(posixpath.basename(file.server), "directory" if file.directory else "regular")
                for file in below
            )
        )
