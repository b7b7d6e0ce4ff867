"""The targets of the command line: how they are interpreted, and whether they contain a model."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.conversion import ForeignFile, foreign_file
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.deployment import Note
from ovms_doctor.model.facts import ListDirectory, Listing
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.names import is_remote

EMPTY_REPOSITORY = Code(
    code="OVD123",
    name="empty-repository",
    severity="error",
    summary="The target holds no model: nothing in it looks like a version directory or a model file",
    remedy=(
        "Name the directory that holds the models; each model is a directory with version directories in it."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD101",),
    example=Example(
        "ovms-doctor check /srv\n/srv/docs/", "ovms-doctor check /srv/models\n/srv/models/m/1/model.onnx"
    ),
)

VERSION_DIRECTORY_NAMED = Code(
    code="OVD131",
    name="version-directory-named",
    severity="info",
    summary="The target is a version directory; the directory above it is taken as the model",
    remedy="Give the server the directory above.",
    releases=ALL_RELEASES,
    see_also=("OVD101",),
    example=Example("--model_path /models/m/1", "--model_path /models/m"),
)

UNUSED_CONFIG_JSON = Code(
    code="OVD133",
    name="unused-config-json",
    severity="info",
    summary="A config.json is in the target and is not used",
    remedy="If the server is started with it, name the file itself as the target.",
    releases=(
        "The same in all releases. Since 2026.3, in single-model mode, a config.json in the model's "
        "own directory makes it a generative model (OVD122, OVD408)."
    ),
    see_also=("OVD408",),
    example=Example("ovms-doctor check /srv/models", "ovms-doctor check /srv/models/config.json"),
)

NESTED_MODELS = Code(
    code="OVD125",
    name="nested-models",
    severity="warning",
    summary="A sub-directory of the target is not a model, but contains directories that are models",
    remedy="Name the sub-directory as a target of its own, and its models in the server's configuration.",
    releases=ALL_RELEASES,
    see_also=("OVD101", "OVD123"),
    example=Example(
        "ovms-doctor check /srv/models\n/srv/models/vision/resnet/1/model.onnx",
        "ovms-doctor check /srv/models /srv/models/vision",
    ),
)

CODES = (EMPTY_REPOSITORY, VERSION_DIRECTORY_NAMED, UNUSED_CONFIG_JSON, NESTED_MODELS)

_NOTES = {"version_directory": VERSION_DIRECTORY_NAMED, "unused_config": UNUSED_CONFIG_JSON}


def check(context: Context) -> Iterator[Finding]:
    """Yields findings on how the targets are interpreted, and on repositories without a model."""
    for note in context.deployment.notes:
        if note.kind == "nested_models":
            yield _nested_models(context, note)
        elif note.kind in _NOTES:
            yield context.finding(_NOTES[note.kind], note.text, model=note.model, path=note.path)
    nested = any(note.kind == "nested_models" for note in context.deployment.notes)
    if context.plan.problem is None and not context.plan.models and not nested:
        # A model may be in the unlisted part of a store.
        partly_listed = {note.path for note in context.deployment.notes if note.kind == "unlisted"}
        for target in context.deployment.targets:
            if target.kind == "repository" and target.path not in partly_listed:
                yield _empty_repository(context, target.path)


def _nested_models(context: Context, note: Note) -> Finding:
    """Returns the finding on models in deeper directories, which are not served; an error if nothing else is served."""
    path = note.path or ""
    quoted = quote(path if is_remote(path) else context.host(path))
    return context.finding(
        NESTED_MODELS,
        note.text,
        path=path,
        severity="warning" if context.plan.models else "error",
        detail="A server with this directory's sub-directories as base paths finds no version in it.",
        evidence=(Evidence(note.text, "list"),),
        steps=(
            Step(
                "Check the models in the deeper directories.", f"ovms-doctor check {quoted}", "host", "reads"
            ),
            Step("Give the server the models of the deeper directory as base paths."),
        ),
    )


def _empty_repository(context: Context, path: str) -> Finding:
    foreign = _foreign(context, path)
    if foreign is not None:
        return context.finding(
            EMPTY_REPOSITORY,
            f"{path} holds no model: {foreign.name} is {foreign.format}",
            path=path,
            detail="A server that is started with it has nothing to serve.",
            evidence=(Evidence(f"{foreign.name} in {path}", "list"),),
            steps=foreign.steps,
            remedy="Convert the model to a format that OVMS reads.",
        )
    return context.finding(
        EMPTY_REPOSITORY,
        f"{path} holds no model: no sub-directory has a version directory or a model file",
        path=path,
        detail="A server that is started with it has nothing to serve.",
    )


def _foreign(context: Context, path: str) -> ForeignFile | None:
    """Returns a model file of another program in the target itself; None if there is none."""
    server = None if is_remote(path) else context.deployment.mount_table.to_server(path)
    if server is None:
        return None
    listing = context.facts.get(ListDirectory(server)) or context.facts.get(ListDirectory(server, own=True))
    if not isinstance(listing, Listing):
        return None
    files = (entry.name for entry in listing.entries if entry.kind != "directory")
    return foreign_file(context, server, files)
