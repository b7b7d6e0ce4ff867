"""A model that is pulled: existing files, whether it can be written, and how the client reads its environment.
Hugging Face is not contacted.

Source: src/pull_module and graph_export.cpp (v2025.2 to v2026.3).
"""

from __future__ import annotations

import errno
import posixpath
import re
from collections.abc import Iterator

from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.deployment import Deployment, ServerArguments
from ovms_doctor.model.facts import (
    CheckWritable,
    Entry,
    Facts,
    Failure,
    FileContent,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
    Writability,
)
from ovms_doctor.model.names import is_stock_image
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.pull_plan import Existing, Method, PullFault, PullFaultKind, PullPlan, StartMode
from ovms_doctor.prediction.paths import absolute, escapes
from ovms_doctor.prediction.pull_arguments import downloads_by, repository_path, source_model

_LFS = b"version https://git-lfs.github.com/spec/"
#: A pointer is about 130 bytes. Larger files are not read; the second number is the largest number of files.
_POINTER, _MOST_POINTERS = 1024, 64
_WRITTEN = b"# File created with: OpenVINO Model Server"
_TOKENS = ("HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN", "HUGGINGFACEHUB_API_TOKEN", "HF_API_TOKEN")
_CACHES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HUB_OFFLINE")
_TIMEOUTS = (
    ("GIT_OPT_SET_SERVER_CONNECT_TIMEOUT", server_log.CONNECT_TIMEOUT_NO_NUMBER),
    ("GIT_OPT_SET_SERVER_TIMEOUT", server_log.TIMEOUT_NO_NUMBER),
)
#: Directories of the images that everybody may write; all others belong to root.
_FOR_ALL = ("/tmp", "/var/tmp")  # noqa: S108 - the server's, not this program's
_PARAMETERS = lazy_pattern(r"(?<![0-9A-Za-z.])(\d{1,4}(?:\.\d{1,2})?)[bB](?![0-9A-Za-z])")
#: Parts of a name on Hugging Face of a converted model.
_CONVERTED = lazy_pattern(r"(?i)(^|[-_.])(ov|openvino|int4|int8|nncf)([-_.]|$)")
_WITH_PYTHON = lazy_pattern(r"(^|[-_.])py(thon)?([-_.]|$)")


def plan_pull(deployment: Deployment, arguments: ServerArguments, mode: StartMode, facts: Facts) -> PullPlan:
    """Returns the predicted result for the model to be pulled. Raises FactsMissingError."""
    release = deployment.release
    source = source_model(arguments, release)
    repository = repository_path(arguments, release, deployment.environment)
    method = downloads_by(arguments, source, release)
    task = arguments.value("task") or ("" if release.at_least(2026, 3) else "text_generation")
    if repository is None:
        return PullPlan(mode, source, "", method, "absent", task)
    directory = posixpath.join(repository, source)
    plan = PullPlan(mode, source, directory, method, "absent", task)
    if escapes(directory, release):
        log = (server_log.PATH_ESCAPES(path=directory),)
        fault = PullFault("escapes", True, directory, status="PATH_INVALID", log=log)
        return _with(plan, "absent", (fault,))
    path = absolute(directory, deployment.working_directory).rstrip("/")
    status = facts.ask(StatPath(path))
    if isinstance(status, Unavailable):
        return _with(plan, "absent", tuple(_environment(plan, deployment)))
    if isinstance(status, PathStatus) and status.kind == "directory":
        return _existing(plan, path, deployment, arguments, facts)
    faults: list[PullFault] = list(_environment(plan, deployment))
    if isinstance(status, PathStatus):
        faults.append(PullFault("not_directory", True, directory, status="HF_GIT_CLONE_FAILED"))
    else:
        faults += _new_directory(plan, path, deployment, facts)
    return _with(plan, "absent", tuple(sorted(faults, key=lambda fault: not fault.ends)))


def _with(plan: PullPlan, existing: Existing, faults: tuple[PullFault, ...]) -> PullPlan:
    return replace(plan, existing=existing, faults=faults)


# -- an existing directory -----------------------------------------------------------------------------


def _existing(
    plan: PullPlan, path: str, deployment: Deployment, arguments: ServerArguments, facts: Facts
) -> PullPlan:
    """Returns the effect of a second start: the directory is kept, replaced, or the download continues."""
    listing = facts.ask(ListDirectory(path))
    entries = listing.entries if isinstance(listing, Listing) else ()
    overwrite = arguments.value("overwrite_models") not in (None, "false")
    existing: Existing
    if plan.method == "gguf":
        name = arguments.value("gguf_filename") or ""
        exists = any(entry.name == name for entry in entries)
        existing = "kept" if exists and not overwrite else "replaced"
    elif overwrite:
        existing = "replaced"
    else:
        existing = "kept"
    faults = list(_unfinished(plan, path, entries, deployment, facts)) if existing == "kept" else []
    if any(fault.kind == "resumed" for fault in faults):
        existing = "resumed"
    result = _with(plan, existing, ())
    if result.downloads:
        faults += _environment(result, deployment)
    faults += _graph_file(plan, path, entries, deployment, facts)
    return _with(plan, existing, tuple(sorted(faults, key=lambda fault: not fault.ends)))


