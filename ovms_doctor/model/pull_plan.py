"""The plan for pulling a model, or for changing a configuration."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts import Writability

#: The mode of the server (server_settings.hpp OvmsServerMode).
StartMode: TypeAlias = Literal[
    "serve", "in_memory", "pull", "pull_and_start", "configure", "list_models", "modify_config"
]
#: The fault of a pull.
#: - ``escapes``: the path of the directory contains “..”.
#: - ``denied``, ``read_only``: the model's directory, or graph.pbtxt in it, cannot be written.
#: - ``not_directory``: the path of the directory is not a directory.
#: - ``unfinished``: an earlier pull did not finish, and the files are used as they are.
#: - ``resumed``: the same, and the download continues.
#: - ``rewritten``: graph.pbtxt was not written by the server, and is replaced.
#: - ``no_organisation``: the name on Hugging Face has no organisation.
#: - ``endpoint``: HF_ENDPOINT is not an address.
#: - ``timeout``: a time limit is not a number.
#: - ``token_unread``, ``cache_unread``: variables that only other clients of Hugging Face read.
#: - ``no_optimum``: the image has no optimum-cli.
#: - ``not_converted``: the files of another organisation are cloned as they are.
#: - ``space``: the file system is smaller than the model.
#: - ``listed``: the configuration has a model of the name.
PullFaultKind: TypeAlias = Literal[
    "escapes",
    "denied",
    "read_only",
    "not_directory",
    "unfinished",
    "resumed",
    "rewritten",
    "no_organisation",
    "endpoint",
    "timeout",
    "token_unread",
    "cache_unread",
    "no_optimum",
    "not_converted",
    "space",
    "listed",
]

#: How a model is fetched: by ``git clone``, by optimum-cli, or one GGUF file by its address.
Method: TypeAlias = Literal["clone", "optimum", "gguf"]
#: Whether the model's directory already exists: ``kept`` as it is, ``resumed`` or ``replaced``.
Existing: TypeAlias = Literal["absent", "kept", "resumed", "replaced"]


class PullFault(Struct, frozen=True):
    """One fault of a pull."""

    #: The kind of the fault.
    kind: PullFaultKind
    #: Whether the process ends because of it.
    ends: bool = False
    #: The file or directory, as the server writes it; empty for a setting.
    path: str = ""
    #: The faulty variable or file's name.
    subject: str = ""
    #: The status code.
    status: str = ""
    #: The lines that the server logs.
    log: tuple[str, ...] = ()
    #: The known rights at ``path``.
    rights: Writability | None = None
    #: The least needed bytes of ``space``.
    needed: int = 0
    #: Whether the release certainly does so.
    certain: bool = True


class PullPlan(Struct, frozen=True):
    """A model that the server fetches before it serves it, or instead of serving."""

    #: The mode of the server.
    mode: StartMode
    #: The model's name on Hugging Face, ``ORG/MODEL``; empty if nothing is pulled.
    source: str = ""
    #: The directory into which it is pulled, as the server writes it; in other modes the written file.
    directory: str = ""
    #: How it is fetched; None if nothing is.
    method: Method | None = None
    #: The effect on its directory.
    existing: Existing = "absent"
    #: The model's task; empty if the server infers it from the download.
    task: str = ""
    #: The faults, in the server's order.
    faults: tuple[PullFault, ...] = ()

    @property
    def downloads(self) -> bool:
        """Whether anything is fetched from Hugging Face."""
        return bool(self.source) and self.existing != "kept"

    @property
    def ends(self) -> PullFault | None:
        """Returns the first fault with which the process ends; None if there is none."""
        return next((fault for fault in self.faults if fault.ends), None)
