"""Pulling a model from Hugging Face, and other tasks of the server before or instead of serving."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping

from ovms_doctor.checks.context import SERVER_ENVIRONMENT, Context, quote
from ovms_doctor.checks.generative_steps import run_with
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import Writability
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Severity, Step
from ovms_doctor.model.pull_plan import PullFault, PullFaultKind, PullPlan

_SINCE = "Since 2025.2, the first release that pulls models."

REPOSITORY_NOT_WRITABLE = Code(
    code="OVD385",
    name="repository-not-writable",
    severity="error",
    summary="The server cannot write the model, its graph.pbtxt or the configuration to its path",
    remedy="Mount the repository so that the server's user can write to it, or serve the model without pulling it.",
    log=(server_log.FILE_NOT_WRITTEN, server_log.CLONE_FAILED, server_log.PATH_ESCAPES),
    recovers="restart",
    releases=f"{_SINCE} The server writes graph.pbtxt again at every start, also if the model is already there.",
    see_also=("OVD386",),
    example=Example(
        "-v /srv/models:/models:ro … --source_model", "-v /srv/models:/models:rw … --source_model"
    ),
)
PULL_UNFINISHED = Code(
    code="OVD386",
    name="pull-unfinished",
    severity="error",
    summary="An earlier pull of the model did not finish",
    remedy="Start the pull again with --overwrite_models.",
    recovers="restart",
    releases=(
        "Until 2026.0 the server uses an existing directory unchanged. It resumes Git LFS files that are pointers in "
        "2026.1, missing ones too since 2026.2, where the directory is a Git repository."
    ),
    see_also=("OVD367", "OVD366"),
    example=Example("openvino_model.bin   a Git LFS pointer", "--pull … --overwrite_models"),
)
NAME_WITHOUT_ORGANISATION = Code(
    code="OVD387",
    name="name-without-organisation",
    severity="warning",
    summary="The name of the model to pull has no organisation",
    remedy="Write the model's name as on Hugging Face: ORGANISATION/MODEL.",
    recovers="restart",
    releases=f"{_SINCE} Until 2025.2 only names below OpenVINO/ are pulled.",
    see_also=("OVD388",),
    example=Example("--source_model Qwen3-8B-int4-ov", "--source_model OpenVINO/Qwen3-8B-int4-ov"),
)
HUGGING_FACE_VARIABLE = Code(
    code="OVD388",
    name="hugging-face-variable",
    severity="error",
    summary="An environment variable prevents the server from pulling the model",
    remedy="Correct the variable, or leave it out of the server's environment.",
    log=(server_log.TIMEOUT_NO_NUMBER, server_log.CONNECT_TIMEOUT_NO_NUMBER, server_log.CLONE_FAILED),
    recovers="restart",
    releases=_SINCE,
    see_also=("OVD603",),
    example=Example("HF_ENDPOINT=hf-mirror.example.com", "HF_ENDPOINT=https://hf-mirror.example.com"),
)
HUGGING_FACE_VARIABLE_UNREAD = Code(
    code="OVD389",
    name="hugging-face-variable-unread",
    severity="warning",
    summary="A variable that other clients of Hugging Face read is not read when the server pulls a model",
    remedy="Give the token as HF_TOKEN. The server uses no cache of Hugging Face: mount the model repository instead.",
    recovers="restart",
    releases=f"{_SINCE} optimum-cli, which converts models, reads them.",
    see_also=("OVD388",),
    example=Example("-e HUGGING_FACE_HUB_TOKEN=hf_…", "-e HF_TOKEN=hf_…"),
)
PULL_WITHOUT_CONVERSION = Code(
    code="OVD390",
    name="pull-without-conversion",
    severity="warning",
    summary="The model is pulled as it is published, and nothing converts it for OpenVINO",
    remedy="Pull a model that is converted, or add --weight-format and use the image with optimum-cli (-py).",
    log=(server_log.NO_OPTIMUM,),
    recovers="restart",
    releases=(
        "Since 2025.4 a model is converted only with --weight-format or --extra_quantization_params; in "
        "2025.3 every model that is not below OpenVINO/ is converted."
    ),
    see_also=("OVD365",),
    example=Example("--source_model Qwen/Qwen3-8B", "--source_model OpenVINO/Qwen3-8B-int4-ov"),
)
PULL_SPACE = Code(
    code="OVD391",
    name="pull-space",
    severity="warning",
    summary="The file system has less space than the model needs by its name",
    remedy="Mount a larger file system for the repository.",
    recovers="restart",
    releases=f"{_SINCE} The server does not check the space.",
    see_also=("OVD385",),
    example=Example("Qwen3-32B-int4-ov   16 GB, 10 GB free", "a file system with 20 GB free"),
)
GRAPH_REWRITTEN = Code(
    code="OVD392",
    name="graph-rewritten",
    severity="warning",
    summary="The server replaces a graph.pbtxt that it did not write",
    remedy=(
        "Serve the directory with --model_path instead of --source_model. The server then uses "
        "graph.pbtxt without a change."
    ),
    recovers="restart",
    releases=_SINCE,
    see_also=("OVD385",),
    example=Example(
        "--source_model ORG/M --model_repository_path /models", "--model_path /models/ORG/M --model_name m"
    ),
)
NAME_LISTED_ALREADY = Code(
    code="OVD393",
    name="name-listed-already",
    severity="error",
    summary="The configuration already has a model of this name, and the server does not add a second one",
    remedy="Give the model another name, or remove the other one with --remove_from_config first.",
    log=(server_log.MODEL_LISTED_ALREADY,),
    recovers="restart",
    releases=_SINCE,
    see_also=("OVD443",),
    example=Example("--add_to_config --model_name m   m is there", "--add_to_config --model_name m2"),
)
CODES = (
    REPOSITORY_NOT_WRITABLE,
    PULL_UNFINISHED,
    NAME_WITHOUT_ORGANISATION,
    HUGGING_FACE_VARIABLE,
    HUGGING_FACE_VARIABLE_UNREAD,
    PULL_WITHOUT_CONVERSION,
    PULL_SPACE,
    GRAPH_REWRITTEN,
    NAME_LISTED_ALREADY,
)

_GB = 1e9
_BY_KIND: Mapping[PullFaultKind, Code] = {
    "escapes": REPOSITORY_NOT_WRITABLE,
    "denied": REPOSITORY_NOT_WRITABLE,
    "read_only": REPOSITORY_NOT_WRITABLE,
    "not_directory": REPOSITORY_NOT_WRITABLE,
    "unfinished": PULL_UNFINISHED,
    "resumed": PULL_UNFINISHED,
    "rewritten": GRAPH_REWRITTEN,
    "no_organisation": NAME_WITHOUT_ORGANISATION,
    "endpoint": HUGGING_FACE_VARIABLE,
    "timeout": HUGGING_FACE_VARIABLE,
    "token_unread": HUGGING_FACE_VARIABLE_UNREAD,
    "cache_unread": HUGGING_FACE_VARIABLE_UNREAD,
    "no_optimum": PULL_WITHOUT_CONVERSION,
    "not_converted": PULL_WITHOUT_CONVERSION,
    "space": PULL_SPACE,
    "listed": NAME_LISTED_ALREADY,
}
_SEVERITIES: Mapping[PullFaultKind, Severity] = {
    "resumed": "info",
    "cache_unread": "info",
    "no_optimum": "error",
}


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding for each fault of the files that the server fetches or writes."""
    pull = context.plan.pull
    if pull is None:
        return
    for fault in pull.faults:
        yield _finding(context, pull, fault)


