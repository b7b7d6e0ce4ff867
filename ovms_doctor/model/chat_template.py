"""The text of a chat template in a file of a model."""

from __future__ import annotations

import json
import re
from typing import Literal, TypeAlias

from ovms_doctor.model.pattern import lazy_pattern

#: The kind of file: a template alone; a JSON file with a member ``chat_template``; the tokenizer's IR, which has it in
#: its ``rt_info``.
TemplateFile: TypeAlias = Literal["template", "json", "ir"]
#: The name of a template in a file that has several: the one for messages, and the one for messages with tools.
TemplateName: TypeAlias = Literal["default", "tool_use"]

_ELEMENT = lazy_pattern(
    rb"<chat_template(?:\s+value=\"([^\"]*)\"\s*/?>|\s*>(.*?)</chat_template\s*>)", re.DOTALL
)
_SIMPLIFIED = lazy_pattern(rb"<simplified_chat_template\s+value=\"([^\"]*)\"")
_REFERENCE = lazy_pattern(r"&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(amp|lt|gt|quot|apos));")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_MOST = 0x110000


def template_text(data: bytes, kind: TemplateFile, name: TemplateName = "default") -> str | None:
    """Returns the template in the content of a file; None if it has none. Raises UnicodeDecodeError for a template that
    is not UTF-8, and ValueError for a file that is not JSON."""
    if kind == "template":
        return data.decode("utf-8")
    if kind == "ir":
        return _of_ir(data, name)
    # Not with the codec utf-8-sig: its module may not be readable for the user of the process.
    document = json.loads(data.decode("utf-8").removeprefix("\ufeff"))
    found = document.get("chat_template") if isinstance(document, dict) else None
    return in_list(found, name) if isinstance(found, list) else found if isinstance(found, str) else None


def in_list(templates: object, name: TemplateName) -> str | None:
    """Returns the template of a name in the list form of ``chat_template``; None if it has none."""
    for item in reversed(templates) if isinstance(templates, list) else ():
        if isinstance(item, dict) and item.get("name") == name and isinstance(item.get("template"), str):
            text: str = item["template"]
            return text
    return None


def simplified_template(data: bytes) -> str | None:
    """Returns the second template of a tokenizer's IR, which releases of GenAI until 2025.2 prefer; None if it has
    none."""
    match = _SIMPLIFIED.search(data)
    return None if match is None else _attribute(match[1])


def _of_ir(data: bytes, name: TemplateName) -> str | None:
    start = data.find(b"<chat_template")
    match = _ELEMENT.match(data, start) if start >= 0 else None
    if match is None:
        return None
    if match[1] is not None:
        return _attribute(match[1]) if name == "default" else None
    inner = re.search(rb"<" + name.encode() + rb"\s+value=\"([^\"]*)\"", match[2])
    return None if inner is None else _attribute(inner[1])


def _attribute(value: bytes) -> str:
    """Returns the value of an attribute as pugixml does: a blank for each line break and tab that is not a
    reference."""
    text = value.decode("utf-8", "replace").replace("\r\n", " ")
    return _REFERENCE.sub(_character, re.sub(r"[\t\r\n]", " ", text))


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return _ENTITIES[match[3]]
    number = int(match[1]) if match[1] else int(match[2], 16)
    return chr(number) if number < _MOST else match[0]
