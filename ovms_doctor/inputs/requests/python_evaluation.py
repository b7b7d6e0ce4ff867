"""The values of the expressions in a Python snippet; what is not supported is an unknown value."""

from __future__ import annotations

import ast
from typing import Any

from ovms_doctor.inputs.requests.python_builtins import CALLERS, builtin_call, called_by, items_of
from ovms_doctor.inputs.requests.python_clients import CLIENT_CALLS, call_method
from ovms_doctor.inputs.requests.python_definitions import (
    OWN,
    Function,
    bound_arguments,
    defaults_of,
    fields_of,
    global_names,
    has_decorator,
    method_of,
    size_of,
)
from ovms_doctor.inputs.requests.python_http import dumped
from ovms_doctor.inputs.requests.python_langchain import CHAIN
from ovms_doctor.inputs.requests.python_operations import (
    array_method,
    array_operation,
    dict_method,
    formatted,
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

#: The most expressions and statements that are followed.
MOST_STEPS = 1_000_000
#: How many elements of a value take as long as one step.
ELEMENTS_OF_A_STEP = 5
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


class ReturnedError(Exception):
    """A function's return value on its way to the call."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Evaluation:
    """The names of a snippet and the values of its expressions."""

    def __init__(self) -> None:
        self.requests: list[ClientRequest] = []
        self.failed = ""
        self.names: dict[str, Any] = {}
        self.modules: dict[str, str] = dict(_USUAL_NAMES)
        self._objects: dict[str, Instance] = {}
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self._depth = 0
        self.steps = 0
        self._counted = 0
        self._bytes = 0

    def run(self, statements: list[ast.stmt]) -> None:
        """Follows the statements of a function."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Any) -> None:
        """Gives a value to a name, an attribute or an item."""
        raise NotImplementedError

    def count_steps(self, steps: int) -> None:
        """Counts the steps of the snippet. Raises ClientError for too many."""
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise ClientError("it takes more steps than ovms-doctor evaluates")

    # -- expressions ---------------------------------------------------------------------------------
    def value(self, node: ast.expr) -> Any:
        """Returns the value of an expression; Unknown if it is only known when the snippet runs."""
        self.count_steps(1)
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        value = Unknown("an expression") if method is None else method(node)
        if isinstance(value, str | bytes | list | tuple | dict) and not isinstance(
            node, ast.Constant | ast.Name
        ):
            self.count_steps(len(value) // ELEMENTS_OF_A_STEP)
        elif isinstance(value, Array) and value.data is not None and isinstance(node, ast.Call | ast.BinOp):
            self.count_steps(len(value.data) // ELEMENTS_OF_A_STEP)
        return value

    def _constant(self, node: ast.Constant) -> Any:
        return bounded(node.value)

    def _name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            return self.names[node.id]
        return self.named(self.modules.get(node.id, node.id))

    def named(self, path: str) -> Instance:
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
            self.count_steps(len(items) // ELEMENTS_OF_A_STEP)
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
            if isinstance(part, ast.FormattedValue):
                spec = self.value(part.format_spec) if part.format_spec is not None else ""
                parts.append(formatted(self.value(part.value), chr(max(0, part.conversion)), spec))
            else:
                parts.append(str(self.value(part)))
        return "".join(parts) if sum(map(len, parts)) <= LONGEST_TEXT else Unknown("a long text")

    def _await(self, node: ast.Await) -> Any:
        return self.value(node.value)

    def _ifexp(self, node: ast.IfExp) -> Any:
        test = self.value(node.test)
        is_false = test is None or (isinstance(test, bool | int | str) and not test)
        value = self.value(node.orelse if is_false else node.body)
        # `sys.argv[1] if len(sys.argv) > 1 else "name"`: the value that is known.
        return self.value(node.orelse) if is_undetermined(test) and is_undetermined(value) else value

    def _namedexpr(self, node: ast.NamedExpr) -> Any:
        value = self.value(node.value)
        self.assign(node.target, value)
        return value

    def _boolop(self, node: ast.BoolOp) -> Any:
        value: Any = None
        for item in node.values:
            value = self.value(item)
            if is_undetermined(value) or bool(value) is isinstance(node.op, ast.Or):
                break
        return value

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
            self.assign(generator.target, item)
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
            method = self._method_of(holder, node.attr)
            if method is not None and has_decorator(method, "property", "cached_property"):
                return self._own_function(method, [holder], {})
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
        self.count_steps(weight([arguments, *keywords.values()]) // ELEMENTS_OF_A_STEP)
        if isinstance(node.func, ast.Attribute):
            holder = self.value(node.func.value)
            handled, result = self._own_method(holder, node.func.attr, arguments, keywords)
            if not handled:
                handled, result = self._method(holder, node.func.attr, arguments, keywords)
            if handled:
                return result
        name = self._dotted(node.func)
        if name in self.functions:
            return self._own_function(self.functions[name], arguments, keywords)
        bound = self.names.get(name)
        if isinstance(bound, Instance) and bound.kind in self.classes:
            # The class that a class method receives.
            name = bound.kind
        if name in self.classes:
            return self._made(name, arguments, keywords)
        if name.rpartition(".")[2] in CALLERS:
            return self._called_by(name, arguments, keywords)
        return self._function(name, arguments, keywords)

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return self.modules.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            return f"{self._dotted(node.value)}.{node.attr}"
        return ""

    def _own_function(self, node: Function, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        if self._depth >= _DEEPEST_CALL:
            return Unknown("a deep call")
        kept = dict(self.names)
        self.count_steps(len(kept) // ELEMENTS_OF_A_STEP)
        for name, default in defaults_of(node):
            self.names[name] = self.value(default)
        self.names.update(bound_arguments(node, arguments, keywords))
        self._depth += 1
        try:
            self.run(node.body)
        except ReturnedError as result:
            return result.value
        finally:
            self._depth -= 1
            changed = {name: self.names[name] for name in global_names(node) if name in self.names}
            self.names = {**kept, **changed}
        return None

    def _called_by(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """Calls the function that is given to a thread or a pool, with the first of each argument of `map`."""
        found = called_by(name.rpartition(".")[2], arguments, keywords)
        if found is None:
            return Unknown("a call")
        function, values, named_arguments = found
        if function.kind in self.functions:
            self._own_function(self.functions[function.kind], values, named_arguments)
        elif function.parent is not None:
            self._own_method(function.parent, function.kind.rpartition(".")[2], values, named_arguments)
        return Unknown("an answer")

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
            self.count_steps(len(items) // ELEMENTS_OF_A_STEP)
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

    def _made(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Instance:
        """Returns a new object of an own class."""
        made = Instance(f"{OWN}{name}")
        self.count_steps(size_of(self.classes, name))
        fields = fields_of(self.classes, name)
        made.attributes.update({field: self.value(value) for field, value in fields if value is not None})
        first = method_of(self.classes, made.kind, "__init__")
        if first is not None:
            self._own_function(first, [made, *arguments], keywords)
        else:
            made.attributes.update({**dict(zip(dict(fields), arguments, strict=False)), **keywords})
        return made

    def _method_of(self, holder: Instance, name: str) -> Function | None:
        """Returns the method of an own class that an object has under a name."""
        if holder.kind.removeprefix(OWN) not in self.classes:
            return None
        self.count_steps(size_of(self.classes, holder.kind) // ELEMENTS_OF_A_STEP)
        return method_of(self.classes, holder.kind, name)

    def _own_method(
        self, holder: Any, name: str, arguments: list[Any], keywords: dict[str, Any]
    ) -> tuple[bool, Any]:
        """Returns whether a call is that of a method of an own class, and its result."""
        if not isinstance(holder, Instance):
            return False, None
        method = self._method_of(holder, name)
        if method is None and name == "model_dump" and holder.kind.startswith(OWN):
            # An object of pydantic as a dict.
            return True, dict(holder.attributes)
        if method is None:
            return False, None
        if has_decorator(method, "staticmethod") or (
            holder.is_name and not has_decorator(method, "classmethod")
        ):
            return True, self._own_function(method, arguments, keywords)
        return True, self._own_function(method, [holder, *arguments], keywords)
