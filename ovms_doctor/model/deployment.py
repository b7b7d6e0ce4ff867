"""The Deployment: everything that the server was told, wherever that was read from."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from ovms_doctor.model.container import Container
from ovms_doctor.model.environment import Variable
from ovms_doctor.model.releases import Release

Mode: TypeAlias = Literal["single", "config"]
TargetKind: TypeAlias = Literal["repository", "model", "file", "config"]

#: The image's user (Dockerfile.ubuntu, Dockerfile.redhat): uid and gid 5000, groups video and its twin.
IMAGE_UID = 5000
IMAGE_GROUPS = (39, 44)


class User(Struct, frozen=True):
    """Who the server runs as, with exactly these supplementary groups."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


IMAGE_USER = User(IMAGE_UID, IMAGE_UID, IMAGE_GROUPS)


class Mount(Struct, frozen=True):
    """A directory or file of this host, and where the server sees it. Both absolute."""

    host: str
    server: str
    read_only: bool = False


class UnsupportedInput(Struct, frozen=True):
    """A place of the server's, with all below it, whose content cannot be looked at from here; ``reason`` is one
    sentence for a person."""

    server: str
    reason: str


class SourceUnavailable(Struct, frozen=True):
    """What the server was told cannot be known: ``source`` is what was to tell it."""

    source: str
    reason: str
    timed_out: bool = False


class VersionPolicy(Struct, frozen=True):
    """Which of the detected versions are asked for. ``count`` for latest, ``versions`` for specific."""

    kind: Literal["all", "latest", "specific"]
    count: int = 1
    versions: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The policy as it stands in config.json."""
        if self.kind == "all":
            return {"all": {}}
        if self.kind == "latest":
            return {"latest": {"num_versions": self.count}}
        return {"specific": {"versions": list(self.versions)}}

    def __str__(self) -> str:
        return json.dumps(self.as_json())


DEFAULT_POLICY = VersionPolicy("latest", 1)


class ModelParameters(Struct, frozen=True):
    """The model parameters beside name, path and policy, as they were given: name → JSON text, in the order
    given. On the command line every value is a string; in config.json what the file holds."""

    values: tuple[tuple[str, str], ...] = ()
    source: Literal["arguments", "config"] = "config"

    def get(self, name: str) -> Any:
        """The value, or None where it was not given."""
        for key, text in self.values:
            if key == name:
                return json.loads(text)
        return None

    def __bool__(self) -> bool:
        return bool(self.values)


class ModelEntry(Struct, frozen=True):
    """One model that the server is to serve: its name and base path as the server was given them.

    ``base_path`` is what the server makes of the given path (relative ones joined as it joins them).
    ``pointer`` is the entry's place in config.json, as a JSON pointer.
    """

    name: str
    base_path: str
    policy: VersionPolicy = DEFAULT_POLICY
    parameters: ModelParameters = ModelParameters()
    pointer: str = ""


class Target(Struct, frozen=True):
    """How a TARGET of the command line was understood. ``path`` is absolute, on this host."""

    path: str
    kind: TargetKind
    notes: tuple[str, ...] = ()


class Note(Struct, frozen=True):
    """Something to be said about how the request was understood; ``code`` in the catalogue."""

    code: str
    text: str
    path: str | None = None
    model: str | None = None


class HostDevices(Struct, frozen=True):
    """The device nodes that a server has. ``dri``: a render node below /dev/dri, of an Intel GPU or of one whose
    maker is not known; ``accel``: a node below /dev/accel, likewise; ``dxg``: /dev/dxg, by which WSL gives a GPU.
    ``render_groups``, ``accel_groups``: group ids, one of which a user other than root needs to open them; empty
    where none is needed or it is not known. ``intel_gpu``: it is certain that there is a GPU of Intel's."""

    dri: bool = False
    accel: bool = False
    dxg: bool = False
    render_groups: tuple[int, ...] = ()
    accel_groups: tuple[int, ...] = ()
    intel_gpu: bool = False


class Host(Struct, frozen=True):
    """``None``: not known. ``online``: processors that are online; ``affinity``: those that this process may
    run on; ``quota``: the cgroup's share of processor time, in whole processors rounded up, 0 for no limit;
    ``contained``: the marks by which the server tells that it runs in a container are there; ``open_files``:
    how many files a process may open (RLIMIT_NOFILE, the soft limit); ``devices``: its GPUs and NPUs;
    ``memory``: bytes that are free; ``bf16``: the processor computes in bf16, which OpenVINO then prefers."""

    online: int | None = None
    affinity: int | None = None
    quota: int | None = None
    contained: bool | None = None
    open_files: int | None = None
    devices: HostDevices | None = None
    memory: int | None = None
    bf16: bool | None = None


