"""What is hidden in a deployment changes no prediction: a live run and one on its facts give the same report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import ovms_doctor

MODEL = Path(__file__).parents[2] / "fixtures" / "models" / "dense-onnx"
#: Keys of the report on the run itself.
OF_THE_RUN = ("run", "checks")


def assert_same(arguments: list[str], tmp_path: Path) -> dict[str, Any]:
    """Checks that the report on ``words`` is that on the facts that they collect; returns it."""
    facts = tmp_path / "facts.json"
    live = ovms_doctor("check", "--load", "none", "--format", "json", *arguments).document
    ovms_doctor("collect", "--load", "none", "-o", str(facts), *arguments)
    saved = ovms_doctor("check", "--facts", str(facts), "--format", "json").document
    for document in (live, saved):
        for key in OF_THE_RUN:
            del document[key]
    assert saved == live
    return live


def codes(document: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in document["findings"]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--plugin_config", "{bad"], ["OVD421"]),
        (["--plugin_config", '{"NUM_STREAMS": "2",}'], ["OVD421"]),
        (["--plugin_config", "{'NUM_STREAMS':'2'}"], ["OVD421"]),
        (["--plugin_config", "NUM_STREAMS=2"], ["OVD421"]),
        (["--plugin_config", '{"VAULT": {"PIN": "hunter2"}}'], ["OVD421"]),
        (["--plugin_config", '["hunter2"]'], ["OVD421"]),
        (["--plugin_config", '{"NUM_STREAM": "hunter2"}'], ["OVD422"]),
        (["--plugin_config", '{"NUM_STREAMS": "2"}'], []),
        (["--shape", '{"token": "(1,10)"}'], ["OVD425"]),
        (["--layout", '{"token": "NC:NC"}'], ["OVD425"]),
        (["--shape", "{x:(1,10)}"], ["OVD421"]),
        (["--layout", "{token:NC}"], ["OVD421"]),
        (["--model_version_policy", '{"specific": {"versions": [1]}}'], []),
        (["--model_version_policy", "{latest:1}"], ["OVD407"]),
        (["--allow_credentials", "true"], ["OVD406"]),
        (["--api_key_file", "/nope"], ["OVD406"]),
        (["--hf_token", "hunter2"], ["OVD406"]),
        (["API_KEY=hunter2"], ["OVD406"]),
        (["-t", "hunter2"], ["OVD406"]),
    ],
    ids=str,
)
@pytest.mark.sample(every=4)
def test_arguments(arguments: list[str], expected: list[str], tmp_path: Path) -> None:
    server = ["--model_name", "dense", "--model_path", str(MODEL), "--port", "9000"]
    report = assert_same(["--", *server, *arguments], tmp_path)
    assert codes(report) == expected
    assert "hunter2" not in str(report)


ENTRY = f'"name": "m", "base_path": "{MODEL}"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"model_config_list": [{{"config": {{{ENTRY}, "shape": {{"token": "(1,10)"}}}}}}]}}', ["OVD425"]),
        (f'{{"model_config_list": [{{"config": {{{ENTRY}, "layout": {{"token": "NC"}}}}}}]}}', ["OVD425"]),
        (f'{{"model_config_list": [{{"config": {{{ENTRY}, "plugin_config": {{"A": True}}}}}}]}}', ["OVD403"]),
        (
            f'{{"model_config_list": [{{"config": {{{ENTRY}, "plugin_config": {{"A": "hunter2"}}}}}}]}}',
            ["OVD422"],
        ),
        (f'{{"model_config_list": [{{"config": {{{ENTRY},}}}}]}}', ["OVD403"]),
        (f'{{"model_config_list": [{{"config": {{{ENTRY} "nireq": 1}}}}]}}', ["OVD403"]),
        (f'// a comment\n{{"model_config_list": [{{"config": {{{ENTRY}}}}}]}}', ["OVD403"]),
        ("{'model_config_list': []}", ["OVD403"]),
        ("model_config_list:\n  - config:\n      name: m\n", ["OVD403"]),
        (f'\ufeff{{"model_config_list": [{{"config": {{{ENTRY}}}}}]}}', ["OVD403"]),
        ("[" * 3000, ["OVD903"]),
        (f'{{"model_config_list": [{{"config": {{{ENTRY}}}}}]}}', []),
    ],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.sample(every=3)
def test_a_configuration_file(text: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    report = assert_same([str(path)], tmp_path)
    assert codes(report) == expected
    assert "hunter2" not in str(report)


def test_a_tensor_called_token(tmp_path: Path) -> None:
    """The names in mapping_config.json and the shape of a tensor are no secrets, whatever the tensor is called."""
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    (model / "1" / "mapping_config.json").write_text('{"inputs": {"x": "token"}, "outputs": {"y": "secret"}}')
    server = ["--user", "0", "--", "--model_name", "dense", "--model_path", str(model), "--port", "9000"]
    assert codes(assert_same([*server, "--shape", '{"token": "(1,8)"}'], tmp_path)) == []
    assert codes(assert_same([*server, "--shape", '{"x": "(1,8)"}'], tmp_path)) == ["OVD426"]


@pytest.mark.parametrize("name", ["sk-learn_model_for_the_churn_of_customers_2", "a=b?key=c", "user:pw@host"])
def test_a_directory_with_a_name_like_a_secret(name: str, tmp_path: Path) -> None:
    model = tmp_path / name
    shutil.copytree(MODEL, model)
    report = assert_same([str(model)], tmp_path)
    assert report["summary"]["verdict"] == "pass"
