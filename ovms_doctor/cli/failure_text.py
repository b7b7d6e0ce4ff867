"""The message for an unexpected exception; for a missing package, how to install it."""

from __future__ import annotations

from ovms_doctor.model.text import redact

#: Module → the distribution that contains it, if its name is different.
_DISTRIBUTIONS = {
    "boto3": "boto3",
    "botocore": "boto3",
    "docker": "docker",
    "elftools": "pyelftools",
    "google": "google-cloud-storage",
    "grpc": "grpcio",
    "jinja2": "Jinja2",
    "msgspec": "msgspec",
    "openvino": "openvino",
    "prometheus_client": "prometheus-client",
    "psutil": "psutil",
    "rapidjson": "python-rapidjson",
    "rich": "rich",
    "typer": "typer",
    "yaml": "PyYAML",
}
_LONGEST = 500


def failure_text(error: BaseException) -> str:
    """Returns one sentence for users."""
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        package = _DISTRIBUTIONS.get(error.name.partition(".")[0])
        if package is not None:
            return f"the Python package {package} is missing: python3 -m pip install {package}"
    return f"{type(error).__name__}: {redact(str(error))[:_LONGEST]}"
