"""The CPU extension at start-up: modelmanager.cpp's constructor, before the configuration or any model is read (the
same in all releases, v2022.1 to v2026.3).

``ov::Core::add_extension`` opens the library with dlopen(3), searches its entry point and calls it. Any exception there
is not caught, and the process ends with exit code 1; a crash ends it with the signal's.
"""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import (
    Facts,
    Failure,
    InspectLibrary,
    LibraryInspection,
    LoadExtension,
    LoadReport,
    ModelInspection,
    ReadFile,
    StatPath,
    Unavailable,
)
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.plan_problems import ExtensionPlan, StartProblem
from ovms_doctor.model.releases import Release, is_standard_opset
from ovms_doctor.model.releases.libraries import is_in_images, openvino_library, too_new_for
from ovms_doctor.model.releases.tokenizers import TOKENIZER_OPERATIONS, includes_tokenizers
from ovms_doctor.prediction.operations import has_unknown_operation
from ovms_doctor.prediction.paths import absolute, filesystem_error

#: The bytes of the file that are read to find out whether the server's user may read it.
HEAD = 64
MACHINE = "x86-64"
_SIGILL, _SIGBUS = 4, 7
_OPENVINO = lazy_pattern(r"libopenvino\.so\.\d+")
#: Libraries that the server's image may have although the host does not, or in another version.
_OF_THE_HOST = lazy_pattern(r"cannot open shared object file|version [`'\"][^`'\"]*[`'\"] not found")


def plan_extension(deployment: Deployment, facts: Facts) -> ExtensionPlan | None:
    """Returns the plan of the extension that the server is configured to load; None without an extension. Raises
    FactsMissingError."""
    path_text = deployment.options.cpu_extension
    if deployment.arguments is not None:
        path_text = deployment.arguments.value("cpu_extension")
    if not path_text:
        return None
    absolute_path = absolute(path_text, deployment.working_directory)
    extension = ExtensionPlan(path_text, absolute_path, expected=openvino_library(deployment.release))
    status = facts.ask(StatPath(absolute_path))
    if isinstance(status, Unavailable):
        return replace(extension, untried=status.reason, timed_out=status.timed_out)
    if isinstance(status, Failure) and not status.missing:
        # std::filesystem::exists throws, while the arguments are validated.
        return replace(extension, problem="unreachable", ends=True, exit_code=1, failure=status)
    if isinstance(status, Failure):
        return replace(extension, problem="missing", ends=True, exit_code=64, failure=status)
    if status.kind == "fifo":
        return replace(extension, problem="hangs", hangs=True, kind="fifo")
    if status.kind != "regular":
        return replace(extension, problem="special", ends=True, exit_code=1, kind=status.kind)
    content = facts.ask(ReadFile(absolute_path, HEAD))
    if isinstance(content, Failure):
        return replace(extension, problem="denied", ends=True, exit_code=1, failure=content)
    library = facts.ask(InspectLibrary(absolute_path))
    if isinstance(library, Failure):
        return replace(extension, problem="denied", ends=True, exit_code=1, failure=library)
    if isinstance(library, Unavailable):
        return replace(extension, untried=library.reason, timed_out=library.timed_out)
    extension = _by_its_bytes(replace(extension, inspection=library), library, deployment, facts)
    return (
        extension
        if extension.ends or extension.untried
        else _by_loading(extension, library, deployment, facts)
    )


def extension_stops(extension: ExtensionPlan | None, deployment: Deployment) -> Plan | None:
    """Returns the plan if start-up does not get past the extension; None if it does."""
    if extension is None:
        return None
    if extension.hangs:
        return Plan(deployment.mode, "never_ends", extension=extension)
    if not extension.ends:
        return None
    problem = _problem(extension, deployment)
    return Plan(deployment.mode, "exits", extension.exit_code, problem=problem, extension=extension)


