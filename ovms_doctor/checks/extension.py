"""The CPU extension: whether the server loads it, and whether it has the operations that the models need."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import Context, describe_denial, describe_failure, quote
from ovms_doctor.checks.openvino_report import last_line
from ovms_doctor.checks.reading.refusal import OPENVINO_REFUSES, reason_for
from ovms_doctor.checks.unsupported_operations import NEEDS_EXTENSION, foreign_operations
from ovms_doctor.model import server_log
from ovms_doctor.model.causes import ReadRefused
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.facts import Denial
from ovms_doctor.model.findings import Confidence, Evidence, Finding, Severity, Step
from ovms_doctor.model.plan import Attempt, ModelPlan
from ovms_doctor.model.plan_problems import ExtensionPlan
from ovms_doctor.model.releases.libraries import c_library_of, openvino_of_library

_SAME = "The same in all releases."

EXTENSION_NOT_READABLE = Code(
    code="OVD351",
    name="extension-not-readable",
    severity="error",
    summary="The CPU extension is not a file, or the server's user has no permission to read it",
    remedy=(
        "Name the library file itself, and give the server's user the right to read it and to enter the "
        "directories above it."
    ),
    log=(
        server_log.EXTENSION_FAILED,
        "cannot read file data: Is a directory",
        "cannot open shared object file: Permission denied",
    ),
    recovers="restart",
    releases=_SAME,
    see_also=("OVD352", "OVD406"),
    example=Example("ovms … --cpu_extension /ext", "ovms … --cpu_extension /ext/libmine.so"),
)

EXTENSION_NO_LIBRARY = Code(
    code="OVD352",
    name="extension-no-library",
    severity="error",
    summary="The CPU extension is not a shared library, or only a part of one",
    remedy="Copy or build the library again, and compare its size or checksum with the original's.",
    log=(
        server_log.EXTENSION_FAILED,
        "file too short",
        "invalid ELF header",
        "only ET_DYN and ET_EXEC can be loaded",
    ),
    recovers="restart",
    releases=_SAME,
    see_also=("OVD353",),
    example=Example(
        "/ext/libmine.so: HTML document", "/ext/libmine.so: ELF 64-bit LSB shared object, x86-64"
    ),
)

EXTENSION_OTHER_MACHINE = Code(
    code="OVD353",
    name="extension-other-machine",
    severity="error",
    summary="The CPU extension was built for another processor",
    remedy="Build the library for x86-64, preferably in a container of the server's own base image.",
    log=(
        server_log.EXTENSION_FAILED,
        "wrong ELF class: ELFCLASS32",
        "cannot open shared object file: No such file or directory",
    ),
    recovers="restart",
    releases=_SAME,
    see_also=("OVD354",),
    example=Example(
        "/ext/libmine.so: ELF 64-bit LSB shared object, ARM aarch64",
        "/ext/libmine.so: ELF 64-bit LSB shared object, x86-64",
    ),
)

EXTENSION_OTHER_OPENVINO = Code(
    code="OVD354",
    name="extension-other-openvino",
    severity="error",
    summary="The CPU extension was built for another OpenVINO than the one in this release",
    remedy=(
        "Build the extension against the OpenVINO of the same number as the release, or use the "
        "release that it was built for."
    ),
    log=(
        server_log.EXTENSION_FAILED,
        "libopenvino.so.{number}: cannot open shared object file: No such file or directory",
    ),
    recovers="restart",
    releases=(
        "Each release of OVMS contains the OpenVINO of the same year and minor number. Releases before "
        "2023.0 are not checked, because their libraries have other names."
    ),
    see_also=("OVD321", "OVD355"),
    example=Example(
        "OVMS 2026.3\n/ext/libmine.so   NEEDED libopenvino.so.2540",
        "OVMS 2026.3\n/ext/libmine.so   NEEDED libopenvino.so.2630",
    ),
)

EXTENSION_NEEDS_LIBRARY = Code(
    code="OVD355",
    name="extension-needs-library",
    severity="warning",
    summary="The CPU extension needs a library that is not in every image of OVMS",
    remedy=(
        "Build the extension on the server's own base image. Put other libraries beside it (built "
        "with -Wl,-rpath,'$ORIGIN'), or into an image of your own."
    ),
    log=(
        server_log.EXTENSION_FAILED,
        "Cannot load library {extension}: {library}: cannot open shared object file: No such file or directory",
        "{library}: cannot open shared object file: No such file or directory",
        "version `GLIBC_{number}' not found",
    ),
    recovers="restart",
    releases=(
        "Images are based on Ubuntu 20.04 or 22.04 until 2024.5 and on 22.04 or 24.04 since 2025.0; "
        "those based on Red Hat have an older C library."
    ),
    see_also=("OVD354",),
    example=Example(
        "/ext/libmine.so   NEEDED libOpenCL.so.1",
        "/ext/libmine.so   NEEDED libOpenCL.so.1   RUNPATH $ORIGIN\n/ext/libOpenCL.so.1",
    ),
)

EXTENSION_NO_ENTRY_POINT = Code(
    code="OVD356",
    name="extension-no-entry-point",
    severity="error",
    summary="The CPU extension does not have OpenVINO's entry point for extensions",
    remedy=(
        "Use the macro OPENVINO_CREATE_EXTENSIONS in one source file of the library, and do not hide "
        "its symbol."
    ),
    log=(
        server_log.EXTENSION_FAILED,
        "dlSym cannot locate method 'create_extensions'",
        "undefined symbol: create_extensions",
    ),
    recovers="restart",
    releases=(
        "Until 2023.3 OpenVINO accepted extensions in the old form too: those releases are not checked."
    ),
    see_also=("OVD357",),
    example=Example("int nothing;", "OPENVINO_CREATE_EXTENSIONS(std::vector<ov::Extension::Ptr>({…}));"),
)

EXTENSION_DOES_NOT_LOAD = Code(
    code="OVD357",
    name="extension-does-not-load",
    severity="error",
    summary="OpenVINO cannot load the CPU extension, or crashes when it loads it",
    remedy=(
        "The quoted text names the symbol or the exception. For a crash, run the library's "
        "initialisation under a debugger."
    ),
    log=(
        server_log.EXTENSION_FAILED,
        "undefined symbol:",
    ),
    recovers="restart",
    releases=_SAME,
    see_also=("OVD354", "OVD356"),
    example=Example(
        "libmine.so: undefined symbol: my_function", "linked with the library that has my_function"
    ),
)

EXTENSION_HANGS = Code(
    code="OVD358",
    name="extension-hangs",
    severity="error",
    summary="The load of the CPU extension does not end",
    remedy=(
        "Name a regular file. If the library's own initialisation waits for something (a lock, the "
        "network, a licence), remove that."
    ),
    recovers="restart",
    releases=_SAME,
    see_also=("OVD357",),
    example=Example("prw-r--r-- /ext/libmine.so", "-rw-r--r-- /ext/libmine.so"),
)

EXTENSION_LACKS_OPERATION = Code(
    code="OVD359",
    name="extension-lacks-operation",
    severity="error",
    summary="The loaded CPU extension does not have an operation that the model uses",
    remedy=(
        "Build one library with all operations that the models use. Their names must be the same as in "
        "the model."
    ),
    recovers="restart",
    releases="The same in all releases. Since 2024.5 the server loads openvino_tokenizers too.",
    see_also=("OVD321",),
    example=Example(
        'OpExtension<CustomReLU>\n<layer type="CustomGelu" version="extension">',
        ('OpExtension<CustomReLU>, OpExtension<CustomGelu>\n<layer type="CustomGelu" version="extension">'),
    ),
)


_CODES = {
    "unreachable": EXTENSION_NOT_READABLE,
    "denied": EXTENSION_NOT_READABLE,
    "special": EXTENSION_NOT_READABLE,
    "not_library": EXTENSION_NO_LIBRARY,
    "machine": EXTENSION_OTHER_MACHINE,
    "openvino": EXTENSION_OTHER_OPENVINO,
    "libraries": EXTENSION_NEEDS_LIBRARY,
    "entry": EXTENSION_NO_ENTRY_POINT,
    "refused": EXTENSION_DOES_NOT_LOAD,
    "crashes": EXTENSION_DOES_NOT_LOAD,
    "hangs": EXTENSION_HANGS,
}


def check(context: Context) -> Iterator[Finding]:
    """Yields the finding on the extension, and one on each version for which it is not enough."""
    extension = context.plan.extension
    if extension is None:
        return
    if extension.problem in _CODES:
        yield _finding(context, extension)
    if extension.loaded:
        yield from _missing_operations(context, extension)


def _finding(context: Context, extension: ExtensionPlan) -> Finding:
    problem = context.plan.problem
    severity: Severity = "error" if extension.ends or extension.hangs else "warning"
    return context.finding(
        _CODES[extension.problem],
        _message(context, extension),
        path=extension.path,
        severity=severity,
        confidence=_confidence(context, extension),
        detail=_detail(context, extension),
        log=problem.log if problem is not None and problem.kind == "extension" else (),
        evidence=_evidence(context, extension),
        recovers="restart",
        steps=_steps(context, extension),
    )


def _message(context: Context, extension: ExtensionPlan) -> str:
    path, inspection, release = extension.path, extension.inspection, context.deployment.release
    if extension.problem == "unreachable" and extension.failure is not None:
        reason = os.strerror(extension.failure.errno).lower()
        return f"The server cannot check whether the CPU extension {path} exists ({reason})"
    if extension.problem == "denied":
        return f"The server’s user has no permission to read the CPU extension {path}"
    if extension.problem == "special":
        return f"The CPU extension {path} is not a file but a {extension.kind}"
    if extension.problem == "hangs":
        if extension.hangs:
            return f"The CPU extension {path} is a FIFO: an attempt to open it never returns"
        return f"The load of the CPU extension {path} does not end on this host"
    if extension.problem == "refused":
        return f"OpenVINO refuses the CPU extension {path}: {_last_line(extension)}"
    if extension.problem == "crashes":
        signal = extension.report.signal if extension.report is not None else None
        how = "" if signal is None else f" (signal {signal})"
        return f"The CPU extension {path} crashes the process that loads it{how}"
    if extension.problem == "entry":
        return f"The CPU extension {path} has no entry point create_extensions"
    assert inspection is not None
    if extension.problem == "not_library":
        return f"The CPU extension {path} is not a complete shared library: {inspection.detail}"
    if extension.problem == "machine":
        kind = f"{inspection.bits}-bit {inspection.machine}" if inspection.bits else inspection.machine
        return f"The CPU extension {path} was built for {kind}, and the server runs on 64-bit x86"
    if extension.problem == "libraries":
        if extension.ends:
            newest = f"the images of OVMS {release} have at most {c_library_of(release)}"
            return f"The CPU extension {path} needs {extension.missing[0]}; {newest}"
        return f"The CPU extension {path} needs {', '.join(extension.missing)}, which not every image of OVMS has"
    needed = _needed_openvino(extension)
    built = openvino_of_library(needed) or "another OpenVINO"
    return (
        f"The CPU extension {path} was built for OpenVINO {built} and needs {needed}; "
        f"OVMS {release} has {extension.expected}"
    )


def _detail(context: Context, extension: ExtensionPlan) -> str:
    if extension.hangs:
        return "Start-up does not end."
    if extension.problem == "hangs":
        return f"{extension.untried[:1].upper()}{extension.untried[1:]}. The server waits for it without a limit."
    if extension.problem == "libraries" and not extension.ends:
        return "Where the library is missing, the server ends with exit code 1 before it loads any model."
    code = context.plan.exit_code
    ends = "The process ends" + ("" if code is None else f" with exit code {code}")
    assumed = ""
    if extension.problem == "openvino" and context.deployment.release_from.startswith("newest"):
        assumed = " The release is not known and assumed to be the newest: name it with --ovms-version."
    return f"{ends} before it loads any model.{assumed}"


def _confidence(context: Context, extension: ExtensionPlan) -> Confidence:
    """Returns high for a rule that is the same in all releases; lower if the library was only read, or if the result
    depends on other content of the image."""
    if extension.problem in ("unreachable", "denied", "special", "entry", "not_library", "machine"):
        unsure = extension.inspection is not None and extension.inspection.fault == "cut off"
        return "medium" if unsure else "high"
    if extension.problem == "hangs":
        return "high" if extension.hangs else "medium"
    if extension.problem == "openvino":
        assumed = context.deployment.release_from.startswith("newest")
        return "medium" if assumed or context.deployment.bare_metal else context.confidence()
    if extension.problem == "libraries":
        return "medium" if extension.ends else "low"
    return context.confidence()


def _evidence(context: Context, extension: ExtensionPlan) -> tuple[Evidence, ...]:
    if extension.failure is not None:
        denial = extension.failure.denial
        evidence = (
            describe_failure(extension.failure, extension.path)
            if denial is None
            else describe_denial(denial, context)
        )
        return (evidence,)
    if extension.kind:
        return (Evidence(f"{extension.path}: {extension.kind}", "stat, links followed"),)
    if extension.report is not None and extension.problem in ("refused", "crashes", "hangs"):
        text = _last_line(extension) or extension.report.detail
        return (Evidence(text, f"add_extension of OpenVINO {extension.report.runtime} in a child process"),)
    if extension.inspection is None:
        return ()
    needed = ", ".join(extension.inspection.needed)
    text = f"{extension.path}: {extension.inspection.size} bytes" + (f", needs {needed}" if needed else "")
    return (Evidence(text, "static reading of the library, which was not loaded"),)


def _steps(context: Context, extension: ExtensionPlan) -> tuple[Step, ...]:
    if not context.on_host(extension.path):
        return ()
    file = quote(context.host(extension.path))
    if extension.problem in ("openvino", "libraries", "machine"):
        command = f"readelf -hd {file}"
        return (
            Step(
                "Show what the library was built for and which libraries it needs.", command, "host", "reads"
            ),
        )
    if extension.problem == "entry":
        command = f"nm -D --defined-only {file}"
        return (Step("Show the symbols that the library exports.", command, "host", "reads"),)
    denial = extension.failure.denial if extension.failure is not None else None
    if extension.problem in ("unreachable", "denied") and denial is not None and context.on_host(denial.path):
        return (_give_right(context, denial),)
    if extension.problem in ("not_library", "special", "hangs", "unreachable", "denied"):
        return (Step("Show what the path is.", f"ls -l {file}", "host", "reads"),)
    return ()


def _give_right(context: Context, denial: Denial) -> Step:
    user = context.deployment.user
    user_class = "u" if denial.uid == user.uid else "g" if denial.gid in (user.gid, *user.groups) else "o"
    right = "x" if denial.right == "search" else "r"
    command = f"chmod {user_class}+{right} {quote(context.host(denial.path))}"
    return Step(f"Give the server's user this right on {denial.path}.", command, "host", "changes files")


def _missing_operations(context: Context, extension: ExtensionPlan) -> Iterator[Finding]:
    """Yields findings on models that OpenVINO does not read even with the extension, because an operation is
    missing."""
    for model in context.plan.models:
        for version in model.versions:
            attempt = version.attempt
            if attempt is not None and isinstance(attempt.cause, ReadRefused):
                reason = reason_for(attempt.cause)
                if reason.code is NEEDS_EXTENSION:
                    yield _missing_operation(context, extension, model, attempt, reason.evidence)


def _missing_operation(
    context: Context,
    extension: ExtensionPlan,
    model: ModelPlan,
    attempt: Attempt,
    evidence: tuple[Evidence, ...],
) -> Finding:
    assert isinstance(attempt.cause, ReadRefused)
    text = "" if attempt.cause.report is None else last_line(attempt.cause.report.message)
    if text and "unsupported opset" not in text:
        # OpenVINO has all operations now; it refuses the model for another reason.
        message = f"OpenVINO refuses {attempt.cause.path.rpartition('/')[2]}: {text}"
        return context.of_attempt(
            OPENVINO_REFUSES, message, model, attempt, path=attempt.cause.path, evidence=evidence
        )
    names = ", ".join(dict.fromkeys(item.type for item in foreign_operations(attempt.cause.inspection)))
    uses = f": it uses {names}" if names else ""
    return context.of_attempt(
        EXTENSION_LACKS_OPERATION,
        f"The CPU extension {extension.path} does not have all operations that the model uses{uses}",
        model,
        attempt,
        path=attempt.cause.path,
        evidence=evidence,
        recovers="restart",
    )


def _last_line(extension: ExtensionPlan) -> str:
    return "" if extension.report is None else last_line(extension.report.message)


def _needed_openvino(extension: ExtensionPlan) -> str:
    names = () if extension.inspection is None else extension.inspection.needed
    return next((name for name in names if name.startswith("libopenvino.so.")), "libopenvino.so")


CHECK = Check(
    name="extension",
    summary="the CPU extension, and whether it has the operations that the models use",
    codes=(
        EXTENSION_NOT_READABLE,
        EXTENSION_NO_LIBRARY,
        EXTENSION_OTHER_MACHINE,
        EXTENSION_OTHER_OPENVINO,
        EXTENSION_NEEDS_LIBRARY,
        EXTENSION_NO_ENTRY_POINT,
        EXTENSION_DOES_NOT_LOAD,
        EXTENSION_HANGS,
        EXTENSION_LACKS_OPERATION,
    ),
    run=check,
)
