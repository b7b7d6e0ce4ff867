"""``collect --redact``: the facts with pseudonyms, and the file that maps them to the real names."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ovms_doctor.model.errors import UnwritableError, UsageError
from ovms_doctor.model.json_text import JsonFormatError, decode_json, encode_json
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.model.text import escape, unescape
from ovms_doctor.probes.named_files import read_named_file

if TYPE_CHECKING:
    from ovms_doctor.model.facts import Facts
    from ovms_doctor.model.options import CheckOptions
    from ovms_doctor.model.pseudonyms import Kind, MapEntry

FORMAT = "ovms-doctor redaction map"
#: Maximum size in bytes of a map that is read.
_LARGEST = 1 << 30
#: The number of keys to try until the report on the facts stays the same.
_TRIES = 5
_WARNING = "Keep this file, and do not send it with the facts: it shows the real names in them."
#: The receipt's names for the kinds of replaced names: singular, plural.
_NAMES: Mapping[Kind, tuple[str, str]] = {
    "host": ("part of host names", "parts of host names"),
    "address": ("address", "addresses"),
    "user": ("user name", "user names"),
    "bucket": ("part of bucket names", "parts of bucket names"),
    "model": ("part of model names", "parts of model names"),
    "name": ("part of other names", "parts of other names"),
    "path": ("part of file names", "parts of file names"),
    "number": ("long number", "long numbers"),
    "word": ("unknown word", "unknown words"),
}


class _MapFile(Struct, frozen=True):
    """The stored form of a redaction map.

    * ``format``: identifies this kind of file.
    * ``schema_version``: version of the form; its second number grows with added keys.
    * ``warning``: a note on the sensitivity of the file.
    * ``key``: the key that the pseudonyms are made with, in hexadecimal digits.
    * ``entries``: the pseudonyms.
    """

    format: Literal["ovms-doctor redaction map"]
    schema_version: Annotated[str, Meta(pattern=r"^1\.[0-9]+$")]
    key: Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){16,64}$")]
    entries: tuple[Any, ...]
    warning: str = ""


class RedactionMap(Struct, frozen=True):
    """A redaction map that was read.

    * ``key``: the key that the pseudonyms are made with.
    * ``entries``: the pseudonyms.
    """

    key: bytes
    entries: tuple[MapEntry, ...]


class Redacted(Struct, frozen=True):
    """A redacted document with its map and summary.

    * ``document``: the facts without names.
    * ``map_document``: the map.
    * ``receipt``: the number of replaced names of each kind, as a phrase.
    * ``same``: whether the report on it agrees with the report on the original document.
    """

    document: str
    map_document: str
    receipt: str
    same: bool


def map_path(output: OutputOptions) -> str:
    """Returns the path of the map. Raises UsageError if no map can be written, before any facts are collected."""
    facts = output.facts_output
    path = output.redact_map
    if path is None:
        if facts in (None, "-"):
            raise UsageError(
                "--redact writes two files: name the one for the facts with -o FILE, or the map with --redact-map FILE"
            )
        path = f"{(facts or '').removesuffix('.json')}.map.json"
    if path == "-":
        raise UsageError("--redact-map: name a file, because the map stays on this host")
    if facts is not None and os.path.realpath(path) == os.path.realpath(facts):
        raise UsageError(f"--redact-map: {path} is the file of the facts")
    if os.path.lexists(path):
        _ = read_map(path)
    directory = os.path.dirname(os.path.realpath(path))
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(f"--redact-map: {directory}: no file can be created there")
    return path


def read_map(path: str) -> RedactionMap:
    """Returns a map that an earlier run wrote. Raises UsageError for any other file."""
    from ovms_doctor.model.pseudonyms import MapEntry

    try:
        file = decode_json(read_named_file(path, _LARGEST), _MapFile)
        entries = tuple(msgspec.convert(entry, MapEntry) for entry in file.entries)
    except (JsonFormatError, msgspec.ValidationError, UnicodeDecodeError):
        raise UsageError(f"{path}: is not a redaction map of ovms-doctor; it is not changed") from None
    return RedactionMap(bytes.fromhex(file.key), entries)


def redacted(document: str, path: str) -> Redacted:
    """Returns a document of facts without names; reuses the pseudonyms of the map at ``path``."""
    from ovms_doctor.diagnosis.program_words import kept_words
    from ovms_doctor.diagnosis.saved_options import options_from_json, options_to_json
    from ovms_doctor.model.facts import codec
    from ovms_doctor.model.pseudonyms import PseudonymMap, redact_facts

    known = kept_words()
    header, facts = codec.load(document)
    options = options_from_json(header["request"])
    expected = _outline(facts, options)
    earlier = read_map(path) if os.path.lexists(path) else None
    # Names determine the order in which a store lists files, and so perhaps which of several files the server reads.
    for _ in range(_TRIES if earlier is None else 1):
        key = earlier.key if earlier is not None else secrets.token_bytes(16)
        names = PseudonymMap(key, known.words, earlier.entries if earlier is not None else ())
        result = redact_facts(facts, options, unescape(header.get("host", "")), names, known)
        same = _outline(result.facts, result.options) == expected
        if same:
            break
    new = {**header, "request": options_to_json(result.options), "redacted": True}
    if result.host:
        new["host"] = escape(result.host)
    return Redacted(
        codec.dump(result.facts, new),
        _map_document(key, names.entries()),
        _receipt(result.entries, result.replacements),
        same,
    )


def _outline(facts: Facts, options: CheckOptions) -> object:
    """Returns the result of a report on facts: exit code, findings, states, and the status of each check."""
    from ovms_doctor.diagnosis.run import report_on
    from ovms_doctor.diagnosis.run_start import begin
    from ovms_doctor.diagnosis.settle import settled_run

    try:
        report = report_on(settled_run(options, facts, None), OutputOptions(), begin(()))
    except Exception as error:  # noqa: BLE001 - `check --facts` reports it; nothing is to be lost here
        return type(error)
    models = report.plan.models if report.plan is not None else ()
    return (
        report.exit_code,
        sorted((finding.code, finding.severity, finding.subject.version or 0) for finding in report.findings),
        sorted(
            str([(version.version, version.now, version.later) for version in model.versions])
            for model in models
        ),
        [(check.name, check.status) for check in report.checks],
    )


def restored(facts: Facts, options: CheckOptions, host: str, path: str) -> tuple[Facts, CheckOptions, str]:
    """Returns redacted facts, their options and their host's name with the real names of the map at ``path``."""
    from ovms_doctor.model.pseudonyms import restore_facts

    names = {entry.pseudonym: entry.text for entry in read_map(path).entries}
    return restore_facts(facts, options, host, names)


def write_map(document: str, path: str) -> None:
    """Writes the map with access for its owner only. The old file stays until the new one is complete."""
    target = os.path.realpath(path)
    temporary = f"{target}.{secrets.token_hex(4)}"
    try:
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(document.encode("utf-8"))
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UnwritableError(f"{path}: {error.strerror}") from None


def _map_document(key: bytes, entries: tuple[MapEntry, ...]) -> str:
    rows = ",\n".join(encode_json(entry).decode("utf-8") for entry in entries)
    start = f'"format":"{FORMAT}","schema_version":"1.0",\n"warning":"{_WARNING}",\n"key":"{key.hex()}"'
    return f'{{{start},\n"entries":[\n{rows}\n]}}\n'


def _receipt(entries: Mapping[Kind, int], replacements: Mapping[Kind, int]) -> str:
    parts = []
    for kind, (one, several) in _NAMES.items():
        number = entries.get(kind, 0)
        if number:
            parts.append(f"{number:,} {one if number == 1 else several}")
    if not parts:
        return "no name was found to replace"
    total = sum(replacements.values())
    return f"{', '.join(parts)}, in {total:,} {'place' if total == 1 else 'places'}"
