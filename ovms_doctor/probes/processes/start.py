"""Starts a child process with its interpreter, module paths, pipes and environment; and ends it with all processes
that it started.

Every child of this project is started here. It is a Python process in a session of its own, with three pipes: file
descriptor 3 for its input, 4 for its output, and standard error. Isolated mode leaves out PYTHON* variables, the
working directory and the user's site directory. Its first steps, above all the limits, are in
:mod:`ovms_doctor.probes.processes.entry`.

This module imports very little: children are started before the rest of the program is imported.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from ovms_doctor.probes.recording import active

# For type checkers only.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ovms_doctor.probes.recording.tally import RecordedChild

#: Seconds within which a killed process must end.
TIME_LIMIT = 2.0
#: The same for a process that waits in the kernel: it may stay as long as a file system does not answer.
IN_KERNEL = 0.5
#: Seconds between two checks of why a killed process has not ended.
_POLL_INTERVAL = 0.02
#: File descriptors of a child: its input, its output, a file of the parent, and the file for records of its actions.
INCOMING, OUTGOING, FILE, RECORDS = 3, 4, 5, 6
#: Represents Python's own module path in the list of a child process's module paths.
OWN_PATH = "*"

#: The home directory of a child that must have none.
NO_HOME = "/nonexistent"

#: Ends of pipes are moved beyond the numbers that they get in the child, so that none overwrites another.
_BEYOND = 16
_BOOTSTRAP = (
    "import sys; home, count, *rest = sys.argv[1:]; count = int(count); "
    # This copy of the package, even if another one is installed; everything else from the given paths.
    "sys.path.insert(0, home); import ovms_doctor.probes.processes; del sys.path[0]; "
    f"sys.path[:] = [one for given in rest[:count] for one in (sys.path if given == {OWN_PATH!r} else [given])]; "
    "from ovms_doctor.probes.processes.entry import main; main(*rest[count:])"
)


class Process:
    """A started child and this process's ends of its pipes.

    ``pid``: its process id, which is its session and process group too.
    ``to_child``, ``from_child``, ``errors``: descriptors of the pipes; the code that uses them closes them.
    ``returncode``: its exit status, the negative number of the signal that ended it, or None while that is not known.
    """

    __slots__ = ("errors", "from_child", "pid", "returncode", "to_child")

    def __init__(self, pid: int, to_child: int, from_child: int, errors: int) -> None:
        self.pid = pid
        self.to_child = to_child
        self.from_child = from_child
        self.errors = errors
        self.returncode: int | None = None

    def has_ended(self) -> bool:
        """Whether it has ended. Its status is not read: its id must not be reused until its group is killed."""
        if self.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def kill(self) -> None:
        """Kills it and all processes that it started, and does not wait for their end."""
        if self.returncode is None:
            # PermissionError: a child with other ids and a parent without CAP_KILL; closing its pipe ends it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _waits_in_kernel(self) -> bool:
        """Whether it waits in a state that no signal ends (state D of proc_pid_stat(5))."""
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as file:
                return file.read().rpartition(b")")[2][1:2] == b"D"
        except OSError:
            return False

    def _wait(self) -> None:
        """Waits until it has ended, for a short time at most."""
        import select

        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # a kernel before 5.3, or a sandbox
            time.sleep(_POLL_INTERVAL / 10)
            return
        try:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLIN)
            waiting.poll(_POLL_INTERVAL * 1000)
        finally:
            os.close(descriptor)

    def end(self) -> None:
        """Kills it and all processes that it started, and reads its status."""
        self._end()
        if active.tally is not None:
            active.tally.ended(self.pid)

    def _end(self) -> None:
        self.kill()
        began = time.monotonic()
        # A process that hangs in the kernel (a dead NFS server) does not even die: it is left behind.
        while self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # its status was already read elsewhere
                return
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > began + (IN_KERNEL if self._waits_in_kernel() else TIME_LIMIT):
                return
            else:
                self._wait()


def start(
    entry: str,
    arguments: Sequence[str],
    *,
    paths: Sequence[str] = (OWN_PATH,),
    with_site: bool = True,
    environment: Mapping[str, str] | None = None,
    file: int | None = None,
    keeps_output: bool = False,
    memory: int | None = None,
    is_third_party: bool = False,
) -> Process:
    """Starts a process that calls ``entry`` (``module:function``) with ``arguments``. Raises OSError or ValueError
    if it cannot be started.

    The kernel kills the child when the thread that started it ends (prctl(2)).

    ``paths``: where it finds modules, in addition to this package.
    ``with_site``: whether it runs site-packages' start-up files.
    ``environment``: its variables, this process's own if None.
    ``file``: a descriptor that it gets as FILE.
    ``keeps_output``: whether its standard output goes to its standard error, else it is discarded.
    ``memory``: the most bytes of its own memory, no limit if None.
    ``is_third_party``: whether it runs third-party code.
    """
    line = command(entry, arguments, paths, with_site=with_site, has_file=file is not None, memory=memory)
    purpose = " ".join((*(("third-party check",) if is_third_party else ()), *arguments[:1]))
    with contextlib.ExitStack() as child_stack, contextlib.ExitStack() as own_stack:
        (incoming, outgoing, stderr), own_ends = child_pipes(child_stack, own_stack)
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, stderr, 2),
            (os.POSIX_SPAWN_DUP2, incoming, INCOMING),
            (os.POSIX_SPAWN_DUP2, outgoing, OUTGOING),
        ]
        if keeps_output:
            actions.append((os.POSIX_SPAWN_DUP2, stderr, 1))
        if file is not None:
            duplicate = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, _BEYOND)
            child_stack.callback(os.close, duplicate)
            actions.append((os.POSIX_SPAWN_DUP2, duplicate, FILE))
        # If HOME is not set, Python looks its user up, maybe in a directory service.
        variables = os.environ if environment is None else {"HOME": NO_HOME, **environment}
        shown = [word if word != _BOOTSTRAP else "…" for word in line]
        with recorded_child(purpose, shown, is_third_party=is_third_party) as recorded:
            if recorded is not None:
                actions.append((os.POSIX_SPAWN_DUP2, recorded.descriptor, RECORDS))
            pid = os.posix_spawn(line[0], line, variables, file_actions=actions, setsid=True)
            if recorded is not None:
                recorded.pid = pid
        own_stack.pop_all()
    return Process(pid, *own_ends)


def command(
    entry: str,
    arguments: Sequence[str],
    paths: Sequence[str],
    *,
    with_site: bool,
    has_file: bool,
    memory: int | None,
) -> list[str]:
    """Returns the command line of a child."""
    flags = ["-I"]
    if not with_site:
        flags.append("-S")
    if sys.dont_write_bytecode:
        flags.append("-B")
    # The child process must decode names as this process does, independent of the locale.
    if sys.getfilesystemencoding() == "utf-8":
        flags += ["-X", "utf8=1"]
    limits = (str(os.getpid()), str(int(has_file)), str(memory or 0), str(int(active.tally is not None)))
    return [
        sys.executable,
        *flags,
        "-c",
        _BOOTSTRAP,
        home(),
        str(len(paths)),
        *paths,
        entry,
        *limits,
        *arguments,
    ]


@contextlib.contextmanager
def recorded_child(
    purpose: str, command_line: Sequence[str], *, is_third_party: bool = False
) -> Iterator[RecordedChild | None]:
    """A context around the start of a child: yields the file for its records, whose ``pid`` the caller sets; None if
    nothing is recorded. ``command_line``: as it is listed."""
    tally = active.tally
    if tally is None:
        yield None
        return
    child = tally.new_child(purpose, command_line, is_third_party=is_third_party)
    try:
        yield child
    finally:
        tally.started(child)


def home() -> str:
    """Returns the directory from which this package is imported."""
    return os.path.abspath(__file__).rsplit(os.sep, 4)[0]


def own_paths() -> list[str]:
    """Returns the module paths of a child process that imports installed packages: after Python's own, so that no
    package of the user can replace a module of Python."""
    import site

    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [OWN_PATH, home(), *user]


def own_directories() -> list[str]:
    """Returns the module paths that such a child would have, for a copy of this process: without the script's or the
    working directory, and without those of PYTHONPATH."""
    named = os.environ.get("PYTHONPATH")
    left_out = {os.path.abspath(path) for path in named.split(os.pathsep)} if named else set()
    begins = 0 if sys.flags.isolated or getattr(sys.flags, "safe_path", False) else 1
    return [*(path for path in sys.path[begins:] if path not in left_out), home()]


def child_pipes(
    child_stack: contextlib.ExitStack, own_stack: contextlib.ExitStack
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Returns three new pipes, the child's ends and this process's: for the child's input, its output, and its
    standard error. Each end is closed with its side; the child's have numbers beyond their final ones."""
    incoming, to_child = _pipe(child_stack, own_stack, child_reads=True)
    outgoing, from_child = _pipe(child_stack, own_stack, child_reads=False)
    stderr, errors = _pipe(child_stack, own_stack, child_reads=False)
    return (incoming, outgoing, stderr), (to_child, from_child, errors)


def _pipe(
    child_stack: contextlib.ExitStack, own_stack: contextlib.ExitStack, *, child_reads: bool
) -> tuple[int, int]:
    """Returns a pipe's two ends, the child's first; each is closed with its side."""
    read, write = os.pipe()
    child, parent = (read, write) if child_reads else (write, read)
    own_stack.callback(os.close, parent)
    try:
        moved = fcntl.fcntl(child, fcntl.F_DUPFD_CLOEXEC, _BEYOND)
    finally:
        os.close(child)
    child_stack.callback(os.close, moved)
    return moved, parent
