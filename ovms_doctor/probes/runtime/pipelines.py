"""Loads the pipelines of generative models with OpenVINO GenAI, in a child process, in the server's order of calls."""

from __future__ import annotations

import ctypes
import glob
import importlib
import json
import os
import resource
import sys
from collections.abc import Sequence
from typing import Any, Final, Literal

from ovms_doctor.model.facts import LoadReport
from ovms_doctor.probes.recording.active import record_directory
from ovms_doctor.probes.runtime.backend import RuntimeUnavailableError, error_text
from ovms_doctor.probes.runtime.read import (
    OUT_OF_MEMORY,
    address_space_growth,
    limited_address_space,
    one_heap,
    package_directory,
    size_below,
)

_PACKAGE: Final = "openvino_genai"
#: Pipelines of each task; one of them must load. Text generation, embeddings and rerank use other calls.
_PIPELINES: Final = {
    "image_generation": ("InpaintingPipeline", "Image2ImagePipeline", "Text2ImagePipeline"),
    "speech2text": ("WhisperPipeline",),
    "text2speech": ("Text2SpeechPipeline",),
}


class Pipelines:
    """OpenVINO GenAI in this process."""

    def __init__(self) -> None:
        #: Bytes that a load may use, None for no limit of its own.
        self.memory_limit: int | None = None
        #: The version of OpenVINO GenAI; empty before it is prepared.
        self.version = ""
        self._genai: Any = None
        self._openvino: Any = None
        self._directories: list[str] = []

    def prepare(self) -> None:
        """Imports the library and the files that it would open later; opens no file of a user. Raises
        RuntimeUnavailableError."""
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
        one_heap()
        try:
            self._directories = [package_directory(name) for name in ("openvino", _PACKAGE)]
        except RuntimeUnavailableError as error:
            raise RuntimeUnavailableError(f"{error} (pip install 'ovms-doctor[genai]')") from error
        # It reports every import to its maker.
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        sys.dont_write_bytecode = True
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        try:
            self._openvino = importlib.import_module("openvino")
            self._genai = importlib.import_module(_PACKAGE)
            self._directories.append(package_directory("openvino_tokenizers"))
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            raise RuntimeUnavailableError(f"{_PACKAGE} cannot be used: {text}") from error
        self.version = str(getattr(self._genai, "__version__", "")).split("-")[0]
        self._compile_something()
        for library in glob.glob(os.path.join(self._directories[0], "libs", "libopenvino_*.so*")):
            try:
                ctypes.CDLL(library)
            except OSError:
                continue

    def _compile_something(self) -> None:
        """Loads modules and plugins that are otherwise loaded at first use, when the user may have no access to the
        libraries' directories."""
        importlib.import_module("dataclasses")
        operations = importlib.import_module("openvino.opset8")
        data = operations.parameter([1], self._openvino.Type.f32)
        model = self._openvino.Model([operations.relu(data)], [data], "model")
        self._openvino.Core().compile_model(model, "CPU")

    def load(self, path: str, task: str, properties: Sequence[tuple[str, str]]) -> LoadReport:
        """Loads the model in the directory ``path`` for ``task`` on the CPU. Raises RuntimeUnavailableError if the
        process's present user may not read the libraries."""
        for directory in self._directories:
            if not os.access(directory, os.R_OK | os.X_OK):
                raise RuntimeUnavailableError(
                    f"user {os.getuid()} has no read permission on OpenVINO GenAI's libraries"
                )
        config = {key: json.loads(value) for key, value in properties}
        growth = address_space_growth(size_below(path), "compile", self.memory_limit, os.cpu_count() or 1)
        outcome: Literal["ok", "failed", "out_of_memory"] = "ok"
        message = ""
        record_directory(path)
        with limited_address_space(growth):
            try:
                self._load(path, task, config)
            except MemoryError:
                outcome = "out_of_memory"
            except Exception as error:  # noqa: BLE001 - any exception of the library is the answer
                message = error_text(error)
                outcome = "out_of_memory" if OUT_OF_MEMORY.search(message) else "failed"
        detail = f"the load was allowed {growth} bytes of address space" if outcome == "out_of_memory" else ""
        return LoadReport("compile", outcome, "compile", message, self.version, detail=detail)

    def _load(self, path: str, task: str, config: dict[str, Any]) -> None:
        """Makes the calls of the servables' initialisers (src/llm, src/sidepacket_servable.cpp, src/audio,
        src/image_gen)."""
        if task == "text_generation":
            scheduler = self._genai.SchedulerConfig()
            scheduler.cache_size = 0
            self._genai.ContinuousBatchingPipeline(path, scheduler, "CPU", config, {})
        elif task in ("embeddings", "rerank"):
            self._genai.Tokenizer(path, add_special_tokens=False)
            core = self._openvino.Core()
            core.compile_model(core.read_model(os.path.join(path, "openvino_model.xml")), "CPU", config)
        else:
            self._first_of(_PIPELINES[task], path, config)

    def _first_of(self, names: Sequence[str], path: str, config: dict[str, Any]) -> None:
        error: Exception | None = None
        for name in names:
            try:
                getattr(self._genai, name)(path, "CPU", **config)
                return
            except Exception as thrown:  # noqa: BLE001 - any exception of the library is the answer
                error = thrown
        assert error is not None
        raise error
