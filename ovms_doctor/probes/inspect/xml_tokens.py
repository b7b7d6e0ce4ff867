"""Elements of an XML file by the rules of pugixml, the parser inside OpenVINO.

pugixml is not a conforming parser. It accepts undefined entities, bytes that are not UTF-8, text and several elements
at the top, white space before ``<?xml`` and DOCTYPE (which it skips and never follows), and stops silently at a zero
byte. A conforming parser would refuse files that the server loads, so this reader follows pugixml's ``parse_default``
(its ``xml_parser::parse_tree``) instead. It keeps only slices of its input: memory does not grow with the size of the
text or the depth of nesting.

pugixml reads a text that a conforming parser accepts in the same way; so Python's parser, which is faster, goes
first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple
from xml.parsers import expat

from ovms_doctor.model.pattern import lazy_pattern

_NAME = rb"[A-Za-z_:\x80-\xff][A-Za-z0-9_:\-.\x80-\xff]*"
_ATTRIBUTES = rb"(?:[ \t\r\n]+" + _NAME + rb"[ \t\r\n]*=[ \t\r\n]*(?:\"[^\"]*\"|'[^']*'))*"
_START = lazy_pattern(rb"<(" + _NAME + rb")(" + _ATTRIBUTES + rb")[ \t\r\n]*(/?)>")
_OPEN = lazy_pattern(rb"<(" + _NAME + rb")")
_PARTIAL = lazy_pattern(_ATTRIBUTES)
#: White space after the tag, as C's isspace defines it, some of the text, and its end.
_TEXT = lazy_pattern(rb"[ \t\r\n\v\f]*([^<]{0,40})(<?/?)")
_END = lazy_pattern(rb"</([A-Za-z0-9_:\-.\x80-\xff]*)[ \t\r\n]*(>?)")
_ATTRIBUTE = lazy_pattern(rb"(" + _NAME + rb")[ \t\r\n]*=[ \t\r\n]*(?:\"([^\"]*)\"|'([^']*)')")
_SPACE = lazy_pattern(rb"\r\n|[\t\r\n]")
_ENTITY = lazy_pattern(rb"&(lt|gt|amp|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});")
_NAMED = {b"lt": "<", b"gt": ">", b"amp": "&", b"quot": '"', b"apos": "'"}
#: For a larger file a well-formedness check would take too long.
_CONFORMING_LIMIT = 32 << 20


class XmlError(Exception):
    """pugixml refuses the file here: its own message and the byte offset."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class Start(NamedTuple):
    """A start tag.

    ``name``: the element's name.
    ``attributes``: the span of the attributes' text.
    ``empty``: whether the element ends at once (``<a/>``).
    ``offset``: where the tag begins.
    ``end``: where the text after the tag begins.
    """

    name: bytes
    attributes: tuple[int, int]
    empty: bool
    offset: int
    end: int


def as_utf8(data: bytes) -> bytes:
    """Returns the text as pugixml reads it: UTF-16 and UTF-32 converted to UTF-8, up to the first zero byte.

    Source: ``guess_buffer_encoding`` in pugixml: byte order marks, then ``<`` with zeros around it. With fewer than
    four bytes the encoding is not guessed.
    """
    head = data[:4]
    encoding = None
    if len(head) < 4:
        pass
    elif head in (b"\x00\x00\xfe\xff", b"\xff\xfe\x00\x00"):
        encoding = "utf-32"
    elif head[:2] in (b"\xfe\xff", b"\xff\xfe"):
        encoding = "utf-16"
    elif head == b"\x00\x00\x00<":
        encoding = "utf-32-be"
    elif head == b"<\x00\x00\x00":
        encoding = "utf-32-le"
    elif head[:2] == b"\x00<":
        encoding = "utf-16-be"
    elif head[:2] == b"<\x00":
        encoding = "utf-16-le"
    if encoding is not None:
        data = data.decode(encoding, "replace").encode("utf-8", "replace")
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    zero = data.find(b"\0")
    return data if zero < 0 else data[:zero]