def _unfinished(
    plan: PullPlan, path: str, entries: tuple[Entry, ...], deployment: Deployment, facts: Facts
) -> Iterator[PullFault]:
    """Yields the faults of a pull that did not finish. Until v2026.0 a directory is kept, whatever its content; v2026.1
    resumes pointers, v2026.2 everything that its marker or the index names, if there is a .git."""
    release = deployment.release
    names = {entry.name for entry in entries}
    pointers = _pointers(path, entries, facts)
    parts = sorted(name for name in names if name.endswith("lfs_part"))
    marker = facts.ask(StatPath(f"{path}.lfswip"))
    traces = [*pointers, *parts, *(["lfs_error.txt"] if "lfs_error.txt" in names else [])]
    if isinstance(marker, PathStatus):
        traces.append(f"{posixpath.basename(path)}.lfswip")
    if not traces:
        return
    is_repository = ".git" in names
    resumes = plan.method == "clone" and (
        (release.at_least(2026, 2) and is_repository)
        or (release.at_least(2026, 1) and not release.at_least(2026, 2) and bool(pointers) and is_repository)
    )
    yield PullFault("resumed" if resumes else "unfinished", False, plan.directory, traces[0])


def _pointers(path: str, entries: tuple[Entry, ...], facts: Facts) -> list[str]:
    """Returns the files that are still Git LFS pointers."""
    names = sorted(
        entry.name
        for entry in entries
        if entry.kind == "regular" and entry.name.endswith((".bin", ".json", ".safetensors", ".gguf", ".xml"))
    )[:_MOST_POINTERS]
    facts.need(StatPath(f"{path}/{name}") for name in names)
    small = []
    for name in names:
        status = facts.ask(StatPath(f"{path}/{name}"))
        if isinstance(status, PathStatus) and status.kind == "regular" and 0 < status.size <= _POINTER:
            small.append(name)
    facts.need(ReadFile(f"{path}/{name}", _POINTER) for name in small)
    found = []
    for name in small:
        content = facts.ask(ReadFile(f"{path}/{name}", _POINTER))
        if isinstance(content, FileContent) and content.data.startswith(_LFS):
            found.append(name)
    return found


def _graph_file(
    plan: PullPlan, path: str, entries: tuple[Entry, ...], deployment: Deployment, facts: Facts
) -> Iterator[PullFault]:
    """Yields the fault of graph.pbtxt, which is written at every start, even if the model exists
    (createFileOverwrite)."""
    own = f"{path}/graph.pbtxt"
    exists = any(entry.name == "graph.pbtxt" for entry in entries)
    status = facts.ask(StatPath(own)) if exists else None
    if isinstance(status, PathStatus) and status.kind == "regular":
        rights = facts.ask(CheckWritable(own))
        content = facts.ask(ReadFile(own, 1 << 16))
        by_server = not isinstance(content, FileContent) or content.data.startswith(_WRITTEN)
    else:
        rights, by_server = facts.ask(CheckWritable(path)), True
    graph_file = posixpath.join(plan.directory, "graph.pbtxt")
    if isinstance(rights, Writability):
        creates = rights.kind == "directory"
        if not rights.writable or (creates and not rights.searchable):
            log = (server_log.FILE_NOT_WRITTEN(path=graph_file),)
            kind: PullFaultKind = (
                "read_only" if rights.read_only or deployment.mount_table.read_only(path) else "denied"
            )
            # If the model is fetched again, it is written first.
            at = plan.directory if creates else graph_file
            yield PullFault(kind, True, at, status="FILE_INVALID", log=log, rights=rights)
            return
    if not by_server:
        yield PullFault("rewritten", False, graph_file)


# -- a directory that is to be made ---------------------------------------------------------------------


def _new_directory(plan: PullPlan, path: str, deployment: Deployment, facts: Facts) -> Iterator[PullFault]:
    """Yields the faults of creating the directory: libgit2 also creates those above it."""
    above = posixpath.dirname(path)
    while above != "/":
        status = facts.ask(StatPath(above))
        if isinstance(status, Unavailable):
            return
        if not (isinstance(status, Failure) and status.missing):
            break
        above = posixpath.dirname(above)
    rights = _rights(above, path, deployment, facts)
    if isinstance(rights, Writability):
        if not (rights.writable and rights.searchable):
            yield _not_made(plan, above, "read_only" if rights.read_only else "denied", rights)
            return
        yield from _space(plan, above, rights)
    elif rights is not None:
        yield _not_made(plan, above, rights, None)


