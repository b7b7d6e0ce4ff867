"""YAML as the engines that read it understand it (go-yaml: YAML 1.2, with merge keys), from text nobody vouches for.

Only plain data comes out: mappings with text keys, lists, text, numbers, truth values, None. A document that is too
large, or becomes so once its aliases are written out, is refused; so are duplicate keys and tags of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.engine_values import shown

if TYPE_CHECKING:
    import yaml

LARGEST = 1 << 20
#: Values, once every alias is written out.
MOST_VALUES = 100_000
DEEPEST = 100

_TAG = "tag:yaml.org,2002:"
#: Implicit types: the tag, how it is written, and the characters with which it begins.
_SCALARS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*|0[0-7_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
     "-+0123456789."),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("merge", r"<<", "<"),
)  # fmt: skip


def load(text: str) -> dict[str, Any]:
    """The document's mapping; NotRead, with the line where there is one, for anything else."""
    import yaml

    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise DocumentError("The file is larger than 1 MiB, which no such document is.")
    try:
        node = _loader(text).get_single_node()
        if node is None:
            raise DocumentError("The file is empty.")
        _measure(node)
        data = _plain(node)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError(f"Line {line} holds a character that YAML does not allow.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise DocumentError(f"The file is not YAML: {where}{_problem(error.problem)}.") from None
    except (yaml.YAMLError, RecursionError):
        raise DocumentError("The file is not YAML that can be read.") from None
    if not isinstance(data, dict):
        raise DocumentError("The file is not a mapping of names to values.")
    return data


def _loader(text: str) -> yaml.SafeLoader:
    import yaml

    class Loader(yaml.SafeLoader):
        """As go-yaml reads it: ``no`` and ``on`` are texts, ``22:22`` is one, and so is a date."""

    Loader.yaml_implicit_resolvers = {}
    for name, pattern, first in _SCALARS:
        letters: list[Any] = list(first)
        if name == "null":
            letters.append("")
        Loader.add_implicit_resolver(_TAG + name, re.compile(rf"(?:{pattern})\Z"), letters)
    return Loader(text)


def _problem(text: str | None) -> str:
    if text and "\\t" in text:
        return "a tab stands where only blanks may"
    # What it quotes is a character, an alias or a tag, and never a value.
    return shown(text) if text else "it cannot be read"


def _measure(node: yaml.Node) -> None:
    """NotRead for aliases that lead back to themselves or multiply beyond measure."""
    import yaml

    known: dict[int, int] = {}
    entered: set[int] = set()

    def count(item: yaml.Node, depth: int) -> int:
        key = id(item)
        if key in known:
            return known[key]
        if key in entered or depth > DEEPEST:
            raise DocumentError(f"Line {_line(item)}: the values are nested without end.")
        entered.add(key)
        total = 1
        if isinstance(item, yaml.MappingNode):
            total += sum(count(part, depth + 1) for pair in item.value for part in pair)
        elif isinstance(item, yaml.SequenceNode):
            total += sum(count(part, depth + 1) for part in item.value)
        if total > MOST_VALUES:
            raise DocumentError("With its aliases written out the file is far too large.")
        known[key] = total
        return total

    count(node, 0)


def _plain(node: yaml.Node) -> Any:
    import yaml

    tag = node.tag
    if tag == "!reset":
        return None
    if isinstance(node, yaml.MappingNode):
        _check_tag(node, "map")
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        _check_tag(node, "seq")
        return [_plain(item) for item in node.value]
    text = str(node.value)
    name = tag.removeprefix(_TAG)
    if name in ("str", "merge") or tag in ("!", "!override"):
        return text
    if name == "null":
        return None
    if name == "bool":
        return text.lower() == "true"
    try:
        if name == "int":
            return _integer(text)
        if name == "float":
            return float(text.replace(".", "") if text[-1:].isalpha() else text)
    except ValueError:
        raise DocumentError(f"Line {_line(node)}: a number cannot be read.") from None
    raise DocumentError(f'Line {_line(node)}: the tag "{shown(tag)}" is not known.')


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    own: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag == f"{_TAG}merge":
            value = _plain(value_node)
            for part in value if isinstance(value, list) else [value]:
                if not isinstance(part, dict):
                    raise DocumentError(f"Line {_line(key_node)}: << takes a mapping or a list of mappings.")
                merged.update((name, item) for name, item in part.items() if name not in merged)
            continue
        key = _plain(key_node)
        if isinstance(key, dict | list):
            raise DocumentError(f"Line {_line(key_node)}: a name is not text.")
        name = key_node.value if not isinstance(key, str) else key
        if name in own:
            raise DocumentError(f'Line {_line(key_node)}: "{shown(name)}" is there twice in one mapping.')
        own[name] = _plain(value_node)
    return {**{name: item for name, item in merged.items() if name not in own}, **own} if merged else own


def _check_tag(node: yaml.Node, kind: str) -> None:
    if node.tag not in (_TAG + kind, "!", "!override"):
        raise DocumentError(f'Line {_line(node)}: the tag "{shown(node.tag)}" is not known.')


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    if len(digits) > 40:
        raise ValueError
    sign, digits = (-1, digits[1:]) if digits[:1] == "-" else (1, digits.lstrip("+"))
    for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    if len(digits) > 1 and digits[0] == "0":
        return sign * int(digits, 8)
    return sign * int(digits)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
