"""Reads a container from its source: the engine, a saved document, a run line, a compose file, a manifest."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ovms_doctor.cli.document_limits import limits_of
from ovms_doctor.cli.working_directory import absolute, working_directory
from ovms_doctor.diagnosis.from_container import options_from_container
from ovms_doctor.inputs import DocumentError
from ovms_doctor.model.container import Container, ContainerMount
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.facts import AnyQuestion, Failure, StatPath
from ovms_doctor.model.live import LiveQuery
from ovms_doctor.model.options import CheckOptions, SourceUnavailable
from ovms_doctor.probes.named_files import DocumentLimits, passing, read_named_file

if TYPE_CHECKING:
    from ovms_doctor.probes.containers import ContainerLookup

#: Maximum size in bytes of a document; a real document of a container is far smaller.
_LARGEST = 64 << 20


def with_container(options: CheckOptions) -> CheckOptions:
    """Returns ``options`` with the data of the named source. Raises UsageError for an unreadable document. An engine
    that does not answer is not a usage error: it sets ``unavailable``."""
    ((option, value),) = options.sources.items()
    try:
        if option == "--container":
            return _from_engine(options, value)
        container = _READERS[option](value, limits_of(options))
    except DocumentError as error:
        raise UsageError(f"{option}: {error}") from None
    container = replace(
        container,
        elsewhere=container.elsewhere or (option in ("--docker-run", "--compose") and _engine_is_remote()),
    )
    # A saved document or a manifest describes any host; the mounts show whether it is this one.
    elsewhere = option in ("--inspect", "--kubernetes") or container.elsewhere
    missing_paths = _missing_host_paths(options, container) if elsewhere else frozenset()
    container = (
        replace(container, merged_directory="", layers=()) if missing_paths else _with_own_files(container)
    )
    local_host = None if missing_paths or option == "--kubernetes" or container.elsewhere else _local_host()
    runs_here = not elsewhere
    proxy = _host_proxy() if runs_here and not _client_passes_proxies() else ""
    options = replace(options, container_here=runs_here, host_proxy=proxy)
    return options_from_container(options, _with_kills(container, options), local_host, missing_paths)


# -- the engine ----------------------------------------------------------------------------------------


def _from_engine(options: CheckOptions, name: str) -> CheckOptions:
    from ovms_doctor.inputs.inspect.read import read_inspect
    from ovms_doctor.probes.containers import query_container

    lookup = query_container(name, options.timeout)
    if lookup.document is None:
        reason = lookup.problem or "the engine gave no answer"
        unavailable = SourceUnavailable(f"the container {name}", reason, lookup.timed_out)
        return replace(options, unavailable=unavailable, bare_metal=False)
    container = read_inspect(
        lookup.document, source="docker", source_name=name, log=lookup.log, info=lookup.info
    )
    missing_paths = frozenset() if lookup.local else _missing_host_paths(options, container)
    if lookup.local:
        options = replace(options, host_proxy=_host_proxy(), container_here=True)
        container = _with_own_files(container)
    else:
        container = replace(container, merged_directory="", layers=())
    if lookup.local or options.kernel_log is not None:
        container = _with_kills(container, options)
    options = options_from_container(
        options, container, _local_host() if lookup.local else None, missing_paths
    )
    return options if options.no_live else replace(options, live=_reachable(container, lookup))


def _reachable(container: Container, lookup: ContainerLookup) -> LiveQuery:
    """Returns the address at which the container's server is queried, or the reason why it is not queried."""
    from ovms_doctor.inputs.inspect.own_address import own_address
    from ovms_doctor.prediction.live.address import AddressError
    from ovms_doctor.prediction.live.container_address import either_address

    own = own_address(lookup.document, lookup.info) if lookup.local else ""
    try:
        address = either_address(container, own, lookup.host)
        return LiveQuery(address, own_address=address.host == own)
    except AddressError as error:
        return LiveQuery(skipped=str(error))


def _with_own_files(container: Container) -> Container:
    """Returns the container with mounts for the readable parts of its own file system. A running container has one
    directory with all files; a container that ended has only its layers, and a path is used if at most one layer
    contains it."""
    if container.merged_directory and os.access(container.merged_directory, os.R_OK | os.X_OK):
        return container
    if not all(os.access(layer, os.R_OK | os.X_OK) for layer in container.layers):
        # The layers are on another host, or this user cannot read them.
        return replace(container, merged_directory="", layers=())
    found = []
    for path in _named_paths(container):
        mounted = any(f"{path}/".startswith(mount.server.rstrip("/") + "/") for mount in container.mounts)
        layer = None if mounted else _layer_with(path, container.layers)
        if layer is not None:
            found.append(ContainerMount(path, "image", layer + path))
    return replace(container, merged_directory="", mounts=(*found, *container.mounts))


def _named_paths(container: Container) -> list[str]:
    """Returns the paths that the server's arguments name: the model's directory, the directory of config.json."""
    arguments = container.arguments or ()
    found = []
    for option in ("--config_path", "--model_path"):
        paths = [word.partition("=")[2] for word in arguments if word.startswith(f"{option}=")]
        paths += [value for word, value in itertools.pairwise(arguments) if word == option]
        for path in paths[-1:]:
            top = os.path.dirname(path) if option == "--config_path" else path
            if top.startswith("/") and top != "/" and top == os.path.normpath(top):
                found.append(top)
    return found


