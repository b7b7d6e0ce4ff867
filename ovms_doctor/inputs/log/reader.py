"""Reads the bytes of one or several files into the summary of the log, in bounded memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence

from msgspec import structs

from ovms_doctor.inputs.log.hard_wraps import HardWraps
from ovms_doctor.inputs.log.redacted import without_secrets
from ovms_doctor.inputs.log.server import ServerLog
from ovms_doctor.inputs.log.wrappers import ANSI, LineWrappers
from ovms_doctor.model.log import LEVELS, LogProblem, LogSummary, RequestStatistics, ServerStart
from ovms_doctor.model.pattern import lazy_pattern

#: The longest line in bytes; the rest up to its end is cut.
LINE = 1 << 20
_KEPT = 1 << 16
#: The most servers in one log that are kept apart.
_SERVERS = 200
#: The number of lines at the beginning of a chunk that are examined for a wrapper.
_PROBED = 40


#: Text that the rest of the line overwrites on a terminal, such as the progress of a download; no record.
_OVERWRITTEN = lazy_pattern(rb"(?<=\n)(?:(?!\[\d{4}-\d\d-\d\d )[^\n])*\r(?=[^\n])")


class LogReader:
    """Reads files one after another: :meth:`begin`, :meth:`feed` as often as needed, :meth:`end`."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, bytes], ServerLog] = {}
        self._label = ""
        self._lines: dict[str, int] = {}
        self._number = 0
        self._rest = b""
        self._skipping = False
        self._cut = 0
        self._size = 0
        self._wrappers = LineWrappers()
        self._hard_wraps = HardWraps()
        self._year_missing = False
        self._last: ServerLog | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._first_chunk = True

    # -- input -----------------------------------------------------------------------------------------

    def begin(self, label: str) -> None:
        """Begins a file. Files with one label are one log: line numbers continue."""
        self._label = label
        self._number = self._lines.get(label, 0)
        self._wrappers = LineWrappers()
        self._hard_wraps = HardWraps()
        self._rest = b""
        self._skipping = False
        self._last = None
        self._decoder = None
        self._first_chunk = True

    def feed(self, data: bytes) -> None:
        """Reads the next bytes of the file, cut at any position."""
        self._size += len(data)
        if self._first_chunk and data:
            self._first_chunk = False
            encoding = _encoding(data)
            if encoding:
                self._decoder = codecs.getincrementaldecoder(encoding)("replace")
            data = data.removeprefix(codecs.BOM_UTF8)
        if self._decoder is not None:
            data = self._decoder.decode(data).encode("utf-8", "replace")
        if self._skipping:
            end = data.find(b"\n")
            if end < 0:
                return
            data = data[end:]
            self._skipping = False
        block = b"".join((b"\n", self._rest, data))
        end = block.rfind(b"\n")
        self._rest = block[end + 1 :]
        if len(self._rest) > LINE:
            self._rest = self._rest[:_KEPT]
            self._skipping = True
            self._cut += 1
        if end > 0:
            self._take(block, end)

    def end(self) -> None:
        """Ends the file, with or without a line end."""
        if self._rest:
            block, self._rest = b"\n" + self._rest, b""
            self._take(block, len(block))
        texts, numbers = self._hard_wraps.rest()
        self._unwrap(texts, numbers)
        self._lines[self._label] = self._number
        self._year_missing = self._year_missing or self._wrappers.year_missing

    def _take(self, block: bytes, end: int) -> None:
        """Reads whole lines up to ``end``, a line end before each."""
        if b"\r" in block or b"\x1b" in block:
            block = ANSI.sub(b"", block[:end].replace(b"\r\n", b"\n").removesuffix(b"\r"))
            block = _OVERWRITTEN.sub(b"", block) if b"\r" in block else block
            end = len(block)
        first = self._number + 1
        if self._hard_wraps.used(block, end):
            lines = block[1:end].split(b"\n")
            self._number += len(lines)
            self._unwrap(*self._hard_wraps.join(lines, first))
        elif self._wrappers.used(block[1:8192].split(b"\n")[:_PROBED]):
            lines = block[1:end].split(b"\n")
            self._number += len(lines)
            self._unwrap(lines, range(first, self._number + 1))
        else:
            server = self._last = self._last or self._server(b"")
            self._number += server.feed(block, end, range(first, first + end + 1))

    def _unwrap(self, lines: Sequence[bytes], line_numbers: Sequence[int]) -> None:
        """Removes the wrappers, and passes on consecutive lines of one server."""
        texts: list[bytes] = []
        numbers: list[int] = []
        current = self._last or self._server(b"")
        for number, line in zip(line_numbers, lines, strict=True):
            unwrapped = self._wrappers.unwrap(line)
            server, text = current, line
            if unwrapped is not None:
                server = self._server(unwrapped.name or b"")
                if unwrapped.text is None:
                    continue
                text = unwrapped.text
                if b"\x1b" in text:
                    text = ANSI.sub(b"", text)
            if server is not current:
                _feed(current, texts, numbers)
                texts, numbers, current = [], [], server
            if b"\r" in text:
                text = _OVERWRITTEN.sub(b"", b"\n" + text)[1:].replace(b"\r", b"")
            for part in text.split(b"\n") if b"\n" in text else (text,):
                texts.append(part.removesuffix(b"\r"))
                numbers.append(number)
        _feed(current, texts, numbers)
        self._last = current

    def _wrapped(self, number: int, line: bytes) -> bool:
        """Checks a line without a record's form in a log that seemed to have no wrapper. Returns whether it has one."""
        if line == b"```":
            return True
        unwrapped = self._wrappers.unwrap(line)
        if unwrapped is None or unwrapped.text is None or unwrapped.text == line:
            return unwrapped is not None
        plain = self._server(b"")
        # In a log that has records without a prefix, an unknown text before another record names no server.
        is_named = unwrapped.name and not (unwrapped.is_guessed and plain.first_at)
        server = self._server(unwrapped.name or b"") if is_named else plain
        _feed(server, [unwrapped.text.replace(b"\n", b" ")], [number])
        return True

    def _server(self, name: bytes) -> ServerLog:
        key = (self._label, name)
        server = self._servers.get(key)
        if server is None:
            if len(self._servers) >= _SERVERS:
                key = (self._label, b"")
                server = self._servers.get(key) or self._servers[next(iter(self._servers))]
                return server
            inner = name.decode("utf-8", "replace")
            label = f"{self._label} {inner}".strip() if inner else self._label
            server = self._servers[key] = ServerLog(label, self._wrapped)
        return server

    # -- output ----------------------------------------------------------------------------------------

    def summary(self) -> LogSummary:
        """Returns the summary of the log, without secrets. Must be called once, after the last file."""
        for server in self._servers.values():
            server.finish()
        used = [server for server in self._servers.values() if server.events.starts or server.requests.open]
        used = used or [server for server in self._servers.values() if server.records][:1]
        if len(used) == 1:
            used[0].name("")
        found = _summary(
            used,
            lines=sum(self._lines.values()),
            size=self._size,
            cut=self._cut,
            year_missing=self._year_missing,
        )
        return without_secrets(found)


