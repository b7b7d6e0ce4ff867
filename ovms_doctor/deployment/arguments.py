"""The server's own argument line, read as its parser reads it (cli_parser.cpp, config.cpp; cxxopts)."""

from __future__ import annotations

from collections.abc import Sequence

from ovms_doctor.deployment.model import ServerArguments
from ovms_doctor.releases import Release

#: Options that take no value; every other one takes the next word, or what follows ``=``.
_SWITCHES = frozenset(
    """help version metrics_enable add_to_config remove_from_config list_models pull overwrite_models
    stateful idle_sequence_cleanup low_latency_transformation allow_credentials configure
    verbose_response""".split()
)
_SHORT = {"h": "help", "v": "version"}
_LOOKED_AT = ("config_path", "model_path", "model_name", "model_version_policy", "port", "rest_port")
_HIGHEST_PORT = 65535
#: gRPC's port where none is given, until v2025.0.
_OLD_DEFAULT_PORT = 9178


def read_arguments(words: Sequence[str], release: Release) -> ServerArguments:
    """The words after ``ovms``. What the server refuses is in ``usage_error``: its own text on standard error.

    Options that are not looked at yet are listed in ``ignored`` and checked for nothing.
    """
    if not words:
        return ServerArguments(helps=True)
    values: dict[str, str] = {}
    ignored: list[str] = []
    error = _collect(list(words), values, ignored)
    if "help" in values or "version" in values:
        return ServerArguments(helps=True)
    port, port_error = _port("port", values, release)
    rest_port, rest_error = _port("rest_port", values, release)
    arguments = ServerArguments(
        config_path=values.get("config_path"),
        model_path=values.get("model_path"),
        model_name=values.get("model_name"),
        model_version_policy=values.get("model_version_policy"),
        port=port,
        rest_port=rest_port,
        ignored=tuple(ignored),
    )
    error = error or port_error or rest_error or _validate(arguments, release)
    if error is None:
        return arguments
    return ServerArguments(
        arguments.config_path,
        arguments.model_path,
        arguments.model_name,
        arguments.model_version_policy,
        port,
        rest_port,
        tuple(ignored),
        usage_error=error,
    )


def _collect(words: list[str], values: dict[str, str], ignored: list[str]) -> str | None:
    """Fill ``values`` with the options looked at; later ones win."""
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
        elif len(word) == 2 and word[0] == "-" and word[1] in _SHORT:
            name, equals, value = _SHORT[word[1]], "", ""
        else:
            ignored.append(word)
            continue
        if name in _SWITCHES:
            if name in ("help", "version"):
                values[name] = ""
            else:
                ignored.append(f"--{name}")
            continue
        if not equals:
            if not words:
                return f"error parsing options: Option ‘{name}’ is missing an argument"
            value = words.pop(0)
        if name in _LOOKED_AT:
            values[name] = value
        else:
            ignored.append(f"--{name}")
    return None


def _port(name: str, values: dict[str, str], release: Release) -> tuple[int | None, str | None]:
    text = values.get(name)
    if text is None:
        return None, None
    if not text.isascii() or not text.isdigit():
        return None, f"error parsing options: Argument ‘{text}’ failed to parse"
    return int(text), None


def _validate(arguments: ServerArguments, release: Release) -> str | None:
    """``Config::validate``, in its order, as far as it concerns the options looked at."""
    one_model = bool(arguments.model_name or arguments.model_path)
    if arguments.config_path and one_model:
        return "Use either config_path or model_path with model_name"
    if not arguments.config_path and not (arguments.model_name and arguments.model_path):
        return "Use config_path or model_path with model_name"
    if arguments.config_path and arguments.model_version_policy:
        return "Model parameters in CLI are exclusive with the config file"
    port, rest_port = arguments.port, arguments.rest_port or 0
    if port is None:
        port = 0 if release.needs_a_port else _OLD_DEFAULT_PORT
    if release.needs_a_port and not port and not rest_port:
        return "port and rest_port cannot both be unset"
    for name, number in (("port", port), ("rest_port", rest_port)):
        if number > _HIGHEST_PORT:
            return f"{name} number out of range from 0 to {_HIGHEST_PORT}"
    if port == rest_port and port:
        return "port and rest_port cannot have the same values"
    return None
