"""The image of ovms-doctor, built and run by a real engine as docs/image.md describes."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

import ovms_doctor as ovms_doctor_package
from ovms_doctor.model.codes import PROJECT_URL
from tests.cli.helpers import good_model
from tests.cli.run import ovms_doctor
from tests.container.engine import Engine
from tests.container.own_image import OWN, OWN_FULL, ROOT, run

pytestmark = [pytest.mark.slow, pytest.mark.needs_root, pytest.mark.needs_command("docker", "dockerd", "ldd")]


def test_it_is_small_and_has_the_servers_user(own_engine: Engine) -> None:
    image = own_engine.api.inspect_image(OWN)
    assert image["Config"]["User"] == "5000:5000"
    assert image["Config"]["Entrypoint"] == ["ovms-doctor"]
    assert image["Size"] < 300 << 20
    completed = run([], "--version")
    assert (completed.code, completed.errors) == (0, "")


def test_its_labels(own_engine: Engine) -> None:
    labels = own_engine.api.inspect_image(OWN)["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == ovms_doctor_package.__version__
    assert labels["org.opencontainers.image.source"] == PROJECT_URL
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


@pytest.mark.usefixtures("own_engine")
def test_the_image_reports_the_same_as_the_program(public_dir: Path) -> None:
    models = public_dir / "models"
    shutil.copytree(ROOT / "fixtures" / "models", models)
    arguments = ("check", models, "--load", "none", "--format", "json")
    inside = run(["-v", f"{models}:{models}:ro", "--cap-drop", "ALL"], *arguments)
    outside = ovms_doctor(*arguments)
    assert inside.code == outside.code == 1, inside.errors
    document = json.loads(inside.output)
    for key in ("findings", "models", "summary"):
        assert document[key] == outside.document[key]


def test_the_full_image_loads_models(own_full_engine: Engine, public_dir: Path) -> None:
    image = own_full_engine.api.inspect_image(OWN_FULL)
    assert image["Config"]["User"] == "5000:5000"
    assert image["Size"] < 700 << 20
    models = public_dir / "models"
    # The environment of the tests also has OpenVINO GenAI, which loads the pipelines of generative models.
    shutil.copytree(ROOT / "fixtures" / "models", models, ignore=shutil.ignore_patterns("chat"))
    arguments = ("check", models, "--load", "compile", "--format", "json")
    inside = run(["-v", f"{models}:{models}:ro", "--cap-drop", "ALL"], *arguments, image=OWN_FULL)
    outside = ovms_doctor(*arguments)
    assert inside.code == outside.code == 1, inside.errors
    document = json.loads(inside.output)
    for key in ("findings", "models", "summary"):
        assert document[key] == outside.document[key]
    bases = {version["state_basis"] for model in document["models"] for version in model["versions"]}
    assert "compiled" in bases


@pytest.mark.usefixtures("own_engine")
def test_a_right_that_is_missing_is_tried_as_the_user(public_dir: Path) -> None:
    good_model(public_dir / "m" / "1")
    (public_dir / "m" / "1").chmod(0o700)
    options = ["-v", f"{public_dir}/m:/models/m:ro"]
    arguments = ("check", "/models/m", "--as-me", "--load", "none", "--format", "json")
    document = json.loads(run(options, *arguments).output)
    assert document["server"]["user"] == {"uid": 5000, "gid": 5000, "groups": []}
    (finding,) = document["findings"]
    assert (finding["code"], finding["name"]) == ("OVD202", "directory-not-listable")
    assert any("tried" in item["how"] for item in finding["evidence"])
    # Root in the same image can enter it.
    completed = run(["--user", "0:0", *options], *arguments)
    assert (completed.code, json.loads(completed.output)["findings"]) == (0, [])


def test_it_examines_a_neighbour_through_the_engines_socket(own_engine: Engine, public_dir: Path) -> None:
    good_model(public_dir / "good" / "1")
    (public_dir / "empty").mkdir()
    name = "ovms-doctor-neighbour"
    made = own_engine.run(
        *("--model_name", "empty", "--model_path", "/models/empty", "--port", "9000"),
        name=name,
        host={"binds": [f"{public_dir}:/models:ro"]},
        environment={"PRETEND": "1"},
    )
    own_engine.ended(made)
    socket = own_engine.url.removeprefix("unix://")
    group = Path(socket).stat().st_gid
    assert stat.S_ISSOCK(Path(socket).stat().st_mode)
    options = [
        *("-v", f"{socket}:/var/run/docker.sock", "--group-add", str(group)),
        *("-v", f"{public_dir}:{public_dir}:ro"),
    ]
    arguments = ("check", "--container", name, "--load", "none", "--format", "json")
    inside = run(options, *arguments)
    outside = ovms_doctor(*arguments)
    assert inside.code == outside.code == 1, inside.errors
    document = json.loads(inside.output)
    assert [one["code"] for one in document["findings"]] == [
        one["code"] for one in outside.document["findings"]
    ]
    assert "OVD101" in {one["code"] for one in document["findings"]}
    assert document["server"]["container"]["name"] == name
