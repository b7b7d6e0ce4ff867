"""The description and the findings that a third-party check reports, and which of them are accepted: types, codes,
sizes.

The child writes with :func:`to_values`; the parent treats everything from the pipe as untrusted. The types below
define the accepted values: the types of a finding and of a code, with limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

from msgspec import Meta, Struct
from msgspec.structs import fields, replace

from ovms_doctor.model.codes import PREFIX, Code, Example
from ovms_doctor.model.findings import CausedBy, Evidence, Finding, Remedy, Step, Subject
from ovms_doctor.model.json_text import JsonFormatError, convert
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.server_log import Message

#: Maximum characters of a sentence, and of a text of many lines.
SENTENCE, TEXT = 4_000, 64_000
#: Maximum number of items of one list in a finding, codes of a check, findings of a check.
ITEMS, CODES, FINDINGS = 100, 200, 100_000

_CODE = lazy_pattern(r"([A-Z]{2,8})[0-9]{1,6}", re.ASCII)
_NAME = lazy_pattern(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NESTED = 5
_LONGEST_NAME = 80
#: The range of numbers on which JSON readers agree.
_MOST_NUMBER = 2**63
_T = TypeVar("_T")

_NOT_BLANK = r"\S"
_Name: TypeAlias = Annotated[str, Meta(max_length=_LONGEST_NAME, pattern=_NOT_BLANK)]
_Sentence: TypeAlias = Annotated[str, Meta(max_length=SENTENCE)]
_NeededSentence: TypeAlias = Annotated[str, Meta(max_length=SENTENCE, pattern=_NOT_BLANK)]
_Path: TypeAlias = Annotated[str, Meta(max_length=2 * SENTENCE)]
_Text: TypeAlias = Annotated[str, Meta(max_length=TEXT)]
_NeededText: TypeAlias = Annotated[str, Meta(max_length=TEXT, pattern=_NOT_BLANK)]
_Version: TypeAlias = Annotated[int, Meta(ge=0, le=_MOST_NUMBER - 1)]
_Items: TypeAlias = Annotated[tuple[_T, ...], Meta(max_length=ITEMS)]


class PluginMessageError(ValueError):
    """A message does not follow the protocol; the text names the position."""


class PluginDescription(Struct, frozen=True):
    """A third-party check's description of itself.

    * ``summary``: the subject of the check, as a phrase.
    * ``prefix``: the prefix of all its codes.
    * ``codes``: its codes.
    """

    summary: str
    prefix: str
    codes: Mapping[str, Code]


# -- accepted values -----------------------------------------------------------------------------------


class _Subject(Subject, frozen=True):
    """A subject, with a limit for each text and for the version."""

    model: _Sentence | None = None
    version: _Version | None = None
    path: _Path | None = None
    server_path: _Path | None = None


class _Evidence(Evidence, frozen=True):
    """A piece of evidence, with a limit for each text; neither is blank."""

    observation: _NeededText
    how: _NeededSentence


class _Step(Step, frozen=True):
    """A step of a remedy, with a limit for each text; its text is not blank."""

    text: _NeededSentence
    command: _Text | None = None


class _Remedy(Remedy, frozen=True):
    """A remedy, with limits for its summary and for the number of steps."""

    summary: _Text
    steps: _Items[_Step] = ()


class _CausedBy(CausedBy, frozen=True):
    """A cause, with a limit for each text and for the version."""

    code: _Name | None = None
    check: _Name | None = None
    model: _Sentence | None = None
    version: _Version | None = None
    path: _Path | None = None


class _Finding(Finding, frozen=True):
    """A finding, with a limit for each text and list."""

    code: _Name
    subject: _Subject
    message: _NeededSentence
    detail: _Text = ""
    server_log: _Items[_NeededText] = ()
    evidence: _Items[_Evidence] = ()
    remedy: _Remedy | None = None
    relative: _Sentence = ""
    causes: _Items[_CausedBy] = ()


class _Message(Message, frozen=True):
    """A message of the server, with a limit for its text, which is not blank."""

    text: _NeededSentence


class _Example(Example, frozen=True):
    """An example, with a limit for each text; neither is blank."""

    before: _NeededSentence
    after: _NeededSentence


class _Code(Code, frozen=True, kw_only=True):
    """A code, with a limit for each text and list. A message of the log may be a plain text."""

    code: _Name
    name: _Name
    summary: _NeededSentence
    remedy: _NeededText
    log: _Items[_Message | _NeededSentence] = ()
    releases: _Sentence = ""
    see_also: _Items[_Name] = ()
    example: _Example | None = None
    docs: _Sentence = ""
    page: _Text = ""


class _Description(Struct, frozen=True):
    """A description as the child sends it, with limits; each code is read separately."""

    name: _Name
    summary: _NeededSentence
    codes: Annotated[list[Any], Meta(min_length=1, max_length=CODES)]


# -- writing and reading -------------------------------------------------------------------------------


def is_name(text: str) -> bool:
    """Whether this is a valid name of a check or a finding: kebab case, and not like a built-in code."""
    fits = len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None
    return fits and not text.upper().startswith(PREFIX)


def to_values(value: object, depth: int = 0) -> Any:
    """Returns JSON values for a finding or a description; values of other types are replaced by the name of their
    type."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int) and abs(value) < _MOST_NUMBER:
        return value
    if depth < _NESTED:
        if isinstance(value, tuple | list):
            return [to_values(item, depth + 1) for item in value[: FINDINGS + 1]]
        if isinstance(value, Struct):
            return {
                field.encode_name: to_values(getattr(value, field.name), depth + 1) for field in fields(value)
            }
    return {"unexpected": type(value).__name__}


