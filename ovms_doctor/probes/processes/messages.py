"""The messages between this process and a worker: one line of JSON each, checked when it is read.

A worker first receives its options and reports when it is ready; then it receives questions and returns as many
answers in the same order. A single question is answered at once; the answers to a batch are sent in portions. A text
that is not a message comes from a broken worker, which its reader ends.
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

from msgspec import Struct

from ovms_doctor.model.facts import Answer
from ovms_doctor.model.facts.questions import AnyQuestion
from ovms_doctor.model.json_text import JsonFormatError, decode_json, encode_json
from ovms_doctor.probes.processes.options import FileOptions, ModelOptions, StoreOptions, WorkerOptions

__all__ = [
    "Answered",
    "Batch",
    "JsonFormatError",
    "Message",
    "Ready",
    "decode_options",
    "decode_question",
    "decode_reply",
    "encode_line",
    "prepare_for_questions",
    "prepare_for_replies",
]


AnyOptions = TypeVar("AnyOptions", FileOptions, ModelOptions, StoreOptions)


class Ready(Struct, frozen=True, tag=True):
    """The first message from a worker.

    ``access_mode``: how it answers for the server's user; empty if it does not read files.
    ``runtime``: the release of OpenVINO that loads models; empty if it loads none.
    """

    access_mode: str = ""
    runtime: str = ""


class Batch(Struct, frozen=True, tag=True):
    """Questions to a worker in one message.

    ``questions``: in the order in which the worker answers them.
    """

    questions: list[AnyQuestion]


class Answered(Struct, frozen=True, tag=True):
    """A worker's answers to the oldest unanswered questions.

    ``answers``: one or more, in the order of the questions.
    """

    answers: list[Answer]


Message: TypeAlias = WorkerOptions | Ready | Answered | Batch | AnyQuestion


def encode_line(message: Message) -> bytes:
    """Returns the message as a line. The functions below read it; they raise JsonFormatError for any other text."""
    return encode_json(message) + b"\n"


def prepare_for_questions() -> None:
    """Prepares :func:`decode_question`, whose first call takes as long as several hundred others."""
    decode_question(encode_line(Batch([])))


def prepare_for_replies() -> None:
    """Prepares :func:`decode_reply` in the same way."""
    decode_reply(encode_line(Ready()))


def decode_options(line: bytes, kind: type[AnyOptions]) -> AnyOptions:
    """Returns the options of a kind of worker from the first line to it."""
    options: AnyOptions = decode_json(line, kind)
    return options


def decode_question(line: bytes) -> AnyQuestion | Batch:
    """Returns the question or questions in a line to a worker."""
    question: AnyQuestion | Batch = decode_json(line, AnyQuestion | Batch)
    return question


def decode_reply(line: bytes) -> Ready | Answered:
    """Returns the message in a worker's line."""
    reply: Ready | Answered = decode_json(line, Ready | Answered)
    return reply