def with_extension(plan: Plan, extension: ExtensionPlan | None) -> Plan:
    """Returns ``plan`` with the effect of the extension: if its load did not end here, it is not known whether start-up
    ends."""
    if extension is None:
        return plan
    plan = replace(plan, extension=extension)
    if extension.problem != "hangs":
        return plan
    cause = plan.unknown or CouldNotLook(extension.path, extension.untried, extension.timed_out)
    return replace(plan, outcome="unknown" if plan.outcome == "serves" else plan.outcome, unknown=cause)


def library_of(extension: ExtensionPlan | None) -> str | None:
    """Returns the server's path of the extension with which models are to be loaded here; None for none."""
    return extension.absolute_path if extension is not None and extension.loaded else None


def needs_untried(
    extension: ExtensionPlan | None,
    inspection: ModelInspection | None,
    report: LoadReport | Unavailable | None,
    release: Release,
) -> str:
    """Returns why it cannot be determined whether a model is read: it may need an extension that was not loaded here;
    empty if it can be determined."""
    if extension is None or (inspection is not None and any(fault.fatal for fault in inspection.faults)):
        return ""
    if isinstance(report, LoadReport) and (report.outcome != "failed" or report.stage != "read"):
        return ""
    unknown = inspection is not None and has_unknown_operation(inspection)
    refused = isinstance(report, LoadReport)
    if extension.loaded:
        operations = () if inspection is None or inspection.format != "ir" else inspection.operations
        has_tokenizers = any(
            item.type in TOKENIZER_OPERATIONS and not is_standard_opset(item.opset) for item in operations
        )
        if has_tokenizers and refused and includes_tokenizers(release):
            return "it uses operations of OpenVINO Tokenizers too, whose library the server adds by itself"
        return ""
    if unknown or (refused and (inspection is None or inspection.format != "ir")):
        return f"it may use operations of the CPU extension, which was not loaded here: {extension.untried}"
    return ""


def _problem(extension: ExtensionPlan, deployment: Deployment) -> StartProblem:
    """Returns the end of the process as a problem of the start."""
    option = "--cpu_extension"
    if extension.problem == "missing":
        exist = "exist" if deployment.release.at_least(2025, 1) else "exists"
        text = f"File path provided as an {option} parameter does not {exist} in the filesystem: {extension.path}"
        return StartProblem("usage", "OPTIONS_USAGE_ERROR", 64, (text,), text=text, option=option)
    log: tuple[str, ...] = ()
    if extension.problem == "unreachable" and extension.failure is not None:
        error = filesystem_error("status", extension.failure, extension.path)
        log = (server_log.ENDS_BY_EXCEPTION(what=error),)
    if extension.problem == "refused" and extension.report is not None:
        message = extension.report.message
        log = (server_log.EXTENSION_FAILED(what=message), server_log.ENDS_BY_EXCEPTION(what=message))
    return StartProblem(
        "extension", "UNKNOWN_ERROR", extension.exit_code or 1, log, path=extension.path, option=option
    )


def _by_its_bytes(
    extension: ExtensionPlan, library: LibraryInspection, deployment: Deployment, facts: Facts
) -> ExtensionPlan:
    """Applies the checks of the dynamic linker in its order: the header, the needed libraries, the symbols."""
    ends = replace(extension, ends=True, exit_code=1)
    if library.fault in ("empty", "not ELF"):
        return replace(ends, problem="not_library")
    if library.bits == 32 or (_is_foreign(library) and not deployment.bare_metal):
        return replace(ends, problem="machine")
    if library.fault == "cut off":
        # Pages beyond the end of the file are mapped too, and an access to them kills the process.
        return replace(ends, problem="not_library", exit_code=None if library.machine else 1)
    if library.fault == "no library":
        return replace(ends, problem="not_library")
    if library.fault:
        return replace(extension, untried=library.detail)
    linked = [name for name in library.needed if _OPENVINO.fullmatch(name)]
    if extension.expected is not None and linked and extension.expected not in linked:
        return replace(ends, problem="openvino")
    if library.entry is False:
        # Until 2023.3 OpenVINO also accepted libraries with another entry point.
        old = not deployment.release.at_least(2024, 0)
        return replace(extension, untried="it has no entry point") if old else replace(ends, problem="entry")
    if deployment.bare_metal:
        return extension
    too_new = too_new_for(deployment.release, library.symbol_versions)
    if too_new is not None:
        return replace(ends, problem="libraries", missing=(too_new,))
    lacking = tuple(
        name for name in library.needed if not is_in_images(name) and not _beside(name, extension, facts)
    )
    return replace(extension, problem="libraries", missing=lacking) if lacking else extension


