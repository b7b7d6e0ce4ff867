"""Runs commands in turn and records the cost of each run."""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Seconds after which a run counts as hanging.
LIMIT = 1800.0
#: Runs the command line and then writes the peak memory of this process itself to a file, in KiB: wait4(2) reports the
#: maximum of it and its children.
PEAK = """
import sys
place = sys.argv.pop(1)
from ovms_doctor.cli.entry import main
try:
    main()
finally:
    with open("/proc/self/status") as status, open(place, "w") as file:
        file.write(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""
#: Runs the command line and then writes the names of the program's imported modules to a file.
MODULES = """
import sys
place = sys.argv.pop(1)
from ovms_doctor.cli.entry import main
try:
    main()
finally:
    with open(place, "w") as file:
        file.write(",".join(name for name in sys.modules if name.startswith("ovms_doctor")))
"""


@dataclass(frozen=True)
class Command:
    """A command to be measured."""

    #: Its arguments.
    arguments: Sequence[str]
    #: The exit code that means success.
    code: int = 0


@dataclass
class Runs:
    """The costs of one command's runs, in seconds."""

    #: Wall time of each run.
    wall: list[float] = field(default_factory=list)
    #: Processor time of each run, with all children.
    cpu: list[float] = field(default_factory=list)

    def of(self, kind: str) -> list[float]:
        return self.wall if kind == "wall" else self.cpu


def doctor(*arguments: str) -> Command:
    """Returns the command of the program itself, run by this interpreter."""
    return Command([sys.executable, "-m", "ovms_doctor", *arguments])


def python(code: str, *arguments: str) -> Command:
    return Command([sys.executable, "-c", code, *arguments])


def alternate(commands: Mapping[str, Command], times: int) -> dict[str, Runs]:
    """Runs each command this number of times, in turns, after one round that only fills caches and writes
    byte code."""
    runs = {name: Runs() for name in commands}
    for number in range(times + 1):
        for name, command in commands.items():
            wall, cpu = once(command)
            if number:
                runs[name].wall.append(wall)
                runs[name].cpu.append(cpu)
    return runs


def once(command: Command) -> tuple[float, float]:
    """Returns wall seconds and processor seconds. Raises RuntimeError if the command fails."""
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment(),
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != command.code:
            errors.seek(0)
            error_text = errors.read().decode("utf-8", "replace").strip()
            raise RuntimeError(
                f"{' '.join(command.arguments)[:200]} ended with {process.returncode}: {error_text[-500:]}"
            )
    return wall, used.ru_utime + used.ru_stime


def peak_memory(arguments: Sequence[str]) -> float:
    """Returns the peak memory in MiB of the parent process of ``ovms-doctor ARGUMENTS``."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "peak"
        once(Command([sys.executable, "-c", PEAK, str(file), *arguments]))
        return int(file.read_text()) / 1024


def imports_of(arguments: Sequence[str]) -> Command:
    """Returns a Python command that only imports the modules that the parent process of ``ovms-doctor ARGUMENTS``
    imports."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "modules"
        once(Command([sys.executable, "-c", MODULES, str(file), *arguments]))
        light = "from ovms_doctor.model.light_msgspec import import_msgspec; import_msgspec(); "
        return python(f"{light}import {file.read_text()}")


def environment() -> dict[str, str]:
    """Returns this environment with storing of byte code enabled, as in an installed package, or in a checkout after
    its first run."""
    left_out = ("PYTHONDONTWRITEBYTECODE", "FORCE_COLOR", "TTY_COMPATIBLE")
    return {name: value for name, value in os.environ.items() if name not in left_out}


def machine() -> str:
    """Returns the machine and its versions, in one line."""
    text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return (
        f"{model[1].strip() if model else os.uname().machine}, {cores} cores, {memory:.0f} GiB, "
        f"Python {sys.version.split()[0]}, load {load:.1f} before"
    )


def least(values: Sequence[float]) -> float:
    return min(values)


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def chosen_parts(
    parser: argparse.ArgumentParser, names: Sequence[str], parts: Mapping[str, object]
) -> list[str]:
    """Returns the parts that the command line names, or all if it names none; ends the program for an unknown one."""
    unknown = [name for name in names if name not in parts]
    if unknown:
        parser.error(f"no part is called {unknown[0]}; there are {', '.join(parts)}")
    return list(names or parts)
