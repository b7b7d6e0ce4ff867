"""A receipt as JSON and as text, in parts: it may list very many paths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec.json import encode
from msgspec.structs import fields

from ovms_doctor.model.display_text import printable
from ovms_doctor.model.receipt import Action, Receipt, ReceiptPath

#: The first line of a text receipt, which identifies it.
TITLE = "Receipt of ovms-doctor"
#: Maximum number of lines of one section.
_LINES = 40
#: Maximum number of characters of a command line.
_LONGEST_COMMAND = 400
_PHRASES: dict[Action, str] = {
    "read": "read",
    "listed": "listed",
    "looked_up": "looked up",
    "written": "written",
    "removed": "removed",
    "loaded": "loaded",
    "read_below": "read below",
}


def json_parts(receipt: Receipt) -> Iterator[str]:
    """Yields the JSON document; each element of a list is a line."""
    yield '{"receipt":' + encode(receipt.receipt).decode()
    for item in fields(receipt)[1:]:
        yield f',\n"{item.encode_name}":['
        for number, value in enumerate(getattr(receipt, item.name)):
            yield ("," if number else "") + "\n" + encode(value).decode()
        yield "]"
    yield "}\n"


def text_parts(receipt: Receipt) -> Iterator[str]:
    """Yields the text, line by line: a short list completely, for a long list the numbers by directory."""
    head = receipt.receipt
    yield f"{TITLE} {head.tool_version}, {head.started_at}\n"
    yield _line(0, f"ovms-doctor {' '.join(head.arguments)}")
    yield _line(
        0, f"exit code {head.exit_code}; {'everything' if head.complete else 'NOT everything'} was recorded"
    )
    yield from _paths("Files and directories", receipt.files)
    for item in receipt.unlisted:
        yield _line(1, f"{item.directory or 'other directories'}: {item.count:,} more records, not listed")
    yield from _paths("Of the system (/proc, /sys, /dev)", receipt.system)
    yield from _section("Modules of Python and its packages, read below", receipt.installation)
    bytecode = [item for item in receipt.written if _is_bytecode(item.path, receipt.installation)]
    skipped = {item.path for item in bytecode}
    yield from _paths(
        "Written, made or removed", [item for item in receipt.written if item.path not in skipped]
    )
    if bytecode:
        yield _line(1, f"in __pycache__ of the packages above: {len(bytecode):,} paths of Python's bytecode")
    yield from _section(
        "Processes started",
        [
            f"{item.count:,} × {item.purpose}: {_command(item.command)}"
            + ("" if item.recorded else " (what it did is not listed)")
            for item in receipt.processes
        ],
    )
    yield from _section(
        "Addresses contacted",
        [
            f"{item.host}{'' if item.port is None else f' port {item.port}'} ({item.protocol}), "
            f"{_connections(item.connections)}: {item.by}"
            for item in receipt.contacts
        ],
    )
    yield from _section(
        "Names looked up", [f"{item.name}, {item.count:,} ×: {item.by}" for item in receipt.lookups]
    )
    yield from _section("Not recorded", head.limits)


def _paths(title: str, paths: Sequence[ReceiptPath]) -> Iterator[str]:
    counts = Counter(action for item in paths for action in item.actions)
    summary = ", ".join(f"{count:,} {_PHRASES[action]}" for action, count in counts.items())
    if len(paths) <= _LINES:
        rows = [f"{item.path}: {', '.join(_PHRASES[action] for action in item.actions)}" for item in paths]
        yield from _section(title, rows, summary)
        return
    by_directory: dict[str, Counter[Action]] = {}
    for item in paths:
        by_directory.setdefault(item.path.rpartition("/")[0] or "/", Counter()).update(item.actions)
    rows = [
        f"in {directory}: {', '.join(f'{count:,} {_PHRASES[action]}' for action, count in found.items())}"
        for directory, found in sorted(by_directory.items())
    ]
    yield from _section(title, rows, summary)


def _is_bytecode(path: str, installation: Sequence[str]) -> bool:
    """Whether Python itself keeps compiled modules at this path."""
    return f"{path}/".find("/__pycache__/") >= 0 and any(path.startswith(f"{top}/") for top in installation)


def _section(title: str, rows: Sequence[str], summary: str = "") -> Iterator[str]:
    yield "\n"
    yield _line(0, f"{title}: {summary or ('' if rows else 'none')}".rstrip())
    for row in rows[:_LINES]:
        yield _line(1, row)
    if len(rows) > _LINES:
        yield _line(1, f"… and {len(rows) - _LINES:,} more; a receipt in a file NAME.json lists all")


def _line(depth: int, text: str) -> str:
    return f"{'  ' * depth}{printable(text)}\n"


def _command(arguments: Sequence[str]) -> str:
    text = " ".join(arguments) or "a copy of the process that started it"
    return text if len(text) <= _LONGEST_COMMAND else f"{text[:_LONGEST_COMMAND]}…"


def _connections(count: int | None) -> str:
    return (
        "connections as the library needs" if count is None else f"{count:,} connection{'s' * (count != 1)}"
    )
