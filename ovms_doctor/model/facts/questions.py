"""The questions of the rules.

Every path in a question is the *server's* path, except that of StatHost; a collector maps it to this host's.
InspectNetwork is about this host itself. Every question about a path is answered with the rights of the server's
user. Paths are text as ``os.fsdecode`` returns it (bytes that are not UTF-8 become lone surrogates).
"""

from __future__ import annotations

from typing import TypeAlias

from ovms_doctor.model.chat_template import TemplateFile, TemplateName
from ovms_doctor.model.facts.answers import (
    Denials,
    Failure,
    FileContent,
    KeyFileInspection,
    LibraryInspection,
    Listing,
    LoadReport,
    ModelInspection,
    NetworkInspection,
    PathStatus,
    PathTimes,
    TemplateInspection,
    Unavailable,
    Writability,
    WriteProbe,
)
from ovms_doctor.model.facts.preparation import LoadLevel, ModelFormat, Preparation
from ovms_doctor.model.facts.question import Question
from ovms_doctor.model.facts.stores import StoreQuestion


class StatPath(Question[PathStatus | Failure | Unavailable], frozen=True):
    """stat(2) of a path, links followed.

    * ``path``: the server path.
    * ``own``: whether this process's own rights are used, only to resolve a path that the user named.
    """

    path: str
    own: bool = False


class StatHost(Question[PathStatus | Failure | Unavailable], frozen=True):
    """stat(2) of a path of *this host*, links followed, with this process's own rights; mounts are ignored.

    Needed if a server path is under no mount: perhaps the host path with the same name was meant.

    * ``path``: the path of this host.
    """

    path: str


class StatTimes(Question[PathTimes | Failure | Unavailable], frozen=True):
    """The times of stat(2) of a path, links followed: whether it was changed after the server read it.

    * ``path``: the server path.
    """

    path: str


class ListDirectory(Question[Listing | Failure | Unavailable], frozen=True):
    """The entries of a directory, in the file system's order.

    * ``path``: the server path.
    * ``own``: whether this process's own rights are used, only to resolve a path that the user named.
    """

    path: str
    own: bool = False


class ListDenials(Question[Denials | Failure | Unavailable], frozen=True):
    """All rights that a user lacks on the way from a directory to models below it, computed with this process's own
    rights.

    * ``path``: the server path of the directory with the models.
    * ``top``: the server path of the directory from which rights are judged: the same, or one above.
    * ``uid``: the user.
    * ``gid``: its group.
    * ``groups``: its supplementary groups.
    """

    path: str
    top: str
    uid: int
    gid: int
    groups: tuple[int, ...]


class ReadFile(Question[FileContent | Failure | Unavailable], frozen=True):
    """The beginning of a regular file. Only after StatPath reported one: to open anything else may hang.

    * ``path``: the server path.
    * ``limit``: how many bytes are read.
    """

    path: str
    limit: int


class InspectModel(Question[ModelInspection | Failure | Unavailable], frozen=True):
    """The content of a model's bytes, read without OpenVINO.

    * ``path``: the server path that the server passes to ``read_model``: a file, of a SavedModel the directory,
      ending in ``/``.
    * ``format``: the model's format.
    """

    path: str
    format: ModelFormat


class LoadModel(Question[LoadReport | Unavailable], frozen=True):
    """OpenVINO's result for a model, tried in a child process.

    * ``path``: the server path that the server passes to ``read_model``.
    * ``level``: how far the model should be loaded.
    * ``preparation``: the changes to the model before it is compiled, None to leave it unchanged and compile it with
      the server's defaults on CPU.
    * ``extension``: the server path of a CPU extension that is loaded first, which runs its code; None for none.
    * ``tokenizers``: whether the openvino_tokenizers of this program's own environment is loaded first.
    """

    path: str
    level: LoadLevel
    preparation: Preparation | None = None
    extension: str | None = None
    tokenizers: bool = False


class LoadPipeline(Question[LoadReport | Unavailable], frozen=True):
    """OpenVINO GenAI's result for the directory of a generative model (level ``compile``), tried in a child process,
    on the CPU.

    * ``path``: the server path of the directory.
    * ``task``: the task for which the server loads it, as in ``--task``.
    * ``config``: the properties for the compilation, each with its value as JSON.
    """

    path: str
    task: str
    config: tuple[tuple[str, str], ...] = ()


class InspectLibrary(Question[LibraryInspection | Failure | Unavailable], frozen=True):
    """The content of a shared library's bytes; it is not loaded. Only after StatPath reported a regular file.

    * ``path``: the server path.
    """

    path: str


class InspectTemplate(Question[TemplateInspection | Failure | Unavailable], frozen=True):
    """Whether Jinja's parser accepts a chat template. It is only parsed, in a child process; nothing is rendered.

    * ``path``: the server path of the file.
    * ``kind``: the kind of file that has it.
    * ``name``: its name, if the file has several.
    * ``tags``: the further tags that the server's engine knows.
    * ``filters``: the further filters that the server's engine knows.
    """

    path: str
    kind: TemplateFile
    name: TemplateName = "default"
    tags: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


class LoadExtension(Question[LoadReport | Unavailable], frozen=True):
    """OpenVINO's result for a CPU extension (level ``read``), tried in a child process: this runs the library's
    code. Only for a library that the user named, and that was built for exactly the OpenVINO on this host.

    * ``path``: the server path.
    """

    path: str


class InspectKeyFile(Question[KeyFileInspection | Failure | Unavailable], frozen=True):
    """The kind of key in a file, never the key itself. Only after StatPath reported a regular file.

    * ``path``: the server path.
    """

    path: str


class CheckWritable(Question[Writability | Failure | Unavailable], frozen=True):
    """access(2) of a path for writing, and the other facts that decide whether files can be created there; nothing
    is written.

    * ``path``: the server path.
    """

    path: str


class ProbeWrite(Question[WriteProbe | Failure | Unavailable], frozen=True):
    """A file that is created, written and removed in a directory, as the server's user. Only if the user requests
    it: no other question changes anything.

    * ``path``: the server path of the directory.
    """

    path: str


class InspectNetwork(Question[NetworkInspection | Unavailable], frozen=True):
    """The programs that listen on ports of *this host*, and whether it has addresses; with this process's own
    rights. No port is opened: a server that starts at the same moment is not disturbed.

    * ``ports``: the TCP ports.
    * ``addresses``: IP addresses that a server will bind.
    """

    ports: tuple[int, ...]
    addresses: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Returns the subject in the form that progress shows."""
        return "/proc/net"


#: Any question that a facts file can have.
AnyQuestion: TypeAlias = (
    CheckWritable
    | ProbeWrite
    | InspectNetwork
    | StatPath
    | StatHost
    | StatTimes
    | ListDirectory
    | ListDenials
    | ReadFile
    | InspectModel
    | LoadModel
    | LoadPipeline
    | InspectLibrary
    | InspectTemplate
    | LoadExtension
    | InspectKeyFile
    | StoreQuestion
)
