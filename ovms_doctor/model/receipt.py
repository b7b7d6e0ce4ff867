"""The receipt of a run: what it read, started and contacted, as the JSON that ``--receipt FILE.json`` writes."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

#: The value of the first key of the JSON document.
FORMAT = "ovms-doctor receipt"
#: The second number rises when keys are added, the first when a key changes or is removed.
SCHEMA_VERSION = "1.0"

#: The action on a path; ``read_below``: a library in C++ reads files of its own choice in and below the directory.
Action: TypeAlias = Literal["read", "listed", "looked_up", "written", "removed", "loaded", "read_below"]


class ReceiptPath(Struct, frozen=True):
    """A path of this host.

    * ``path``: the absolute path.
    * ``actions``: what was done with it, or tried: read, listed (a directory), looked_up (its status or link), written,
      removed, loaded (a shared library), read_below (a library in C++ read files of its own choice in and below it).
    * ``by``: the processes that did it, by their purposes.
    """

    path: str
    actions: tuple[Action, ...]
    by: tuple[str, ...]


class ReceiptProcess(Struct, frozen=True):
    """Processes with one purpose and one command line.

    * ``purpose``: what they are for; other where a library or a third-party check started them.
    * ``command``: the command line without secrets; empty for a copy of the process that started it.
    * ``count``: how many were started, or tried to be.
    * ``pids``: process ids, as far as they are known, of at most 1,000 of them.
    * ``recorded``: whether what they did is in this receipt.
    """

    purpose: str
    command: tuple[str, ...]
    count: int
    pids: tuple[int, ...]
    recorded: bool


class ReceiptContact(Struct, frozen=True):
    """An address to which the run connected, or tried to.

    * ``protocol``: tcp, udp, or unix for a socket of this host.
    * ``host``: the IP address or name; of a socket of this host its path.
    * ``port``: the port; null for a socket of this host.
    * ``connections``: how many connections were made or tried; null where a library decides that.
    * ``by``: what connected, such as the S3 client.
    """

    protocol: str
    host: str
    port: int | None
    connections: int | None
    by: str


class ReceiptLookup(Struct, frozen=True):
    """A name for which this host's resolver was called; it may send the name to its name servers.

    * ``name``: the name.
    * ``count``: how often.
    * ``by``: what looked it up.
    """

    name: str
    count: int
    by: str


class UnlistedPaths(Struct, frozen=True):
    """Paths beyond the number that is listed.

    * ``directory``: the directory that they are in; empty for all further directories.
    * ``count``: how many records there are of them, one for each action and process, at least.
    """

    directory: str
    count: int


class ReceiptHead(Struct, frozen=True):
    """What the receipt is about.

    * ``format``: ovms-doctor receipt.
    * ``schema_version``: MAJOR.MINOR; within a major version, keys are only added.
    * ``tool_version``: the version of ovms-doctor.
    * ``started_at``: when the run began, as ISO 8601.
    * ``arguments``: the command line without secrets.
    * ``exit_code``: the exit code that the run would have without this receipt.
    * ``complete``: whether everything was recorded that can be.
    * ``limits``: what is not recorded, in sentences.
    """

    format: str
    schema_version: str
    tool_version: str
    started_at: str
    arguments: tuple[str, ...]
    exit_code: int
    complete: bool
    limits: tuple[str, ...]


class Receipt(Struct, frozen=True):
    """What a run read, wrote, started and contacted.

    * ``receipt``: what the receipt is about.
    * ``files``: paths that were read, listed or looked up, but for those below.
    * ``system``: paths below /proc, /sys and /dev; also those that were written, such as /dev/null, and settings of the
      run's own processes in /proc/self.
    * ``installation``: directories of Python and its packages, from which modules were read; what was read there is not
      listed.
    * ``written``: paths that were written, made or removed.
    * ``processes``: the processes that were started.
    * ``contacts``: the addresses that were contacted.
    * ``lookups``: the names that were looked up.
    * ``unlisted``: paths beyond the number that is listed.
    """

    receipt: ReceiptHead
    files: tuple[ReceiptPath, ...] = ()
    system: tuple[ReceiptPath, ...] = ()
    installation: tuple[str, ...] = ()
    written: tuple[ReceiptPath, ...] = ()
    processes: tuple[ReceiptProcess, ...] = ()
    contacts: tuple[ReceiptContact, ...] = ()
    lookups: tuple[ReceiptLookup, ...] = ()
    unlisted: tuple[UnlistedPaths, ...] = ()
