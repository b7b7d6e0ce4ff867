"""ovms-doctor: says what OpenVINO Model Server will do with what it was given, and why."""

__version__ = "0.1.0"
