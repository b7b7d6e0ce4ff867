"""mapping_config.json: other names for a model's inputs and outputs (``parseModelMapping``, modelconfig.cpp).

No fault in it prevents the service of a model: the server continues without the mapping, or with the valid half of
it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ovms_doctor.model import server_log
from ovms_doctor.model.config_positions import LineColumn, index_of, last_key, position_of
from ovms_doctor.model.config_text import ConfigText, bytes_in_fragment
from ovms_doctor.model.facts import Tensor
from ovms_doctor.model.mapping import Mapping, MappingEffects, Pairs, Side
from ovms_doctor.model.releases import Release
from ovms_doctor.model.similar import similar_names
from ovms_doctor.prediction.config.syntax import syntax_hint
from ovms_doctor.prediction.config.text import LoneSurrogates, NestingError, NotJsonError, parse
from ovms_doctor.prediction.parameters.members import Members, pairs_of

#: The server's schema since v2022.3.0.1; before, each half was validated separately and its values were not.
_NAMES = {"type": "object", "additionalProperties": {"type": "string"}}
_SCHEMA = {
    "type": "object",
    "properties": {"outputs": _NAMES, "inputs": _NAMES},
    "additionalProperties": False,
}


_PLACEHOLDERS = {0xDC00 + byte: 0x10FF00 + byte for byte in range(0x80, 0x100)}
_ORIGINALS = {placeholder: surrogate for surrogate, placeholder in _PLACEHOLDERS.items()}


def read_mapping(
    data: bytes, path: str, model: str, release: Release, accepted: LoneSurrogates | None = None
) -> Mapping:
    """Returns how the server reads the file's bytes. Never raises. ``accepted``: the same bytes with low surrogates
    that the release accepts, which this function finds by itself."""
    import rapidjson

    old = not release.at_least(2022, 3, 0, 1)
    # The server does not validate the encoding; the parser here does, so other characters replace invalid bytes.
    read = data if accepted is None else accepted.data
    text = read.split(b"\0", 1)[0].decode("utf-8", "surrogateescape").translate(_PLACEHOLDERS)
    try:
        document = _reader()(text)
    except (ValueError, RecursionError):
        fault = _fault(read)
        stored = None if accepted or fault is None else LoneSurrogates.accepted(data, fault, release)
        if stored is not None:
            return read_mapping(data, path, model, release, stored)
        line = server_log.MAPPING_NOT_JSON_OLD() if old else server_log.MAPPING_INVALID(model=model)
        position, hint = _position_not_json(data, fault, accepted)
        return Mapping(path, problem="not_json", log=(line,), position=position, hint=hint)
    if old:
        return _halves(document, path)
    try:
        rapidjson.Validator(rapidjson.dumps(_SCHEMA))(text)
    except rapidjson.ValidationError as error:
        keyword, schema, key = error.args
        message = server_log.CONFIG_SCHEMA_OLD if release.has_old_schema_message else server_log.CONFIG_SCHEMA
        line = message(schema=schema, keyword=keyword, key=bytes_in_fragment(key))
        log = (line, server_log.MAPPING_INVALID(model=model))
        found = index_of(data).position(key)
        hint = _against_schema(keyword, last_key(bytes_in_fragment(key)))
        return Mapping(path, problem="schema", log=log, position=found, hint=hint)
    missing = [half for half in ("inputs", "outputs") if half not in document]
    return Mapping(
        path,
        _names(document.get("inputs")),
        _names(document.get("outputs")),
        "half" if missing else "",
        tuple(server_log.MAPPING_HALF(half=half, path=path) for half in missing),
        _real_names(document.get("inputs")),
        _real_names(document.get("outputs")),
    )


def _fault(data: bytes) -> NotJsonError | None:
    """Returns the first error of the text; None if it is nested too deeply."""
    try:
        parse(ConfigText.of(data))
    except NotJsonError as error:
        return error
    except NestingError:
        pass
    return None


def _position_not_json(
    data: bytes, fault: NotJsonError | None, accepted: LoneSurrogates | None
) -> tuple[LineColumn | None, str]:
    if fault is None:
        return None, ""
    text = ConfigText.of(data).text
    at = fault.at if accepted is None else accepted.original_index(fault.at)
    return position_of(text, at), syntax_hint(text, at, fault.message) or fault.message


def _against_schema(keyword: str, key: str) -> str:
    """Returns the right type of the wrong key: the halves are objects, their values texts, and there are no other
    keys."""
    if keyword == "additionalProperties":
        close = similar_names(key.lower(), ("inputs", "outputs"), 1, 0.6)
        return f"{key} is not a key of this file" + (
            f": did you mean {close[0]}?" if close else "; only inputs and outputs are"
        )
    if key in ("", "#"):
        return "it is not an object"
    return (
        f"{key} is not an object" if key in ("inputs", "outputs") else f"the value of {key} is not a string"
    )


def _halves(document: Any, path: str) -> Mapping:
    """Reads the file as until v2022.3: a half is read if it exists, both are objects, and the file contains nothing
    else."""
    is_valid = (
        isinstance(document, dict)
        and not set(document) - {"inputs", "outputs"}
        and all(isinstance(half, dict) for half in document.values())
    )
    taken = document if is_valid else {}
    missing = [half for half in ("inputs", "outputs") if half not in taken]
    return Mapping(
        path,
        _names(taken.get("inputs")),
        _names(taken.get("outputs")),
        "" if not missing else "half" if is_valid else "schema",
        tuple(server_log.MAPPING_HALF(half=half, path=path) for half in missing),
        _real_names(taken.get("inputs")),
        _real_names(taken.get("outputs")),
    )


def _names(half: Any) -> Pairs:
    """Returns the pairs in the order of the names, like the server's map. Values that are not text are left out."""
    pairs = half.items() if isinstance(half, dict) else ()
    return tuple(
        sorted(
            (name.translate(_ORIGINALS), alias.translate(_ORIGINALS))
            for name, alias in pairs
            if isinstance(alias, str)
        )
    )


