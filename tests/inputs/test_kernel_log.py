"""The kernel's log: its forms, the killed process, and the container that it belonged to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ovms_doctor.inputs.kernel_log import matching, read_kernel_log
from ovms_doctor.model.container import Container, ContainerState, KernelKill
from ovms_doctor.model.errors import UsageError
from ovms_doctor.probes.kernel_log import kernel_lines, lines_of_file
from ovms_doctor.probes.named_files import DocumentLimits
from tests.deadlines import LONG

ID = "87b97f1cbfd63a4c4acd9758405c5066cc10116c36932f3f90cbdfa60a7d935c"
OTHER = "1" * 64
SUMMARY = (
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={id},mems_allowed=0,oom_memcg={group},"
    "task_memcg={group},task=ovms,pid=12598,uid=5000"
)
KILLED = (
    "Memory cgroup out of memory: Killed process 12598 (ovms) total-vm:411880kB, anon-rss:32384kB, "
    "file-rss:1392kB, shmem-rss:0kB, UID:5000 pgtables:108kB oom_score_adj:0"
)
#: The prefixes of a message, and the time in each.
PREFIXES = {
    "[12791.974959] ": "12791.974959",
    "<4>[    9.974959] ": "9.974959",
    "[Sun Nov 22 20:41:52 2026] ": "Sun Nov 22 20:41:52 2026",
    "2026-11-22T20:41:52,974959+00:00 ": "2026-11-22T20:41:52,974959+00:00",
    "Nov  2 20:41:52 host kernel: ": "Nov  2 20:41:52",
    "Nov 22 20:41:52 host kernel: [12791.974959] ": "Nov 22 20:41:52",
    "2026-11-22T20:41:52+0000 host kernel: ": "2026-11-22T20:41:52+0000",
    "2026-11-22T20:41:52.974959+00:00 host kernel: [12791.974959] ": "2026-11-22T20:41:52.974959+00:00",
    "Sun 2026-11-22 20:41:52 UTC host kernel: ": "2026-11-22 20:41:52 UTC",
    "": "",
}
GROUPS = [
    f"/docker/{ID}",
    f"/system.slice/docker-{ID}.scope",
    f"/machine.slice/libpod-{ID}.scope",
    f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container",
    f"/kubepods/burstable/pod1b4e28ba-2fa1-11d2-883f-0016d3cca427/{ID}",
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b4e28ba_2fa1_11d2_883f_0016d3cca427.slice/"
    f"cri-containerd-{ID}.scope",
    f"/kubepods-besteffort-podx.slice:cri-containerd:{ID}",
    f"/docker/{OTHER}/docker/{ID}",
]


def container(**state: object) -> Container:
    values = {"status": "exited", "exit_code": 137, "finished_at": "2026-11-22T20:41:53.1Z", **state}
    return Container("docker", "c", id=ID, state=ContainerState(**values))  # type: ignore[arg-type]


def log(group: str, prefix: str = "") -> list[str]:
    return [
        prefix + "ovms invoked oom-killer: gfp_mask=0xcc0",
        prefix + SUMMARY.format(id=ID, group=group),
        prefix + KILLED,
    ]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_forms(prefix: str) -> None:
    (kill,) = read_kernel_log(log(GROUPS[0], prefix))
    assert (kill.pid, kill.process, kill.constraint) == (12598, "ovms", "memcg")
    assert (kill.cgroup, kill.limit_cgroup, kill.rss) == (GROUPS[0], GROUPS[0], 32384 * 1024)
    assert kill.at == PREFIXES[prefix]
    assert kill.line == (prefix + KILLED).strip()


@pytest.mark.parametrize("group", GROUPS)
def test_group_names_the_container(group: str) -> None:
    kills = read_kernel_log(log(group))
    (kill,) = matching(kills, container())
    assert kill.matched == "cgroup"
    assert matching(kills, replace(container(), id=f"containerd://{ID}")) == (kill,)
    assert matching(kills, replace(container(), id="2" * 64)) == ()
    # Too short to be certain.
    assert matching(kills, replace(container(), id=ID[:6], state=None)) == ()


@pytest.mark.parametrize("group", GROUPS[4:6])
def test_group_names_the_pod(group: str) -> None:
    kills = read_kernel_log(log(group))
    pod = replace(container(), id="")
    assert matching(kills, pod) == ()
    (kill,) = matching(kills, pod, pod_uid="1b4e28ba-2fa1-11d2-883f-0016d3cca427")
    assert kill.matched == "cgroup"


def test_before_kernel_4_19() -> None:
    lines = [
        f"[1.5] Task in /docker/{ID} killed as a result of limit of /docker/{ID}",
        "[1.5] memory: usage 32768kB, limit 32768kB, failcnt 17",
        "[1.5] Memory cgroup out of memory: Kill process 77 (ovms) score 1029 or sacrifice child",
        "[1.5] Killed process 77 (ovms) total-vm:40000kB, anon-rss:30000kB, file-rss:0kB, shmem-rss:0kB",
        "[2.5] Out of memory: Kill process 88 (java) score 900 or sacrifice child",
        "[2.5] Killed process 88, UID 1000, (java) total-vm:40000kB, anon-rss:30000kB, file-rss:0kB",
    ]
    first, second = read_kernel_log(lines)
    assert (first.pid, first.constraint, first.cgroup, first.rss) == (
        77,
        "memcg",
        f"/docker/{ID}",
        30000 * 1024,
    )
    assert (second.pid, second.constraint, second.cgroup, second.process) == (88, "host", "", "java")
    assert [kill.pid for kill in matching((first, second), container())] == [77]


def test_no_memory_on_the_host() -> None:
    summary = (
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
        f"task_memcg=/docker/{ID},task=ovms,pid=5,uid=5000"
    )
    killed = "Out of memory: Killed process 5 (ovms) total-vm:4kB, anon-rss:3kB, file-rss:0kB, shmem-rss:0kB"
    (kill,) = read_kernel_log([summary, killed])
    assert (kill.constraint, kill.cgroup, kill.limit_cgroup) == ("host", f"/docker/{ID}", "")
    assert matching((kill,), container())[0].constraint == "host"


def test_lost_and_mingled_lines() -> None:
    other = SUMMARY.format(id=OTHER, group=f"/docker/{OTHER}").replace("12598", "3")
    mingled = [SUMMARY.format(id=ID, group=GROUPS[0]), other, KILLED.replace("12598", "3"), KILLED]
    assert [(kill.pid, ID in kill.cgroup) for kill in read_kernel_log(mingled)] == [(3, False), (12598, True)]
    (alone,) = read_kernel_log([KILLED])
    assert (alone.constraint, alone.cgroup) == ("memcg", "")
    (event,) = read_kernel_log([SUMMARY.format(id=ID, group=GROUPS[0])])
    assert (event.process, event.rss) == ("ovms", None)
    misleading = KILLED.replace("(ovms)", "(a) total-vm: (b)")
    assert [kill.process for kill in read_kernel_log([misleading])] == ["a) total-vm: (b"]
    assert (
        read_kernel_log(["oom_reaper: reaped process 12598 (ovms), now anon-rss:0kB", "", "x" * 10_000]) == ()
    )


def test_a_kill_is_matched_by_time_only_if_unique() -> None:
    near_kill = KernelKill(9, "ovms", "memcg", at="2026-11-22T20:41:52.400+00:00")
    (kill,) = matching((near_kill,), container())
    assert kill.matched == "time"
    elsewhere = replace(near_kill, at="2026-11-22T21:41:51.4+0100")
    assert matching((elsewhere,), container())[0].matched == "time"
    for kills in (
        (near_kill, replace(near_kill, pid=10)),
        (replace(near_kill, at="2026-11-22T20:42:52+00:00"),),
        (replace(near_kill, at="Nov 22 20:41:52"),),
        (replace(near_kill, at="12791.9"),),
        (replace(near_kill, process="java"),),
        (replace(near_kill, cgroup=f"/docker/{OTHER}"),),
    ):
        assert matching(kills, container()) == ()
    assert matching((near_kill,), container(exit_code=1)) == ()
    assert matching((near_kill,), replace(container(), state=None)) == ()


def test_by_process() -> None:
    saved = container(
        status="running", exit_code=None, finished_at="", pid=9, started_at="2026-11-22T20:00:00Z"
    )
    near_kill = KernelKill(9, "ovms", "memcg", at="2026-11-22T20:41:52+00:00")
    assert matching((near_kill,), saved)[0].matched == "pid"
    # The same process id, used by an earlier process.
    assert matching((replace(near_kill, at="2026-11-22T19:41:52+00:00"),), saved) == ()
    assert matching((replace(near_kill, pid=10),), saved) == ()


@given(st.lists(st.text(alphabet="oKkillOM-:=,()/ \x1b0123456789acdeprsutmyf_", max_size=60)))
def test_any_lines(lines: list[str]) -> None:
    """No line stops the reader; in a log with several kills, it finds the one of this container."""
    kills = read_kernel_log([*lines, *(f"{line}Killed process {line}" for line in lines)])
    assert all(kill.pid >= 0 for kill in kills)
    assert 12598 in [kill.pid for kill in read_kernel_log([*lines, *log(GROUPS[0], "[1.5] ")])]


# -- reading it ----------------------------------------------------------------------------------------


def test_file(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"kern\xff.log")
    noise = b"Nov 22 20:41:52 host kernel: usb 1-1: new device\n"
    hostile = b"Nov 22 20:41:52 host kernel: Out of memory \xff\x1b[31m\x00\r\n"
    path.write_bytes(
        noise * 1000 + hostile + "\n".join(log(GROUPS[0], "[1.5] ")).encode() + b"\n" + b"y" * 5_000_000
    )
    lines = lines_of_file(str(path), DocumentLimits())
    assert lines[0] == os.fsdecode(hostile.rstrip(b"\r\n"))
    assert len(lines) == 3
    assert [kill.pid for kill in read_kernel_log(lines)] == [12598]


@pytest.mark.parametrize(
    ("name", "reason"), [("none", "No such file"), (".", "directory"), ("a\0b", "embedded null byte")]
)
def test_file_that_cannot_be_read(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^--kernel-log .*{reason}"):
        lines_of_file(str(tmp_path / name), DocumentLimits())


def test_file_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "kern.log"
    path.write_bytes(b"x\n" * 500)
    with pytest.raises(UsageError, match=r"more than 999 bytes, .*--document-limit"):
        lines_of_file(str(path), DocumentLimits(999))
    assert lines_of_file(str(path), DocumentLimits(1000)) == lines_of_file(str(path), DocumentLimits(0)) == ()


def test_own_log() -> None:
    """Whether the log is readable depends on the host; there is an answer in either case."""
    lines, problem = kernel_lines(LONG)
    assert problem is None or (lines == () and problem.startswith("The kernel's log"))
