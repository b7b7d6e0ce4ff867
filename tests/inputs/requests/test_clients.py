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


CHAT = """
from langchain_openai import ChatOpenAI
from langchain_core.messages import HumanMessage, SystemMessage
llm = ChatOpenAI(base_url="http://localhost:8000/v3", api_key="k", model="llama"{options})
{call}
"""
EMBEDDINGS = """
from langchain_openai import OpenAIEmbeddings
model = OpenAIEmbeddings(openai_api_base="http://localhost:8000/v3", openai_api_key="k", model="gte"{options})
model.{call}
"""
TRITON = (
    "import tritonclient.{kind} as triton\nc = triton.InferenceServerClient('localhost:9000')\nc.{call}\n"
)


@pytest.mark.parametrize(
    "text",
    [
        CHAT.format(options="", call="print(llm.invoke('hi').content)"),
        CHAT.format(
            options=", max_tokens=5", call="llm.invoke([SystemMessage('a'), HumanMessage(content='b')])"
        ),
        CHAT.format(
            options=", temperature=0.1", call="for part in llm.stream([('human', 'hi')]): print(part)"
        ),
        EMBEDDINGS.format(options="", call="embed_query('a')"),
        EMBEDDINGS.format(options=", tiktoken_enabled=False", call="embed_documents(['a', 'b'])"),
        "from langchain.chat_models import init_chat_model\n"
        "init_chat_model('openai:llama', base_url='http://localhost:8000/v3').invoke('a')",
        "import httpx\nwith httpx.Client(base_url='http://localhost:8000/v3') as c:\n"
        "    c.post('/chat/completions', json={'model': 'llama', 'messages': [{'role': 'user', 'content': 'a'}]})",
    ],
)
def test_good_requests_of_langchain_and_sessions(text: str) -> None:
    verdict = judge(text)
    assert verdict.unjudged == ""
    assert verdict.answer.http_status == 200, verdict.answer


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        (CHAT.format(options=", temperature=3", call="llm.invoke('hi')"), 400, "temperature out of range"),
        (CHAT.format(options="", call="llm.invoke([])"), 400, "cannot be empty"),
        (
            EMBEDDINGS.replace('"gte"', '"lama"').format(options="", call="embed_query('a')"),
            404,
            "Mediapipe graph",
        ),
        # A completion model sends a list of prompts.
        (
            "from langchain_openai import OpenAI\n"
            "OpenAI(base_url='http://localhost:8000/v3', model='llama').invoke('a')",
            400,
            "prompt",
        ),
    ],
)
def test_faulty_requests_of_langchain(text: str, status: int, message: str) -> None:
    verdict = judge(text)
    assert verdict.answer.http_status == status, verdict.answer
    assert message in verdict.answer.message


def test_what_langchain_sends() -> None:
    call = (
        "llm.invoke([SystemMessage('a'), ('human', 'b'), {'role': 'user', 'content': 'c'}, 'd'], stop=['e'])"
    )
    request = _request(CHAT.format(options=", max_tokens=5, seed=1, verbose=True, timeout=3", call=call))
    roles_and_texts = (("system", "a"), ("user", "b"), ("user", "c"), ("user", "d"))
    assert json.loads(request.body) == {
        "messages": [{"role": role, "content": text} for role, text in roles_and_texts],
        "model": "llama",
        "stream": False,
        "seed": 1,
        "max_completion_tokens": 5,
        "stop": ["e"],
    }
    assert (request.path, request.header("Authorization")) == ("/v3/chat/completions", "Bearer k")


@pytest.mark.parametrize(
    ("options", "sent", "notes"),
    [
        ("", [[1], [1]], 1),
        (", tiktoken_enabled=False", ["a", "b"], 0),
        (", check_embedding_ctx_length=False, dimensions=8", ["a", "b"], 0),
    ],
)
def test_what_the_embeddings_of_langchain_send(options: str, sent: object, notes: int) -> None:
    request = _request(EMBEDDINGS.format(options=options, call="embed_documents(['a', 'b'])"))
    body = json.loads(request.body)
    assert (request.path, body["input"], len(request.notes)) == ("/v3/embeddings", sent, notes)
    assert body.get("dimensions") == (8 if "dimensions" in options else None)