def _finding(context: Context, pull: PullPlan, fault: PullFault) -> Finding:
    confidence: Confidence = "medium" if fault.certain and context.deployment.release.known else "low"
    ends = "The server ends with exit code 1 before it serves anything." if fault.ends else ""
    return context.finding(
        _BY_KIND[fault.kind],
        _MESSAGES[fault.kind](context, pull, fault),
        model=pull.source or None,
        path=fault.path or None,
        severity=_SEVERITIES.get(fault.kind),
        detail=ends or _DETAILS.get(fault.kind, ""),
        confidence=confidence,
        log=fault.log,
        evidence=_evidence(context, pull, fault),
        recovers="restart",
        steps=tuple(_steps(context, pull, fault)),
    )


_Message = Callable[[Context, PullPlan, PullFault], str]
_MESSAGES: Mapping[PullFaultKind, _Message] = {
    "escapes": lambda context, pull, fault: f"The path {fault.path} contains “..”, which the server refuses",
    "denied": lambda context, pull, fault: f"{context.user_ids} has no write permission on {fault.path}",
    "read_only": lambda context, pull, fault: f"{fault.path} is on a read-only mount",
    "not_directory": lambda context, pull, fault: (
        f"{fault.path} cannot be written: it or a parent is not a directory"
    ),
    "unfinished": lambda context, pull, fault: (
        f"{pull.directory} holds {fault.subject}: an earlier pull did not finish, and the server uses the "
        "directory unchanged"
    ),
    "resumed": lambda context, pull, fault: (
        f"{pull.directory} holds {fault.subject}: the server continues with an unfinished download"
    ),
    "rewritten": lambda context, pull, fault: (
        f"The server did not write {fault.path}, and replaces it at every start with --source_model or --pull"
    ),
    "no_organisation": lambda context, pull, fault: (
        f"{fault.subject} names no organisation on Hugging Face; "
        + (
            "models with such names are below OpenVINO/"
            if fault.certain
            else "few models are at the top level"
        )
    ),
    "endpoint": lambda context, pull, fault: (
        "HF_ENDPOINT is empty or does not begin with https:// or http://"
    ),
    "timeout": lambda context, pull, fault: f"{fault.subject} is not a number of milliseconds",
    "token_unread": lambda context, pull, fault: (
        f"{fault.subject} is set and HF_TOKEN is not: the server reads only HF_TOKEN"
    ),
    "cache_unread": lambda context, pull, fault: (
        f"{fault.subject} is set, and the server does not read it: it downloads into {pull.directory}"
    ),
    "no_optimum": lambda context, pull, fault: (
        f"{fault.subject} must be converted, but the image has no optimum-cli"
    ),
    "not_converted": lambda context, pull, fault: (
        f"{fault.subject} is cloned as it is published; only models below OpenVINO/ are certain to be converted"
    ),
    "space": lambda context, pull, fault: (
        f"{fault.path} has {_free(fault)} GB free, and {pull.source} needs about {fault.needed / _GB:.1f} GB, by its "
        "name"
    ),
    "listed": lambda context, pull, fault: f"{fault.path} already lists a model named {fault.subject}",
}
_DETAILS: Mapping[PullFaultKind, str] = {
    "not_converted": "If it holds no openvino_model.xml, the pull succeeds and serving the model fails.",
    "token_unread": "Without it, private or gated models cannot be pulled.",
    "space": "The server does not check the space: the download fails, and the incomplete files remain.",
    "rewritten": "Manual changes in it are lost.",
    "no_organisation": "The download fails where Hugging Face has no model of this name.",
}


