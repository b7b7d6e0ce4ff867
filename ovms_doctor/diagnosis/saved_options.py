"""The options of a run in its facts file: written as JSON and read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins
from msgspec.structs import fields, replace

from ovms_doctor.model.facts import (
    CheckWritable,
    Facts,
    FetchCopy,
    HeadBucket,
    InspectCopy,
    InspectKeyFile,
    InspectLibrary,
    InspectModel,
    InspectNetwork,
    InspectTemplate,
    ListDenials,
    ListDirectory,
    ListStore,
    LoadCopy,
    LoadExtension,
    LoadModel,
    LoadPipeline,
    ProbeWrite,
    Question,
    ReadFile,
    ReadObject,
    StatHost,
    StatPath,
    StatTimes,
)
from ovms_doctor.model.json_text import JsonFormatError, convert, map_text
from ovms_doctor.model.option import options_of
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.text import escape, unescape

if TYPE_CHECKING:
    from ovms_doctor.report.model import FactsOrigin

#: Members whose text is escaped separately: facts files of version 1 escape the whole document once more.
_ESCAPED = ("container", "environment")


def options_to_json(options: CheckOptions) -> dict[str, Any]:
    """Returns the options as JSON values that :func:`options_from_json` reads, without content that other fields
    hold."""
    values: dict[str, Any] = to_builtins(replace(options, **_unsaved()))
    for name in _unsaved():
        del values[name]
    return {**values, **{name: map_text(values[name], escape) for name in _ESCAPED}}


def options_from_json(data: Any) -> CheckOptions:
    """Returns the options from the values of ``options_to_json``, also of older releases. Raises ValueError for any
    other values."""
    if not isinstance(data, dict):
        raise ValueError("not the options of a run: no object")
    values = {name: value for name, value in data.items() if name not in _unsaved()}
    values |= {name: map_text(values[name], unescape) for name in _ESCAPED if name in values}
    if isinstance(values.get("untold"), list):
        # Older releases had three separate options here: source, reason, timed out.
        values["untold"] = dict(zip(("source", "reason", "timed_out"), values["untold"], strict=False))
    try:
        return convert(values, CheckOptions)
    except JsonFormatError as error:
        raise ValueError(f"not the options of a run: {error}") from None


def facts_origin(header: dict[str, Any]) -> FactsOrigin:
    """Returns the origin of the facts in a file, from its header; fields that an older version did not write are
    empty."""
    from ovms_doctor.report.model import FactsOrigin

    def text(name: str) -> str:
        value = header.get(name)
        return value if isinstance(value, str) else ""

    return FactsOrigin(
        text("collected_at"), text("tool_version"), text("host"), redacted=header.get("redacted") is True
    )


#: For each kind of question the subject of its facts: one, and several.
_SUBJECTS: tuple[tuple[tuple[type[Question[Any]], ...], str, str], ...] = (
    ((StatPath, StatHost, StatTimes, CheckWritable, ProbeWrite), "path", "paths"),
    ((ListDirectory,), "directory listing", "directory listings"),
    ((ReadFile, InspectKeyFile), "file that was read", "files that were read"),
    ((InspectModel, LoadModel, InspectCopy, LoadCopy), "model", "models"),
    ((InspectLibrary, LoadExtension), "library", "libraries"),
    ((InspectTemplate,), "chat template", "chat templates"),
    (
        (ListDenials, LoadPipeline, InspectNetwork, HeadBucket, ListStore, ReadObject, FetchCopy),
        "other",
        "other",
    ),
)


def saved_sentence(facts: Facts, size: int, path: str) -> str:
    """Returns a sentence on the content of a facts file of ``size`` bytes:
    ``facts.json: 120 facts (31 KiB): 80 paths, 12 directory listings, …``."""
    numbers: Counter[type[Question[Any]]] = Counter(type(question) for question, _ in facts)
    parts = []
    for kinds, one, several in _SUBJECTS:
        number = sum(numbers[kind] for kind in kinds)
        if number:
            parts.append(f"{number:,} {one if number == 1 else several}")
    total = numbers.total()
    return f"{path}: {total:,} facts ({max(size >> 10, 1):,} KiB): {', '.join(parts)}; secrets are replaced by ***"


def _unsaved() -> dict[str, Any]:
    """Returns the defaults of the fields that are not written."""
    unsaved = {name for name, (_, option) in options_of(CheckOptions).items() if not option.saved}
    unsaved.add("typed_targets")
    return {item.name: item.default for item in fields(CheckOptions) if item.name in unsaved}
