"""The memory that loaded versions take, as a range."""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.model.graph_plan import KvCache


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


class CacheMemory(Struct, frozen=True):
    """The cache of one language model."""

    #: The graph's name.
    model: str
    #: What is known of the cache.
    cache: KvCache

    @property
    def one_request(self) -> int | None:
        """The least that a request of the longest text takes, in bytes; None where that length is not known."""
        return None if self.cache.longest is None else self.cache.low * self.cache.longest


class MemoryEstimate(Struct, frozen=True):
    """The memory of all versions that are loaded after start-up, in bytes."""

    #: The least that cannot be taken back.
    low: int
    #: The most that cannot be taken back.
    high: int
    #: In addition, files that are mapped, whose pages the kernel may drop.
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
    #: The caches of language models, which come on top as requests come.
    caches: tuple[CacheMemory, ...] = ()
    #: How much of ``low`` is taken at the first request only: the models of graphs.
    with_requests: int = 0

    @property
    def fixed(self) -> int:
        """Returns the size of all caches of a fixed size when they are full, in bytes."""
        return sum(item.cache.fixed << 30 for item in self.caches)
