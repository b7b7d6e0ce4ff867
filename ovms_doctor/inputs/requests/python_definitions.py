"""The functions and classes that a snippet defines itself: parameters, fields and methods."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

#: The kind of an object of such a class begins with it.
OWN = "class "
#: The most classes of which one inherits that are searched.
_MOST_BASES = 20
Function = ast.FunctionDef | ast.AsyncFunctionDef


def method_of(classes: Mapping[str, ast.ClassDef], kind: str, name: str) -> Function | None:
    """Returns a method of an object, its own or that of a base class that the snippet defines."""
    for defined in _bases(classes, kind):
        for node in defined.body:
            if isinstance(node, Function) and node.name == name:
                return node
    return None


def fields_of(classes: Mapping[str, ast.ClassDef], kind: str) -> list[tuple[str, ast.expr | None]]:
    """Returns the fields of a class in the order of a dataclass, with their values; those of base classes first."""
    fields: dict[str, ast.expr | None] = {}
    for defined in reversed(list(_bases(classes, kind))):
        for node in defined.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                fields[node.target.id] = node.value
            elif isinstance(node, ast.Assign):
                fields.update({item.id: node.value for item in node.targets if isinstance(item, ast.Name)})
    return list(fields.items())


def size_of(classes: Mapping[str, ast.ClassDef], kind: str) -> int:
    """Returns the number of statements that a search in a class examines."""
    return sum(len(defined.body) for defined in _bases(classes, kind))


def has_decorator(node: Function, *names: str) -> bool:
    """Whether a function has one of these decorators."""
    return any(isinstance(item, ast.Name) and item.id in names for item in node.decorator_list)


def defaults_of(node: Function) -> list[tuple[str, ast.expr]]:
    """Returns the parameters of a function that have a default, with its expression."""
    names = [item.arg for item in (*node.args.posonlyargs, *node.args.args)]
    defaults = node.args.defaults
    found = list(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    only = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return found + [(item.arg, default) for item, default in only if default is not None]


def bound_arguments(node: Function, arguments: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of the parameters of a function in a call, without its defaults."""
    names = [item.arg for item in (*node.args.posonlyargs, *node.args.args)]
    bound = dict(zip(names, arguments, strict=False))
    if node.args.vararg is not None:
        bound[node.args.vararg.arg] = tuple(arguments[len(names) :])
    names += [item.arg for item in node.args.kwonlyargs]
    bound.update({name: value for name, value in keywords.items() if name in names})
    if node.args.kwarg is not None:
        bound[node.args.kwarg.arg] = {name: value for name, value in keywords.items() if name not in names}
    return bound


def global_names(node: Function) -> list[str]:
    """Returns the names that a function declares as global."""
    return [name for item in node.body if isinstance(item, ast.Global) for name in item.names]


def _bases(classes: Mapping[str, ast.ClassDef], kind: str) -> Iterator[ast.ClassDef]:
    pending = [kind.removeprefix(OWN)]
    visited: set[str] = set()
    while pending and len(visited) < _MOST_BASES:
        name = pending.pop(0)
        if name in visited or name not in classes:
            continue
        visited.add(name)
        yield classes[name]
        pending += [item.id for item in classes[name].bases if isinstance(item, ast.Name)]
