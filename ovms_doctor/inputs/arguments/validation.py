"""Refusals of the server after it has split its arguments: ``CLIParser`` and ``Config::validate``, in their order.

Three periods: until v2022.2 an option counts if it is present, later if its value is not empty; v2025.2 added modes
other than serving, and another order.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from msgspec import Struct

from ovms_doctor.inputs.arguments.addresses import is_hostname_or_ip
from ovms_doctor.inputs.arguments.options import (
    EXCLUSIVE_WITH_CONFIG,
    default_port,
    default_rest_workers,
    history,
    known_options,
    similar_option,
    task_options,
    tasks,
)
from ovms_doctor.inputs.arguments.splitting import SplitArguments, is_true
from ovms_doctor.inputs.arguments.task_values import (
    number_refusals,
    setting_refusals,
    task_values,
    value_refusals,
)
from ovms_doctor.model.deployment import ArgumentRefusal, FileDemand
from ovms_doctor.model.host import HostLimits
from ovms_doctor.model.releases import Release
from ovms_doctor.model.similar import similar_names

_HIGHEST_PORT = 65535
_MOST_REST_WORKERS = 10_000
_NEED_LAYOUT = ("mean", "scale", "color_format", "precision")
_STATEFUL = ("low_latency_transformation", "max_sequence_number", "idle_sequence_cleanup")
_PREFIX = "error parsing options - "
#: Texts of the server that have a remedy of their own.
_TWO_SOURCES = "Use either config_path or model_path with model_name"
_NO_MODEL = "Use config_path or model_path with model_name"
_EXCLUSIVE = "Model parameters in CLI are exclusive with the config file"
_SAME_PORT = "port and rest_port cannot have the same values"
_NO_PORT = "port and rest_port cannot both be unset"
_METRICS_NEED_REST = "rest_port setting is missing, metrics are enabled on rest port"
_LIST_NEEDS_METRICS = "metrics_enable setting is missing, required when metrics_list is provided"
#: Options for other modes than serving.
_NO_GRAPH = ("help", "version", "add_to_config", "remove_from_config", "list_models")


class ParsedArguments(Struct, frozen=True):
    """The argument line as the server's parser split it, with the data needed to validate it."""

    #: Options, values and unmatched arguments.
    split: SplitArguments
    #: Release of the server.
    release: Release
    #: The limits of the server's host.
    limits: HostLimits

    def has(self, name: str) -> bool:
        """Returns ``result->count(name)``: whether the option was parsed, with any value."""
        return name in self.split.values

    def set(self, name: str) -> bool:
        """Whether the option counts: until v2022.2 if it is present, later if its value is not empty."""
        value = self.split.values.get(name)
        return value is not None and (bool(value) or not self.release.at_least(2022, 3))

    def number(self, name: str, default: int) -> int:
        return self.split.numbers.get(name, default)

    @property
    def port(self) -> int:
        return self.number("port", default_port(self.release))

    @property
    def rest_port(self) -> int:
        return self.number("rest_port", 0)

    @property
    def task_flow(self) -> bool:
        """Whether a generative model is pulled or built: the parsers of the tasks read the remaining arguments."""
        if not self.release.at_least(2025, 2):
            return False
        names = ["pull", "task"]
        if self.release.at_least(2026, 3):
            names = ["pull", "source_model", "configure"]
            # isInMemoryGraphMode: with one of these options --task makes no graph.
            if not any(self.has(name) for name in _NO_GRAPH):
                names.append("task")
        elif not self.release.at_least(2025, 4):
            names.append("source_model")
        return any(self.has(name) for name in names)

    @property
    def task(self) -> str | None:
        """The task whose parser reads the remaining arguments; None for none. Since v2026.2 there is no such parser
        without a task."""
        default = None if self.release.at_least(2026, 2) else "text_generation"
        task = self.split.values.get("task", default)
        return task if self.task_flow and task in tasks(self.release) else None

    @property
    def validates_task(self) -> bool:
        """Whether the server validates the value of --task: since v2025.2; in v2026.3 not with options for other
        modes than serving."""
        if not self.has("task") or not self.release.at_least(2025, 2):
            return False
        pulls = any(self.has(name) for name in ("pull", "source_model", "configure"))
        return pulls or not self.release.at_least(2026, 3) or not any(self.has(name) for name in _NO_GRAPH)


