"""The model parameters: what the server makes of their text, and what it then asks of the model."""

from ovms_doctor.prediction.parameters.devices import Device
from ovms_doctor.prediction.parameters.layouts import LayoutPair
from ovms_doctor.prediction.parameters.parsed import (
    ANONYMOUS,
    ParameterWarning,
    ParsedParameters,
    Refusal,
    parse_parameters,
)
from ovms_doctor.prediction.parameters.shapes import Dimension, Shape

__all__ = [
    "ANONYMOUS",
    "Device",
    "Dimension",
    "LayoutPair",
    "ParameterWarning",
    "ParsedParameters",
    "Refusal",
    "Shape",
    "parse_parameters",
]
