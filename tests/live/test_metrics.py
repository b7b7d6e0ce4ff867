"""Figures from Prometheus text: by servable and interface, graphs, rates, saturation."""

from __future__ import annotations

import pytest

from ovms_doctor.prediction.live.metrics import MetricsError, metrics_table, read_metrics
from tests.live.servers import JSON, Answer, http_server, live, replay, status


def _counter(metric: str, value: float, /, **labels: str) -> str:
    text = ",".join(f'{key}="{item}"' for key, item in labels.items())
    return f"{metric}{{{text}}} {value}\n"


def _inference(
    name: str, count: int, interface: str = "REST", outcome: str = "success", version: str = "1"
) -> str:
    return _counter(
        f"ovms_requests_{outcome}", count, api="KServe", interface=interface, method="ModelInfer", name=name,
        version=version,
    )  # fmt: skip


def test_versions_and_apis_are_added_up_and_status_calls_are_not() -> None:
    text = _inference("m", 3) + _inference("m", 4, version="2") + _inference("m", 2, outcome="fail")
    text += _counter(
        "ovms_requests_success",
        5,
        api="TensorFlowServing",
        interface="REST",
        method="Predict",
        name="m",
        version="1",
    )
    text += _counter(
        "ovms_requests_success", 100, api="KServe", interface="REST", method="ModelReady", name="m"
    )
    (row,) = metrics_table(read_metrics(text))
    assert (row.name, row.interface, row.requests, row.failed) == ("m", "REST", 14, 2)


def test_most_used_first_and_interfaces_apart() -> None:
    rows = metrics_table(read_metrics(_inference("a", 1) + _inference("b", 9, "gRPC") + _inference("b", 2)))
    assert [(row.name, row.interface) for row in rows] == [("b", "gRPC"), ("b", "REST"), ("a", "REST")]


def test_means_are_of_histograms_in_milliseconds() -> None:
    text = _inference("m", 4)
    for name, total in (("request_time", 8000), ("wait_for_infer_req_time", 2000), ("inference_time", 4000)):
        labels = {"interface": "REST"} if name == "request_time" else {}
        text += _counter(f"ovms_{name}_us_sum", total, name="m", version="1", **labels)
        text += _counter(f"ovms_{name}_us_count", 4, name="m", version="1", **labels)
    (row,) = metrics_table(read_metrics(text))
    assert (row.mean_ms, row.wait_ms, row.inference_ms) == (2.0, 0.5, 1.0)


def test_missing_figures_of_graphs_are_not_shown_as_zero() -> None:
    labels = {"api": "V3", "interface": "REST", "method": "Unary", "name": "chat"}
    text = _counter("ovms_requests_accepted", 10, **labels) + _counter("ovms_requests_rejected", 1, **labels)
    text += _counter("ovms_graph_error", 2, **labels) + _counter("ovms_current_graphs", 3, name="chat")
    for name in ("request_time", "inference_time", "wait_for_infer_req_time"):
        text += _counter(f"ovms_{name}_us_sum", 0, name="chat") + _counter(
            f"ovms_{name}_us_count", 0, name="chat"
        )
    (row,) = metrics_table(read_metrics(text))
    assert (row.requests, row.failed, row.current) == (11, 3, 3)
    assert (row.mean_ms, row.wait_ms, row.inference_ms, row.infer_requests) == (None, None, None, None)


def test_a_rate_needs_two_queries_without_a_restart() -> None:
    before, after = read_metrics(_inference("m", 10)), read_metrics(_inference("m", 40))
    assert metrics_table(after, (before, 2.0))[0].rate == 15.0
    assert metrics_table(before, (after, 2.0))[0].rate is None
    assert metrics_table(after)[0].rate is None


def test_a_rate_needs_all_counters_of_the_servable() -> None:
    """A version that is loaded again starts at zero, however much another one grew."""
    before = read_metrics(_inference("m", 100) + _inference("m", 10, version="2"))
    reset = read_metrics(_inference("m", 0) + _inference("m", 210, version="2"))
    vanished = read_metrics(_inference("m", 210, version="2"))
    grown = read_metrics(
        _inference("m", 100) + _inference("m", 30, version="2") + _inference("m", 4, version="3")
    )
    assert [metrics_table(after, (before, 2.0))[0].rate for after in (reset, vanished, grown)] == [
        None,
        None,
        12.0,
    ]


def test_what_metrics_list_leaves_out_is_not_shown_as_zero() -> None:
    gauges = _counter("ovms_infer_req_active", 1, name="m", version="1")
    gauges += _counter("ovms_infer_req_queue_size", 4, name="m", version="1")
    succeeded, failed = _inference("m", 3), _inference("m", 2, outcome="fail")

    def figures(text: str) -> tuple[int | None, int | None, float | None]:
        (row,) = metrics_table(read_metrics(text), (read_metrics(text), 1.0))
        return row.requests, row.failed, row.rate

    assert figures(gauges) == (None, None, None)
    assert figures(gauges + failed) == (None, 2, None)
    assert figures(gauges + succeeded) == (3, None, 0.0)
    assert figures(gauges + succeeded + failed) == (5, 2, 0.0)
    assert figures(_inference("m", 0) + _inference("m", 0, outcome="fail")) == (0, 0, 0.0)


