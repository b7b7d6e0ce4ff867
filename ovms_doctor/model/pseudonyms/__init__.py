"""Replaces names in facts by pseudonyms, so that the facts can be sent to people who must not read the names.

Every text of the facts goes through :mod:`replace`, which keeps the words that rules can compare with and replaces
all others: so a text of a new kind contains no name either. A pseudonym has the length and the capitals of its text,
so that sizes, positions and relations between names stay as they are.
"""

from ovms_doctor.model.pseudonyms.facts import RedactedFacts, redact_facts, restore_facts
from ovms_doctor.model.pseudonyms.kept_words import KeptWords
from ovms_doctor.model.pseudonyms.kinds import Kind
from ovms_doctor.model.pseudonyms.mapping import MapEntry, PseudonymMap

__all__ = [
    "KeptWords",
    "Kind",
    "MapEntry",
    "PseudonymMap",
    "RedactedFacts",
    "redact_facts",
    "restore_facts",
]
