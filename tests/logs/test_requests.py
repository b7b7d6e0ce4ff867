"""Requests: the same counts as the clients counted, with the server's own durations."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from ovms_doctor.diagnosis.log_findings import diagnose
from ovms_doctor.inputs.log.tally import Tally, condensed, distribution, new_durations
from tests.logs.recorded import DATA, packed, read, record, start

TRAFFIC = "traffic-2026.3-DEBUG.log.xz"
#: ``400 {"error":"TEXT"}`` over REST, ``INVALID_ARGUMENT TEXT`` over gRPC.
_ANSWER = re.compile(r'(?:\d{3} \{"error":"(.*)"\}|[A-Z_]+ (.*))', re.DOTALL)


def _truth() -> dict[tuple[str, str], tuple[int, int, Counter[str]]]:
    content = json.loads((DATA / "traffic-2026.3-truth.json").read_text("utf-8"))
    result = {}
    for key, item in content["per_model_and_interface"].items():
        reasons: Counter[str] = Counter()
        for answer, count in item["reasons"].items():
            match = _ANSWER.fullmatch(answer)
            assert match
            reasons[match[1] or match[2]] += count
        name, _, interface = key.rpartition(" ")
        result[name, interface] = (item["ok"], item["failed"], reasons)
    return result


def test_traffic_equals_what_the_clients_counted() -> None:
    log = read(packed(TRAFFIC))
    found = {
        (item.servable, item.interface): (item.succeeded, item.failed, Counter(item.reasons))
        for item in log.requests
    }
    assert found == _truth()
    assert all(item.requests == item.succeeded + item.failed for item in log.requests)
    assert log.unattributed == 0


def test_traffic_does_not_depend_on_how_the_log_is_split() -> None:
    data = packed(TRAFFIC)
    whole = read(data)
    assert read(*(data[at : at + 4099] for at in range(0, len(data), 4099))) == whole


def test_durations_are_those_of_the_log() -> None:
    data = packed(TRAFFIC).decode()
    log = read(data.encode())
    logged = sorted(
        float(text) for text in re.findall(r"Prediction duration in model fc, .*: ([\d.]+) ms", data)
    )
    (rest, grpc) = sorted(
        (item for item in log.requests if item.servable == "fc"), key=lambda item: -len(item.interface)
    )[::-1]
    assert rest.inference
    assert grpc.inference
    assert rest.inference.count + grpc.inference.count == len(logged)
    assert max(rest.inference.max, grpc.inference.max) == logged[-1]
    assert rest.inference.total + grpc.inference.total == pytest.approx(sum(logged))


def test_infer_requests_and_versions_are_counted() -> None:
    log = read(packed(TRAFFIC))
    two = [item for item in log.requests if item.servable == "two"]
    assert {item.versions for item in two} == {(1,)}
    assert max(item.infer_requests_used for item in two) == 2


def test_percentiles_are_of_nearest_rank() -> None:
    durations = new_durations()
    for number in range(1, 101):
        durations[b"%d.000" % number] += 1
    found = distribution(durations)
    assert found is not None
    assert (found.count, found.p50, found.p95, found.p99, found.max) == (100, 50, 95, 99, 100)
    assert found.total == 5050


def test_rounding_keeps_memory_bounded_and_percentiles_near() -> None:
    durations = new_durations()
    for number in range(200_000):
        durations[b"%.3f" % (number / 1000)] += 1
    small = condensed(durations)
    assert len(small) < 5000
    exact, estimate = distribution(durations), distribution(small)
    assert exact
    assert estimate
    assert estimate.count == exact.count
    assert estimate.p95 == pytest.approx(exact.p95, rel=0.005)


@pytest.mark.parametrize("text", [b"nan", b"-1", b"1e400", b"", b"1.2.3"])
def test_invalid_duration_is_left_out(text: bytes) -> None:
    durations = new_durations()
    durations[text] += 3
    durations[b"2.0"] += 1
    found = distribution(durations)
    assert found is not None
    assert (found.count, found.max) == (1, 2.0)


def test_reasons_are_bounded() -> None:
    tally = Tally("m", "gRPC", "KServe")
    for number in range(1000):
        tally.requests += 1
        tally.fail(f"reason {number}", b"2026-11-28 12:00:00.000")
    assert len(tally.reasons) <= 101
    assert sum(tally.reasons.values()) == tally.failed == 1000


def _grpc(thread: int, model: str = "m", *, file: str = "kfs_grpc_inference_service.cpp") -> str:
    message = f"Processing gRPC request for model: {model}; version: "
    return f"[2026-11-28 12:00:01.000][{thread}][serving][debug][{file}:1] {message}"


def _total(thread: int, api: str = "gRPC") -> str:
    return record(f"Total {api} request processing time: 1.5 ms", thread=thread, level="debug")


def _http(thread: int, path: str, method: str = "POST") -> str:
    return record(f"Processing HTTP request: {method} {path} body: 9 bytes", thread=thread, level="debug")


def _log(*lines: str) -> bytes:
    return "\n".join((start(), *lines, "")).encode()


def test_threads_are_kept_apart() -> None:
    log = read(_log(_grpc(1, "a"), _grpc(2, "b"), _total(2), _grpc(1, "c"), _total(1)))
    assert {item.servable: (item.succeeded, item.failed) for item in log.requests} == {
        "a": (0, 1), "b": (1, 0), "c": (1, 0),
    }  # fmt: skip


def test_an_unfinished_request_counts_neither_as_succeeded_nor_failed() -> None:
    (item,) = read(_log(_grpc(1))).requests
    assert (item.requests, item.succeeded, item.failed) == (1, 0, 0)


def test_a_restart_ends_open_requests() -> None:
    log = read(_log(_grpc(1, "a"), start(at="12:00:05.000"), _total(1)))
    assert [(item.succeeded, item.failed) for item in log.requests] == [(0, 0)]
    assert log.unattributed == 1


@pytest.mark.parametrize(
    ("path", "servable", "api"),
    [
        ("/v2/models/m/infer", "m", "KServe"),
        ("/v2/models/m/versions/3/infer", "m", "KServe"),
        ("/v2/models/a%20b%2Fc/infer", "a b/c", "KServe"),
        ("/v1/models/m:predict", "m", "TFS"),
        ("/v1/models/m/versions/1:predict", "m", "TFS"),
        ("/v1/models/m/labels/x:predict", "m", "TFS"),
        ("/v3/chat/completions", "", "OpenAI"),
        ("/v3/embeddings", "", "OpenAI"),
        ("/v2/models/m/ready", None, None),
        ("/v2/health/ready", None, None),
        ("/v1/config/reload", None, None),
        ("/metrics", None, None),
    ],
)
def test_only_inference_is_counted(path: str, servable: str | None, api: str | None) -> None:
    log = read(_log(_http(1, path)))
    assert [(item.servable, item.api) for item in log.requests] == (
        [] if servable is None else [(servable, api)]
    )


def test_get_is_not_an_inference() -> None:
    assert read(_log(_http(1, "/v2/models/m/infer", "GET"))).requests == ()


def test_tensorflow_serving_over_grpc() -> None:
    line = _grpc(1, file="prediction_service.cpp") + "0"
    (item,) = read(_log(line, _total(1))).requests
    assert (item.servable, item.api, item.succeeded) == ("m", "TFS", 1)


def test_openai_requests_are_named_by_a_later_line() -> None:
    named = record("Model name from deduced from JSON: llm", thread=1, level="debug")
    log = read(
        _log(
            _http(1, "/v3/chat/completions"), named, _http(1, "/v3/chat/completions"), named, _http(1, "/v2")
        )
    )
    assert [(item.servable, item.requests, item.succeeded) for item in log.requests] == [("llm", 2, 2)]


def test_c_api() -> None:
    first_record = record("Processing C-API inference request for servable: m; version: 0", level="debug")
    end = record("Total C-API req processing time: 0.5 ms", level="debug")
    (item,) = read(_log(first_record, end)).requests
    assert (item.interface, item.api, item.succeeded) == ("C-API", None, 1)


def test_names_may_contain_any_characters() -> None:
    name = "a; version: 7; b"
    (item,) = read(_log(_grpc(1, name), _total(1))).requests
    assert item.servable == name


def test_a_servable_whose_requests_all_fail_is_stuck() -> None:
    good = [line for _ in range(30) for line in (_grpc(1), _total(1))]
    exception_record = record(
        "Async caught an exception Internal inference error: CL_OUT_OF_RESOURCES", thread=1, level="error"
    )
    bad = [line for _ in range(12) for line in (_grpc(1), exception_record)]
    diagnosis, findings = diagnose(read(_log(*good, *bad, _grpc(1, "other"))))
    codes = [finding.code for finding in findings]
    assert "OVD831" in codes
    assert "OVD816" in codes
    (item,) = [item for item in diagnosis.summary.requests if item.servable == "m"]
    assert (item.succeeded, item.failed, item.failing_count) == (30, 12, 12)


def test_requests_to_a_failed_model_are_not_a_separate_finding() -> None:
    log = read(packed(TRAFFIC) * 8)
    (broken,) = [item for item in log.requests if (item.servable, item.interface) == ("broken", "REST")]
    assert broken.failed == broken.requests == 40
    assert "broken" not in [finding.subject.model for finding in diagnose(log)[1] if finding.code == "OVD874"]


def test_some_failures_are_not_a_stuck_servable() -> None:
    lines = [line for number in range(40) for line in (_grpc(1), *([_total(1)] if number % 4 else []))]
    _, findings = diagnose(read(_log(*lines)))
    assert "OVD831" not in [finding.code for finding in findings]


def _stages(wait: float, total: float) -> list[str]:
    return [
        _grpc(1),
        record(f"Getting infer req duration in model m, version 1, nireq 0: {wait:.3f} ms", level="debug"),
        record(f"Prediction duration in model m, version 1, nireq 0: {total - wait:.3f} ms", level="debug"),
        record(f"Total gRPC request processing time: {total} ms", level="debug"),
    ]


@pytest.mark.parametrize(
    ("wait", "total", "dominates"), [(60.0, 66.0, True), (0.1, 66.0, False), (0.6, 0.7, False)]
)
def test_waiting_dominates(wait: float, total: float, dominates: bool) -> None:
    _, findings = diagnose(read(_log(*(line for _ in range(40) for line in _stages(wait, total)))))
    assert ("OVD832" in [finding.code for finding in findings]) is dominates


def test_a_servable_that_slows_the_others_is_named() -> None:
    slow = [
        line.replace("model m,", "model slow,").replace("model: m;", "model: slow;")
        for line in _stages(0.1, 900.0)
    ]
    lines = [line for _ in range(40) for line in (*_stages(60.0, 66.0), *slow)]
    (finding,) = [item for item in diagnose(read(_log(*lines)))[1] if item.code == "OVD832"]
    assert finding.subject.model == "m"
    assert "slow takes 99 % of the time of inference" in finding.message


@pytest.mark.parametrize(
    ("line", "usage"),
    [
        ("All requests: 50; Scheduled requests: 25; Cache usage 99.9%;", 99.9),
        (
            "All requests: 3; Scheduled requests: 3; Cache type: dynamic, cache usage: 100.0% of 1.5 GB;",
            100.0,
        ),
    ],
)
def test_a_full_cache_of_a_generative_model(line: str, usage: float) -> None:
    text = f"[2026-11-28 12:00:01.000][9][llm_executor][info][llm_executor.hpp:65] {line}"
    diagnosis, findings = diagnose(read(_log(text)))
    (item,) = diagnosis.summary.generative
    assert item.max_cache_usage == usage
    assert [finding.code for finding in findings] == ["OVD833"]


def test_cache_with_free_space_has_no_finding() -> None:
    text = record("All requests: 2; Scheduled requests: 2; Cache usage 23.9%;", thread=9)
    assert diagnose(read(_log(text)))[1] == ()


def test_failures_at_level_info_are_shown() -> None:
    log = read(packed("traffic-2025.4-INFO.log.xz"))
    assert log.requests == ()
    assert {servable for servable, _, _ in log.failures} == {"broken", "pipe"}
    diagnosis, _ = diagnose(log)
    assert diagnosis.hidden is not None
    assert "--log_level DEBUG" in diagnosis.hidden


def test_a_generative_model_that_does_not_load_and_an_executor_that_ends_the_server() -> None:
    failed = (
        "Error during llm node initialization for models_path: /m exception: Exception from utils.cpp:400:"
    )
    log = _log(
        record(failed, level="error"),
        "Could not find a model in the directory '/m'",
        record("Failed to process LLM node graph llm", level="error"),
        record(
            "Mediapipe: llm state changed to: LOADING_PRECONDITION_FAILED after handling: ValidationFailedEvent: "
        ),
        record("ServableManagerModule started"),
        record("Error occurred in LLM executor: Exception from infer_request.cpp:224:", level="error"),
        "[GPU] clFinish, error code: -5 CL_OUT_OF_RESOURCES",
    )
    diagnosis, findings = diagnose(read(log))
    assert [finding.code for finding in findings] == ["OVD366", "OVD824"]
    assert diagnosis.causes == (("OVD366",),)
    assert diagnosis.ended_by == ("OVD824",)
