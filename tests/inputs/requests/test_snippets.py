"""Client snippets as users write them, each with one fault: the answer, and the corrected request."""

from __future__ import annotations

import json
import re

import pytest

from ovms_doctor.diagnosis.client_request import judge_request
from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.python_snippet import is_python
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.releases import parse_release
from tests.inputs.requests.snippets import MODELS, SNIPPETS, Snippet, judge, post, triton


def test_there_are_enough() -> None:
    assert len(SNIPPETS) >= 30
    assert len({snippet.fault for snippet in SNIPPETS}) == len(SNIPPETS)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.fault)
def test_the_fault_is_found(snippet: Snippet) -> None:
    verdict = judge(snippet.text, snippet.release)
    answer = verdict.answer
    status = answer.grpc_code if answer.grpc_code is not None else (answer.http_status or "")
    assert (status, snippet.message in answer.message) == (snippet.status, True), answer
    assert (verdict.corrected is not None) == snippet.corrected, verdict.steps


@pytest.mark.parametrize(
    "snippet", [item for item in SNIPPETS if item.corrected], ids=lambda snippet: snippet.fault
)
def test_the_corrected_request_is_answered(snippet: Snippet) -> None:
    corrected = judge(snippet.text, snippet.release).corrected
    assert corrected is not None
    again = judge_request(
        corrected, MODELS, parse_release(snippet.release), Facts(complete=True), None
    ).verdict
    assert again.answer.succeeds


@pytest.mark.needs_module("numpy")
@pytest.mark.parametrize(
    "expression",
    [
        "np.stack([np.zeros((2, 3)), np.zeros((2, 3))])",
        "np.stack([np.zeros((2, 3))] * 1, axis=1)",
        "np.stack([np.zeros((2, 3)), np.zeros((2, 3))], axis=1)",
        "np.stack([np.zeros((2, 3)), np.zeros((2, 3))], axis=-1)",
        "np.stack([np.zeros((2, 3)), np.zeros((2, 3))], axis=-3)",
        "np.concatenate([np.zeros((2, 3)), np.zeros((4, 3))])",
        "np.concatenate([np.zeros((2, 3)), np.zeros((2, 5))], axis=1)",
        "np.concatenate([np.zeros((2, 3)), np.zeros((2, 5))], axis=-1)",
        "np.transpose(np.zeros((1, 2, 3)), (0, 2, 1))",
        "np.expand_dims(np.zeros((2, 3)), 0)",
        "np.zeros((2, 3)).reshape(3, -1)",
        "np.zeros((2, 3)).T",
        "np.zeros((4, 3))[1:3]",
        "np.zeros((4, 3))[0]",
        "np.zeros((2, 3)) + np.zeros((2, 3))",
        "np.zeros((1, 3)) * np.zeros((2, 1))",
        "np.zeros(3) - np.zeros((2, 3))",
        "np.zeros((2, 0, 3)) + np.zeros((1, 3))",
        "np.zeros((2, 3)) / 255.0",
        "255 - np.zeros((2, 3))",
        "np.zeros((1, 2, 1)).squeeze()",
        "np.zeros((1, 2, 3)).transpose()",
        "np.zeros((1, 2, 3)).transpose(0, 2, 1)",
        "np.zeros((1, 2, 3)).transpose((2, 1, 0))",
        "np.zeros((2, 3)).flatten()",
    ],
)
def test_shapes_are_those_of_numpy(expression: str) -> None:
    import numpy

    request = read_request(
        triton(f"data = {expression}", kind="grpc", datatype="FP64").encode(), ReadOptions(), lambda name: b""
    )
    assert request.message is not None
    sent = request.message.inputs[0].shape
    assert sent == eval(expression, {"np": numpy}).shape


@pytest.mark.needs_module("numpy")
@pytest.mark.parametrize(
    "expression",
    [
        "np.zeros((1, 3), np.float32) + np.zeros((1, 3))",
        "np.zeros((1, 3)) + np.zeros((1, 3), np.float32)",
        "np.zeros((1, 3), np.float32) + np.zeros((1, 3), np.float32)",
        "np.zeros((1, 3), np.float32) / 255.0",
        "np.zeros((1, 3), np.float32) * 2",
        "np.zeros((1, 3), np.uint8) / 255.0",
        "np.zeros((1, 3), np.uint8) / 2",
        "np.zeros((1, 3), np.int64) * 2",
        "np.zeros((1, 3), np.int64) + 0.5",
        "np.zeros((1, 3), 'uint8').astype('float32')",
        "np.array([[1, 2, 3]])",
        "np.array([[1, 2, 3.5]])",
        "np.float32([[1, 2, 3]])",
        "np.float64([[1, 2, 3]])",
        "np.int32([[1, 2, 3]])",
    ],
)
def test_the_client_accepts_only_the_dtype_of_numpy(expression: str) -> None:
    """tritonclient compares the datatype of an input with the dtype of its array and refuses a different one."""
    import numpy

    names = {"float32": "FP32", "float64": "FP64", "int64": "INT64", "int32": "INT32", "uint8": "UINT8"}
    right = names[eval(expression, {"np": numpy}).dtype.name]
    for datatype in names.values():
        text = triton(f"data = {expression}", kind="grpc", datatype=datatype)
        request = read_request(text.encode(), ReadOptions(), lambda name: b"")
        assert (request.refusal == "") is (datatype == right), (datatype, right)


