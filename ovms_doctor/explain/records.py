"""Splits a log, or a part of one, into its messages; removes the prefixes of OVMS and of the program that stored the
log."""

from __future__ import annotations

from ovms_doctor.model.pattern import lazy_pattern

#: Maximum characters of a text; only the beginning of a longer text is searched.
LIMIT = 64 * 1024

#: ``[2026-01-01 12:00:00.000][1][modelmanager][error][modelmanager.cpp:123] ``; without the thread until
#: 2021.2, with spaces between until 2021.1 (logging.cpp). Every repetition is bounded.
_PREFIX = lazy_pattern(
    r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] ?"
    r"(?:\[\d{1,20}\] ?)?"
    r"(?:\[[\w.-]{1,40}\] ?)?"
    r"(?:\[(?:trace|debug|info|warning|error|critical)\] ?)?"
    r"(?:\[[^\]\n]{1,200}:\d{1,6}\] ?)?"
)
#: Maximum characters before the prefix in a line: docker compose, kubectl and syslog write something before it.
_LEAD = 200
#: The text that a container's runtime writes before every line (docker logs -t, CRI).
_STAMP = lazy_pattern(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]{0,12}(?:Z|[+-]\d\d:\d\d) (?:(?:stdout|stderr) [FP] )?"
)
_COLOUR = lazy_pattern(r"\x1b\[[0-9;]{0,32}m")


def split_records(text: str) -> list[str]:
    """Returns the messages in ``text``, at most :data:`LIMIT` characters of it. A line without a prefix continues the
    previous message: OVMS writes the prefix once for a message of several lines. Never raises."""
    records: list[list[str]] = []
    lead = ""
    for raw in text[:LIMIT].split("\n"):
        line = _COLOUR.sub("", _unpacked(raw)).rstrip("\r\n")
        line = line[len(stamp[0]) :] if (stamp := _STAMP.match(line)) else line
        prefix = _PREFIX.search(line, 0, len(line) if len(line) < _LEAD * 4 else _LEAD * 4)
        if prefix is not None and prefix.start() <= _LEAD:
            lead = line[: prefix.start()]
            records.append([line[prefix.end() :]])
        elif records:
            records[-1].append(line.removeprefix(lead))
        else:
            records.append([line])
    messages = ("\n".join(lines).strip() for lines in records)
    return [message for message in messages if message]


def _unpacked(line: str) -> str:
    """Returns the text of a line; in Docker's json-file log, each line is a JSON object around the text."""
    if not line.startswith('{"log":'):
        return line
    import json

    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return line
    text = entry.get("log")
    return text if isinstance(text, str) else line