@pytest.mark.parametrize(
    ("text", "path", "headers"),
    [
        (
            "import requests\ns = requests.Session()\ns.headers.update({'A': 'b'})\ns.headers['C'] = 'd'\n"
            "s.post('http://h/v2/x', data='{}')",
            "/v2/x",
            {"A": "b", "C": "d"},
        ),
        (
            "import httpx\nc = httpx.AsyncClient(base_url='http://h/v3/', headers={'A': 'b'})\n"
            "await c.request('POST', 'chat/completions', headers={'A': 'c'}, content='{}')",
            "/v3/chat/completions",
            {"A": "c"},
        ),
        (
            "import aiohttp\nasync with aiohttp.ClientSession('http://h/v3/') as s:\n"
            "    async with s.post('/v2/x', data='{}') as r:\n        print(await r.json())",
            "/v2/x",
            {},
        ),
        (
            "import httpx\nwith httpx.stream('POST', 'http://h/v3/x', content='{}') as r: print(r)",
            "/v3/x",
            {},
        ),
    ],
)
def test_sessions(text: str, path: str, headers: dict[str, str]) -> None:
    request = _request(text)
    assert (request.method, request.address, request.path) == ("POST", "h", path)
    assert (dict(request.headers), request.body) == (headers, b"{}")


@pytest.mark.parametrize(
    ("kind", "call", "path"),
    [
        ("http", "is_server_live()", "/v2/health/live"),
        ("http", "is_model_ready('fc', '1')", "/v2/models/fc/versions/1/ready"),
        ("http", "get_model_metadata(model_name='fc')", "/v2/models/fc"),
        ("grpc", "is_server_ready()", "/inference.GRPCInferenceService/ServerReady"),
        ("grpc", "get_model_metadata('fc')", "/inference.GRPCInferenceService/ModelMetadata"),
    ],
)
def test_states_and_metadata_of_triton(kind: str, call: str, path: str) -> None:
    text = TRITON.format(kind=kind, call=call)
    request = _request(text)
    assert (request.path, request.address, request.has_input) == (path, "localhost:9000", False)
    verdict = judge(text)
    assert verdict.answer.succeeds
    assert verdict.inputs == ()


def test_a_model_that_triton_does_not_find() -> None:
    answer = judge(TRITON.format(kind="grpc", call="is_model_ready('fcc')")).answer
    assert (answer.grpc_code, answer.message) == ("NOT_FOUND", "Model with requested name is not found")
    assert (
        judge(TRITON.format(kind="grpc", call="get_model_config('fc')")).answer.grpc_code == "UNIMPLEMENTED"
    )


def test_an_inference_that_is_not_known_is_not_replaced_by_the_request_before_it() -> None:
    text = TRITON.format(kind="grpc", call="get_model_metadata('fc')\nc.infer('fc', unknown())")
    with pytest.raises(DocumentError, match="the inputs of infer are not known"):
        _request(text)


def test_raw_content_of_an_input_of_triton() -> None:
    call = (
        "i = triton.InferInput('text', [3], 'BYTES')\ni._raw_content = b'abc'\nc.infer('python_model', [i])"
    )
    request = _request(TRITON.format(kind="grpc", call="close()\n" + call))
    assert request.message is not None
    tensor = request.message.inputs[0]
    assert (tensor.datatype, tensor.shape, request.message.raw) == ("BYTES", (3,), (b"abc",))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CHAT.format(options="", call="(prompt | llm).invoke({})"), "a chain of langchain is not evaluated"),
        (CHAT.format(options="", call="llm.bind_tools([f]).invoke('a')"), "bind_tools of langchain is not evaluated"),
        (CHAT.format(options="", call="llm.invoke(load())"), "the messages for the model are not known"),
        ("from langchain.chat_models import init_chat_model\ninit_chat_model('gpt-4').invoke('a')", "is not openai"),
        ("import requests\nrequests.post('http://h/v2/x', data=open('a').read())", "body of the request is not known"),
        (TRITON.format(kind="grpc", call="async_stream_infer('fc', [])"), "ModelStreamInfer"),
    ],
)  # fmt: skip
def test_what_is_not_known_of_further_clients(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        _request(text)


def test_a_role_that_langchain_refuses() -> None:
    assert (
        "unexpected message type bot"
        in _request(CHAT.format(options="", call="llm.invoke([('bot', 'a')])")).refusal
    )
