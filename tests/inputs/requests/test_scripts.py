"""Whole Python scripts: their options, functions, classes and threads, and what they send."""

from __future__ import annotations

import json

import pytest

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.client_request import ClientRequest
from tests.inputs.requests.snippets import judge

BODY = '{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1.0, 2.0, 3.0]}]}'
#: Sends the body to the model MODEL.
POST = f"requests.post(f'http://h:8000/v2/models/{{MODEL}}/infer', json={BODY})"
PARSER = "import argparse, requests\nparser = argparse.ArgumentParser()\n"


def _request(text: str) -> ClientRequest:
    return read_request(text.encode(), ReadOptions(), lambda name: b"")


def _post(model: str) -> str:
    """The call that sends the body to the model of an expression."""
    return POST.replace("MODEL", model)


OPTIONS = f"""
{PARSER}parser.add_argument("-m", "--model-name", default="fc", help="the model")
group = parser.add_argument_group()
group.add_argument("--count", type=int, default="3")
group.add_argument("--quiet", action="store_true")
parser.add_argument("kind", nargs="?", default="infer")
"""
OBJECT = """
import requests
class Base:
    path = "infer"
    def __init__(self, host):
        self.host = host
    @property
    def address(self):
        return f"http://{self.host}:8000/v2/models"
class Client(Base):
    def __init__(self, model="fc"):
        super().__init__("h")
        self.host, self.model, self.session = "h", model, requests.Session()
    @staticmethod
    def body(values):
        return {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": values}]}
    @classmethod
    def of(cls, model):
        return cls(model)
    def infer(self, values):
        return self.session.post(f"{self.address}/{self.model}/{self.path}", json=self.body(values))
    def several(self, pool):
        return list(pool.map(self.infer, [[1.0, 2.0, 3.0]]))
"""
DATACLASS = """
import requests
from dataclasses import asdict, dataclass
@dataclass
class Tensor:
    name: str
    shape: list
    data: list
    datatype: str = "FP32"
tensor = Tensor("x", [1, 3], data=[1.0, 2.0, 3.0])
"""
ITEM, ALL, TEXT = 'args["model_name"]', 'names[0] + more["end"]', '"fc"'
SCRIPTS = {
    "options": f"{OPTIONS}args = parser.parse_args()\n{_post('args.model_name')}",
    "options as a dict": f"{OPTIONS}args = vars(parser.parse_args())\n{_post(ITEM)}",
    "known options": f"{OPTIONS}args, rest = parser.parse_known_args()\n{_post('args.model_name')}",
    "options of a function": f"{PARSER}def main(args):\n    {_post('args.m')}\nif __name__ == '__main__':\n"
    "    parser.add_argument('-m')\n    parser.set_defaults(m='fc')\n    main(parser.parse_args())\n",
    "an option without a value": f"{PARSER}parser.add_argument('-m')\nm = parser.parse_args().m or 'fc'\n{_post('m')}",
    "arguments": f"import requests, sys\nm = sys.argv[1] if len(sys.argv) > 1 else 'fc'\n{_post('m')}",
    "the environment": f"import os, requests\nm = os.getenv('MODEL', 'fc')\n{_post('m')}",
    "the environment as a dict": f"import os, requests\nm = os.environ.get('MODEL', 'fc')\n{_post('m')}",
    "an object": f"{OBJECT}Client().infer([1.0, 2.0, 3.0])",
    "a class method": f"{OBJECT}Client.of('fc').infer([1.0, 2.0, 3.0])",
    "a method in threads": f"{OBJECT}Client().several(ThreadPoolExecutor())",
    "a dataclass": f"{DATACLASS}requests.post('http://h/v2/models/fc/infer', json={{'inputs': [asdict(tensor)]}})",
    "its fields": f"{DATACLASS}requests.post('http://h/v2/models/fc/infer', json={{'inputs': [vars(tensor)]}})",
    "fields of a class": f"import requests\nclass Config:\n    MODEL = 'fc'\n{_post('Config.MODEL')}",
    "a thread": f"import requests, threading\ndef send(m):\n    {_post('m')}\n"
    "threading.Thread(target=send, args=('fc',)).start()",
    "a pool": f"import requests\ndef send(m):\n    {_post('m')}\nwith Pool(2) as pool:\n    pool.map(send, ['fc'])",
    "a future": f"import requests\ndef send(m, n):\n    {_post('m')}\npool.submit(send, 'fc', n=1)",
    "an event loop": f"import requests\ndef send(m):\n    {_post('m')}\nloop.run_in_executor(None, send, 'fc')",
    "apply": f"import requests\ndef send(m):\n    {_post('m')}\npool.apply_async(send, ('fc',))",
    "parameters with names": f"import requests\ndef send(*, m, n=1):\n    {_post('m')}\nsend(m='fc')",
    "all parameters": f"import requests\ndef send(*names, **more):\n    {_post(ALL)}\n"
    "send('f', end='c')",
    "a global name": f"import requests\ndef make():\n    global m\n    m = 'fc'\nmake()\n{_post('m')}",
    "a formatted number": f"import requests\n{_post(TEXT)}".replace("infer'", "versions/{1:02d}/infer'"),
    "a concatenated URL": f"import requests\nrequests.post(address + '/v2/models/' + 'fc' + '/infer', json={BODY})",
    "a joined URL": "import requests\nfrom urllib.parse import urljoin\n"
    f"requests.post(urljoin('http://h:8000/', 'v2/models/fc/infer'), json={BODY})",
    "http.client": "import http.client, json\nc = http.client.HTTPConnection('h', 8000)\n"
    f"c.request('POST', '/v2/models/fc/infer', json.dumps({BODY}), {{'Content-Type': 'application/json'}})",
    "urllib3": f"import urllib3\nurllib3.PoolManager().request('POST', 'http://h/v2/models/fc/infer', json={BODY})",
    "a line that begins with %": "import requests\nrequests.post('http://%s/v2/models/%s/infer'\n"
    f"    % ('h', 'fc'), json={BODY})",
    "a notebook": f"!pip install requests\n%time\nimport requests\nif True:\n    !ls\n{_post(TEXT)}",
}  # fmt: skip


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_good_scripts(text: str) -> None:
    verdict = judge(text)
    assert verdict.unjudged == ""
    assert verdict.answer.http_status == 200, verdict.answer
    assert json.loads(verdict.request.body) == json.loads(BODY)


