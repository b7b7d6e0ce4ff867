"""Removes the text that container engines, system logs and people put around each line of a log.

A wrapper is removed line by line, so that the further lines of a message lose it too. Wrappers that name a pod,
container or service keep the lines of each apart.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern

#: The most bytes up to which a message that a wrapper splits is joined.
_JOINED = 1 << 20
#: How many names and forms of prefixes are remembered.
_NAMES = 200

_TIME = lazy_pattern(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d) ")
_CRI = lazy_pattern(
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d) (stdout|stderr) ([FP])(?::\S*)? ?"
)
_POD = lazy_pattern(rb"\[pod/([^\]\s]{1,300})\] ")
_SYSLOG = lazy_pattern(
    rb"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ([^\s\[\]]{1,200}) ([^\s:\[\]]{1,200})"
    rb"(?:\[[^\]\s]{1,50}\])?: ?"
)
_ISO_SYSLOG = lazy_pattern(rb"(?:([^\s\[\]:]{1,200}) )?([\w.@/-]{1,200})\[[^\]\s]{1,50}\]: ?")
_COMPOSE = lazy_pattern(rb"([A-Za-z0-9][\w.-]{0,200}) *\| ?")
_QUOTE = lazy_pattern(rb"(?:> ?)+")
#: Another line of such a document.
_STRUCTURE = lazy_pattern(rb"\s*(?:[\[\]{}]+,?|\"[^\"]{1,200}\": .*)\s*$")
#: A member of a JSON document over several lines that contains a line of the log, as command line clients print it.
_MEMBER = lazy_pattern(
    rb"[ \t]{0,40}(\"(?:log|line|message|MESSAGE|textPayload)\": )?(\"(?:[^\"\\]|\\.)*\"),?\r?$"
)
#: The text of a message in journald's export and verbose forms; then another field, a blank line or the next time.
_JOURNAL = lazy_pattern(rb"[ \t]{0,40}MESSAGE=(.*)", re.DOTALL)
_JOURNAL_FIELD = lazy_pattern(
    rb"[ \t]{0,40}(?:_*[A-Z][A-Z0-9_]*=|$)|[A-Z][a-z]{2} \d{4}-\d\d-\d\d .{1,40} \[s="
)
#: The rest of a quoted field of CSV, in which a quotation mark is written twice.
_CSV_FIELD = lazy_pattern(rb"((?:[^\"]|\"\")*)\"(?:,|\s*$)")
_STAMP = lazy_pattern(rb"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] ?\[")
_CLOCK = lazy_pattern(rb"\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?|\d\d:\d\d:\d\d(?:[.,]\d+)?")
#: The number of a line as grep, cat and less write it, after grep's name of the file.
_LINE_NUMBER = lazy_pattern(rb"(?:(.*):)?\d+[:-]$|\d+$", re.DOTALL)
#: The time and tag of a line that Fluentd writes.
_FLUENTD = lazy_pattern(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4} ([^\s:]{1,200}): (?=\{)")
_BEGINS = lazy_pattern(
    rb"> |\{\s*\"|\d{4}-\d\d-\d\d [\d:.]{8,20} [+-]\d{4} "
    rb"|\d{4}-\d\d-\d\dT\d|[A-Z][a-z]{2} [ \d]\d \d\d:|<\d{1,3}>|\[pod/|[\w.-]{1,200} *\| ?\["
    rb"|[ \t]{1,40}(?:\"?\[\d{4}-\d\d-\d\d |\"(?:log|line|message|MESSAGE|textPayload)\": \")"
    rb"|[ \t]{0,40}MESSAGE="
    rb"|[ \t]{1,40}\d{1,12}[ \t]{1,4}\[\d{4}-\d\d-\d\d "
)
ANSI = lazy_pattern(rb"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)|[@-Z\\-_])")


class _Pod(Struct):
    """The container of a line that Fluent Bit or Fluentd collected in a cluster."""

    pod_name: str = ""
    container_name: str = ""


class _JsonLine(
    Struct,
    rename={
        "journal": "MESSAGE",
        "container": "CONTAINER_NAME",
        "unit": "_SYSTEMD_UNIT",
        "part": "_p",
        "text_payload": "textPayload",
    },
):
    """A line of docker's json-file, of journald's JSON, of Loki's client, or of a shipper of logs."""

    #: The text in docker's json-file, Fluent Bit and Fluentd.
    log: str | None = None
    #: The text in other shippers.
    message: str | None = None
    #: The text in journald's export; its bytes if it contains others than printable ones.
    journal: str | list[int] | None = None
    #: The text in the output of Loki's client.
    line: str | None = None
    #: The text in Google Cloud Logging.
    text_payload: str | None = None
    #: ``stdout`` or ``stderr``.
    stream: str | None = None
    #: The container's name in journald's export.
    container: str | None = None
    #: The unit's name in journald's export.
    unit: str | None = None
    #: ``F`` for a full line and ``P`` for a part of one, as the CRI parsers of Fluent Bit write it.
    part: str | None = None
    #: The same, as the CRI parser of Fluentd writes it.
    logtag: str | None = None
    #: The pod of the line.
    kubernetes: _Pod | None = None


