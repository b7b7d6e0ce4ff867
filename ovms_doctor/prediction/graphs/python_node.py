"""Nodes of PythonExecutorCalculator: the file with their code. What the code does is not predicted.

Source: createPythonNodeResources (src/python/pythonnoderesources.cpp, v2023.3 to v2026.3).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, Failure, PathStatus, ReadFile, StatPath, Unavailable
from ovms_doctor.model.graph_plan import ServableFault
from ovms_doctor.prediction.graphs.model_directory import UnavailableFileError
from ovms_doctor.prediction.graphs.validation import Node
from ovms_doctor.prediction.paths import absolute

_IMPORT_FAILED = "PYTHON_NODE_FILE_STATE_INITIALIZATION_FAILED"


def handler_faults(
    node: Node, base_path: str, deployment: Deployment, facts: Facts
) -> Iterator[ServableFault]:
    """Yields the fault of the file that ``handler_path`` names, relative to the base path of the graph: it must exist,
    and the import of a .py file reads it. Raises FactsMissingError, UnavailableFileError."""
    field = None if node.options is None else node.options.first("handler_path")
    name = field.value if field is not None and isinstance(field.value, str) else ""
    line = node.line if field is None else field.line
    path = posixpath.normpath(posixpath.join(base_path, name))
    absolute_path = absolute(path, deployment.working_directory)
    status = facts.ask(StatPath(absolute_path))
    if isinstance(status, Unavailable):
        raise UnavailableFileError(f"{path}: {status.reason}")
    if isinstance(status, Failure) and status.missing:
        yield ServableFault(
            "handler_missing",
            "failed",
            node.name,
            path=path,
            subject="handler_path",
            status="PYTHON_NODE_FILE_DOES_NOT_EXIST",
            log=(f"Python node handler_path: {path} does not exist. ",),
            line=line,
        )
    elif isinstance(status, Failure):
        # std::filesystem::exists throws.
        yield ServableFault("file_denied", "escaped", node.name, path=path, subject="handler_path", line=line)
    elif isinstance(status, PathStatus) and status.kind == "regular" and path.endswith(".py"):
        content = facts.ask(ReadFile(absolute_path, 1))
        if isinstance(content, Unavailable):
            raise UnavailableFileError(f"{path}: {content.reason}")
        if isinstance(content, Failure):
            yield ServableFault(
                "file_denied",
                "failed",
                node.name,
                path=path,
                subject="handler_path",
                status=_IMPORT_FAILED,
                line=line,
            )
