"""The receipt compared with the kernel's trace of the same run, in both directions."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ovms_doctor.report.schema import receipt_schema
from tests.live.servers import grpc_server, http_server, replay
from tests.plugins.install import declare
from tests.receipt.trace import Trace, compare, traced

pytestmark = [pytest.mark.slow, pytest.mark.needs_command("strace")]

FIXTURES = Path(__file__).parents[2] / "fixtures" / "models"


@pytest.fixture
def models(public_dir: Path) -> Path:
    """The models of the fixtures; one is behind a link, one has a line end and a byte that is not UTF-8 in
    its name."""
    models = public_dir / "models"
    shutil.copytree(FIXTURES, models)
    shutil.copytree(FIXTURES / "dense-ir", public_dir / "elsewhere")
    (models / "linked").symlink_to(public_dir / "elsewhere")
    shutil.copytree(FIXTURES / "dense-onnx", models / os.fsdecode(b"odd\xff\n name"))
    return models


def check(directory: Path, *arguments: str | Path, **more: str) -> tuple[Trace, dict[str, Any]]:
    trace, receipt = traced(directory, *arguments, environment=more)
    jsonschema.validate(receipt, receipt_schema())
    return trace, receipt


@pytest.mark.parametrize("load", ["none", "read", "compile"])
def test_a_repository(models: Path, tmp_path: Path, load: str) -> None:
    trace, receipt = check(tmp_path, "check", models, "--load", load)
    compare(trace, receipt, models, models.parent / "elsewhere")
    assert (receipt["contacts"], receipt["lookups"]) == ([], [])
    assert [item["path"] for item in receipt["written"]] == [str(tmp_path / "receipt.json")]


def test_a_configuration_and_arguments(models: Path, tmp_path: Path) -> None:
    config = models / "config.json"
    entry = {
        "config": {"name": "a", "base_path": str(models / "model1"), "model_version_policy": {"all": {}}}
    }
    config.write_text(json.dumps({"model_config_list": [entry]}))
    compare(*check(tmp_path, "check", config), models)
    # The arguments after -- are the server's.
    trace, receipt = traced(
        tmp_path, "collect", models / "dense-ir", "-o", tmp_path / "facts.json", "--load", "none"
    )
    compare(trace, receipt, models)
    written = {item["path"] for item in receipt["written"]}
    assert written == {str(tmp_path / "receipt.json"), str(tmp_path / "facts.json")}


def test_s3(moto: Any, tmp_path: Path) -> None:
    bucket = moto.bucket()
    files = [path for path in (FIXTURES / "dense-onnx").rglob("*") if path.is_file()]
    moto.put(bucket, {f"repo/{path.relative_to(FIXTURES)}": path.read_bytes() for path in files})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    arguments = ["--env", "AWS_ACCESS_KEY_ID=Canary", "--env", "AWS_SECRET_ACCESS_KEY=CanarySecret"]
    arguments += ["--env", f"S3_ENDPOINT={moto.endpoint}"]
    trace, receipt = check(tmp_path, "check", f"s3://{bucket}/repo", *arguments, TMPDIR=str(scratch))
    compare(trace, receipt)
    assert {item["by"] for item in receipt["contacts"]} == {"S3 client"}
    copied = [item for item in receipt["written"] if item["path"].endswith("/model.onnx")]
    assert copied
    # The copies are removed, which the receipt contains.
    assert all("removed" in item["actions"] for item in copied)
    assert list(scratch.iterdir()) == []
    opened, _ = trace.below(scratch)
    assert opened <= {item["path"] for item in receipt["written"]}
    assert "Canary" not in json.dumps(receipt)


def test_google_cloud_storage(gcs_emulator: Any, tmp_path: Path) -> None:
    bucket = gcs_emulator.bucket()
    files = [path for path in (FIXTURES / "dense-ir").rglob("*") if path.is_file()]
    gcs_emulator.put(bucket, {f"repo/{path.relative_to(FIXTURES)}": path.read_bytes() for path in files})
    variable = f"CLOUD_STORAGE_EMULATOR_ENDPOINT={gcs_emulator.endpoint}"
    trace, receipt = check(tmp_path, "check", f"gs://{bucket}/repo", "--env", variable)
    compare(trace, receipt)
    assert {item["by"] for item in receipt["contacts"]} == {"Google Cloud Storage client"}


def test_an_extension_is_loaded(models: Path, tmp_path: Path) -> None:
    """OpenVINO opens it, in C++."""
    library = models / "libextension.so"
    library.write_bytes(b"no library")
    model = models / "dense-ir"
    trace, receipt = check(tmp_path, "check", model, "--cpu-extension", library, "--select", "extension")
    compare(trace, receipt, models)
    (found,) = (item for item in receipt["files"] if item["path"] == str(library))
    assert "read" in found["actions"] or "loaded" in found["actions"]


def test_a_server_over_http(tmp_path: Path) -> None:
    with http_server(replay("2025.4-single")) as server:
        trace, receipt = check(tmp_path, "status", f"127.0.0.1:{server.port}")
        compare(trace, receipt)
        assert {(item["host"], item["port"]) for item in receipt["contacts"]} == {("127.0.0.1", server.port)}
        assert receipt["lookups"] == []


def test_the_proxy_of_the_shell(tmp_path: Path) -> None:
    refuse = (403, "text/html", b"no")
    with http_server(replay("2025.4-single")) as server, http_server(lambda path: refuse) as proxy:
        variables = {"http_proxy": f"http://127.0.0.1:{proxy.port}"}
        trace, receipt = check(tmp_path, "status", f"127.0.0.1:{server.port}", **variables)
        compare(trace, receipt)
        assert {item["port"] for item in receipt["contacts"]} == {server.port, proxy.port}


def test_a_server_over_grpc(tmp_path: Path) -> None:
    with grpc_server("2025.4-single") as port:
        trace, receipt = check(tmp_path, "status", f"grpc://127.0.0.1:{port}")
        compare(trace, receipt)
    by = {item["by"]: item["connections"] for item in receipt["contacts"]}
    assert "gRPC client" in by
    # The library opens as many connections as it needs.
    assert by["gRPC client"] is None


def test_a_name_lookup_is_recorded(tmp_path: Path) -> None:
    with http_server(replay("2025.4-single")) as server:
        trace, receipt = check(tmp_path, "status", f"localhost:{server.port}")
    assert {item["name"] for item in receipt["lookups"]} == {"localhost"}
    # The C library connects to addresses without sending anything, to sort them.
    assert {(item["host"], item["port"]) for item in receipt["contacts"]} <= trace.addresses
    assert {address for address, _ in trace.addresses} <= {"127.0.0.1", "::1"}


_PLUGIN = """
import os, socket, subprocess, time
from ovms_doctor.plugin import Check, Code

