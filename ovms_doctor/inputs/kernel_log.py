"""Lines of the kernel's log as processes that it killed because memory ran out, and which of them were a
container's.

Source: Linux, mm/oom_kill.c (dump_oom_summary since 4.19, __oom_kill_process) and mm/memcontrol.c
(mem_cgroup_print_oom_info, before 4.19). The lines may come from dmesg, journalctl -k or a file of syslog.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.container import Container, KernelKill
from ovms_doctor.model.pattern import lazy_pattern

_SUMMARY = "oom-kill:constraint=CONSTRAINT_"
_TASK = lazy_pattern(r"(?P<name>.*),pid=(?P<pid>\d{1,10}),uid=\d+", re.ASCII)
#: Before kernel 5.0 the line began with "Kill", and a second line reported the result.
_CHOSEN = lazy_pattern(
    r"(?P<memcg>Memory cgroup out|Out) of memory.*?: Kill process (?P<pid>\d{1,10}) \(", re.ASCII
)
_KILLED = lazy_pattern(
    r"(?:(?P<memcg>Memory cgroup out|Out) of memory.*?: )?Killed process (?P<pid>\d{1,10})(?:,? UID \d+,?)? "
    r"\((?P<name>.*)\),?(?: UID \d+,)? total-vm:\d+kB, anon-rss:(?P<rss>\d{1,15})kB",
    re.ASCII,
)
_TASK_IN = lazy_pattern(r"Task in (?P<group>/\S*) killed as a result of limit of (?P<limit>/\S*)", re.ASCII)
_TIMES = (
    re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d|UTC))?", re.ASCII),
    re.compile(r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", re.ASCII),
    re.compile(r"\w{3} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})?", re.ASCII),
    re.compile(r"(?<=\[) *\d{1,9}\.\d{1,9}(?=\])", re.ASCII),
)
_ISO = lazy_pattern(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))? ?(Z|UTC|[+-]\d\d:?\d\d)", re.ASCII
)
#: The kernel's own lines are shorter (printk, LOG_LINE_MAX).
_LONGEST = 1200
#: A container's id among the names of a control group: alone, or as in docker-….scope, libpod-…, cri-containerd-….
_ID = lazy_pattern(r"(?:^|[/:-])([0-9a-f]{64})(?=$|[./])", re.ASCII)
#: Seconds between the kernel's line and the engine's note that the container has ended.
_NEAR_SECONDS = 3.0


class _PendingKill(Struct):
    """The log's data on a process before the line of its end."""

    #: Whether a control group's limit was reached.
    memcg: bool
    #: The process' control group.
    group: str = ""
    #: The control group whose limit was reached.
    limit: str = ""
    #: Name of the process.
    name: str = ""
    #: The line of the log.
    line: str = ""


def read_kernel_log(lines: Iterable[str]) -> tuple[KernelKill, ...]:
    """Returns the killed processes, in the log's order. Other lines may be between the lines of a kill, and its
    first or last line may be missing."""
    found: list[KernelKill] = []
    pending: dict[int, _PendingKill] = {}
    task_in: _PendingKill | None = None
    for line in lines:
        line = line.strip()[:_LONGEST]
        if match := _TASK_IN.search(line):
            task_in = _PendingKill(True, match["group"], match["limit"])
        elif _SUMMARY in line:
            pending.update(_summary(line))
        elif match := _CHOSEN.search(line):
            memcg = match["memcg"].startswith("Memory")
            pending[int(match["pid"])] = task_in if memcg and task_in is not None else _PendingKill(memcg)
            task_in = None
        elif match := _KILLED.search(line):
            pid = int(match["pid"])
            before = (
                pending.pop(pid)
                if pid in pending
                else _PendingKill((match["memcg"] or "").startswith("Memory"))
            )
            found.append(_kill(line, pid, match["name"], before, int(match["rss"]) * 1024))
    # The line with the end itself may be lost; without a name nothing is certain.
    found += [
        _kill(before.line, pid, before.name, before, None) for pid, before in pending.items() if before.name
    ]
    return tuple(found)


def matching(
    kills: Sequence[KernelKill], container: Container, *, pod_uid: str = ""
) -> tuple[KernelKill, ...]:
    """Returns those of ``kills`` that were the container's; ``matched`` of each is the kind of evidence.

    ``cgroup``: the control group is named after the container, or after its pod (``pod_uid``). If none matches:
        ``pid`` of the process that the engine reports, and ``time``: a single kill of a process named like the
        server, within three seconds of the container's end by SIGKILL, whose control group is not another
        container's.
    """
    named = [kill for kill in kills if _is_named(kill, container, pod_uid)]
    if named:
        return tuple(replace(kill, matched="cgroup") for kill in named)
    state = container.state
    if state is None:
        return ()
    free = [kill for kill in kills if not _ID.search(kill.cgroup) and not _ID.search(kill.limit_cgroup)]
    started, ended = _seconds(state.started_at), _seconds(state.finished_at)
    for kill in free:
        at = _seconds(kill.at)
        if state.pid and kill.pid == state.pid and started is not None and at is not None and at >= started:
            return (replace(kill, matched="pid"),)
    if ended is None or state.exit_code != 137:
        return ()
    similar = []
    for kill in free:
        at = _seconds(kill.at)
        if kill.process == "ovms" and at is not None and abs(ended - at) <= _NEAR_SECONDS:
            similar.append(kill)
    return (replace(similar[0], matched="time"),) if len(similar) == 1 else ()


def _summary(line: str) -> dict[int, _PendingKill]:
    """Returns the process and its details in
    ``oom-kill:constraint=…,…,oom_memcg=…,task_memcg=…,task=…,pid=…,uid=…``."""
    before, _, task = line.partition(_SUMMARY)[2].partition(",task=")
    match = _TASK.match(task)
    if match is None:
        return {}
    constraint, *rest = before.split(",")
    values = dict(item.split("=", 1) for item in rest if "=" in item)
    groups = values.get("task_memcg", ""), values.get("oom_memcg", "")
    return {int(match["pid"]): _PendingKill(constraint == "MEMCG", *groups, match["name"], line)}


def _kill(line: str, pid: int, name: str, before: _PendingKill, rss: int | None) -> KernelKill:
    return KernelKill(
        pid=pid,
        process=name,
        constraint="memcg" if before.memcg else "host",
        at=_time(line),
        cgroup=before.group,
        limit_cgroup=before.limit,
        rss=rss,
        line=line,
    )


def _time(line: str) -> str:
    """Returns the time in the prefix of the message, as written."""
    start = re.search(r"oom-kill:|[Oo]ut of memory|Killed process", line)
    before = line[: start.start() if start else 0]
    for pattern in _TIMES:
        match = pattern.search(before)
        if match:
            return match[0].strip()
    return ""


def _is_named(kill: KernelKill, container: Container, pod_uid: str) -> bool:
    identity = container.id.rpartition("//")[2].lower()
    groups = (kill.cgroup, kill.limit_cgroup)
    if len(identity) >= 12 and any(
        match.startswith(identity) for group in groups for match in _ID.findall(group)
    ):
        return True
    uid = pod_uid.lower()
    # systemd's slices have underscores instead of the uid's dashes.
    return len(uid) >= 32 and any(
        f"pod{form}" in group for form in (uid, uid.replace("-", "_")) for group in groups
    )


def _seconds(text: str) -> float | None:
    """Returns the seconds since 1970 of a time with a zone; None for any other, which may be hours off."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone in ("Z", "UTC") else zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{zone}")
        return moment.astimezone(timezone.utc).timestamp() + float(f"0.{fraction or 0}")
    except (ValueError, OverflowError):
        return None
