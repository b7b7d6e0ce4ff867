"""The memory that loaded versions take, as a range."""

from __future__ import annotations

from msgspec import Struct


class VersionMemory(Struct, frozen=True):
    """One version: bytes that cannot be taken back, at least and at most, and those of its file, which the kernel
    may drop. ``read``: its file was told to be read into memory instead of being mapped."""

    model: str
    version: int
    low: int
    high: int
    mapped: int
    read: bool = False


class MemoryEstimate(Struct, frozen=True):
    """All versions that are loaded after start-up, in bytes that cannot be taken back; ``mapped``: files that are
    mapped beside that. ``swap_low``, ``swap_high``: while the largest model changes its version. ``left_out``: versions
    of which nothing can be said (on another device, a graph). ``precisions``: how the weights are computed.
    ``retried``: versions that are read and fail then, one at a time, at every poll."""

    low: int
    high: int
    mapped: int
    swap_low: int
    swap_high: int
    versions: tuple[VersionMemory, ...]
    left_out: tuple[str, ...]
    precisions: tuple[str, ...]
    retried: tuple[VersionMemory, ...] = ()
