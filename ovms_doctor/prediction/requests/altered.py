"""Values that the server accepts but reads in another way than intended."""

from __future__ import annotations

from typing import Any

from ovms_doctor.model.client_request import ClientRequest
from ovms_doctor.model.json_text import json_object
from ovms_doctor.model.served_models import ServedInput

#: The largest body that is searched, in bytes.
_LARGEST_BODY = 1 << 22
_RANGES = {"INT8": (-128, 127), "INT16": (-(2**15), 2**15 - 1), "UINT8": (0, 255), "UINT16": (0, 2**16 - 1)}
_INTEGERS = {"I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64"}
_LARGEST_FLOAT = 3.4028234663852886e38


def altered_values(request: ClientRequest, model_inputs: tuple[ServedInput, ...]) -> list[tuple[str, str]]:
    """Returns sentences on values that the server changes, each with a JSON path."""
    if request.interface != "REST" or not request.body or len(request.body) > _LARGEST_BODY:
        return []
    length = request.header("inference-header-content-length") or ""
    body = request.body[: int(length)] if length.isdigit() else request.body
    document = json_object(body)
    if document is None:
        return []
    if request.api == "TFS":
        return _tfs(document, model_inputs)
    return _kserve(document) if request.api == "KServe" else []


def _kserve(document: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    outputs = document.get("outputs")
    if isinstance(outputs, list) and len(outputs) > 1:
        found.append(("Of several requested outputs, the server keeps only the last one.", "$.outputs"))
    inputs = document.get("inputs")
    for index, entry in enumerate(inputs if isinstance(inputs, list) else ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("data"), list):
            continue
        path = f"$.inputs[{index}].data"
        if _ragged(entry["data"]):
            text = (
                "The rows of the data have different lengths: the server joins them, and fills the shape "
                "with the values in sequence."
            )
            found.append((text, path))
        low, high = _RANGES.get(str(entry.get("datatype")), (None, None))
        flat = _flat(entry["data"])
        if (
            low is not None
            and high is not None
            and any(isinstance(v, int) and not low <= v <= high for v in flat)
        ):
            found.append(
                (f"Values outside of {low} to {high} are cut to the bits of {entry['datatype']}.", path)
            )
        if entry.get("datatype") in ("FP32", "FP64") and any(
            isinstance(v, int | float) and abs(v) > _LARGEST_FLOAT for v in flat
        ):
            found.append(("Values beyond the range of FP32 become infinite, for FP64 too.", path))
    return found


def _tfs(document: dict[str, Any], model_inputs: tuple[ServedInput, ...]) -> list[tuple[str, str]]:
    precisions = {item.precision for item in model_inputs}
    values = document.get("instances", document.get("inputs"))
    found = []
    if precisions & _INTEGERS and any(isinstance(v, float) and not v.is_integer() for v in _flat(values)):
        found.append(("The model takes integers: the server removes the fractions.", "$"))
    if "FP16" in precisions:
        found.append(("Over this API the server reads the integer part of FP16 values as their bits.", "$"))
    return found


def _flat(value: Any) -> list[Any]:
    found: list[Any] = []
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            pending += item.values()
        else:
            found.append(item)
    return found


def _ragged(data: list[Any]) -> bool:
    """Returns whether lists of one level have different lengths, or values and lists are mixed."""
    level: list[Any] = data
    while level:
        lists = [item for item in level if isinstance(item, list)]
        if not lists:
            return False
        if len(lists) != len(level) or len({len(item) for item in lists}) > 1:
            return True
        level = [inner for item in lists for inner in item]
    return False
