"""Requests read from command lines and scripts; nothing is executed."""

from __future__ import annotations

import contextlib
import time

import pytest

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.inputs.requests.shell import program_of

BODY = b'{"inputs": [1, 2]}'
FILES = {"r.json": BODY + b"\n", "-": b"terminal"}

SCRIPTS = {
    "a script": "#!/bin/bash\nset -e\n# curl is needed\ncurl -s -X POST h:1/p \\\n  --data-binary @r.json | jq .\n",
    "escaped quotes": 'curl h:1/p -d "{\\"inputs\\": [1, 2]}"',
    "a variable": 'BODY=\'{"inputs": [1, 2]}\'\ncurl h:1/p -d "$BODY"',
    "variables in the address": "HOST=h:1\ncurl http://${HOST}/p -d '{\"inputs\": [1, 2]}'",
    "a pipe from cat": "cat r.json | curl h:1/p -d @-",
    "a pipe from echo": "echo '{\"inputs\": [1, 2]}' | curl -d @- h:1/p && echo done",
    "a file as input": "curl h:1/p -d @- < r.json",
    "a here document": 'curl h:1/p -d @- <<EOF\n{"inputs": [1, 2]}\nEOF\necho done',
    "a here document with a variable": 'N=2\ncurl h:1/p -d @- <<EOF\n{"inputs": [1, $N]}\nEOF\n',
    "a quoted here document": "curl h:1/p -d @- <<'EOF'\n{\"inputs\": [1, 2]}\nEOF\n",
    "a here string": "curl h:1/p -d @- <<< '{\"inputs\": [1, 2]}'",
    "Windows": "curl.exe h:1/p ^\r\n -d @r.json",
    "a loop": "for i in 1 2; do\n  curl h:1/p -d @r.json\ndone",
    "the prompt of root": "# curl h:1/p -d @r.json",
    "a prompt": "$ curl h:1/p -d @r.json",
    "dollar quotes": "curl h:1/p -d $'{\"inputs\": [1, 2]}'",
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts(text: str) -> None:
    request = read_request(text.encode(), ReadOptions(), FILES.__getitem__)
    assert (request.method, request.path, request.address) == ("POST", "/p", "h:1")
    assert request.body.strip() == BODY


@pytest.mark.parametrize(
    "text",
    [
        'grpcurl -plaintext -d \'{"model_name": "fc"}\' h:1 inference.GRPCInferenceService/ModelInfer',
        'echo \'{"modelName": "fc"}\' | grpcurl -max-time 3 -d @ h:1 inference.GRPCInferenceService.ModelInfer',
        'grpcurl -d=@ h:1 inference.GRPCInferenceService/ModelInfer <<E\n{"modelName": "fc"}\nE\n',
    ],
)
def test_grpcurl(text: str) -> None:
    request = read_request(text.encode(), ReadOptions(), FILES.__getitem__)
    assert request.message is not None
    assert (request.interface, request.address, request.message.model_name) == ("gRPC", "h:1", "fc")


@pytest.mark.parametrize(
    ("call", "name", "version"),
    [
        ("h:1 inference.GRPCInferenceService/ServerLive", "", ""),
        ('-d \'{"name": "fc", "version": "1"}\' h:1 inference.GRPCInferenceService/ModelReady', "fc", "1"),
        ('-d \'{"name": "fc"}\' h:1 inference.GRPCInferenceService.ModelMetadata', "fc", ""),
        (
            '-d \'{"model_spec": {"name": "fc"}}\' h:1 tensorflow.serving.ModelService/GetModelStatus',
            "fc",
            "",
        ),
        (
            '-d \'{"modelSpec": {"name": "fc", "version": 2}, "metadataField": ["signature_def"]}\' h:1 '
            "tensorflow.serving.PredictionService/GetModelMetadata",
            "fc",
            "2",
        ),
        ("h:1 inference.GRPCInferenceService/RepositoryIndex", "", ""),
        ("h:1 grpc.health.v1.Health/Check", "", ""),
    ],
)
def test_other_methods_of_grpcurl(call: str, name: str, version: str) -> None:
    request = read_request(
        f"grpcurl -plaintext -proto a.proto {call}".encode(), ReadOptions(), FILES.__getitem__
    )
    assert request.message is not None
    assert (request.message.model_name, request.message.model_version) == (name, version)
    assert (request.interface, request.address, request.notes) == ("gRPC", "h:1", ())
    assert not request.has_input


def test_what_grpcurl_needs_for_this_server() -> None:
    text = "grpcurl h:1 inference.GRPCInferenceService/ServerReady"
    notes = read_request(text.encode(), ReadOptions(), FILES.__getitem__).notes
    assert len(notes) == 2
    assert "-proto or -protoset" in notes[0]
    assert "-plaintext" in notes[1]


def test_grpcurl_refuses_a_body_of_the_rest_api() -> None:
    text = 'grpcurl -d \'{"inputs": [{"data": [1]}]}\' h:1 inference.GRPCInferenceService/ModelInfer'
    request = read_request(text.encode(), ReadOptions(), FILES.__getitem__)
    assert "data" in request.refusal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("curl h:1/p -d \"{'x': '$(base64 a.jpg)'}\"", "a command that the shell would run"),
        ("curl h:1/p -d \"{'x': '`date`'}\"", "a command that the shell would run"),
        ('IMG=$(base64 a.jpg)\ncurl h:1/p -d "$IMG"', "the shell variable IMG"),
        ("make_body | curl h:1/p -d @-", "a command that the shell would run"),
        ("xh POST h:1/p x=1", "a command line of xh is not read"),
        ("grpcurl -plaintext h:1 a.B/C", "the command line does not call one of"),
        ("grpcurl -plaintext h:1 list", "the command line does not call one of"),
        (
            "grpcurl -d @ h:1 inference.GRPCInferenceService/ModelStreamInfer",
            "the command line does not call one of",
        ),
        ("grpcurl h:1 inference.GRPCInferenceService/ModelInfer", "has no message"),
        ("curl h:1/p -d 'x", "the command line is not complete"),
        ("curl -s", "has no URL"),
    ],
)
def test_unknown_values(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        read_request(text.encode(), ReadOptions(), FILES.__getitem__)


@pytest.mark.parametrize(
    "text", ["{}", "import os\ncurl = 1\n", "http = Pool()", "curly ", "", "model_name: 'curl '"]
)
def test_no_command_lines(text: str) -> None:
    assert program_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "curl h/p " + "<<a\n" * 50_000,
        "x " + "curl " * 50_000,
        "|a=x" * 50_000,
        "a=b " * 50_000,
        "curl h/p " + "$(" * 50_000,
        "curl h/p " + "'\"" * 50_001,
    ],
    ids=["here", "words", "pipes", "assignments", "substitutions", "quotes"],
)
def test_the_time_of_hostile_scripts(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(DocumentError):
        read_request(text.encode(), ReadOptions(), FILES.__getitem__)
    assert time.process_time() - started < 5
