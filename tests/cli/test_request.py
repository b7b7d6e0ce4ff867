"""`ovms-doctor request` as a user calls it."""

from __future__ import annotations

import json
import math
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cases_build import MODELS
from tests.cli.run import ovms_doctor

GOOD = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}
METADATA = {
    "name": "fc",
    "versions": ["1"],
    "platform": "OpenVINO",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 10]}],
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The directory of a model with the input x, FP32 (1,3)."""
    version = tmp_path / "fc" / "1"
    version.mkdir(parents=True)
    for suffix in ("xml", "bin"):
        (version / f"model.{suffix}").write_bytes((MODELS / f"fc.{suffix}").read_bytes())
    return tmp_path / "fc"


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    """A file with the metadata of that model."""
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(METADATA))
    return path


def write(tmp_path: Path, value: Any) -> str:
    """A file with a request."""
    path = tmp_path / "request"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def report(*arguments: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON report."""
    result = ovms_doctor("request", *arguments, "--format", "json", **more)
    return result.code, result.document


def test_a_request_that_fits(model: Path, tmp_path: Path) -> None:
    code, document = report(write(tmp_path, GOOD), "--model", str(model))
    request = document["request"]
    assert code == 0
    assert document["findings"] == []
    assert document["summary"]["verdict"] == "pass"
    assert (request["api"], request["path"], request["http_status"]) == ("KServe", "/v2/models/fc/infer", 200)
    assert request["inputs"] == [
        {
            "name": "x",
            "model_name": "x",
            "sent": {"datatype": "FP32", "shape": [1, 3], "values": 3, "bytes": None},
            "wanted": {"datatype": "FP32", "shape": "(1,3)", "layout": "N..."},
            "verdict": "ok",
        }
    ]
    assert request["corrected"] is None


def test_a_wrong_name(model: Path, tmp_path: Path) -> None:
    wrong = {"inputs": [{**GOOD["inputs"][0], "name": "data"}]}
    code, document = report(write(tmp_path, wrong), "--model", str(model))
    request = document["request"]
    assert code == 1
    assert [item["code"] for item in document["findings"]] == ["OVD875"]
    assert request["message"] == "Missing input with specific name - Required input: x"
    assert json.loads(request["corrected"]) == GOOD
    assert request["server_changes"][0]["mapping"] == '{"inputs": {"x": "data"}}'
    again, document = report(write(tmp_path, request["corrected"]), "--model", str(model))
    assert (again, document["request"]["http_status"]) == (0, 200)


NODE = {
    "name": "n",
    "model_name": "m",
    "type": "DL model",
    "inputs": [{"x": {"node_name": "request", "data_item": "in"}}],
    "outputs": [{"data_item": "y", "alias": "o"}],
}
PIPELINE = {
    "name": "p",
    "inputs": ["in"],
    "nodes": [NODE],
    "outputs": [{"out": {"node_name": "n", "data_item": "o"}}],
}


@pytest.mark.parametrize(
    ("name", "sent", "shape", "message"),
    [
        ("p", "in", [1, 3], ""),
        ("p", "x", [1, 3], "Missing input with specific name - Required input: in"),
        (
            "p",
            "in",
            [1, 4],
            "Invalid input shape - Expected: (1,3); Actual: (1,4); input name: input name: in",
        ),
        ("split", "in", [2, 1, 3], ""),
        (
            "split",
            "in",
            [1, 3],
            "Invalid number of shape dimensions - Expected: (2,1,3); Actual: (1,3); input name: input name: in",
        ),
        ("broken", "in", [1, 3], "Pipeline is not loaded yet"),
    ],
)
def test_pipelines(model: Path, tmp_path: Path, name: str, sent: str, shape: list[int], message: str) -> None:
    config = {
        "model_config_list": [{"config": {"name": "m", "base_path": str(model)}}],
        "pipeline_config_list": [
            PIPELINE,
            {**PIPELINE, "name": "split", "demultiply_count": 2},
            {**PIPELINE, "name": "broken", "nodes": [{**NODE, "model_name": "none"}]},
        ],
    }
    target = tmp_path / "config.json"
    target.write_text(json.dumps(config))
    data = [0.5] * math.prod(shape)
    body = {"inputs": [{"name": sent, "shape": shape, "datatype": "FP32", "data": data}]}
    path = f"/v2/models/{name}/infer"
    code, document = report(write(tmp_path, body), "--model", str(target), "--path", path, "--user", "0")
    assert (document["request"]["message"] or "") == message
    assert code == (1 if message else 0)


