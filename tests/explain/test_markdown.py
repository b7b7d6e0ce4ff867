"""Pages as blocks of plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.explain.markdown import Block, blocks


def test_the_blocks_of_a_page() -> None:
    text = """# A title

First line,
second `line`.
- One item that
  goes on
- another
```text
m/1/
  *kept*
```
Last.
"""
    assert list(blocks(text)) == [
        Block("paragraph", "A title"),
        Block("paragraph", "First line, second line."),
        Block("item", "One item that goes on"),
        Block("item", "another"),
        Block("code", "m/1/\n  *kept*"),
        Block("paragraph", "Last."),
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("see [OVD102](OVD102.md).", "see OVD102."),
        ("[The load fails](load-fails.md): it", "The load fails (explain load-fails): it"),
        ("[home](https://example.com/a.md)", "home (https://example.com/a.md)"),
        ("[1] (2) [3](", "[1] (2) [3]("),
        ("a <!-- hidden -->b", "a b"),
        ("a <!-- never ended", "a"),
    ],
)
def test_links_and_comments(written: str, expected: str) -> None:
    assert [block.text.strip() for block in blocks(written)] == [expected]


@pytest.mark.parametrize(
    "text", ["<!--" * 20_000, "[" * 60_000, "[](" * 20_000, "```\n" * 20_000, "-->" * 20_000]
)
def test_a_hostile_page_is_shown(text: str) -> None:
    assert sum(len(block.text) for block in blocks(text)) <= len(text)


@given(st.text())
def test_any_text_is_shown(text: str) -> None:
    for block in blocks(text):
        assert block.kind == "code" or "\n" not in block.text
