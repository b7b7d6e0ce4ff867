"""Child processes that may hang, crash or be killed without harm to anybody else.

Python's own start-up is kept clean in them: isolated mode leaves out PYTHON* variables, the working
directory and the user's site directory, and the file system worker leaves out site-packages too, whose
``.pth`` files run code.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import signal as signals
import site
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

import ovms_doctor
from ovms_doctor.model.facts import Answer, Question
from ovms_doctor.model.facts.codec import FactFormatError, decode_answer, encode_question
from ovms_doctor.probes import interrupts

#: Bytes kept of what a child writes to standard error.
STDERR_KEPT = 4096
#: Seconds for a child to come up; longer than any start that is going to succeed, on a slow disk too.
START_DEADLINE = 60.0
#: Seconds given to a child that has closed its pipe to end, and to a killed one to be gone.
PATIENCE = 2.0

# Made once: json.dumps makes an encoder for each call that is not the plainest.
_to_json = json.JSONEncoder(separators=(",", ":")).encode
#: What a child needs that asks stores: where programs and libraries lie, the language, and who measures it.
_KEPT = re.compile(r"PATH|LD_LIBRARY_PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|COVERAGE_\w+")
_NO_HOME = "/nonexistent"
_BOOTSTRAP = (
    "import sys; count = int(sys.argv[1]); places = sys.argv[2:2 + count]; "
    # This very package, whatever copy of it is installed besides; everything else as Python finds it.
    "sys.path.insert(0, places[0]); import ovms_doctor; del sys.path[0]; sys.path.extend(places); "
    "from ovms_doctor.probes.processes.worker import main; "
    "main(sys.argv[2 + count], *map(int, sys.argv[3 + count:]))"
)


class ChildExit(Struct, frozen=True):
    """A child ended before it had answered: by ``signal``, with status ``exit``, or killed at its deadline
    (``timed_out``). ``stderr`` is the end of what it wrote there. ``started``: it had come up before."""

    signal: int | None
    exit: int | None
    timed_out: bool
    stderr: str
    started: bool = True

    def __str__(self) -> str:
        if self.timed_out:
            return "it did not answer in time and was killed"
        if self.signal is not None:
            return f"it was ended by {signal_name(self.signal)}"
        last = self.stderr.strip().rpartition("\n")[2]
        how = "it failed" if self.exit is None else f"it ended with status {self.exit}"
        return how + (f": {last}" if last else "")


class Worker:
    """Asks a child process, and starts another one where that ends too early.

    ``kind`` and ``options`` are those of :mod:`ovms_doctor.probes.processes.worker`; ``deadline`` is in seconds
    and counts for each question. Nothing is started before the first question. The kernel kills the
    child when the thread that started it ends (prctl(2)), so a worker belongs to one thread.
    """

    def __init__(
        self,
        kind: str,
        options: Mapping[str, Any],
        deadline: float,
        *,
        start_deadline: float = START_DEADLINE,
    ) -> None:
        self._kind = kind
        self._options = dict(options)
        self._deadline = deadline
        self._start_deadline = start_deadline
        self._child: Child | None = None
        self._broken: ChildExit | None = None
        #: What the child said when it came up.
        self.hello: dict[str, Any] = {}

    def answer(
        self, questions: Sequence[Question], deadline: Callable[[Question], float] | None = None
    ) -> Generator[tuple[Question, Answer | ChildExit], None, None]:
        """The questions in turn, each with its answer or the end of the child that had it in hand.

        ``deadline`` gives the seconds for a question, if they are not the same for all. A child that does
        not come up is not tried again: all questions are answered by that.
        """
        todo = deque(questions)
        try:
            while todo:
                died = self._start()
                if died is not None:
                    yield todo.popleft(), died
                    continue
                child = self._child
                assert child is not None
                child.send(encode_question(question) for question in todo)
                while todo:
                    answer = self._receive(child, deadline(todo[0]) if deadline else self._deadline)
                    if isinstance(answer, ChildExit):
                        self.close()
                    yield todo.popleft(), answer
                    if isinstance(answer, ChildExit):
                        break
        finally:
            if todo:
                # Left early: the answers that are still to come would be taken for later questions'.
                self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, None where none runs."""
        return self._child.process.pid if self._child else None

    def close(self) -> None:
        """Kills the child and all that it started. Another question starts another one."""
        child, self._child = self._child, None
        if child is not None:
            child.end(0.0)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm(self) -> None:
        """Has a child started, without waiting for it to come up."""
        if self._broken is None and self._child is None:
            try:
                self._child = Child(self._kind)
            except (OSError, ValueError) as error:
                self._broken = ChildExit(
                    None, None, False, f"no child process can be started: {error}", False
                )
            else:
                self._child.send([{"options": self._options}])

    def _start(self) -> ChildExit | None:
        self.warm()
        child = self._child
        if self._broken is None and child is not None and not child.ready:
            message = child.receive(self._start_deadline)
            if isinstance(message, ChildExit) or not isinstance(message.get("ready"), dict):
                self._broken = message if isinstance(message, ChildExit) else child.spoiled()
                self.close()
            else:
                self.hello = message["ready"]
                child.ready = True
        return self._broken

    def _receive(self, child: Child, deadline: float) -> Answer | ChildExit:
        message = child.receive(deadline)
        if isinstance(message, ChildExit):
            return message
        return read_answer(child, message)