class HostLimits(Struct, frozen=True):
    """What the host gives the server, as far as it is known: cores it counts (``hardware_concurrency``, in a
    container since v2026.2 its share), and how many files it may open. ``threads``: cores that OpenVINO uses, which
    knows affinity and no quota; ``quota`` as in HostSeen, ``memory`` and ``bf16`` too; ``gpu``: the server chooses one
    where no device is named. ``None``: not known."""

    cores: int | None = None
    open_files: int | None = None
    threads: int | None = None
    quota: int | None = None
    memory: int | None = None
    bf16: bool | None = None
    gpu: bool = False


class FileDemand(Struct, frozen=True):
    """A file without which the server refuses its arguments: it must be there, or open for reading."""

    path: str
    demand: Literal["exists", "opens"]


class ArgumentRefusal(Struct, frozen=True):
    """One reason why the server refuses its arguments: its own text on standard error, without the last
    line end.

    ``stage``: ``parse`` (cxxopts), ``unmatched`` (words that it knows nothing about, and directives that
    exclude each other), ``prepare``, ``validate``; the server goes through them in this order. ``unless``:
    the refusal holds only where this file does not do what is demanded of it. ``option`` is the one to blame;
    ``suggestion`` an option of this release with a similar name; ``hint`` a sentence on what to know of it.
    """

    stage: Literal["parse", "unmatched", "prepare", "validate"]
    text: str
    unless: FileDemand | None = None
    option: str | None = None
    suggestion: str | None = None
    hint: str = ""


class ServerArguments(Struct, frozen=True):
    """The server's own argument line, read. ``None``: not given. ``ignored``: named but not looked at.

    ``refusals``: the reasons to end with exit code 64, in the server's order; the first that holds is the
    one. ``usage_error`` is the first that holds whatever the files are. ``given``: every option, with its last
    value. ``unmatched``: words that the server's parser leaves over. ``unheeded``: options that the server
    takes and then makes no use of, silently. ``prepared``: the model's parameters that were given, in the order
    in which the server notes them. ``directive``: an option that makes it do something else
    than serve, or serve a generative model. ``poll`` seconds between two looks, 0: none. ``places``: options (with
    their dashes) and words left over, each with its position, from 1.
    """

    config_path: str | None = None
    model_path: str | None = None
    model_name: str | None = None
    model_version_policy: str | None = None
    port: int | None = None
    rest_port: int | None = None
    ignored: tuple[str, ...] = ()
    usage_error: str | None = None
    helps: bool = False
    refusals: tuple[ArgumentRefusal, ...] = ()
    given: tuple[tuple[str, str], ...] = ()
    unmatched: tuple[str, ...] = ()
    unheeded: tuple[str, ...] = ()
    prepared: tuple[str, ...] = ()
    directive: str | None = None
    parameters: ModelParameters = ModelParameters(source="arguments")
    poll: int = 1
    places: tuple[tuple[str, int], ...] = ()

    def place(self, option: str) -> int | None:
        """The position of an option, or of a word left over: of equal ones the last."""
        return dict(self.places).get(option.partition("=")[0] if option.startswith("-") else option)

    def value(self, name: str) -> str | None:
        """The last value given for an option, without its dashes; None where it was not given."""
        return dict(self.given).get(name)


class Deployment(Struct, frozen=True):
    """What the server was told.

    ``arguments`` is None where targets were named instead; then ``models`` lists what they hold.
    ``roots``: server paths from which rights count downwards (empty: every parent counts).
    ``working_directory``: the server's, as it sees it. ``poll`` seconds between two looks. ``container``: the one
    that the deployment was read from, None where it was not. ``unseen``: places whose content is not known.
    ``untold``: nothing is known of what the server was told. ``memory``: bytes that the server may use, None
    where nothing limits it or it is not known. ``host_proxy``: the variable by which this host's own
    programs find a proxy, where the container is one of its own. ``cpu_extension``: as the server's own, beside
    targets; ``cache_dir`` likewise. ``probe_write``: a file may be made and removed in the cache.
    ``devices``: the server's GPUs and NPUs, None where nothing is known of them. ``download_limit``: bytes of one
    version in a store that may be downloaded to be loaded here, 0 for no limit.
    """

    mode: Mode
    release: Release
    release_from: str
    user: User = IMAGE_USER
    user_from: str = "as in the image"
    arguments: ServerArguments | None = None
    models: tuple[ModelEntry, ...] = ()
    config_path: str | None = None
    working_directory: str = "/"
    mounts: tuple[Mount, ...] = ()
    roots: tuple[str, ...] = ()
    bare_metal: bool = False
    load: Literal["none", "read", "compile"] = "read"
    environment: tuple[Variable, ...] = ()
    targets: tuple[Target, ...] = ()
    notes: tuple[Note, ...] = field(default=())
    limits: HostLimits = HostLimits()
    container: Container | None = None
    unseen: tuple[UnsupportedInput, ...] = ()
    untold: SourceUnavailable | None = None
    memory: int | None = None
    host_proxy: str = ""
    cpu_extension: str | None = None
    cache_dir: str | None = None
    probe_write: bool = False
    devices: HostDevices | None = None
    download_limit: int = 1 << 30