def _layer_with(path: str, layers: tuple[str, ...]) -> str | None:
    """Returns the only layer that contains ``path``, or the topmost layer if none contains it. Returns None if several
    layers contain parts of it, or a link leads elsewhere."""
    parts = path.strip("/").split("/")
    prefixes = ["/" + "/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    if not layers or any(os.path.islink(layer + prefix) for layer in layers for prefix in prefixes):
        return None
    holding = [layer for layer in layers if os.path.lexists(layer + path)]
    return None if len(holding) > 1 else (*holding, layers[0])[0]


def _engine_is_remote() -> bool:
    """Whether this shell's engine runs on another host."""
    host = os.environ.get("DOCKER_HOST", "")
    return "://" in host and not host.startswith("unix://")


def _client_passes_proxies() -> bool:
    """Whether the configuration of Docker's client sets proxies in each container that it starts."""
    directory = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    try:
        settings = json.loads(read_named_file(os.path.join(directory, "config.json"), _LARGEST))
    except (UsageError, ValueError, RecursionError):
        return False
    return isinstance(settings, dict) and bool(settings.get("proxies"))


def _host_proxy() -> str:
    """Returns the name of this process's variable with a proxy, or an empty text; its value is not read."""
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name)), "")


def _local_host() -> Any:
    from ovms_doctor.probes.host import read_host

    return read_host()


def _with_kills(container: Container, options: CheckOptions) -> Container:
    """Returns the container with the OOM kills of the kernel's log that match it. This host's log is used only for a
    container of this host: a document may come from any host."""
    if options.kernel_log is None and options.container_name is None:
        return container
    from ovms_doctor.inputs.kernel_log import matching, read_kernel_log
    from ovms_doctor.probes.kernel_log import kernel_lines, lines_of_file

    if options.kernel_log is not None:
        lines = lines_of_file(options.kernel_log, limits_of(options))
    else:
        lines, _ = kernel_lines(options.timeout)
    return replace(container, oom_kills=matching(read_kernel_log(lines), container))


def _missing_host_paths(options: CheckOptions, container: Container) -> frozenset[str]:
    """Returns host paths of mounts that do not exist on this host. The container ran with them, so it ran on another
    host."""
    from ovms_doctor.probes.local import LocalCollector

    hosts = sorted({mount.host for mount in container.mounts if mount.host is not None})
    if not hosts:
        return frozenset()
    questions: list[AnyQuestion] = [StatPath(host) for host in hosts]
    with LocalCollector(None, deadline=options.timeout) as local:
        answers = local.collect(questions)
    return frozenset(
        host
        for host, question in zip(hosts, questions, strict=True)
        if isinstance(answer := answers.get(question), Failure) and answer.missing
    )


# -- documents -----------------------------------------------------------------------------------------


def _inspected(value: str, limits: DocumentLimits) -> Container:
    from ovms_doctor.inputs.inspect.read import read_inspect, read_text

    return read_inspect(read_text(_data(value, limits)), source="inspect", source_name=_source_label(value))


def _run_line(value: str, limits: DocumentLimits) -> Container:
    from ovms_doctor.inputs.run_line.read import read_run_line

    return read_run_line(
        value,
        home=os.path.expanduser("~"),
        working_directory=working_directory(),
        ids=(os.getuid(), os.getgid()),
        read_file=_beside(working_directory(), limits),
    )


def _composed(value: str, limits: DocumentLimits) -> Container:
    from ovms_doctor.inputs.compose.read import read_compose

    path, service = _with_part(value, limits)
    directory = os.path.dirname(absolute(path))
    return read_compose(
        _text(path, limits),
        service=service,
        source_name=path,
        directory=directory,
        environment=os.environ,
        read_file=_beside(directory, limits),
    )


def _with_part(value: str, limits: DocumentLimits) -> tuple[str, str | None]:
    """Returns the file and the part of ``FILE[:PART]``; the name of a file may contain a colon."""
    if ":" not in value or passing("there", [value], limits.timeout):
        return value, None
    path, _, part = value.rpartition(":")
    return path, part


def _beside(directory: str, limits: DocumentLimits) -> Callable[[str], str | None]:
    def read(path: str) -> str | None:
        try:
            return _text(os.path.join(directory, path), limits)
        except UsageError:
            return None

    return read


def _manifest(value: str, limits: DocumentLimits) -> Container:
    from ovms_doctor.inputs.kubernetes.read import read_kubernetes

    path, container = _with_part(value, limits)
    return read_kubernetes(_text(path, limits), source_name=_source_label(path), container=container)


_READERS: Mapping[str, Callable[[str, DocumentLimits], Container]] = {
    "--inspect": _inspected,
    "--docker-run": _run_line,
    "--compose": _composed,
    "--kubernetes": _manifest,
}


def _source_label(value: str) -> str:
    return "standard input" if value == "-" else value


def _text(path: str, limits: DocumentLimits) -> str:
    """Returns the text of a file, or of standard input; bytes that are not UTF-8 are replaced."""
    return _data(path, limits).decode("utf-8-sig", "replace")


def _data(path: str, limits: DocumentLimits) -> bytes:
    """Returns the bytes of a file or of standard input. Raises UsageError if the file is unreadable or far too
    large."""
    return read_named_file(path, _LARGEST, limits)
