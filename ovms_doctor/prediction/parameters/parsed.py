"""The model parameters as the server parses them, before it reads any model.

In a configuration ``ModelConfig::parseNode`` (modelconfig.cpp), on the command line ``ModelManager::startFromConfig``
(modelmanager.cpp). A malformed shape is ignored in a configuration and ends the process on the command line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ovms_doctor.model import server_log
from ovms_doctor.model.config_text import ConfigText
from ovms_doctor.model.deployment import ModelEntry, ModelParameters
from ovms_doctor.model.host import HostDevices
from ovms_doctor.model.parameters import (
    ANONYMOUS,
    NO_PLUGIN_CONFIG,
    Device,
    Dimension,
    ParameterWarning,
    ParsedParameters,
    PluginConfig,
    Refusal,
    Shape,
)
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.config.text import LoneSurrogates, NestingError, NotJsonError, parse
from ovms_doctor.prediction.parameters.devices import target_device
from ovms_doctor.prediction.parameters.layouts import parse_layout
from ovms_doctor.prediction.parameters.members import last_of_equals, pairs_of, parse_json
from ovms_doctor.prediction.parameters.plugin_config import parse_plugin_config, unsupported_key
from ovms_doctor.prediction.parameters.preprocessing import (
    COLOR_FORMATS,
    PRECISIONS,
    parse_numbers,
    parse_pair,
)
from ovms_doctor.prediction.parameters.shapes import ParameterFormatError, parse_dimension, parse_shape

#: A new decoder for each text costs more than reading most texts.
_DECODER = json.JSONDecoder(object_pairs_hook=last_of_equals)


def parse_parameters(
    entry: ModelEntry, release: Release, devices: HostDevices | None = None
) -> ParsedParameters:
    """Returns the parameters of an entry as the server reads them. Never raises for any value. ``devices``: the devices
    that the server has, None if they are not known; the server uses one of them if no device is configured."""
    # In a configuration of thousands, most entries have equal parameters; only a refusal names the model.
    parsed = _parsed(entry.parameters, "", release, devices)
    if parsed.problem is None and parsed.abort is None:
        return parsed
    return _parsed(entry.parameters, entry.name, release, devices)


@lru_cache(maxsize=1 << 14)
def _parsed(
    parameters: ModelParameters, name: str, release: Release, devices: HostDevices | None
) -> ParsedParameters:
    return _Reading(parameters, name, release, devices).read()


class _ParameterRefusedError(Exception):
    def __init__(self, parameter: str, status: str, log: tuple[str, ...]) -> None:
        super().__init__(parameter)
        self.parameter = parameter
        self.refusal = Refusal(status, log)


class _ReadingEndsError(Exception):
    """The exception with which the server ends when it reads a parameter; its argument is the text."""

    def __init__(self, parameter: str, text: str) -> None:
        super().__init__(text)
        self.parameter = parameter


class _Reading:
    """One entry being parsed: the values and warnings so far."""

    def __init__(
        self, parameters: ModelParameters, name: str, release: Release, devices: HostDevices | None
    ) -> None:
        self._name = name
        self._texts = dict(reversed(parameters.values))
        self._devices = devices
        self._release = release
        self._arguments = parameters.source == "arguments"
        self._warnings: list[ParameterWarning] = []
        self._found: dict[str, Any] = {}

    def read(self) -> ParsedParameters:
        device = self._value("target_device")
        self._found["device"] = target_device(device if isinstance(device, str) else None, self._release)
        steps: tuple[Callable[[], None], ...]
        if self._arguments:
            steps = (
                self._batch,
                self._integer_options,
                self._plugin_config,
                self._supported_keys,
                self._shape_argument,
                self._layout,
                self._preprocessing,
                self._ignore_batch,
            )
        else:
            steps = (
                self._batch,
                self._integer_options,
                self._shape_key,
                self._layout,
                self._preprocessing,
                self._plugin_config,
                self._stateful,
                self._ignore_batch,
                self._loader,
                self._supported_keys,
            )
        refused: dict[str, Any] = {}
        try:
            for step in steps:
                step()
        except _ParameterRefusedError as stop:
            aborts = stop.refusal.status == "MODEL_CONFIG_INVALID"
            refused = {"abort" if aborts else "problem": stop.refusal, "at": stop.parameter}
        except _ReadingEndsError as stop:
            refused = {"exception": str(stop), "at": stop.parameter}
        return ParsedParameters(**{**self._found, **refused}, warnings=tuple(self._warnings))

    # -- helpers -----------------------------------------------------------------------------------
    def _value(self, name: str) -> Any:
        text = self._texts.get(name)
        if text is None:
            return None
        try:
            return _DECODER.decode(text)
        except (ValueError, RecursionError):
            return None

    def _json(self, text: str) -> Any:
        """Returns a parameter's text as RapidJSON reads it. Raises ParameterFormatError."""
        import rapidjson

        try:
            return parse_json(text.split("\0", 1)[0], number_mode=rapidjson.NM_NATIVE)
        except (ValueError, RecursionError, TypeError):
            try:
                # Integers beyond 64 bits are a number to the server too.
                return parse_json(text.split("\0", 1)[0])
            except (ValueError, RecursionError, TypeError):
                return self._with_lone_surrogates(text)

    def _with_lone_surrogates(self, text: str) -> Any:
        """Returns a text as RapidJSON reads it where only low surrogates without a high one are refused. Raises
        ParameterFormatError."""
        try:
            data = text.encode("utf-8", "surrogateescape")
            try:
                return parse(ConfigText.of(data)).value
            except NotJsonError as error:
                accepted = LoneSurrogates.accepted(data, error, self._release)
                if accepted is not None:
                    return parse(ConfigText.of(accepted.data)).value
        except (UnicodeEncodeError, NotJsonError, NestingError):
            pass
        raise ParameterFormatError

    def _warn(self, parameter: str, value: object, kind: str, *log: str) -> None:
        self._warnings.append(ParameterWarning(parameter, str(value), kind, log))

    def _refuse(self, parameter: str, status: str, *log: str) -> _ParameterRefusedError:
        """Returns the exception: the entry of a configuration is left out; a server with this argument ends."""
        if not self._arguments:
            text = server_log.STATUS_TEXT.get(status, status)
            line = server_log.ENTRY_REFUSED(model=self._name, status=text)
            return _ParameterRefusedError(parameter, status, (*log, line))
        return _ParameterRefusedError(parameter, status, log)

    # -- batch_size, shape -------------------------------------------------------------------------
    def _batch(self) -> None:
        value = self._value("batch_size")
        if isinstance(value, int) and not isinstance(value, bool):
            self._found["batch"] = self._batch_of_number(value)
        elif value == "auto":
            self._found["batch_auto"] = True
            self._deprecated("batch_size", server_log.BATCH_AUTO_DEPRECATED())
        elif isinstance(value, str) and value:
            try:
                self._found["batch"] = parse_dimension(value)
            except ParameterFormatError as error:
                self._warn("batch_size", value, "ignored", *error.log, server_log.BATCH_IGNORED())

    def _batch_of_number(self, value: int) -> Dimension:
        """Returns the batch size of an unsigned 64-bit number, which becomes a signed one (``setBatchingParams``,
        modelconfig.hpp). Raises _ReadingEndsError: since v2022.2 ``Dimension`` throws below -1 (shape.cpp), and
        nothing catches it before the server ends."""
        signed = value - (1 << 64) if value >= 1 << 63 else value
        if signed < -1 and self._release.at_least(2022, 2):
            raise _ReadingEndsError("batch_size", "Range must not be lower than -1")
        return Dimension(signed, signed)

    def _deprecated(self, parameter: str, line: str) -> None:
        if self._release.at_least(2023, 3):
            self._warn(parameter, "auto", "deprecated", line)

    def _parse_shape(self, text: str) -> Shape:
        shape = parse_shape(text)
        if shape.auto:
            self._deprecated("shape", server_log.SHAPE_AUTO_DEPRECATED())
        return shape

    def _shape_argument(self) -> None:
        text = self._value("shape")
        if not isinstance(text, str) or not text:
            return
        try:
            if text[0] == "(" or text == "auto":
                self._found["shapes"] = ((ANONYMOUS, self._parse_shape(text)),)
                return
            document = self._json(text)
            shapes = {name: self._parse_shape(one) for name, one in _texts(document)}
            self._found["shapes"] = tuple(sorted(shapes.items(), key=lambda item: item[0]))
        except ParameterFormatError as error:
            lines = (*error.log, server_log.SHAPE_UNPARSABLE())
            raise self._refuse("shape", "SHAPE_WRONG_FORMAT", *lines) from None

    def _shape_key(self) -> None:
        value = self._value("shape")
        if isinstance(value, str):
            value = {ANONYMOUS: value}
            anonymous = True
        else:
            anonymous = False
        if not isinstance(value, dict):
            return
        shapes: dict[str, Shape] = {}
        for name, text in pairs_of(value):
            try:
                shape = self._shape_of_key(text)
                if anonymous or name != ANONYMOUS:
                    shapes[name] = shape
            except ParameterFormatError as error:
                label = text if anonymous else name
                line = server_log.SHAPE_IGNORED(shape=label).rstrip()
                self._warn("shape", text, "ignored", *error.log, line)
            if name == ANONYMOUS and not anonymous:
                self._warn("shape", text, "reserved", server_log.SHAPE_NAME_FORBIDDEN(name=name))
        self._found["shapes"] = tuple(sorted(shapes.items(), key=lambda item: item[0]))

    def _shape_of_key(self, value: object) -> Shape:
        if isinstance(value, list):
            # Until v2022.3 the schema accepted lists of numbers.
            if not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in value):
                raise ParameterFormatError
            return Shape(tuple(Dimension(one, one) for one in value))
        return self._parse_shape(value if isinstance(value, str) else "")

    def _ignore_batch(self) -> None:
        """Ignores batch_size if a shape is set too. On the command line the server reads a missing batch_size as set;
        only 0 counts as unset."""
        batch: Dimension | None = self._found.get("batch")
        has_batch = batch is not None or self._found.get("batch_auto", False)
        if not has_batch or not self._found.get("shapes"):
            return
        if self._arguments and batch == Dimension(0, 0):
            return
        self._found.update(batch=None, batch_auto=False)
        self._warn("batch_size", self._value("batch_size"), "both", server_log.BOTH_SHAPE_AND_BATCH())

    # -- the rest ----------------------------------------------------------------------------------
    def _integer_options(self) -> None:
        value = self._value("nireq")
        if isinstance(value, str):
            value = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else 0
        if isinstance(value, int):
            # Kept as 32 bits without a sign.
            self._found["nireq"] = value & 0xFFFFFFFF
        self._found["allow_cache"] = self._value("allow_cache") is True

    def _layout(self) -> None:
        value = self._value("layout")
        try:
            if isinstance(value, str) and value:
                if without_braces(value):
                    pair = parse_layout(value)
                    self._found["layout"] = pair if pair.is_set else None
                    return
                value = self._json(value)
            elif isinstance(value, str) or value is None:
                return
            layouts = {name: parse_layout(one) for name, one in _texts(value)}
            self._found["layouts"] = tuple(sorted(layouts.items(), key=lambda item: item[0]))
        except ParameterFormatError:
            log = (server_log.LAYOUT_UNPARSABLE(),) if self._arguments else ()
            raise self._refuse("layout", "LAYOUT_WRONG_FORMAT", *log) from None

    def _preprocessing(self) -> None:
        if not self._release.at_least(2026, 0):
            return
        values: dict[str, Any] = {}
        for name, label, status in (
            ("mean", "mean", "FLOAT_WRONG_FORMAT"),
            ("scale", "scale", "FLOAT_WRONG_FORMAT"),
            ("color_format", "color format", "COLOR_FORMAT_WRONG_FORMAT"),
            ("precision", "precision", "PRECISION_WRONG_FORMAT"),
        ):
            text = self._value(name)
            if not isinstance(text, str) or not text:
                continue
            try:
                if name in ("mean", "scale"):
                    values[name] = parse_numbers(text)
                else:
                    allowed = COLOR_FORMATS if name == "color_format" else PRECISIONS
                    values[name] = parse_pair(text, allowed, label)
            except ParameterFormatError as error:
                line = server_log.PREPROCESSING_UNPARSABLE(parameter=label)
                raise self._refuse(name, status, *error.log, *((line,) if self._arguments else ())) from None
        order = ("color_format", "precision", "mean", "scale")
        self._found["steps"] = tuple((name, values[name]) for name in order if name in values)

    def _plugin_config(self) -> None:
        value = self._value("plugin_config")
        if value is None or value == "":
            return
        try:
            document = self._json(value) if isinstance(value, str) else value
            config = parse_plugin_config(document, self._release)
        except ParameterFormatError as error:
            lines = (*error.log, server_log.PLUGIN_CONFIG_UNPARSABLE())
            raise self._refuse("plugin_config", "PLUGIN_CONFIG_WRONG_FORMAT", *lines) from None
        self._found["plugin_config"] = config
        if config.log:
            self._warn("plugin_config", value, "deprecated", *config.log)

    def _supported_keys(self) -> None:
        config: PluginConfig = self._found.get("plugin_config", NO_PLUGIN_CONFIG)
        device: Device = self._found["device"]
        key = unsupported_key(config, device, self._release, self._devices)
        if key is not None:
            self._found["key"] = key
            lines = (
                server_log.PLUGIN_KEY_UNKNOWN(key=key, device=device.text),
                server_log.PLUGIN_KEYS_UNSUPPORTED(),
            )
            raise _ParameterRefusedError("plugin_config", "MODEL_CONFIG_INVALID", lines)

    def _stateful(self) -> None:
        """Reads the parameters of stateful models, until v2026.2; since v2026.3 the schema has none of these keys."""
        stateful = self._value("stateful")
        self._found["stateful"] = stateful if isinstance(stateful, bool) else None
        for name, message in (
            ("low_latency_transformation", server_log.LOW_LATENCY_NOT_STATEFUL),
            ("idle_sequence_cleanup", server_log.CLEANUP_NOT_STATEFUL),
            ("max_sequence_number", server_log.SEQUENCES_NOT_STATEFUL),
        ):
            if self._value(name) is None:
                continue
            if stateful is not True:
                line = message(model=self._name)
                raise self._refuse(name, "INVALID_NON_STATEFUL_MODEL_PARAMETER", line)
        value = self._value("max_sequence_number")
        if isinstance(value, int) and not 0 <= value < 1 << 32:
            line = server_log.MAX_SEQUENCE_TOO_HIGH(model=self._name)
            raise self._refuse("max_sequence_number", "INVALID_MAX_SEQUENCE_NUMBER", line)

    def _loader(self) -> None:
        value = self._value("custom_loader_options")
        if isinstance(value, dict) and isinstance(value.get("loader_name"), str):
            self._found["custom_loader"] = value["loader_name"]
        if isinstance(value, dict) and not all(isinstance(one, str) for one in value.values()):
            self._warn("custom_loader_options", value, "ignored", server_log.LOADER_OPTIONS_UNPARSABLE())


def end_of_reading(parsed: ParsedParameters, path: str | None, pointer: str) -> StartProblem:
    """Returns the end of the process by the exception of an entry's parameter. ``path``: the file; ``pointer``: the
    JSON pointer of the entry in it."""
    return StartProblem(
        "parameter",
        "INTERNAL_ERROR",
        1,
        (server_log.ENDS_BY_EXCEPTION(what=parsed.exception),),
        path=path,
        text=parsed.at,
        pointer=f"{pointer}/{parsed.at}",
    )


def _texts(document: Any) -> tuple[tuple[str, str], ...]:
    """Returns all members of an object of texts. Raises ParameterFormatError for another value."""
    if not isinstance(document, dict) or not all(isinstance(one, str) for _, one in pairs_of(document)):
        raise ParameterFormatError
    return pairs_of(document)


def without_braces(text: str) -> bool:
    """Returns whether the server reads a layout as that of the only input: its first letter is not ``{``."""
    return not text.lstrip(" \t\n\v\f\r").startswith("{")
