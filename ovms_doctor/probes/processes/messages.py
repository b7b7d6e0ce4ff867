"""The messages between this process and a worker: one line of JSON each, checked when it is read.

A worker first gets its options and reports when it is ready; then it gets questions and returns as many answers in
the same order. A single question is answered at once; the answers to a batch come in portions. A text that is no
message comes from a broken worker, which its reader ends.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

from ovms_doctor.model.facts import Answer
from ovms_doctor.model.facts.questions import AnyQuestion
from ovms_doctor.model.json_text import JsonFormatError, decode_json, encode_json

__all__ = [
    "Answered",
    "Batch",
    "JsonFormatError",
    "Message",
    "Ready",
    "Start",
    "decode_question",
    "decode_reply",
    "decode_start",
    "encode_line",
]


class Start(Struct, frozen=True, tag=True):
    """The first message to a worker.

    * ``options``: what its kind of worker needs to know: JSON values.
    """

    options: dict[str, Any]


class Ready(Struct, frozen=True, tag=True):
    """The first message from a worker.

    * ``ready``: what the worker reports about itself: JSON values.
    """

    ready: dict[str, Any]


class Batch(Struct, frozen=True, tag=True):
    """Questions that one message takes to a worker.

    * ``questions``: in the order in which they are to be answered.
    """

    questions: list[AnyQuestion]


class Answered(Struct, frozen=True, tag=True):
    """A worker's answers to the questions that it was sent the longest ago.

    * ``answers``: one or more, in the order of the questions.
    """

    answers: list[Answer]


Message: TypeAlias = Start | Ready | Answered | Batch | AnyQuestion


def encode_line(message: Message) -> bytes:
    """The message as a line. The functions below read it; they raise JsonFormatError for anything else."""
    return encode_json(message) + b"\n"


def decode_start(line: bytes) -> Start:
    """The options in a line to a worker."""
    message: Start = decode_json(line, Start)
    return message


def decode_question(line: bytes) -> AnyQuestion | Batch:
    """The question or questions in a line to a worker."""
    question: AnyQuestion | Batch = decode_json(line, AnyQuestion | Batch)
    return question


def decode_reply(line: bytes) -> Ready | Answered:
    """Returns the message in a worker's line."""
    reply: Ready | Answered = decode_json(line, Ready | Answered)
    return reply
