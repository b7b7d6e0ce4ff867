"""In a child process: records go to a file in memory that the parent made, one before each action.

So the parent has them even if the child is killed in the middle of an action.
"""

from __future__ import annotations

import os

from ovms_doctor.probes.processes.start import RECORDS
from ovms_doctor.probes.recording.recorder import CONTACT, LOOKUP, PROCESS, record_to

#: The first byte of the file: the records are complete, or an action could not be recorded.
COMPLETE, INCOMPLETE = b".", b"!"
#: The most bytes of one child's records; later actions are not recorded.
LARGEST = 256 << 20
#: How many records are remembered, so that none is written twice.
_REMEMBERED = 100_000
#: Kinds whose records are all counted.
_COUNTED = (CONTACT, LOOKUP, PROCESS)


class ChildRecords:
    """The records of this process, each ``LENGTH:fields`` with NUL between the fields."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._length = 0
        self._known: set[int] = set()

    def add(self, kind: str, fields: tuple[str, ...]) -> None:
        """Writes a record."""
        if kind not in _COUNTED:
            key = hash((kind, fields))
            if key in self._known:
                return
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known.add(key)
        text = "\0".join((kind, *fields))
        try:
            data = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            data = text.encode("utf-8", "backslashreplace")
        line = b"%d:%b" % (len(data), data)
        self._length += len(line)
        if self._length > LARGEST:
            self.fail()
            return
        try:
            # At once: several threads write here.
            if os.write(self._descriptor, line) != len(line):
                self.fail()
        except OSError:
            self.fail()

    def fail(self) -> None:
        """Notes for the parent that the records are not complete."""
        try:
            os.pwrite(self._descriptor, INCOMPLETE, 0)
        except OSError:
            return


def record_child() -> None:
    """Records this child's actions from now on; the descriptor RECORDS is the file."""
    record_to(ChildRecords(RECORDS))
