"""Links that lead out of the target or of the mounts, and key files outside of them: the container does not have these
files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from msgspec import Struct

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.facts import PathStatus, StatPath
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.plan_problems import OutsideFile

LINK_LEAVES_TARGET = Code(
    code="OVD124",
    name="link-leaves-target",
    severity="warning",
    summary="A symbolic link leads out of the directory that is mounted into the container",
    remedy=(
        "Copy the files in place of the link, make it a relative link within the mounted directory, "
        "or mount the link's destination at the same path."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD106", "OVD313"),
    example=Example("m/1/model.onnx -> /home/me/model.onnx", "m/1/model.onnx"),
)

FILE_OUTSIDE_MOUNTS = Code(
    code="OVD126",
    name="file-outside-mounts",
    severity="error",
    summary=(
        "Files that the server needs are not in the container: links lead to them, or variables and options name "
        "them, and no mount covers them"
    ),
    remedy="Mount the directories of these files at the paths that lead to them, or copy the files into a mount.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD106", "OVD124", "OVD313", "OVD640"),
    example=Example(
        "docker run -v /srv/models:/models …\n/srv/models/m/1/model.onnx -> /data/model.onnx",
        "docker run -v /srv/models:/models -v /data:/data:ro …",
    ),
)


CODES = (LINK_LEAVES_TARGET, FILE_OUTSIDE_MOUNTS)
_SHOWN = 8
_MAPPING = "mapping_config.json"
#: Without these files the server ends.
_ENDS = ("GOOGLE_APPLICATION_CREDENTIALS", "--api_key_file")


def check(context: Context) -> Iterator[Finding]:
    """Yields one finding for each version with files outside of all named directories; if the mounts are known, one for
    all files outside of them."""
    if context.plan.outside_files:
        yield _outside_mounts(context, context.plan.outside_files)
    yield from _outside_targets(context)


def _outside_targets(context: Context) -> Iterator[Finding]:
    deployment = context.deployment
    if deployment.bare_metal or deployment.mounts or context.plan.config_path is not None:
        return
    inside = []
    for target in deployment.targets:
        # A target that is a link, or is below a link, is mounted as the link's target.
        real = _real(context, target.path)
        inside += [target.path.rstrip("/"), *([real] if real else [])]
    if not inside:
        return
    found = [
        _LeavingLink(model, version.attempt, path, real)
        for model in context.plan.models
        for version in model.versions
        if version.attempt is not None
        for path, real in _leaves(context, model, version.attempt, inside)
    ]
    # A link above several versions counts once.
    leaving = list({link.path: link for link in reversed(found)}.values())[::-1]
    if len(leaving) == 1:
        yield _finding(context, leaving[0])
    elif leaving:
        yield _several(context, leaving)
    for model in context.plan.models:
        if model.followed is not None and model.followed.verdict == "available":
            yield from _of_graph(context, model, inside)


#: The files of a generative model that are checked for links: in a snapshot of a cache all files are links.
_OF_GRAPHS = (
    "graph.pbtxt",
    "openvino_model.bin",
    "openvino_language_model.bin",
    "openvino_encoder_model.bin",
    "openvino_tokenizer.bin",
    "model_index.json",
    "config.json",
)


def _of_graph(context: Context, model: ModelPlan, inside: list[str]) -> Iterator[Finding]:
    """Yields the finding on the first file of a graph's model that leads out through a link."""
    base = model.entry.base_path
    for name in _OF_GRAPHS:
        path = f"{base.rstrip('/')}/{name}"
        real = _real(context, path)
        if real is None or any(real == root or real.startswith(root + "/") for root in inside):
            continue
        host = context.host(base).rstrip("/")
        # In a cache of Hugging Face the files are next to the snapshots, in the model's own directory.
        in_cache = posixpath.basename(posixpath.dirname(real)) == "blobs"
        above = posixpath.dirname(posixpath.dirname(real) if in_cache else real)
        yield context.finding(
            LINK_LEAVES_TARGET,
            f"{path} is a link to {real}, which is outside of the named directories",
            model=model.entry.name,
            path=path,
            base=base,
            confidence="medium",
            detail="In a container that mounts only the target, the destination does not exist.",
            evidence=(Evidence(f"{path} → {real}", "realpath on this host"),),
            recovers="restart",
            steps=(
                Step(
                    "Mount the directory that holds both.",
                    f"-v {quote(above)}:{quote(above)}:ro",
                    "docker run",
                    "restarts the server",
                ),
                Step(
                    "Or copy the target, replace the links with copies of their destinations, and use the "
                    "copy.",
                    f"cp -rL -- {quote(host)} {quote(host + '.copy')}",
                    "host",
                    "changes files",
                ),
            ),
        )
        return


