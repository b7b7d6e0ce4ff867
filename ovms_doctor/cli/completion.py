"""Shell completion of codes, container names and the formats of files; the parser itself completes commands, options
and their fixed values."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice

from ovms_doctor.model.pattern import lazy_pattern

#: The variable with which the shell's function requests completions; typer derives its name from the program's.
VARIABLE = "_OVMS_DOCTOR_COMPLETE"
#: Seconds for the engine to list its containers: a user does not wait longer for a completion.
_DEADLINE = 2.0
#: A usual name of a file in each format.
_USUAL_NAMES = {
    "text": "report.txt",
    "json": "report.json",
    "sarif": "report.sarif",
    "junit": "report.xml",
    "github": "annotations.txt",
    "gitlab": "gl-code-quality-report.json",
    "markdown": "report.md",
    "html": "report.html",
}


#: The most directory entries that are read to complete a file's name, and the characters that all shells take
#: literally.
_MOST_ENTRIES = 10_000
_PLAIN_NAME = lazy_pattern(r"[\w.+/-]+", re.ASCII)


def completion_of(names: tuple[str, ...], metavar: str) -> Callable[[str], list[tuple[str, str]]] | None:
    """Returns the function that completes the values of an option; None for values that the shell itself completes,
    such as files."""
    if metavar == "[FORMAT:]FILE":
        return complete_outputs
    if "--select" in names or "--ignore" in names:
        return complete_codes
    return complete_containers if "--container" in names else None


def complete_codes(incomplete: str) -> list[tuple[str, str]]:
    """Returns the codes and names of findings and checks that begin with ``incomplete``, with their summaries; after a
    comma, the next code is completed."""
    before, comma, prefix = incomplete.rpartition(",")
    return [(f"{before}{comma}{text}", meaning) for text, meaning in _known() if _starts_with(text, prefix)]


def complete_outputs(incomplete: str) -> list[tuple[str, str]]:
    """Returns the formats that begin with ``incomplete``, each with a colon alone and with a usual name of a file, so
    that a shell adds no space after the colon; and names of files, which follow the colon too."""
    from ovms_doctor.model.output_options import FORMATS

    name, colon, path = incomplete.partition(":")
    if colon and name in FORMATS:
        return [(f"{name}:{file}", "file") for file in _files(path)]
    formats = [
        (f"{form}:{file}", f"the report as {form}")
        for form in FORMATS
        if form.startswith(incomplete)
        for file in ("", _USUAL_NAMES[form])
    ]
    return [*formats, *((file, "file") for file in _files(incomplete))]


def _files(prefix: str) -> list[str]:
    """Returns the paths that begin with ``prefix``, except those with a character that is special to a shell."""
    directory, slash, beginning = prefix.rpartition("/")
    try:
        with os.scandir((directory or "/") if slash else ".") as entries:
            found = [
                f"{directory}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
                for entry in islice(entries, _MOST_ENTRIES)
                if entry.name.startswith(beginning) and (beginning or not entry.name.startswith("."))
            ]
    except (OSError, ValueError):
        return []
    return sorted(path for path in found if _PLAIN_NAME.fullmatch(path))


def complete_explained(incomplete: str) -> list[tuple[str, str]]:
    """Returns the codes and names of findings that begin with ``incomplete``."""
    return [item for item in _known(checks=False) if _starts_with(item[0], incomplete)]


def _starts_with(text: str, prefix: str) -> bool:
    return text.lower().startswith(prefix.lower())


def _known(*, checks: bool = True) -> Iterator[tuple[str, str]]:
    from ovms_doctor.explain.index import index

    for entry in index().codes:
        yield entry.code, entry.summary
    for entry in index().codes:
        yield entry.name, entry.summary
    for check in index().checks if checks else ():
        yield check.name, check.summary


def complete_containers(incomplete: str) -> list[tuple[str, str]]:
    """Returns the engine's containers whose names begin with ``incomplete``; none if the engine does not answer in
    time."""
    from ovms_doctor.probes.containers import container_names

    return [(name, "container") for name in container_names(_DEADLINE) if name.startswith(incomplete)]
