"""Command lines of wget, HTTPie and PowerShell, and scripts with several commands."""

from __future__ import annotations

import contextlib
import json

import pytest

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.prediction.requests.multipart import read_multipart
from tests.inputs.requests.snippets import judge

CHAT = '{"model": "llama", "messages": [{"role": "user", "content": "hi"}]}'
FILES = {"r.json": CHAT.encode(), "a.wav": b"RIFF", "part.json": b'["b"]', "text": b"b\n"}


def _request(text: str) -> ClientRequest:
    return read_request(text.encode(), ReadOptions(), FILES.__getitem__)


URL = "http://localhost:8000/v3/chat/completions"
JSON = "application/json"
POST = "irm http://h/p -Method Post -Body"
FORM = "application/x-www-form-urlencoded"
MESSAGES = """messages:='[{"role": "user", "content": "hi"}]'"""
HASH_TABLES = """
$body = @{
    model = "llama"  # the model
    messages = @(
        @{ role = "user"; content = "hi" }
    )
} | ConvertTo-Json
"""
HERE = f'$body = @"\n{CHAT}\n"@\n'


@pytest.mark.parametrize(
    "text",
    [
        f"wget -qO- --post-data='{CHAT}' --header 'Content-Type: {JSON}' {URL}",
        f"wget -q -O - {URL} --method=post --body-data '{CHAT}' --header='Content-Type: {JSON}'",
        f"wget -nv --post-file r.json --header 'Content-Type: {JSON}' {URL} | jq .",
        f"cat r.json | wget --post-file=/dev/stdin --header 'Content-Type: {JSON}' -O- {URL}",
        f"http POST :8000/v3/chat/completions model=llama {MESSAGES}",
        f"http -b --timeout 60 localhost:8000/v3/chat/completions model=llama {MESSAGES}",
        "http :8000/v3/chat/completions model=llama messages[0][role]=user messages[0][content]=hi",
        "http :8000/v3/chat/completions < r.json",
        "echo '" + CHAT + "' | http POST :8000/v3/chat/completions",
        f"http --raw '{CHAT}' POST {URL}",
        f"http POST {URL} @r.json",
        f"http --ignore-stdin POST {URL} model=llama {MESSAGES}",
        f"{HASH_TABLES}Invoke-RestMethod -Uri {URL} -Method Post -ContentType {JSON} -Body $body",
        f"{HERE}$r = irm {URL} -Method POST -Headers @{{ 'Content-Type' = '{JSON}' }} -Body $body\n$r.choices[0]",
        f"(Invoke-WebRequest -Uri '{URL}' `\n -Method POST `\n -ContentType '{JSON}' `\n -Body '{CHAT}').Content",
        f"iwr -UseBasicParsing {URL} -Method:Post -InFile r.json -ContentType {JSON} | Select-Object -Expand Content",
        f"irm {URL} -Method Post -Body (Get-Content r.json -Raw) -ContentType {JSON}",
        f"{HERE}$p = @{{ Uri = '{URL}'; Method = 'Post'; Body = $body; ContentType = '{JSON}' }}\n"
        "try { irm @p } catch { }",
        f"curl -L https://example.org/a.jpeg -o a.jpeg\ncurl {URL} -d @r.json -H 'Content-Type: {JSON}'",
        f"curl.exe -s {URL} ^\n -H \"Content-Type: {JSON}\" ^\n -d @r.json",
    ],
)  # fmt: skip
def test_good_requests(text: str) -> None:
    request = _request(text)
    assert (request.method, request.address, request.path) == (
        "POST",
        "localhost:8000",
        "/v3/chat/completions",
    )
    assert json.loads(request.body) == json.loads(CHAT)
    assert request.header("content-type") == JSON
    verdict = judge(text, read_file=FILES.__getitem__)
    assert verdict.answer.http_status == 200, verdict.answer


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        # wget and Invoke-RestMethod send a form if no type is set.
        (f"wget -qO- --post-data '{CHAT}' {URL}", 404, "Mediapipe graph definition"),
        (f"irm {URL} -Method Post -Body '{CHAT}'", 404, "Mediapipe graph definition"),
        ("http :8000/v3/chat/completions model=llama messages=hi", 400, "Messages are not an array"),
        ("http :8000/v3/chat/completions model=lama messages:='[]'", 404, "Mediapipe graph definition"),
        (f"http :8000/v3/chat/completions model=llama temperature=0.5 {MESSAGES}", 400, "temperature"),
        ("http GET :8000/v2/models/fc/infer x=1", 406, "Unsupported method"),
        (f"{HASH_TABLES}irm {URL}s -Method Post -Body $body -ContentType {JSON}", 400, "Wrong endpoint"),
    ],
)  # fmt: skip
def test_faulty_requests(text: str, status: int, message: str) -> None:
    verdict = judge(text, read_file=FILES.__getitem__)
    assert verdict.answer.http_status == status, verdict.answer
    assert message in verdict.answer.message