#: A hyphen, and the dashes that text programs write instead.
_DASHES = ("-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212")


def unmatched_refusals(parsed: ParsedArguments) -> Iterator[ArgumentRefusal]:
    """Yields the refusals of unmatched arguments (refused since v2024.0, ignored before), and of modes that exclude
    each other."""
    if parsed.validates_task and parsed.split.values["task"] not in tasks(parsed.release):
        text = f"{_PREFIX}--task parameter unsupported value: {parsed.split.values['task']}"
        close = similar_names(parsed.split.values["task"].lower(), tasks(parsed.release), 1, 0.6)
        yield ArgumentRefusal("unmatched", text, None, "--task", f"--task {close[0]}" if close else None)
    left = parsed.split.unmatched
    if left and parsed.release.at_least(2024, 0) and not parsed.task_flow:
        text = f"{_PREFIX}unmatched arguments: " + "".join(f"{word}, " for word in left)
        first = next((word for word in left if word.startswith(_DASHES)), left[0])
        spelled = first.startswith(_DASHES) and not is_joined(first, parsed.release)
        suggestion = similar_option(first, parsed.release) if spelled else None
        if suggestion is not None and suggestion == first.partition("=")[0]:
            # It is spelled correctly, and follows the argument that ends the options.
            first, suggestion = "--", None
        yield ArgumentRefusal("unmatched", text.rstrip(), None, first, suggestion)
    if parsed.task is not None:
        yield from _left_by_task(parsed, parsed.task)
    yield from (
        ArgumentRefusal("unmatched", _PREFIX + text, None, option) for option, text in _exclusions(parsed)
    )


def _left_by_task(parsed: ParsedArguments, task: str) -> Iterator[ArgumentRefusal]:
    """Yields the refusals of arguments that the parser of the task does not accept either."""
    yield from number_refusals(task_values(task, parsed.release, parsed.split.unmatched))
    known = task_options(task, parsed.release)
    left: list[str] = []
    takes_value = False
    for word in parsed.split.unmatched:
        if word.startswith("--"):
            name, equals, _ = word[2:].partition("=")
            takes_value = name in known and not equals
            if name not in known:
                left.append(word)
        elif takes_value:
            takes_value = False
        else:
            left.append(word)
    if left:
        rest = "".join(f"{word}, " for word in left)
        text = f"task: {task} - error parsing options - unmatched arguments : {rest}".rstrip()
        first = next((word for word in left if word.startswith("-")), left[0])
        yield ArgumentRefusal("unmatched", text, None, first)


def _exclusions(parsed: ParsedArguments) -> Iterator[tuple[str, str]]:
    if not parsed.release.at_least(2025, 2, 1):
        return
    has = parsed.has
    pulls = has("pull") or has("task") or (parsed.release.at_least(2026, 3) and has("source_model"))
    directives = ("list_models", "remove_from_config", "add_to_config")
    for name in directives if parsed.release.at_least(2025, 3) else directives[:1]:
        if pulls and has(name):
            yield f"--{name}", f"--{name} cannot be used with --pull or --task"
    if parsed.release.at_least(2026, 3) and has("configure"):
        if not has("model_path"):
            yield "--configure", "--configure requires --model_path"
        if has("pull"):
            yield "--configure", "--configure cannot be used with --pull"
        if has("model_name"):
            yield "--model_name", "--model_name cannot be used with --configure"
    if not parsed.release.at_least(2025, 3):
        return
    for name in ("add_to_config", "remove_from_config"):
        if has(name) and has("list_models"):
            yield "--list_models", f"--list_models cannot be used with --{name}"
    if has("remove_from_config") and has("model_path"):
        yield "--model_path", "--model_path cannot be used with --remove_from_config"


