"""What keeps the server from doing what it was told: reasons to end, and what it leaves out. Data only.

Read through :mod:`ovms_doctor.serving.model`, as the rest of the Plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ovms_doctor.deployment.model import ModelEntry
from ovms_doctor.facts import Failure


@dataclass(frozen=True, slots=True)
class StartProblem:
    """Why the process ends before, or instead of, serving.

    ``kind`` names the stage; ``log`` the lines in the server's log or on its standard error. ``option``: the
    argument to blame. In a configuration file, ``at`` is the index of the character at which reading it
    stops, ``pointer`` what the server's message points at, ``keyword`` the rule of its schema.
    ``suggestion``: what was probably meant; ``hint``: a sentence on what other releases make of it.
    """

    kind: Literal[
        "usage",
        "model_path_denied",
        "task_not_inferred",
        "policy",
        "config_unreadable",
        "config_not_json",
        "config_schema",
        "help",
        "metrics",
        "parameter",
        "graph_settings",
    ]
    status: str
    exit_code: int
    log: tuple[str, ...]
    path: str | None = None
    text: str = ""
    failure: Failure | None = None
    option: str | None = None
    at: int | None = None
    pointer: str | None = None
    keyword: str = ""
    suggestion: str | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """An entry of a list that is not loaded, and nothing is registered under its name.

    ``refused``: it alone, a parameter is wrong; ``aborts``: with it the server gives up the list;
    ``after_abort``: it stands behind such an entry. Of a graph: ``occupied``, a model has its name;
    ``duplicate``, another graph has it.
    """

    entry: ModelEntry
    reason: Literal["refused", "aborts", "after_abort", "occupied", "duplicate"]
    status: str = "OK"
    log: tuple[str, ...] = ()
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class LibraryFault:
    """A library that the server cannot open: of a custom loader or of custom nodes. ``name`` is the
    library's in the configuration."""

    kind: Literal["loader", "nodes"]
    name: str
    path: str
    pointer: str
    log: tuple[str, ...]
    why: Literal["missing", "denied", "escapes", "relative", "not_a_library"]
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class PipelineFault:
    """A pipeline that is not served, for a reason that the configuration alone shows.

    ``what`` is the model, library or node that the reason is about.
    """

    name: str
    pointer: str
    reason: Literal[
        "duplicate", "occupied", "missing_model", "missing_library", "missing_node", "doubled_node"
    ]
    what: str
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigNote:
    """Something in a configuration that the server takes and that does not mean what it seems to."""

    kind: Literal["doubled_key", "ignored_key", "no_base_path", "graph_keys"]
    pointer: str
    text: str
    model: str | None = None
