"""Reasons why the server does not serve its deployment, as data: reasons to end, and what it leaves out."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ovms_doctor.model.deployment import ModelEntry
from ovms_doctor.model.facts import Failure, LibraryInspection, LoadReport


class StartProblem(Struct, frozen=True):
    """Why the process ends before, or instead of, serving."""

    #: The stage at which it ends.
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
        "log_file",
        "port_in_use",
        "port_not_permitted",
        "address_not_local",
        "address_is_name",
        "published_port",
        "published_address",
        "bind_source_missing",
        "device_missing",
        "volume_key_missing",
        "pull",
        "directive",
    ]
    #: The status code.
    status: str
    #: The exit code; None where the process is never started.
    exit_code: int | None
    #: The lines in the server's log or on its standard error.
    log: tuple[str, ...]
    #: The file that it is about, as the server writes it.
    path: str | None = None
    #: What the server's message quotes.
    text: str = ""
    #: How the system call fails.
    failure: Failure | None = None
    #: The argument to blame.
    option: str | None = None
    #: The index of the character at which reading the configuration file stops.
    at: int | None = None
    #: The JSON pointer of the server's message.
    pointer: str | None = None
    #: The rule of the schema that is broken.
    keyword: str = ""
    #: What was probably meant.
    suggestion: str | None = None
    #: The port that cannot be opened.
    port: int | None = None
    #: A sentence on what other releases make of it.
    hint: str = ""
    #: What to do, as a sentence.
    remedy: str = ""
    #: The server's own code does not check: what it does is left to chance.
    undefined: bool = False
    #: A key that the schema requires.
    missing: str = ""
    #: The pointer of a key that has its place, or of one too many.
    sibling: str | None = None

    @property
    def of_engine(self) -> bool:
        """Whether the engine does not start the container, so that no process of the server runs."""
        return self.kind in (
            "published_port",
            "published_address",
            "bind_source_missing",
            "device_missing",
            "volume_key_missing",
        )


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
        """Returns whether its bytes could not be read, or its load did not end, so that the result is not known."""
        return bool(self.untried) and (
            self.inspection is None or bool(self.inspection.fault) or self.timed_out
        )


class OutsideMounts(Struct, frozen=True):
    """A path that does not exist for the server: it is under no mount and not in the image."""

    #: The path, as the server is given it.
    path: str
    #: Whether this host has something there.
    here: bool
    #: Whether no image of OVMS has it.
    sure: bool


class OutsideFile(Struct, frozen=True):
    """A file that the server needs and does not have: its path, or the target of a link to it, is under no mount."""

    #: The path of the link, or of the file where no link leads to it; absolute.
    path: str
    #: The path to which it leads, under no mount; the same as ``path`` for a file that is named itself.
    target: str
    #: What the file is for: ``model``: served with it; ``mapping``: a mapping_config.json, which is left out then;
    #: ``key``: credentials or a key.
    use: Literal["model", "mapping", "key"]
    #: The option, variable or key that names it; empty for a model's own file.
    named_by: str = ""
    #: The model, where it is one's.
    model: str | None = None
    #: Its path on this host; None where this host has no such file either.
    host: str | None = None
    #: Whether no image of OVMS has it.
    sure: bool = True


class ServableBelow(Struct, frozen=True):
    """A directory below a base path that can be served, where the base path itself cannot."""

    #: Its path, as the server would be given it.
    path: str
    #: ``graph``: with a graph.pbtxt; ``generative``: a generative model without one; ``model``: with versions.
    kind: Literal["graph", "generative", "model"]


class GraphFault(Struct, frozen=True):
    """Why the graph of a graph.pbtxt is not loaded."""

    #: Its path, as the server writes it.
    path: str
    #: What is wrong.
    reason: Literal["missing", "denied", "empty", "directory"]
    #: The status code that it ends with.
    status: str
    #: The lines that the server logs.
    log: tuple[str, ...]
    #: How the system call fails.
    failure: Failure | None = None
    #: What can be served below the base path, where graph.pbtxt is missing.
    below: tuple[ServableBelow, ...] = ()


class SkippedEntry(Struct, frozen=True):
    """An entry of a list that is not loaded, and nothing is registered under its name."""

    #: The entry.
    entry: ModelEntry
    #: ``refused``: it alone, a parameter is wrong; ``aborts``: with it the server gives up the list;
    #: ``after_abort``: it comes after such an entry; of a graph: ``occupied``, a model has its name;
    #: ``duplicate``, another graph has it.
    reason: Literal["refused", "aborts", "after_abort", "occupied", "duplicate"]
    #: The status code.
    status: str = "OK"
    #: The lines that the server logs.
    log: tuple[str, ...] = ()
    #: The parameter that is wrong.
    parameter: str = ""


class LibraryFault(Struct, frozen=True):
    """A library that the server cannot open: of a custom loader or of custom nodes."""

    #: Which of them.
    kind: Literal["loader", "nodes"]
    #: The library's name in the configuration.
    name: str
    #: Its path, as the server writes it.
    path: str
    #: The JSON pointer of its entry.
    pointer: str
    #: The lines that the server logs.
    log: tuple[str, ...]
    #: What is wrong.
    reason: Literal["missing", "denied", "escapes", "relative", "not_a_library"]
    #: How the system call fails.
    failure: Failure | None = None


class ConfigNote(Struct, frozen=True):
    """Something configured that the server accepts, with another meaning than it seems."""

    #: ``policy``: a version policy that it does not understand, so that latest 1 holds; ``policy_item``: one of its
    #: items is not a valid number; ``nul``: a text that ends for the server at its NUL character; the others name
    #: what is doubled, ignored or missing.
    #: ``subconfig_not_json``: a graph's subconfig file is no JSON; ``subconfig_skipped``: one is not read, since that
    #: of a graph before it lists no models.
    kind: Literal[
        "doubled_key",
        "ignored_key",
        "no_base_path",
        "graph_keys",
        "policy",
        "policy_item",
        "nul",
        "subconfig_not_json",
        "subconfig_skipped",
    ]
    #: Its JSON pointer; empty for the command line.
    pointer: str
    #: What it is about.
    text: str
    #: The model that it is about.
    model: str | None = None
    #: The lines that the server logs.
    log: tuple[str, ...] = ()
    #: The file at fault, or the message of a parser.
    other: str = ""
    #: For a key next to ``config``: whether the release's schema accepts it there, with its value.
    movable: bool = False
