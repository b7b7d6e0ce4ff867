"""Runs the command line: in this process, or as a user does in a process of its own."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from ovms_doctor.cli.plain import run


@dataclass(frozen=True)
class Result:
    """Exit code, standard output and standard error."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


def ovms_doctor(
    *arguments: str | bytes | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Result:
    """Runs the command with these arguments in this process; ``environment`` replaces the whole environment.

    Its child processes are real processes. Its start, signals, imports, file descriptors and limits are those
    of the tests: where these matter, use ``ovms_doctor_process``.
    """
    out, err = io.BytesIO(), io.BytesIO()
    with (
        mock.patch.dict(os.environ, environment or {}, clear=environment is not None),
        _directory(cwd),
        mock.patch.object(sys, "argv", ["ovms-doctor", *(os.fsdecode(word) for word in arguments)]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8", "surrogateescape")),
        redirect_stdout(io.TextIOWrapper(out, "utf-8", "surrogateescape", write_through=True)) as text_out,
        redirect_stderr(io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True)) as text_err,
    ):
        code = _run([os.fsdecode(word) for word in arguments])
        # After detach, the buffers stay open and can be read.
        text_out.detach()
        text_err.detach()
    return _checked(Result(code, out.getvalue(), err.getvalue()))


def _run(arguments: list[str]) -> int:
    """Runs the command and restores the signal handlers. The command leaves them as a process does that ends."""
    if threading.current_thread() is not threading.main_thread():
        return run(arguments)
    numbers = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        return run(arguments)
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


def ovms_doctor_process(
    *arguments: str | bytes | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = 600,
) -> Result:
    """Runs the command in a process of its own. ``timeout``, in seconds, only ends a test that hangs."""
    command: list[Any] = [sys.executable, "-m", "ovms_doctor", *arguments]
    completed = subprocess.run(
        command,
        cwd=cwd,
        env=dict(os.environ if environment is None else environment),
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return _checked(Result(completed.returncode, completed.stdout, completed.stderr))


@contextmanager
def _directory(path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    before = os.open(".", os.O_RDONLY)
    os.chdir(path)
    try:
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def _checked(result: Result) -> Result:
    assert b"Traceback" not in result.err, result.err.decode()
    assert b"Traceback" not in result.out
    return result
