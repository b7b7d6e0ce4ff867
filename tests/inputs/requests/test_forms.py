"""Forms with files, and the calls of the openai client: curl, requests, httpx, openai."""

from __future__ import annotations

import pytest

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.curl import curl_request
from ovms_doctor.inputs.requests.python_snippet import parse_python
from ovms_doctor.inputs.requests.shell import commands
from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.prediction.requests.multipart import Multipart, read_multipart

URL = "http://localhost:8000/v3/audio/transcriptions"


def parts(request: ClientRequest) -> Multipart:
    found = read_multipart(request.header("content-type") or "", request.body)
    assert found is not None
    return found


def curl(arguments: str) -> ClientRequest:
    (command,) = commands(f"curl {URL} {arguments}")
    return curl_request(command, lambda name: b"content of " + name.encode())


def python(text: str) -> ClientRequest:
    (request,) = parse_python(text)
    return request


def test_curl() -> None:
    found = parts(curl("-F model=m -F file=@a.wav --form-string 'language=en'"))
    assert found.fields == {"model": [b"m"], "language": [b"en"]}
    assert found.files == {"file": b"content of a.wav"}


@pytest.mark.parametrize("own_type", ["multipart/form-data", "application/json"])
def test_curl_adds_the_boundary_to_a_given_type(own_type: str) -> None:
    request = curl(f"-H 'Content-Type: {own_type}' -F model=m")
    types = [value for name, value in request.headers if name.lower() == "content-type"]
    assert len(types) == 1
    assert types[0].startswith(f"{own_type}; boundary=")


@pytest.mark.parametrize("client", ["requests", "httpx"])
@pytest.mark.parametrize(
    "files",
    [
        '{"file": open("a.wav", "rb")}',
        '{"file": ("a.wav", open("a.wav", "rb"), "audio/wav")}',
        '[("file", ("a.wav", open("a.wav", "rb")))]',
    ],
)
def test_files_of_python(client: str, files: str) -> None:
    text = f'import {client}\n{client}.post("{URL}", files={files}, data={{"model": "m"}})\n'
    request = python(text)
    found = parts(request)
    assert found.fields == {"model": [b"m"]}
    assert list(found.files) == ["file"]
    # The content of the file is only known when the snippet runs.
    assert request.doubts


def test_a_part_without_a_file_name_is_a_field() -> None:
    text = f'import requests\nrequests.post("{URL}", files={{"model": (None, "m"), "file": b"x"}})\n'
    request = python(text)
    assert parts(request) == Multipart({"model": [b"m"]}, {"file": b"x"})
    assert not request.doubts


def test_a_given_type_of_requests_has_no_boundary() -> None:
    headers = '{"Content-Type": "multipart/form-data"}'
    request = python(f'import requests\nrequests.post("{URL}", files={{"file": b"x"}}, headers={headers})\n')
    assert read_multipart(request.header("content-type") or "", request.body) is None


def openai(call: str, base: str = 'base_url="http://localhost:8000/v3", api_key="k"') -> ClientRequest:
    return python(f"from openai import OpenAI\nclient = OpenAI({base})\nclient.{call}\n")


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        ('audio.speech.create(model="m", voice="v", input="hi")', "POST", "/v3/audio/speech"),
        (
            'audio.speech.with_streaming_response.create(model="m", voice="v", input="hi")',
            "POST",
            "/v3/audio/speech",
        ),
        ('beta.chat.completions.parse(model="m", messages=[])', "POST", "/v3/chat/completions"),
        ('chat.completions.with_raw_response.create(model="m", messages=[])', "POST", "/v3/chat/completions"),
        ('with_options(timeout=5).embeddings.create(model="m", input="a")', "POST", "/v3/embeddings"),
        ('responses.create(model="m", input="a")', "POST", "/v3/responses"),
        ("models.list()", "GET", "/v3/models"),
        ('models.retrieve("m")', "GET", "/v3/models/m"),
    ],
)
def test_calls_of_openai(call: str, method: str, path: str) -> None:
    request = openai(call)
    assert (request.method, request.path) == (method, path)
    assert request.header("authorization") == "Bearer k"


def test_forms_of_openai() -> None:
    found = parts(
        openai(
            'audio.transcriptions.create(model="m", file=open("a.wav", "rb"), stream=True, '
            'timestamp_granularities=["word", "segment"])'
        )
    )
    assert found.fields == {
        "model": [b"m"],
        "stream": [b"true"],
        "timestamp_granularities[]": [b"word", b"segment"],
    }
    assert list(found.files) == ["file"]
    found = parts(openai('images.edit(model="m", image=open("a.png", "rb"), prompt="x", size="8x8")'))
    assert found.text("size") == "8x8"
    assert list(found.files) == ["image"]


@pytest.mark.parametrize("base", ['api_key="k"', 'base_url=os.environ["URL"]'])
def test_a_client_whose_server_is_not_known(base: str) -> None:
    """Without base_url, the client takes OPENAI_BASE_URL, else OpenAI's own server."""
    with pytest.raises(DocumentError, match="base_url of the client is not known"):
        openai('chat.completions.create(model="m", messages=[])', base)
