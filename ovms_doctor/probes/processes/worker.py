"""The main program of a child process that reads or loads: questions in, answers out.

:mod:`ovms_doctor.probes.processes.workers` starts it; the messages are in
:mod:`ovms_doctor.probes.processes.messages`. They do not use standard output, which the libraries use. The process
ends after the last question, or when its parent ends.
"""

from __future__ import annotations

import _thread
import codecs
import contextlib
import os
import time
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, TypeAlias

from ovms_doctor.model.facts import Answer, AnyQuestion, Unavailable
from ovms_doctor.probes.processes.entry import die_with_parent
from ovms_doctor.probes.processes.messages import (
    Answered,
    Batch,
    Ready,
    decode_options,
    decode_question,
    encode_line,
    prepare_for_questions,
)
from ovms_doctor.probes.processes.options import FileOptions, ModelOptions, StoreOptions
from ovms_doctor.probes.processes.start import INCOMING, OUTGOING

#: Answers questions.
Handler: TypeAlias = Callable[[AnyQuestion], Answer]
#: The function that answers, and the first message to the parent.
Started: TypeAlias = tuple[Handler, Ready]
#: Makes a handler from the first line of the parent, which has the options of its kind.
Starter: TypeAlias = Callable[[bytes], Started]

#: The codecs of the files that every worker reads, and of models and stores.
_CODECS, _CODECS_OF_MODELS = ("ascii", "utf-8"), ("latin-1", "utf-16", "utf-32")

#: The most answers to a batch in one message, and the seconds after which the finished answers are sent.
_PORTION, _LATE = 64, 0.05


def main(kind: str) -> None:
    """Imports all that this kind of worker needs, answers all questions, and ends the process."""
    # Python imports a codec at its first use; by then the user may have no access to its library.
    for name in _CODECS if kind == "files" else (*_CODECS, *_CODECS_OF_MODELS):
        codecs.lookup(name)
    with os.fdopen(INCOMING, "rb") as incoming, os.fdopen(OUTGOING, "wb", buffering=0) as outgoing:
        try:
            start = _KINDS[kind]()
            handler, ready = start(incoming.readline())
            die_with_parent()
            _send(outgoing, ready)
            # Not at the first question: the process that asks is still busy with its own start.
            prepare_for_questions()
            if kind in _AT_A_TIME:
                _serve_several(handler, incoming, outgoing, _AT_A_TIME[kind])
            portions = _Portions(outgoing)
            for line in incoming:
                question = decode_question(line)
                if isinstance(question, Batch):
                    for one in question.questions:
                        portions.add(_answer(handler, one))
                    portions.send()
                else:
                    _send(outgoing, Answered([_answer(handler, question)]))
        except BrokenPipeError:
            pass
    # Libraries with threads of their own may crash or hang in their destructors.
    os._exit(0)


def _files() -> Starter:
    from ovms_doctor.probes.filesystem import files_of

    def start(options: FileOptions) -> Started:
        files = files_of(options, enter=True)
        return files.answer, Ready(files.access_mode)

    return lambda line: start(decode_options(line, FileOptions))


def _models(start: Callable[[ModelOptions], Started]) -> Starter:
    return lambda line: start(decode_options(line, ModelOptions))


def _inspect() -> Starter:
    from ovms_doctor.probes.runtime.handler import inspector

    return _models(inspector())


def _library() -> Starter:
    from ovms_doctor.probes.runtime.handler import library_inspector

    return _models(library_inspector())


def _template() -> Starter:
    from ovms_doctor.probes.runtime.handler import template_inspector

    return _models(template_inspector())


def _load(*, tokenizers: bool = False) -> Starter:
    from ovms_doctor.probes.runtime.handler import loader

    return _models(loader(tokenizers=tokenizers))


def _pipelines() -> Starter:
    from ovms_doctor.probes.runtime.handler import pipeline_loader

    return _models(pipeline_loader())


def _stores() -> Starter:
    from ovms_doctor.probes.stores.child import start

    return lambda line: start(decode_options(line, StoreOptions))


#: Imports the modules of a kind of worker, before its options are known.
_KINDS: dict[str, Callable[[], Starter]] = {
    "files": _files,
    "inspect": _inspect,
    "library": _library,
    "template": _template,
    "load": _load,
    "tokenizers": partial(_load, tokenizers=True),
    "pipelines": _pipelines,
    "stores": _stores,
}


class _Portions:
    """Answers to a batch, sent several at a time: a message costs more than most answers.

    Finished answers are also sent while the next one takes long: the parent must know which question takes so long.
    """

    def __init__(self, outgoing: BinaryIO) -> None:
        self._outgoing = outgoing
        self._answers: list[Answer] = []
        # Not of the module threading, whose import takes as long as a hundred answers.
        self._lock = _thread.allocate_lock()
        #: Released when an answer is to be sent late.
        self._waiting = _thread.allocate_lock()
        self._waiting.acquire()
        self._has_thread = False

    def add(self, answer: Answer) -> None:
        """Keeps an answer, to be sent soon."""
        with self._lock:
            self._answers.append(answer)
            if len(self._answers) >= _PORTION:
                self._send()
        if not self._has_thread:
            # Not earlier: threads that exist when a process changes its ids are a further risk.
            self._has_thread = True
            _thread.start_new_thread(self._send_late, ())
        if self._waiting.locked():
            self._waiting.release()

    def send(self) -> None:
        """Sends the finished answers."""
        with self._lock:
            self._send()

    def _send_late(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            while self._waiting.acquire():
                time.sleep(_LATE)
                with self._lock:
                    self._send()

    def _send(self) -> None:
        if self._answers:
            _send(self._outgoing, Answered(self._answers))
            self._answers.clear()


#: Kinds whose handlers mostly wait for other hosts, and how many questions they answer in parallel.
_AT_A_TIME = {"stores": 8}


def _serve_several(handler: Handler, incoming: BinaryIO, outgoing: BinaryIO, count: int) -> None:
    """Answers several questions in parallel, and sends the answers in the questions' order."""
    from concurrent.futures import Future, ThreadPoolExecutor
    from queue import SimpleQueue
    from threading import Thread

    waiting: SimpleQueue[Future[Answer] | None] = SimpleQueue()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):
            while (future := waiting.get()) is not None:
                _send(outgoing, Answered([future.result()]))

    writer = Thread(target=write, daemon=True)
    writer.start()
    with ThreadPoolExecutor(count) as threads:
        for line in incoming:
            question = decode_question(line)
            for one in question.questions if isinstance(question, Batch) else (question,):
                waiting.put(threads.submit(_answer, handler, one))
        waiting.put(None)
        writer.join()


def _answer(handler: Handler, question: AnyQuestion) -> Answer:
    try:
        return handler(question)
    except Exception as error:  # noqa: BLE001 - a child that ends would hide what was wrong with it
        return Unavailable(f"{type(error).__name__} while looking: {error}")


def _send(outgoing: BinaryIO, message: Ready | Answered) -> None:
    data = memoryview(encode_line(message))
    while data:
        data = data[outgoing.write(data) :]
