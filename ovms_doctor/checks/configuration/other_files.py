"""Wrong files named as the configuration: a model's config.json, or a directory."""

from __future__ import annotations

import posixpath

from msgspec import Struct

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.container import ContainerMount
from ovms_doctor.model.facts import ListDirectory, Listing
from ovms_doctor.model.findings import Step
from ovms_doctor.model.json_text import json_object
from ovms_doctor.model.mounts import covering
from ovms_doctor.model.plan_problems import StartProblem

#: Keys at the top of a model's config.json, as Hugging Face's libraries write it.
_OF_A_MODEL = (
    "architectures",
    "model_type",
    "transformers_version",
    "_class_name",
    "_diffusers_version",
    "auto_map",
)
#: Keys at the top of the server's config.json.
_OF_THE_SERVER = ("model_config_list", "mediapipe_config_list", "custom_loader_config_list")


class OtherFile(Struct, frozen=True):
    """The text of a finding on a file that is not a configuration of the server."""

    #: Replaces the usual message; empty if the usual message stays.
    message: str
    #: The steps of the remedy.
    steps: tuple[Step, ...]
    #: Replaces the usual remedy.
    remedy: str


def other_file(context: Context, problem: StartProblem) -> OtherFile | None:
    """Returns the kind of wrong file that is named as the configuration; None if it is a configuration, or if the kind
    is not known."""
    if problem.path is None:
        return None
    if problem.kind == "config_schema" and _is_of_a_model(context):
        return _model_named(context, problem.path)
    if problem.kind == "config_not_json":
        volume = _volume_at(context, context.absolute(problem.path))
        if volume is not None:
            return _volume_mounted(context, problem.path, volume)
        listing = context.facts.get(ListDirectory(context.absolute(problem.path)))
        if isinstance(listing, Listing) and not listing.entries:
            return _empty_directory(context, problem.path)
    return None


def _is_of_a_model(context: Context) -> bool:
    if context.plan.config_positions is None:
        return False
    value = json_object(context.plan.config_positions.data) or {}
    return any(key in value for key in _OF_A_MODEL) and not any(key in value for key in _OF_THE_SERVER)


def _model_named(context: Context, path: str) -> OtherFile:
    """Returns the text for a file of a generative model. The server is started with the model's directory: since
    v2026.3 it infers the task, in v2026.2 with --task, before in a graph."""
    directory = posixpath.dirname(context.absolute(path)) or "/"
    release = context.deployment.release
    if release.at_least(2026, 3):
        serve = Step(f"Serve it by its directory: --model_path {quote(directory)} --model_name NAME")
    elif release.at_least(2026, 2):
        serve = Step(
            f"Serve it by its directory: --model_path {quote(directory)} --model_name NAME --task TASK"
        )
    else:
        serve = Step(
            f"Serve it in a graph: a graph.pbtxt whose node has the models_path {quote(directory)}, in "
            "mediapipe_config_list of the server's configuration."
        )
    check = Step(
        "Check the model's directory.", f"ovms-doctor check {quote(context.host(directory))}", "host", "reads"
    )
    return OtherFile(
        f"{path} is the config.json of a model, as Hugging Face publishes it, and not the server's configuration",
        (check, serve),
        "Name the model's directory instead, or a configuration file with model_config_list.",
    )


def _volume_at(context: Context, path: str) -> ContainerMount | None:
    """Returns the volume that is mounted exactly at the path; None if there is none."""
    container = context.deployment.container
    mounts = () if container is None else covering(container.mounts, path)
    if mounts and mounts[0].server == path and mounts[0].kind in ("volume", "tmpfs", "claim"):
        return mounts[0]
    return None


def _volume_mounted(context: Context, path: str, volume: ContainerMount) -> OtherFile:
    container = context.deployment.container
    kind = {"volume": "the volume", "tmpfs": "a tmpfs", "claim": "the volume claim"}[volume.kind]
    name = f" {volume.name}" if volume.name else ""
    steps: tuple[Step, ...] = (Step("Mount the file itself, or name a file in a directory that is mounted."),)
    if volume.kind == "volume" and volume.name and container is not None and container.source != "kubernetes":
        # A source without a slash is the name of a volume; Compose puts the project's name before it.
        file = posixpath.basename(path)
        text = (
            "Mount the file by a path with a slash: the engine reads a word without a slash as the name "
            "of a volume."
        )
        if container.source == "compose":
            steps = (Step(text, f'volumes: ["./{file}:{path}:ro"]', "compose", "restarts the server"),)
        else:
            steps = (
                Step(text, f'-v "$PWD"/{quote(file)}:{quote(path)}:ro', "docker run", "restarts the server"),
            )
    return OtherFile(
        f"{path} is not valid JSON for the server: {kind}{name} is mounted there, and a volume is a directory",
        steps,
        "Mount the configuration file, not a volume, at --config_path.",
    )


def _empty_directory(context: Context, path: str) -> OtherFile:
    if not context.on_host(path):
        # A missing key of a config map or secret, mounted as a file.
        return OtherFile(
            "",
            (Step("Name a key that the mounted config map or secret has, or give the key this name."),),
            "Mount a key that exists. For a key that does not exist, Kubernetes mounts an empty directory.",
        )
    host = quote(context.host(path))
    return OtherFile(
        "",
        (
            Step("Remove the empty directory.", f"rmdir {host}", "host", "changes files"),
            Step("Put the configuration file there before the container is started."),
        ),
        "Replace the directory with the file. An engine creates a directory where the file to be mounted "
        "is missing.",
    )