def _real_names(half: Any) -> Pairs:
    """Returns the reverse mapping: an entry that an equal key overwrites in one map is kept in the other
    (``reversedMappingInputs``)."""
    pairs = pairs_of(half) if isinstance(half, dict) else ()
    names = {
        alias.translate(_ORIGINALS): name.translate(_ORIGINALS)
        for name, alias in pairs
        if isinstance(alias, str)
    }
    return tuple(sorted(names.items()))


@cache
def _reader() -> Any:
    import rapidjson

    class Reader(rapidjson.Decoder):
        """Reads equal keys: at the top the first counts (FindMember); below, the last one overwrites."""

        def start_object(self) -> list[tuple[str, Any]]:
            return []

        def end_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            first: dict[str, Any] = {}
            for key, value in pairs:
                if key not in first or not isinstance(value, dict):
                    first[key] = value
            return first if len(first) == len(pairs) else Members(first, pairs)

    return Reader(number_mode=rapidjson.NM_NATIVE)


def effects(mapping: Mapping, side: Side, tensors: tuple[Tensor, ...]) -> MappingEffects:
    """Applies a mapping to the tensors: the server searches each by the first of its names."""
    names = [tensor_name(tensor) for tensor in tensors]
    shared: dict[str, list[str]] = {}
    for name in names:
        shared.setdefault(mapping.alias(side, name) or name, []).append(name)
    return MappingEffects(
        side,
        tuple(name for name, _ in mapping.pairs(side) if name not in names),
        tuple((alias, tuple(group)) for alias, group in shared.items() if len(group) > 1),
    )


def tensor_name(tensor: Tensor) -> str:
    """Applies ``get_any_name``: returns the first of a tensor's names in their order; empty if it has none."""
    return min(tensor.names, default="")
