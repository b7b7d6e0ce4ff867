"""The model parameters: what the server makes of their text, and what it then asks of the model."""

from ovms_doctor.serving.parameters.parsed import (
    Dimension,
    Layout,
    LayoutPair,
    ParameterWarning,
    ParsedParameters,
    Refusal,
    Shape,
    parse_parameters,
)

__all__ = [
    "Dimension",
    "Layout",
    "LayoutPair",
    "ParameterWarning",
    "ParsedParameters",
    "Refusal",
    "Shape",
    "parse_parameters",
]
