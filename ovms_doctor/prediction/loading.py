"""One attempt to load one version, from its directory to AVAILABLE (modelinstance.cpp loadModelImpl)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import (
    AccessFails,
    Cause,
    CompileRefused,
    CouldNotLook,
    NoTensors,
    ParameterRefused,
    ReadRefused,
    RuntimeCrashes,
    SpecialFile,
)
from ovms_doctor.model.facts import (
    AnyQuestion,
    Facts,
    Failure,
    InspectModel,
    ListDirectory,
    Listing,
    LoadModel,
    LoadReport,
    ModelInspection,
    PathStatus,
    ReadFile,
    StatPath,
    Tensor,
    Unavailable,
)
from ovms_doctor.model.mapping import NO_MAPPING, Mapping
from ovms_doctor.model.openvino_log import without_names
from ovms_doctor.model.parameters import ParsedParameters
from ovms_doctor.model.plan import Attempt, Basis
from ovms_doctor.model.plan_problems import ExtensionPlan
from ovms_doctor.model.releases import Release
from ovms_doctor.prediction.discovery import (
    MAPPING,
    FileNotFound,
    FoundFile,
    ThrownException,
    VersionDirectory,
    find_model_file,
    find_single_file,
    weights_of,
)
from ovms_doctor.prediction.extension import library_of, needs_untried
from ovms_doctor.prediction.mapping import read_mapping
from ovms_doctor.prediction.operations import has_unknown_operation, not_in_release, tokenizers_of
from ovms_doctor.prediction.parameters.against_model import ParameterValidation, changes_the_load
from ovms_doctor.prediction.paths import absolute
from ovms_doctor.prediction.versions import DetectionError

#: The bytes of a model's file that are read to find out whether the server's user may read it.
HEAD = 512
#: A mapping larger than this, in bytes, is not read.
MAPPING_LIMIT = 1 << 20
LoadLevel = Literal["none", "read", "compile"]


class Loader(Struct, frozen=True):
    """Loads versions of one model."""

    #: The model's name.
    model: str
    #: The release of the server.
    release: Release
    #: The server's working directory.
    working_directory: str
    #: How far OpenVINO loads the model.
    level: LoadLevel
    #: The facts for the rules.
    facts: Facts
    #: The configured parameters; None for none.
    parameters: ParsedParameters | None = None
    #: The CPU extension that the server loaded before.
    extension: ExtensionPlan | None = None

    def attempt(
        self, version: int, path: str, names: tuple[str, ...], *, single_file: bool, kept: bool = False
    ) -> Attempt:
        """Returns the result of loading ``path`` as ``version``. ``kept``: the server still has the model that it read
        at an earlier try. Raises FactsMissingError."""
        version_directory = VersionDirectory(
            self.model, version, path, absolute(path, self.working_directory), names, self.release
        )
        try:
            if single_file:
                found = find_single_file(version_directory, self.facts)
            else:
                found = find_model_file(version_directory, self.facts, self._questions_of)
            if isinstance(found, ThrownException):
                return Attempt(version, "threw", path, cause=found.cause, exception=found.message)
            if isinstance(found, FileNotFound):
                return Attempt(version, "failed", path, found.status, found.cause, found.log)
            waits = self._mapping_waits(path, single_file=single_file)
            if waits is not None:
                return Attempt(version, "hangs", path, cause=waits)
            unreadable, mapping = self._mapping(path, single_file=single_file)
            if isinstance(mapping, CouldNotLook):
                attempt = self._read(version, path, found, NO_MAPPING, kept=kept)
                if attempt.outcome == "loaded" or isinstance(attempt.cause, ParameterRefused):
                    # The names of shape and layout, and those that clients use, depend on the mapping.
                    return Attempt(version, "unknown", path, cause=mapping)
                return attempt
            attempt = self._read(version, path, found, mapping, kept=kept)
            return replace(attempt, mapping=unreadable, names=mapping)
        except DetectionError as error:
            return Attempt(version, "unknown", path, cause=error.cause)

    def _read(self, version: int, path: str, found: FoundFile, mapping: Mapping, *, kept: bool) -> Attempt:
        absolute_path = absolute(found.path, self.working_directory)
        files = _files_opened(found, absolute_path)
        base = Attempt(
            version,
            "loaded",
            path,
            model_file=found.path,
            format=found.format,
            candidates=found.others,
            opened=tuple(file for file, _ in files),
        )
        self.facts.need([StatPath(full_path) for _, full_path in files])
        statuses = []
        for path, full_path in files:
            status = self._status(path, full_path)
            if isinstance(status, PathStatus) and status.kind in ("fifo", "character", "block"):
                # Opening a FIFO or reading a device never returns; OVMS and OpenVINO do not check this first.
                return replace(base, outcome="hangs", cause=SpecialFile(path, status.kind))
            statuses.append(status)
        denied = self._denied(found, absolute_path, files, statuses)
        inspection = None if denied else self._inspect(found, absolute_path)
        report = self._load_report(absolute_path)
        base = replace(
            base,
            inspection=inspection,
            report=report if isinstance(report, LoadReport) else None,
            basis=_basis(report),
        )
        if denied is not None:
            return self._refused(base, denied, report)
        read = self._judge(base, found, statuses, inspection, report)
        if found.format == "saved_model" and read.outcome in ("failed", "crashed"):
            variables = self._denied_variables(found.path, absolute_path)
            if variables is not None:
                return replace(read, cause=replace(variables, report=base.report))
        if self.parameters is None:
            return read
        source = base.report if base.report is not None and base.report.outcome == "ok" else inspection
        inputs, outputs = (source.inputs, source.outputs) if source is not None else (None, None)
        validation = ParameterValidation(
            self.model,
            version,
            found.path,
            absolute_path,
            self.release,
            self.level,
            self.facts,
            self.parameters,
            mapping,
            kept,
            library_of(self.extension),
        )
        return validation.judge(read, inputs, outputs)

    # -- before anything is opened -----------------------------------------------------------------
    def _questions_of(self, found: FoundFile) -> list[AnyQuestion]:
        """Returns the questions about a model's files, if they are regular files."""
        absolute_path = absolute(found.path, self.working_directory)
        return [
            *(ReadFile(file, HEAD) for _, file in _files_opened(found, absolute_path)),
            *self._model_questions(found, absolute_path),
        ]

    def _denied(
        self,
        found: FoundFile,
        absolute_path: str,
        files: list[tuple[str, str]],
        statuses: list[PathStatus | Failure],
    ) -> AccessFails | None:
        """Returns the first of the model's files that the server's user may not open."""
        readable = []
        for (path, full_path), status in zip(files, statuses, strict=True):
            if isinstance(status, PathStatus):
                if status.kind == "regular":
                    readable.append((path, full_path))
            elif not status.missing:
                return AccessFails(path, status, "read")
        # Nearly always it may open them, and then their content is needed.
        self.facts.need(
            [
                *(ReadFile(full_path, HEAD) for _, full_path in readable),
                *self._model_questions(found, absolute_path),
            ]
        )
        for path, full_path in readable:
            answer = self.facts.ask(ReadFile(full_path, HEAD))
            if isinstance(answer, Unavailable):
                raise DetectionError(path, answer)
            if isinstance(answer, Failure):
                return AccessFails(path, answer, "read")
        return None

    def _denied_variables(self, path: str, absolute_path: str) -> AccessFails | None:
        """Returns the first of a SavedModel's variables that the server's user may not read."""
        listing = self.facts.ask(ListDirectory(f"{absolute_path}variables"))
        if isinstance(listing, Failure) and not listing.missing:
            return AccessFails(f"{path}variables", listing, "look")
        if not isinstance(listing, Listing):
            return None
        for entry in listing.entries:
            question = ReadFile(f"{absolute_path}variables/{entry.name}", HEAD)
            status = self.facts.ask(StatPath(question.path))
            answer = self.facts.ask(question) if _is_regular(status) else status
            if isinstance(answer, Failure) and not answer.missing:
                return AccessFails(f"{path}variables/{entry.name}", answer, "read")
        return None

    def _status(self, path: str, full_path: str) -> PathStatus | Failure:
        status = self.facts.ask(StatPath(full_path))
        if isinstance(status, Unavailable):
            raise DetectionError(path, status)
        return status

    def _mapping_waits(self, path: str, *, single_file: bool) -> SpecialFile | None:
        """Returns a mapping_config.json that is a FIFO: the server opens it, and no process ever writes to it."""
        directory = path.rpartition("/")[0] if single_file else path
        status = self.facts.ask(StatPath(absolute(f"{directory}/{MAPPING}", self.working_directory)))
        if isinstance(status, PathStatus) and status.kind == "fifo":
            return SpecialFile(f"{directory}/{MAPPING}", status.kind)
        return None

    def _mapping(self, path: str, *, single_file: bool) -> tuple[Failure | None, Mapping | CouldNotLook]:
        """Applies ``parseModelMapping``: a mapping_config.json that cannot be opened counts as absent. Returns
        CouldNotLook for one whose content is not known here."""
        directory = path.rpartition("/")[0] if single_file else path
        file = f"{directory}/{MAPPING}"
        full_path = absolute(file, self.working_directory)
        status = self.facts.ask(StatPath(full_path))
        if isinstance(status, Failure):
            return None if status.missing else status, NO_MAPPING
        if isinstance(status, PathStatus) and status.kind == "directory":
            # It opens, but has no content.
            return None, read_mapping(b"", file, self.model, self.release)
        if isinstance(status, Unavailable):
            return None, CouldNotLook(file, status.reason, status.timed_out)
        if status.kind != "regular":
            return None, NO_MAPPING
        content = self.facts.ask(ReadFile(full_path, MAPPING_LIMIT))
        if isinstance(content, Failure):
            return content, NO_MAPPING
        if isinstance(content, Unavailable):
            return None, CouldNotLook(file, content.reason, content.timed_out)
        if content.size > MAPPING_LIMIT:
            return None, CouldNotLook(file, f"it is larger than {MAPPING_LIMIT >> 20} MiB")
        return None, read_mapping(content.data, file, self.model, self.release)

    # -- reading -----------------------------------------------------------------------------------
    def _inspect(self, found: FoundFile, absolute_path: str) -> ModelInspection | None:
        answer = self.facts.ask(InspectModel(absolute_path, found.format))
        return answer if isinstance(answer, ModelInspection) else None

    def _model_questions(self, found: FoundFile, absolute_path: str) -> list[InspectModel | LoadModel]:
        inspection = InspectModel(absolute_path, found.format)
        return [inspection] if self.level == "none" else [inspection, self._load(absolute_path)]

    def _load_report(self, absolute_path: str) -> LoadReport | Unavailable | None:
        return None if self.level == "none" else self.facts.ask(self._load(absolute_path))

    def _load(self, absolute_path: str) -> LoadModel:
        return LoadModel(absolute_path, self._first_level, extension=library_of(self.extension))

    @property
    def _first_level(self) -> Literal["read", "compile"]:
        """Returns the level of the first load: a model that is only read decides about parameters that change the load;
        it is compiled after that."""
        changed = self.parameters is not None and changes_the_load(self.parameters)
        return "compile" if self.level == "compile" and not changed else "read"

    def _judge(
        self,
        base: Attempt,
        found: FoundFile,
        statuses: list[PathStatus | Failure],
        inspection: ModelInspection | None,
        report: LoadReport | Unavailable | None,
    ) -> Attempt:
        newer = not_in_release(found.path, inspection, self.release)
        if newer is not None:
            return self._refused(base, newer, None)
        tokenizers = tokenizers_of(inspection, self.release)
        loaded = isinstance(report, LoadReport) and report.outcome == "ok"
        if (
            tokenizers
            and not loaded
            and inspection is not None
            and not any(fault.fatal for fault in inspection.faults)
        ):
            # The runtime here did not load the library that the server adds by itself.
            judged = self._tensors(base, found, inspection.inputs, inspection.outputs)
            return replace(judged, tokenizers=tokenizers, basis="static")
        untried = needs_untried(self.extension, inspection, report, self.release)
        if untried:
            cause = CouldNotLook(found.path, untried)
            return replace(base, outcome="unknown", cause=cause, report=None, basis="static")
        if isinstance(report, LoadReport):
            return self._judge_report(base, found, inspection, report)
        if inspection is not None and any(fault.fatal for fault in inspection.faults):
            return self._refused(base, ReadRefused(found.path, found.format, inspection, None), None)
        if inspection is not None and has_unknown_operation(inspection):
            return self._refused(base, ReadRefused(found.path, found.format, inspection, None), None)
        if inspection is None and any(isinstance(each, Failure) and each.missing for each in statuses):
            # A link of the model is dangling, at least for the server.
            return self._refused(base, ReadRefused(found.path, found.format, None, None), None)
        if isinstance(report, Unavailable):
            cause = CouldNotLook(found.path, report.reason, report.timed_out)
            return replace(base, outcome="unknown", cause=cause, report=None)
        if inspection is None:
            cause = CouldNotLook(found.path, "the model's file could not be inspected")
            return replace(base, outcome="unknown", cause=cause)
        return self._tensors(base, found, inspection.inputs, inspection.outputs)

    def _judge_report(
        self, base: Attempt, found: FoundFile, inspection: ModelInspection | None, report: LoadReport
    ) -> Attempt:
        if report.outcome == "crashed":
            return replace(base, outcome="crashed", cause=RuntimeCrashes(found.path, report))
        if report.outcome in ("timed_out", "out_of_memory"):
            reason = report.detail or f"OpenVINO did not finish: {report.outcome.replace('_', ' ')}"
            cause = CouldNotLook(found.path, reason, report.outcome == "timed_out")
            return replace(base, outcome="unknown", cause=cause)
        if report.outcome == "failed" and report.stage == "read":
            return self._refused(base, ReadRefused(found.path, found.format, inspection, report), report)
        refused = self._tensors(base, found, report.inputs, report.outputs)
        if refused.outcome != "loaded" or report.outcome == "ok":
            return refused
        line = server_log.COMPILE_FAILED(
            what=report.message, model=self.model, version=base.version, device="CPU"
        )
        return replace(
            base,
            outcome="failed",
            status="CANNOT_COMPILE_MODEL_INTO_TARGET_DEVICE",
            cause=CompileRefused(found.path, report),
            log=(line,),
        )

    def _refused(self, base: Attempt, cause: Cause, report: LoadReport | Unavailable | None) -> Attempt:
        """Returns the result if ``read_model`` throws: INTERNAL_ERROR, with OpenVINO's own text in the log."""
        log: tuple[str, ...] = ()
        if isinstance(report, LoadReport) and report.outcome == "failed":
            log = (server_log.READ_FAILED(what=report.message, model=self.model, version=base.version),)
            if isinstance(cause, AccessFails):
                cause = replace(cause, report=report)
        return replace(base, outcome="failed", status="INTERNAL_ERROR", cause=cause, log=log)

    def _tensors(
        self,
        base: Attempt,
        found: FoundFile,
        inputs: tuple[Tensor, ...] | None,
        outputs: tuple[Tensor, ...] | None,
    ) -> Attempt:
        """Applies ``loadInputTensors`` and ``loadOutputTensors``: OVMS's requirements for a model that was read."""
        report = base.report if isinstance(base.report, LoadReport) else None

        def fails(status: str, part: str, log: tuple[str, ...]) -> Attempt:
            cause = NoTensors(found.path, part, report)  # type: ignore[arg-type]
            return replace(base, outcome="failed", status=status, cause=cause, log=log)

        named = {"model": self.model, "version": base.version}
        if inputs is not None:
            if any(not tensor.names for tensor in inputs):
                return fails("UNKNOWN_ERROR", "unnamed input", self._nameless("input", base.version))
            if not inputs and self.release.refuses_no_inputs:
                log = (server_log.NO_INPUTS(**named), server_log.INPUT_TENSORS())
                return fails("OV_NO_INPUTS", "inputs", log)
        if outputs is not None:
            if any(not tensor.names for tensor in outputs) and not self.release.names_outputs:
                return fails("UNKNOWN_ERROR", "unnamed output", self._nameless("output", base.version))
            if not outputs and self.release.refuses_no_inputs:
                log = (server_log.NO_OUTPUTS(**named), server_log.OUTPUT_TENSORS())
                return fails("OV_NO_OUTPUTS", "outputs", log)
        return base

    def _nameless(self, side: str, version: int) -> tuple[str, ...]:
        """Returns the log lines on a tensor without a name, which fails if layouts are set, with a configured one or
        the default (``applyLayoutConfiguration``, all releases), before the tensors are loaded."""
        last = (
            server_log.LAYOUT_FAILED() if self.release.at_least(2026, 0) else server_log.LAYOUT_FAILED_OLD()
        )
        reason = without_names(self.release.numbers)
        if not reason:
            return (last,)
        line = server_log.LAYOUT_REFUSED(side=side, model=self.model, version=version, what=reason)
        return line.rstrip("\n"), last


def _is_regular(status: PathStatus | Failure | Unavailable) -> bool:
    return isinstance(status, PathStatus) and status.kind == "regular"


def _files_opened(found: FoundFile, absolute_path: str) -> list[tuple[str, str]]:
    """Returns the files that OpenVINO opens: each as the server writes it, and absolute."""
    if found.format == "ir":
        return [(found.path, absolute_path), (weights_of(found.path), weights_of(absolute_path))]
    if found.format == "saved_model":
        return [(found.path + "saved_model.pb", absolute_path + "saved_model.pb")]
    return [(found.path, absolute_path)]


def _basis(report: LoadReport | Unavailable | None) -> Basis:
    if not isinstance(report, LoadReport):
        return "static"
    return "read" if report.level == "read" or report.stage == "read" else "compiled"