_JSON = msgspec.json.Decoder(_JsonLine)


class Unwrapped(Struct, frozen=True):
    """A line without its wrapper.

    ``name``: the pod, container or service that the wrapper names, else None.
    ``text``: None for the first part of a line that a later one completes.
    ``is_guessed``: whether the name is the text of a prefix of unknown form.
    """

    name: bytes | None
    text: bytes | None
    is_guessed: bool = False


class LineWrappers:
    """Removes the wrappers' prefixes from the lines of one file or stream, and learns these prefixes."""

    def __init__(self) -> None:
        #: Whether the times of a wrapper have no year.
        self.year_missing = False
        self._services: set[bytes] = set()
        self._shapes: dict[bytes, re.Pattern[bytes]] = {}
        #: The member with the text in JSON lines of an unknown form.
        self._json_member = ""
        self._parts: dict[tuple[bytes, bytes], bytes] = {}
        #: Whether the lines of the log are members of a JSON document over several lines.
        self._in_document = False
        #: Whether the lines of the log are fields of journald's messages.
        self._in_journal = False

    def used(self, lines: list[bytes]) -> bool:
        """Whether these lines, the first of a chunk, seem to have a wrapper."""
        return (
            self._in_document
            or self._in_journal
            or any(_BEGINS.match(line) or self._shape(line) for line in lines)
        )

    def unwrap(self, line: bytes) -> Unwrapped | None:
        """Returns the line without its wrappers; None if it has none."""
        member = _MEMBER.match(line)
        if member is not None:
            found_member = _member(member[2])
            if member[1] or self._in_document or (found_member and _STAMP.match(found_member.text or b"")):
                self._in_document = True
                return found_member
        journal = _JOURNAL.match(line)
        if journal is not None:
            self._in_journal = True
            return Unwrapped(None, journal[1])
        if self._in_journal and _JOURNAL_FIELD.match(line):
            return Unwrapped(None, None)
        if self._in_document and _STRUCTURE.match(line):
            return Unwrapped(None, None)
        name: bytes | None = None
        part: tuple[bytes, bytes] | None = None
        text, found = line, False
        for _ in range(6):
            if text.startswith(b"[") and not text.startswith(b"[pod/"):
                break
            match = _CRI.match(text)
            if match:
                if match[2] == b"P":
                    part = (name or b"", match[1])
                text, found = text[match.end() :], True
                if part is not None or (name or b"", match[1]) in self._parts:
                    return self._join(name, match[1], text, complete=part is None)
                continue
            if text.startswith(b"{"):
                json_line = _json(text) or self._unknown_json(text)
                if json_line is None:
                    break
                stream, label, text = json_line
                name = label or name
                found = True
                return self._join(name, stream, text.removesuffix(b"\n"), complete=text.endswith(b"\n"))
            step = self._step(text)
            if step is None:
                break
            name = step[0] or name
            text, found = text[step[1] :], True
        if not found:
            return self._unknown_prefix(line)
        return Unwrapped(name, text)

    def _join(self, name: bytes | None, stream: bytes, text: bytes, *, complete: bool) -> Unwrapped:
        key = (name or b"", stream)
        before = self._parts.pop(key, b"")
        if len(before) < _JOINED:
            before += text
        if complete:
            return Unwrapped(name, before)
        if len(self._parts) >= _NAMES:
            self._parts.clear()
        self._parts[key] = before
        return Unwrapped(name, None)

    def _step(self, text: bytes) -> tuple[bytes | None, int] | None:
        """Returns the name in the outermost prefix, and its length; None without a prefix."""
        match = _TIME.match(text)
        if match:
            inner = _ISO_SYSLOG.match(text, match.end())
            if inner:
                return _system(inner[1], inner[2]), inner.end()
            return None, match.end()
        match = _POD.match(text) or _FLUENTD.match(text)
        if match:
            return match[1], match.end()
        match = _SYSLOG.match(text)
        if match:
            self.year_missing = True
            return _system(match[1], match[2]), match.end()
        match = _COMPOSE.match(text)
        if match and (match[1] in self._services or _STAMP.match(text, match.end())):
            if len(self._services) < _NAMES:
                self._services.add(match[1])
            return match[1], match.end()
        match = _QUOTE.match(text)
        if match:
            return None, match.end()
        return None

    # -- prefixes of unknown form ----------------------------------------------------------------------

    def _unknown_json(self, text: bytes) -> tuple[bytes, bytes | None, bytes] | None:
        """Returns what `_json` returns for a document whose member with the server's line has another name."""
        try:
            document = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        if not self._json_member:
            self._json_member = next(
                (
                    name
                    for name, value in document.items()
                    if isinstance(value, str) and _STAMP.match(value.encode("utf-8", "replace"))
                ),
                "",
            )
        line = document.get(self._json_member)
        if not isinstance(line, str):
            return None
        return b"", None, line.removesuffix("\n").encode("utf-8", "replace") + b"\n"

    def _unknown_prefix(self, line: bytes) -> Unwrapped | None:
        match = _STAMP.search(line, 0, 230)
        if match and 0 < match.start() <= 200:
            prefix = line[: match.start()]
            if prefix not in self._shapes and len(self._shapes) < _NAMES:
                self._shapes[prefix] = _shape_of(prefix)
            return Unwrapped(_label(prefix), _unquoted(line, match.start()), is_guessed=True)
        shape = self._shape(line)
        if shape is None:
            return None
        return Unwrapped(_label(shape[0]), _unquoted(line, shape[1]), is_guessed=True)

    def _shape(self, line: bytes) -> tuple[bytes, int] | None:
        for pattern in list(self._shapes.values())[:8]:
            match = pattern.match(line)
            if match:
                return match[0], match.end()
        return None


