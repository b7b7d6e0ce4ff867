"""The end of the server before it serves anything: arguments, the configuration file, metrics."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ovms_doctor.checks import path_advice, unmounted_paths
from ovms_doctor.checks.configuration import other_files
from ovms_doctor.checks.configuration.workers import host_limits, open_files_steps, step_location
from ovms_doctor.checks.context import Context, quote
from ovms_doctor.checks.parameters.hints import QUOTES_OF_OBJECTS
from ovms_doctor.checks.permissions import DIRECTORY_NOT_SEARCHABLE
from ovms_doctor.checks.positions import argument_position, key_of, with_position
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Step
from ovms_doctor.model.plan_problems import StartProblem

METRICS_END_START = Code(
    code="OVD414",
    name="metrics-end-start",
    severity="error",
    summary="The server ends because of its metrics settings",
    remedy="Correct the settings, and restart the server, which reads them only at its start.",
    log=(
        server_log.METRICS_TWICE,
        server_log.METRICS_NEED_REST_PORT,
        server_log.METRIC_UNKNOWN,
    ),
    recovers="restart",
    releases=(
        "Since 2022.2. Until 2022.3 metrics cannot be enabled on the command line together with "
        "--config_path (OVD406)."
    ),
    see_also=("OVD406", "OVD404"),
    example=Example(
        '"monitoring": {"metrics": {"enable": true, "metrics_list": ["ovms_strems"]}}',
        '"monitoring": {"metrics": {"enable": true, "metrics_list": ["ovms_streams"]}}',
    ),
)

HELP_PRINTED = Code(
    code="OVD415",
    name="help-printed",
    severity="error",
    summary="The server prints its help or version instead of serving",
    remedy=(
        "Add --config_path, or --model_path and --model_name. In Kubernetes check whether the container's "
        "args are empty."
    ),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD406",),
    example=Example("args: []", 'args: ["--config_path", "/config.json", "--rest_port", "8000"]'),
)

GRAPH_WITH_PARAMETERS = Code(
    code="OVD444",
    name="graph-with-parameters",
    severity="error",
    summary="A graph on the command line has parameters of a model",
    remedy="Move the settings into subconfig.json or the graph itself, and restart the server.",
    log=(server_log.GRAPH_SETTINGS,),
    recovers="restart",
    releases="Since 2025.1.",
    see_also=("OVD445",),
    example=Example(
        "--model_path /models/graph --model_name g --nireq 4", "--model_path /models/graph --model_name g"
    ),
)


_USAGE = (
    "error parsing options - unmatched arguments",
    "Use either config_path or model_path with model_name",
    "Use config_path or model_path with model_name",
    "Model parameters in CLI are exclusive with the config file",
    "port and rest_port cannot both be unset",
    "port and rest_port cannot have the same values",
    "port number out of range from 0 to 65535",
    "grpc_workers count should be from 1 to CPU core count : {cores}",
    "rest_workers count should be from 2 to {limit}",
    "rest_workers count cannot be larger than {limit} due to open files limit",
    "rest_workers is set but rest_port is not set",
    "rest_port setting is missing, metrics are enabled on rest port",
    "metrics_enable setting is missing, required when metrics_list is provided",
    "File path provided as an --cpu_extension parameter does not exist",
    "log_level should be one of",
    "_bind_address has invalid format: proper hostname or IP address expected.",
)

CONFIG_NOT_JSON = Code(
    code="OVD403",
    name="config-not-json",
    severity="error",
    summary="The configuration file is not valid JSON for the server",
    remedy=(
        "Correct the file at the named position, and restart the server. python -m json.tool accepts some "
        "texts that the server does not accept."
    ),
    log=(server_log.CONFIG_NOT_JSON,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD404",),
    example=Example('{"model_config_list": [],}', '{"model_config_list": []}'),
)

CONFIG_SCHEMA_VIOLATION = Code(
    code="OVD404",
    name="config-schema-violation",
    severity="error",
    summary="The configuration file is JSON, but does not match the schema of this release",
    remedy=(
        "Correct the named key, and restart the server. additionalProperties means a key that this release "
        "does not have, required a missing key, type and oneOf a value of the wrong type."
    ),
    log=(
        server_log.CONFIG_SCHEMA,
        server_log.CONFIG_SCHEMA_OLD,
        server_log.CONFIG_FORMAT,
    ),
    recovers="restart",
    releases=(
        "The schema changes: version policies are validated since 2022.3.0.1, keys beside "
        "“config” are refused since 2024.0, base_path is optional since 2025.1, and stateful, "
        "idle_sequence_cleanup, low_latency_transformation and max_sequence_number are refused since "
        "2026.3. mean, scale, color_format and precision are refused in every release."
    ),
    see_also=("OVD403", "OVD407"),
    example=Example(
        '{"config": {"name": "m", "path": "/m"}}', '{"config": {"name": "m", "base_path": "/m"}}'
    ),
)

CONFIG_FILE_MISSING = Code(
    code="OVD405",
    name="config-file-missing",
    severity="error",
    summary="The configuration file does not exist, or its path cannot be resolved",
    remedy=(
        "Mount the file at the path that the server uses, or correct --config_path, and restart the "
        "server. In a container that is the path inside the container, not this host's path."
    ),
    log=(
        server_log.CONFIG_UNREADABLE,
        "Failed to debug-read fileconfig",
    ),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD205",),
    example=Example(
        "docker run -v /srv/models:/models … --config_path /config.json",
        "docker run -v /srv/models:/models … --config_path /models/config.json",
    ),
)

USAGE_ERROR = Code(
    code="OVD406",
    name="usage-error",
    severity="error",
    summary="The server refuses its arguments",
    remedy="Correct the arguments; ovms --help of the same image lists the options of this release.",
    log=(
        server_log.OPTIONS_EXCEPTION,
        server_log.TASK_UNSUPPORTED,
        server_log.CHANNEL_ARGUMENTS_WRONG,
        server_log.CHANNEL_ARGUMENTS_WRONG_OLD,
        *_USAGE,
    ),
    recovers="restart",
    releases=(
        "--task exists since 2025.2; text2speech and speech2text are tasks since 2025.4. Since "
        "2025.1 --port or --rest_port is required; before, gRPC listens on 9178. Without "
        "arguments the server prints its help and ends with exit code 0."
    ),
    see_also=("OVD407", "OVD408", "OVD201"),
    example=Example(
        "ovms --model_path /models/m --port 9000", "ovms --model_path /models/m --model_name m --port 9000"
    ),
)

VERSION_POLICY_INVALID = Code(
    code="OVD407",
    name="version-policy-invalid",
    severity="error",
    summary="--model_version_policy is not a valid policy",
    remedy="Correct the policy and the quotes of the shell, and restart the server.",
    log=(
        server_log.POLICY_UNPARSABLE,
        server_log.POLICY_NO_VERSIONS,
        server_log.POLICY_NO_LIST,
    ),
    recovers="restart",
    releases=(
        "On the command line the same in all releases. In config.json a wrong policy makes the whole "
        "file invalid since 2022.3.0.1 (OVD404); until 2022.3 it causes a warning, and the server "
        "uses latest 1."
    ),
    see_also=("OVD404", "OVD401"),
    example=Example(
        "--model_version_policy '{\"latest\": 2}'",
        '--model_version_policy \'{"latest": {"num_versions": 2}}\'',
    ),
)

TASK_NOT_INFERRED = Code(
    code="OVD408",
    name="task-not-inferred",
    severity="error",
    summary="A config.json or model_index.json in the model's directory makes it a generative model without a task",
    remedy=(
        "Move the file out of the model's directory; name the task of a generative model with --task; or start the "
        "server with --config_path and a configuration that names the model."
    ),
    log=(server_log.NO_TASK,),
    recovers="restart",
    releases="Since 2026.3, in single-model mode; in 2026.2 only together with --task.",
    see_also=("OVD122", "OVD133"),
    example=Example("m/config.json\nm/1/model.onnx", "m/1/model.onnx"),
)


_CODE_OF = {
    "usage": USAGE_ERROR,
    "policy": VERSION_POLICY_INVALID,
    "task_not_inferred": TASK_NOT_INFERRED,
    "config_not_json": CONFIG_NOT_JSON,
    "config_schema": CONFIG_SCHEMA_VIOLATION,
    "config_unreadable": CONFIG_FILE_MISSING,
    "metrics": METRICS_END_START,
    "help": HELP_PRINTED,
    "graph_settings": GRAPH_WITH_PARAMETERS,
}
_KEYWORDS = {
    "required": "a key is missing",
    "type": "a value has the wrong type",
    "oneOf": "a value matches none, or several, of the allowed forms",
    "anyOf": "a value matches none of the allowed forms",
    "maxProperties": "an object has more keys than allowed",
    "minProperties": "an object has fewer keys than needed",
    "minimum": "a number is too small",
    "maximum": "a number is too large",
    "enum": "a value is not one of the allowed ones",
}


CODES = (
    METRICS_END_START,
    HELP_PRINTED,
    GRAPH_WITH_PARAMETERS,
    CONFIG_NOT_JSON,
    CONFIG_SCHEMA_VIOLATION,
    CONFIG_FILE_MISSING,
    USAGE_ERROR,
    VERSION_POLICY_INVALID,
    TASK_NOT_INFERRED,
)


def check(context: Context, problem: StartProblem) -> Iterator[Finding]:
    """Yields a finding on what ends the start."""
    if problem.kind in ("parameter", "proxy", "cache", "extension", "pull", "directive") or (
        problem.failure is not None and problem.failure.denial is not None
    ):
        # These are reported by other checks.
        return
    if problem.kind == "help":
        yield _help(context)
        return
    in_file = problem.kind.startswith("config_") and problem.path
    if in_file and path_advice.is_never_mounted(context, problem.path or ""):
        return
    advice = None
    if problem.kind == "config_unreadable" and problem.path:
        advice = unmounted_paths.advice_for(context, problem.path, "--config_path", directory=False)
    other = other_files.other_file(context, problem)
    better = advice or other
    position = argument_position(context, problem.option)
    unresolved = path_advice.unresolved_remedy(problem.failure, problem.path or "")
    confidence: Confidence | None = "low" if problem.undefined else None
    yield context.finding(
        _CODE_OF.get(problem.kind, DIRECTORY_NOT_SEARCHABLE),
        (f"{position}: " if position else "") + _message_of(context, problem, advice, other),
        path=problem.path,
        detail=_detail(problem),
        confidence=advice.confidence if advice else confidence,
        log=problem.log,
        evidence=advice.evidence if advice else _evidence(context, problem),
        at=_at(problem),
        recovers="restart",
        steps=_steps(context, problem) if better is None else better.steps,
        remedy=unresolved if better is None else better.remedy,
        causes=path_advice.mount_causes(context, problem.path or "") if in_file else (),
    )


def _message_of(
    context: Context,
    problem: StartProblem,
    advice: unmounted_paths.UnmountedPathAdvice | None,
    other: other_files.OtherFile | None,
) -> str:
    if advice is not None:
        return advice.message
    return other.message if other is not None and other.message else _message(context, problem)


def _message(context: Context, problem: StartProblem) -> str:
    path = problem.path or "the configuration"
    if problem.kind == "config_not_json":
        position = context.position(_at(problem))
        return f"{with_position(path, position)} is not valid JSON for the server: {problem.hint or problem.text}"
    if problem.kind == "config_schema":
        position = context.position(_at(problem))
        return f"{with_position(path, position)}: {_violation(problem)}"
    messages = {
        "usage": f"The server refuses its arguments: {problem.text}",
        "policy": f"--model_version_policy is not a valid policy: {problem.text}"
        if not problem.undefined
        else f"--model_version_policy contains a value of a type that the server does not expect: {problem.text}",
        "task_not_inferred": (
            f"{problem.path} makes this a generative model for the server, but it does not name a task"
        ),
        "config_unreadable": f"{problem.path} {_failed_access(problem)}",
        "model_path_denied": f"The server cannot check whether {problem.path} exists",
        "metrics": _metrics(context, problem),
        "graph_settings": f"A graph does not accept {problem.text} on the command line",
    }
    return messages[problem.kind]


def _at(problem: StartProblem) -> str | int | None:
    """Returns the position of the fault in the configuration: a JSON pointer, or the index of a character."""
    if problem.kind == "config_not_json":
        return problem.at
    return problem.sibling or problem.pointer if problem.kind == "config_schema" else None


def _violation(problem: StartProblem) -> str:
    """Returns the message on a violation of the configuration's schema."""
    pointer = problem.pointer or "#"
    if problem.keyword == "additionalProperties":
        return f"{pointer} is not a key of the configuration in this release"
    if problem.missing:
        other = "" if problem.sibling is None else f", and {key_of(problem.sibling)} is not a key"
        return f"the key {problem.missing} is missing at {pointer}{other}"
    if problem.sibling is not None:
        return f"{key_of(problem.sibling)} is an additional key at {pointer}, which is not allowed"
    return f"{_KEYWORDS.get(problem.keyword, problem.keyword)} at {pointer}"


