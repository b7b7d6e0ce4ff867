"""The model cache: whether it is on, whether the start survives it, and what it does to the models.

The start follows ModelManager's constructor (modelmanager.cpp, the same from v2022.1 to v2026.3). The later steps are
OpenVINO's, measured with its releases 2023.3 to 2026.4 on the CPU, AUTO, MULTI and HETERO alike; releases between two
that were measured behave as both of them do.
"""

from __future__ import annotations

import errno
import posixpath

from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.cache_plan import CacheFails, CachePlan, StuckBlob
from ovms_doctor.model.causes import CompileRefused
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import (
    CheckWritable,
    Facts,
    Failure,
    ListDirectory,
    Listing,
    PathStatus,
    ProbeWrite,
    StatPath,
    Unavailable,
    Writability,
)
from ovms_doctor.model.mounts import covering
from ovms_doctor.model.parameters import ParsedParameters
from ovms_doctor.model.plan import Attempt
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.engine_start import as_made, created_mounts
from ovms_doctor.prediction.mounted_paths import is_mounted, made_by_engine
from ovms_doctor.prediction.paths import absolute, filesystem_error

#: modelmanager.cpp, DEFAULT_MODEL_CACHE_DIRECTORY; no image of OVMS has it.
DEFAULT = "/opt/cache"
#: The largest number of blobs that are checked one by one.
MOST_BLOBS = 200
#: With less free space than this, in bytes, the number of existing blobs matters.
LITTLE_SPACE = 16 << 30
_STICKY = 0o1000
_BLOB = ".blob"
#: Directories of the images that everybody may write; all others belong to root (Dockerfile.ubuntu, .redhat).
_FOR_ALL = frozenset({"/tmp", "/var/tmp"})  # noqa: S108 - the server's, not this program's


def plan_cache(deployment: Deployment, facts: Facts) -> CachePlan | None:
    """Returns the cache of a server with ``deployment``; None if it is off, or if nothing is known of it. Raises
    FactsMissingError."""
    path = deployment.options.cache_dir
    if path is None and deployment.arguments is not None:
        path = deployment.arguments.value("cache_dir")
    if not path:
        return _default(deployment, facts)
    base = CachePlan(path, absolute(path, deployment.working_directory), configured=True)
    return _use_directory(base, deployment, facts)


def cache_problem(cache: CachePlan) -> StartProblem:
    """Returns how the process ends because of its cache (server.cpp catches the exception of the constructor)."""
    line = server_log.ENDS_BY_EXCEPTION(what=cache.ends)
    return StartProblem("cache", "INTERNAL_ERROR", 1, (line,), path=cache.failed_path, text=cache.ends)


def uses_cache(parameters: ParsedParameters | None) -> bool:
    """Whether the model uses the cache (``ModelInstance::setCacheOptions``): a model with a custom loader does not, nor
    does one whose shape follows the requests, unless it allows the cache."""
    if parameters is None:
        return True
    if parameters.custom_loader is not None:
        return False
    return parameters.allow_cache or not parameters.dynamic


def with_cache(
    attempt: Attempt, cache: CachePlan | None, model: str, parameters: ParsedParameters | None
) -> Attempt:
    """Returns ``attempt`` with the effect of the cache: OpenVINO reads the cache after the model is read, before it is
    compiled."""
    if cache is None or cache.effect not in ("refused", "aborts") or not uses_cache(parameters):
        return attempt
    if attempt.outcome != "loaded" and not isinstance(attempt.cause, CompileRefused):
        return attempt
    cause = CacheFails(cache.absolute_path, cache.effect == "aborts")
    if cause.aborts:
        return replace(attempt, outcome="crashed", cause=cause, log=())
    device = "CPU" if parameters is None else parameters.device.text
    wrapped = parameters is not None and parameters.device.plugin in ("AUTO", "MULTI")
    if cache.throws:
        status, line = "MODEL_NOT_LOADED", server_log.EXCEPTION_LOADING(what=cache.exception)
    else:
        status = "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE"
        line = server_log.COMPILE_FAILED(
            what=cache.exception, model=model, version=attempt.version, device=device
        )
    # These two put the text into another one, which differs between releases.
    return replace(attempt, outcome="failed", status=status, cause=cause, log=() if wrapped else (line,))


# -- the start -----------------------------------------------------------------------------------------


def _default(deployment: Deployment, facts: Facts) -> CachePlan | None:
    """Returns ``/opt/cache``, whose existence turns the cache on; None if this host's path does not decide."""
    if not deployment.bare_metal and not is_mounted(DEFAULT, deployment):
        return None
    base = CachePlan(DEFAULT, DEFAULT, configured=False)
    status = facts.ask(StatPath(DEFAULT))
    if isinstance(status, Failure) and status.missing and not made_by_engine(DEFAULT, deployment):
        return None
    return _use_directory(base, deployment, facts)


