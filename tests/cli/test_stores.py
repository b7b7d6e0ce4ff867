"""Models in a store from the command line to the report, with a real server."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Result, ovms_doctor

CANARY = "c4n4ry"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "models"
FORMATS = [("--format", "text"), ("--format", "text", "--verbose"), ("--format", "json")]


class StoreRuns:
    """A bucket with the repository of the fixtures, and the variables that a server needs to reach it."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.bucket = server.bucket()
        names = ("dense-ir", "dense-onnx", "model1", "model2", "truncated-weights")
        files = [path for name in names for path in (FIXTURES / name).rglob("*") if path.is_file()]
        tree = {f"repo/{path.relative_to(FIXTURES).as_posix()}": path.read_bytes() for path in files}
        server.put(self.bucket, {**tree, "repo/docs/read.me": b"not a model"})
        # This server accepts any key, so the output can be searched for the values afterwards.
        self.environment = {
            "AWS_ACCESS_KEY_ID": f"{CANARY}-id",
            "AWS_SECRET_ACCESS_KEY": f"{CANARY}-secret",
            "AWS_SESSION_TOKEN": f"{CANARY}-token",
            "S3_ENDPOINT": server.endpoint,
        }

    def path(self, below: str = "") -> str:
        return f"s3://{self.bucket}/repo{below}"

    def environment_options(self, **more: str) -> list[str]:
        variables = {**self.environment, **more}
        return [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]


@pytest.fixture(scope="module")
def made() -> dict[str, StoreRuns]:
    return {}


@pytest.fixture
def store_runs(moto: Any, made: dict[str, StoreRuns]) -> StoreRuns:
    """One bucket is enough for tests that only read."""
    if "asked" not in made:
        made["asked"] = StoreRuns(moto)
    return made["asked"]


def check(*arguments: str | Path, **more: Any) -> Result:
    return ovms_doctor("check", "--format", "json", "--timeout", "600", *arguments, **more)


def served(result: Result) -> dict[str, list[int]]:
    return {model["name"]: model["served_versions"] for model in result.document["models"]}


def settled(result: Result) -> dict[str, Any]:
    """The report without its times and texts."""
    document = result.document
    del document["run"]
    for one in document["checks"]:
        del one["duration_s"]
    return document


def test_finding_on_a_bucket_is_listed_for_each_of_its_models(moto: Any, tmp_path: Path) -> None:
    entries = [{"config": {"name": name, "base_path": f"s3://not-there/{name}"}} for name in ("a", "b")]
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_config_list": entries}))
    keys = ("--env", "AWS_ACCESS_KEY_ID=k", "--env", "AWS_SECRET_ACCESS_KEY=s")
    result = ovms_doctor("check", config, *keys, "--env", f"S3_ENDPOINT={moto.endpoint}")
    rows = [line for line in result.text.splitlines() if "not served" in line and "OVD652" in line]
    assert [row.split()[0] for row in rows] == ["a", "b"], result.out


def test_a_repository(store_runs: StoreRuns) -> None:
    result = check(store_runs.path(), *store_runs.environment_options())
    assert result.code == 1
    assert served(result) == {
        "dense-ir": [1],
        "dense-onnx": [1],
        "model1": [1],
        "model2": [],
        "truncated-weights": [],
    }
    document = result.document
    assert document["server"]["mode"] == "config"
    assert {model["host_path"] for model in document["models"]} == {None}
    assert {item["subject"]["path"] for item in document["findings"]} == {None}
    assert {"OVD101", "OVD111", "OVD308"} <= {item["code"] for item in document["findings"]}
    assert (
        store_runs.path("/model2")
        in ovms_doctor("check", store_runs.path(), *store_runs.environment_options()).text
    )


@pytest.mark.parametrize("below", ["/dense-ir", "/dense-ir/", "/dense-ir/1"])
def test_one_model(store_runs: StoreRuns, below: str) -> None:
    result = check(store_runs.path(below), *store_runs.environment_options())
    assert result.code == 0
    assert served(result) == {"dense-ir": [1]}
    assert result.document["server"]["mode"] == "single"
    assert result.document["models"][0]["versions"][0]["state_basis"] == "read"


