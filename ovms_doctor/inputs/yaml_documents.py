"""YAML and JSON documents of untrusted origin as plain data, for compose files and Kubernetes manifests.

The result consists of mappings with text keys, lists, text, numbers, truth values and None, as Go's YAML reader
returns them (YAML 1.2 with merge keys; dates and ``22:22`` are text). The module refuses documents that are too
large, also with their aliases expanded, endless nesting, repeated keys in one mapping, and unknown tags.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.engine_values import for_message

if TYPE_CHECKING:
    import yaml

_TAG = "tag:yaml.org,2002:"
#: Implicit types: the tag, how it is written, and the characters with which it begins.
_SCALARS = (
    ("int", r"[-+]?(?:0|[1-9][0-9_]*|0[0-7_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
     "-+0123456789."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
)  # fmt: skip
_BOOLEANS = r"true|True|TRUE|false|False|FALSE"
_OLD_BOOLEANS = _BOOLEANS + r"|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"


class DocumentKind(Struct, frozen=True):
    """How documents of a kind are read, and their limits."""

    #: Bytes of the text.
    largest: int
    #: Values, with every alias expanded.
    most_values: int
    #: How deep values may be nested.
    deepest: int
    #: Whether ``yes``, ``no``, ``on`` and ``off`` are truth values, as in YAML 1.1.
    old_booleans: bool = False
    #: Further allowed tags whose values become None.
    reset_tags: frozenset[str] = frozenset()
    #: Further allowed tags that change nothing.
    plain_tags: frozenset[str] = frozenset()


COMPOSE = DocumentKind(
    1 << 20, 100_000, 100, reset_tags=frozenset({"!reset"}), plain_tags=frozenset({"!override"})
)
#: The API server accepts no object above 3 MiB; a pod's objects nest ten levels.
KUBERNETES = DocumentKind(4 << 20, 500_000, 60, old_booleans=True)


def load_documents(text: str, name: str, kind: DocumentKind) -> list[Any]:
    """Returns the documents in ``text``. Raises DocumentError, which begins with ``name`` and has the line if it is
    known."""
    if len(text) > kind.largest or len(text.encode("utf-8", "surrogatepass")) > kind.largest:
        raise DocumentError(
            f"{name} is longer than {kind.largest >> 20} MiB, which is too long for such a document"
        )
    documents = _json(text, name) if text.lstrip()[:1] in ("{", "[") else None
    if documents is None:
        documents = _yaml(text, name, kind)
    _check_depth(documents, name, kind.deepest + 1)
    return documents


def _json(text: str, name: str) -> list[Any] | None:
    """Returns None if it is not JSON: YAML may begin with a brace, too."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            names = [key for key, _ in found]
            twice = next(key for key in names if names.count(key) > 1)
            raise DocumentError(f'{name} has the key "{for_message(twice)}" twice in one object')
        return made

    try:
        return [json.loads(text, object_pairs_hook=pairs)]
    except (ValueError, RecursionError):
        return None