def _is_foreign(library: LibraryInspection) -> bool:
    """Whether the library is for another processor than OVMS's images. A server on this host itself may be another
    build."""
    return bool(library.machine) and (library.bits not in (0, 64) or library.machine != MACHINE)


def _beside(name: str, extension: ExtensionPlan, facts: Facts) -> bool:
    """Returns whether a library is in a directory that the extension itself names, or whether that cannot be
    determined."""
    assert extension.inspection is not None
    directory = extension.absolute_path.rpartition("/")[0] or "/"
    for path in extension.inspection.search_paths:
        full_path = path.replace("${ORIGIN}", directory).replace("$ORIGIN", directory)
        if not full_path.startswith("/") or "$" in full_path:
            return True
        if not isinstance(facts.ask(StatPath(f"{full_path.rstrip('/')}/{name}")), Failure):
            return True
    return False


def _by_loading(
    extension: ExtensionPlan, library: LibraryInspection, deployment: Deployment, facts: Facts
) -> ExtensionPlan:
    """Loads it in a child process, if the result is valid for the server: this runs the library's code, so the user
    must have named it, and it must be for the OpenVINO that is both in the release and on this host."""
    reason = _not_loaded(extension, library, deployment)
    if reason:
        return replace(extension, untried=reason)
    report = facts.ask(LoadExtension(extension.absolute_path))
    if isinstance(report, Unavailable):
        return replace(extension, untried=report.reason, timed_out=report.timed_out)
    extension = replace(extension, report=report)
    if report.outcome == "ok":
        return replace(extension, loaded=True)
    if report.outcome == "timed_out":
        return replace(extension, problem="hangs", untried=report.detail, timed_out=True)
    if report.outcome == "crashed":
        return replace(extension, problem="crashes", ends=True, exit_code=_exit_code(report, deployment))
    if report.outcome == "out_of_memory":
        return replace(extension, untried=report.detail or "memory ran out while it was loaded")
    if _OF_THE_HOST.search(report.message) and not deployment.bare_metal:
        lines = [line.strip() for line in report.message.splitlines() if line.strip()]
        return replace(extension, report=None, untried=f"it could not be loaded here: {lines[-1]}")
    return replace(
        extension, problem="machine" if _is_foreign(library) else "refused", ends=True, exit_code=1
    )


def _exit_code(report: LoadReport, deployment: Deployment) -> int | None:
    """Returns the exit code for an end by a signal, as a shell and Docker show it. The server's reaction to SIGILL
    depends on the release."""
    if report.signal is None or (report.signal == _SIGILL and not deployment.release.at_least(2026, 3)):
        return None
    return 128 + report.signal


def _not_loaded(extension: ExtensionPlan, library: LibraryInspection, deployment: Deployment) -> str:
    """Returns why loading it here would prove nothing, or must not be tried; empty if it may be tried."""
    if deployment.options.load == "none":
        return "nothing is loaded (--load none)"
    if deployment.container is not None:
        return "the deployment names it, not the user, and loading it runs its code"
    linked = [name for name in library.needed if _OPENVINO.fullmatch(name)]
    if extension.expected is None or extension.expected not in linked:
        return "it does not say which OpenVINO it was built for"
    if library.local_openvino != extension.expected:
        return (
            f"it needs {extension.expected}, and the OpenVINO here is {library.local_openvino or 'missing'}"
        )
    return ""