@pytest.mark.server
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (_counter("ovms_infer_req_active", 1, name="fc", version="1")
         + _counter("ovms_infer_req_queue_size", 4, name="fc", version="1"), "1 of 4 in use"),
        (_inference("fc", 0) + _inference("fc", 0, outcome="fail"), "no request for inference is counted yet"),
        (_inference("fc", 2, outcome="fail"), "fc"),
    ],
    ids=["gauges", "none yet", "failures"],
)  # fmt: skip
def test_the_text_says_only_what_is_counted(text: str, expected: str) -> None:
    with http_server(replay("2025.4-single", metrics=(200, "text/plain", text.encode()))) as server:
        (line,) = (
            line
            for line in status(f"127.0.0.1:{server.port}", "--interval", "0.05")
            .text.partition("AVAILABLE")[2]
            .splitlines()
            if expected in line and "OpenAI" not in line
        )
        markdown = status(f"127.0.0.1:{server.port}", "--interval", "0.05", "--format", "markdown")
    assert markdown.code == 0
    assert ("| \\- |" in markdown.text) == ("counted yet" not in expected)
    assert ("counted yet" in line) == ("counted yet" in expected)
    assert "%" not in line


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-5"])
def test_a_metric_value_without_a_count(value: str) -> None:
    text = _inference("m", 0).replace(" 0", f" {value}")
    assert [row.requests for row in metrics_table(read_metrics(text))] in ([], [0])


def test_a_text_that_is_not_metrics() -> None:
    with pytest.raises(MetricsError):
        read_metrics("ovms_requests_success{name=")


def _busy(active: int, wait: int, version: str = "1") -> str:
    text = _inference("fc", 4, version=version)
    text += _counter("ovms_infer_req_active", active, name="fc", version=version)
    text += _counter("ovms_infer_req_queue_size", 2, name="fc", version=version)
    for name, total in (("wait_for_infer_req_time", wait), ("inference_time", 4000)):
        text += _counter(f"ovms_{name}_us_sum", total, name="fc", version=version)
        text += _counter(f"ovms_{name}_us_count", 4, name="fc", version=version)
    return text


@pytest.mark.server
@pytest.mark.parametrize(
    ("active", "wait", "found"),
    [(2, 8000, True), (2, 400, False), (1, 8000, False)],
    ids=["busy", "short", "idle"],
)
def test_all_infer_requests_in_use(active: int, wait: int, found: bool) -> None:
    answer = replay("2025.4-single", metrics=(200, "text/plain", _busy(active, wait).encode()))
    with http_server(answer) as server:
        code, document = live(f"127.0.0.1:{server.port}")
    assert code == 0
    assert [item["code"] for item in document["findings"]] == (["OVD897"] if found else [])


@pytest.mark.server
@pytest.mark.parametrize(
    ("text", "versions"),
    [
        (_busy(2, 8000) + _busy(0, 0, "2"), [1]),
        (_busy(0, 0) + _busy(2, 8000, "2"), [2]),
        (_busy(2, 8000) + _busy(2, 8000, "2"), [1, 2]),
        # The one waits for nothing and is full; the other is not full.
        (_busy(2, 0) + _busy(1, 80_000, "2"), []),
    ],
    ids=["first", "second", "both", "none"],
)
def test_each_version_has_infer_requests_of_its_own(text: str, versions: list[int]) -> None:
    with http_server(replay("2025.4-single", metrics=(200, "text/plain", text.encode()))) as server:
        _, document = live(f"127.0.0.1:{server.port}")
    found = document["findings"]
    assert sorted((item["code"], item["subject"]["version"]) for item in found) == [
        ("OVD897", number) for number in versions
    ]
    assert len({item["fingerprint"] for item in found}) == len(found)
    for item in found:
        assert item["message"].startswith(
            f"All 2 infer requests of fc, version {item['subject']['version']}, are in use, and requests wait 2.0 ms"
        )


def test_the_infer_requests_of_a_version_need_both_gauges() -> None:
    active, size = "ovms_infer_req_active", "ovms_infer_req_queue_size"
    text = _counter(active, 1, name="m", version="1") + _counter(size, 2, name="m", version="1")
    text += _counter(active, 1, name="m", version="2") + _counter(size, 4, name="m", version="3")
    text += _counter(active, 1, name="n") + _counter(size, 1, name="n")
    rows = metrics_table(read_metrics(text))
    assert [
        (row.name, [(item.version, item.active, item.size) for item in row.versions]) for row in rows
    ] == [
        ("m", [(1, 1, 2)]),
        ("n", [(None, 1, 1)]),
    ]


@pytest.mark.server
def test_an_interval_gives_rates() -> None:
    counts = iter(range(100, 10_000, 100))
    recorded = replay("2025.4-single")

    def answer(path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, "text/plain", _inference("fc", next(counts)).encode()
        return recorded(path)

    with http_server(answer) as server:
        _, document = live(f"127.0.0.1:{server.port}", "--interval", "0.1")
    (row,) = document["live"]["metrics"]["models"]
    assert row["requests"] == 200
    assert row["rate"] > 0


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("2025.2.0.abc", "2025.2 ignores --metrics_enable where --model_path names a graph"),
        ("2022.3.0.abc", "with --config_path only"),
        ("2026.3.0.abc", "not with both"),
    ],
)
def test_how_metrics_are_turned_on_depends_on_the_release(version: str, text: str) -> None:
    recorded = replay("2026.3-config")

    def answer(path: str) -> Answer:
        if path == "/metrics":
            return 400, JSON, b'{"error":"Invalid request URL"}'
        if path == "/v2":
            return 200, JSON, b'{"name":"OpenVINO Model Server","version":"%s"}' % version.encode()
        return (200, JSON, b"{}") if path == "/v1/config" else recorded(path)

    with http_server(answer) as server:
        _, document = live(f"127.0.0.1:{server.port}")
    (finding,) = (item for item in document["findings"] if item["code"] == "OVD898")
    assert text in finding["remedy"]["steps"][0]["text"]
