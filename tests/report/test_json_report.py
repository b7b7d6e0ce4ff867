"""The JSON report: its exact keys and their values; any text gives valid UTF-8 and JSON."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Facts,
    PathStatus,
    StatPath,
    codec,
)
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.text import escape, unescape
from ovms_doctor.report.document import ReportDocument
from ovms_doctor.report.json_report import document_parts, dumps, host_path, to_document
from ovms_doctor.report.schema import facts_schema, report_schema
from tests.model.fact_strategies import QUESTION, fitting
from tests.report import samples
from tests.report.samples import HOSTILE, SAMPLES

FACTS_VALIDATOR = jsonschema.Draft202012Validator(facts_schema())
each_sample = pytest.mark.parametrize("name", SAMPLES)

TOP = ["schema_version", "tool", "run", "server", "summary", "models", "findings", "checks"]
SERVER_KEYS_WITHOUT_VALUES = [
    "mode",
    "release",
    "release_from",
    "user",
    "user_from",
    "bare_metal",
    "config_path",
    "container",
]
FOUND = ["outcome", "starts", "exit_code", "runtime", "ignored", "targets"]
MODEL = [
    *("name", "base_path", "host_path", "policy", "served_versions", "later_served_versions", "why"),
    "versions",
    "kind",
]
VERSION = [
    *("version", "directories", "requested", "state", "error_code", "later_state", "later_error_code"),
    *("state_basis", "model_file", "format"),
]
FINDING = [
    *("code", "name", "severity", "confidence", "subject", "message", "detail", "server_log", "evidence"),
    *("recovers", "remedy", "docs", "caused_by", "fingerprint"),
]
STATUSES = ["ran", "not_applicable", "could_not_look", "timed_out", "crashed"]


def document(name: str) -> dict[str, Any]:
    """A sample's document after writing and reading."""
    read: dict[str, Any] = json.loads(dumps(to_document(SAMPLES[name]())))
    return read


# -- the contract --------------------------------------------------------------------------------------


@each_sample
def test_keys_are_pinned(name: str) -> None:
    """Other programs parse these keys. A removed or changed key requires a new major version."""
    written = document(name)
    failed = SAMPLES[name]().error is not None
    assert list(written) == ([*TOP, "error"] if failed else TOP)
    assert written["schema_version"] == "1.4"
    assert list(written["tool"]) == ["name", "version"]
    assert list(written["run"]) == ["started_at", "duration_s", "arguments", "host", "notes"]
    assert list(written["server"]) == [*SERVER_KEYS_WITHOUT_VALUES, *FOUND]
    assert list(written["summary"]) == [
        "verdict", "errors", "warnings", "infos", "checks", "sentence", "suppressed",
    ]  # fmt: skip
    assert list(written["summary"]["checks"]) == STATUSES
    for model in written["models"]:
        assert list(model) == MODEL
        assert [list(version) for version in model["versions"]] == [VERSION] * len(model["versions"])
    for finding in written["findings"]:
        assert list(finding) == FINDING
        assert list(finding["subject"]) == [
            "model", "version", "path", "server_path", "line", "column", "document",
        ]  # fmt: skip
        assert [list(item) for item in finding["evidence"]] == [["what", "how"]] * len(finding["evidence"])
        if finding["remedy"] is not None:
            assert list(finding["remedy"]) == ["summary", "steps"]
            for step in finding["remedy"]["steps"]:
                assert list(step) == ["text", "command", "where", "effect"]
    assert [list(check) for check in written["checks"]] == [
        ["name", "status", "reason", "duration_s"] for _ in written["checks"]
    ]


def test_samples_cover_success_failure_and_crash() -> None:
    """The test above covers everything: each list is non-empty in some sample, each verdict occurs."""
    all_written = [document(name) for name in SAMPLES]
    assert {written["summary"]["verdict"] for written in all_written} == {"pass", "fail", "incomplete"}
    assert {written["server"]["outcome"] for written in all_written} == {
        *("serves", "exits", "never_ends", "unknown"),
    }
    assert any("error" in written for written in all_written)
    assert any(
        finding["remedy"]["steps"] for finding in document("failures")["findings"] if finding["remedy"]
    )
    assert any(finding["remedy"] is None for finding in document("failures")["findings"])
    assert document("exits_early")["server"]["ignored"] == [{"where": "--cache_dir", "text": "/opt/cache"}]


@each_sample
def test_documents_fulfil_the_schema(name: str) -> None:
    jsonschema.Draft202012Validator(report_schema()).validate(document(name))


@each_sample
def test_documents_match_their_types(name: str) -> None:
    """Read again with validation, a document is unchanged."""
    written = document(name)
    read = msgspec.convert(written, ReportDocument)
    assert json.loads(json.dumps(msgspec.to_builtins(read))) == written


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from _objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _objects(value)