class _LeavingLink(Struct, frozen=True):
    """A path of a version that leads out of the targets through a link."""

    model: ModelPlan
    attempt: Attempt
    path: str
    #: Its resolved path.
    real: str


def _real(context: Context, path: str) -> str | None:
    """Returns the resolved path; None if there are no links in the path, or if they were not followed."""
    status = context.facts.get(StatPath(context.absolute(path)))
    return status.resolved if isinstance(status, PathStatus) else None


def _leaves(
    context: Context, model: ModelPlan, attempt: Attempt, inside: list[str]
) -> Iterator[tuple[str, str]]:
    """Yields the outermost paths of this version that lead out through a link: a directory, or each of its files."""

    def leaving(path: str) -> str | None:
        real = _real(context, path)
        within = real is None or any(real == root or real.startswith(root + "/") for root in inside)
        return None if within else real

    for path in (model.entry.base_path, attempt.path):
        real = leaving(path)
        if real is not None:
            yield path, real
            return
    for path in dict.fromkeys((*attempt.opened, f"{attempt.path}/{_MAPPING}")):
        real = leaving(path)
        if real is not None:
            yield path, real


def _several(context: Context, links: list[_LeavingLink]) -> Finding:
    """Returns the finding on several links, with the steps for all of them: their targets are mounted together, or
    copied."""
    models = {link.model.entry.name for link in links}
    versions = {(link.model.entry.name, link.attempt.version) for link in links}
    pairs = _outermost(_to_mount(link.real, link.real) for link in links)
    target = next(
        (
            one.path
            for one in context.deployment.targets
            if f"{links[0].path}/".startswith(f"{one.path.rstrip('/')}/")
        ),
        links[0].path,
    )
    return context.finding(
        LINK_LEAVES_TARGET,
        f"{len(links)} links lead out of the named directories, to "
        f"{', '.join(host for host, _ in pairs[:_SHOWN])}",
        model=links[0].model.entry.name if len(models) == 1 else None,
        version=links[0].attempt.version if len(versions) == 1 else None,
        path=links[0].path,
        base=links[0].model.entry.base_path if len(models) == 1 else None,
        confidence="medium",
        detail="In a container that mounts only the target, the destinations do not exist, unless they "
        "are mounted at the same paths.",
        evidence=tuple(
            Evidence(f"{link.path} → {link.real}", "realpath on this host") for link in links[:_SHOWN]
        ),
        recovers="restart",
        steps=(
            Step(
                "Copy the target, replace the links with copies of their destinations, and use the copy.",
                f"cp -rL -- {quote(target)} {quote(target.rstrip('/') + '.copy')}",
                "host",
                "changes files",
            ),
            Step(
                "Or mount their destinations too.",
                " ".join(f"-v {quote(f'{host}:{server}:ro')}" for host, server in pairs),
                "docker run",
                "restarts the server",
            ),
        ),
    )


def _finding(context: Context, link: _LeavingLink) -> Finding:
    model, attempt, path, real = link.model, link.attempt, link.path, link.real
    host = quote(context.host(path))
    return context.finding(
        LINK_LEAVES_TARGET,
        f"{path} is a link to {real}, which is outside of the named directories",
        model=model.entry.name,
        version=attempt.version,
        path=path,
        base=model.entry.base_path,
        confidence="medium",
        detail="In a container that mounts only the target, the destination does not exist, unless it is "
        "mounted at the same path.",
        evidence=(Evidence(f"{path} → {real}", "realpath on this host"),),
        recovers="restart",
        steps=(
            Step(
                "Replace the link with a copy of its destination.",
                f"rm {host} && cp -rL -- {quote(real)} {host}",
                "host",
                "changes files",
            ),
            Step(
                "Or mount its destination too.",
                f"-v {quote(real)}:{quote(real)}:ro",
                "docker run",
                "restarts the server",
            ),
        ),
    )


# -- files outside of known mounts ----------------------------------------------------------------------