def _encoding(data: bytes) -> str:
    """Returns the encoding of a file in UTF-16, also of one whose beginning is missing; empty for any other file."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    begin = data[:64]
    if len(begin) >= 16 and not any(begin[1::2]) and all(begin[::2]):
        return "utf-16-le"
    if len(begin) >= 16 and not any(begin[::2]) and all(begin[1::2]):
        return "utf-16-be"
    return ""


def _feed(server: ServerLog, texts: list[bytes], numbers: list[int]) -> None:
    if texts:
        block = b"\n" + b"\n".join(texts)
        server.feed(block, len(block), numbers)


def _summary(servers: list[ServerLog], *, lines: int, size: int, cut: int, year_missing: bool) -> LogSummary:
    starts: list[ServerStart] = []
    servables = []
    problems: list[LogProblem] = []
    for server in servers:
        events = server.events
        offset, first_start = len(problems), len(starts)
        starts += [start.frozen() for start in events.starts]
        for problem in events.problems.all:
            frozen = problem.frozen(server.source, lasting=events.lasting(problem))
            numbers = {"start": problem.start + first_start, "last_start": problem.last_start + first_start}
            problems.append(structs.replace(frozen, **numbers))
        for servable in events.servables.values():
            frozen_servable = servable.frozen(server.source)
            moved = tuple(number + offset for number in frozen_servable.problems)
            start = servable.start + first_start
            servables.append(structs.replace(frozen_servable, problems=moved, start=start))
    with_release = [start for start in starts if start.release]
    latest = max(with_release, key=lambda start: start.at or "", default=None)
    stamps = [server.first_at for server in servers if server.first_at]
    levels = {level for server in servers for level in server.levels}
    requests: list[RequestStatistics] = [
        item for server in servers for item in server.requests.statistics(server.source)
    ]
    return LogSummary(
        sources=tuple(server.source for server in servers),
        lines=lines,
        records=sum(server.records for server in servers),
        size=size,
        release=latest.release if latest else None,
        openvino=latest.openvino if latest else None,
        level=next((level for level in LEVELS if level in levels), None),
        first_at=min(stamps).decode("ascii", "replace") if stamps else None,
        last_at=max(server.last_at for server in servers if server.first_at).decode("ascii", "replace")
        if stamps
        else None,
        duration_s=max((server.duration_s for server in servers), default=0.0),
        starts=tuple(starts),
        servables=tuple(sorted(servables, key=lambda item: (item.source, item.name, -(item.version or 0)))),
        requests=tuple(sorted(requests, key=lambda item: -item.requests)),
        generative=tuple(
            item for server in servers if (item := server.events.generative.statistics(server.source))
        ),
        failures=tuple(
            (servable, reason, count)
            for server in servers
            for (servable, reason), count in server.events.failures.items()
        ),
        problems=tuple(problems),
        changes=tuple(change for server in servers for change in server.events.changes),
        clock_jumps=tuple(jump for server in servers for jump in server.jumps),
        unattributed=sum(server.requests.unattributed for server in servers),
        limits=(*_limits(servers), *_cut_lines(cut)),
        foreign_lines=sum(server.foreign_lines for server in servers),
        year_missing=year_missing,
    )


def _cut_lines(count: int) -> Iterator[str]:
    if count:
        yield f"Lines of more than {LINE >> 20} MiB are cut, {count:,} in total: {_KEPT >> 10} KiB of each are read."


def _limits(servers: list[ServerLog]) -> Iterator[str]:
    for number, text in (
        (
            sum(server.events.problems.left_out for server in servers),
            "warnings and errors are not distinguished",
        ),
        (sum(server.events.servables_left_out for server in servers), "changes of servables are omitted"),
        (sum(server.events.changes_left_out for server in servers), "changes are left out"),
        (sum(server.events.starts_left_out for server in servers), "starts are left out"),
        (
            sum(server.requests.left_out for server in servers),
            "requests to further servables are counted together",
        ),
    ):
        if number:
            yield f"{number:,} {text}: there are too many."
