"""The log of one server, block by block.

Nearly every line of a DEBUG log is one of a few dozen messages, and most of them are not needed. One search for a
pattern over a whole block finds the needed lines: the lines of a request, which are counted directly; and other known
messages, warnings, errors and lines that are not records, which take the slow path.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime

from ovms_doctor.inputs.log import foreign
from ovms_doctor.inputs.log.events import NO_RECORD, RELEVANT, Events
from ovms_doctor.inputs.log.history import TEXT
from ovms_doctor.inputs.log.requests import Requests
from ovms_doctor.model.log import LEVELS, ClockJump, LogLevel
from ovms_doctor.model.pattern import lazy_pattern

#: A record of any release: time, thread, logger, level, source file and line, message.
RECORD = lazy_pattern(
    rb"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\](?: ?\[(\d+)\])?(?: ?\[([A-Za-z0-9_-]+)\])??"
    rb" ?\[(trace|debug|info|warning|error|critical)\](?: ?\[([^\]]{1,200}?):(\d+)\])? ?(.*)",
    re.DOTALL,
)

# The groups of the pattern: the kinds of lines. Groups after the last one are messages for the slow path.
WAIT, DESERIALIZATION, INFERENCE, SERIALIZATION, TOTAL, HTTP, GRPC = 4, 5, 6, 7, 8, 9, 10
#: One or more, without backtracking: faster in a Python that has it.
_MANY = b"++" if sys.version_info >= (3, 11) else b"+"
_LINES = lazy_pattern(
    # A record: its time (1) and thread (2). A charset would be several times slower than "anything but a bracket",
    # and the alternatives are grouped by their first letters for the same reason.
    rb"\n(?:\[(\d{4}-.{18})\](?:"
    rb"\[(\d" + _MANY + rb")\]\[[^\]]" + _MANY + rb"\]\[(?:[dit][^\]]" + _MANY + rb"\]\[[^\]]" + _MANY + rb"\] (?:"
    rb"Getting infer req duration in model [^\n]*, version (\d+, nireq \d+): ([\d.]+) ms"
    rb"|Deserialization duration in model [^\n]*: ([\d.]+) ms"
    rb"|Prediction duration in model [^\n]*: ([\d.]+) ms"
    rb"|Serialization duration in model [^\n]*: ([\d.]+) ms"
    rb"|Total (?:gRPC|REST|C-API) req(?:uest)? processing time: ([\d.e+-]+) ms"
    rb"|Processing (?:HTTP request: ([^\n]*)|gRPC request for model: ([^\n]*); version: )"
    rb"|" + RELEVANT + rb")"
    # A warning or an error.
    rb"|[wec]())"
    # A record of an old release, or one written before the start of the logging.
    rb"|(?!\[\d)())"
    # Not a record: a line that continues one, or that another library wrote.
    rb"|(?!\[\d{4}-)(?P<foreign>))"
)  # fmt: skip
_NO_RECORD = _LINES.groupindex["foreign"]

#: Seconds by which the clock of an interrupted thread may lag, without having been set back.
_LAG = 2.0
#: The loggers of the releases whose records have no thread, until 2021.2.
_FIRST_LOGGERS = (
    b"serving", b"modelmanager", b"dag_executor", b"s3", b"gcs", b"azurestorage", b"sequence_manager"
)  # fmt: skip
_SERIOUS_LEVELS = (b"warning", b"error", b"critical")
_JUMPS = 50
#: The most bytes of a line that are read.
_LINE = 70_000
#: The part of a banner that other messages do not have, and the most bytes of a last message that are read.
_BANNER = b"] OpenVINO Model Server "
_LAST = 1_000
#: How many bytes of a block are searched for the level.
_PROBED = 1 << 16
#: The beginnings of lines that only continue a message; they are ignored if no message is pending.
_INDENTED = (b" ", b"\t", b"\n", b"")


class ServerLog:
    """Reads the lines of one server.

    ``source``: its name if the log has several servers, else empty.
    ``wrapped``: gets a line that is not a record, and returns whether a wrapper contained a record.
    """

    def __init__(self, source: str, wrapped: Callable[[int, bytes], bool]) -> None:
        self.source = source
        self._wrapped = wrapped
        self.requests = Requests()
        self.events = Events(source, self.requests)
        self.records = 0
        self.foreign_lines = 0
        self.levels: set[LogLevel] = set()
        self.first_at = b""
        self.last_at = b""
        self.jumps: list[ClockJump] = []
        #: Seconds by which the clock was set back, in all.
        self.set_back = 0.0
        self._stamp = b""
        #: Lines of this server before the block, and up to the current line.
        self._lines_read = 0
        self._sequence = 0
        #: The last record of the blocks before.
        self._last_record = b""
        #: The warning or error whose further lines may follow.
        self._pending: _Pending | None = None

    # -- the fast path ---------------------------------------------------------------------------------

    def feed(self, block: bytes, end: int, numbers: Sequence[int]) -> int:
        """Reads whole lines up to ``end``, a line end before each, and their numbers in the log.

        There may be more numbers than lines. Returns the number of lines.
        """
        if not self.first_at:
            # The first record's time, for any message.
            stamped = _STAMP.search(block, 0, end)
            self.first_at = stamped[1] if stamped else b""
        requests = self.requests
        opened = requests.open
        wait, last_stage, total, last, no_record = WAIT, SERIALIZATION, TOTAL, GRPC, _NO_RECORD
        pending = self._pending is not None
        foreign_lines = self.foreign_lines
        position = 1
        index = 0
        for match in _LINES.finditer(block, 0, end):
            kind = match.lastindex or 0
            if kind <= last:
                if pending:
                    self.flush()
                    pending = False
                if kind <= last_stage:
                    request = opened.get(match[2])
                    if request is not None:
                        request.stages[kind - wait][match[kind]] += 1
                        if kind == wait:
                            request.tally.versions.add(match[3])
                elif kind == total:
                    request = opened.pop(match[2], None)
                    if request is not None:
                        request.stages[4][match[total]] += 1
                        request.tally.succeed()
                    else:
                        requests.unattributed += 1
                else:
                    stamp, thread, text = match.group(1, 2, kind)
                    if stamp < self._stamp:
                        index += block.count(b"\n", position, match.start() + 1)
                        position = match.start() + 1
                        self._set_back(numbers[index], stamp)
                    self._stamp = stamp
                    if kind == HTTP:
                        requests.begin_http(thread, text, stamp)
                    else:
                        source = block[match.start() : match.start(kind) - 35]
                        tfs = b"[prediction_service" in source
                        requests.begin_grpc(thread, text, "TFS" if tfs else "KServe", stamp)
                continue
            start = match.start() + 1
            if kind == no_record and not pending and block[start : start + 1] in _INDENTED:
                self.foreign_lines += 1
                continue
            index += block.count(b"\n", position, start)
            position = start
            line_end = block.find(b"\n", start, end)
            line = block[start : min(line_end if line_end >= 0 else end, start + _LINE)]
            self._sequence = self._lines_read + index
            if kind == no_record:
                self._foreign(numbers[index], line)
            else:
                if _BANNER in line:
                    self.events.note_last(self._message_before(block, match.start()))
                self._record(numbers[index], line)
            pending = self._pending is not None
        lines = index + block.count(b"\n", position, end) + 1
        self.records += lines - (self.foreign_lines - foreign_lines)
        self._lines_read += lines
        for level, text in _LOW_LEVELS:
            if level not in self.levels and block.find(text, 0, min(end, _PROBED)) >= 0:
                self.levels.add(level)
        self._last(block, end, numbers[lines - 1])
        requests.bound()
        return lines

    def _last(self, block: bytes, end: int, number: int) -> None:
        """Notes the time of the block's last record. ``number``: of its last line."""
        start = end
        for _ in range(100):
            start = block.rfind(b"\n[", 0, start)
            if start < 0:
                return
            match = _STAMP.match(block, start)
            if match:
                if match[1] < self._stamp:
                    self._set_back(number, match[1])
                self.last_at = self._stamp = match[1]
                self._last_record = _line_at(block, start + 1)
                return

    def _message_before(self, block: bytes, end: int) -> str:
        """Returns the first line of the last message before a position of the block."""
        start = block.rfind(b"\n[", 0, end)
        match = RECORD.fullmatch(_line_at(block, start + 1) if start >= 0 else self._last_record)
        return match[7].decode("utf-8", "replace") if match else ""

    # -- the slow path ---------------------------------------------------------------------------------

    def _set_back(self, number: int, stamp: bytes) -> None:
        before, after = _time(self._stamp), _time(stamp)
        if before is None or after is None:
            return
        seconds = (before - after).total_seconds()
        if seconds <= _LAG:
            return
        self.set_back += seconds
        if len(self.jumps) < _JUMPS:
            self.jumps.append(
                ClockJump(self.source, number, _text(self._stamp), _text(stamp), round(seconds, 3))
            )

    def _record(self, number: int, line: bytes) -> None:
        """Reads a record that the fast path leaves to the slow one."""
        self.flush()
        match = RECORD.fullmatch(line)
        if match is None:
            return
        if match[2] is None and match[3] is not None and match[3] not in _FIRST_LOGGERS:
            # Another program's record in the default form of spdlog.
            self.foreign_lines += 1
            return
        stamp = match[1]
        if stamp < self._stamp:
            self._set_back(number, stamp)
        self._stamp = stamp
        if not self.first_at:
            self.first_at = stamp
        level = _level(match[4])
        self.levels.add(level)
        message = match[7][:TEXT].decode("utf-8", "replace").rstrip("\r")
        at = stamp.decode("ascii")
        thread = match[2] or b""
        if match[4] in _SERIOUS_LEVELS or message.endswith("failed: "):
            self._pending = _Pending(number, self._sequence, at, thread, level, "ovms", message)
        else:
            self.events.message(number, at, thread, message, self._stamp)

    def _foreign(self, number: int, line: bytes) -> None:
        """Reads a line without OVMS's prefix: the rest of a message, or a message of another library."""
        found = foreign.recognise(line)
        record = _RECORD_INSIDE.search(line) if found is not None and found.origin == "ovms" else None
        if record is not None:
            # The server ends some messages on standard error without a line end; its next start follows.
            self._foreign(number, line[: record.start()])
            self._record(number, line[record.start() :])
            return
        if found is None and line and self._wrapped(number, line):
            return
        self.foreign_lines += 1
        pending = self._pending
        if found is None:
            if pending is not None:
                pending.add(self._sequence, line)
            return
        if found.origin == "traceback" and pending is not None:
            pending.add(self._sequence, line)
            return
        self.flush()
        at = self._stamp.decode("ascii", "replace") or None
        if found.level in ("warning", "error", "critical"):
            self._pending = _Pending(
                number, self._sequence, at, NO_RECORD, found.level, found.origin, found.message
            )
        elif found.origin == "ovms":
            self.events.message(number, at or "", NO_RECORD, found.message, self._stamp)

    def flush(self) -> None:
        """Completes the pending warning or error."""
        pending, self._pending = self._pending, None
        if pending is not None:
            text = pending.text()
            if pending.level not in ("warning", "error", "critical"):
                self.events.message(pending.number, pending.at or "", pending.thread, text, self._stamp)
                return
            self.events.problem(
                pending.number, pending.at, pending.thread, pending.level, pending.origin, text, self._stamp
            )

    def name(self, source: str) -> None:
        """Renames the server, before its results are read."""
        self.source = self.events.source = source
        for start in self.events.starts:
            start.source = source

    def finish(self) -> None:
        self.flush()
        self.requests.restart(self._stamp)
        self.events.note_last(self._message_before(b"", 0))
        self.events.finish(self.last_at.decode("ascii", "replace") or None)

    @property
    def duration_s(self) -> float:
        first, last = _time(self.first_at), _time(self.last_at)
        if first is None or last is None:
            return 0.0
        return max(0.0, (last - first).total_seconds() + self.set_back)


