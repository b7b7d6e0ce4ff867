"""Remedies for facts that could not be collected: by what is missing, a mount, a volume's content, a package,
rights."""

from __future__ import annotations

import re

from msgspec import Struct

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.container import Container, ContainerMount, engine_program
from ovms_doctor.model.findings import Step
from ovms_doctor.model.mounts import covering
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.pattern import lazy_pattern

#: A package that this Python lacks, as the reason names it.
_PACKAGE = lazy_pattern(r"(?:pip install |Python package )(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)")
_COPY = "./copy"


class FactRemedy(Struct, frozen=True):
    """How the fact can be collected."""

    #: The remedy as a sentence; empty for the remedy of the code.
    summary: str = ""
    #: The steps, if there are commands.
    steps: tuple[Step, ...] = ()


def remedy_for(context: Context, cause: CouldNotLook) -> FactRemedy:
    """Returns the remedy for a fact that could not be collected; an empty one if the code's own fits."""
    package = _PACKAGE.search(cause.reason)
    if package is not None:
        return _install(package["name"])
    for part, summary in _BY_REASON:
        if part in cause.reason:
            return FactRemedy(summary)
    if is_remote(cause.path) or cause.path.startswith("--") or context.deployment.bare_metal:
        return FactRemedy()
    container, path = context.deployment.container, context.absolute(cause.path)
    if context.deployment.mount_table.unavailable(path) is None and "not under any mount" not in cause.reason:
        return FactRemedy()
    if container is None:
        return FactRemedy(f"Name the path of {path} on this host: --mount HOST:{path}.")
    mounts = covering(container.mounts, path)
    return _of_mount(container, mounts[0]) if mounts else _of_image(container, path)


def _install(package: str) -> FactRemedy:
    command = f"python3 -m pip install {package}"
    text = f"Install the Python package {package} beside ovms-doctor, and run it again."
    return FactRemedy(text, (Step(text, command, "host", "changes files"),))


_COLLECT_AGAIN = "Collect the facts again on the server's host, with this release: ovms-doctor collect."
#: Part of a reason → its remedy.
_BY_REASON = (
    ("not among the recorded facts", _COLLECT_AGAIN),
    ("nothing was examined", _COLLECT_AGAIN),
    ("interrupted", "Run it again until it ends."),
    ("file of a secret", "Save the secret's file on this host, and name it with --mount FILE:PATH."),
    (
        "custom loader",
        "Read in the server's log how the custom loader loads the model: ovms-doctor does not run it.",
    ),
    ("is not followed", "Read the result in the server's log."),
    ("it is larger than", "Shorten the file, or split what it configures."),
    (
        "lacks a library here",
        "Install OpenVINO's library of that device on this host, or read in the server's log how the model loads.",
    ),
    (
        "which GPUs and NPUs",
        "Run ovms-doctor on the server's host, or read the deployment of a container with --container.",
    ),
)


def _of_mount(container: Container, mount: ContainerMount) -> FactRemedy:
    """Returns the remedy for a path in a mount, by the kind of the mount."""
    server, kubernetes = mount.server, container.source == "kubernetes"
    named = Step(
        "Then name the copy.", f"ovms-doctor check … --mount {_COPY}:{quote(server)}", "host", "reads"
    )
    if mount.kind == "config":
        kind = "Secret" if "secret" in mount.options else "ConfigMap"
        if not kubernetes or not mount.name or "projected" in mount.options:
            return FactRemedy(f"Save the files that the server has at {server}, and name the copy.", (named,))
        text = f"Put the {kind} {mount.name} into the manifest, or save its files and name the copy."
        command = f"kubectl get {kind.lower()} {quote(mount.name)} -o yaml"
        return FactRemedy(text, (Step(text, command, "kubernetes", "reads"), named))
    if mount.kind == "tmpfs":
        return FactRemedy(
            f"{server} is empty until something in the container writes there: inspect the container."
        )
    if kubernetes:
        text = f"Copy what the pod has at {server}, and name the copy."
        command = f"kubectl cp POD:{quote(server)} {_COPY}"
        if container.name:
            command += f" -c {quote(container.name)}"
        return FactRemedy(text, (Step(text, command, "kubernetes", "reads"), named))
    if mount.kind == "volume" and mount.name:
        engine = engine_program(container.engine)
        text = f"Copy the content of the volume {mount.name}, and name the copy."
        command = f"{engine} volume inspect --format '{{{{.Mountpoint}}}}' {quote(mount.name)}"
        locate = Step(
            "Find the volume's directory on its host; root can read it there.", command, "host", "reads"
        )
        copy = _copy_step(container, server)
        return FactRemedy(text, (locate, *((copy,) if copy else ()), named))
    if mount.kind == "bind":
        host = f" of {mount.host}" if mount.host else ""
        return FactRemedy(
            f"Run ovms-doctor on the container's host, or name a copy{host} on this one: --mount HOST:{server}."
        )
    return FactRemedy(f"Name a copy of what is mounted at {server}: --mount HOST:{server}.", (named,))


def _of_image(container: Container, path: str) -> FactRemedy:
    """Returns the remedy for a path under no mount, which is part of the image."""
    text = f"Mount {path} from the host, or copy it out of the image and name the copy."
    named = Step("Then name the copy.", f"ovms-doctor check … --mount {_COPY}:{quote(path)}", "host", "reads")
    if container.source == "kubernetes":
        return FactRemedy(
            text, (Step(text, f"kubectl cp POD:{quote(path)} {_COPY}", "kubernetes", "reads"), named)
        )
    copy = _copy_step(container, path)
    if copy is None and container.image:
        engine = engine_program(container.engine)
        create = f"id=$({engine} create {quote(container.image)})"
        command = f"{create} && {engine} cp $id:{quote(path)} {_COPY}; {engine} rm $id"
        copy = Step("Copy it out of the image.", command, "host", "changes files")
    return FactRemedy(text, (copy, named) if copy else (named,))


def _copy_step(container: Container, path: str) -> Step | None:
    """Returns the step that copies the path out of the container; None if there is no container."""
    if container.source not in ("docker", "inspect") or not (container.name or container.id):
        return None
    engine = engine_program(container.engine)
    name = quote(container.name or re.sub(r"\W.*", "", container.id)[:12])
    return Step(
        "Copy it out of the container.", f"{engine} cp {name}:{quote(path)} {_COPY}", "host", "changes files"
    )
