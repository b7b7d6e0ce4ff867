"""Requests for inference, sent only if the user requests them: zeros by the model's metadata, or one token."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import Struct

from ovms_doctor.model.json_text import json_object
from ovms_doctor.model.live import HttpAnswer, InferenceProbe

if TYPE_CHECKING:
    from ovms_doctor.probes.live.http import HttpClient
    from ovms_doctor.probes.live.question import LiveQuestion

#: The most servables that are tried, and the most numbers in one request.
_MOST_SERVABLES, _MOST_NUMBERS = 20, 10_000_000
#: Bytes of one number, by KServe's datatypes.
_SIZES = {
    "BOOL": 1, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8,
    "FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8,
}  # fmt: skip
#: The datatypes that KServe's API does not allow in JSON: their bytes follow the JSON.
_RAW_ONLY = ("FP16", "BF16")
_CHAT = "/v3/chat/completions"


class ZeroInput(Struct, frozen=True):
    """An input filled with zeros."""

    #: Its name.
    name: str
    #: KServe's name of its type.
    datatype: str
    #: Its shape, with 1 for each dynamic dimension.
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """Returns the number of its elements."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def size(self) -> int:
        """Returns their size in bytes."""
        return self.numbers * _SIZES[self.datatype]


def zero_inputs(rows: Sequence[tuple[str, str, Sequence[int]]]) -> tuple[ZeroInput, ...] | str:
    """Returns the inputs for a model with these names, datatypes and shapes; a text with the reason if they cannot
    be made."""
    found = []
    for name, datatype, shape in rows:
        if datatype == "BYTES":
            return f"its input {name[:60]} accepts only strings or images, not zeros"
        if datatype not in _SIZES:
            return f"its input {name[:60]} has the datatype {datatype[:20]}"
        found.append(ZeroInput(name, datatype, tuple(size if size > 0 else 1 for size in shape)))
        if sum(item.numbers for item in found) > _MOST_NUMBERS:
            return f"its inputs hold more than {_MOST_NUMBERS:,} numbers"
    return tuple(found) if found else "its metadata names no input"


def sent_phrase(inputs: Sequence[ZeroInput]) -> str:
    """Returns a description of the sent inputs: ``x FP32 [1,3], zeros``."""
    listed = ", ".join(
        f"{item.name} {item.datatype} [{','.join(map(str, item.shape))}]" for item in inputs[:4]
    )
    return f"{listed}{', …' if len(inputs) > 4 else ''}, zeros"


def infer_over_http(
    client: HttpClient,
    question: LiveQuestion,
    get: Callable[[str], HttpAnswer],
    config: HttpAnswer,
    began: float,
) -> tuple[InferenceProbe, ...]:
    """Sends one request to the named model, or to each servable that ``/v1/config`` reports as AVAILABLE."""
    names = [question.settings.model] if question.settings.model is not None else _available(config.body)
    return tuple(_infer(client, question, get, name, began) for name in names[:_MOST_SERVABLES])


def _available(body: bytes) -> list[str]:
    document = json_object(body) or {}
    return [name for name, value in document.items() if '"AVAILABLE"' in json.dumps(value)]


def _infer(
    client: HttpClient,
    question: LiveQuestion,
    get: Callable[[str], HttpAnswer],
    name: str,
    began: float,
) -> InferenceProbe:
    path = f"/v2/models/{quote(name, safe='')}"
    rows = _inputs(get(path).body)
    if rows is None:
        return InferenceProbe(name[:500], f"POST {path}/infer", "", problem="its metadata cannot be read")
    if rows and all(datatype in ("INVALID", "UNDEFINED") for _, datatype, _ in rows):
        return _chat(client, question, name, began)
    inputs = zero_inputs(rows)
    if isinstance(inputs, str):
        return InferenceProbe(name[:500], f"POST {path}/infer", "", problem=inputs)
    body, headers = _encoded(inputs)
    answer = client.post(f"{path}/infer", body, headers, question.infer_timeout, began)
    return _result(name, f"POST {path}/infer", sent_phrase(inputs), answer)


def _chat(client: HttpClient, question: LiveQuestion, name: str, began: float) -> InferenceProbe:
    document = {
        "model": name,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 1,
        "stream": False,
    }
    headers = {"Content-Type": "application/json"}
    answer = client.post(_CHAT, json.dumps(document).encode(), headers, question.infer_timeout, began)
    return _result(name, f"POST {_CHAT}", "the message “Hi”, one token", answer)


def _result(name: str, request: str, sent: str, answer: HttpAnswer) -> InferenceProbe:
    message = "" if answer.status == 200 else answer.body[:500].decode("utf-8", "replace").strip()
    # The text of an answer that is not a JSON object is used as it is.
    text = (json_object(answer.body) or {}).get("error") if message else None
    message = text[:500] if isinstance(text, str) else message
    return InferenceProbe(
        name[:500], request, sent, answer.status, "", message, answer.problem, answer.took_ms
    )


def _inputs(body: bytes) -> list[tuple[str, str, list[int]]] | None:
    """Returns name, datatype and shape of each input in metadata; None if the body is not metadata."""
    try:
        listed = json.loads(body)["inputs"]
        return [
            (str(item["name"]), str(item["datatype"]), [int(size) for size in item["shape"][:20]])
            for item in listed[:100]
        ]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None


def _encoded(inputs: Sequence[ZeroInput]) -> tuple[bytes, dict[str, str]]:
    """Returns body and headers: JSON, followed by the bytes of the types that JSON does not allow."""
    rows: list[dict[str, Any]] = []
    raw = b""
    for item in inputs:
        row: dict[str, Any] = {"name": item.name, "datatype": item.datatype, "shape": list(item.shape)}
        if item.datatype in _RAW_ONLY:
            row["parameters"] = {"binary_data_size": item.size}
            raw += bytes(item.size)
        else:
            row["data"] = [False if item.datatype == "BOOL" else 0] * item.numbers
        rows.append(row)
    text = json.dumps({"inputs": rows}, separators=(",", ":")).encode()
    if not raw:
        return text, {"Content-Type": "application/json"}
    return text + raw, {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(text)),
    }
