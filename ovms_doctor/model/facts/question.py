"""The base of every question: it ties the question to the types of its answer."""

from __future__ import annotations

from functools import cache
from typing import Any, Generic, TypeVar, get_args

from msgspec import Struct

A_co = TypeVar("A_co", covariant=True)


class Question(Struct, Generic[A_co], frozen=True, tag=True, omit_defaults=True, gc=False):
    """A question for a fact that a rule needs. ``class StatPath(Question[PathStatus | Failure | Unavailable])``
    defines the types of its answers: ``Facts.ask(StatPath(…))`` has that type.

    In JSON a question is an object with its ``type`` and those fields that do not have their default value.
    """


@cache
def answer_types(kind: type[Question[Any]]) -> tuple[type, ...]:
    """Returns the types that may answer a question of this kind."""
    (base,) = vars(kind)["__orig_bases__"]
    types: tuple[type, ...] = get_args(get_args(base)[0])
    return types


class FactData(Struct, frozen=True, omit_defaults=True, gc=False):
    """A part of a question or of an answer: an object without a ``type``."""


class AnswerBase(Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """The base of every answer. In JSON an answer is written as a question is."""
