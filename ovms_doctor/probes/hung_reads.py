"""Reads of files that hung: which paths are not read again, and how long other reads may take."""

from __future__ import annotations

from collections.abc import Sequence

from ovms_doctor.model.facts import Answer, AnyQuestion, InspectNetwork, Unavailable
from ovms_doctor.model.mounts import MountTable
from ovms_doctor.probes.file_systems import RemoteMount, remote_mount
from ovms_doctor.probes.processes.child import ChildExit
from ovms_doctor.probes.remote_files import not_answering

#: The least seconds for any read of a file, after any number of reads that hung.
_SHORTEST_READ = 0.5
#: The number of consecutive questions that hung on one network file system, after which it is not read again.
_MOST_HUNG = 4
_HUNG = Unavailable("looking at it did not end in time and was stopped", timed_out=True)


class HungReads:
    """The reads of one collector that hung.

    ``mounts``: the host paths of the server's paths.
    ``deadline``: seconds for a read while none has hung.
    """

    def __init__(self, mounts: MountTable, deadline: float) -> None:
        self._mounts = mounts
        self._deadline = deadline
        self._shortest = min(deadline, _SHORTEST_READ)
        #: The paths of reads that hung, with a slash at the end.
        self._paths: list[str] = []
        #: How many consecutive reads hung on a file system that may not answer, by mount point.
        self._consecutive_hangs: dict[str, int] = {}
        #: Whether the paths of the questions are this host's, independent of the mounts.
        self._of_host = False

    def of_host(self) -> HungReads:
        """Returns the same for paths of this host: a path that hangs there proves nothing about the server path of
        the same name."""
        other = HungReads(self._mounts, self._deadline)
        other._consecutive_hangs, other._of_host = self._consecutive_hangs, True
        return other

    def time_for_file(self, question: AnyQuestion) -> float:
        """Returns the seconds for a question about a path.

        Each read that hung halves them, so that several dead mounts together take no longer than two; a file system
        that works answers within milliseconds.
        """
        return max(self._deadline * 0.5 ** len(self._paths), self._shortest)

    def time_to_inspect(self, question: AnyQuestion) -> float:
        """Returns the seconds to inspect a file, which depend on its size: fewer only if its file system has hung."""
        return max(self._deadline * self.share(question), self._shortest)

    def share(self, question: AnyQuestion) -> float:
        """Returns the share of a time limit for a file system on which others hung: each halves it."""
        mount = self._stuck_mount(question)
        return 1.0 if mount is None else 0.5 ** self._consecutive_hangs[mount.point]

    @property
    def is_empty(self) -> bool:
        """Returns whether no read has hung."""
        return not self._paths and not self._consecutive_hangs

    def note(self, question: AnyQuestion, answer: Answer | ChildExit) -> bool:
        """Whether the read hung; if so, its path and the paths below it are not read again."""
        hangs = self.count(question, answer)
        if hangs:
            self._paths.append(question.path.rstrip("/") + "/")
        return hangs

    def count(self, question: AnyQuestion, answer: Answer | ChildExit) -> bool:
        """Whether the read hung. A read that did not hang shows that its file system answers."""
        if not self._consecutive_hangs and not isinstance(answer, ChildExit):
            return False
        hangs = isinstance(answer, ChildExit) and answer.timed_out and answer.started
        if hangs or (self._consecutive_hangs and not isinstance(answer, Unavailable)):
            mount = self._mount_of(question)
            if mount is not None and hangs:
                self._consecutive_hangs[mount.point] = self._consecutive_hangs.get(mount.point, 0) + 1
            elif mount is not None:
                self._consecutive_hangs.pop(mount.point, None)
        return hangs

    def refuse(self, question: AnyQuestion) -> Answer | None:
        """Returns the answer to a question about a path that hung, or about a file system that does not answer; None
        if the path is to be read."""
        if self.is_empty:
            return None
        path = question.path.rstrip("/") + "/"
        if any(path.startswith(hung) for hung in self._paths):
            return _HUNG
        mount = self._stuck_mount(question)
        if mount is not None and self._consecutive_hangs[mount.point] >= _MOST_HUNG:
            return _not_answering(mount)
        return None

    def answer(self, question: AnyQuestion, answer: Answer | ChildExit) -> Answer:
        """Returns the answer, or the reason why there is none."""
        if not isinstance(answer, ChildExit):
            return answer
        if not (answer.timed_out and answer.started):
            return Unavailable(f"the process that looks failed: {answer}", answer.timed_out)
        mount = self._stuck_mount(question)
        if answer.left_behind:
            return _unstoppable_read(answer.left_behind, mount)
        return _HUNG if mount is None else _not_answering(mount)

    def _mount_of(self, question: AnyQuestion) -> RemoteMount | None:
        """Returns the file system that may not answer, on which the path of a question lies; None for others."""
        of_host = self._of_host or isinstance(question, InspectNetwork)
        path = question.path if of_host else self._mounts.to_host(question.path)
        return None if path is None else remote_mount(path)

    def _stuck_mount(self, question: AnyQuestion) -> RemoteMount | None:
        """Returns the same, if the last read of it hung."""
        mount = self._mount_of(question) if self._consecutive_hangs else None
        return mount if mount is not None and mount.point in self._consecutive_hangs else None


def stuck_bases(roots: Sequence[str], mounts: MountTable, deadline: float) -> dict[str, str]:
    """Returns the roots and mounts at which a child would hang before it answers anything, by server path, with the
    reason."""
    servers = dict.fromkeys((*roots, *(mount.server for mount in mounts.mounts)))
    hosts = {server: host for server in servers if (host := mounts.to_host(server)) is not None}
    found = not_answering(dict.fromkeys(hosts.values()), deadline)
    return {server: found[host] for server, host in hosts.items() if host in found}


def _unstoppable_read(pid: int, mount: RemoteMount | None) -> Unavailable:
    """Returns the answer for a read that cannot even be stopped."""
    subject = mount or "the file system"
    return Unavailable(
        f"looking at it does not end: process {pid} waits in the kernel until {subject} answers or is unmounted",
        timed_out=True,
    )


def _not_answering(mount: RemoteMount) -> Unavailable:
    return Unavailable(f"{mount} does not answer", timed_out=True)
