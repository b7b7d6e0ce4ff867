"""The recorded cases: read them, build their trees, fill in the directory.

What a recording holds is described in ``data/cases/README.md``. An entry of a tree is a path below the
directory, a kind, and what the kind takes:

=====================  ==========================================================================
``dir``                a directory
``file`` TEXT          a file with this text, in which ``{D}`` stands for the directory
``json`` VALUE         a file with this value as JSON, ``{D}`` filled in
``hex`` DIGITS         a file with these bytes
``xml|bin|onnx`` M     a copy of the model M's file with this suffix
``xmlcut|bincut`` M N  its first N bytes
``binpad`` M N         the file, and N zero bytes after it
``xmlbom`` M           the file, after a UTF-8 byte order mark
``lfs`` SIZE           a Git LFS pointer to a file of this size
``link`` TARGET        a symbolic link
``fifo``               a named pipe
``chmod`` OCTAL        the mode of what is there; set at the end, the deepest paths first
=====================  ==========================================================================
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

CASES = Path(__file__).resolve().parent / "data" / "cases"
MODELS = CASES / "models"

RecordedRelease: TypeAlias = Literal["2025.4", "2026.3"]
Family: TypeAlias = Literal["serving", "random"]
Caveat: TypeAlias = Literal["order", "graphs"]

_DIRECTORY = "{D}"
_UMASK = 0o022
_PORT_OPTIONS = ("--port", "--rest_port")
_DEFAULT_PORT = ("--rest_port", "18080")
_USAGE_ERROR = "OPTIONS_USAGE_ERROR"


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One thing to make: ``path`` below the directory, its kind, what the kind takes."""

    path: str
    kind: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A recorded case. ``recorded`` is the content of the file for this case; ``{D}`` is not yet replaced."""

    id: str
    family: Family
    release: RecordedRelease
    group: str
    tree: tuple[TreeEntry, ...]
    recorded: Mapping[str, Any]
    caveats: frozenset[Caveat]

    @property
    def uid(self) -> int:
        """The user id that the server had, and its only group id; 0: root."""
        uid: int = self.recorded.get("uid", 0)
        return uid

    @property
    def never_ends(self) -> bool:
        """Whether the start had not ended when the recorder stopped waiting."""
        return bool(self.recorded.get("hang"))

    @property
    def exit_code(self) -> int | None:
        """The exit code of the server's process; None if it stays up or never ends."""
        if self.recorded.get("stage") == "parse_args":
            code: int = self.recorded["parse_args"][0]
            return code
        if not self.recorded.get("server_exits_at_start"):
            return None
        return 64 if str(self.recorded["start_status"]).startswith(_USAGE_ERROR) else 1

    @property
    def versions_comparable(self) -> bool:
        """Whether ``versions_detected`` and ``versions_requested`` are the values of the server itself."""
        return not self.never_ends and (self.exit_code is None or bool(self.recorded["models"]))

    @property
    def polls_comparable(self) -> bool:
        """Whether ``cycles_result`` was recorded and a real server would have lived until those polls."""
        return self.exit_code is None and bool(self.recorded.get("cycles_result"))

    def arguments(self, directory: str) -> tuple[str, ...]:
        """The server's arguments, plus the port that was added where they contain none."""
        recorded_arguments: list[str] = self.filled("args", directory)
        names_port = any(text.split("=", 1)[0] in _PORT_OPTIONS for text in recorded_arguments)
        return (*recorded_arguments, *(() if names_port else _DEFAULT_PORT))

    def filled(self, key: str, directory: str) -> Any:
        """``recorded[key]`` with ``{D}`` filled in, in keys too; None where it was not recorded."""
        return _fill(self.recorded.get(key), directory)


def kind_of_outcome(case: Case) -> tuple[str, ...]:
    """The group of the case, the status of the start and the states of its models."""
    recorded = case.recorded
    states = {
        f"{version['state']} {version['error_code']}"
        for model in (recorded.get("models") or {}).values()
        for version in model["versions"].values()
    }
    start = str(recorded.get("start_status")).partition(":")[0]
    return (case.group, str(recorded.get("stage")), str(case.exit_code), start, *sorted(states))


