"""Makes CheckOptions from the parsed command line: which options exclude each other, and which data this process
adds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ovms_doctor.cli.document_limits import limits_of
from ovms_doctor.cli.parsed import values_of
from ovms_doctor.cli.working_directory import absolute, working_directory
from ovms_doctor.model.environment import (
    READ_BY_CLIENTS,
    READ_BY_OTHER_CLIENTS,
    Variable,
    read_file,
    variables,
)
from ovms_doctor.model.errors import ConflictingOptionsError, UsageError
from ovms_doctor.model.host import Host, User
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.option import options_of
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.redaction import redact_arguments
from ovms_doctor.probes.named_files import read_named_file

#: The command that copies a file out of a store.
_COPY = {
    "s3": "aws s3 cp {} .",
    "gs": "gcloud storage cp {} .",
    "az": "az storage blob download",
    "azfs": "az storage file download",
}
#: Options that the server's own arguments can set too.
_BESIDE_TARGETS = {
    "cache_dir": "--cache-dir",
    "cpu_extension": "--cpu-extension",
    "target_device": "--target-device",
    "policy": "--model-version-policy",
}

#: The maximum size in bytes of a file of variables.
_LARGEST_ENVIRONMENT = 16 << 20


def options_from(
    parsed: Mapping[str, Any], arguments: Sequence[str] | None, *, optional: bool = False
) -> CheckOptions:
    """Returns the typed options, with the data that this process adds. ``arguments``: the server's own, behind ``--``.
    Raises UsageError for options that exclude each other, and if nothing is named unless ``optional``."""
    values = values_of(CheckOptions, parsed)
    if "facts_file" in values:
        _check_beside_facts(values, arguments)
        return CheckOptions(**values)
    pairs: list[tuple[str, str]] = list(values.pop("environment", ()))
    # Rules and report get the same text as with recorded facts.
    typed = CheckOptions(**values, arguments=None if arguments is None else redact_arguments(arguments))
    if not (optional or typed.names_deployment):
        raise ConflictingOptionsError(
            "nothing to check: name a repository (ovms-doctor check ./models) or a container (--container "
            "NAME), or give the server's own arguments after --"
        )
    _check_sources(typed)
    if typed.as_me and ("user" in values or typed.mounts):
        other = "--user" if "user" in values else "--mount"
        raise ConflictingOptionsError(
            f"--as-me and {other} exclude each other: the server has this process's user and files"
        )
    # The server's own arguments name the server's paths: without a mount they are paths of this host.
    bare_metal = typed.bare_metal or typed.as_me or (arguments is not None and not typed.mounts)
    added: dict[str, Any] = {
        "targets": tuple(_target(text, as_model=typed.as_ == "model") for text in typed.targets),
        "typed_targets": typed.targets,
        "arguments": typed.arguments,
        "user": _own_user() if typed.as_me else typed.user,
        "user_from": "--as-me" if typed.as_me else "--user" if "user" in values else typed.user_from,
        "bare_metal": bare_metal,
        "environment": _environment(typed, pairs),
        "working_directory": working_directory(),
        # A TARGET is not assumed to be served on this host, unless an option names this host.
        "host": _this_host() if bare_metal else None,
        "withheld_variables": _withheld_variables(typed),
    }
    return CheckOptions(**{**values, **added})


def _check_sources(options: CheckOptions) -> None:
    """Raises UsageError for two sources of the deployment, and for an option whose value another option sets
    already."""
    sources = [
        *options.sources,
        *(["a TARGET"] if options.targets else []),
        *(["--"] if options.arguments is not None else []),
    ]
    if options.targets and options.arguments is not None and len(sources) == 2:
        raise ConflictingOptionsError("name targets, or give the server's own arguments after --, not both")
    if len(sources) > 1:
        raise ConflictingOptionsError(
            f"{' and '.join(sources)} exclude each other: each describes the whole deployment"
        )
    exclusive = [name for field, name in _BESIDE_TARGETS.items() if getattr(options, field) is not None]
    if exclusive and not options.targets:
        own = exclusive[0].replace("-", "_").replace("__", "--", 1)
        raise ConflictingOptionsError(
            f"{exclusive[0]} needs a TARGET: here the server's own arguments set it ({own})"
        )
    if options.kernel_log is not None and not options.sources:
        raise ConflictingOptionsError(
            "--kernel-log needs a container: name one, or a document that describes one"
        )
    if options.sources and (options.bare_metal or options.as_me):
        name = "--as-me" if options.as_me else "--bare-metal"
        raise UsageError(f"{name} can be used with a TARGET or with --, not with a container")


def _check_beside_facts(values: Mapping[str, Any], arguments: Sequence[str] | None) -> None:
    """Raises UsageError for options that recorded facts exclude, because the facts contain the options of their run."""
    if "targets" in values or arguments is not None or CheckOptions(**values).sources:
        raise ConflictingOptionsError("--facts already contains the target: do not name a target with it")
    options = options_of(CheckOptions)
    others = [options[name][1].names[0] for name in values if not options[name][1].beside_facts]
    if others:
        raise ConflictingOptionsError(
            f"{others[0]} has no effect with --facts, which contains the options of its run: only "
            "--ovms-version can be changed"
        )


def _target(text: str, *, as_model: bool) -> str:
    if not text:
        raise UsageError("a target is empty: name a directory or a file (an unset variable?)")
    if is_remote(text):
        if text.lower().endswith(".json") and not as_model:
            import shlex

            raise UsageError(
                f"{text}: the server reads a configuration file from its local files only; "
                f"name a copy of it ({_COPY[text.partition(':')[0]].format(shlex.quote(text))})"
            )
        # The server uses the path unchanged; how the server handles it is the finding.
        return text
    # A child process checks later whether the path exists: on a dead mount the system call hangs.
    return absolute(text)


def _own_user() -> User:
    """Returns this process's user, with its supplementary groups."""
    gid = os.getegid()
    return User(os.geteuid(), gid, tuple(group for group in os.getgroups() if group != gid))


def _this_host() -> Host:
    # Recorded facts are read without access to the host.
    from ovms_doctor.probes.host import read_host

    return read_host()


def _environment(options: CheckOptions, typed: Sequence[tuple[str, str]]) -> tuple[Variable, ...]:
    """Returns the server's environment: this process's own variables only with --env-from-process; typed variables come
    last."""
    pairs = list(os.environ.items()) if options.env_from_process else []
    if options.env_file is not None:
        label = f"--env-file {options.env_file}"
        data = read_named_file(options.env_file, _LARGEST_ENVIRONMENT, limits_of(options), shown=label)
        found, wrong = read_file(data.decode("utf-8", "surrogateescape"))
        if wrong is not None:
            raise UsageError(f"--env-file {options.env_file}: line {wrong} is not NAME=VALUE")
        pairs += found
    return variables([*pairs, *typed])


def _withheld_variables(options: CheckOptions) -> tuple[str, ...]:
    """Returns the names of this process's own variables for stores that the server does not get."""
    if options.env_from_process or options.sources:
        return ()
    values = (word.partition("=")[2] if word.startswith("-") else word for word in options.arguments or ())
    if not any(is_remote(text) for text in (*options.targets, *values)):
        return ()
    known = READ_BY_CLIENTS | READ_BY_OTHER_CLIENTS
    return tuple(sorted(name for name, value in os.environ.items() if name in known and value))
