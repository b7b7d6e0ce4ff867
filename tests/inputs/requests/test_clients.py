"""Requests of Python clients: each with a good and a faulty call, and what the client sends."""

from __future__ import annotations

import base64
import json

import pytest

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.client_request import ClientRequest
from tests.inputs.requests.snippets import HELLO, judge


def _request(text: str) -> ClientRequest:
    return read_request(text.encode(), ReadOptions(), lambda name: b"")


COHERE = "import cohere\nco = cohere.{client}(base_url='http://localhost:8000/v3', api_key='k')\nco.rerank({call})\n"
RERANK = "query='a', documents=['b', 'c'], model='bge'"
MODULE = "import openai\nopenai.base_url = 'http://localhost:8000/v3/'\nopenai.api_key = 'k'\nopenai.{call}\n"
IMAGE = """
import base64
from openai import OpenAI
def encoded(path):
    with open(path, "rb") as file:
        return base64.b64encode(file.read()).decode("utf-8")
client = OpenAI(base_url="http://localhost:8000/v3", api_key="unused")
client.chat.completions.create(model="llama", messages=[{{"role": "user", "content": [
    {{"type": "text", "text": "What is on the picture?"}},
    {{"type": "image_url", "image_url": {{"url": {url}}}}}]}}])
"""
PARSE = """
from openai import OpenAI
from pydantic import BaseModel
class Event(BaseModel):
    name: str
client = OpenAI(base_url="http://localhost:8000/v3", api_key="unused")
client.{call}(model="llama", {arguments})
"""


@pytest.mark.parametrize(
    "text",
    [
        COHERE.format(client="Client", call=RERANK),
        COHERE.format(client="ClientV2", call=f"{RERANK}, top_n=1"),
        MODULE.format(call=f"chat.completions.create(model='llama', {HELLO})"),
        MODULE.format(call="embeddings.create(model='gte', input=['a', 'b'])"),
        IMAGE.format(url="f\"data:image/jpeg;base64,{encoded('a.jpg')}\""),
        IMAGE.format(url="'data:image/jpeg;base64,{}'.format(encoded('a.jpg'))"),
        IMAGE.format(url="'data:{kind};base64,{data}'.format(kind='image/png', data=encoded('a.png'))"),
        PARSE.format(call="beta.chat.completions.parse", arguments=f"{HELLO}, response_format=Event"),
        PARSE.format(call="responses.parse", arguments="input='a', text_format=Event"),
    ],
)
def test_good_requests(text: str) -> None:
    verdict = judge(text)
    assert verdict.unjudged == ""
    assert verdict.answer.http_status == 200, verdict.answer


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        (COHERE.format(client="Client", call="query='a', documents='b', model='bge'"), 400, "not an array"),
        (
            COHERE.format(client="ClientV2", call="query='a', documents=[1], model='bge'"),
            400,
            "neither string",
        ),
        (COHERE.format(client="Client", call=RERANK.replace("bge", "big")), 404, "Mediapipe graph"),
        (MODULE.format(call="chat.completions.create(model='llama', messages=[])"), 400, "cannot be empty"),
        (MODULE.format(call="embeddings.create(model='gte', input=[])"), 400, "should not be empty"),
        (IMAGE.format(url="'data:image/jpeg;base64,?'"), 400, "Invalid base64 string"),
    ],
)
def test_faulty_requests(text: str, status: int, message: str) -> None:
    verdict = judge(text)
    assert verdict.answer.http_status == status
    assert message in verdict.answer.message


def test_what_cohere_sends() -> None:
    request = _request(COHERE.format(client="ClientV2", call=f"{RERANK}, rank_fields=['x'], priority=1"))
    assert (request.api, request.path) == ("OpenAI", "/v3/v2/rerank")
    assert json.loads(request.body) == {"model": "bge", "query": "a", "documents": ["b", "c"], "priority": 1}
    assert request.header("Authorization") == "Bearer k"
    assert _request(COHERE.format(client="Client", call=RERANK)).path == "/v3/v1/rerank"
    version_2 = COHERE.format(client="Client", call=RERANK).replace("co.rerank", "co.v2.rerank")
    assert _request(version_2).path == "/v3/v2/rerank"


def test_what_openai_adds() -> None:
    create = "from openai import OpenAI\nclient = OpenAI(base_url='http://h/v3')\nclient.{}\n"
    body = json.loads(_request(create.format("embeddings.create(model='m', input='a')")).body)
    assert body["encoding_format"] == "base64"
    body = json.loads(
        _request(create.format("responses.stream(model='m', input='a', extra_body={'b': 1})")).body
    )
    assert body == {"model": "m", "input": "a", "stream": True, "b": 1}
    request = _request(create.format("models.list(extra_headers={'Authorization': 'Bearer x'})"))
    assert request.header("authorization") == "Bearer x"
    left_out = "import openai\n" + create.format(
        "completions.create(model='m', prompt='a', n=openai.NOT_GIVEN)"
    )
    assert "n" not in json.loads(_request(left_out).body)


def test_the_content_of_a_file_is_valid_base64() -> None:
    value = "base64.b64encode(open('a').read()).decode()"
    text = f"import base64, requests\nrequests.post('http://h/v2', json={{'a': {value}}})"
    assert base64.b64decode(json.loads(_request(text).body)["a"], validate=True)
    known = text.replace("open('a').read()", "b'abc'")
    assert json.loads(_request(known).body)["a"] == "YWJj"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (COHERE.replace("rerank", "embed").format(client="Client", call="texts=['a']"), "cohere's embed"),
        ("import cohere\ncohere.Client('k').rerank(query='a', documents=[])", "base_url of the client is not known"),
        ("import openai\nopenai.chat.completions.create(model='m')", "base_url of the client is not known"),
        ("import openai\nopenai.api_base = 'http://h/v3'\nopenai.ChatCompletion.create(model='m')", "before 1.0"),
        ("import requests\nrequests.post(f'http://h/v2/models/{name}/infer', json={})", "path of the URL is not known"),
        ("import requests\nrequests.post(f'{url}/infer', json={})", "path of the URL is not known"),
    ],
)  # fmt: skip
def test_what_is_not_known(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        _request(text)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("{host}/v2/models/fc/infer", "<not known>"),
        ("http://{host}:8000/v2/models/fc/infer", "<not known>:8000"),
    ],
)
def test_an_unknown_host_is_no_part_of_the_path(url: str, address: str) -> None:
    request = _request(f"import requests\nrequests.post(f'{url}', json={{}})")
    assert (request.address, request.path) == (address, "/v2/models/fc/infer")
