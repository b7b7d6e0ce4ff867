"""Reads the served models from a server's metadata: `/v2/models/M`, `/v1/config`, TFS metadata."""

from __future__ import annotations

import json
from typing import Any

from ovms_doctor.model.parameters import ANY, Dimension
from ovms_doctor.model.served_models import DATATYPES, ServableState, ServedInput, ServedModel, ServedModels

_PRECISIONS = {datatype: precision for precision, datatype in DATATYPES.items()}
_DTYPES = {
    "DT_FLOAT": "FP32", "DT_DOUBLE": "FP64", "DT_HALF": "FP16", "DT_INT64": "I64", "DT_INT32": "I32",
    "DT_INT16": "I16", "DT_INT8": "I8", "DT_UINT64": "U64", "DT_UINT32": "U32", "DT_UINT16": "U16",
    "DT_UINT8": "U8", "DT_STRING": "STRING", "DT_BOOL": "BOOL",
}  # fmt: skip
#: The longest list that is read from an answer, which is untrusted input.
_MOST = 10_000


class MetadataError(Exception):
    """A document is not the metadata of a model."""


def models_from_metadata(data: bytes) -> tuple[ServedModel, ...]:
    """Returns the versions that a metadata document names, each with the same inputs. Raises MetadataError."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise MetadataError("it is not JSON") from None
    if not isinstance(document, dict):
        raise MetadataError("it is not a JSON object")
    if "modelSpec" in document or "metadata" in document:
        return (_from_tfs(document),)
    if not isinstance(document.get("inputs"), list):
        raise MetadataError("it has no list of inputs, which an answer of /v2/models/NAME has")
    name = document.get("name")
    inputs = tuple(_input(item) for item in document["inputs"][:_MOST])
    outputs = tuple(str(item.get("name")) for item in document.get("outputs") or () if isinstance(item, dict))
    versions = [int(text) for text in document.get("versions") or ["1"] if str(text).isdigit()]
    label = name if isinstance(name, str) else "model"
    return tuple(ServedModel(label, version, inputs, outputs) for version in versions[:_MOST])


def _input(item: Any) -> ServedInput:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise MetadataError("an input in it has no name")
    shape = tuple(_dimension(size) for size in item.get("shape") or ())
    precision = _PRECISIONS.get(str(item.get("datatype")), "UNDEFINED")
    return ServedInput(item["name"], item["name"], precision, shape, "N..." if shape else "...")


def _dimension(size: Any) -> Dimension:
    try:
        value = int(size)
    except (TypeError, ValueError):
        raise MetadataError("a shape in it contains something other than numbers") from None
    return Dimension(value, value) if value >= 0 else Dimension(ANY, ANY)


def _from_tfs(document: dict[str, Any]) -> ServedModel:
    try:
        spec = document["modelSpec"]
        signature = document["metadata"]["signature_def"]["signatureDef"]["serving_default"]
        inputs = []
        for name, tensor in sorted(signature["inputs"].items()):
            dims = (tensor.get("tensorShape") or {}).get("dim") or []
            shape = tuple(_dimension(item.get("size", -1)) for item in dims[:_MOST])
            precision = _DTYPES.get(str(tensor.get("dtype")), "UNDEFINED")
            inputs.append(ServedInput(name, name, precision, shape, "N..." if shape else "..."))
        version = int(spec.get("version") or 1)
        return ServedModel(str(spec["name"]), version, tuple(inputs), tuple(signature.get("outputs") or ()))
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MetadataError("it is not metadata in the format of TensorFlow Serving") from None


def served_from_answers(config: bytes, metadata: dict[str, bytes]) -> ServedModels:
    """Returns the served models, from `/v1/config` and the metadata of models. Raises MetadataError."""
    try:
        states = json.loads(config)
    except (ValueError, RecursionError):
        raise MetadataError("the answer of /v1/config is not JSON") from None
    if not isinstance(states, dict):
        raise MetadataError("the answer of /v1/config is not a JSON object")
    models: list[ServedModel] = []
    defaults: list[tuple[str, int]] = []
    for name, value in list(states.items())[:_MOST]:
        known = (
            {model.version: model for model in models_from_metadata(metadata[name])}
            if name in metadata
            else {}
        )
        rows = value.get("model_version_status") if isinstance(value, dict) else None
        available = []
        for row in rows if isinstance(rows, list) else ():
            model = _version(name, row, known)
            if model is not None:
                models.append(model)
                available += [model.version] if model.state == "available" else []
        if available:
            defaults.append((name, max(available)))
    return ServedModels(tuple(models), tuple(defaults), (), frozenset(states))


def _version(name: str, row: Any, known: dict[int, ServedModel]) -> ServedModel | None:
    if not isinstance(row, dict) or not str(row.get("version", "")).isdigit():
        return None
    version = int(row["version"])
    states: dict[str, ServableState] = {"AVAILABLE": "available", "END": "retired", "UNLOADING": "retired"}
    state = states.get(str(row.get("state")), "not_loaded")
    like = known.get(version) or next(iter(known.values()), None)
    if state != "available" or like is None:
        return ServedModel(name, version, state=state, known=False)
    return ServedModel(name, version, like.inputs, like.outputs, state=state)
