"""The memory of loaded versions, as a range."""

from __future__ import annotations

from msgspec import Struct

from ovms_doctor.model.graph_plan import KvCache


class VersionMemory(Struct, frozen=True):
    """The memory of one version, in bytes."""

    #: The model's name.
    model: str
    #: The version's number.
    version: int
    #: The least that the kernel cannot take back.
    low: int
    #: The most that the kernel cannot take back.
    high: int
    #: Its mapped file, which the kernel may drop.
    mapped: int
    #: Whether the file is read into memory instead of being mapped.
    read: bool = False


class CacheMemory(Struct, frozen=True):
    """The cache of one language model."""

    #: The graph's name.
    model: str
    #: The properties of the cache.
    cache: KvCache

    @property
    def one_request(self) -> int | None:
        """Returns the least size of a request of the longest text, in bytes; None if that length is unknown."""
        return None if self.cache.longest is None else self.cache.low * self.cache.longest


class MemoryEstimate(Struct, frozen=True):
    """The memory of all versions that are loaded after start-up, in bytes."""

    #: The least that the kernel cannot take back.
    low: int
    #: The most that the kernel cannot take back.
    high: int
    #: In addition, mapped files, whose pages the kernel may drop.
    mapped: int
    #: The least during a version change of the largest model.
    swap_low: int
    #: The most during a version change of the largest model.
    swap_high: int
    #: Each version.
    versions: tuple[VersionMemory, ...]
    #: Versions with unknown memory: on another device, or a graph.
    left_out: tuple[str, ...]
    #: The precisions in which the weights are computed.
    precisions: tuple[str, ...]
    #: Versions that are read and then fail, one at a time, at every poll.
    retried: tuple[VersionMemory, ...] = ()
    #: The caches of language models, which are added as requests arrive.
    caches: tuple[CacheMemory, ...] = ()
    #: The part of ``low`` that is used only from the first request on: the models of graphs.
    with_requests: int = 0

    @property
    def fixed(self) -> int:
        """Returns the size of all full caches of a fixed size, in bytes."""
        return sum(item.cache.fixed << 30 for item in self.caches)
