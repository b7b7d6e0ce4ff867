"""Reads and writes the file of known findings."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ovms_doctor.cli.output import write
from ovms_doctor.model.adjustments import KnownFinding
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.json_text import encode_json
from ovms_doctor.probes.named_files import DocumentLimits, read_named_file

FORMAT = "ovms-doctor baseline"
#: Maximum length in bytes; a longer file is not read.
_LARGEST = 256 << 20


class Baseline(Struct, frozen=True):
    """Known findings: they are counted and do not make a run fail.

    * ``format``: identifies this kind of file.
    * ``schema_version``: version of the form; its second number grows with added keys.
    * ``findings``: the known findings.
    """

    format: Literal["ovms-doctor baseline"]
    schema_version: Annotated[str, Meta(pattern=r"^1\.[0-9]+$")]
    findings: tuple[KnownFinding, ...]


def read_baseline(path: str, limits: DocumentLimits) -> tuple[KnownFinding, ...]:
    """Returns the entries of a baseline. Raises UsageError for a file that is not a baseline."""
    from datetime import date

    data = read_named_file(path, _LARGEST, limits)
    try:
        found = msgspec.json.decode(data, type=Baseline).findings
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not a baseline of ovms-doctor: {error}") from None
    for entry in found:
        try:
            if entry.expires is not None:
                date.fromisoformat(entry.expires)
        except ValueError:
            raise UsageError(
                f"{path}: expires of {entry.fingerprint} is not a date like 2027-03-31"
            ) from None
    return found


def write_baseline(path: str, known: tuple[KnownFinding, ...]) -> None:
    """Writes a baseline with one entry per line, so that a changed entry is one changed line."""
    rows = ",\n".join(encode_json(entry).decode("utf-8") for entry in known)
    body = f"\n{rows}\n" if rows else ""
    write(f'{{"format": "{FORMAT}", "schema_version": "1.0", "findings": [{body}]}}\n', path)
