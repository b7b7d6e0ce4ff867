"""Lines of a log: who wrote one without the server's prefix, and the text that a refused client gets."""

from __future__ import annotations

import pytest

from ovms_doctor.inputs.log.foreign import ForeignLine, recognise
from ovms_doctor.inputs.log.requests import status_text
from ovms_doctor.inputs.log.tally import Tally
from tests.logs.recorded import read, record, start


@pytest.mark.parametrize(
    ("line", "origin", "level", "message"),
    [
        ("20260805 19:04:12.513123 UTC 88050 FATAL Address already in use - Socket.cc:67", "drogon", "critical",
         "Address already in use - Socket.cc:67"),
        ("20260805 19:04:12.513123 UTC 88050 WARN  x - a.cc:1", "drogon", "warning", "x - a.cc:1"),
        ("20260805 19:04:12.513123 UTC 88050 ERROR x", "drogon", "error", "x"),
        ("20260805 19:04:12.513123 UTC 88050 INFO x", "drogon", "info", "x"),
        ("20260805 19:04:12.513123 UTC 88050 DEBUG x", "drogon", "debug", "x"),
        ("20260805 19:04:12.513123 UTC 88050 TRACE x", "drogon", "trace", "x"),
        ("I20260805 19:04:12.513123 77 graph.cc:12] x", "glog", "info", "x"),
        ("W20260805 19:04:12.513123 77 graph.cc:12] x", "glog", "warning", "x"),
        ("E0000 00:00:1723456789.123456 77 graph.cc:12] x", "glog", "error", "x"),
        ("F0805 19:04:12.513123 77 graph.cc:12] x", "glog", "critical", "x"),
        ("[ERROR] 19:04:12.513 [NPU] x", "openvino", "error", "[NPU] x"),
        ("[WARNING] 19:04:12.513 [NPU] x", "openvino", "warning", "[NPU] x"),
        ("[INFO] 19:04:12.513 [NPU] x", "openvino", "info", "[NPU] x"),
        ("[19:04:12.5130]E[core.cpp:12] x", "openvino", "error", "x"),
        ("[19:04:12.5130]D[core.cpp:12] x", "openvino", "debug", "x"),
        ("[19:04:12.5130]X[core.cpp:12] x", "openvino", "info", "x"),
        ("[evhttp_server.cc : 238] NET_LOG: Entering the event loop ...", "evhttp", "warning",
         "Entering the event loop ..."),
        ("[libprotobuf ERROR google/protobuf/text_format.cc:335] Error parsing", "protobuf", "error", "Error parsing"),
        ("Traceback (most recent call last):", "traceback", "error", "Traceback (most recent call last):"),
        ("error parsing options: Option x does not exist", "ovms", "error",
         "error parsing options: Option x does not exist"),
        ("OpenVINO Model Server 2026.3", "ovms", "info", "OpenVINO Model Server 2026.3"),
        ("Unable to find image 'x' locally", "ovms", "info", "Unable to find image 'x' locally"),
        ("Killed", "ovms", "error", "Killed"),
    ],
)  # fmt: skip
def test_the_writer_and_the_level(line: str, origin: str, level: str, message: str) -> None:
    """Drogon's trantor, glog and abseil, OpenVINO and its NPU, evhttp until 2024.5, protobuf, Python, the shell."""
    assert recognise(line.encode()) == ForeignLine(origin, level, message)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line", ["; model: m; version: 1; device: GPU", "[GPU] Exceeded max size", "Killed it"]
)
def test_a_line_that_continues_a_message(line: str) -> None:
    assert recognise(line.encode()) is None


CONTENT = "Invalid content size of tensor proto"
COUNT = "Invalid number of values in tensor proto container"


@pytest.mark.parametrize(
    ("logged", "answered"),
    [
        ("Invalid precision", "Invalid input precision"),
        ("Missing tensor with specific name", "Missing input with specific name"),
        ("Invalid batch size", "Invalid input batch size"),
        ("Invalid shape", "Invalid input shape"),
        ("Invalid number of inputs", "Invalid number of inputs"),
        ("Invalid value count of tensor proto", COUNT),
        ("Invalid number of values in tensor proto string container", COUNT),
        ("Invalid value size of tensor proto", CONTENT),
        ("Invalid content size of tensor", CONTENT),
        ("Has invalid buffer type for tensor with specific name", "Invalid input buffer type"),
        ("Has invalid buffer type for input with specific name", "Invalid input buffer type"),
        ("Has invalid device id for buffer, input with specific name", "Invalid input buffer device id"),
    ],
)
@pytest.mark.parametrize("prefix", ["[servable name: m version: 1]", "[Model: m version: 1]"])
def test_the_log_and_the_answer_name_a_fault_differently(prefix: str, logged: str, answered: str) -> None:
    """The first is written by the validation, the second is the text of the status (status.cpp)."""
    details = " - Expected: 1; Actual: 2; input name: x"
    assert status_text(f"{prefix} {logged}{details}") == ("m", answered + details)
    assert status_text(f"{prefix} {logged}") == ("m", answered)