def _unquoted(line: bytes, start: int) -> bytes:
    """Returns the text from ``start`` on; if that is in a quoted field of CSV, the text of the field."""
    field = _CSV_FIELD.match(line, start) if line[start - 1 : start] == b'"' else None
    return field[1].replace(b'""', b'"') if field else line[start:]


def _member(text: bytes) -> Unwrapped | None:
    try:
        line = msgspec.json.decode(text, type=str)
    except msgspec.DecodeError:
        return None
    return Unwrapped(None, line.removesuffix("\n").encode("utf-8", "replace"))


def _system(host: bytes | None, unit: bytes) -> bytes:
    return unit if host is None else host + b"/" + unit


def _label(prefix: bytes) -> bytes | None:
    """Returns the name in a prefix of unknown form, without times and line numbers."""
    text = _CLOCK.sub(b"", prefix).strip()
    match = _LINE_NUMBER.match(text)
    if match:
        text = match[1] or b""
    text = text.strip(b' :|-[]()>\t",')
    return text or None


def _shape_of(prefix: bytes) -> re.Pattern[bytes]:
    """Returns a pattern for prefixes with other numbers, which may be padded with blanks."""
    number = rb"[ \t]*\d+"
    return lazy_pattern(number.join(re.escape(part) for part in re.split(number, prefix)))


def _json(text: bytes) -> tuple[bytes, bytes | None, bytes] | None:
    """Returns stream, name and text of a JSON line; a complete text ends with a line end."""
    try:
        line = _JSON.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    name = line.container or line.unit
    if line.kubernetes is not None and line.kubernetes.pod_name:
        name = f"{line.kubernetes.pod_name}/{line.kubernetes.container_name}".rstrip("/")
    label = name.encode("utf-8", "replace") if name else None
    if line.log is not None:
        text = line.log.encode("utf-8", "replace")
        # Docker marks the end of a line by a line end in the text, collectors of CRI logs by a separate tag.
        tag = line.part or line.logtag
        if tag == "F" or (tag is None and line.kubernetes is not None):
            text = text.removesuffix(b"\n") + b"\n"
        return (line.stream or "").encode("utf-8", "replace"), label, text
    journal = line.journal
    if isinstance(journal, list):
        if not all(0 <= byte < 256 for byte in journal):
            return None
        return b"", label, bytes(journal).removesuffix(b"\n") + b"\n"
    texts = (line.message, journal, line.line, line.text_payload)
    message = next((text for text in texts if text is not None), None)
    if message is None:
        return None
    return b"", label, message.removesuffix("\n").encode("utf-8", "replace") + b"\n"