def _metrics(context: Context, problem: StartProblem) -> str:
    if problem.status == "METRICS_REST_PORT_MISSING":
        return "Metrics are enabled, but --rest_port is missing"
    if problem.status == "CONFIG_FILE_INVALID":
        return "Metrics are configured both in the configuration file and on the command line"
    if problem.keyword == "twice":
        return f"The metric {problem.text} is listed twice, which the server reports as an unknown name"
    return f"The server has no metric {problem.text!r}"


def _detail(problem: StartProblem) -> str:
    if problem.undefined:
        return (
            "The server does not check the type of the value, and reads it as another type: it can end, or serve "
            "other versions than the configured ones."
        )
    text = f"The server ends with exit code {problem.exit_code}; nothing is served."
    if problem.hint and problem.kind != "config_not_json":
        text += f" {problem.hint}"
    if problem.suggestion:
        text += f" Did you mean {problem.suggestion}?"
    return text


def _evidence(context: Context, problem: StartProblem) -> tuple[Evidence, ...]:
    source = "read of the configuration" if problem.kind.startswith("config_") else "the arguments"
    evidence = []
    if problem.at is not None or problem.pointer is not None:
        position = context.position(problem.pointer if problem.at is None else problem.at)
        if position is not None:
            text = f"{position}: {problem.pointer or problem.text}"
            evidence.append(Evidence(text, "read of the configuration"))
        other = context.position(problem.sibling) if problem.sibling is not None else None
        if other is not None:
            evidence.append(Evidence(f"{other}: {problem.sibling}", "read of the configuration"))
    if problem.path and not evidence:
        evidence.append(Evidence(f"{problem.path}: {_observed(problem)}", "as the server's user"))
    if problem.option:
        text = argument_position(context, problem.option) or problem.option
        evidence.append(Evidence(text, source if not problem.path else "the arguments"))
    if not evidence and problem.text:
        evidence.append(Evidence(problem.text, source))
    if problem.option in ("--grpc_workers", "--rest_workers"):
        evidence += host_limits(context.deployment.limits)
    return tuple(evidence)