def test_a_local_and_a_remote_target_are_one_configuration(store_runs: StoreRuns) -> None:
    result = check(store_runs.path("/dense-ir"), FIXTURES / "dense-onnx", *store_runs.environment_options())
    assert served(result) == {"dense-ir": [1], "dense-onnx": [1]}
    assert result.document["server"]["mode"] == "config"
    by_server = check(
        *store_runs.environment_options(),
        "--",
        "--model_name",
        "m",
        "--model_path",
        store_runs.path("/dense-ir"),
        "--port",
        "9000",
    )
    assert served(by_server) == {"m": [1]}


def test_a_wrong_model_name_is_not_found(store_runs: StoreRuns) -> None:
    result = check(store_runs.path("/dense-ri"), *store_runs.environment_options())
    assert result.document["server"]["exit_code"] == 1
    assert served(result) == {"dense-ri": []}


def test_store_refuses_a_request_without_credentials(store_runs: StoreRuns) -> None:
    """This server lists a bucket for everybody, but returns objects only for signed requests."""
    environment = {**os.environ, **store_runs.environment}
    result = check(
        store_runs.path("/dense-ir"),
        "--env",
        f"S3_ENDPOINT={store_runs.server.endpoint}",
        environment=environment,
    )
    assert served(result) == {"dense-ir": []}
    assert CANARY.encode() not in result.out + result.err
    with_keys = check(store_runs.path("/dense-ir"), "--env-from-process", environment=environment)
    assert served(with_keys) == {"dense-ir": [1]}


@pytest.mark.parametrize(("more", "code", "outcome"), [((), 3, "unknown"), (("--bare-metal",), 1, "exits")])
def test_an_address_without_a_listener(
    store_runs: StoreRuns, refused: str, more: tuple[str, ...], code: int, outcome: str
) -> None:
    """The server may be in another network than this host."""
    result = check(store_runs.path("/dense-ir"), *store_runs.environment_options(S3_ENDPOINT=refused), *more)
    assert result.document["server"]["outcome"] == outcome
    assert result.code == code


def test_a_version_that_is_too_large_to_download(store_runs: StoreRuns) -> None:
    result = check(
        store_runs.path("/dense-ir"), *store_runs.environment_options(), "--download-limit", "100b"
    )
    assert result.code == 3
    assert "--download-limit" in result.document["findings"][0]["message"]
    unlimited = check(
        store_runs.path("/dense-ir"), *store_runs.environment_options(), "--download-limit", "0"
    )
    assert unlimited.code == 0


def test_recorded_facts_give_the_same_report_without_queries(store_runs: StoreRuns, tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    arguments = store_runs.environment_options(https_proxy="", http_proxy="")
    assert ovms_doctor("collect", store_runs.path(), *arguments, "-o", facts).code == 0
    now = check(store_runs.path(), *arguments)
    assert settled(check("--facts", facts)) == settled(now)
    assert CANARY not in facts.read_text("utf-8")
    assert json.loads(facts.read_text("utf-8"))["header"]["request"]["targets"] == [store_runs.path()]
    changed = ovms_doctor("check", "--facts", facts, "--download-limit", "1g")
    assert changed.code == 2


@pytest.mark.parametrize(
    "below", ["", "/dense-ri"], ids=["models", "nothing there"]
)  # fmt: skip
def test_no_secret_is_shown(store_runs: StoreRuns, below: str) -> None:
    for form in FORMATS:
        result = ovms_doctor("check", store_runs.path(below), *store_runs.environment_options(), *form)
        assert CANARY.encode() not in result.out + result.err


def test_a_repository_in_google_cloud_storage(gcs_emulator: Any) -> None:
    bucket = gcs_emulator.bucket()
    files = {path.name: path.read_bytes() for path in (FIXTURES / "dense-ir" / "1").iterdir()}
    gcs_emulator.put(bucket, {f"repo/dense/1/{name}": data for name, data in files.items()})
    arguments = ("--env", f"CLOUD_STORAGE_EMULATOR_ENDPOINT={gcs_emulator.endpoint}")
    result = check(f"gs://{bucket}/repo", *arguments)
    assert result.code == 0
    assert served(result) == {"dense": [1]}
    assert result.document["models"][0]["base_path"] == f"gs://{bucket}/repo/dense"
    own = {**os.environ, "GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent"}
    text = ovms_doctor("check", f"gs://{bucket}/repo/dense", *arguments, environment=own).text
    assert "Google Cloud Storage is queried without credentials, as by a server that has none" in " ".join(
        text.split()
    )
    assert "✓ the model is served as its owner expects" in text
