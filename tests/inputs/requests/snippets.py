# ruff: noqa: E501 - a snippet is shown as it is written
"""Client snippets as users write them, each with one fault, and the models that they address."""

from __future__ import annotations

import json
from collections.abc import Callable

from msgspec import Struct

from ovms_doctor.diagnosis.client_request import judge_request
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.parameters import Dimension
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.served_models import (
    GenerativeLimits,
    ServedGraph,
    ServedInput,
    ServedModel,
    ServedModels,
)
from ovms_doctor.prediction.requests.verdict import RequestVerdict


def _no_file(name: str) -> bytes:
    raise AssertionError(name)


def judge(text: str, release: str = "2026.3", read_file: Callable[[str], bytes] = _no_file) -> RequestVerdict:
    """The verdict on a request to these models."""
    request = read_request(text.encode(), ReadOptions(), read_file)
    return judge_request(request, MODELS, parse_release(release), Facts(complete=True), None).verdict


def _input(name: str, precision: str, *sizes: int) -> ServedInput:
    return ServedInput(name, name, precision, tuple(Dimension(size, size) for size in sizes))


MODELS = ServedModels(
    (
        ServedModel("resnet", 1, (_input("0", "FP32", 1, 3, 224, 224),), ("prob",)),
        ServedModel("fc", 1, (_input("x", "FP32", 1, 3),), ("y",)),
        ServedModel("bert", 1, (_input("attention_mask", "I64", 1, -1), _input("input_ids", "I64", 1, -1))),
        ServedModel("text", 1, (_input("text", "STRING", -1),)),
        ServedModel("half", 1, (_input("x", "FP16", 1, 3),)),
    ),
    tuple((name, 1) for name in ("resnet", "fc", "bert", "text", "half")),
    (
        ServedGraph("llama", "generative", generative=GenerativeLimits("text_generation", 2048)),
        ServedGraph("gte", "generative", generative=GenerativeLimits("embeddings")),
        ServedGraph("bge", "generative", generative=GenerativeLimits("rerank")),
    ),
    frozenset({"resnet", "fc", "bert", "text", "half"}),
)

TRITON = """
import numpy as np
import tritonclient.{kind} as httpclient
client = httpclient.InferenceServerClient(url="localhost:{port}")
{array}
infer_input = httpclient.InferInput("{name}", data.shape, "{datatype}")
infer_input.set_data_from_numpy(data)
results = client.infer("{model}", [infer_input])
print(results.as_numpy("y"))
"""


def triton(
    array: str, *, kind: str = "http", name: str = "x", datatype: str = "FP32", model: str = "fc"
) -> str:
    """A snippet with tritonclient."""
    port = 8000 if kind == "http" else 9000
    return TRITON.format(kind=kind, port=port, array=array, name=name, datatype=datatype, model=model)


FLOATS = "data = np.array([[1, 2, 3]], dtype=np.float32)"
POST = """
import requests, json
url = "http://localhost:8000/v2/models/{model}/infer"
payload = {payload}
r = requests.post(url, {keyword})
r.raise_for_status()
print(r.json())
"""


def post(payload: str, *, model: str = "fc", keyword: str = "json=payload") -> str:
    """A snippet with requests."""
    return POST.format(payload=payload, model=model, keyword=keyword)


def entry(**changes: object) -> str:
    """A body for the model fc with some members changed."""
    made = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1.0, 2.0, 3.0], **changes}
    return repr({"inputs": [{key: value for key, value in made.items() if value is not None}]})


OVMS = """
from ovmsclient import make_grpc_client
import numpy as np
client = make_grpc_client("localhost:9000")
{rest}
print(results)
"""
OPENAI = """
from openai import OpenAI
client = OpenAI(base_url="http://localhost:8000/v3", api_key="unused")
completion = client.{call}({arguments})
print(completion)
"""


def openai(arguments: str, call: str = "chat.completions.create") -> str:
    """A snippet with openai."""
    return OPENAI.format(arguments=arguments, call=call)


HELLO = 'messages=[{"role": "user", "content": "Say hello"}]'


class Snippet(Struct, frozen=True):
    """A snippet with one fault."""

    #: What is wrong.
    fault: str
    #: The snippet.
    text: str
    #: The HTTP status or gRPC code; empty where the client itself refuses.
    status: int | str
    #: A part of the message.
    message: str
    #: Whether a corrected request can be derived.
    corrected: bool = True
    #: The release.
    release: str = "2026.3"


