"""What keeps the server from doing what it was told: reasons to end, and what it leaves out. Data only.

Read through :mod:`ovms_doctor.model.plan`, as the rest of the Plan.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ovms_doctor.model.deployment import ModelEntry
from ovms_doctor.model.facts import Failure, LibraryInspection, LoadReport


class StartProblem(Struct, frozen=True):
    """Why the process ends before, or instead of, serving.

    ``kind`` names the stage; ``log`` the lines in the server's log or on its standard error. ``option``: the
    argument to blame. In a configuration file, ``at`` is the index of the character at which reading it
    stops, ``pointer`` what the server's message points at, ``keyword`` the rule of its schema.
    ``suggestion``: what was probably meant; ``hint``: a sentence on what other releases make of it; ``remedy``: what
    to do, as a sentence; ``undefined``:
    it is left to chance what the server does, for its own code does not look. ``missing``: a key that the schema
    wants; ``sibling``: the pointer of a key that stands in its place, or of one too many.
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
        "extension",
        "proxy",
        "cache",
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
    remedy: str = ""
    undefined: bool = False
    missing: str = ""
    sibling: str | None = None


class ExtensionPlan(Struct, frozen=True):
    """What the server does with the CPU extension at start-up, before it looks at any model.

    * ``path``: the path as the server was given it.
    * ``absolute_path``: the same as an absolute server path.
    * ``problem``: what is wrong with it, empty for nothing.
    * ``ends``: whether the process ends because of it.
    * ``exit_code``: the exit code of that end, None where it is not known.
    * ``hangs``: whether start-up waits for it for ever.
    * ``loaded``: whether OpenVINO loaded it here.
    * ``untried``: why that was not tried or shows nothing.
    * ``timed_out``: whether the deadline for it passed.
    * ``expected``: the OpenVINO library of the release.
    * ``missing``: what it needs and not every image has.
    * ``kind``: the kind of file, where it is no regular one.
    * ``failure``: the system call that fails on it.
    * ``inspection``: what its bytes hold.
    * ``report``: what OpenVINO did with it.
    """

    path: str
    absolute_path: str
    problem: Literal[
        "",
        "missing",
        "denied",
        "special",
        "not_library",
        "machine",
        "openvino",
        "libraries",
        "entry",
        "refused",
        "crashes",
        "hangs",
    ] = ""
    ends: bool = False
    exit_code: int | None = None
    hangs: bool = False
    loaded: bool = False
    untried: str = ""
    timed_out: bool = False
    expected: str | None = None
    missing: tuple[str, ...] = ()
    kind: str = ""
    failure: Failure | None = None
    inspection: LibraryInspection | None = None
    report: LoadReport | None = None

    @property
    def unavailable(self) -> bool:
        """Whether its bytes could not be looked at, or loading it did not end: more is wanted than was seen."""
        return bool(self.untried) and (
            self.inspection is None or bool(self.inspection.fault) or self.timed_out
        )


class OutsideMounts(Struct, frozen=True):
    """A path that the server does not see, because it is under no mount and not in the image.

    ``here``: this host has something there; ``sure``: no image of OVMS has it.
    """

    path: str
    here: bool
    sure: bool


class GraphFault(Struct, frozen=True):
    """Why the graph of a graph.pbtxt is not loaded. ``path`` as the server writes it."""

    path: str
    reason: Literal["missing", "denied", "empty", "directory"]
    status: str
    log: tuple[str, ...]
    failure: Failure | None = None


class SkippedEntry(Struct, frozen=True):
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


class LibraryFault(Struct, frozen=True):
    """A library that the server cannot open: of a custom loader or of custom nodes. ``name`` is the
    library's in the configuration."""

    kind: Literal["loader", "nodes"]
    name: str
    path: str
    pointer: str
    log: tuple[str, ...]
    reason: Literal["missing", "denied", "escapes", "relative", "not_a_library"]
    failure: Failure | None = None


class ConfigNote(Struct, frozen=True):
    """Something the server was told that it takes, and that does not mean what it seems to.

    ``policy``: a version policy that it does not understand, so that latest 1 holds; ``policy_item``: one of the
    numbers in it is none; ``nul``: a text that ends for the server at its NUL character. ``pointer`` is empty for
    what stands on the command line.
    """

    kind: Literal["doubled_key", "ignored_key", "no_base_path", "graph_keys", "policy", "policy_item", "nul"]
    pointer: str
    text: str
    model: str | None = None
    log: tuple[str, ...] = ()
