"""``--list_models``, ``--add_to_config`` and ``--remove_from_config``: the server executes the command, and ends.

Source: ServablesConfigManagerModule (servablesconfigmanagermodule.cpp), config_export.cpp, listmodels.cpp and
Config::validate (config.cpp), v2025.2 to v2026.3. No port is opened and no model is loaded.
"""

from __future__ import annotations

import posixpath
from typing import Any

from msgspec import Struct

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.config_text import ConfigText
from ovms_doctor.model.deployment import Deployment, ServerArguments
from ovms_doctor.model.facts import (
    Facts,
    Failure,
    ListDirectory,
    Listing,
    PathStatus,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.prediction.config.reading import LIMIT
from ovms_doctor.prediction.config.schema import violation
from ovms_doctor.prediction.config.text import NestingError, NotJsonError, parse
from ovms_doctor.prediction.paths import absolute, filesystem_error
from ovms_doctor.prediction.pull_arguments import repository_path

#: Parameters that --add_to_config writes into the file (v2026.3); before, and for --remove_from_config, none.
_WRITTEN = frozenset(
    "batch_size shape layout mean scale color_format precision model_version_policy nireq target_device "
    "plugin_config".split()
)
_ALWAYS = frozenset(("model_name", "model_path", "config_path"))
#: In the environment it replaces --model_repository_path and --config_path (v2025.4); its value is not kept.
_REPOSITORY = "OVMS_MODEL_REPOSITORY_PATH"
#: The status of a model to add that exists already.
OCCUPIED = "MODEL_NAME_OCCUPIED"


class NotKnownError(Exception):
    """A fact that decides the result is not known."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.cause = CouldNotLook(path, reason)


class Ending(Struct, frozen=True):
    """The end of a command without the intended result."""

    #: The exit code of the process.
    exit_code: int
    #: The server's status.
    status: str
    #: What the command did, or why it did not, as a sentence without a full stop.
    text: str
    #: The lines that the server writes.
    log: tuple[str, ...] = ()
    #: The path that causes the result; None without one.
    path: str | None = None
    #: The failed access to the path; None without one.
    failure: Failure | None = None

    def problem(self, option: str) -> StartProblem:
        """Returns it as the outcome of the start."""
        return StartProblem(
            "directive", self.status, self.exit_code, self.log, path=self.path, text=self.text, failure=self.failure,
            option=option,
        )  # fmt: skip


def usage_text(deployment: Deployment, arguments: ServerArguments) -> str:
    """Returns the server's text if it refuses the arguments of the command; empty if it does not."""
    adds = arguments.value("add_to_config") is not None
    if arguments.mode == "list_models":
        repository_directory = repository_path(arguments, deployment.release, deployment.environment)
        return "Use --list_models with --model_repository_path" if repository_directory == "" else ""
    if not deployment.release.at_least(2025, 3):
        # v2025.2 has other texts.
        return ""
    modes = "add_to_config/remove_from_config"
    if changed_path(deployment, arguments) == "":
        return f"Set config_path with {modes}"
    if not arguments.model_name:
        return f"Set model_name with {modes}"
    repository = repository_path(arguments, deployment.release, deployment.environment)
    if adds and not arguments.model_path and repository == "":
        return "Set model_name either with model_path or model_repository_path with add_to_config"
    return _disallowed(deployment, arguments, adds=adds)


def _disallowed(deployment: Deployment, arguments: ServerArguments, *, adds: bool) -> str:
    """Returns the text of ``validateUserSettingsInConfigAddRemoveModel``."""
    new = deployment.release.at_least(2026, 3)
    allowed = _ALWAYS | (_WRITTEN if adds and new else frozenset())
    if new and not adds:
        allowed -= {"model_path"}
    wrong = "".join(f"{name}, " for name in arguments.prepared if name not in allowed)
    if not wrong:
        return ""
    if not new:
        text = (
            "Adding or removing models from the configuration file, allows passing only model_name and model_path "
            "parameters. Invalid parameters passed: "
        )
    elif adds:
        text = "Adding models to the configuration file does not support parameters: "
    else:
        text = (
            "Removing models from the configuration file allows passing only model_name parameter. Invalid "
            "parameters passed: "
        )
    return (text + wrong).rstrip()


def changed_path(deployment: Deployment, arguments: ServerArguments) -> str | None:
    """Returns the configuration to change; empty if it is not named, None if it is not known."""
    release = deployment.release
    if not release.at_least(2025, 4):
        # The path is the option's own value.
        return arguments.value("add_to_config") or arguments.value("remove_from_config") or ""
    if arguments.config_path:
        return arguments.config_path
    variable = any(item.name == _REPOSITORY and not item.empty for item in deployment.environment)
    repository = repository_path(arguments, release, deployment.environment) if variable else ""
    return None if repository is None else posixpath.join(repository, "config.json") if repository else ""


# -- what it does --------------------------------------------------------------------------------------


def ending_of_list(deployment: Deployment, arguments: ServerArguments, facts: Facts) -> Ending | None:
    """Returns why no model is listed. The exit code is always 0, but ``std::filesystem`` throws if the directory cannot
    be read. Raises FactsMissingError and NotKnownError."""
    path = repository_path(arguments, deployment.release, deployment.environment)
    if path is None:
        raise NotKnownError("--model_repository_path", f"the value of {_REPOSITORY} is not known")
    full = absolute(path, deployment.working_directory)
    status = facts.ask(StatPath(full))
    if isinstance(status, Unavailable):
        raise NotKnownError(path, status.reason)
    if isinstance(status, Failure) and not status.missing:
        return _ending_of_exception("status", status, path)
    if not isinstance(status, PathStatus) or status.kind != "directory":
        line = server_log.LIST_NO_DIRECTORY(path=path)
        return Ending(0, "OK", f"{path} is not a directory: no model is listed", (line,), path)
    listing = facts.ask(ListDirectory(full))
    if isinstance(listing, Failure):
        return _ending_of_exception("directory iterator cannot open directory", listing, path)
    if not isinstance(listing, Listing):
        raise NotKnownError(path, listing.reason)
    if not listing.entries:
        line = server_log.LIST_EMPTY(path=path)
        return Ending(0, "OK", f"{path} is empty: no model is listed", (line,), path)
    return None


def _ending_of_exception(call: str, failure: Failure, path: str) -> Ending:
    text = filesystem_error(call, Failure(failure.errno), path)
    line = server_log.ENDS_BY_EXCEPTION(what=text)
    return Ending(1, "INTERNAL_ERROR", f"{path} cannot be read", (line,), path, failure)


def ending_of_change(
    path: str, deployment: Deployment, arguments: ServerArguments, facts: Facts
) -> Ending | None:
    """Returns why the configuration is not changed, or cannot be used afterwards; None if the arguments and the file
    allow the change. Write access is not checked. Raises FactsMissingError and NotKnownError."""
    adds = arguments.value("add_to_config") is not None
    if not deployment.release.at_least(2025, 3):
        raise NotKnownError(path, "v2025.2 accepts directories here, which is not followed")
    full = absolute(path, deployment.working_directory)
    status = facts.ask(StatPath(full))
    if isinstance(status, Unavailable):
        raise NotKnownError(path, status.reason)
    if isinstance(status, Failure) and not status.missing:
        raise NotKnownError(path, "whether it exists cannot be determined as the server's user")
    if isinstance(status, Failure):
        line = server_log.CONFIG_TO_CHANGE_MISSING(path=path)
        return None if adds else _refused("PATH_INVALID", path, f"{path} does not exist", line)
    content = facts.ask(ReadFile(full, LIMIT))
    if isinstance(content, Unavailable):
        raise NotKnownError(path, content.reason)
    if isinstance(content, Failure):
        line = server_log.CONFIG_UNREADABLE(path=path)
        return _refused("CONFIG_FILE_INVALID", path, f"{path} cannot be read", line, failure=content)
    return _in_text(path, ConfigText.of(content.data), arguments.model_name or "", deployment, adds=adds)


def _in_text(path: str, text: ConfigText, name: str, deployment: Deployment, *, adds: bool) -> Ending | None:
    try:
        document = parse(text).value
    except NotJsonError as error:
        line = server_log.CONFIG_NOT_JSON(error=error.message)
        return _refused("JSON_INVALID", path, f"the server cannot read {path} as JSON", line)
    except NestingError:
        raise NotKnownError(path, "it is nested more deeply than ovms-doctor reads") from None
    if not isinstance(document, dict):
        # The server's own code does not check.
        raise NotKnownError(path, "it is not an object, and the server does not check that")
    models = document.get("model_config_list")
    if not isinstance(models, list):
        return _refused("JSON_INVALID", path, f"{path} has no list model_config_list")
    if not all(isinstance(item, dict) for item in models):
        raise NotKnownError(
            path, "an entry of model_config_list is not an object, and the server does not check that"
        )
    listed = any(_is_named(item, name) for item in models)
    if adds and listed:
        line = server_log.MODEL_LISTED_ALREADY(name=name)
        return _refused(OCCUPIED, path, f"{path} already has a model {name}", line)
    if not adds and not listed:
        line = server_log.MODEL_TO_REMOVE_MISSING(name=name)
        return _refused("MODEL_NAME_MISSING", path, f"{path} has no model {name}", line)
    if violation(text.text, deployment.release) is None:
        return None
    line = server_log.CONFIG_TO_CHANGE_INVALID(path=path)
    change = f"{name} is {'added to' if adds else 'removed from'} {path}"
    sentence = f"{change}, which does not match the server's schema: a server does not start with it"
    return Ending(0, "OK", sentence, (line,), path)


def _is_named(item: dict[str, Any], name: str) -> bool:
    config = item.get("config")
    return isinstance(config, dict) and config.get("name") == name


def _refused(status: str, path: str, text: str, *lines: str, failure: Failure | None = None) -> Ending:
    last = server_log.CONFIG_NOT_CHANGED(path=path, status=server_log.STATUS_TEXT.get(status, status))
    return Ending(1, status, text, (*lines, last), path, failure)
