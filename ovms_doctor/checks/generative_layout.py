"""Directories of generative models that the server reads in another way than intended."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.generative_steps import steps_for, write_graph
from ovms_doctor.checks.path_advice import listed, mount_causes
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.facts import Failure, ListDirectory, Listing, PathStatus, StatPath
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Step
from ovms_doctor.model.graph_plan import GenerativeDirectory
from ovms_doctor.model.names import is_plain_number, is_remote
from ovms_doctor.model.plan import ModelPlan

GRAPH_MISSING = Code(
    code="OVD381",
    name="graph-missing",
    severity="error",
    summary="The directory of a generative model has no graph.pbtxt, so the server loads it as a classic model",
    remedy="Put a graph.pbtxt beside the model, or start the server with --task.",
    log=(server_log.NO_VERSION,),
    recovers="config_change",
    releases=(
        "A graph.pbtxt in the model's directory counts since 2025.1; before, only mediapipe_config_list makes a graph. "
        "Started alone, --task replaces it since 2026.2, a config.json since 2026.3."
    ),
    see_also=("OVD101", "OVD365"),
    example=Example(
        "m/openvino_model.xml\nm/openvino_tokenizer.xml",
        "m/graph.pbtxt\nm/openvino_model.xml\nm/openvino_tokenizer.xml",
    ),
)
GENERATIVE_AS_CLASSIC = Code(
    code="OVD382",
    name="generative-as-classic",
    severity="warning",
    summary="A version directory holds a generative model: the server serves one of its files as a classic model",
    remedy="Move the files out of the version directory and put a graph.pbtxt beside them.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD381",),
    example=Example(
        "m/1/openvino_model.xml\nm/1/openvino_tokenizer.xml", "m/graph.pbtxt\nm/openvino_model.xml"
    ),
)
CONFIG_HIDES_VERSIONS = Code(
    code="OVD383",
    name="config-hides-versions",
    severity="error",
    summary=(
        "A config.json beside the version directories makes the server build a graph and ignore the versions"
    ),
    remedy="Move config.json and model_index.json out of the model's directory.",
    recovers="restart",
    releases="In single-model mode, since 2026.3.",
    see_also=("OVD408", "OVD122"),
    example=Example("m/config.json\nm/1/model.xml", "m/1/config.json\nm/1/model.xml"),
)
LINKS_LEAD_NOWHERE = Code(
    code="OVD384",
    name="links-lead-nowhere",
    severity="error",
    summary="The model's files are links into a cache that the server does not see",
    remedy="Mount the whole directory of the model in the cache, or copy the files in place of the links.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD366", "OVD124"),
    example=Example(
        "-v …/hub/models--O--M/snapshots/0123:/models/m", "-v …/hub/models--O--M:/models/cache:ro"
    ),
)
CODES = (GRAPH_MISSING, GENERATIVE_AS_CLASSIC, CONFIG_HIDES_VERSIONS, LINKS_LEAD_NOWHERE)

#: Files that together only a generative model has.
_GENERATIVE = ("openvino_tokenizer.xml", "openvino_detokenizer.xml")
_LANGUAGE = ("openvino_model.xml", "openvino_language_model.xml")
_GENERATIVE_CONFIG = ("config.json", "model_index.json")


def check(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields findings on a directory that the server reads in another way than intended."""
    if is_remote(model.entry.base_path):
        return
    meant = model.meant
    if meant is not None and meant.dangling:
        yield links_lead_nowhere(context, model, model.entry.base_path, meant.dangling)
    elif meant is not None:
        yield _graph_missing(context, model, meant)
    elif model.kind == "classic":
        yield from _in_versions(context, model)
    elif hides_versions(context, model):
        yield _hides_versions(context, model)


def _entries(context: Context, path: str) -> Listing | None:
    listing = context.facts.get(ListDirectory(context.absolute(path).rstrip("/") or "/"))
    return listing if isinstance(listing, Listing) else None


def _graph_missing(context: Context, model: ModelPlan, meant: GenerativeDirectory) -> Finding:
    base = model.entry.base_path
    release = context.deployment.release
    names = () if model.detection.listing is None else model.detection.listing.entries
    message = (
        f"{base} holds a generative model ({meant.task}) and no graph.pbtxt: OVMS {release} loads it as a classic "
        "model without versions"
    )
    if meant.raw:
        message = (
            f"{base} holds {meant.raw}, weights that are not converted for OpenVINO, and no graph.pbtxt: the server "
            "loads it as a classic model without versions"
        )
    entry_names = sorted(entry.name for entry in names)
    return context.finding(
        GRAPH_MISSING,
        message,
        model=model.entry.name,
        path=base,
        base=base,
        detail=context.failure_effect(model),
        confidence="high" if context.deployment.release.recorded else "medium",
        log=tuple(line for line in model.detection.log if line.startswith("No version")),
        evidence=(listed(base, ", ".join(entry_names[:8])),),
        recovers="restart" if context.single else "config_change",
        steps=steps_for(context, model, meant),
    )


