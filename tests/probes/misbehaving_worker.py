"""A worker that misbehaves on demand, for the tests: the path of a StatPath states how."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

from ovms_doctor.model.facts import Answer, AnyQuestion, LoadModel, LoadReport, PathStatus
from ovms_doctor.probes.processes import entry, worker
from ovms_doctor.probes.processes.messages import Ready
from ovms_doctor.probes.processes.start import OUTGOING


def _behave(question: AnyQuestion) -> Answer:
    behaviour, _, rest = os.path.basename(question.path).partition("-")
    if behaviour == "hang":
        time.sleep(3600)
    if behaviour == "wait":
        while not os.path.exists(os.path.join(os.path.dirname(question.path), rest)):
            time.sleep(0.01)
    if behaviour == "signal":
        os.kill(os.getpid(), int(rest))
    if behaviour == "onnx":  # needs the library of /bad-library, if that was not loaded at the start
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour == "exit":
        print("the last words", file=sys.stderr, flush=True)
        os._exit(int(rest))
    if behaviour == "raise":
        raise RuntimeError("no\nluck")
    if behaviour == "chatter":
        os.write(1, b"to standard output\n" * 100_000)
        os.write(2, b"to standard error\n" * 100_000)
    if behaviour == "endless":
        while True:
            os.write(OUTGOING, b"x" * 100_000)
    if behaviour == "garble":
        os.write(OUTGOING, b"\xff\x00 not JSON\n")
    if behaviour == "grandchild":
        child = subprocess.Popen(["sleep", "3600"], close_fds=False, pass_fds=(OUTGOING,))
        if rest == "and-die":
            os.kill(os.getpid(), signal.SIGSEGV)
        return PathStatus("regular", child.pid)
    if behaviour == "slow" and isinstance(question, LoadModel):
        time.sleep(3600)
    if behaviour == "compile" and isinstance(question, LoadModel) and question.level == "compile":
        os.kill(os.getpid(), signal.SIGFPE)
    if isinstance(question, LoadModel):
        return LoadReport(question.level, "ok", question.level, "", "9.9")
    return PathStatus("regular", os.getpid())


def _start(line: bytes) -> worker.Started:
    for root in json.loads(line).get("roots", []):
        while "start-after-" in root and not os.path.exists(root):
            time.sleep(0.01)
    if b"hang" in line:
        time.sleep(3600)
    if b"fail" in line:
        raise RuntimeError("cannot start")
    if b"/bad-library" in line and b'"all_libraries":true' in line:
        os.kill(os.getpid(), signal.SIGSEGV)
    return _behave, Ready(runtime="9.9")


worker._KINDS = {kind: lambda: _start for kind in ("files", "inspect", "load")}
if __name__ == "__main__":
    entry.set_up(int(sys.argv[2]), OUTGOING)
    worker.main(sys.argv[1])