SNIPPETS = (
    Snippet("float64 array", triton("data = np.random.rand(1, 3)"), "", "got unexpected datatype FP64 from numpy array", False),
    Snippet("wrong name", triton(FLOATS, name="input"), 400, "Required input: x"),
    Snippet("wrong case", triton(FLOATS, name="X"), 400, "Required input: x"),
    Snippet("wrong model", triton(FLOATS, model="fcc"), 404, "Mediapipe graph definition"),
    Snippet("row without batch", triton("data = np.zeros(3, dtype=np.float32)"), 400, "Expected: (1,3); Actual: (3)"),
    Snippet("batch of two", triton("data = np.zeros((2, 3)).astype('float32')"), 400, "Invalid input batch size - Expected: 1; Actual: 2", False),
    Snippet("FP64 on purpose", triton("data = np.zeros((1, 3))", datatype="FP64"), 400, "Expected: FP32; Actual: FP64"),
    Snippet("int64 array", triton("data = np.arange(3).reshape(1, 3)", datatype="INT64"), 400, "Expected: FP32; Actual: INT64"),
    Snippet(
        "NHWC",
        triton("data = np.random.rand(1, 224, 224, 3).astype(np.float32)", name="0", model="resnet"),
        400,
        "Expected: (1,3,224,224); Actual: (1,224,224,3)",
    ),
    Snippet(
        "NHWC over gRPC",
        triton("data = np.ones((1, 224, 224, 3), np.float32)", kind="grpc", name="0", model="resnet"),
        "INVALID_ARGUMENT",
        "Actual: (1,224,224,3)",
    ),
    Snippet(
        "image without batch",
        triton("data = np.zeros([3, 224, 224], dtype='float32')", name="0", model="resnet"),
        400,
        "Invalid number of shape dimensions",
    ),
    Snippet("gRPC, wrong name", triton(FLOATS, kind="grpc", name="y"), "INVALID_ARGUMENT", "Required input: x"),
    Snippet("gRPC, wrong type", triton("data = np.zeros((1, 3))", kind="grpc", datatype="FP64"), "INVALID_ARGUMENT", "Actual: FP64"),
    Snippet(
        "one input of two",
        triton("data = np.zeros((1, 8), dtype=np.int64)", name="input_ids", datatype="INT64", model="bert"),
        400,
        "Expected: 2; Actual: 1",
        False,
    ),
    Snippet("strings for numbers", post(entry(data=["1", "2", "3"])), 400, "Not valid ndarray detected"),
    Snippet("no data", post(entry(data=None)), 400, "smaller than binary_data_size", False),
    Snippet("numpy's name of the type", post(entry(datatype="float32")), 400, "Unsupported data precision"),
    Snippet("shape as text", post(entry(shape=["1", "3"])), 400, "Not valid ndarray detected"),
    Snippet("no shape", post(entry(shape=None)), 400, "Not valid ndarray detected"),
    Snippet("too few values", post(entry(data=[1.0, 2.0])), 400, "Expected: 3 values; Actual: 2 values", False),
    Snippet("inputs as an object", post("{'inputs': {'x': [[1.0, 2.0, 3.0]]}}"), 400, "Not valid ndarray detected"),
    Snippet("TFS body", post("{'instances': [[1.0, 2.0, 3.0]]}"), 400, "Invalid JSON structure, missing inputs"),
    Snippet("str(dict)", post(entry(), keyword="data=str(payload)"), 412, "Missing a name for object member. Offset: 1"),
    Snippet("form", post(entry(), keyword="data=payload"), 412, "Invalid value. Offset: 0", False),
    Snippet("NaN", post("{'inputs': [{'name': 'x', 'shape': [1, 3], 'datatype': 'FP32', 'data': [float('nan'), 1, 2]}]}"), 412, "Invalid value", False),
    Snippet("outputs as texts", post(entry()[:-1] + ", 'outputs': ['y']}"), 400, "Could not parse output content."),
    Snippet("number as id", post(entry()[:-1] + ", 'id': 7}"), 400, "Not valid ndarray detected"),
    Snippet("FP16 in JSON", post(entry(datatype="FP16"), model="half"), 400, "Not valid ndarray detected", False),
    Snippet(
        "long integers",
        post("{'inputs': [{'name': n, 'shape': [1, 1], 'datatype': 'INT64', 'data': [2**40 if False else 1099511627776]} for n in ('input_ids', 'attention_mask')]}", model="bert"),
        400,
        "Not valid ndarray detected",
        False,
    ),
    Snippet("wrong verb", POST.format(payload=entry(), model="fc", keyword="json=payload").replace("requests.post", "requests.put"), 406, "Unsupported method"),
    Snippet("wrong path", POST.format(payload=entry(), model="fc", keyword="json=payload").replace("/infer", "/predict"), 400, "Invalid request URL"),
    Snippet("version text", POST.format(payload=entry(), model="fc/versions/latest", keyword="json=payload"), 400, "Invalid request URL"),
    Snippet("array in json", post("{'inputs': [{'name': 'x', 'shape': [1, 3], 'datatype': 'FP32', 'data': __import__('numpy')}]}".replace("__import__('numpy')", "arr")).replace("payload =", "import numpy as np\narr = np.zeros((1, 3))\npayload ="), "", "ndarray is not JSON serializable", False),
    Snippet("removed API", OVMS.format(rest='results = client.predict({"x": np.zeros((1, 3), dtype=np.float32)}, "fc")'), "UNIMPLEMENTED", "", False),
    Snippet("float64", OVMS.format(rest='results = client.predict({"x": np.zeros((1, 3))}, "fc")'), "INVALID_ARGUMENT", "Expected: FP32; Actual: FP64; input name: x", True, "2025.4"),
    Snippet("scalar", OVMS.format(rest='results = client.predict({"x": 1.5}, "fc")'), "INVALID_ARGUMENT", "Invalid number of shape dimensions", False, "2025.4"),
    Snippet(
        "image for an NCHW model",
        OVMS.format(rest='with open("cat.jpg", "rb") as f:\n    img = f.read()\nresults = client.predict(inputs={"0": img}, model_name="resnet")'),
        "INVALID_ARGUMENT",
        "Invalid number of channels in binary input",
        False,
        "2025.4",
    ),
    Snippet("missing version", OVMS.format(rest='results = client.predict({"x": [[1.0, 2.0, 3.0]]}, "fc", model_version=4)'), "NOT_FOUND", "Model with requested version is not found", True, "2025.4"),
    Snippet(
        "values in float_val",
        """
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
request = predict_pb2.PredictRequest()
request.model_spec.name = "fc"
request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1, 2, 3]], dtype=tf.int32))
result = stub.Predict(request, 10.0)
""",
        "INVALID_ARGUMENT",
        "Expected: FP32; Actual: I32; input name: x",
        True,
        "2025.4",
    ),
    Snippet("unknown LLM", openai(f'model="lama", {HELLO}'), 404, "Mediapipe graph definition"),
    Snippet("n without best_of", openai(f'model="llama", {HELLO}, n=4'), 400, "n value cannot be greater than best_of", False),
    Snippet("temperature", openai(f'model="llama", {HELLO}, temperature=3.5'), 400, "temperature out of range(0.0, 2.0)", False),
    Snippet("no messages", openai('model="llama", messages=[]'), 400, "Messages array cannot be empty", False),
    Snippet("no role", openai('model="llama", messages=[{"content": "hi"}]'), 400, "Every message must have 'role' field", False),
    Snippet("tools as an object", openai(f'model="llama", {HELLO}, tools={{"type": "function"}}'), 400, "Tools are not an array", False),
    Snippet("empty input", openai('model="gte", input=[]', "embeddings.create"), 400, "input array should not be empty", False),
    Snippet("plain model", openai(f'model="fc", {HELLO}'), 404, "Mediapipe graph definition", False),
    Snippet(
        "curl without a content type",
        "curl http://localhost:8000/v3/chat/completions -d '{\"model\": \"llama\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}'",
        404,
        "Mediapipe graph definition",
    ),
    Snippet(
        "curl with single quotes inside",
        'curl -s -X POST localhost:8000/v2/models/fc/infer -H "Content-Type: application/json" -d "{\'inputs\': []}" | jq',
        412,
        "Missing a name for object member. Offset: 1",
        False,
    ),
    Snippet(
        "curl, GET by mistake",
        "curl -X GET http://localhost:8000/v2/models/fc/infer -d '"
        + json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]})
        + "'",
        406,
        "Unsupported method",
    ),
    Snippet(
        "curl to the removed API",
        'curl -d \'{"instances": [[1.0, 2.0, 3.0]]}\' -X POST http://localhost:8000/v1/models/fc:predict',
        404,
        "Mediapipe graph definition",
    ),
    Snippet(
        "rerank without documents",
        'curl http://localhost:8000/v3/rerank --json \'{"model": "bge", "query": "what"}\'',
        400,
        "documents field is missing in request",
        False,
    ),
)  # fmt: skip