def prepare_refusals(parsed: ParsedArguments) -> Iterator[ArgumentRefusal]:
    """Yields the exception of ``CLIParser::prepare``."""
    values = parsed.split.values
    key_file = values.get("api_key_file")
    if key_file and not parsed.has("list_models"):
        text = (
            "filesystem error: Error reading API key file: Unable to open file : No such file or directory "
            f"[{key_file}]"
        )
        demand = FileDemand(key_file, "opens")
        yield ArgumentRefusal("prepare", text, demand, "--api_key_file")
    if not values.get("layout") and not (parsed.has("add_to_config") and parsed.release.at_least(2026, 3)):
        for name in _NEED_LAYOUT:
            if parsed.has(name):
                text = f"{_PREFIX}--{name} parameter requires --layout to be set"
                yield ArgumentRefusal("prepare", text, None, f"--{name}")
    if not parsed.task_flow:
        for name in ("weight-format", "extra_quantization_params"):
            if parsed.has(name):
                text = f"--{name} parameter unsupported for Openvino huggingface organization models."
                yield ArgumentRefusal("prepare", text, None, f"--{name}")


def task_refusals(parsed: ParsedArguments) -> Iterator[ArgumentRefusal]:
    """Yields the refusals of values of the task's options."""
    if parsed.task is not None:
        yield from _task_settings(parsed, parsed.task)


def inferred_refusals(parsed: ParsedArguments) -> tuple[tuple[str, tuple[ArgumentRefusal, ...]], ...]:
    """Returns the refusals of the arguments for each task that the server may infer from the files of the model, in
    the order of their stages (since v2026.3)."""
    infers = parsed.release.at_least(2026, 3) and parsed.has("model_path") and not parsed.has("task")
    if not infers or parsed.task_flow:
        return ()
    return tuple(
        (task, (*_left_by_task(parsed, task), *_task_settings(parsed, task)))
        for task in sorted(tasks(parsed.release))
    )


def _task_settings(parsed: ParsedArguments, task: str) -> Iterator[ArgumentRefusal]:
    """Yields the refusals of values; v2025.2 validates them with --pull only."""
    values = task_values(task, parsed.release, parsed.split.unmatched)
    yield from setting_refusals(task, parsed.release, values)
    if parsed.has("pull") or parsed.release.at_least(2025, 3):
        yield from value_refusals(task, parsed.release, values, parsed.split.values.get("target_device"))


def validate_refusals(parsed: ParsedArguments, *, pulls: bool = False) -> Iterator[ArgumentRefusal]:
    """Yields the refusals of ``Config::validate`` for serving, in the order of the release. ``pulls``: whether name
    and path of the model are the target of a pull."""
    mode = _mode(parsed, pulls=pulls)
    if parsed.release.at_least(2025, 2):
        parts = (
            mode, _grpc_workers(parsed), _metrics(parsed), _no_port(parsed), _rest_workers(parsed),
            _port_ranges(parsed), _addresses(parsed), _same_port(parsed), _cpu_extension(parsed),
            _log_level(parsed), _stateful(parsed),
        )  # fmt: skip
    else:
        parts = (
            mode, _grpc_workers(parsed), _rest_workers(parsed), _port_ranges(parsed), _metrics(parsed),
            _addresses(parsed), _same_port(parsed), _no_port(parsed), _cpu_extension(parsed),
            _log_level(parsed), _stateful(parsed),
        )  # fmt: skip
    for part in parts:
        for option, text, *demand in part:
            yield ArgumentRefusal("validate", text, demand[0] if demand else None, option)


_Part = Iterator[tuple[str | None, str] | tuple[str | None, str, FileDemand]]


def _mode(parsed: ParsedArguments, *, pulls: bool) -> _Part:
    config = parsed.set("config_path")
    name, path = (True, True) if pulls else (parsed.set("model_name"), parsed.set("model_path"))
    needs_task = parsed.release.at_least(2026, 2) and not parsed.release.at_least(2026, 3) and not pulls
    if needs_task and parsed.has("source_model") and not parsed.has("task"):
        yield "--source_model", "--source_model should be used combined with --task"
    if config and (name or path):
        yield "--config_path", _TWO_SOURCES
    if not config and not (name and path):
        yield None, _NO_MODEL
    for option in EXCLUSIVE_WITH_CONFIG:
        counts = parsed.set(option)
        if option == "nireq" and parsed.release.at_least(2022, 3):
            counts = parsed.number("nireq", 0) != 0
        if config and counts:
            yield f"--{option}", _EXCLUSIVE
            return


