"""CPU extensions for the tests: a custom operation compiled for the installed OpenVINO, and damaged ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ovms_doctor.model.releases.libraries import openvino_of_library
from ovms_doctor.probes.library import local_openvino
from tests.probes.runtime.driver import package_directory

#: The installed OpenVINO library, and the release of OVMS that contains it.
LIBRARY = local_openvino()
RELEASE = openvino_of_library(LIBRARY) or ""
#: The library of an old release, whose name has the same length.
OTHER_LIBRARY = "libopenvino.so.2330"

NO_ENTRY = "int nothing;"
#: An entry point for libraries that never reach OpenVINO.
ENTRY = 'extern "C" void create_extensions(void*) {}\n'
UNDEFINED = 'extern "C" void my_function();\nextern "C" void create_extensions(void*) { my_function(); }\n'
THROWS = '#include <stdexcept>\nextern "C" void create_extensions(void*) { throw std::runtime_error("boom create"); }\n'
ABORTS = ENTRY + "#include <cstdlib>\n__attribute__((constructor)) static void begin() { std::abort(); }\n"
THROWS_EARLY = ENTRY + "struct First { First() { throw 1; } };\nstatic First first;\n"
SLEEPS = (
    ENTRY + "#include <unistd.h>\n__attribute__((constructor)) static void begin() { for (;;) pause(); }\n"
)
FAULTS = 'extern "C" void create_extensions(void*) { volatile int* p = nullptr; *p = 1; }\n'


def build(directory: Path, source: str, *more: str, name: str = "libmine.so") -> Path:
    """Builds a shared library that requires the installed OpenVINO, whether it uses it or not."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "mine.cpp").write_text(source)
    package = package_directory()
    command = ["g++", "-O0", "-std=c++17", "-fPIC", "-shared", "mine.cpp", "-o", name, "-Wl,--no-as-needed"]
    command += [f"-I{package / 'include'}", f"-L{package / 'libs'}", f"-l:{LIBRARY}", *more]
    subprocess.run(command, cwd=directory, check=True)
    return directory / name


def plain_library(directory: Path, name: str) -> Path:
    """Builds a shared library that requires no other library."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "other.c").write_text("int other_function(void) { return 1; }\n")
    subprocess.run(["g++", "-shared", "-fPIC", "-x", "c", "other.c", "-o", name], cwd=directory, check=True)
    return directory / name


def patched(library: Path, target: Path, at: int, value: bytes) -> Path:
    """A copy in which some bytes at one offset are replaced."""
    data = bytearray(library.read_bytes())
    data[at : at + len(value)] = value
    target.write_bytes(data)
    return target


def for_other_openvino(library: Path, target: Path) -> Path:
    """A copy that requires another OpenVINO library."""
    data = library.read_bytes()
    assert data.count(LIBRARY.encode()) >= 1
    target.write_bytes(data.replace(LIBRARY.encode(), OTHER_LIBRARY.encode()))
    return target