def load_cases(release: RecordedRelease, family: Family) -> dict[str, Case]:
    """The cases of a family, as that release of the server handled them, by id, in the order of the file."""
    document = _read(release, family)
    caveats = _caveats(document["about"]) if family == "serving" else {}
    return {
        id_: Case(
            id=id_,
            family=family,
            release=release,
            group=recorded["group"],
            tree=tuple(TreeEntry(path, kind, tuple(rest)) for path, kind, *rest in recorded["tree"]),
            recorded=recorded,
            caveats=frozenset(caveats.get(id_, ())),
        )
        for id_, recorded in document["cases"].items()
    }


def build(case: Case, directory: str | os.PathLike[str]) -> None:
    """Make the case's tree below ``directory``, which is absent or empty.

    The tree belongs to whoever runs this; to be what was recorded for a ``uid`` that has to be root.
    Raises ValueError for an entry of unknown kind, FileExistsError for one that is already there.
    """
    root = os.path.abspath(directory)
    with _umask(_UMASK):
        os.makedirs(root, exist_ok=True)
        for entry in case.tree:
            if entry.kind != "chmod":
                _make(entry, root)
    modes = [entry for entry in case.tree if entry.kind == "chmod"]
    for entry in sorted(modes, key=lambda entry: -len(entry.path)):
        os.chmod(os.path.join(root, entry.path), int(entry.arguments[0], 8))


def _make(entry: TreeEntry, root: str) -> None:
    target = os.path.join(root, entry.path)
    if entry.kind == "dir":
        os.makedirs(target, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if entry.kind == "link":
        os.symlink(entry.arguments[0], target)
    elif entry.kind == "fifo":
        os.mkfifo(target)
    else:
        with open(target, "xb") as file:
            file.write(_content(entry, root))


def _content(entry: TreeEntry, root: str) -> bytes:
    match entry.kind, entry.arguments:
        case "file", (text,):
            return os.fsencode(_fill(text, root))
        case "json", (value,):
            return os.fsencode(json.dumps(_fill(value, root)))
        case "hex", (digits,):
            return bytes.fromhex(digits)
        case ("xml" | "bin" | "onnx") as suffix, (model,):
            return _model(model, suffix)
        case ("xmlcut" | "bincut") as kind, (model, length):
            return _model(model, kind.removesuffix("cut"))[:length]
        case "binpad", (model, length):
            return _model(model, "bin") + bytes(length)
        case "xmlbom", (model,):
            return b"\xef\xbb\xbf" + _model(model, "xml")
        case "lfs", (size,):
            pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize {size}\n"
            return pointer.encode()
    raise ValueError(f"a tree has an entry that cannot be built: {entry}")


def _model(name: str, suffix: str) -> bytes:
    return (MODELS / f"{name}.{suffix}").read_bytes()


def _fill(value: Any, directory: str) -> Any:
    if isinstance(value, str):
        return value.replace(_DIRECTORY, directory)
    if isinstance(value, Mapping):
        return {_fill(key, directory): _fill(item, directory) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_fill(item, directory) for item in value]
    return value


@cache
def _read(release: RecordedRelease, family: Family) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((CASES / f"{family}-{release}.json").read_text("utf-8"))
    return document


def _caveats(about: Mapping[str, Any]) -> dict[str, set[Caveat]]:
    """The caveats by case id, as the recording lists them."""
    marked: dict[str, set[Caveat]] = {}
    for key, ids in about.items():
        caveat: Caveat | None = None
        if key.startswith("order_dependent_cases"):
            caveat = "order"
        elif key == "stub_dependent_cases":
            caveat = "graphs"
        if caveat is not None:
            for id_ in ids:
                marked.setdefault(id_, set()).add(caveat)
    return marked


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    """Creates files with this mask; it applies to the whole process."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
