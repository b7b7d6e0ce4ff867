"""The project's configuration: ``ovms-doctor.toml``, or ``[tool.ovms-doctor]`` in pyproject.toml.

``--config`` names the file; otherwise it is searched for in the working directory and above it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ovms_doctor.cli.document_limits import parsed_limits
from ovms_doctor.cli.working_directory import working_directory
from ovms_doctor.model.errors import ConflictingOptionsError, UsageError
from ovms_doctor.probes.named_files import DocumentLimits, passing, read_named_file

#: The file of this program, and the table in the shared file.
NAME, SHARED, TABLE = "ovms-doctor.toml", "pyproject.toml", "tool.ovms-doctor"
#: Maximum size in bytes of a configuration that is read.
_LARGEST = 1 << 20
#: Maximum number of parent directories that are searched.
_LEVELS = 64


def with_configuration(parsed: Mapping[str, Any], records: Sequence[type[Any]]) -> Mapping[str, Any]:
    """Returns the parsed options of a command with the defaults of the configuration, and with its ``adjustments``.

    ``records``: the records of the command's options. Raises UsageError for a file that is unreadable or does not
    match its schema.
    """
    if parsed.get("no_config"):
        if parsed.get("config_file"):
            raise ConflictingOptionsError("--config and --no-config exclude each other")
        return parsed
    limits = parsed_limits(parsed)
    named = parsed.get("config_file")
    found = _named(named, limits) if named else _nearest(working_directory(), limits)
    if found is None:
        return parsed
    path, table = found
    from ovms_doctor.cli.configured_options import ConfiguredOptions

    return ConfiguredOptions(path, table, records, named=bool(parsed.get("config_file"))).merged(parsed)


def _named(path: str, limits: DocumentLimits) -> tuple[str, dict[str, Any]]:
    """Returns the table of a named file: the whole file, or the tool's table of a pyproject.toml."""
    table = _table(path, read_named_file(path, _LARGEST, limits))
    if table is None:
        raise UsageError(f"{path}: has no table [{TABLE}]")
    return path, table


def _nearest(directory: str, limits: DocumentLimits) -> tuple[str, dict[str, Any]] | None:
    """Returns the nearest configuration in this directory or above it."""
    candidates = []
    for _ in range(_LEVELS):
        candidates += [os.path.join(directory, name) for name in (NAME, SHARED)]
        above = os.path.dirname(directory)
        if above == directory:
            break
        directory = above
    try:
        candidates = passing("readable", candidates, limits.timeout)
    except UsageError as error:
        raise UsageError(
            f"{error}; with --no-config, ovms-doctor does not search for a configuration"
        ) from None
    for path in candidates:
        data = read_named_file(path, _LARGEST, limits)
        if os.path.basename(path) == SHARED and TABLE.encode() not in data:
            continue
        table = _table(path, data)
        if table is not None:
            return path, table
    return None


def _table(path: str, data: bytes) -> dict[str, Any] | None:
    """Returns the configuration in a file; None for a pyproject.toml without one."""
    try:
        document: dict[str, Any] = _toml().loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not valid TOML: {error}") from None
    if os.path.basename(path) != SHARED:
        return document
    tools = document.get("tool")
    table = tools.get("ovms-doctor") if isinstance(tools, dict) else None
    return table if isinstance(table, dict) else None


def _toml() -> Any:
    """Returns the TOML parser: tomllib of the standard library since Python 3.11, else the package tomli, its
    origin."""
    import importlib

    try:
        return importlib.import_module("tomllib")
    except ModuleNotFoundError:
        return importlib.import_module("tomli")
