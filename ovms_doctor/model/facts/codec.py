r"""A set of facts as one document, and back.

The document: ``{"format": "ovms-doctor facts", "schema_version": "1.0", "header": {…}, "facts": [{"question":
…, "answer": …}, …]}``, one fact a line, sorted by question. Within a major version keys are only added. The types
define the content of questions and answers; text is escaped as in :mod:`ovms_doctor.model.text`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ovms_doctor.model.facts.answers import Answer
from ovms_doctor.model.facts.question import answer_types
from ovms_doctor.model.facts.questions import AnyQuestion
from ovms_doctor.model.facts.store import Facts
from ovms_doctor.model.json_text import JsonFormatError, convert, encode_json, escape_json, unescape_json

FORMAT = "ovms-doctor facts"
SCHEMA_VERSION = "1.0"

_MAJOR, _MINOR = (int(part) for part in SCHEMA_VERSION.split("."))


class Fact(Struct, frozen=True):
    """A question and its answer.

    * ``question``: the question.
    * ``answer``: the answer.
    """

    question: AnyQuestion
    answer: Answer


class FactsFile(Struct, frozen=True):
    """Facts collected on one host, for a diagnosis on any other.

    * ``format``: the kind of this file.
    * ``schema_version``: version of this form: the second number grows with added keys.
    * ``header``: the request when the facts were collected.
    * ``facts``: all facts, sorted by question.
    """

    format: Literal["ovms-doctor facts"]
    schema_version: Annotated[str, Meta(pattern=r"^1\.[0-9]+$")]
    header: dict[str, Any]
    facts: list[Fact]


class FactsFileError(Exception):
    """A document cannot be read as facts; the message is one sentence for the user."""


def dump(facts: Facts, header: Mapping[str, Any]) -> str:
    """Returns all facts and a header (JSON values of the caller) as one document that UTF-8 can write.

    The same facts give the same text, independent of the order in which they were collected.
    """
    rows = sorted((encode_json(question), answer) for question, answer in facts)
    body = b",\n".join(b'{"question":%b,"answer":%b}' % (row, encode_json(answer)) for row, answer in rows)
    first = json.dumps(dict(header), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return (
        f'{{"format":"{FORMAT}","schema_version":"{SCHEMA_VERSION}",\n'
        f'"header":{escape_json(first)},\n"facts":[\n{body.decode("utf-8")}\n]}}\n'
    )


def load(text: str) -> tuple[dict[str, Any], Facts]:
    """Returns header and facts of a document; the facts are complete: no more can be collected.

    Raises FactsFileError for a document that is not a facts file, is cut off or damaged, or was written by a newer
    major version. Keys that a newer minor version added are left out.
    """
    text = text.removeprefix("\ufeff")
    # All at once in the normal case: a file may have 100,000 facts.
    if r"\\x" not in text:
        try:
            file = msgspec.json.decode(text, type=FactsFile)
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass
        else:
            if all(_fits(fact) for fact in file.facts):
                return file.header, Facts({fact.question: fact.answer for fact in file.facts}, complete=True)
    return _load_carefully(text)


def _load_carefully(text: str) -> tuple[dict[str, Any], Facts]:
    """Returns the same, read fact by fact, so that an error names its fact and an unknown fact of a newer minor
    version is the only one that is lost."""
    document = _parse(text)
    newer = _check_version(document.get("schema_version"))
    header, rows = document.get("header", {}), document.get("facts")
    if not isinstance(header, dict) or not isinstance(rows, list):
        raise FactsFileError("The facts file is damaged: it has no list of facts.")
    answers: dict[AnyQuestion, Answer] = {}
    for number, row in enumerate(rows, 1):
        try:
            fact = convert(row, Fact)
            if not _fits(fact):
                names = type(fact.answer).__name__, type(fact.question).__name__
                raise JsonFormatError("{} does not answer {}".format(*names))
            answers[fact.question] = fact.answer
        except JsonFormatError as error:
            if not newer:
                raise FactsFileError(f"The facts file is damaged: fact {number}: {error}.") from None
    return header, Facts(answers, complete=True)


def _fits(fact: Fact) -> bool:
    """Whether the answer has a type of this question; the rules depend on it."""
    return isinstance(fact.answer, answer_types(type(fact.question)))


def _parse(text: str) -> dict[str, Any]:
    # The writer puts the mark first, so that a cut document can be distinguished from another file.
    marked = re.match(r'\s*\{\s*"format"\s*:\s*"' + re.escape(FORMAT) + '"', text) is not None
    try:
        document = json.loads(unescape_json(text))
    except (ValueError, RecursionError) as error:
        if not marked:
            raise FactsFileError("This is not a facts file of ovms-doctor: it is not JSON.") from None
        line = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise FactsFileError(f"The facts file is cut off or damaged{line}.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FactsFileError(
            f'This is not a facts file of ovms-doctor: it does not say "format": "{FORMAT}".'
        )
    return document


def _check_version(version: object) -> bool:
    """Whether the document comes from a newer minor version. Raises FactsFileError for another major version."""
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