@pytest.mark.parametrize(
    ("statements", "inputs"),
    [
        ("items = []; items.append(1.0); items.extend([2.0, 3.0])", [1.0, 2.0, 3.0]),
        ("items = [1.0]; items.extend((2.0, 3.0))", [1.0, 2.0, 3.0]),
        ("items = [1.0, 2.0]; items += [3.0]", [1.0, 2.0, 3.0]),
        ("items = [0.5] * 3", [0.5, 0.5, 0.5]),
        ("items = [float(n) for n in range(3)]", [0.0, 1.0, 2.0]),
        ("items: list = [0.0, 1.0]", [0.0, 1.0]),
        ("for n in [1.0, 2.0]: items = [n]", [1.0]),
        ("for n in unknown: items = [n]", ["<not known>"]),
        ("while unknown: items = [1.0]", [1.0]),
        ("def made(n=1.0): return [n]; items = made(**{'n': 2.0})", [2.0]),
        ("def made(n=1.0): return [n]; items = made(**unknown)", "<not known>"),
        ("items = list({1.0: 'a', (1, 2): 'b'})", [1.0]),
        ("items = [0.0, 1.0]; items[1] = 5.0", [0.0, 5.0]),
        ("items = [0.0, 1.0]; items[2] = 5.0", [0.0, 1.0]),
        ("first, items = 1, [2.0]", [2.0]),
        ("first, items = unknown; items = [first, 1.0]", ["<not known>", 1.0]),
        ("def made(n, m=2.0): return [n, m]; items = made(1.0)", [1.0, 2.0]),
        ("def made(n, m=2.0): return [n, m]; items = made(1.0, m=3.0)", [1.0, 3.0]),
        ("import orjson; items = [orjson.dumps([1]).decode()]", ["[1]"]),
        ("if unknown: items = [1.0]; else: items = [2.0]", [2.0]),
        ("items = [0.0]; if unknown: items.append(1.0); else: items.append(2.0)", [0.0, 1.0, 2.0]),
        ("try: items = [1.0]; except ValueError: items = [2.0]", [1.0]),
        ("try: items = [1.0]; finally: items.append(3.0)", [1.0, 3.0]),
        ("items = [1.0]; items.extend(unknown); items.append(2.0)", [1.0, "<not known>", 2.0]),
        ("items = [1.0]; def made(): items = [2.0]; made()", [1.0]),
        ("def made(n): return made(n); items = [made(1.0)]", ["<not known>"]),
        ("items = {}; items['a'] = 1.0; items[0] = 2.0", {"a": 1.0, "0": 2.0}),
        ("items = [1.0, 2.0]; items[unknown] = 5.0", ["<not known>", "<not known>"]),
        ("items = {'a': 1.0}; items[unknown] = 5.0", {"a": 1.0, "<not known>": "<not known>"}),
        ("items = {'a': 1.0}; items.update(unknown)", {"a": 1.0, "<not known>": "<not known>"}),
        ("items = {'a': 1.0}; items.update({'b': 2.0}, c=3.0)", {"a": 1.0, "b": 2.0, "c": 3.0}),
    ],
)
def test_lists_are_built_as_python_builds_them(statements: str, inputs: object) -> None:
    payload = '{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": items}]}'
    text = "\n".join(statements.split("; ")) + post(payload)
    request = read_request(text.encode(), ReadOptions(), lambda name: b"")
    assert json.loads(request.body)["inputs"][0]["data"] == inputs
    assert bool(request.doubts) == ("<not known>" in str(inputs))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("requests.post('http://localhost:8000/v2/models/m/infer', json={})", True),
        ("c.predict({}, 'm')", True),
        ("import requests", True),
        ('{"inputs": "client.infer()"}', False),
        ("POST /v2/models/m/infer HTTP/1.1", False),
        ("curl http://localhost:8000/v2/models/m/infer -d @body", False),
        ("", False),
    ],
)
def test_texts_recognised_as_python(text: str, expected: bool) -> None:
    assert is_python(text) is expected


