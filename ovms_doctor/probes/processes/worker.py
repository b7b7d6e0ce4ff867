"""The main program of a child process that looks or loads: questions in, answers out, as JSON lines.

It is started by :mod:`ovms_doctor.probes.processes.child`. The first line in is ``{"options": {…}}``, the first
one out ``{"ready": {…}}``; then a question in for each ``{"answer": …}`` out. Neither uses standard output,
which belongs to the libraries. It ends when the questions do, or when its parent does.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import resource
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TypeAlias

from ovms_doctor.model.facts import Answer, Question, Unavailable
from ovms_doctor.model.facts.codec import decode_question, encode_answer
from ovms_doctor.model.mounts import Mount, MountTable
from ovms_doctor.probes.access import Ids, die_with_parent
from ovms_doctor.probes.filesystem import open_files

# Made once: json.dumps makes an encoder for each call that is not the plainest.
_to_json = json.JSONEncoder(separators=(",", ":")).encode

#: Answers questions; and what the parent is told once it is ready.
Handler: TypeAlias = Callable[[Question], Answer]
Started: TypeAlias = tuple[Handler, dict[str, Any]]


def main(kind: str, questions: int, answers: int, parent: int) -> None:
    """Serves until the descriptor ``questions`` is at its end; then ends the process."""
    die_with_parent(parent)
    # Python imports a codec at its first use; by then its library may be out of the user's reach.
    for name in ("ascii", "latin-1", "utf-8", "utf-16", "utf-32"):
        codecs.lookup(name)
    # A crash here is an expected result; it must leave no core file behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Where memory runs out, the kernel is to take this process and not who started it.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")
    with os.fdopen(questions, "rb") as incoming, os.fdopen(answers, "wb", buffering=0) as outgoing:
        try:
            handler, hello = _KINDS[kind](json.loads(incoming.readline())["options"])
            die_with_parent(parent)
            _send(outgoing, {"ready": hello})
            if kind in _AT_A_TIME:
                _serve_several(handler, incoming, outgoing, _AT_A_TIME[kind])
            for line in incoming:
                _send(outgoing, {"answer": encode_answer(_answer(handler, line))})
        except BrokenPipeError:
            pass
    # Libraries with threads of their own may crash or hang in their destructors.
    os._exit(0)


def read_ids(options: Mapping[str, Any]) -> Ids | None:
    """The user among the options."""
    ids = options.get("ids")
    return None if ids is None else Ids(ids["uid"], ids["gid"], tuple(ids["groups"]))


def read_mounts(options: Mapping[str, Any]) -> MountTable:
    """The mounts among the options."""
    return MountTable(Mount(host, server, read_only) for host, server, read_only in options.get("mounts", ()))


def _files(options: Mapping[str, Any]) -> Started:
    files = open_files(read_ids(options), options.get("roots", ()), read_mounts(options))
    return files.answer, {"means": files.means}


def _models(options: Mapping[str, Any]) -> Started:
    # Imported late: the files worker needs none of it.
    from ovms_doctor.probes.runtime.handler import start

    return start(options)


def _stores(options: Mapping[str, Any]) -> Started:
    from ovms_doctor.probes.stores.child import start

    return start(options)


_KINDS: dict[str, Callable[[Mapping[str, Any]], Started]] = {
    "files": _files,
    "models": _models,
    "stores": _stores,
}


#: Kinds whose handlers wait for others most of the time, and take so many questions at once.
_AT_A_TIME = {"stores": 8}


def _serve_several(handler: Handler, incoming: BinaryIO, outgoing: BinaryIO, count: int) -> None:
    """Answers as they were asked, one behind the other, while others are worked at."""
    from concurrent.futures import Future, ThreadPoolExecutor
    from queue import SimpleQueue
    from threading import Thread

    waiting: SimpleQueue[Future[Answer] | None] = SimpleQueue()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):
            while (future := waiting.get()) is not None:
                _send(outgoing, {"answer": encode_answer(future.result())})

    writer = Thread(target=write, daemon=True)
    writer.start()
    with ThreadPoolExecutor(count) as threads:
        for line in incoming:
            waiting.put(threads.submit(_answer, handler, line))
        waiting.put(None)
        writer.join()


def _answer(handler: Handler, line: bytes) -> Answer:
    try:
        return handler(decode_question(json.loads(line)))
    except Exception as error:  # noqa: BLE001 - a child that ends would hide what was wrong with it
        return Unavailable(f"{type(error).__name__} while looking: {error}")


def _send(outgoing: BinaryIO, message: Mapping[str, Any]) -> None:
    data = memoryview(_to_json(message).encode("ascii") + b"\n")
    while data:
        data = data[outgoing.write(data) :]
