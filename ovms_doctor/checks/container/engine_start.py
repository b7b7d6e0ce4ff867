"""Mount sources that do not exist, and a user that the manifest forbids: the engine does not start the container, or
mounts an empty directory."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.inputs.image import user_is_a_name
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.container import Container, ContainerMount
from ovms_doctor.model.facts import Failure, StatHost
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.mounts import covering
from ovms_doctor.model.names import is_remote
from ovms_doctor.prediction.engine_start import (
    RefusedMountpoint,
    refused_mountpoints,
    refused_mounts,
    user_of_non_root,
)

BIND_SOURCE_MISSING = Code(
    code="OVD714",
    name="bind-source-missing",
    severity="error",
    summary="A path of the host that the container mounts does not exist",
    remedy="Correct the path, or create it with its content before the container is started.",
    log=(
        "bind source path does not exist: {path}",
        'invalid mount config for type "bind"',
    ),
    recovers="restart",
    releases=(
        "The behaviour is that of the engine, the same for all releases. With -v and in Compose's short "
        "form Docker creates an empty directory; with --mount, with create_host_path: false and with "
        "Podman the container is not started."
    ),
    see_also=("OVD716", "OVD403", "OVD713"),
    example=Example(
        "docker run -v /srv/config.jsn:/config.json … --config_path /config.json",
        "docker run -v /srv/config.json:/config.json … --config_path /config.json",
    ),
)

DEVICE_NODE_MISSING = Code(
    code="OVD715",
    name="device-node-missing",
    severity="error",
    summary="A device that the container is configured to use does not exist on the host",
    remedy="Load the device's driver on the host, or remove the device from the container's settings.",
    log=("error gathering device information while adding custom device",),
    recovers="restart",
    releases="The behaviour is that of the engine, the same for all releases.",
    see_also=("OVD713", "OVD731", "OVD732"),
    example=Example(
        "docker run --device /dev/dri …   on a host without /dev/dri", "docker run …   on the CPU"
    ),
)

VOLUME_KEY_MISSING = Code(
    code="OVD717",
    name="volume-key-missing",
    severity="error",
    summary="A volume names a key that its config map or secret does not have",
    remedy="Correct the key in the volume, or put it into the config map or secret.",
    log=("references non-existent config key: {key}", "references non-existent secret key: {key}"),
    releases="The behaviour is that of Kubernetes, the same for all releases.",
    see_also=("OVD714", "OVD405"),
    example=Example(
        "configMap: {name: ovms, items: [{key: confg.json, path: config.json}]}",
        "configMap: {name: ovms, items: [{key: config.json, path: config.json}]}",
    ),
)

NON_ROOT_NOT_VERIFIED = Code(
    code="OVD719",
    name="non-root-not-verified",
    severity="error",
    summary="The manifest forbids root, and the container's user is root or is not known to the kubelet",
    remedy="Set runAsUser to a number above 0 in the security context; 5000 is the user of OVMS's images.",
    log=(
        "container's runAsUser breaks non-root policy",
        "container has runAsNonRoot and image has non-numeric user",
        "container has runAsNonRoot and image will run as root",
    ),
    recovers="restart",
    releases="The behaviour is that of Kubernetes. The images of all releases have the user ovms, a name.",
    see_also=("OVD713", "OVD717"),
    example=Example(
        "securityContext: {runAsNonRoot: true}", "securityContext: {runAsNonRoot: true, runAsUser: 5000}"
    ),
)

MOUNTPOINT_REFUSED = Code(
    code="OVD725",
    name="mountpoint-refused",
    severity="error",
    summary="A mount inside another mount cannot be made at its path",
    remedy="Mount it at a path that is in no other mount, or create its path in the directory mounted above it.",
    log=("error mounting", "Are you trying to mount a directory onto a file (or vice-versa)?"),
    recovers="restart",
    releases="The behaviour is that of the container's runtime, the same for all releases.",
    see_also=("OVD714", "OVD718"),
    example=Example(
        "docker run -v /srv/models:/models:ro -v /srv/config.json:/models/config.json …",
        "docker run -v /srv/models:/models:ro -v /srv/config.json:/config.json …",
    ),
)

CODES = (
    BIND_SOURCE_MISSING,
    DEVICE_NODE_MISSING,
    VOLUME_KEY_MISSING,
    NON_ROOT_NOT_VERIFIED,
    MOUNTPOINT_REFUSED,
)


def check(context: Context, container: Container) -> Iterator[Finding]:
    """Yields findings on what the engine refuses; otherwise on each mount that it creates empty and that the server
    needs."""
    problem = context.plan.host_problem
    if problem is not None and problem.kind == "volume_key_missing":
        yield from (_missing_key(context, mount) for mount in container.mounts if mount.missing_key)
        return
    yield from _non_root(context, container)
    if problem is not None and problem.kind in ("bind_source_missing", "device_missing"):
        # The engine reports one of them at each start.
        yield from _refused(context, container)
        return
    if problem is not None and problem.kind == "mountpoint_refused":
        for point in refused_mountpoints(context.deployment, container, context.facts):
            yield _refused_point(context, point)
        return
    for mount in container.mounts:
        if mount.server in context.plan.created_mounts and _is_needed(context, container, mount):
            yield _created(context, mount)


def _refused(context: Context, container: Container) -> Iterator[Finding]:
    """Yields a finding on each source and device that is missing."""
    for mount in refused_mounts(context.deployment, container):
        if _is_missing(context, mount.host or ""):
            yield _refused_mount(context, container, mount)
    for device in container.device_sources:
        if _is_missing(context, device):
            yield _refused_device(context, device)


def _is_missing(context: Context, host: str) -> bool:
    answer = context.facts.get(StatHost(host))
    return isinstance(answer, Failure) and answer.missing


def _is_needed(context: Context, container: Container, mount: ContainerMount) -> bool:
    """Returns whether the server's configuration file, or a model without a served version, is below the path."""
    paths = []
    problem = context.plan.problem
    if problem is not None and problem.path and problem.kind.startswith("config_"):
        paths.append(problem.path)
    for model in context.plan.models:
        if not model.served and not model.versions and not is_remote(model.entry.base_path):
            paths.append(model.entry.base_path)
            paths += [model.graph.path] if model.graph is not None else []
    found = (covering(container.mounts, context.absolute(path)) for path in paths)
    return any(mounts and mounts[0].server == mount.server for mounts in found)


