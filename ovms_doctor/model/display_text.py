"""Text from files, logs and servers made safe to show: control characters escaped, width measured."""

from __future__ import annotations

import re

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.text import escape

#: Typographic characters of this program → ASCII, for an output that cannot encode them.
_PLAIN = str.maketrans(
    {
        "✓": "OK",
        "✗": "X",
        "→": "->",
        "↳": "+-",
        "·": "|",
        "…": "...",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "–": "-",
        "—": "-",
    }
)


#: ASCII and this program's typographic characters: their width need not be measured.
_ONE_CELL_EACH = lazy_pattern("[ -~✓✗→↳·…“”‘’–—]*")


_UTF8 = lazy_pattern(r"utf[-_]?8|u8|cp65001", re.IGNORECASE)


def visible(text: str, encoding: str = "utf-8") -> str:
    r"""Returns ``text`` in one line that has no effect on a terminal and that ``encoding`` can write.

    Bytes that are not UTF-8 and the backslash of ``\x`` are written as everywhere (:mod:`ovms_doctor.model.text`); a
    character that is not printed as itself (control characters, line ends, bidirectional overrides, spaces other than
    the usual one) as ``\x{…}`` with its number in hexadecimal.
    """
    return printable(escape(text), encoding)


def visible_command(command: str, encoding: str = "utf-8") -> str:
    r"""Returns a command that is safe to show and still the same command: its own ``\x`` are not changed."""
    return printable("".join(escape(char) for char in command), encoding)


def is_utf8(encoding: str) -> bool:
    return _UTF8.fullmatch(encoding) is not None


def printable(text: str, encoding: str = "utf-8") -> str:
    r"""Returns ``text``, which has no surrogates, with each character that is not printed as itself as ``\x{…}``."""
    if not is_utf8(encoding):
        text = "".join(char if _fits(char, encoding) else _plain(char) for char in text)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _number(char) for char in text)


def _plain(char: str) -> str:
    plain = char.translate(_PLAIN)
    return plain if plain != char else _number(char)


def _number(char: str) -> str:
    return f"\\x{{{ord(char):02x}}}"


def _fits(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return char.isascii()
    return True


def cell_len(text: str) -> int:
    """Returns the number of cells that ``text``, safe to show, takes on a terminal."""
    if _ONE_CELL_EACH.fullmatch(text):
        return len(text)
    from rich.cells import cell_len as measured

    return measured(text)


def wrap(text: str, width: int) -> list[str]:
    """Returns lines of at most ``width`` cells, broken at spaces; a longer word (a path) is never broken."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and cell_len(longer) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line] if line or not lines else lines


def wrap_name(text: str, width: int) -> list[str]:
    """Returns lines of at most ``width`` cells: broken at spaces, a longer word after one of ``-_./:,@=``, else
    anywhere."""
    lines: list[str] = []
    for line in wrap(text, width):
        rest = line
        while cell_len(rest) > width:
            end = _fitting(rest, width)
            at = max(rest.rfind(mark, 0, end) for mark in _BREAKS) + 1
            # A short beginning alone on a line is harder to read than a break inside.
            end = at if at > end // 3 else end
            lines.append(rest[:end])
            rest = rest[end:]
        lines.append(rest)
    return lines


#: A name is broken after one of these.
_BREAKS = "-_./:,@="


def _fitting(text: str, width: int) -> int:
    """Returns how many characters of ``text`` fit into ``width`` cells, at least one."""
    end = min(len(text), max(width, 1))
    while end > 1 and cell_len(text[:end]) > width:
        end -= 1
    return end


def clip(text: str, cells: int, dots: str = "…") -> str:
    """Returns the beginning of ``text``, at most ``cells`` wide, with dots for a cut part; it is cut after a word,
    if one ends in the second half of the part that fits."""
    if cell_len(text) <= cells:
        return text
    available = cells - cell_len(dots)
    kept = text[: max(available, 0)]
    while kept and cell_len(kept) > available:
        kept = kept[:-1]
    if text[len(kept) : len(kept) + 1] not in ("", " "):
        end = kept.rfind(" ")
        kept = kept[:end] if end > len(kept) // 2 else kept
    return kept.rstrip(" ") + dots
