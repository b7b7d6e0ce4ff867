r"""Questions and answers as JSON, and a whole set of facts as one document.

A question or an answer is an object with its ``type`` and its fields; a field that has its default value
is left out, and so is what is sealed (:mod:`ovms_doctor.model.secrets`). An entry of a listing is a row,
``[name, kind]`` or ``[name, kind, target]``: directories may have 100,000 of them. Bytes are base64. Text is
escaped as in :mod:`ovms_doctor.model.text`.

The document: ``{"format": "ovms-doctor facts", "schema_version": "1.0", "header": {…}, "facts": [{"question":
…, "answer": …}, …]}``, one fact a line, sorted by question. Within a major version keys are only added.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from ovms_doctor.model.facts.answers import (
    Answer,
    Entry,
    Failure,
    FileContent,
    KeyFileSeen,
    LibrarySeen,
    Listing,
    LoadReport,
    ModelInspection,
    PathStatus,
    Probed,
    Unavailable,
    Writability,
)
from ovms_doctor.model.facts.questions import (
    CheckWritable,
    InspectKeyFile,
    InspectLibrary,
    InspectModel,
    ListDirectory,
    LoadExtension,
    LoadModel,
    ProbeWrite,
    Question,
    ReadFile,
    StatHost,
    StatPath,
)
from ovms_doctor.model.facts.store import Facts
from ovms_doctor.model.facts.stores import (
    FetchCopy,
    HeadBucket,
    InspectCopy,
    ListStore,
    LoadCopy,
    ReadObject,
    StoreAnswered,
    StoreListing,
    StoreRefusal,
)
from ovms_doctor.model.secrets import Secret
from ovms_doctor.model.text import escape, unescape

FORMAT = "ovms-doctor facts"
SCHEMA_VERSION = "1.0"

_T = TypeVar("_T")
_MAJOR, _MINOR = (int(part) for part in SCHEMA_VERSION.split("."))
_QUESTIONS: dict[str, type[Question]] = {
    kind.__name__: kind
    for kind in (
        CheckWritable,
        ProbeWrite,
        StatPath,
        StatHost,
        ListDirectory,
        ReadFile,
        InspectModel,
        LoadModel,
        InspectLibrary,
        LoadExtension,
        InspectKeyFile,
        HeadBucket,
        ListStore,
        ReadObject,
        InspectCopy,
        LoadCopy,
        FetchCopy,
    )
}
_ANSWERS: dict[str, type[Answer]] = {
    kind.__name__: kind
    for kind in (
        Writability,
        Probed,
        PathStatus,
        Listing,
        FileContent,
        Failure,
        Unavailable,
        ModelInspection,
        LoadReport,
        LibrarySeen,
        KeyFileSeen,
        StoreAnswered,
        StoreListing,
        StoreRefusal,
    )
}


class FactsFileError(Exception):
    """A document cannot be read as facts; the message is one sentence for a person."""


class FactFormatError(ValueError):
    """A JSON value is no question or no answer of this version."""


def encode_question(question: Question) -> dict[str, Any]:
    """``question`` as a JSON object."""
    return _encode_tagged(question)


def decode_question(value: object) -> Question:
    """The question that :func:`encode_question` was given; NotUnderstood if it is none."""
    return cast(Question, _decode_tagged(_QUESTIONS, value))


def encode_answer(answer: Answer) -> dict[str, Any]:
    """``answer`` as a JSON object."""
    return _encode_tagged(answer)


def decode_answer(value: object) -> Answer:
    """The answer that :func:`encode_answer` was given; NotUnderstood if it is none."""
    return cast(Answer, _decode_tagged(_ANSWERS, value))


def encode_data(value: Any) -> dict[str, Any]:
    """A dataclass of this program as a JSON object, without its type."""
    return _encode_fields(value)


def decode_data(kind: type[_T], value: object) -> _T:
    """The ``kind`` that :func:`encode_data` was given; NotUnderstood if it is none."""
    return cast(_T, _decoder(kind)(value))


def dump(facts: Facts, header: Mapping[str, Any]) -> str:
    """All facts and a header (JSON values of the caller's own) as one document that UTF-8 can write.

    The same facts give the same text, in whatever order they were collected.
    """
    rows = sorted((_line(encode_question(question)), answer) for question, answer in facts)
    body = ",\n".join(
        f'{{"question":{question},"answer":{_line(encode_answer(answer))}}}' for question, answer in rows
    )
    return (
        f'{{"format":{_line(FORMAT)},"schema_version":{_line(SCHEMA_VERSION)},\n'
        f'"header":{_line(_map_text(dict(header), escape), sort=True)},\n"facts":[\n{body}\n]}}\n'
    )


def load(text: str) -> tuple[dict[str, Any], Facts]:
    """Header and facts of a document; the facts are complete: nothing more can be asked for.

    Raises FactsFileError for what is no facts document, is cut off or damaged, or was written by a newer
    major version. What a newer minor version added is left out.
    """
    document = _parse(text.removeprefix("\ufeff"))
    newer = _check_version(document.get("schema_version"))
    header, rows = document.get("header", {}), document.get("facts")
    if not isinstance(header, dict) or not isinstance(rows, list):
        raise FactsFileError("The facts file is damaged: it has no list of facts.")
    answers: dict[Question, Answer] = {}
    for number, row in enumerate(rows, 1):
        try:
            if not isinstance(row, dict):
                raise FactFormatError("not an object")
            question = decode_question(row.get("question"))
            answers[question] = decode_answer(row.get("answer"))
        except FactFormatError as error:
            if not newer:
                raise FactsFileError(f"The facts file is damaged: fact {number}: {error}.") from None
    return cast("dict[str, Any]", _map_text(header, unescape)), Facts(answers, complete=True)


def _parse(text: str) -> dict[str, Any]:
    # The writer puts the mark first, so a document cut in half can be told from something else.
    marked = re.match(r'\s*\{\s*"format"\s*:\s*"' + re.escape(FORMAT) + '"', text) is not None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not marked:
            raise FactsFileError("This is not a facts file of ovms-doctor: it is not JSON.") from None
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise FactsFileError(f"The facts file is cut off or damaged{where}.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FactsFileError(
            f'This is not a facts file of ovms-doctor: it does not say "format": "{FORMAT}".'
        )
    return document


def _check_version(version: object) -> bool:
    """Whether the document comes from a newer minor version; FactsFileError for another major."""
    match = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})", version) if isinstance(version, str) else None
    if match is None:
        raise FactsFileError("The facts file is damaged: it has no schema version.")
    major, minor = int(match[1]), int(match[2])
    if major != _MAJOR:
        relation = "a newer" if major > _MAJOR else "an older"
        raise FactsFileError(
            f"The facts file has schema version {version}, of {relation} ovms-doctor; "
            f"this one reads {_MAJOR}.x."
        )
    return minor > _MINOR


def _line(value: object, *, sort: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)


def _map_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): _map_text(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_text(item, change) for item in value]
    return value


_known_members: dict[type[Any], tuple[tuple[str, str, Any], ...]] = {}


def _encode_tagged(value: Question | Answer) -> dict[str, Any]:
    return {"type": type(value).__name__, **_encode_fields(value)}


def _encode_fields(value: Any) -> dict[str, Any]:
    encoded = {}
    for name, key, default in _members(type(value)):
        item = getattr(value, name)
        # 0 == False and 1 == True, but no field holds both.
        if not isinstance(item, Secret) and (default is NODEFAULT or item != default):
            encoded[key] = _encode(item)
    return encoded


def _members(kind: type[Any]) -> tuple[tuple[str, str, Any], ...]:
    """Of a type's fields their names, their names in JSON and their default values."""
    known = _known_members.get(kind)
    if known is None:
        known = tuple((field.name, field.encode_name, field.default) for field in fields(kind))
        _known_members[kind] = known
    return known


def _encode(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, Entry):
        row = [escape(value.name), value.kind]
        return row if value.target is None else [*row, escape(value.target)]
    return _encode_fields(value) if isinstance(value, Struct) else value


_Decoder: TypeAlias = Callable[[Any], Any]


def _decode_tagged(kinds: Mapping[str, type[Any]], value: object) -> Any:
    if not isinstance(value, dict):
        raise FactFormatError("not an object")
    name = value.get("type")
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise FactFormatError(f"unknown type {name!r}")
    return _decoder(kind)(value)


_decoders: dict[Any, _Decoder] = {}


def _decoder(hint: Any) -> _Decoder:
    """What reads a value of the type ``hint``, an annotation of the answers' fields."""
    if hint not in _decoders:
        _decoders[hint] = _new_decoder(hint)
    return _decoders[hint]


def _new_decoder(hint: Any) -> _Decoder:
    arguments = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (_decoder(kind) for kind in arguments if kind is not type(None))
        return lambda value: None if value is None else inner(value)
    if get_origin(hint) is tuple:
        return _sequence(_decoder(arguments[0]))
    if get_origin(hint) is Literal:
        # One text for all of the same: there are tens of thousands of them.
        known = {one: one for one in arguments}
        return lambda value: (
            known[value] if isinstance(value, str) and value in known else _refuse(value, hint)
        )
    if hint is Entry:
        return _decode_entry
    if hint is Secret:
        # Whatever stands there: what is written down is no secret any more.
        return lambda value: None
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _object(cast("type[Any]", hint))
    if hint is bytes:
        return _decode_bytes
    if hint is str:
        return lambda value: unescape(value) if isinstance(value, str) else _refuse(value, hint)
    if hint is float:
        return lambda value: float(value) if type(value) in (int, float) else _refuse(value, hint)
    return lambda value: value if type(value) is hint else _refuse(value, hint)


def _object(kind: type[Any]) -> _Decoder:
    hints = get_type_hints(kind)
    members: list[tuple[FieldInfo, _Decoder]] = [
        (field, _decoder(hints[field.name])) for field in fields(kind)
    ]

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            return _refuse(value, kind)
        known = {}
        for field, decoder in members:
            if field.encode_name in value:
                known[field.name] = decoder(value[field.encode_name])
            elif field.default is NODEFAULT:
                raise FactFormatError(f"{kind.__name__} without {field.name}")
        return kind(**known)

    return decode


def _sequence(item: _Decoder) -> _Decoder:
    return lambda value: (
        tuple([item(one) for one in value]) if isinstance(value, list) else _refuse(value, tuple)
    )


def _decode_entry(value: Any) -> Entry:
    match value:
        case [str(name), str(kind), *rest]:
            target = rest[0] if rest else None
            if isinstance(target, str | None):
                return Entry(unescape(name), _KIND(kind), None if target is None else unescape(target))
    raise FactFormatError("a directory entry that is no row of texts")


def _decode_bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise FactFormatError("bytes that are not base64") from None


def _refuse(value: object, expected: Any) -> Any:
    raise FactFormatError(
        f"{type(value).__name__} where {getattr(expected, '__name__', expected)} is expected"
    )


_KIND = _decoder(get_type_hints(Entry)["kind"])