def _refused_mount(context: Context, container: Container, mount: ContainerMount) -> Finding:
    podman, host = container.engine == "podman", mount.host or ""
    message = f"{host}, which the container mounts at {mount.server}, does not exist on this host"
    detail = "The engine does not start the container: the server never runs, and its log is empty."
    if not podman:
        detail += f" It reports: bind source path does not exist: {host}"
    return context.finding(
        BIND_SOURCE_MISSING,
        message,
        path=mount.server,
        confidence="medium",
        detail=detail,
        evidence=(_missing(host),),
        recovers="restart",
        steps=_steps(host),
    )


def _created(context: Context, mount: ContainerMount) -> Finding:
    host = mount.host or ""
    return context.finding(
        BIND_SOURCE_MISSING,
        f"{host}, which the container mounts at {mount.server}, does not exist on this host: the engine "
        "creates an empty directory there, owned by root",
        path=mount.server,
        confidence="medium",
        detail=_then(context),
        evidence=(_missing(host),),
        recovers="restart",
        steps=_steps(host),
    )


def _then(context: Context) -> str:
    plan = context.plan
    if plan.outcome == "exits":
        code = "" if plan.exit_code is None else f" with exit code {plan.exit_code}"
        return f"The server finds the directory empty and ends{code}. The directory remains on the host."
    return (
        "The server finds it empty, and starts without the files that it needs. The directory remains on "
        "the host."
    )


def _refused_point(context: Context, point: RefusedMountpoint) -> Finding:
    mount, above = point.mount, point.above
    source = mount.host or (
        f"The volume {mount.name}" if mount.kind == "volume" and mount.name else f"A {mount.kind}"
    )
    message, reason = {
        "read_only": (
            f"{source} cannot be mounted at {mount.server}: {above.server} is mounted read-only from {above.host}, "
            "which does not have this path",
            "read-only file system",
        ),
        "directory_on_file": (
            f"{source}, which is a directory, cannot be mounted at {mount.server}: {point.host} is a file",
            "not a directory",
        ),
        "file_on_directory": (
            f"{source}, which is a file, cannot be mounted at {mount.server}: {point.host} is a directory",
            "not a directory",
        ),
    }[point.reason]
    create = _create_steps(point) if point.reason == "read_only" else ()
    return context.finding(
        MOUNTPOINT_REFUSED,
        message,
        path=mount.server,
        confidence="medium",
        detail=(
            "The engine does not start the container: the server never runs, and its log is empty. It reports an error "
            f"mounting {mount.server}: {reason}"
        ),
        evidence=(
            _missing(point.host)
            if point.reason == "read_only"
            else Evidence(message.rpartition(": ")[2], "stat on this host"),
        ),
        recovers="restart",
        steps=(
            Step(f"Mount it at a path outside of {above.server}, and give the server that path."),
            *create,
        ),
    )


