"""Texts with the real names instead of the pseudonyms in them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ovms_doctor.model.pseudonyms import escapes
from ovms_doctor.model.pseudonyms.kept_words import capital_parts
from ovms_doctor.model.pseudonyms.kinds import Content, Kind
from ovms_doctor.model.pseudonyms.replace import ADDRESS_OR_RUN, PIECE, TASK_PART


class Restorer:
    """The opposite of a ``Replacer``, with the same methods."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """``texts``: pseudonym → real text, as the map lists them."""
        self._texts = texts
        # Addresses with colons, which are not runs of letters and digits.
        colons = sorted((name for name in texts if ":" in name), key=len, reverse=True)
        self._colons = re.compile(f"({'|'.join(map(re.escape, colons))})") if colons else None
        #: Only for the walk.
        self.counts: dict[Kind, int] = {}

    def name(self, text: str, content: Content) -> str:
        """Returns a name, path or address with the real texts."""
        return escapes.changed(text, self._restored, backslashes=False)

    def text(self, text: str) -> str:
        """Returns a message, a line of a log, or a document with the real texts."""
        return escapes.changed(
            escapes.with_wide_letters(text, self._restored), self._restored, backslashes=True
        )

    def arguments(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """Returns a command line with the real texts."""
        return tuple(map(self.text, arguments))

    def _restored(self, text: str) -> str:
        if self._colons is None:
            return ADDRESS_OR_RUN.sub(self._run, text)
        parts = self._colons.split(text)
        return "".join(
            self._texts[part] if index % 2 else ADDRESS_OR_RUN.sub(self._run, part)
            for index, part in enumerate(parts)
        )

    def _run(self, match: re.Match[str]) -> str:
        whole = match[0]
        if whole in self._texts or match["ipv4"]:
            return self._texts.get(whole, whole)
        return PIECE.sub(lambda piece: self._piece(piece[0]), whole)

    def _piece(self, text: str) -> str:
        if text in self._texts:
            return self._texts[text]
        parts = capital_parts(text)
        for start, end in ((i, j) for i in range(len(parts)) for j in range(len(parts), i, -1)):
            found = self._texts.get("".join(parts[start:end]))
            if found is not None:
                return "".join(parts[:start]) + found + "".join(parts[end:])
        return "".join(self._texts.get(part, part) for part in TASK_PART.split(text))