@pytest.mark.parametrize(
    "name", [name for name, text in SCRIPTS.items() if "'fc'" in text and "tensor" not in text]
)
def test_faulty_scripts(name: str) -> None:
    """With another model, the same script is refused: the name is read."""
    answer = judge(SCRIPTS[name].replace("'fc'", "'fcc'")).answer
    assert (answer.http_status, "Mediapipe graph" in answer.message) == (404, True)


def test_the_note_on_options() -> None:
    assert _request(SCRIPTS["options"]).notes == ("The options of the script have their default values.",)
    assert _request(SCRIPTS["an object"]).notes == ()


@pytest.mark.parametrize(
    "option",
    ["'--model', required=True", "'model'", "'--model', type=int, default='x'", "'--model'"],
)
def test_options_without_a_known_value(option: str) -> None:
    text = f"{PARSER}parser.add_argument({option})\nargs = parser.parse_args()\n{_post('args.model')}"
    with pytest.raises(DocumentError, match="the path of the URL is not known"):
        _request(text)


@pytest.mark.parametrize(
    "text",
    [
        "import os, requests\n" + _post('os.getenv("MODEL")'),
        "import requests, sys\n" + _post("sys.argv[1]"),
        "import requests\nclass A:\n    def __init__(self):\n        self.a = A()\n" + _post("A().a.a.name"),
        "import requests\nclass A(B):\n    pass\n" + _post("A().model"),
        "import requests\n" + _post("1:1000000000"),
    ],
)
def test_what_is_not_known(text: str) -> None:
    with pytest.raises(DocumentError, match="the path of the URL is not known"):
        _request(text)


TRITON = """
import numpy as np
import tritonclient.{kind} as client
c = client.InferenceServerClient("{url}")
i = client.InferInput("x", [1, 3], "FP32")
i.set_data_from_numpy(np.zeros((1, 3), np.float32))
c.infer("fc", [i])
"""


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [
        ("http", "tritonclient raises InferenceServerException: url should not include the scheme"),
        ("grpc", "gRPC ends the call with UNAVAILABLE: DNS resolution failed for http://h:9000"),
    ],
)
def test_the_scheme_in_an_address(kind: str, refusal: str) -> None:
    assert refusal in _request(TRITON.format(kind=kind, url="http://h:9000")).refusal
    assert _request(TRITON.format(kind=kind, url="h:9000")).refusal == ""


def test_the_scheme_in_an_address_of_a_channel() -> None:
    text = "import grpc\nchannel = grpc.insecure_channel('{}')\n"
    assert "DNS resolution failed" in _request(text.format("http://h:9000")).refusal
    with pytest.raises(DocumentError, match="does not send a request"):
        _request(text.format("h:9000"))


@pytest.mark.parametrize(
    "text",
    [
        "class A:\n" + "    def a(self): pass\n" * 10_000 + "a = A()\n" + "a.x\n" * 50_000,
        "class A:\n" + "    a = 1\n" * 10_000 + "".join(f"class B{n}(A): pass\n" for n in range(10_000)),
    ],
    ids=["methods", "fields"],
)
def test_searches_in_large_classes_count_as_steps(text: str) -> None:
    with pytest.raises(DocumentError, match="more steps than ovms-doctor evaluates"):
        _request(f"import requests\n{text}")
