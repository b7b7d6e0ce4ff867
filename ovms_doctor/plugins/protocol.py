"""What a child says of a check and of its findings, and what of that is believed: types, codes, sizes.

The child writes with :func:`encode`; what comes out of the pipe is read as if anybody had written it. Text is
escaped as in :mod:`ovms_doctor.model.text`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast, get_args

from msgspec import Struct
from msgspec.structs import fields

from ovms_doctor.model.codes import PREFIX, Code, Example
from ovms_doctor.model.findings import (
    SEVERITIES,
    CausedBy,
    Confidence,
    Effect,
    Evidence,
    Finding,
    Recovers,
    Remedy,
    Step,
    Subject,
    Where,
)
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.text import escape, unescape

#: Characters of a sentence, and of a text of many lines.
SENTENCE, TEXT = 4_000, 64_000
#: Items of one list in a finding; codes of a check; findings of a check.
ITEMS, CODES, FINDINGS = 100, 200, 100_000

_CODE = lazy_pattern(r"([A-Z]{2,8})[0-9]{1,6}", re.ASCII)
_NAME = lazy_pattern(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NESTED = 5
_LONGEST_NAME = 80
_MOST_VERSION = 2**63
T = TypeVar("T")


class PluginMessageError(ValueError):
    """What came is not what was agreed; the message says where, in a few words."""


class PluginDescription(Struct, frozen=True):
    """What a check says of itself. ``prefix`` is that of all its codes."""

    summary: str
    prefix: str
    codes: Mapping[str, Code]


def is_name(text: str) -> bool:
    """Whether a check or a finding may be called so: kebab case, and not like one of our codes."""
    fits = len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None
    return fits and not text.upper().startswith(PREFIX)


def encode(value: object, depth: int = 0) -> Any:
    """JSON values for a finding or a description; what has no place there is named by its type."""
    if isinstance(value, str):
        return escape(value)
    if value is None or isinstance(value, bool | int):
        return value
    if depth < _NESTED:
        if isinstance(value, tuple | list):
            return [encode(item, depth + 1) for item in value[: FINDINGS + 1]]
        if isinstance(value, Struct):
            return {field.name: encode(getattr(value, field.name), depth + 1) for field in fields(value)}
    return {"unexpected": type(value).__name__}


def read_description(value: object, check: str) -> PluginDescription:
    """What the child reports of the check that its entry point calls ``check``. Raises PluginMessageError."""
    body = _object(value, "what it says of itself")
    name = _text(body, "name", _LONGEST_NAME, needed=True)
    if name != check:
        raise PluginMessageError(f"name: {name} is not the name of its entry point, {check}")
    rows = body.get("codes")
    if not isinstance(rows, list) or not 0 < len(rows) <= CODES:
        raise PluginMessageError("codes: a tuple of one or more Code is expected")
    codes: dict[str, Code] = {}
    prefixes = set()
    for row in rows:
        entry, prefix = _code(_object(row, "codes"))
        if entry.code in codes or any(entry.name == other.name for other in codes.values()):
            raise PluginMessageError(f"codes: {entry.code} {entry.name} stands there twice")
        codes[entry.code] = entry
        prefixes.add(prefix)
    if len(prefixes) > 1:
        raise PluginMessageError(f"codes: one prefix is expected, not {', '.join(sorted(prefixes))}")
    return PluginDescription(_text(body, "summary", SENTENCE, needed=True), prefixes.pop(), codes)


def read_finding(value: object, codes: Mapping[str, Code]) -> Finding:
    """One finding with a code of its own check. Raises PluginMessageError."""
    body = _object(value, "a Finding")
    code = _text(body, "code", _LONGEST_NAME, needed=True)
    entry = codes.get(code)
    if entry is None:
        raise PluginMessageError(f"code: {code} is none of its own codes")
    if body.get("name") != entry.name:
        raise PluginMessageError(f"name: {code} is called {entry.name}")
    return Finding(
        code,
        entry.name,
        _choice(body, "severity", SEVERITIES),
        _subject(_object(body.get("subject"), "subject")),
        _text(body, "message", SENTENCE, needed=True),
        _text(body, "detail", TEXT),
        _choice(body, "confidence", cast("tuple[Confidence, ...]", get_args(Confidence))),
        _texts(body, "server_log", TEXT),
        tuple(_evidence(item) for item in _list(body, "evidence")),
        _optional_choice(body, "recovers", cast("tuple[Recovers, ...]", get_args(Recovers))),
        _remedy(body.get("remedy")),
        entry.address,
        relative=_text(body, "relative", SENTENCE),
        causes=tuple(_cause(item) for item in _list(body, "causes")),
    )


def read_sentence(value: object) -> str:
    """A reason in words, cut where it is long; whatever else came is nothing."""
    return unescape(value)[:SENTENCE] if isinstance(value, str) else ""


# -- parts ---------------------------------------------------------------------------------------------


def _code(body: dict[str, Any]) -> tuple[Code, str]:
    code = _text(body, "code", _LONGEST_NAME, needed=True)
    if code.upper().startswith(PREFIX):
        raise PluginMessageError(f"it claims the code {code}: {PREFIX} is ovms-doctor's own prefix")
    match = _CODE.fullmatch(code)
    if match is None:
        raise PluginMessageError(f"code: {code} is not 2 to 8 capital letters and a number")
    name = _text(body, "name", _LONGEST_NAME, needed=True)
    if not is_name(name):
        raise PluginMessageError(f"name: {name} is not in kebab case")
    docs = _text(body, "docs", SENTENCE)
    if docs and not docs.startswith(("https://", "http://")):
        raise PluginMessageError(f"docs: {docs} is no https address")
    return (
        Code(
            code=code,
            name=name,
            severity=_choice(body, "severity", SEVERITIES),
            summary=_text(body, "summary", SENTENCE, needed=True),
            remedy=_text(body, "remedy", TEXT, needed=True),
            log=_log(body),
            recovers=_optional_choice(body, "recovers", cast("tuple[Recovers, ...]", get_args(Recovers))),
            releases=_text(body, "releases", SENTENCE),
            see_also=_texts(body, "see_also", _LONGEST_NAME),
            example=_example(body.get("example")),
            docs=docs,
            page=_text(body, "page", TEXT),
        ),
        match[1],
    )


def _log(body: dict[str, Any]) -> tuple[str, ...]:
    """Templates. A message of the server's arrives as an object with its text."""
    rows = [row.get("text") if isinstance(row, dict) else row for row in _list(body, "log")]
    return tuple(_text({"log": row}, "log", SENTENCE, needed=True) for row in rows)


