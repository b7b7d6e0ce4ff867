"""Entries on what the server was told: arguments, config.json, version policies."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

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

POLICY_MATCHES_NOTHING = Code(
    code="OVD401",
    name="policy-matches-nothing",
    severity="error",
    summary="The version policy asks for none of the versions that are there",
    remedy=(
        "Ask for a version that is there, or put in the one that is asked for: it is then found at "
        "the next poll."
    ),
    releases=(
        "The same in all releases. Since 2026.3 a single file is always version 1, so a policy for "
        "another number matches nothing either."
    ),
    see_also=("OVD407", "OVD101"),
    example=Example('{"specific": {"versions": [3]}}\nm/1/', '{"specific": {"versions": [1]}}\nm/1/'),
)

DUPLICATE_MODEL_NAME = Code(
    code="OVD402",
    name="duplicate-model-name",
    severity="warning",
    summary="Two entries of the configuration have the same name",
    remedy="Give each entry a name of its own.",
    log=(log.DUPLICATE_NAME,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD409",),
    example=Example(
        '{"config": {"name": "m", …}}\n{"config": {"name": "m", …}}', '{"config": {"name": "m", …}}'
    ),
)

CONFIG_NOT_JSON = Code(
    code="OVD403",
    name="config-not-json",
    severity="error",
    summary="The configuration file is not JSON as the server reads it",
    remedy=(
        "Correct the file at the place that is named, and start the server again. python -m "
        "json.tool accepts a few things that the server does not."
    ),
    log=(log.CONFIG_NOT_JSON,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD404",),
    example=Example('{"model_config_list": [],}', '{"model_config_list": []}'),
)

CONFIG_SCHEMA_VIOLATION = Code(
    code="OVD404",
    name="config-schema-violation",
    severity="error",
    summary="The configuration file is JSON, but not in the form that this release takes",
    remedy=(
        "Correct what the message points at, and start the server again. additionalProperties means "
        "a key that this release does not take, required one that is missing, type and oneOf a value "
        "of the wrong kind."
    ),
    log=(
        log.CONFIG_SCHEMA,
        log.CONFIG_FORMAT,
    ),
    recovers="restart",
    releases=(
        "What is allowed changes: version policies are checked since 2022.3.0.1, keys beside "
        "“config” are refused since 2024.0, base_path may be left out since 2025.1, and stateful, "
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
    summary="The configuration file that the server is told to read is not there",
    remedy=(
        "Mount the file where the server looks for it, or correct --config_path, and start the "
        "server again. In a container the path inside counts, not this host's."
    ),
    log=(
        log.CONFIG_UNREADABLE,
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
    remedy="Correct the arguments; ovms --help of the same image lists what this release takes.",
    log=(
        log.OPTIONS_EXCEPTION,
        log.TASK_UNSUPPORTED,
        *_USAGE,
    ),
    recovers="restart",
    releases=(
        "--task is looked at since 2025.2; text2speech and speech2text are tasks since 2025.4. Since "
        "2025.1 one of --port and --rest_port must be given; before, gRPC listened on 9178. With no "
        "argument at all the server prints its help and ends with exit code 0."
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
    summary="--model_version_policy is not a policy that the server understands",
    remedy="Correct the policy, mind the shell's quotes, and start the server again.",
    log=(
        log.POLICY_UNPARSABLE,
        log.POLICY_NO_VERSIONS,
        log.POLICY_NO_LIST,
    ),
    recovers="restart",
    releases=(
        "On the command line the same in all releases. In config.json a wrong policy makes the whole "
        "file invalid since 2022.3.0.1 (OVD404); until 2022.3 it was a warning, and latest 1 was "
        "used."
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
    summary=("A config.json or model_index.json in the model's directory is taken for a generative model's"),
    remedy=(
        "Move the file out of the model's directory, or start the server with --config_path and a "
        "configuration that names the model."
    ),
    log=(log.NO_TASK,),
    recovers="restart",
    releases="Since 2026.3, in single-model mode; in 2026.2 only together with --task.",
    see_also=("OVD122", "OVD133"),
    example=Example("m/config.json\nm/1/model.onnx", "m/1/model.onnx"),
)

NO_MODELS_CONFIGURED = Code(
    code="OVD409",
    name="no-models-configured",
    severity="error",
    summary="The configuration names no model",
    remedy=(
        "Put an entry for each model into model_config_list. The server reads the file again when "
        "its content changes."
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD402", "OVD123"),
    example=Example(
        '{"model_config_list": []}', '{"model_config_list": [{"config": {"name": "m", "base_path": "/m"}}]}'
    ),
)

NOT_LOOKED_AT = Code(
    code="OVD410",
    name="not-looked-at",
    severity="info",
    summary="The server was told something that this program does not follow yet",
    remedy="Nothing. Keep in mind that the report does not cover it.",
    releases=ALL_RELEASES,
    see_also=("OVD903",),
    example=Example('{"config": {"name": "m", "base_path": "/m", "nireq": 4}}', "nothing to repair"),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "configuration": (
        POLICY_MATCHES_NOTHING,
        DUPLICATE_MODEL_NAME,
        CONFIG_NOT_JSON,
        CONFIG_SCHEMA_VIOLATION,
        CONFIG_FILE_MISSING,
        USAGE_ERROR,
        VERSION_POLICY_INVALID,
        TASK_NOT_INFERRED,
        NO_MODELS_CONFIGURED,
        NOT_LOOKED_AT,
    ),
}
