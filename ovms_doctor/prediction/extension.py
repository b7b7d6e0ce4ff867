"""The CPU extension at start-up: modelmanager.cpp's constructor, before the configuration is read and any model looked
at (the same in all releases, v2022.1 to v2026.3).

``ov::Core::add_extension`` opens the library with dlopen(3), looks for its entry point and calls it. Whatever goes
wrong there is thrown on, and the process ends with exit code 1; a crash ends it with the signal's.
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
from ovms_doctor.model.releases.tokenizers import TOKENIZER_OPERATIONS, brings_tokenizers
from ovms_doctor.prediction.operations import has_unknown_operation
from ovms_doctor.prediction.paths import absolute

#: How much of the file is asked for to see whether the server's user may read it, in bytes.
HEAD = 64
MACHINE = "x86-64"
_SIGILL, _SIGBUS = 4, 7
_OPENVINO = lazy_pattern(r"libopenvino\.so\.\d+")
#: What the host may lack and the server's image have, or have in another version.
_OF_THE_HOST = lazy_pattern(r"cannot open shared object file|version [`'\"][^`'\"]*[`'\"] not found")


def plan_extension(deployment: Deployment, facts: Facts) -> ExtensionPlan | None:
    """What becomes of the extension that the server was told to load; None where it was not. Raises
    FactsMissing."""
    given = deployment.options.cpu_extension
    if deployment.arguments is not None:
        given = deployment.arguments.value("cpu_extension")
    if not given:
        return None
    where = absolute(given, deployment.working_directory)
    course = ExtensionPlan(given, where, expected=openvino_library(deployment.release))
    status = facts.ask(StatPath(where))
    if isinstance(status, Unavailable):
        return replace(course, untried=status.reason, timed_out=status.timed_out)
    if isinstance(status, Failure):
        return replace(course, problem="missing", ends=True, exit_code=64, failure=status)
    if status.kind == "fifo":
        return replace(course, problem="hangs", hangs=True, kind="fifo")
    if status.kind != "regular":
        return replace(course, problem="special", ends=True, exit_code=1, kind=status.kind)
    content = facts.ask(ReadFile(where, HEAD))
    if isinstance(content, Failure):
        return replace(course, problem="denied", ends=True, exit_code=1, failure=content)
    seen = facts.ask(InspectLibrary(where))
    if isinstance(seen, Failure):
        return replace(course, problem="denied", ends=True, exit_code=1, failure=seen)
    if isinstance(seen, Unavailable):
        return replace(course, untried=seen.reason, timed_out=seen.timed_out)
    course = _by_its_bytes(replace(course, inspection=seen), seen, deployment, facts)
    return course if course.ends or course.untried else _by_loading(course, seen, deployment, facts)


def extension_stops(course: ExtensionPlan | None, deployment: Deployment) -> Plan | None:
    """The plan where start-up does not get past the extension; None where it does."""
    if course is None:
        return None
    if course.hangs:
        return Plan(deployment.mode, "never_ends", extension=course)
    if not course.ends:
        return None
    problem = _problem(course, deployment)
    return Plan(deployment.mode, "exits", course.exit_code, problem=problem, extension=course)


def with_extension(plan: Plan, course: ExtensionPlan | None) -> Plan:
    """``plan`` with what becomes of the extension: where loading it did not come to its end here, it is not known
    whether start-up does."""
    if course is None:
        return plan
    plan = replace(plan, extension=course)
    if course.problem != "hangs":
        return plan
    cause = plan.unknown or CouldNotLook(course.path, course.untried, course.timed_out)
    return replace(plan, outcome="unknown" if plan.outcome == "serves" else plan.outcome, unknown=cause)


def library_of(course: ExtensionPlan | None) -> str | None:
    """The server's path of the extension with which models are to be loaded here; None for none."""
    return course.absolute_path if course is not None and course.loaded else None


def needs_untried(
    course: ExtensionPlan | None,
    inspection: ModelInspection | None,
    report: LoadReport | Unavailable | None,
    release: Release,
) -> str:
    """Why it cannot be told whether a model is read: it may need what was not loaded here; empty where it can."""
    if course is None or (inspection is not None and any(fault.fatal for fault in inspection.faults)):
        return ""
    if isinstance(report, LoadReport) and (report.outcome != "failed" or report.stage != "read"):
        return ""
    unknown = inspection is not None and has_unknown_operation(inspection)
    refused = isinstance(report, LoadReport)
    if course.loaded:
        operations = () if inspection is None or inspection.format != "ir" else inspection.operations
        ours = any(
            item.type in TOKENIZER_OPERATIONS and not is_standard_opset(item.opset) for item in operations
        )
        if ours and refused and brings_tokenizers(release):
            return "it uses operations of OpenVINO Tokenizers too, whose library the server adds by itself"
        return ""
    if unknown or (refused and (inspection is None or inspection.format != "ir")):
        return f"it may use operations of the CPU extension, which was not loaded here: {course.untried}"
    return ""


