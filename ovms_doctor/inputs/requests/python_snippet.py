"""A Python snippet, read by its syntax tree and never run: the requests that it sends.

The reader supports literals, names, a few operators, numpy constructors and the calls of the usual clients;
everything else is an unknown value. It follows the statements in order, each once.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.python_builtins import builtin_call, items_of
from ovms_doctor.inputs.requests.python_clients import CLIENT_CALLS, call_method
from ovms_doctor.inputs.requests.python_http import dumped
from ovms_doctor.inputs.requests.python_langchain import CHAIN
from ovms_doctor.inputs.requests.python_operations import (
    array_method,
    array_operation,
    dict_method,
    plain_operation,
    text_method,
)
from ovms_doctor.inputs.requests.python_values import (
    ARRAY_FUNCTIONS,
    LONGEST_TEXT,
    MOST_ELEMENTS,
    Array,
    ClientError,
    Instance,
    Unknown,
    array_of,
    bounded,
    dict_of,
    dtype_of,
    encoded,
    is_undetermined,
    named,
    transposed,
    weight,
)
from ovms_doctor.model.client_request import NOT_KNOWN, ClientRequest
from ovms_doctor.model.pattern import lazy_pattern

#: The longest snippet, in bytes.
LONGEST_SNIPPET = 1 << 20
#: The most expressions and statements that are followed.
_MOST_STEPS = 1_000_000
#: How many elements of a value take as long as one step.
_ELEMENTS_OF_A_STEP = 5
#: The most requests that are kept, and the most bytes of them.
_MOST_REQUESTS = 100
_MOST_BYTES = 1 << 24
_DEEPEST_CALL = 8
#: The names that clients usually have: a part of a script has no import.
_USUAL_NAMES = {
    "np": "numpy",
    "grpcclient": "tritonclient.grpc",
    "httpclient": "tritonclient.http",
    "OpenAI": "openai.OpenAI",
    "AsyncOpenAI": "openai.AsyncOpenAI",
    "ChatOpenAI": "langchain_openai.ChatOpenAI",
    "OpenAIEmbeddings": "langchain_openai.OpenAIEmbeddings",
}
_HINT = lazy_pattern(
    r"^\s*(?:import |from \S+ import |def |client\b|response\s*=|res\s*=|print\(|with |async |await )", re.M
)


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
        tree = ast.parse(_without_prompts(text))
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
    return tuple(snippet.requests)


def _without_prompts(text: str) -> str:
    """Returns the text without the prompts of an interactive session."""
    if not re.search(r"^>>> ", text, re.M):
        return text
    return "\n".join(line[4:] for line in text.splitlines() if line.startswith((">>> ", "... ")))


class _ReturnError(Exception):
    """A function's return value on its way to the call."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Snippet:
    """One walk through a snippet."""

    def __init__(self) -> None:
        self.requests: list[ClientRequest] = []
        self.failed = ""
        self._names: dict[str, Any] = {}
        self._modules: dict[str, str] = dict(_USUAL_NAMES)
        self._objects: dict[str, Instance] = {}
        self._functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self._depth = 0
        self._steps = 0
        self._counted = 0
        self._bytes = 0

    # -- statements ----------------------------------------------------------------------------------
    def run(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if self._steps > _MOST_STEPS or self._is_full():
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

    def _count_steps(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise ClientError("it takes more steps than ovms-doctor evaluates")

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.Assign):
            value = self.value(node.value)
            for target in node.targets:
                self._assign(target, value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._assign(node.target, self.value(node.value))
        elif isinstance(node, ast.AugAssign):
            operation = ast.copy_location(ast.BinOp(node.target, node.op, node.value), node)
            self._assign(node.target, self.value(operation))
        elif isinstance(node, ast.Expr):
            self.value(node.value)
        elif isinstance(node, ast.Return):
            raise _ReturnError(None if node.value is None else self.value(node.value))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._functions[node.name] = node
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                value = self.value(item.context_expr)
                if item.optional_vars is not None:
                    self._assign(item.optional_vars, value)
            self.run(node.body)
        elif isinstance(node, ast.For | ast.AsyncFor):
            items = items_of(self.value(node.iter))
            self._assign(node.target, items[0] if items else Unknown("a loop's item"))
            self.run(node.body)
        elif isinstance(node, ast.If):
            self.run(node.body)
            self.run(node.orelse)
        elif isinstance(node, ast.While):
            self.run(node.body)
        elif isinstance(node, ast.Try):
            self.run(node.body)
            self.run(node.finalbody)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                self._modules[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}".lstrip(".")
            elif alias.asname:
                self._modules[alias.asname] = alias.name
            else:
                first = alias.name.partition(".")[0]
                self._modules[first] = first

    def _assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            items = items_of(value) or ()
            for index, inner in enumerate(target.elts):
                self._assign(inner, items[index] if index < len(items) else Unknown("a part of a tuple"))
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

    # -- expressions ---------------------------------------------------------------------------------
    def value(self, node: ast.expr) -> Any:
        """Returns the value of an expression; Unknown if it is only known when the snippet runs."""
        self._count_steps(1)
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        value = Unknown("an expression") if method is None else method(node)
        if isinstance(value, str | bytes | list | tuple | dict) and not isinstance(
            node, ast.Constant | ast.Name
        ):
            self._count_steps(len(value) // _ELEMENTS_OF_A_STEP)
        elif isinstance(value, Array) and value.data is not None and isinstance(node, ast.Call | ast.BinOp):
            self._count_steps(len(value.data) // _ELEMENTS_OF_A_STEP)
        return value

    def _constant(self, node: ast.Constant) -> Any:
        return bounded(node.value)

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._names:
            return self._names[node.id]
        return self._named(self._modules.get(node.id, node.id))

    def _named(self, path: str) -> Instance:
        """Returns a module or another name, with the attributes that the snippet set."""
        if path not in self._objects:
            self._objects[path] = named(path)
        return self._objects[path]

    def _list(self, node: ast.List) -> Any:
        found = self._elements(node.elts)
        return Unknown("a list") if found is None else found

    def _tuple(self, node: ast.Tuple) -> Any:
        found = self._elements(node.elts)
        return Unknown("a tuple") if found is None else tuple(found)

    def _elements(self, nodes: list[ast.expr]) -> list[Any] | None:
        """Returns the values of expressions, those with a star unpacked; `None` if such a value is unknown."""
        found: list[Any] = []
        for node in nodes:
            if not isinstance(node, ast.Starred):
                found.append(self.value(node))
                continue
            items = items_of(self.value(node.value))
            if items is None:
                return None
            self._count_steps(len(items) // _ELEMENTS_OF_A_STEP)
            found += items
        return found

    def _dict(self, node: ast.Dict) -> Any:
        found: dict[Any, Any] = {}
        for key, item in zip(node.keys, node.values, strict=True):
            value = self.value(item)
            if key is None:
                if not isinstance(value, dict):
                    return Unknown("a dict")
                found.update(value)
                continue
            name = self.value(key)
            if is_undetermined(name):
                return Unknown("a dict")
            if isinstance(name, str | int | float | bytes | bool | None):
                found[name] = value
        return found

    def _joinedstr(self, node: ast.JoinedStr) -> Any:
        parts = []
        for part in node.values:
            value = self.value(part.value) if isinstance(part, ast.FormattedValue) else self.value(part)
            parts.append(str(value) if isinstance(value, str | int | float) else NOT_KNOWN)
        return "".join(parts) if sum(map(len, parts)) <= LONGEST_TEXT else Unknown("a long text")

    def _await(self, node: ast.Await) -> Any:
        return self.value(node.value)

    def _ifexp(self, node: ast.IfExp) -> Any:
        test = self.value(node.test)
        is_false = test is None or (isinstance(test, bool | int | str) and not test)
        return self.value(node.orelse if is_false else node.body)

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, int | float):
            return -value
        return value if isinstance(value, Array) else Unknown("an expression")

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.BitOr) and any(
            isinstance(value, Instance) and value.kind.startswith("langchain") for value in (left, right)
        ):
            return Instance(CHAIN)
        if isinstance(left, Array) or isinstance(right, Array):
            return array_operation(left, right, node.op)
        return plain_operation(left, right, node.op)

    def _listcomp(self, node: ast.ListComp) -> Any:
        generator = node.generators[0]
        items = items_of(self.value(generator.iter))
        if items is None or generator.ifs or len(node.generators) > 1:
            return Unknown("a list")
        found = []
        for item in items:
            self._assign(generator.target, item)
            found.append(self.value(node.elt))
        return found

    def _subscript(self, node: ast.Subscript) -> Any:
        holder = self.value(node.value)
        if isinstance(holder, Array):
            return self._array_item(holder, node.slice)
        key = self.value(node.slice)
        if isinstance(holder, dict | list | tuple | str | bytes) and isinstance(key, str | int):
            try:
                return holder[key]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                return Unknown("an item that does not exist")
        if isinstance(holder, Instance) and isinstance(key, str):
            return holder.child(f"[{key}]")
        return Unknown("an item")

    def _array_item(self, array: Array, index: ast.expr) -> Any:
        """Returns the result of `array[None]`, `array[np.newaxis, :]`, `array[0]`, `array[:, :, ::-1]`."""
        if array.shape is None:
            return Array(None, array.dtype)
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        shape: list[int] = []
        rest = list(array.shape)
        for part in parts:
            if isinstance(part, ast.Slice):
                whole = part.lower is None and part.upper is None
                shape.append(rest.pop(0) if rest and whole else self._sliced(part, rest))
                continue
            value = self.value(part)
            if value is None or (isinstance(value, Instance) and value.kind == "numpy.newaxis"):
                shape.append(1)
            elif value is ...:
                keep = len(rest) - (len(parts) - parts.index(part) - 1)
                shape += [rest.pop(0) for _ in range(max(0, keep))]
            elif rest:
                rest.pop(0)
        return Array((*shape, *rest), array.dtype)

    def _sliced(self, part: ast.Slice, rest: list[int]) -> int:
        size = rest.pop(0) if rest else 0
        low = self.value(part.lower) if part.lower is not None else None
        high = self.value(part.upper) if part.upper is not None else None
        if not isinstance(low, int | None) or not isinstance(high, int | None):
            return size
        return len(range(*slice(low, high).indices(size)))

    def _attribute(self, node: ast.Attribute) -> Any:
        holder = self.value(node.value)
        if isinstance(holder, Array):
            simple = {"shape": holder.shape, "dtype": Instance(holder.dtype), "size": holder.size}
            if node.attr == "T":
                return transposed(holder)
            return simple.get(node.attr, Unknown("an attribute"))
        if isinstance(holder, Instance):
            return holder.child(node.attr)
        return Unknown("an attribute")

    # -- calls ---------------------------------------------------------------------------------------
    def _call(self, node: ast.Call) -> Any:
        arguments = self._elements(node.args)
        if arguments is None:
            raise ClientError("the arguments of a call are not known")
        keywords: dict[str, Any] = {}
        for item in node.keywords:
            value = self.value(item.value)
            if item.arg is not None:
                keywords[item.arg] = value
            elif isinstance(value, dict):
                keywords.update(dict_of(value))
            else:
                raise ClientError("the arguments of a call are not known")
        self._count_steps(weight([arguments, *keywords.values()]) // _ELEMENTS_OF_A_STEP)
        if isinstance(node.func, ast.Attribute):
            holder = self.value(node.func.value)
            handled, result = self._method(holder, node.func.attr, arguments, keywords)
            if handled:
                return result
        name = self._dotted(node.func)
        if name in self._functions:
            return self._own_function(self._functions[name], arguments, keywords)
        return self._function(name, arguments, keywords)

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return self._modules.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            return f"{self._dotted(node.value)}.{node.attr}"
        return ""

    def _own_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, arguments: list[Any], keywords: dict[str, Any]
    ) -> Any:
        if self._depth >= _DEEPEST_CALL:
            return Unknown("a deep call")
        names = [item.arg for item in node.args.args]
        defaults = node.args.defaults
        kept = dict(self._names)
        self._count_steps(len(kept) // _ELEMENTS_OF_A_STEP)
        for name, default in zip(names[len(names) - len(defaults) :], defaults, strict=True):
            self._names[name] = self.value(default)
        for name, value in zip(names, arguments, strict=False):
            self._names[name] = value
        self._names.update({name: value for name, value in keywords.items() if name in names})
        self._depth += 1
        try:
            self.run(node.body)
        except _ReturnError as result:
            return result.value
        finally:
            self._depth -= 1
            self._names = kept
        return None

    def _method(
        self, holder: Any, name: str, arguments: list[Any], keywords: dict[str, Any]
    ) -> tuple[bool, Any]:
        if isinstance(holder, Array):
            return True, array_method(holder, name, arguments, keywords)
        if isinstance(holder, Instance):
            return call_method(holder, name, arguments, keywords, self.requests)
        if isinstance(holder, str):
            return True, text_method(holder, name, arguments, keywords)
        if isinstance(holder, bytes):
            return True, holder.decode("utf-8", "replace") if name == "decode" else Unknown("bytes")
        if isinstance(holder, list) and name in ("append", "extend") and arguments:
            items = [arguments[0]] if name == "append" else items_of(arguments[0])
            if items is None:
                items = [Unknown("the items of a list")]
            if len(holder) + len(items) > MOST_ELEMENTS:
                raise ClientError("the items that are added to a list are not known")
            self._count_steps(len(items) // _ELEMENTS_OF_A_STEP)
            holder += items
            return True, None
        if isinstance(holder, dict):
            if name == "update" and arguments and not isinstance(arguments[0], dict):
                holder[NOT_KNOWN] = Unknown("the entries of a dict")
            return True, dict_method(holder, name, arguments, keywords)
        return False, None

    def _function(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        if name in ARRAY_FUNCTIONS:
            try:
                return ARRAY_FUNCTIONS[name](*arguments, **keywords)
            except (TypeError, ValueError, IndexError, OverflowError):
                return Array(None, "")
        if name in CLIENT_CALLS:
            return CLIENT_CALLS[name](arguments, keywords, self.requests)
        if name.startswith("numpy.") and arguments:
            dtype = dtype_of(name, "")
            return array_of(arguments[0], dtype) if dtype else Array(None, "")
        if name in ("json.dumps", "ujson.dumps", "orjson.dumps", "simplejson.dumps"):
            text = dumped(arguments[0] if arguments else None, keywords)
            return encoded(text) if name.startswith("orjson") else text
        return builtin_call(name, arguments, keywords)
