"""What the shell completes beside commands, options and the few texts that an option takes: codes and containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

#: The variable by which the shell's function asks for completions; typer makes it of the program's name.
VARIABLE = "_OVMS_DOCTOR_COMPLETE"
#: Seconds for the engine to name its containers: nobody waits longer for a completion.
_DEADLINE = 2.0


def completion_of(names: tuple[str, ...]) -> Callable[[str], list[tuple[str, str]]] | None:
    """What completes the values of an option, by its names; None for what the shell completes itself, as files."""
    if "--select" in names or "--ignore" in names:
        return complete_codes
    return complete_containers if "--container" in names else None


def complete_codes(incomplete: str) -> list[tuple[str, str]]:
    """Codes, names of findings and of checks that begin so, with what they mean; behind a comma the next one."""
    before, comma, prefix = incomplete.rpartition(",")
    return [(f"{before}{comma}{text}", meaning) for text, meaning in _known() if _begins(text, prefix)]


def complete_explained(incomplete: str) -> list[tuple[str, str]]:
    """Codes and names of findings that begin so."""
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
    """The engine's containers whose names begin so; none where it does not answer at once."""
    from ovms_doctor.probes.containers import container_names

    return [(name, "container") for name in container_names(_DEADLINE) if name.startswith(incomplete)]
