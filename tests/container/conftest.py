"""The container engine that these tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest

from tests.conftest import skip_or_fail
from tests.container import own_image
from tests.container.engine import CannotRun, Engine, open_engine


@pytest.fixture(scope="session")
def _shared_engine() -> Iterator[Engine]:
    try:
        opened = open_engine()
        engine = opened.__enter__()
    except CannotRun as reason:
        skip_or_fail(str(reason))
    try:
        yield engine
    finally:
        opened.__exit__(None, None, None)


@pytest.fixture
def engine(_shared_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A container engine with the test image; DOCKER_HOST is its address. What a test creates in it is removed."""
    monkeypatch.setenv("DOCKER_HOST", _shared_engine.url)
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    yield _shared_engine
    _shared_engine.clear()


@pytest.fixture(scope="session")
def _own_base(_shared_engine: Engine) -> Iterator[None]:
    own_image.import_base(_shared_engine)
    yield
    with suppress(docker.errors.APIError):
        _shared_engine.api.remove_image(own_image.BASE, force=True)


@pytest.fixture(scope="session")
def _own_image(
    _shared_engine: Engine, _own_base: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The light image, built by the classic builder."""
    context = tmp_path_factory.mktemp("context")
    own_image.make_context(context, "-r", own_image.ROOT / "ovms_doctor" / "requirements-light.txt")
    own_image.build(_shared_engine, context, own_image.OWN)
    yield
    with suppress(docker.errors.APIError):
        _shared_engine.api.remove_image(own_image.OWN, force=True)


@pytest.fixture(scope="session")
def _own_full_image(
    _shared_engine: Engine, _own_base: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The full image, built by BuildKit."""
    program = own_image.docker_with_buildkit()
    if program is None:
        skip_or_fail("no docker on PATH builds with BuildKit")
    context = tmp_path_factory.mktemp("context")
    own_image.make_context(context, ".")
    own_image.build(
        _shared_engine, context, own_image.OWN_FULL, "--build-arg", "INSTALL=full", docker=program
    )
    shutil.rmtree(context)
    yield
    with suppress(docker.errors.APIError):
        _shared_engine.api.remove_image(own_image.OWN_FULL, force=True)


@pytest.fixture
def own_engine(engine: Engine, _own_image: None) -> Engine:
    """The engine, with the light image of ovms-doctor."""
    return engine


@pytest.fixture
def own_full_engine(engine: Engine, _own_full_image: None) -> Engine:
    """The engine, with the full image of ovms-doctor."""
    return engine