def tokens(data: bytes) -> Iterator[Start | bytes]:
    """Yields start tags, and the names of elements that end (also after an empty element's start tag).

    ``data`` comes from :func:`as_utf8`. Raises XmlError if pugixml fails.
    """
    open_names: list[bytes] = []
    position = data.find(b"<")
    while position >= 0:
        following = data[position + 1 : position + 2]
        if following == b"/":
            match = _END.match(data, position)
            if match is None or not open_names or match[1] != open_names[-1]:
                raise XmlError("Start-end tags mismatch", position + 2)
            if not match[2]:
                raise XmlError("Error parsing end element tag", match.end())
            yield open_names.pop()
            position = match.end()
        elif following in (b"!", b"?"):
            position = _skip(data, position, bool(open_names))
        else:
            match = _START.match(data, position)
            if match is None:
                raise _broken_start(data, position)
            name = match[1]
            empty = match.end(3) > match.start(3)
            yield Start(name, match.span(2), empty, position, match.end())
            if empty:
                yield name
            else:
                open_names.append(name)
            position = match.end()
        position = data.find(b"<", position)
    if open_names:
        raise XmlError("Start-end tags mismatch", len(data))


class Elements:
    """A handler of the elements of a text, called in the order of their tags."""

    def __init__(self) -> None:
        #: The offset of the current start tag in the text, in bytes; for :meth:`start`.
        self.position: Callable[[], int] = _nowhere

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handles the begin of an element. ``attributes`` may be kept."""
        raise NotImplementedError

    def end(self, name: str) -> None:
        """Handles the end of an element."""
        raise NotImplementedError


def read_conforming(data: bytes, elements: Elements) -> str | None:
    """Calls ``elements`` with those of ``data`` if a conforming parser accepts it, which is faster and has the same
    result as pugixml.

    Returns None if it did; else why such a parser refuses the text, or an empty text if it was not tried or would not
    refuse it. ``elements`` may have been called with some by then.

    DOCTYPE counts as a reason and is not read further, so that no entity is ever defined or followed.
    """
    if len(data) > _CONFORMING_LIMIT:
        return ""
    # pugixml ignores the encoding in the declaration.
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.XmlDeclHandler = _refuse_other_encodings
    parser.StartElementHandler = elements.start
    parser.EndElementHandler = elements.end
    elements.position = lambda: parser.CurrentByteIndex
    try:
        return _complaint(parser, data)
    except _OtherEncodingError:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = _refuse_doctype
        return _complaint(parser, data) or ""
    finally:
        elements.position = _nowhere


def read_elements(data: bytes, elements: Elements) -> None:
    """Calls ``elements`` with those of ``data`` by the rules of pugixml. Raises XmlError if pugixml fails."""
    offset = 0
    elements.position = lambda: offset
    for token in tokens(data):
        if isinstance(token, Start):
            offset = token.offset
            elements.start(_decoded(token.name), _attributes(data, token.attributes))
        else:
            elements.end(_decoded(token))


def element_text(data: bytes, position: int) -> str | None:
    """Returns the first characters of the text after the start tag at ``position``, without white space before it;
    None if something else precedes it."""
    # Nearly always the tag has no attributes.
    begin = data.find(b">", position) + 1
    if not data[position + 1 : begin - 1].isalnum():
        tag = _START.match(data, position)
        if tag is None or tag[3]:
            return ""
        begin = tag.end()
    found = _TEXT.match(data, begin)
    if found is None or (not found[1] and found[2] == b"<"):
        return None
    return _decoded(found[1])


def attribute_span(data: bytes, position: int, name: bytes) -> tuple[int, int, int] | None:
    """Returns the end of the attribute's name in the start tag at ``position``, and the span of its value."""
    tag = _START.match(data, position)
    for found in _ATTRIBUTE.finditer(data, *tag.span(2)) if tag else ():
        if found[1] == name:
            return (found.end(1), *found.span(3 if found[2] is None else 2))
    return None


def _attributes(data: bytes, span: tuple[int, int]) -> dict[str, str]:
    """Returns the attributes in a span; of two with one name the first counts, as in pugixml."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(data, *span):
        value = match[2]
        found.setdefault(_decoded(match[1]), attribute_text(match[3] if value is None else value))
    return found


def attribute_text(value: bytes, limit: int = 1 << 20) -> str:
    """Returns an attribute's value as text: white space becomes blanks, the five entities and numbers are replaced.

    The value ends at the first zero character, as in pugixml's strings.
    """
    value = _SPACE.sub(b" ", value[:limit])
    if b"&" in value:
        value = _ENTITY.sub(_replace, value).partition(b"\0")[0]
    return _decoded(value)


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _nowhere() -> int:
    return 0


class _DoctypeError(Exception):
    """The document has a DOCTYPE."""


class _OtherEncodingError(Exception):
    """The document's declaration names an encoding other than UTF-8."""