def _free(fault: PullFault) -> str:
    free = 0 if fault.rights is None or fault.rights.free is None else fault.rights.free
    return f"{free / _GB:.1f}"


def _evidence(context: Context, pull: PullPlan, fault: PullFault) -> tuple[Evidence, ...]:
    if isinstance(fault.rights, Writability) and fault.kind != "space":
        rights = fault.rights
        how = f"tried as {context.user_ids}" if rights.how == "tried" else f"predicted for {context.user_ids}"
        text = f"{fault.path}: owner uid {rights.uid} gid {rights.gid}, mode {rights.mode & 0o7777:04o}"
        return (Evidence(text + (", read-only" if fault.kind == "read_only" else ""), how),)
    if fault.kind in ("endpoint", "timeout", "token_unread", "cache_unread"):
        return (Evidence(fault.subject, SERVER_ENVIRONMENT),)
    if fault.kind == "space":
        return (Evidence(f"{fault.path}: {_free(fault)} GB free", "statvfs"),)
    if fault.kind in ("unfinished", "resumed"):
        return (Evidence(f"{pull.directory}: {fault.subject}", "list and read as the server's user"),)
    if fault.kind == "rewritten":
        return (Evidence(f"{fault.path}: its first line is not the server's", "read of the file"),)
    return (Evidence(fault.subject or fault.path, "the arguments"),)