def _create_steps(point: RefusedMountpoint) -> tuple[Step, ...]:
    """Returns the step that creates the missing path on which the source is mounted."""
    host = quote(point.host)
    command = {"regular": f"touch {host}", "directory": f"mkdir -p {host}"}.get(point.source_kind or "")
    text = "Or create the path on the host, as a place to mount on."
    return () if command is None else (Step(text, command, "host", "changes files"),)


def _refused_device(context: Context, device: str) -> Finding:
    return context.finding(
        DEVICE_NODE_MISSING,
        f"The device {device}, which the container is configured to use, does not exist on this host",
        confidence="medium",
        detail=(
            "The engine does not start the container: the server never runs, and its log is empty. It reports: error "
            f'gathering device information while adding custom device "{device}": no such file or directory'
        ),
        evidence=(_missing(device),),
        recovers="restart",
        steps=(
            Step(
                "List the devices.",
                f"ls -la {quote(posixpath.dirname(device))}",
                "host",
                "reads",
            ),
            Step(
                "Remove the device from the container's settings, or start the container on a host that "
                "has it."
            ),
        ),
    )


def _non_root(context: Context, container: Container) -> Iterator[Finding]:
    """Yields a finding if the kubelet refuses the container's user. A user that only the image has is refused too, but
    not on OpenShift, which sets a number; the manifest does not show where it is applied."""
    user = user_of_non_root(container)
    if user not in ("", "0") or (not user and not user_is_a_name(container.image)):
        return
    root = user == "0"
    message = "The manifest sets runAsNonRoot, and "
    message += (
        "runAsUser is 0"
        if root
        else "no runAsUser; the image's user is a name, which the kubelet cannot verify"
    )
    reason = (
        "container's runAsUser breaks non-root policy"
        if root
        else "container has runAsNonRoot and image has non-numeric user (ovms), cannot verify user is non-root"
    )
    agent = "The kubelet" if root else "Except on OpenShift, which sets a user id, the kubelet"
    yield context.finding(
        NON_ROOT_NOT_VERIFIED,
        message,
        severity="error" if root else "warning",
        confidence="high" if root else "medium",
        detail=(
            f"{agent} does not start the container: it stays in CreateContainerConfigError, with the message: {reason}"
        ),
        evidence=(
            Evidence(f"runAsNonRoot: true, runAsUser: {user or 'not set'}", "read in the manifest"),
            *(() if root else (Evidence(f"{container.image}: USER ovms", "known of OVMS's images"),)),
        ),
        recovers="restart",
        steps=(Step("Set the user id of OVMS's images: runAsUser: 5000.", None, "kubernetes"),),
    )


def _missing_key(context: Context, mount: ContainerMount) -> Finding:
    kind = "secret" if "secret" in mount.options else "config map"
    resource, word = ("secret", "secret") if kind == "secret" else ("configmap", "config")
    return context.finding(
        VOLUME_KEY_MISSING,
        f"The volume at {mount.server} names the key {mount.missing_key} of the {kind} {mount.name}, "
        "which does not have this key",
        path=mount.server,
        detail=(
            "The kubelet does not start the pod, and tries again: its containers stay in ContainerCreating, with the "
            f"event FailedMount, references non-existent {word} key: {mount.missing_key}"
        ),
        evidence=(Evidence(f"{kind} {mount.name}: no key {mount.missing_key}", "read in the manifest"),),
        steps=(
            Step(
                "List its keys in the cluster.",
                f"kubectl describe {resource} {quote(mount.name)}",
                "kubernetes",
                "reads",
            ),
            Step(
                f"Correct the key in the volume's items, or put {mount.missing_key} into the {kind}.",
                None,
                "kubernetes",
            ),
        ),
    )


def _missing(host: str) -> Evidence:
    return Evidence(f"{host}: no such file or directory", "stat on this host")


def _steps(host: str) -> tuple[Step, ...]:
    above = posixpath.dirname(host.rstrip("/")) or "/"
    return (
        Step(
            "Check the spelling of the path, including upper and lower case.",
            f"ls -la {quote(above)}",
            "host",
            "reads",
        ),
        Step("Correct the path, or create it with its content, and start the container again."),
    )
