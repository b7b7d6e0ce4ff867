"""Entries on the CPU extension that the server is told to load."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import Code, Example

_LOGGED = (log.EXTENSION_FAILED,)

_SAME = "The same in all releases."

EXTENSION_NOT_READABLE = Code(
    code="OVD351",
    name="extension-not-readable",
    severity="error",
    summary="The CPU extension is no file that the server's user may read",
    remedy=(
        "Name the library file itself, and let the server's user read it and enter the directories above it."
    ),
    log=(
        *_LOGGED,
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
    summary="The CPU extension is no shared library, or only a part of one",
    remedy="Copy or build the library again, and compare its size or checksum with the original's.",
    log=(
        *_LOGGED,
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
    remedy="Build the library for x86-64, best in a container of the server's own base image.",
    log=(
        *_LOGGED,
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
        *_LOGGED,
        "libopenvino.so.{number}: cannot open shared object file: No such file or directory",
    ),
    recovers="restart",
    releases=(
        "Each release of OVMS carries the OpenVINO of the same year and minor number. Nothing is "
        "said of releases before 2023.0, whose libraries had names of another kind."
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
    summary="The CPU extension asks for a library that is not in every image of OVMS",
    remedy=(
        "Build the extension on the server's own base image. Put other libraries beside it (built "
        "with -Wl,-rpath,'$ORIGIN'), or into an image of your own."
    ),
    log=(
        *_LOGGED,
        "{library}: cannot open shared object file: No such file or directory",
        "version `GLIBC_{number}' not found",
    ),
    recovers="restart",
    releases=(
        "Images stand on Ubuntu 20.04 or 22.04 until 2024.5 and on 22.04 or 24.04 since 2025.0; "
        "those of Red Hat have an older C library."
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
    summary="The CPU extension lacks OpenVINO's entry point for extensions",
    remedy=(
        "Use the macro OPENVINO_CREATE_EXTENSIONS in one source file of the library, and do not hide "
        "its symbol."
    ),
    log=(
        *_LOGGED,
        "dlSym cannot locate method 'create_extensions'",
        "undefined symbol: create_extensions",
    ),
    recovers="restart",
    releases=(
        "Until 2023.3 OpenVINO took extensions in the old form too: nothing is said of those releases."
    ),
    see_also=("OVD357",),
    example=Example("int nothing;", "OPENVINO_CREATE_EXTENSIONS(std::vector<ov::Extension::Ptr>({…}));"),
)

EXTENSION_DOES_NOT_LOAD = Code(
    code="OVD357",
    name="extension-does-not-load",
    severity="error",
    summary="OpenVINO cannot load the CPU extension, or crashes over it",
    remedy=(
        "The quoted text names the symbol or the exception. For a crash, run the library's "
        "initialisation under a debugger."
    ),
    log=(
        *_LOGGED,
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
    summary="Loading the CPU extension does not come to an end",
    remedy=(
        "Name a regular file. If the library's own initialisation waits for something (a lock, the "
        "network, a licence), take that out."
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
    summary="The CPU extension that is loaded does not bring an operation that the model uses",
    remedy=(
        "Build one library that brings all operations that the models use. The names must be the "
        "same as in the model."
    ),
    recovers="restart",
    releases="The same in all releases. Since 2024.5 the server loads openvino_tokenizers besides.",
    see_also=("OVD321",),
    example=Example(
        'OpExtension<CustomReLU>\n<layer type="CustomGelu" version="extension">',
        ('OpExtension<CustomReLU>, OpExtension<CustomGelu>\n<layer type="CustomGelu" version="extension">'),
    ),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "extension": (
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
}
