"""Answers without their secrets: the rules, the report and a file of facts have the same text."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from functools import lru_cache

from msgspec import to_builtins
from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Failure,
    FileContent,
    Listing,
    PathStatus,
    PathTimes,
    ReadFile,
    StoreListing,
    Writability,
    WriteProbe,
)
from ovms_doctor.model.json_text import convert, encode_json, map_text
from ovms_doctor.model.property_values import (
    can_have_plugin_config,
    hide_in_document,
    hide_malformed,
    same_in_json,
)
from ovms_doctor.model.text import can_hold_secret, redact, redact_address, same_length

#: Answers whose only texts are names of files, which later questions need.
_NAMES = frozenset((PathStatus, PathTimes, Listing, StoreListing, Writability, WriteProbe))
#: A file with names of tensors; ``token`` can be one of them.
_MAPPING = "mapping_config.json"


def without_secrets(answers: Mapping[AnyQuestion, Answer]) -> dict[AnyQuestion, Answer]:
    """Returns the answers as the rules get them.

    In the content of files, secret values of plugin_config and passwords in addresses are replaced by as many
    asterisks, so that sizes and positions are kept; in other texts, such as messages of OpenVINO and of stores, by
    three.
    """
    return {question: _redacted(question, answer) for question, answer in answers.items()}


def _redacted(question: AnyQuestion, answer: Answer) -> Answer:
    if type(answer) in _NAMES or (isinstance(answer, Failure) and answer.denial is None):
        return answer
    if isinstance(answer, FileContent):
        return _content(question, answer)
    data = encode_json(answer)
    if data.isascii() and not can_hold_secret(data):
        return answer
    text = data.decode("utf-8")
    if redact(text) == text:
        return answer
    redacted: Answer = convert(map_text(to_builtins(answer), redact), type(answer))
    return redacted


def _content(question: AnyQuestion, answer: FileContent) -> FileContent:
    path = question.path if isinstance(question, ReadFile) else ""
    if not (path.endswith(".json") or can_hold_secret(answer.data) or can_have_plugin_config(answer.data)):
        return answer
    data = _hidden(answer.data, path)
    return answer if data == answer.data else replace(answer, data=data)


@lru_cache(maxsize=1)
def _hidden(data: bytes, path: str) -> bytes:
    """Returns the content of a file without secrets: a configuration is read twice, first to find out its kind."""
    # One character for each byte, so that the text has the length of the data.
    text = data.decode("latin-1")
    if posixpath.basename(path) == _MAPPING:
        text = redact_address(text, same_length)
    else:
        # A graph is not JSON: its texts may have other escapes.
        is_json = path.endswith(".json") or text.lstrip()[:1] in ("{", "[")
        text = redact(hide_in_document(text, same_in_json if is_json else same_length), same_length)
    return (hide_malformed(text) if path.endswith(".json") else text).encode("latin-1")
