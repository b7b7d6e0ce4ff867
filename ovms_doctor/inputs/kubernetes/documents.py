"""The documents of a Kubernetes manifest as plain data, and the small things in them: quantities, names."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from fractions import Fraction
from typing import Any

from ovms_doctor.inputs import DocumentError

#: Bytes of a manifest; the API server takes no object above 3 MiB.
LARGEST = 4 << 20
#: Values that one document may have once its aliases are followed.
_MOST_VALUES = 500_000
#: How deep objects may lie in one another; a pod's go ten deep.
_DEEPEST = 60
#: What a chart's template holds and KServe's placeholders (``{{.Name}}``) do not.
_TEMPLATE = re.compile(
    r"\{\{-?\s*(?:[^{}]{0,200}?\.(?:Values|Release|Chart|Files|Capabilities)\b"
    r"|(?:include|template|toYaml|tpl|if|else|end|range|with|define|block)\b)"
)
_QUANTITY = re.compile(
    r"([+-]?)(\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:([eE])([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII
)
_SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    **{letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)},
}
_LARGEST_QUANTITY = 2**63 - 1


def read_documents(text: str, place: str) -> list[dict[str, Any]]:
    """The objects of a manifest, YAML or JSON, those of a List one by one. ``place`` is for messages.

    NotRead for what is neither, is too long, unfolds into too much, has a key twice, or is a template.
    """
    if len(text) > LARGEST or len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise DocumentError(f"{place} is longer than 4 MiB: no manifest is that long")
    documents = _json(text, place) if text.lstrip()[:1] in ("{", "[") else None
    if documents is None:
        documents = _yaml(text, place)
    found: list[dict[str, Any]] = []
    for document in documents:
        _refuse_depth(document, place)
        _unfold(document, found)
    return found


def refuse_template(value: Any, place: str) -> None:
    """NotRead where a text in ``value`` is a chart's template that was not rendered."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and _TEMPLATE.search(item):
            raise DocumentError(_unrendered(place))


def table(value: Any, *keys: str) -> dict[str, Any]:
    """The object below ``keys``; empty where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def objects(value: Any, key: str) -> list[dict[str, Any]]:
    """The objects of the list ``value[key]``; others in it are left out."""
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def string(value: Any, key: str) -> str:
    """The text ``value[key]``; empty where it is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def whole(value: Any, key: str) -> int | None:
    """The number ``value[key]``; None where it is none, or below zero."""
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if 0 <= found <= _LARGEST_QUANTITY else None


def quantity(value: Any) -> Fraction | None:
    """A quantity such as ``2Gi``, ``500m``, ``1e9``; None for what is none, or is below zero.

    Source: k8s.io/apimachinery, resource.Quantity: suffixes are told apart by case; what is above 2^63 - 1 is
    cut to that.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) > _LARGEST_QUANTITY:
        return Fraction(_LARGEST_QUANTITY) if value > 0 else None
    match = _QUANTITY.fullmatch(str(value))
    if match is None or match[1] == "-":
        return None
    number = Fraction(match[2].rstrip("."))
    if match[4]:
        number *= Fraction(10) ** int(match[4])
    elif match[5]:
        number *= _SUFFIXES[match[5]]
    return min(number, Fraction(_LARGEST_QUANTITY))


# -- documents -----------------------------------------------------------------------------------------


def _unfold(document: Any, found: list[dict[str, Any]]) -> None:
    waiting = deque([document])
    while waiting:
        item = waiting.popleft()
        if isinstance(item, list):
            waiting.extendleft(reversed(item))
        elif isinstance(item, dict):
            inner = item.get("items")
            if isinstance(inner, list) and string(item, "kind").endswith("List"):
                waiting.extendleft(reversed(inner))
            else:
                found.append(item)


def _refuse_depth(document: Any, place: str) -> None:
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(_DEEPEST):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise DocumentError(f"{place} is nested more deeply than a manifest is")


def _unrendered(place: str, line: int | None = None) -> str:
    where = f" (line {line})" if line is not None else ""
    return f"{place} is a template{where}: render it first, with helm template, and name what comes out"


def _json(text: str, place: str) -> list[Any] | None:
    """None where it is no JSON: YAML may begin with a brace, too."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            names = [name for name, _ in found]
            twice = next(name for name in names if names.count(name) > 1)
            raise DocumentError(f"{place} has the key {_short(twice)} twice in one object")
        return made

    try:
        return [json.loads(text, object_pairs_hook=pairs)]
    except (ValueError, RecursionError):
        return None


def _yaml(text: str, place: str) -> list[Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """The one of libyaml would be faster, but deep nesting ends its process."""

    # As go-yaml reads it: a date is a text there, and so is what YAML 1.1 takes for a number of base 60 (1:30).
    Loader.yaml_implicit_resolvers = {
        letter: [
            (tag, re.compile(rf"(?![^\n]*:)(?:{pattern.pattern})", pattern.flags))
            for tag, pattern in known
            if not tag.endswith((":timestamp", ":value"))
        ]
        for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    documents = []
    try:
        loader = Loader(text)
        while loader.check_node():
            node = loader.get_node()
            _weigh(node, place, {}, yaml)
            documents.append(_plain(loader.construct_document(node)))
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        template = _TEMPLATE.search(text)
        if template is not None:
            raise DocumentError(_unrendered(place, text.count("\n", 0, template.start()) + 1)) from None
        raise DocumentError(f"{place} is no YAML{_where(error, text)}") from None
    return documents


def _weigh(node: Any, place: str, known: dict[int, int], yaml: Any) -> int:
    """How many values a node has with its aliases followed. ``known``: of the nodes met so far, 0 for those
    that are not done, so that a node that holds itself is noticed."""
    if id(node) in known:
        if not known[id(node)]:
            raise DocumentError(
                f"{place} has an alias of something that holds it (line {node.start_mark.line + 1})"
            )
        return known[id(node)]
    known[id(node)] = 0
    size = 1
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys and key.value != "<<":
                    line = key.start_mark.line + 1
                    raise DocumentError(
                        f"{place} has the key {_short(key.value)} a second time in line {line}"
                    )
                keys.add(key.value)
            size += _weigh(key, place, known, yaml) + _weigh(value, place, known, yaml)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_weigh(item, place, known, yaml) for item in node.value)
    if size > _MOST_VALUES:
        raise DocumentError(
            f"{place} unfolds into far more than a manifest holds (line {node.start_mark.line + 1})"
        )
    known[id(node)] = size
    return size


def _plain(value: Any) -> Any:
    """What JSON could hold."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float) else str(type(value).__name__)


def _where(error: Exception, text: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = getattr(error, "position", None)
    if mark is not None:
        line = mark.line + 1
    elif isinstance(position, int):
        line = text.count("\n", 0, position) + 1
    else:
        return ", or is nested too deeply" if isinstance(error, RecursionError) else ""
    tab = "\\t" in str(getattr(error, "problem", ""))
    return f" (line {line}: a tab where YAML takes none)" if tab else f" (line {line})"


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:60]}…"
