#!/usr/bin/env python3
"""Builds ovms-doctor as one executable file for hosts without a package index (docs/install.md).

``build_archive.py light`` leaves out OpenVINO and the clients of stores and of gRPC; ``build_archive.py full`` holds
everything. The file runs with CPython 3.10 to 3.13 on Linux x86-64 and needs neither pip nor a network.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging import tags

ROOT = Path(__file__).resolve().parent.parent
#: The minor releases of CPython that the archive holds binary packages for.
PYTHONS = (10, 11, 12, 13)
#: The dependencies that the light archive does not have; requirements-light.txt has the others.
LARGE = ("openvino", "boto3", "google-cloud-storage", "grpcio")
#: Requirements of OpenVINO's package that its extension module does not use; only that module is loaded.
UNUSED = ("numpy", "openvino-telemetry")
#: The glibc of the oldest system that the archive must run on: 2.28 is that of RHEL 8, and below that of Debian 11.
GLIBC_MINOR = 28


def _platforms() -> Iterator[str]:
    """Yields the platform tags of Linux x86-64 with the oldest supported glibc, newest first."""
    for minor in range(GLIBC_MINOR, 16, -1):
        yield f"manylinux_2_{minor}_x86_64"
    yield "manylinux2014_x86_64"
    yield "linux_x86_64"


def _complete_platform(minor: int) -> dict[str, object]:
    """Returns pex's description of CPython 3.MINOR on Linux x86-64: its markers and the tags of the wheels
    that it accepts."""
    platforms = list(_platforms())
    version = f"3.{minor}"
    interpreter = f"cp3{minor}"
    compatible = [
        *tags.cpython_tags((3, minor), [interpreter], platforms),
        *tags.compatible_tags((3, minor), interpreter, platforms),
    ]
    return {
        "marker_environment": {
            "implementation_name": "cpython",
            "implementation_version": f"{version}.0",
            "os_name": "posix",
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{version}.0",
            "python_version": version,
            "sys_platform": "linux",
        },
        "compatible_tags": [str(tag) for tag in compatible],
    }


def build(flavour: str, output: Path, wheel: Path | None = None, pythons: tuple[int, ...] = PYTHONS) -> None:
    """Writes the archive of this flavour (``light`` or ``full``) to ``output``; builds the wheel if none is given."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if wheel is None:
            subprocess.run(
                [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", scratch, str(ROOT)],
                check=True,
            )
            (wheel,) = folder.glob("*.whl")
        platforms = []
        for minor in pythons:
            description = folder / f"cpython-3.{minor}.json"
            description.write_text(json.dumps(_complete_platform(minor)), encoding="utf-8")
            platforms += ["--complete-platform", str(description)]
        left_out = [f"--exclude={name}" for name in (LARGE if flavour == "light" else UNUSED)]
        output.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                *(sys.executable, "-m", "pex", str(wheel)),
                *platforms,
                *left_out,
                # Child processes start the same interpreter again; in a virtual environment it finds all packages.
                *("--venv", "prepend", "--console-script", "ovms-doctor"),
                *("--python-shebang", "#!/usr/bin/env python3", "--output-file", str(output)),
            ],
            check=True,
            env={**os.environ, "PEX_ROOT": str(folder / "pex")},
        )


def main() -> None:
    """Parses the command line and builds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("flavour", choices=("light", "full"))
    parser.add_argument("-o", "--output", type=Path, help="default: dist/ovms-doctor-FLAVOUR.pyz")
    parser.add_argument(
        "--python",
        type=int,
        action="append",
        choices=PYTHONS,
        help="only for CPython 3.N; repeatable; default: all",
    )
    parser.add_argument("--wheel", type=Path, help="a wheel of ovms-doctor; default: one is built")
    chosen = parser.parse_args()
    output = chosen.output or ROOT / "dist" / f"ovms-doctor-{chosen.flavour}.pyz"
    build(chosen.flavour, output, chosen.wheel, tuple(chosen.python or PYTHONS))
    print(f"{output}: {output.stat().st_size / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
