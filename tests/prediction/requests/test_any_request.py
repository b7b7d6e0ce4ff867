"""Any bytes as a request: always a verdict, never an exception; a corrected request always gets a result."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ovms_doctor.diagnosis.client_request import judge_request
from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.read import ReadOptions, read_request
from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.releases import KNOWN_RELEASES, parse_release
from ovms_doctor.prediction.requests.verdict import RequestVerdict
from tests.inputs.requests.snippets import MODELS, SNIPPETS

RELEASES = st.sampled_from([parse_release("2026.3"), parse_release("2025.4"), *KNOWN_RELEASES])
NAMES = st.sampled_from(["x", "X", "", "x\0y", "0", "input_ids", "text"])
DATATYPES = st.sampled_from(
    ["FP32", "FP64", "INT64", "INT8", "UINT8", "BOOL", "BYTES", "FP16", "fp32", "INVALID", ""]
)
SCALARS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**70) | st.floats() | st.text(max_size=5)
)
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4), max_leaves=8)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES | SCALARS,
        "shape": st.lists(st.integers(-1, 4) | SCALARS, max_size=4) | SCALARS,
        "datatype": DATATYPES | SCALARS,
        "data": st.lists(st.floats(-3, 3), min_size=3, max_size=3) | DATA,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "a"]), SCALARS, max_size=2)
        | SCALARS,
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(TENSORS | SCALARS, max_size=3) | TENSORS | DATA,
        "instances": DATA | st.lists(st.dictionaries(NAMES, DATA, max_size=2), max_size=3),
        "outputs": DATA | st.lists(st.fixed_dictionaries({"name": NAMES}), max_size=2),
        "parameters": DATA,
        "id": SCALARS,
        "model": st.sampled_from(["llama", "gte", "bge", "fc", ""]) | SCALARS,
        "messages": st.lists(
            st.dictionaries(st.sampled_from(["role", "content", "tool_calls"]), DATA), max_size=2
        )
        | DATA,
        "prompt": DATA,
        "input": DATA,
        "n": SCALARS,
        "tools": DATA,
    },
)
PATHS = st.sampled_from(
    [
        "/v2/models/fc/infer", "/v2/models/fc/versions/1/infer", "/v2/models/fc/versions/99999999999999999999/infer",
        "/v2/models/bert/infer", "/v2/models/text/infer", "/v2/models/resnet/infer", "/v1/models/fc:predict",
        "/v1/models/bert/versions/1:predict", "/v3/chat/completions", "/v3/completions", "/v3/embeddings",
        "/v3/rerank", "/v1/chat/completions", "/v2", "/metrics", "/v1/config/reload", "/../x", "/v2/models/%66c/infer",
    ]
)  # fmt: skip
METHODS = st.sampled_from(["POST", "GET", "HEAD", "PUT", "OPTIONS"])
LENGTHS = st.none() | st.integers(-2, 400).map(str) | st.text(max_size=4)


def judge(request: ClientRequest, release: Any) -> RequestVerdict:
    """The verdict; checks that its corrected request gets a result."""
    verdict = judge_request(request, MODELS, release, Facts(complete=True), None).verdict
    assert verdict.answer.code
    if verdict.corrected is not None:
        again = judge_request(verdict.corrected, MODELS, release, Facts(complete=True), None).verdict
        assert again.answer.succeeds
    return verdict


def _no_file(name: str) -> bytes:
    raise DocumentError(f"{name} is not there")


@given(st.binary(max_size=300), RELEASES)
def test_any_bytes(data: bytes, release: Any) -> None:
    try:
        request = read_request(data, ReadOptions(), _no_file)
    except DocumentError:
        return
    judge(request, release)


def judge_text(text: str, release: str = "2026.3") -> None:
    """Reads a text as a request, and judges the request where there is one."""
    try:
        request = read_request(text.encode("utf-8", "surrogatepass"), ReadOptions(), _no_file)
    except DocumentError:
        return
    judge(request, parse_release(release))


def damaged(text: str, data: st.DataObject) -> str:
    """The text with up to 40 characters replaced by up to 3 others."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    return text[:start] + data.draw(st.text(max_size=3)) + text[end:]


@given(st.sampled_from(SNIPPETS), st.data())
def test_a_damaged_snippet(snippet: Any, data: st.DataObject) -> None:
    judge_text(damaged(snippet.text, data), snippet.release)


#: Expressions whose values are of a type or size that a client does not expect.
ODD_EXPRESSIONS = (
    "unknown", "unknown()", "unknown.shape", "[unknown]", "[item for item in unknown]", "{unknown: 1}", "{**unknown}",
    "[*unknown]", "None", "True", "...", "1j", "b'x'", "'\\ud800'", "0", "-3", "1.5", "float('nan')", "10 ** 9",
    "0x" + "f" * 2000, "[0] * 1000000", "[[0] * 1000000] * 1000000", "[]", "{}", "()", "''", "{'kind': 1, 'self': 2}",
    "{1: 2}", "range(10 ** 12)", "range(1, 2, 3, 4)", "range(1000000000000)", "'{0.a}'.format(1)",
    "'{0[a]}'.format(1)", "'{:9999999999}'.format(1)", "'{:{}}'.format(1, 9)", "'%9999999999d' % 1", "'%*d' % (9, 1)",
    "'%(a)s' % {'a': 1}", "np.zeros((1, 3))", "np.zeros((1, 3), np.float32)", "np.zeros(-3)", "np.zeros((2, -1))",
    "np.zeros([1] * 1000)", "np.zeros((10 ** 9, 10 ** 9))", "np.zeros(0xfffffffffffffffffffffff)", "np.array(None)",
    "np.array([[1], [2, 3]])", "np.array([0xffffffffffffffffffffffff]).astype('float32')", "np.arange(float('inf'))",
    "np.array(['\\ud800'])", "np.array([1, 'a', b'b', None])", "np.linspace(0, 1, unknown)", "np.linspace(0, 1, 'a')",
    "np.load('x.npy')", "np.squeeze(np.zeros((1, 3)))", "open('x', 'rb').read()", "client", "infer_input", "np",
    "lambda: 0", "unknown[0]", "'a' * 1000000", "json.dumps(unknown)", "str([unknown])", "len", "np.float32",
)  # fmt: skip