def _problem(course: ExtensionPlan, deployment: Deployment) -> StartProblem:
    """The end of the process, as a reason for it."""
    option = "--cpu_extension"
    if course.problem == "missing":
        exist = "exist" if deployment.release.at_least(2025, 1) else "exists"
        text = (
            f"File path provided as an {option} parameter does not {exist} in the filesystem: {course.path}"
        )
        return StartProblem("usage", "OPTIONS_USAGE_ERROR", 64, (text,), text=text, option=option)
    log: tuple[str, ...] = ()
    if course.problem == "refused" and course.report is not None:
        what = course.report.message
        log = (server_log.EXTENSION_FAILED(what=what), server_log.ENDS_BY_EXCEPTION(what=what))
    return StartProblem(
        "extension", "UNKNOWN_ERROR", course.exit_code or 1, log, path=course.path, option=option
    )


def _by_its_bytes(
    course: ExtensionPlan, seen: LibraryInspection, deployment: Deployment, facts: Facts
) -> ExtensionPlan:
    """In the order in which the dynamic linker meets it: the header, what it asks for, its symbols."""
    ends = replace(course, ends=True, exit_code=1)
    if seen.fault in ("empty", "not ELF"):
        return replace(ends, problem="not_library")
    if seen.bits == 32 or (_is_foreign(seen) and not deployment.bare_metal):
        return replace(ends, problem="machine")
    if seen.fault == "cut off":
        # What lies beyond the end is mapped all the same, and the process dies of touching it.
        return replace(ends, problem="not_library", exit_code=None if seen.machine else 1)
    if seen.fault == "no library":
        return replace(ends, problem="not_library")
    if seen.fault:
        return replace(course, untried=seen.detail)
    asked = [name for name in seen.needed if _OPENVINO.fullmatch(name)]
    if course.expected is not None and asked and course.expected not in asked:
        return replace(ends, problem="openvino")
    if seen.entry is False:
        # Until 2023.3 OpenVINO took libraries with another entry point too.
        old = not deployment.release.at_least(2024, 0)
        return replace(course, untried="it has no entry point") if old else replace(ends, problem="entry")
    if deployment.bare_metal:
        return course
    too_new = too_new_for(deployment.release, seen.symbol_versions)
    if too_new is not None:
        return replace(ends, problem="libraries", missing=(too_new,))
    lacking = tuple(
        name for name in seen.needed if not is_in_images(name) and not _beside(name, course, facts)
    )
    return replace(course, problem="libraries", missing=lacking) if lacking else course


def _is_foreign(seen: LibraryInspection) -> bool:
    """For another processor than OVMS's images are for. A server on this host itself may be of another build."""
    return bool(seen.machine) and (seen.bits not in (0, 64) or seen.machine != MACHINE)


def _beside(name: str, course: ExtensionPlan, facts: Facts) -> bool:
    """Whether a library lies where the extension itself says to look, or that cannot be told."""
    assert course.inspection is not None
    directory = course.absolute_path.rpartition("/")[0] or "/"
    for path in course.inspection.search_paths:
        place = path.replace("${ORIGIN}", directory).replace("$ORIGIN", directory)
        if not place.startswith("/") or "$" in place:
            return True
        if not isinstance(facts.ask(StatPath(f"{place.rstrip('/')}/{name}")), Failure):
            return True
    return False


def _by_loading(
    course: ExtensionPlan, seen: LibraryInspection, deployment: Deployment, facts: Facts
) -> ExtensionPlan:
    """Tried in a child, where that tells something about the server: it runs the library's code, so it must have been
    named by the user, and be for the OpenVINO that is in the release and at hand too."""
    reason = _not_loaded(course, seen, deployment)
    if reason:
        return replace(course, untried=reason)
    report = facts.ask(LoadExtension(course.absolute_path))
    if isinstance(report, Unavailable):
        return replace(course, untried=report.reason, timed_out=report.timed_out)
    course = replace(course, report=report)
    if report.outcome == "ok":
        return replace(course, loaded=True)
    if report.outcome == "timed_out":
        return replace(course, problem="hangs", untried=report.detail, timed_out=True)
    if report.outcome == "crashed":
        return replace(course, problem="crashes", ends=True, exit_code=_exit_code(report, deployment))
    if report.outcome == "out_of_memory":
        return replace(course, untried=report.detail or "memory ran out while it was loaded")
    if _OF_THE_HOST.search(report.message) and not deployment.bare_metal:
        lines = [line.strip() for line in report.message.splitlines() if line.strip()]
        return replace(course, report=None, untried=f"it could not be loaded here: {lines[-1]}")
    return replace(course, problem="machine" if _is_foreign(seen) else "refused", ends=True, exit_code=1)


def _exit_code(report: LoadReport, deployment: Deployment) -> int | None:
    """As a shell and Docker show the end by a signal. What the server does about SIGILL depends on the release."""
    if report.signal is None or (report.signal == _SIGILL and not deployment.release.at_least(2026, 3)):
        return None
    return 128 + report.signal


def _not_loaded(course: ExtensionPlan, seen: LibraryInspection, deployment: Deployment) -> str:
    """Why loading it here would tell nothing, or must not be tried; empty where it may."""
    if deployment.options.load == "none":
        return "nothing is to be loaded (--load none)"
    if deployment.container is not None:
        return "it was read from the deployment and not named by the user, and loading it runs its code"
    asked = [name for name in seen.needed if _OPENVINO.fullmatch(name)]
    if course.expected is None or course.expected not in asked:
        return "it does not say which OpenVINO it was built for"
    if seen.local_openvino != course.expected:
        return f"it needs {course.expected}, and the OpenVINO here is {seen.local_openvino or 'missing'}"
    return ""
