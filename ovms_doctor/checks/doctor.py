"""ovms-doctor itself: facts that could not be collected, checks that crashed or could not be used.

None of these findings counts for --fail-on.
"""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.unavailable import remedy_for
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Step
from ovms_doctor.model.names import is_remote

_RELEASES = "Does not depend on the server's release."

CHECK_CRASHED = Code(
    code="OVD901",
    name="check-crashed",
    severity="warning",
    summary="A check crashed",
    remedy=(
        "Report it as a fault of ovms-doctor, with the text and, if it may be shared, the file from "
        "“ovms-doctor collect”."
    ),
    releases=_RELEASES,
    see_also=("OVD902",),
    example=Example("a check that fails", "a version of ovms-doctor in which the check does not fail"),
)

CHECK_TIMED_OUT = Code(
    code="OVD902",
    name="check-timed-out",
    severity="warning",
    summary="A check did not end within its time limit",
    remedy="Run it again with a larger --check-timeout, or select fewer checks.",
    releases=_RELEASES,
    see_also=("OVD901", "OVD904"),
    example=Example("--check-timeout 10", "--check-timeout 60"),
)

COULD_NOT_LOOK = Code(
    code="OVD903",
    name="could-not-look",
    severity="warning",
    summary="A fact that the prediction needs could not be collected",
    remedy=(
        "Run ovms-doctor as a user who has the rights (root can try those of other users), on the host that "
        "has the files, or collect the facts there."
    ),
    releases=_RELEASES,
    see_also=("OVD904", "OVD410"),
    is_gap=True,
    example=Example("run as a user without x on the directory", "run as a user with x on it"),
)

LOAD_TIMED_OUT = Code(
    code="OVD904",
    name="load-timed-out",
    severity="warning",
    summary="Collecting a fact, or the trial load of a model, did not end within its time limit",
    remedy=(
        "Run it again with a larger --timeout, or with --load none, which reads the files without OpenVINO."
    ),
    releases=_RELEASES,
    see_also=("OVD314", "OVD905"),
    is_gap=True,
    example=Example("--timeout 10", "--timeout 120"),
)

LOAD_OUT_OF_MEMORY = Code(
    code="OVD905",
    name="load-out-of-memory",
    severity="warning",
    summary="The trial load of a model reached its memory limit",
    remedy=(
        "Run it again on a host with more memory, or with --load read, which needs far less than compile."
    ),
    releases=_RELEASES,
    see_also=("OVD342", "OVD904"),
    is_gap=True,
    example=Example("--load compile", "--load read"),
)

PLUGIN_UNUSABLE = Code(
    code="OVD906",
    name="plugin-unusable",
    severity="warning",
    summary="An installed third-party check cannot be used",
    remedy=(
        "Fix or remove the distribution that is named, exclude the check with --ignore and its name, or "
        "exclude all third-party checks with --no-plugins."
    ),
    releases=_RELEASES,
    see_also=("OVD901", "OVD907"),
    example=Example(
        "pip install acme-checks        made for another version of what it imports",
        "pip install --upgrade acme-checks",
    ),
)

PLUGIN_FINDING_REFUSED = Code(
    code="OVD907",
    name="plugin-finding-refused",
    severity="warning",
    summary="A third-party check returned something that is not a finding of its own",
    remedy=("Report it to the distribution that is named, or exclude the check with --ignore and its name."),
    releases=_RELEASES,
    see_also=("OVD901", "OVD906"),
    example=Example('yield "model is too large"', 'yield context.finding("ACME101", "model is too large")'),
)


_OTHER_SOURCE = (
    "Describe the server in another way: the run line (--docker-run), a saved docker inspect (--inspect), "
    "or the server's own arguments after --."
)
PIPELINE_NOT_LOADED = Code(
    code="OVD908",
    name="pipeline-not-loaded",
    severity="info",
    summary=(
        "A generative model was not loaded as far as --load requests, and the prediction is based on its "
        "files"
    ),
    remedy="Install openvino-genai with this program (pip install 'ovms-doctor[genai]'), or accept the static result.",
    releases=_RELEASES,
    see_also=("OVD903",),
    example=Example("--load compile, without openvino-genai", "pip install 'ovms-doctor[genai]'"),
)

