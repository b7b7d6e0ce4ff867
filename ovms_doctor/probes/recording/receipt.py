"""The receipt, made from the records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

from ovms_doctor import __version__
from ovms_doctor.model.receipt import (
    FORMAT,
    SCHEMA_VERSION,
    Action,
    Receipt,
    ReceiptContact,
    ReceiptHead,
    ReceiptLookup,
    ReceiptPath,
    ReceiptProcess,
    UnlistedPaths,
)
from ovms_doctor.model.redaction import redact_arguments
from ovms_doctor.model.text import escape, redact
from ovms_doctor.probes.recording.recorder import (
    LISTED,
    LOADED,
    LOOKED_UP,
    READ,
    READ_BELOW,
    REMOVED,
    WRITTEN,
)
from ovms_doctor.probes.recording.tally import OTHER, Tally, path_kinds, path_purposes

_ACTIONS: dict[str, Action] = {
    READ: "read",
    LISTED: "listed",
    LOOKED_UP: "looked_up",
    WRITTEN: "written",
    REMOVED: "removed",
    LOADED: "loaded",
    READ_BELOW: "read_below",
}
_SYSTEM = ("/proc/", "/sys/", "/dev/")
#: Below /dev; it contains files of users.
_MEMORY = "/dev/shm/"  # noqa: S108
_NATIVE = (
    "What the dynamic linker and the C library open by themselves is not listed: shared libraries, locales, "
    "certificates; and for a name that is looked up, /etc/hosts, /etc/resolv.conf and the name servers in it."
)
_START = (
    "What is done before the first line of this program runs is not listed: Python's own start in each process, and "
    "the unpacking of a single file."
)


def receipt_of(tally: Tally, arguments: Sequence[str], exit_code: int) -> Receipt:
    """Returns the receipt of the run with these arguments, without secrets; names that are not UTF-8 are escaped."""
    rows = [
        (path, path_kinds(bits), _texts(path_purposes(tally, bits)))
        for path, bits in sorted(tally.paths.items())
    ]
    system = [row for row in rows if _is_system(row[0])]
    files = [row for row in rows if not _is_system(row[0])]
    processes = tuple(
        ReceiptProcess(
            _text(purpose), _texts(redact_arguments(command)), found.count, tuple(found.pids), found.recorded
        )
        for (purpose, command), found in sorted(tally.processes.items(), key=lambda item: item[0])
    )
    head = ReceiptHead(
        FORMAT,
        SCHEMA_VERSION,
        __version__,
        datetime.fromtimestamp(tally.began, timezone.utc).isoformat(timespec="seconds"),
        _texts(arguments),
        exit_code,
        tally.complete,
        tuple(_limits(tally, processes)),
    )
    return Receipt(
        head,
        _paths(row for row in files if not _is_changed(row[1])),
        _paths(system),
        _texts(sorted(tally.installation)),
        _paths(row for row in files if _is_changed(row[1])),
        processes,
        tuple(
            ReceiptContact(protocol, _text(host), int(port) if port else None, count, _text(by))
            for (protocol, host, port, by), count in sorted(tally.contacts.items())
        ),
        tuple(
            ReceiptLookup(_text(name), count, _text(by))
            for (name, by), count in sorted(tally.lookups.items())
        ),
        tuple(UnlistedPaths(_text(directory), count) for directory, count in sorted(tally.unlisted.items())),
    )


def _limits(tally: Tally, processes: Iterable[ReceiptProcess]) -> Iterable[str]:
    yield _NATIVE
    yield _START
    if any(READ_BELOW in path_kinds(bits) for bits in tally.paths.values()):
        yield "Files that a library in C++ reads below a directory of its own choice are not listed one by one."
    if any(process.purpose.startswith("third-party check") for process in processes):
        yield "What a third-party check does by code that is not Python's is not listed, nor what it hides on purpose."
    if any(not process.recorded for process in processes):
        yield f"What processes of the purpose {OTHER} did is not listed."
    if not tally.complete:
        yield "A process did more than could be recorded, or wrote records that cannot be read."


def _is_system(path: str) -> bool:
    return path.startswith(_SYSTEM) and not path.startswith(_MEMORY)


def _is_changed(kinds: tuple[str, ...]) -> bool:
    return WRITTEN in kinds or REMOVED in kinds


def _paths(rows: Iterable[tuple[str, tuple[str, ...], tuple[str, ...]]]) -> tuple[ReceiptPath, ...]:
    return tuple(
        ReceiptPath(_text(path), tuple(_ACTIONS[kind] for kind in kinds), by) for path, kinds, by in rows
    )


def _text(text: str) -> str:
    return escape(redact(text))


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_text, texts))
