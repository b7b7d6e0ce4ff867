"""Names in facts replaced by pseudonyms, so that the facts can be given to somebody who is not to know the names.

Every text of the facts goes through :mod:`replace`, which keeps the words that rules can compare with and replaces all
others: a text of a new kind holds no name even where nobody has thought of it. A pseudonym has the length and the
capitals of its text, so that sizes, positions and relations between names stay as they are.
"""

from ovms_doctor.model.pseudonyms.facts import RedactedFacts, redact_facts, restore_facts
from ovms_doctor.model.pseudonyms.kinds import Kind
from ovms_doctor.model.pseudonyms.known_words import KnownWords
from ovms_doctor.model.pseudonyms.mapping import MapEntry, PseudonymMap

__all__ = [
    "Kind",
    "KnownWords",
    "MapEntry",
    "PseudonymMap",
    "RedactedFacts",
    "redact_facts",
    "restore_facts",
]
