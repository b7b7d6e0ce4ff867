"""Every further message of the server leads to its code, and a similar line does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ovms_doctor.explain.index import codes
from ovms_doctor.explain.search import explain
from ovms_doctor.explain.signatures import Signature, signatures
from ovms_doctor.model.releases import parse_release
from tests.cli.run import ovms_doctor
from tests.samples import sampled

ALL = [item for items in signatures().values() for item in items]
PREFIX = "[2026-11-28 12:00:00.000][17][modelmanager][error][file.cpp:12] "
_FIELD = re.compile(r"\{(\w+)\}")


def _filled(text: str) -> str:
    return _FIELD.sub("v7", text)


def _found(text: str) -> set[str]:
    return {entry.code for entry, _ in explain(text).codes}


def _near_miss(text: str) -> str:
    """The template with each word reversed: the text between the fields is no longer a message of the server."""
    return re.sub(r"[A-Za-z]{3,}", lambda match: match[0][::-1], text)


def _id(item: Signature) -> str:
    return f"{item.code} {item.text[:60]}"


def test_every_message_leads_to_its_code() -> None:
    """With a prefix, and without one unless the text is short."""
    wrong = [
        (item.code, text)
        for item in ALL
        for text in (PREFIX + _filled(item.text), _filled(item.text))
        if item.code not in codes() or ((len(text) > 15) and item.code not in _found(text))
    ]
    assert wrong == []


@pytest.mark.parametrize("item", sampled(ALL, lambda item: item.code), ids=_id)
def test_near_miss_matches_no_signature(item: Signature) -> None:
    text = _near_miss(_filled(item.text))
    assert text != _filled(item.text)
    found = explain(PREFIX + text)
    assert found.codes == ()


def test_releases_are_known_and_in_order() -> None:
    for item in ALL:
        first = parse_release(item.since)
        assert item.until is None or first <= parse_release(item.until)


def test_no_message_exists_twice() -> None:
    own = {(code, text) for code, entry in codes().items() for text in (*entry.messages, *entry.texts)}
    keys = [(item.code, item.text) for item in ALL]
    assert len(keys) == len(set(keys))
    assert not own & set(keys)


def test_a_short_message_is_meant_only_at_the_beginning() -> None:
    assert "OVD821" in _found("Failed to open file: /models/graph.pbtxt")
    assert "OVD821" not in _found("While reading: Failed to open file: /x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exit 137", ["OVD701", "OVD702"]),
        ("Exited (137) 3 minutes ago", ["OVD701", "OVD702"]),
        ("container exited with code 139", ["OVD708"]),
        ('"ExitCode": 132', ["OVD706"]),
        ("exit code 64", ["OVD703"]),
        ("OOMKilled", ["OVD701"]),
        ('"OOMKilled": true', ["OVD701"]),
        ("0/1     CrashLoopBackOff   7 (2m ago)", ["OVD710"]),
        ("Back-off restarting failed container ovms in pod ovms-0", ["OVD710"]),
        ("Memory cgroup out of memory: Killed process 4711 (ovms) total-vm:8kB", ["OVD701"]),
        ("Status: ImagePullBackOff", ["OVD865"]),
        ("docker: Error response from daemon: Bind for 0.0.0.0:9000 failed: port is already allocated.", ["OVD862"]),
        ("SIGILL received: illegal instruction. This may indicate an unsupported CPU", ["OVD706"]),
        ("20260526 09:07:48.196635 UTC 1 FATAL Address already in use (errno=98) , Bind address failed at "
         "127.0.0.1:8010 - Socket.cc:67", ["OVD801"]),
        ("Failed to start gRPC server - at 0.0.0.0:9000 - port is busy", ["OVD801"]),
        ("Failed to start gRPC server - at 0.0.0.0:81 - port is busy", ["OVD803", "OVD801"]),
        ("Failed to start gRPC server - at 203.0.113.7:9000", ["OVD802"]),
        ("/ovms/bin/ovms: error while loading shared libraries: libopenvino.so.2630: cannot open shared object "
         "file: No such file or directory", ["OVD861"]),
        ('{"error":"Invalid input precision - Expected: FP32; Actual: FP64; input name: x"}', ["OVD876"]),
        ('status = StatusCode.NOT_FOUND details = "Model with requested version is not found"', ["OVD874"]),
        ("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9000", ["OVD884"]),
        ("Received message larger than max (9000000 vs. 4194304)", ["OVD884"]),
    ],
)  # fmt: skip
def test_lines_that_are_not_the_log(text: str, expected: list[str]) -> None:
    assert [entry.code for entry, _ in explain(text).codes] == expected


@pytest.mark.parametrize(
    "text",
    [
        "exit 0",
        "the model returned 137 rows",
        '"OOMKilled": false',
        "terminated by the user after 139 s",
        "Node: 7 is ready",
        "hello world, how are you",
    ],
)
def test_lines_without_a_meaning(text: str) -> None:
    assert not explain(text)


def test_values_exclude_codes() -> None:
    """A bucket without a colon or a dot is not HOST:PORT; a file .onnx has no weights file, which an IR has."""
    message = "Invalid or missing S3 credentials, or bucket does not exist - {}. The specified bucket does not exist"
    assert "OVD623" not in _found(message.format("models"))
    assert "OVD623" in _found(message.format("minio:9000"))


def test_a_message_of_the_server_is_not_a_client_error() -> None:
    line = "Invalid or missing S3 credentials, or bucket does not exist - models. curlCode: 7, Connection refused"
    assert "OVD884" not in _found(line)
    assert _found("curl: (7) Connection refused") == {"OVD884"}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("ovms::ModelManager::Start() Error: {}", "The file is not valid json"),
        (
            "Error occurred while loading model: m versions; error: {}",
            "Model with requested name is not found",
        ),
        ("Error occurred while loading model: m; version: 1; error: {}", "Invalid input shape"),
    ],
)
def test_the_status_of_a_failed_start_is_not_an_answer(text: str, status: str) -> None:
    assert explain(text.format(status)).codes == ()
    assert [code.check for code, _ in explain(status).codes] == ["requests"]


def test_the_old_text_of_a_schema_error_is_known() -> None:
    line = "Given config is invalid according to schema: #/definitions/x. Keyword: required Key: #/model_config_list/0"
    assert _found(line) == {"OVD404"}


def test_details_of_a_status_are_a_value() -> None:
    text = "Invalid number of inputs in a request to the graph"
    assert explain(text).codes
    (entry, values), *_ = explain(
        '{"error": "Size of data in tensor_content does not match declared tensor shape - 5 of 6"}'
    ).codes
    assert (entry.code, values) == ("OVD817", {"details": "5 of 6"})


@pytest.mark.parametrize(
    ("release", "text"),
    [
        ("2023.3", "Given config is invalid according to schema: #. Keyword: required Key: #"),
        ("2024.0", "JSON schema parse error:#. Keyword:required Key: #"),
    ],
)
def test_check_predicts_the_text_of_the_release(release: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}", "utf-8")
    arguments = ("check", "--load", "none", "--format", "json", "--ovms-version", release, path)
    (finding,) = [item for item in ovms_doctor(*arguments).document["findings"] if item["code"] == "OVD404"]
    assert finding["server_log"][0] == text
