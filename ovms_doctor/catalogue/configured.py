"""Entries on what a configuration or an argument line holds: entries left out, libraries, pipelines, paths."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

ENVIRONMENT_OVERRIDES = Code(
    code="OVD411",
    name="environment-overrides",
    severity="info",
    summary="A variable of the environment changes what the arguments say",
    remedy="Take the variable out of the server's environment, unless that is what it is there for.",
    recovers="restart",
    releases="GRPC_SERVERS: all releases. API_KEY: since 2025.4.",
    see_also=("OVD406",),
    example=Example("docker run -e GRPC_SERVERS=64 …", "docker run … (without it)"),
)

METRICS_END_START = Code(
    code="OVD414",
    name="metrics-end-start",
    severity="error",
    summary="The settings of the metrics end the process",
    remedy="Correct the settings, and start the server again: they are read once for each process.",
    log=(
        log.METRICS_TWICE,
        log.METRICS_NEED_REST_PORT,
        log.METRIC_UNKNOWN,
    ),
    recovers="restart",
    releases=(
        "Since 2022.2. Until 2022.3 metrics could not be enabled on the command line beside "
        "--config_path at all (OVD406)."
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
    remedy=("Give the server something to serve. In Kubernetes look whether the container's args are empty."),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD406",),
    example=Example("args: []", 'args: ["--config_path", "/config.json", "--rest_port", "8000"]'),
)

OPTION_WITHOUT_EFFECT = Code(
    code="OVD416",
    name="option-without-effect",
    severity="warning",
    summary="The server takes an option and makes no use of it",
    remedy="Put a model's parameters into its entry of the configuration.",
    recovers="restart",
    releases=(
        "mean, scale, color_format and precision came with 2026.0; words left over are refused since 2024.0."
    ),
    see_also=("OVD406",),
    example=Example(
        "--config_path /config.json --layout NHWC:NCHW",
        '{"config": {"name": "m", "base_path": "/models/m", "layout": "NHWC:NCHW"}}',
    ),
)

BEHIND_LIST_GIVEN_UP = Code(
    code="OVD417",
    name="behind-list-given-up",
    severity="error",
    summary="An entry stands behind one at which the server gives up the list",
    remedy="Correct the entry that is to blame (OVD422).",
    log=(log.LIST_FAILED,),
    recovers="config_change",
    releases="Since 2022.2.",
    see_also=("OVD422",),
    example=Example(
        (
            '{"config": {"name": "a", "base_path": "/models/a", "plugin_config": {"FOO": "1"}}},\n'
            '{"config": {"name": "b", "base_path": "/models/b"}}'
        ),
        (
            '{"config": {"name": "a", "base_path": "/models/a"}},\n'
            '{"config": {"name": "b", "base_path": "/models/b"}}'
        ),
    ),
)

KEY_DOUBLED = Code(
    code="OVD418",
    name="key-doubled",
    severity="warning",
    summary="A key stands twice in one object of the configuration: only one of them counts",
    remedy="Remove the one that is not meant.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD404",),
    example=Example(
        '{"name": "m", "base_path": "/models/old", "base_path": "/models/new"}',
        '{"name": "m", "base_path": "/models/new"}',
    ),
)

KEY_WITHOUT_EFFECT = Code(
    code="OVD419",
    name="key-without-effect",
    severity="warning",
    summary="A key beside “config” has no effect",
    remedy="Remove the key, or move it into “config”.",
    recovers="config_change",
    releases="Until 2023.3; from 2024.0 on it is OVD404.",
    see_also=("OVD404",),
    example=Example(
        '{"config": {"name": "m", "base_path": "/models/m"}, "nireq": 4}',
        '{"config": {"name": "m", "base_path": "/models/m", "nireq": 4}}',
    ),
)

CUSTOM_LOADER_MISSING = Code(
    code="OVD420",
    name="custom-loader-missing",
    severity="error",
    summary="A model wants a custom loader that there is not",
    remedy=(
        "Put the loader into custom_loader_config_list, with a library that the server can open, or "
        "take custom_loader_options out of the entry."
    ),
    log=(log.LOADER_NOT_FOUND,),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD441",),
    example=Example(
        (
            '{"config": {"name": "m", "base_path": "/models/m", "custom_loader_options": {"loader_name": '
            '"l"}}}'
        ),
        '{"config": {"name": "m", "base_path": "/models/m"}}',
    ),
)

LIBRARY_NOT_OPENED = Code(
    code="OVD441",
    name="library-not-opened",
    severity="warning",
    summary="A library that the configuration names cannot be opened",
    remedy=(
        "Put the library where the server looks for it, readable by its user. Of custom nodes the "
        "path must be absolute unless --config_path is."
    ),
    log=(
        log.LOADER_NOT_OPENED,
        log.LIBRARY_NOT_OPENED,
        log.LIBRARY_RELATIVE,
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD420", "OVD442"),
    example=Example(
        '{"name": "l", "base_path": "/lib/missing.so"}', '{"name": "l", "base_path": "/lib/libnode.so"}'
    ),
)

PIPELINE_NOT_SERVED = Code(
    code="OVD442",
    name="pipeline-not-served",
    severity="error",
    summary="A pipeline is not served, for a reason that the configuration shows",
    remedy="Correct the pipeline, or add the model, library or node that it lacks.",
    log=(
        log.DUPLICATE_PIPELINE,
        log.PIPELINE_NAME_OCCUPIED,
        log.PIPELINE_LIBRARY_MISSING,
        log.PIPELINE_MODEL_MISSING,
        log.PIPELINE_NODE_MISSING,
        log.PIPELINE_NODE_TWICE,
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD441", "OVD402"),
    example=Example(
        '{"name": "n", "type": "DL model", "model_name": "missing", …}',
        '{"name": "n", "type": "DL model", "model_name": "m", …}',
    ),
)

GRAPH_NAME_TAKEN = Code(
    code="OVD443",
    name="graph-name-taken",
    severity="error",
    summary="A graph is not loaded, for its name is taken",
    remedy="Give the graph a name of its own.",
    log=(
        log.GRAPH_NAME_OCCUPIED,
        log.DUPLICATE_GRAPH,
    ),
    recovers="config_change",
    releases="Since 2023.0.",
    see_also=("OVD402",),
    example=Example(
        ('"model_config_list": [{"config": {"name": "m", …}}],\n"mediapipe_config_list": [{"name": "m"}]'),
        ('"model_config_list": [{"config": {"name": "m", …}}],\n"mediapipe_config_list": [{"name": "g"}]'),
    ),
)

GRAPH_WITH_PARAMETERS = Code(
    code="OVD444",
    name="graph-with-parameters",
    severity="error",
    summary="A graph is started with parameters of a model on the command line",
    remedy="Put the settings into subconfig.json or the graph itself, and start the server again.",
    log=(log.GRAPH_SETTINGS,),
    recovers="restart",
    releases="Since 2025.1.",
    see_also=("OVD445",),
    example=Example(
        "--model_path /models/graph --model_name g --nireq 4", "--model_path /models/graph --model_name g"
    ),
)

GRAPH_IGNORES_PARAMETERS = Code(
    code="OVD445",
    name="graph-ignores-parameters",
    severity="warning",
    summary="An entry is a graph, for which the parameters of a model have no effect",
    remedy=(
        "Put the settings into subconfig.json or the graph itself; or, if no graph is meant, move "
        "graph.pbtxt away."
    ),
    recovers="config_change",
    releases="Since 2025.1.",
    see_also=("OVD444",),
    example=Example(
        '{"config": {"name": "g", "base_path": "/models/graph", "nireq": 4}}',
        '{"config": {"name": "g", "base_path": "/models/graph"}}',
    ),
)

NO_BASE_PATH = Code(
    code="OVD446",
    name="no-base-path",
    severity="warning",
    summary="An entry has no base_path: the configuration's own directory is taken",
    remedy="Add base_path: a relative one counts from the configuration's directory.",
    log=(log.VERSION_NOT_NUMBER,),
    recovers="config_change",
    releases=(
        "The key may be missing since 2025.1; before, the whole file is invalid (OVD404). An empty "
        "text means the same in all releases."
    ),
    see_also=("OVD404", "OVD101"),
    example=Example('{"config": {"name": "m"}}', '{"config": {"name": "m", "base_path": "/models/m"}}'),
)

PATH_MISUNDERSTOOD = Code(
    code="OVD447",
    name="path-misunderstood",
    severity="info",
    summary="A path does not mean to the server what it seems to",
    remedy="Write the path as the server sees it.",
    releases=ALL_RELEASES,
    see_also=("OVD106", "OVD405"),
    example=Example('"base_path": "~/models/m"', '"base_path": "/models/m"'),
)

GRAPH_NOT_LOADED = Code(
    code="OVD448",
    name="graph-not-loaded",
    severity="error",
    summary="A graph is not loaded, for its graph.pbtxt is missing, empty or not readable",
    remedy=(
        "Put the graph where the server looks for it, readable by its user: graph_path counts from "
        "base_path, which is the directory of the graph's name beside the configuration where it is "
        "not given. The server looks again when the configuration's content changes."
    ),
    log=(
        log.GRAPH_NOT_OPENED,
        log.GRAPH_EMPTY,
    ),
    recovers="config_change",
    releases=(
        "mediapipe_config_list since 2023.0, a graph in model_config_list or with --model_path since 2025.1."
    ),
    see_also=("OVD121", "OVD443", "OVD314"),
    example=Example(
        ('"mediapipe_config_list": [{"name": "g", "base_path": "/models/graph"}]\n/models/graph/   empty'),
        ('"mediapipe_config_list": [{"name": "g", "base_path": "/models/graph"}]\n/models/graph/graph.pbtxt'),
    ),
)

TEXT_ENDS_AT_NUL = Code(
    code="OVD449",
    name="text-ends-at-nul",
    severity="warning",
    summary=("A text of the configuration holds a NUL character (\\u0000), at which it ends for the server"),
    remedy="Take \\u0000 out of the text.",
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD403",),
    example=Example('"name": "m\\u0000x"', '"name": "m"'),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "configuration": (
        ENVIRONMENT_OVERRIDES,
        METRICS_END_START,
        HELP_PRINTED,
        OPTION_WITHOUT_EFFECT,
        BEHIND_LIST_GIVEN_UP,
        KEY_DOUBLED,
        KEY_WITHOUT_EFFECT,
        CUSTOM_LOADER_MISSING,
        LIBRARY_NOT_OPENED,
        PIPELINE_NOT_SERVED,
        GRAPH_NAME_TAKEN,
        GRAPH_WITH_PARAMETERS,
        GRAPH_IGNORES_PARAMETERS,
        NO_BASE_PATH,
        PATH_MISUNDERSTOOD,
        GRAPH_NOT_LOADED,
        TEXT_ENDS_AT_NUL,
    ),
}
