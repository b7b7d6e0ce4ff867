"""The documents of a Kubernetes manifest as plain data, and small parts of them: quantities, names."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from fractions import Fraction
from typing import Any

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.untyped import objects, string
from ovms_doctor.inputs.yaml_documents import KUBERNETES, load_documents
from ovms_doctor.model.pattern import lazy_pattern

#: Text that a chart's template contains and KServe's placeholders (``{{.Name}}``) do not.
_TEMPLATE = lazy_pattern(
    r"\{\{-?\s*(?:[^{}]{0,200}?\.(?:Values|Release|Chart|Files|Capabilities)\b"
    r"|(?:include|template|toYaml|tpl|if|else|end|range|with|define|block)\b)"
)
#: The parameters of an OpenShift Template.
_PARAMETER = lazy_pattern(r"\$\{\{?([A-Za-z0-9_]+)\}?\}", re.ASCII)
_WHOLE_PARAMETER = lazy_pattern(r"\$\{\{([A-Za-z0-9_]+)\}\}", re.ASCII)
_QUANTITY = lazy_pattern(
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


def read_documents(text: str, source_name: str) -> list[dict[str, Any]]:
    """Returns the objects of a manifest, YAML or JSON, those of a List one by one. Raises DocumentError if it cannot
    be read, or is a template."""
    try:
        documents = load_documents(text, source_name, KUBERNETES)
    except DocumentError:
        template = _TEMPLATE.search(text)
        if template is None:
            raise
        line = text.count("\n", 0, template.start()) + 1
        raise DocumentError(_unrendered(source_name, f" (line {line})")) from None
    found: list[dict[str, Any]] = []
    waiting = deque(documents)
    while waiting:
        item = waiting.popleft()
        if isinstance(item, list):
            waiting.extendleft(reversed(item))
        elif isinstance(item, dict):
            inner = item.get("items")
            if isinstance(inner, list) and string(item, "kind").endswith("List"):
                waiting.extendleft(reversed(inner))
            elif string(item, "kind") == "Template" and isinstance(item.get("objects"), list):
                waiting.extendleft(reversed(_processed(item)))
            else:
                found.append(item)
    return found


def _unrendered(source_name: str, line: str = "") -> str:
    return f"{source_name} is a template{line}: render it first, with helm template, and name what comes out"


class UnsetText(str):
    """A text with the placeholder of a parameter that has no value."""

    __slots__ = ()


def _processed(template: dict[str, Any]) -> list[Any]:
    """Returns the objects of an OpenShift Template, as ``oc process`` creates them: ``${NAME}`` within texts,
    ``${{NAME}}`` for a whole value. A parameter without a value becomes the placeholder ``{{NAME}}``."""
    values: dict[str, str | None] = {}
    for parameter in objects(template, "parameters"):
        value = parameter.get("value")
        if isinstance(value, bool | int | float):
            value = json.dumps(value)
        known = isinstance(value, str) and (
            value or not (parameter.get("generate") or parameter.get("required"))
        )
        values[string(parameter, "name")] = value if known else None

    def text(match: re.Match[str]) -> str:
        name = match[1]
        value = values.get(name, match[0])
        return f"{{{{{name}}}}}" if value is None else value

    def filled(item: Any) -> Any:
        if isinstance(item, dict):
            return {filled(key): filled(value) for key, value in item.items()}
        if isinstance(item, list):
            return [filled(value) for value in item]
        if not isinstance(item, str):
            return item
        whole = _WHOLE_PARAMETER.fullmatch(item)
        if whole and values.get(whole[1]):
            return _json_value(str(values[whole[1]]))
        unset = any(name in values and values[name] is None for name in _PARAMETER.findall(item))
        replaced = _PARAMETER.sub(text, item)
        return UnsetText(replaced) if unset else replaced

    made: list[Any] = filled(template["objects"])
    return made


def _json_value(text: str) -> Any:
    """Returns a value written as JSON, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def refuse_template(value: Any, source_name: str) -> None:
    """Raises DocumentError if a text in ``value`` is a chart's template that was not rendered."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and _TEMPLATE.search(item):
            raise DocumentError(_unrendered(source_name))


def quantity(value: Any) -> Fraction | None:
    """Returns a quantity such as ``2Gi``, ``500m``, ``1e9``; None for an invalid or negative one.

    Source: k8s.io/apimachinery, resource.Quantity: suffixes are case-sensitive; a value above 2^63 - 1 becomes 2^63 -
    1.
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
