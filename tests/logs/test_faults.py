"""Recorded starts with one fault each: the cause, the states and the end, at every level."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from ovms_doctor.diagnosis.log_findings import diagnose
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.log import LogDiagnosis, LogSummary
from ovms_doctor.model.openvino_log import NO_WEIGHTS
from tests.logs.recorded import packed, read, read_recorded, record, recorded, start
from tests.samples import sampled

#: Fault → codes of its errors and warnings; the first is the cause. All others are healthy.
CAUSES = {
    "batch-auto-scalar": ["OVD429"],
    "bind-address-not-local": ["OVD802"],
    "config-empty": ["OVD403"],
    "config-not-json": ["OVD403"],
    "config-schema-wrong-type": ["OVD404"],
    "cpu-extension-not-a-library": ["OVD352"],
    "device-GPU.1": ["OVD432"],
    "device-gpu": ["OVD432"],
    "empty-version-dir-config": ["OVD111"],
    "html-instead-of-xml": ["OVD301"],
    "mediapipe-config-in-build-without-mediapipe": ["OVD404"],
    "metrics-list-without-enable": ["OVD406"],
    "missing-dir-config": ["OVD106"],
    "no-permission-base-uid5000-config": ["OVD202"],
    "pipeline-missing-model": ["OVD442"],
    "pipeline-wrong-node": ["OVD442"],
    "plugin-config-unsupported-key-cli": ["OVD422"],
    "port-privileged-uid5000": ["OVD803"],
    "s3-path-cloud-disabled": ["OVD659"],
    "shape-not-parsable-first-in-list": ["OVD423"],
    "truncated-bin": ["OVD308"],
    # The name is already used, and the command ends.
    "add-to-config": ["OVD393", "OVD844"],
    "broken-model-first-in-list": ["OVD312"],
    "broken-xml-config": ["OVD312"],
    "cache-dir-not-writable-uid5000": ["OVD505"],
    "config-missing": ["OVD405"],
    "config-schema-no-base-path": ["OVD101"],
    "config-schema-unknown-top-key": ["OVD404"],
    "config-stateful-keys-removed-in-2026.3": ["OVD404"],
    "cpu-extension-missing": ["OVD406"],
    "custom-loader-missing": ["OVD420", "OVD441"],
    "device-AUTO_GPU": ["OVD432"],
    "device-CUDA": ["OVD432"],
    "device-GPU-cli": ["OVD432"],
    "device-HETERO_GPU-CPU": ["OVD432"],
    "device-NPU": ["OVD432"],
    "duplicate-model-name": ["OVD402"],
    "empty-version-dir-cli": ["OVD111"],
    "flat-dir-cli": ["OVD101"],
    "grpc-bind-address-not-local": ["OVD802"],
    "layout-incompatible": ["OVD430"],
    "log-path-not-writable-uid5000": ["OVD847"],
    "metrics-list-unknown-config": ["OVD414"],
    "metrics-without-rest": ["OVD406"],
    "missing-dir-cli": ["OVD106"],
    "missing-dir-first-in-list": ["OVD106"],
    "no-permission-base-uid5000-cli": ["OVD201"],
    "no-permission-bin-uid5000-cli": ["OVD203"],
    "no-permission-version-dir-uid5000-config": ["OVD202"],
    "onnx-garbage": ["OVD301"],
    "pipeline-model-broken": ["OVD312", "OVD442"],
    "pipeline-wrong-input-name": ["OVD442"],
    "plugin-config-bad-value": ["OVD433"],
    "plugin-config-unsupported-key": ["OVD422"],
    "plugin-config-unsupported-key-first-in-list": ["OVD422"],
    "port-busy-rest": ["OVD801"],
    "remove-from-config-not-there": ["OVD844"],
    "shape-not-parsable": ["OVD423"],
    "shape-wrong-input-name": ["OVD425"],
    "usage-api-key-file-missing": ["OVD406"],
    "usage-bind-address-bad": ["OVD406"],
    "usage-config-and-model": ["OVD406"],
    "usage-config-and-shape": ["OVD406"],
    "usage-log-level-lower-case": ["OVD406"],
    "usage-low-latency-removed": ["OVD406"],
    "usage-model-name-only": ["OVD406"],
    "usage-model-repository-path-alone": ["OVD406"],
    "usage-no-arguments": ["OVD406"],
    "usage-poll-negative": ["OVD406"],
    "usage-port-out-of-range": ["OVD406"],
    "usage-same-ports": ["OVD406"],
    "usage-stray-word": ["OVD406"],
    "usage-unknown-option": ["OVD406"],
    "signals-SIGILL": ["OVD706"],
    "version-dir-names-v1-and-0": ["OVD102", "OVD104"],
}
#: What ends the process if it is not the first cause.
ENDED_BY = {"add-to-config": "OVD844"}
#: The help is printed instead; the first run adds the model, the second finds that it exists.
_HELP = {"2026.3/usage-no-arguments/default", "2026.3/add-to-config/DEBUG"}


@cache
def _diagnosed(key: str) -> tuple[LogDiagnosis, tuple[Finding, ...]]:
    diagnosis, findings = diagnose(read_recorded(key))
    return diagnosis, tuple(findings)


def _cause(key: str) -> str:
    return key.split("/")[1]


@pytest.mark.parametrize("key", sorted(recorded()))
def test_a_recorded_start(key: str) -> None:
    diagnosis, findings = _diagnosed(key)
    assert diagnosis.unmatched == ()
    found = [finding.code for finding in findings if finding.severity != "info"]
    expected = [] if key in _HELP else CAUSES.get(_cause(key), [])
    assert sorted(dict.fromkeys(found)) == sorted(expected)
    assert found[:1] == expected[:1]
    run = recorded()[key]
    if run["config"]:
        _same_states(diagnosis.summary, run["config"])
    _same_end(key, run, diagnosis)


def _same_states(log: LogSummary, answer: str) -> None:
    """The state of each servable is the one that GET /v1/config answered before the server was stopped."""
    expected = {}
    for name, item in json.loads(answer).items():
        for version in item["model_version_status"]:
            expected[name, int(version["version"])] = version["state"]
    output = {
        (servable.name, servable.version or 1): "LOADING" if servable.failing else servable.state
        for servable in log.servables
    }
    assert output == expected


def _same_end(key: str, run: dict[str, Any], diagnosis: LogDiagnosis) -> None:
    if not diagnosis.summary.starts:
        # The help, the version, a list of models, a signal before the first message: no server was started.
        assert run["exit_code"] == 0 or run["stopped_with"] == "SIGTERM-during-start"
        return
    (start,) = diagnosis.summary.starts
    if run["stopped_with"] in ("SIGTERM", "SIGINT"):
        assert start.ended == "shutdown"
    elif run["stopped_with"] in ("SIGKILL", "SIGSEGV", "SIGHUP"):
        assert start.ended == "cut_off"
    else:
        assert start.ended == "exit"
        name = _cause(key)
        assert diagnosis.ended_by[0] == ENDED_BY.get(name, CAUSES[name][0])


#: The prefix in other releases and systems.
FORMS = {
    "until 2021.2": lambda text: re.sub(r"(?m)^(\[20[^\]]*\])\[\d+\]", r"\1", text),
    "until 2021.1": lambda text: re.sub(
        r"(?m)^(\[20[^\]]*\])\[\d+\]\[([^\]]*)\]\[([^\]]*)\]\[[^\]]*\]", r"\1 [\2] [\3]", text
    ),
    "on Windows": lambda text: re.sub(
        r"(?m)^(\[20[^\]]*\]\[\d+\]\[[^\]]*\]\[[^\]]*\])\[", r"\1[src/", text
    ).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "key",
    sampled(
        sorted(key for key in recorded() if key.endswith("/INFO")),
        lambda key: tuple(CAUSES.get(_cause(key), ())),
    ),
)
def test_other_forms_of_the_prefix_give_the_same_result(key: str, form: str) -> None:
    run = recorded()[key]
    changed = FORMS[form](run["stdout"]) + run["stderr"]
    diagnosis, findings = diagnose(read(changed.encode("utf-8", "surrogateescape")))
    expected, expected_findings = _diagnosed(key)
    assert [finding.code for finding in findings] == [finding.code for finding in expected_findings]
    states = [(item.name, item.version, item.state, item.retries) for item in diagnosis.summary.servables]
    assert states == [
        (item.name, item.version, item.state, item.retries) for item in expected.summary.servables
    ]
    assert diagnosis.ended_by == expected.ended_by


def test_a_cause_names_the_servable_that_does_not_load() -> None:
    diagnosis, _ = diagnose(read_recorded("2026.3/pipeline-model-broken/INFO"))
    causes = {
        servable.name: codes
        for servable, codes in zip(diagnosis.summary.servables, diagnosis.causes, strict=True)
    }
    assert causes == {"brokenxml": ("OVD312",), "dag": ("OVD442",), "fc": (), "two": ()}


def test_retries_are_counted_and_the_failure_lasts_since_the_first() -> None:
    log = read_recorded("2026.3/broken-xml-config/INFO")
    (broken,) = [servable for servable in log.servables if servable.failing]
    text = recorded()["2026.3/broken-xml-config/INFO"]["stdout"]
    assert broken.retries == text.count("Will reload model: brokenxml")
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines, 1) if '"error_code": "UNKNOWN"' in line)
    assert broken.since_line == first
    assert broken.since == lines[first - 1][1:24]


def _reload_findings() -> Iterator[tuple[str, str, bool]]:
    _, findings = diagnose(read(packed("reload-2026.3-DEBUG.log.xz")))
    for finding in findings:
        yield finding.code, finding.severity, "over" in finding.detail


def test_fault_repaired_while_the_server_ran_is_over() -> None:
    """The last change in the recording makes config.json invalid JSON again; everything else was repaired."""
    persistent = {code for code, _, over in _reload_findings() if not over}
    assert persistent == {"OVD403"}
    assert {severity for _, severity, over in _reload_findings() if over} == {"warning"}


def test_changes_while_the_server_ran() -> None:
    log = read(packed("reload-2026.3-DEBUG.log.xz"))
    texts = [(change.servable, change.version, change.text.partition(" after")[0]) for change in log.changes]
    assert ("img", 1, "is added") in texts
    assert ("fc", 3, "fails to load") in texts
    assert ("fc", 3, "is AVAILABLE") in texts
    assert ("dag", None, "is AVAILABLE") in texts
    assert texts[-1][2] == "a client requested a reload of the configuration"
    assert [change.at for change in log.changes] == sorted(change.at for change in log.changes)


@pytest.mark.parametrize("version", [2, None])
def test_a_closing_message_names_the_servable_if_no_state_is_logged(version: int | None) -> None:
    ended = "" if version is None else f" version: {version};"
    text = f"Error occurred while loading model: m;{ended} error: Cannot load"
    if version is None:
        text = "Error occurred while loading model: m versions; error: Cannot load"
    log = read(f"{start()}\n{record(text, level='error')}\n".encode())
    assert [(item.name, item.version, item.failing) for item in log.servables] == [("m", version, True)]


def _fails(kind: str, *, ends: bool, message: str) -> str:
    state = (
        "Mediapipe: m state changed to: LOADING_PRECONDITION_FAILED after handling: ValidationFailedEvent: "
        if kind == "graph"
        else 'STATUS CHANGE: Version 1 of model m status change. New status: ( "state": "LOADING", '
        '"error_code": "UNKNOWN" )'
    )
    lines = [start(), record(message, level="error"), record(state)]
    if ends:
        lines += [
            record("Couldn't start model manager", level="error"),
            record("ovms::ModelManager::Start() Error: Internal server error", level="error"),
            record("GRPCServerModule shutting down"),
            record("GRPCServerModule shutdown"),
        ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("kind", "ends", "message", "expected"),
    [
        ("model", False, "Missing model directory /m/1", "next_poll"),
        ("model", True, "Missing model directory /m/1", "restart"),
        ("graph", False, "Trying to parse mediapipe graph definition: m failed", "config_change"),
        ("graph", True, "Trying to parse mediapipe graph definition: m failed", "restart"),
    ],
)
def test_a_server_that_ended_reads_nothing_again(kind: str, ends: bool, message: str, expected: str) -> None:
    _, findings = diagnose(read(_fails(kind, ends=ends, message=message).encode()))
    assert findings[0].recovers == expected


def test_an_excerpt_begins_with_its_first_record() -> None:
    """Also where that says nothing about a servable."""
    lines = [
        record("Requesting model: m; version: 0.", at="11:00:00.000", level="debug"),
        record(
            'STATUS CHANGE: Version 1 of model m status change. New status: ( "state": "AVAILABLE", '
            '"error_code": "OK" )',
            at="11:30:00.000",
        ),
        record("Requesting model: m; version: 0.", at="12:00:00.000", level="debug"),
    ]
    log = read("\n".join(lines).encode())
    assert ((log.first_at or "")[11:19], (log.last_at or "")[11:19]) == ("11:00:00", "12:00:00")


def test_executor_that_ends_the_server_is_quoted_and_no_value() -> None:
    text = "Error occurred in LLM executor: Check 'a' failed at src/b.cpp:1:\nMax num batched tokens (1).."
    _, findings = diagnose(read(f"{start()}\n{record(text, level='error')}\n".encode()))
    (found,) = [finding for finding in findings if finding.code == "OVD824"]
    assert "names" not in found.detail


def test_failed_image_pipelines_have_one_cause() -> None:
    lines = [
        start(),
        record(f"Failed to create Image2ImagePipeline from disk: {NO_WEIGHTS}", level="warning"),
        record(f"Failed to create Text2ImagePipeline from disk: {NO_WEIGHTS}", level="warning"),
        record("Failed to create any image generation pipeline from: /sd", level="error"),
        record(
            "Failed to create Image Generation pipelines: n. Error: Failed to create any image generation pipeline "
            "from: /sd",
            level="error",
        ),
        record(
            "Mediapipe: sd state changed to: LOADING_PRECONDITION_FAILED after handling: ValidationFailedEvent: "
        ),
    ]
    _, findings = diagnose(read("\n".join(lines).encode()))
    assert [finding.code for finding in findings] == ["OVD366"]
    alone, _ = diagnose(read("\n".join((lines[0], lines[4], lines[5])).encode()))
    assert alone.causes == (("OVD822",),)


def test_meaningless_field_names_are_not_quoted() -> None:
    text = "Libgit2 clone error: -1 message: unexpected http status code: 401"
    _, findings = diagnose(read(f"{start()}\n{record(text, level='error')}\n".encode()))
    assert "error2" not in findings[0].detail


def _closing(status: str, *, begin: str = "") -> bytes:
    text = f"Error occurred while loading model: m; version: 1; error: {status}"
    return (begin + record(text, level="error") + "\n").encode()


@pytest.mark.parametrize("begin", ["", start() + "\n"])
def test_a_status_of_many_causes_is_not_taken_for_one_of_them(begin: str) -> None:
    diagnosis, (finding,) = diagnose(read(_closing("Internal server error", begin=begin)))
    assert finding.code == "OVD835"
    assert diagnosis.causes == (("OVD835",),)
    assert "OVD203, OVD301, " in finding.detail
    # Together with check, the log confirms each of them.
    assert {"OVD203", "OVD312"} <= set(diagnosis.candidates[finding.fingerprint])


def test_a_status_of_one_cause_is_that_cause() -> None:
    diagnosis, (finding,) = diagnose(read(_closing("Cannot load model with no inputs")))
    assert (finding.code, finding.confidence) == ("OVD331", "low")
    assert diagnosis.causes == (("OVD331",),)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ovms::ModelManager::Start() Error: Internal server error", "OVD836"),
        ("ovms::ModelManager::Start() Error: Cannot load model with no inputs", "OVD331"),
        ("Failed to start gRPC server - at 0.0.0.0:9000", "OVD802"),
        ("Failed to start REST server - at 0.0.0.0:8000", "OVD836"),
    ],
)
def test_an_excerpt_of_a_start_that_ends_is_an_exit(text: str, code: str) -> None:
    lines = [record(text, level="error"), record("ServableManagerModule shutting down")]
    diagnosis, findings = diagnose(read("\n".join(lines).encode()))
    assert [item.ended for item in diagnosis.summary.starts] == ["exit"]
    assert diagnosis.ended_by == (code,)
    assert [finding.code for finding in findings] == [code]


def test_a_start_is_not_explained_twice() -> None:
    start_failed = record("ovms::ModelManager::Start() Error: Internal server error", level="error")
    log = read(_closing("Internal server error") + start_failed.encode())
    diagnosis, findings = diagnose(log)
    assert diagnosis.ended_by == ("OVD835",)
    assert [finding.code for finding in findings] == ["OVD835"]


@pytest.mark.parametrize("line", ["Shutdown model manager", "Shutdown HTTP server", "Shutdown gRPC server"])
def test_an_excerpt_of_a_shutdown_shows_no_state(line: str) -> None:
    state = 'STATUS CHANGE: Version 1 of model m status change. New status: ( "state": "END", "error_code": "OK" )'
    log = read(f"{record(line)}\n{record(state)}\n".encode())
    assert [item.ended for item in log.starts] == ["shutdown"]
    assert log.servables == ()


def _codes(*lines: str) -> tuple[tuple[str | None, ...], list[tuple[str, str]]]:
    """What ended each start, and the code and the severity of each finding."""
    diagnosis, findings = diagnose(read(("\n".join((start(), *lines)) + "\n").encode()))
    return diagnosis.ended_by, sorted((finding.code, finding.severity) for finding in findings)


STOPS = record("ServableManagerModule shutting down")
CREATED = record("Cache directory /opt/cache did not exist, created", level="warning")
UNKNOWN = record("Frobnication of the gizmo went wrong", level="error")
#: A model of a configuration that does not load: the server continues.
BROKEN = (
    record("Missing model directory /m/1", level="error"),
    _fails("model", ends=False, message="x").splitlines()[-1],
)


def test_a_warning_without_effect_does_not_end_a_start() -> None:
    assert _codes(CREATED, UNKNOWN, STOPS) == (("OVD836",), [("OVD507", "warning"), ("OVD836", "error")])


def test_an_unknown_error_that_ends_a_start_is_an_error_and_quoted() -> None:
    _, (finding,) = diagnose(read(f"{start()}\n{UNKNOWN}\n{STOPS}\n".encode()))
    assert (finding.code, finding.severity) == ("OVD836", "error")
    assert finding.server_log == ("Frobnication of the gizmo went wrong",)


@pytest.mark.parametrize(
    "end", [UNKNOWN, record("Exception catch: something odd - will now terminate.", level="error")]
)
def test_a_model_that_does_not_load_does_not_end_a_start_with_a_configuration(end: str) -> None:
    ended_by, found = _codes(*BROKEN, end, STOPS)
    assert ended_by == ("OVD836",)
    assert [code for code, _ in found] == ["OVD103", "OVD836"]


def test_a_warning_that_ends_a_start_is_named() -> None:
    unknown_metric = record("Metrics family name not supported: ovms_foo", level="warning")
    ended = record("ovms::ModelManager::Start() Error: Invalid", level="error")
    assert _codes(unknown_metric, ended, STOPS) == (("OVD414",), [("OVD414", "error")])


def test_a_cause_that_ends_a_start_is_an_error() -> None:
    text = (
        "Trying to pull a/b from HuggingFace but missing optimum-intel. Use the ovms package with "
        "optimum-intel installed."
    )
    assert _codes(record(text, level="error"), STOPS) == (("OVD390",), [("OVD390", "error")])


def test_an_end_without_a_reason_before_a_good_start_is_over() -> None:
    again = (start(), record("ServableManagerModule started"))
    ended_by, found = _codes(UNKNOWN, STOPS, *again)
    assert (ended_by, found) == (("OVD836", None), [("OVD836", "warning")])


def test_a_load_that_fails_with_an_unknown_error_is_an_error_and_quoted() -> None:
    lines = (record("ServableManagerModule started"), UNKNOWN, BROKEN[1])
    diagnosis, (finding,) = diagnose(read("\n".join((start(), *lines)).encode()))
    assert diagnosis.causes == (("OVD835",),)
    assert (finding.code, finding.severity) == ("OVD835", "error")
    assert finding.server_log == ("Frobnication of the gizmo went wrong",)


def test_an_exception_of_a_graph_is_logged_after_its_state() -> None:
    failed = _fails("graph", ends=False, message="x").splitlines()[-1]
    text = "Failed to process mediapipe graph config:[json.exception.parse_error.101] parse error at line 1"
    # The server is stopped while it starts: the graph does not end it.
    lines = (start(), failed, record(text, level="error"), STOPS)
    diagnosis, (finding,) = diagnose(read("\n".join(lines).encode()))
    assert diagnosis.ended_by == (None,)
    assert diagnosis.causes == ((finding.code,),)
    assert (finding.code, finding.subject.model) == ("OVD367", "m")


@pytest.mark.parametrize(
    ("started", "ended_by"), [((), ("OVD836",)), (("PythonInterpreterModule started",), (None,))]
)
def test_an_interpreter_that_does_not_start_ends_the_server(
    started: tuple[str, ...], ended_by: tuple[str | None, ...]
) -> None:
    texts = ("PythonInterpreterModule starting", *started, "PythonInterpreterModule shutting down")
    assert _codes(*(record(text) for text in texts))[0] == ended_by


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Failed to start gRPC server - at 0.0.0.0:9000 - port is busy", "OVD801"),
        ("Frobnication failed", "OVD836"),
    ],
)
def test_starts_that_end_for_the_same_reason_have_one_cause(message: str, code: str) -> None:
    lines = (record(message, level="error"), STOPS, start()) * 3
    ended_by, found = _codes(*lines)
    assert ended_by == (code, code, code, None)
    assert [item for item, _ in found] == [code]


def test_a_message_without_a_line_end_does_not_hide_the_next_start() -> None:
    refused = "error parsing options - Unable to open file : No such file or directory [/nokey]"
    log = read(f"{refused}{start()}\n{record('ServableManagerModule started')}\n".encode())
    assert [(item.ended, item.release) for item in log.starts] == [("exit", None), ("cut_off", "2026.3")]
    assert [problem.text for problem in log.problems] == [refused]


def test_an_error_before_the_log_is_set_up_belongs_to_the_next_start() -> None:
    text = "Exception catch: Failed opening file /l for writing: Permission denied - will now terminate."
    log = read(f"{start()}\n{STOPS}\n[2026-11-28 13:54:56.285] [error] [server.cpp:637] {text}\n".encode())
    assert [item.ended for item in log.starts] == ["shutdown", "exit"]


@pytest.mark.parametrize(("error", "code"), [(BROKEN[0], "OVD103"), (UNKNOWN, "OVD835")])
def test_a_warning_before_a_load_is_not_its_cause(error: str, code: str) -> None:
    diagnosis, findings = diagnose(read("\n".join((start(), CREATED, error, BROKEN[1])).encode()))
    assert diagnosis.causes == ((code,),)
    assert [(finding.code, finding.severity) for finding in findings] == [
        (code, "error"),
        ("OVD507", "warning"),
    ]


def test_the_cause_of_a_failed_load_is_an_error() -> None:
    text = "Invalid or missing S3 credentials, or bucket does not exist - b. No response body."
    assert _codes(record(text, level="error"), BROKEN[1])[1] == [("OVD624", "error")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("start.sh: line 3:    17 Killed                  /ovms/bin/ovms --config_path /c.json", "OVD701"),
        ("./run.sh: line 4: 12345 Segmentation fault      (core dumped) ovms --port 9000", "OVD708"),
        ("/x.sh: line 12:     7 Aborted                 (core dumped) ovms --port 9000", "OVD707"),
        (
            "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc",
            "OVD707",
        ),
    ],
)
def test_the_shell_names_how_the_server_ended(line: str, code: str) -> None:
    loading = _fails("model", ends=False, message="x").splitlines()[-1].replace("UNKNOWN", "OK")
    ended_by, found = _codes(loading, line)
    assert ended_by == (code,)
    assert (code, "error") in found


def test_the_end_of_another_command_is_not_the_servers() -> None:
    assert _codes("start.sh: line 3:    17 Killed                  /bin/sleep 5") == ((None,), [])


def test_the_most_specific_message_on_a_failed_load_is_named() -> None:
    text = "Error during configuration validation against model"
    closing = _closing("Shape from config not found in model", begin=record(text, level="error") + "\n")
    diagnosis, (finding,) = diagnose(read(closing))
    assert diagnosis.causes == (("OVD425",),)
    assert finding.severity == "error"


@pytest.mark.parametrize("size", [1, 1 << 16])
def test_a_start_without_an_end_has_its_last_message(size: int) -> None:
    loading = record("Initializing Language Model Continuous Batching servable")
    text = "\n".join((start(), loading, "more text", start(), STOPS, start(), loading, "more text")) + "\n"
    data = text.encode()
    log = read(*(data[begin : begin + size] for begin in range(0, len(data), size)))
    assert [item.ended for item in log.starts] == ["cut_off", "shutdown", "cut_off"]
    message = "Initializing Language Model Continuous Batching servable"
    assert [item.last_message for item in log.starts] == [message, "", message]


@pytest.mark.parametrize(
    ("after", "codes"),
    [
        ((), ["OVD834"]),
        (("Mediapipe: m state changed to: AVAILABLE after handling: ValidationPassedEvent: ",), []),
        (("GRPCServerModule shutting down",), []),
    ],
)
def test_a_log_ends_while_a_generative_model_is_loaded(after: tuple[str, ...], codes: list[str]) -> None:
    lines = ("Initializing Language Model Continuous Batching servable", *after)
    assert [code for code, _ in _codes(*(record(line) for line in lines))[1]] == codes


@pytest.mark.parametrize(
    ("end", "confidence"), [("", "low"), ("\n; model: m; version: 1; device: GPU", "high")]
)
def test_a_message_without_its_end_names_no_certain_cause(end: str, confidence: str) -> None:
    text = (
        "Cannot compile model into target device; error: Exception from src/inference/src/cpp/core.cpp:117:"
    )
    _, (finding,) = diagnose(read(record(text + end, level="error").encode()))
    assert (finding.code, finding.confidence) == ("OVD342", confidence)
