"""One repository on the local disk, in S3 and in Google Cloud Storage: the verdicts are the same where the
server's rules are the same, and differ only where its clients cause the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import ovms_doctor
from tests.probes.inspect.models import onnx
from tests.probes.runtime.models import saved_model
from tests.stores.models import BIN, XML
from tests.stores.servers import gcs_server, moto_server

IR = {"model.xml": XML, "model.bin": BIN}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n"
VARIABLES = {"variables/variables.index": b"index", "variables/variables.data-00000-of-00001": b"data"}


def at(version: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{version}/{name}": content for name, content in files.items()}


MODELS: dict[str, dict[str, bytes]] = {
    "ir": at("1", IR),
    "onnx": at("1", {"model.onnx": onnx()}),
    "saved": at("1", {"saved_model.pb": saved_model()}),
    "three-versions": {**at("1", IR), **at("2", IR), **at("10", IR)},
    "newest-broken": {**at("1", IR), **at("2", {"model.xml": XML[:300], "model.bin": BIN})},
    "all-broken": {**at("1", {"model.xml": b"<net", "model.bin": BIN}), **at("2", {"model.onnx": b"no"})},
    "without-weights": at("1", {"model.xml": XML}),
    "weights-cut": at("1", {"model.xml": XML, "model.bin": BIN[:5]}),
    "lfs-weights": at("1", {"model.xml": XML, "model.bin": POINTER}),
    "lfs-model": at("1", {"model.xml": POINTER, "model.bin": POINTER}),
    "only-readme": at("1", {"README.md": b"x"}),
    "wrong-names": {**at("v1", IR), **at("latest", IR)},
    "no-version": IR,
    "below": at("1", {"sub/model.xml": XML, "sub/model.bin": BIN}),
    "capitals": at("1", {"MODEL.XML": XML, "MODEL.bin": BIN}),
    "mapped": at("1", {**IR, "mapping_config.json": b'{"inputs": {"x": "image"}}'}),
    "mapping-broken": at("1", {**IR, "mapping_config.json": b'{"inputs": '}),
    "beside-others": at("1", {**IR, "config.json": b"{}", "labels.txt": b"x", "old.txt": b"x"}),
    "zeros-and-letters": {**at("0", IR), **at("abc", IR), **at("3", IR)},
    "hidden-file": at("1", {".model.xml": XML, ".model.bin": BIN}),
    # Here the server's clients for stores cause a difference.
    "leading-zero": at("007", IR),
    "digits-first": at("1abc", IR),
    "variables": at("1", {"saved_model.pb": saved_model(), **VARIABLES}),
}
#: A local directory 007 is opened by its number too, but in a store the download fails.
DOWNLOAD_FAILS = {"leading-zero", "digits-first"}
DIFFERENT = {*DOWNLOAD_FAILS, "variables"}


def verdicts(*arguments: str | Path, environment: dict[str, str] | None = None) -> dict[str, Any]:
    environment_options = [word for pair in (environment or {}).items() for word in ("--env", "=".join(pair))]
    policy = ("--model-version-policy", '{"all": {}}')
    run = ovms_doctor(
        *("check", "--format", "json", "--as", "repository", "--timeout", "600"),
        *policy,
        *environment_options,
        *arguments,
    )
    assert run.code in (0, 1, 3), run.err
    document = run.document
    assert document["server"]["outcome"] == "serves"
    models = {model["name"]: model for model in document["models"]}
    findings: dict[str, set[str]] = {name: set() for name in models}
    for finding in document["findings"]:
        if finding["subject"]["model"]:
            findings[finding["subject"]["model"]].add(finding["code"])
    return {"models": models, "findings": findings, "document": document}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    tree = {f"repo/{model}/{name}": data for model, files in MODELS.items() for name, data in files.items()}
    directory = tmp_path_factory.mktemp("same")
    for name, content in tree.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    found = {"local": verdicts(directory / "repo")}
    with moto_server() as moto:
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "S3_ENDPOINT": moto.endpoint}
        bucket = moto.bucket()
        moto.put(bucket, tree)
        found["s3"] = verdicts(f"s3://{bucket}/repo", environment=keys)
    with gcs_server() as emulator:
        bucket = emulator.bucket()
        emulator.put(bucket, tree)
        endpoint = {"CLOUD_STORAGE_EMULATOR_ENDPOINT": emulator.endpoint}
        found["gs"] = verdicts(f"gs://{bucket}/repo", environment=endpoint)
    return found


def states_and_versions(model: dict[str, Any]) -> tuple[Any, ...]:
    """The states and versions of a model, without its location."""
    keys = (
        "version",
        "directories",
        "requested",
        "state",
        "error_code",
        "later_state",
        "later_error_code",
        "format",
    )
    versions = tuple(tuple(str(version[key]) for key in keys) for version in model["versions"])
    return (versions, tuple(model["served_versions"]), tuple(model["later_served_versions"]))


pytestmark = [pytest.mark.server, pytest.mark.needs_module("moto", "flask", "gcp_storage_emulator")]


@pytest.mark.parametrize("location", ["s3", "gs"])
@pytest.mark.parametrize("name", [name for name in MODELS if name not in DIFFERENT])
def test_the_verdict_does_not_depend_on_the_location(
    results: dict[str, dict[str, Any]], name: str, location: str
) -> None:
    local, remote = results["local"]["models"][name], results[location]["models"][name]
    assert states_and_versions(remote) == states_and_versions(local)
    assert remote["host_path"] is None
    assert results[location]["findings"][name] == results["local"]["findings"][name]


@pytest.mark.parametrize("location", ["s3", "gs"])
def test_variables_are_not_downloaded(results: dict[str, dict[str, Any]], location: str) -> None:
    """On a disk OpenVINO reads them, and these are not valid. From a store they are never downloaded, and the
    graph needs none."""
    local, remote = results["local"]["models"]["variables"], results[location]["models"]["variables"]
    assert [version["state"] for version in local["versions"]] == ["LOADING"]
    assert [version["state"] for version in remote["versions"]] == ["AVAILABLE"]
    assert results[location]["findings"]["variables"] == set()


@pytest.mark.parametrize("location", ["s3", "gs"])
@pytest.mark.parametrize("name", sorted(DOWNLOAD_FAILS))
def test_a_directory_that_is_not_named_by_its_number(
    results: dict[str, dict[str, Any]], name: str, location: str
) -> None:
    """The same states with another reason: it is not downloaded."""
    local, remote = results["local"]["models"][name], results[location]["models"][name]
    assert states_and_versions(remote)[1:] == states_and_versions(local)[1:]
    assert [version["state"] for version in remote["versions"]] == ["LOADING"]
    assert results[location]["findings"][name] == {"OVD664"}


def test_every_model_is_checked(results: dict[str, dict[str, Any]]) -> None:
    for found in results.values():
        assert found["models"].keys() == MODELS.keys()
        assert found["document"]["summary"]["verdict"] == "fail"
        assert not [check for check in found["document"]["checks"] if check["status"] == "could_not_look"]