@pytest.mark.parametrize("make", [report_schema, facts_schema])
def test_schema_is_one_and_describes_every_property(make: Any) -> None:
    schema = make()
    jsonschema.Draft202012Validator.check_schema(schema)
    objects = list(_objects(schema))
    assert len(objects) > 10
    for item in objects:
        assert item["additionalProperties"] is True
        for key, value in item["properties"].items():
            assert value["description"].endswith("."), key
            assert set(item["required"]) <= set(item["properties"])


def test_schema_requires_every_key_that_each_report_has() -> None:
    left_out = {
        key for item in _objects(report_schema()) for key in set(item["properties"]) - set(item["required"])
    }
    assert left_out == {
        "error",
        "request",
        "log",
        "live",
        "occurrences",
        "probes",
        "suppressed",
        "facts_from",
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), "2.0"),
        (("server", "outcome"), "dies"),
        (("models", 0, "versions", 0, "state"), "available"),
        (("models", 0, "versions", 0, "state_basis"), "guessed"),
        (("models", 0, "served_versions"), ["2"]),
        (("models", 0, "policy"), None),
        (("findings", 0, "severity"), "fatal"),
        (("findings", 0, "server_log"), "one line"),
        (("checks", 0, "duration_s"), None),
    ],
)
def test_schema_refuses(path: tuple[str | int, ...], value: object) -> None:
    """The schema is strict: a wrong value in any part is refused."""
    written: Any = document("failures")
    part = written
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    errors = list(jsonschema.Draft202012Validator(report_schema()).iter_errors(written))
    assert [tuple(error.absolute_path)[: len(path)] for error in errors] == [path]


@settings(max_examples=30)
@given(st.data())
def test_facts_fulfil_their_schema(data: st.DataObject) -> None:
    """Every type of question, each with every type of its answers."""
    questions = data.draw(st.lists(QUESTION, min_size=5, max_size=5))
    answers = dict(data.draw(fitting(question)) for question in questions)
    text = codec.dump(Facts(answers), {"anything": 1})
    FACTS_VALIDATOR.validate(json.loads(text))


def test_the_schema_of_facts_contains_every_type() -> None:
    properties = [one.get("properties", {}) for one in facts_schema()["$defs"].values()]
    tagged = {one["type"]["const"] for one in properties if "const" in one.get("type", {})}
    kinds = (*get_args(AnyQuestion), *get_args(Answer))
    assert tagged == {kind.__struct_config__.tag for kind in kinds}


def test_the_schema_of_facts_refuses() -> None:
    wrong = json.loads(codec.dump(Facts({StatPath("/m"): PathStatus("directory", 4096)}), {}))
    assert FACTS_VALIDATOR.is_valid(wrong)
    wrong["facts"][0]["answer"] = {"type": "PathStatus", "kind": "hole"}
    assert not FACTS_VALIDATOR.is_valid(wrong)


# -- what stands in it ---------------------------------------------------------------------------------


def test_models_and_versions() -> None:
    written = document("failures")
    resnet, detector, flat, _ = written["models"]
    assert (resnet["base_path"], resnet["host_path"]) == ("/models/resnet", "/srv/models/resnet")
    assert (resnet["served_versions"], resnet["later_served_versions"], resnet["why"]) == ([2], [2], "")
    assert [version["version"] for version in detector["versions"]] == [1, 2]
    assert (detector["served_versions"], detector["later_served_versions"]) == ([1], [])
    assert detector["why"] == "OVD111 no-model-files, OVD115 stand-in-goes-down"
    stand_in, broken = detector["versions"]
    assert (stand_in["state"], stand_in["later_state"], stand_in["later_error_code"]) == (
        "AVAILABLE",
        "END",
        "OK",
    )
    assert (stand_in["requested"], stand_in["model_file"]) == (False, "/models/detector/1/ir_model.xml")
    assert (broken["state"], broken["error_code"], broken["state_basis"]) == ("LOADING", "UNKNOWN", "static")
    assert (broken["model_file"], broken["format"]) == (None, None)
    assert (flat["versions"], flat["served_versions"]) == ([], [])


def test_a_version_that_is_never_tried_has_no_state() -> None:
    unused = document("failures")["models"][3]["versions"][0]
    assert {key for key, value in unused.items() if value is None} == {
        *("state", "error_code", "later_state", "later_error_code", "state_basis", "model_file", "format"),
    }


def test_a_process_that_ended_serves_nothing() -> None:
    """The states are those before the end; there is no later state, and nothing answers."""
    written = document("exits")
    (model,) = written["models"]
    assert (model["served_versions"], model["later_served_versions"]) == ([], [])
    assert [version["state"] for version in model["versions"]] == ["AVAILABLE", "LOADING"]
    assert {version["later_state"] for version in model["versions"]} == {None}
    server = written["server"]
    assert (server["outcome"], server["starts"], server["exit_code"]) == ("exits", False, 1)


