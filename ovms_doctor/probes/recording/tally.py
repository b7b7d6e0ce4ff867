"""In the parent: the records of all processes of a run, added up in bounded memory."""

from __future__ import annotations

import _thread
import fcntl
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from ovms_doctor.probes.recording import active
from ovms_doctor.probes.recording.child import COMPLETE, LARGEST
from ovms_doctor.probes.recording.recorder import (
    COMPONENTS,
    CONTACT,
    INSTALLATION,
    LISTED,
    LOADED,
    LOOKED_UP,
    LOOKUP,
    MANY,
    PROCESS,
    READ,
    READ_BELOW,
    REMOVED,
    WRITTEN,
    record_to,
    stop,
)

#: The actions with a path, by their bits.
PATH_KINDS = (READ, LISTED, LOOKED_UP, WRITTEN, REMOVED, LOADED, READ_BELOW)
_BITS = {kind: 1 << index for index, kind in enumerate(PATH_KINDS)}
#: The most paths that are listed one by one, and the most directories by which further paths are counted.
MOST_PATHS, MOST_DIRECTORIES = 500_000, 10_000
#: The most different contacts, names and command lines.
_MOST_OTHERS = 10_000
#: The most bytes of one record: a command line can be this long.
_LONGEST = 4 << 20
#: The most process ids that are kept for one command line.
_MOST_PIDS = 1000
#: Descriptors below this number have a fixed meaning in a child.
_BEYOND = 16
#: The purpose of the first process, and of processes with an unknown purpose.
COMMAND, OTHER = "command", "other"


class StartedProcesses:
    """Processes with one purpose and command line."""

    __slots__ = ("count", "pids", "recorded")

    def __init__(self) -> None:
        self.count = 0
        self.pids: list[int] = []
        self.recorded = False


class RecordedChild:
    """A child whose records are still in its own file.

    ``descriptor``: of the file.
    ``purpose``: why the child was started.
    ``is_third_party``: whether it runs third-party code, and may write false records.
    ``pid``: its process id; 0 if it was not started.
    """

    __slots__ = ("descriptor", "is_third_party", "pid", "purpose")

    def __init__(self, descriptor: int, purpose: str, *, is_third_party: bool) -> None:
        self.descriptor, self.purpose, self.is_third_party = descriptor, purpose, is_third_party
        self.pid = 0


