"""Facts and options without names, and their restoration with the map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ovms_doctor.model.facts import CopiedFile, Facts, StoredObject, StoreListing, VersionCopy
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.pseudonyms.fields import fields_with_text
from ovms_doctor.model.pseudonyms.kept_words import KeptWords
from ovms_doctor.model.pseudonyms.kinds import FIELDS, Content, FieldContent, Kind
from ovms_doctor.model.pseudonyms.mapping import PseudonymMap
from ovms_doctor.model.pseudonyms.replace import Replacer
from ovms_doctor.model.pseudonyms.restore import Restorer

_TEXT: Content = "text"
#: Fields in byte order: a store returns its keys so, and rules rely on it.
_SORTED: Mapping[type[Any], frozenset[str]] = {
    StoreListing: frozenset({"objects", "prefixes"}),
    VersionCopy: frozenset({"files", "directories"}),
}
_NOT_UTF_8 = lazy_pattern("([\udc80-\udcff]+)")


class RedactedFacts(Struct, frozen=True):
    """Facts and options without names.

    * ``facts``: the facts.
    * ``options``: the options of the run.
    * ``host``: the host's name, if one was recorded.
    * ``entries``: how many different words were replaced, by kind.
    * ``replacements``: how many replacements were made, by kind.
    """

    facts: Facts
    options: CheckOptions
    host: str
    entries: Mapping[Kind, int]
    replacements: Mapping[Kind, int]


def redact_facts(
    facts: Facts, options: CheckOptions, host: str, names: PseudonymMap, known: KeptWords
) -> RedactedFacts:
    """Returns the facts and options with pseudonyms, which are added to ``names``. Secrets must be removed before."""
    replacer = Replacer(names, known)
    # The first run finds the names, so that they are also found in earlier messages.
    _all_changed(facts, options, host, replacer)
    replacer.counts.clear()
    replacer.used.clear()
    new_facts, new_options, new_host = _all_changed(facts, options, host, replacer)
    entries = Counter(names.kind(pseudonym) for pseudonym in replacer.used)
    return RedactedFacts(new_facts, new_options, new_host, entries, dict(replacer.counts))


def restore_facts(
    facts: Facts, options: CheckOptions, host: str, names: Mapping[str, str]
) -> tuple[Facts, CheckOptions, str]:
    """Returns the facts, the options and the host's name with the real texts instead of the pseudonyms.

    ``names``: pseudonym → real text.
    """
    return _all_changed(facts, options, host, Restorer(names))


def _all_changed(
    facts: Facts, options: CheckOptions, host: str, replacer: Replacer | Restorer
) -> tuple[Facts, CheckOptions, str]:
    walk = _Walk(replacer)
    return (
        Facts(
            {walk.value(question, "text"): walk.value(answer, "text") for question, answer in facts},
            complete=True,
        ),
        walk.value(options, "text"),
        replacer.name(host, "host"),
    )


class _Walk:
    """Visits data types, and changes the texts in them."""

    def __init__(self, replacer: Replacer | Restorer) -> None:
        self._replacer = replacer
        self._known: dict[tuple[FieldContent, str], tuple[str, dict[Kind, int]]] = {}

    def value(self, value: Any, content: FieldContent) -> Any:
        """Returns a value with all texts in it changed; the same object if nothing is changed."""
        if isinstance(value, str):
            return self._text(value, content)
        if isinstance(value, bytes):
            return self._bytes(value)
        if isinstance(value, Struct):
            return self._struct(value)
        if isinstance(value, tuple | list):
            return self._sequence(value, content)
        if isinstance(value, dict):
            return {self.value(key, content): self.value(item, content) for key, item in value.items()}
        return value

    def _struct(self, value: Any) -> Any:
        changes = {}
        contents = FIELDS.get(type(value), {})
        for name in fields_with_text(type(value)):
            old = getattr(value, name)
            new = self.value(old, contents.get(name, "text"))
            if new is not old:
                changes[name] = new
        for name in changes.keys() & _SORTED.get(type(value), frozenset()):
            if list(getattr(value, name)) == sorted(getattr(value, name), key=_key):
                changes[name] = tuple(sorted(changes[name], key=_key))
        return msgspec.structs.replace(value, **changes) if changes else value

    def _sequence(self, value: Any, content: FieldContent) -> Any:
        if content == "arguments" and value and isinstance(value[0], str):
            new = self._replacer.arguments(tuple(value))
        elif isinstance(content, tuple) and value and isinstance(value[0], str):
            contents = (*content, *(_TEXT for _ in value[len(content) :]))
            new = tuple(self.value(item, part) for item, part in zip(value, contents, strict=False))
        else:
            new = tuple(self.value(item, content) for item in value)
        if all(one is other for one, other in zip(new, value, strict=True)):
            return value
        return list(new) if isinstance(value, list) else new

    def _text(self, text: str, content: FieldContent) -> str:
        known = self._known.get((content, text))
        counts = self._replacer.counts
        if known is None:
            before = dict(counts)
            if content in ("text", "arguments"):
                new = self._replacer.text(text)
            else:
                new = self._replacer.name(text, content if isinstance(content, str) else "name")
            added = {
                kind: number - before.get(kind, 0)
                for kind, number in counts.items()
                if number != before.get(kind, 0)
            }
            self._known[content, text] = (text if new == text else new, added)
            return self._known[content, text][0]
        for kind, number in known[1].items():
            counts[kind] = counts.get(kind, 0) + number
        return known[0]

    def _bytes(self, data: bytes) -> bytes:
        text = data.decode("utf-8", "surrogateescape")
        # In data that is not text, bytes that are not UTF-8 are not letters.
        parts = _NOT_UTF_8.split(text) if "\0" in text else [text]
        new = "".join(
            part if index % 2 else self._replacer.text(part) for index, part in enumerate(parts)
        ).encode("utf-8", "surrogateescape")
        return data if new == data else new


def _key(item: StoredObject | CopiedFile | str) -> bytes:
    key = item if isinstance(item, str) else item.key if isinstance(item, StoredObject) else item.name
    return key.encode("utf-8", "surrogatepass")
