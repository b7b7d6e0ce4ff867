"""The user of a server, and the resources of its host."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

#: The image's user (Dockerfile.ubuntu, Dockerfile.redhat): uid and gid 5000, groups video and its twin.
IMAGE_UID = 5000
IMAGE_GROUPS = (39, 44)


class User(Struct, frozen=True):
    """The user of the server, with exactly these supplementary groups."""

    #: User id.
    uid: int
    #: Group id.
    gid: int
    #: Supplementary groups.
    groups: tuple[int, ...] = ()


IMAGE_USER = User(IMAGE_UID, IMAGE_UID, IMAGE_GROUPS)


#: A number of a host that cannot be negative: a reader refuses negative ones.
HostCount: TypeAlias = Annotated[int, Meta(ge=0)]


class HostDevices(Struct, frozen=True):
    """The device nodes that a server has."""

    #: Whether there is a render node below /dev/dri, of an Intel GPU or of a GPU of an unknown vendor.
    dri: bool = False
    #: Whether there is a node below /dev/accel, likewise.
    accel: bool = False
    #: Whether there is /dev/dxg, which WSL provides for a GPU.
    dxg: bool = False
    #: Group ids, one of which a user other than root needs to open a render node; empty if none is needed or known.
    render_groups: tuple[HostCount, ...] = ()
    #: The same for the nodes below /dev/accel.
    accel_groups: tuple[HostCount, ...] = ()
    #: Whether there is certainly an Intel GPU.
    intel_gpu: bool = False


class Host(Struct, frozen=True):
    """The server's host as it was probed. None: unknown."""

    #: Processors that are online.
    online: HostCount | None = None
    #: Processors that this process may run on.
    affinity: HostCount | None = None
    #: The cgroup's share of processor time in whole processors, rounded up; 0 for no limit.
    quota: HostCount | None = None
    #: Whether the marks exist by which the server recognises a container.
    contained: bool | None = None
    #: Soft limit of open files of a process (RLIMIT_NOFILE).
    open_files: HostCount | None = None
    #: GPUs and NPUs.
    devices: HostDevices | None = None
    #: Bytes of free memory.
    memory: HostCount | None = None
    #: Whether the processor computes in bf16, which OpenVINO then prefers.
    bf16: bool | None = None
    #: Bytes of memory that the host has (MemTotal).
    total_memory: HostCount | None = None


class HostLimits(Struct, frozen=True):
    """The limits of the host for the server. None: unknown."""

    #: Cores that the server counts (``hardware_concurrency``; in a container since v2026.2 its share).
    cores: int | None = None
    #: Files that the server may open.
    open_files: int | None = None
    #: Cores that OpenVINO uses: affinity counts, a quota does not.
    threads: int | None = None
    #: As in ``Host``.
    quota: int | None = None
    #: As in ``Host``.
    memory: int | None = None
    #: As in ``Host``.
    bf16: bool | None = None
    #: Whether the server chooses a GPU if no device is named.
    gpu: bool = False
    #: As in ``Host``.
    total_memory: int | None = None
