"""The content of a store for the server's clients: pages of keys, read as if they were directories.

S3 returns 1,000 keys, and the server requests no more (s3filesystem.cpp: getDirectoryContents); Google's library
requests page after page (gcsfilesystem.cpp). A "directory" is the beginning of any key, up to a slash.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from msgspec import Struct

from ovms_doctor.model.facts import (
    Facts,
    ListStore,
    StoreAccess,
    StoredObject,
    StoreListing,
    StoreRefusal,
    Unavailable,
)
from ovms_doctor.model.store_paths import TARGET_PAGES

#: The number of keys in one answer of a store.
PAGE = 1000


def prefix_of(key: str) -> str:
    """Applies ``appendSlash``: returns the prefix of keys below ``key``; empty for the bucket itself."""
    return key if not key or key.endswith("/") else key + "/"


class Page(Struct, frozen=True):
    """The list that the server gets."""

    #: The prefix of all keys.
    prefix: str
    #: The objects, with the keys in the order of their bytes.
    objects: tuple[StoredObject, ...]
    #: Whether there are further keys that the server does not request.
    more: bool = False

    def names(self) -> tuple[str, ...]:
        """Returns ``getDirectoryContents``: the next part of each key, once each, in byte order; may be empty."""
        cut = len(self.prefix)
        found = {item.key[cut:].partition("/")[0]: None for item in self.objects if item.key != self.prefix}
        return tuple(sorted(found))

    def holds(self, key: str) -> bool:
        """Returns whether the list has an object with exactly this key."""
        first = bisect_left(self.objects, key, key=_key)
        return first < len(self.objects) and self.objects[first].key == key

    def below(self, name: str) -> Page:
        """Returns the part of this page below a name."""
        prefix = f"{self.prefix}{name}/"
        first = bisect_left(self.objects, prefix, key=_key)
        last = first
        while last < len(self.objects) and self.objects[last].key.startswith(prefix):
            last += 1
        # After the last key of a page that was cut, there may be more keys with the prefix.
        return Page(prefix, self.objects[first:last], self.more and last == len(self.objects))


def _key(item: StoredObject) -> str:
    return item.key


class Store(Struct, frozen=True):
    """A bucket with one access."""

    #: The access.
    access: StoreAccess
    #: The facts for the rules.
    facts: Facts
    #: A list of everything below a target, from which the server's own pages can be computed.
    bulk: ListStore | None = None

    def question(self, prefix: str) -> ListStore:
        """Returns the question for the list that the server gets for ``prefix``."""
        return ListStore(self.access, prefix, 1 if self.access.store == "s3" else TARGET_PAGES)

    def lacking(self, prefix: str) -> tuple[ListStore, ...]:
        """Returns the questions for a page: none if it is known from the bulk."""
        return () if self._from_bulk(prefix) is not None else (self.question(prefix),)

    def page(self, prefix: str) -> Page | StoreRefusal | Unavailable:
        """Returns the list that the server gets. Raises FactsMissingError."""
        known = self._from_bulk(prefix)
        if known is not None:
            return known
        answer = self.facts.ask(self.question(prefix))
        if not isinstance(answer, StoreListing):
            return answer
        if answer.more and self.access.store == "gcs":
            return Unavailable(f"more than {len(answer.objects)} objects exist: not all of them are listed")
        return Page(prefix, answer.objects, answer.more)

    def _from_bulk(self, prefix: str) -> Page | None:
        if self.bulk is None or not prefix.startswith(self.bulk.prefix):
            return None
        listed = self.facts.get(self.bulk)
        if not isinstance(listed, StoreListing):
            return None
        first = bisect_left(listed.objects, prefix, key=_key)
        objects = tuple(_beginning(listed.objects, first, prefix))
        if listed.more and first + len(objects) == len(listed.objects):
            # The keys after the end of the list are not known.
            return None
        if self.access.store == "s3" and len(objects) > PAGE:
            return Page(prefix, objects[:PAGE], True)
        return Page(prefix, objects)

    def is_directory(self, page: Page, name: str) -> bool | StoreRefusal | Unavailable:
        """Applies ``isDirectory`` to an entry of ``page``. Raises FactsMissingError."""
        inner = page.below(name)
        if inner.objects or not page.more or _after(page, inner.prefix):
            return bool(inner.objects)
        # Keys that belong to it may be after the page.
        own = self.page(inner.prefix)
        return bool(own.objects) if isinstance(own, Page) else own

    def holds(self, page: Page, name: str) -> bool:
        """Whether an entry of ``page`` is an object. Raises FactsMissingError."""
        key = page.prefix + name
        if page.holds(key) or not page.more or page.objects[-1].key > key:
            return page.holds(key)
        own = self.page(key)
        return isinstance(own, Page) and own.holds(key)

    def whole(self, page: Page, name: str) -> Page | StoreRefusal | Unavailable:
        """Returns the list that the server gets for an entry of ``page``, with a new request. Raises
        FactsMissingError."""
        inner = page.below(name)
        has_later_page = page.more and not inner.objects and not _after(page, inner.prefix)
        return self.page(inner.prefix) if inner.more or has_later_page else inner


def _after(page: Page, prefix: str) -> bool:
    """Returns whether the page has keys after all that begin with ``prefix``."""
    last = page.objects[-1].key
    return last > prefix and not last.startswith(prefix)


def _beginning(objects: tuple[StoredObject, ...], first: int, prefix: str) -> Iterator[StoredObject]:
    for index in range(first, len(objects)):
        if not objects[index].key.startswith(prefix):
            return
        yield objects[index]
