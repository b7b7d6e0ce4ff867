"""The memory that loaded versions take, as a range."""

from __future__ import annotations

from msgspec import Struct


class VersionMemory(Struct, frozen=True):
    """The memory of one version, in bytes."""

    #: The model's name.
    model: str
    #: The version's number.
    version: int
    #: The least that cannot be taken back.
    low: int
    #: The most that cannot be taken back.
    high: int
    #: Its file, which the kernel may drop.
    mapped: int
    #: Whether the file is read into memory instead of being mapped.
    read: bool = False


class MemoryEstimate(Struct, frozen=True):
    """The memory of all versions that are loaded after start-up, in bytes."""

    #: The least that cannot be taken back.
    low: int
    #: The most that cannot be taken back.
    high: int
    #: Files that are mapped beside that, which the kernel may drop.
    mapped: int
    #: The least while the largest model changes its version.
    swap_low: int
    #: The most while the largest model changes its version.
    swap_high: int
    #: Each version.
    versions: tuple[VersionMemory, ...]
    #: Versions whose memory is not known: on another device, or a graph.
    left_out: tuple[str, ...]
    #: The precisions that the weights are computed in.
    precisions: tuple[str, ...]
    #: Versions that are read and then fail, one at a time, at every poll.
    retried: tuple[VersionMemory, ...] = ()