def _use_directory(base: CachePlan, deployment: Deployment, facts: Facts) -> CachePlan:
    """Applies ``exists``, ``create_directories`` and ``access``: an exception of the first two ends the process."""
    base = replace(
        base, kept=_kept(base.absolute_path, deployment), in_memory=_in_memory(base.absolute_path, deployment)
    )
    if deployment.container is not None and not deployment.mounts:
        # A directory with this name on this host is not the container's.
        return base
    status = facts.ask(StatPath(base.absolute_path))
    if isinstance(status, Unavailable):
        return base
    is_created = base.absolute_path in created_mounts(deployment, facts)
    if is_created or (
        isinstance(status, Failure) and status.missing and made_by_engine(base.absolute_path, deployment)
    ):
        made = replace(base, rights=as_made(deployment.user), blobs=0, engine_makes=True)
        return _effect(made, deployment, facts)
    if isinstance(status, Failure):
        if status.missing:
            return _created(base, deployment, facts)
        return _ends(base, "status", status, base.absolute_path)
    rights = facts.ask(CheckWritable(base.absolute_path))
    if not isinstance(rights, Writability):
        return base
    return _effect(replace(base, rights=rights), deployment, facts)


def _ends(
    base: CachePlan, call: str, failure: Failure, at: str, rights: Writability | None = None
) -> CachePlan:
    text = filesystem_error(call, Failure(failure.errno), base.path)
    return replace(base, ends=text, failure=failure, failed_path=at, failed_path_rights=rights)


def _created(base: CachePlan, deployment: Deployment, facts: Facts) -> CachePlan:
    """Applies ``create_directories``: every missing directory, in the lowest existing one."""
    above = posixpath.dirname(base.absolute_path.rstrip("/")) or "/"
    if base.kept is False:
        return _created_in_image(base, deployment)
    if not deployment.bare_metal and not deployment.mounts:
        # A target is treated as mounted; the engine creates a mounted directory that does not exist.
        return base
    lowest = base.absolute_path.rstrip("/")
    while True:
        status = facts.ask(StatPath(above))
        if not (isinstance(status, Failure) and status.errno in (errno.ENOENT, errno.ENOTDIR)):
            break
        if above == "/":
            return base
        above, lowest = posixpath.dirname(above), above
    if isinstance(status, Failure):
        return _ends(base, "cannot create directories", status, above)
    if not isinstance(status, PathStatus):
        return base
    if status.kind != "directory":
        return _ends(base, "cannot create directories", Failure(errno.ENOTDIR), above)
    if _is_link(lowest, above, facts):
        # The link is dangling, and mkdir(2) does not follow it, before any right is checked.
        return _ends(base, "cannot create directories", Failure(errno.EEXIST), lowest)
    rights = facts.ask(CheckWritable(above))
    if not isinstance(rights, Writability):
        return base
    if rights.writable and rights.searchable:
        return replace(base, created=True, effect="caches", blobs=0)
    number = errno.EROFS if rights.read_only else errno.EACCES
    return _ends(base, "cannot create directories", Failure(number), above, rights)


def _is_link(path: str, directory: str, facts: Facts) -> bool:
    listing = facts.ask(ListDirectory(directory, own=True))
    name = posixpath.basename(path)
    return isinstance(listing, Listing) and any(
        entry.name == name and entry.kind == "link" for entry in listing.entries
    )


def _created_in_image(base: CachePlan, deployment: Deployment) -> CachePlan:
    """Returns the result for a directory that neither a mount nor the image has: except /tmp, root owns the image's
    directories."""
    container = deployment.container
    if container is not None and container.user_namespace:
        return base
    above = posixpath.dirname(base.absolute_path.rstrip("/"))
    top = next(
        (directory for directory in _FOR_ALL if above == directory or above.startswith(f"{directory}/")), None
    )
    if container is not None and container.read_only_root:
        return _ends(base, "cannot create directories", Failure(errno.EROFS), "/")
    if deployment.user.uid == 0 or top is not None:
        return replace(base, created=True, effect="caches", blobs=0)
    at = "/" if base.absolute_path.count("/") == 1 else posixpath.join("/", base.absolute_path.split("/")[1])
    return _ends(base, "cannot create directories", Failure(errno.EACCES), at)


# -- what it does to the models ------------------------------------------------------------------------


