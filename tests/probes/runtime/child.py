"""The child: prepares a Runtime, drops rights, loads models, prints JSON lines.

Arguments: entries for the module search path. Standard input, as JSON: ``loads``, pairs of path and level;
``memory_limit`` in bytes; ``extension``: the library for each load; with ``alone`` it is also loaded by
itself before, and its text is printed; ``forbid``: end with SIGSYS at any socket and any created file;
``provoke``: "socket" or "file", to test this; ``lose``: a directory that must be closed after the
preparation, by changing to user 5000 if the process is root, else by removing its rights.
"""

import ctypes
import json
import os
import platform
import resource
import socket
import struct
import sys

sys.path[:0] = sys.argv[1:]

import msgspec  # noqa: E402
from msgspec.structs import asdict  # noqa: E402

from ovms_doctor.probes.runtime.backend import RuntimeUnavailableError  # noqa: E402
from ovms_doctor.probes.runtime.read import Runtime  # noqa: E402

KILL, ALLOW = 0x80000000, 0x7FFF0000
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
#: socket, system calls that create a file, and calls that open one, with the index of the argument for the flags.
NUMBERS = {
    "x86_64": ((41, 83, 85, 258), {2: 1, 257: 2}),
    "aarch64": ((198, 34), {56: 2}),
}


def forbid() -> None:
    """Kills this process at any socket(2), mkdir(2), and open(2) with O_CREAT: seccomp(2), for any user."""
    forbidden, opens = NUMBERS[platform.machine()]
    program = [(LOAD, 0, 0, 0)]
    for number in forbidden:
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, KILL)]
    for number, argument in opens.items():
        program += [
            (EQUAL, 0, 3, number),
            (LOAD, 0, 0, 16 + 8 * argument),
            (ANY_BIT, 0, 1, os.O_CREAT),
            (RETURN, 0, 0, KILL),
            (LOAD, 0, 0, 0),
        ]
    program.append((RETURN, 0, 0, ALLOW))
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    held = ctypes.create_string_buffer(code)
    header = struct.pack("@HP", len(program), ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    assert libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0
    if libc.prctl(set_seccomp, filter_mode, header) != 0:
        raise OSError(ctypes.get_errno(), "this kernel does not let a process filter its calls")


def lose_rights(directory: str) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(5000, 5000, 5000)
        os.setresuid(5000, 5000, 5000)
    else:
        os.chmod(directory, 0)
    try:
        os.listdir(directory)
    except PermissionError:
        return
    raise AssertionError(f"{directory} can still be read")


def write_line(**line: object) -> None:
    print(json.dumps(line), flush=True)


def main() -> None:
    job = json.load(sys.stdin)
    if job.get("forbid"):
        forbid()
    runtime = Runtime()
    runtime.memory_limit = job.get("memory_limit")
    extension = job.get("extension")
    try:
        runtime.prepare()
    except RuntimeUnavailableError as unavailable:
        write_line(unavailable=unavailable.reason)
        return
    write_line(prepared={"version": runtime.version, "modules": sorted(sys.modules)})
    if "lose" in job:
        lose_rights(job["lose"])
    if job.get("provoke") == "socket":
        socket.socket()
    if job.get("provoke") == "file":
        open(os.path.join(os.environ["HOME"], "made"), "w").close()
    if job.get("alone"):
        write_line(extension=runtime.try_extension(extension).message)
    before = set(sys.modules)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    for path, level in job["loads"]:
        try:
            write_line(**msgspec.to_builtins(asdict(runtime.load(path, level, None, extension))))
        except RuntimeUnavailableError as unavailable:
            write_line(unavailable=unavailable.reason)
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        files = {os.path.basename(line.split(maxsplit=5)[5].rstrip()) for line in maps if "/" in line}
    write_line(libraries=sorted(name for name in files if "_frontend.so" in name or "_plugin.so" in name))
    write_line(
        limits={
            "address space kept": limits == resource.getrlimit(resource.RLIMIT_AS),
            "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        },
        imported=sorted(set(sys.modules) - before),
    )


main()