def _refuse_doctype(*_: object) -> None:
    raise _DoctypeError


def _refuse_other_encodings(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.lower() not in ("utf-8", "utf8"):
        raise _OtherEncodingError


def _complaint(parser: expat.XMLParserType, data: bytes) -> str | None:
    """Returns why ``parser`` refuses the text, None if it does not."""
    try:
        parser.Parse(data, True)
    except _DoctypeError:
        return "it has a DOCTYPE, which OpenVINO ignores"
    except expat.ExpatError as error:
        return f"{expat.ErrorString(error.code)} in line {error.lineno}, column {error.offset}"
    except (ValueError, LookupError) as error:
        return f"unusable encoding declaration ({type(error).__name__})"
    return None


def _replace(match: re.Match[bytes]) -> bytes:
    name = match[1]
    if name in _NAMED:
        return _NAMED[name].encode()
    number = int(name[2:], 16) if name[1:2] == b"x" else int(name[1:])
    return chr(number).encode("utf-8", "replace") if number < 0x110000 else b"?"


def _broken_start(data: bytes, position: int) -> XmlError:
    """Returns the matching error of pugixml."""
    match = _OPEN.match(data, position)
    if match is None:
        return XmlError("Could not determine tag type", position + 1)
    rest = _PARTIAL.match(data, match.end())
    stop = match.end() if rest is None else rest.end()
    following = (
        data[stop:].lstrip(b" \t\r\n")[:1] if stop + 64 > len(data) else data[stop : stop + 64].strip()[:1]
    )
    if following.isalpha() or following in (b"_", b":"):
        return XmlError("Error parsing element attribute", stop)
    return XmlError("Error parsing start element tag", stop)


def _skip(data: bytes, position: int, inside: bool) -> int:
    """Returns the end of a comment, CDATA section, declaration, processing instruction or DOCTYPE."""
    if data.startswith(b"<!--", position):
        return _after(data, b"-->", position + 4, "Error parsing comment")
    if data.startswith(b"<![CDATA[", position):
        return _after(data, b"]]>", position + 9, "Error parsing CDATA section")
    if data.startswith(b"<!DOCTYPE", position):
        if inside:
            raise XmlError("Error parsing document type declaration", position)
        return _doctype(data, position)
    if data.startswith(b"<?", position):
        if not _OPEN.match(b"<" + data[position + 2 : position + 4]):
            raise XmlError("Error parsing document declaration/processing instruction", position + 2)
        return _after(data, b"?>", position + 3, "Error parsing document declaration/processing instruction")
    if data.startswith(b"<![", position):
        raise XmlError("Error parsing CDATA section", position)
    if data.startswith(b"<!-", position):
        raise XmlError("Error parsing comment", position)
    raise XmlError("Could not determine tag type", position + 1)


def _after(data: bytes, end: bytes, start: int, reason: str) -> int:
    found = data.find(end, start)
    if found < 0:
        raise XmlError(reason, len(data))
    return found + len(end)


_DOCTYPE_PART = lazy_pattern(rb"<!\[|<!--|<\?|<!|<|\"|'|>")


def _doctype(data: bytes, position: int) -> int:
    """Returns the end of a DOCTYPE with its groups (pugixml's ``parse_doctype_group``); uses nothing in it."""
    reason = "Error parsing document type declaration"
    depth = 0
    position += 2
    while True:
        match = _DOCTYPE_PART.search(data, position)
        if match is None:
            raise XmlError(reason, len(data))
        part, position = match[0], match.end()
        if part == b">":
            if depth == 0:
                return position
            depth -= 1
        elif part == b"<![":
            position = _after(data, b"]]>", position, reason)
        elif part == b"<!":
            depth += 1
        elif part == b"<!--":
            position = _after(data, b"-->", position, reason)
        elif part == b"<?":
            position = _after(data, b"?>", position, reason)
        elif part == b"<":
            raise XmlError(reason, match.start())
        else:
            position = _after(data, part, position, reason)