_IN_STORE = (
    "Give what a request to the store needs: the server's environment (--env, --env-file, --env-from-process), the "
    "mounts of its files (--mount), more time (--timeout), or run ovms-doctor on the server's host."
)
_MOUNT = (
    "Name the mounts of the container with --mount HOST:SERVER, or use --bare-metal if the server runs on this "
    "host."
)
_AZURE = ("az://", "azfs://")
#: How the address of a model on Hugging Face, or at HF_ENDPOINT, begins.
_HUB = ("https://", "http://")
_TO_PULL = (
    "Pull the model with --pull first, and check the same command again: ovms-doctor then examines its files."
)
#: The findings with the reason why a store could not be read.
_OF_STORES = tuple(
    CausedBy(code, any_severity=True) for code in ("OVD651", "OVD654", "OVD656", "OVD657", "OVD658", "OVD666")
)


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding on each fact that could not be collected: of the deployment, then of each model."""
    if context.plan.unknown is not None:
        yield _could_not_look(context, None, None, context.plan.unknown)
    for model in context.plan.models:
        if model.unknown is not None:
            version = next(
                (
                    item.version
                    for item in model.versions
                    if item.attempt and item.attempt.cause is model.unknown
                ),
                None,
            )
            yield _could_not_look(context, model.entry.name, version, model.unknown)
        for node in model.followed.models if model.followed is not None and model.tried else ():
            for cause in node.unchecked:
                yield _could_not_look(context, model.entry.name, None, cause)
            for sentence in node.not_loaded:
                yield context.finding(
                    PIPELINE_NOT_LOADED,
                    f"Not loaded: {sentence}",
                    model=model.entry.name,
                    detail="The states are predicted from the files, and from what OpenVINO could read.",
                    evidence=(Evidence(sentence, "tried"),),
                )


def _could_not_look(context: Context, model: str | None, version: int | None, cause: CouldNotLook) -> Finding:
    code = LOAD_TIMED_OUT if cause.timed_out else COULD_NOT_LOOK
    unavailable = context.deployment.unavailable is not None
    found = remedy_for(context, cause)
    remedy, steps = found.summary or _for_store(cause), found.steps
    if unavailable:
        remedy, steps = _OTHER_SOURCE, ()
    elif cause.mount:
        remedy, steps = _MOUNT, _with_mount(context, cause.mount)
    elif cause.path.startswith(_HUB):
        remedy, steps = _TO_PULL, ()
    return context.finding(
        code,
        f"Could not look at {cause.path}: {cause.reason}",
        model=model,
        version=version,
        # Neither an option nor the source of the deployment is a path.
        path=None if unavailable or cause.path.startswith(("--", *_HUB)) else cause.path,
        remedy=remedy,
        steps=steps,
        detail="This run does not show what the server does here.",
        evidence=(Evidence(cause.reason, "tried"),),
        # The check of remote storage reports why a store could not be read.
        causes=_OF_STORES if is_remote(cause.path) else (),
    )


def _with_mount(context: Context, mount: str) -> tuple[Step, ...]:
    """Returns the step that runs the same check with the mount that was found, or with a placeholder."""
    config = context.host(context.deployment.config_path or "")
    host, _, server = mount.rpartition(":")
    if host == "DIRECTORY":
        text = f"Name the directory of this host that the container has at {server}."
        return (Step(text, f"ovms-doctor check {quote(config)} --mount DIRECTORY:{quote(server)}"),)
    text = f"If the container has {host} at {server}, check again with that mount."
    return (Step(text, f"ovms-doctor check {quote(config)} --mount {quote(mount)}"),)


def _for_store(cause: CouldNotLook) -> str:
    """Returns the remedy for a store, if the reason itself does not name it; empty for anything else."""
    if not is_remote(cause.path):
        return ""
    if cause.path.startswith(_AZURE):
        return "List the path with Azure's own tools: ovms-doctor checks path, environment and proxy only."
    if "has changed" in cause.reason:
        return "Run it again."
    if "--" in cause.reason:
        return "Correct the problem that the reason names, and run ovms-doctor again."
    if "to download" in cause.reason:
        return (
            "Name a directory with more free space in TMPDIR, or use --load none, which downloads no weights."
        )
    return _IN_STORE


CHECK = Check(
    name="doctor",
    summary="facts that could not be collected",
    codes=(
        CHECK_CRASHED,
        CHECK_TIMED_OUT,
        COULD_NOT_LOOK,
        LOAD_TIMED_OUT,
        LOAD_OUT_OF_MEMORY,
        PLUGIN_UNUSABLE,
        PLUGIN_FINDING_REFUSED,
        PIPELINE_NOT_LOADED,
    ),
    run=check,
)
