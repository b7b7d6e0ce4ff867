"""The container engine that these tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest

from tests.container import own_image
from tests.container.engine import CannotRun, Engine, open_engine


@pytest.fixture(scope="session")
def _shared_engine() -> Iterator[Engine]:
    try:
        opened = open_engine()
        engine = opened.__enter__()
    except CannotRun as reason:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"{reason}, and CI must run this test", pytrace=False)
        pytest.skip(str(reason))
    try:
        yield engine
    finally:
        opened.__exit__(None, None, None)


@pytest.fixture
def engine(_shared_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A container engine with the test image; DOCKER_HOST names it. What a test makes in it is removed."""
    monkeypatch.setenv("DOCKER_HOST", _shared_engine.url)
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    yield _shared_engine
    _shared_engine.clear()


@pytest.fixture(scope="session")
def _own_image(_shared_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    own_image.build(_shared_engine, tmp_path_factory.mktemp("context"))
    yield
    for name in (own_image.OWN, own_image.BASE):
        with suppress(docker.errors.APIError):
            _shared_engine.api.remove_image(name, force=True)


@pytest.fixture
def own_engine(engine: Engine, _own_image: None) -> Engine:
    """The engine, with the image of ovms-doctor."""
    return engine
