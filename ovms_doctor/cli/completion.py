"""Shell completion of codes and container names; the parser completes commands, options and their fixed values."""

from __future__ import annotations

from collections.abc import Callable, Iterator

#: The variable with which the shell's function requests completions; typer derives its name from the program's.
VARIABLE = "_OVMS_DOCTOR_COMPLETE"
#: Seconds for the engine to list its containers: a user does not wait longer for a completion.
_DEADLINE = 2.0


def completion_of(names: tuple[str, ...]) -> Callable[[str], list[tuple[str, str]]] | None:
    """Returns the function that completes the values of an option; None for values that the shell itself completes,
    such as files."""
    if "--select" in names or "--ignore" in names:
        return complete_codes
    return complete_containers if "--container" in names else None


def complete_codes(incomplete: str) -> list[tuple[str, str]]:
    """Returns the codes and names of findings and checks that begin with ``incomplete``, with their summaries; after
    a comma the next one is completed."""
    before, comma, prefix = incomplete.rpartition(",")
    return [(f"{before}{comma}{text}", meaning) for text, meaning in _known() if _begins(text, prefix)]


def complete_explained(incomplete: str) -> list[tuple[str, str]]:
    """Returns the codes and names of findings that begin with ``incomplete``."""
    return [item for item in _known(checks=False) if _begins(item[0], incomplete)]


def _begins(text: str, prefix: str) -> bool:
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
    """Returns the engine's containers whose names begin with ``incomplete``; none where the engine does not answer
    in time."""
    from ovms_doctor.probes.containers import container_names

    return [(name, "container") for name in container_names(_DEADLINE) if name.startswith(incomplete)]
