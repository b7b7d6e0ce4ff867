"""A run leaves no files in HOME, opens no socket and does not change the target."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.helpers import good_model
from tests.cli.run import ovms_doctor


def snapshot(top: Path) -> dict[str, tuple[int, int, int, int, bytes]]:
    """Everything about a tree except access times."""
    found = {}
    for directory, subdirectories, files in os.walk(top):
        for name in [".", *subdirectories, *files]:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content = b""
            if os.path.isfile(path):
                content = Path(path).read_bytes()
            found[path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, content)
    return found


def test_a_run_writes_no_files(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    home = public_dir / "home"
    scratch = public_dir / "tmp"
    for directory in (home, scratch):
        directory.mkdir()
        directory.chmod(0o777)
    before = snapshot(public_dir / "models")
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TMPDIR": str(scratch)}
    result = ovms_doctor(
        "check", public_dir / "models", "--load", "compile", cwd=public_dir, environment=environment
    )
    assert result.code == 0
    assert snapshot(public_dir / "models") == before
    assert list(home.iterdir()) == []
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
@pytest.mark.needs_command("strace")
def test_no_socket_is_opened(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    trace = public_dir / "trace"
    command = ["strace", "-f", "-e", "trace=socket,connect", "-o", str(trace), sys.executable]
    arguments = ["-m", "ovms_doctor", "check", str(public_dir / "models"), "--load", "compile"]
    completed = subprocess.run(command + arguments, capture_output=True, check=False)
    assert completed.returncode == 0, completed.stderr
    calls = re.findall(r"(?:socket|connect)\(.*", trace.read_text())
    # A pair of pipes between processes is not a socket; a look-up of host names or users would open one.
    assert calls == []
