"""Entries on the CPU extension that the server is told to load."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.model import server_log as log

_ENDS = (
    "The server loads the library before it looks at its configuration or any model; if that fails, the process ends "
    "with exit code 1."
)
_LOGGED = (log.EXTENSION_FAILED,)
_SAME = "The same in all releases."

CODES: tuple[Code, ...] = (
    Code(
        "OVD351",
        "extension-not-readable",
        "error",
        "extension",
        "The CPU extension is no file that the server's user may read",
        "What --cpu_extension names is there, but it is a directory, a socket or a device, or the server's user "
        "may not open it. " + _ENDS,
        "Name the library file itself, and let the server's user read it and enter the directories above it.",
        "restart",
        _LOGGED,
        ("cannot read file data: Is a directory", "cannot open shared object file: Permission denied"),
        releases=_SAME,
        see_also=("OVD352", "OVD406"),
    ),
    Code(
        "OVD352",
        "extension-no-library",
        "error",
        "extension",
        "The CPU extension is no shared library, or only a part of one",
        "The file is empty, is text or an archive, a program, an object file, or it was cut off while it was copied. "
        + _ENDS
        + " A library that is cut off mostly crashes the process.",
        "Copy or build the library again, and compare its size or checksum with the original's.",
        "restart",
        _LOGGED,
        ("file too short", "invalid ELF header", "only ET_DYN and ET_EXEC can be loaded"),
        releases=_SAME,
        see_also=("OVD353",),
    ),
    Code(
        "OVD353",
        "extension-other-machine",
        "error",
        "extension",
        "The CPU extension was built for another processor",
        "OVMS's images are for 64-bit x86. A library for another processor is refused, in words that may mislead: "
        "for one of another architecture the file is said not to exist. " + _ENDS,
        "Build the library for x86-64, best in a container of the server's own base image.",
        "restart",
        _LOGGED,
        ("wrong ELF class: ELFCLASS32", "cannot open shared object file: No such file or directory"),
        releases=_SAME,
        see_also=("OVD354",),
    ),
    Code(
        "OVD354",
        "extension-other-openvino",
        "error",
        "extension",
        "The CPU extension was built for another OpenVINO than the one in this release",
        "An extension asks for the OpenVINO library by a name that holds the exact version: libopenvino.so.2540 is "
        "that of 2025.4.0. Only the one inside the release is there. " + _ENDS,
        "Build the extension against the OpenVINO of the same number as the release, or use the release that it was "
        "built for.",
        "restart",
        _LOGGED,
        ("libopenvino.so.{number}: cannot open shared object file: No such file or directory",),
        releases="Each release of OVMS carries the OpenVINO of the same year and minor number. Nothing is said of "
        "releases before 2023.0, whose libraries had names of another kind.",
        see_also=("OVD321", "OVD355"),
    ),
    Code(
        "OVD355",
        "extension-needs-library",
        "warning",
        "extension",
        "The CPU extension asks for a library that is not in every image of OVMS",
        "Besides OpenVINO and the C and C++ libraries, the extension needs another one, or a newer C library than "
        "that of the image. Where it is missing, the process ends with exit code 1 while it loads the extension. "
        "An error where no image of the release has it.",
        "Build the extension on the server's own base image. Put other libraries beside it (built with "
        "-Wl,-rpath,'$ORIGIN'), or into an image of your own.",
        "restart",
        _LOGGED,
        (
            "{library}: cannot open shared object file: No such file or directory",
            "version `GLIBC_{number}' not found",
        ),
        releases="Images stand on Ubuntu 20.04 or 22.04 until 2024.5 and on 22.04 or 24.04 since 2025.0; those of Red "
        "Hat have an older C library.",
        see_also=("OVD354",),
    ),
    Code(
        "OVD356",
        "extension-no-entry-point",
        "error",
        "extension",
        "The CPU extension lacks OpenVINO's entry point for extensions",
        "OpenVINO looks for the function create_extensions in the library. It is not there: this is another kind of "
        "library (a custom node, a plugin, an extension in the old form), or the macro "
        "OPENVINO_CREATE_EXTENSIONS was left out or hidden. " + _ENDS,
        "Use the macro OPENVINO_CREATE_EXTENSIONS in one source file of the library, and do not hide its symbol.",
        "restart",
        _LOGGED,
        ("dlSym cannot locate method 'create_extensions'", "undefined symbol: create_extensions"),
        releases="Until 2023.3 OpenVINO took extensions in the old form too: nothing is said of those releases.",
        see_also=("OVD357",),
    ),
    Code(
        "OVD357",
        "extension-does-not-load",
        "error",
        "extension",
        "OpenVINO cannot load the CPU extension, or crashes over it",
        "The library was loaded here, in a process of its own, by the OpenVINO that the release carries. It was "
        "refused (a symbol is missing, or its entry point throws), or its own code crashed. The server meets the same: "
        "it ends with exit code 1, or dies of the signal.",
        "The quoted text names the symbol or the exception. For a crash, run the library's initialisation under a "
        "debugger.",
        "restart",
        _LOGGED,
        ("undefined symbol:",),
        releases=_SAME,
        see_also=("OVD354", "OVD356"),
    ),
    Code(
        "OVD358",
        "extension-hangs",
        "error",
        "extension",
        "Loading the CPU extension does not come to an end",
        "Start-up waits for the library without any limit. A FIFO in its place is opened and waited at for ever; code "
        "that runs while the library is loaded may wait as well. Where only the time ran out here, this is a "
        "warning: it may have been slow.",
        "Name a regular file. If the library's own initialisation waits for something (a lock, the network, a "
        "licence), take that out.",
        "restart",
        releases=_SAME,
        see_also=("OVD357",),
    ),
    Code(
        "OVD359",
        "extension-lacks-operation",
        "error",
        "extension",
        "The CPU extension that is loaded does not bring an operation that the model uses",
        "The extension was loaded, and OpenVINO still does not know the operation: it comes from another library, or "
        "the extension registers it under another name or operation set. The server can be given one extension only.",
        "Build one library that brings all operations that the models use. The names must be the same as in the model.",
        "restart",
        releases="The same in all releases. Since 2024.5 the server loads openvino_tokenizers besides.",
        see_also=("OVD321",),
    ),
)
