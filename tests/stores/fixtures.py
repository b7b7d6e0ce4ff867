"""The fixtures that ``tests/stores/conftest.py`` describes: for all tests, as a plugin of ``tests/conftest.py``."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.stores.faulty import FaultyStore
from tests.stores.servers import (
    GcsServer,
    IamServer,
    Proxy,
    S3Server,
    gcs_server,
    iam_server,
    moto_server,
    squid_server,
)
from tests.stores.swift import PROGRAMS, SwiftServer, swift_server

#: The requirements of each fixture on the machine, as markers.
NEEDS = {
    "moto": pytest.mark.needs_module("moto", "flask"),
    "moto_iam": pytest.mark.needs_module("moto", "flask"),
    "swift": pytest.mark.needs_command(*PROGRAMS),
    "gcs_emulator": pytest.mark.needs_module("gcp_storage_emulator"),
    "squid": pytest.mark.needs_command("squid", "openssl"),
}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks a test with the requirements of its fixtures."""
    for name in getattr(item, "fixturenames", ()):
        if name in NEEDS:
            item.add_marker(NEEDS[name])


@pytest.fixture(scope="session")
def _moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture
def moto(_moto: S3Server) -> S3Server:
    _moto.forget()
    return _moto


@pytest.fixture(scope="session")
def _moto_iam() -> Iterator[IamServer]:
    with iam_server() as server:
        yield server


@pytest.fixture
def moto_iam(_moto_iam: IamServer) -> IamServer:
    _moto_iam.forget()
    return _moto_iam


@pytest.fixture(scope="session")
def swift() -> Iterator[SwiftServer]:
    with swift_server() as server:
        yield server


@pytest.fixture(scope="session")
def gcs_emulator() -> Iterator[GcsServer]:
    with gcs_server() as server:
        yield server


@pytest.fixture(scope="session")
def _squid() -> Iterator[Proxy]:
    with squid_server() as proxy:
        yield proxy


@pytest.fixture
def squid(_squid: Proxy) -> Proxy:
    _squid.forget()
    return _squid


@pytest.fixture
def faulty() -> Iterator[Callable[..., FaultyStore]]:
    with ExitStack() as opened:
        yield lambda upstream="": opened.enter_context(FaultyStore(upstream))


@pytest.fixture
def refused() -> Iterator[str]:
    with socket.socket() as held:
        # Bound, so that no other program uses the port; not listening, so that it refuses connections.
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
