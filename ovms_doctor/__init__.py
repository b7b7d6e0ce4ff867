"""ovms-doctor: reports what OpenVINO Model Server will do with its configuration and models, and why."""

__version__ = "0.1.0"
