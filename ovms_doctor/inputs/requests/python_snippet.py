"""A Python snippet, read by its syntax tree and never run: the requests that it sends.

The reader supports literals, names, a few operators, numpy constructors and the calls of the usual clients;
everything else is an unknown value. It follows the statements in order, each once.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from msgspec.structs import replace

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.python_builtins import items_of
from ovms_doctor.inputs.requests.python_definitions import fields_of, size_of
from ovms_doctor.inputs.requests.python_evaluation import MOST_STEPS, Evaluation, ReturnedError
from ovms_doctor.inputs.requests.python_values import ClientError, Instance, Unknown, is_undetermined
from ovms_doctor.model.client_request import NOT_KNOWN, ClientRequest
from ovms_doctor.model.pattern import lazy_pattern

#: The longest snippet, in bytes.
LONGEST_SNIPPET = 1 << 20
#: The most requests that are kept, and the most bytes of them.
_MOST_REQUESTS = 100
_MOST_BYTES = 1 << 24
_HINT = lazy_pattern(
    r"^\s*(?:import |from \S+ import |def |client\b|response\s*=|res\s*=|print\(|with |async |await )", re.M
)

_PARSES = lazy_pattern(r"\.parse_(?:known_)?args\(")
_OPTIONS = "The options of the script have their default values."


def is_python(text: str) -> bool:
    """Whether a text is a Python snippet rather than a body."""
    if text.lstrip()[:1] in ("{", "[", "") or len(text) > LONGEST_SNIPPET:
        return False
    return (
        _HINT.search(text) is not None
        or re.search(r"\b\w+\.(?:post|predict|infer|create)\(", text) is not None
    )


def parse_python(text: str) -> tuple[ClientRequest, ...]:
    """Returns the requests that the snippet sends, in order. Raises DocumentError if none can be determined."""
    if len(text) > LONGEST_SNIPPET:
        raise DocumentError("the snippet is longer than 1 MiB")
    try:
        tree = _parsed(_without_prompts(text))
    except SyntaxError as error:
        position = f" (line {error.lineno})" if error.lineno else ""
        raise DocumentError(f"the snippet is not valid Python{position}: {error.msg}") from None
    except ValueError:
        raise DocumentError(
            "the snippet is not valid Python: it is not UTF-8 text, or has a null byte"
        ) from None
    except (RecursionError, MemoryError):
        raise DocumentError("the snippet is not valid Python: it is nested too deeply") from None
    snippet = _Snippet()
    try:
        snippet.run(tree.body)
    except RecursionError:
        raise DocumentError("the snippet is nested too deeply") from None
    if not snippet.requests or (snippet.failed and not any(item.has_input for item in snippet.requests)):
        reason = snippet.failed or "it does not send a request with a client that ovms-doctor knows"
        raise DocumentError(f"the snippet cannot be evaluated: {reason}")
    if _PARSES.search(text):
        return tuple(replace(item, notes=(*item.notes, _OPTIONS)) for item in snippet.requests)
    return tuple(snippet.requests)


def _parsed(text: str) -> ast.Module:
    """Returns the syntax tree of a text, which may have the commands of a notebook: `!pip …`, `%time`."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        code = re.sub(r"(?m)^([ \t]*)[!%][^\n]*$", r"\1pass", text)
        if code == text:
            raise
        try:
            return ast.parse(code)
        except SyntaxError:
            raise error from None


def _without_prompts(text: str) -> str:
    """Returns the text without the prompts of an interactive session."""
    if not re.search(r"^>>> ", text, re.M):
        return text
    return "\n".join(line[4:] for line in text.splitlines() if line.startswith((">>> ", "... ")))


class _Snippet(Evaluation):
    """One walk through a snippet."""

    # -- statements ----------------------------------------------------------------------------------
    def run(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if self.steps > MOST_STEPS or self._is_full():
                return
            try:
                self._statement(statement)
            except ClientError as error:
                self.failed = self.failed or str(error)
                if error.refuses:
                    self.requests.append(ClientRequest("other", form="python", refusal=str(error)))
                    return

    def _is_full(self) -> bool:
        """Whether the limit of kept requests is reached."""
        for request in self.requests[self._counted :]:
            self._bytes += len(request.body) + sum(map(len, request.message.raw if request.message else ()))
        self._counted = len(self.requests)
        return self._counted >= _MOST_REQUESTS or self._bytes > _MOST_BYTES

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.Assign):
            value = self.value(node.value)
            for target in node.targets:
                self.assign(target, value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self.assign(node.target, self.value(node.value))
        elif isinstance(node, ast.AugAssign):
            operation = ast.copy_location(ast.BinOp(node.target, node.op, node.value), node)
            self.assign(node.target, self.value(operation))
        elif isinstance(node, ast.Expr):
            self.value(node.value)
        elif isinstance(node, ast.Return):
            raise ReturnedError(None if node.value is None else self.value(node.value))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            self._define(node)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                self.run(case.body)
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                value = self.value(item.context_expr)
                if item.optional_vars is not None:
                    self.assign(item.optional_vars, value)
            self.run(node.body)
        elif isinstance(node, ast.For | ast.AsyncFor):
            items = items_of(self.value(node.iter))
            self.assign(node.target, items[0] if items else Unknown("a loop's item"))
            self.run(node.body)
        elif isinstance(node, ast.If):
            self.run(node.body)
            self.run(node.orelse)
        elif isinstance(node, ast.While):
            self.run(node.body)
        elif isinstance(node, ast.Try):
            self.run(node.body)
            self.run(node.finalbody)

    def _define(self, node: ast.ClassDef) -> None:
        """Keeps a class and, for `Class.FIELD`, the values of its fields."""
        self.classes[node.name] = node
        self.count_steps(size_of(self.classes, node.name))
        for name, value in fields_of(self.classes, node.name):
            if value is not None:
                self.named(node.name).attributes[name] = self.value(value)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                self.modules[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}".lstrip(".")
            elif alias.asname:
                self.modules[alias.asname] = alias.name
            else:
                first = alias.name.partition(".")[0]
                self.modules[first] = first

    def assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            items = items_of(value) or ()
            for index, inner in enumerate(target.elts):
                self.assign(inner, items[index] if index < len(items) else Unknown("a part of a tuple"))
        elif isinstance(target, ast.Attribute):
            holder = self.value(target.value)
            if isinstance(holder, Instance):
                holder.attributes[target.attr] = value
        elif isinstance(target, ast.Subscript):
            holder, key = self.value(target.value), self.value(target.slice)
            if isinstance(holder, dict) and isinstance(key, str | int):
                holder[key] = value
            elif isinstance(holder, dict) and is_undetermined(key):
                holder[NOT_KNOWN] = Unknown("an entry of a dict")
            elif isinstance(holder, list) and is_undetermined(key):
                holder[:] = [Unknown("an item of a list")] * len(holder)
            inside = isinstance(key, int) and isinstance(holder, list) and -len(holder) <= key < len(holder)
            if inside and isinstance(key, int):
                holder[key] = value