def test_the_wrong_length_of_json(metadata: Path, tmp_path: Path) -> None:
    body = b'{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","parameters":{"binary_data_size":12}}]}'
    path = tmp_path / "request.http"
    head = f"Inference-Header-Content-Length: 90\r\nContent-Length: {len(body) + 12}"
    path.write_bytes(
        f"POST /v2/models/fc/infer HTTP/1.1\r\n{head}\r\n\r\n".encode() + body + struct.pack("<3f", 1, 2, 3)
    )
    _, document = report(str(path), "--metadata", str(metadata))
    request = document["request"]
    assert request["http_status"] == 412
    assert request["steps"] == ["Set Inference-Header-Content-Length to 94, the length of the JSON in bytes."]
    assert request["corrected"] is None


def test_a_generative_model_behind_the_wrong_endpoint(tmp_path: Path) -> None:
    directory = tmp_path / "vectors"
    directory.mkdir()
    (directory / "config.json").write_text('{"architectures": ["BertModel"]}')
    for name in ("openvino_model", "openvino_tokenizer"):
        for suffix in ("xml", "bin"):
            (directory / f"{name}.{suffix}").write_bytes((MODELS / f"fc.{suffix}").read_bytes())
    body = {"model": "vectors", "messages": [{"role": "user", "content": "hi"}]}
    path = "/v3/chat/completions"
    result = ovms_doctor("request", write(tmp_path, body), "--model", str(directory), "--path", path)
    assert result.code == 1
    text = " ".join(result.text.split())
    assert "The endpoint is one of text generation, and vectors is a model for embeddings." in text
    assert "failed: input field is required”" in text


def test_the_text_report(metadata: Path, tmp_path: Path) -> None:
    wrong = {"inputs": [{**GOOD["inputs"][0], "datatype": "FP64"}]}
    result = ovms_doctor("request", write(tmp_path, wrong), "--metadata", str(metadata))
    message = "Invalid input precision - Expected: FP32; Actual: FP64; input name: input name: x"
    assert result.code == 1
    lines = result.text.splitlines()
    assert " x      FP64 (1,3)  FP32 (1,3)     datatype FP32 is needed" in lines
    assert lines[-1] == f"✗ the server answers 400 “{message}”"
    assert "OVD876" in result.text
    quiet = ovms_doctor("request", write(tmp_path, wrong), "--metadata", str(metadata), "--quiet")
    assert quiet.text == f"✗ the server answers 400 “{message}”\n"


def test_standard_input_and_a_path(metadata: Path) -> None:
    code, document = report(
        "-", "--metadata", str(metadata), "--path", "/v2/models/nosuch/infer", stdin=json.dumps(GOOD).encode()
    )
    message = "Mediapipe graph definition with requested name is not found"
    assert (code, document["request"]["http_status"], document["request"]["message"]) == (1, 404, message)
    assert document["request"]["steps"] == ["Request fc, which is served, instead of nosuch."]


def test_an_error_text_alone(metadata: Path) -> None:
    text = '[400] {"error":"Invalid input batch size - Expected: 1; Actual: 4; input name: x"}'
    code, document = report("--error", text, "--metadata", str(metadata))
    assert code == 1
    request = document["request"]
    assert (request["code"], request["parts"]) == (
        "INVALID_BATCH_SIZE",
        {"expected": "1", "actual": "4", "input": "x"},
    )
    assert request["message"] == "Invalid input batch size - Expected: 1; Actual: 4; input name: x"
    assert [item["code"] for item in document["findings"]] == ["OVD877"]
    code, document = report("--error", "it does not work")
    assert (code, document["findings"], document["summary"]["verdict"]) == (3, [], "incomplete")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a file with the request, - for standard input, or --error TEXT"),
        (["nosuch.json", "--metadata", "x"], "nosuch.json: No such file or directory"),
        (["{request}"], "name the served models: --model DIR, --url http://HOST:PORT or --metadata FILE"),
        (
            ["{request}", "--metadata", "{request}"],
            "it has no list of inputs, which an answer of /v2/models/NAME has",
        ),
        (["{request}", "--metadata", "x", "--url", "y"], "--model, --url and --metadata exclude each other"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, tmp_path: Path) -> None:
    file = write(tmp_path, "{}")
    result = ovms_doctor("request", *(text.replace("{request}", file) for text in arguments))
    assert result.code == 2
    assert result.text == ""
    assert message in result.err.decode()
    assert len(result.err.decode().splitlines()) == 1