def _failed_access(problem: StartProblem) -> str:
    """Returns how the configuration file cannot be opened."""
    failure = problem.failure
    if failure is None or failure.missing:
        return "does not exist"
    return f"cannot be opened: {os.strerror(failure.errno)}"


def _observed(problem: StartProblem) -> str:
    """Returns what was observed at the path of the problem."""
    if problem.text:
        return problem.text
    failure = problem.failure
    if failure is not None and not failure.missing:
        return os.strerror(failure.errno)
    return "does not exist" if problem.kind == "config_unreadable" else "exists"


def _steps(context: Context, problem: StartProblem) -> tuple[Step, ...]:
    if path_advice.unresolved_remedy(problem.failure, problem.path or ""):
        return path_advice.unresolved_steps(context, problem.failure, problem.path or "")
    if problem.kind == "task_not_inferred" and problem.path:
        host = quote(context.host(problem.path))
        return (
            Step(
                "If the directory contains a model with versions, move the file to another directory.",
                f"mv -- {host} {host}.unused",
                "host",
                "changes files",
            ),
            *_task_steps(context),
        )
    if problem.kind == "config_not_json" and "byte order mark" in problem.hint and problem.path:
        host = quote(context.host(problem.path))
        command = f"sed -i '1s/^\\xEF\\xBB\\xBF//' {host}"
        return (Step("Remove the byte order mark.", command, "host", "changes files"),)
    if "due to open files limit" in problem.text:
        return open_files_steps(context, problem)
    if problem.kind == "policy":
        forms = '{"latest": {"num_versions": 1}}, {"specific": {"versions": [1]}} or {"all": {}}'
        return (Step(f"Write {forms}. {QUOTES_OF_OBJECTS}"),)
    if problem.suggestion and problem.kind == "config_unreadable":
        return (Step(f"Give the server --config_path {quote(problem.suggestion)}"),)
    if problem.suggestion:
        return (Step(f"Did you mean {problem.suggestion}?"),)
    if problem.remedy:
        return (Step(problem.remedy),)
    return ()