def test_two_ways_to_send_values_at_once() -> None:
    found = status_text("[servable name: m version: ] Invalid message structure - x")
    assert found is not None
    assert found[1].startswith(
        "Passing buffers both in ModelInferRequest::InferInputTensor::contents and in "
    )


@pytest.mark.parametrize(
    "message",
    [
        "[servable name: m version: 1] Validating request containing binary image input: name: x",
        "[servable name: m version: 1] Batch size in request 2 is allowed",
        "Invalid precision - Expected: FP32",
    ],
)
def test_a_line_that_is_no_reason(message: str) -> None:
    assert status_text(message) is None


# -- counts ----------------------------------------------------------------------------------------------

STAMP = b"2026-11-28 12:00:00.000"


def http(path: str, *, thread: int = 1) -> str:
    return record(f"Processing HTTP request: POST {path} body: 9 bytes", thread=thread, level="debug")


def test_an_api_is_that_of_the_path() -> None:
    lines = (start(), http("/v1/models/m:predict"), http("/v2/models/m/infer", thread=2), "")
    log = read("\n".join(lines).encode())
    assert {(item.servable, item.api) for item in log.requests} == {("m", "TFS"), ("m", "KServe")}


def test_the_end_of_a_server_ends_what_is_known_to_end() -> None:
    """An open request of KServe has no result; one with a reason has failed; one of OpenAI's API writes no end."""
    reason = record(
        "[servable name: b version: 1] Invalid precision - Expected: FP32", thread=2, level="debug"
    )
    named = record("Model name from deduced from JSON: llm", thread=3, level="debug")
    lines = (
        start(),
        http("/v2/models/a/infer"),
        http("/v2/models/b/infer", thread=2),
        reason,
        http("/v3/chat/completions", thread=3),
        named,
        start(at="12:00:05.000"),
        "",
    )
    log = read("\n".join(lines).encode())
    counts = {item.servable: (item.requests, item.succeeded, item.failed) for item in log.requests}
    assert counts == {"a": (1, 0, 0), "b": (1, 0, 1), "llm": (1, 1, 0)}


@pytest.mark.parametrize(("failures", "stuck"), [(9, False), (10, True)])
def test_a_servable_is_stuck_after_ten_failures_in_a_row(failures: int, stuck: bool) -> None:
    tally = Tally("m", "gRPC", "KServe")
    tally.fail("x", b"2026-11-28 11:00:00.000")
    tally.succeed()
    for _ in range(failures):
        tally.fail("x", STAMP)
    found = tally.statistics("log")
    assert (found.failing_count, found.failing_since) == ((failures, STAMP.decode()) if stuck else (0, None))
    tally.succeed()
    assert tally.statistics("log").failing_since is None


def test_versions_and_infer_requests_that_answered() -> None:
    tally = Tally("m", "gRPC", "KServe")
    assert (tally.statistics("log").versions, tally.statistics("log").infer_requests_used) == ((), 0)
    tally.versions.update((b"2, nireq 0", b"1, nireq 3", b"x, nireq 9", b"1, nireq x"))
    found = tally.statistics("log")
    assert (found.versions, found.infer_requests_used) == ((1, 2), 4)


def test_a_long_log_is_counted_by_the_hour() -> None:
    tally = Tally("m", "gRPC", "KServe")
    for hour in range(24):
        for minute in range(60):
            tally.minutes[b"2026-11-28 %02d:%02d" % (hour, minute)] = 2
    tally.bound()
    assert len(tally.minutes) == 24 * 60
    for day in (26, 27):
        for hour in range(24):
            for minute in range(60):
                tally.minutes[b"2026-11-%02d %02d:%02d" % (day, hour, minute)] = 1
    tally.bound()
    found = tally.statistics("log").by_minute
    assert len(found) == 3 * 24
    assert (found["2026-11-28 07"], found["2026-11-27 07"]) == (120, 60)
