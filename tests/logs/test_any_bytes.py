"""For any bytes, cut at any position: no exception, and never more records than lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.diagnosis.log_findings import diagnose
from ovms_doctor.inputs.log.reader import LogReader
from ovms_doctor.model.log import LogSummary
from ovms_doctor.report.log_json import log_info
from tests.logs.recorded import packed, record, start

#: Lines with a known meaning, so that a mixture of them can be recognised.
MEANINGFUL = (
    *(
        line.encode()
        for line in (start(), start("2022.1.0"), "[", "{", '{"log":"', "> ", "\x1b[31m", "\x00", "```")
    ),
    *packed("traffic-2026.3-DEBUG.log.xz").split(b"\n")[330:700:7],
    *packed("reload-2026.3-DEBUG.log.xz").split(b"\n")[100:1500:37],
    record("Getting infer req duration in model m, version 1, nireq 0: 1e999 ms", level="debug").encode(),
    record("All requests: 999999999; Scheduled requests: 999999999; Cache usage 100%;").encode(),
    record(
        "STATUS CHANGE: Version 99999999999999999999 of model m status change. "
        'New status: ( "state": "LOADING", "error_code": "UNKNOWN" )'
    ).encode(),
    b"error parsing options: x",
    b"SIGILL received",
    b"20260526 09:07:48.196635 UTC 88050 FATAL x",
    b"Traceback (most recent call last):",
)
PREFIXES = (
    b"", b"> ", b"model-server-1  | ", b"[pod/a/b] ", b"2026-08-05T19:04:12.513123456Z stdout F ",
    b"2026-08-05T19:04:12.513123456Z stderr P ", b"Aug 05 19:04:12 host ovms[1]: ", b"12: ", b"\xff\xfe",
)  # fmt: skip

lines = st.one_of(st.sampled_from(MEANINGFUL), st.binary(max_size=60))
logs = st.lists(st.tuples(st.sampled_from(PREFIXES), lines), max_size=60).map(
    lambda items: b"\n".join(prefix + line for prefix, line in items)
)


def _read(data: bytes, cuts: list[int]) -> LogSummary:
    reader = LogReader()
    reader.begin("x")
    offsets = sorted({cut % (len(data) + 1) for cut in cuts})
    for first, last in zip([0, *offsets], [*offsets, len(data)], strict=True):
        reader.feed(data[first:last])
    reader.end()
    return reader.summary()


def _is_sound(data: bytes, log: LogSummary) -> None:
    most = data.count(b"\n") + 1
    assert log.lines <= most
    for item in log.requests:
        assert 0 <= item.succeeded + item.failed <= item.requests <= most
        assert sum(item.reasons.values()) == item.failed
        assert 0 <= sum(item.by_minute.values()) <= item.requests
        for values in (item.wait, item.inference, item.total):
            assert values is None or 0 <= values.p50 <= values.p95 <= values.p99 <= values.max
    for problem in log.problems:
        assert 1 <= problem.count <= most
        assert 1 <= problem.first_line <= problem.last_line <= most
    assert len(log.starts) <= most
    assert log.duration_s >= 0
    assert all(0 <= number < len(log.problems) for item in log.servables for number in item.problems)
    diagnosis, findings = diagnose(log)
    assert diagnosis.unmatched_errors + diagnosis.unmatched_warnings <= most
    assert all(finding.occurrences is None or finding.occurrences.count <= most for finding in findings)
    log_info(diagnosis)


@given(st.binary(max_size=2000), st.lists(st.integers(0, 5000), max_size=4))
def test_any_bytes(data: bytes, cuts: list[int]) -> None:
    _is_sound(data, _read(data, cuts))


@given(logs, st.lists(st.integers(0, 100_000), max_size=6))
def test_any_mixture_of_lines_and_prefixes(data: bytes, cuts: list[int]) -> None:
    log = _read(data, cuts)
    _is_sound(data, log)
