"""The settings of a configuration file: defaults of options, settings for some targets, ignored findings, severities.

Defaults have the long names of the options; ``[[paths]]`` are settings for some targets, ``[[ignore]]`` findings that
are left out with a reason, ``[severity]`` severities. The command line takes precedence.

A file that the program finds by itself may be written by a stranger who made the directory: options that run code,
write files or pass on this process's environment are accepted only in a file that ``--config`` names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, get_origin

from msgspec.structs import replace

from ovms_doctor.cli.working_directory import absolute, working_directory
from ovms_doctor.model.adjustments import Adjustments, IgnoreRule, SeverityRule
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.findings import SEVERITIES
from ovms_doctor.model.option import Option, options_of
from ovms_doctor.model.option_values import read_value, shortened
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions

#: Options that no file can set: they name the file itself, or the recorded and written files.
NEVER = (
    "config",
    "no-config",
    "no-ignores",
    "facts",
    "write-baseline",
    "baseline-expires",
    "output",
    "script",
    "receipt",
)
#: Options that only a file named with ``--config`` can set.
NAMED_ONLY = ("cpu-extension", "env", "env-file", "env-from-process", "probe-write", "docker-run", "baseline")
_RULE_KEYS = ("code", "reason", "model", "path", "expires")
_OUTPUT = frozenset(options_of(OutputOptions))


class ConfiguredOptions:
    """A configuration file, read for the options of one command."""

    def __init__(
        self, path: str, table: dict[str, Any], records: Sequence[type[Any]], *, named: bool
    ) -> None:
        self.table, self.named = table, named
        self.label = os.path.relpath(path, working_directory()) if not named else path
        self.directory = os.path.dirname(absolute(path))
        self.options = known_options()
        self.own = {name for record in records for name in options_of(record)}

    def merged(self, parsed: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the typed options, else those of the settings for all targets, else the file's defaults."""
        values = self._values(self.table, "")
        for number, entry in enumerate(self._tables("paths"), 1):
            label = f"[[paths]] {number}"
            pattern = entry.get("path")
            if not isinstance(pattern, str) or not pattern:
                raise self._error(f"{label}: path is missing: a pattern like models/gpu/*")
            of_paths = self._values({key: value for key, value in entry.items() if key != "path"}, label)
            targets = parsed.get("targets") or parsed.get("models") or ()
            if targets and all(self._matches(target, pattern) for target in targets):
                values.update(of_paths)
        result = dict(parsed)
        if parsed.get("facts_file"):
            beside = {name for name, (_, _, option) in self.options.items() if option.beside_facts}
            values = {key: value for key, value in values.items() if key in beside or key in _OUTPUT}
        used = [key for key in values if key in self.own and result.get(key) in (None, False, (), [])]
        result.update({key: values[key] for key in used})
        decided = self._adjustments()
        if parsed.get("no_ignores"):
            decided = Adjustments(configuration=self.label)
        result["adjustments"] = replace(decided, options=tuple(f"--{self.options[key][0]}" for key in used))
        return result

    def _values(self, table: Mapping[str, Any], label: str) -> dict[str, Any]:
        """Returns the options in a table, by field, as the parser returns them."""
        names = {long: field for field, (long, _, _) in self.options.items()}
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key in ("ignore", "severity", "paths") and not label:
                continue
            key_label = f"{label}: {key}" if label else key
            if key not in names or key in NEVER:
                raise self._error(
                    f"{key_label} is not an option that a configuration can set{_nearest_name(key, names)}"
                )
            if key in NAMED_ONLY and not self.named:
                raise self._error(
                    f"{key_label} is accepted only in a file that --config names: it runs code, writes "
                    "files or passes variables"
                )
            field = names[key]
            _, hint, option = self.options[field]
            values[field] = self._value(value, hint, option, key_label)
        return values

    def _value(self, value: Any, hint: Any, option: Option, key_label: str) -> Any:
        if hint is bool:
            if not isinstance(value, bool):
                raise self._error(f"{key_label} is true or false")
            return value
        if get_origin(hint) is tuple:
            if not isinstance(value, list):
                raise self._error(f"{key_label} is a list of texts")
            return [self._text(item, hint, option, key_label) for item in value]
        return self._text(value, hint, option, key_label)

    def _text(self, value: Any, hint: Any, option: Option, key_label: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._error(f"{key_label} is a text or a number")
        try:
            return read_value(str(value), hint, option, key_label)
        except UsageError as error:
            raise self._error(str(error)) from None

    def _tables(self, key: str) -> list[dict[str, Any]]:
        """Returns a list of tables. Raises UsageError for any other value."""
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            more = "; an ignored finding needs a reason" if key == "ignore" else ""
            raise self._error(f"{key} is a list of tables, [[{key}]]{more}")
        return value

    def _matches(self, target: str, pattern: str) -> bool:
        path = absolute(target)
        return fnmatchcase(os.path.relpath(path, self.directory), pattern) or fnmatchcase(path, pattern)

    def _adjustments(self) -> Adjustments:
        severities = self.table.get("severity", {})
        if not isinstance(severities, dict):
            raise self._error("severity is a table: [severity]")
        for code, severity in severities.items():
            self._check_code(code, "[severity]")
            if severity not in SEVERITIES:
                raise self._error(f"[severity]: {code} is one of {', '.join(SEVERITIES)}")
        return Adjustments(
            tuple(self._rules()),
            tuple(SeverityRule(code, severity) for code, severity in severities.items()),
            configuration=self.label,
            directory=self.directory,
        )

    def _rules(self) -> Iterator[IgnoreRule]:
        from datetime import date

        for number, entry in enumerate(self._tables("ignore"), 1):
            label = f"[[ignore]] {number}"
            for key, value in entry.items():
                if key not in _RULE_KEYS:
                    raise self._error(f"{label}: {key} is not one of its keys ({', '.join(_RULE_KEYS)})")
                if key != "expires" and not (isinstance(value, str) and value.strip()):
                    raise self._error(f"{label}: {key} is a text")
            for key in ("code", "reason"):
                if key not in entry:
                    raise self._error(f"{label}: {key} is missing")
            self._check_code(entry["code"], label)
            expires = entry.get("expires")
            if expires is not None:
                try:
                    expires = date.fromisoformat(str(expires)).isoformat()
                except ValueError:
                    raise self._error(f"{label}: expires is a day like 2027-03-31") from None
            yield IgnoreRule(
                entry["code"],
                entry["reason"],
                entry.get("model"),
                entry.get("path"),
                expires,
                f"{self.label} {label}",
            )

    def _check_code(self, code: str, label: str) -> None:
        from ovms_doctor.checks.registry import matches_anything

        if not matches_anything(code):
            raise self._error(f"{label}: no check, no finding and no code has the name {shortened(code)}")

    def _error(self, text: str) -> UsageError:
        return UsageError(f"{self.label}: {text}")


def known_options() -> dict[str, tuple[str, Any, Option]]:
    """Returns each option that a configuration can set, by field: its long name without leading hyphens, type and
    option."""
    found: dict[str, tuple[str, Any, Option]] = {}
    for record in (CheckOptions, OutputOptions):
        for field, (hint, option) in options_of(record).items():
            long = next((name[2:] for name in option.names if name.startswith("--")), "")
            if long and field != "facts_output":
                found[field] = (long, hint, option)
    return found


def _nearest_name(key: str, names: Mapping[str, str]) -> str:
    from difflib import get_close_matches

    similar = get_close_matches(key, [name for name in names if name not in NEVER], 1)
    return f"; did you mean {similar[0]}?" if similar else ""
