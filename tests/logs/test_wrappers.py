"""Prefixes of log collectors are removed, and several servers in one stream are separated."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ovms_doctor.diagnosis.log_findings import diagnose
from ovms_doctor.inputs.log.hard_wraps import HardWraps
from ovms_doctor.inputs.log.reader import LogReader
from ovms_doctor.model.log import LogSummary
from ovms_doctor.probes.log_files import LogReadError, grouped, pieces
from tests.logs.recorded import read, record, recorded, start

#: A start with a fault, whose messages have several lines.
TEXT: str = recorded()["2026.3/broken-xml-config/INFO"]["stdout"]
STAMP = "2026-08-05T19:04:12.513123456Z "


def _each(wrap: Callable[[str], str]) -> bytes:
    return "".join(wrap(line) + "\n" for line in TEXT.splitlines()).encode()


def _json_lines(line: str) -> str:
    return json.dumps({"log": line + "\n", "stream": "stdout", "time": STAMP.strip()})


def _split_json(line: str) -> str:
    """Docker splits long lines: all but the last part lack the line end."""
    half = len(line) // 2
    parts = (line[:half], line[half:] + "\n")
    return "\n".join(json.dumps({"log": part, "stream": "stdout", "time": STAMP.strip()}) for part in parts)


def _split_cri(line: str) -> str:
    half = len(line) // 2
    return f"{STAMP}stdout P {line[:half]}\n{STAMP}stdout F {line[half:]}"


NEW_LINE = "\n"
QUOTE = '"'
WRAPPERS: dict[str, Callable[[str], str]] = {
    "docker json-file": _json_lines,
    "docker json-file, split": _split_json,
    "docker logs -t": lambda line: STAMP + line,
    "cri": lambda line: f"{STAMP}stdout F {line}",
    "cri, split": _split_cri,
    "compose": lambda line: f"model-server-1  | {line}",
    "compose v1 in colours": lambda line: f"\x1b[36movms_1     |\x1b[0m {line}",
    "kubectl --prefix": lambda line: f"[pod/ovms-0/ovms] {line}",
    "kubectl --prefix --timestamps": lambda line: f"[pod/ovms-0/ovms] {STAMP}{line}",
    "journald": lambda line: f"Aug 05 19:04:12 host ovms[123]: {line}",
    "syslog, one digit": lambda line: f"Aug  5 19:04:12 host ovms: {line}",
    "heroku": lambda line: f"2020-10-27T20:32:05.363836+00:00 app[web.1]: {line}",
    "quoted": lambda line: f"> {line}",
    "quoted twice": lambda line: f"> > {line}",
    "CRLF": lambda line: f"{line}\r",
    "a form of its own": lambda line: f"node-7 12:00:01 ovms> {line}",
    "indented": lambda line: f"    {line}",
    "Fluent Bit": lambda line: json.dumps(
        {
            "stream": "stdout",
            "_p": "F",
            "log": line,
            "kubernetes": {"pod_name": "ovms-0", "labels": {"a": "b"}},
        }
    ),
    "Fluent Bit, outside of Kubernetes": lambda line: json.dumps(
        {"stream": "stdout", "_p": "F", "log": line}
    ),
    "Fluentd": lambda line: json.dumps({"stream": "stdout", "logtag": "F", "log": line}),
    "Loki": lambda line: json.dumps({"labels": {"pod": "ovms-0"}, "line": line, "timestamp": STAMP.strip()}),
    "CloudWatch": lambda line: (
        '        {\n            "timestamp": 1,\n            '
        f'"message": {json.dumps(line)},\n            "ingestionTime": 2\n        }},'
    ),
    "Cloud Logging": lambda line: (
        '  {\n    "insertId": "1",\n    "labels": {\n      "a": "b"\n    },\n'
        f'    "textPayload": {json.dumps(line)}\n  }},'
    ),
    "grep -n": lambda line: f"{len(line)}:{line}",
    "grep -Hn": lambda line: f"/var/log/ovms.log:{len(line)}:{line}",
    "cat -n": lambda line: f"{len(line):6d}\t{line}",
    "less -N": lambda line: f"{len(line):7d} {line}",
    "a JSON logger": lambda line: json.dumps({"ts": STAMP.strip(), "level": "info", "msg": line}),
    "Azure": lambda line: json.dumps({"TimeGenerated": STAMP.strip(), "LogEntry": line, "Computer": "n"}),
    "CSV": lambda line: f'"2026-08-05T19:04:12Z","{line.replace(QUOTE, QUOTE * 2)}","ovms"',
    "CSV, one column": lambda line: f'"{line.replace(QUOTE, QUOTE * 2)}"',
    "a list in a JSON document": lambda line: f"        {json.dumps(line)},",
    "journald, a pretty JSON document": lambda line: json.dumps(
        {"_SYSTEMD_UNIT": "ovms.service", "MESSAGE": line, "PRIORITY": "6"}, indent="\t"
    ),
    "journald, JSON with bytes": lambda line: json.dumps({"MESSAGE": list(line.encode())}),
    "journald, export": lambda line: (
        f"__CURSOR=s=1;i=2\n_SYSTEMD_UNIT=ovms.service\nMESSAGE={line}\nPRIORITY=6\n"
    ),
    "journald, verbose": lambda line: (
        "Sat 2026-11-28 13:53:05.123456 UTC [s=1;i=2]\n    _SYSTEMD_UNIT=ovms.service\n"
        f"    MESSAGE={line}\n    PRIORITY=6"
    ),
    "Fluentd's file": lambda line: (
        f"2026-08-05 19:04:12.000000000 +0000 kube.ovms: {json.dumps({'log': line + NEW_LINE})}"
    ),
}


@pytest.fixture(scope="module")
def plain() -> LogSummary:
    return read(TEXT.encode())


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrapper_is_removed(name: str, plain: LogSummary) -> None:
    log = read(_each(WRAPPERS[name]))
    assert [(item.text, item.count) for item in log.problems] == [
        (item.text, item.count) for item in plain.problems
    ]
    assert [
        (item.name, item.version, item.state, item.since, item.retries, item.problems)
        for item in log.servables
    ] == [
        (item.name, item.version, item.state, item.since, item.retries, item.problems)
        for item in plain.servables
    ]
    assert [start.ended for start in log.starts] == ["shutdown"]
    assert (log.first_at, log.last_at) == (plain.first_at, plain.last_at)


def test_utf_16_is_read(plain: LogSummary) -> None:
    assert read(TEXT.encode("utf-16")).problems == plain.problems


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_beginning_is_read(encoding: str, plain: LogSummary) -> None:
    assert read(TEXT.encode(encoding)).problems == plain.problems


def _broken(text: str, width: int) -> bytes:
    parts = [
        line[start : start + width]
        for line in text.splitlines()
        for start in range(0, max(len(line), 1), width)
    ]
    return "\n".join(parts).encode()


@pytest.mark.parametrize("width", [72, 80, 120, 200])
def test_lines_that_a_terminal_has_broken_are_joined(width: int, plain: LogSummary) -> None:
    data = _broken(TEXT, width)
    for log in (read(data), read(data[:3000], data[3000:9001], data[9001:])):
        assert [(item.text, item.count) for item in log.problems] == [
            (item.text, item.count) for item in plain.problems
        ]
        assert [(item.name, item.state, item.since, item.retries) for item in log.servables] == [
            (item.name, item.state, item.since, item.retries) for item in plain.servables
        ]
        assert [start.ended for start in log.starts] == ["shutdown"]


def test_lines_of_a_terminal_keep_the_numbers_of_their_first_parts() -> None:
    data = _broken(TEXT, 80)
    problem = read(data).problems[0]
    assert data.split(b"\n")[problem.first_line - 1].startswith(b"[2026-")


@pytest.mark.parametrize("key", sorted(recorded()))
def test_no_line_of_a_whole_log_is_joined(key: str) -> None:
    block = b"\n" + recorded()[key]["stdout"].encode("utf-8", "surrogateescape")
    assert not HardWraps().used(block, len(block))


def test_a_fence_around_quoted_text_is_removed(plain: LogSummary) -> None:
    assert read(f"```\n{TEXT}```\n".encode()).problems[0].text == plain.problems[0].text


def test_pods_in_one_stream_are_kept_apart() -> None:
    good = recorded()["2026.3/healthy/INFO"]["stdout"].splitlines()
    bad = TEXT.splitlines()
    mixed = []
    for number in range(max(len(good), len(bad))):
        for pod, lines in (("a", good), ("b", bad)):
            if number < len(lines):
                mixed.append(f"[pod/ovms-{pod}/ovms] {lines[number]}")
    log = read("\n".join(mixed).encode())
    assert log.sources == ("ovms-a/ovms", "ovms-b/ovms")
    assert {item.source for item in log.servables if item.failing} == {"ovms-b/ovms"}
    assert {item.source for item in log.problems} == {"ovms-b/ovms"}
    assert [start.ended for start in log.starts] == ["shutdown", "shutdown"]


def test_pods_with_a_prefix_of_unknown_form_are_kept_apart() -> None:
    lines = [f"ovms-7d9f-{pod} ovms {line}" for line in TEXT.splitlines() for pod in ("a", "b")]
    assert sorted(read("\n".join(lines).encode()).sources) == ["ovms-7d9f-a ovms", "ovms-7d9f-b ovms"]


@pytest.mark.parametrize(
    "progress", ["Cloning 10%\rCloning 100%\r", "\x1b[2K\rm.bin [==>  ] 50 %\rm.bin [====] 100 %", "Done. "]
)
@pytest.mark.parametrize("wrap", [str, _json_lines])
def test_progress_before_a_record_names_no_server(progress: str, wrap: Callable[[str], str]) -> None:
    lines = [start(), progress + record("Libgit2 clone error: 12 message: x", level="error")]
    log = read("\n".join(wrap(line) for line in lines).encode())
    assert [item.release for item in log.starts] == ["2026.3"]
    assert [problem.text for problem in log.problems] == ["Libgit2 clone error: 12 message: x"]


def test_year_less_stamps_are_noted() -> None:
    assert read(_each(WRAPPERS["journald"])).year_missing
    assert not read(_each(WRAPPERS["cri"])).year_missing


FOREIGN = [
    "20260526 09:07:48.196635 UTC 88050 WARN  something - Socket.cc:67",
    "W20260105 12:34:56.789012 12345 graph.cc:12] something",
    "E1128 13:54:22.291609884   13604 chttp2_server.cc:1045] something",
    "[ERROR] 20:19:29.441 [NPUBackends] something",
    "[evhttp_server.cc : 238] NET_LOG: something",
    "[13:45:37.3536]E[plugin.cpp:491][AUTO] something",
]


@pytest.mark.parametrize("line", FOREIGN)
def test_lines_of_other_libraries_do_not_continue_the_previous_message(line: str) -> None:
    log = read("\n".join((start(), record("Cannot do it", level="error"), "more", line, "")).encode())
    assert log.problems[0].text == "Cannot do it\nmore"
    assert len(log.problems) == 2


@pytest.mark.parametrize(
    "line",
    [
        "[2020-12-01 20:06:44.764] [serving] [error] Model manager failed",
        "[2021-01-07 16:17:46.285][modelmanager][error][modelmanager.cpp:586] Model manager failed",
        "[2026-11-28 13:54:56.285] [error] [server.cpp:637] Model manager failed",
        "[2025-01-15 15:45:45.463][100][modelmanager][error][src/modelmanager.cpp:1354] Model manager failed",
    ],
)
def test_records_of_all_releases(line: str) -> None:
    (problem,) = read(line.encode()).problems
    assert (problem.text, problem.level) == ("Model manager failed", "error")


# -- files ---------------------------------------------------------------------------------------------


def test_rotated_files_are_one_log_oldest_first() -> None:
    names = ["ovms.log", "ovms.log.2.gz", "ovms.log.10", "ovms.log.1"]
    assert grouped(names) == [("", ["ovms.log.10", "ovms.log.2.gz", "ovms.log.1", "ovms.log"])]


def test_dated_files_are_one_log_oldest_first() -> None:
    names = ["o.log-20261102", "o.log", "o.log-20261101.gz"]
    assert grouped(names) == [("", ["o.log-20261101.gz", "o.log-20261102", "o.log"])]


def test_other_files_are_separate_servers() -> None:
    assert grouped(["a/x.log", "b/y.log"]) == [("x.log", ["a/x.log"]), ("y.log", ["b/y.log"])]
    assert grouped(["a/x.log", "b/x.log"]) == [("a/x.log", ["a/x.log"]), ("b/x.log", ["b/x.log"])]


def test_the_streams_of_one_process_are_one_log() -> None:
    ((label, paths),) = grouped(["x.stdout.txt", "x.stderr.txt"])
    assert (label, len(paths)) == ("", 2)


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(gzip.compress(TEXT.encode()))
    assert b"".join(pieces(str(path))) == TEXT.encode()


def test_broken_gzip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(gzip.compress(TEXT.encode())[:-20])
    with pytest.raises(LogReadError, match="broken gzip"):
        list(pieces(str(path)))


@pytest.mark.parametrize("name", ["missing.log", "."])
def test_unreadable_log_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(LogReadError):
        list(pieces(str(tmp_path / name)))


def test_progress_reports_the_bytes_read(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 2_000_000)
    reported: list[tuple[int, int | None]] = []
    list(pieces(str(path), lambda bytes_read, size: reported.append((bytes_read, size))))
    assert reported[-1] == (2_000_000, 2_000_000)


# -- times ---------------------------------------------------------------------------------------------


def test_a_clock_set_back_is_noted_and_no_duration_is_negative() -> None:
    lines = [
        start(at="02:59:00.000"), record("log level: INFO", at="02:59:58.000"),
        record("log level: INFO", at="02:00:01.000"), record("log level: INFO", at="02:10:01.000"),
    ]  # fmt: skip
    log = read("\n".join(lines).encode())
    (jump,) = log.clock_jumps
    assert (jump.line, jump.seconds) == (3, 3597)
    assert log.duration_s == pytest.approx(58 + 600)
    diagnosis, _ = diagnose(log)
    assert "daylight saving" in diagnosis.time_notes[0]


def test_a_lagging_thread_is_not_a_clock_set_back() -> None:
    lines = [start(at="12:00:01.000"), record("STATUS CHANGE: x", at="12:00:00.500")]
    assert read("\n".join(lines).encode()).clock_jumps == ()


# -- anything ------------------------------------------------------------------------------------------


def test_a_line_of_any_length_needs_constant_memory() -> None:
    reader = LogReader()
    reader.begin("")
    reader.feed(start().encode() + b"\n")
    for _ in range(64):
        reader.feed(b"x" * (1 << 20))
    assert sys.getsizeof(reader._rest) <= 1 << 21
    reader.feed(b"\n" + record("Cannot do it", level="error").encode())
    reader.end()
    log = reader.summary()
    assert log.lines == 3
    assert log.limits == ("Lines of more than 1 MiB are cut, 1 in total: 64 KiB of each are read.",)
    assert [problem.text for problem in log.problems] == ["Cannot do it"]


def test_problems_without_end_take_bounded_memory() -> None:
    lines = [
        record(f"Cannot do {chr(97 + number % 26)}{number}x{number * 7919}y", level="error")
        for number in range(20_000)
    ]
    log = read("\n".join((start(), *lines)).encode())
    assert len(log.problems) <= 1_500
    assert sum(problem.count for problem in log.problems) <= 20_000


@pytest.mark.parametrize(
    ("banner", "release"),
    [
        ("2026.3.0.6f3df706b", "2026.3"),
        ("2025.4.1.60f2a1b2c", "2025.4.1"),
        ("2025.1.a53a72550", "2025.1"),
        ("2022.3.0.1.1a2b3c4d5", "2022.3.0.1"),
        ("2021.3.c9ba5cfa", "2021.3"),
        ("2024.5", "2024.5"),
    ],
)
def test_the_release_of_the_banner(banner: str, release: str) -> None:
    assert read(start(banner).encode()).release == release