def _in_versions(context: Context, model: ModelPlan) -> Iterator[Finding]:
    """Yields the finding on a language model in a version directory, the layout of classic models."""
    for version in model.versions:
        attempt = version.attempt
        if attempt is None or not version.requested:
            continue
        listing = _entries(context, attempt.path)
        names = {entry.name for entry in listing.entries} if listing is not None else set()
        if not names.issuperset(_GENERATIVE) or not names.intersection(_LANGUAGE):
            continue
        chosen = "" if attempt.model_file is None else f": the server opens {attempt.model_file}"
        base, host = model.entry.base_path, context.host(attempt.path)
        above = posixpath.dirname(host)
        yield context.finding(
            GENERATIVE_AS_CLASSIC,
            f"{attempt.path} holds a generative model and is a version of a classic model{chosen}",
            model=model.entry.name,
            version=version.version,
            path=attempt.path,
            base=base,
            detail="The paths of generative models, such as /v3/chat/completions, do not find it.",
            confidence="medium",
            evidence=(listed(attempt.path, ", ".join(sorted(names)[:8])),),
            recovers="restart" if context.single else "config_change",
            steps=(
                Step(
                    "Move its files out of the version directory.",
                    f"mv -- {quote(host)}/* {quote(above)}/ && rmdir {quote(host)}",
                    "host",
                    "changes files",
                ),
                *write_graph(context, base, "text_generation"),
            ),
        )


def hides_versions(context: Context, model: ModelPlan) -> bool:
    """Whether files of Hugging Face cause the server to read a directory with versions of a classic model as a
    generative model."""
    arguments = context.deployment.arguments
    if model.kind != "generative" or (arguments is not None and arguments.value("task") is not None):
        return False
    if model.followed is not None and model.followed.verdict == "available":
        return False
    listing = _entries(context, model.entry.base_path)
    names = {entry.name for entry in listing.entries} if listing is not None else set()
    return any(is_plain_number(name) for name in names) and not any(
        name.startswith("openvino_") for name in names
    )


def _hides_versions(context: Context, model: ModelPlan) -> Finding:
    base = model.entry.base_path
    directories = [
        name
        for name in _GENERATIVE_CONFIG
        if isinstance(context.facts.get(StatPath(f"{context.absolute(base).rstrip('/')}/{name}")), PathStatus)
    ]
    task = "" if model.followed is None else next(iter(model.followed.tasks), "")
    files = " and ".join(f"{base}/{name}" for name in directories)
    return context.finding(
        CONFIG_HIDES_VERSIONS,
        f"{files} makes a generative model ({task}) of the directory: its version directories are not read",
        model=model.entry.name,
        path=f"{base}/{directories[0]}" if directories else base,
        base=base,
        detail="The server builds a graph for the task and finds no such model.",
        confidence="medium",
        evidence=tuple(
            Evidence(f"{base}/{name}: exists", "stat as the server's user") for name in directories
        ),
        recovers="restart",
        steps=tuple(
            Step(
                "Move the file out of the model's directory.",
                f"mv -- {quote(context.host(f'{base}/{name}'))} {quote(context.host(base).rstrip('/') + '.' + name)}",
                "host",
                "changes files",
            )
            for name in directories
        ),
    )


def dangling_link(context: Context, path: str) -> str | None:
    """Returns the text of the link ``path``, a server path, if it is dangling for the server; None otherwise."""
    listing = _entries(context, posixpath.dirname(path))
    entry = None
    if listing is not None:
        entry = next((one for one in listing.entries if one.name == posixpath.basename(path)), None)
    if entry is None or entry.kind != "link":
        return None
    status = context.facts.get(StatPath(context.absolute(path)))
    denied = isinstance(status, Failure) and not status.missing
    return None if denied or isinstance(status, PathStatus) else entry.target


def links_lead_nowhere(context: Context, model: ModelPlan, directory: str, name: str) -> Finding:
    """Returns the finding on a directory whose files are dangling links; ``name``: one of them."""
    path = posixpath.join(directory, name)
    target = dangling_link(context, path) or ""
    host = context.host(directory).rstrip("/")
    # In the cache, snapshots/REVISION/FILE is a link to ../../blobs/HASH: both are in the model's own directory.
    above = posixpath.dirname(posixpath.dirname(host)) if target.startswith("../../blobs/") else ""
    steps: tuple[Step, ...] = ()
    if above:
        inside = f"{_mounted_at(context, directory)}{host[len(above) :]}"
        steps = (
            Step(
                f"Mount the model's whole directory of the cache, and name {inside} as the model's path.",
                f"-v {quote(above)}:{quote(_mounted_at(context, directory))}:ro",
                "docker run",
                "restarts the server",
            ),
        )
    steps = (
        *steps,
        Step(
            ("Or copy" if steps else "Copy")
            + (" the files, and replace the links with copies of their destinations."),
            f"cp -rL -- {quote(host)} {quote(host + '.copy')}",
            "host",
            "changes files",
        ),
    )
    location = " in a Hugging Face cache" if above else ""
    return context.finding(
        LINKS_LEAD_NOWHERE,
        f"{path} is a link to {target}{location}, which the server does not see",
        model=model.entry.name,
        path=path,
        base=model.entry.base_path,
        detail=context.failure_effect(model) if model.followed is None else "",
        evidence=(Evidence(f"{path} → {target}: does not exist", "readlink and stat as the server's user"),),
        recovers="restart",
        steps=steps,
        causes=(CausedBy("OVD716"), *mount_causes(context, model.entry.base_path)),
    )


def _mounted_at(context: Context, directory: str) -> str:
    """Returns the server path at which the whole directory should be mounted, from the path of the present mount."""
    mount = context.deployment.mount_table.mount_of(context.absolute(directory))
    return directory.rstrip("/") if mount is None else mount.server.rstrip("/") or "/models"
