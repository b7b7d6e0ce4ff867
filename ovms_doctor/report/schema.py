"""The JSON Schemas (2020-12) of the report and of a file of recorded facts, made from the types that are written.

The description of a key in a schema is that key's line in the documentation of its type. Keys may be added within a
major version, so other properties are allowed everywhere.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from ovms_doctor.model.facts.codec import FORMAT, FactsFile
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.receipt import FORMAT as FORMAT_OF_RECEIPT
from ovms_doctor.model.receipt import Receipt
from ovms_doctor.report.comparison.documents import DiffDocument, SummaryDocument
from ovms_doctor.report.document import ReportDocument

Schema: TypeAlias = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLACE = "#/$defs/"
_ITEM = lazy_pattern(r"^\* ``(?P<key>\w+)``: (?P<text>.*?)(?=^\*|^$|\Z)", re.MULTILINE | re.DOTALL)


def report_schema() -> Schema:
    """Returns the schema of the documents of :func:`ovms_doctor.report.json_report.to_document`."""
    return schema_of(ReportDocument, "report", "ovms-doctor report")


def facts_schema() -> Schema:
    """Returns the schema of the documents of :func:`ovms_doctor.model.facts.codec.dump`."""
    return schema_of(FactsFile, "facts", FORMAT)


def diff_schema() -> Schema:
    """Returns the schema of the documents of ``diff``."""
    return schema_of(DiffDocument, "diff", "ovms-doctor diff")


def summary_schema() -> Schema:
    """Returns the schema of the documents of ``summary``."""
    return schema_of(SummaryDocument, "summary", "ovms-doctor summary")


def receipt_schema() -> Schema:
    """Returns the schema of receipts."""
    return schema_of(Receipt, "receipt", FORMAT_OF_RECEIPT)


def schema_of(document: type[Struct], name: str, title: str) -> Schema:
    """Returns the schema of documents of this type. ``name``: its short name; ``title``: its name for people."""
    (_,), definitions = msgspec.json.schema_components([document], ref_template=_PLACE + "{name}")
    types = {kind.__name__: kind for kind in _types(msgspec.inspect.type_info(document))}
    for key, definition in definitions.items():
        _describe(definition, types[key])
    root = {**definitions.pop(document.__name__), "title": title}
    return {"$schema": _DIALECT, "$id": f"urn:ovms-doctor:{name}:1", **root, "$defs": definitions}


def _types(value: Any, found: set[type[Struct]] | None = None) -> Iterator[type[Struct]]:
    """Yields all data types that a msgspec type contains."""
    found = set() if found is None else found
    if isinstance(value, msgspec.inspect.StructType):
        if value.cls in found:
            return
        found.add(value.cls)
        yield value.cls
    if isinstance(value, msgspec.inspect.Type | msgspec.inspect.Field):
        for name in value.__struct_fields__:
            yield from _types(getattr(value, name), found)
    elif isinstance(value, tuple):
        for item in value:
            yield from _types(item, found)


def _describe(schema: Schema, kind: type[Struct]) -> None:
    """Adds the documentation of ``kind`` to its schema."""
    text = inspect.getdoc(kind) or ""
    schema["description"] = _sentence(text.partition("\n* ")[0])
    if schema["type"] == "array":
        return
    schema["additionalProperties"] = True
    properties: Mapping[str, Schema] = schema["properties"]
    names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    described = {
        names.get(item["key"], item["key"]): _sentence(item["text"]) for item in _ITEM.finditer(text)
    }
    tag = kind.__struct_config__.tag_field
    if tag is not None:
        (name,) = properties[tag].pop("enum")
        properties[tag]["const"] = name
        described[tag] = "The type of the question or answer."
    for key, property_ in properties.items():
        property_["description"] = described[key]


def _sentence(text: str) -> str:
    """Returns a passage of a docstring with the terms of JSON."""
    text = re.sub(r"\bNone\b", "null", " ".join(text.replace("``", "").split()))
    return text[:1].upper() + text[1:]
