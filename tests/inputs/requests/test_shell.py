"""Requests read from command lines and scripts; nothing is executed."""

from __future__ import annotations

import base64
import contextlib
import time

import pytest

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.inputs.requests.shell import program_of

BODY = b'{"inputs": [1, 2]}'
FILES = {"r.json": BODY + b"\n", "-": b"terminal", "a.bin": bytes(range(60))}


def _file(name: str) -> bytes:
    if name not in FILES:
        raise DocumentError(f"cannot read {name}")
    return FILES[name]


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
    "escapes in dollar quotes": "curl h:1/p -d $'{\\x22inputs\\u0022: [1,\\0402]}' # it's a comment",
    "the prompt of a user": 'me@host:~/models$ curl h:1/p -d @r.json\n{"error": "x"}',
    "the prompt of root in a container": "root@8a7f:/# curl h:1/p -d @r.json",
    "the prompt of PowerShell": "PS C:\\Users\\me> curl.exe -d '@r.json' h:1/p",
    "the prompt of cmd": 'C:\\> curl -d "{\\"inputs\\": [1, 2]}" h:1/p',
    "copied from a browser for cmd": 'curl ^"http://h:1/p^" ^\n --data-raw ^"^{^\\^"inputs^\\^": ^[1, 2^]^}^"',
    "doubled quotes of cmd": 'curl h:1/p ^\n -d "{""inputs"": [1, 2]}"',
    "a loop in one line": "for i in 1 2; do curl -s h:1/p -d @r.json; done",
    "a condition": "if ! curl -sf h:1/p -d @r.json; then echo no; fi",
    "the output in a variable": 'ANSWER=$(curl -s h:1/p -d @r.json)\necho "$ANSWER"',
    "the output in a test": "if [ \"$(curl -s -w '%{http_code}' h:1/p -d @r.json)\" = 200 ]; then echo ok; fi",
    "in a container": "docker exec -it ovms curl -s h:1/p -d @r.json",
    "in a pod": "kubectl exec deploy/ovms -n x -- curl -s h:1/p -d @r.json",
    "a file in a substitution": 'curl h:1/p -d "$(cat r.json)"',
    "a file in a short substitution": 'curl h:1/p -d "$(<r.json)"',
    "a file in a variable": 'BODY=`cat r.json`; BODY=$(cat r.json)\ncurl h:1/p -d "$BODY"',
    "a here document in a variable": 'B=$(cat <<EOF\n{"inputs": [1, 2]}\nEOF\n)\ncurl h:1/p -d "$B"',
    "a here document that is read": "read -r -d '' B <<'EOF'\n{\"inputs\": [1, 2]}\nEOF\ncurl h:1/p -d \"$B\"",
    "a here document in a pipe": 'cat <<EOF | curl h:1/p -d @-\n{"inputs": [1, 2]}\nEOF\n',
    "a file that the script writes": "cat > q.json <<'EOF'\n{\"inputs\": [1, 2]}\nEOF\ncurl h:1/p -d @q.json",
    "a file that echo writes": "echo '{\"inputs\": [1, 2]}' > q.json\ncurl h:1/p -d @q.json",
    "a variable of another one": 'H=h:1; U="http://$H/p"\ncurl "$U" -d @r.json',
    "a variable with a value of its own": "curl http://${HOST:-h:1}/${MISSING:-p} -d @r.json",
    "printf": "printf '{\"inputs\":\\x20[1, 2]}\\n' | curl h:1/p --data-binary @-",
    "the standard input as a file": "curl h:1/p -d @/dev/stdin < r.json",
    "options with a value": "curl --max-redirs 3 --proto =http -Y 1 h:1/p -d @r.json",
    "dots in the path": "curl h:1/x/../p -d @r.json",
    "a block of Markdown": "Send it:\n\n```console\n$ curl h:1/p -d @r.json\n```\nThen wait.\n",
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts(text: str) -> None:
    request = read_request(text.encode(), ReadOptions(), _file)
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
    request = read_request(text.encode(), ReadOptions(), _file)
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
    request = read_request(f"grpcurl -plaintext -proto a.proto {call}".encode(), ReadOptions(), _file)
    assert request.message is not None
    assert (request.message.model_name, request.message.model_version) == (name, version)
    assert (request.interface, request.address, request.notes) == ("gRPC", "h:1", ())
    assert not request.has_input


def test_what_grpcurl_needs_for_this_server() -> None:
    text = "grpcurl h:1 inference.GRPCInferenceService/ServerReady"
    notes = read_request(text.encode(), ReadOptions(), _file).notes
    assert len(notes) == 2
    assert "-proto or -protoset" in notes[0]
    assert "-plaintext" in notes[1]


