"""The environment of a container in a manifest, and the parts of its command line that use it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from ovms_doctor.inputs.engine_values import RefusedValueError, for_message
from ovms_doctor.inputs.untyped import objects, string, table
from ovms_doctor.model.pattern import lazy_pattern

_SECRET_NAME = lazy_pattern(r"key|token|secret|passw|credential|connection_string", re.IGNORECASE)
#: The variables that the kubelet adds for each service of the namespace.
_OF_A_SERVICE = lazy_pattern(
    r"[A-Z0-9_]+_(SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?)?)"
)
_NAME = lazy_pattern(r"[-._A-Za-z][-._A-Za-z0-9]*")


class ManifestObjects:
    """The config maps, secrets, claims, volumes and services of a manifest, found by their names."""

    def __init__(self, documents: Sequence[dict[str, Any]]) -> None:
        self.documents = documents

    def find(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        """Returns the object with that name; if one side names no namespace, any matches."""
        for document in self.documents:
            if string(document, "kind") != kind or string(table(document, "metadata"), "name") != name:
                continue
            own = string(table(document, "metadata"), "namespace")
            if not own or not namespace or own == namespace:
                return document
        return None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Returns the objects of a kind."""
        return [document for document in self.documents if string(document, "kind") == kind]


class PodEnvironment(Struct):
    """The environment of a container in a manifest."""

    #: All variables with known names, in order; None for an unknown value.
    values: dict[str, str | None] = field(default_factory=dict)
    #: Whether there are no other variables, except those that the kubelet adds for services.
    complete: bool = True
    #: What is unknown or wrong, one sentence each.
    problems: list[str] = field(default_factory=list)

    @property
    def known(self) -> list[tuple[str, str]]:
        """Returns the variables whose values are known."""
        return [(name, value) for name, value in self.values.items() if value is not None]


def read_environment(
    container: Mapping[str, Any], manifest: ManifestObjects, namespace: str
) -> PodEnvironment:
    """Returns the environment: ``env`` over ``envFrom``, as the kubelet does it (makeEnvironmentVariables): of two
    the later one counts, and ``$(NAME)`` uses the variables before it. Raises RefusedValueError for a value that is
    not a string, which the API server refuses."""
    made = PodEnvironment()
    for entry in objects(container, "envFrom"):
        _add_all(entry, made, manifest, namespace)
    for entry in objects(container, "env"):
        name = string(entry, "name")
        if not name:
            continue
        text, source = entry.get("value"), table(entry, "valueFrom")
        value: str | None = ""
        if isinstance(text, str) and text:
            expanded, unknown = expand(text, made)
            value = None if unknown else expanded
        elif text is not None and not isinstance(text, str):
            raise RefusedValueError(
                f"the value of {for_message(name)} in env is not a string: put it in quotes"
            )
        elif source:
            value = _from_source(name, source, made, manifest, namespace)
        made.values.pop(name, None)
        made.values[name] = value
    return made


def _add_all(
    entry: Mapping[str, Any], made: PodEnvironment, manifest: ManifestObjects, namespace: str
) -> None:
    for reference, kind, called in (
        ("configMapRef", "ConfigMap", "config map"),
        ("secretRef", "Secret", "secret"),
    ):
        name = string(table(entry, reference), "name")
        if not name:
            continue
        document = manifest.find(kind, name, namespace)
        if document is None:
            made.complete = False
            made.problems.append(
                f"The {called} {name} adds variables to the environment; it is not in this file, so even "
                "their names are not known."
            )
            continue
        keys = {**table(document, "data"), **(table(document, "stringData") if kind == "Secret" else {})}
        for key, value in keys.items():
            variable = string(entry, "prefix") + key
            if _NAME.fullmatch(variable):
                plain = kind == "ConfigMap" and isinstance(value, str)
                made.values[variable] = value if plain else None


def _from_source(
    name: str, source: Mapping[str, Any], made: PodEnvironment, manifest: ManifestObjects, namespace: str
) -> str | None:
    reference = table(source, "configMapKeyRef")
    document = manifest.find("ConfigMap", string(reference, "name"), namespace) if reference else None
    if document is not None:
        value = table(document, "data").get(string(reference, "key"))
        if isinstance(value, str):
            return value
    kinds = {
        "secretKeyRef": "a secret",
        "configMapKeyRef": "a config map",
        "fieldRef": "the created pod",
        "resourceFieldRef": "the created pod",
    }
    origin = next((text for key, text in kinds.items() if key in source), "elsewhere")
    made.problems.append(f"The value of {name} comes from {origin} and is not known here.")
    return None


def expand(text: str, environment: PodEnvironment, *, displayed: bool = False) -> tuple[str, list[str]]:
    """Returns ``text`` with ``$(NAME)`` replaced, and the names with unknown values, which stay unchanged.

    ``displayed``: whether the result is shown to users, so that values of variables that are named like secrets count
        as unknown. Source: k8s.io/kubernetes/third_party/forked/golang/expansion: ``$$`` is a dollar, an unset name
        stays.
    """
    made: list[str] = []
    unknown: list[str] = []
    at = 0
    while at < len(text):
        following = text[at + 1 : at + 2]
        end = text.find(")", at + 2) if following == "(" else -1
        if text[at] != "$":
            until = text.find("$", at)
            until = len(text) if until < 0 else until
            made.append(text[at:until])
            at = until
        elif following == "$":
            made.append("$")
            at += 2
        elif end >= 0:
            name = text[at + 2 : end]
            value = _value(name, environment, displayed)
            if value is None:
                unknown.append(name)
            made.append(text[at : end + 1] if value is None else value)
            at = end + 1
        else:
            made.append(text[at : at + 2])
            at += 2
    return "".join(made), unknown


def _value(name: str, environment: PodEnvironment, displayed: bool) -> str | None:
    if name in environment.values:
        return None if displayed and _SECRET_NAME.search(name) else environment.values[name]
    if environment.complete and not _OF_A_SERVICE.fullmatch(name):
        return f"$({name})"
    return None


def read_command(
    container: Mapping[str, Any], key: str, environment: PodEnvironment
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Returns the container's ``command`` or ``args``, and the unknown parts: their text → the reason.

    Raises RefusedValueError for an item that is not a string: the API server does not decode such an object ("cannot
    unmarshal number into Go struct field Container.args of type string").
    """
    arguments: list[str] = []
    unknown: dict[str, str] = {}
    value = container.get(key)
    for item in value if isinstance(value, list) else []:
        if item is None:  # decoded as an empty string
            item = ""
        if not isinstance(item, str):
            raise RefusedValueError(f"{key} has {_described(item)}, which is not a string: put it in quotes")
        word, names = expand(item, environment, displayed=True)
        unknown |= {f"$({name})": f"the value of {name} is not known here" for name in names}
        arguments.append(word)
    return tuple(arguments), unknown


def _described(value: Any) -> str:
    if isinstance(value, bool):
        return f"the value {json.dumps(value)}"
    if isinstance(value, int | float):
        try:
            return f"the number {json.dumps(value)}"
        except ValueError:  # a number of thousands of digits
            return "a number"
    return "a mapping" if isinstance(value, dict) else "a list"


def script_variables(environment: PodEnvironment) -> dict[str, str]:
    """Returns the values that a script may use: known ones, of variables that are not named like secrets."""
    return {name: value for name, value in environment.known if not _SECRET_NAME.search(name)}
