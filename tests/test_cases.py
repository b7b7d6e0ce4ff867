"""The reference: the results of the server's own code for each recorded case, compared with the predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.diagnosis.saved_options import options_to_json
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import codec
from ovms_doctor.model.json_text import decode_json, encode_json
from ovms_doctor.model.plan import Plan
from tests.cases_build import Case, kind_of_outcome, load_cases
from tests.cases_run import document_of, predict_case
from tests.samples import sampled

#: Cases that are not tested, each with its reason.
LEFT_OUT = {"lay-graph-pbtxt": "recorded without MediaPipe graphs, which the server would have followed"}


CASES = [
    case
    for release in ("2026.3", "2025.4")
    for family in ("serving", "random")
    for case in load_cases(release, family).values()
    if case.id not in LEFT_OUT
]


def test_all_cases_exist() -> None:
    assert len(CASES) == 1162
    assert {case.release for case in CASES} == {"2025.4", "2026.3"}


@pytest.mark.needs_root
@pytest.mark.parametrize(
    "case", sampled(CASES, kind_of_outcome, every=20), ids=lambda case: f"{case.release}-{case.id}"
)
def test_prediction_equals_recording(case: Case, public_dir: Path) -> None:
    directory = public_dir / "case"
    request, settled = predict_case(case, directory)
    document = document_of(settled)
    _same_outcome(case, document)
    if not case.never_ends and case.recorded.get("stage") == "start":
        _same_models(case, document, str(directory))
    _severities(case, document)
    _logs(case, document, str(directory))
    recorded = codec.dump(settled.facts, {"request": options_to_json(request)})
    _, facts = codec.load(recorded)
    for data, kind in ((settled.plan, Plan), (settled.deployment, Deployment)):
        assert decode_json(encode_json(data), kind) == data
    again = document_of(settled_run(request, facts, None))
    assert again["findings"] == document["findings"]
    assert again["models"] == document["models"]


def _same_outcome(case: Case, document: dict[str, Any]) -> None:
    server = document["server"]
    if case.never_ends:
        assert (server["outcome"], server["exit_code"]) == ("never_ends", None)
    elif case.exit_code is not None:
        assert (server["outcome"], server["exit_code"]) == ("exits", case.exit_code)
    else:
        assert (server["outcome"], server["exit_code"]) == ("serves", None)


def _same_models(case: Case, document: dict[str, Any], directory: str) -> None:
    recorded = case.filled("models", directory)
    # The recorder's list of models does not contain pipelines.
    models = {model["name"]: model for model in document["models"] if model["kind"] != "pipeline"}
    if case.exit_code is None or recorded:
        assert set(models) == set(recorded)
    for name, expected in recorded.items():
        model = models[name]
        versions = {version["version"]: version for version in model["versions"]}
        assert _states(model, "") == _recorded_states(expected)
        if case.versions_comparable:
            detected = case.recorded["versions_detected"][name]
            assert list(versions) == sorted(set(detected))
            requested = [number for number, version in versions.items() if version["requested"]]
            assert requested == sorted(set(case.recorded["versions_requested"][name]))
        for number, version in expected["versions"].items():
            files = version.get("model_files")
            if files and files[0]:
                assert versions[int(number)]["model_file"] == files[0]
        served = [number for number, state in _states(model, "").items() if state[0] == "AVAILABLE"]
        assert model["served_versions"] == ([] if case.exit_code is not None else served)
        if case.polls_comparable:
            later = case.filled("cycles_result", directory)[-1]["models"][name]
            assert _states(model, "later_") == _recorded_states(later)
    tried = case.filled("files_tried", directory)
    if tried and case.family == "serving":
        files = [version["model_file"] for model in models.values() for version in model["versions"]]
        assert set(tried) <= {file for file in files if file}


def _states(model: dict[str, Any], prefix: str) -> dict[int, tuple[str, str]]:
    return {
        version["version"]: (version[f"{prefix}state"], version[f"{prefix}error_code"])
        for version in model["versions"]
        if version[f"{prefix}state"] is not None
    }


def _recorded_states(model: dict[str, Any]) -> dict[int, tuple[str, str]]:
    return {
        int(number): (version["state"], version["error_code"])
        for number, version in sorted(model["versions"].items(), key=lambda item: int(item[0]))
    }


def _severities(case: Case, document: dict[str, Any]) -> None:
    """If everything requested is AVAILABLE now and later: no error, exit code 0. Otherwise an error."""
    models = document["models"]
    expected_severities = (
        document["server"]["outcome"] == "serves"
        and bool(models)
        and all(_all_available(model) for model in models)
        and _names_in_config(case) <= {model["name"] for model in models}
        and _pipelines_available(case)
    )
    errors = [finding for finding in document["findings"] if finding["severity"] == "error"]
    assert bool(errors) != expected_severities
    assert document["summary"]["verdict"] == ("pass" if expected_severities else "fail")


def _pipelines_available(case: Case) -> bool:
    """Whether no failure of a pipeline is recorded; in one release a stub replaced all pipelines, which only
    records that one was requested."""
    return not any(level == "error" and "pipeline_factory" in file for level, file, _ in case.recorded["log"])


def _names_in_config(case: Case) -> set[str]:
    """The models in a configuration, as far as it is valid."""
    for entry in case.tree:
        if entry.path == "config.json" and "--config_path" in case.arguments(""):
            try:
                argument_value = entry.arguments[0]
                value = (
                    argument_value
                    if entry.kind == "json"
                    else json.loads(argument_value, object_pairs_hook=_first_wins)
                )
                return {item["config"]["name"] for item in value["model_config_list"]}
            except (ValueError, KeyError, TypeError):
                return set()
    return set()


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _all_available(model: dict[str, Any]) -> bool:
    requested = [version for version in model["versions"] if version["requested"]]
    return bool(requested) and all(
        version["state"] == "AVAILABLE" and version["later_state"] == "AVAILABLE" for version in requested
    )


#: The number of characters after which the recorder truncated messages.
_CUT = 500


def _was_logged(line: str, recorded: set[str]) -> bool:
    return line in recorded or line[:_CUT] in recorded


def _logs(case: Case, document: dict[str, Any], directory: str) -> None:
    """Every predicted log line was logged by the server, in full."""
    recorded = {line[2] for line in case.filled("log", directory) or []}
    if case.recorded.get("stage") == "parse_args":
        recorded.add(case.filled("parse_args", directory)[1].strip())
    has_errors = any(line[0] == "error" for line in case.recorded.get("log") or [])
    # If a stub of the recorder replaced a pipeline, its lines are not those of the server.
    whole = len(recorded) < 24 and not any("ORACLE_STUB" in line for line in recorded)
    for finding in document["findings"]:
        if finding["severity"] != "error":
            continue
        if whole:
            assert [line for line in finding["server_log"] if not _was_logged(line, recorded)] == []
        if has_errors and finding["code"] not in ("OVD401", "OVD101", "OVD102", "OVD104", "OVD118"):
            assert finding["server_log"]