@pytest.mark.parametrize(
    ("text", "method", "path", "content_type", "body"),
    [
        ("wget h/p", "GET", "/p", None, b""),
        ("wget --spider h/p", "HEAD", "/p", None, b""),
        ("wget --post-data '' h/p", "POST", "/p", FORM, b""),
        ("wget --method=POST h/p", "POST", "/p", None, b""),
        ("wget -O out -T 5 --post-dat a h/p", "POST", "/p", FORM, b"a"),
        ("wget --post-data=a --header 'Content-Type: x' --header '' h/p", "POST", "/p", FORM, b"a"),
        ("http h/p", "GET", "/p", None, b""),
        ("http h/p X-A:b q==1", "GET", "/p", None, b""),
        ("http PUT h/p a=b", "PUT", "/p", JSON, b'{"a": "b"}'),
        ("http h/p a:=1 b:=true c=@text", "POST", "/p", JSON, b'{"a": 1, "b": true, "c": "b\\n"}'),
        ("http h/p d:=@part.json", "POST", "/p", JSON, b'{"d": ["b"]}'),
        ("http h/p a[]=b a[]=c", "POST", "/p", JSON, b'{"a": ["b", "c"]}'),
        ("http h/p 'a\\:b=c'", "POST", "/p", JSON, b'{"a:b": "c"}'),
        ("http h/p a=b=c d='e f'", "POST", "/p", JSON, b'{"a": "b=c", "d": "e f"}'),
        ("http -f h/p a=b c='d e'", "POST", "/p", f"{FORM}; charset=utf-8", b"a=b&c=d+e"),
        ("http h/p a=b Content-Type:text/plain", "POST", "/p", "text/plain", b'{"a": "b"}'),
        ("irm http://h/p", "GET", "/p", None, b""),
        ("irm http://h/p -Method Put -Body @{ a = 1; b = 'c d' }", "PUT", "/p", FORM, b"a=1&b=c+d"),
        ("irm http://h/p -Body @{ a = 1 }", "GET", "/p", None, b""),
        ("iwr http://h/p -CustomMethod PATCH -Body x", "PATCH", "/p", None, b"x"),
        ("curl -Uri http://h/p -Method Post -Body x", "POST", "/p", FORM, b"x"),
        ("$h = 'h'\nirm \"http://$h/$('p')\".Trim()", "", "", None, b""),
        ("$a = 'a' + \"`n\" + 1\nirm http://h/p -Method Post -Body $a", "POST", "/p", FORM, b"a\n1"),
        (f"$a = [Convert]::ToBase64String([IO.File]::ReadAllBytes('text'))\n{POST} $a", "POST", "/p", FORM, b"Ygo="),
        ("irm http://h/p -Method Post -Body (Get-Content text)", "POST", "/p", FORM, b"b"),
        (f"$t = @{{ a = $true }}\n{POST} ($t | ConvertTo-Json)", "POST", "/p", FORM, b'{"a": true}'),
    ],
)  # fmt: skip
def test_what_is_sent(text: str, method: str, path: str, content_type: str | None, body: bytes) -> None:
    if not method:
        with pytest.raises(DocumentError, match="is not known"):
            _request(text)
        return
    request = _request(text)
    assert (request.method, request.address, request.path) == (method, "h", path)
    assert (request.header("content-type"), request.body) == (content_type, body)


def test_what_is_deeper_than_the_depth_of_convertto_json_is_a_text() -> None:
    content = "@(@{ type = 'text'; text = 'hi' }, @{ type = 'text'; text = 'you' })"
    table = f"@{{ model = 'llama'; messages = @(@{{ role = 'user'; content = {content} }}) }}"
    send = f"irm {URL} -Method Post -ContentType {JSON} -Body ({table} | ConvertTo-Json DEPTH)"
    message = json.loads(_request(send.replace("DEPTH", "")).body)["messages"][0]
    assert message["content"] == "System.Collections.Hashtable System.Collections.Hashtable"
    message = json.loads(_request(send.replace("DEPTH", "-Depth 4")).body)["messages"][0]
    assert message["content"][1]["text"] == "you"


@pytest.mark.parametrize(
    "text",
    [
        "http -f POST h/v3/audio/transcriptions model=w file@a.wav",
        "http --multipart POST h/v3/audio/transcriptions model=w file@a.wav",
        "irm http://h/v3/audio/transcriptions -Method Post -Form @{ model = 'w'; file = Get-Item -Path a.wav }",
    ],
)
def test_forms_with_files(text: str) -> None:
    request = _request(text)
    found = read_multipart(request.header("content-type") or "", request.body)
    assert found is not None
    assert (found.fields, found.files) == ({"model": [b"w"]}, {"file": b"RIFF"})


