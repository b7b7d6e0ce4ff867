"""The main program of the child process that imports and runs one third-party check.

JSON lines out: what the check says of itself (``check``, or ``unusable``); then, once a line came in,
``settled`` when the plan has been made again from the facts, and at last how the check ended (``findings``,
``raised``, ``not_applicable`` or ``could_not_look``). The parent is :mod:`ovms_doctor.plugins.process`; it
does not believe any of it unread.
"""

from __future__ import annotations

import contextlib
import json
import os
import pkgutil
from collections.abc import Mapping
from itertools import islice
from types import TracebackType
from typing import Any, BinaryIO

from ovms_doctor.plugins.protocol import FINDINGS, SENTENCE, encode
from ovms_doctor.probes.processes.start import FILE, INCOMING, OUTGOING


def main(target: str) -> None:
    """Imports ``target``, and runs it when a line comes in. FILE is a file with the facts and the request, as
    ``collect`` writes them. Ends the process."""
    with (
        os.fdopen(INCOMING, "rb", buffering=0) as incoming,
        os.fdopen(OUTGOING, "wb", buffering=0) as outgoing,
        contextlib.suppress(BrokenPipeError),
    ):
        check = _load(target, outgoing)
        if check is not None and incoming.read(1):
            _run(check, outgoing)
    # Threads and exit handlers of the check have no say any more.
    os._exit(0)


def _load(target: str, outgoing: BinaryIO) -> Any:
    try:
        check = pkgutil.resolve_name(target)
        from ovms_doctor.plugin import Check

        if not isinstance(check, Check):
            _send(outgoing, {"unusable": f"{target} is a {type(check).__name__}, not a Check"})
            return None
        _send(
            outgoing, {"check": {name: encode(getattr(check, name)) for name in ("name", "summary", "codes")}}
        )
        return check
    except BrokenPipeError:
        raise
    except BaseException as error:  # noqa: BLE001 - a check may even call sys.exit when it is imported
        _send(outgoing, {"unusable": _told(error)})
        return None


def _run(check: Any, outgoing: BinaryIO) -> None:
    from ovms_doctor.plugin import Context, CouldNotLookError, NotApplicableError

    try:
        deployment, plan, known = _settle()
    except Exception as error:  # noqa: BLE001 - says so instead of leaving a traceback
        _send(outgoing, {"raised": f"the facts could not be handed over: {_told(error)}"})
        return
    _send(outgoing, {"settled": True})
    try:
        found = check.run(Context(deployment, plan, known))
        rows = [encode(finding) for finding in islice(iter(found), FINDINGS + 1)]
        message: Mapping[str, Any] = {"findings": rows}
        text = _line(message)
    except NotApplicableError as reason:
        text = _line({"not_applicable": encode(str(reason)[:SENTENCE])})
    except CouldNotLookError as reason:
        text = _line({"could_not_look": encode(str(reason)[:SENTENCE])})
    except BaseException as error:  # noqa: BLE001 - anything that a check may raise, sys.exit too
        text = _line({"raised": _told(error)})
    _write(outgoing, text)


def _settle() -> tuple[Any, Any, Any]:
    """The plan again, by the same rules from the same facts: a plan has no form that could be sent."""
    from ovms_doctor.diagnosis.saved_options import options_from_json
    from ovms_doctor.diagnosis.settle import look
    from ovms_doctor.model.facts import codec

    # The position of a shared descriptor is shared too.
    size = os.fstat(FILE).st_size
    data = bytearray()
    while len(data) < size:
        data += os.pread(FILE, size - len(data), len(data))
    os.close(FILE)
    header, known = codec.load(data.decode("utf-8"))
    seen = look(options_from_json(header["request"]), known, None)
    return seen.deployment, seen.plan, seen.facts


def _told(error: BaseException) -> str:
    """The exception in one line, with the place in the file that raised it."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - even that is the check's own code
        text = ""
    words = " ".join(f"{type(error).__name__}: {text}".split())[: SENTENCE // 2].rstrip(": ")
    place = _place(error.__traceback__)
    return str(encode(f"{words} ({place})" if place else words))


def _place(trace: TracebackType | None) -> str:
    """The last line outside Python's own library and ours."""
    found = ""
    ours = (os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.path.dirname(os.__file__) + "/")
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        library = file.startswith(ours) and "site-packages" not in file
        if not library and not file.startswith("<"):
            found = f"{os.path.basename(file)}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def _send(outgoing: BinaryIO, message: Mapping[str, Any]) -> None:
    _write(outgoing, _line(message))


def _write(outgoing: BinaryIO, line: bytes) -> None:
    data = memoryview(line)
    while data:
        data = data[outgoing.write(data) :]