def _steps(context: Context, pull: PullPlan, fault: PullFault) -> Iterator[Step]:
    if fault.kind in ("denied", "read_only"):
        yield from _writable(context, pull, fault)
    elif fault.kind == "unfinished":
        yield run_with(context, "Pull it again.", ["--overwrite_models"])
    elif fault.kind == "rewritten":
        arguments = ["--model_path", pull.directory, "--model_name", pull.source]
        yield run_with(context, "Serve it unchanged, without --source_model and --task.", arguments)
    elif fault.kind == "no_organisation":
        name = f"OpenVINO/{fault.subject}" if fault.certain else f"ORGANISATION/{fault.subject}"
        yield run_with(context, "Name its organisation.", ["--source_model", name])
    elif fault.kind == "not_converted":
        yield run_with(
            context,
            "Let the server convert it, in the image whose tag ends in -py.",
            ["--weight-format", "int8"],
        )
    elif fault.kind == "no_optimum":
        yield Step("Use the image whose tag ends in -py, which has optimum-cli.")
    elif fault.kind == "token_unread":
        yield _variable(context, "Set the token in the variable that the server reads.", "HF_TOKEN")
    elif fault.kind == "endpoint":
        yield _variable(context, "Write the address with its scheme.", "HF_ENDPOINT=https://HOST")


def _variable(context: Context, text: str, setting: str) -> Step:
    container = context.deployment.container
    if container is not None and container.source == "kubernetes":
        return Step(
            f"{text} In env:", f"- name: {setting.partition('=')[0]}", "kubernetes", "restarts the server"
        )
    if container is not None and container.source == "compose":
        return Step(f"{text} In environment:", f"- {setting}", "compose", "restarts the server")
    return Step(text, f"-e {setting}", "docker run", "restarts the server")


def _writable(context: Context, pull: PullPlan, fault: PullFault) -> Iterator[Step]:
    """Yields the steps: another mount, other rights, or a start that writes nothing."""
    deployment = context.deployment
    path = context.absolute(fault.path)
    mount = deployment.mount_table.mount_of(path)
    if fault.kind == "read_only" and mount is not None and mount.read_only:
        volume = f"-v {quote(mount.host)}:{quote(mount.server)}"
        yield Step("Mount it without :ro.", volume, "docker run", "restarts the server")
    elif mount is None and deployment.container is not None:
        repository = posixpath.dirname(posixpath.dirname(pull.directory)) or pull.directory
        yield Step(
            "Mount a directory of this host as the repository.",
            f"-v DIRECTORY:{quote(repository)}",
            "docker run",
            "restarts the server",
        )
    elif fault.kind == "denied" and context.on_host(fault.path):
        user = deployment.user
        host = quote(context.host(fault.path))
        yield Step(
            "Make the server's user its owner.",
            f"chown {user.uid}:{user.gid} {host} && chmod u+rwX {host}",
            "host",
            "needs root",
        )
        if fault.rights is not None and fault.rights.uid not in (0, user.uid):
            yield Step(
                "Or run the server as the owner.",
                f"--user {fault.rights.uid}:{fault.rights.gid}",
                "docker run",
                "restarts the server",
            )
    if pull.existing == "kept" and pull.mode == "pull_and_start":
        arguments = ["--model_path", pull.directory, "--model_name", pull.source]
        yield run_with(context, "Or serve the existing files, without --source_model.", arguments)