def test_a_script_with_several_commands() -> None:
    downloads = "wget https://example.org/a\ncurl https://example.org/b -o b\n"
    request = _request(f"{downloads}curl h:1/v2/models/fc/infer -d '{{}}'\ncurl h:1/v1/config")
    assert request.path == "/v2/models/fc/infer"
    assert request.notes == ("The script sends 4 requests; this is the first with a body.",)
    request = _request(f"{downloads}curl h:1/v2/models/fc/ready")
    assert request.path == "/v2/models/fc/ready"
    assert request.notes == ("The script sends 3 requests; this is the first to a path of the server.",)
    assert _request(downloads).notes == ("The script sends 2 requests; this is the first.",)


def test_a_line_that_does_not_continue_the_command() -> None:
    request = _request(f"curl -X POST {URL}\n-H 'Content-Type: {JSON}'\n-d '{CHAT}'")
    assert request.body == b""
    assert "The line after the command begins with -H" in request.notes[0]
    assert _request(f"curl {URL} -d x\necho done").notes == ()


PYTHON = 'import requests\nrequests.post("http://h/v2/models/fc/infer", json={})\n'


@pytest.mark.parametrize(
    "text",
    [
        f"echo '{PYTHON}' > client.py\n\npython client.py",
        f"pip install requests\necho '\n{PYTHON}' >> client.py\npython client.py",
        f"cat > client.py <<'EOF'\n{PYTHON}EOF\npython3 client.py",
        f"python3 - <<EOF\n{PYTHON}EOF",
        f"python3 -c '{PYTHON}'",
    ],
)
def test_python_in_a_shell_script(text: str) -> None:
    assert _request(text).path == "/v2/models/fc/infer"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("wget -q", "has no URL"),
        ("wget --post-data a --method=PUT h/p", "does not accept --post-data"),
        ("wget --body-data a h/p", "only together with --method"),
        ("wget --post-data \"$BODY\" h/p", "the shell variable BODY"),
        ("wget \"h/v2/models/$MODEL/ready\"", "the path of the URL contains the value of the shell variable MODEL"),
        ("http POST h/p a:='{'", "http does not accept a:=…"),
        ("http POST h/p word", "it is not a request item"),
        ("http POST h/p a=$B", "the shell variable B"),
        ("http POST h/p a=1 < r.json", "together with a body from standard input"),
        ("http POST h/p file@a.wav", "only with --form"),
        ("http POST h/p a[b=1", "the key a.b of http is not read"),
        ("http POST h/p a=1 a[b]=1", "as a list and as an object"),
        ("http -f POST h/p a:='[1]'", "does not accept a list or an object in a form"),
        ("http --compress POST h/p a=1", "with --compress is not read"),
        ("xh POST h/p a=1", "a command line of xh is not read"),
        ("irm http://h/p -Method Post -Body $body", "the body contains the variable .body, whose value is not known"),
        ("irm http://h/p -Method Post -Body (Get-Date)", "the body contains get-date"),
        ("irm \"http://$env:HOST/p\"", "the URL contains the variable .env:HOST"),
        ("irm -Method Post -Body x", "the command has no URL"),
        ("irm 'http://h", "a text has no end"),
        ("irm @options", "the value of @options is not known"),
        ("irm http://h/p -Headers $h", "the headers are not known"),
    ],
)  # fmt: skip
def test_what_is_not_known(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        _request(text)


@pytest.mark.parametrize(
    "text", ["irm " + "(" * 5000, "irm " + "@{a=" * 5000, "irm http://h " + "$a," * 50_000]
)
def test_hostile_powershell(text: str) -> None:
    with contextlib.suppress(DocumentError):
        _request(text)


@pytest.mark.parametrize(
    "text",
    ["name: a\nmodels:\n  - b\n", "docker run openvino/model_server", "vllm bench serve --model a", "id=1"],
)
def test_a_text_that_is_no_request(text: str) -> None:
    with pytest.raises(DocumentError, match="no request in a form"):
        _request(text)
    # It can be a body that is sent as it is.
    assert (
        read_request(text.encode(), ReadOptions("/v2/models/fc/infer"), FILES.__getitem__).body
        == text.encode()
    )


@pytest.mark.parametrize("text", ["{'a': 1}", "true", "null ", "[1", "NaN", "", "\xff", "12", "'{}'"])
def test_other_texts_are_bodies(text: str) -> None:
    assert _request(text).body == text.encode()
