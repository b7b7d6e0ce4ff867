"""Worker processes of each kind: their module paths, their variables, and those that start early.

A worker starts before its options are known: it imports the modules for its kind, and waits for its options. So the
command line starts the workers that a run nearly always needs before it imports the rest of the program.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Final, Literal, TypeAlias

from ovms_doctor.model.light_msgspec import import_msgspec
from ovms_doctor.probes.processes import fork
from ovms_doctor.probes.processes.start import OWN_PATH, Process, home, own_directories, own_paths, start

#: The task of a worker: read the file system; read model files; read shared libraries; parse chat templates; load
#: models with OpenVINO and read model files, the same with OpenVINO Tokenizers; load pipelines with OpenVINO GenAI;
#: query stores. See :mod:`ovms_doctor.probes.processes.worker`.
Kind: TypeAlias = Literal[
    "files", "inspect", "library", "template", "load", "tokenizers", "pipelines", "stores"
]

_ENTRY: Final = "ovms_doctor.probes.processes.worker_start:main"
#: Variables for a child process that queries stores: the paths of programs and libraries, the language, and the
#: variables of measuring tools.
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR")
_KEPT_BEGINNINGS: Final = ("LC_", "COVERAGE_")

#: Kinds that are copies of the parent process if that is safe: they need few further imports.
_COPIED: Final = ("files", "inspect")
#: Kinds that are copies only before the parent has read any data: they may run code of the user's choice.
_COPIED_EARLY: Final = (*_COPIED, "load")

#: Modules that both the copies and the parent process need.
_SHARED: Final = (
    "ovms_doctor.probes.processes.messages",
    "ovms_doctor.model.mounts",
    "ovms_doctor.probes.access",
)

#: Workers that were started and are not used yet.
_early: dict[Kind, Process] = {}
#: Whether this process is the command's own, which may be copied.
_is_command = False


def start_worker(kind: Kind) -> Process:
    """Returns a worker of this kind, which waits for its options. Raises OSError or ValueError if it cannot be
    started."""
    early = _early.pop(kind, None)
    if early is not None and not early.has_ended():
        return early
    if _is_command and kind in _COPIED and fork.is_safe():
        return _copy(kind)
    # Without site-packages' start-up files, which read other files than the user named.
    plain = kind == "files"
    return start(
        _ENTRY,
        [kind],
        paths=[OWN_PATH, home(), *_directory_of("msgspec")] if plain else own_paths(),
        with_site=not plain,
        environment=_without_secrets() if kind == "stores" else None,
    )


def start_function(function: Callable[[], None], entry: str, arguments: Sequence[str]) -> Process:
    """Returns a child that calls ``function`` and ends: a copy of this process if that is safe, else a new process
    that calls ``entry`` (``module:function``) with ``arguments``.

    They import only this package. Raises OSError or ValueError if it cannot be started.
    """
    if _is_command and fork.is_safe():
        return fork.fork(function, arguments[0])
    return start(entry, arguments, paths=[OWN_PATH, home()], with_site=False)


def start_early(kinds: Sequence[Kind], *, is_command: bool = False) -> None:
    """Starts one worker of each kind now, for a later :func:`start_worker`; that function reports an error of the
    start. ``is_command``: whether this process runs the command line and nothing else."""
    global _is_command
    _is_command = is_command and fork.is_safe()
    if _is_command and kinds:
        # The copies need it first, and this process later.
        import_msgspec()
        for name in _SHARED:
            import_module(name)
    for kind in kinds:
        try:
            _early[kind] = _copy(kind) if _is_command and kind in _COPIED_EARLY else start_worker(kind)
        except (OSError, ValueError):
            return


def end_unused() -> None:
    """Ends the workers that were started early and not used."""
    while _early:
        _, process = _early.popitem()
        process.end()
        for descriptor in (process.to_child, process.from_child, process.errors):
            os.close(descriptor)


def _copy(kind: Kind) -> Process:
    return fork.fork(partial(_serve, kind, own_directories()), kind)


def _serve(kind: Kind, paths: list[str]) -> None:
    sys.path[:] = paths
    from ovms_doctor.probes.processes.worker import main

    main(kind)


def _without_secrets() -> dict[str, str]:
    """Returns the variables for a worker that queries stores: without variables from which a library could read
    credentials, proxies or certificates, and without the server's secrets."""
    kept = {
        name: text for name, text in os.environ.items() if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)
    }
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true"}


def _directory_of(package: str) -> list[str]:
    """Returns the directory on this process's module path that has ``package``; does not import it."""
    return next(
        ([directory] for directory in sys.path if os.path.isdir(os.path.join(directory, package))), []
    )