def _rights(
    above: str, path: str, deployment: Deployment, facts: Facts
) -> Writability | PullFaultKind | None:
    """Returns the rights on the lowest existing directory. For a directory of the image, the result is ``denied``,
    ``read_only`` or nothing."""
    container = deployment.container
    in_image = deployment.mounts and deployment.mount_table.mount_of(above) is None
    if not in_image and (deployment.bare_metal or deployment.mounts):
        rights = facts.ask(CheckWritable(above))
        return rights if isinstance(rights, Writability) else None
    if container is None or container.user_namespace or not is_stock_image(container.image):
        return None
    if container.read_only_root:
        return "read_only"
    if deployment.user.uid == 0 or any(path.startswith(f"{directory}/") for directory in _FOR_ALL):
        return None
    return "denied"


def _not_made(plan: PullPlan, above: str, kind: PullFaultKind, rights: Writability | None) -> PullFault:
    number = errno.EROFS if kind == "read_only" else errno.EACCES
    text = {errno.EROFS: "Read-only file system", errno.EACCES: "Permission denied"}[number]
    log: tuple[str, ...] = ()
    if plan.method == "clone":
        message = f"failed to make directory '{plan.directory}': {text}"
        log = (server_log.CLONE_FAILED(number="2", what=message),)
    return PullFault(kind, True, above, status="HF_GIT_CLONE_FAILED", log=log, rights=rights)


def _space(plan: PullPlan, above: str, rights: Writability) -> Iterator[PullFault]:
    """Compares the size in the model's name (its parameters, at their precision) with the free space."""
    needed = size_by_name(plan.source, plan.method)
    if needed is not None and rights.free is not None and rights.free < needed:
        yield PullFault("space", False, above, rights=rights, needed=needed, certain=False)


def size_by_name(source: str, method: Method | None) -> int | None:
    """Returns the least bytes of a model of this name, None if the name does not show them: ``Qwen3-8B-int4-ov`` has 8
    thousand millions of parameters with half a byte each. optimum-cli fetches the original weights, with two bytes."""
    name = source.rpartition("/")[2]
    match = _PARAMETERS.search(name)
    if match is None:
        return None
    bits = 16
    if method != "optimum":
        lower = name.lower()
        precisions = (("int4", 4), ("int8", 8), ("q4", 4), ("q8", 8))
        bits = next((number for word, number in precisions if word in lower), 16)
        if method == "clone" and bits == 16 and "fp16" not in lower and "bf16" not in lower:
            # The least size for any precision.
            bits = 4
    return int(float(match[1]) * 1e9 * bits / 8)


# -- the environment ------------------------------------------------------------------------------------


def _environment(plan: PullPlan, deployment: Deployment) -> Iterator[PullFault]:
    """Yields faults of variables that the client reads, and of those that only other clients read."""
    known = {item.name: item for item in deployment.environment}
    cpp = plan.method != "optimum"
    if plan.method == "clone":
        for name, message in _TIMEOUTS:
            item = known.get(name)
            if item is not None and item.number is None:
                log = (message(number="***"),)
                yield PullFault("timeout", True, "", name, "HF_FAILED_TO_INIT_LIBGIT2", log, certain=False)
    endpoint = known.get("HF_ENDPOINT")
    if endpoint is not None and cpp:
        text = endpoint.text or ""
        if endpoint.empty or (text and not re.match(r"(?i)https?://[^/]", text)):
            yield PullFault("endpoint", True, "", "HF_ENDPOINT", "HF_GIT_CLONE_FAILED", certain=False)
    if plan.method == "optimum" and _without_python(deployment):
        log = (server_log.NO_OPTIMUM(model=plan.source),)
        yield PullFault(
            "no_optimum", True, "", plan.source, "HF_FAILED_TO_INIT_OPTIMUM_CLI", log, certain=False
        )
    organisation, slash, name = plan.source.partition("/")
    if not slash:
        yield PullFault(
            "no_organisation", False, "", plan.source, certain=organisation.lower().endswith("-ov")
        )
    elif (
        plan.method == "clone"
        and deployment.release.at_least(2025, 4)
        and organisation.lower() != "openvino"
        and _CONVERTED.search(name) is None
    ):
        yield PullFault("not_converted", False, "", plan.source, certain=False)
    if cpp and ("HF_TOKEN" not in known or known["HF_TOKEN"].empty):
        token = next((one for one in _TOKENS if one in known and not known[one].empty), None)
        if token is not None:
            yield PullFault("token_unread", False, "", token)
    cache = next((one for one in _CACHES if one in known and not known[one].empty), None)
    if cpp and cache is not None:
        yield PullFault("cache_unread", False, "", cache)


def _without_python(deployment: Deployment) -> bool:
    """Whether the image has no optimum-cli: only images whose tag ends in -py have it."""
    container = deployment.container
    if container is None or not is_stock_image(container.image):
        return False
    tag = container.image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return re.match(r"(latest|\d{4}\.\d)", tag or "latest") is not None and _WITH_PYTHON.search(tag) is None
