"""Reads the output of ``docker inspect`` and ``podman inspect``, from the engine or from a file.

Every field may be missing, null or of another type; then its value is unknown. Values of variables are not kept.
Formats: the Engine API (ContainerInspect, up to 1.51), and Podman's define.InspectContainerData (2 to 5).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.command import server_command
from ovms_doctor.inputs.engine_values import for_message
from ovms_doctor.inputs.image import release_of
from ovms_doctor.inputs.inspect import parts
from ovms_doctor.inputs.redacted_container import without_secrets
from ovms_doctor.inputs.untyped import items, objects, string, strings, table
from ovms_doctor.model.container import Container, Engine, Source
from ovms_doctor.model.environment import variables
from ovms_doctor.model.text import HIDDEN

#: Labels that are about OVMS: those of its own images (Dockerfile.ubuntu, Dockerfile.redhat).
_LABELS = ("name", "vendor", "version", "release", "supported-devices", "base-image", "bazel-build-flags")
_PODMAN = (
    "ImageName",
    "BoundingCaps",
    "EffectiveCaps",
    "OCIRuntime",
    "OCIConfigPath",
    "ConmonPidFile",
    "IsInfra",
)
_LONGEST_LINE = 4000
_API_KEY = "API key: "


def read_text(data: bytes) -> Any:
    """Returns the JSON document in ``data``, in any encoding. Raises DocumentError for other data."""
    if not data.strip():
        raise DocumentError("It is empty: the output of docker inspect is a JSON document.")
    try:
        return json.loads(data.decode(json.detect_encoding(data), "surrogateescape"))
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
            raise DocumentError(
                f"The JSON document is incomplete ({position}): it was not saved completely."
            ) from None
        raise DocumentError(
            f"It is not JSON ({position}: {error.msg}); docker inspect writes only JSON."
        ) from None
    except (ValueError, RecursionError):
        raise DocumentError("It is not JSON as docker inspect writes it.") from None


def read_inspect(
    document: Any,
    *,
    source: Source,
    source_name: str,
    log: Sequence[str] = (),
    info: Mapping[str, Any] | None = None,
) -> Container:
    """Returns the container that ``document``, the parsed output of inspect, describes. Raises DocumentError for
    another document.

    ``log``: first and last lines of the container's output.
    ``info``: the engine's ``docker info`` (SecurityOptions, DockerRootDir, ServerVersion, OperatingSystem,
        Components), with, if they are known: ``IdMap``, rows of a process' uid_map, and ``Problems``, sentences about
        failed queries.
    """
    data = _only_container(document)
    engine_info = info if isinstance(info, Mapping) else {}
    config, host = table(data, "Config"), table(data, "HostConfig")
    engine = _engine(data, engine_info)
    image = string(data, "ImageName") or string(config, "Image") or string(data, "Image")
    labels = _labels(config)
    lines = tuple(_line(line) for line in log)
    release, release_from = release_of(image, labels, lines)
    pairs = _environment(config)
    working_directory = string(config, "WorkingDir")
    program = _program(data, config)
    server = server_command(
        *program, image, environment=dict(pairs), working_directory=working_directory or "/"
    )
    namespaced, id_map = parts.namespace(data, host, engine, engine_info)
    state = parts.state(data)
    running = state is not None and state.status in ("running", "paused")
    layers, merged = parts.layers(data, running=running)
    mounts = parts.mounts(data, host, engine, engine_info)
    container = Container(
        source=source,
        source_name=source_name,
        name=string(data, "Name").removeprefix("/"),
        id=string(data, "Id") or string(data, "ID"),
        engine=engine,
        image=image,
        labels=labels,
        release=release,
        release_from=release_from,
        program=server.program,
        arguments=server.arguments,
        arguments_unavailable=server.unavailable,
        user=parts.word(config, "User"),
        groups=tuple(filter(None, (parts.word({"": item}, "") for item in items(host, "GroupAdd")))),
        working_directory=working_directory,
        mounts=mounts,
        ports=parts.ports(data, host),
        network=parts.network(host),
        environment=variables(pairs),
        environment_names=tuple(dict.fromkeys(name for name, _ in pairs)),
        limits=parts.limits(host),
        devices=parts.devices(host),
        device_requests=parts.device_requests(host),
        restart=parts.restart(host),
        probes=parts.probes(config),
        read_only_root=host.get("ReadonlyRootfs") is True,
        privileged=host.get("Privileged") is True,
        capabilities_dropped=parts.capabilities_dropped(host),
        first_open_port=parts.open_port(host),
        security=parts.security(data, host),
        user_namespace=namespaced,
        id_map=id_map,
        state=state,
        layers=layers,
        merged_directory=merged,
        log=lines,
        problems=_problems(data, release, engine_info),
        unknown_fields=_unknown_fields(data),
    )
    return without_secrets(container)


def _only_container(document: Any) -> Mapping[str, Any]:
    """Returns the only object that describes a container. Raises DocumentError, which names the kind of another
    document."""
    found = document if isinstance(document, list) else [document]
    if not found:
        raise DocumentError("It is an empty list: docker inspect found no container with that name.")
    if not all(isinstance(item, dict) for item in found):
        raise DocumentError("It is not what docker inspect writes: a list of JSON objects.")
    if len(found) > 1:
        names = [for_message(string(item, "Name").removeprefix("/")) or "(no name)" for item in found]
        listed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        raise DocumentError(
            f"It describes {len(found)} objects ({listed}): save the output of docker inspect for one "
            "container only."
        )
    data: dict[str, Any] = found[0]
    if "apiVersion" in data or "kind" in data:
        raise DocumentError("It is a Kubernetes object, not the output of docker inspect: use --kubernetes.")
    if "services" in data:
        raise DocumentError("It is a Compose document, not the output of docker inspect: use --compose.")
    if "RepoTags" in data or "RepoDigests" in data:
        raise DocumentError("It describes an image, not a container: inspect the container that runs it.")
    if "Mountpoint" in data and "Driver" in data:
        raise DocumentError("It describes a volume, not a container.")
    if "IPAM" in data:
        raise DocumentError("It describes a network, not a container.")
    if "info" in data and "status" in data:
        raise DocumentError(
            "It is the output of crictl, not of Docker or Podman: use --kubernetes with the pod's document."
        )
    if "Names" in data:
        raise DocumentError(
            "It is a list of containers (docker ps), which does not contain enough. Use the output of "
            "docker inspect."
        )
    if not isinstance(data.get("Config"), dict) and not isinstance(data.get("HostConfig"), dict):
        raise DocumentError("It does not describe a container: it has neither Config nor HostConfig.")
    return data


def _engine(data: Mapping[str, Any], info: Mapping[str, Any]) -> Engine:
    components = (string(item, "Name") for item in objects(info, "Components"))
    podman = any(key in data for key in _PODMAN) or any("podman" in name.lower() for name in components)
    return "podman" if podman else "docker"


def _labels(config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    labels = table(config, "Labels")
    return tuple(
        (name, labels[name][:200]) for name in _LABELS if isinstance(labels.get(name), str) and labels[name]
    )


def _environment(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = (item.partition("=") for item in items(config, "Env") if isinstance(item, str))
    return [(name, value) for name, _, value in pairs if name]


def _program(data: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Returns entrypoint and command of the container, not of its image. Until 5.0 podman's inspect joined the
    arguments of an entrypoint with blanks, so that the actual command line (Path, Args) is more exact."""
    entrypoint, command = config.get("Entrypoint"), strings(config, "Cmd")
    if isinstance(entrypoint, str) or (not entrypoint and not command):
        path = string(data, "Path")
        if path:
            return [path], strings(data, "Args")
        return entrypoint.split() if isinstance(entrypoint, str) else [], command
    return strings(config, "Entrypoint"), command


def _line(line: str) -> str:
    """Returns a line of the log without the secrets that OVMS writes (the API key at level TRACE, server.cpp)."""
    before, key, _ = line[:_LONGEST_LINE].partition(_API_KEY)
    return before + key + HIDDEN if key else before


def _unknown_fields(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the fields whose values are in the missing part of the document."""
    found = [] if isinstance(data.get("Mounts"), list) else ["mounts"]
    if not isinstance(data.get("Config"), dict):
        found += ["user", "working_directory", "environment", "environment_names", "labels", "probes"]
    if not isinstance(data.get("HostConfig"), dict):
        found += ["groups", "limits", "devices", "restart", "ports"]
    return tuple(found)


def _problems(data: Mapping[str, Any], release: str | None, info: Mapping[str, Any]) -> tuple[str, ...]:
    found = [item for item in items(info, "Problems") if isinstance(item, str)]
    if release is None:
        found.append(
            "Neither the container's log nor a label or the tag of its image shows the release of OVMS. "
            "Set it with --ovms-version."
        )
    for key, content in (("Mounts", "what is mounted"), ("HostConfig", "its limits"), ("State", "its state")):
        if data.get(key) is None:
            found.append(f"The document has no {key}: {content} is not known.")
    return tuple(found)
