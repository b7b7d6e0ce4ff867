"""Models in the image: read through the file system of a running container, or the layers of an ended one."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.cli.run import Result, ovms_doctor
from tests.container.diagnosed import SERVED, codes, inspected, repository
from tests.container.engine import IMAGE, Engine

pytestmark = [pytest.mark.needs_command("docker", "dockerd"), pytest.mark.needs_root]

BAKED = f"{IMAGE.partition('/')[0]}/baked:1"


@pytest.fixture
def image_with_models(engine: Engine, public_dir: Path) -> Iterator[str]:
    """An image with the model dense and a broken one, copied into it with COPY."""
    made = engine.create()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(repository(public_dir, "dense-ir", "truncated-weights"), "models")
    assert engine.api.put_archive(made, "/", packed.getvalue())
    repository_name, _, tag = BAKED.rpartition(":")
    engine.api.commit(made, repository_name, tag)
    try:
        yield BAKED
    finally:
        engine.clear()
        try:
            engine.api.remove_image(BAKED, force=True)
        except docker.errors.APIError as error:
            raise AssertionError(str(error)) from None


def started(engine: Engine, image: str, *arguments: str, **environment: str) -> str:
    config = engine.api.create_host_config(network_mode="none")
    made = engine.api.create_container(image, list(arguments), host_config=config, environment=environment)
    engine.made.append(made["Id"])
    engine.api.start(made["Id"])
    return str(made["Id"])


def started_or_ended(engine: Engine, image: str, *arguments: str, alive: bool) -> str:
    """A container that runs, or one that has ended."""
    made = started(engine, image, *arguments, PRETEND="" if alive else "1")
    if not alive:
        engine.ended(made)
    return made


def check(*arguments: str | Path) -> Result:
    return ovms_doctor("check", *arguments, "--format", "json")


@pytest.mark.parametrize("alive", [True, False], ids=["running", "dead"])
def test_models_of_the_image(engine: Engine, image_with_models: str, tmp_path: Path, alive: bool) -> None:
    made = started(engine, image_with_models, *SERVED)
    if not alive:
        engine.api.stop(made, timeout=0)
    document = engine.api.inspect_container(made)
    if "MergedDir" not in json.dumps(document.get("GraphDriver")):
        pytest.skip("this engine does not keep layers in directories")
    for arguments in (("--container", made), ("--inspect", inspected(engine, made, tmp_path))):
        result = check(*arguments)
        (model,) = result.document["models"]
        assert [(item["version"], item["state"]) for item in model["versions"]] == [(1, "AVAILABLE")]
        assert codes(result) == ([] if alive else ["OVD702"])
        assert result.code == 0


@pytest.mark.parametrize("alive", [True, False], ids=["running", "dead"])
def test_broken_model_of_the_image(engine: Engine, image_with_models: str, alive: bool) -> None:
    arguments = ("--model_name", "broken", "--model_path", "/models/truncated-weights", "--port", "9000")
    made = started_or_ended(engine, image_with_models, *arguments, alive=alive)
    result = check("--container", made)
    assert codes(result) == (["OVD308"] if alive else ["OVD308", "OVD704"])
    assert result.code == 1


@pytest.mark.parametrize("alive", [True, False], ids=["running", "dead"])
def test_a_file_missing_in_the_image_too(engine: Engine, image_with_models: str, alive: bool) -> None:
    arguments = ("--model_name", "m", "--model_path", "/models-of-nobody/m", "--port", "9000")
    made = started_or_ended(engine, image_with_models, *arguments, alive=alive)
    assert codes(check("--container", made)) == (["OVD106"] if alive else ["OVD106", "OVD704"])


def test_saved_inspect_of_another_host(engine: Engine, image_with_models: str, tmp_path: Path) -> None:
    """Its directories are not on this host: their content is unavailable, and not reported as missing."""
    made = started(engine, image_with_models, *SERVED)
    path = inspected(engine, made, tmp_path)
    path.write_text(path.read_text().replace(f"{os.path.sep}overlay2{os.path.sep}", "/overlay2/elsewhere-"))
    result = check("--inspect", path)
    assert codes(result) == ["OVD903"]
    assert result.code == 3


def test_files_that_several_layers_contain(engine: Engine, image_with_models: str) -> None:
    """The container wrote files beside the model: only all layers together show the directory."""
    made = started(engine, image_with_models, *SERVED)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("2"))
    assert engine.api.put_archive(made, "/models/dense", packed.getvalue())
    engine.api.stop(made, timeout=0)
    result = check("--container", made)
    assert "OVD903" in codes(result)
    assert result.code == 3
