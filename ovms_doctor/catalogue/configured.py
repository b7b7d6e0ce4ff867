"""Entries on what a configuration or an argument line holds: entries left out, libraries, pipelines, paths."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.catalogue.wording import ALL, START_FAILS
from ovms_doctor.model import server_log as log

_KEEPS_RUNNING = "The server starts and /v2/health/ready answers 200. "

CODES: tuple[Code, ...] = (
    Code(
        "OVD411",
        "environment-overrides",
        "info",
        "configuration",
        "A variable of the environment changes what the arguments say",
        "OVMS reads some variables of its environment when it serves models. GRPC_SERVERS replaces --grpc_workers "
        "and is not checked against the number of cores; API_KEY, if no --api_key_file is given, is the key that "
        "generative endpoints ask for.",
        "Take the variable out of the server's environment, unless that is what it is there for.",
        "restart",
        releases="GRPC_SERVERS: all releases. API_KEY: since 2025.4.",
        see_also=("OVD406",),
    ),
    Code(
        "OVD414",
        "metrics-end-start",
        "error",
        "configuration",
        "The settings of the metrics end the process",
        "Metrics need --rest_port; they may be set in the configuration or on the command line, not in both; "
        "a name that is unknown, or that stands in the list twice, is refused, even where metrics are "
        "switched off. " + START_FAILS,
        "Correct the settings, and start the server again: they are read once for each process.",
        "restart",
        (log.METRICS_TWICE, log.METRICS_NEED_REST_PORT, log.METRIC_UNKNOWN),
        releases="Since 2022.2. Until 2022.3 metrics could not be enabled on the command line beside "
        "--config_path at all (OVD406).",
        see_also=("OVD406", "OVD404"),
    ),
    Code(
        "OVD415",
        "help-printed",
        "error",
        "configuration",
        "The server prints its help or version instead of serving",
        "That is what it does without any option, and with --help or --version. It ends with exit code 0, "
        "which a container's runtime shows as “completed”.",
        "Give the server something to serve. In Kubernetes look whether the container's args are empty.",
        "restart",
        releases=ALL,
        see_also=("OVD406",),
    ),
    Code(
        "OVD416",
        "option-without-effect",
        "warning",
        "configuration",
        "The server takes an option and makes no use of it",
        "Beside --config_path the server refuses some of a model's parameters, and takes others, such as "
        "--layout, without a word and without an effect. Until 2023.3 it also passes over words that "
        "belong to no option.",
        "Put a model's parameters into its entry of the configuration.",
        "restart",
        releases="mean, scale, color_format and precision came with 2026.0; words left over are refused "
        "since 2024.0.",
        see_also=("OVD406",),
    ),
    Code(
        "OVD417",
        "behind-list-given-up",
        "error",
        "configuration",
        "An entry stands behind one at which the server gives up the list",
        _KEEPS_RUNNING + "Nothing is wrong with this entry, but nothing is served under its name.",
        "Correct the entry that is to blame (OVD422).",
        "config_change",
        (log.LIST_FAILED,),
        releases="Since 2022.2.",
        see_also=("OVD422",),
    ),
    Code(
        "OVD418",
        "key-doubled",
        "warning",
        "configuration",
        "A key stands twice in one object of the configuration: only one of them counts",
        "The server takes the first of equal keys, where most other programs take the last one; but inside "
        "shape, layout and plugin_config it takes the last one too. Where only one key is allowed the second "
        "one makes the whole file invalid (OVD404).",
        "Remove the one that is not meant.",
        "config_change",
        releases=ALL,
        see_also=("OVD404",),
    ),
    Code(
        "OVD419",
        "key-without-effect",
        "warning",
        "configuration",
        "A key beside “config” has no effect",
        "What belongs to a model stands inside “config”. A key beside it is passed over, and from 2024.0 on "
        "makes the whole file invalid.",
        "Remove the key, or move it into “config”.",
        "config_change",
        releases="Until 2023.3; from 2024.0 on it is OVD404.",
        see_also=("OVD404",),
    ),
    Code(
        "OVD420",
        "custom-loader-missing",
        "error",
        "configuration",
        "A model wants a custom loader that there is not",
        _KEEPS_RUNNING + "The versions of the model are found, none is loaded, and that counts as a success.",
        "Put the loader into custom_loader_config_list, with a library that the server can open, or take "
        "custom_loader_options out of the entry.",
        "config_change",
        (log.LOADER_NOT_FOUND,),
        releases=ALL,
        see_also=("OVD441",),
    ),
    Code(
        "OVD441",
        "library-not-opened",
        "warning",
        "configuration",
        "A library that the configuration names cannot be opened",
        "The server logs it and goes on. Pipelines with nodes of the library, or models with the loader, are "
        "not served: then it is an error.",
        "Put the library where the server looks for it, readable by its user. Of custom nodes the path "
        "must be absolute unless --config_path is.",
        "config_change",
        (log.LOADER_NOT_OPENED, log.LIBRARY_NOT_OPENED, log.LIBRARY_RELATIVE),
        releases=ALL,
        see_also=("OVD420", "OVD442"),
    ),
    Code(
        "OVD442",
        "pipeline-not-served",
        "error",
        "configuration",
        "A pipeline is not served, for a reason that the configuration shows",
        _KEEPS_RUNNING + "The models are served; the pipeline is not, until what it lacks is there.",
        "Correct the pipeline, or add the model, library or node that it lacks.",
        "config_change",
        (
            log.DUPLICATE_PIPELINE,
            log.PIPELINE_NAME_OCCUPIED,
            log.PIPELINE_LIBRARY_MISSING,
            log.PIPELINE_MODEL_MISSING,
            log.PIPELINE_NODE_MISSING,
            log.PIPELINE_NODE_TWICE,
        ),
        releases=ALL,
        see_also=("OVD441", "OVD402"),
    ),
    Code(
        "OVD443",
        "graph-name-taken",
        "error",
        "configuration",
        "A graph is not loaded, for its name is taken",
        _KEEPS_RUNNING + "Models are loaded before graphs, and a model takes its name even where it fails to "
        "load.",
        "Give the graph a name of its own.",
        "config_change",
        (log.GRAPH_NAME_OCCUPIED, log.DUPLICATE_GRAPH),
        releases="Since 2023.0.",
        see_also=("OVD402",),
    ),
    Code(
        "OVD444",
        "graph-with-parameters",
        "error",
        "configuration",
        "A graph is started with parameters of a model on the command line",
        "With --model_path to a graph only --model_name, --model_path and, since 2025.4, --plugin_config are "
        "allowed. The process ends with exit code 64.",
        "Put the settings into subconfig.json or the graph itself, and start the server again.",
        "restart",
        (log.GRAPH_SETTINGS,),
        releases="Since 2025.1.",
        see_also=("OVD445",),
    ),
    Code(
        "OVD445",
        "graph-ignores-parameters",
        "warning",
        "configuration",
        "An entry is a graph, for which the parameters of a model have no effect",
        "A graph.pbtxt in the base path makes the entry a graph. The server passes over every other key of "
        "it without a word.",
        "Put the settings into subconfig.json or the graph itself; or, if no graph is meant, move "
        "graph.pbtxt away.",
        "config_change",
        releases="Since 2025.1.",
        see_also=("OVD444",),
    ),
    Code(
        "OVD446",
        "no-base-path",
        "warning",
        "configuration",
        "An entry has no base_path: the configuration's own directory is taken",
        "The server looks for version directories beside the configuration file, and serves what it finds "
        "there under this name. It logs a warning for every other directory there. Where it finds no version, "
        "nothing is served under the name, and it is an error.",
        "Add base_path: a relative one counts from the configuration's directory.",
        "config_change",
        (log.VERSION_NOT_NUMBER,),
        releases="The key may be missing since 2025.1; before, the whole file is invalid (OVD404). An "
        "empty text means the same in all releases.",
        see_also=("OVD404", "OVD101"),
    ),
    Code(
        "OVD447",
        "path-misunderstood",
        "info",
        "configuration",
        "A path does not mean to the server what it seems to",
        "The server expands neither “~” nor variables, knows no storage but s3://, gs://, az:// and azfs://, "
        "takes a backslash for a part of a name, and in a container sees only what is mounted, where it is "
        "mounted.",
        "Write the path as the server sees it.",
        None,
        releases=ALL,
        see_also=("OVD106", "OVD405"),
    ),
    Code(
        "OVD448",
        "graph-not-loaded",
        "error",
        "configuration",
        "A graph is not loaded, for its graph.pbtxt is missing, empty or not readable",
        "Every entry of mediapipe_config_list is a graph, whatever is there. The server starts and answers “ready”, "
        "and does not serve the graph. Started alone, with --model_path, a graph.pbtxt with nothing in it ends the "
        "process with exit code 1.",
        "Put the graph where the server looks for it, readable by its user: graph_path counts from base_path, "
        "which is the directory of the graph's name beside the configuration where it is not given. The server "
        "looks again when the configuration's content changes.",
        "config_change",
        (log.GRAPH_NOT_OPENED, log.GRAPH_EMPTY),
        releases="mediapipe_config_list since 2023.0, a graph in model_config_list or with --model_path since 2025.1.",
        see_also=("OVD121", "OVD443", "OVD314"),
    ),
    Code(
        "OVD449",
        "text-ends-at-nul",
        "warning",
        "configuration",
        "A text of the configuration holds a NUL character (\\u0000), at which it ends for the server",
        "The server takes the texts of the configuration for C strings: a name, a path or a value ends before the "
        "first NUL character, without a word about it.",
        "Take \\u0000 out of the text.",
        "config_change",
        releases=ALL,
        see_also=("OVD403",),
    ),
)
