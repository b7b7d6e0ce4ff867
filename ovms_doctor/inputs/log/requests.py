"""Joins the lines of one request: by thread, because the server handles each request on one thread.

A gRPC request that fails has no closing line: it has failed if its thread begins another request. A request that is
open at the end of the log counts as neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from ovms_doctor.inputs.log.tally import Durations, Tally, text_of
from ovms_doctor.model.log import Api, Interface, RequestStatistics
from ovms_doctor.model.pattern import lazy_pattern

#: The most pairs of servable and interface that are kept apart; further ones are counted as one.
TALLIES = 2_000
OTHER_SERVABLES = "(other servables)"
#: The most open requests at one time; a log that never closes any is not a server's log.
OPEN = 20_000
#: The most cached texts of lines.
CACHE = 20_000

_KSERVE = lazy_pattern(rb"/v2/models/([^/?]+)(?:/versions/[^/?]*)?/infer/?(?:\?.*)?", re.DOTALL)
_TFS = lazy_pattern(
    rb"/v1/models/([^/?:]+)(?:/(?:versions|labels)/[^/?:]*)?:(?:predict|classify|regress)(?:\?.*)?", re.DOTALL
)
_OPENAI = lazy_pattern(
    rb"/v[13]/(?:(?:v1/)?(?:chat/completions|completions|responses|embeddings|rerank|images/\w+|audio/\w+)"
    rb"|tokenize|(?!models(?:[/?]|$)|config(?:[/?]|$))[^:]*)(?:\?.*)?",
    re.DOTALL,
)
_BODY = b" body: "

#: The beginning of a validation message of the log, and the status text that the client gets.
_STATUS = {
    "Invalid precision": "Invalid input precision",
    "Missing tensor with specific name": "Missing input with specific name",
    "Invalid batch size": "Invalid input batch size",
    "Invalid shape": "Invalid input shape",
    "Invalid value count of tensor proto": "Invalid number of values in tensor proto container",
    "Invalid number of values in tensor proto string container": (
        "Invalid number of values in tensor proto container"
    ),
    "Invalid value size of tensor proto": "Invalid content size of tensor proto",
    "Invalid content size of tensor": "Invalid content size of tensor proto",
    "Has invalid buffer type for tensor with specific name": "Invalid input buffer type",
    "Has invalid buffer type for input with specific name": "Invalid input buffer type",
    "Has invalid device id for buffer, input with specific name": "Invalid input buffer device id",
    "Invalid message structure": (
        "Passing buffers both in ModelInferRequest::InferInputTensor::contents and in "
        "ModelInferRequest::raw_input_contents is not allowed"
    ),
}
_VALIDATION = lazy_pattern(
    r"\[(?:servable name|Model): (?P<servable>.*) version: (?P<version>-?\d*)\] (?P<text>.*)", re.DOTALL
)
#: Validation lines that only name the validated item.
_NO_REASON = ("Validating request containing", "Batch size in request ")


def status_text(message: str) -> tuple[str, str] | None:
    """Returns the servable of a validation message, and the status text that the client gets; None for another
    message."""
    match = _VALIDATION.fullmatch(message)
    if match is None or match["text"].startswith(_NO_REASON):
        return None
    kind, dash, details = match["text"].partition(" - ")
    return match["servable"], _STATUS.get(kind, kind) + dash + details


class Open:
    """An open request. ``stages``: the durations of its tally."""

    __slots__ = ("reason", "stages", "tally")

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.stages: list[Durations] = tally.stages
        self.reason: str | None = None


class Requests:
    """All requests of one server. Threads, paths and names are as in the log."""

    def __init__(self) -> None:
        self.open: dict[bytes, Open] = {}
        #: Closing lines whose request began outside the log.
        self.unattributed = 0
        self.left_out = 0
        self._tallies: dict[tuple[str, Interface, Api | None], Tally] = {}
        self._paths: dict[bytes, Tally | None] = {}
        self._names: dict[tuple[bytes, Api | None], Tally] = {}

    def tally(self, servable: str, interface: Interface, api: Api | None) -> Tally:
        key = (servable, interface, api)
        found = self._tallies.get(key)
        if found is None:
            if len(self._tallies) >= TALLIES:
                self.left_out += 1
                key = (OTHER_SERVABLES, interface, api)
                found = self._tallies.get(key)
                if found is not None:
                    return found
            found = self._tallies[key] = Tally(*key)
        return found

    # -- beginnings ------------------------------------------------------------------------------------

    def begin_http(self, thread: bytes, text: bytes, stamp: bytes) -> None:
        """Begins a REST request. ``text``: ``POST /v2/models/two/infer body: 191 bytes``."""
        request = text.rpartition(_BODY)[0] or text
        try:
            tally = self._paths[request]
        except KeyError:
            if len(self._paths) >= CACHE:
                self._paths.clear()
            tally = self._paths[request] = self._of_path(request)
        if thread in self.open:
            self.leave(thread, stamp)
        if tally is not None:
            self._begin(thread, tally, stamp)

    def begin_grpc(self, thread: bytes, name: bytes, api: Api, stamp: bytes) -> None:
        tally = self._names.get((name, api))
        if tally is None:
            if len(self._names) >= CACHE:
                self._names.clear()
            tally = self._names[(name, api)] = self.tally(text_of(name), "gRPC", api)
        if thread in self.open:
            self.leave(thread, stamp)
        self._begin(thread, tally, stamp)

    def begin_c_api(self, thread: bytes, name: str, stamp: bytes) -> None:
        if thread in self.open:
            self.leave(thread, stamp)
        self._begin(thread, self.tally(name, "C-API", None), stamp)

    def _begin(self, thread: bytes, tally: Tally, stamp: bytes) -> None:
        if len(self.open) >= OPEN:
            for other in list(self.open)[: OPEN // 2]:
                self.leave(other, stamp)
        self.open[thread] = Open(tally)
        self._count(tally, stamp)

    def _count(self, tally: Tally, stamp: bytes) -> None:
        tally.requests += 1
        tally.minutes[stamp[:16]] += 1
        tally.last = stamp
        if not tally.first:
            tally.first = stamp

    def _of_path(self, request: bytes) -> Tally | None:
        """Returns the tally of ``POST /v2/models/two/infer``; None if the path is not for inference."""
        method, _, path = request.partition(b" ")
        if method != b"POST":
            return None
        for pattern, api in ((_KSERVE, "KServe"), (_TFS, "TFS")):
            match = pattern.fullmatch(path)
            if match:
                name = text_of(unquote_to_bytes(match[1]))
                return self.tally(name, "REST", "KServe" if api == "KServe" else "TFS")
        if _OPENAI.fullmatch(path):
            return self.tally("", "REST", "OpenAI")
        return None

    # -- the next lines ------------------------------------------------------------------------------

    def named(self, thread: bytes, servable: str, stamp: bytes) -> None:
        """Moves a request of the OpenAI API, which names its servable only in its body, to that servable's tally."""
        request = self.open.get(thread)
        if request is None or request.tally.api != "OpenAI" or request.tally.servable == servable:
            return
        unnamed = request.tally
        unnamed.requests -= 1
        minute = stamp[:16]
        if unnamed.minutes.get(minute):
            unnamed.minutes[minute] -= 1
        tally = self.tally(servable, "REST", "OpenAI")
        self._count(tally, stamp)
        request.tally, request.stages = tally, tally.stages

    def reason(self, thread: bytes, text: str) -> None:
        """Notes why the request of this thread will fail; the last reason counts."""
        request = self.open.get(thread)
        if request is not None:
            request.reason = text

    def fail_grpc(self, thread: bytes, text: str, stamp: bytes) -> None:
        """Ends a gRPC or C-API request with its message; over REST another line follows."""
        request = self.open.get(thread)
        if request is None:
            return
        if request.tally.interface == "REST":
            request.reason = text
            return
        del self.open[thread]
        request.tally.fail(text, stamp)

    def fail_http(self, thread: bytes, request: bytes, reason: str, stamp: bytes) -> Tally | None:
        """Ends a REST request by the line with its reason."""
        opened = self.open.pop(thread, None)
        if opened is None:
            if self._of_path(request) is not None:
                self.unattributed += 1
            return None
        opened.tally.fail(reason, stamp)
        return opened.tally

    def leave(self, thread: bytes, stamp: bytes) -> None:
        """Ends the request of a thread that begins another request."""
        request = self.open.pop(thread)
        tally = request.tally
        if request.reason is not None or tally.api != "OpenAI":
            tally.fail(request.reason or "", stamp)
        else:
            tally.succeed()

    # -- ends ------------------------------------------------------------------------------------------

    def restart(self, stamp: bytes) -> None:
        """Ends the requests at the end of the server or of the log: a request that is known to fail has failed."""
        for thread in list(self.open):
            request = self.open[thread]
            if request.reason is not None or request.tally.api == "OpenAI":
                self.leave(thread, stamp)
        self.open.clear()

    def bound(self) -> None:
        for tally in self._tallies.values():
            tally.bound()
        for request in self.open.values():
            request.stages = request.tally.stages

    def statistics(self, source: str) -> Iterator[RequestStatistics]:
        """Yields the statistics, the most used servable first."""
        used = [tally for tally in self._tallies.values() if tally.requests]
        for tally in sorted(used, key=lambda tally: (-tally.requests, tally.servable, tally.interface)):
            yield tally.statistics(source)