def _yaml(text: str, name: str, kind: DocumentKind) -> list[Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """The loader of libyaml would be faster, but deep nesting ends its process."""

    Loader.yaml_implicit_resolvers = {}
    booleans = ("bool", _OLD_BOOLEANS if kind.old_booleans else _BOOLEANS, "tTfFyYnNoO")
    for tag, pattern, first in (booleans, *_SCALARS):
        Loader.add_implicit_resolver(_TAG + tag, re.compile(rf"(?:{pattern})\Z"), list(first))
    documents = []
    try:
        loader = Loader(text)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            _Measure(name, kind).count(node, 0)
            documents.append(_Converter(name, kind).value(node))
    except yaml.YAMLError as error:
        raise DocumentError(f"{name} is not YAML{_position(error, text)}") from None
    except RecursionError:
        raise DocumentError(f"{name} is nested too deeply") from None
    return documents


def _position(error: yaml.YAMLError, text: str) -> str:
    """Returns the line and the problem. A problem quotes a character, an alias or a tag, and never a value."""
    import yaml

    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f" (line {line}: a character that YAML does not allow)"
    if not isinstance(error, yaml.MarkedYAMLError):
        return ""
    mark, problem = error.problem_mark or error.context_mark, error.problem or "it cannot be read"
    problem = "a tab is where only blanks are allowed" if "\\t" in problem else for_message(problem)
    return f" (line {mark.line + 1}: {problem})" if mark else f" ({problem})"


def _check_depth(documents: list[Any], name: str, deepest: int) -> None:
    level: list[Any] = [documents]
    for _ in range(deepest + 1):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise DocumentError(f"{name} is nested too deeply")


class _Measure:
    """Counts the values of a node with its aliases expanded, before the node is converted."""

    def __init__(self, name: str, kind: DocumentKind) -> None:
        self.name, self.kind = name, kind
        #: The number of values of each node; 0 for nodes that are not counted yet, which detects a node that contains
        #: itself.
        self.known: dict[int, int] = {}

    def count(self, node: yaml.Node, depth: int) -> int:
        import yaml

        known = self.known.get(id(node))
        if known:
            return known
        if known == 0:
            raise DocumentError(f"{self.name} has an alias of a value that contains it{_line(node)}")
        if depth > self.kind.deepest:
            raise DocumentError(f"{self.name} is nested too deeply{_line(node)}")
        self.known[id(node)] = 0
        size = 1
        if isinstance(node, yaml.MappingNode):
            size += sum(self.count(part, depth + 1) for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            size += sum(self.count(item, depth + 1) for item in node.value)
        if size > self.kind.most_values:
            raise DocumentError(f"{self.name} is far too large after its aliases are expanded{_line(node)}")
        self.known[id(node)] = size
        return size


class _Converter:
    """Converts a node into plain data."""

    def __init__(self, name: str, kind: DocumentKind) -> None:
        self.name, self.kind = name, kind

    def value(self, node: yaml.Node) -> Any:
        import yaml

        if node.tag in self.kind.reset_tags:
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node)
        if isinstance(node, yaml.SequenceNode):
            self.check_tag(node, "seq")
            return [self.value(item) for item in node.value]
        text = str(node.value)
        try:
            if node.tag == f"{_TAG}int":
                return _integer(text)
            if node.tag == f"{_TAG}float":
                return float(text.replace(".", "") if text[-1:].isalpha() else text)
        except ValueError:
            raise DocumentError(f"{self.name} has a number that cannot be read{_line(node)}") from None
        if node.tag == f"{_TAG}null":
            return None
        if node.tag == f"{_TAG}bool":
            return text.lower() in ("true", "yes", "on")
        self.check_tag(node, "str", "merge")
        return text

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        self.check_tag(node, "map")
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            value = self.value(value_node)
            if key_node.tag == f"{_TAG}merge":
                for part in value if isinstance(value, list) else [value]:
                    if not isinstance(part, dict):
                        raise DocumentError(f"{self.name} has a << without a mapping{_line(key_node)}")
                    merged = {**part, **merged}
                continue
            if not isinstance(key_node.value, str):
                raise DocumentError(f"{self.name} has a key that is not text{_line(key_node)}")
            if key_node.value in own:
                raise DocumentError(
                    f'{self.name} has the key "{for_message(key_node.value)}" twice{_line(key_node)}'
                )
            own[key_node.value] = value
        return {**{name: item for name, item in merged.items() if name not in own}, **own} if merged else own

    def check_tag(self, node: yaml.Node, *kinds: str) -> None:
        if node.tag not in (*(_TAG + kind for kind in kinds), "!", *self.kind.plain_tags):
            raise DocumentError(
                f'{self.name} has the tag "{for_message(node.tag)}", which is not known{_line(node)}'
            )


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    if len(digits) > 40:
        raise ValueError
    sign, digits = (-1, digits[1:]) if digits[:1] == "-" else (1, digits.lstrip("+"))
    if len(digits) > 1 and digits.isdigit() and digits[0] == "0":
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _line(node: yaml.Node) -> str:
    return f" (line {node.start_mark.line + 1})"
