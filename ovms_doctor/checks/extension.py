"""The CPU extension: whether the server loads it, and whether it brings what the models need."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import Context, describe_denial, describe_failure, quote
from ovms_doctor.checks.openvino_report import last_line
from ovms_doctor.checks.reading.refusal import OPENVINO_REFUSES, reason_for
from ovms_doctor.checks.unsupported_operations import NEEDS_EXTENSION, foreign_operations
from ovms_doctor.model.causes import ReadRefused
from ovms_doctor.model.facts import Denial
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Severity, Step
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.plan_problems import ExtensionPlan
from ovms_doctor.model.releases.libraries import c_library_of, openvino_of_library

_CODES = {
    "denied": "OVD351",
    "special": "OVD351",
    "not_library": "OVD352",
    "machine": "OVD353",
    "openvino": "OVD354",
    "libraries": "OVD355",
    "entry": "OVD356",
    "refused": "OVD357",
    "crashes": "OVD357",
    "hangs": "OVD358",
}


def check(context: Context) -> Iterator[Finding]:
    course = context.plan.extension
    if course is None:
        return
    if course.problem in _CODES:
        yield _finding(context, course)
    if course.loaded:
        yield from _lacking(context, course)


def _finding(context: Context, course: ExtensionPlan) -> Finding:
    problem = context.plan.problem
    severity: Severity = "error" if course.ends or course.hangs else "warning"
    return context.finding(
        _CODES[course.problem],
        _message(context, course),
        path=course.path,
        severity=severity,
        confidence=_confidence(context, course),
        detail=_detail(context, course),
        log=problem.log if problem is not None and problem.kind == "extension" else (),
        evidence=_evidence(context, course),
        recovers="restart",
        steps=_steps(context, course),
    )


def _message(context: Context, course: ExtensionPlan) -> str:
    path, seen, release = course.path, course.inspection, context.deployment.release
    if course.problem == "denied":
        return f"The server’s user may not read the CPU extension {path}"
    if course.problem == "special":
        return f"The CPU extension {path} is no file: a {course.kind} lies there"
    if course.problem == "hangs":
        if course.hangs:
            return f"The CPU extension {path} is a FIFO: opening it never comes back"
        return f"Loading the CPU extension {path} did not come to an end here"
    if course.problem == "refused":
        return f"OpenVINO refuses the CPU extension {path}: {_last_line(course)}"
    if course.problem == "crashes":
        signal = course.report.signal if course.report is not None else None
        how = "" if signal is None else f" (signal {signal})"
        return f"The CPU extension {path} crashes the process that loads it{how}"
    if course.problem == "entry":
        return f"The CPU extension {path} has no entry point create_extensions"
    assert seen is not None
    if course.problem == "not_library":
        return f"The CPU extension {path} is no whole shared library: {seen.detail}"
    if course.problem == "machine":
        kind = f"{seen.bits}-bit {seen.machine}" if seen.bits else seen.machine
        return f"The CPU extension {path} was built for {kind}, and the server runs on 64-bit x86"
    if course.problem == "libraries":
        if course.ends:
            there = f"the images of OVMS {release} have at most {c_library_of(release)}"
            return f"The CPU extension {path} needs {course.missing[0]}; {there}"
        return (
            f"The CPU extension {path} needs {', '.join(course.missing)}, which not every image of OVMS has"
        )
    asked = _openvino_asked(course)
    built = openvino_of_library(asked) or "another OpenVINO"
    return (
        f"The CPU extension {path} was built for OpenVINO {built} and needs {asked}; "
        f"OVMS {release} has {course.expected}"
    )


def _detail(context: Context, course: ExtensionPlan) -> str:
    if course.hangs:
        return "Start-up never comes to its end."
    if course.problem == "hangs":
        return f"{course.untried[:1].upper()}{course.untried[1:]}. The server waits for it without a limit."
    if course.problem == "libraries" and not course.ends:
        return "Where it is missing, the server ends with exit code 1 before it looks at any model."
    code = context.plan.exit_code
    ends = "The process ends" + ("" if code is None else f" with exit code {code}")
    assumed = ""
    if course.problem == "openvino" and context.deployment.release_from.startswith("newest"):
        assumed = (
            " The release was not named and is assumed to be the newest: --ovms-version says which it is."
        )
    return f"{ends} before it looks at any model.{assumed}"


def _confidence(context: Context, course: ExtensionPlan) -> Confidence:
    """What another release of the same words was seen to do does not hang on the release; what was only read off the
    library, and depends on what else is in the image, is less sure."""
    if course.problem in ("denied", "special", "entry", "not_library", "machine"):
        unsure = course.inspection is not None and course.inspection.fault == "cut off"
        return "medium" if unsure else "high"
    if course.problem == "hangs":
        return "high" if course.hangs else "medium"
    if course.problem == "openvino":
        assumed = context.deployment.release_from.startswith("newest")
        return "medium" if assumed or context.deployment.bare_metal else context.confidence()
    if course.problem == "libraries":
        return "medium" if course.ends else "low"
    return context.confidence()


def _evidence(context: Context, course: ExtensionPlan) -> tuple[Evidence, ...]:
    if course.failure is not None:
        denial = course.failure.denial
        seen = (
            describe_failure(course.failure, course.path)
            if denial is None
            else describe_denial(denial, context)
        )
        return (seen,)
    if course.kind:
        return (Evidence(f"{course.path}: {course.kind}", "stat, links followed"),)
    if course.report is not None and course.problem in ("refused", "crashes", "hangs"):
        said = _last_line(course) or course.report.detail
        return (Evidence(said, f"add_extension of OpenVINO {course.report.runtime} in a child"),)
    if course.inspection is None:
        return ()
    asked = ", ".join(course.inspection.needed)
    what = f"{course.path}: {course.inspection.size} bytes" + (f", needs {asked}" if asked else "")
    return (Evidence(what, "static reading of the library, which was not loaded"),)


def _steps(context: Context, course: ExtensionPlan) -> tuple[Step, ...]:
    if not context.on_host(course.path):
        return ()
    file = quote(context.host(course.path))
    if course.problem in ("openvino", "libraries", "machine"):
        command = f"readelf -hd {file}"
        return (Step("See what the library was built for, and what it asks for.", command, "host", "reads"),)
    if course.problem == "entry":
        command = f"nm -D --defined-only {file}"
        return (Step("See the symbols that the library offers.", command, "host", "reads"),)
    denial = course.failure.denial if course.failure is not None else None
    if course.problem == "denied" and denial is not None and context.on_host(denial.path):
        return (_let_read(context, denial),)
    if course.problem in ("not_library", "special", "hangs", "denied"):
        return (Step("See what lies there.", f"ls -l {file}", "host", "reads"),)
    return ()


def _let_read(context: Context, denial: Denial) -> Step:
    user = context.deployment.user
    who = "u" if denial.uid == user.uid else "g" if denial.gid in (user.gid, *user.groups) else "o"
    right = "x" if denial.right == "search" else "r"
    command = f"chmod {who}+{right} {quote(context.host(denial.path))}"
    return Step(f"Give the server's user the right on {denial.path}.", command, "host", "changes files")


def _lacking(context: Context, course: ExtensionPlan) -> Iterator[Finding]:
    """Models that OpenVINO, with the extension, still does not read for want of an operation."""
    for model in context.plan.models:
        for version in model.versions:
            attempt = version.attempt
            if attempt is not None and isinstance(attempt.cause, ReadRefused):
                reason = reason_for(attempt.cause)
                if reason.code is NEEDS_EXTENSION:
                    yield _lacks(context, course, model, attempt, reason.evidence)


def _lacks(
    context: Context,
    course: ExtensionPlan,
    model: ModelPlan,
    attempt: Attempt,
    evidence: tuple[Evidence, ...],
) -> Finding:
    assert isinstance(attempt.cause, ReadRefused)
    said = "" if attempt.cause.report is None else last_line(attempt.cause.report.message)
    if said and "unsupported opset" not in said:
        # Its operations are known now; something else is wrong with it.
        message = f"OpenVINO refuses {attempt.cause.path.rpartition('/')[2]}: {said}"
        return context.of_attempt(
            OPENVINO_REFUSES, message, model, attempt, path=attempt.cause.path, evidence=evidence
        )
    names = ", ".join(dict.fromkeys(item.type for item in foreign_operations(attempt.cause.inspection)))
    uses = f": it uses {names}" if names else ""
    return context.of_attempt(
        "OVD359",
        f"The CPU extension {course.path} does not bring all operations that the model uses{uses}",
        model,
        attempt,
        path=attempt.cause.path,
        evidence=evidence,
        recovers="restart",
    )


def _last_line(course: ExtensionPlan) -> str:
    return "" if course.report is None else last_line(course.report.message)


def _openvino_asked(course: ExtensionPlan) -> str:
    names = () if course.inspection is None else course.inspection.needed
    return next((name for name in names if name.startswith("libopenvino.so.")), "libopenvino.so")