class _Pending:
    """A message that may continue in the next lines."""

    __slots__ = ("at", "last", "length", "level", "lines", "number", "origin", "thread")

    def __init__(
        self,
        number: int,
        sequence: int,
        at: str | None,
        thread: bytes,
        level: LogLevel,
        origin: str,
        message: str,
    ) -> None:
        self.number = number
        self.last = sequence
        self.at = at
        self.thread = thread
        self.level = level
        self.origin = origin
        self.lines = [message]
        self.length = len(message)

    def add(self, sequence: int, line: bytes) -> None:
        """Adds a further line to the record directly before it. ``sequence``: its number among the lines of this
        server."""
        if sequence > self.last + 1:
            return
        self.last = sequence
        if self.length < TEXT:
            text = line[: TEXT - self.length].decode("utf-8", "replace").rstrip("\r")
            self.lines.append(text)
            self.length += len(text) + 1
        elif b"; model: " in line or b"occurred during" in line or b"will now terminate" in line:
            # The end of a long message names its subject.
            self.lines.append(line[:1000].decode("utf-8", "replace"))
            self.length += 1

    def text(self) -> str:
        return "\n".join(self.lines[:2000]).strip()


_STAMP = lazy_pattern(rb"\n\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\] ?\[")
_RECORD_INSIDE = lazy_pattern(rb"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]\[\d+\]\[")
_LOW_LEVELS: tuple[tuple[LogLevel, bytes], ...] = (
    ("trace", b"][trace]["), ("debug", b"][debug]["), ("info", b"][info]["),
)  # fmt: skip


def _line_at(block: bytes, start: int) -> bytes:
    """Returns the beginning of the line that begins there; its message is cut."""
    return block[start : start + _LAST].partition(b"\n")[0]


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace")


def _level(name: bytes) -> LogLevel:
    return next(level for level in LEVELS if level == name.decode("ascii"))


def _time(stamp: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp.decode("ascii"))
    except ValueError:
        return None
