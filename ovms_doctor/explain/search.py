"""From a line of the server's log to the codes that it can mean.

The text is untrusted: no pattern here backtracks, and the work is proportional to the length of the text, which is
cut at :data:`LIMIT`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.explain.general import GeneralMessage, general
from ovms_doctor.explain.index import CodeEntry, codes
from ovms_doctor.explain.outside import outside_codes
from ovms_doctor.explain.plausible import by_likelihood, of_generative_model, possible
from ovms_doctor.explain.records import LIMIT, split_records
from ovms_doctor.explain.signatures import UNMISTAKABLE, signatures
from ovms_doctor.model import server_log as log
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.text import HIDDEN

__all__ = ["LIMIT", "Explanation", "Note", "explain", "explain_line"]

#: Messages that quote another text of several lines: the quoted text is more specific.
_CONTAINERS = (
    log.READ_FAILED,
    log.COMPILE_FAILED,
    log.LOAD_THREW,
    log.RELOAD_THREW,
    log.OPTIONS_EXCEPTION,
    log.EXTENSION_FAILED,
)
#: The beginnings of messages on a failed load or start: their status is no answer to a request.
_CLOSING = (
    "ovms::ModelManager::Start() Error: ",
    "Error occurred while loading model: ",
    "Error occurred while reloading model: ",
)
#: Maximum characters of a value: a path is never longer, and a quoted text need not be complete.
_VALUE = 4096
#: Minimum length of a part of a message that is searched for, in characters; it must have several words.
_PART = 10

_LOAD_STATUS = (
    "The status of a load or of the server's start, at the end of other messages. It names only a "
    "class of causes; the error before it gives the cause."
)
_FIELD = lazy_pattern(r"\{(\w+)\}")
_UPPER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


class Note(Struct, frozen=True):
    """A message that names no cause."""

    #: The message.
    general: GeneralMessage
    #: The values that the server filled in, by name.
    values: dict[str, str]
    #: The codes of possible causes.
    codes: tuple[CodeEntry, ...]


class Explanation(Struct, frozen=True):
    """The recognised content of a text."""

    #: The codes that the text means, most specific first, each with the values that the server filled in.
    codes: tuple[tuple[CodeEntry, dict[str, str]], ...] = ()
    #: Messages in the text that name no cause.
    notes: tuple[Note, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.codes or self.notes)


def explain_line(text: str) -> list[tuple[CodeEntry, dict[str, str]]]:
    """Returns the codes that one or more lines of the server's log can mean, most specific first, with their values.

    If the text names no cause, returns the codes of possible causes. Empty if nothing is recognised. Never raises.
    """
    explanation = explain(text)
    if explanation.codes:
        return list(explanation.codes)
    found: dict[str, tuple[CodeEntry, dict[str, str]]] = {}
    for note in explanation.notes:
        for code in note.codes:
            found.setdefault(code.code, (code, dict(note.values)))
    return list(found.values())


def explain(text: str) -> Explanation:
    """Returns the recognised codes and messages in ``text``: with or without the log's prefix, one line or many. Never
    raises."""
    records = split_records(text)
    for fold in (False, True):
        found = _explain(records, fold)
        if found:
            return found
    return _bare_status(records) or _by_part(records)


def _bare_status(records: list[str]) -> Explanation:
    """Returns the codes for the text of a status alone, which closes the messages on a load."""
    for item in general().statuses:
        if records and records[0].startswith(item.status):
            names = tuple(dict.fromkeys((*item.version, *item.start)))
            message = GeneralMessage("load-status", (item.status,), _LOAD_STATUS, names)
            return Explanation((), (Note(message, {}, _entries(names)),))
    return Explanation()


def _explain(records: list[str], fold: bool) -> Explanation:
    hits: dict[str, _Hit] = {}
    notes: dict[str, Note] = {}
    for record in records:
        target = _Target(record, record.translate(_UPPER) if fold else record, fold)
        for hit in _codes_in(target):
            if hit.code.code not in hits or hit.rank < hits[hit.code.code].rank:
                hits[hit.code.code] = hit
        for note in _notes_in(target):
            notes.setdefault(note.general.name, note)
    ordered = [hit.code.code for hit in sorted(hits.values(), key=lambda hit: hit.rank)]
    chosen = [hits[code] for code in by_likelihood(ordered)]
    return Explanation(tuple((hit.code, hit.values) for hit in chosen), tuple(notes.values()))


# -- templates -----------------------------------------------------------------------------------------


class _Target(Struct, frozen=True):
    """A message to search in."""

    #: The text of the message.
    text: str
    #: The text to compare: in lower case with ``fold``.
    compared: str
    #: Whether the comparison ignores case.
    fold: bool


class _Template(Struct, frozen=True):
    """The literal parts of a message with fields between them; begins with a literal."""

    #: The literal parts.
    literals: tuple[str, ...]
    #: The literal parts in lower case.
    folded: tuple[str, ...]
    #: The names of the fields.
    fields: tuple[str, ...]
    #: Whether the match may extend over several lines.
    several_lines: bool
    #: The longest literal: a message without it does not match.
    longest: str
    #: The longest literal in lower case.
    longest_folded: str

    @property
    def weight(self) -> int:
        return sum(len(literal) for literal in self.literals)

    def find(self, target: _Target, *, anchored: bool = False) -> dict[str, str] | None:
        """Returns the values at the first position where the template matches, else None. One pass over the text.

        ``anchored``: matches only at the beginning.
        """
        literals = self.folded if target.fold else self.literals
        compared = target.compared
        start = compared.find(literals[0])
        if anchored and start != 0:
            return None
        while start != -1:
            line_end = compared.find("\n", start)
            end = len(compared) if line_end == -1 or self.several_lines else line_end
            spans = _spans(compared, literals, start, end)
            if spans is not None:
                values = (target.text[a:b].strip(" \t\r\n\"'") for a, b in spans)
                return {
                    name: _value_text(name, value) for name, value in zip(self.fields, values, strict=True)
                }
            if anchored:
                return None
            # A template that begins with a field would be found at the same position again.
            start = compared.find(literals[0], max(end, start + 1))
        return None


def _spans(text: str, literals: tuple[str, ...], start: int, end: int) -> list[tuple[int, int]] | None:
    """Returns the positions of the fields between the literals. One pass is enough: if the next literal does not follow
    the leftmost position of a literal, it follows no other position."""
    spans = []
    position = start + len(literals[0])
    last = len(literals) - 1
    for number, literal in enumerate(literals[1:], 1):
        if number < last:
            found = text.find(literal, position, end)
        elif literal:
            # The filled-in value may contain the last literal itself (";", "]").
            found = text.rfind(literal, position, end)
        else:
            line_end = text.find("\n", position, end)
            found = end if line_end == -1 else line_end
        if found == -1:
            return None
        spans.append((position, found))
        position = found + len(literal)
    return spans


@cache
def _template(text: str) -> _Template:
    parts = _FIELD.split(text)
    literals = tuple(parts[::2])
    several = any(text == message.text for message in _CONTAINERS)
    folded = tuple(literal.translate(_UPPER) for literal in literals)
    longest = max(literals, key=len)
    return _Template(literals, folded, tuple(parts[1::2]), several, longest, longest.translate(_UPPER))


# -- codes ---------------------------------------------------------------------------------------------


class _Hit(Struct, frozen=True):
    """A code that a text may mean."""

    #: The code.
    code: CodeEntry
    #: The values that the server filled in, by name.
    values: dict[str, str]
    #: The sort key: a recognised text before a bare message, then more of it before less; of codes with the
    #: same message, the one that it usually means. The bare text of a status comes last.
    rank: tuple[int, int, int, str]


def _codes_in(target: _Target) -> list[_Hit]:
    quoted = {}
    for message in _CONTAINERS:
        values = _template(message.text).find(target)
        if values is not None:
            quoted.update({name: value for name, value in values.items() if name != "what"})
    by_text = list(_hits(target, lambda code: code.texts, quoted))
    # A message that only quotes a recognised text adds nothing.
    skipped = {message.text for message in _CONTAINERS} if by_text else set()
    known = {hit.code.code for hit in by_text}
    by_message = _hits(target, lambda code: [text for text in code.messages if text not in skipped], None)
    found = by_text + [hit for hit in by_message if hit.code.code not in known]
    known = {hit.code.code for hit in found}
    found += [hit for hit in _further(target, is_known=bool(found)) if hit.code.code not in known]
    if target.text.startswith(_CLOSING):
        found = [hit for hit in found if hit.code.check != "requests"]
    left = [hit for hit in found if possible(hit.code.code, hit.values, target.text)]
    return [_of_subject(hit, target.text) for hit in left or found]


def _of_subject(hit: _Hit, text: str) -> _Hit:
    code = of_generative_model(hit.code.code, text)
    return hit if code == hit.code.code else replace(hit, code=codes()[code])


def _further(target: _Target, *, is_known: bool) -> Iterator[_Hit]:
    """Yields for each code the further message with the longest matching literal text; then messages of other
    programs: if the text is a message of the server (``is_known``), only those on ports and libraries."""
    found: dict[str, _Hit] = {}
    for code, items in signatures().items():
        for item in items:
            template = _template(item.text)
            if (template.longest_folded if target.fold else template.longest) not in target.compared:
                continue
            values = template.find(target, anchored=item.anchored(template.weight))
            if values is None:
                continue
            if item.is_status:
                values = _details(target, template)
            rank = (2 if item.is_status else 1, -template.weight, 0, code)
            if code not in found or rank < found[code].rank:
                found[code] = _Hit(codes()[code], values, rank)
    is_known = is_known or any(hit.rank[0] == 1 for hit in found.values())
    for index, (code, values) in enumerate(outside_codes(target.text, in_server_message=is_known)):
        if code not in found:
            found[code] = _Hit(codes()[code], values, (1, 0, index, ""))
    yield from found.values()


def _hits(
    target: _Target, texts_of: Callable[[CodeEntry], Sequence[str]], quoted: dict[str, str] | None
) -> Iterator[_Hit]:
    """Yields for each code the template with the longest matching literal text. ``quoted``: the values of the message
    around it; None if whole messages are searched."""
    for code in codes().values():
        best: _Hit | None = None
        for index, text in enumerate(texts_of(code)):
            template = _template(text)
            values = template.find(target)
            if values is None:
                continue
            rank = (int(quoted is None), -template.weight, index, code.code)
            if best is None or rank < best.rank:
                best = _Hit(code, {**(quoted or {}), **values}, rank)
        if best is not None:
            yield best


def _details(target: _Target, template: _Template) -> dict[str, str]:
    """Returns the text after a status: ``Invalid input shape - Expected: (1,3); …``."""
    literal = (template.folded if target.fold else template.literals)[0]
    end = target.compared.find(literal) + len(literal)
    rest = target.text[end:].partition("\n")[0]
    details = rest[3:].rstrip(" \"}'") if rest.startswith(" - ") else ""
    return {"details": details[:_VALUE]} if details else {}


# -- messages that name no cause -----------------------------------------------------------------------


def _notes_in(target: _Target) -> Iterator[Note]:
    for message in general().messages:
        for text in message.texts:
            template = _template(text)
            anchored = message.anchored and template.weight < UNMISTAKABLE
            values = template.find(target, anchored=anchored)
            if values is not None:
                yield Note(message, values, _entries(_status_codes(message, values)))
                break


def _status_codes(message: GeneralMessage, values: dict[str, str]) -> Iterable[str]:
    level = message.status
    if level is None:
        return message.codes
    # ``Status::string()`` may be followed by details.
    status = values.get("status", "")
    return next(
        (
            item.codes(level)
            for item in general().statuses
            if item.codes(level) and status.startswith(item.status)
        ),
        message.codes,
    )


def _entries(names: Iterable[str]) -> tuple[CodeEntry, ...]:
    return tuple(codes()[code] for code in names)


# -- a part of a message -------------------------------------------------------------------------------


def _by_part(records: list[str]) -> Explanation:
    """Returns the messages that contain this part, for a user who typed only a part of a message."""
    part = " ".join(records[0].split()).rstrip(" :.,;").translate(_UPPER) if records else ""
    if len(part) < _PART or " " not in part:
        return Explanation()
    found = [
        (code, dict[str, str]())
        for code in codes().values()
        if any(part in text.translate(_UPPER) for text in _texts_of(code))
    ]
    notes = [
        Note(message, {}, _entries(message.codes))
        for message in general().messages
        if any(part in text.translate(_UPPER) for text in message.texts)
    ]
    return Explanation(tuple(found), tuple(notes))


def _texts_of(code: CodeEntry) -> tuple[str, ...]:
    further = (item.text for item in signatures().get(code.code, ()))
    return (*code.messages, *code.texts, *further)


def _value_text(name: str, value: str) -> str:
    """Returns the value with secrets removed: the server writes an unreadable proxy unchanged, with user and
    password."""
    if name == "proxy" and "@" in value:
        value = f"{HIDDEN}@{value.rpartition('@')[2]}"
    return value[:_VALUE]
