"""A base image made of this host's Python, for a machine without access to a registry."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

#: Libraries that binary packages of PyPI still require, although newer releases of glibc have them in libc.
PARTS = ("libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1")
#: The programs of a base image beside Python: a shell, and what a build uses.
PROGRAMS = ("sh", "echo", "ls", "cat", "env")
#: Parts of the standard library that are large and not used.
LEFT_OUT = {
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idlelib",
    "turtledemo",
    "tkinter",
    "__pycache__",
}


def _libraries(files: list[Path]) -> set[str]:
    """Returns the paths of all shared libraries that these programs and libraries load."""
    completed = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    return {path for path in re.findall(r"(/\S+) \(0x", completed.stdout) if os.path.exists(path)}


def base_image(busybox: str) -> bytes:
    """Returns a root file system as a tar archive: this Python with its standard library at the same paths,
    the shared libraries that it needs, the wheels that ``venv`` installs, and a shell.

    ``/usr/bin/python3`` is a link to it.
    """
    program = Path(os.path.realpath(sys.executable))
    standard = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    extensions = [
        file
        for directory in standard
        for file in (directory / "lib-dynload").glob("*.so")
        if not file.name.startswith("_tkinter")
    ]
    # Binary packages of PyPI need the C++ runtime, which every published Python image contains.
    found = subprocess.run(
        ["gcc", "-print-file-name=libstdc++.so.6"], capture_output=True, text=True, check=False
    )
    runtime = [Path(found.stdout.strip())] if found.stdout.startswith("/") else []
    if not runtime:
        runtime = sorted(Path("/usr/lib").glob("*-linux-gnu/libstdc++.so.6"))[:1]
    libraries = _libraries([program, *extensions, *runtime])
    for path in sorted(libraries):
        if os.path.basename(path) == "libc.so.6":
            beside = (os.path.join(os.path.dirname(path), name) for name in PARTS)
            libraries.update(part for part in beside if os.path.exists(part))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:

        def add(path: str, name: str) -> None:
            archive.add(os.path.realpath(path), name.lstrip("/"))

        add(busybox, "/bin/busybox")
        for name in PROGRAMS:
            _link(archive, f"bin/{name}", "busybox")
        add(str(program), str(program))
        _link(archive, "usr/bin/python3", str(program))
        for path in sorted(libraries | {str(file) for file in runtime}):
            # Every loader searches this directory; each program contains the path of its loader.
            add(path, path if os.path.basename(path).startswith("ld-") else f"/lib/{os.path.basename(path)}")
        for directory in sorted(standard):
            archive.add(str(directory), str(directory).lstrip("/"), filter=_included)
        # Linux distributions store the wheel of pip outside of the standard library.
        wheels = sysconfig.get_config_var("WHEEL_PKG_DIR")
        if wheels and os.path.isdir(wheels):
            archive.add(wheels, wheels.lstrip("/"))
        temporary = tarfile.TarInfo("tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(temporary)
    return packed.getvalue()


def _link(archive: tarfile.TarFile, name: str, target: str) -> None:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, target
    archive.addfile(link)


def _included(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = Path(entry.name).name
    if name in LEFT_OUT or name.endswith(".a") or name.startswith("config-"):
        return None
    return entry
