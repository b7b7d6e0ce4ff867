"""The model parameters against a model that was read: what OVMS and OpenVINO do before it is AVAILABLE.

Follows ``ModelInstance::loadTensors``, ``loadOVCompiledModel`` and ``prepareInferenceRequestsQueue``
(modelinstance.cpp). Names and ranks are checked here; OpenVINO is queried if only OpenVINO shows the result.
"""

from __future__ import annotations

import json
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CompileRefused, CouldNotLook, NoTensors, ParameterRefused, RuntimeCrashes
from ovms_doctor.model.facts import Facts, LoadModel, LoadReport, Preparation, Tensor, Unavailable
from ovms_doctor.model.mapping import Mapping, Side
from ovms_doctor.model.parameters import ANONYMOUS, DeviceVerdict, LayoutPair, ParsedParameters
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import Attempt
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.mapping import tensor_name
from ovms_doctor.prediction.parameters.layouts import fits_rank
from ovms_doctor.prediction.parameters.names import wrong_name

MOST_REQUESTS = 100_000
#: OpenVINO's message on a mean or scale whose number of values is not that of the channels.
_CHANNELS = "Number of channels and mean/values size mismatch"
#: OpenVINO's message on a value that the CPU's plugin does not accept. A key that it does not have may exist in another
#: release.
_VALUE_REFUSED = lazy_pattern(r"Wrong value|Could not (?:read|convert)")
_STEP_STATUS = {
    "input layout": ("UNKNOWN_ERROR", "layout", "layout"),
    "output layout": ("UNKNOWN_ERROR", "layout", "layout"),
    "preprocessing": ("UNKNOWN_ERROR", "preprocessing", "preprocessing"),
    "build": ("MODEL_NOT_LOADED", "build", "layout"),
    "reshape": ("RESHAPE_ERROR", "reshape", "shape"),
    "batch": ("MODEL_NOT_LOADED", "batch", "batch_size"),
}


def changes_the_load(parameters: ParsedParameters) -> bool:
    """Whether OpenVINO has other tasks than to read and compile on the CPU by default."""
    return bool(
        parameters.layout
        or parameters.layouts
        or parameters.steps
        or parameters.shapes
        or parameters.batch
        or parameters.batch_auto
        or parameters.device.text != "CPU"
        or parameters.plugin_config.values
    )


