"""The messages between this process and a worker: one line of JSON each, checked when it is read.

A worker gets its options first and reports when it is ready; then it gets questions and returns as many answers in
the same order. What a broken worker writes instead is no message, and its reader ends it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts import Answer, Question, codec
from ovms_doctor.model.facts.codec import FactFormatError

# Made once: json.dumps makes an encoder for each call that is not the plainest.
_to_json = json.JSONEncoder(separators=(",", ":")).encode


class JsonFormatError(Exception):
    """A line is no message."""


class Start(Struct, frozen=True):
    """The first message to a worker.

    * ``options``: what its kind of worker needs to know: JSON values.
    """

    options: dict[str, Any]


class Ready(Struct, frozen=True):
    """The first message from a worker.

    * ``ready``: what the worker reports about itself: JSON values.
    """

    ready: dict[str, Any]


class Answered(Struct, frozen=True):
    """A worker's answer to the question that it was sent the longest ago.

    * ``answer``: the answer.
    """

    answer: Answer


Message: TypeAlias = Start | Ready | Answered | Question


def encode_line(message: Message) -> bytes:
    """The message as a line. The functions below read it; they raise JsonFormatError for anything else."""
    if isinstance(message, Start):
        value: Mapping[str, Any] = {"options": message.options}
    elif isinstance(message, Ready):
        value = {"ready": message.ready}
    elif isinstance(message, Answered):
        value = {"answer": codec.encode_answer(message.answer)}
    else:
        value = codec.encode_question(message)
    return _to_json(value).encode("ascii") + b"\n"


def decode_start(line: bytes) -> Start:
    """The options in a line to a worker."""
    return Start(_decode(line)["options"])


def decode_question(line: bytes) -> Question:
    """The question in a line to a worker."""
    return codec.decode_question(_decode(line))


def decode_reply(line: bytes) -> Ready | Answered:
    """What a worker wrote in a line."""
    value = _decode(line)
    if isinstance(value.get("ready"), dict):
        return Ready(value["ready"])
    try:
        return Answered(codec.decode_answer(value.get("answer")))
    except FactFormatError as error:
        raise JsonFormatError(str(error)) from error


def _decode(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise JsonFormatError(str(error)) from error
    if not isinstance(value, dict):
        raise JsonFormatError("no object")
    return value
