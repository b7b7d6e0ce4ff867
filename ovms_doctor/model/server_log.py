"""The messages of OVMS, as templates: filled in for a prediction, matched to explain a line."""

from __future__ import annotations

import re

from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern


class Message(Struct, frozen=True):
    """One message of the server.

    ``text``: the message with ``{fields}``.
    ``source``: the source file that logs it.
    """

    text: str
    source: str

    def __call__(self, **values: object) -> str:
        """Returns the message as the server writes it. Values are inserted as they are, braces included."""
        parts = _FIELD.split(self.text)
        return "".join(str(values[part]) if index % 2 else part for index, part in enumerate(parts))

    def pattern(self) -> re.Pattern[str]:
        """Returns a pattern that finds this message anywhere in a log line."""
        parts = _FIELD.split(self.text)
        body = "".join("(.*?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        return re.compile(body + r"\s*$" if parts[-1] == "" else body, re.DOTALL)


_FIELD = lazy_pattern(r"\{(\w+)\}")

# -- server.cpp ------------------------------------------------------------------------------------------
ENDS_BY_EXCEPTION = Message("Exception catch: {what} - will now terminate.", "server.cpp")
#: The same for a text that is not a number, as the port of a proxy.
ENDS_BY_NUMBER = Message("Exception catch: stoi - will now terminate.", "server.cpp")

# -- grpcservermodule.cpp, httpservermodule.cpp, and the libraries that they and logging.cpp use --------------
#: Until 2022.2 without a reason; in 2022.1 the text of an exception, and "GRPC" (server.cpp).
GRPC_BUSY = Message("Failed to start gRPC server - at {address} - port is busy", "grpcservermodule.cpp")
CHANNEL_ARGUMENTS_WRONG = Message(
    "Grpc channel arguments passed in wrong format - {value}", "grpcservermodule.cpp"
)
#: Until 2022.2; in 2022.1 in server.cpp.
CHANNEL_ARGUMENTS_WRONG_OLD = Message(
    "grpc channel arguments passed in wrong format: {value}", "grpcservermodule.cpp"
)
GRPC_NOT_STARTED = Message("Failed to start gRPC server - at {address}", "grpcservermodule.cpp")
GRPC_NOT_STARTED_OLD = Message("Failed to start gRPC server at {address}", "grpcservermodule.cpp")
GRPC_NOT_STARTED_2022_1 = Message("Failed to start GRPC server at {address}", "server.cpp")
REST_NOT_STARTED = Message("Failed to start REST server - at {address}", "httpservermodule.cpp")
REST_NOT_STARTED_OLD = Message("Failed to start REST server at {address}", "httpservermodule.cpp")
DROGON_THREW = Message("Exception occurred during drogon::run()", "drogon_http_server.cpp")
DROGON_NOT_STARTED = Message("Failed to start Drogon server", "http_server.cpp")
#: These have a prefix of the library's own.
REST_BUSY = Message(
    "Address already in use (errno=98) , Bind address failed at {address} - Socket.cc:{line}", "trantor"
)
REST_ADDRESS_MISSING = Message(
    "Cannot assign requested address (errno=99) , Bind address failed at {address} - Socket.cc:{line}",
    "trantor",
)
REST_NOT_PERMITTED = Message(
    "Permission denied (errno=13) , Bind address failed at {address} - Socket.cc:{line}", "trantor"
)
REST_NO_NAMES = Message(
    "Failed to parse IP address '{address}'. (Note: FQDN/domain names/hostnames are not supported. Including "
    "'localhost')",
    "drogon",
)
LOG_NOT_OPENED = Message(
    "Exception catch: Failed opening file {path} for writing: {what} - will now terminate.", "server.cpp"
)

# -- config_export.cpp, listmodels.cpp, servablesconfigmanagermodule.cpp (v2025.2) ---------------------------
CONFIG_NOT_CHANGED = Message("{path} error on config update : {status}", "servablesconfigmanagermodule.cpp")
CONFIG_TO_CHANGE_MISSING = Message("Config path does not exist: {path}", "config_export.cpp")
CONFIG_TO_CHANGE_INVALID = Message(
    "Configuration file is not in valid configuration format: {path}", "config_export.cpp"
)
MODEL_TO_REMOVE_MISSING = Message(
    "Configuration file doesn't have model with name: {name}.", "config_export.cpp"
)
LIST_NO_DIRECTORY = Message("Path is not a directory: {path}", "listmodels.cpp, gcsfilesystem.cpp")
LIST_EMPTY = Message("Directory is empty: {path}", "listmodels.cpp")

# -- s3filesystem.cpp ------------------------------------------------------------------------------------
PROXY_UNREAD = Message("Couldn't parse proxy: {proxy}", "s3filesystem.cpp")
S3_NO_BUCKET = Message("No bucket name found in path {path}", "s3filesystem.cpp")
S3_NO_ANSWER = Message(
    "Invalid or missing S3 credentials, or bucket does not exist - {bucket}. {what}", "s3filesystem.cpp"
)
S3_LIST_FAILED = Message("Failed to list objects with prefix {path}", "s3filesystem.cpp")
S3_CONTENTS_FAILED = Message("Could not list contents of directory {path}", "s3filesystem.cpp")
STORE_OBJECT_FAILED = Message("Failed to get object at {path}", "s3filesystem.cpp, gcsfilesystem.cpp")
S3_NOT_THERE = Message("File/folder does not exist at {path}", "s3filesystem.cpp")
VERSION_NOT_DOWNLOADED = Message(
    "Failed to download model version {path}", "s3filesystem.cpp, gcsfilesystem.cpp"
)
GCS_FILE_FAILED = Message("Downloading file has failed: ", "gcsfilesystem.cpp")
GCS_NOT_SAVED = Message("Unable to save file from {path} to {copy}", "gcsfilesystem.cpp")
GCS_DIRECTORY_NOT_SAVED = Message("Unable to download directory from {path} to {copy}", "gcsfilesystem.cpp")
GCS_NO_DIRECTORY = Message("Path is not a directory: {path}", "gcsfilesystem.cpp")
MODEL_NOT_DOWNLOADED = Message("Couldn't download model from {path}", "model.cpp")
NOT_MADE = Message("Failed to create local folder: {path} {what} ", "s3filesystem.cpp")
NO_TEMPORARY = Message("Failed to create local temp folder: {template} {what}", "filesystem.cpp")
GCS_UNPARSED = Message("Unable to parse path: {path} -> {status}", "gcsfilesystem.cpp")
GCS_NO_CREDENTIALS = Message("Unable to create default GCS credentials", "gcsfilesystem.cpp")
AZURE_SLASH = Message("Path can not end with '/'", "azurestorage.cpp")
AZURE_UNCHECKED = Message("Check path failed: {path} -> {status}", "azurefilesystem.cpp")
AZURE_NO_ACCOUNT = Message("Unable to create default azure storage account: {what}", "azurefilesystem.cpp")

# -- modelmanager.cpp, modelinstance.cpp: the model cache -------------------------------------------------
CACHE_CREATED = Message("Cache directory {path} did not exist, created", "modelmanager.cpp")
CACHE_NOT_WRITABLE = Message(
    "Cache directory {path} is not writable; access() result: {number}", "modelmanager.cpp"
)
CACHE_ENABLED = Message("Model cache is enabled: {path}", "modelmanager.cpp")
CACHE_DISABLED = Message("Model: {model} has disabled caching", "modelinstance.cpp")
CACHE_CUSTOM_LOADER = Message(
    "Model: {model} has allow cache set to true while using custom loader", "modelinstance.cpp"
)

# -- modelmanager.cpp: the CPU extension ------------------------------------------------------------------
EXTENSION_FAILED = Message("Custom CPU extension loading has failed! Reason: {what}", "modelmanager.cpp")

# -- modelmanager.cpp: the model directory ------------------------------------------------------------
PATH_ESCAPES = Message("Path {path} escape with .. is forbidden.", "modelmanager.cpp")
CANNOT_CHECK_DIRECTORY = Message("Couldn't check directory: {path}", "modelmanager.cpp")
DIRECTORY_MISSING = Message("Directory does not exist: {path}", "modelmanager.cpp")
INVALID_MODEL_FILE = Message("Error loading model. Invalid model file.", "modelmanager.cpp")
CANNOT_LIST = Message("Couldn't list directories in path: {path}", "modelmanager.cpp")
VERSION_NOT_POSITIVE = Message(
    "Expected version directory name to be a number greater than 0. Got: {number}", "modelmanager.cpp"
)
VERSION_NOT_NUMBER = Message(
    "Expected version directory name to be in number format. Got: {name}", "modelmanager.cpp"
)
VERSION_OUT_OF_RANGE = Message(
    "Directory name is out of range for supported version format. Got: {name}", "modelmanager.cpp"
)
NO_VERSION = Message("No version found for model in path: {path}", "modelmanager.cpp")
LOAD_THREW = Message("Exception occurred while loading model: {what};", "modelmanager.cpp")
RELOAD_THREW = Message("Exception occurred while reloading model: {what};", "modelmanager.cpp")
DUPLICATE_NAME = Message(
    "Duplicated model names: {model} defined in config file. Only first definition will be loaded.",
    "modelmanager.cpp",
)
# -- modelinstance.cpp, model.cpp: one version ---------------------------------------------------------
VERSION_DIRECTORY_MISSING = Message("Missing model directory {path}", "modelinstance.cpp")
NO_MODEL_FILE = Message(
    "Error loading model: no valid model file found for model: {model}, version: {version}, path: {path}",
    "modelinstance.cpp (v2026.3)",
)
NO_MODEL_FILE_OLD = Message(
    "Could not find file for model: {model} version: {version} in path: {path}",
    "modelinstance.cpp (until v2026.2)",
)
MISSING_BIN = Message("Error loading model. Missing .bin file for: {path}", "modelinstance.cpp (v2026.3)")
MISSING_PADDLE = Message(
    "Error loading model. Missing .pdmodel or .pdiparams file for: {path}", "modelinstance.cpp (v2026.3)"
)
READ_FAILED = Message(
    "Error: {what}; occurred during loading ov::Model model: {model} version: {version}",
    "modelinstance.cpp",
)
NO_INPUTS = Message("Tried to load model:{model}, version: {version} with no inputs", "modelinstance.cpp")
NO_OUTPUTS = Message("Tried to load model:{model}, version: {version} with no outputs", "modelinstance.cpp")
INPUT_TENSORS = Message("Error during loading input tensors", "modelinstance.cpp")
OUTPUT_TENSORS = Message("Error during loading output tensors", "modelinstance.cpp")
COMPILE_FAILED = Message(
    "Cannot compile model into target device; error: {what}; model: {model}; version: {version}; device: {device}",
    "modelinstance.cpp",
)
VERSION_FAILED = Message(
    "Error occurred while loading model: {model}; version: {version}; error: {status}", "model.cpp"
)
MAPPING_INVALID = Message(
    "Model: {model} mapping configuration file is not a valid JSON file.", "modelconfig.cpp"
)
POLICY_UNPARSABLE = Message("Couldn't parse model version policy. {status}", "modelmanager.cpp")
POLICY_ITEM = Message(
    "Model policy specified in config contains invalid version. Version should be a number greater than 0.",
    "modelconfig.cpp",
)
POLICY_NO_VERSIONS = Message(
    "Model policy is invalid. 'specific' policy should include 'versions' item with a list of numbers as a value",
    "modelconfig.cpp (since v2023.1)",
)
POLICY_NO_LIST = Message(
    "Model policy is invalid. 'versions' item should have a list of numbers as a value, for example [1,2]",
    "modelconfig.cpp (since v2023.1)",
)
# -- modelconfig.cpp, modelmanager.cpp: model parameters -----------------------------------------------
ENTRY_REFUSED = Message("Parsing model: {model} config failed due to error: {status}", "modelmanager.cpp")
BATCH_IGNORED = Message(
    "Wrong batch size parameter provided. Model batch size will be set to default.", "modelconfig.cpp"
)
BATCH_AUTO_DEPRECATED = Message(
    "Batch size auto is deprecated. Use model dynamic shapes instead. Check "
    "(https://docs.openvino.ai/2023.3/ovms_docs_dynamic_shape_dynamic_model.html"
    "#doxid-ovms-docs-dynamic-shape-dynamic-model)",
    "modelconfig.cpp (v2023.3)",
)
SHAPE_AUTO_DEPRECATED = Message(
    "Shape auto is deprecated. Use model dynamic shapes instead. Check "
    "(https://docs.openvino.ai/2023.3/ovms_docs_dynamic_shape_dynamic_model.html"
    "#doxid-ovms-docs-dynamic-shape-dynamic-model)",
    "modelconfig.cpp (v2023.3)",
)
SHAPE_IGNORED = Message("There was an error parsing shape {shape}", "modelconfig.cpp")
SHAPE_NAME_FORBIDDEN = Message(
    "Provided shape name: {name} is forbidden and will be omitted", "modelconfig.cpp"
)
SHAPE_UNPARSABLE = Message("Couldn't parse shape parameter", "modelmanager.cpp")
LAYOUT_UNPARSABLE = Message("Couldn't parse layout parameter", "modelmanager.cpp")
PREPROCESSING_UNPARSABLE = Message("Couldn't parse {parameter} parameter", "modelmanager.cpp (v2026.0)")
BOTH_SHAPE_AND_BATCH = Message(
    "Both shape and batch size have been defined. Batch size parameter will be ignored.", "modelconfig.cpp"
)
PLUGIN_CONFIG_UNPARSABLE = Message("Couldn't parse plugin config", "modelconfig.cpp")
PLUGIN_KEY_UNKNOWN = Message(
    "Plugin config key: {key} not found in supported config keys for device: {device}.",
    "ov_utils.cpp (v2022.2)",
)
PLUGIN_KEYS_UNSUPPORTED = Message("Plugin config contains unsupported keys", "modelmanager.cpp (v2022.2)")
LOW_LATENCY_NOT_STATEFUL = Message(
    "Low latency transformation parameter was set for non stateful model {model}.",
    "modelconfig.cpp (until v2026.2)",
)
CLEANUP_NOT_STATEFUL = Message(
    "Idle sequence cleanup parameter was set for non stateful model {model}.",
    "modelconfig.cpp (until v2026.2)",
)
SEQUENCES_NOT_STATEFUL = Message(
    "Max sequence number parameter was set for non stateful model {model}.",
    "modelconfig.cpp (until v2026.2)",
)
MAX_SEQUENCE_TOO_HIGH = Message(
    "Sequence maximum number parameter was set above unsigned int value for model {model}.",
    "modelconfig.cpp (until v2026.2)",
)
STATEFUL_DYNAMIC = Message(
    "Requested setting dynamic parameters for stateful model {model}. Dynamic shape and dynamic batch size "
    "not supported for stateful models.",
    "modelmanager.cpp (until v2026.2)",
)
LOADER_OPTIONS_UNPARSABLE = Message("Couldn't parse custom loader options config", "modelconfig.cpp")
# -- modelinstance.cpp: model parameters against the model ---------------------------------------------
ANONYMOUS_SHAPE = Message(
    "Anonymous fixed shape is invalid for models with multiple inputs", "modelinstance.cpp"
)
ANONYMOUS_LAYOUT = Message(
    "Anonymous fixed layout is invalid for models with multiple inputs", "modelinstance.cpp"
)
NAME_MAPPED = Message(
    "Config {what} - {name} is mapped by {alias}. Changes will not apply", "modelinstance.cpp"
)
NAME_UNKNOWN = Message("Config {what} - {name} not found in model", "modelinstance.cpp")
VALIDATION_FAILED = Message("Error during configuration validation against model", "modelinstance.cpp")
LAYOUT_REFUSED = Message(
    "Failed to configure {side} layout for model:{model}; version:{version}; from OpenVINO with error:{what}",
    "modelinstance.cpp",
)
PREPROCESSING_REFUSED = Message(
    "Failed to configure input preprocessing configuration; from OpenVINO with error:{what}",
    "modelinstance.cpp (v2026.0)",
)
PREPROCESSING_FAILED = Message("Error during preprocessing configuration", "modelinstance.cpp (v2026.0)")
BUILD_REFUSED = Message(
    "Cannot change layout or preprocessing parameters. Error: {what}", "modelinstance.cpp (v2026.0)"
)
BUILD_REFUSED_OLD = Message("Cannot change layout", "modelinstance.cpp (until v2025.4)")
LAYOUT_FAILED = Message("Error during layout/preprocessing configuration", "modelinstance.cpp (v2026.0)")
LAYOUT_FAILED_OLD = Message("Error during layout configuration", "modelinstance.cpp (until v2025.4)")
SCALAR_AUTO = Message(
    "Failed to load model:{model}; version:{version}; with batching=AUTO due to existing scalar input name:{name}",
    "modelinstance.cpp",
)
RESHAPE_REFUSED = Message(
    "OV does not support reshaping model: {model} with provided shape", "modelinstance.cpp"
)
LAYOUT_INCOMPATIBLE = Message(
    "Layout: {layout}; incompatible with shape: {shape}; for {side} name: {name}", "modelinstance.cpp"
)
EXCEPTION_LOADING = Message("exception occurred while loading model: {what}", "modelinstance.cpp")
NIREQ_TOO_HIGH = Message(
    "Invalid nireq because its value was too high: {nireq}. Maximum value: 100000", "modelinstance.cpp"
)
# -- modelconfig.cpp: mapping_config.json --------------------------------------------------------------
MAPPING_NOT_JSON_OLD = Message(
    "Configuration file is not a valid JSON file.", "modelconfig.cpp (until v2022.3)"
)
MAPPING_HALF = Message("Couldn't load {half} object from file {path}", "modelconfig.cpp")
# -- schema.cpp: config.json ---------------------------------------------------------------------------
CONFIG_UNREADABLE = Message("Configuration file is invalid {path}", "schema.cpp")
CONFIG_NOT_JSON = Message("Configuration file is not a valid JSON file. Error: {error}", "schema.cpp")
CONFIG_SCHEMA = Message("JSON schema parse error:{schema}. Keyword:{keyword} Key: {key}", "schema.cpp")
CONFIG_SCHEMA_OLD = Message(
    "Given config is invalid according to schema: {schema}. Keyword: {keyword} Key: {key}",
    "schema.cpp (until v2023.3)",
)
CONFIG_FORMAT = Message("Configuration file is not in valid configuration format", "modelmanager.cpp")
# -- modelmanager.cpp, metric_config.cpp: the lists of config.json ------------------------------------
METRICS_TWICE = Message(
    "Metrics configuration duplicated in configuration file and CLI parameters", "modelmanager.cpp"
)
METRICS_NEED_REST_PORT = Message(
    "CLI parameter rest_port is not defined. It must be set to enable metrics on the REST interface",
    "metric_config.cpp",
)
METRIC_UNKNOWN = Message("Metrics family name not supported: {name}", "metric_config.cpp")
LIST_FAILED = Message("Loading main OVMS config models failed.", "modelmanager.cpp (since v2023.0)")
LOADER_NOT_FOUND = Message(
    "Specified custom loader {name} not found. In case any models are loaded, will be unloading them",
    "modelmanager.cpp",
)
LOADER_NOT_OPENED = Message("Cannot open library:  {what}", "modelmanager.cpp")
LIBRARY_NOT_OPENED = Message(
    "Library name: {name} failed to open base_path: {path} with error: {error}",
    "custom_node_library_manager.cpp",
)
LIBRARY_RELATIVE = Message(
    "Path {path} is relative, should have already been constructed as full path for library {name}.",
    "custom_node_library_manager.cpp",
)
DUPLICATE_GRAPH = Message(
    "Duplicated mediapipe names: {name} defined in config file. Only first graph will be loaded.",
    "modelmanager.cpp",
)
GRAPH_NAME_OCCUPIED = Message(
    "Mediapipe graph name: {name} is already occupied by model or pipeline.", "mediapipegraphdefinition.cpp"
)
GRAPH_NOT_OPENED = Message(
    "Failed to open mediapipe graph definition: {name}, file: {path}",
    "mediapipegraphdefinition.cpp (since v2023.0)",
)
GRAPH_EMPTY = Message(
    "Trying to parse empty mediapipe graph definition: {name} failed",
    "mediapipegraphdefinition.cpp (since v2023.1)",
)
DUPLICATE_PIPELINE = Message(
    "Duplicated pipeline names: {name} defined in config file. Only first definition will be loaded.",
    "pipeline_config_parser.cpp",
)
PIPELINE_NAME_OCCUPIED = Message(
    "Pipeline name: {name} is already occupied by model or mediapipe graph.", "pipelinedefinition.cpp"
)
PIPELINE_LIBRARY_MISSING = Message(
    "Pipeline: {name} refers to non existing custom node library: {library}", "pipeline_config_parser.cpp"
)
PIPELINE_MODEL_MISSING = Message(
    "Validation of pipeline: {name} definition failed. Missing model: {model}; version: {version}",
    "pipelinedefinition.cpp",
)
PIPELINE_NODE_MISSING = Message(
    "Validation of pipeline: {name} definition failed. Node (name: {node}) is connected to missing "
    "dependency node (name: {missing})",
    "pipelinedefinition.cpp",
)
PIPELINE_NODE_TWICE = Message(
    "PipelineDefinition: {name} has multiple nodes with name: {node}", "pipelinedefinition.cpp"
)
SUBCONFIG_NOT_JSON = Message(
    "Mediapipe: {name} graph subconfig: {path} file is not a valid JSON file. Error: {error}",
    "modelmanager.cpp (since v2023.0)",
)
SUBCONFIG_FAILED = Message(
    "Loading Mediapipe {name} models from subconfig {path} failed.", "modelmanager.cpp (since v2023.0)"
)
GRAPH_SETTINGS = Message(
    "Starting mediapipe graph with unsupported model settings: {what}The settings should be set in "
    "subconfig.json file.",
    "modelmanager.cpp (since v2025.1)",
)
# -- pull_module, config_export_module ------------------------------------------------------------------
FILE_NOT_WRITTEN = Message("Unable to open file: {path}", "filesystem.cpp (since v2025.2)")
CLONE_FAILED = Message("Libgit2 clone error: {number} message: {what}", "libgit2.cpp (since v2025.2)")
NO_OPTIMUM = Message(
    "Trying to pull {model} from HuggingFace but missing optimum-intel. Use the ovms package with "
    "optimum-intel installed.",
    "optimum_export.cpp (since v2025.3)",
)
CONNECT_TIMEOUT_NO_NUMBER = Message(
    "Set invalid value for libgit2 server connection timeout:{number}",
    "hf_pull_model_module.cpp (since v2025.2)",
)
TIMEOUT_NO_NUMBER = Message(
    "Set invalid value for libgit2 server timeout:{number}", "hf_pull_model_module.cpp (since v2025.2)"
)
MODEL_LISTED_ALREADY = Message(
    "Could not add model to configuration file: {name}. Model with the same name already exists.",
    "config_export.cpp (since v2025.2)",
)
# -- cli_parser.cpp, config.cpp: standard error --------------------------------------------------------
OPTIONS_EXCEPTION = Message("error parsing options: {what}", "cli_parser.cpp")
TASK_UNSUPPORTED = Message(
    "error parsing options - --task parameter unsupported value: {task}", "cli_parser.cpp (since v2025.2)"
)
NO_TASK = Message(
    "error parsing options - Could not infer model task - specify --task value explicitly",
    "cli_parser.cpp (v2026.3)",
)

#: The result of ``Status::string()`` for the codes that the rules use (status.cpp, unchanged since v2022.1;
#: OV_NO_INPUTS and OV_NO_OUTPUTS since v2024.4).
STATUS_TEXT = {
    "OK": "OK",
    "PATH_INVALID": "The provided base path is invalid or doesn't exists",
    "FILE_INVALID": "File not found or cannot open",
    "CONFIG_FILE_INVALID": "Configuration file not found or cannot open",
    "JSON_INVALID": "The file is not valid json",
    "MODEL_NAME_MISSING": "Model with requested name is not found",
    "MODEL_NAME_OCCUPIED": "Given model name is already occupied",
    "INTERNAL_ERROR": "Internal server error",
    "OV_NO_INPUTS": "Cannot load model with no inputs",
    "OV_NO_OUTPUTS": "Cannot load model with no outputs",
    "UNKNOWN_ERROR": "Unknown error",
    "S3_BUCKET_NOT_FOUND": "S3 Bucket not found",
    "S3_METADATA_FAIL": "S3 metadata failure",
    "GCS_BUCKET_NOT_FOUND": "GCS Bucket not found",
    "AS_INVALID_PATH": "AS Invalid path",
    "MODEL_NOT_LOADED": "Error while loading a model",
    "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE": "Cannot compile model into target device",
    "SHAPE_WRONG_FORMAT": "The provided shape is in wrong format",
    "LAYOUT_WRONG_FORMAT": "The provided layout is in wrong format",
    "FLOAT_WRONG_FORMAT": "The provided float is in wrong format",
    "COLOR_FORMAT_WRONG_FORMAT": "The provided color format is in wrong format",
    "PRECISION_WRONG_FORMAT": "The provided precision is in wrong format",
    "PLUGIN_CONFIG_WRONG_FORMAT": "Plugin config is in wrong format",
    "MODEL_CONFIG_INVALID": "Model config is invalid",
    "RESHAPE_ERROR": "Model could not be reshaped with requested shape",
    "ANONYMOUS_FIXED_SHAPE_NOT_ALLOWED": "Anonymous fixed shape is invalid for models with multiple inputs",
    "ANONYMOUS_FIXED_LAYOUT_NOT_ALLOWED": "Anonymous fixed layout is invalid for models with multiple inputs",
    "CONFIG_SHAPE_IS_NOT_IN_MODEL": "Shape from config not found in model",
    "CONFIG_LAYOUT_IS_NOT_IN_MODEL": "Layout from config not found in model",
    "CONFIG_SHAPE_MAPPED_BUT_USED_REAL_NAME": "Shape from config has real name. Use mapped name instead",
    "CONFIG_LAYOUT_MAPPED_BUT_USED_REAL_NAME": "Layout from config has real name. Use mapped name instead",
    "LAYOUT_INCOMPATIBLE_WITH_SHAPE": "Layout incompatible with given shape",
    "MODEL_WITH_SCALAR_AUTO_UNSUPPORTED": "Batching set to AUTO but model contains scalar tensor",
    # Set with a detail, which the server adds after a dash.
    "INVALID_NIREQ": "Nireq parameter too high - Exceeded allowed nireq value",
    "INVALID_NON_STATEFUL_MODEL_PARAMETER": "Stateful model config parameter used for non stateful model",
    "INVALID_MAX_SEQUENCE_NUMBER": "Sequence max number parameter too high",
    "REQUESTED_DYNAMIC_PARAMETERS_ON_STATEFUL_MODEL": "Dynamic shape and dynamic batch size are not supported "
    "for stateful models",
    "MODEL_VERSION_POLICY_WRONG_FORMAT": "Model version policy is in wrong format",
    "MODEL_VERSION_POLICY_UNSUPPORTED_KEY": "Model version policy contains unsupported key",
}

# -- mediapipegraphdefinition.cpp ------------------------------------------------------------------------
GRAPH_NOT_PARSED = Message(
    "Trying to parse mediapipe graph definition: {name} failed", "mediapipegraphdefinition.cpp"
)
GRAPH_NOT_INITIALIZED = Message(
    "Mediapipe graph: {name} initialization failed with message: {what}", "mediapipegraphdefinition.cpp"
)
GRAPH_WITHOUT_STREAMS = Message(
    "Failed to prepare mediapipe graph: {name}; having less than one input or output is disallowed",
    "mediapipegraphdefinition.cpp",
)