def _effect(base: CachePlan, deployment: Deployment, facts: Facts) -> CachePlan:
    rights = base.rights
    assert rights is not None
    release = deployment.release
    if rights.kind != "directory":
        return _no_directory(base, release)
    if not rights.searchable:
        return _not_searchable(base, release)
    made = base.engine_makes
    base = base if made else _with_blobs(base, rights, deployment, facts)
    if rights.writable:
        probe = (
            facts.ask(ProbeWrite(base.absolute_path)) if deployment.options.probe_write and not made else None
        )
        return replace(base, effect="caches", probe=probe)
    if not _sets_permissions(release):
        return replace(base, effect="uncached")
    if base.blobs == 0:
        # OpenVINO sets the mode of the blob that could not be written.
        exception = _exception("cannot set permissions", errno.ENOENT, base, release)
        return replace(base, effect="refused", exception=exception)
    return base


def _no_directory(base: CachePlan, release: Release) -> CachePlan:
    if _sets_permissions(release):
        exception = _exception("cannot set permissions", errno.ENOTDIR, base, release)
        return replace(base, effect="refused", exception=exception)
    if release.at_least(2025, 2) and not release.at_least(2025, 4):
        exception = f'Couldn\'t create directory ["{base.path}"], err=Not a directory)'
        return replace(base, effect="refused", exception=exception, throws=True)
    return replace(base, effect="uncached")


def _not_searchable(base: CachePlan, release: Release) -> CachePlan:
    """Returns the result for a directory that cannot be searched: the check for a blob fails. In OpenVINO 2026.2 the
    exception leaves a function that must not throw, and so ends the process."""
    if not release.at_least(2025, 2):
        return replace(base, effect="uncached")
    aborts = release.at_least(2026, 2)
    exception = _exception("status", errno.EACCES, base, release, bare=aborts)
    return replace(base, effect="aborts" if aborts else "refused", exception=exception)


def _sets_permissions(release: Release) -> bool:
    """Whether OpenVINO sets the mode without a check that the blob was written (2025.4 to 2026.1)."""
    return release.at_least(2025, 4) and not release.at_least(2026, 2)


def _exception(call: str, number: int, base: CachePlan, release: Release, *, bare: bool = False) -> str:
    path = f"{base.path.rstrip('/')}/<hash>{_BLOB}"
    text = filesystem_error(call, Failure(number), path)
    return text if bare else f"Exception from src/inference/src/cpp/core.cpp:{_line(release)}:\n{text}\n"


def _line(release: Release) -> int:
    """Returns the line of core.cpp in the text of the exception, by the measured releases."""
    for since, line in (((2026, 2), 117), ((2026, 1), 118), ((2026, 0), 110), ((2025, 4), 114)):
        if release.at_least(*since):
            return line
    return 109


def _with_blobs(base: CachePlan, rights: Writability, deployment: Deployment, facts: Facts) -> CachePlan:
    """Returns the existing blobs, and those among them that cannot be used or removed. OpenVINO before 2025.2 ignores
    these."""
    uid = deployment.user.uid
    sticky = bool(rights.mode & _STICKY) and uid not in (0, rights.uid)
    fixed = not rights.writable or sticky
    scarce = rights.free is not None and rights.free < LITTLE_SPACE
    if not (fixed or scarce):
        return base
    # Names that the server's user may not list count too.
    listing = facts.ask(ListDirectory(base.absolute_path, own=not rights.readable))
    if not isinstance(listing, Listing):
        return base
    names = sorted(entry.name for entry in listing.entries if entry.name.endswith(_BLOB))
    base = replace(base, blobs=len(names))
    if not fixed or not deployment.release.at_least(2025, 2):
        return base
    paths = [f"{base.absolute_path.rstrip('/')}/{name}" for name in names[:MOST_BLOBS]]
    facts.need(question for path in paths for question in (CheckWritable(path), StatPath(path)))
    stuck = []
    for path in paths:
        blob, status = facts.ask(CheckWritable(path)), facts.ask(StatPath(path))
        if (
            not isinstance(blob, Writability)
            or not isinstance(status, PathStatus)
            or status.kind != "regular"
        ):
            continue
        if rights.writable and blob.uid == uid:
            # In a sticky directory one's own files can be removed.
            continue
        if not blob.readable:
            stuck.append(StuckBlob(path, "unreadable", blob))
        elif status.size == 0:
            stuck.append(StuckBlob(path, "empty", blob))
    return replace(base, stuck=tuple(stuck))


# -- its location --------------------------------------------------------------------------------------


def _kept(absolute_path: str, deployment: Deployment) -> bool | None:
    if deployment.bare_metal:
        return True
    if is_mounted(absolute_path, deployment):
        return True
    known = deployment.mounts or deployment.container is not None
    return False if known else None


def _in_memory(absolute_path: str, deployment: Deployment) -> bool:
    if deployment.container is None:
        return False
    mounts = covering(deployment.container.mounts, absolute_path)
    return bool(mounts) and mounts[0].kind == "tmpfs"
