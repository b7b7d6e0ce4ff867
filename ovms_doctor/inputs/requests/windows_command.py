"""The words of a command line of Windows: `cmd` gives `^` and `%` a meaning, each program splits its words itself."""

from __future__ import annotations

import re

from ovms_doctor.model.pattern import lazy_pattern

#: What only the command lines of `cmd` have: its prompt, or a line that `^` continues.
_WINDOWS = lazy_pattern(r"^[ \t]*[A-Za-z]:\\[^\n>]{0,200}>[ \t]*\w|\^\r?\n", re.MULTILINE)
_SEPARATORS = "|&<>"


def is_windows(text: str) -> bool:
    """Whether a text has a command line of `cmd`."""
    return _WINDOWS.search(text) is not None


def windows_words(text: str) -> list[str]:
    """Returns the words and the separators of command lines, as `cmd` and the C runtime split them.

    `cmd` ends its own quotes at every `"`; the C runtime does not at `\\"`. A single quote is an ordinary letter.
    """
    words: list[str] = []
    word: list[str] | None = None
    cmd_quotes = quotes = False
    position = 0
    text = text.replace("\r\n", "\n")
    while position < len(text):
        letter = text[position]
        position += 1
        escaped = letter == "^" and not cmd_quotes
        if escaped:
            if position >= len(text):
                break
            letter = text[position]
            position += 1
            if letter == "\n":
                continue
        elif letter == "\n" or (letter in _SEPARATORS and not cmd_quotes):
            if word is not None:
                words.append("".join(word))
            word, cmd_quotes, quotes = None, False, False
            words.append(letter)
            continue
        if letter == "\\":
            # Only before a quote, a backslash escapes.
            end = position
            while text[end : end + 1] == "\\":
                end += 1
            count = end - position + 1
            position = end
            caret = text[position : position + 1] == "^" and not cmd_quotes
            is_quote = text[position + caret : position + caret + 1] == '"'
            word = [] if word is None else word
            word.append("\\" * (count // 2 if is_quote else count))
            if is_quote and count % 2:
                word.append('"')
                position += 1 + caret
                cmd_quotes = cmd_quotes if caret else not cmd_quotes
        elif letter == '"':
            word = [] if word is None else word
            cmd_quotes = cmd_quotes if escaped else not cmd_quotes
            if quotes and text[position : position + 1] == '"' and not escaped:
                word.append('"')
                position += 1
                cmd_quotes = not cmd_quotes
            else:
                quotes = not quotes
        elif letter in " \t" and not quotes:
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            word = [] if word is None else word
            word.append(letter)
    if word is not None:
        words.append("".join(word))
    return words