def _grpc_workers(parsed: ParsedArguments) -> _Part:
    workers, cores = parsed.number("grpc_workers", 1), parsed.limits.cores
    if workers < 1 or (cores is not None and workers > cores):
        count = "the number of cores" if cores is None else str(cores)
        yield "--grpc_workers", f"grpc_workers count should be from 1 to CPU core count : {count}"


def _rest_workers(parsed: ParsedArguments) -> _Part:
    release, limits = parsed.release, parsed.limits
    requested = parsed.split.numbers.get("rest_workers")
    default = default_rest_workers(release, limits.cores, limits.open_files)
    workers = default if requested is None else requested
    if workers is not None and release.at_least(2026, 2):
        workers = max(2, workers)
    is_checked = requested is not None or release.at_least(2022, 3)
    if is_checked and workers is not None and not 2 <= workers <= _MOST_REST_WORKERS:
        yield "--rest_workers", f"rest_workers count should be from 2 to {_MOST_REST_WORKERS}"
    if (
        requested is not None
        and parsed.rest_port == 0
        and (release.at_least(2022, 3) or requested != default)
    ):
        yield (
            "--rest_workers",
            "rest_workers is set but rest_port is not set. rest_port is required to start rest servers",
        )
    if release.at_least(2026, 2) and limits.open_files is not None and workers is not None:
        most = (limits.open_files - 15) // 6
        if workers > most >= 0:
            yield (
                "--rest_workers",
                f"rest_workers count cannot be larger than {most} due to open files limit. Current open files "
                f"limit: {limits.open_files}",
            )


def _port_ranges(parsed: ParsedArguments) -> _Part:
    for name, number in (("port", parsed.port), ("rest_port", parsed.rest_port)):
        if number > _HIGHEST_PORT:
            yield f"--{name}", f"{name} number out of range from 0 to {_HIGHEST_PORT}"


def _metrics(parsed: ParsedArguments) -> _Part:
    release = parsed.release
    if not release.at_least(2022, 2):
        return
    enabled = is_true(parsed.split.values.get("metrics_enable"))
    listed = parsed.set("metrics_list")
    no_rest = parsed.rest_port == 0
    if not release.at_least(2022, 3):
        enabled, no_rest = parsed.has("metrics_enable"), not parsed.has("rest_port")
    if enabled and no_rest:
        yield "--metrics_enable", _METRICS_NEED_REST
    if not release.at_least(2022, 3, 0, 1) and (enabled or listed) and parsed.set("config_path"):
        yield (
            "--metrics_enable",
            "metrics_enable or metrics_list and config_path cant be used together. Use json config file to "
            "enable metrics when using config_path.",
        )
    if listed and not enabled:
        yield (
            "--metrics_list",
            _LIST_NEEDS_METRICS,
        )


def _addresses(parsed: ParsedArguments) -> _Part:
    for name in ("rest_bind_address", "grpc_bind_address"):
        if parsed.set(name) and not is_hostname_or_ip(parsed.split.values[name], parsed.release):
            text = f"{name} has invalid format: proper hostname or IP address expected."
            yield f"--{name}", text


def _same_port(parsed: ParsedArguments) -> _Part:
    if parsed.port == parsed.rest_port and (parsed.port or not parsed.release.at_least(2025, 1)):
        yield "--port", _SAME_PORT


def _no_port(parsed: ParsedArguments) -> _Part:
    if parsed.release.needs_a_port and not parsed.port and not parsed.rest_port:
        yield "--port", _NO_PORT


def _cpu_extension(parsed: ParsedArguments) -> _Part:
    path = parsed.split.values.get("cpu_extension", "")
    if parsed.set("cpu_extension"):
        exist = "exist" if parsed.release.at_least(2025, 1) else "exists"
        text = (
            f"File path provided as an --cpu_extension parameter does not {exist} in the filesystem: {path}"
        )
        yield "--cpu_extension", text, FileDemand(path, "exists")


def _log_level(parsed: ParsedArguments) -> _Part:
    levels = ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"]
    if not parsed.release.at_least(2022, 2):
        levels.remove("TRACE")
    if parsed.split.values.get("log_level", "INFO") not in levels:
        yield "--log_level", f"log_level should be one of: {', '.join(levels)}"