class _Replaced(ast.NodeTransformer):
    """Replaces the expression at an index, in the order of the visit."""

    def __init__(self, index: int, expression: ast.expr | None) -> None:
        self.count = 0
        self._index = index
        self._expression = expression

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            self.count += 1
            if self.count - 1 == self._index and self._expression is not None:
                return self._expression
        return self.generic_visit(node)


def with_another_value(text: str, index: int, expression: str) -> str:
    """The snippet with one expression replaced by another; the index counts modulo the number of expressions."""
    tree = ast.parse(text)
    count = _Replaced(-1, None)
    count.visit(ast.parse(text))
    call = ast.parse(f"f({expression})").body[0]
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    return ast.unparse(_Replaced(index % count.count, call.value.args[0]).visit(tree))


PYTHON = [snippet for snippet in SNIPPETS if "import" in snippet.text]


@given(
    st.sampled_from(PYTHON),
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from(ODD_EXPRESSIONS)), min_size=1, max_size=3),
)
def test_a_value_of_any_type(snippet: Any, changes: list[tuple[int, str]]) -> None:
    text = snippet.text
    for index, expression in changes:
        text = with_another_value(text, index, expression)
    judge_text(text, snippet.release)


COMMANDS = (
    'curl -s http://localhost:8000/v2/models/fc/infer -d \'{"inputs": [{"name": "x"}]}\' -H \'A: b\'',
    "X=1\ncurl --json \"{$X}\" -F a=@b -F c=d --data-urlencode 'a=b c' localhost:8000/v1/models/fc:predict",
    'cat <<EOF | curl -X POST -d @- localhost/v3/chat/completions\n{"model": "llama"}\nEOF\n',
    "echo '{}' | curl -T - http://localhost/v2/models/fc/infer; curl -d @- localhost <<< '{}'",
    'grpcurl -plaintext -d \'{"model_name": "fc", "inputs": [{"name": "x", "shape": [1, 3]}]}\' '
    "localhost:9000 inference.GRPCInferenceService/ModelInfer",
    'model_name: "fc" inputs { name: "x" datatype: "FP32" shape: 1 shape: 3 } raw_input_contents: "\\000"',
    'model_spec { name: "fc" version { value: 1 } } inputs { key: "x" value { dtype: DT_FLOAT tensor_shape { dim '
    "{ size: 3 } } float_val: 1 } }",
    '{"modelName": "fc", "inputs": [{"name": "x", "contents": {"fp32_contents": [1, 2]}}]}',
    '{"modelSpec": {"name": "fc"}, "inputs": {"x": {"dtype": "DT_FLOAT", "tensorContent": "AAAA"}}}',
    "POST /v2/models/fc/infer HTTP/1.1\r\nContent-Length: 2\r\nInference-Header-Content-Length: 1\r\n\r\n{}",
)


@given(st.sampled_from(COMMANDS), st.data())
@example('model_spec { name: "fc" } inputs { key: "x" value { dtype: -100 } }', None)
@example('{"modelSpec": {"fc"}, "inputs": {}}', None)
@example("curl -F 'a=\udcff' localhost", None)
@example("curl --data-urlencode '\udcff=\udcff' localhost", None)
def test_a_damaged_command_line(text: str, data: st.DataObject | None) -> None:
    judge_text(text if data is None else damaged(text, data))


@given(DOCUMENTS, METHODS, PATHS, LENGTHS, st.binary(max_size=20), RELEASES)
def test_any_document(
    document: Any, method: str, path: str, length: str | None, behind: bytes, release: Any
) -> None:
    headers = [("Content-Type", "application/json")]
    body = json.dumps(document).encode()
    if length is not None:
        headers.append(("inference-header-content-length", length))
        body += behind
    api: Any = "KServe" if "/v2" in path else "TFS" if ":predict" in path else "OpenAI"
    judge(ClientRequest(api, "REST", method, path, tuple(headers), body), release)


@given(st.binary(max_size=60), st.lists(st.integers(0, 40), max_size=2), RELEASES)
def test_buffers_behind_the_json(buffer: bytes, shape: list[int], release: Any) -> None:
    for name, datatype, model in (("text", "BYTES", "text"), ("x", "FP32", "fc"), ("0", "BYTES", "resnet")):
        head = json.dumps({"inputs": [{"name": name, "shape": shape, "datatype": datatype}]}).encode()
        headers = (("Inference-Header-Content-Length", str(len(head))),)
        path = f"/v2/models/{model}/infer"
        verdict = judge(ClientRequest("KServe", "REST", "POST", path, headers, head + buffer), release)
        if verdict.answer.succeeds and datatype == "FP32":
            assert (shape, len(buffer) >= 12) == ([1, 3], True)


@pytest.mark.parametrize("release", KNOWN_RELEASES, ids=str)
def test_every_release_answers_a_good_request(release: Any) -> None:
    body = b'{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}'
    request = ClientRequest("KServe", "REST", "POST", "/v2/models/fc/infer", (), body)
    answer = judge(request, release).answer
    expected = 200 if release.at_least(2022, 2) else 400
    assert answer.http_status == expected