class Tally:
    """All actions of a run. Made by :func:`begin`; also the sink of this process's own records."""

    def __init__(self) -> None:
        #: By path: the bits of its actions, and from bit 8 on the bits of the processes' purposes.
        self.paths: dict[str, int] = {}
        self.purposes: list[str] = [COMMAND]
        self.installation: set[str] = set()
        #: By protocol, host, port and component: the number of contacts; None if it is unknown.
        self.contacts: dict[tuple[str, str, str, str], int | None] = {}
        #: By name and component.
        self.lookups: Counter[tuple[str, str]] = Counter()
        #: By purpose and command line.
        self.processes: dict[tuple[str, tuple[str, ...]], StartedProcesses] = {}
        #: By directory; the key of all further directories is empty.
        self.unlisted: Counter[str] = Counter()
        self.complete = True
        #: When the recording began, in seconds since 1970.
        self.began = time.time()
        self._children: dict[int, RecordedChild] = {}
        #: By thread: purpose and command line of the child that the thread is starting.
        self._starting: dict[int, tuple[str, tuple[str, ...]]] = {}
        # Its owner may acquire it again: records can occur between any two instructions.
        self._lock = _thread.RLock()

    # -- this process's own records ----------------------------------------------------------------------

    def add(self, kind: str, fields: tuple[str, ...]) -> None:
        """Adds a record of this process."""
        self._add(kind, fields, COMMAND)

    def fail(self) -> None:
        """Notes that an action could not be recorded."""
        self.complete = False

    # -- children ----------------------------------------------------------------------------------------

    def new_child(self, purpose: str, command: Sequence[str], *, is_third_party: bool) -> RecordedChild:
        """Must be called before a child is started: returns a file for its records. ``command``: its command line in
        the list. Raises OSError if the file cannot be made."""
        self._starting[_thread.get_ident()] = (purpose, tuple(command))
        made = os.memfd_create("records", os.MFD_CLOEXEC)
        try:
            descriptor = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, _BEYOND)
        finally:
            os.close(made)
        os.write(descriptor, COMPLETE)
        return RecordedChild(descriptor, purpose, is_third_party=is_third_party)

    def started(self, child: RecordedChild) -> None:
        """Must be called after the start, or after a failed start."""
        key = self._starting.pop(_thread.get_ident(), None)
        known = None if key is None else self.processes.get(key)
        if not child.pid:
            os.close(child.descriptor)
            return
        if known is not None:
            known.recorded = True
            if len(known.pids) < _MOST_PIDS:
                known.pids.append(child.pid)
        self._children[child.pid] = child

    def ended(self, pid: int) -> None:
        """Must be called when a child has ended: adds its records."""
        child = self._children.pop(pid, None)
        if child is not None:
            self._take(child)

    def finish(self) -> None:
        """Adds the records of the remaining children."""
        for pid in list(self._children):
            self.ended(pid)

    def _take(self, child: RecordedChild) -> None:
        try:
            for kind, fields in _records(child.descriptor):
                self._add(kind, fields, child.purpose, is_third_party=child.is_third_party)
        except (OSError, ValueError):
            self.complete = False
        finally:
            os.close(child.descriptor)

    # -- adding up ---------------------------------------------------------------------------------------

    def _add(self, kind: str, fields: tuple[str, ...], purpose: str, *, is_third_party: bool = False) -> None:
        """Adds a record. Raises ValueError for an invalid one."""
        with self._lock:
            self._add_one(kind, fields, purpose, is_third_party=is_third_party)

    def _add_one(self, kind: str, fields: tuple[str, ...], purpose: str, *, is_third_party: bool) -> None:
        if kind in _BITS:
            (path,) = fields
            if not path.startswith("/"):
                raise ValueError(path)
            self._add_path(path, _BITS[kind], purpose)
        elif kind == INSTALLATION:
            (path,) = fields
            if len(self.installation) < _MOST_OTHERS:
                self.installation.add(path)
        elif kind == CONTACT:
            protocol, host, port, component, number = fields
            by = component if component in COMPONENTS and not is_third_party else purpose
            if port and not (port.isdecimal() and len(port) < 6):
                raise ValueError(port)
            self._add_contact((protocol, host, port, by), many=number == MANY)
        elif kind == LOOKUP:
            name, component = fields
            key = (name, component if component in COMPONENTS and not is_third_party else purpose)
            if key in self.lookups or len(self.lookups) < _MOST_OTHERS:
                self.lookups[key] += 1
            else:
                self.complete = False
        elif kind == PROCESS:
            self._add_process(fields)
        else:
            raise ValueError(kind)

    def _add_path(self, path: str, bit: int, purpose: str) -> None:
        if purpose not in self.purposes:
            self.purposes.append(purpose)
        bits = bit | 1 << (8 + self.purposes.index(purpose))
        known = self.paths.get(path)
        if known is not None or len(self.paths) < MOST_PATHS:
            self.paths[path] = (known or 0) | bits
            return
        directory = path.rpartition("/")[0] or "/"
        if directory not in self.unlisted and len(self.unlisted) >= MOST_DIRECTORIES:
            directory = ""
        self.unlisted[directory] += 1

    def _add_contact(self, key: tuple[str, str, str, str], *, many: bool) -> None:
        if key not in self.contacts and len(self.contacts) >= _MOST_OTHERS:
            self.complete = False
            return
        before = self.contacts.get(key, 0)
        self.contacts[key] = None if many or before is None else before + 1

    def _add_process(self, fields: tuple[str, ...]) -> None:
        purpose, *command = fields
        key = self._starting.get(_thread.get_ident(), (purpose or OTHER, tuple(command)))
        if key not in self.processes:
            if len(self.processes) >= _MOST_OTHERS:
                self.complete = False
                return
            self.processes[key] = StartedProcesses()
        self.processes[key].count += 1


def begin() -> Tally:
    """Records the actions of this process and its children from now on."""
    tally = active.tally = Tally()
    record_to(tally)
    return tally


def end() -> None:
    """Stops the recording."""
    active.tally = None
    stop()


def _records(descriptor: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields the records of a child; those of a third party may contain anything. Raises ValueError for an invalid
    record, or if the child has noted that they are not complete."""
    position, data = 1, b""
    first = os.pread(descriptor, 1, 0)
    while True:
        part = os.pread(descriptor, 1 << 20, position)
        position += len(part)
        data += part
        start = 0
        while (colon := data.find(b":", start, start + 12)) > 0:
            length = data[start:colon]
            if not length.isdigit() or int(length) > _LONGEST:
                raise ValueError("no length")
            end = colon + 1 + int(length)
            if end > len(data):
                break
            kind, *fields = os.fsdecode(data[colon + 1 : end]).split("\0")
            yield kind, tuple(fields)
            start = end
        data = data[start:]
        if not part:
            break
        if position > LARGEST + _LONGEST or (len(data) > 12 and b":" not in data[:12]):
            raise ValueError("no records")
    if data or first != COMPLETE:
        raise ValueError("incomplete")


def path_kinds(bits: int) -> tuple[str, ...]:
    """Returns the kinds of records of a path."""
    return tuple(kind for kind, bit in _BITS.items() if bits & bit)


def path_purposes(tally: Tally, bits: int) -> tuple[str, ...]:
    """Returns the purposes of the processes that used a path."""
    return tuple(name for index, name in enumerate(tally.purposes) if bits >> 8 & 1 << index)
