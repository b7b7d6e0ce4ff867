"""What the rules may ask about the world.

Every path in a question is the *server's* path; a collector knows where it lies on this host.
Every question about a path is asked as the server's user: what is answered is what *it* would see.
Paths are text as ``os.fsdecode`` gives it (bytes that are not UTF-8 become lone surrogates).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ModelFormat: TypeAlias = Literal["ir", "onnx", "paddle", "saved_model", "frozen", "tflite"]
LoadLevel: TypeAlias = Literal["read", "compile"]


@dataclass(frozen=True, slots=True)
class StatPath:
    """stat(2) of a path, links followed. Answer: PathStatus, Failure or Unavailable."""

    path: str


@dataclass(frozen=True, slots=True)
class ListDirectory:
    """The entries of a directory, in the file system's order. Answer: Listing, Failure or Unavailable."""

    path: str


@dataclass(frozen=True, slots=True)
class ReadFile:
    """The first ``limit`` bytes of a regular file. Answer: FileContent, Failure or Unavailable.

    Asked only after StatPath said that the path is a regular file: opening anything else may hang.
    """

    path: str
    limit: int


@dataclass(frozen=True, slots=True)
class InspectModel:
    """What the bytes of a model say, read without OpenVINO.

    ``path`` is the file (for a SavedModel the directory, ending in ``/``) that the server hands to
    ``read_model``. Answer: ModelInspection, Failure or Unavailable.
    """

    path: str
    format: ModelFormat


@dataclass(frozen=True, slots=True)
class LoadModel:
    """What OpenVINO does with a model, tried in a child process. Answer: LoadReport or Unavailable."""

    path: str
    level: LoadLevel


Question: TypeAlias = StatPath | ListDirectory | ReadFile | InspectModel | LoadModel