def _outside_mounts(context: Context, files: tuple[OutsideFile, ...]) -> Finding:
    """Returns the finding on the files, with the steps for all of them: their directories are mounted together."""
    models = {file.model for file in files}
    first = files[0]
    needed = any(file.use == "model" or file.named_by in _ENDS for file in files)
    return context.finding(
        FILE_OUTSIDE_MOUNTS,
        _message(files),
        model=first.model if len(models) == 1 else None,
        path=first.path,
        severity="error" if needed else "warning",
        confidence="high"
        if all(file.certain for file in files) and context.deployment.release.recorded
        else "medium",
        detail=_detail(files),
        evidence=tuple(
            Evidence(_evidence(file), "readlink and the mounts of the deployment") for file in files[:_SHOWN]
        ),
        recovers="restart",
        steps=_steps(context, files),
    )


def _message(files: tuple[OutsideFile, ...]) -> str:
    first = files[0]
    if len(files) > 1:
        return (
            f"{len(files)} files are not in the container: no mount covers "
            f"{', '.join(sorted({posixpath.dirname(file.target) or '/' for file in files})[:_SHOWN])}"
        )
    if first.named_by:
        return f"{first.named_by} names {first.path}, which is not in the container: no mount covers it"
    return f"{first.path} is a link to {first.target}, which is not in the container: no mount covers it"


def _detail(files: tuple[OutsideFile, ...]) -> str:
    sentences = []
    if any(file.use == "model" for file in files):
        sentences.append("For the server the destinations of the links do not exist.")
    if any(file.use == "mapping" for file in files):
        sentences.append("The server ignores a mapping_config.json that it does not find, without a message.")
    if any(file.use == "key" for file in files):
        sentences.append("The server does not find these credentials or keys.")
    return " ".join(sentences)


def _evidence(file: OutsideFile) -> str:
    host_note = "" if file.host is None else f", on this host {file.host}"
    if file.named_by:
        return f"{file.named_by}={file.path}: not on a mount" + (
            "" if file.host else ", and not on this host"
        )
    return f"{file.path} → {file.target}{host_note or ', which is not on this host either'}"


def _outermost(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns the mounts, host path and server path, without those that another one contains."""
    kept: list[tuple[str, str]] = []
    for host, server in sorted(set(pairs)):
        if not any(
            host.startswith(f"{above}/") and server == top + host[len(above) :] for above, top in kept
        ):
            kept.append((host, server))
    return kept


def _steps(context: Context, files: tuple[OutsideFile, ...]) -> tuple[Step, ...]:
    """Returns the steps: mounts of the directories that exist on this host; copies if there are links."""
    container = context.deployment.container
    source = "docker-run" if container is None else container.source
    pairs = _outermost({_to_mount(file.host, file.target) for file in files if file.host is not None})
    steps: list[Step] = []
    if source == "kubernetes" or not pairs:
        text = "Mount a volume with these files at the paths where the server expects them."
        steps.append(Step(text, None, "kubernetes" if source == "kubernetes" else None))
    elif source == "compose":
        listed = ", ".join(f'"{host}:{server}:ro"' for host, server in pairs)
        steps.append(Step("Mount them too.", f"volumes: [{listed}]", "compose", "restarts the server"))
    else:
        listed = " ".join(f"-v {quote(f'{host}:{server}:ro')}" for host, server in pairs)
        steps.append(Step("Mount them too.", listed, "docker run", "restarts the server"))
    linked = [file for file in files if not file.named_by]
    if linked and all(file.host for file in linked):
        tops = sorted({_top(context, file) for file in linked})
        steps += (
            Step(
                "Or replace the links with copies of their destinations: copy the directory in this way, "
                "and mount the copy.",
                f"cp -rL -- {quote(top)} {quote(top.rstrip('/') + '.copy')}",
                "host",
                "changes files",
            )
            for top in tops[:1]
        )
    return tuple(steps)


def _to_mount(host: str, server: str) -> tuple[str, str]:
    """Returns the host's directory to mount and its server path; the file itself if its name differs."""
    if posixpath.basename(host) == posixpath.basename(server) and posixpath.dirname(server) != "/":
        return posixpath.dirname(host), posixpath.dirname(server)
    return host, server


def _top(context: Context, file: OutsideFile) -> str:
    """Returns the mount on this host that contains a link."""
    mount = context.deployment.mount_table.mount_of(file.path)
    return context.host(file.path) if mount is None else mount.host
