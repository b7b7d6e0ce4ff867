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
    * ``actions``: the actions on it, also failed ones: read, listed (a directory), looked_up (its status or link),
      written, removed, loaded (a shared library), read_below (a library in C++ read files of its own choice in and
      below it).
    * ``by``: the purposes of the processes that did it.
    """

    path: str
    actions: tuple[Action, ...]
    by: tuple[str, ...]


class ReceiptProcess(Struct, frozen=True):
    """Processes with one purpose and one command line.

    * ``purpose``: their purpose; other if a library or a third-party check started them.
    * ``command``: the command line without secrets; empty for a copy of the process that started it.
    * ``count``: how many starts were made, failed ones included.
    * ``pids``: known process ids, of at most 1,000 processes.
    * ``recorded``: whether this receipt contains their actions.
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
    * ``connections``: how many connections were made or tried; null if a library decides that.
    * ``by``: the component that connected, such as the S3 client.
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
    * ``by``: the component that looked it up.
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
    """The general data of the receipt.

    * ``format``: ovms-doctor receipt.
    * ``schema_version``: MAJOR.MINOR; within a major version, keys are only added.
    * ``tool_version``: the version of ovms-doctor.
    * ``started_at``: when the run began, as ISO 8601.
    * ``arguments``: the command line without secrets.
    * ``exit_code``: the exit code of the run without this receipt.
    * ``complete``: whether everything was recorded that can be recorded.
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
    """The files, processes and contacts of a run.

    * ``receipt``: the general data of the receipt.
    * ``files``: paths that were read, listed or looked up, except those below.
    * ``system``: paths below /proc, /sys and /dev; also written ones, such as /dev/null, and settings of the run's
      own processes in /proc/self.
    * ``installation``: directories of Python and its packages, from which modules were read; the modules are not
      listed.
    * ``written``: paths that were written, made or removed.
    * ``processes``: the processes that were started.
    * ``contacts``: the addresses that were contacted.
    * ``lookups``: the names that were looked up.
    * ``unlisted``: paths beyond the listed number.
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
