"""The messages that OVMS writes, as templates: filled in for a prediction, matched to explain a line.

Each template is the message after the log prefix, word for word as in the server's sources (file and
release beside it); ``{name}`` stands for what the server fills in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the server. ``text`` with ``{fields}``; ``source`` the file it is logged in."""

    text: str
    source: str
    _pattern: re.Pattern[str] | None = field(default=None, compare=False, repr=False)

    def __call__(self, **values: object) -> str:
        """The message as the server writes it. Values are inserted as they are, braces and all."""
        parts = _FIELD.split(self.text)
        return "".join(str(values[part]) if index % 2 else part for index, part in enumerate(parts))

    def pattern(self) -> re.Pattern[str]:
        """A pattern that finds this message anywhere in a log line."""
        parts = _FIELD.split(self.text)
        body = "".join("(.*?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        return re.compile(body + r"\s*$" if parts[-1] == "" else body, re.DOTALL)


_FIELD = re.compile(r"\{(\w+)\}")

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
VERSIONS_FAILED = Message(
    "Error occurred while loading model: {model} versions; error: {status}", "modelmanager.cpp"
)
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
# -- schema.cpp: config.json ---------------------------------------------------------------------------
CONFIG_UNREADABLE = Message("Configuration file is invalid {path}", "schema.cpp")
CONFIG_NOT_JSON = Message("Configuration file is not a valid JSON file. Error: {error}", "schema.cpp")
CONFIG_SCHEMA = Message("JSON schema parse error:{schema}. Keyword:{keyword} Key: {key}", "schema.cpp")
CONFIG_FORMAT = Message("Configuration file is not in valid configuration format", "modelmanager.cpp")
# -- cli_parser.cpp, config.cpp: standard error --------------------------------------------------------
OPTIONS_EXCEPTION = Message("error parsing options: {what}", "cli_parser.cpp")
NO_TASK = Message(
    "error parsing options - Could not infer model task - specify --task value explicitly",
    "cli_parser.cpp (v2026.3)",
)

#: What ``Status::string()`` gives for the codes that the rules use (status.cpp, unchanged since v2022.1;
#: OV_NO_INPUTS and OV_NO_OUTPUTS since v2024.4).
STATUS_TEXT = {
    "OK": "OK",
    "PATH_INVALID": "The provided base path is invalid or doesn't exists",
    "FILE_INVALID": "File not found or cannot open",
    "CONFIG_FILE_INVALID": "Configuration file not found or cannot open",
    "JSON_INVALID": "The file is not valid json",
    "INTERNAL_ERROR": "Internal server error",
    "OV_NO_INPUTS": "Cannot load model with no inputs",
    "OV_NO_OUTPUTS": "Cannot load model with no outputs",
    "UNKNOWN_ERROR": "Unknown error",
    "MODEL_NOT_LOADED": "Error while loading a model",
    "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE": "Cannot compile model into target device",
    "MODEL_VERSION_POLICY_WRONG_FORMAT": "Model version policy is in wrong format",
    "MODEL_VERSION_POLICY_UNSUPPORTED_KEY": "Model version policy contains unsupported key",
}