# -- a running server ------------------------------------------------------------------------------------


class _Server(BaseHTTPRequestHandler):
    """Answers requests for metadata and records them."""

    requested_paths: list[str] = []  # noqa: RUF012 - shared on purpose: each request makes an object of its own

    def do_GET(self) -> None:
        self.requested_paths.append(f"GET {self.path}")
        states = [
            {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": "OK"}}
        ]
        answers: dict[str, Any] = {
            "/v1/config": {"fc": {"model_version_status": states}, "other": {"model_version_status": states}},
            "/v2": {"name": "OpenVINO Model Server", "version": "2025.4.1.abc"},
            "/v2/models/fc": METADATA,
        }
        body = json.dumps(answers.get(self.path, {})).encode()
        self.send_response(200 if self.path in answers else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.requested_paths.append(f"POST {self.path}")

    def log_message(self, *arguments: Any) -> None:
        """Writes nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that answers metadata."""
    _Server.requested_paths.clear()
    made = HTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_only_metadata_are_requested(server: str, tmp_path: Path) -> None:
    source = write(tmp_path, f"curl {server}/v2/models/fc/infer -d '{json.dumps(GOOD)}'")
    code, document = report(source, "--url", server)
    assert (code, document["request"]["http_status"]) == (0, 200)
    assert (document["server"]["release"], document["server"]["release_from"]) == ("2025.4", "the server")
    assert set(_Server.requested_paths) == {"GET /v1/config", "GET /v2", "GET /v2/models/fc"}


def test_a_server_that_refuses_the_connection(tmp_path: Path) -> None:
    result = ovms_doctor("request", write(tmp_path, GOOD), "--url", "http://127.0.0.1:9")
    assert (result.code, result.text) == (2, "")
    assert "Connection refused" in result.err.decode()


# -- large bodies ----------------------------------------------------------------------------------------

#: Runs the command line and reports its peak memory.
MEASURED = """
import sys
from ovms_doctor.cli.app import run
code = run(sys.argv[1:])
# The resource module's figure counts the process that forked this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(status["VmHWM"].split()[0], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
def test_a_large_body_needs_little_memory(metadata: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    count = 10_000_000
    with path.open("wb") as file:
        file.write(b'{"inputs": [{"name": "x", "shape": [1, %d], "datatype": "FP32", "data": [' % count)
        for _ in range(10):
            file.write(b"0.25," * (count // 10))
        file.seek(-1, 1)
        file.write(b"]}]}")
    command = [sys.executable, "-c", MEASURED, "request", str(path), "--metadata", str(metadata), "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Expected: (1,3); Actual: (1,10000000)" in result.stdout
    # The body has 48 MiB; as Python objects, its values would take ten times as much.
    assert int(result.stderr) < 150 * 1024


@pytest.mark.slow
def test_bodies_that_are_not_judged(metadata: Path, tmp_path: Path) -> None:
    many = write(tmp_path, '{"inputs": [' + "[], " * 600_000 + "1]}")
    code, document = report(many, "--metadata", str(metadata))
    assert (code, document["summary"]["verdict"]) == (3, "incomplete")
    assert document["checks"][0]["status"] == "could_not_look"
    assert document["checks"][0]["reason"] == "the body has more separate values than ovms-doctor examines"
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate((1 << 30) + 1)
    result = ovms_doctor("request", str(huge), "--metadata", str(metadata))
    assert (result.code, result.text) == (2, "")
    assert "the server answers 413" in result.err.decode()