CODE = Code(code="ACME101", name="acme-seen", severity="info", summary="s", remedy="r", releases="all")

def run(context):
    top = os.environ["ACME_TOP"]
    with open(os.path.join(top, "read.txt")) as file:
        file.read()
    os.listdir(os.path.join(top, "listed"))
    subprocess.run(["true", "--token", "CanaryToken"], check=True)
    with socket.create_connection(("127.0.0.1", int(os.environ["ACME_PORT"]))):
        pass
    if os.environ.get("ACME_HANGS"):
        time.sleep(3600)
    return ()

CHECK = Check(name="acme-reads", summary="reads", codes=(CODE,), run=run)
"""


@pytest.mark.parametrize("hangs", [False, True])
def test_a_third_party_check(models: Path, tmp_path: Path, hangs: bool) -> None:
    """Also a check that is killed at its deadline: the receipt contains its actions until then."""
    site = declare(tmp_path / "site", "acme", {"acme-reads": "acme_reads:CHECK"})
    (site / "acme_reads.py").write_text(textwrap.dedent(_PLUGIN))
    top = tmp_path / "top"
    (top / "listed").mkdir(parents=True)
    (top / "read.txt").write_text("x")
    with http_server(replay("2025.4-single")) as server:
        variables = {"PYTHONPATH": str(site), "ACME_TOP": str(top), "ACME_PORT": str(server.port)}
        variables |= {"ACME_HANGS": "yes"} if hangs else {}
        # On a busy machine it takes long to reach the hang.
        for seconds in ("4", "16", "64", "256") if hangs else ("600",):
            arguments = ("check", models / "dense-ir", "--load", "none", "--check-timeout", seconds)
            trace, receipt = check(tmp_path, *arguments, **variables)
            if receipt["contacts"]:
                break
        compare(trace, receipt, models, top)
        (contact,) = receipt["contacts"]
        assert contact["by"] == "third-party check acme_reads:CHECK"
    (other,) = (item for item in receipt["processes"] if not item["recorded"])
    assert other["command"] == ["true", "--token", "***"]
    assert "CanaryToken" not in json.dumps(receipt)
    assert any("third-party" in sentence for sentence in receipt["receipt"]["limits"])
