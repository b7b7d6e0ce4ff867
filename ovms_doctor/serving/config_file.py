"""The former name of :mod:`ovms_doctor.serving.config`."""

from ovms_doctor.serving.config.policy import parse_policy
from ovms_doctor.serving.config.reading import read_config

__all__ = ["parse_policy", "read_config"]