def _task_steps(context: Context) -> tuple[Step, ...]:
    """Returns the step that names the task, if the release accepts a task and none is set."""
    arguments, release = context.deployment.arguments, context.deployment.release
    if arguments is not None and arguments.value("task"):
        return ()
    # Imported here: most runs do not need it.
    from ovms_doctor.inputs.arguments.options import tasks

    known = ", ".join(tasks(release))
    text = f"If it is a generative model, name its task: {known}."
    return (Step(text, "--task text_generation", step_location(context), "restarts the server"),)


def _help(context: Context) -> Finding:
    return context.finding(
        HELP_PRINTED,
        "The server prints its help or version and ends: it has nothing to serve",
        detail="The exit code is 0: a container ends as “completed”, and its restart policy can restart it again "
        "and again.",
        evidence=(Evidence("no option, --help or --version", "the arguments"),),
        recovers="restart",
        steps=_shell_steps(context),
    )


def _shell_steps(context: Context) -> tuple[Step, ...]:
    """Returns the step for a shell that runs the server without arguments: it may have been given them in vain."""
    container = context.deployment.container
    if container is None or container.arguments or "-c" not in container.program:
        return ()
    text = (
        "Write the server's arguments into the text after -c: a shell does not pass the words after that text to the "
        "program."
    )
    return (Step(text),)