def test_grpcurl_refuses_a_body_of_the_rest_api() -> None:
    text = 'grpcurl -d \'{"inputs": [{"data": [1]}]}\' h:1 inference.GRPCInferenceService/ModelInfer'
    request = read_request(text.encode(), ReadOptions(), _file)
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
        ("curl -K curl.cfg", "the option -K of curl is not read"),
        ("curl $URL -d 1", "the path of the URL"),
        ("curl h:1/v2/models/$1/infer -d 1", "the path of the URL"),
        ("curl h:1/v2/models/${M%x}/infer -d 1", "the path of the URL"),
        ('curl h:1/p -d @- <<EOF\n{"a": $N}\nEOF', "the shell variable N"),
        ('f() {\n curl h:1/p -d "$1"; }', "the shell variable 1"),
    ],
)
def test_unknown_values(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        read_request(text.encode(), ReadOptions(), _file)


def test_blanks_of_a_variable_without_quotes() -> None:
    text = "B='{\"inputs\": [1]}'\ncurl h:1/p -d {}"
    assert read_request(text.replace("{}", "$B").encode(), ReadOptions(), _file).body == b'{"inputs":'
    assert read_request(text.replace("{}", '"$B"').encode(), ReadOptions(), _file).body == b'{"inputs": [1]}'


def test_escapes_in_a_here_document() -> None:
    text = 'N=1\ncurl h:1/p --data-binary @- <<{}\n[$N, "\\$N \\`x\\` \\\\ \\n"]\nEOF\n'
    request = read_request(text.replace("{}", "EOF").encode(), ReadOptions(), _file)
    assert request.body == b'[1, "$N `x` \\ \\n"]\n'
    request = read_request(text.replace("{}", "'EOF'").encode(), ReadOptions(), _file)
    assert request.body == b'[$N, "\\$N \\`x\\` \\\\ \\n"]\n'


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("$(base64 -w0 a.bin)", base64.b64encode(FILES["a.bin"]).decode()),
        ("$(cat a.bin | base64 --wrap=0)", base64.b64encode(FILES["a.bin"]).decode()),
        ("`base64 a.bin | tr -d '\\n'`", base64.b64encode(FILES["a.bin"]).decode()),
        # Without an option, base64 breaks its lines, which no JSON accepts.
        ("$(base64 a.bin)", base64.encodebytes(FILES["a.bin"]).decode().rstrip("\n")),
    ],
)
def test_base64(output: str, text: str) -> None:
    request = read_request(f'curl h:1/p --data-raw "{output}"'.encode(), ReadOptions(), _file)
    assert request.body.decode() == text


def test_single_quotes_of_cmd() -> None:
    text = "curl h:1/p {}\n -d '{\"inputs\": [1]}'"
    request = read_request(text.replace("{}", "^", 1).encode(), ReadOptions(), _file)
    assert request.body == b"'{inputs:"
    assert "cmd has no single quotes" in request.notes[0]
    request = read_request(text.replace("{}", "\\", 1).encode(), ReadOptions(), _file)
    assert (request.body, request.notes) == (b'{"inputs": [1]}', ())


@pytest.mark.parametrize(
    ("arguments", "method", "path", "content_type", "body"),
    [
        ("-H 'Content-Type:' -d 1", "POST", "/p", None, b"1"),
        ("-H 'Content-Type;' -d 1", "POST", "/p", "", b"1"),
        ("-X post -d 1", "post", "/p", "application/x-www-form-urlencoded", b"1"),
        ("--data-urlencode 'a=b c' --data-urlencode d", "POST", "/p", "application/x-www-form-urlencoded", b"a=b+c&d"),
        ("--data-urlencode x@t", "POST", "/p", "application/x-www-form-urlencoded", b"x=%5B1%5D"),
        ("-T t", "PUT", "/p", None, b"[1]"),
        ("--url h:1/d/ -T t", "PUT", "/d/t", None, b"[1]"),
        ("--path-as-is --url h:1/d/../p", "GET", "/d/../p", None, b""),
    ],
)  # fmt: skip
def test_what_curl_sends(
    arguments: str, method: str, path: str, content_type: str | None, body: bytes
) -> None:
    """Compared with curl 7.88.1."""
    request = read_request(f"curl h:1/p {arguments}".encode(), ReadOptions(), {"t": b"[1]"}.__getitem__)
    assert (request.method, request.path) == (method, path)
    assert (request.header("content-type"), request.body) == (content_type, body)


def test_credentials_of_curl() -> None:
    text = "curl h:1/p -d 1 "
    request = read_request(f"{text} -u a:b".encode(), ReadOptions(), _file)
    assert request.header("authorization") == "Basic YTpi"
    request = read_request(f"{text} --oauth2-bearer k".encode(), ReadOptions(), _file)
    assert request.header("authorization") == "Bearer k"


def test_a_url_with_a_blank() -> None:
    refused = read_request(b"curl 'h:1/v2/models/a b/infer' -d 1", ReadOptions(), _file)
    assert ("has a blank" in refused.refusal, refused.api) == (True, "KServe")
    assert read_request(b"curl 'h:1/a%20b' -d 1", ReadOptions(), _file).refusal == ""


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
        "$(curl " * 50_000,
        "\n[aaa" * 50_000,
        "ssh " * 50_000,
        "curl h/p ^\n" + '""' * 50_000,
        'curl h/p -d "$A"\nA=xx\n' + 'A="$A$A"\n' * 60,
    ],
    ids="here words pipes assignments substitutions quotes taken prompts wrappers windows doubled".split(),
)
def test_the_time_of_hostile_scripts(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(DocumentError):
        read_request(text.encode(), ReadOptions(), _file)
    assert time.process_time() - started < 5