def read_description(value: object, check: str) -> PluginDescription:
    """Returns the description of the check whose entry point is named ``check``. Raises PluginMessageError."""
    described = _read(value, _Description, "a description")
    if described.name != check:
        raise PluginMessageError(f"name: {described.name} is not the name of its entry point, {check}")
    codes: dict[str, Code] = {}
    prefixes = set()
    for row in described.codes:
        entry, prefix = _read_code(row)
        if entry.code in codes or any(entry.name == other.name for other in codes.values()):
            raise PluginMessageError(f"codes: {entry.code} {entry.name} is listed twice")
        codes[entry.code] = entry
        prefixes.add(prefix)
    if len(prefixes) > 1:
        raise PluginMessageError(f"codes: one prefix is expected, not {', '.join(sorted(prefixes))}")
    return PluginDescription(described.summary, prefixes.pop(), codes)


def read_finding(value: object, codes: Mapping[str, Code]) -> Finding:
    """Returns one finding with a code of its own check. Raises PluginMessageError."""
    found = _read(value, _Finding, "a Finding", Finding)
    entry = codes.get(found.code)
    if entry is None:
        raise PluginMessageError(f"code: {found.code} is not one of its own codes")
    if found.name != entry.name:
        raise PluginMessageError(f"name: {found.code} has the name {entry.name}")
    # A check cannot set the page and the causes' fingerprints.
    return replace(found, docs=entry.address, caused_by=(), fingerprint="")


def read_sentence(text: str) -> str:
    """Returns a reason as one sentence, cut to the limit."""
    return text[:SENTENCE]


def _read_code(value: object) -> tuple[Code, str]:
    """Returns a code and its prefix; only the text of the server's log messages is kept."""
    code = _read(value, _Code, "a Code", Code)
    if code.code.upper().startswith(PREFIX):
        raise PluginMessageError(f"it claims the code {code.code}: {PREFIX} is ovms-doctor's own prefix")
    match = _CODE.fullmatch(code.code)
    if match is None:
        raise PluginMessageError(f"code: {code.code} is not 2 to 8 capital letters and a number")
    if not is_name(code.name):
        raise PluginMessageError(f"name: {code.name} is not in kebab case")
    if code.docs and not code.docs.startswith(("https://", "http://")):
        raise PluginMessageError(f"docs: {code.docs} is not an https address")
    texts = tuple(item if isinstance(item, str) else item.text for item in code.log)
    return replace(code, log=texts), match[1]


def _read(value: object, accepted: type[_T], name: str, plain: type[_T] | None = None) -> _T:
    """Reads ``value`` as type ``accepted``, then as the type without limits, if one is passed."""
    if isinstance(value, dict) and "unexpected" in value:
        raise PluginMessageError(f"{name} is expected, not a {value['unexpected']}")
    if not isinstance(value, dict):
        kind = "nothing" if value is None else f"a {type(value).__name__}"
        raise PluginMessageError(f"{name} is expected, not {kind}")
    try:
        found = convert(value, accepted)
        return found if plain is None else convert(value, plain)
    except JsonFormatError as error:
        raise PluginMessageError(str(error)) from None