def _request(text: str) -> ClientRequest:
    return read_request(text.encode(), ReadOptions(), lambda name: b"")


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ("client.infer('fc', unknown())", "the inputs of infer are not known"),
        ("client.infer('fc', [item for item in unknown])", "the inputs of infer are not known"),
        ("client.infer('fc', [*unknown])", "the inputs of infer are not known"),
        ("client.infer('fc', [1])", "the inputs of infer are not known"),
        ("client.infer(unknown(), [])", "the model of the request is not known"),
        ("client.infer(*unknown)", "the arguments of a call are not known"),
        ("client.infer(**unknown)", "the arguments of a call are not known"),
        ("client.infer('fc', [httpclient.InferInput('x', [1], 'FP32')])", "receives no data before infer is called"),
        ("i = httpclient.InferInput('x', [1, 3], 'FP32'); i.set_data_from_numpy(unknown())", "are not known"),
        ("i = httpclient.InferInput('x', unknown(), 'FP32'); "
         "i.set_data_from_numpy(np.load('x.npy').astype('float32')); client.infer('fc', [i])",
         "the shape of the input x is not known"),
        ("i = httpclient.InferInput('x', [1, 3], unknown()); i.set_data_from_numpy(np.load('x.npy')); "
         "client.infer('fc', [i])", "the type of the array that is sent is not known"),
        ("a = 'x' * 1000000; b = ''.join([a] * 1000000); client.infer(b, [])", "the model of the request"),
        ("x = [0] * 1000000; y = np.array([x] * 1000); client.infer(y, [])", "more than 1,000,000 elements"),
    ],
)  # fmt: skip
def test_unsupported_statements_are_not_refusals(statements: str, reason: str) -> None:
    """A value that only a run of the snippet gives is not taken for one that the client refuses."""
    head = "import numpy as np; import tritonclient.http as httpclient; client = httpclient.InferenceServerClient('h')"
    with pytest.raises(DocumentError, match="the snippet cannot be evaluated") as error:
        _request("\n".join(f"{head}; {statements}".split("; ")))
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        ("np.load('input.npy')", (1, 3)),
        ("np.array(preprocess(image))", (1, 3)),
        ("np.array([preprocess(image)])", (1, 3)),
        ("np.squeeze(np.zeros((1, 1, 3), np.float32))", (1, 3)),
        ("np.frombuffer(unknown, np.float32)", (1, 3)),
        ("np.frombuffer(unknown, dtype=np.float32)", (1, 3)),
        ("np.full((1, 3), 1.0, dtype='<f4')", (1, 3)),
        ("np.zeros((1, n), np.float32)", (1, 3)),
    ],
)
def test_an_array_of_unknown_shape_or_type_is_that_of_its_input(array: str, shape: tuple[int, ...]) -> None:
    """tritonclient compares type and shape of the array with those of the input: what it sends has both."""
    text = triton(f"data = {array}", kind="grpc").replace("data.shape", "[1, 3]")
    request = _request(text)
    assert request.refusal == ""
    assert request.message is not None
    assert request.message.inputs[0].shape == shape
    assert len(request.message.raw[0]) == 12


def test_a_shape_with_an_unknown_part_refuses_no_array() -> None:
    text = triton("data = np.zeros((1, 3), np.float32)").replace("data.shape", "[1, count]")
    assert _request(text).refusal == ""


