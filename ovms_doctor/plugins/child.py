"""The main program of the child process that imports and runs one third-party check.

:mod:`ovms_doctor.plugins.messages` defines the messages. The parent is :mod:`ovms_doctor.plugins.process`; it
validates all of them.
"""

from __future__ import annotations

import contextlib
import os
import pkgutil
from itertools import islice
from types import TracebackType
from typing import Any, BinaryIO

from ovms_doctor.model.facts import Facts
from ovms_doctor.plugins.messages import (
    CouldNotLook,
    Described,
    Findings,
    NotApplicable,
    PluginMessage,
    Raised,
    Settled,
    Started,
    Unusable,
    decode_settled,
    encode_message,
)
from ovms_doctor.plugins.protocol import FINDINGS, SENTENCE, to_values
from ovms_doctor.probes.processes.start import FILE, INCOMING, OUTGOING


def main(target: str) -> None:
    """Imports ``target``, and runs it when a line arrives. FILE contains the plan and the facts. Ends the process."""
    with (
        os.fdopen(INCOMING, "rb", buffering=0) as incoming,
        os.fdopen(OUTGOING, "wb", buffering=0) as outgoing,
        contextlib.suppress(BrokenPipeError),
    ):
        check = _load(target, outgoing)
        if check is not None and incoming.read(1):
            _run(check, outgoing)
    # Threads and exit handlers of the check do not run after this.
    os._exit(0)


def _load(target: str, outgoing: BinaryIO) -> Any:
    try:
        check = pkgutil.resolve_name(target)
        from ovms_doctor.plugin import Check

        if not isinstance(check, Check):
            _send(outgoing, Unusable(f"{target} is a {type(check).__name__}, not a Check"))
            return None
        about = {name: to_values(getattr(check, name)) for name in ("name", "summary", "codes")}
        _send(outgoing, Described(about))
        return check
    except BrokenPipeError:
        raise
    except BaseException as error:  # noqa: BLE001 - a check may even call sys.exit when it is imported
        _send(outgoing, Unusable(_one_line(error)))
        return None


def _run(check: Any, outgoing: BinaryIO) -> None:
    from ovms_doctor.plugin import Context, CouldNotLookError, NotApplicableError

    try:
        settled = _read_settled()
        facts = Facts({fact.question: fact.answer for fact in settled.facts}, complete=True)
    except Exception as error:  # noqa: BLE001 - reported, instead of a traceback
        _send(outgoing, Raised(f"the facts could not be passed to the check: {_one_line(error)}"))
        return
    _send(outgoing, Started())
    try:
        found = check.run(Context(settled.deployment, settled.plan, facts))
        rows = [to_values(finding) for finding in islice(iter(found), FINDINGS + 1)]
        line = encode_message(Findings(rows))
    except NotApplicableError as reason:
        line = encode_message(NotApplicable(str(reason)[:SENTENCE]))
    except CouldNotLookError as reason:
        line = encode_message(CouldNotLook(str(reason)[:SENTENCE]))
    except BaseException as error:  # noqa: BLE001 - anything that a check may raise, sys.exit too
        line = encode_message(Raised(_one_line(error)))
    _write(outgoing, line)


def _read_settled() -> Settled:
    # A shared descriptor has a shared position.
    size = os.fstat(FILE).st_size
    data = bytearray()
    while len(data) < size:
        data += os.pread(FILE, size - len(data), len(data))
    os.close(FILE)
    return decode_settled(bytes(data))


def _one_line(error: BaseException) -> str:
    """Returns the exception in one line, with the position in the file that raised it."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - even that is the check's own code
        text = ""
    text_line = " ".join(f"{type(error).__name__}: {text}".split())[: SENTENCE // 2].rstrip(": ")
    position = _last_line(error.__traceback__)
    return f"{text_line} ({position})" if position else text_line


def _last_line(trace: TracebackType | None) -> str:
    """Returns the last line that is neither in Python's library nor in this package."""
    found = ""
    library_paths = (
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        os.path.dirname(os.__file__) + "/",
    )
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        library = file.startswith(library_paths) and "site-packages" not in file
        if not library and not file.startswith("<"):
            found = f"{os.path.basename(file)}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _send(outgoing: BinaryIO, message: PluginMessage) -> None:
    _write(outgoing, encode_message(message))


def _write(outgoing: BinaryIO, line: bytes) -> None:
    data = memoryview(line)
    while data:
        data = data[outgoing.write(data) :]