def _example(value: object) -> Example | None:
    if value is None:
        return None
    body = _object(value, "example")
    return Example(_text(body, "before", SENTENCE, needed=True), _text(body, "after", SENTENCE, needed=True))


def _cause(value: object) -> CausedBy:
    body = _object(value, "causes")
    return CausedBy(
        _optional_text(body, "code", _LONGEST_NAME),
        _optional_text(body, "check", _LONGEST_NAME),
        _version(body, "causes.version"),
        _optional_text(body, "path", SENTENCE * 2),
        _flag(body, "any_model"),
        _flag(body, "any_severity"),
    )


def _subject(body: dict[str, Any]) -> Subject:
    version = _version(body, "subject.version")
    return Subject(
        _optional_text(body, "model", SENTENCE),
        version,
        _optional_text(body, "path", SENTENCE * 2),
        _optional_text(body, "server_path", SENTENCE * 2),
    )


def _evidence(value: object) -> Evidence:
    body = _object(value, "evidence")
    return Evidence(_text(body, "what", TEXT, needed=True), _text(body, "how", SENTENCE, needed=True))


def _remedy(value: object) -> Remedy | None:
    if value is None:
        return None
    body = _object(value, "remedy")
    steps = [_object(item, "remedy.steps") for item in _list(body, "steps")]
    return Remedy(
        _text(body, "summary", TEXT),
        tuple(
            Step(
                _text(step, "text", SENTENCE, needed=True),
                _optional_text(step, "command", TEXT),
                _optional_choice(step, "where", cast("tuple[Where, ...]", get_args(Where))),
                _optional_choice(step, "effect", cast("tuple[Effect, ...]", get_args(Effect))),
            )
            for step in steps
        ),
    )


# -- values --------------------------------------------------------------------------------------------


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        kind = "nothing" if value is None else f"a {type(value).__name__}"
        raise PluginMessageError(f"{what} is expected, not {kind}")
    if "unexpected" in value:
        raise PluginMessageError(f"{what} is expected, not a {value['unexpected']}")
    return value


def _list(body: dict[str, Any], key: str) -> list[Any]:
    value = body.get(key)
    if not isinstance(value, list) or len(value) > ITEMS:
        raise PluginMessageError(f"{key}: a tuple of at most {ITEMS} is expected")
    return value


def _texts(body: dict[str, Any], key: str, longest: int) -> tuple[str, ...]:
    return tuple(_text({key: item}, key, longest, needed=True) for item in _list(body, key))


def _text(body: dict[str, Any], key: str, longest: int, *, needed: bool = False) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise PluginMessageError(f"{key}: text is expected")
    if len(value) > longest:
        raise PluginMessageError(f"{key}: longer than {longest} characters")
    if needed and not value.strip():
        raise PluginMessageError(f"{key}: is empty")
    return unescape(value)


def _optional_text(body: dict[str, Any], key: str, longest: int) -> str | None:
    return None if body.get(key) is None else _text(body, key, longest)


def _version(body: dict[str, Any], key: str) -> int | None:
    version = body.get("version")
    if version is not None and (type(version) is not int or not 0 <= version < _MOST_VERSION):
        raise PluginMessageError(f"{key}: a number or None is expected")
    return version


def _flag(body: dict[str, Any], key: str) -> bool:
    value = body.get(key)
    if not isinstance(value, bool):
        raise PluginMessageError(f"{key}: True or False is expected")
    return value


def _choice(body: dict[str, Any], key: str, choices: tuple[T, ...]) -> T:
    value = body.get(key)
    for choice in choices:
        if isinstance(value, str) and value == choice:
            return choice
    raise PluginMessageError(f"{key}: one of {', '.join(str(choice) for choice in choices)} is expected")


def _optional_choice(body: dict[str, Any], key: str, choices: tuple[T, ...]) -> T | None:
    return None if body.get(key) is None else _choice(body, key, choices)
