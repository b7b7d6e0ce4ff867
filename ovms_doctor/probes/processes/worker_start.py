"""The entry point of a worker: imports msgspec without what a worker does not use of it, then serves."""

from __future__ import annotations

import sys


def main(kind: str) -> None:
    """See :func:`ovms_doctor.probes.processes.worker.main`."""
    # msgspec prefers typing_extensions to typing, which imports Python's compiler tools (inspect, ast, tokenize) and
    # takes a fifth of a worker's start. No data type here needs more than typing has.
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    import msgspec  # noqa: F401

    del sys.modules["typing_extensions"]
    from ovms_doctor.probes.processes.worker import main as serve

    serve(kind)