class ParameterValidation(Struct, frozen=True):
    """A model that was read, and its parameters."""

    #: The model's name.
    model: str
    #: The version's number.
    version: int
    #: The path as the server writes it.
    path: str
    #: The same path, absolute.
    absolute_path: str
    #: The release of the server.
    release: Release
    #: How far OpenVINO loads the model.
    level: Literal["none", "read", "compile"]
    #: The facts for the rules.
    facts: Facts
    #: The configured parameters.
    parameters: ParsedParameters
    #: The mapping of names.
    mapping: Mapping
    #: Whether the server still has the model of an earlier failed attempt, and skips layouts and preprocessing this
    #: time.
    kept: bool = False
    #: The CPU extension to load first.
    extension: str | None = None

    def judge(
        self, read: Attempt, inputs: tuple[Tensor, ...] | None, outputs: tuple[Tensor, ...] | None
    ) -> Attempt:
        """Returns the result with the parameters; ``read`` is the attempt without them. Raises FactsMissingError."""
        no_tensors = isinstance(read.cause, NoTensors)
        if not (read.outcome == "loaded" or no_tensors):
            return read
        if inputs is not None:
            wrong = wrong_name(self.parameters, self.mapping, inputs, outputs or ())
            if wrong is not None:
                cause = ParameterRefused(self.path, wrong.parameter, wrong.reason, wrong.name, wrong.alias)
                return self._fails(read, wrong.status, cause, wrong.line, server_log.VALIDATION_FAILED())
        if no_tensors:
            return read
        prepared = self._prepare(read, inputs, outputs)
        return prepared if prepared.outcome != "loaded" else self._requests(prepared)

    # -- questions for OpenVINO --------------------------------------------------------------------
    def _prepare(
        self, read: Attempt, inputs: tuple[Tensor, ...] | None, outputs: tuple[Tensor, ...] | None
    ) -> Attempt:
        if inputs is None or self.level == "none" or (read.report is None and read.tokenizers):
            return self._without_openvino(read, inputs or (), outputs or ())
        preparation = self._preparation(inputs, outputs or ())
        compiles = self._compiles_for_device()
        if not compiles:
            config = preparation.config if self.parameters.device.text == "CPU" else ()
            preparation = replace(preparation, device="CPU", config=config)
        level: Literal["read", "compile"] = "compile" if compiles else "read"
        if preparation == Preparation() and not self.kept:
            if read.report is not None and read.report.level == level:
                return self._scalar(read, inputs) or self._without_device(read)
            question = LoadModel(self.absolute_path, level, extension=self.extension)
        else:
            question = LoadModel(self.absolute_path, level, preparation, self.extension)
        report = self.facts.ask(question)
        if isinstance(report, Unavailable):
            cause = CouldNotLook(self.path, report.reason, report.timed_out)
            return replace(read, outcome="unknown", cause=cause)
        basis = "compiled" if report.level == "compile" and report.stage == "compile" else read.basis
        judged = self._judge_report(replace(read, report=report, basis=basis), inputs, report)
        if judged.outcome != "loaded" or (
            report.level == "compile" and not self._verdict.is_host_independent
        ):
            return judged
        return self._without_device(judged)

    @property
    def _verdict(self) -> DeviceVerdict:
        return self.parameters.verdict

    def _compiles_for_device(self) -> bool:
        """Returns whether this host's OpenVINO compiles for the device. A device that fails on every host costs nothing
        and gives the message; hardware is used only if the server's hardware is known."""
        if self._verdict.is_host_independent:
            return True
        return self.level == "compile" and (
            self._verdict.devices_known or not self.parameters.device.needs_hardware
        )

    def _without_device(self, base: Attempt) -> Attempt:
        """Returns the result if nothing can be compiled for the device, for any report of this host's OpenVINO."""
        if self._verdict.works is not False:
            return base
        cause = ParameterRefused(self.path, "target_device", "device")
        return self._fails(base, "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE", cause)

    def _preparation(self, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Preparation:
        parameters = self.parameters
        batch = parameters.batch
        return Preparation(
            () if self.kept else (*self._layouts("input", inputs), *self._layouts("output", outputs)),
            () if self.kept else tuple((name, json.dumps(value)) for name, value in parameters.steps),
            () if batch is not None else self._shapes(inputs),
            None if batch is None else batch.as_openvino(),
            parameters.device.without_missing(),
            parameters.plugin_config.values,
            self.kept,
        )

    def _layouts(self, side: Side, tensors: tuple[Tensor, ...]) -> tuple[tuple[str, ...], ...]:
        rows = []
        for index, tensor in enumerate(tensors):
            name = tensor_name(tensor) or f"out_{index}"
            pair = self._layout_of(side, name)
            if pair is not None:
                rows.append((side, name, pair.tensor, pair.model))
        return tuple(rows)

    def _layout_of(self, side: Side, name: str) -> LayoutPair | None:
        if side == "input" and self.parameters.layout is not None:
            return self.parameters.layout
        return dict(self.parameters.layouts).get(self.mapping.alias(side, name) or name)

    def _shapes(self, inputs: tuple[Tensor, ...]) -> tuple[tuple[str, ...], ...]:
        shapes = dict(self.parameters.shapes)
        rows = []
        for tensor in inputs:
            name = tensor_name(tensor)
            own = shapes.get(self.mapping.alias("input", name) or name)
            shape = own if own is not None and own.dimensions else shapes.get(ANONYMOUS)
            if shape is not None and shape.dimensions:
                rows.append((name, shape.as_openvino()))
        return tuple(rows)

    def _judge_report(self, base: Attempt, inputs: tuple[Tensor, ...], report: LoadReport) -> Attempt:
        if report.outcome == "crashed":
            return replace(base, outcome="crashed", cause=RuntimeCrashes(self.path, report))
        if report.outcome in ("timed_out", "out_of_memory"):
            reason = report.detail or f"OpenVINO did not finish: {report.outcome.replace('_', ' ')}"
            timed_out = report.outcome == "timed_out"
            return replace(base, outcome="unknown", cause=CouldNotLook(self.path, reason, timed_out))
        early = report.outcome == "failed" and report.step in (
            "input layout",
            "output layout",
            "preprocessing",
            "build",
        )
        if not early:
            scalar = self._scalar(base, inputs)
            if scalar is not None:
                return scalar
        if report.outcome == "failed" and report.step:
            return self._step_failed(base, report)
        incompatible = self._rank(base, report.prepared_inputs) if self.kept else None
        if incompatible is not None:
            return incompatible
        if report.outcome == "ok" or (report.level == "read" and not _VALUE_REFUSED.search(report.message)):
            return base
        return self._compile_failed(base, report)

    def _step_failed(self, base: Attempt, report: LoadReport) -> Attempt:
        status, reason, parameter = _STEP_STATUS[report.step]
        if report.step == "build" and self.parameters.steps and not self._layouts("input", report.inputs):
            parameter = "preprocessing"
        if report.step == "build" and _CHANNELS in report.message:
            # The result is known only after the layout defines the channels, but the layout is not the fault.
            steps = [name for name, _ in self.parameters.steps if name in ("mean", "scale")]
            reason, parameter = "preprocessing", steps[0] if steps else parameter
        cause = ParameterRefused(self.path, parameter, reason, report=report)  # type: ignore[arg-type]
        return self._fails(base, status, cause, *self._step_log(report))

    def _step_log(self, report: LoadReport) -> tuple[str, ...]:
        named = {"model": self.model, "version": self.version, "what": report.message}
        if report.step == "reshape":
            return server_log.RESHAPE_REFUSED(model=self.model), server_log.INPUT_TENSORS()
        if report.step == "batch":
            return (server_log.EXCEPTION_LOADING(what=report.message),)
        new = self.release.at_least(2026, 0)
        last = server_log.LAYOUT_FAILED() if new else server_log.LAYOUT_FAILED_OLD()
        if report.step == "build":
            if not new:
                return server_log.BUILD_REFUSED_OLD(), last
            return server_log.BUILD_REFUSED(what=report.message), last
        if report.step == "preprocessing":
            line = server_log.PREPROCESSING_REFUSED(what=report.message)
            return line, server_log.PREPROCESSING_FAILED(), last
        return server_log.LAYOUT_REFUSED(side=report.step.split()[0], **named), last

    def _compile_failed(self, base: Attempt, report: LoadReport) -> Attempt:
        device = self.parameters.device
        lacking = "Cannot load library" in report.message
        if lacking and self._verdict.works is not False:
            hardware = " and ".join(sorted(device.needs_hardware))
            reason = f"OpenVINO lacks a library here{f' for the {hardware}' if hardware else ''}"
            return replace(base, outcome="unknown", cause=CouldNotLook(self.path, reason))
        line = server_log.COMPILE_FAILED(
            what=report.message, model=self.model, version=self.version, device=device.text
        ).rstrip(" ")
        # Messages on software that is not installed here are not the server's.
        log = () if lacking else (line,)
        configured = device.text != "CPU" or self.parameters.plugin_config.values
        kind: Literal["device", "compile"] = "device" if self._device_fails(report) else "compile"
        parameter = "target_device" if kind == "device" else "plugin_config"
        cause = (
            ParameterRefused(self.path, parameter, kind, report=report)
            if configured
            else CompileRefused(self.path, report)
        )
        return self._fails(base, "CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE", cause, *log)

    def _device_fails(self, report: LoadReport) -> bool:
        device = self.parameters.device
        return (
            self._verdict.works is False
            or bool(device.needs_hardware)
            or not self.parameters.plugin_config.values
            or "is not registered" in report.message
        )

    # -- what can be determined without it ---------------------------------------------------------------
    def _without_openvino(
        self, read: Attempt, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
    ) -> Attempt:
        """Returns the result for ranks, scalars and unknown devices; OpenVINO's own messages are left out."""
        misfit = None if self.kept else self._misfit(inputs, outputs)
        if misfit is not None:
            cause = ParameterRefused(self.path, "layout", "build", misfit)
            return self._fails(read, "MODEL_NOT_LOADED", cause, *self._unquoted())
        if self.parameters.batch is not None and inputs and all(rank_of(one.shape) == 0 for one in inputs):
            # ``ov::set_batch`` fails if no input has a batch. If other inputs have one, a scalar is not changed.
            cause = ParameterRefused(self.path, "batch_size", "scalar", tensor_name(inputs[0]))
            return self._fails(read, "MODEL_NOT_LOADED", cause)
        failed = self._scalar(read, inputs) or (self._rank(read, inputs) if self.kept else None)
        if failed is not None:
            return failed
        return self._without_device(read)

    def _misfit(self, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> str | None:
        """Returns the first tensor whose layout has another rank."""
        if self.parameters.layout is None and not self.parameters.layouts:
            return None
        rows = [("input", tensor_name(tensor), tensor) for tensor in inputs]
        rows += [
            ("output", tensor_name(tensor) or f"out_{index}", tensor) for index, tensor in enumerate(outputs)
        ]
        for side, name, tensor in rows:
            rank = rank_of(tensor.shape)
            pair = self._layout_of("input" if side == "input" else "output", name)
            if pair is not None and rank is not None and pair.model and not fits_rank(pair.model, rank):
                return name
        return None

    def _unquoted(self) -> tuple[str, ...]:
        if self.release.at_least(2026, 0):
            return (server_log.LAYOUT_FAILED(),)
        return server_log.BUILD_REFUSED_OLD(), server_log.LAYOUT_FAILED_OLD()

    def _scalar(self, base: Attempt, inputs: tuple[Tensor, ...]) -> Attempt | None:
        if not self.parameters.batch_auto:
            return None
        for tensor in inputs:
            if rank_of(tensor.shape) == 0:
                name = tensor_name(tensor)
                line = server_log.SCALAR_AUTO(model=self.model, version=self.version, name=name)
                cause = ParameterRefused(self.path, "batch_size", "scalar", name)
                log = (line, server_log.INPUT_TENSORS())
                return self._fails(base, "MODEL_WITH_SCALAR_AUTO_UNSUPPORTED", cause, *log)
        return None

    def _rank(self, base: Attempt, tensors: tuple[Tensor, ...]) -> Attempt | None:
        for tensor in tensors:
            name = tensor_name(tensor)
            pair, rank = self._layout_of("input", name), rank_of(tensor.shape)
            if pair is None or rank is None or fits_rank(pair.tensor, rank):
                continue
            line = server_log.LAYOUT_INCOMPATIBLE(
                layout=pair.tensor, shape=server_shape(tensor.shape), side="input", name=name
            )
            cause = ParameterRefused(self.path, "layout", "rank", name)
            log = (line, server_log.INPUT_TENSORS())
            return self._fails(base, "LAYOUT_INCOMPATIBLE_WITH_SHAPE", cause, *log)
        return None

    def _requests(self, base: Attempt) -> Attempt:
        nireq = self.parameters.nireq
        if nireq <= MOST_REQUESTS:
            return base
        cause = ParameterRefused(self.path, "nireq", "too_high")
        return self._fails(base, "INVALID_NIREQ", cause, server_log.NIREQ_TOO_HIGH(nireq=nireq))

    def _fails(
        self, base: Attempt, status: str, cause: ParameterRefused | CompileRefused, *log: str
    ) -> Attempt:
        lines = tuple(line.rstrip("\n") for line in log)
        return replace(base, outcome="failed", status=status, cause=cause, log=lines)


def _dimensions(shape: str) -> list[str] | None:
    """Returns the dimensions of a shape as OpenVINO writes it; None for a shape of unknown rank."""
    inner = shape.strip("[]")
    if inner == "...":
        return None
    return inner.split(",") if inner else []


def rank_of(shape: str) -> int | None:
    """Returns the number of dimensions of a shape that OpenVINO writes as ``[1,?,2..8]``; None for ``[...]``."""
    dimensions = _dimensions(shape)
    return None if dimensions is None else len(dimensions)


def server_shape(shape: str) -> str:
    """Returns the shape ``[1,?,2..8]`` as the server writes it: ``(1,-1,[2~8])``."""
    parts = []
    for dimension in _dimensions(shape) or ():
        low, dots, high = dimension.partition("..")
        if dimension == "?" or (dots and not high):
            parts.append("-1")
        else:
            parts.append(f"[{low or 0}~{high}]" if dots else dimension)
    return "(" + ",".join(parts) + ")"
