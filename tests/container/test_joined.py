"""A running container: the prediction, its log and its server's answers in one report."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Result, ovms_doctor
from tests.container.diagnosed import MODELS
from tests.container.engine import Engine
from tests.container.recorded import TOP, Recorded, start_log
from tests.live.contacts import contacted
from tests.stores.servers import free_port

pytestmark = [pytest.mark.engine, pytest.mark.needs_command("docker", "dockerd")]

_NO_POLLS = ("--file_system_poll_wait_seconds", "0")
_BOTH = {"fc": {1: "AVAILABLE/OK"}, "two": {1: "AVAILABLE/OK"}}
Rows = list[tuple[str, str, str | None, int | None]]


def _check(started: Recorded, *arguments: str) -> Result:
    return ovms_doctor("check", "--container", started.id[:12], *arguments, "--format", "json")


def _rows(document: dict[str, Any]) -> Rows:
    """Code, severity, model and version of each finding, without findings that only inform about a mapping."""
    return [
        (item["code"], item["severity"], item["subject"]["model"], item["subject"]["version"])
        for item in document["findings"]
        if item["code"] != "OVD464"
    ]


def _causes(document: dict[str, Any], code: str) -> list[str]:
    """The codes of the causes of the finding with ``code``."""
    codes = {item["fingerprint"]: item["code"] for item in document["findings"]}
    found = next(item for item in document["findings"] if item["code"] == code)
    return [codes[cause] for cause in found["caused_by"]]


def test_a_matching_server_has_no_findings(engine: Engine, public_dir: Path) -> None:
    result = _check(Recorded(engine, public_dir))
    document = result.document
    assert (result.code, _rows(document)) == (0, [])
    assert document["live"]["release"] == "2026.3"
    assert [item["name"] for item in document["live"]["servables"]] == ["fc", "two"]
    assert {item["name"]: item["status"] for item in document["checks"]}["live"] == "ran"


def _version_3(started: Recorded) -> None:
    shutil.copytree(MODELS / "dense-ir" / "1", started.models / "two" / "3")


def _mapping(started: Recorded) -> None:
    (started.models / "fc/1/mapping_config.json").write_text('{"inputs": {"x": "y"}, "outputs": {}}')


def _configuration(started: Recorded) -> None:
    shutil.copytree(MODELS / "dense-ir", started.models / "img")
    started.configure("fc", "two", "img")


_ADDED: Rows = [("OVD849", "error", "two", 3)]
_MAPPED: Rows = [("OVD850", "warning", "fc", 1)]
_CONFIGURED: Rows = [("OVD848", "error", None, None)]


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ((_version_3,), _ADDED),
        ((_mapping,), _MAPPED),
        ((_configuration,), _CONFIGURED),
        ((_version_3, _mapping, _configuration), [*_CONFIGURED, *_ADDED, *_MAPPED]),
    ],
    ids=["version", "mapping", "configuration", "all three"],
)
def test_changes_after_the_recorded_start_are_distinguished(
    engine: Engine, public_dir: Path, changes: tuple[Callable[[Recorded], None], ...], rows: Rows
) -> None:
    started = Recorded(engine, public_dir, *_NO_POLLS)
    for change in changes:
        change(started)
    document = _check(started).document
    assert _rows(document) == rows
    for finding in document["findings"]:
        if finding["code"] in ("OVD848", "OVD849", "OVD850"):
            assert re.search(r"files? (is|are) newer than", finding["detail"])


def test_a_polling_server_loads_new_files_by_itself(engine: Engine, public_dir: Path) -> None:
    """A file newer than the last poll is not a fault; a mapping is never read again."""
    started = Recorded(engine, public_dir, "--file_system_poll_wait_seconds", "100000")
    _version_3(started)
    _mapping(started)
    _configuration(started)
    result = _check(started)
    assert result.code == 0
    assert _rows(result.document) == [
        ("OVD850", "warning", "fc", 1),
        ("OVD848", "info", None, None),
        ("OVD849", "info", "two", 3),
    ]


def test_a_configuration_that_the_server_refuses(engine: Engine, public_dir: Path) -> None:
    """The server continues with the configuration that it read before; at a start it ends."""
    started = Recorded(engine, public_dir)
    started.configure(text='{"model_config_list": [')
    result = _check(started)
    assert _rows(result.document) == [("OVD403", "error", None, None), ("OVD848", "warning", None, None)]
    assert _causes(result.document, "OVD848") == ["OVD403"]
    text = ovms_doctor("check", "--container", started.id[:12]).text
    assert "the running server serves all 2 servables; started now: the process ends" in text


def test_files_that_break_after_the_load(engine: Engine, public_dir: Path) -> None:
    started = Recorded(engine, public_dir)
    (started.models / "fc/1/model.bin").write_bytes(b"xx")
    document = _check(started).document
    assert _rows(document) == [("OVD308", "error", "fc", 1), ("OVD850", "warning", "fc", 1)]
    assert _causes(document, "OVD850") == ["OVD308"]
    assert "serves what it loaded before" in document["findings"][0]["detail"]


_GRAPH = """input_stream: "in"
output_stream: "out"
node { calculator: "PassThroughCalculator" input_stream: "in" output_stream: "out" }
"""
_GRAPH_LINE = (
    "{}[1][modelmanager][info][pipelinedefinitionstatus.hpp:59] Mediapipe: g state changed to: AVAILABLE after "
    "handling: ValidationPassedEvent: \n"
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (_GRAPH, []),
        (f"{_GRAPH}# more\n", [("OVD850", "warning", "g", None)]),
        ("nonsense {", [("OVD361", "error", "g", None), ("OVD850", "warning", "g", None)]),
    ],
    ids=["as it was", "changed", "broken"],
)
def test_a_graph_that_is_changed_after_it_was_loaded(
    engine: Engine, public_dir: Path, text: str, rows: Rows
) -> None:
    def prepare(models: Path) -> None:
        (models / "g").mkdir()
        (models / "g/graph.pbtxt").write_text(_GRAPH)
        config = json.loads((models / "config.json").read_text())
        config["mediapipe_config_list"] = [{"name": "g", "base_path": f"{TOP}/g"}]
        (models / "config.json").write_text(json.dumps(config))

    log = start_log()
    # The recorded server has no MediaPipe, so this line is made from the format in the server's source.
    log += _GRAPH_LINE.format(log.splitlines()[-1][:25])
    started = Recorded(engine, public_dir, prepare=prepare, log=log)
    started.answer({**_BOTH, "g": {1: "AVAILABLE/OK"}})
    if text != _GRAPH:
        (started.models / "g/graph.pbtxt").write_text(text)
    document = _check(started).document
    # What MediaPipe's own calculators do at the next start is not predicted.
    unknown = ("OVD121", "OVD903")
    assert [row for row in _rows(document) if row[0] not in unknown] == rows
    if len(rows) > 1:
        assert _causes(document, "OVD850") == ["OVD361"]


def test_a_removed_directory_is_handled(engine: Engine, public_dir: Path) -> None:
    started = Recorded(engine, public_dir, *_NO_POLLS)
    shutil.rmtree(started.models / "fc/1")
    document = _check(started).document
    assert ("OVD850", "warning", "fc", 1) in _rows(document)
    assert _causes(document, "OVD850") == ["OVD101"]


def test_a_load_that_fails_follows_from_its_files(engine: Engine, public_dir: Path) -> None:
    started = Recorded(engine, public_dir)
    (started.models / "two/1/model.bin").write_bytes(b"xx")
    started.answer({"fc": {1: "AVAILABLE/OK"}, "two": {1: "LOADING/UNKNOWN"}})
    document = _check(started).document
    assert _rows(document) == [("OVD308", "error", "two", 1), ("OVD894", "error", "two", 1)]
    assert _causes(document, "OVD894") == ["OVD308"]


def test_a_load_that_fails_without_a_reason_in_the_files(engine: Engine, public_dir: Path) -> None:
    started = Recorded(engine, public_dir)
    started.answer({"fc": {1: "AVAILABLE/OK"}, "two": {1: "LOADING/UNKNOWN"}})
    result = _check(started)
    assert (result.code, _rows(result.document)) == (1, [("OVD894", "error", "two", 1)])
    detail = result.document["findings"][0]["detail"]
    assert "give no reason" in detail
    assert "the answers of the server are newer" in detail


def test_a_prediction_that_the_running_server_contradicts(engine: Engine, public_dir: Path) -> None:
    """Nothing has changed since the load: what works is not an error."""
    started = Recorded(
        engine, public_dir, prepare=lambda models: (models / "fc/1/model.bin").write_bytes(b"xx")
    )
    result = _check(started)
    (finding,) = (item for item in result.document["findings"] if item["code"] == "OVD308")
    assert (result.code, finding["severity"], finding["confidence"]) == (0, "warning", "low")
    assert "serves it nevertheless" in finding["detail"]


def test_a_version_that_a_polling_server_does_not_have(engine: Engine, public_dir: Path) -> None:
    """The directory has existed for longer than two polls, and the server does not list it."""
    started = Recorded(engine, public_dir)
    _version_3(started)
    before = os.stat(started.models / "two/3").st_ctime
    while time.time() < before + 3:
        time.sleep(0.1)
    document = _check(started).document
    assert _rows(document) == _ADDED
    assert document["findings"][0]["confidence"] == "medium"
    assert "which polls" in document["findings"][0]["message"]


def test_a_model_that_is_configured_and_not_listed(engine: Engine, public_dir: Path) -> None:
    started = Recorded(engine, public_dir)
    started.answer({"fc": {1: "AVAILABLE/OK"}})
    result = _check(started)
    assert (result.code, _rows(result.document)) == (1, [("OVD894", "error", "two", None)])
    assert "does not list it" in result.document["findings"][0]["message"]


def test_a_server_that_still_starts(engine: Engine, public_dir: Path) -> None:
    started = Recorded(engine, public_dir)
    started.answer({}, v2_health_ready=[503, "application/json", '{"error":"Server is not ready"}'])
    result = _check(started)
    assert (result.code, _rows(result.document)) == (0, [("OVD893", "warning", None, None)])
    text = ovms_doctor("check", "--container", started.id[:12]).text
    assert "the running server is still starting; started now: all 2 models are served" in text


def _with_version_3(engine: Engine, top: Path, *, broken: bool = False) -> Recorded:
    """A server whose log shows that version 3 of fc fails because of its model.xml."""

    def prepare(models: Path) -> None:
        for number in (2, 3):
            shutil.copytree(MODELS / "dense-ir" / "1", models / "fc" / str(number))
        shutil.copytree(MODELS / "dense-ir", models / "img")
        rows = [{"config": {"name": name, "base_path": f"{TOP}/{name}"}} for name in ("fc", "two", "img")]
        (models / "config.json").write_text(json.dumps({"model_config_list": rows}))
        if broken:
            (models / "fc/3/model.xml").write_text("<net")

    return Recorded(engine, top, prepare=prepare, log=start_log("13:38:23"))


@pytest.mark.parametrize(
    ("state", "broken", "rows"),
    [
        ("AVAILABLE/OK", False, []),
        ("LOADING/UNKNOWN", False, [("OVD312", "warning", "fc", 3), ("OVD894", "error", "fc", 3)]),
        ("LOADING/UNKNOWN", True, [("OVD312", "error", "fc", 3), ("OVD894", "error", "fc", 3)]),
    ],
    ids=["over", "repaired", "broken"],
)
def test_the_newest_state_of_log_and_server_counts(
    engine: Engine, public_dir: Path, state: str, broken: bool, rows: Rows
) -> None:
    """The newest state counts: a failure that only the log shows is over if the version is AVAILABLE now."""
    started = _with_version_3(engine, public_dir, broken=broken)
    started.answer(
        {"fc": {1: "END/OK", 2: "END/OK", 3: state}, "two": {1: "AVAILABLE/OK"}, "img": {1: "AVAILABLE/OK"}}
    )
    document = _check(started).document
    assert sorted(_rows(document)) == rows
    if rows:
        assert _causes(document, "OVD894") == ["OVD312"]


def test_saved_facts_give_the_same_findings(engine: Engine, public_dir: Path) -> None:
    started = Recorded(engine, public_dir, *_NO_POLLS)
    for change in (_version_3, _mapping, _configuration):
        change(started)
    started.answer({**_BOTH, "two": {1: "LOADING/UNKNOWN"}})
    file = public_dir / "facts.json"
    ovms_doctor("collect", "--container", started.id[:12], "-o", str(file))
    lookup = _check(started)
    engine.clear()
    again = ovms_doctor("check", "--facts", str(file), "--format", "json")
    assert again.code == lookup.code
    assert _rows(again.document) == _rows(lookup.document)
    assert again.document["live"]["servables"] == lookup.document["live"]["servables"]


def test_the_server_is_not_queried_on_request(engine: Engine, public_dir: Path) -> None:
    started = Recorded(engine, public_dir)
    started.answer({"fc": {1: "LOADING/UNKNOWN"}})
    for arguments in (("--no-live",), ("--select", "layout")):
        result = _check(started, *arguments)
        assert (result.code, _rows(result.document)) == (0, [])
        assert "live" not in result.document


def test_a_server_that_does_not_answer(engine: Engine, public_dir: Path) -> None:
    """The container runs, and nothing listens on the port that its arguments name."""
    started = Recorded(engine, public_dir)
    other = engine.run(
        "--model_path", "/models/m", "--model_name", "m", "--rest_port", str(free_port()),
        host={"network_mode": "host"},
    )  # fmt: skip
    engine.api.kill(started.id)
    result = ovms_doctor("check", "--container", other[:12], "--select", "live", "--format", "json")
    assert [item["code"] for item in result.document["findings"]] == ["OVD887"]
    stopped = _check(started, "--select", "live")
    assert stopped.document["checks"][0]["status"] == "not_applicable"
    assert "does not run" in json.dumps(stopped.document["checks"])


@pytest.mark.needs_command("strace")
def test_only_the_engine_and_the_server_are_contacted(engine: Engine, public_dir: Path) -> None:
    """This also holds if the shell has a proxy."""
    started = Recorded(engine, public_dir)
    environment = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    arguments = ("check", "--container", started.id[:12])
    assert contacted(public_dir / "trace", *arguments, environment=environment) == {
        ("127.0.0.1", started.port)
    }
