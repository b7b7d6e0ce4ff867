"""Converting text so that it is safe to display."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ovms_doctor.model import display_text as words
from ovms_doctor.model.text import unescape
from tests.report.samples import HOSTILE

TEXT = st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("plain name-1.xml", "plain name-1.xml"),
        ("größe 模型 🙂", "größe 模型 🙂"),
        ("\x1b[31m", "\\x{1b}[31m"),
        ("a\nb\tc\r", "a\\x{0a}b\\x{09}c\\x{0d}"),
        ("\x9b2J", "\\x{9b}2J"),
        ("\u202egnp", "\\x{202e}gnp"),
        ("\u2066\u200b\ufeff", "\\x{2066}\\x{200b}\\x{feff}"),
        ("\u2028", "\\x{2028}"),
        ("two\u00a0words", "two\\x{a0}words"),
        ("\udcff", "\\xff"),
        ("\\x41", "\\x5cx41"),
        ("[red]no markup[/red] :boom:", "[red]no markup[/red] :boom:"),
        ("\U000e0041", "\\x{e0041}"),
        ("", ""),
    ],
)
def test_visible(text: str, visible: str) -> None:
    assert words.visible(text) == visible


@given(TEXT)
def test_visible_text_is_printable_and_unmistakable(text: str) -> None:
    visible = words.visible(text)
    assert visible.isprintable()
    visible.encode("utf-8")
    if text.isprintable():
        assert unescape(visible) == text


@given(TEXT, st.sampled_from(["ascii", "latin-1", "cp1252", "koi8-r", "no-such-encoding"]))
def test_visible_text_fits_the_encoding(text: str, encoding: str) -> None:
    visible = words.visible(text, encoding)
    assert visible.isprintable()
    visible.encode("ascii" if encoding == "no-such-encoding" else encoding)


def test_typography_has_plain_forms() -> None:
    assert words.visible("✓ “a” → b · c … ’", "ascii") == 'OK "a" -> b | c ... \''
    assert words.visible("größe ✗", "latin-1") == "größe X"
    assert words.visible("模", "ascii") == "\\x{6a21}"


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8", "utf_8"])
def test_names_of_utf8(encoding: str) -> None:
    assert words.visible("✓", encoding) == "✓"


def test_commands_stay_the_same_commands() -> None:
    command = "mv -- $'/srv/\\xff' '/srv/it'\\''s'"
    assert words.visible_command(command) == command
    visible = words.visible_command(HOSTILE)
    assert visible.isprintable()


@given(TEXT)
def test_commands_are_printable(text: str) -> None:
    assert words.visible_command(text).isprintable()


@given(st.lists(st.text(st.characters(categories=("L", "N", "P")), max_size=12)), st.integers(4, 40))
def test_wrap_keeps_words_whole(parts: list[str], width: int) -> None:
    text = " ".join(parts)
    lines = words.wrap(text, width)
    assert lines
    assert " ".join(lines).split() == text.split()
    assert all(cell_len(line) <= width or " " not in line.strip() for line in lines)


@given(st.text(st.characters(categories=("L", "N"))), st.integers(3, 30))
def test_clip(text: str, cells: int) -> None:
    visible = words.clip(text, cells)
    assert cell_len(visible) <= cells
    assert visible == text or visible.endswith("…")
    assert text.startswith(visible.removesuffix("…"))


def test_visible_covers_every_character_that_acts() -> None:
    """Every control, format and separator character of Unicode, not only those listed above."""
    for number in [*range(0xD800), *range(0xE000, 0x30000), *range(0xE0000, 0xE1000)]:
        char = chr(number)
        if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp"):
            assert char not in words.visible(char)