def test_later_states_are_dropped_if_the_process_ended() -> None:
    """Even if a plan contains some."""
    plan = samples.exits().plan
    assert plan is not None
    remaining = replace(plan, models=(samples.model("m", samples.version(1)),))
    (model,) = to_document(samples.report(plan=remaining))["models"]
    assert model["versions"][0]["later_state"] is None
    assert model["later_served_versions"] == []


def test_versions_ascend_for_any_order_of_the_plan() -> None:
    made = samples.report(samples.model("m", samples.version(10), samples.version(9), samples.version(2)))
    (model,) = to_document(made)["models"]
    assert [version["version"] for version in model["versions"]] == [2, 9, 10]
    assert model["served_versions"] == [2, 9, 10]


@pytest.mark.parametrize(("name", "starts"), [("green", True), ("never_ends", False), ("incomplete", None)])
def test_starts(name: str, starts: bool | None) -> None:
    assert document(name)["server"]["starts"] is starts


def test_summary_counts() -> None:
    summary = document("failures")["summary"]
    assert (summary["errors"], summary["warnings"], summary["infos"]) == (4, 0, 1)
    checks = document("incomplete")["summary"]["checks"]
    assert checks == {"ran": 2, "not_applicable": 0, "could_not_look": 1, "timed_out": 1, "crashed": 1}


def test_policies_are_written_as_in_the_config() -> None:
    policies = [model["policy"] for model in document("policies")["models"][:3]]
    assert policies == [{"all": {}}, {"latest": {"num_versions": 2}}, {"specific": {"versions": [1, 2]}}]


def test_failed_run_reports_only_its_error() -> None:
    written = document("crashed")
    assert written["error"].startswith("The child that looks at files ended")
    assert {key for key, value in written["server"].items() if value is None} >= set(
        SERVER_KEYS_WITHOUT_VALUES
    )
    assert (written["models"], written["findings"], written["checks"]) == ([], [], [])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/models/a", "/srv/a"),
        ("/models", "/srv"),
        ("/models/deep/a", "/deep/a"),
        ("/modelsx", "/modelsx"),
        ("relative", "/srv/cwd/relative"),
        ("s3://bucket/models", None),
        ("S3://bucket/models", "/srv/cwd/S3:/bucket/models"),
        ("/", "/"),
    ],
)
def test_host_path(path: str, expected: str | None) -> None:
    deployment = replace(
        samples.DEPLOYMENT,
        mounts=(Mount("/srv", "/models"), Mount("/deep/", "/models/deep/")),
        working_directory="/models/cwd",
    )
    made = samples.report(deployment=deployment)
    assert host_path(path, made) == expected


# -- any text ------------------------------------------------------------------------------------------


@each_sample
def test_the_text_does_not_control_a_terminal(name: str) -> None:
    text = dumps(to_document(SAMPLES[name]()))
    assert text.endswith("}\n")
    control = {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}
    assert not control


def test_hostile_names_are_read_back_exactly() -> None:
    written = document("hostile")
    assert unescape(written["models"][0]["name"]) == HOSTILE
    assert unescape(written["findings"][0]["subject"]["path"]) == f"/srv/{HOSTILE}/1"
    assert unescape(written["run"]["host"]["node"]) == HOSTILE
    assert "\\xff" in written["models"][0]["name"]
    assert "\\x5cx41" in written["models"][0]["name"]


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))))
def test_any_name_survives(name: str) -> None:
    made = samples.report(samples.model(name), run=replace(samples.RUN, arguments=(name,)))
    data = dumps(to_document(made)).encode("utf-8")
    written = json.loads(data)
    assert unescape(written["models"][0]["name"]) == name
    assert unescape(written["run"]["arguments"][0]) == name


@each_sample
def test_order_is_stable(name: str) -> None:
    assert dumps(to_document(SAMPLES[name]())) == dumps(to_document(SAMPLES[name]()))


@each_sample
def test_the_parts_are_the_document(name: str) -> None:
    assert "".join(document_parts(SAMPLES[name]())) == dumps(to_document(SAMPLES[name]()))


def test_a_part_contains_one_model_or_finding() -> None:
    made = samples.report(*(samples.model(f"model-{number}") for number in range(500)))
    parts = list(document_parts(made))
    assert max(map(len, parts)) < len("".join(parts)) / 100


# -- the page for users --------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "json-report.md"


def test_the_page_names_every_key() -> None:
    page = PAGE.read_text("utf-8")
    keys = {key for item in _objects(report_schema()) for key in item["properties"]}
    assert {key for key in keys if f"`{key}`" not in page} == set()


def test_the_page_unescapes_names_like_the_program() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)
    for original in (HOSTILE, "plain", "\\x41", "\\\\x", "\udcff\udc80", "\\xff", "\\x5cx"):
        assert names["name"](escape(original)) == original