def test_the_datatype_of_numpy_to_triton() -> None:
    text = triton(
        "from tritonclient.utils import np_to_triton_dtype\ndata = np.zeros((1, 3), np.int64)", kind="grpc"
    )
    request = _request(text.replace('"FP32"', "np_to_triton_dtype(data.dtype)"))
    assert request.message is not None
    assert request.message.inputs[0].datatype == "INT64"


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        ("np.zeros(3)", "Object of type ndarray is not JSON serializable"),
        ("b'x'", "Object of type bytes is not JSON serializable"),
        ("...", "Object of type ellipsis is not JSON serializable"),
        ("1j", "Object of type complex is not JSON serializable"),
        ("orjson.dumps([1])", "Object of type bytes is not JSON serializable"),
    ],
)
def test_values_that_json_refuses(payload: str, refusal: str) -> None:
    assert refusal in _request(f"import numpy as np\n{post(payload)}").refusal


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'{}-{}'.format('a', 1)", "a-1"),
        ("'%s-%d' % ('a', 1)", "a-1"),
        ("'http://h:8000/{}'.format('a')", "http://h:8000/a"),
        ("'{{\"a\": {}}}'.format(1)", '{"a": 1}'),
        ("'{0.a}'.format(1)", "{0.a}"),
        ("'{:99999999}'.format(1)", "<not known>"),
        ("'%99999999d' % 1", "<not known>"),
        ("'%*d' % (99999999, 1)", "<not known>"),
        ("'{:{}}'.format(1, 99999999)", "<not known>"),
        ("('x' * 1000000) * 1000000", "<not known>"),
        ("range(1, 2, 3, 4)", "<not known>"),
        ("range(10 ** 12)", "<not known>"),
        ("list(range(2, 5))", [2, 3, 4]),
        ("[*range(2), *[5]]", [0, 1, 5]),
        ("[x for x in range(3) if x > 1]", "<not known>"),
        ("[letter for letter in 'ab']", ["a", "b"]),
        ("list(unknown)", "<not known>"),
        ("{**unknown, 'a': 1}", "<not known>"),
        ("{**{'a': 1}, 'b': 2}", {"a": 1, "b": 2}),
        ("dict(a=1)", {"a": 1}),
        ("{'a': 1}['a']", 1),
        ("{'a': 1}.get('a', 2)", 1),
        ("{'a': 1}.get('b', 2)", 2),
        ("{'a': 1}.get('b')", None),
        ("{'a': 1}.keys()", ["a"]),
        ("{'a': 1}.values()", [1]),
        ("{'a': 1}.items()", [["a", 1]]),
        ("{'a': 1}.pop('a')", "<not known>"),
        ("json.dumps([1])", "[1]"),
        ("ujson.dumps({'a': 1})", '{"a": 1}'),
        ("simplejson.dumps('a')", '"a"'),
        ("f'{1}-{2.5}-{\"a\"}'", "1-2.5-a"),
        ("[a for a in [1] for b in [2]]", "<not known>"),
        ("{'a': 1}['b']", "<not known>"),
        ("[1, 2][-1]", 2),
        ("'abc'[1]", "b"),
        ("[1, 2][5]", "<not known>"),
        ("unknown['a']", "<not known>"),
        ("b'a'.decode()", "a"),
        ("b'a'.upper()", "<not known>"),
        ("-1.5", -1.5),
        ("not 1", "<not known>"),
        ("-'a'", "<not known>"),
        ("[key for key in {'a': 1}]", ["a"]),
        ("[{'a': 1}[key] for key in ('a',)]", [1]),
        ("1 if unknown else 2", 1),
        ("0x" + "f" * 300, "<not known>"),
    ],
)
def test_values(expression: str, text: object) -> None:
    request = _request(post(f"{{'value': {expression}}}"))
    assert json.loads(request.body) == {"value": text}
    assert bool(request.doubts) == ("<not known>" in str(text))


@pytest.mark.slow
def test_a_snippet_that_never_ends() -> None:
    """The number of steps and of requests has a limit; what was sent by then counts."""
    loops = "import requests\n" + "[" * 8 + "0" + " for x in range(100000)]" * 8
    with pytest.raises(DocumentError, match="more steps than ovms-doctor evaluates"):
        _request(loops)
    many = (
        "import requests\nx = [0] * 100000\n" + "requests.post('http://h/v2/models/m/infer', json=x)\n" * 500
    )
    notes = _request(many).notes
    assert re.fullmatch(r"The snippet sends \d\d? requests; this is the first with a body\.", notes[0])


def test_prompts_of_a_session_are_left_out() -> None:
    text = ">>> import requests\n>>> body = {\n...   'inputs': [1]\n... }\n<output>\n"
    request = _request(
        text + ">>> requests.post('http://h/v1/models/m:predict', json=body)\n<Response [200]>\n"
    )
    assert json.loads(request.body) == {"inputs": [1]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import requests\n\nrequests.post(", "not valid Python (line 3)"),
        ("import requests\n" + "-" * 100_000 + "1", "nested too deep"),
        (
            "import requests\nx = " + "[" * 99 + "]" * 99,
            ("it does not send a request with a client that ovms-doctor knows"),
        ),
    ],
    ids=["syntax", "deep", "nothing-sent"],
)
def test_snippets_that_send_nothing(text: str, reason: str) -> None:
    with pytest.raises(DocumentError) as error:
        _request(text)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("-np.zeros((2, 3), np.float32)", [2, 3]),
        ("np.zeros((4, 3), np.float32)[1:]", [3, 3]),
        ("np.zeros((4, 3), np.float32)[:-1]", [3, 3]),
        ("np.zeros((4, 3), np.float32)[unknown:]", [4, 3]),
        ("np.zeros((4, 3), np.float32)[..., 0]", [4]),
        ("np.zeros((4, 3), np.float32)[0, :]", [3]),
        ("np.zeros((4, 3), np.float32)[:, None]", [4, 1, 3]),
        ("np.zeros((4, 3), np.float32)[np.newaxis]", [1, 4, 3]),
    ],
)
def test_parts_of_arrays(expression: str, shape: list[int]) -> None:
    request = _request(triton(f"data = {expression}", kind="grpc"))
    assert request.message is not None
    assert list(request.message.inputs[0].shape) == shape
