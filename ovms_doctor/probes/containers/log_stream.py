"""The output of a container as the engine keeps it, piece by piece."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.probes.containers import engine
from ovms_doctor.probes.log_files import LogReadError, OnBytes

#: Seconds without a byte from the engine.
_SILENCE = 30
#: ``90s``, ``10m``, ``2h``, ``1d``, and sums of them.
_DURATION = lazy_pattern(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?")
_SECONDS = (86_400, 3_600, 60, 1)


def since_seconds(text: str) -> int | None:
    """Returns the time of ``--since``, in seconds since 1970: ``10m``, ``1d12h``, ``2026-11-28T13:36:00``, or a
    number of seconds since 1970. None for any other text."""
    from datetime import datetime

    if text.isdigit():
        return int(text)
    match = _DURATION.fullmatch(text)
    if match and text:
        passed = sum(int(part) * unit for part, unit in zip(match.groups(), _SECONDS, strict=True) if part)
        return int(time.time()) - passed
    try:
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return None


def container_pieces(
    name: str,
    *,
    since: int | None = None,
    tail: int | None = None,
    silence: float = _SILENCE,
    on_bytes: OnBytes | None = None,
) -> Iterator[bytes]:
    """Yields standard output and error of a container, oldest first. Raises LogReadError if the engine does not
    return it.

    ``silence``: seconds without a byte after which the read ends.
    """
    try:
        import docker
    except Exception as error:  # noqa: BLE001 - a broken installation throws anything
        text = f"the Python package docker cannot be used ({type(error).__name__})"
        raise LogReadError(
            f"container {name}: {text}; docker logs {name} | ovms-doctor logs - works"
        ) from None
    address = ""
    try:
        arguments = engine.endpoint()
        address = engine.shown_address(arguments["base_url"])
        client = docker.APIClient(**arguments, timeout=silence)
        stream = client.logs(
            name.removeprefix("/"),
            stdout=True,
            stderr=True,
            stream=True,
            follow=False,
            since=since,
            tail="all" if tail is None else tail,
        )
        read = 0
        for piece in stream:
            read += len(piece)
            if on_bytes is not None:
                on_bytes(read, None)
            yield piece
    except engine.ContainerLookupError as problem:
        raise LogReadError(f"container {name}: {problem}") from None
    except GeneratorExit:
        raise
    except Exception as error:  # noqa: BLE001 - any exception of a library becomes a sentence
        if getattr(getattr(error, "response", None), "status_code", None) == 404:
            raise LogReadError(f"container {name}: the engine at {address} has no such container") from None
        raise LogReadError(f"container {name}: {engine.explained_error(error, address)}") from None
