"""The texts in this program's code and data, which its rules can compare with."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from types import CodeType
from typing import Any

import ovms_doctor
from ovms_doctor.model.pseudonyms import KeptWords

#: The packages with rules, and those that read and write texts for comparison.
_PACKAGES = ("checks", "diagnosis", "inputs", "model", "prediction", "probes")
#: Data of the rules.
_DATA = (
    "explain/data/general.json",
    "explain/data/signatures.json",
    "model/releases/data/graph-messages.json",
    "model/releases/data/mediapipe-names.json",
    "model/releases/data/openvino-messages.json",
    "model/releases/data/opset-operations.json",
    "model/releases/data/plugin-properties.json",
)


@cache
def kept_words() -> KeptWords:
    """Returns the texts that redaction keeps."""
    return KeptWords.of(_texts())


def _texts() -> Iterator[str]:
    for package in _PACKAGES:
        for code in _code_below(package):
            yield from _constants(code)
    for path in _DATA:
        yield from _json_texts(json.loads((files(ovms_doctor) / path).read_text("utf-8")))


def _code_below(package: str) -> Iterator[CodeType]:
    """Yields the compiled modules of a package; none of them is run."""
    waiting = [(f"{ovms_doctor.__path__[0]}/{package}", f"ovms_doctor.{package}.")]
    while waiting:
        directory, prefix = waiting.pop()
        for module in pkgutil.iter_modules([directory], prefix):
            spec: Any = module.module_finder.find_spec(module.name, None)
            yield spec.loader.get_code(module.name)
            if module.ispkg:
                waiting.append((f"{directory}/{module.name.rpartition('.')[2]}", f"{module.name}."))


def _constants(code: CodeType) -> Iterator[str]:
    """Yields the texts in compiled code, except docstrings."""
    for index, value in enumerate(code.co_consts):
        if isinstance(value, CodeType):
            yield from _constants(value)
        elif index or code.co_flags & _OPTIMIZED == 0:
            yield from _inside(value)


#: The code of a function (CO_OPTIMIZED), whose first constant is its docstring.
_OPTIMIZED = 1


def _inside(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        # The first bytes of a format, such as GGUF.
        yield value.decode("latin-1")
    elif isinstance(value, tuple | frozenset):
        for item in value:
            yield from _inside(item)


def _json_texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _json_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _json_texts(item)