def _stateful(parsed: ParsedArguments) -> _Part:
    stateful = is_true(parsed.split.values.get("stateful"))
    if not parsed.release.at_least(2022, 3):
        stateful = parsed.has("stateful")
    if not stateful and any(parsed.has(name) for name in _STATEFUL):
        yield (
            "--stateful",
            "Setting low_latency_transformation, max_sequence_number and idle_sequence_cleanup require "
            "setting stateful flag for the model.",
        )


def hint_for(refusal: ArgumentRefusal, release: Release) -> str:
    """Returns an explanation for the user in addition to the server's text; empty if that text is enough."""
    unknown = unknown_reason(refusal, release)
    if unknown is not None:
        return f"{unknown}."
    if refusal.option == "--file_system_poll_wait_seconds" and refusal.stage == "parse":
        return "The server accepts no negative number, although its help allows it. 0 turns the polls off."
    if refusal.option == "--log_level":
        return "Write the level in capital letters."
    return ""


def remedy_for(refusal: ArgumentRefusal, parsed: ParsedArguments) -> str:
    """Returns the remedy of a refusal, as a sentence; empty if the server's text is enough."""
    if refusal.suggestion is not None:
        return ""
    if refusal.stage == "validate":
        return _validation_remedy(refusal, parsed)
    return _unknown_remedy(refusal, parsed.release) if refusal.stage in ("parse", "unmatched") else ""


def _validation_remedy(refusal: ArgumentRefusal, parsed: ParsedArguments) -> str:
    model = [f"--{name}" for name in ("model_name", "model_path") if parsed.set(name)]
    if refusal.text == _NO_MODEL:
        if model:
            missing = "--model_path" if model == ["--model_name"] else "--model_name"
            return f"Add {missing}: a model needs both its name and its path."
        return "Add --config_path, or --model_path and --model_name."
    if refusal.text == _TWO_SOURCES:
        return f"Remove {' and '.join(model)}: the configuration file names the models and their paths."
    if refusal.text == _EXCLUSIVE:
        return f"Move {refusal.option} into the model's entry of the configuration file."
    if refusal.text == _NO_PORT:
        return "Add --rest_port for REST, --port for gRPC, or both: for example --rest_port 8000."
    if refusal.text == _SAME_PORT:
        return "Give --port (gRPC) and --rest_port (REST) two different numbers."
    if refusal.text == _METRICS_NEED_REST:
        return "Add --rest_port: metrics are served there."
    if refusal.text == _LIST_NEEDS_METRICS:
        return "Add --metrics_enable."
    return ""


def _unknown_remedy(refusal: ArgumentRefusal, release: Release) -> str:
    """Returns the remedy of an unknown argument."""
    word = refusal.option
    if word is None:
        return ""
    if word == "--":
        return "Remove the word --: the server reads nothing after it as an option."
    if is_joined(word, release):
        return f"Split “{word}” at each blank: an item of a list is one argument, with the blanks in it."
    if posixpath.basename(word) == "ovms":
        return (
            f"Remove {word}: the image's entrypoint already runs the server, and all words after it are "
            "arguments."
        )
    if word.startswith("-"):
        # Imported here: most argument lines have no such argument.
        from ovms_doctor.inputs.run_line.options import is_run_option

        if is_run_option(word):
            name = word.partition("=")[0]
            return f"Move {name} before the image: the engine passes an option after the image to the server."
    elif refusal.stage == "unmatched":
        return (
            f"Remove {word}, or put the whole value that it belongs to in quotes. It does not belong to "
            "an option."
        )
    return ""


def is_joined(word: str, release: Release) -> bool:
    """Whether an argument is an option and its value with a blank between them, in one item of a list."""
    name, blank, _ = word.partition(" ")
    return bool(blank) and name.startswith("--") and name[2:] in known_options(release)


def unknown_reason(refusal: ArgumentRefusal, release: Release) -> str | None:
    """Returns when an option that this release does not have was added or removed; None if no release had it."""
    if refusal.option is None or refusal.stage not in ("parse", "unmatched"):
        return None
    return history(refusal.option, release)
