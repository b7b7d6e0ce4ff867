"""The hosts that the program contacts, according to the kernel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def contacted(path: Path, *arguments: str, environment: dict[str, str] | None = None) -> set[tuple[str, int]]:
    """IP addresses and ports to which the program with these arguments, or a child of it, connects or sends."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [
        "strace",
        "-f",
        "-qq",
        # The program is only stopped for the calls below, which matters to its time limits.
        "--seccomp-bpf",
        "-e",
        "trace=connect,sendto,sendmsg",
        "-o",
        str(path),
        sys.executable,
        "-m",
    ]
    completed = subprocess.run(
        [*command, "ovms_doctor", *arguments],
        env={**clean, **(environment or {})},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert completed.returncode in (0, 1), completed.stderr
    text = path.read_text("utf-8", "replace")
    pattern = r'sin6?_port=htons\((\d+)\).*?inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)"'
    return {(address, int(port)) for port, address in re.findall(pattern, text)}
