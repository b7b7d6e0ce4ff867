"""The XML reader compared with pugixml, which OpenVINO uses: both accept the same texts and read the same tree."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.probes.inspect.xml_tokens import (
    Elements,
    XmlError,
    as_utf8,
    read_conforming,
    read_elements,
)
from tests.cases_build import MODELS

pytestmark = pytest.mark.needs_module("pugixml")

#: An element: its depth, name and attributes.
Element = tuple[int, str, dict[str, str]]
#: The number of mutations of each text; each is tested separately.
MUTATIONS = 500

TEXTS = {
    "ir": (MODELS / "fc.xml").read_bytes(),
    "small": b'<?xml version="1.0"?>\n<net name="m" version="11"><layers><layer id="0" name="x" type="Parameter" '
    b'version="opset1"><data shape="1,3" element_type="f32"/></layer></layers><edges/></net>\n',
    "odd": b"<!DOCTYPE net [<!ELEMENT net (a)> <!-- > --> <!ENTITY x 'y>'>]>\n<!-- a -- b -->"
    b"<net a='1' b=\"&lt;&#65;&no;\" a='2'><?pi x?>text<![CDATA[<x>]]>"
    b"<a:b-c.d\n\t e = 'f\ng'/></net><second/>",
    "utf-16": '<net name="é"><a/></net>'.encode("utf-16"),
    "attributes": b"<a b='1&#10;2' c=' x\ty\r\nz&#13;\r' d=\"'&quot;&apos;\"><b>\r\n</b>"
    b"<c \xc3\xa9='&#233;&#x1F600;'/></a>",
    "declared": b'<?xml version="1.0" encoding="utf-8"?><a b="\xc3\xa9"><!-- c --><?d e?><f><![CDATA[<g>]]></f></a>',
    "utf-16 without a mark": '<net name="a"><a/></net>'.encode("utf-16-le"),
}
#: Parts of XML, and characters that break it.
PIECES = [
    *(b"<", b">", b"/", b"</", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"?>", b"<!"),
    *(b"<!DOCTYPE", b"&", b";", b'"', b"'", b"=", b" ", b"\n", b"\t", b"\r\n", b"\0", b"\xff"),
    *(b"\xef\xbb\xbf", b"a", b"1", b":", b"_", b"-", b".", b"&lt;", b"&#x41;", b"&#0;", b"&unknown;"),
    *(b"<a>", b"</a>", b"<a/>", b"</net>", b"<1>", b"< a>", b"<a b>", b"<a b=c>"),
]  # fmt: skip


def mutated(original: bytes, rng: random.Random) -> bytes:
    """The text after one to three changes: something inserted, replaced, removed, doubled, or the end removed."""
    data = bytearray(original)
    for _ in range(rng.randint(1, 3)):
        start = rng.randint(0, len(data))
        end = min(len(data), start + rng.choice([1, 1, 2, 5, 30]))
        match rng.randrange(5):
            case 0:
                data[start:start] = rng.choice(PIECES)
            case 1:
                data[start:end] = rng.choice(PIECES)
            case 2:
                del data[start:end]
            case 3:
                data[start:start] = data[start:end]
            case _:
                del data[start:]
    return bytes(data)


class Recorder(Elements):
    """Records each element, and whether its start tag is at the reported position."""

    def __init__(self, plain: bytes) -> None:
        super().__init__()
        self.plain = plain
        self.found: list[Element] = []
        self.depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        assert self.plain.startswith(b"<" + name.encode(), self.position()) or "\ufffd" in name
        self.found.append((self.depth, name, attributes))
        self.depth += 1

    def end(self, name: str) -> None:
        self.depth -= 1


def ours(data: bytes) -> list[Element] | None:
    """The elements as this project reads them by pugixml's rules; None if the text is refused."""
    recorder = Recorder(as_utf8(data))
    try:
        read_elements(recorder.plain, recorder)
    except XmlError:
        return None
    return recorder.found


def of_conforming(data: bytes) -> list[Element] | None:
    """The elements as the conforming parser reads them; None if it refuses the text."""
    recorder = Recorder(as_utf8(data))
    return recorder.found if read_conforming(recorder.plain, recorder) is None else None


def theirs(file: Path, data: bytes) -> list[Element] | None:
    """The elements as pugixml reads them with its default options; the binding reads bytes only from a file."""
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
    """The first difference between the two; empty if there is none."""
    try:
        expected = theirs(file, data)
    except UnicodeDecodeError:
        # The binding cannot return text that is not UTF-8; that it was accepted is still known.
        return "" if ours(data) is not None else f"refused, and pugixml accepts it: {data!r}"
    found = ours(data)
    if found != expected:
        return f"{found}, and with pugixml {expected}: {data!r}"
    conforming = of_conforming(data)
    if conforming not in (None, expected):
        return f"{conforming} by the conforming parser, and with pugixml {expected}: {data!r}"
    return ""


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.sample(every=3)
def test_mutations_are_read_equally(name: str, tmp_path: Path) -> None:
    rng = random.Random(name)
    every = [TEXTS[name], *(mutated(TEXTS[name], rng) for _ in range(MUTATIONS))]
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
def test_short_texts_are_read_equally(data: bytes, tmp_path: Path) -> None:
    assert difference(tmp_path / "net.xml", data) == ""


def test_mutations_break_some_and_leave_some(tmp_path: Path) -> None:
    """Otherwise the comparison would prove nothing."""
    rng = random.Random(1)
    every = [mutated(TEXTS["small"], rng) for _ in range(200)]
    assert 20 < sum(theirs(tmp_path / "net.xml", data) is not None for data in every) < 180
    assert 10 < sum(of_conforming(data) is not None for data in every) < 180


def test_a_declared_encoding_is_left_to_the_rules_of_pugixml() -> None:
    data = '<?xml version="1.0" encoding="iso-8859-1"?><a b="é"/>'.encode("latin-1")
    assert of_conforming(data) is None
    assert read_conforming(data, Recorder(data)) == ""
