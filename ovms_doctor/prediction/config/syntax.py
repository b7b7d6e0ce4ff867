"""Explains why a text is not JSON for RapidJSON. The server's message names only the rule, not the position."""

from __future__ import annotations

from ovms_doctor.model.pattern import lazy_pattern

_BLANK = " \t\r\n"
_WORD = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBERS = {"NaN": "NaN", "Infinity": "Infinity", "inf": "inf", "nan": "nan"}
#: Beginnings of RapidJSON's messages, with their explanations.
_ERRORS = {
    "The document root must not be followed": "there is text after its end",
    "Missing a colon": "a colon is missing after the key",
    "Missing a closing quotation mark": "a string is not closed: a double quote is missing",
    **dict.fromkeys(
        ("Invalid escape character", "Incorrect hex digit"),
        "a backslash begins an escape: write \\\\ for a backslash, and / in a path",
    ),
}
#: The first two bytes of UTF-16 text with a byte order mark, which are not UTF-8.
_UTF_16 = ("\U0010ffff\U0010fffe", "\U0010fffe\U0010ffff")
_SPELLED = {
    "True": "true",
    "False": "false",
    "None": "null",
    "TRUE": "true",
    "FALSE": "false",
    "NULL": "null",
}


def syntax_hint(text: str, at: int, error: str = "") -> str:
    """Returns the fault at the character ``at``, at which the parser stopped with ``error``; empty if nothing is
    known."""
    if text.startswith("\ufeff"):
        return "the file begins with a byte order mark (EF BB BF), which the server's parser does not accept"
    if text.startswith(_UTF_16):
        return "the file is UTF-16 text, which the server's parser does not take: save it as UTF-8"
    if not text.strip(_BLANK):
        return "it is empty"
    for beginning, explanation in _ERRORS.items():
        if error.startswith(beginning):
            return explanation
    rest = text[at:]
    before = text[:at].rstrip(_BLANK)
    if rest[:2] in ("//", "/*") or rest[:1] == "#":
        return "this is a comment, and the server's parser does not accept comments"
    if rest[:1] in ("}", "]") and before.endswith(","):
        return f"there is a comma before the closing “{rest[0]}”"
    if rest[:1] == "'":
        return "a string is in single quotes: JSON has only double quotes"
    if rest[:1] == "\t":
        return "a string contains a tab: write \\t instead"
    if error.startswith("Invalid encoding") and rest[:1] in "\r\n":
        return "a string is not closed on its line: a double quote is missing, or \\n for a line break"
    if error.startswith("Invalid encoding") and rest:
        return f"a string contains the control character 0x{ord(rest[0]):02X}"
    if not rest.strip(_BLANK):
        return "it ends before all of its brackets are closed"
    word = _WORD.match(rest.lstrip("-+"))
    if word is not None:
        return _about_word(word[0], before)
    if rest[0] in '"{[' and before and before[-1] in '"}]0123456789el':
        return "a comma is missing before this position"
    if rest[0] == ",":
        return "there is a comma where a value or a key is expected"
    return ""


def _about_word(word: str, before: str) -> str:
    if word in _NUMBERS:
        return f"{word} is not a number in JSON"
    if word in _SPELLED:
        return f"{word} is written {_SPELLED[word]} in JSON"
    if before.endswith(("{", ",")):
        return "a key has no double quotes"
    if before.endswith((":", "[")):
        return "a string has no double quotes"
    return ""