class Child:
    """One process and the pipes to it: questions, answers, standard error."""

    def __init__(self, kind: str) -> None:
        ours: list[int] = []
        theirs: list[int] = []
        try:
            for flip in (False, True, True):
                read, write = os.pipe()
                ours.append(read if flip else write)
                theirs.append(write if flip else read)
            self.process = subprocess.Popen(
                _command(kind, theirs[0], theirs[1]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=theirs[2],
                pass_fds=theirs[:2],
                cwd="/",
                env=_environment(kind),
                start_new_session=True,
            )
        except BaseException:
            _close(ours)
            raise
        finally:
            _close(theirs)
        self._questions, self._answers, self._errors = ours
        self._outgoing = bytearray()
        self._lines: deque[bytes] = deque()
        self._partial: list[bytes] = []
        self._stderr = bytearray()
        self._died: ChildExit | None = None
        self.ready = False
        self._selector = selectors.DefaultSelector()
        for descriptor in ours:
            os.set_blocking(descriptor, False)
        self._selector.register(self._answers, selectors.EVENT_READ)
        self._selector.register(self._errors, selectors.EVENT_READ)
        # For who forgets to close: at the end of the interpreter at the latest.
        self._finalizer = weakref.finalize(self, kill, self.process)

    def send(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Has lines written to the child while answers are waited for."""
        idle = not self._outgoing
        for message in messages:
            self._outgoing += _to_json(message).encode("ascii") + b"\n"
        if idle and self._outgoing:
            self._selector.register(self._questions, selectors.EVENT_WRITE)
            # At once, as far as the pipe takes it: the child can begin before anybody listens.
            self._write()

    def receive(self, deadline: float) -> dict[str, Any] | ChildExit:
        """The next line from the child, within so many seconds from now; else the child is ended. Raises
        Interrupted."""
        end = time.monotonic() + deadline
        while True:
            interrupts.check()
            left = end - time.monotonic()
            message = self.take(min(left, interrupts.HEARTBEAT))
            if message is not None:
                return message
            if left <= 0:
                return self.end(0.0, timed_out=True)

    def take(self, wait: float) -> dict[str, Any] | ChildExit | None:
        """The next line from the child, None if none comes within so many seconds."""
        if not self._lines:
            events = self._selector.select(max(0.0, wait))
            at_end = any(self._handle(key.fd) for key, _ in events)
            if not self._lines:
                # Not only the pipe is watched: what the child started may hold it open.
                if at_end or (not events and self.gone()):
                    return self.end(PATIENCE)
                return None
        try:
            message = json.loads(self._lines.popleft().decode("ascii"))
        except ValueError:
            message = None
        return message if isinstance(message, dict) else self.spoiled()

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to do for this child."""
        return self._selector.fileno()

    def gone(self) -> bool:
        """Whether the process has ended."""
        return has_ended(self.process)

    def spoiled(self) -> ChildExit:
        """Ends a child that wrote what is no answer: its memory may be damaged."""
        return replace(self.end(0.0), signal=None, exit=None, stderr="what it wrote is no answer")

    def end(self, patience: float, *, timed_out: bool = False) -> ChildExit:
        """Waits so many seconds for the child to end by itself, then kills its process group."""
        if self._died is None:
            limit = time.monotonic() + patience
            while not has_ended(self.process) and time.monotonic() < limit:
                time.sleep(0.002)
            self._finalizer()
            while self._handle(self._errors) is None:
                pass
            code = self.process.returncode
            self._died = ChildExit(
                signal=-code if code is not None and code < 0 and not timed_out else None,
                exit=code if code is not None and code >= 0 and not timed_out else None,
                timed_out=timed_out,
                stderr=self._stderr.decode("utf-8", "replace"),
                started=self.ready,
            )
            self._selector.close()
            _close([self._questions, self._answers, self._errors])
        return self._died

    def _handle(self, descriptor: int) -> bool | None:
        """Moves what can be moved; True at the end of the answers, None where there may be more of it."""
        if descriptor == self._questions:
            return self._write()
        try:
            data = os.read(descriptor, 1 << 18)
        except BlockingIOError:
            return False
        if descriptor == self._errors:
            if not data:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(descriptor)
                return False
            self._stderr += data
            del self._stderr[:-STDERR_KEPT]
            return None
        if not data:
            return True
        *lines, rest = data.split(b"\n")
        if lines:
            self._lines.append(b"".join([*self._partial, lines[0]]))
            self._lines.extend(lines[1:])
            self._partial.clear()
        self._partial.append(rest)
        return None

    def _write(self) -> bool:
        try:
            del self._outgoing[: os.write(self._questions, bytes(self._outgoing[: 1 << 16]))]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self._outgoing.clear()
        if not self._outgoing:
            self._selector.unregister(self._questions)
        return False


def read_answer(child: Child, message: Mapping[str, Any]) -> Answer | ChildExit:
    """The answer in a line from ``child``; what is none ends it."""
    try:
        return decode_answer(message.get("answer"))
    except FactFormatError:
        return child.spoiled()


def signal_name(number: int) -> str:
    """``SIGSEGV`` and so on; the number where it has no name."""
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _command(kind: str, questions: int, answers: int) -> list[str]:
    flags = ["-I"]
    if kind == "files":
        flags.append("-S")
    if sys.dont_write_bytecode:
        flags.append("-B")
    # Names must be decoded there as they are here, whatever the locale.
    if sys.getfilesystemencoding() == "utf-8":
        flags += ["-X", "utf8=1"]
    # At the end of the path: nothing there can stand in for a module of Python's.
    places = [os.path.dirname(os.path.dirname(os.path.abspath(ovms_doctor.__file__)))]
    if kind == "files":
        # Without site-packages' own start-up files; but facts are msgspec's structs.
        places.append(os.path.dirname(os.path.dirname(os.path.abspath(msgspec.__file__))))
    elif site.ENABLE_USER_SITE:
        places.append(site.getusersitepackages())
    numbers = (questions, answers, os.getpid())
    return [sys.executable, *flags, "-c", _BOOTSTRAP, str(len(places)), *places, kind, *map(str, numbers)]


def _environment(kind: str) -> dict[str, str] | None:
    """A child's variables, None for this process's own. One that asks stores gets none that a library could take
    credentials, proxies or certificates from, nor the server's secrets where they stand among them."""
    if kind != "stores":
        return None
    kept = {name: text for name, text in os.environ.items() if _KEPT.fullmatch(name)}
    return {**kept, "HOME": _NO_HOME, "AWS_EC2_METADATA_DISABLED": "true"}


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the child is dead, without taking its status: its id must stay its own until it is killed."""
    if process.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def kill(process: subprocess.Popen[bytes]) -> None:
    """End its whole process group; the process must lead one."""
    if process.returncode is not None:
        return
    # PermissionError: a child with other ids and a parent without CAP_KILL; closing its pipe ends it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signals.SIGKILL)
    # A child that hangs in the kernel (a dead NFS server) does not even die: it is left behind.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
