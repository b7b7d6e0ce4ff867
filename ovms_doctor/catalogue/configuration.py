"""Entries on what the server was told: arguments, config.json, version policies."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import ALL, START_FAILS
from ovms_doctor.model import server_log as log

#: What the server writes to standard error for arguments it refuses (cli_parser.cpp, config.cpp).
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

CODES: tuple[Code, ...] = (
    Code(
        "OVD401",
        "policy-matches-nothing",
        "error",
        "configuration",
        "The version policy asks for none of the versions that are there",
        "Versions that are asked for and are not there are dropped without a message; if none is left, that "
        "counts as a success. The server starts in both modes, /v2/health/ready answers 200, /v1/config "
        "shows the model with an empty list of versions, and nothing is served under this name.",
        "Ask for a version that is there, or put in the one that is asked for: it is then found at the next "
        "poll.",
        None,
        (),
        releases="The same in all releases. Since 2026.3 a single file is always version 1, so a policy for "
        "another number matches nothing either.",
        see_also=("OVD407", "OVD101"),
    ),
    Code(
        "OVD402",
        "duplicate-model-name",
        "warning",
        "configuration",
        "Two entries of the configuration have the same name",
        "Only the first one is loaded; the others are left out with a warning. The server starts. POST "
        "/v1/config/reload answers with an error as long as it is so.",
        "Give each entry a name of its own.",
        "config_change",
        (log.DUPLICATE_NAME,),
        releases=ALL,
        see_also=("OVD409",),
    ),
    Code(
        "OVD403",
        "config-not-json",
        "error",
        "configuration",
        "The configuration file is not JSON as the server reads it",
        "The server's parser takes no comments, no trailing commas, no single quotes, no tab in a string, "
        "and no UTF-8 byte order mark (“Invalid value.”). The server's message does not say where. It tries three "
        "times, 10 ms apart. "
        + START_FAILS
        + " If the file is changed while the server runs, the old configuration stays in "
        "force.",
        "Correct the file at the place that is named, and start the server again. python -m json.tool accepts a few "
        "things that the server does not.",
        "restart",
        (log.CONFIG_NOT_JSON,),
        releases=ALL,
        see_also=("OVD404",),
    ),
    Code(
        "OVD404",
        "config-schema-violation",
        "error",
        "configuration",
        "The configuration file is JSON, but not in the form that this release takes",
        "One key too many, one missing, or a value of another type makes the whole file "
        "invalid, not only the entry. Only the first violation is named: Key says where in the "
        "file, Keyword which rule. "
        + START_FAILS
        + " If the file is changed while the server runs, the old configuration stays in force.",
        "Correct what the message points at, and start the server again. additionalProperties means a key "
        "that this release does not take, required one that is missing, type and oneOf a value of the wrong "
        "kind.",
        "restart",
        (log.CONFIG_SCHEMA, log.CONFIG_FORMAT),
        releases="What is allowed changes: version policies are checked since 2022.3.0.1, keys beside "
        "“config” are refused since 2024.0, base_path may be left out since 2025.1, and stateful, "
        "idle_sequence_cleanup, low_latency_transformation and max_sequence_number are refused since "
        "2026.3. mean, scale, color_format and precision are refused in every release.",
        see_also=("OVD403", "OVD407"),
    ),
    Code(
        "OVD405",
        "config-file-missing",
        "error",
        "configuration",
        "The configuration file that the server is told to read is not there",
        "The server tries three times, 10 ms apart. "
        + START_FAILS
        + " If the file is deleted while the server "
        "runs, everything stays as it is.",
        "Mount the file where the server looks for it, or correct --config_path, and start the server "
        "again. In a container the path inside counts, not this host's.",
        "restart",
        (log.CONFIG_UNREADABLE,),
        ("Failed to debug-read fileconfig",),
        releases=ALL,
        see_also=("OVD205",),
    ),
    Code(
        "OVD406",
        "usage-error",
        "error",
        "configuration",
        "The server refuses its arguments",
        "It writes the reason to standard error, without the log's prefix and not into the file of "
        "--log_path, and ends with exit code 64 (3 on Windows).",
        "Correct the arguments; ovms --help of the same image lists what this release takes.",
        "restart",
        (log.OPTIONS_EXCEPTION, log.TASK_UNSUPPORTED),
        _USAGE,
        releases="--task is looked at since 2025.2; text2speech and speech2text are tasks since 2025.4. Since "
        "2025.1 one of --port and --rest_port must be given; before, gRPC listened on 9178. "
        "With no argument at all the server prints its help and ends with exit code 0.",
        see_also=("OVD407", "OVD408", "OVD201"),
    ),
    Code(
        "OVD407",
        "version-policy-invalid",
        "error",
        "configuration",
        "--model_version_policy is not a policy that the server understands",
        'It takes exactly one of {"all": {}}, {"latest": {"num_versions": N}} and '
        '{"specific": {"versions": [N, …]}}, as JSON. '
        + START_FAILS
        + " Where a value is of another kind than it takes it for, such as a text for N, the server does not look: "
        "there is no telling what it does.",
        "Correct the policy, mind the shell's quotes, and start the server again.",
        "restart",
        (log.POLICY_UNPARSABLE, log.POLICY_NO_VERSIONS, log.POLICY_NO_LIST),
        releases="On the command line the same in all releases. In config.json a wrong policy makes the "
        "whole file invalid since 2022.3.0.1 (OVD404); until 2022.3 it was a warning, and latest 1 was used.",
        see_also=("OVD404", "OVD401"),
    ),
    Code(
        "OVD408",
        "task-not-inferred",
        "error",
        "configuration",
        "A config.json or model_index.json in the model's directory is taken for a generative model's",
        "Started with --model_path, the server looks for these files before anything else. One that names "
        "no task it knows makes it end with exit code 64, however good the model versions beside it are.",
        "Move the file out of the model's directory, or start the server with --config_path and a "
        "configuration that names the model.",
        "restart",
        (log.NO_TASK,),
        releases="Since 2026.3, in single-model mode; in 2026.2 only together with --task.",
        see_also=("OVD122", "OVD133"),
    ),
    Code(
        "OVD409",
        "no-models-configured",
        "error",
        "configuration",
        "The configuration names no model",
        "The server starts, /v2/health/ready answers 200, /v1/config answers with an empty object, and "
        "nothing is served.",
        "Put an entry for each model into model_config_list. The server reads the file again when its "
        "content changes.",
        "config_change",
        (),
        releases=ALL,
        see_also=("OVD402", "OVD123"),
    ),
    Code(
        "OVD410",
        "not-looked-at",
        "info",
        "configuration",
        "The server was told something that this program does not follow yet",
        "What the setting changes is not part of the prediction, and the setting itself was not checked: "
        "the server may refuse it, or serve the model otherwise than predicted.",
        "Nothing. Keep in mind that the report does not cover it.",
        None,
        (),
        releases=ALL,
        see_also=("OVD903",),
    ),
)
