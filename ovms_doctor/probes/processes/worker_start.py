"""The entry point of a worker: it imports only the modules that its start needs."""

from __future__ import annotations

from ovms_doctor.model.light_msgspec import import_msgspec


def main(kind: str) -> None:
    """Calls :func:`ovms_doctor.probes.processes.worker.main`."""
    import_msgspec()
    from ovms_doctor.probes.processes.worker import main as serve

    serve(kind)
