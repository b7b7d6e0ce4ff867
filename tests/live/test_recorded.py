"""Recorded answers of real servers, replayed: states, kinds, findings, exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.live.servers import JSON, Answer, codes, grpc_server, http_server, live, recorded, replay, status

pytestmark = pytest.mark.server
FAST = ("--interval", "0.05")


def _states(document: dict[str, Any]) -> dict[str, list[tuple[int, str, str, str]]]:
    return {
        item["name"]: [
            (row["version"], row["state"], row["error_code"], row["condition"]) for row in item["versions"]
        ]
        for item in document["live"]["servables"]
    }


def test_every_state_of_a_configuration() -> None:
    with http_server(replay("2026.3-config")) as server:
        code, document = live(f"localhost:{server.port}", *FAST)
    states = _states(document)
    assert code == 1
    assert states["fc"] == [(1, "AVAILABLE", "OK", "available")]
    assert states["multi"][2] == (3, "LOADING", "UNKNOWN", "failing")
    assert states["ended"] == [(1, "AVAILABLE", "OK", "available"), (2, "END", "OK", "retired")]
    assert states["removed"] == [(1, "END", "OK", "retired")]
    assert states["badpipe"] == [(1, "LOADING", "FAILED_PRECONDITION", "failing")]
    assert states["nover"] == []
    assert len(states) == 15
    found = document["live"]
    assert (found["release"], found["live"], found["ready"]) == ("2026.3", True, True)
    assert {item["subject"]["model"] for item in document["findings"] if item["code"] == "OVD894"} == {
        "badpipe", "broken", "multi", "nover",
    }  # fmt: skip
    assert [step["ok"] for step in found["steps"]] == [True] * 5


def test_kinds_are_distinguished() -> None:
    with http_server(replay("2026.3-config")) as server:
        _, document = live(f"localhost:{server.port}", *FAST)
    kinds = {item["name"]: item["kind"] for item in document["live"]["servables"]}
    assert (kinds["fc"], kinds["multi"], kinds["pipe"], kinds["badpipe"]) == (
        "model",
        "model",
        "pipeline",
        "pipeline",
    )


def test_only_get_is_sent_and_only_status_endpoints() -> None:
    with http_server(replay("2026.3-config")) as server:
        status(f"localhost:{server.port}", *FAST, "--model", "fc")
        methods = {method for method, _, _ in server.requests}
        paths = {path for _, path, _ in server.requests}
    assert methods == {"GET"}
    assert not [path for path in paths if path.endswith(("infer", "predict", "reload"))]


def test_metrics_by_model_and_interface() -> None:
    with http_server(replay("2026.3-config")) as server:
        _, document = live(f"localhost:{server.port}", *FAST)
    metrics = document["live"]["metrics"]
    assert metrics["enabled"] is True
    rows = [(row["requests"], row["name"]) for row in metrics["models"]]
    assert rows == sorted(rows, key=lambda row: (-row[0], row[1]))
    text = recorded()["2026.3-config"]["http"]["/metrics"][2]
    expected = sum(
        int(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith(("ovms_requests_success{", "ovms_requests_fail{"))
        and 'name="fc"' in line and 'interface="REST"' in line and 'method="ModelInfer"' in line
    )  # fmt: skip
    assert [
        row["requests"] for row in metrics["models"] if (row["name"], row["interface"]) == ("fc", "REST")
    ] == [expected]


def test_a_server_without_any_available_servable() -> None:
    with http_server(replay("2026.3-nothing")) as server:
        code, document = live(f"localhost:{server.port}", *FAST)
    assert code == 1
    assert codes(document) == ["OVD894", "OVD894"]
    assert document["live"]["metrics"] == {"enabled": False, "models": []}


def test_an_empty_configuration() -> None:
    with http_server(replay("2026.3-nothing", v1_config=(200, JSON, b"{}"))) as server:
        code, document = live(f"localhost:{server.port}")
    assert (code, codes(document)) == (1, ["OVD895"])


def test_all_available_is_exit_code_0() -> None:
    with http_server(replay("2025.4-single")) as server:
        code, document = live(f"http://127.0.0.1:{server.port}/v3/chat/completions")
        text = status(f"127.0.0.1:{server.port}").text
    assert (code, codes(document), document["live"]["release"]) == (0, [], "2025.4")
    assert document["server"]["release"] == "2025.4"
    assert text.splitlines()[-1] == "✓ the only servable is available"


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("FC", "Request fc (names differ in capital letters)."),
        ("fc/1", "A version is not part of the name: /v2/models/fc/versions/1."),
        ("nosuch", "Request one of those that are served: fc."),
    ],
)
def test_a_name_that_is_not_served(typed: str, advice: str) -> None:
    with http_server(replay("2025.4-single")) as server:
        code, document = live(f"localhost:{server.port}", "--model", typed)
    assert (code, codes(document)) == (1, ["OVD896"])
    assert document["findings"][0]["remedy"]["steps"][0]["text"] == advice


def test_the_named_model_is_served() -> None:
    with http_server(replay("2025.4-single")) as server:
        assert live(f"localhost:{server.port}", "--model", "fc")[0] == 0


@pytest.mark.parametrize(("model", "expected"), [("fc", 0), ("nosuch", 1)])
def test_a_gateway_that_passes_only_the_paths_of_models(model: str, expected: int) -> None:
    """The named model is ready, although the other paths are blocked."""
    hidden = (404, "text/plain", b"not found")
    with http_server(replay("2025.4-single", v1_config=hidden, metrics=hidden)) as server:
        code, document = live(f"localhost:{server.port}", "--model", model)
        text = status(f"localhost:{server.port}", "--model", model).text
    assert code == expected
    assert [item["severity"] for item in document["findings"] if item["code"] == "OVD899"] == (
        ["warning"] if model == "fc" else ["error"]
    )
    if model == "fc":
        assert text.splitlines()[-1] == "✓ fc is ready"


# -- one look is not enough ----------------------------------------------------------------------------


def _config(**states: str) -> Answer:
    document = {}
    for name, text in states.items():
        state, _, error = text.partition("/")
        row = {"version": "1", "state": state, "status": {"error_code": error, "error_message": error}}
        document[name] = {"model_version_status": [row]}
    return 200, JSON, json.dumps(document).encode()


class _Changing:
    """``/v1/config`` changes with each request; the last answer stays."""

    def __init__(self, *configs: Answer) -> None:
        self._configs = list(configs)
        self._rest = replay("2025.4-single")

    def __call__(self, path: str) -> Answer:
        if path != "/v1/config":
            return self._rest(path)
        return self._configs.pop(0) if len(self._configs) > 1 else self._configs[0]


@pytest.mark.parametrize("first", ["LOADING/OK", "LOADING/UNKNOWN"])
def test_a_failed_version_flips_and_is_not_reported_as_loading(first: str) -> None:
    second = {"LOADING/OK": "LOADING/UNKNOWN", "LOADING/UNKNOWN": "LOADING/OK"}[first]
    changing = _Changing(_config(m=first), _config(m=second), _config(m="LOADING/OK"))
    with http_server(changing) as server:
        code, document = live(f"localhost:{server.port}", *FAST)
    assert code == 1
    assert _states(document)["m"] == [(1, "LOADING", "UNKNOWN", "failing")]


def test_a_version_that_stays_loading_is_reported_as_loading() -> None:
    with http_server(_Changing(_config(m="LOADING/OK"))) as server:
        _, document = live(f"localhost:{server.port}", *FAST)
    assert _states(document)["m"] == [(1, "LOADING", "OK", "loading")]
    assert "is being loaded" in document["findings"][0]["message"]
    assert document["live"]["looks"] == 4


def test_a_version_that_becomes_available_during_the_query() -> None:
    with http_server(_Changing(_config(m="LOADING/OK"), _config(m="AVAILABLE/OK"))) as server:
        code, document = live(f"localhost:{server.port}", *FAST)
    assert (code, codes(document)) == (0, [])


@pytest.mark.parametrize(
    ("last", "found", "condition"),
    [
        ("LOADING/OK", ["OVD894"], "loading"),
        ("AVAILABLE/OK", [], "available"),
        ("END/OK", ["OVD895"], "retired"),
    ],
)
def test_a_version_that_is_being_unloaded_is_queried_again(
    last: str, found: list[str], condition: str
) -> None:
    """A version that is loaded again passes UNLOADING too."""
    with http_server(_Changing(_config(m="UNLOADING/OK"), _config(m=last))) as server:
        _, document = live(f"localhost:{server.port}", *FAST)
    assert codes(document) == found
    assert [row[3] for row in _states(document)["m"]] == [condition]


def test_a_version_that_stays_unloading_is_not_called_retired_yet() -> None:
    with http_server(_Changing(_config(m="UNLOADING/OK", other="AVAILABLE/OK"))) as server:
        document = live(f"localhost:{server.port}", *FAST)[1]
        text = status(f"localhost:{server.port}", *FAST).text
    assert _states(document)["m"] == [(1, "UNLOADING", "OK", "retired")]
    assert "is being unloaded" in text
    assert codes(document) == []


def test_waiting_ends_when_all_are_available() -> None:
    looks = [_config(m="LOADING/OK")] * 9
    with http_server(_Changing(*looks, _config(m="AVAILABLE/OK"))) as server:
        code, document = live(f"localhost:{server.port}", *FAST, "--wait", "600")
    assert (code, codes(document)) == (0, [])


def test_waiting_ends_at_the_deadline_with_the_reason() -> None:
    with http_server(_Changing(_config(m="LOADING/UNKNOWN"))) as server:
        code, document = live(f"localhost:{server.port}", *FAST, "--wait", "0.5")
    assert (code, codes(document)) == (1, ["OVD894"])


# -- while it starts -----------------------------------------------------------------------------------


def _moments() -> list[dict[str, Any]]:
    """The times of a recorded start at which the server answered, one for each set of answers."""
    found: dict[str, dict[str, Any]] = {}
    for moment in recorded()["2026.3-starting"]:
        answers = {path: value for path, value in moment.items() if isinstance(value, dict)}
        if len(answers) == 4:
            key = json.dumps([answers[path]["status"] for path in answers])
            found.setdefault(key, answers)
    return list(found.values())


def test_the_recorded_start_has_its_moments() -> None:
    ready = {moment["/v2/health/ready"]["status"] for moment in _moments()}
    assert ready == {200, 503}


@pytest.mark.parametrize("number", range(3))
def test_a_server_that_starts_is_reported_to_start(number: int) -> None:
    moment = _moments()[number]

    def answer(path: str) -> Answer:
        row = moment.get(path)
        if row is None:
            return (
                replay("2026.3-config")(path)
                if path == "/v2"
                else (400, JSON, b'{"error":"Invalid request URL"}')
            )
        return row["status"], JSON, row["body"].encode()

    with http_server(answer) as server:
        code, document = live(f"localhost:{server.port}", *FAST)
    starting = moment["/v2/health/ready"]["status"] != 200
    assert document["live"]["kind"] == ("starting" if starting else "ovms")
    assert ("OVD893" in codes(document)) == starting
    assert code == (1 if starting else code)


# -- gRPC ----------------------------------------------------------------------------------------------


@pytest.mark.needs_module("grpc")
@pytest.mark.parametrize(
    ("model", "code", "expected"),
    [
        ("fc", 0, []),
        ("multi", 0, []),
        ("pipe", 0, []),
        ("broken", 1, ["OVD894"]),
        ("badpipe", 1, ["OVD894"]),
        ("removed", 1, ["OVD894"]),
        ("nosuch", 1, ["OVD896"]),
    ],
)
def test_a_model_over_grpc(model: str, code: int, expected: list[str]) -> None:
    with grpc_server("2026.3-config") as port:
        found, document = live(f"grpc://127.0.0.1:{port}", "--model", model)
    assert (found, codes(document)) == (code, expected)
    assert document["live"]["version"] == "2026.3.0.f4a2934a0"
    assert (document["live"]["live"], document["live"]["ready"]) == (True, True)


@pytest.mark.needs_module("grpc")
def test_without_a_model_grpc_is_not_queried() -> None:
    with grpc_server("2026.3-config") as port:
        code, document = live(f"127.0.0.1:{port}", "--grpc")
    assert code == 3
    assert "lists no servables" in document["checks"][0]["reason"]


@pytest.mark.needs_module("grpc")
def test_not_ready_over_grpc_is_starting() -> None:
    def change(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "response": {}} if row["call"] == "ServerReady" else row

    with grpc_server("2026.3-config", change) as port:
        code, document = live(f"127.0.0.1:{port}", "--grpc", "--model", "nosuch")
    assert (code, codes(document)[0]) == (1, "OVD893")


def test_a_removed_model_is_not_served() -> None:
    with http_server(replay("2026.3-config")) as server:
        _, document = live(f"127.0.0.1:{server.port}", "--model", "removed", "--select", "OVD896")
    (finding,) = document["findings"]
    assert (finding["code"], finding["subject"]["model"]) == ("OVD896", "removed")
    assert "retired" in finding["message"]
