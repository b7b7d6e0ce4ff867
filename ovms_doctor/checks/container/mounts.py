"""Mounts over the models: empty directories of the host, and volumes that hide the models."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.container import Container, ContainerMount
from ovms_doctor.model.facts import ListDirectory, Listing
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.mounts import covering
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.plan import ModelPlan

MOUNT_EMPTY = Code(
    code="OVD716",
    name="mount-empty",
    severity="error",
    summary="The directory that is mounted for the models is empty",
    remedy="Mount the directory that has the models; check the spelling of its path.",
    recovers="next_poll",
    releases="The same in all releases.",
    see_also=("OVD101", "OVD106"),
    example=Example(
        "docker run -v /srv/modles:/models …\n/srv/modles/   created by the engine, empty",
        "docker run -v /srv/models:/models …",
    ),
)

MOUNT_HIDES_MODELS = Code(
    code="OVD718",
    name="mount-hides-models",
    severity="error",
    summary="A volume or tmpfs is mounted over the models, or over the configuration file, and hides them",
    remedy="Remove that mount, or move it to another path.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD106", "OVD716"),
    example=Example(
        "docker run -v /srv/models:/models --tmpfs /models/m … --model_path /models/m",
        "docker run -v /srv/models:/models … --model_path /models/m",
    ),
)


CODES = (MOUNT_EMPTY, MOUNT_HIDES_MODELS)


def check(context: Context, container: Container) -> Iterator[Finding]:
    """Yields findings on a configuration file that a volume hides, and on each local model whose mount is empty."""
    if context.plan.hidden_config is not None:
        yield _hidden_config(context, container, context.plan.hidden_config)
    for model in context.plan.models:
        if not is_remote(model.entry.base_path):
            yield from _model(context, container, model)


def _model(context: Context, container: Container, model: ModelPlan) -> Iterator[Finding]:
    """Yields a finding if the mount of the model is empty, alone or over a mount that is not empty."""
    mounts = covering(container.mounts, context.absolute(model.entry.base_path))
    if not mounts or "mounts" in container.unknown_fields or model.versions:
        return
    top = mounts[0]
    below = next((mount for mount in mounts[1:] if mount.kind == "bind"), None)
    empty = _is_empty(context, model, top.server)
    # Other containers of a pod can fill a volume first; with an engine a tmpfs is empty when the server starts.
    in_memory = top.kind == "tmpfs" and container.source != "kubernetes"
    if below is not None and (in_memory or (top.kind == "volume" and empty)):
        yield _hidden(context, model, top, below)
    elif top.server in context.plan.created_mounts:
        # Another finding reports that its source does not exist.
        return
    elif top.kind == "bind" and empty and top.host is not None:
        yield _empty(context, container, model, top)


def _hidden_config(context: Context, container: Container, host: str) -> Finding:
    """Returns the finding on a hidden configuration file. The volume may contain a copy of the file, which is not
    known."""
    path = context.absolute(context.deployment.config_path or "")
    upper = covering(container.mounts, path)[0]
    kind = "a tmpfs" if upper.kind == "tmpfs" else f"the volume {upper.name or '(without a name)'}"
    return context.finding(
        MOUNT_HIDES_MODELS,
        f"{kind[0].upper()}{kind[1:]} is mounted at {upper.server} and hides {host}: the server reads {path} from it",
        path=path,
        severity="error" if upper.kind == "tmpfs" else "warning",
        confidence="medium",
        detail="If the file is not in it, the server ends with exit code 1.",
        evidence=(
            Evidence(
                f"{host} exists, {kind} at {upper.server}",
                "stat on this host, the deployment's mounts",
            ),
        ),
        recovers="restart",
        steps=(Step(f"Remove the mount at {upper.server}, or put the configuration file into it."),),
    )


def _is_empty(context: Context, model: ModelPlan, path: str) -> bool:
    """Whether a directory is known to be empty."""
    answer = context.facts.get(ListDirectory(path))
    if context.absolute(model.entry.base_path).rstrip("/") == path.rstrip("/"):
        answer = model.detection.listing or answer
    return isinstance(answer, Listing) and not answer.entries


def _hidden(context: Context, model: ModelPlan, upper: ContainerMount, below: ContainerMount) -> Finding:
    kind = "a tmpfs" if upper.kind == "tmpfs" else f"the volume {upper.name or '(without a name)'}"
    source = below.host or below.name
    return context.finding(
        MOUNT_HIDES_MODELS,
        f"{kind[0].upper()}{kind[1:]} is mounted at {upper.server} and hides the content of {source}: it is empty",
        model=model.entry.name,
        path=upper.server,
        base=model.entry.base_path,
        confidence="medium",
        detail=context.failure_effect(model),
        log=model.detection.log,
        evidence=(
            Evidence(f"{source} at {below.server}, {kind} at {upper.server}", "the deployment's mounts"),
        ),
        recovers="restart",
        steps=(Step(f"Remove the mount at {upper.server}, or move it to another path."),),
    )


def _empty(context: Context, container: Container, model: ModelPlan, mount: ContainerMount) -> Finding:
    host = mount.host or ""
    created = mount.created_by_engine and container.source != "kubernetes"
    hint = (
        " The engine creates a path that does not exist as an empty directory, owned by root."
        if created
        else ""
    )
    return context.finding(
        MOUNT_EMPTY,
        f"{host} is mounted at {mount.server}, and is empty",
        model=model.entry.name,
        path=mount.server,
        base=model.entry.base_path,
        detail=f"{context.failure_effect(model)}{hint}",
        log=model.detection.log,
        evidence=(Evidence(f"{mount.server}: no entries", "list"),),
        recovers=context.recovers(),
        steps=(
            Step(
                "Check the spelling of the path, including upper and lower case.",
                f"ls -la {quote(posixpath.dirname(host.rstrip('/')) or '/')}",
                "host",
                "reads",
            ),
            Step("Mount the directory with the models, or copy them there."),
        ),
    )
