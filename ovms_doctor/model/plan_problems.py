"""Reasons why the server does not serve its deployment, as data: reasons to end, and left out parts."""

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
        "root_refused",
        "mountpoint_refused",
        "pull",
        "directive",
    ]
    #: The status code.
    status: str
    #: The exit code; None if the process is never started.
    exit_code: int | None
    #: The lines in the server's log or on its standard error.
    log: tuple[str, ...]
    #: The file of the problem, as the server writes it.
    path: str | None = None
    #: The quoted text in the server's message.
    text: str = ""
    #: How the system call fails.
    failure: Failure | None = None
    #: The argument that causes it.
    option: str | None = None
    #: The index of the character at which the server stops reading the configuration file.
    at: int | None = None
    #: The JSON pointer of the server's message.
    pointer: str | None = None
    #: The violated rule of the schema.
    keyword: str = ""
    #: The probably intended text.
    suggestion: str | None = None
    #: The port that cannot be opened.
    port: int | None = None
    #: A sentence on the behaviour of other releases.
    hint: str = ""
    #: The remedy, as a sentence.
    remedy: str = ""
    #: Whether the server's own code does not check it, so that the result is undefined.
    undefined: bool = False
    #: A key that the schema requires.
    missing: str = ""
    #: The pointer of a key in its position, or of a superfluous one.
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
            "root_refused",
            "mountpoint_refused",
        )


class ExtensionPlan(Struct, frozen=True):
    """What the server does with the CPU extension at start-up, before it reads any model.

    * ``path``: the path in the server's arguments.
    * ``absolute_path``: the same as an absolute server path.
    * ``problem``: the fault, empty for none.
    * ``ends``: whether the process ends because of it.
    * ``exit_code``: the exit code of that end, None if it is unknown.
    * ``hangs``: whether start-up waits for it without end.
    * ``loaded``: whether OpenVINO loaded it here.
    * ``untried``: why that was not tried or proves nothing.
    * ``timed_out``: whether the deadline for it passed.
    * ``expected``: the OpenVINO library of the release.
    * ``missing``: libraries that it needs and not every image has.
    * ``kind``: the kind of file, if it is not a regular one.
    * ``failure``: the system call that fails on it.
    * ``inspection``: the content of its bytes.
    * ``report``: OpenVINO's result for it.
    """

    path: str
    absolute_path: str
    problem: Literal[
        "",
        "missing",
        "unreachable",
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
        """Whether its bytes could not be read, or its load did not end, so that the result is unknown."""
        return bool(self.untried) and (
            self.inspection is None or bool(self.inspection.fault) or self.timed_out
        )


class OutsideMounts(Struct, frozen=True):
    """A path that does not exist for the server: it is under no mount and not in the image."""

    #: The path in the server's settings.
    path: str
    #: Whether the path exists on this host.
    on_this_host: bool
    #: Whether no image of OVMS has it.
    certain: bool


class OutsideFile(Struct, frozen=True):
    """A file that the server needs and does not have: its path, or the target of a link to it, is under no mount."""

    #: The path of the link, or of the file if no link leads to it; absolute.
    path: str
    #: The path to which it leads, under no mount; the same as ``path`` for a file that is named itself.
    target: str
    #: The use of the file: ``model``: served with it; ``mapping``: a mapping_config.json, which is left out then;
    #: ``key``: credentials or a key.
    use: Literal["model", "mapping", "key"]
    #: The option, variable or key that names it; empty for a model's own file.
    named_by: str = ""
    #: The model, if the file belongs to one.
    model: str | None = None
    #: Its path on this host; None if this host has no such file either.
    host: str | None = None
    #: Whether no image of OVMS has it.
    certain: bool = True


class ServableBelow(Struct, frozen=True):
    """A directory below a base path that can be served, while the base path itself cannot."""

    #: Its path for the server's arguments.
    path: str
    #: ``graph``: with a graph.pbtxt; ``generative``: a generative model without one; ``model``: with versions.
    kind: Literal["graph", "generative", "model"]


class GraphFault(Struct, frozen=True):
    """Why the graph of a graph.pbtxt is not loaded."""

    #: Its path, as the server writes it.
    path: str
    #: The fault.
    reason: Literal["missing", "denied", "empty", "directory"]
    #: Its status code.
    status: str
    #: The lines that the server logs.
    log: tuple[str, ...]
    #: How the system call fails.
    failure: Failure | None = None
    #: The servables below the base path, if graph.pbtxt is missing.
    below: tuple[ServableBelow, ...] = ()


class SkippedEntry(Struct, frozen=True):
    """An entry of a list that is not loaded; nothing is registered under its name."""

    #: The entry.
    entry: ModelEntry
    #: ``refused``: only this entry, a parameter is wrong; ``aborts``: at it the server gives up the list;
    #: ``after_abort``: it follows such an entry; of a graph: ``occupied``, a model has its name; ``duplicate``,
    #: another graph has it.
    reason: Literal["refused", "aborts", "after_abort", "occupied", "duplicate"]
    #: The status code.
    status: str = "OK"
    #: The lines that the server logs.
    log: tuple[str, ...] = ()
    #: The wrong parameter.
    parameter: str = ""
    #: The subconfig file of a graph that lists the entry; empty for the configuration.
    file: str = ""
    #: The JSON pointer of the entry in that file; empty for the configuration.
    pointer: str = ""


class LibraryFault(Struct, frozen=True):
    """A library that the server cannot open: of a custom loader or of custom nodes."""

    #: The kind of the library.
    kind: Literal["loader", "nodes"]
    #: The library's name in the configuration.
    name: str
    #: Its path, as the server writes it.
    path: str
    #: The JSON pointer of its entry.
    pointer: str
    #: The lines that the server logs.
    log: tuple[str, ...]
    #: The fault.
    reason: Literal["missing", "denied", "escapes", "relative", "not_a_library"]
    #: How the system call fails.
    failure: Failure | None = None


class ConfigNote(Struct, frozen=True):
    """A setting that the server accepts with another meaning than it seems to have."""

    #: ``policy``: a version policy that the server does not understand, so that latest 1 applies; ``policy_item``:
    #: one of its items is not a valid number; ``nul``: a text that ends for the server at its NUL character; the
    #: others name the doubled, ignored or missing part. ``subconfig_not_json``: a graph's subconfig file is not JSON;
    #: ``subconfig_skipped``: one is not read, since that of an earlier graph lists no models.
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
    #: Its subject.
    text: str
    #: Its model.
    model: str | None = None
    #: The lines that the server logs.
    log: tuple[str, ...] = ()
    #: The faulty file, or the message of a parser.
    other: str = ""
    #: For a key next to ``config``: whether the release's schema accepts it in the entry, with its value.
    movable: bool = False
