"""The reader of XML beside pugixml, which OpenVINO parses with: the same texts are accepted, with the same tree."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.probes.inspect.xml_tokens import Start, XmlError, as_utf8, attributes, text, tokens
from tests.cases_build import MODELS

pytestmark = pytest.mark.needs_module("pugixml")

#: An element: its depth, name and attributes.
Element = tuple[int, str, dict[str, str]]
#: How many mutations of each text; each is tried on its own.
MUTATIONS = 500

TEXTS = {
    "ir": (MODELS / "fc.xml").read_bytes(),
    "small": b'<?xml version="1.0"?>\n<net name="m" version="11"><layers><layer id="0" name="x" type="Parameter" '
    b'version="opset1"><data shape="1,3" element_type="f32"/></layer></layers><edges/></net>\n',
    "odd": b"<!DOCTYPE net [<!ELEMENT net (a)> <!-- > --> <!ENTITY x 'y>'>]>\n<!-- a -- b -->"
    b"<net a='1' b=\"&lt;&#65;&no;\" a='2'><?pi x?>text<![CDATA[<x>]]>"
    b"<a:b-c.d\n\t e = 'f\ng'/></net><second/>",
    "utf-16": '<net name="é"><a/></net>'.encode("utf-16"),
    "utf-16 without a mark": '<net name="a"><a/></net>'.encode("utf-16-le"),
}
#: What XML is made of, and what breaks it.
PIECES = [
    *(b"<", b">", b"/", b"</", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"?>", b"<!"),
    *(b"<!DOCTYPE", b"&", b";", b'"', b"'", b"=", b" ", b"\n", b"\t", b"\r\n", b"\0", b"\xff"),
    *(b"\xef\xbb\xbf", b"a", b"1", b":", b"_", b"-", b".", b"&lt;", b"&#x41;", b"&#0;", b"&unknown;"),
    *(b"<a>", b"</a>", b"<a/>", b"</net>", b"<1>", b"< a>", b"<a b>", b"<a b=c>"),
]  # fmt: skip


def mutated(original: bytes, chance: random.Random) -> bytes:
    """The text after one to three accidents: something inserted, replaced, cut out, doubled, or the end lost."""
    data = bytearray(original)
    for _ in range(chance.randint(1, 3)):
        begin = chance.randint(0, len(data))
        end = min(len(data), begin + chance.choice([1, 1, 2, 5, 30]))
        match chance.randrange(5):
            case 0:
                data[begin:begin] = chance.choice(PIECES)
            case 1:
                data[begin:end] = chance.choice(PIECES)
            case 2:
                del data[begin:end]
            case 3:
                data[begin:begin] = data[begin:end]
            case _:
                del data[begin:]
    return bytes(data)


def ours(data: bytes) -> list[Element] | None:
    """The elements as this project reads them; None where the text is refused."""
    plain = as_utf8(data)
    found: list[Element] = []
    depth = 0
    try:
        for token in tokens(plain):
            if isinstance(token, Start):
                values = attributes(plain, token.attributes).items()
                found.append(
                    (depth, decoded(token.name), {decoded(name): text(value) for name, value in values})
                )
                depth += 1
            else:
                depth -= 1
    except XmlError:
        return None
    return found


def decoded(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def theirs(file: Path, data: bytes) -> list[Element] | None:
    """The same as pugixml does, by its default options; the binding reads bytes from a file only."""
    from pugixml import pugi

    file.write_bytes(data)
    document = pugi.XMLDocument()
    result = document.load_file(str(file))
    if result.status == pugi.STATUS_NO_DOCUMENT_ELEMENT:
        return []
    if not result:
        return None
    return list(_elements(document, 0, pugi))


def _elements(node: Any, depth: int, pugi: Any) -> Iterator[Element]:
    for child in node.children():
        if child.type() == pugi.NODE_ELEMENT:
            values: dict[str, str] = {}
            for attribute in child.attributes():
                values.setdefault(attribute.name(), attribute.value())
            yield depth, child.name(), values
            yield from _elements(child, depth + 1, pugi)


def difference(file: Path, data: bytes) -> str:
    """What they disagree on; empty where nothing."""
    try:
        expected = theirs(file, data)
    except UnicodeDecodeError:
        # The binding cannot hand out what is not UTF-8; that it was accepted is known all the same.
        return "" if ours(data) is not None else f"refused, and pugixml accepts it: {data!r}"
    found = ours(data)
    return "" if found == expected else f"{found}, and with pugixml {expected}: {data!r}"


@pytest.mark.parametrize("name", TEXTS)
def test_mutations_are_read_alike(name: str, tmp_path: Path) -> None:
    chance = random.Random(name)
    every = [TEXTS[name], *(mutated(TEXTS[name], chance) for _ in range(MUTATIONS))]
    assert [found for data in every if (found := difference(tmp_path / "net.xml", data))] == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"text",
        b"<a></b>",
        b"<a",
        b"<a/></a>",
        b"\xef\xbb\xbf<a/>",
        b"<a/>\0<b>",
        b"<a b='<>'/>",
        b"<a b=''c=''/>",
        b"<a></a",
        b"<a></a >",
        b"<!--><a/>",
        b"<!DOCTYPE a><a/>",
        b"<a><!DOCTYPE a></a>",
    ],
)
def test_short_texts_are_read_alike(data: bytes, tmp_path: Path) -> None:
    assert difference(tmp_path / "net.xml", data) == ""


def test_mutations_break_some_and_leave_some(tmp_path: Path) -> None:
    """Else the comparison would show nothing."""
    chance = random.Random(1)
    accepted = [theirs(tmp_path / "net.xml", mutated(TEXTS["small"], chance)) is not None for _ in range(200)]
    assert 20 < sum(accepted) < 180
