"""The names in shape and layout against the model's (``validateConfigurationAgainstNetwork``, modelinstance.cpp)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from ovms_doctor.model import server_log
from ovms_doctor.model.facts import Tensor
from ovms_doctor.model.mapping import Mapping, Side
from ovms_doctor.model.parameters import ANONYMOUS, ParsedParameters


class WrongName(Struct, frozen=True):
    """The reason why a name does not fit the model."""

    #: The parameter with the name.
    parameter: Literal["shape", "layout"]
    #: The kind of fault.
    reason: Literal["anonymous", "mapped", "unknown_tensor"]
    #: The server's status.
    status: str
    #: The server's message.
    line: str
    #: The name in the parameter.
    name: str = ""
    #: The name in the mapping.
    alias: str = ""


def wrong_name(
    parameters: ParsedParameters,
    mapping: Mapping,
    inputs: tuple[Tensor, ...],
    outputs: tuple[Tensor, ...],
) -> WrongName | None:
    """Returns the first fault of the names, in the server's order; None if there is none."""
    anonymous = parameters.anonymous_shape
    if len(inputs) > 1:
        if anonymous is not None and not anonymous.auto:
            line = server_log.ANONYMOUS_SHAPE()
            return WrongName("shape", "anonymous", "ANONYMOUS_FIXED_SHAPE_NOT_ALLOWED", line)
        if parameters.layout is not None:
            line = server_log.ANONYMOUS_LAYOUT()
            return WrongName("layout", "anonymous", "ANONYMOUS_FIXED_LAYOUT_NOT_ALLOWED", line)
    if not parameters.shapes and not parameters.layouts:
        return None
    shapes = (name for name, _ in parameters.shapes if name != ANONYMOUS)
    layouts = (name for name, _ in parameters.layouts)
    return _first("shape", shapes, mapping, {"input": inputs}) or _first(
        "layout", layouts, mapping, {"input": inputs, "output": outputs}
    )


def _first(
    parameter: Literal["shape", "layout"],
    names_given: Iterable[str],
    mapping: Mapping,
    sides: dict[Side, tuple[Tensor, ...]],
) -> WrongName | None:
    known = {side: {name for tensor in tensors for name in tensor.names} for side, tensors in sides.items()}
    for name in names_given:
        for side, names in known.items():
            alias = mapping.alias(side, name)
            if name in names and alias:
                line = server_log.NAME_MAPPED(what=parameter, name=name, alias=alias)
                status = f"CONFIG_{parameter.upper()}_MAPPED_BUT_USED_REAL_NAME"
                return WrongName(parameter, "mapped", status, line, name, alias)
        if not any(name in names or mapping.real_name(side, name) in names for side, names in known.items()):
            line = server_log.NAME_UNKNOWN(what=parameter, name=name)
            return WrongName(
                parameter, "unknown_tensor", f"CONFIG_{parameter.upper()}_IS_NOT_IN_MODEL", line, name
            )
    return None
